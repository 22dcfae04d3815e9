//! The connectors to PinkRoccade Caress: a folder in which the product's supplier puts a drop of CSV files, and the product's
//! own lists over the web ([`web`]).
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use inzage::ecd::{caress, contract::Contracts};
//! let settings = caress::Settings {
//!     drop_dir: "/srv/caress".into(),
//!     tenant: "treant".to_owned(),
//!     clock: inzage::clock::Clock::System,
//! };
//! let contracts = Contracts::builtin("caress").expect("the built-in contracts compile");
//! let caress = caress::Caress::new(settings, contracts.into());
//! # Ok(()) }
//! ```
//!
//! # Design
//! **ASSUMPTION: the whole contract.** Of this product only the management of users is public (a SOAP description and
//! one REST list). No interface for reports, care plans or appointments was found. The files, their columns and the
//! manifest are our proposal to a supplier, in the habits that the public part shows; a real export will differ, and
//! then `columns`, the source schemas and the maps are what changes. Each further assumption says so where it stands.
//!
//! - A drop is `manifest.json` and the files that it names, `;`-separated, UTF-8, CRLF. The manifest is renamed into
//!   place last. Contract, tenant, size, SHA-256 and number of rows of every file are checked before the first record
//!   leaves: a drop is complete and correct, or nothing changes.
//! - A file holds everything (`"mode": "full"`), so what is absent is gone, or what changed since the drop before
//!   (`delta`), with tombstones in `verwijderd.csv`. `chain` lays deltas over the full drop that they build on, so a pull
//!   always hands on everything; it refuses a delta whose chain is broken and a drop that is older than one that was read.
//! - **The version of a record is the time of the newest drop.** The stamps of the rows are local times and run backwards in
//!   one hour of October; the manifest has an offset. The stamps decide only between duplicates of a row within one file.
//! - `columns` is the allow-list: a column that it does not name (the BSN, for one) is not read. `cell` undoes the
//!   product's habits (T and F, A and N, `2200-01-01`, Db2 timestamps), `rtf` turns rich text into plain text.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::civil::Date;
use tokio::sync::mpsc;

use super::contract::Contracts;
use super::{Connector, Error, Event, Kind, Pull, task};
use crate::clock::Clock;

mod around;
mod cell;
mod chain;
pub(super) mod columns;
mod dossier;
mod layers;
mod manifest;
mod pull;
mod rows;
mod rtf;
pub mod web;

/// What this gateway says to a manifest of the contract.
pub(super) const CONTRACT: &str = "caress-drop/1";

/// Where the drops of one organisation arrive.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds `manifest.json`, or folders that do.
    pub drop_dir: PathBuf,
    /// The tenant that the manifest must name.
    pub tenant: String,
    /// A drop from the future is refused.
    pub clock: Clock,
}

/// A folder of drops.
#[derive(Clone)]
pub struct Caress {
    settings: Arc<Settings>,
    contracts: Arc<Contracts>,
}

impl Caress {
    /// Reads nothing yet.
    pub fn new(settings: Settings, contracts: Arc<Contracts>) -> Self {
        Self {
            settings: Arc::new(settings),
            contracts,
        }
    }
}

/// Events that may wait between the connector and its reader.
const WAITING: usize = 256;

impl Connector for Caress {
    fn name(&self) -> &'static str {
        "caress"
    }

    /// Whether a manifest is there that can be read; its files are checked by a pull.
    fn ping(&self) -> BoxFuture<'_, Result<(), Error>> {
        let settings = Arc::clone(&self.settings);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || chain::Chain::read(&settings).map(|_| ()));
            read.await.unwrap_or_else(|_| {
                Err(manifest::broken(
                    manifest::FILE,
                    "reading it failed",
                    "Look into the log",
                ))
            })
        })
    }

    /// ASSUMPTION: `afspraken.csv` holds every appointment that a client may see, whatever its day.
    fn is_within(&self, _: Kind, _: &str, _: &Range<Date>) -> bool {
        true
    }

    fn pull(&self, pull: Pull) -> BoxStream<'_, Result<Event, Error>> {
        let (out, events) = mpsc::channel(WAITING);
        let run = pull::Run {
            settings: Arc::clone(&self.settings),
            contracts: Arc::clone(&self.contracts),
            clients: pull.clients,
            mark: pull.mark,
            today: pull.today,
            out,
        };
        // Files are read off the async threads.
        task::events(events, tokio::task::spawn_blocking(move || run.all()))
    }
}
