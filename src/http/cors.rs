//! Which pages of other origins may read an answer.
//!
//! # Design
//! Public documents: any. Token endpoint and FHIR: the origins of the tenant's registered apps. Pages: none, ever. Credentials
//! are never allowed, so a cookie of the login pages is out of reach. The headers stand on errors too; without them a browser
//! hides the error from the app.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN,
};
use axum::http::{Method, Request};

use super::area::Area;
use super::{App, headers};
use crate::config::TenantId;
use crate::oauth;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, DPoP, Accept, If-Match, If-None-Match, If-Modified-Since, If-None-Exist, Prefer, \
     Cache-Control";
const EXPOSED: &str = "Location, Content-Location, ETag, Last-Modified, WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id, \
     X-Data-As-Of";

/// What the answer says about the origin that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Not a request of another origin, or one that may not read the answer.
    Nobody,
    Any,
    One(HeaderValue),
}

/// Decides by the request alone, so that the decision holds for every kind of answer. `origin` is what it said.
pub(super) async fn reader(app: &App, area: Area<'_>, origin: Option<HeaderValue>) -> Reader {
    let tenant = match area {
        Area::Public(_) => return Reader::Any,
        Area::Page => return Reader::Nobody,
        Area::Fhir { tenant } | Area::AppState { tenant } | Area::Token { tenant } => tenant,
    };
    let Some(origin) = origin else {
        return Reader::Nobody;
    };
    let (Ok(text), Some(tenant)) = (origin.to_str(), known(app, tenant)) else {
        return Reader::Nobody;
    };
    // When the apps cannot be looked up nobody reads, and the request itself will fail by the same cause.
    match oauth::app::origin_allowed(&app.issuer, tenant, text).await {
        Ok(true) => Reader::One(origin),
        Ok(false) | Err(_) => Reader::Nobody,
    }
}

fn known<'a>(app: &'a App, tenant: &str) -> Option<&'a TenantId> {
    app.config.tenant(tenant).map(|tenant| &tenant.id)
}

/// Whether a browser asks what it may do.
pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Reader {
    pub(super) fn tell(self, answer: &mut HeaderMap, preflight: bool) {
        let origin = match self {
            Self::Nobody => return,
            Self::Any => HeaderValue::from_static("*"),
            Self::One(origin) => origin,
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers::open_to_other_origins(answer);
        let told: &[_] = if preflight {
            &[
                (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, "600"),
            ]
        } else {
            &[(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED)]
        };
        for (name, value) in told {
            answer.insert(name.clone(), HeaderValue::from_static(value));
        }
    }
}
