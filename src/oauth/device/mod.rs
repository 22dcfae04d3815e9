//! A device without a keyboard logs somebody in by the browser of another one (RFC 8628).
//!
//! # Design
//! The device gets two codes: a long one, by which it asks how things stand, and a short one, which the person types in a
//! browser. From there on it is a login like any other: password, second factor, client, approval; only the answer goes to
//! the device instead of a redirect address. The approval is asked for each time and says that it is for a device, because
//! whoever makes a stranger type a code gets the stranger's dossier (RFC 8628 §5.4).
//!
//! Eight consonants are 34 bits: a row lives ten minutes, and wrong codes are counted per network by `login`. No vowels, so no
//! words. The device code is used up once; what comes with it afterwards ends the family, as with any code.

pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::app::Grants;
use super::code::{Code, Refusal};
use super::grant::{self, Why};
use super::issuer::to_the_end;
use super::request::{self, Request, check};
use super::token::client;
use super::token::{Answer, Posted};
use super::{Error, Issuer};
use crate::account;
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::{Tenant, TenantId};
use crate::db::{self, Db, Tx};
use crate::fhir::types::Id;
use crate::secret::{hex, mac, sha256};

/// `grant_type`
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Seconds between two questions of a device; each one that comes too soon makes it longer.
const PAUSE: i64 = 5;
const LONGEST_PAUSE: i64 = 60;
/// How many of one app may wait at once.
const MOST: i64 = 1_000;

/// Consonants that no two of which look alike in capitals.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

const NOT_FOR_DEVICES: Refusal = Refusal::new(
    Code::UnauthorizedClient,
    "this app is not registered for urn:ietf:params:oauth:grant-type:device_code",
);
const FULL: Refusal = Refusal::new(
    Code::TemporarilyUnavailable,
    "as many devices of this app as may be wait for a login: try again in some minutes",
);

/// What a person types, as it is kept: eight letters, whatever stands between them.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// `None`: that is no code at all.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let plain = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let code: String = plain.map(|c| c.to_ascii_uppercase()).collect();
        let fits = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
        fits.then_some(Self(code))
    }

    /// A new one, every letter as likely as any other.
    fn new(random: &crate::secret::Random) -> Self {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            for byte in random.bytes::<16>() {
                // 240 is the largest multiple of 20 below 256.
                if byte < 240 && code.len() < LENGTH {
                    code.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
                }
            }
        }
        Self(code)
    }

    /// `BCDF-GHJK`
    fn shown(&self) -> String {
        format!("{}-{}", &self.0[..LENGTH / 2], &self.0[LENGTH / 2..])
    }

    fn key(&self, issuer: &Issuer, tenant: &TenantId) -> String {
        hex(&mac(
            issuer.user_code(),
            &[tenant.as_str().as_bytes(), self.0.as_bytes()],
        ))
    }
}

/// The device asks for its codes.
pub async fn begin(issuer: &Issuer, tenant: &Arc<Tenant>, posted: Posted) -> Result<Answer, Error> {
    let authorization = posted.authorization.as_deref();
    let credentials = client::presented(issuer, &tenant.id, &posted.form, authorization).await?;
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    to_the_end(async move {
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        let identified = match &credentials {
            Ok(credentials) => client::identify(&mut tx, &issuer, &tenant.id, credentials).await?,
            Err(refusal) => Err(*refusal),
        };
        let (client_id, made) = match identified {
            Ok(Some(app)) => (
                Some(app.client_id.clone()),
                made(&mut tx, &issuer, &tenant.id, &app, &posted, now).await?,
            ),
            Ok(None) => (None, Err(client::NAMELESS)),
            Err(refusal) => (None, Err(refusal)),
        };
        let outcome = match &made {
            Ok(_) => Outcome::Success,
            Err(refusal) => Outcome::Refused(refusal.code.as_str()),
        };
        let who = Who {
            client_id,
            ..Who::default()
        };
        let mut entry = Entry::new(tenant.id.clone(), Action::AuthorizationRequested, outcome).by(who);
        if let Some(origin) = posted.origin {
            entry = entry.from(origin);
        }
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        Ok(match made {
            Ok(body) => Answer::Body(body),
            Err(refusal) => Answer::Refused(refusal),
        })
    })
    .await
}

