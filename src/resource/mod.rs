//! The FHIR store: put, history, index, search; every read takes [`Visible`](crate::access::Visible).

mod draft;
#[cfg(test)]
mod fixture;
mod index;
mod search;
pub(crate) mod store;

use jiff::Timestamp;

pub use search::{Cursor, Found, Page, Versions, history, read, search, vread};
pub use store::{put, withdraw};

use crate::db;
use crate::fhir::types::{Id, ResourceType};

/// A resource on its way into the store.
#[derive(Clone, Debug)]
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
