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

use jiff::SignedDuration;
use serde_json::json;

use super::code::{Code, Refusal};
use super::issuer::to_the_end;
use super::request::check;
use super::token::client;
use super::token::{Answer, Posted, WRONG_PROOF, proven};
use super::{Error, Issuer, dpop};
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::Tenant;

/// What stands before the name of a pushed request (RFC 9126 §2.2).
pub(super) const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
const LIFE: SignedDuration = SignedDuration::from_secs(60);

/// Checks and keeps a request; the app gets its name.
pub async fn push(issuer: &Issuer, tenant: &Arc<Tenant>, posted: Posted) -> Result<Answer, Error> {
    let refused = |code, text| Ok(Answer::Refused(Refusal::new(code, text)));
    if posted.form.get("request_uri").is_some() {
        return refused(
            Code::InvalidRequest,
            "request_uri: a pushed request holds its parameters itself",
        );
    }
    let authorization = posted.authorization.as_deref();
    let credentials = match client::presented(issuer, &tenant.id, &posted.form, authorization).await? {
        Ok(credentials) => credentials,
        Err(refusal) => return Ok(Answer::Refused(refusal)),
    };
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    let proof = match proven(&issuer, posted.proof.as_ref()) {
        Ok(proof) => proof,
        Err(refusal) => return Ok(Answer::Refused(refusal)),
    };
    to_the_end(async move {
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        let app = match client::identify(&mut tx, &issuer, &tenant.id, &credentials).await? {
            Ok(Some(app)) => app,
            Ok(None) => return Ok(Answer::Refused(client::NAMELESS)),
            Err(refusal) => return Ok(Answer::Refused(refusal)),
        };
        let mut parameters = parameters(&posted, &app.client_id);
        if let Some(proof) = &proof {
            // RFC 9449 §10.1: a proof says what dpop_jkt says.
            match posted.form.get("dpop_jkt") {
                Some(jkt) if jkt != proof.jkt => return Ok(Answer::Refused(WRONG_PROOF)),
                Some(_) => {}
                None => parameters.push(("dpop_jkt".to_owned(), proof.jkt.clone())),
            }
            if !dpop::store::first(&mut tx, &tenant.id, proof).await? {
                return Ok(Answer::Refused(WRONG_PROOF));
            }
        }
        let checked = check::check(&mut tx, &issuer, &tenant.id, &parameters, check::Way::Pushed, now).await?;
        let who = Who {
            client_id: Some(app.client_id.clone()),
            ..Who::default()
        };
        let (answer, outcome) = match checked {
            Ok(_) => {
                let name = issuer.random().token();
                let kept = store::Pushed {
                    client_id: app.client_id,
                    parameters,
                };
                store::insert(&mut tx, &tenant.id, &store::key(&name), &kept, now + LIFE).await?;
                let body = json!({"request_uri": format!("{PREFIX}{name}"), "expires_in": LIFE.as_secs()});
                (Answer::Created(body), Outcome::Success)
            }
            Err(refused) => {
                let refusal = refused.as_refusal();
                (Answer::Refused(refusal), Outcome::Refused(refusal.code.as_str()))
            }
        };
        let mut entry = Entry::new(tenant.id.clone(), Action::AuthorizationRequested, outcome).by(who);
        if let Some(origin) = posted.origin {
            entry = entry.from(origin);
        }
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        Ok(answer)
    })
    .await
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
