//! How much may be asked: per person with an app, per app, per network.
//!
//! # Design
//! Every replica counts for itself, in memory: a limit keeps one source from taking what others need, and for that it need not
//! be exact. What has to be exact (passwords, codes) is counted in the database by the login.
//!
//! A token is counted by the person and app behind it, wherever it comes from; everything else by its network, because an
//! address is free to change within one. Tokens that open nothing are counted before they are looked up, so that guessing
//! costs neither the database nor the audit log. What only looks like a token, where nothing reads it, counts for the network. Behind a trusted proxy the network is the client's.
//!
//! The address and the place of the request that is being answered travel with its task (a `task_local`), not through every
//! handler: so no handler can forget them, and the place is free when the answer is ready.

mod crowd;
mod places;
mod rates;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;

use axum::http::header::HeaderValue;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};

pub(super) use crowd::Crowd;
use places::{Place, Places};
use rates::{Quota, Rates};

use super::area::Area;
use super::failure::Failure;
use crate::config::{NetworkLimits, Tenant};
use crate::fhir::outcome::IssueType;
use crate::oauth::Caller;

tokio::task_local! {
    static VISIT: Visit;
}

/// The request that this task answers.
struct Visit {
    address: Option<IpAddr>,
    token: Cell<Token>,
    places: RefCell<Vec<Place>>,
}

/// What became of the token of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Nothing looked at it: a path, method or document that needs none.
    Unread,
    /// It was looked at, and counted if it opened nothing.
    Read,
    /// The caller is known and holds a place.
    Known,
}

/// Answers a request as one from `address`; and what became of its token.
pub(super) async fn visit<F: Future>(address: Option<IpAddr>, answer: F) -> (F::Output, Token) {
    let visit = Visit {
        address,
        token: Cell::new(Token::Unread),
        places: RefCell::default(),
    };
    let answered = async {
        let answer = answer.await;
        (answer, VISIT.with(|visit| visit.token.get()))
    };
    VISIT.scope(visit, answered).await
}

/// Outside of a request (a test of one function) nothing is noted.
fn note(token: Token) {
    let _ = VISIT.try_with(|visit| visit.token.set(token));
}

/// Whether a request seems to bear a token: it is counted by who stands behind that, once it is read.
pub(super) fn bears(area: Area<'_>, method: &Method, headers: &HeaderMap) -> bool {
    let token =
        matches!(area, Area::Fhir { .. } | Area::AppState { .. }) && headers.contains_key(header::AUTHORIZATION);
    token && method != Method::OPTIONS
}

fn address() -> Option<IpAddr> {
    VISIT.try_with(|visit| visit.address).ok().flatten()
}

/// The /24 of an IPv4 address, the /64 of an IPv6 address: what one subscriber can choose from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) & 0xffff_ff00).into()),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & (!0 << 64)).into()),
    }
}

/// What an app asks for by itself. Each has the same bound, and none takes from another: devices that wait ask every five
/// seconds, and a login begins with a push and ends with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Tokens, the codes of a device, a registration.
    Token,
    /// How things stand, for a device.
    Turn,
    /// An authorization request to be kept (RFC 9126).
    Push,
    /// That a token ends (RFC 7009).
    Revoke,
    /// What a token is worth (RFC 7662).
    Introspect,
}

impl Asks {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Turn => "device",
            Self::Push => "push",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
        }
    }
}

/// Too many: when the next one may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    seconds: i64,
}

impl Full {
    fn noted(limit: &'static str, wait: SignedDuration) -> Self {
        metrics::counter!("http_limited_total", "limit" => limit).increment(1);
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        Self {
            seconds: seconds.max(1),
        }
    }

    fn text(self) -> String {
        format!("Too many requests: wait {} seconds and try again.", self.seconds)
    }
}

/// 429, in the words of the part of the gateway that was asked.
impl IntoResponse for Full {
    fn into_response(self) -> Response {
        Failure::from(self).into_response()
    }
}

impl From<Full> for Failure {
    fn from(full: Full) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, IssueType::Throttled, full.text())
            .retry_after(HeaderValue::from(full.seconds))
    }
}

/// All counters of a gateway.
#[derive(Debug)]
pub struct Limiter {
    limits: NetworkLimits,
    keys: RandomState,
    networks: Rates,
    unknown_tokens: Rates,
    tokens: Rates,
    people: Rates,
    apps: Rates,
    places: Places,
}

