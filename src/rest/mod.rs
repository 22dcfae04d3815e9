//! FHIR interactions without HTTP: decide, read, write the audit line, answer.
//!
//! ```no_run
//! # use inzage::fhir::types::{Id, ResourceType};
//! # use inzage::rest::{Answer, Call, Rest, Unless};
//! # async fn example(rest: &Rest, call: &Call<'_>) -> Result<(), inzage::rest::Error> {
//! let id = Id::parse("a1").unwrap();
//! if let Answer::Resource { body, version, .. } = rest.read(call, ResourceType::Goal, &id, &Unless::Never).await? {
//!     println!("version {version}: {} bytes", body.len());
//! }
//! # Ok(()) }
//! ```
//!
//! # Design
//! Every interaction has the same four steps, and no other order is possible: [`access::decide`] looks at token and rights
//! only; its [`Visible`] goes into one SQL statement; the audit line with the outcome becomes durable; then the answer is handed
//! out. A refusal and a miss leave a line too. If the line cannot be written there is no answer.
//!
//! What the caller may not see and what does not exist are the same [`Error::NotFound`]: one statement, one answer, one time.

mod condition;
mod definition;
pub(crate) mod export;
mod history;
mod line;
mod link;
mod person;
mod search;
pub mod state;

use jiff::Timestamp;

pub use condition::Unless;
pub use definition::{Definitions, Read as ReadDefinition, Served, Unexpanded};
pub use export::Status as ExportStatus;
pub use search::Request;

use crate::access::{self, Denied, Interaction, Visible};
use crate::audit::{self, Action, Entry, Origin, Outcome, Recorder, What};
use crate::clock::Clock;
use crate::config::{Config, Server};
use crate::db::{self, Db};
use crate::fhir::search::BadParam;
use crate::fhir::types::{Id, ResourceType};
use crate::oauth::Caller;
use crate::resource::{self, Stored};
use crate::secret::{Random, Sealer};

/// What the interactions need.
#[derive(Clone, Debug)]
pub struct Rest {
    db: Db,
    recorder: Recorder,
    clock: Clock,
    random: Random,
    server: Server,
    /// Seals page links.
    links: Sealer,
    exports: export::Exports,
    /// Seals what apps keep.
    states: Sealer,
}

/// Who asks, and in which request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub caller: &'a Caller,
    pub origin: Origin,
}

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Resource {
        body: String,
        version: i64,
        last_updated: Timestamp,
    },
    /// The caller already has this version.
    NotModified {
        version: i64,
        last_updated: Timestamp,
    },
    Bundle(Vec<u8>),
    /// A resource that is made at the moment of the request and has no versions.
    Made(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not exist, or the caller may not know that it does.
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Parameter(#[from] BadParam),
    /// A page link that was not made for this token, or that is too old.
    #[error("the page link is not valid any more")]
    Link,
    /// As much as may be under way is.
    #[error("too much is under way")]
    Busy,
    #[error(transparent)]
    Audit(#[from] audit::Error),
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// An answer that waits for its audit line.
struct Done {
    answer: Answer,
    /// Whose dossier it came from.
    patients: Vec<Id>,
}

impl Rest {
    pub fn new(config: &Config, db: Db, recorder: Recorder, clock: Clock, random: Random) -> Self {
        Self {
            db,
            recorder,
            clock,
            random,
            server: config.server.clone(),
            links: config.master.sealer("page-link"),
            exports: export::Exports::default(),
            states: config.master.sealer("app-state"),
        }
    }

    /// The current version of a resource.
    pub async fn read(&self, call: &Call<'_>, kind: ResourceType, id: &Id, unless: &Unless) -> Result<Answer, Error> {
        let found = async {
            let visible = access::decide(call.caller, &Interaction::Read(kind, id))?;
            if kind == ResourceType::Person {
                return self.person(call, &visible, id).await;
            }
            let stored = resource::read(&mut *self.db.read().await?, &visible, kind, id).await?;
            Ok(one(stored.ok_or(Error::NotFound)?, &visible, unless))
        };
        let what = What {
            kind: Some(kind),
            id: Some(id.clone()),
            ..What::default()
        };
        self.audited(call, Action::Read, what, found.await).await
    }

    /// One version of a resource.
    pub async fn vread(
        &self,
        call: &Call<'_>,
        kind: ResourceType,
        id: &Id,
        version: i64,
        unless: &Unless,
    ) -> Result<Answer, Error> {
        let found = async {
            let visible = access::decide(call.caller, &Interaction::Read(kind, id))?;
            let stored = resource::vread(&mut *self.db.read().await?, &visible, kind, id, version).await?;
            Ok(one(stored.ok_or(Error::NotFound)?, &visible, unless))
        };
        let what = What {
            kind: Some(kind),
            id: Some(id.clone()),
            version: Some(version),
            query: None,
        };
        self.audited(call, Action::VersionRead, what, found.await).await
    }

    /// A read that can only miss, because its id or version is not one: decided and written down like any other, so that it
    /// answers like any other.
    pub async fn miss(&self, call: &Call<'_>, action: Action, kind: ResourceType) -> Error {
        let nothing = Id::parse("-").expect("a hyphen is an id");
        let decided = access::decide(call.caller, &Interaction::Read(kind, &nothing));
        let error = decided.map_or_else(Error::Denied, |_| Error::NotFound);
        let what = What {
            kind: Some(kind),
            ..What::default()
        };
        match self.audited(call, action, what, Err(error)).await {
            Err(error) => error,
            Ok(_) => Error::NotFound,
        }
    }

    /// Makes the line durable, then lets the answer go.
    async fn audited(
        &self,
        call: &Call<'_>,
        action: Action,
        what: What,
        done: Result<Done, Error>,
    ) -> Result<Answer, Error> {
        let outcome = match &done {
            Ok(_) => Outcome::Success,
            Err(error) => error.outcome(),
        };
        let patients = done.as_ref().map_or(&[][..], |done| &done.patients);
        let entry = Entry::new(call.caller.tenant.id.clone(), action, outcome)
            .by(line::who(call.caller, patients))
            .on(what)
            .about(patients)
            .from(call.origin);
        self.recorder.record(entry).await?;
        Ok(done?.answer)
    }

    /// `https://host/{tenant}/fhir`
    fn base(&self, call: &Call<'_>) -> String {
        self.server.fhir_base(call.caller.tenant.id.as_str())
    }
}

/// One resource that was found.
fn one(stored: Stored, visible: &Visible, unless: &Unless) -> Done {
    let (version, last_updated) = (stored.version, stored.last_updated);
    // A shared resource is in nobody's dossier; it was reached through those of the visible clients.
    let patients = stored
        .patient
        .map_or_else(|| visible.patients().to_vec(), |id| vec![id]);
    let answer = if unless.holds(version, last_updated) {
        Answer::NotModified { version, last_updated }
    } else {
        Answer::Resource {
            body: stored.body,
            version,
            last_updated,
        }
    };
    Done { answer, patients }
}

impl Error {
    /// How the audit line tells it.
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotFound => Outcome::Refused("not-found"),
            Self::Denied(denied) => Outcome::Refused(denied.reason()),
            Self::Parameter(_) => Outcome::Refused("parameter"),
            Self::Link => Outcome::Refused("page-link"),
            Self::Busy => Outcome::Refused("busy"),
            Self::Audit(_) => Outcome::Failed("audit"),
            Self::Database(_) => Outcome::Failed("database"),
        }
    }
}
