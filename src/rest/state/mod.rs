//! SMART App State: a little that an app keeps here between two launches
//! (<https://hl7.org/fhir/smart-app-launch/app-state.html>).
//!
//! # Design
//! **Whose.** A state belongs to one app, and no other app finds it, whatever code it asks for. It is about the client in the
//! token's context, about the person who is logged in, or about the app as a whole; of the last kind everybody's token reads,
//! and only an app that proves itself writes, because a copy of a public app could otherwise change it for all.
//!
//! **What.** `Basic` with one coding and extensions of `valueString`, at most 256 kB; twenty of them a subject. The bodies are
//! sealed: apps keep keys here. Nothing here reads them.
//!
//! **When.** Each change names the version that it changes. What is not there, what belongs to somebody else and what was
//! changed meanwhile are the same failed precondition. A state that does not open any more is a fault of ours, and is told as
//! one: a list with holes would look like a list without them. When nobody can ask for a state any more it is forgotten: see
//! [`Rest::tidy_app_states`].

mod ended;
mod parse;
pub(crate) mod store;

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use parse::{Asked, Wrong};
use parse::{Basic, Subject};

use super::search::readable;
use super::{Call, Rest, line};
use crate::audit::{self, Action, Entry, Outcome};
use crate::config::TenantId;
use crate::db::{self, Tx};
use crate::fhir::bundle::{Bundle, Kind};
use crate::fhir::types::{Id, ResourceType};
use crate::oauth::Caller;
use crate::oauth::app;
use store::Row;

/// Of one app about one subject.
const MOST: i64 = 20;

/// A state as it is kept now.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: String,
    pub version: i64,
    pub body: String,
}

/// What an app keeps may be a key.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Why nothing was kept, changed or told.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// It is about nobody whom this token is about.
    #[error("the subject is not the client in context, the person or nobody")]
    Subject,
    /// It is not there, not the app's, or not this version.
    #[error("the precondition failed")]
    Precondition,
    #[error("as much as may be is kept")]
    Full,
    /// It was sealed by another key, or changed since.
    #[error("a kept app state does not open with the key of this gateway")]
    Broken,
    #[error(transparent)]
    Audit(#[from] audit::Error),
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error("the task that did the work died")]
    Died,
}

impl Refused {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Wrong(_) => Outcome::Refused("invalid"),
            Self::Subject => Outcome::Refused("subject"),
            Self::Precondition => Outcome::Refused("precondition"),
            Self::Full => Outcome::Refused("full"),
            Self::Broken => Outcome::Failed("broken"),
            Self::Audit(_) => Outcome::Failed("audit"),
            Self::Database(_) | Self::Died => Outcome::Failed("database"),
        }
    }
}

/// A change of a state, or of which one.
#[derive(Clone)]
pub enum Change {
    Create(Vec<u8>),
    /// Id, `None` for what is none, and the version that it changes.
    Update(Option<Id>, i64, Vec<u8>),
    Delete(Option<Id>, i64),
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create(_) => "Create",
            Self::Update(..) => "Update",
            Self::Delete(..) => "Delete",
        })
    }
}

impl Rest {
    /// What an app keeps under a code about a subject, as a Bundle.
    pub async fn app_states(&self, call: &Call<'_>, pairs: &[(String, String)], url: &str) -> Result<Vec<u8>, Refused> {
        let found = self.found(call.caller, pairs, url).await;
        let (outcome, patients) = match &found {
            Ok((_, subject)) => (Outcome::Success, patients(subject)),
            Err(refused) => (refused.outcome(), Vec::new()),
        };
        let entry = Entry::new(call.caller.tenant.id.clone(), Action::AppStateRead, outcome)
            .by(line::who(call.caller, &patients))
            .about(&patients)
            .from(call.origin);
        self.recorder.record(entry).await?;
        Ok(found?.0)
    }

