//! An answer that is not the thing asked for: status, outcome, and nothing from inside.
//!
//! # Design
//! A handler returns a [`Failure`] and knows nothing of its rendering. It travels as an extension of an empty answer, and the
//! edge writes the body, because only there is it known for certain what the answer is: the router's own 404 and 405, a body
//! that was too large, a panic and a time limit get their words in the same place. The text never depends on data or on the
//! request, except for a parameter's name, so that two refusals of one kind are the same bytes.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{StatusCode, response::Parts};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use super::area::Words;
use super::headers::NOT_KEPT;
use super::shown;
use crate::access::Denied;
use crate::db;
use crate::fhir::outcome::{IssueType, Outcome};
use crate::oauth::code::Code;
use crate::{audit, oauth, rest};

/// What went wrong, for the app and for the log.
#[derive(Clone, Debug)]
pub struct Failure {
    pub status: StatusCode,
    pub code: IssueType,
    pub text: String,
    /// `WWW-Authenticate`
    challenges: Vec<HeaderValue>,
    retry_after: Option<HeaderValue>,
    /// What happened inside: for the log, never for the answer.
    pub(super) cause: Option<String>,
}

impl Failure {
    pub fn new(status: StatusCode, code: IssueType, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: text.into(),
            challenges: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    #[must_use]
    pub fn challenge(mut self, challenge: &'static str) -> Self {
        self.challenges = vec![HeaderValue::from_static(challenge)];
        self
    }

    /// A token that was not there, or did not do.
    pub(super) fn unshown(refusal: shown::Refusal, text: &str) -> Self {
        let mut failure = Self::new(refusal.status, IssueType::Login, text);
        failure.challenges = refusal.challenges;
        failure
    }

    /// Seconds.
    #[must_use]
    pub(super) fn retry_after(mut self, seconds: HeaderValue) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Something inside failed; the text is made by the edge, which knows the request id.
    pub(super) fn inside(status: StatusCode, code: IssueType, cause: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(status, code, "");
        failure.cause = Some(cause.to_string());
        failure
    }

    /// The one answer for what does not exist and for what the caller may not know of.
    pub fn not_found() -> Self {
        let text = "There is nothing here, or nothing that you may see.";
        Self::new(StatusCode::NOT_FOUND, IssueType::NotFound, text)
    }

    /// What a bare status means, for answers that no handler made.
    fn of(status: StatusCode) -> Self {
        let (code, text) = match status {
            StatusCode::NOT_FOUND => return Self::not_found(),
            StatusCode::UNAUTHORIZED => (
                IssueType::Login,
                "Send an access token that is good here: Authorization: Bearer …",
            ),
            StatusCode::FORBIDDEN => (IssueType::Forbidden, "The access token is not good for this."),
            StatusCode::METHOD_NOT_ALLOWED => (
                IssueType::NotSupported,
                "This method is not offered here: the Allow header and the CapabilityStatement say which are.",
            ),
            StatusCode::NOT_ACCEPTABLE => (
                IssueType::NotSupported,
                "Only JSON of FHIR 4.0 is served: ask for application/fhir+json.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => (IssueType::TooLong, "The body is too large: at most 1 MB."),
            StatusCode::URI_TOO_LONG => (
                IssueType::TooLong,
                "The URL is too long: at most 8 kB. A long search can be sent by POST to _search.",
            ),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                IssueType::NotSupported,
                "The body's media type is not supported: a search form is application/x-www-form-urlencoded.",
            ),
            StatusCode::TOO_MANY_REQUESTS => (IssueType::Throttled, "Too many requests: wait and try again."),
            StatusCode::SERVICE_UNAVAILABLE => (IssueType::Transient, ""),
            status if status.is_server_error() => (IssueType::Exception, ""),
            _ => (IssueType::Invalid, "The request cannot be understood."),
        };
        Self::new(status, code, text)
    }
}

impl From<rest::Error> for Failure {
    fn from(error: rest::Error) -> Self {
        match error {
            rest::Error::NotFound => Self::not_found(),
            rest::Error::Denied(Denied::Scope) => Self::new(
                StatusCode::FORBIDDEN,
                IssueType::Forbidden,
                "The app has no permission for this: its scopes do not cover the resource type and interaction.",
            )
            .challenge(r#"Bearer error="insufficient_scope""#),
            rest::Error::Denied(Denied::Right) => Self::new(
                StatusCode::FORBIDDEN,
                IssueType::Forbidden,
                "The person has no right to this part of the dossier.",
            ),
            rest::Error::Parameter(bad) => Self::new(
                StatusCode::BAD_REQUEST,
                IssueType::Invalid,
                format!("Parameter {}: {}", bad.name, bad.reason),
            ),
            rest::Error::Link => Self::new(
                StatusCode::GONE,
                IssueType::Expired,
                "This page link is not valid (any more) for this token: run the search again.",
            ),
            rest::Error::Busy => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                IssueType::Throttled,
                "As many exports as may be are under way: delete one that is no longer needed, or wait.",
            )
            .retry_after(HeaderValue::from_static("60")),
            rest::Error::Audit(error) => error.into(),
            rest::Error::Database(error) => error.into(),
        }
    }
}

impl From<audit::Error> for Failure {
    fn from(error: audit::Error) -> Self {
        // Whatever kept the line from being written: no line, no data, and the app may try again.
        Self::inside(StatusCode::SERVICE_UNAVAILABLE, IssueType::Transient, &error)
    }
}

impl From<&db::Error> for Failure {
    fn from(error: &db::Error) -> Self {
        match error {
            db::Error::Unavailable(_) | db::Error::Retry => {
                Self::inside(StatusCode::SERVICE_UNAVAILABLE, IssueType::Transient, error)
            }
            error => Self::inside(StatusCode::INTERNAL_SERVER_ERROR, IssueType::Exception, error),
        }
    }
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Self {
        (&error).into()
    }
}

impl From<oauth::Error> for Failure {
    fn from(error: oauth::Error) -> Self {
        match error {
            oauth::Error::Database(error) => error.into(),
            oauth::Error::Audit(error) => error.into(),
            error => Self::inside(StatusCode::INTERNAL_SERVER_ERROR, IssueType::Exception, &error),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        for challenge in self.challenges.clone() {
            response.headers_mut().append(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after.clone() {
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of an error in the words of the path. Where no FHIR is spoken only an answer without a body gets one.
/// The failure comes back for the log.
pub(super) fn render(response: Response, request: Uuid, words: Words) -> (Response, Option<Failure>) {
    let status = response.status();
    let named = response.extensions().get::<Failure>().cloned();
    if !status.is_client_error() && !status.is_server_error() {
        return (response, None);
    }
    let own = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        let text = kind.as_bytes();
        // What axum writes by itself is plain text; an answer of ours is something else.
        words != Words::Outcome && !text.starts_with(b"text/plain") || text.starts_with(b"application/fhir+json")
    });
    if own && named.is_none() {
        return (response, None);
    }
    let failure = named.unwrap_or_else(|| Failure::of(status));
    let text = match status {
        StatusCode::SERVICE_UNAVAILABLE => format!("The gateway cannot answer now: try again. Request {request}"),
        status if status.is_server_error() => format!("Something went wrong in the gateway. Request {request}"),
        _ => failure.text.clone(),
    };
    let (mut parts, _) = response.into_parts();
    let body = match words {
        Words::Outcome => {
            typed(&mut parts, "application/fhir+json");
            Outcome::error(failure.code, None, &text).to_bytes()
        }
        Words::OAuth => {
            typed(&mut parts, "application/json");
            parts.headers.extend(NOT_KEPT);
            let body = json!({"error": oauth_code(status), "error_description": text});
            body.to_string().into_bytes()
        }
        Words::Plain => {
            typed(&mut parts, "text/plain; charset=utf-8");
            text.into_bytes()
        }
    };
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        parts
            .headers
            .entry(RETRY_AFTER)
            .or_insert(HeaderValue::from_static("5"));
    }
    (Response::from_parts(parts, Body::from(body)), Some(failure))
}

/// The code of RFC 6749 and RFC 6750 that a bare status comes closest to.
fn oauth_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => shown::INVALID_TOKEN,
        StatusCode::FORBIDDEN => "insufficient_scope",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Code::TemporarilyUnavailable.as_str(),
        status if status.is_server_error() => Code::ServerError.as_str(),
        _ => Code::InvalidRequest.as_str(),
    }
}

fn typed(parts: &mut Parts, kind: &'static str) {
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    parts.headers.remove(CONTENT_LENGTH);
}
