//! The key sets of apps that keep them at an address of their own (`jwks_uri`): fetched, checked, remembered.
//!
//! # Design
//! The address is an app's word, so the fetch is a door that a stranger could aim: only https, no redirect, no proxy, three
//! seconds, 64 kB, and no name or number that leads to an address inside (see [`address`]). A set is believed as long as its
//! `Cache-Control` says and never longer than an hour. An app that changes its keys is not kept waiting: a key id that is not
//! in the set fetches it again, but only once in ten seconds, so that made-up ids do not make us knock at somebody's door.
//! One fetch at a time for each address; who comes meanwhile gets what it brings.

mod address;
#[cfg(test)]
pub(super) mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::CACHE_CONTROL;
use reqwest::{Client, StatusCode, redirect};
use serde_json::Value;
use url::{Host, Url};

use crate::config::{Authorities, OAuth};
use crate::fhir::json;

/// The largest key set.
const LARGEST: usize = 64 * 1024;
const TIME: Duration = Duration::from_secs(3);
/// A set without `Cache-Control` is believed this long, and no set longer than an hour.
const BELIEVED: i64 = 300;
const BELIEVED_MOST: i64 = 3_600;
/// Between two fetches for the sake of a key id that is not in the set, or after one that failed.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// As many addresses as are remembered.
const MOST: usize = 1_000;
/// As many fetches at once, over all addresses.
const AT_ONCE: usize = 16;

/// The key sets that were fetched.
#[derive(Debug)]
pub(crate) struct Published {
    settings: OAuth,
    http: OnceLock<Option<Client>>,
    places: Mutex<HashMap<String, Arc<Place>>>,
    at_once: tokio::sync::Semaphore,
}

#[derive(Debug, Default)]
struct Place {
    known: Mutex<Option<Known>>,
    fetching: tokio::sync::Mutex<()>,
}

/// What the last fetch brought; `None` where it failed.
#[derive(Clone, Debug)]
struct Known {
    set: Option<Arc<Value>>,
    at: Timestamp,
    until: Timestamp,
}

/// Why a set could not be fetched: for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failed {
    #[error("the address is not https, or leads inside")]
    Address,
    #[error("the address does not answer as it should")]
    Answer,
    #[error("the key set is larger than 64 kB")]
    Size,
    #[error("what came is not a JWK Set")]
    NotKeys,
}

impl Published {
    pub(super) fn new(settings: &OAuth) -> Self {
        Self {
            settings: settings.clone(),
            http: OnceLock::new(),
            places: Mutex::default(),
            at_once: tokio::sync::Semaphore::new(AT_ONCE),
        }
    }

    /// The key set at this address, which holds `kid` if any fetch that is allowed now brings it.
    pub(super) async fn keys(&self, url: &str, kid: &str, now: Timestamp) -> Option<Arc<Value>> {
        let place = self.place(url);
        if let Some(set) = place.settled(kid, now) {
            return set;
        }
        let _fetching = place.fetching.lock().await;
        // Somebody else may have fetched meanwhile.
        if let Some(set) = place.settled(kid, now) {
            return set;
        }
        let fetched = self.fetch(url).await;
        let mut known = place.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(match fetched {
            Ok((set, life)) => Known {
                set: Some(Arc::new(set)),
                at: now,
                until: now + SignedDuration::from_secs(life.clamp(1, BELIEVED_MOST)),
            },
            Err(failed) => {
                tracing::warn!(cause = %failed, "the key set of an app could not be fetched");
                // What is still believed stays.
                match known.take().filter(|old| old.set.is_some() && now < old.until) {
                    Some(old) => Known { at: now, ..old },
                    None => Known {
                        set: None,
                        at: now,
                        until: now + AGAIN,
                    },
                }
            }
        });
        known.as_ref().and_then(|known| known.set.clone())
    }

    fn place(&self, url: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MOST && !places.contains_key(url) {
            places.clear();
        }
        Arc::clone(places.entry(url.to_owned()).or_default())
    }

    async fn fetch(&self, url: &str) -> Result<(Value, i64), Failed> {
        let url = Url::parse(url).map_err(|_| Failed::Address)?;
        if !may_fetch(&url, self.settings.private_app_keys) {
            return Err(Failed::Address);
        }
        let _turn = self.at_once.acquire().await.map_err(|_| Failed::Answer)?;
        let http = self.http.get_or_init(|| client(&self.settings));
        let http = http.as_ref().ok_or(Failed::Answer)?;
        let mut answer = http.get(url).send().await.map_err(|_| Failed::Answer)?;
        if answer.status() != StatusCode::OK {
            return Err(Failed::Answer);
        }
        let told = answer
            .headers()
            .get(CACHE_CONTROL)
            .and_then(|value| value.to_str().ok());
        let life = life(told.unwrap_or_default());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| Failed::Answer)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(Failed::Size);
            }
            body.extend_from_slice(&chunk);
        }
        let set = json::parse(&body, json::Limits::source(LARGEST)).map_err(|_| Failed::NotKeys)?;
        match set.get("keys").and_then(Value::as_array) {
            Some(_) => Ok((set, life)),
            None => Err(Failed::NotKeys),
        }
    }
}

impl Place {
    /// What is known, unless a fetch is due. Outer `None`: it is.
    fn settled(&self, kid: &str, now: Timestamp) -> Option<Option<Arc<Value>>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.as_ref().filter(|known| now < known.until && known.at <= now)?;
        let holds = |set: &Arc<Value>| {
            let mut keys = set["keys"].as_array().into_iter().flatten();
            keys.any(|key| key["kid"] == kid)
        };
        let settled = known.set.as_ref().is_some_and(holds) || now.duration_since(known.at) < AGAIN;
        settled.then(|| known.set.clone())
    }
}

/// Whether a key set may be fetched from here, as far as the address itself tells; names are looked at when they resolve.
pub(super) fn may_fetch(url: &Url, private: bool) -> bool {
    let open = match url.host() {
        Some(Host::Ipv4(ip)) => private || address::is_public(ip.into()),
        Some(Host::Ipv6(ip)) => private || address::is_public(ip.into()),
        Some(Host::Domain(name)) => !name.is_empty(),
        None => false,
    };
    url.scheme() == "https" && open && url.username().is_empty() && url.password().is_none()
}

fn client(settings: &OAuth) -> Option<Client> {
    // A second install returns the first provider; that is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .https_only(true)
        .timeout(TIME)
        .connect_timeout(TIME)
        .pool_max_idle_per_host(0)
        .dns_resolver(address::Resolver {
            private: settings.private_app_keys,
        })
        .user_agent(concat!("inzage/", env!("CARGO_PKG_VERSION")));
    if let Some(authorities) = &settings.app_keys_ca {
        builder = builder.tls_backend_preconfigured(trusting(authorities)?);
    }
    builder.build().ok()
}

fn trusting(authorities: &Authorities) -> Option<rustls::ClientConfig> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(authorities.roots())
        .with_no_client_auth();
    Some(config)
}

/// For how many seconds a `Cache-Control` lets the answer be used (RFC 9111 §5.2.2).
fn life(told: &str) -> i64 {
    let mut life = BELIEVED;
    for directive in told.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        match directive.split_once('=') {
            None if directive == "no-store" || directive == "no-cache" => return 0,
            Some(("max-age", seconds)) => life = seconds.trim_matches('"').parse().unwrap_or(0),
            _ => {}
        }
    }
    life
}
