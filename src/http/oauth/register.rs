//! `/{tenant}/oauth/register`: apps register themselves and manage what they registered (RFC 7591, RFC 7592).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{NOT_KEPT, failed};
use crate::audit::Origin;
use crate::config::{Registration, Tenant};
use crate::http::App;
use crate::http::failure::Failure;
use crate::http::limit::Asks;
use crate::http::shown::{self, Scheme};
use crate::oauth::Error;
use crate::oauth::app::dynamic::{self, Ask, Told};
use crate::oauth::code::Code;

/// What the limit of the token endpoint calls everybody who registers.
const EVERYBODY: &str = "registration";

/// The tenant, if it lets apps register themselves; otherwise there is nothing here.
fn open<'a>(app: &'a App, tenant: &str) -> Result<&'a Arc<Tenant>, Box<Response>> {
    let tenant = app.config.tenant(tenant);
    let open = tenant.filter(|tenant| tenant.policy.registration == Registration::Approval);
    let open = open.ok_or_else(|| Box::new(Failure::not_found().into_response()))?;
    app.limiter
        .app(Asks::Token, open, EVERYBODY, app.clock.now())
        .map_err(|full| Box::new(full.into_response()))?;
    Ok(open)
}

pub(super) async fn create(
    State(app): State<App>,
    Path(tenant): Path<String>,
    request: Parts,
    body: Bytes,
) -> Response {
    let tenant = match open(&app, &tenant) {
        Ok(tenant) => tenant,
        Err(response) => return *response,
    };
    let origin = request.extensions.get::<Origin>().copied();
    answered(dynamic::create(&app.issuer, tenant, &body, origin).await)
}

/// `GET`, `PUT` and `DELETE` by the registration access token.
pub(super) async fn manage(
    State(app): State<App>,
    Path((tenant, client_id)): Path<(String, String)>,
    request: Parts,
    body: Bytes,
) -> Response {
    let tenant = match open(&app, &tenant) {
        Ok(tenant) => tenant,
        Err(response) => return *response,
    };
    let origin = request.extensions.get::<Origin>().copied();
    let token = match shown::token(&request.headers) {
        Ok((Scheme::Bearer, token)) => token,
        _ if !request.headers.contains_key(AUTHORIZATION) => return unshown(NOTHING),
        _ => return answered(Ok(Told::Unknown)),
    };
    let ask = match request.method {
        Method::PUT => Ask::Update(body.to_vec()),
        Method::DELETE => Ask::Delete,
        _ => Ask::Read,
    };
    answered(dynamic::manage(&app.issuer, tenant, &client_id, token, ask, origin).await)
}

/// RFC 6750 §3.1: who showed nothing is told of no error.
const NOTHING: &str = r#"Bearer realm="registration""#;
const WRONG: &str = r#"Bearer realm="registration", error="invalid_token""#;

fn unshown(challenge: &'static str) -> Response {
    let text = "send the registration access token of this app: Authorization: Bearer …";
    let body = json!({"error": shown::INVALID_TOKEN, "error_description": text});
    let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
    (StatusCode::UNAUTHORIZED, challenge, NOT_KEPT, Json(body)).into_response()
}

fn answered(told: Result<Told, Error>) -> Response {
    let error = |status, code: &str, text: &str| {
        let body = json!({"error": code, "error_description": text});
        (status, NOT_KEPT, Json(body)).into_response()
    };
    let mut response = match told {
        Ok(Told::Made(registration)) => (StatusCode::CREATED, NOT_KEPT, Json(registration)).into_response(),
        Ok(Told::Is(registration)) => (NOT_KEPT, Json(registration)).into_response(),
        Ok(Told::Gone) => (StatusCode::NO_CONTENT, NOT_KEPT).into_response(),
        Ok(Told::Wrong { code, text }) => error(StatusCode::BAD_REQUEST, code, &text),
        Ok(Told::Unknown) => unshown(WRONG),
        Ok(Told::Full) => error(
            StatusCode::TOO_MANY_REQUESTS,
            Code::TemporarilyUnavailable.as_str(),
            "as many apps as may be wait for an approval: ask the organisation, and try again later",
        ),
        Err(error) => failed(&error),
    };
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        let hour = HeaderValue::from_static("3600");
        response.headers_mut().insert(RETRY_AFTER, hour);
    }
    response
}
