//! The connector to a folder: records that somebody exported, one file of lines for each kind, with a manifest.
//!
//! ```no_run
//! # fn example(contracts: inzage::ecd::contract::Contracts) {
//! use inzage::config::FolderForm;
//! use inzage::ecd::folder::{Folder, Settings};
//! let settings = Settings { dir: "/srv/export".into(), tenant: "treant".to_owned(), form: FolderForm::Ons,
//!     clock: inzage::clock::Clock::System };
//! let folder = Folder::new(settings, contracts.into());
//! # }
//! ```
//!
//! # Design
//! For an ECD without a connector: its supplier writes records in the form that the maps read (`mappings/<form>/*.source.json`),
//! or in a form of its own with maps of the organisation's own over those of the program. No Rust either way.
//!
//! - `manifest.json` is written last. It names each file with its kind, rows, size and SHA-256; all of them are checked before
//!   the first record leaves, and each file once more while its lines are read. A folder is complete and correct, or nothing
//!   changes: a file that is written over meanwhile ends the pull.
//! - A line is `{"key": "880001", "client": "10101", "version": "2026-11-20T10:08:11+01:00", "record": {…}}`. What decides whose
//!   dossier it is stands outside of the record, so this connector needs to know no product.
//! - Each file holds everything of its kind: what is absent is gone. A kind that no manifest named yet has no records: what another
//!   source of the organisation brought of it before goes, within the guard of removals. A kind that was named and is not any more
//!   is a file that was forgotten, and nothing changes.
//! - The state of a stay is of a day, so it is told anew at each pull out of the days that the record has.
//! - **Backwards is refused**: a folder that is older than the one that was read before would take away what came since. The data is as
//!   old as the manifest says, not as the sync that read it.
//! - Two lines with one key: the newer version counts. Where they are equal, always the same one does, whatever their order; none if
//!   they are of two clients, or may be two persons.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::civil::Date;
use tokio::sync::mpsc;

use super::contract::Contracts;
use super::task;
use super::{Connector, Error, Event, Kind, Pull};
use crate::clock::Clock;
use crate::config::FolderForm;

mod manifest;
mod pull;

pub use manifest::{CONTRACT, seal};

/// Where the files of one organisation arrive.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds `manifest.json`.
    pub dir: PathBuf,
    /// The tenant that the manifest must name.
    pub tenant: String,
    /// Whose records they look like: which maps read them.
    pub form: FolderForm,
    /// A manifest from the future is refused.
    pub clock: Clock,
}

/// A folder of records.
#[derive(Clone)]
pub struct Folder {
    settings: Arc<Settings>,
    contracts: Arc<Contracts>,
}

impl Folder {
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

impl Connector for Folder {
    /// That of the form: whoever changes from a folder to the product itself keeps every id.
    fn name(&self) -> &'static str {
        self.settings.form.as_str()
    }

    /// Whether a manifest is there that can be read; its files are checked by a pull.
    fn ping(&self) -> BoxFuture<'_, Result<(), Error>> {
        let settings = Arc::clone(&self.settings);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || manifest::Manifest::read(&settings).map(|_| ()));
            read.await.unwrap_or_else(|_| Err(broken("reading it failed")))
        })
    }

    /// A file of appointments holds all of them, whatever their day.
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
            mark: pull.mark,
            out,
        };
        // Files are read off the async threads. The task ends when nobody takes its events any more.
        task::events(events, tokio::task::spawn_blocking(move || run.all()))
    }
}

fn broken(problem: impl Into<String>) -> Error {
    Error::Drop {
        place: manifest::FILE.to_owned(),
        problem: problem.into(),
        remedy: "Have the supplier write the files anew, and the manifest last",
    }
}
