//! `/{tenant}/oauth/launch`: a portal asks for a launch of an app.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{NOT_KEPT, failed};
use super::token::{forbidden, unknown, without};
use crate::audit::Origin;
use crate::http::App;
use crate::http::failure::Failure;
use crate::http::shown;
use crate::oauth::code::Code;
use crate::oauth::launch::{self, Answer};

pub(super) async fn launch(
    State(app): State<App>,
    Path(tenant): Path<String>,
    request: Parts,
    body: Bytes,
) -> Response {
    let Some(tenant) = app.config.tenant(&tenant) else {
        return Failure::not_found().into_response();
    };
    let origin = request.extensions.get::<Origin>().copied();
    let (scheme, token) = match shown::token(&request.headers) {
        Ok(shown) => shown,
        Err(why) => return without(&app, tenant, why, origin).await,
    };
    let proof = shown::proof(&app, &request.method, request.uri.path(), &request.headers);
    let by = scheme.by(proof.as_ref());
    match launch::create(&app.issuer, tenant, (token, by), &body, origin).await {
        Ok(Answer::Made(made)) => (StatusCode::CREATED, NOT_KEPT, Json(made)).into_response(),
        Ok(Answer::Refused(why)) => unknown(&app, tenant, scheme, why, origin).await,
        Ok(Answer::InsufficientScope) => {
            forbidden(r#"Bearer error="insufficient_scope", scope="urn:inzage:scope:launches""#)
        }
        Ok(Answer::Wrong(problems)) => {
            let body = json!({"error": Code::InvalidRequest.as_str(), "error_description": problems.join("; ")});
            (StatusCode::BAD_REQUEST, NOT_KEPT, Json(body)).into_response()
        }
        Err(error) => failed(&error),
    }
}
