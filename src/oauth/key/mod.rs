//! The keys that sign id tokens, and the public key set of a tenant.
//!
//! # Design
//! RS256, because that is the one algorithm that every SMART app verifies. aws-lc-rs makes the keys and signs; the `rsa` crate
//! never sees a private key (RUSTSEC-2023-0071). A key is kept sealed under the deployment's master key and bound to its tenant.
//!
//! A new key is published two hours before it signs, and the old one stays published for eight days: nobody who caches the
//! key set for an hour ever meets a signature that they cannot check.

pub(crate) mod store;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, KeyOperations, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::issuer::to_the_end;
use super::{Error, Issuer};
use crate::audit::{self, Action, Entry, Outcome};
use crate::config::TenantId;
use crate::fhir::json as guard;
use crate::secret::{hex, sha256};

const SIZE: KeySize = KeySize::Rsa3072;
/// How long verifiers may cache the key set.
pub const CACHED: SignedDuration = SignedDuration::from_hours(1);
const PUBLISHED_BEFORE: SignedDuration = SignedDuration::from_hours(2);
const PUBLISHED_AFTER: SignedDuration = SignedDuration::from_hours(8 * 24);
/// After this a process looks whether another one has rotated.
const BELIEVED: SignedDuration = SignedDuration::from_secs(60);

/// The key sets that this process has read.
#[derive(Debug, Default)]
pub struct Keys {
    read: std::sync::Mutex<HashMap<TenantId, (Timestamp, Arc<KeySet>)>>,
    /// One first key at a time: making one takes a second of CPU.
    making: tokio::sync::Mutex<()>,
}

/// The keys of one tenant at one moment.
#[derive(Debug)]
pub struct KeySet {
    signer: Signer,
    /// The JWK Set as it is served.
    pub jwks: String,
    /// Changes with the set.
    pub etag: String,
}

#[derive(Debug)]
struct Signer {
    kid: String,
    key: KeyPair,
}

impl KeySet {
    /// The claims of a JWT that one of these keys signed, expired or not: what an app shows to say whom it means.
    pub(super) fn read(&self, jwt: &str) -> Option<Value> {
        if jwt.len() > 8 * 1024 {
            return None;
        }
        let (message, signature) = jwt.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let part = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            guard::parse(&bytes, guard::Limits::source(8 * 1024)).ok()
        };
        let header = part(header)?;
        let set: Value = serde_json::from_str(&self.jwks).ok()?;
        let key = set["keys"].as_array()?.iter().find(|key| key["kid"] == header["kid"])?;
        let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
        let public = RsaPublicKeyComponents {
            n: number("n")?,
            e: number("e")?,
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signed = header["alg"] == "RS256"
            && public
                .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
                .is_ok();
        signed.then(|| part(claims)).flatten()
    }

    /// A signed JWT.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.signer.kid});
        let claims = serde_json::to_vec(claims).map_err(|_| Error::Key("the claims are not JSON"))?;
        let message = format!("{}.{}", part(header.to_string().as_bytes()), part(&claims));
        let mut signature = vec![0; self.signer.key.public_modulus_len()];
        let rng = aws_lc_rs::rand::SystemRandom::new();
        self.signer
            .key
            .sign(&RSA_PKCS1_SHA256, &rng, message.as_bytes(), &mut signature)
            .map_err(|_| Error::Key("it does not sign"))?;
        Ok(format!("{message}.{}", part(&signature)))
    }
}

/// A key as it is kept.
pub(crate) struct Kept {
    pub(crate) ordinal: i64,
    pub(crate) kid: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) sign_from: Timestamp,
}

