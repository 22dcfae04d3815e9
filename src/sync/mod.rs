//! Pull, stage, map, validate, publish: from an ECD to the FHIR store.
//!
//! ```no_run
//! # async fn example(sync: inzage::sync::Sync<'_>) -> Result<(), inzage::sync::Error> {
//! let report = sync.run(inzage::sync::Want::Changes, &|_| {}).await?;
//! println!("{report}");
//! # Ok(()) }
//! ```
//!
//! # Design
//! A run has two halves. **Pull**: the connector's records are compared with what is known (hash over record and mapping
//! files), the changed ones are mapped and validated, and the result waits in a sealed file (`spool.rs`). **Publish**: one
//! transaction per client puts the new versions, withdraws what is no longer published, and notes the records as known. So a
//! reader sees a client's dossier as it was or as it is, never a mix; a run that is killed leaves whole clients, and the next
//! one goes on where the notes end. The point up to which the source was read moves only when everything arrived.
//!
//! **One at a time.** A run holds the lease of its source (`run.rs`), and each transaction compares its fencing token: two replicas
//! never publish one source at once, and one that was paused and comes back changes nothing.
//!
//! Nothing is removed because it is absent from a half answer: absence counts only after the connector says that a list or a
//! stream arrived whole, and too many removals at once are held for an operator (`removal`).
//!
//! **What is remembered** of a source (`state`): how old its published data is, and whether it may be asked.
//!
//! **References** between records lead to what is published, or are left out (`refer.rs`).
//!
//! **Whose a record is** may change at the source (`subject.rs`): clients between whom a record moved are published in one
//! transaction, before all others, and what arrives has new ids. **Which version counts**: never an older one than the known;
//! of two that came in one answer with the same version, the same one every time.

mod again;
pub mod cost;
mod digest;
mod flow;
pub mod hooks;
mod publish;
mod pull;
mod pulled;
pub(crate) mod quarantine;
mod refer;
pub(crate) mod removal;
mod report;
mod run;
mod slots;
mod spool;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod subject;

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Tenant;
use crate::db::lease::Held;
use crate::db::{self, Db};
use crate::ecd::{self, Connector, Kind};
use crate::mapping::Plan;
use crate::profile::Registry;
use crate::resource;
use crate::secret::{self, MacKey, Random};

pub use quarantine::{Quarantined, quarantined, reference};
pub use removal::{Decided, Decision, Held as HeldRemoval, HeldKind, held, held_kinds};
pub use report::Report;
use run::Run;
pub use run::holder;
pub use slots::{Schedule, Step, next_slot};
pub use state::store::{read as state, skip};
pub use state::{Circuit, State, Status, statuses};

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Mapped,
    /// Must not be published, for this reason.
    Dropped(String),
    /// Cannot be mapped and has moved: it is in quarantine and no longer with the client who had it.
    Refused,
}

impl Outcome {
    fn code(&self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Dropped(_) => "dropped",
            Self::Refused => "refused",
        }
    }
}

/// How much to ask of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// What changed since the last run; everything where a client was never loaded.
    Changes,
    /// Everything, and compare.
    Everything,
    /// Everything of the client with this key, and compare.
    Client(String),
    /// What is in quarantine, for example after a map was put right.
    Quarantined,
}

impl Want {
    /// Whether it says something about the whole source.
    fn is_whole(&self) -> bool {
        matches!(self, Self::Changes | Self::Everything)
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Another so many records of a kind have been read.
    Pulled(Kind, u64),
    /// So many clients of so many are published.
    Published(u64, u64),
}

/// Why a run ended early. What was published until then stays, each client whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the source could not be read: {0}")]
    Source(#[from] ecd::Error),
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Store(#[from] resource::Error),
    #[error("the spool file failed: {0}")]
    Spool(#[from] std::io::Error),
    #[error("the mapping task failed")]
    Mapping,
    #[error("tenant.{tenant}.report_types: {unknown}")]
    ReportType { tenant: String, unknown: UnknownType },
    /// Another process syncs this source; it is left alone.
    #[error("another sync of this source is running: {0}")]
    Held(Held),
    #[error("another process took this sync over, because this one gave no sign of life; it changes nothing any more")]
    LeaseLost,
    #[error("it was told to stop")]
    Stopped,
    #[error("no account may see a client with this key, so nothing of it is fetched")]
    NoAccount,
}

/// Everything that one run needs.
pub struct Sync<'a> {
    pub db: &'a Db,
    pub clock: &'a Clock,
    pub random: &'a Random,
    pub tenant: &'a Arc<Tenant>,
    pub connector: &'a dyn Connector,
    pub plan: Arc<Plan>,
    pub profiles: Arc<Registry>,
    /// The tenant's key for resource ids.
    pub ids: MacKey,
    /// Where the spool file lives while the run lasts.
    pub spool_dir: &'a Path,
}

/// A report type that a policy names and that the map of the source does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the map {ecd}/report knows no type {name}; `inzage map explain {ecd}/report` shows those that it knows")]
pub struct UnknownType {
    pub ecd: &'static str,
    pub name: String,
}

/// The first report type that the tenant's policy names and that its maps do not know.
pub fn unknown_report_type(tenant: &Tenant, source: &'static str, plan: &Plan) -> Option<UnknownType> {
    let types = tenant.policy.report_types.as_deref().unwrap_or_default();
    let name = plan.unknown_report_type(&format!("{source}/report"), types)?;
    Some(UnknownType {
        ecd: source,
        name: name.to_owned(),
    })
}

impl Sync<'_> {
    /// A fingerprint of what decides over records besides the records: the maps and the tenant's report types.
    fn rules(&self) -> String {
        let mut text = String::new();
        for kind in Kind::ALL {
            text += self
                .plan
                .version(&format!("{}/{kind}", self.connector.name()))
                .unwrap_or_default();
            text.push('\n');
        }
        text += self.profiles.version();
        text += &pull::named(self.tenant.policy.report_types.as_deref());
        secret::hex(&secret::sha256(text.as_bytes()))
    }

    /// One run, unless another process is syncing this source.
    pub async fn run(
        &self,
        want: Want,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Report, Error> {
        self.run_until(want, progress, std::future::pending()).await
    }

    /// One run that is broken off when `stop` resolves: what is published by then stays, each client whole.
    pub async fn run_until(
        &self,
        want: Want,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
        stop: impl Future<Output = ()>,
    ) -> Result<Report, Error> {
        if let Some(unknown) = unknown_report_type(self.tenant, self.connector.name(), &self.plan) {
            return Err(Error::ReportType {
                tenant: self.tenant.id.to_string(),
                unknown,
            });
        }
        let run = Run::start(self).await?;
        // On the heap, here and where it reads: a run is a large future, and its caller may be deep in one already.
        run.holding(Box::pin(run.whole(want, progress)), stop).await
    }

    /// Reads and maps like [`Self::run`] and tells what would change; nothing is written but what the reading cost.
    pub async fn dry_run(
        &self,
        want: Want,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Report, Error> {
        let run = Run::rehearse(self).await?;
        let done = Box::pin(run.once(&want, self.clock.now(), progress)).await?;
        Ok(done.report)
    }
}
