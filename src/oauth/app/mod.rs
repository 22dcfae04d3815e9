//! Registered apps: who may ask, where answers may go, what may be asked.
//!
//! # Design
//! A redirect URI is compared as text, character by character, with the registered one (RFC 9700 §4.1.3). The one exception is
//! a native app on the loopback interface, whose port the operating system chooses (RFC 8252 §7.3). Nothing is parsed before
//! it is compared, so no two parsers can disagree.
//!
//! An app that was disabled does not exist: its codes and tokens end at the next use.

pub mod dynamic;
mod metadata;
mod redirect;
pub mod register;
pub(crate) mod store;

pub use register::register;
pub use store::{find, list};

use std::fmt;

use jiff::Timestamp;

use crate::config::{SigningAlg, Tenant, TenantId};
use crate::db::{self, Tx};
use crate::oauth::Issuer;
use crate::oauth::scope::Scopes;

/// One registered app of one tenant.
#[derive(Clone, Debug)]
pub struct App {
    pub client_id: String,
    /// What people see.
    pub name: String,
    pub kind: Kind,
    pub redirect_uris: Vec<String>,
    /// The most that the app can ever get.
    pub scopes: Scopes,
    /// May ask for codes, refresh tokens, tokens in its own name.
    pub grants: Grants,
    pub demands: Demands,
    /// Whether it may log people in on a device without a browser (RFC 8628).
    pub on_devices: bool,
    /// What signs its id tokens; `None`: what the tenant says.
    pub id_token_alg: Option<SigningAlg>,
    /// Where a browser may be sent after the app logged its person out.
    pub logout_uris: Vec<String>,
}

/// What an app demands of its own requests: it would rather be refused than served without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// It pushes its authorization requests (RFC 9126 §6).
    pub pushed: bool,
    /// Its tokens are bound to a key that it holds (RFC 9449 §5.2).
    pub dpop: bool,
}

/// How the app proves itself at the token endpoint.
#[derive(Clone)]
pub enum Kind {
    /// It cannot: native and browser apps. PKCE binds the code instead.
    Public,
    /// A secret that the gateway made; the SHA-256 of its 256 random bits is kept.
    Secret([u8; 32]),
    /// `private_key_jwt`
    Key(PublicKeys),
}

/// Where the public keys of an app are.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKeys {
    /// A JWK Set that was given at the registration.
    Given(String),
    /// The address of a JWK Set that the app keeps (`jwks_uri`).
    At(String),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "Public",
            Self::Secret(_) => "Secret(…)",
            Self::Key(_) => "Key(…)",
        })
    }
}

/// Which grant types the app was registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// `authorization_code`, and `refresh_token` when the scopes say so.
    Person,
    /// `client_credentials`.
    Backend,
}

impl App {
    pub fn is_public(&self) -> bool {
        matches!(self.kind, Kind::Public)
    }

    /// What signs its id tokens.
    pub fn id_token_alg(&self, tenant: &Tenant) -> SigningAlg {
        self.id_token_alg.unwrap_or(tenant.policy.id_token_alg)
    }

    /// Whether a browser may be sent to this address after a logout.
    pub fn logs_out_to(&self, uri: &str) -> bool {
        self.logout_uris.iter().any(|registered| same_redirect(registered, uri))
    }

    /// Whether answers may go to this address.
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|registered| same_redirect(registered, uri))
    }
}

/// Ends an app: from now on it does not exist, its tokens end, and it cannot manage itself any more. Whether there was one.
pub async fn disable(tx: &mut Tx, tenant: &TenantId, client_id: &str, now: Timestamp) -> Result<bool, db::Error> {
    dynamic::store::delete(tx, tenant, client_id).await?;
    store::disable(tx, tenant, client_id, now).await
}