    async fn found(
        &self,
        caller: &Caller,
        pairs: &[(String, String)],
        url: &str,
    ) -> Result<(Vec<u8>, Option<Subject>), Refused> {
        let tenant = &caller.tenant.id;
        readable(pairs).map_err(Wrong::from)?;
        let asked = Asked::parse(pairs, &self.server.fhir_base(tenant.as_str()))?;
        if !reaches(caller, asked.subject.as_ref()) {
            return Err(Refused::Subject);
        }
        let key = subject_key(asked.subject.as_ref());
        let rows = store::find(
            &mut *self.db.read().await?,
            tenant,
            &caller.client_id,
            &key,
            &asked.code,
            MOST,
        )
        .await?;
        let base = format!("{}/app-state", self.server.issuer(tenant.as_str()));
        let mut bundle = Bundle::new(Kind::Searchset);
        bundle.link("self", format!("{base}/Basic?{url}"));
        let opened = rows.iter().map(|row| {
            let body = self.opened(tenant, row).ok_or(Refused::Broken)?;
            Ok((format!("{base}/Basic/{}", row.id), body))
        });
        let bodies: Vec<(String, String)> = opened.collect::<Result<_, Refused>>()?;
        bundle.total(u64::try_from(bodies.len()).unwrap_or(0));
        for (url, body) in &bodies {
            bundle.found(url, body);
        }
        Ok((bundle.into_bytes(), asked.subject))
    }

    /// Makes a change; what is kept then, or `None` when it is gone.
    pub async fn change_app_state(&self, call: &Call<'_>, change: Change) -> Result<Option<Kept>, Refused> {
        let (rest, caller, origin) = (self.clone(), call.caller.clone(), call.origin);
        let work = async move {
            let now = rest.clock.now();
            let mut tx = rest.db.begin().await?;
            let action = match &change {
                Change::Create(_) | Change::Update(..) => Action::AppStateWritten,
                Change::Delete(..) => Action::AppStateDeleted,
            };
            let done = match change {
                Change::Create(body) => rest.create(&mut tx, &caller, &body, now).await,
                Change::Update(id, version, body) => {
                    let at = (id.as_ref().map(Id::as_str), version);
                    rest.update(&mut tx, &caller, at, &body, now).await
                }
                Change::Delete(id, version) => delete(&mut tx, &caller, (id.as_ref().map(Id::as_str), version)).await,
            };
            let done = match done {
                Err(Refused::Database(error)) => return Err(error.into()),
                done => done,
            };
            let (outcome, patients) = match &done {
                Ok((_, subject)) => (Outcome::Success, patients(subject)),
                Err(refused) => (refused.outcome(), Vec::new()),
            };
            let entry = Entry::new(caller.tenant.id.clone(), action, outcome)
                .by(line::who(&caller, &patients))
                .about(&patients)
                .from(origin);
            audit::write(&mut tx, &entry, now).await?;
            tx.commit().await?;
            Ok(done?.0)
        };
        tokio::spawn(work).await.unwrap_or(Err(Refused::Died))
    }

    async fn create(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Option<Kept>, Option<Subject>), Refused> {
        let tenant = &caller.tenant.id;
        let basic = Basic::parse(body, &self.server.fhir_base(tenant.as_str()), None)?;
        if !reaches(caller, basic.subject.as_ref()) || !may_write(tx, caller, basic.subject.as_ref()).await? {
            return Err(Refused::Subject);
        }
        let key = subject_key(basic.subject.as_ref());
        store::hold(tx, tenant, &caller.client_id, &key).await?;
        if store::count(tx, tenant, &caller.client_id, &key).await? >= MOST {
            return Err(Refused::Full);
        }
        let id = self.random.uuid_v7(now).to_string();
        let kept = self.keep(tx, caller, &id, 1, &basic, now).await?;
        Ok((Some(kept), basic.subject))
    }

    async fn update(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        (id, version): (Option<&str>, i64),
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Option<Kept>, Option<Subject>), Refused> {
        let (tenant, id) = (&caller.tenant.id, id.ok_or_else(no_id)?);
        let basic = Basic::parse(body, &self.server.fhir_base(tenant.as_str()), Some(id))?;
        let row = own(tx, caller, id, version).await?;
        if row.subject != subject_key(basic.subject.as_ref()) || row.code != basic.code {
            return Err(Refused::Precondition);
        }
        let kept = self.keep(tx, caller, id, version + 1, &basic, now).await?;
        Ok((Some(kept), basic.subject))
    }

