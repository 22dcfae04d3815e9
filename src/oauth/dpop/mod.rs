//! Proofs that an app holds the key that its token is bound to (DPoP, RFC 9449).
//!
//! ```text
//! Authorization: DPoP <access token>
//! DPoP: { "typ": "dpop+jwt", "alg": "ES256", "jwk": {…} }
//!       { "jti": "-BwC3ESc6acc2lTc", "htm": "GET", "htu": "https://host/topaz/fhir/Patient/1", "iat": 1795342800, "ath": "fUHy…" }
//! ```
//!
//! # Design
//! A token that was given for a proof is good for nobody who does not hold the key: it opens nothing as a bearer token, and a
//! bearer token opens nothing with a proof. A proof counts once, for one method and one address, for five minutes. Its `jti` is
//! remembered in the database, so it counts once on all replicas together; only as long as its `iat` lets it count, and at the
//! FHIR API only after its token was found, so a stranger cannot fill the table.
//!
//! There is no nonce of the server's: it would keep proofs from being made in advance, by somebody who has the key for a moment
//! and not for good, at the price of a second request. The address is compared with the configured public one, never with a
//! request's `Host`.

pub(crate) mod store;
#[cfg(test)]
pub(crate) mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::jws::{self, Jws};
use crate::secret::sha256;

/// What a proof may be signed by.
pub const ALGORITHMS: [&str; 4] = ["ES256", "ES384", "PS256", "RS256"];

/// The type of a proof, `typ`.
const TYPE: &str = "dpop+jwt";
/// For so long a proof counts.
const LIFE: i64 = 5 * 60;
/// By how much clocks may differ.
const SKEW: i64 = 60;

/// A proof as it came with a request.
#[derive(Clone)]
pub struct Shown {
    /// The `DPoP` header.
    pub jwt: String,
    pub method: String,
    /// What the request was sent to, as apps see it.
    pub url: String,
}

/// A proof that counts if it is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The thumbprint of the key (RFC 7638).
    pub(super) jkt: String,
    /// Names the proof.
    hash: [u8; 32],
    until: Timestamp,
}

/// The proof, if it is one for this request, and for this token where one is used (RFC 9449 §4.3).
pub(super) fn read(shown: &Shown, token: Option<&str>, now: Timestamp) -> Option<Proof> {
    let read = Jws::read(&shown.jwt)?;
    let alg = read.says("alg").filter(|alg| ALGORITHMS.contains(alg))?;
    let key = read.header.get("jwk")?;
    let typed = read.says("typ").is_some_and(|kind| kind.eq_ignore_ascii_case(TYPE));
    let tells = jws::PRIVATE.iter().any(|name| key.get(name).is_some());
    if !typed || tells || !read.signed_by(key, alg) {
        return None;
    }
    let text = |name: &str| read.claims.get(name).and_then(Value::as_str);
    let jti = text("jti").filter(|jti| (1..=255).contains(&jti.len()))?;
    let iat = read.claims.get("iat")?.as_i64()?;
    let age = now.as_second().checked_sub(iat)?;
    let here = text("htm")? == shown.method && address(text("htu")?)? == address(&shown.url)?;
    let of_token = match token {
        None => true,
        Some(token) => text("ath")? == URL_SAFE_NO_PAD.encode(sha256(token.as_bytes())),
    };
    if !here || !of_token || !(-SKEW..=LIFE).contains(&age) {
        return None;
    }
    let jkt = jws::thumbprint(key)?;
    Some(Proof {
        hash: sha256(format!("{jkt} {jti}").as_bytes()),
        jkt,
        until: Timestamp::from_second(iat).ok()? + SignedDuration::from_secs(LIFE + SKEW),
    })
}

/// Without query and fragment, and in the one way that addresses are written (RFC 9449 §4.3).
fn address(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

/// Whether it can be the thumbprint of a key: 43 base64url characters.
pub(super) fn is_thumbprint(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == 43 && text.bytes().all(base64url)
}
