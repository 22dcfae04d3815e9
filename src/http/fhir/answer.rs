//! From a FHIR answer to an HTTP one.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED};
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::format::Format;
use crate::rest::Answer;

impl Format {
    pub(super) fn answer(self, answer: Answer) -> Response {
        let (status, version, body) = match answer {
            Answer::Resource {
                body,
                version,
                last_updated,
            } => (StatusCode::OK, Some((version, last_updated)), Body::from(body)),
            Answer::NotModified { version, last_updated } => {
                (StatusCode::NOT_MODIFIED, Some((version, last_updated)), Body::empty())
            }
            Answer::Bundle(bytes) => (StatusCode::OK, None, Body::from(bytes)),
            Answer::Made(body) => (StatusCode::OK, None, Body::from(body)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if status == StatusCode::OK {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        }
        if let Some((version, last_updated)) = version {
            headers.insert(ETAG, value(format!("W/\"{version}\"")));
            headers.insert(LAST_MODIFIED, value(http_date(last_updated)));
        }
        response
    }
}

/// `Sun, 22 Nov 2026 10:00:00 GMT`
pub(super) fn http_date(at: Timestamp) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .expect("a stored time has a year of four digits")
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits, letters and quotes are a header value")
}
