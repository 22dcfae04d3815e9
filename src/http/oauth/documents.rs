//! Discovery and public keys: for anybody, JSON whatever is asked, cacheable.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::failed;
use crate::config::Tenant;
use crate::http::App;
use crate::http::failure::Failure;
use crate::oauth::{Issuer, discovery, key};
use crate::secret::{hex, sha256};

/// Short, because an upgrade may add to it.
const DOCUMENT: &str = "public, max-age=300";

pub(super) async fn smart(State(app): State<App>, Path(tenant): Path<String>, headers: HeaderMap) -> Response {
    document(&app, &tenant, &headers, discovery::smart)
}

pub(super) async fn openid(State(app): State<App>, Path(tenant): Path<String>, headers: HeaderMap) -> Response {
    document(&app, &tenant, &headers, discovery::openid)
}

pub(super) async fn protected_resource(
    State(app): State<App>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    document(&app, &tenant, &headers, discovery::protected_resource)
}

pub(super) async fn style(State(app): State<App>, Path(tenant): Path<String>, headers: HeaderMap) -> Response {
    document(&app, &tenant, &headers, |_, _| discovery::style())
}

fn document(app: &App, tenant: &str, headers: &HeaderMap, made: fn(&Issuer, &Tenant) -> Value) -> Response {
    let Some(tenant) = app.config.tenant(tenant) else {
        return Failure::not_found().into_response();
    };
    let body = made(&app.issuer, tenant).to_string();
    let etag = format!("\"{}\"", &hex(&sha256(body.as_bytes()))[..16]);
    public(headers, DOCUMENT, &etag, body)
}

pub(super) async fn jwks(State(app): State<App>, Path(tenant): Path<String>, headers: HeaderMap) -> Response {
    let Some(tenant) = app.config.tenant(&tenant) else {
        return Failure::not_found().into_response();
    };
    match key::load(&app.issuer, &tenant.id).await {
        Ok(set) => {
            let cached = format!("public, max-age={}", key::CACHED.as_secs());
            public(&headers, &cached, &set.etag, set.jwks.clone())
        }
        Err(error) => failed(&error),
    }
}

fn public(request: &HeaderMap, cached: &str, etag: &str, body: String) -> Response {
    let headers = [(CACHE_CONTROL, cached), (ETAG, etag)];
    let known = request.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, "application/json")], body).into_response()
}
