//! A record as it came: told apart by its bytes, read only if somebody wants what it says.
//!
//! # Design
//! Most of a full pull is known already. Parsing, repairing and checking such a record costs ten times what a hash over its bytes
//! costs, so a connector may hand out the bytes with the way to read them, and `sync` reads what is new, on its own threads.
//! [`Unread::print`] covers everything that the reading depends on: the bytes, what is joined to them, the contract, and the
//! version of this program, because a new one may repair more.

use std::fmt;
use std::sync::Arc;

use super::{Bad, Kind, Record};

/// Reads a record, or says what is wrong with it.
type Reading = Arc<dyn Fn() -> Result<Record, Bad> + Send + Sync>;

/// A record that was not read yet.
#[derive(Clone)]
pub struct Unread {
    pub kind: Kind,
    /// Unique within the kind, for the whole ECD.
    pub key: String,
    /// The client whose dossier it belongs to.
    pub client: Option<String>,
    /// Equal for two records that read the same.
    pub print: [u8; 32],
    reading: Reading,
}

impl Unread {
    pub fn new(
        kind: Kind,
        key: String,
        client: Option<String>,
        print: [u8; 32],
        reading: impl Fn() -> Result<Record, Bad> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            key,
            client,
            print,
            reading: Arc::new(reading),
        }
    }

    /// The record, repaired, joined and checked against its contract.
    ///
    /// # Errors
    /// What is wrong with it, without a value of it.
    pub fn read(&self) -> Result<Record, Bad> {
        (self.reading)()
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
