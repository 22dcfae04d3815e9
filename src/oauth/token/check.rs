//! The check of an access token, before every request to the FHIR API.
//!
//! # Design
//! The token is looked up by its hash together with the grant, the app and the account's rights, so what was revoked,
//! withdrawn or ended is gone at the next request. The answer may be remembered for less than a second, which keeps a burst of
//! requests from one app off the database and still lets a withdrawal count within a second on every replica.
//!
//! A token that is bound to a key counts with a proof of that key and not otherwise, and a proof beside any other token is
//! refused too: nothing is let through by the weaker of two readings (RFC 9449 §7).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::backend;
use crate::config::{Tenant, TenantId};
use crate::db::{self, Conn};
use crate::oauth::acr;
use crate::oauth::dpop;
use crate::oauth::grant::store::{self, Presented};
use crate::oauth::issuer::to_the_end;
use crate::oauth::{Caller, Error, Issuer, standing};
use crate::secret::sha256;

/// How long an answer is believed: with the time of the request itself less than a second.
const BELIEVED: Duration = Duration::from_millis(900);
/// As many tokens as are remembered at once.
const MOST: usize = 10_000;

/// Recently checked tokens by their hash.
#[derive(Debug, Default)]
pub struct Checked(Mutex<HashMap<[u8; 32], Remembered>>);

#[derive(Debug)]
struct Remembered {
    behind: Behind,
    expires_at: Timestamp,
    /// By the process clock, for tests that turn it; and by the machine's, for a clock that stands still.
    at: (Timestamp, Instant),
}

/// Who stands behind a token, and what it is bound to.
#[derive(Clone, Debug)]
pub(super) struct Behind {
    pub(super) caller: Caller,
    /// The key that it is bound to.
    pub(super) jkt: Option<String>,
    /// How surely the person was recognised, and when; `None`: there is no person.
    pub(super) login: Option<(String, Timestamp)>,
}

/// How a token is shown.
#[derive(Clone, Copy)]
pub enum By<'a> {
    /// By whoever bears it (RFC 6750).
    Bearer,
    /// By whoever holds its key; with the proof of that, or without.
    Key(Option<&'a dpop::Shown>),
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is unknown, expired, revoked, of another tenant, shown in the wrong way, or of a person who may no longer see the
    /// client it is about.
    Unknown,
    /// The proof beside it is none, or was shown before.
    Proof,
    /// The tenant asks for a surer or a younger login than this one (RFC 9470).
    Login,
}

