//! `/{tenant}/oauth/launch`: a portal asks for a launch of an app.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::answer::{NOT_KEPT, failed};
use super::token::{bearer, challenged, unknown};
use crate::audit::Origin;
use crate::http::App;
use crate::http::failure::Failure;
use crate::oauth::code::Code;
use crate::oauth::launch::{self, Answer};

pub(super) async fn launch(
    State(app): State<App>,
    Path(tenant): Path<String>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(tenant) = app.config.tenant(&tenant) else {
        return Failure::not_found().into_response();
    };
    let Some(token) = bearer(&headers) else {
        return challenged(StatusCode::UNAUTHORIZED, "Bearer");
    };
    let origin = origin.map(|Extension(origin)| origin);
    match launch::create(&app.issuer, tenant, token, &body, origin).await {
        Ok(Answer::Made(made)) => (StatusCode::CREATED, NOT_KEPT, Json(made)).into_response(),
        Ok(Answer::Unknown) => unknown(&app, tenant, origin).await,
        Ok(Answer::InsufficientScope) => challenged(
            StatusCode::FORBIDDEN,
            r#"Bearer error="insufficient_scope", scope="urn:inzage:scope:launches""#,
        ),
        Ok(Answer::Wrong(problems)) => {
            let body = json!({"error": Code::InvalidRequest.as_str(), "error_description": problems.join("; ")});
            (StatusCode::BAD_REQUEST, NOT_KEPT, Json(body)).into_response()
        }
        Err(error) => failed(&error),
    }
}
