//! The keys that sign id tokens, and the public key set of a tenant.
//!
//! ```text
//! inzage key generate                     # the first keys; a gateway that is https does not start without
//! inzage key rotate --tenant topaz        # a new one of each kind, which signs two hours from now
//! inzage key list --tenant topaz
//! ```
//!
//! # Design
//! Each tenant has a key for each algorithm: RS256, because that is the one that every SMART app verifies, and ES256 and ES384
//! for who asks for them. aws-lc-rs makes the keys and signs; the `rsa` crate never sees a private key (RUSTSEC-2023-0071). A
//! key is kept sealed under the deployment's master key and bound to its tenant.
//!
//! A new key is published two hours before it signs, and the old one stays published for eight days: nobody who caches the
//! key set for an hour ever meets a signature that they cannot check, and the last token that the old key signed has long
//! ended. After that its row is deleted.
//!
//! A gateway in production makes no first key by itself: one that starts on an empty database by mistake would sign with keys
//! that no app has ever seen.

mod pair;
mod rotate;
pub(crate) mod store;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub use rotate::{Key, Standing, Stays, When, exists, generate, list, retire, rotate};

use self::pair::Pair;
use super::jws::Jws;
use super::{Error, Issuer};
use crate::config::{SigningAlg, TenantId};
use crate::db::Conn;
use crate::secret::{hex, sha256};

/// How long verifiers may cache the key set.
pub const CACHED: SignedDuration = SignedDuration::from_hours(1);
/// After this a process looks whether another one has rotated.
const BELIEVED: SignedDuration = SignedDuration::from_secs(60);

/// The key sets that this process has read.
#[derive(Debug, Default)]
pub struct Keys {
    read: std::sync::Mutex<HashMap<TenantId, (Timestamp, Arc<KeySet>)>>,
    /// One new key at a time: making one takes a second of CPU.
    making: tokio::sync::Mutex<()>,
}

impl Keys {
    fn forget(&self, tenant: &TenantId) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.remove(tenant);
    }
}

/// The keys of one tenant at one moment.
#[derive(Debug)]
pub struct KeySet {
    /// At most one an algorithm.
    signers: Vec<Signer>,
    public: Vec<Value>,
    /// The JWK Set as it is served.
    pub jwks: String,
    /// Changes with the set.
    pub etag: String,
}

#[derive(Debug)]
struct Signer {
    alg: SigningAlg,
    kid: String,
    pair: Pair,
}

impl KeySet {
    /// The claims of a JWT that one of these keys signed, expired or not: what an app shows to say whom it means.
    pub(super) fn read(&self, jwt: &str) -> Option<Value> {
        let read = Jws::read(jwt)?;
        let (kid, alg) = (read.says("kid")?, read.says("alg")?);
        let key = self.public.iter().find(|key| key["kid"] == kid && key["alg"] == alg)?;
        read.signed_by(key, alg).then_some(Value::Object(read.claims))
    }

    /// A signed JWT.
    pub fn sign(&self, alg: SigningAlg, claims: &impl Serialize) -> Result<String, Error> {
        let signer = self.signers.iter().find(|signer| signer.alg == alg);
        let signer = signer.ok_or(Error::Key("none of this algorithm may sign yet"))?;
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({"alg": alg.as_str(), "typ": "JWT", "kid": signer.kid});
        let claims = serde_json::to_vec(claims).map_err(|_| Error::Key("the claims are not JSON"))?;
        let message = format!("{}.{}", part(header.to_string().as_bytes()), part(&claims));
        let signature = signer.pair.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", part(&signature)))
    }
}

/// A key as it is kept.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) ordinal: i64,
    pub(crate) alg: SigningAlg,
    pub(crate) kid: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) made_at: Timestamp,
    pub(crate) sign_from: Timestamp,
    pub(crate) publish_until: Option<Timestamp>,
}

impl Kept {
    fn is_published(&self, now: Timestamp) -> bool {
        self.publish_until.is_none_or(|until| now < until)
    }
}

