//! Keys come and go: the first one, the next one, one that has to go.
//!
//! # Design
//! What happens is decided inside the transaction that writes it, from every row of the tenant, and a row is written under the
//! next free ordinal: of two that decide at once one finds the ordinal taken, looks again, and finds the other's key. So
//! however many operators and replicas rotate together, one new key comes of it, and each of them is told which.

use jiff::{SignedDuration, Timestamp};

use super::{Kept, pair, signs, store};
use crate::audit::{self, Action, Entry, Outcome};
use crate::config::{SigningAlg, TenantId};
use crate::db::Tx;
use crate::oauth::issuer::to_the_end;
use crate::oauth::{Error, Issuer};

const PUBLISHED_BEFORE: SignedDuration = SignedDuration::from_hours(2);
const PUBLISHED_AFTER: SignedDuration = SignedDuration::from_hours(8 * 24);
/// A key that signs at once and was asked for this lately is not asked for again.
const SAME: SignedDuration = SignedDuration::from_mins(1);
/// How often the ordinal may be taken: by every other algorithm of every replica, and by a few operators.
const TRIES: usize = 100;

/// A key and what it is good for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub alg: SigningAlg,
    pub kid: String,
    pub standing: Standing,
    pub sign_from: Timestamp,
    /// `None`: as long as it signs.
    pub publish_until: Option<Timestamp>,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Published, so that verifiers know it when it begins to sign.
    Waiting,
    Signing,
    /// Published for what it has signed.
    Published,
    Retired,
}

impl Standing {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Signing => "signing",
            Self::Published => "published",
            Self::Retired => "retired",
        }
    }
}

/// When a new key begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When everybody who caches the key set has seen it.
    Published,
    /// At once: the old one may be in wrong hands. Verifiers that fetch the set on an unknown key id notice nothing.
    Now,
}

/// Why a key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stays {
    #[error("there is no published key with this id")]
    Unknown,
    #[error("it is the key that signs: make another one sign first, with `inzage key rotate --now`")]
    Signs,
}

/// What is wanted of an algorithm.
#[derive(Clone, Copy)]
enum Want {
    /// Any key at all.
    First,
    Next(When),
}

impl Want {
    /// The key that is there already and is what is wanted.
    fn found(self, kept: &[Kept], alg: SigningAlg, now: Timestamp) -> Option<&Kept> {
        let newest = kept.iter().find(|key| key.alg == alg && key.is_published(now))?;
        let is_it = match self {
            Self::First => true,
            Self::Next(When::Published) => now < newest.sign_from,
            Self::Next(When::Now) => newest.sign_from <= now && now.duration_since(newest.made_at) < SAME,
        };
        is_it.then_some(newest)
    }
}

/// Whether the tenant has a key.
pub async fn exists(issuer: &Issuer, tenant: &TenantId) -> Result<bool, Error> {
    let kept = store::all(&mut *issuer.db().read().await?, tenant).await?;
    Ok(kept.iter().any(|key| key.is_published(issuer.clock().now())))
}

/// Makes a key for every algorithm that has none; it signs at once, because nobody can have cached a set without it.
pub async fn generate(issuer: &Issuer, tenant: &TenantId) -> Result<(), Error> {
    for alg in SigningAlg::ALL {
        Box::pin(wanted(issuer, tenant, alg, Want::First)).await?;
    }
    Ok(())
}

/// The next key of an algorithm: it is made, unless the last rotation has not ended yet. Returns its id.
pub async fn rotate(issuer: &Issuer, tenant: &TenantId, alg: SigningAlg, when: When) -> Result<String, Error> {
    Box::pin(wanted(issuer, tenant, alg, Want::Next(when))).await
}

