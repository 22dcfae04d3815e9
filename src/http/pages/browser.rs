//! What a browser sends besides its form: tenant, cookies, language, origin.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, RawQuery};
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderName, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::look::Look;
use super::text::Language;
use crate::audit::Origin;
use crate::config::Tenant;
use crate::http::App;
use crate::login::At;
use crate::login::device::Agent;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// One browser at one tenant.
#[derive(Clone)]
pub(super) struct Browser {
    pub(super) tenant: Arc<Tenant>,
    /// A language that was just chosen on a page, to be kept.
    pub(super) chosen: Option<Language>,
    /// The same of a look.
    pub(super) chosen_look: Option<Look>,
    kept_look: Option<Look>,
    kept: Option<Language>,
    accepts: Option<Language>,
    pub(super) query: Vec<(String, String)>,
    pub(super) ix: Option<String>,
    pub(super) session: Option<String>,
    device: Option<String>,
    agent: Agent,
    /// Whether a page of another site made the browser send this.
    pub(super) from_elsewhere: bool,
    pub(super) origin: Origin,
    https: bool,
}

/// The cookies of the pages. Each tenant has its own, so a login at one means nothing at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Binds flows to the browser.
    Ix,
    Session,
    /// Of a trusted browser; stays when the browser closes.
    Device,
    Language,
    Look,
}

impl Cookie {
    fn name(self, tenant: &str, https: bool) -> String {
        // `__Host-`: only this host, only over TLS, whatever a neighbouring host sets.
        let prefix = if https { "__Host-" } else { "" };
        match self {
            Self::Ix => format!("{prefix}ix-{tenant}"),
            Self::Session => format!("{prefix}session-{tenant}"),
            Self::Device => format!("{prefix}dt-{tenant}"),
            Self::Language => format!("{prefix}language"),
            Self::Look => format!("{prefix}look"),
        }
    }
}

impl Browser {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// What the person chose on a page, else what the app asks for (`ui_locales`), else what the browser asks for.
    pub(super) fn language(&self, ui_locales: Option<&str>) -> Language {
        self.chosen
            .or(self.kept)
            .or_else(|| Language::first(ui_locales?, ' '))
            .or(self.accepts)
            .unwrap_or(Language::Dutch)
    }

    /// What the person chose on this page, or before.
    pub(super) fn look(&self) -> Look {
        self.chosen_look.or(self.kept_look).unwrap_or_default()
    }

    /// Where a step is asked for.
    pub(super) fn at(&self, flow: &str, form: &str) -> At {
        At {
            tenant: Arc::clone(&self.tenant),
            flow: flow.to_owned(),
            form: form.to_owned(),
            browser: self.ix.clone(),
            session: self.session.clone(),
            device: self.device.clone(),
            agent: self.agent,
            origin: self.origin,
        }
    }

    /// Sets a cookie until the browser closes, or for half a year what it was told for longer: that it is trusted, language and look; an empty value takes it away.
    pub(super) fn set(&self, headers: &mut HeaderMap, cookie: Cookie, value: &str) {
        let name = cookie.name(self.tenant.id.as_str(), self.https);
        let secure = if self.https { "; Secure" } else { "" };
        let age = match cookie {
            _ if value.is_empty() => "; Max-Age=0",
            Cookie::Device | Cookie::Look | Cookie::Language => "; Max-Age=15552000",
            Cookie::Ix | Cookie::Session => "",
        };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
        let text = HeaderValue::try_from(text).expect("cookies are made of base64url and names of tenants");
        headers.append(SET_COOKIE, text);
    }
}

impl FromRequestParts<App> for Browser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let not_found = || StatusCode::NOT_FOUND.into_response();
        let Path(path) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, app)
            .await
            .map_err(|_| not_found())?;
        let tenant = path
            .get("tenant")
            .and_then(|id| app.config.tenant(id))
            .ok_or_else(not_found)?;
        let RawQuery(query) = RawQuery::from_request_parts(parts, app)
            .await
            .map_err(|_| not_found())?;
        let query: Vec<(String, String)> = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .take(20)
            .collect();
        let https = app.config.server.is_https();
        let cookie = |which: Cookie| cookie(&parts.headers, &which.name(tenant.id.as_str(), https));
        let asked = |wanted: &str| {
            query
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
        };
        let chosen = asked("lang").and_then(Language::parse);
        let chosen_look = asked("look").and_then(Look::parse);
        let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let accepts = header(ACCEPT_LANGUAGE).and_then(|list| Language::first(list, ','));
        let from_elsewhere = header(FETCH_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none"));
        let origin = parts.extensions.get::<Origin>().copied().unwrap_or_else(|| Origin {
            request: app.random.uuid_v7(app.clock.now()),
            network: None,
        });
        Ok(Self {
            tenant: Arc::clone(tenant),
            chosen,
            chosen_look,
            kept_look: cookie(Cookie::Look).and_then(|name| Look::parse(&name)),
            kept: cookie(Cookie::Language).and_then(|code| Language::parse(&code)),
            accepts,
            ix: cookie(Cookie::Ix),
            session: cookie(Cookie::Session),
            device: cookie(Cookie::Device),
            agent: header(USER_AGENT).map(Agent::of).unwrap_or_default(),
            query,
            from_elsewhere,
            origin,
            https,
        })
    }
}

/// The value of a cookie, if it looks like one of ours.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
        .filter(|value| {
            value.len() <= 64
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}
