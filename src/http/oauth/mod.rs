//! The OAuth endpoints and discovery over HTTP: handlers read a form, call one flow, translate its answer.
//!
//! # Design
//! CORS, security headers, limits and the access log are made around all routes. Here stand the cache headers, because tokens
//! and public documents differ, and the one translation of refusals into RFC 6749 JSON.

mod answer;
mod authorize;
mod documents;
mod form;
mod launch;
mod page;
mod register;
#[cfg(test)]
mod tests;
mod token;

use axum::Router;
use axum::routing::{get, post};

use super::App;

/// Everything under `/{tenant}/oauth`, and the documents by which apps find it.
pub fn routes() -> Router<App> {
    Router::new()
        .route(
            "/{tenant}/oauth/authorize",
            get(authorize::authorize).post(authorize::authorize),
        )
        .route("/{tenant}/oauth/form-post", get(authorize::form_post))
        .route("/{tenant}/oauth/token", post(token::token))
        .route("/{tenant}/oauth/revoke", post(token::revoke))
        .route("/{tenant}/oauth/introspect", post(token::introspect))
        .route("/{tenant}/oauth/userinfo", get(token::userinfo).post(token::userinfo))
        .route("/{tenant}/oauth/jwks", get(documents::jwks))
        .route("/{tenant}/oauth/style.json", get(documents::style))
        .route("/{tenant}/oauth/par", post(token::push))
        .route("/{tenant}/oauth/device_authorization", post(token::device))
        .route("/{tenant}/oauth/launch", post(launch::launch))
        .route("/{tenant}/oauth/register", post(register::create))
        .route(
            "/{tenant}/oauth/register/{client_id}",
            get(register::manage).put(register::manage).delete(register::manage),
        )
        .route("/{tenant}/fhir/.well-known/smart-configuration", get(documents::smart))
        .route("/{tenant}/.well-known/openid-configuration", get(documents::openid))
        .route(
            "/{tenant}/.well-known/oauth-authorization-server",
            get(documents::openid),
        )
        // RFC 8414 §3.1: the well-known part stands before the path of the issuer.
        .route(
            "/.well-known/oauth-authorization-server/{tenant}",
            get(documents::openid),
        )
        .route("/.well-known/openid-configuration/{tenant}", get(documents::openid))
        .route(
            "/.well-known/oauth-protected-resource/{tenant}/fhir",
            get(documents::protected_resource),
        )
}
