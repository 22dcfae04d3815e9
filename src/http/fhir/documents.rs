//! `/metadata` and `/openapi.json`: made once at the start, served from memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::format::Format;
use crate::config::{Config, Registration, Server, Tenant};
use crate::fhir::capability::{Capability, Endpoints};
use crate::fhir::openapi;
use crate::http::App;
use crate::http::failure::Failure;
use crate::secret::{hex, sha256};

/// What each tenant's API says of itself.
#[derive(Clone, Debug)]
pub struct Documents(Arc<BTreeMap<String, Documented>>);

#[derive(Debug)]
struct Documented {
    capability: Document,
    openapi: Document,
}

#[derive(Debug)]
struct Document {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Documents {
    pub fn new(config: &Config) -> Self {
        let made = config.tenants.iter().map(|tenant| {
            let capability = capability(&config.server, tenant);
            let openapi = Document::of(openapi::document(&capability));
            let capability = Document::of(capability.into_bytes());
            (tenant.id.to_string(), Documented { capability, openapi })
        });
        Self(Arc::new(made.collect()))
    }
}

impl Document {
    fn of(bytes: Vec<u8>) -> Self {
        let tag = format!("\"{}\"", &hex(&sha256(&bytes))[..16]);
        Self {
            bytes: bytes.into(),
            etag: HeaderValue::try_from(tag).expect("hexadecimal in quotes is a header value"),
        }
    }
}

fn capability<'a>(server: &Server, tenant: &'a Tenant) -> Capability<'a> {
    let issuer = server.issuer(tenant.id.as_str());
    Capability {
        name: &tenant.name,
        base: server.fhir_base(tenant.id.as_str()),
        version: env!("CARGO_PKG_VERSION"),
        endpoints: Endpoints {
            authorize: format!("{issuer}/oauth/authorize"),
            token: format!("{issuer}/oauth/token"),
            introspect: Some(format!("{issuer}/oauth/introspect")),
            revoke: Some(format!("{issuer}/oauth/revoke")),
            register: (tenant.policy.registration == Registration::Approval)
                .then(|| format!("{issuer}/oauth/register")),
            manage: Some(format!("{issuer}/account")),
        },
    }
}

/// For anybody, without a token.
pub(super) async fn metadata(
    State(app): State<App>,
    Path(tenant): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let document = &app.documents.0.get(&tenant).ok_or_else(Failure::not_found)?.capability;
    let pairs: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let format = Format::choose(&headers, &pairs)?;
    Ok(document.answer(&headers, format.content_type()))
}

/// For anybody, without a token.
pub(super) async fn openapi(
    State(app): State<App>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let document = &app.documents.0.get(&tenant).ok_or_else(Failure::not_found)?.openapi;
    Ok(document.answer(&headers, "application/json"))
}

impl Document {
    /// The document, or 304 for who has it already.
    fn answer(&self, headers: &HeaderMap, kind: &'static str) -> Response {
        let known = headers.get(IF_NONE_MATCH).is_some_and(|tags| {
            let tags = tags.to_str().unwrap_or_default();
            tags == "*"
                || tags
                    .split(',')
                    .any(|tag| tag.trim().trim_start_matches("W/") == self.etag)
        });
        let tagged = [
            (ETAG, self.etag.clone()),
            (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        ];
        if known {
            return (StatusCode::NOT_MODIFIED, tagged).into_response();
        }
        ([(CONTENT_TYPE, kind)], tagged, Body::from(self.bytes.clone())).into_response()
    }
}