    /// Writes a version: the first, or the one after the one before.
    async fn keep(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: &str,
        version: i64,
        basic: &Basic,
        now: Timestamp,
    ) -> Result<Kept, Refused> {
        let tenant = &caller.tenant.id;
        let body = basic.stamped(id, version, now).to_string();
        let row = Row {
            id: id.to_owned(),
            // What is about nobody is of the app, whoever it wrote it for.
            account: match (&basic.subject, &caller.account) {
                (Some(_), Some(account)) => account.clone(),
                _ => String::new(),
            },
            subject: subject_key(basic.subject.as_ref()),
            code: basic.code.clone(),
            version,
            body: self
                .states
                .seal(&self.random, &bound(tenant, id, version), body.as_bytes()),
        };
        let written = match version {
            1 => store::insert(tx, tenant, &caller.client_id, &row, now).await?,
            _ => store::update(tx, tenant, &caller.client_id, &row, now).await?,
        };
        if !written {
            // Somebody changed it between the look and the write.
            return Err(Refused::Precondition);
        }
        Ok(Kept {
            id: id.to_owned(),
            version,
            body,
        })
    }

    fn opened(&self, tenant: &TenantId, row: &Row) -> Option<String> {
        let plain = self.states.open(&bound(tenant, &row.id, row.version), &row.body)?;
        String::from_utf8(plain).ok()
    }
}

async fn delete(
    tx: &mut Tx,
    caller: &Caller,
    (id, version): (Option<&str>, i64),
) -> Result<(Option<Kept>, Option<Subject>), Refused> {
    let id = id.ok_or_else(no_id)?;
    let row = own(tx, caller, id, version).await?;
    if !store::delete(tx, &caller.tenant.id, &caller.client_id, id, version).await? {
        return Err(Refused::Precondition);
    }
    Ok((None, Subject::of_key(&row.subject)))
}

fn no_id() -> Wrong {
    Wrong::Text("id: give the one that the state got, as its address has it".to_owned())
}

/// The state with this id and version, if the caller may change it.
async fn own(tx: &mut Tx, caller: &Caller, id: &str, version: i64) -> Result<Row, Refused> {
    let row = store::one(tx, &caller.tenant.id, &caller.client_id, id).await?;
    let row = row.filter(|row| row.version == version).ok_or(Refused::Precondition)?;
    let subject = Subject::of_key(&row.subject);
    if !reaches(caller, subject.as_ref()) || !may_write(tx, caller, subject.as_ref()).await? {
        return Err(Refused::Precondition);
    }
    Ok(row)
}

/// Whether the token is about this subject: the client in its context, the person behind it, or the app as a whole.
fn reaches(caller: &Caller, subject: Option<&Subject>) -> bool {
    let Some(subject) = subject else { return true };
    let is_client = subject.kind == ResourceType::Patient && caller.patient.as_ref() == Some(&subject.id);
    let is_person = caller
        .fhir_user
        .as_ref()
        .is_some_and(|(kind, id)| (*kind, id) == (subject.kind, &subject.id));
    caller.account.is_some() && (is_client || is_person)
}

/// What is of the app as a whole is changed by an app that proves itself.
async fn may_write(tx: &mut Tx, caller: &Caller, subject: Option<&Subject>) -> Result<bool, db::Error> {
    if subject.is_some() {
        return Ok(true);
    }
    let app = app::find(tx, &caller.tenant.id, &caller.client_id).await?;
    Ok(app.is_some_and(|app| !app.is_public()))
}

fn patients(subject: &Option<Subject>) -> Vec<Id> {
    let subject = subject.iter().filter(|subject| subject.kind == ResourceType::Patient);
    subject.map(|subject| subject.id.clone()).collect()
}

fn subject_key(subject: Option<&Subject>) -> String {
    subject
        .map(|subject| format!("{}/{}", subject.kind, subject.id))
        .unwrap_or_default()
}

/// A body opens in its own place only.
fn bound(tenant: &TenantId, id: &str, version: i64) -> Vec<u8> {
    format!("{tenant}/{id}/{version}").into_bytes()
}

/// What the place for states can do.
pub fn capability(url: &str, date: &str) -> Value {
    let interactions = ["create", "update", "delete", "search-type"].map(|code| json!({ "code": code }));
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "publisher": "Inzage",
        "kind": "instance",
        "instantiates": ["http://hl7.org/fhir/smart-app-launch/CapabilityStatement/smart-app-state-server"],
        "implementation": { "description": "What apps keep between two launches", "url": url },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{ "mode": "server", "resource": [{
            "type": "Basic",
            "supportedProfile": ["http://hl7.org/fhir/smart-app-launch/StructureDefinition/smart-app-state-basic"],
            "documentation": "At most 256 kB each, and twenty of one app about one subject. Changes need If-Match.",
            "interaction": interactions,
            "versioning": "versioned-update",
            "searchParam": [{ "name": "code", "type": "token" }, { "name": "subject", "type": "reference" }]
        }] }]
    })
}