impl Limiter {
    pub fn new(limits: NetworkLimits) -> Self {
        Self {
            limits,
            keys: RandomState::new(),
            networks: Rates::default(),
            unknown_tokens: Rates::default(),
            tokens: Rates::default(),
            people: Rates::default(),
            apps: Rates::default(),
            places: Places::default(),
        }
    }

    /// Under a key of the process, so that nobody can choose two that meet.
    fn key(&self, parts: impl Hash) -> u64 {
        self.keys.hash_one(parts)
    }

    /// Counts a request by its network, unless it bears a token: that one is counted when it is read.
    pub(super) fn arrive(&self, address: Option<IpAddr>, bears: bool, now: Timestamp) -> Result<(), Full> {
        match address {
            Some(address) if bears => self.unknown(address, now, Rates::look),
            _ => self.unread(address, now),
        }
    }

    /// Counts a request by its network: one without a token, or with one that nothing looked at.
    pub(super) fn unread(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), Full> {
        let Some(address) = address else { return Ok(()) };
        let quota = Quota::per_minute(self.limits.per_minute);
        let taken = self.networks.take(self.key(network(address)), quota, now);
        taken.map_err(|wait| Full::noted("network", wait))
    }

    /// Whether a token may be looked up.
    pub(super) fn before_token(&self, now: Timestamp) -> Result<(), Full> {
        note(Token::Read);
        address().map_or(Ok(()), |address| self.unknown(address, now, Rates::look))
    }

    /// Counts a token that opened nothing.
    pub(super) fn unknown_token(&self, now: Timestamp) {
        note(Token::Read);
        // The answer is a refusal in any case; the next one waits.
        if let Some(address) = address() {
            let _ = self.unknown(address, now, Rates::take);
        }
    }

    fn unknown(
        &self,
        address: IpAddr,
        now: Timestamp,
        step: fn(&Rates, u64, Quota, Timestamp) -> Result<(), SignedDuration>,
    ) -> Result<(), Full> {
        let quota = Quota::per_minute(self.limits.unknown_tokens_per_minute);
        step(&self.unknown_tokens, self.key(network(address)), quota, now)
            .map_err(|wait| Full::noted("unknown-token", wait))
    }

    /// Counts a request that an app makes by itself: by what it is for, what the app calls itself and where it comes from.
    pub(super) fn app(&self, asks: Asks, tenant: &Tenant, client: &str, now: Timestamp) -> Result<(), Full> {
        let key = self.key((asks.as_str(), tenant.id.as_str(), client, address().map(network)));
        let quota = Quota::per_minute(tenant.policy.limits.token_per_minute);
        let taken = self.tokens.take(key, quota, now);
        taken.map_err(|wait| Full::noted(asks.as_str(), wait))
    }

    /// Counts a FHIR request by the person and app behind it, and takes a place until it is answered.
    pub(super) async fn caller(&self, caller: &Caller, now: Timestamp) -> Result<(), Full> {
        self.more(caller, now)?;
        let person = self.person(caller);
        let place = self.places.take(person, caller.tenant.policy.limits.fhir_at_once).await;
        let place = place.ok_or_else(|| Full::noted("at-once", SignedDuration::from_secs(1)))?;
        // Outside of a request (a test of one function) nothing holds it.
        let _ = VISIT.try_with(|visit| visit.places.borrow_mut().push(place));
        note(Token::Known);
        Ok(())
    }

    fn person(&self, caller: &Caller) -> u64 {
        let app = (caller.tenant.id.as_str(), caller.client_id.as_str());
        self.key((app, &caller.account))
    }

    /// Counts one more interaction of a request that has its place.
    pub(super) fn more(&self, caller: &Caller, now: Timestamp) -> Result<(), Full> {
        let limits = caller.tenant.policy.limits;
        let app = (caller.tenant.id.as_str(), caller.client_id.as_str());
        self.people
            .take(self.person(caller), Quota::per_minute(limits.fhir_per_minute), now)
            .map_err(|wait| Full::noted("person", wait))?;
        self.apps
            .take(self.key(app), Quota::per_hour(limits.fhir_per_app_per_hour), now)
            .map_err(|wait| Full::noted("app", wait))
    }
}
