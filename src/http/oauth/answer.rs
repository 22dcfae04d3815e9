//! Refusals and bodies as HTTP.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::db;
pub(super) use crate::http::headers::NOT_KEPT;
use crate::oauth::Error;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::token::Answer;

pub(super) fn answered(answer: Result<Answer, Error>, request: &HeaderMap) -> Response {
    match answer {
        Ok(Answer::Body(body)) => (NOT_KEPT, Json(body)).into_response(),
        Ok(Answer::Created(body)) => (StatusCode::CREATED, NOT_KEPT, Json(body)).into_response(),
        Ok(Answer::Refused(refusal)) => refused(refusal, request),
        Err(error) => failed(&error),
    }
}

/// RFC 6749 §5.2
pub(super) fn refused(refusal: Refusal, request: &HeaderMap) -> Response {
    let status = match refusal.code {
        Code::InvalidClient => StatusCode::UNAUTHORIZED,
        Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = told(status, refusal.code, refusal.text);
    // A challenge makes a browser ask the person for a password, so only an app that sent the header gets one.
    if status == StatusCode::UNAUTHORIZED && request.contains_key(AUTHORIZATION) {
        let challenge = HeaderValue::from_static("Basic realm=\"token\", charset=\"UTF-8\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A fault of ours: the cause goes to the log, which holds no data, and the app hears that it is not its own.
pub(super) fn failed(error: &Error) -> Response {
    tracing::error!(cause = %error, "an OAuth request failed");
    match error {
        Error::Database(db::Error::Unavailable(_) | db::Error::Retry) | Error::Audit(_) => told(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::TemporarilyUnavailable,
            "the gateway cannot answer now: try again",
        ),
        _ => told(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::ServerError,
            "something went wrong in the gateway",
        ),
    }
}

fn told(status: StatusCode, code: Code, text: &str) -> Response {
    let body = json!({"error": code.as_str(), "error_description": text});
    (status, NOT_KEPT, Json(body)).into_response()
}