async fn made(
    tx: &mut Tx,
    issuer: &Issuer,
    tenant: &TenantId,
    app: &super::app::App,
    posted: &Posted,
    now: Timestamp,
) -> Result<Result<serde_json::Value, Refusal>, Error> {
    if app.grants != Grants::Person || !app.on_devices {
        return Ok(Err(NOT_FOR_DEVICES));
    }
    let scopes = match check::of_a_device(posted.form.pairs(), app, (issuer, tenant)) {
        Ok(scopes) => scopes,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Until the end of the transaction nobody else adds a device of this app.
    account::store::hold(tx, tenant, &format!("devices:{}", app.client_id)).await?;
    if store::waiting(tx, tenant, &app.client_id, now).await? >= MOST {
        return Ok(Err(FULL));
    }
    let (device_code, user_code) = (issuer.random().token(), UserCode::new(issuer.random()));
    let device = store::Device {
        key: hex(&sha256(device_code.as_bytes())),
        client_id: app.client_id.clone(),
        scopes,
        state: store::State::Waiting,
        pause: PAUSE,
        polled_at: None,
        expires_at: now + LIFE,
    };
    store::insert(tx, tenant, &device, &user_code.key(issuer, tenant)).await?;
    let uri = format!("{}/device", issuer.url(tenant));
    let shown = user_code.shown();
    Ok(Ok(json!({
        "device_code": device_code,
        "user_code": shown,
        "verification_uri": uri,
        "verification_uri_complete": format!("{uri}?user_code={shown}"),
        "expires_in": LIFE.as_secs(),
        "interval": PAUSE,
    })))
}

/// Somebody typed the code: the request that a login answers from here on. `None`: no device waits with this code. The caller
/// commits.
pub async fn typed(tx: &mut Tx, issuer: &Issuer, tenant: &TenantId, code: &UserCode) -> Result<Option<Request>, Error> {
    let now = issuer.clock().now();
    let Some(device) = store::of_user_code(tx, tenant, &code.key(issuer, tenant), now).await? else {
        return Ok(None);
    };
    let Some(app) = super::app::find(tx, tenant, &device.client_id).await? else {
        return Ok(None);
    };
    let request = request::of_device(issuer, tenant, app, device.scopes, &device.key, now);
    if !store::ask(tx, tenant, &device.key, &request.id).await? {
        // Somebody else answered between the look and now.
        return Ok(None);
    }
    request::store::insert(tx, &request).await?;
    Ok(Some(request))
}

/// How things stand for a device that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Approved {
        grant_id: String,
    },
    Refused(Refusal),
    /// It comes for an approval when its code has expired.
    Late {
        grant_id: String,
    },
    /// The code comes once more: two hold it.
    Replayed {
        grant_id: String,
    },
}

pub(super) const UNKNOWN: Refusal =
    Refusal::new(Code::InvalidGrant, "the device_code is unknown, used or of another app");
pub(super) const PENDING: Refusal = Refusal::new(Code::AuthorizationPending, "the person has not answered yet");
pub(super) const TOO_SOON: Refusal = Refusal::new(Code::SlowDown, "wait five seconds longer between two questions");
pub(super) const EXPIRED: Refusal = Refusal::new(Code::ExpiredToken, "the codes have expired: ask for new ones");
const DENIED: Refusal = Refusal::new(Code::AccessDenied, "the person did not give permission");

/// A device asks with its code.
pub(super) async fn turn(
    tx: &mut Tx,
    tenant: &TenantId,
    client_id: &str,
    device_code: &str,
    now: Timestamp,
) -> Result<Turn, db::Error> {
    let key = hex(&sha256(device_code.as_bytes()));
    let Some(device) = store::find(tx, tenant, &key)
        .await?
        .filter(|device| device.client_id == client_id)
    else {
        return Ok(Turn::Refused(UNKNOWN));
    };
    Ok(match device.state {
        store::State::Used(grant_id) => Turn::Replayed { grant_id },
        store::State::Approved(grant_id) if now >= device.expires_at => Turn::Late { grant_id },
        _ if now >= device.expires_at => Turn::Refused(EXPIRED),
        store::State::Denied => Turn::Refused(DENIED),
        store::State::Approved(grant_id) => match store::use_up(tx, tenant, &key).await? {
            true => Turn::Approved { grant_id },
            false => Turn::Replayed { grant_id },
        },
        store::State::Waiting => {
            let soon = device
                .polled_at
                .is_some_and(|at| now.duration_since(at).as_secs() < device.pause);
            let pause = if soon { device.pause + PAUSE } else { device.pause };
            store::polled(tx, tenant, &key, pause.min(LONGEST_PAUSE), now).await?;
            Turn::Refused(if soon { TOO_SOON } else { PENDING })
        }
    })
}

/// How many of them one round ends.
const ROUND: usize = 500;
/// How many are looked at together.
const PAGE: i64 = 100;

/// Ends what was approved for devices that did not come for it in time: nobody can use it any more. How many. Each ends by itself,
/// because its line holds the tenant's chain until the commit: many in one transaction would stop everybody else.
pub async fn lapse(db: &Db, now: Timestamp) -> Result<u64, db::Error> {
    let (mut after, mut ended) = (store::START, 0);
    loop {
        let page = store::lapsed(&mut *db.read().await?, now, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(ended as u64);
        };
        after = last.place();
        for lapsed in page {
            if ended == ROUND {
                return Ok(ended as u64);
            }
            ended += usize::from(end(db, lapsed, now).await?);
        }
    }
}

/// Ends one of them. Whether it still stood.
async fn end(db: &Db, lapsed: store::Lapsed, now: Timestamp) -> Result<bool, db::Error> {
    let Some(tenant) = TenantId::parse(&lapsed.tenant) else {
        // Of no tenant there can be, so no login made it. It does not keep the others from their end.
        tracing::warn!("a grant for a device is of a tenant whose name is none");
        return Ok(false);
    };
    let mut tx = db.begin().await?;
    // Another replica may have been first.
    if !grant::store::revoke(&mut tx, &tenant, &lapsed.grant, Why::CodeExpired, now).await? {
        return Ok(false);
    }
    let who = Who {
        account: Some(lapsed.account),
        client_id: Some(lapsed.client_id),
        grant: Some(lapsed.grant),
        role: None,
    };
    let patient = lapsed.patient.and_then(|id| Id::parse(&id));
    let entry = Entry::new(tenant, Action::TokenRevoked, Outcome::Success)
        .by(who)
        .about(patient.as_slice());
    audit::write(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(true)
}