/// Character by character, but for the port of `http` on the loopback interface.
fn same_redirect(registered: &str, presented: &str) -> bool {
    registered == presented
        || match (loopback(registered), loopback(presented)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
}

/// `http://127.0.0.1`, `http://[::1]` or `http://localhost` and what follows the port, if `uri` begins with one of them.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    ["http://127.0.0.1", "http://[::1]", "http://localhost"]
        .into_iter()
        .find_map(|host| {
            let rest = uri.strip_prefix(host)?;
            let rest = match rest.strip_prefix(':') {
                None => rest,
                Some(port) => {
                    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
                    port[..digits].parse::<u16>().ok().filter(|port| *port != 0)?;
                    &port[digits..]
                }
            };
            (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
        })
}

/// The origin of a web address as a browser writes it (`https://app.example:8443`), without the port on the loopback
/// interface; `None` for the schemes of native apps.
pub(crate) fn origin(uri: &str) -> Option<String> {
    if let Some((host, _)) = loopback(uri) {
        return Some(host.to_owned());
    }
    let url = url::Url::parse(uri).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| url.origin().ascii_serialization())
}

/// Whether pages of this origin may use the token endpoint and the FHIR API: the origin of a redirect URI of an app of this
/// tenant, or one that was registered beside them.
pub async fn origin_allowed(issuer: &Issuer, tenant: &TenantId, presented: &str) -> Result<bool, db::Error> {
    // `null`, and anything that is not an origin as a browser writes it.
    let Some(wanted) = origin(presented) else {
        return Ok(false);
    };
    if loopback(presented).is_none_or(|(_, rest)| !rest.is_empty()) && wanted != presented {
        return Ok(false);
    }
    store::origin_allowed(&mut *issuer.db().read().await?, tenant, &wanted).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a02_a03_c1_only_the_registered_address_gets_an_answer() {
        let registered = "https://app.example/cb?x=1";
        assert!(same_redirect(registered, registered));
        for bad in [
            "https://app.example/cb",
            "https://app.example/cb?x=1&y=2",
            "https://app.example/cb?x=1#f",
            "https://app.example/cb/?x=1",
            "https://app.example/CB?x=1",
            "https://APP.example/cb?x=1",
            "https://app.example./cb?x=1",
            "https://app.example:443/cb?x=1",
            "https://app.example@evil.example/cb?x=1",
            "https://app.example/../cb?x=1",
            "https://app.example/%63b?x=1",
            "http://app.example/cb?x=1",
            "https://app\u{3002}example/cb?x=1",
            "\\\\app.example/cb?x=1",
            "",
        ] {
            assert!(!same_redirect(registered, bad), "{bad}");
        }
    }

    #[test]
    fn a02_only_the_port_of_the_loopback_interface_may_differ() {
        let registered = "http://127.0.0.1/callback";
        for good in [
            "http://127.0.0.1:1/callback",
            "http://127.0.0.1:65535/callback",
            registered,
        ] {
            assert!(same_redirect(registered, good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:80a/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://127.0.0.1@evil.example/callback",
            "http://localhost:80/callback",
            "http://127.0.0.1:80/callback/",
            "http://127.0.0.1:80/callback?x",
            "https://127.0.0.1:80/callback",
            "http://127.0.0.2:80/callback",
        ] {
            assert!(!same_redirect(registered, bad), "{bad}");
        }
        assert!(!same_redirect("https://app.example/cb", "https://app.example:8080/cb"));
    }

    #[test]
    fn an_origin_is_what_a_browser_says() {
        let found = |uri: &str| origin(uri);
        assert_eq!(found("https://app.example/cb").as_deref(), Some("https://app.example"));
        assert_eq!(
            found("https://app.example:8443/cb").as_deref(),
            Some("https://app.example:8443")
        );
        assert_eq!(found("http://127.0.0.1:4711/cb").as_deref(), Some("http://127.0.0.1"));
        assert_eq!(found("nl.example.app:/cb"), None);
        assert_eq!(found("null"), None);
    }
}
