//! Bulk Data export, version 2: everything of all clients, for an app in its own name
//! (<https://hl7.org/fhir/uv/bulkdata/export.html>).
//!
//! # Design
//! **No files.** A job is a row: what was asked, and which types have something. A file is read from the resources while it is
//! fetched, in pages that follow the ids, so it takes the memory of one page, every replica can serve it, nothing lies on a
//! disk, and what was withdrawn or forbidden meanwhile is not in it. The price: a resource that changed after
//! `transactionTime` is given as it is now, and the next export with `_since` gives it again; one that came to be after the
//! file was begun is left to that export.
//!
//! **Who.** Only an app in its own name with `system/` scopes. Every request decides anew: the token's scopes cover the type, and
//! the job is this app's. A job of another app is not found, like one that never was.
//!
//! **The group** is the clients of the tenant: one Group with the id `clients`. Its members are not listed in it, because a list
//! has an end; they are the Patient resources of the export. System, patient and group level give the same, because all that
//! the gateway has belongs to clients or to those who care for them.
//!
//! **Audit.** One line for the kick-off; one for each file before its first byte; and for each client whose dossier is in a file
//! one line, before the page with the first of it leaves.

mod asked;
mod elements;
mod group;
mod lines;
pub(crate) mod store;
mod walk;
mod work;

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

pub use asked::Asked;

use super::{Call, Error, Rest, line};
use crate::access::{self, Denied, Interaction};
use crate::audit::{Action, Entry, Outcome, What};
use crate::config::Tenant;
use crate::fhir::search::{BadParam, Handling, Setting};
use crate::fhir::types::ResourceType;
use crate::oauth::Caller;
use crate::oauth::scope::Scopes;
use walk::Walk;

/// How long the files can be fetched.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// Jobs that an app and a tenant may have at once, done or not.
const OF_AN_APP: i64 = 10;
const OF_A_TENANT: i64 = 50;
/// Pages of files that are read at once, on this replica.
const FILES: usize = 8;

/// What exports share on one replica.
#[derive(Clone, Debug)]
pub(super) struct Exports {
    /// A job came in.
    arrived: Arc<Notify>,
    files: Arc<Semaphore>,
}

impl Default for Exports {
    fn default() -> Self {
        Self {
            arrived: Arc::default(),
            files: Arc::new(Semaphore::new(FILES)),
        }
    }
}

/// One export.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) tenant: String,
    pub(crate) id: String,
    client_id: String,
    scopes: String,
    request: String,
    asked: Asked,
    state: State,
    started_at: Timestamp,
    held_until: Timestamp,
    expires_at: Timestamp,
}

#[derive(Clone, Debug)]
enum State {
    /// Waiting or being worked on.
    UnderWay {
        progress: String,
    },
    /// Types and how much there is of each.
    Done(Vec<(String, u64)>),
    Failed,
}

/// What an app hears when it asks how far its export is.
#[derive(Clone, Debug)]
pub enum Status {
    UnderWay { progress: String },
    Done { manifest: Value, expires_at: Timestamp },
    Failed,
}

impl Rest {
    /// Takes an export in; gives its id. `request` is the URL that was asked.
    pub async fn export(
        &self,
        call: &Call<'_>,
        request: String,
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<String, Error> {
        let taken = self.take_export(call, request, pairs, handling).await;
        self.told(call, Action::ExportStarted, None, taken).await
    }

    async fn take_export(
        &self,
        call: &Call<'_>,
        request: String,
        pairs: &[(String, String)],
        handling: Handling,
    ) -> Result<String, Error> {
        in_its_own_name(call.caller)?;
        let (tenant, base, now) = (&call.caller.tenant, self.base(call), self.clock.now());
        let asked = Asked::parse(pairs, handling, &self.setting(tenant, &base))?;
        let decided = |kind| access::decide(call.caller, &Interaction::Search(kind));
        for kind in asked::exportable().filter(|kind| asked.names(*kind)) {
            decided(kind)?;
        }
        // Without a type that was named something at all has to be open.
        asked::exportable()
            .find(|kind| decided(*kind).is_ok())
            .ok_or(Denied::Scope)?;
        let job = Job {
            tenant: tenant.id.to_string(),
            id: self.random.token(),
            client_id: call.caller.client_id.clone(),
            scopes: call.caller.scopes.to_string(),
            request,
            asked,
            state: State::UnderWay {
                progress: String::new(),
            },
            started_at: now,
            held_until: Timestamp::UNIX_EPOCH,
            expires_at: now + LIFE,
        };
        let mut tx = self.db.begin().await?;
        let counted = store::count(&mut tx, &tenant.id, &job.client_id, now).await?;
        if counted.client >= OF_AN_APP || counted.tenant >= OF_A_TENANT {
            return Err(Error::Busy);
        }
        store::insert(&mut tx, &job).await?;
        tx.commit().await?;
        self.exports.arrived.notify_one();
        Ok(job.id)
    }

    /// How far it is; the manifest when it is done.
    pub async fn export_status(&self, call: &Call<'_>, id: &str) -> Result<Status, Error> {
        match self.how_far(call, id).await {
            Ok(status @ (Status::UnderWay { .. } | Status::Failed)) => Ok(status),
            told => self.told(call, Action::Read, None, told).await,
        }
    }

    async fn how_far(&self, call: &Call<'_>, id: &str) -> Result<Status, Error> {
        let job = self.own_export(call, id).await?;
        Ok(match &job.state {
            State::UnderWay { progress } => Status::UnderWay {
                progress: progress.clone(),
            },
            State::Failed => Status::Failed,
            State::Done(output) => Status::Done {
                manifest: self.manifest(call, &job, output),
                expires_at: job.expires_at,
            },
        })
    }

    fn manifest(&self, call: &Call<'_>, job: &Job, output: &[(String, u64)]) -> Value {
        let base = self.base(call);
        let file = |(kind, count): &(String, u64)| json!({"type": kind, "url": format!("{base}/export/{}/{kind}", job.id), "count": count});
        // The scopes of this token, not those of the kick-off.
        let open = |(kind, _): &&(String, u64)| {
            kind.parse::<ResourceType>()
                .is_ok_and(|kind| access::decide(call.caller, &Interaction::Search(kind)).is_ok())
        };
        json!({
            "transactionTime": job.started_at,
            "request": job.request,
            "requiresAccessToken": true,
            "output": output.iter().filter(open).map(file).collect::<Vec<_>>(),
            "error": [],
        })
    }

    /// Ends it, and takes its files away.
    pub async fn cancel_export(&self, call: &Call<'_>, id: &str) -> Result<(), Error> {
        let gone = async {
            in_its_own_name(call.caller)?;
            let caller = call.caller;
            let mut tx = self.db.begin().await?;
            let was = store::delete(&mut tx, &caller.tenant.id, id, &caller.client_id, self.clock.now()).await?;
            tx.commit().await?;
            was.then_some(()).ok_or(Error::NotFound)
        };
        let gone = gone.await;
        self.told(call, Action::ExportCancelled, None, gone).await
    }

    /// The file of a type, as pages of NDJSON.
    pub async fn export_file(
        &self,
        call: &Call<'_>,
        id: &str,
        kind: ResourceType,
    ) -> Result<BoxStream<'static, Result<Vec<u8>, Error>>, Error> {
        let opened = self.open_file(call, id, kind).await;
        Ok(self
            .told(call, Action::ExportFile, Some(kind), opened)
            .await?
            .lines()
            .boxed())
    }

