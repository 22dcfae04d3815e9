//! The token endpoint: codes, refresh tokens and an app's own word in, access tokens out; and what becomes of tokens afterwards.
//!
//! # Design
//! A refresh token is rotated at each use, and its successor is not random: it is a MAC of the old one under a key of the
//! deployment. So the answer to a refresh can be given again for ten seconds, on every replica and after a restart, when it
//! got lost or when two pages asked at once, without keeping a token anywhere. Whoever comes later with the old one shows
//! that two parties hold the family, and the family ends.
//!
//! One transaction decides, writes its audit line and commits, also when the answer is no: a replay has to leave its trace. Refreshes
//! that have nothing special share one: see `renew`.

mod assertion;
mod backend;
mod check;
pub(super) mod client;
mod device;
mod exchange;
mod introspect;
mod issue;
mod refresh;
pub(crate) mod renew;
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
pub use check::{By, Checked, Refused, check, check_as, check_for_data, forget};
pub use introspect::introspect;
pub use renew::Renewals;
pub use revoke::revoke;
pub use userinfo::{UserInfo, userinfo};

use super::app::App;
use super::code::{Code, Refusal};
use super::device::{PENDING, TOO_SOON};
use super::grant::{self, Grant};
use super::issuer::to_the_end;
use super::scope::Scope;
use super::{Error, Issuer, app, dpop, key, launch, pushed, request, standing};
use crate::audit::{self, Action, Entry, Origin, Outcome, Who};
use crate::config::{SigningAlg, Tenant};
use crate::db::{self, Conn, Tx};

/// May come more than once (RFC 8707 §2).
pub(super) const RESOURCE: &str = "resource";

/// The parameters of a form, each at most once (RFC 6749 §3.2) but for `resource`.
#[derive(Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let named = pairs.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = named.filter(|name| *name != RESOURCE).collect();
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
    /// The `DPoP` header.
    pub proof: Option<dpop::Shown>,
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

const GRANT_TYPES: &str = "grant_type: use authorization_code, refresh_token, client_credentials or \
                           urn:ietf:params:oauth:grant-type:device_code";

