//! Where data comes from: connectors to the ECD products, the contracts of their records, and mock servers.
//!
//! A connector turns a product's own interface into one stream of [`Event`]s, which `sync` stages, maps and stores:
//!
//! ```no_run
//! # async fn example(ons: impl inzage::ecd::Connector) {
//! use futures::StreamExt as _;
//! use inzage::ecd::{Event, Pull, Reach};
//! let pull = Pull {
//!     clients: ["10101".to_owned()].into(),
//!     reach: Reach::Full,
//!     agenda: jiff::civil::date(2026, 10, 1)..jiff::civil::date(2027, 3, 1),
//!     mark: None,
//!     today: jiff::civil::date(2026, 11, 22),
//! };
//! let mut events = ons.pull(pull);
//! while let Some(event) = events.next().await {
//!     if let Ok(Event::Record(record)) = event.map(Event::read) {
//!         println!("{} {}", record.kind, record.version);
//!     }
//! }
//! # }
//! ```
//!
//! # Design
//! - **Only clients that are asked for.** The products limit requests and demand data minimisation, so [`Pull::clients`]
//!   names the clients with a portal account and nothing of another client leaves the connector except its key.
//! - **Absence is evidence only of a whole answer.** Products do not tell of every deletion, so `sync` compares. It may
//!   remove what it did not see only after [`Event::Complete`] (one client's list) or [`Event::StreamComplete`] (a whole
//!   kind); both are sent only when every byte of the answer arrived and every record in it had a key.
//! - **A fixed order**, that of [`Kind::ALL`] as far as the product allows. Names are known before the records that mention
//!   them.
//! - **Quirks are repaired here** and nowhere else; a mapping file only renames and codes. What a mapping cannot look up
//!   is joined to the record: names of employees, addresses of contacts, the client that an agenda was asked for.
//! - **A joined record may change without a new version** (an employee marries), so `sync` decides by the hash of the
//!   body and uses the version only to refuse going back.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

mod bsn;
pub mod caress;
pub mod contract;
pub mod folder;
mod http;
mod kind;
pub mod mock;
pub mod ons;
mod plain;
pub mod stay;
mod task;
mod unread;
pub mod upstream;

pub use http::tls::faults as tls_faults;
pub use kind::Kind;
pub use unread::Unread;

/// One source record that keeps its contract, repaired and joined: what a mapping reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub kind: Kind,
    /// Unique within the kind, for the whole ECD.
    pub key: String,
    /// The client whose dossier it belongs to; none for a shared kind.
    pub client: Option<String>,
    /// The time of the last change in UTC at a fixed width, so that it sorts as text; empty where the source keeps none.
    pub version: String,
    pub body: Value,
}

/// A source record that breaks its contract: to be quarantined. Holds no value of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub kind: Kind,
    /// None where not even a key could be read.
    pub key: Option<String>,
    /// JSON pointer to the place; empty for the whole record.
    pub pointer: String,
    pub reason: String,
    /// Further places and what is wrong there, a handful at most.
    pub more: Vec<(String, String)>,
}

impl Bad {
    /// One place, and what is wrong there.
    pub fn new(kind: Kind, key: Option<String>, pointer: &str, reason: &str) -> Self {
        Self {
            kind,
            key,
            pointer: pointer.to_owned(),
            reason: reason.to_owned(),
            more: Vec::new(),
        }
    }
}

/// How much to pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything of the clients: for the first load and for the regular full compare.
    Full,
    /// What changed since then; a connector widens it by its own overlap.
    Since(Timestamp),
}

/// What one run of `sync` asks of a connector.
#[derive(Clone, Debug)]
pub struct Pull {
    /// Keys of the clients with a portal account. Nothing of others is delivered.
    pub clients: BTreeSet<String>,
    pub reach: Reach,
    /// The days of the agenda that are polled: from inclusive, to exclusive.
    pub agenda: Range<Date>,
    /// The last [`Event::Mark`] of which something was published.
    pub mark: Option<String>,
    /// The local day of the run: it decides what is over and what has not begun.
    pub today: Date,
}

/// A few things to read again, because the source said that they changed.
#[derive(Clone, Debug)]
pub struct Look {
    /// As in [`Pull`]: nothing of other clients is delivered.
    pub clients: BTreeSet<String>,
    pub again: BTreeSet<Again>,
    /// Since when they may have changed.
    pub since: Timestamp,
    /// The local day of the organisation.
    pub today: Date,
}

/// One thing to read again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Again {
    /// A record; if the source has it no more, it is [`Event::Deleted`].
    Record { kind: Kind, key: String },
    /// All of this kind that belongs to a client, ended by [`Event::Complete`].
    Client { kind: Kind, client: String },
    /// Whatever changed of this kind.
    Changes { kind: Kind },
}

/// One thing a pull found out.
#[derive(Clone, Debug)]
pub enum Event {
    Record(Record),
    /// A record that nobody has read yet.
    Unread(Unread),
    /// A record of which a part that stands elsewhere could not be asked, as a [`Self::Failed`] says. What it no longer shows goes; the
    /// rest of it stays as it was until all of it can be told.
    Open(Record),
    Bad(Bad),
    /// The source says that this record is gone.
    Deleted {
        kind: Kind,
        key: String,
    },
    /// A changed record belongs to a client that was not asked for. If it is stored, it moved away: remove it.
    Outside {
        kind: Kind,
        key: String,
    },
    /// One client's list arrived whole; what it lacks is gone. For the agenda only within the days asked for.
    Complete {
        kind: Kind,
        client: String,
    },
    /// Everything of this kind arrived whole; of the clients asked for, what did not come is gone.
    StreamComplete {
        kind: Kind,
    },
    /// This part could not be read and is as it was; the pull goes on.
    Failed {
        kind: Kind,
        client: Option<String>,
        error: Error,
    },
    /// Where a source stands that must not go backwards; comes last, and is kept before anything of the pull is published.
    Mark {
        mark: String,
        /// Of when everything is that the pull told.
        as_of: Timestamp,
    },
}

