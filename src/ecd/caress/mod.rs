//! The connector to PinkRoccade Caress: a folder in which the product's supplier puts a drop of CSV files.
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use inzage::ecd::{caress, contract::Contracts};
//! let settings = caress::Settings { drop_dir: "/srv/caress".into(), tenant: "treant".to_owned() };
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
//! - Every file holds everything (`"mode": "full"`), so what is absent is gone. A `delta` is refused: without a record
//!   of what was read before, a lost delta would go unseen.
//! - **The version of a record is the time of its drop.** The stamps of the rows are local times and run backwards in one
//!   hour of October; the manifest has an offset. So an older drop that is put back changes no record that a newer one
//!   changed. The stamps decide only between duplicates of a row within one drop.
//! - `columns` is the allow-list: a column that it does not name (the BSN, for one) is not read. `cell` undoes the
//!   product's habits (T and F, A and N, `2200-01-01`, Db2 timestamps), `rtf` turns rich text into plain text.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::civil::Date;
use tokio::sync::mpsc;

use super::contract::Contracts;
use super::{Connector, Error, Event, Kind, Pull};

mod around;
mod cell;
pub(super) mod columns;
mod dossier;
mod manifest;
mod pull;
mod rows;
mod rtf;

/// What this gateway says to a manifest of the contract.
pub(super) const CONTRACT: &str = "caress-drop/1";

/// Where the drops of one organisation arrive.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds `manifest.json`.
    pub drop_dir: PathBuf,
    /// The tenant that the manifest must name.
    pub tenant: String,
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
            let read = tokio::task::spawn_blocking(move || manifest::Manifest::read(&settings).map(|_| ()));
            read.await
                .unwrap_or_else(|_| Err(broken(manifest::FILE, "reading it failed")))
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
            today: pull.today,
            out,
        };
        // Files are read off the async threads. The task ends when nobody takes its events any more.
        tokio::task::spawn_blocking(move || run.all());
        futures::stream::unfold(events, |mut events| async move {
            events.recv().await.map(|event| (event, events))
        })
        .boxed()
    }
}

fn broken(file: &'static str, problem: impl Into<String>) -> Error {
    Error::Drop {
        file,
        problem: problem.into(),
    }
}