/// What an app asks of the token endpoint.
#[derive(Clone, Copy)]
enum Wanted {
    /// Tokens for a code.
    Exchange,
    Refresh,
    /// A token in its own name.
    Own,
    /// Tokens for the code of a device.
    Device,
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
        Some(super::device::GRANT_TYPE) => Wanted::Device,
        None => return refused(Code::InvalidRequest, GRANT_TYPES),
        Some(_) => return refused(Code::UnsupportedGrantType, GRANT_TYPES),
    };
    // RFC 8707 §2.2: tokens are good for the FHIR API of this tenant and for nothing else.
    let mut resources = posted
        .form
        .0
        .iter()
        .filter(|(name, value)| name == RESOURCE && !value.is_empty());
    if resources.any(|(_, resource)| !issuer.is_fhir_base(&tenant.id, resource)) {
        return refused(Code::InvalidTarget, "resource: give the FHIR base of this server");
    }
    let authorization = posted.authorization.as_deref();
    let credentials = client::presented(issuer, &tenant.id, &posted.form, authorization).await?;
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    // What proves nothing is refused below, where it leaves its line.
    let shown = credentials.and_then(|shown| Ok((shown, proven(&issuer, posted.proof.as_ref())?)));
    to_the_end(async move {
        if let (Wanted::Refresh, Ok((shown, None))) = (wanted, &shown)
            && let Some(body) = Box::pin(renew::at_once(&issuer, &tenant, &posted, shown)).await?
        {
            return Ok(Answer::Body(body));
        }
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        let mut line = Line {
            action: match wanted {
                Wanted::Exchange | Wanted::Own | Wanted::Device => Action::TokenIssued,
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
            proof: shown.as_ref().ok().and_then(|(_, proof)| proof.as_ref()),
            now,
            line: &mut line,
        };
        let decided = match (&shown, wanted) {
            (Err(refusal), _) => Err(*refusal),
            _ if !turn.is_new().await? => Err(WRONG_PROOF),
            (Ok((shown, _)), Wanted::Exchange) => exchange::exchange(&mut turn, shown).await?.map(of_a_grant),
            (Ok((shown, _)), Wanted::Refresh) => refresh::refresh(&mut turn, shown).await?.map(of_a_grant),
            (Ok((shown, _)), Wanted::Device) => device::exchange(&mut turn, shown).await?.map(of_a_grant),
            (Ok((shown, _)), Wanted::Own) => backend::issue(&mut turn, shown).await?.map(Made::Own),
        };
        if let Err(refusal) = &decided
            && line.outcome == Outcome::Success
        {
            line.outcome = Outcome::Refused(refusal.code.as_str());
        }
        // Before the code is used up for good: keys that cannot be read are no fault of the app's.
        let keys = match &decided {
            Ok(Made::Tokens(issued)) if issued.scopes.has(&Scope::OpenId) => {
                Some(key::load_by(&mut tx, &issuer, &tenant.id).await?)
            }
            _ => None,
        };
        let patients: Vec<_> = match &decided {
            Ok(Made::Tokens(issued)) => issued.grant.patient.iter().cloned().collect(),
            Ok(Made::Own(_)) | Err(_) => Vec::new(),
        };
        // A device asks every five seconds; that it has to go on asking is nothing that happened.
        let waits = matches!(&decided, Err(refusal) if [PENDING, TOO_SOON].contains(refusal));
        if !waits {
            write_line(&mut tx, &tenant, line, &patients, posted.origin, now).await?;
        }
        tx.commit().await?;
        Ok(match decided {
            Ok(Made::Tokens(issued)) => Answer::Body(issue::body(&issuer, &tenant, keys.as_deref(), &issued, now)?),
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

/// The key that the app proves to hold.
pub(super) fn proven(issuer: &Issuer, shown: Option<&dpop::Shown>) -> Result<Option<dpop::Proof>, Refusal> {
    let read = |shown| dpop::read(shown, None, issuer.clock().now()).ok_or(WRONG_PROOF);
    shown.map(read).transpose()
}

pub(super) const WRONG_PROOF: Refusal = Refusal::new(
    Code::InvalidDpopProof,
    "DPoP: send a new proof for each request, signed by ES256, ES384, PS256 or RS256, with jti, htm, htu and iat of now",
);
const NO_PROOF: Refusal = Refusal::new(
    Code::InvalidRequest,
    "DPoP: this app was registered with dpop_bound_access_tokens, so it sends a proof",
);

/// What the steps of one request share.
struct Flow<'a> {
    tx: &'a mut Tx,
    issuer: &'a Issuer,
    tenant: &'a Tenant,
    form: &'a Form,
    proof: Option<&'a dpop::Proof>,
    now: Timestamp,
    line: &'a mut Line,
}

impl Flow<'_> {
    /// Whether the proof, where there is one, was never shown before.
    async fn is_new(&mut self) -> Result<bool, db::Error> {
        match self.proof {
            Some(proof) => dpop::store::first(self.tx, &self.tenant.id, proof).await,
            None => Ok(true),
        }
    }

    /// The line is about this grant from here on. `None`: it is gone.
    async fn about(&mut self, grant_id: &str) -> Result<Option<Grant>, db::Error> {
        let grant = grant::store::grant(self.tx, &self.tenant.id, grant_id).await?;
        if let Some(grant) = &grant {
            self.line.who = who(grant);
        }
        Ok(grant)
    }

    /// Ends a grant whose code came twice or late; the line is about it.
    async fn end(&mut self, grant_id: &str, why: grant::Why) -> Result<(), db::Error> {
        self.about(grant_id).await?;
        grant::store::revoke(self.tx, &self.tenant.id, grant_id, why, self.now).await?;
        self.issuer.checked().forget(grant_id);
        Ok(())
    }

    /// The thumbprint of the key that the app holds.
    fn jkt(&self) -> Option<&str> {
        self.proof.map(|proof| proof.jkt.as_str())
    }

    /// The app that comes for the tokens of a login: named, proven, and with the proof that it said it would bring.
    async fn app(&mut self, credentials: &client::Credentials) -> Result<Result<App, Refusal>, Error> {
        let app = match client::identify(self.tx, self.issuer, &self.tenant.id, credentials).await? {
            Ok(Some(app)) => app,
            Ok(None) => return Ok(Err(client::NAMELESS)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.line.who = Who {
            client_id: Some(app.client_id.clone()),
            ..Who::default()
        };
        Ok(self.suits(&app).map(|()| app))
    }

    /// Whether the app shows what it said that it would.
    fn suits(&self, app: &App) -> Result<(), Refusal> {
        let suits = self.proof.is_some() || !app.demands.dpop;
        suits.then_some(()).ok_or(NO_PROOF)
    }
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
    /// What signs the id token.
    alg: SigningAlg,
    /// The key that the access token is bound to.
    jkt: Option<String>,
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
    let asked = asked + super::device::store::purge(tx, before).await?;
    // A proof is refused by its own time long before it is forgotten.
    let proofs = dpop::store::purge(tx, now).await?;
    let waited = app::dynamic::store::purge(tx, now - app::dynamic::WAITS).await?;
    let shown =
        proofs + waited + assertion::store::purge(tx, before).await? + backend::store::purge(tx, before).await?;
    Ok(gone + asked + shown + key::store::purge(tx, before).await?)
}
