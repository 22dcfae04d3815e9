//! Authorization requests that an app pushes from behind before it sends the browser (RFC 9126).
//!
//! # Design
//! The parameters are checked when they are pushed, so that an app hears of a fault at once and as JSON, and again when the
//! browser comes, because that check makes the request. The browser then carries the name of the app and of the pushed
//! request; whatever else stands in its address does not count. A pushed request waits a minute. It is used up by the
//! approval, not by a look at the page (RFC 9126 §4): a reload does not end it, and a second approval finds it gone.

pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::code::{Code, Refusal};
use super::issuer::to_the_end;
use super::request::check;
use super::token::client;
use super::token::{Answer, Posted, WRONG_PROOF, proven};
use super::{Error, Issuer, dpop};
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::{Tenant, TenantId};
use crate::db::Tx;

/// What stands before the name of a pushed request (RFC 9126 §2.2).
pub(super) const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
const LIFE: SignedDuration = SignedDuration::from_secs(60);

const NESTED: Refusal = Refusal::new(
    Code::InvalidRequest,
    "request_uri: a pushed request holds its parameters itself",
);

/// Checks and keeps a request; the app gets its name.
pub async fn push(issuer: &Issuer, tenant: &Arc<Tenant>, posted: Posted) -> Result<Answer, Error> {
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
        // An assertion and a proof are used up whatever the answer, so a refusal commits too.
        let (client_id, made) = match identified {
            Ok(Some(app)) => {
                let made = made(&mut tx, &issuer, &tenant.id, &app.client_id, &posted, now).await?;
                (Some(app.client_id), made)
            }
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
            Ok(body) => Answer::Created(body),
            Err(refusal) => Answer::Refused(refusal),
        })
    })
    .await
}

async fn made(
    tx: &mut Tx,
    issuer: &Issuer,
    tenant: &TenantId,
    client_id: &str,
    posted: &Posted,
    now: Timestamp,
) -> Result<Result<Value, Refusal>, Error> {
    if posted.form.get("request_uri").is_some() {
        return Ok(Err(NESTED));
    }
    let proof = match proven(issuer, posted.proof.as_ref()) {
        Ok(proof) => proof,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut parameters = parameters(posted, client_id);
    if let Some(proof) = &proof {
        if !dpop::store::first(tx, tenant, proof).await? {
            return Ok(Err(WRONG_PROOF));
        }
        // RFC 9449 §10.1: a proof says what dpop_jkt says.
        match posted.form.get("dpop_jkt") {
            Some(jkt) if jkt != proof.jkt => return Ok(Err(WRONG_PROOF)),
            Some(_) => {}
            None => parameters.push(("dpop_jkt".to_owned(), proof.jkt.clone())),
        }
    }
    if let Err(refused) = check::check(tx, issuer, tenant, &parameters, check::Way::Pushed, now).await? {
        return Ok(Err(refused.as_refusal()));
    }
    let name = issuer.random().token();
    let kept = store::Pushed {
        client_id: client_id.to_owned(),
        parameters,
    };
    store::insert(tx, tenant, &store::key(&name), &kept, now + LIFE).await?;
    Ok(Ok(
        json!({"request_uri": format!("{PREFIX}{name}"), "expires_in": LIFE.as_secs()}),
    ))
}

/// What is asked, without what proved the app.
fn parameters(posted: &Posted, client_id: &str) -> Vec<(String, String)> {
    let proof = [
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
    ];
    let asked = posted.form.pairs().iter();
    let asked = asked.filter(|(name, _)| !proof.contains(&name.as_str())).cloned();
    [("client_id".to_owned(), client_id.to_owned())]
        .into_iter()
        .chain(asked)
        .collect()
}