async fn wanted(issuer: &Issuer, tenant: &TenantId, alg: SigningAlg, want: Want) -> Result<String, Error> {
    let (issuer, tenant) = (issuer.clone(), tenant.clone());
    to_the_end(async move {
        let _making = issuer.keys().making.lock().await;
        let kept = store::all(&mut *issuer.db().read().await?, &tenant).await?;
        if let Some(found) = want.found(&kept, alg, issuer.clock().now()) {
            return Ok(found.kid.clone());
        }
        let der = tokio::task::spawn_blocking(move || pair::make(alg))
            .await
            .map_err(|_| Error::Died)??;
        let (kid, _) = pair::public(alg, &der)?;
        let sealed = issuer.sealer().seal(issuer.random(), tenant.as_str().as_bytes(), &der);
        let mut key = Kept {
            ordinal: 0,
            alg,
            kid,
            sealed,
            made_at: Timestamp::MIN,
            sign_from: Timestamp::MIN,
            publish_until: None,
        };
        for _ in 0..TRIES {
            let now = issuer.clock().now();
            let mut tx = issuer.db().begin().await?;
            if let Some(kid) = add(&mut tx, &tenant, want, &mut key, now).await? {
                tx.commit().await?;
                issuer.keys().forget(&tenant);
                return Ok(kid);
            }
        }
        Err(Error::Key("too many others were made at the same time: try again"))
    })
    .await
}

/// Writes the key, unless what is wanted is there by now. `None`: somebody else wrote a key meanwhile.
async fn add(
    tx: &mut Tx,
    tenant: &TenantId,
    want: Want,
    key: &mut Kept,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    let kept = store::all(tx, tenant).await?;
    if let Some(found) = want.found(&kept, key.alg, now) {
        return Ok(Some(found.kid.clone()));
    }
    key.ordinal = kept.first().map_or(1, |newest| newest.ordinal + 1);
    key.made_at = now;
    key.sign_from = match want {
        Want::First | Want::Next(When::Now) => now,
        Want::Next(When::Published) => now + PUBLISHED_BEFORE,
    };
    if !store::insert(tx, tenant, key).await? {
        return Ok(None);
    }
    let until = key.sign_from + PUBLISHED_AFTER;
    for old in kept.iter().filter(|old| old.alg == key.alg && old.is_published(now)) {
        // A key that waited never signs now: the new one is newer.
        let until = if now < old.sign_from { now } else { until };
        if old.publish_until.is_none_or(|before| until < before) {
            store::publish_until(tx, tenant, old.ordinal, Some(until)).await?;
        }
    }
    changed(tx, tenant, now).await?;
    Ok(Some(key.kid.clone()))
}

/// Takes a key out of the published set at once: what it signed is worth nothing from then on.
pub async fn retire(issuer: &Issuer, tenant: &TenantId, kid: &str) -> Result<Result<(), Stays>, Error> {
    let (issuer, tenant, kid) = (issuer.clone(), tenant.clone(), kid.to_owned());
    to_the_end(async move {
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        let kept = store::all(&mut tx, &tenant).await?;
        let Some(key) = kept.iter().find(|key| key.kid == kid && key.is_published(now)) else {
            return Ok(Err(Stays::Unknown));
        };
        let signer = signs(&kept, key.alg, now);
        if signer.is_none_or(|signer| signer.kid == kid) {
            return Ok(Err(Stays::Signs));
        }
        store::publish_until(&mut tx, &tenant, key.ordinal, Some(now)).await?;
        if let Some(signer) = signer.filter(|_| now < key.sign_from) {
            // It would have taken over: the one that signs goes on.
            store::publish_until(&mut tx, &tenant, signer.ordinal, None).await?;
        }
        changed(&mut tx, &tenant, now).await?;
        tx.commit().await?;
        issuer.keys().forget(&tenant);
        Ok(Ok(()))
    })
    .await
}

async fn changed(tx: &mut Tx, tenant: &TenantId, now: Timestamp) -> Result<(), Error> {
    let entry = Entry::new(tenant.clone(), Action::KeyChanged, Outcome::Success);
    Ok(audit::write(tx, &entry, now).await?)
}

/// The keys of a tenant, the newest first.
pub async fn list(issuer: &Issuer, tenant: &TenantId) -> Result<Vec<Key>, Error> {
    let now = issuer.clock().now();
    let kept = store::all(&mut *issuer.db().read().await?, tenant).await?;
    let standing = |key: &Kept| match () {
        () if !key.is_published(now) => Standing::Retired,
        () if now < key.sign_from => Standing::Waiting,
        () if signs(&kept, key.alg, now).is_some_and(|signs| signs.kid == key.kid) => Standing::Signing,
        () => Standing::Published,
    };
    Ok(kept
        .iter()
        .map(|key| Key {
            alg: key.alg,
            kid: key.kid.clone(),
            standing: standing(key),
            sign_from: key.sign_from,
            publish_until: key.publish_until,
        })
        .collect())
}
