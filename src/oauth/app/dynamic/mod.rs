//! Apps register themselves (RFC 7591) and manage what they registered (RFC 7592), behind the approval of the organisation.
//!
//! ```text
//! POST /topaz/oauth/register        { "client_name": "Mijn Zorg", "redirect_uris": ["https://app.example/cb"], … }
//! inzage app waiting --tenant topaz
//! inzage app approve --tenant topaz app-5d1f… --seen 3f0c…
//! ```
//!
//! # Design
//! A tenant offers this or it does not; in the beginning it does not. What an app says of itself is held to the same rules as a
//! registration by an operator, gets an id, and waits: until somebody of the organisation approves it, no such app exists. A
//! change waits in the same way, while the app goes on as it was approved, so whoever finds the registration access token
//! cannot turn an app's redirect addresses to himself. A software statement counts if the tenant trusts its signer, and is
//! refused by name otherwise, instead of being ignored.
//!
//! A hundred may wait at a tenant, for thirty days each.

mod statement;
pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::metadata::is_client_id;
use super::register::{Ready, ready};
use super::{App, Kind};
use crate::account;
use crate::audit::{self, Action, Entry, Origin, Outcome, Who};
use crate::config::{OAuth, Tenant, TenantId};
use crate::db::{self, Conn, Tx};
use crate::fhir::json as guard;
use crate::oauth::discovery::Addresses;
use crate::oauth::grant::{Why, store as grants};
use crate::oauth::issuer::to_the_end;
use crate::oauth::{Error, Issuer};
use crate::secret::{Random, hex, same, sha256};

/// More than any app has to say of itself.
const LARGEST: usize = 16 * 1024;
/// As many may wait for an approval at one tenant.
const MOST_WAITING: i64 = 100;
/// What was never approved is forgotten after this.
pub const WAITS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What the app gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// 201
    Made(Value),
    /// 200
    Is(Value),
    /// 204: it is gone.
    Gone,
    /// 400: what is wrong with what it says of itself.
    Wrong { code: &'static str, text: String },
    /// 401: no such registration, or not its token.
    Unknown,
    /// 429: too many wait.
    Full,
}

/// A registration as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) client_id: String,
    pub(crate) manage: [u8; 32],
    pub(crate) secret: Option<[u8; 32]>,
    pub(crate) metadata: Value,
    pub(crate) waiting_since: Option<Timestamp>,
    pub(crate) approved_at: Option<Timestamp>,
}

/// Members that only the server gives; back from an app they mean nothing (RFC 7592 §2.2).
const OURS: [&str; 5] = [
    "registration_access_token",
    "registration_client_uri",
    "client_id_issued_at",
    "client_secret_expires_at",
    "approval",
];

/// What an app says of itself.
fn said(issuer: &Issuer, tenant: &Tenant, body: &[u8], client_id: Option<&str>) -> Result<Ready, Told> {
    let wrong = |code, text: &str| Told::Wrong {
        code,
        text: text.to_owned(),
    };
    let limits = guard::Limits::source(LARGEST);
    let Some(Value::Object(mut given)) = (body.len() <= LARGEST)
        .then(|| guard::parse(body, limits).ok())
        .flatten()
    else {
        let text = "send the client metadata as a JSON object of at most 16 kB, each member once";
        return Err(wrong("invalid_client_metadata", text));
    };
    statement::hold(&mut given, &tenant.policy.statement_keys, issuer.clock().now())?;
    match (given.get("client_id"), client_id) {
        (None, None) => {}
        (Some(given), Some(own)) if given == own => {}
        (Some(_), None) => return Err(wrong("invalid_client_metadata", "client_id: the server chooses it")),
        (_, Some(_)) => {
            return Err(wrong(
                "invalid_client_metadata",
                "client_id: give the one of this registration",
            ));
        }
    }
    for name in OURS.iter().chain(&["client_secret"]) {
        given.remove(*name);
    }
    let now = issuer.clock().now();
    ready(&given, issuer.oauth(), now, issuer.random()).map_err(|problems| {
        let of_redirect = problems.iter().all(|problem| problem.starts_with("redirect_uris"));
        let code = if of_redirect {
            "invalid_redirect_uri"
        } else {
            "invalid_client_metadata"
        };
        wrong(code, &problems.join("; "))
    })
}

