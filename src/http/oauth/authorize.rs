//! `/{tenant}/oauth/authorize`: the request is checked and stored, and the person goes on to the login.

use axum::Extension;
use axum::extract::rejection::RawFormRejection;
use axum::extract::{Path, RawForm, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};

use super::{form, page};
use crate::audit::Origin;
use crate::http::App;
use crate::http::failure::Failure;
use crate::oauth::request::{self, Begun};

const FORM: &str = "The app's request cannot be read: it is not a form, or has too many parameters.";

/// GET with a query or POST with a form.
pub(super) async fn authorize(
    State(app): State<App>,
    Path(tenant): Path<String>,
    origin: Option<Extension<Origin>>,
    asked: Result<RawForm, RawFormRejection>,
) -> Response {
    let Some(tenant) = app.config.tenant(&tenant) else {
        return Failure::not_found().into_response();
    };
    let Some(parameters) = asked.ok().and_then(|RawForm(bytes)| form::pairs(&bytes)) else {
        return page::fault(FORM);
    };
    let origin = origin.map(|Extension(origin)| origin);
    match request::begin(&app.issuer, &tenant.id, parameters, origin).await {
        // The login answers `prompt=none` too: only it knows who is logged in.
        Ok(Begun::Stored(request)) => see_other(&format!("/{}/login?request={}", tenant.id, request.id)),
        Ok(Begun::Refused(to)) => see_other(to.as_str()),
        Ok(Begun::Page(text)) => page::fault(text),
        // A person looks at this answer, not an app.
        Err(error) => Failure::from(error).into_response(),
    }
}

/// 303, so that a form with a password is never sent on (RFC 9700 §4.12).
fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, to), (CACHE_CONTROL, "no-store")]).into_response()
}

/// Sends an answer to the app by a form (OAuth 2.0 Form Post Response Mode). Only a request that was answered knows where to.
pub(super) async fn form_post(
    State(app): State<App>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(tenant) = app.config.tenant(&tenant) else {
        return Failure::not_found().into_response();
    };
    let Some(mut pairs) = form::pairs(query.unwrap_or_default().as_bytes()) else {
        return page::fault(FORM);
    };
    let id = pairs
        .iter()
        .find(|(name, _)| name == "request")
        .map(|(_, id)| id.clone());
    match request::answered(&app.issuer, &tenant.id, &id.unwrap_or_default()).await {
        Ok(Some(request)) => {
            let answers = ["code", "state", "iss", "error", "error_description"];
            pairs.retain(|(name, _)| answers.contains(&name.as_str()));
            let nonce = app.random.token();
            page::post(request.redirect_uri(), &request.redirect_origin(), &pairs, &nonce)
        }
        Ok(None) => page::fault("The answer to the app has expired."),
        Err(error) => Failure::from(error).into_response(),
    }
}