impl Event {
    /// Reads what was handed out unread: it becomes a record, or what is wrong with it.
    pub fn read(self) -> Self {
        match self {
            Self::Unread(unread) => unread.read().map_or_else(Self::Bad, Self::Record),
            read => read,
        }
    }

    /// Of a record: not everything could be asked.
    fn open(self) -> Self {
        match self {
            Self::Record(record) => Self::Open(record),
            other => other,
        }
    }
}

/// Load put on a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Requests that were answered with 429.
    pub throttled: u64,
    /// Time for which a request was open, summed.
    pub milliseconds: u64,
}

impl Spent {
    /// What was spent after `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            throttled: self.throttled.saturating_sub(before.throttled),
            milliseconds: self.milliseconds.saturating_sub(before.milliseconds),
        }
    }
}

/// Why a source, or a part of it, could not be read. Holds no identifiers of clients and nothing of an answer's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("setting {setting}: {problem}")]
    Setting { setting: &'static str, problem: String },
    #[error("{path}: the TLS handshake failed: {reason}; check the certificate, its key and the CA")]
    Handshake { path: &'static str, reason: String },
    #[error("{path}: the source does not admit us (HTTP {status}); check the certificate or token, and its rights")]
    NotAdmitted { path: &'static str, status: u16 },
    #[error("{path}: no connection: {reason}")]
    Unreachable { path: &'static str, reason: String },
    #[error("{path}: no answer in time")]
    Timeout { path: &'static str },
    #[error("{path}: still HTTP {status} after {attempts} attempts")]
    Busy {
        path: &'static str,
        status: u16,
        attempts: u32,
    },
    #[error("{path}: HTTP {status}, come back in {seconds} s")]
    Later {
        path: &'static str,
        status: u16,
        seconds: u64,
    },
    #[error("{path}: not asked, because {failures} requests in a row got no answer")]
    GivenUp { path: &'static str, failures: u32 },
    #[error("{path}: HTTP {status}")]
    Status { path: &'static str, status: u16 },
    #[error("{path}: JSON expected, the answer says {found}")]
    NotJson { path: &'static str, found: String },
    #[error("{path}: the answer ends early")]
    Truncated { path: &'static str },
    #[error("{path}: the answer is larger than {limit} bytes")]
    TooLarge { path: &'static str, limit: usize },
    #[error("the drop is left as it is: {place}: {problem}. {remedy}")]
    Drop {
        /// Folder and file.
        place: String,
        problem: String,
        remedy: &'static str,
    },
    #[error("{path}: the day's request time is nearly used up; this waits until tomorrow")]
    Budget { path: &'static str },
    #[error("{path}: {problem}")]
    Shape { path: &'static str, problem: &'static str },
}

impl Error {
    /// Whether every further request would fail the same way, so that a pull stops. A 403 may be about one list only.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Setting { .. } | Self::Handshake { .. } | Self::Unreachable { .. } => true,
            Self::Later { .. } | Self::GivenUp { .. } => true,
            Self::NotAdmitted { status, .. } => *status != 403,
            _ => false,
        }
    }
}

/// A source of records.
pub trait Connector: Send + Sync {
    /// The product's name in map names and ids: `ons`, `caress`, `fhir`.
    fn name(&self) -> &'static str;

    /// Asks whether the source admits us.
    fn ping(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Whether a record's absence from a pull of these agenda days says anything about it.
    fn is_within(&self, kind: Kind, key: &str, agenda: &Range<Date>) -> bool;

    /// Reads what `pull` asks for. An `Err` is the last item; dropping the stream ends the pull.
    fn pull(&self, pull: Pull) -> BoxStream<'_, Result<Event, Error>>;

    /// Load put on the source since this connector was made, up to this moment.
    fn spent(&self) -> Spent {
        Spent::default()
    }

    /// So much request time may go from now on into what can wait; beyond it only the essential requests are made.
    fn allow(&self, _time: Duration) {}

    /// Asks a source that tells of its changes to tell once more what it could not deliver.
    fn redeliver(&self) -> BoxFuture<'_, Result<(), Error>> {
        let error = Error::Shape {
            path: "webhook",
            problem: "this source keeps nothing to tell again",
        };
        Box::pin(std::future::ready(Err(error)))
    }

    /// Reads what `look` names and nothing else: for a source that tells of its changes. The others cannot.
    fn look(&self, _look: Look) -> BoxStream<'_, Result<Event, Error>> {
        let error = Error::Shape {
            path: "webhook",
            problem: "this source has no way to read one record again",
        };
        Box::pin(futures::stream::once(std::future::ready(Err(error))))
    }
}

/// The sortable form of a time: UTC, six decimals.
pub fn version_of(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_text() {
        let early = version_of("2026-11-20T12:00:00.5+01:00".parse().unwrap());
        let late = version_of("2026-11-20T11:00:01Z".parse().unwrap());
        assert_eq!(early, "2026-11-20T11:00:00.500000Z");
        assert!(early < late);
    }
}