    async fn open_file(&self, call: &Call<'_>, id: &str, kind: ResourceType) -> Result<lines::File, Error> {
        let job = self.own_export(call, id).await?;
        let visible = access::decide(call.caller, &Interaction::Search(kind))?;
        let listed = matches!(&job.state, State::Done(output) if output.iter().any(|(name, _)| name == kind.as_str()));
        let walk = job
            .asked
            .file(kind, &self.setting(&call.caller.tenant, &self.base(call)))?;
        let walk = walk.filter(|_| listed).ok_or(Error::NotFound)?;
        Ok(lines::File {
            rest: self.clone(),
            tenant: Arc::clone(&call.caller.tenant),
            who: line::who(call.caller, &[]),
            origin: call.origin,
            job,
            visible,
            kind,
            walk,
        })
    }

    async fn own_export(&self, call: &Call<'_>, id: &str) -> Result<Job, Error> {
        in_its_own_name(call.caller)?;
        let caller = call.caller;
        let mut read = self.db.read().await?;
        store::find(&mut read, &caller.tenant.id, id, &caller.client_id, self.clock.now())
            .await?
            .ok_or(Error::NotFound)
    }

    /// Makes the line of a step durable, then lets its result go.
    async fn told<T>(
        &self,
        call: &Call<'_>,
        action: Action,
        kind: Option<ResourceType>,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        let outcome = match &done {
            Ok(_) => Outcome::Success,
            Err(error) => error.outcome(),
        };
        let what = What {
            kind,
            ..What::default()
        };
        let entry = Entry::new(call.caller.tenant.id.clone(), action, outcome)
            .by(line::who(call.caller, &[]))
            .on(what)
            .from(call.origin);
        self.recorder.record(entry).await?;
        done
    }

    fn setting<'a>(&self, tenant: &'a Tenant, base: &'a str) -> Setting<'a> {
        Setting {
            zone: &tenant.zone,
            base,
            now: self.clock.now(),
        }
    }
}

impl Asked {
    /// The searches behind a type's file; `None` if it has none: it was not asked for, or named clients have nothing of it.
    fn file(&self, kind: ResourceType, setting: &Setting<'_>) -> Result<Option<Walk>, BadParam> {
        let of_nobody = kind.is_shared() && !self.patients.is_empty();
        if !self.wants(kind) || of_nobody {
            return Ok(None);
        }
        Ok(Some(Walk::new(self.queries(kind, setting)?)))
    }
}

/// An export is for an app in its own name; a person's token reaches it by no scope.
fn in_its_own_name(caller: &Caller) -> Result<(), Denied> {
    caller.account.is_none().then_some(()).ok_or(Denied::Scope)
}

/// Who asked, when nobody is there any more: for the count, with the scopes of that moment.
fn caller(tenant: &Arc<Tenant>, job: &Job) -> Option<Caller> {
    Some(Caller {
        tenant: Arc::clone(tenant),
        account: None,
        client_id: job.client_id.clone(),
        grant: String::new(),
        scopes: Scopes::parse(&job.scopes).ok()?,
        patient: None,
        fhir_user: None,
        rights: Vec::new(),
    })
}