impl Checked {
    fn get(&self, tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Option<Behind> {
        let checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = checked.get(hash)?;
        let believed = SignedDuration::try_from(BELIEVED).expect("less than a second fits");
        let fresh = found.at.1.elapsed() < BELIEVED && now.duration_since(found.at.0).abs() < believed;
        let fits = fresh && now < found.expires_at && found.behind.caller.tenant.id == *tenant;
        fits.then(|| found.behind.clone())
    }

    fn put(&self, hash: [u8; 32], found: Remembered) {
        let mut checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= MOST {
            checked.retain(|_, old| old.at.1.elapsed() < BELIEVED);
            if checked.len() >= MOST {
                checked.clear();
            }
        }
        checked.insert(hash, found);
    }

    /// Forgets the tokens of a grant that this process revoked.
    pub(super) fn forget(&self, grant: &str) {
        let mut checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checked.retain(|_, old| old.behind.caller.grant != grant);
    }
}

/// Forgets the tokens of grants that were just withdrawn, so that on this process not one more request passes.
pub fn forget(issuer: &Issuer, grants: &[String]) {
    for grant in grants {
        issuer.checked().forget(grant);
    }
}

/// Who stands behind a bearer token; `None` for one that opens nothing.
pub async fn check(issuer: &Issuer, tenant: &Arc<Tenant>, bearer: &str) -> Result<Option<Caller>, Error> {
    Ok(check_as(issuer, tenant, bearer, By::Bearer).await?.ok())
}

/// Who stands behind a token that is shown in this way.
pub async fn check_as(
    issuer: &Issuer,
    tenant: &Arc<Tenant>,
    token: &str,
    by: By<'_>,
) -> Result<Result<Caller, Refused>, Error> {
    let shown = shown(issuer, tenant, token, by).await?;
    Ok(shown.map(|behind| behind.caller))
}

/// The same where dossiers are read: the person has to be recognised as surely as the tenant demands.
pub async fn check_for_data(
    issuer: &Issuer,
    tenant: &Arc<Tenant>,
    token: &str,
    by: By<'_>,
) -> Result<Result<Caller, Refused>, Error> {
    let demanded = &tenant.policy.api_login;
    let now = issuer.clock().now();
    Ok(match shown(issuer, tenant, token, by).await? {
        Ok(Behind {
            login: Some((level, at)),
            ..
        }) if !acr::suffices(demanded, &level, at, now) => Err(Refused::Login),
        other => other.map(|behind| behind.caller),
    })
}

async fn shown(
    issuer: &Issuer,
    tenant: &Arc<Tenant>,
    token: &str,
    by: By<'_>,
) -> Result<Result<Behind, Refused>, Error> {
    let Some(behind) = known(issuer, tenant, token).await? else {
        return Ok(Err(Refused::Unknown));
    };
    Ok(match (&behind.jkt, by) {
        (None, By::Bearer) => Ok(behind),
        (Some(jkt), By::Key(shown)) => {
            let proof = shown.and_then(|shown| dpop::read(shown, Some(token), issuer.clock().now()));
            match proof.filter(|proof| proof.jkt == *jkt) {
                Some(proof) if is_new(issuer, tenant, proof.clone()).await? => Ok(behind),
                _ => Err(Refused::Proof),
            }
        }
        (None, By::Key(_)) | (Some(_), By::Bearer) => Err(Refused::Unknown),
    })
}

/// Whether the proof is shown for the first time; from now on it is not.
async fn is_new(issuer: &Issuer, tenant: &Arc<Tenant>, proof: dpop::Proof) -> Result<bool, Error> {
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    to_the_end(async move {
        let mut tx = issuer.db().begin().await?;
        let first = dpop::store::first(&mut tx, &tenant.id, &proof).await?;
        tx.commit().await?;
        Ok(first)
    })
    .await
}

async fn known(issuer: &Issuer, tenant: &Arc<Tenant>, token: &str) -> Result<Option<Behind>, Error> {
    let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if token.len() != 43 || !token.bytes().all(base64url) {
        return Ok(None);
    }
    let (hash, now) = (sha256(token.as_bytes()), issuer.clock().now());
    if let Some(behind) = issuer.checked().get(&tenant.id, &hash, now) {
        return Ok(Some(behind));
    }
    let began = Instant::now();
    let mut read = issuer.db().read().await?;
    let found = match store::presented(&mut read, &tenant.id, &hash).await? {
        Some(found) => of_a_person(&mut read, tenant, found, now).await?,
        None => backend::store::presented(&mut read, &tenant.id, &hash)
            .await?
            .map(|own| own.behind(tenant)),
    };
    let Some((behind, expires_at)) = found.filter(|(_, expires_at)| now < *expires_at) else {
        return Ok(None);
    };
    let remembered = Remembered {
        behind: behind.clone(),
        expires_at,
        at: (now, began),
    };
    issuer.checked().put(hash, remembered);
    Ok(Some(behind))
}

/// The person behind a token, with the rights that are left.
async fn of_a_person(
    conn: &mut Conn,
    tenant: &Arc<Tenant>,
    found: Presented,
    now: Timestamp,
) -> Result<Option<(Behind, Timestamp)>, db::Error> {
    let patient = found.patient.as_ref();
    let rights = standing::rights(conn, tenant, &found.account, patient, now).await?;
    Ok(rights.map(|rights| {
        let caller = Caller {
            tenant: Arc::clone(tenant),
            account: Some(found.account),
            client_id: found.client_id,
            grant: found.grant,
            scopes: found.scopes,
            patient: found.patient,
            fhir_user: found.fhir_user,
            rights,
        };
        let behind = Behind {
            caller,
            jkt: found.jkt,
            login: Some((found.acr, found.auth_time)),
        };
        (behind, found.expires_at)
    }))
}
