//! The stylesheet: one file a tenant, made of the tenant's colour and the common rules.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::http::App;
use crate::secret::sha256;

const STYLE: &str = include_str!("inzage.css");

/// Dark enough for white letters on it and for letters on white (more than 7:1).
const COLOURS: [&str; 8] = [
    "#00535c", "#6b1f5c", "#0b4a8f", "#1f5a2e", "#7d2a14", "#3b3486", "#5a4300", "#24505f",
];

/// `/assets/{tenant}.css`
pub(super) async fn style(State(app): State<App>, Path(file): Path<String>) -> Response {
    let tenant = file.strip_suffix(".css").and_then(|id| app.config.tenant(id));
    let Some(tenant) = tenant else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
    ];
    (
        headers,
        format!(":root{{--brand:{}}}\n{STYLE}", colour(tenant.id.as_str())),
    )
        .into_response()
}

fn colour(tenant: &str) -> &'static str {
    COLOURS[usize::from(sha256(tenant.as_bytes())[0]) % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, relative luminance of `#rrggbb`.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_colour_has_enough_contrast() {
        for colour in COLOURS {
            assert!(contrast(colour, "#ffffff") >= 7.0, "{colour}");
        }
        for (text, ground) in [
            ("#16202a", "#f3f5f6"),
            ("#46535e", "#ffffff"),
            ("#46535e", "#f3f5f6"),
            ("#46535e", "#f4f8fa"),
            ("#7c0f0a", "#fdf1f0"),
            ("#16202a", "#fff8e1"),
        ] {
            assert!(
                STYLE.contains(text) && STYLE.contains(ground.trim_end_matches("ffff")),
                "{text} {ground}"
            );
            assert!(contrast(text, ground) >= 7.0, "{text} on {ground}");
        }
        assert!(contrast("#5b6973", "#ffffff") >= 3.0, "the edge of a field");
    }
}