/// The keys of a tenant.
pub async fn load(issuer: &Issuer, tenant: &TenantId) -> Result<Arc<KeySet>, Error> {
    match known(issuer, tenant) {
        Some(set) => Ok(set),
        None => load_by(&mut *issuer.db().read().await?, issuer, tenant).await,
    }
}

/// The same by a connection that is at hand: who waits for a second one while holding a first can wait for ever.
pub(super) async fn load_by(conn: &mut Conn, issuer: &Issuer, tenant: &TenantId) -> Result<Arc<KeySet>, Error> {
    let now = issuer.clock().now();
    if let Some(set) = remembered(issuer, tenant, now) {
        return Ok(set);
    }
    let mut kept = store::all(conn, tenant).await?;
    kept.retain(|key| key.is_published(now));
    let set = Arc::new(open(issuer, tenant, &kept, now)?);
    let mut read = issuer.keys().read.lock().unwrap_or_else(PoisonError::into_inner);
    read.insert(tenant.clone(), (now, Arc::clone(&set)));
    Ok(set)
}

/// The keys of a tenant, if this process has read them lately: for code that cannot wait.
pub(super) fn known(issuer: &Issuer, tenant: &TenantId) -> Option<Arc<KeySet>> {
    remembered(issuer, tenant, issuer.clock().now())
}

fn remembered(issuer: &Issuer, tenant: &TenantId, now: Timestamp) -> Option<Arc<KeySet>> {
    let read = issuer.keys().read.lock().unwrap_or_else(PoisonError::into_inner);
    let (at, set) = read.get(tenant)?;
    (now.duration_since(*at).abs() < BELIEVED).then(|| Arc::clone(set))
}

/// The key that signs by this algorithm: the newest that may.
fn signs(kept: &[Kept], alg: SigningAlg, now: Timestamp) -> Option<&Kept> {
    let may = |key: &&Kept| key.alg == alg && key.sign_from <= now && key.is_published(now);
    kept.iter().filter(may).max_by_key(|key| (key.sign_from, key.ordinal))
}

fn open(issuer: &Issuer, tenant: &TenantId, kept: &[Kept], now: Timestamp) -> Result<KeySet, Error> {
    let (mut signers, mut public) = (Vec::new(), Vec::new());
    for key in kept {
        let der = issuer
            .sealer()
            .open(tenant.as_str().as_bytes(), &key.sealed)
            .map(Zeroizing::new)
            .ok_or(Error::Key("it was sealed under another master key"))?;
        let (kid, jwk) = pair::public(key.alg, &der)?;
        if kid != key.kid {
            return Err(Error::Key("its id does not fit"));
        }
        public.push(jwk);
        if signs(kept, key.alg, now).is_some_and(|signs| signs.kid == kid) {
            let pair = Pair::read(key.alg, &der)?;
            let alg = key.alg;
            signers.push(Signer { alg, kid, pair });
        }
    }
    if signers.is_empty() {
        return Err(Error::Key("none may sign: make one with `inzage key generate`"));
    }
    let jwks = json!({ "keys": public }).to_string();
    Ok(KeySet {
        signers,
        public,
        etag: format!("\"{}\"", &hex(&sha256(jwks.as_bytes()))[..16]),
        jwks,
    })
}

#[cfg(test)]
mod tests;

/// Puts a ready-made RSA key into a test's database.
#[cfg(test)]
pub(super) async fn plant(tx: &mut crate::db::Tx, issuer: &Issuer, tenant: &TenantId, der: &[u8]) {
    let now = issuer.clock().now();
    let key = Kept {
        ordinal: 1,
        alg: SigningAlg::Rs256,
        kid: pair::public(SigningAlg::Rs256, der).unwrap().0,
        sealed: issuer.sealer().seal(issuer.random(), tenant.as_str().as_bytes(), der),
        made_at: now,
        sign_from: now,
        publish_until: None,
    };
    assert!(store::insert(tx, tenant, &key).await.unwrap());
}
