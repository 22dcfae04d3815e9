//! A FHIR request, read in one fixed order.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use axum::http::request::Parts;
use url::form_urlencoded;

use super::bearer;
use super::format::Format;
use crate::audit::Origin;
use crate::config::Tenant;
use crate::fhir::outcome::IssueType;
use crate::fhir::search::Handling;
use crate::fhir::types::{Id, ResourceType};
use crate::http::App;
use crate::http::failure::Failure;
use crate::oauth::Caller;
use crate::rest::{Call, Unless};

/// FHIR as JSON.
pub(super) const JSON: &str = "application/fhir+json";

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Who asks for what, in which form.
#[derive(Debug)]
pub(super) struct Asked {
    pub caller: Caller,
    pub origin: Origin,
    pub kind: ResourceType,
    /// `None` where the path has no id, or a text that is none.
    pub id: Option<Id>,
    /// Likewise for a version.
    pub version: Option<i64>,
    pub format: Format,
    /// The query string, decoded.
    pub pairs: Vec<(String, String)>,
    pub handling: Handling,
    pub unless: Unless,
}

impl Asked {
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            caller: &self.caller,
            origin: self.origin,
        }
    }
}

impl FromRequestParts<App> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let asking = Asking::read(parts, app).await?;
        let part = |name: &str| asking.part(name);
        let kind = part("kind")
            .and_then(|kind| kind.parse().ok())
            .ok_or_else(unknown_type)?;
        Ok(Self {
            kind,
            id: part("id").and_then(Id::parse),
            version: part("version").and_then(version),
            format: Format::choose(&parts.headers, &asking.pairs)?,
            handling: handling(&parts.headers),
            unless: Unless::parse(
                text(&parts.headers, &IF_NONE_MATCH),
                text(&parts.headers, &IF_MODIFIED_SINCE),
            ),
            caller: asking.caller,
            origin: asking.origin,
            pairs: asking.pairs,
        })
    }
}

/// Who asks, of which organisation: what every request with a token brings.
pub(super) struct Asking {
    pub tenant: Arc<Tenant>,
    pub caller: Caller,
    pub origin: Origin,
    /// The query string, decoded.
    pub pairs: Vec<(String, String)>,
    path: RawPathParams,
}

impl Asking {
    pub(super) async fn read(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let path = RawPathParams::from_request_parts(parts, app).await;
        let path = path.map_err(|_| Failure::not_found())?;
        let tenant = path.iter().find(|(key, _)| *key == "tenant");
        let tenant = tenant
            .and_then(|(_, id)| app.config.tenant(id))
            .ok_or_else(Failure::not_found)?;
        let origin = *parts
            .extensions
            .get::<Origin>()
            .expect("the edge gives every request an origin");
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let caller = bearer::caller(app, tenant, parts, &pairs, origin).await?;
        let tenant = Arc::clone(tenant);
        Ok(Self {
            tenant,
            caller,
            origin,
            pairs,
            path,
        })
    }

    /// The part of the path with this name.
    pub(super) fn part(&self, name: &str) -> Option<&str> {
        self.path.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(super) fn call(&self) -> Call<'_> {
        Call {
            caller: &self.caller,
            origin: self.origin,
        }
    }
}

impl FromRequestParts<App> for Asking {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Self::read(parts, app).await
    }
}

pub(super) fn unknown_type() -> Failure {
    let text = "This resource type is not served here: the CapabilityStatement lists those that are.";
    Failure::new(StatusCode::NOT_FOUND, IssueType::NotSupported, text)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

pub(super) fn version(text: &str) -> Option<i64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Lenient unless the app asks for strict.
pub(super) fn handling(headers: &HeaderMap) -> Handling {
    if prefers(headers, "handling=strict") {
        Handling::Strict
    } else {
        Handling::Lenient
    }
}

/// Whether a body is a form, by its content type.
pub(super) fn is_form(kind: Option<&HeaderValue>) -> bool {
    let kind = kind.map(|kind| kind.as_bytes().to_ascii_lowercase());
    kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded"))
}

/// Whether a body is JSON, by its content type; the case of a media type does not count (RFC 9110 §8.3.1).
pub(super) fn is_json(kind: Option<&HeaderValue>) -> bool {
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    [JSON, "application/json"]
        .iter()
        .any(|json| kind.eq_ignore_ascii_case(json))
}

/// Whether a preference is among those sent (RFC 7240).
pub(super) fn prefers(headers: &HeaderMap, preference: &str) -> bool {
    let asked = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let has = |text: &str| {
        text.split([',', ';'])
            .any(|one| one.replace([' ', '"'], "").eq_ignore_ascii_case(preference))
    };
    asked.into_iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_lenient_unless_the_app_asks_for_strict() {
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, value.parse().unwrap());
            handling(&headers)
        };
        assert_eq!(asked("handling=strict"), Handling::Strict);
        assert_eq!(asked("return=minimal; Handling = \"strict\""), Handling::Strict);
        assert_eq!(asked("handling=lenient"), Handling::Lenient);
        assert_eq!(handling(&HeaderMap::new()), Handling::Lenient);
    }

    #[test]
    fn a_version_is_a_plain_number() {
        assert_eq!(version("12"), Some(12));
        for bad in ["", "-1", "+1", "1.0", "x", "99999999999999999999"] {
            assert_eq!(version(bad), None, "{bad}");
        }
    }
}
