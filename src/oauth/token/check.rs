//! The check of an access token, before every request to the FHIR API.
//!
//! # Design
//! The token is looked up by its hash together with the grant, the app and the account's rights, so what was revoked,
//! withdrawn or ended is gone at the next request. The answer may be remembered for less than a second, which keeps a burst of
//! requests from one app off the database and still lets a withdrawal count within a second on every replica.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::backend;
use crate::config::{Tenant, TenantId};
use crate::db::{self, Conn};
use crate::oauth::grant::store::{self, Presented};
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
    caller: Caller,
    expires_at: Timestamp,
    /// By the process clock, for tests that turn it; and by the machine's, for a clock that stands still.
    at: (Timestamp, Instant),
}

impl Checked {
    fn get(&self, tenant: &TenantId, hash: &[u8; 32], now: Timestamp) -> Option<Caller> {
        let checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = checked.get(hash)?;
        let believed = SignedDuration::try_from(BELIEVED).expect("less than a second fits");
        let fresh = found.at.1.elapsed() < BELIEVED && now.duration_since(found.at.0).abs() < believed;
        let fits = fresh && now < found.expires_at && found.caller.tenant.id == *tenant;
        fits.then(|| found.caller.clone())
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
        checked.retain(|_, old| old.caller.grant != grant);
    }
}

/// Forgets the tokens of grants that were just withdrawn, so that on this process not one more request passes.
pub fn forget(issuer: &Issuer, grants: &[String]) {
    for grant in grants {
        issuer.checked().forget(grant);
    }
}

/// Who stands behind a bearer token; `None` for one that is unknown, expired, revoked, of another tenant, or of a person who may
/// no longer see the client it is about.
pub async fn check(issuer: &Issuer, tenant: &Arc<Tenant>, bearer: &str) -> Result<Option<Caller>, Error> {
    let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if bearer.len() != 43 || !bearer.bytes().all(base64url) {
        return Ok(None);
    }
    let (hash, now) = (sha256(bearer.as_bytes()), issuer.clock().now());
    if let Some(caller) = issuer.checked().get(&tenant.id, &hash, now) {
        return Ok(Some(caller));
    }
    let began = Instant::now();
    let mut read = issuer.db().read().await?;
    let found = match store::presented(&mut read, &tenant.id, &hash).await? {
        Some(found) => of_a_person(&mut read, tenant, found, now).await?,
        None => backend::store::presented(&mut read, &tenant.id, &hash)
            .await?
            .map(|own| own.caller(tenant)),
    };
    let Some((caller, expires_at)) = found.filter(|(_, expires_at)| now < *expires_at) else {
        return Ok(None);
    };
    let remembered = Remembered {
        caller: caller.clone(),
        expires_at,
        at: (now, began),
    };
    issuer.checked().put(hash, remembered);
    Ok(Some(caller))
}

/// The person behind a token, with the rights that are left.
async fn of_a_person(
    conn: &mut Conn,
    tenant: &Arc<Tenant>,
    found: Presented,
    now: Timestamp,
) -> Result<Option<(Caller, Timestamp)>, db::Error> {
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
        (caller, found.expires_at)
    }))
}
