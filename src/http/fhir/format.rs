//! In which form the app wants its answer.

use axum::http::StatusCode;
use axum::http::header::{ACCEPT, HeaderMap};

use crate::fhir::outcome::IssueType;
use crate::http::failure::Failure;

/// The content type of an answer; the bytes are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    FhirJson,
    /// For apps that know plain JSON only.
    Json,
}

impl Format {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::FhirJson => "application/fhir+json",
            Self::Json => "application/json",
        }
    }

    /// `_format` decides over `Accept` (<https://hl7.org/fhir/R4/http.html#parameters>).
    pub(super) fn choose(headers: &HeaderMap, pairs: &[(String, String)]) -> Result<Self, Failure> {
        if let Some((_, wanted)) = pairs.iter().find(|(name, _)| name == "_format") {
            // A `+` in a query is a space.
            return one(&wanted.replace(' ', "+")).ok_or_else(none);
        }
        let accepted = || headers.get_all(ACCEPT).iter();
        // RFC 9110 §12.5.1: an empty field says as little as none.
        if accepted().all(|value| value.as_bytes().trim_ascii().is_empty()) {
            return Ok(Self::FhirJson);
        }
        let mut best: Option<(u16, Self)> = None;
        for range in accepted()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
        {
            let (Some(format), weight) = (one(range), weight(range)) else {
                continue;
            };
            if weight > 0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
                best = Some((weight, format));
            }
        }
        best.map(|(_, format)| format).ok_or_else(none)
    }
}

/// One media range or one value of `_format`.
fn one(range: &str) -> Option<Format> {
    let mut parts = range.split(';').map(str::trim);
    let format = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/fhir+json" | "application/json+fhir" | "*/*" | "application/*" | "json" => Format::FhirJson,
        "application/json" | "text/json" => Format::Json,
        _ => return None,
    };
    let version = |part: &str| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("fhirversion")
            .then(|| value.trim_matches('"').to_owned())
    };
    let other = parts
        .filter_map(version)
        .any(|version| version != "4.0" && version != "4.0.1");
    (!other).then_some(format)
}

/// `q` in thousandths; 1 without one.
fn weight(range: &str) -> u16 {
    let q = range.split(';').skip(1).find_map(|part| part.trim().strip_prefix("q="));
    let thousandths = |q: &str| {
        let (whole, rest) = q.split_once('.').unwrap_or((q, ""));
        let digits: u16 = format!("{rest:0<3}").get(..3)?.parse().ok()?;
        whole.parse::<u16>().ok().map(|whole| whole.min(1) * 1_000 + digits)
    };
    q.map_or(1_000, |q| thousandths(q.trim()).unwrap_or(0).min(1_000))
}

fn none() -> Failure {
    let text = "Only JSON of FHIR 4.0 is served: ask for application/fhir+json.";
    Failure::new(StatusCode::NOT_ACCEPTABLE, IssueType::NotSupported, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, text.parse().unwrap());
        Format::choose(&headers, &[]).ok().map(Format::content_type)
    }

    #[test]
    fn json_is_served_under_both_names() {
        for (text, kind) in [
            ("application/fhir+json", Some("application/fhir+json")),
            ("application/fhir+json; fhirVersion=4.0", Some("application/fhir+json")),
            ("application/json", Some("application/json")),
            (
                "application/fhir+xml;q=0.9, application/json;q=0.5",
                Some("application/json"),
            ),
            (
                "application/json;q=0.5, application/fhir+json",
                Some("application/fhir+json"),
            ),
            (
                "text/html,application/xml;q=0.9,*/*;q=0.8",
                Some("application/fhir+json"),
            ),
            ("", Some("application/fhir+json")),
            ("application/fhir+xml", None),
            ("application/fhir+json; fhirVersion=5.0", None),
            ("application/fhir+json;q=0", None),
            ("text/html", None),
        ] {
            assert_eq!(accept(text), kind, "{text}");
        }
        assert_eq!(Format::choose(&HeaderMap::new(), &[]).unwrap(), Format::FhirJson);
    }

    #[test]
    fn the_parameter_decides_over_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, "application/fhir+xml".parse().unwrap());
        let format = |value: &str| Format::choose(&headers, &[("_format".to_owned(), value.to_owned())]).ok();
        assert_eq!(format("json"), Some(Format::FhirJson));
        assert_eq!(format("application/fhir json"), Some(Format::FhirJson));
        assert_eq!(format("xml"), None);
    }
}
