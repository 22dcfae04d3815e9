//! The token endpoint: codes, refresh tokens and an app's own word in, access tokens out; and what becomes of tokens afterwards.
//!
//! # Design
//! A refresh token is rotated at each use, and its successor is not random: it is a MAC of the old one under a key of the
//! deployment. So the answer to a refresh can be given again for ten seconds, on every replica and after a restart, when it
//! got lost or when two pages asked at once, without keeping a token anywhere. Whoever comes later with the old one shows
//! that two parties hold the family, and the family ends.
//!
//! One transaction decides, writes its audit line and commits, also when the answer is no: a replay has to leave its trace.

mod assertion;
mod backend;
mod check;
pub(super) mod client;
mod exchange;
mod introspect;
mod issue;
mod refresh;
mod revoke;
#[cfg(test)]
mod tests;
mod userinfo;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(super) use assertion::ALGORITHMS;
#[cfg(test)]
pub(crate) use backend::plant;
pub use check::{Checked, check, forget};
pub use introspect::introspect;
pub use revoke::revoke;
pub use userinfo::{UserInfo, userinfo};

use super::code::{Code, Refusal};
use super::grant::{self, Grant};
use super::issuer::to_the_end;
use super::{Error, Issuer, key, launch, pushed, request, standing};
use crate::audit::{self, Action, Entry, Origin, Outcome, Who};
use crate::config::Tenant;
use crate::db::{self, Conn, Tx};

/// The parameters of a form, each at most once (RFC 6749 §3.2).
#[derive(Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::new(Code::InvalidRequest, "a parameter came twice"));
        }
        Ok(Self(pairs))
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// An empty parameter counts as left out (RFC 6749 §3.1).
    pub fn get(&self, wanted: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// What an app posted, and from where.
#[derive(Clone)]
pub struct Posted {
    pub form: Form,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    pub origin: Option<Origin>,
}

/// What the app gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Body(Value),
    /// Something was made: 201.
    Created(Value),
    Refused(Refusal),
}

const GRANT_TYPES: &str = "grant_type: use authorization_code, refresh_token or client_credentials";

/// What an app asks of the token endpoint.
#[derive(Clone, Copy)]
enum Wanted {
    /// Tokens for a code.
    Exchange,
    Refresh,
    /// A token in its own name.
    Own,
}

/// What it gets.
enum Made {
    Tokens(Box<Issued>),
    Own(backend::Own),
}

fn of_a_grant(issued: Issued) -> Made {
    Made::Tokens(Box::new(issued))
}

/// What a decision leaves in the audit.
struct Line {
    action: Action,
    outcome: Outcome,
    who: Who,
}

