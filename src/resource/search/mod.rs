//! Every way to read: each takes [`Visible`] and puts it into its SQL.

use super::Stored;
use crate::access::Visible;
use crate::db::{self, Conn};
use crate::fhir::search::Query;
use crate::fhir::types::{Id, ResourceType};

/// Where a page ends; the next one begins after it. Holds ids and times: seal the bytes before they leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {}

impl Cursor {
    pub fn to_bytes(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// `None` if the bytes are not from [`Cursor::to_bytes`].
    pub fn from_bytes(_bytes: &[u8]) -> Option<Self> {
        unimplemented!()
    }
}

/// Which page of a search.
#[derive(Clone, Debug)]
pub struct Page {
    /// Entries on it, usually [`Query::count`].
    pub size: usize,
    /// `None` for the first.
    pub after: Option<Cursor>,
}

/// One page of a search.
#[derive(Clone, Debug)]
pub struct Found {
    /// In order; empty with `_summary=count`.
    pub entries: Vec<Stored>,
    pub next: Option<Cursor>,
    /// Only where the query asks for it.
    pub total: Option<u64>,
}

/// One page of the versions of a resource, newest first.
#[derive(Clone, Debug)]
pub struct Versions {
    pub entries: Vec<Stored>,
    /// Pass it as `before` for the next page.
    pub next: Option<i64>,
}

/// The current version, if it exists and is visible.
pub async fn read(
    _conn: &mut Conn,
    _visible: &Visible,
    _kind: ResourceType,
    _id: &Id,
) -> Result<Option<Stored>, db::Error> {
    unimplemented!()
}

/// One version, if it and the current one exist and are visible.
pub async fn vread(
    _conn: &mut Conn,
    _visible: &Visible,
    _kind: ResourceType,
    _id: &Id,
    _version: i64,
) -> Result<Option<Stored>, db::Error> {
    unimplemented!()
}

/// The versions of a resource, newest first; `None` if it does not exist or is not visible.
pub async fn history(
    _conn: &mut Conn,
    _visible: &Visible,
    _kind: ResourceType,
    _id: &Id,
    _size: usize,
    _before: Option<i64>,
) -> Result<Option<Versions>, db::Error> {
    unimplemented!()
}

/// One page of a search: one statement, and one more for the total if that is asked for.
pub async fn search(_conn: &mut Conn, _visible: &Visible, _query: &Query, _page: &Page) -> Result<Found, db::Error> {
    unimplemented!()
}
