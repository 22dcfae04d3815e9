//! The FHIR store: put, history, index, search; every read takes [`Visible`](crate::access::Visible).
//!
//! ```
//! use inzage::fhir::types::{Id, ResourceType};
//! use inzage::resource::Draft;
//! let id = Id::parse("g1").unwrap();
//! let draft = Draft {
//!     kind: ResourceType::Goal,
//!     patient: Id::parse("p1"),
//!     body: format!(r#"{{"resourceType":"Goal","id":"{id}","meta":{{"profile":["urn:x"]}},"lifecycleStatus":"active"}}"#),
//!     id,
//! };
//! // put(&mut tx, &tenant, clock.now(), &[draft]).await? gives [Put::Created], and the same again [Put::Unchanged].
//! ```
//!
//! # Design
//! **Rows.** `resource` holds the current version of every resource as the exact text that is served; `resource_history` the
//! versions that were replaced, so no body is kept twice. `put` compares a hash of the text as it came in: the same text
//! costs one index probe and writes nothing. Otherwise the old row goes to the history and a new one takes its `key`.
//!
//! **The index row is the resource's own row.** Beside the body stand two dates as ranges, `marks` (eight bytes for every way
//! in which a request can ask for a code or reference in it, see [`crate::fhir::search::Mark`]), `present` (a bit for each
//! declared parameter that has a value, for `:missing`) and `updated`. A search walks one client's timeline, the index
//! `(tenant, patient, type, date_from, key)`, and looks at each row on the way; it ends when the page is full. What it costs
//! is bounded by the number of resources of one type in one dossier, whatever is asked and whatever the planner thinks, an
//! update can leave no stale index rows behind, and a load writes one row where separate index tables would take five or six.
//! The price: a code that a dossier of thousands never had is looked for in all of it, some hundred microseconds a
//! thousand; and a client's third date would need another pair of columns. When the declared parameters change, stored
//! rows have to be indexed anew.
//!
//! **Not partitioned.** The plan was to partition by `(tenant, patient)` on PostgreSQL. The unique index on
//! `(tenant, type, id)` is worth more: it is what keeps a resource from being in two dossiers at once, and a partitioned
//! table cannot have it. Every path but that index has tenant and client in front, so the table can still be split later.
//!
//! **Moves and withdrawals.** An id belongs to one dossier. If it comes with another client, the old dossier loses it in the
//! same transaction, with its history, because those versions were never the new client's. What is withdrawn leaves only its
//! id and last version, so that a version number never means two things.
//!
//! **Shared types.** A care worker belongs to no client and is visible where a visible resource of a visible client refers to
//! it. `put` keeps those references in `resource_link`; the statement checks the scopes of the referring resource as well.
//!
//! **Two writers.** The rows to be replaced are held and their versions compared; who comes second gets
//! [`db::Error::Retry`] and has to run its whole flow again.

mod draft;
#[cfg(test)]
mod fixture;
mod index;
pub(crate) mod refer;
mod search;
pub(crate) mod store;

use jiff::Timestamp;

pub use draft::Indexed;
pub(crate) use index::Entry;
pub use refer::{Target, absent, let_go_of};
pub use search::{Cursor, Found, Page, Versions, history, read, search, vread};
pub use store::{put, put_indexed, withdraw};

use crate::db;
use crate::fhir::types::{Id, ResourceType};

/// A resource on its way into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub kind: ResourceType,
    pub id: Id,
    /// Whose dossier it is in; `None` for a shared type.
    pub patient: Option<Id>,
    /// JSON text that begins `{"resourceType":"…","id":"…","meta":{`, without `versionId` and `lastUpdated`.
    pub body: String,
}

/// What became of a [`Draft`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Created,
    Updated,
    Unchanged,
}

/// A stored version of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub kind: ResourceType,
    pub id: Id,
    pub patient: Option<Id>,
    pub version: i64,
    pub last_updated: Timestamp,
    /// The exact bytes to serve.
    pub body: String,
}

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Db(#[from] db::Error),
    /// The draft is not what [`Draft`] asks for: a fault of the caller.
    #[error("a {kind} cannot be stored: {reason}")]
    Draft { kind: ResourceType, reason: &'static str },
}
