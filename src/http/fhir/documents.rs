//! `/metadata`, `/openapi.json`, the definitions and the brands: made once at the start, served from memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use url::{Url, form_urlencoded};

use super::asked::JSON;
use super::format::Format;
use crate::config::{Config, Registration, Server, Tenant};
use crate::fhir::brand::{self, Brand};
use crate::fhir::capability::{Capability, Endpoints};
use crate::fhir::openapi;
use crate::http::App;
use crate::http::failure::Failure;
use crate::oauth::discovery;
use crate::rest::{Definitions, Served};
use crate::secret::{hex, sha256};

/// What each tenant's API says of itself.
#[derive(Clone, Debug)]
pub struct Documents(Arc<BTreeMap<String, Documented>>);

#[derive(Debug)]
struct Documented {
    capability: Document,
    openapi: Document,
    brands: Document,
    definitions: Arc<Definitions>,
}

#[derive(Debug)]
pub(super) struct Document {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Documents {
    /// `now`: the brands come from the configuration, so they last changed no later than this start.
    pub fn new(config: &Config, served: &Served, now: Timestamp) -> Self {
        let profiles = served.shared().profiles();
        let made = config.tenants.iter().map(|tenant| {
            let capability = capability(&config.server, tenant, &profiles);
            let openapi = Document::of(openapi::document(&capability));
            let documented = Documented {
                capability: Document::of(capability.into_bytes()),
                openapi,
                brands: brands(&config.server, tenant, now),
                definitions: Arc::clone(served.of(&tenant.id)),
            };
            (tenant.id.to_string(), documented)
        });
        Self(Arc::new(made.collect()))
    }

    /// What a tenant defines for its apps.
    pub(super) fn definitions(&self, tenant: &str) -> Option<&Arc<Definitions>> {
        self.0.get(tenant).map(|documented| &documented.definitions)
    }
}

impl Document {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let tag = format!("\"{}\"", &hex(&sha256(&bytes))[..16]);
        Self::tagged(bytes, tag)
    }

    /// Of bytes whose tag is known.
    pub(super) fn tagged(bytes: Vec<u8>, tag: String) -> Self {
        Self {
            bytes: bytes.into(),
            etag: HeaderValue::try_from(tag).expect("hexadecimal in quotes is a header value"),
        }
    }
}

fn capability<'a>(server: &Server, tenant: &'a Tenant, profiles: &'a BTreeMap<String, Vec<String>>) -> Capability<'a> {
    let issuer = server.issuer(tenant.id.as_str());
    Capability {
        name: &tenant.name,
        base: server.fhir_base(tenant.id.as_str()),
        version: env!("CARGO_PKG_VERSION"),
        profiles,
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

/// The weak tag is of what is told and not of when: replicas that started one after the other tell the same.
fn brands(server: &Server, tenant: &Tenant, now: Timestamp) -> Document {
    let id = tenant.id.as_str();
    let (issuer, base) = (server.issuer(id), server.fhir_base(id));
    let told = &tenant.policy.brand;
    let (identifier, developers) = (
        told.identifier(),
        told.developers
            .as_ref()
            .map_or_else(|| format!("{base}/metadata"), ToString::to_string),
    );
    let told = Brand {
        id,
        name: &tenant.name,
        url: &format!("{issuer}{}", discovery::BRANDS_PATH),
        base: &base,
        identifier: identifier.as_deref(),
        website: told.website.as_ref().map(Url::as_str),
        logo: told.logo.as_ref().map(Url::as_str),
        logo_license: told.logo_license.as_ref().map(Url::as_str),
        aliases: &told.aliases,
        portal_name: told.portal_name.as_deref(),
        portal_url: told.portal_url.as_ref().map(Url::as_str),
        portal_description: told.portal_description.as_deref(),
        developers: &developers,
    };
    let timeless = brand::bundle(&told, "").to_string();
    let tag = format!("W/\"{}\"", &hex(&sha256(timeless.as_bytes()))[..16]);
    Document::tagged(brand::bundle(&told, &now.to_string()).to_string().into_bytes(), tag)
}

/// For anybody, without a token (<https://hl7.org/fhir/smart-app-launch/brands.html>).
pub(super) async fn user_access_brands(
    State(app): State<App>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let document = &app.documents.0.get(&tenant).ok_or_else(Failure::not_found)?.brands;
    Ok(document.answer(&headers, JSON))
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
    pub(super) fn answer(&self, headers: &HeaderMap, kind: &'static str) -> Response {
        let known = headers.get(IF_NONE_MATCH).is_some_and(|tags| {
            let tags = tags.to_str().unwrap_or_default();
            tags == "*"
                || tags
                    .split(',')
                    .any(|tag| strong(tag.trim().as_bytes()) == strong(self.etag.as_bytes()))
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

/// Tags are compared weakly (RFC 9110 §13.1.2).
fn strong(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}