/// The keys of a tenant; the first call ever makes the first key. Call it at the start for every tenant.
pub async fn load(issuer: &Issuer, tenant: &TenantId) -> Result<Arc<KeySet>, Error> {
    let now = issuer.clock().now();
    if let Some(set) = remembered(issuer, tenant, now) {
        return Ok(set);
    }
    let _making = issuer.keys().making.lock().await;
    if let Some(set) = remembered(issuer, tenant, now) {
        return Ok(set);
    }
    let mut kept = store::published(&mut *issuer.db().read().await?, tenant, now).await?;
    if kept.is_empty() {
        add(issuer, tenant, 1, now).await?;
        // Another replica may have been first: what stands in the database counts.
        kept = store::published(&mut *issuer.db().read().await?, tenant, now).await?;
    }
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

/// Adds a key that signs from two hours on, and takes the others out eight days after that.
pub async fn rotate(issuer: &Issuer, tenant: &TenantId) -> Result<(), Error> {
    let now = issuer.clock().now();
    let kept = store::published(&mut *issuer.db().read().await?, tenant, now).await?;
    let next = kept.iter().map(|key| key.ordinal).max().unwrap_or(0) + 1;
    add(issuer, tenant, next, now + PUBLISHED_BEFORE).await
}

async fn add(issuer: &Issuer, tenant: &TenantId, ordinal: i64, sign_from: Timestamp) -> Result<(), Error> {
    let (issuer, tenant) = (issuer.clone(), tenant.clone());
    to_the_end(async move {
        let made = tokio::task::spawn_blocking(|| KeyPair::generate(SIZE))
            .await
            .map_err(|_| Error::Died)?
            .map_err(|_| Error::Key("it could not be made"))?;
        let der: Pkcs8V1Der<'_> = made.as_der().map_err(|_| Error::Key("it has no DER form"))?;
        let (kid, _) = public(der.as_ref())?;
        let key = Kept {
            ordinal,
            kid,
            sealed: issuer
                .sealer()
                .seal(issuer.random(), tenant.as_str().as_bytes(), der.as_ref()),
            sign_from,
        };
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        if store::insert(&mut tx, &tenant, &key).await? {
            store::retire(&mut tx, &tenant, ordinal, sign_from + PUBLISHED_AFTER).await?;
            let entry = Entry::new(tenant, Action::System, Outcome::Success);
            audit::write(&mut tx, &entry, now).await?;
            tx.commit().await?;
        }
        Ok(())
    })
    .await
}

fn open(issuer: &Issuer, tenant: &TenantId, kept: &[Kept], now: Timestamp) -> Result<KeySet, Error> {
    let mut signer: Option<(&Kept, KeyPair)> = None;
    let mut keys = Vec::new();
    for key in kept {
        let der = issuer
            .sealer()
            .open(tenant.as_str().as_bytes(), &key.sealed)
            .map(Zeroizing::new)
            .ok_or(Error::Key("it was sealed under another master key"))?;
        let (kid, jwk) = public(&der)?;
        if kid != key.kid {
            return Err(Error::Key("its id does not fit"));
        }
        keys.push(jwk);
        let newer = signer.as_ref().is_none_or(|(other, _)| key.sign_from > other.sign_from);
        if key.sign_from <= now && newer {
            let pair = KeyPair::from_pkcs8(&der).map_err(|_| Error::Key("it cannot be read"))?;
            signer = Some((key, pair));
        }
    }
    let (kept, key) = signer.ok_or(Error::Key("none may sign yet"))?;
    let jwks = json!({ "keys": keys }).to_string();
    Ok(KeySet {
        signer: Signer {
            kid: kept.kid.clone(),
            key,
        },
        etag: format!("\"{}\"", &hex(&sha256(jwks.as_bytes()))[..16]),
        jwks,
    })
}

/// The key's id (RFC 7638) and its public half as a JWK.
fn public(pkcs8: &[u8]) -> Result<(String, Value), Error> {
    let unreadable = |_| Error::Key("it has no public half");
    let pem = Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8)
    ));
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(unreadable)?;
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(unreadable)?;
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(unreadable)?;
    jwk.common.key_id = Some(kid.clone());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_operations = Some(vec![KeyOperations::Verify]);
    let jwk = serde_json::to_value(jwk).map_err(|_| Error::Key("it has no public half"))?;
    Ok((kid, jwk))
}

#[cfg(test)]
mod tests;

/// Puts a ready-made key into a test's database.
#[cfg(test)]
pub(super) async fn plant(tx: &mut crate::db::Tx, issuer: &Issuer, tenant: &TenantId, der: &[u8]) {
    let key = Kept {
        ordinal: 1,
        kid: public(der).unwrap().0,
        sealed: issuer.sealer().seal(issuer.random(), tenant.as_str().as_bytes(), der),
        sign_from: issuer.clock().now(),
    };
    assert!(store::insert(tx, tenant, &key).await.unwrap());
}