/// Registers an app that then waits.
pub async fn create(issuer: &Issuer, tenant: &Arc<Tenant>, body: &[u8], origin: Option<Origin>) -> Result<Told, Error> {
    let ready = match said(issuer, tenant, body, None) {
        Ok(ready) => ready,
        Err(told) => return Ok(told),
    };
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    to_the_end(async move {
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        if is_full(&mut tx, &tenant.id).await? {
            return Ok(Told::Full);
        }
        let (token, secret) = (issuer.random().token(), secret(&ready.app, None, issuer.random()));
        let kept = Kept {
            client_id: ready.app.client_id.clone(),
            manage: sha256(token.as_bytes()),
            secret: secret.as_ref().map(|secret| sha256(secret.as_bytes())),
            metadata: Value::Object(ready.registration),
            waiting_since: Some(now),
            approved_at: None,
        };
        store::insert(&mut tx, &tenant.id, &kept, now).await?;
        changed(&mut tx, &tenant.id, &kept.client_id, origin, now).await?;
        tx.commit().await?;
        Ok(Told::Made(answer(&issuer, &tenant, &kept, &token, secret)))
    })
    .await
}

/// Whether as many wait as may. Until the end of the transaction nobody else adds to them.
async fn is_full(tx: &mut Tx, tenant: &TenantId) -> Result<bool, db::Error> {
    account::store::hold(tx, tenant, "registrations").await?;
    Ok(store::waiting(tx, tenant).await? >= MOST_WAITING)
}

/// A new secret for an app that shows one and has none.
fn secret(app: &App, has: Option<[u8; 32]>, random: &Random) -> Option<String> {
    (matches!(app.kind, Kind::Secret(_)) && has.is_none()).then(|| random.token())
}

/// The registration as the app sees it (RFC 7591 §3.2.1, RFC 7592 §3).
fn answer(issuer: &Issuer, tenant: &Tenant, kept: &Kept, token: &str, secret: Option<String>) -> Value {
    let mut told: Map<String, Value> = kept.metadata.as_object().cloned().unwrap_or_default();
    if let Some(secret) = secret {
        told.insert("client_secret".to_owned(), json!(secret));
    }
    if kept.secret.is_some() {
        told.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    let register = Addresses::of(issuer, &tenant.id).register;
    let at = format!("{register}/{}", kept.client_id);
    told.insert("registration_client_uri".to_owned(), json!(at));
    told.insert("registration_access_token".to_owned(), json!(token));
    let approval = match (kept.waiting_since, kept.approved_at) {
        (None, _) => "approved",
        (Some(_), None) => "waiting",
        (Some(_), Some(_)) => "change-waiting",
    };
    told.insert("approval".to_owned(), json!(approval));
    Value::Object(told)
}

/// What an app asks about its own registration (RFC 7592 §2).
#[derive(Clone, Debug)]
pub enum Ask {
    Read,
    /// Everything anew, in place of what was said before.
    Update(Vec<u8>),
    Delete,
}

/// Answers an app about its own registration, which `token` proves.
pub async fn manage(
    issuer: &Issuer,
    tenant: &Arc<Tenant>,
    client_id: &str,
    token: &str,
    ask: Ask,
    origin: Option<Origin>,
) -> Result<Told, Error> {
    if !is_client_id(client_id) {
        // No app has it, and no database keeps every text.
        return Ok(Told::Unknown);
    }
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    let (client_id, token) = (client_id.to_owned(), token.to_owned());
    to_the_end(async move {
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        let found = store::find(&mut tx, &tenant.id, &client_id).await?;
        let Some(mut kept) = found.filter(|kept| same(&sha256(token.as_bytes()), &kept.manage)) else {
            return Ok(Told::Unknown);
        };
        let told = match ask {
            Ask::Read => return Ok(Told::Is(answer(&issuer, &tenant, &kept, &token, None))),
            Ask::Delete => {
                super::store::disable(&mut tx, &tenant.id, &client_id, now).await?;
                store::delete(&mut tx, &tenant.id, &client_id).await?;
                Told::Gone
            }
            Ask::Update(body) => {
                let ready = match said(&issuer, &tenant, &body, Some(&client_id)) {
                    Ok(ready) => ready,
                    Err(told) => return Ok(told),
                };
                if kept.waiting_since.is_none() && is_full(&mut tx, &tenant.id).await? {
                    return Ok(Told::Full);
                }
                let secret = secret(&ready.app, kept.secret, issuer.random());
                kept.secret = match &ready.app.kind {
                    Kind::Secret(_) => secret.as_ref().map(|new| sha256(new.as_bytes())).or(kept.secret),
                    Kind::Public | Kind::Key(_) => None,
                };
                let mut registration = ready.registration;
                // When the id was given does not change.
                registration["client_id_issued_at"] = kept.metadata["client_id_issued_at"].clone();
                kept.metadata = Value::Object(registration);
                kept.waiting_since = Some(now);
                store::update(&mut tx, &tenant.id, &kept).await?;
                Told::Is(answer(&issuer, &tenant, &kept, &token, secret))
            }
        };
        changed(&mut tx, &tenant.id, &client_id, origin, now).await?;
        tx.commit().await?;
        Ok(told)
    })
    .await
}

async fn changed(
    tx: &mut Tx,
    tenant: &TenantId,
    client_id: &str,
    origin: Option<Origin>,
    now: Timestamp,
) -> Result<(), db::Error> {
    let who = Who {
        client_id: Some(client_id.to_owned()),
        ..Who::default()
    };
    let mut entry = Entry::new(tenant.clone(), Action::AppChanged, Outcome::Success).by(who);
    if let Some(origin) = origin {
        entry = entry.from(origin);
    }
    audit::write(tx, &entry, now).await
}

/// A registration that somebody of the organisation looks at.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub metadata: Value,
    /// Changes with what it says: an approval names it, so that nothing is approved that nobody saw.
    pub seen: String,
    /// Whether it is a change of an app that is in use.
    pub known: bool,
}