/// Decides, writes and answers.
pub async fn answer(issuer: &Issuer, tenant: &Arc<Tenant>, posted: Posted) -> Result<Answer, Error> {
    let wanted = match posted.form.get("grant_type") {
        Some("authorization_code") => Wanted::Exchange,
        Some("refresh_token") => Wanted::Refresh,
        Some("client_credentials") => Wanted::Own,
        None => return refused(Code::InvalidRequest, GRANT_TYPES),
        Some(_) => return refused(Code::UnsupportedGrantType, GRANT_TYPES),
    };
    // RFC 8707 §2.2: tokens are good for the FHIR API of this tenant and for nothing else.
    if let Some(resource) = posted.form.get("resource")
        && resource.strip_suffix('/').unwrap_or(resource) != issuer.fhir_base(&tenant.id)
    {
        return refused(Code::InvalidTarget, "resource: give the FHIR base of this server");
    }
    let authorization = posted.authorization.as_deref();
    let credentials = match client::presented(issuer, &tenant.id, &posted.form, authorization).await? {
        Ok(credentials) => credentials,
        Err(refusal) => return Ok(Answer::Refused(refusal)),
    };
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    to_the_end(async move {
        let now = issuer.clock().now();
        // Before the transaction: the first key of a tenant is written in one of its own.
        let keys = key::load(&issuer, &tenant.id).await?;
        let mut tx = issuer.db().begin().await?;
        let mut line = Line {
            action: match wanted {
                Wanted::Exchange | Wanted::Own => Action::TokenIssued,
                Wanted::Refresh => Action::TokenRefreshed,
            },
            outcome: Outcome::Success,
            who: Who::default(),
        };
        let mut turn = Flow {
            tx: &mut tx,
            issuer: &issuer,
            tenant: &tenant,
            form: &posted.form,
            now,
            line: &mut line,
        };
        let decided = match wanted {
            Wanted::Exchange => exchange::exchange(&mut turn, &credentials).await?.map(of_a_grant),
            Wanted::Refresh => refresh::refresh(&mut turn, &credentials).await?.map(of_a_grant),
            Wanted::Own => backend::issue(&mut turn, &credentials).await?.map(Made::Own),
        };
        if let Err(refusal) = &decided
            && line.outcome == Outcome::Success
        {
            line.outcome = Outcome::Refused(refusal.code.as_str());
        }
        let patients: Vec<_> = match &decided {
            Ok(Made::Tokens(issued)) => issued.grant.patient.iter().cloned().collect(),
            Ok(Made::Own(_)) | Err(_) => Vec::new(),
        };
        write_line(&mut tx, &tenant, line, &patients, posted.origin, now).await?;
        tx.commit().await?;
        Ok(match decided {
            Ok(Made::Tokens(issued)) => Answer::Body(issue::body(&issuer, &tenant, &keys, &issued, now)?),
            Ok(Made::Own(own)) => Answer::Body(own.body(now)),
            Err(refusal) => Answer::Refused(refusal),
        })
    })
    .await
}

fn refused(code: Code, text: &'static str) -> Result<Answer, Error> {
    Ok(Answer::Refused(Refusal::new(code, text)))
}

async fn write_line(
    tx: &mut Tx,
    tenant: &Tenant,
    line: Line,
    patients: &[crate::fhir::types::Id],
    origin: Option<Origin>,
    now: Timestamp,
) -> Result<(), db::Error> {
    let mut entry = Entry::new(tenant.id.clone(), line.action, line.outcome)
        .by(line.who)
        .about(patients);
    if let Some(origin) = origin {
        entry = entry.from(origin);
    }
    audit::write(tx, &entry, now).await
}

/// What the steps of one request share.
struct Flow<'a> {
    tx: &'a mut Tx,
    issuer: &'a Issuer,
    tenant: &'a Tenant,
    form: &'a Form,
    now: Timestamp,
    line: &'a mut Line,
}

/// Tokens that were just made, or are given once more.
struct Issued {
    grant: Grant,
    scopes: super::scope::Scopes,
    access_token: String,
    expires_at: Timestamp,
    refresh_token: Option<String>,
    /// Whether it comes from a code: only then does the id token carry the nonce.
    first: bool,
}

/// Whether tokens may come from the grant, and the person may still see what it is about.
async fn stands(conn: &mut Conn, tenant: &Tenant, grant: &Grant, now: Timestamp) -> Result<bool, db::Error> {
    if !grant.lives(now) {
        return Ok(false);
    }
    let rights = standing::rights(conn, tenant, &grant.account, grant.patient.as_ref(), now).await?;
    Ok(rights.is_some())
}

fn who(grant: &Grant) -> Who {
    Who {
        account: Some(grant.account.clone()),
        client_id: Some(grant.client_id.clone()),
        grant: Some(grant.id.clone()),
        role: None,
    }
}

/// Deletes what has long expired: for the daily clean-up. How many rows.
pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<u64, db::Error> {
    // A day of slack: a replayed code still finds its grant, whatever the clocks of replicas say.
    let before = now - SignedDuration::from_hours(24);
    let gone = grant::store::purge(tx, before).await? + request::store::purge(tx, before).await?;
    let asked = launch::store::purge(tx, before).await? + pushed::store::purge(tx, before).await?;
    Ok(gone + asked + assertion::store::purge(tx, before).await? + backend::store::purge(tx, before).await?)
}
