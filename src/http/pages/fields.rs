//! The fields of a posted form.
//!
//! # Design
//! A field that is there twice is refused, except where the form has several boxes of one name: two values for one thing
//! mean that somebody hopes for two readers that disagree.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use crate::http::App;
use crate::secret::Secret;

const LARGEST: usize = 32 * 1024;
const MOST: usize = 600;

/// Decoded fields, in the order of the form.
pub(super) struct Fields(Vec<(String, Secret<String>)>);

impl Fields {
    /// Those of a page that nobody has filled in.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    fn parse(body: &[u8]) -> Option<Self> {
        // The names are checked once more here, because a decoder turns broken UTF-8 into a replacement character.
        let fields: Vec<_> = form_urlencoded::parse(body)
            .take(MOST + 1)
            .map(|(name, value)| (name.into_owned(), Secret::new(value.into_owned())))
            .collect();
        // No database but SQLite stores a NUL, and no field of ours has one.
        let plain = |value: &str| !value.contains(['\u{fffd}', '\0']);
        let fine = fields.len() <= MOST && fields.iter().all(|(_, value)| plain(value.expose()));
        let mut names: Vec<&str> = fields
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| *name != "scope")
            .collect();
        names.sort_unstable();
        let single = names.windows(2).all(|pair| pair[0] != pair[1]);
        (fine && single).then_some(Self(fields))
    }

    /// The value, or an empty text.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.expose().as_str())
    }

    pub(super) fn secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.text(name).to_owned())
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let same = self.0.iter().filter(|(key, _)| key == name);
        same.map(|(_, value)| value.expose().clone()).collect()
    }
}

impl FromRequest<App> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
        }
        let body = Bytes::from_request(request, app)
            .await
            .map_err(IntoResponse::into_response)?;
        if body.len() > LARGEST {
            return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response());
        }
        Self::parse(&body).ok_or_else(|| StatusCode::BAD_REQUEST.into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_there_twice_is_refused() {
        assert!(Fields::parse(b"otp=1&otp=2").is_none());
        assert!(Fields::parse(b"otp=%ff").is_none());
        assert!(Fields::parse("a=1&".repeat(200).as_bytes()).is_none());
        let fields = Fields::parse(b"scope=a&scope=b+c&otp=1%202").unwrap();
        assert_eq!(fields.all("scope"), ["a", "b c"]);
        assert_eq!((fields.text("otp"), fields.text("none")), ("1 2", ""));
    }
}