/// The registrations that wait, the oldest first.
pub async fn waiting(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<Waiting>, db::Error> {
    let kept = store::list_waiting(conn, tenant).await?;
    Ok(kept
        .into_iter()
        .map(|kept| Waiting {
            seen: seen(&kept.metadata),
            known: kept.approved_at.is_some(),
            metadata: kept.metadata,
        })
        .collect())
}

fn seen(metadata: &Value) -> String {
    hex(&sha256(metadata.to_string().as_bytes())[..8])
}

/// Why nothing was approved.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("no registration with this client_id waits for an approval")]
    NotWaiting,
    #[error("--seen: it says something else by now; look at it again with `inzage app waiting`")]
    Changed,
    /// The settings changed since it was made.
    #[error("the registration does not fit the settings any more: {}", .0.join("; "))]
    Metadata(Vec<String>),
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Puts what waits in force, and notes it. The caller commits.
pub async fn approve(
    tx: &mut Tx,
    tenant: &TenantId,
    (client_id, looked_at): (&str, &str),
    settings: &OAuth,
    now: Timestamp,
    random: &Random,
) -> Result<(), Refused> {
    let found = store::find(tx, tenant, client_id).await?;
    let Some(kept) = found.filter(|kept| kept.waiting_since.is_some()) else {
        return Err(Refused::NotWaiting);
    };
    if seen(&kept.metadata) != looked_at {
        return Err(Refused::Changed);
    }
    let given = kept.metadata.as_object().cloned().unwrap_or_default();
    let mut ready = ready(&given, settings, now, random).map_err(Refused::Metadata)?;
    if let (Kind::Secret(hash), Some(secret)) = (&mut ready.app.kind, kept.secret) {
        *hash = secret;
    }
    let metadata = kept.metadata.to_string();
    match super::find(tx, tenant, client_id).await? {
        Some(before) => {
            super::store::replace(tx, tenant, &ready.app, &ready.origins, &metadata).await?;
            if !ready.app.scopes.covers(&before.scopes) {
                grants::revoke_client(tx, tenant, client_id, Why::App, now).await?;
            }
        }
        None => super::store::insert(tx, tenant, &ready.app, &ready.origins, &metadata, now).await?,
    }
    store::approve(tx, tenant, client_id, now).await?;
    changed(tx, tenant, client_id, None, now).await?;
    Ok(())
}

/// Forgets what waits: a new app is gone, a known one stays as it was approved. Whether something waited. The caller commits.
pub async fn refuse(tx: &mut Tx, tenant: &TenantId, client_id: &str, now: Timestamp) -> Result<bool, db::Error> {
    let found = store::find(tx, tenant, client_id).await?;
    let Some(kept) = found.filter(|kept| kept.waiting_since.is_some()) else {
        return Ok(false);
    };
    // Its registration access token ends with it: the app was refused, and may register anew.
    store::delete(tx, tenant, &kept.client_id).await?;
    changed(tx, tenant, client_id, None, now).await?;
    Ok(true)
}
