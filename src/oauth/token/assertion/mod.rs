//! An app proves itself by a JWT that it signed (`private_key_jwt`: RFC 7523, SMART's asymmetric client authentication).
//!
//! ```text
//! { "alg": "ES384", "kid": "2026", "typ": "JWT" }
//! { "iss": "my-app", "sub": "my-app", "aud": "https://host/topaz/oauth/token", "exp": 1795342800, "jti": "9f2c…" }
//! ```
//!
//! # Design
//! The algorithm comes from the registered key, and the header only has to agree; nothing in the header (`jku`, `x5c`, `jwk`)
//! can bring a key along: a `jku` may only repeat the address that was registered. Numbers are whole seconds. `jti` is
//! remembered in the database under the app, so an assertion counts once on all replicas together.

pub(super) mod store;
#[cfg(test)]
pub(super) mod tests;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::config::TenantId;
use crate::db::{self, Conn};
use crate::oauth::Issuer;
use crate::oauth::app::{App, Kind, PublicKeys};
use crate::oauth::discovery::Addresses;
use crate::oauth::jws::{self, Jws};
use crate::secret::sha256;

/// The value of `client_assertion_type`.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What a key may sign with.
pub(in crate::oauth) const ALGORITHMS: [&str; 2] = ["ES384", "RS384"];

/// <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html>: no later than five minutes in the future.
const LIFE: i64 = 5 * 60;
/// By how much clocks may differ.
const SKEW: i64 = 60;
/// Members of a header that bring a key along.
const FOREIGN: [&str; 5] = ["jwk", "x5u", "x5c", "x5t", "x5t#S256"];

/// The app that the assertion says it comes from.
pub(super) fn says(jwt: &str) -> Option<String> {
    let read = Jws::read(jwt)?;
    let client_id = read.claims.get("sub")?.as_str()?;
    (read.claims.get("iss")?.as_str()? == client_id).then(|| client_id.to_owned())
}

/// The key that the assertion says it was signed with.
pub(super) fn kid(jwt: &str) -> Option<String> {
    Jws::read(jwt)?.says("kid").map(str::to_owned)
}

/// Whether the assertion proves, for the first time, that the app speaks. One that proves it is used up. `fetched` holds the
/// keys of an app that keeps them at an address of its own.
pub(super) async fn proves(
    conn: &mut Conn,
    issuer: &Issuer,
    tenant: &TenantId,
    app: &App,
    jwt: &str,
    fetched: Option<&Fetched>,
) -> Result<bool, db::Error> {
    let at = Addresses::of(issuer, tenant);
    let now = issuer.clock().now();
    let keys = match (&app.kind, fetched) {
        (Kind::Key(PublicKeys::Given(set)), _) => serde_json::from_str(set).ok(),
        // The registration may have changed since the keys were fetched.
        (Kind::Key(PublicKeys::At(address)), Some(fetched)) if fetched.from == *address => Some(fetched.set.clone()),
        _ => None,
    };
    let Some(proof) = keys.and_then(|keys: Value| verified(app, &keys, jwt, &[&at.token, &at.issuer], now)) else {
        return Ok(false);
    };
    let jti = sha256(proof.jti.as_bytes());
    store::first(conn, tenant, &app.client_id, &jti, proof.remembered_until).await
}

/// The key set of an app, and the address it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::oauth) struct Fetched {
    pub(super) from: String,
    pub(super) set: Value,
}

/// A proof that counts if its `jti` is new.
#[derive(Debug, PartialEq, Eq)]
struct Proof {
    jti: String,
    remembered_until: Timestamp,
}

fn verified(app: &App, keys: &Value, jwt: &str, audiences: &[&str], now: Timestamp) -> Option<Proof> {
    let read = Jws::read(jwt)?;
    let typed = read.says("typ").is_some_and(|kind| kind.eq_ignore_ascii_case("JWT"));
    let elsewhere = match (read.header.get("jku"), &app.kind) {
        (None, _) => false,
        (Some(jku), Kind::Key(PublicKeys::At(address))) => jku != address,
        (Some(_), _) => true,
    };
    if !typed || elsewhere || FOREIGN.iter().any(|name| read.header.contains_key(*name)) {
        return None;
    }
    let (algorithm, kid) = (read.says("alg")?, read.says("kid")?);
    let signs = |key: &&Value| key["kid"] == kid && fits(key, algorithm);
    let key = keys["keys"].as_array()?.iter().find(signs)?;
    read.signed_by(key, algorithm)
        .then(|| claims(&read.claims, app, audiences, now))
        .flatten()
}

/// What the claims have to say, after the signature was right.
fn claims(claims: &Map<String, Value>, app: &App, audiences: &[&str], now: Timestamp) -> Option<Proof> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let own = text("iss")? == app.client_id && text("sub")? == app.client_id;
    // One audience: an assertion that is good for two servers can be carried from one to the other.
    let here = audiences.contains(&text("aud")?);
    let jti = text("jti").filter(|jti| (1..=255).contains(&jti.len()))?;
    let (now, exp) = (now.as_second(), claims.get("exp")?.as_i64()?);
    let lives = now < exp && exp <= now + LIFE + SKEW;
    let begun = ["iat", "nbf"].iter().all(|name| {
        let at = claims.get(*name).map(Value::as_i64);
        at.is_none_or(|at| at.is_some_and(|at| at <= now + SKEW))
    });
    (own && here && lives && begun).then(|| Proof {
        jti: jti.to_owned(),
        remembered_until: Timestamp::from_second(exp).unwrap_or(Timestamp::MAX) + SignedDuration::from_secs(SKEW),
    })
}

/// Whether this registered key signs with this algorithm and for this purpose.
fn fits(key: &Value, algorithm: &str) -> bool {
    ALGORITHMS.contains(&algorithm) && jws::fits(key, algorithm)
}
