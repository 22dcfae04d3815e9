//! The drops that together say everything: one full drop and the deltas after it.
//!
//! ```text
//! drop_dir/2026-11-20T0300/manifest.json    full,  generated_at 03:00
//! drop_dir/2026-11-20T1100/manifest.json    delta, generated_at 11:00, since 03:00
//! drop_dir/2026-11-20T1500/manifest.json    delta, generated_at 15:00, since 11:00
//! ```
//!
//! # Design
//! **The chain stands in the folder.** The newest drop counts; a delta names the moment of the drop before it, exactly, and so
//! back to a full one. Every drop of the chain is checked whole. So nothing has to be remembered of rows that were read: a
//! client who gets an account today is complete today, a plan never loses lines that did not change, and a lost delta is
//! seen. A supplier who only writes full drops may put them into the drop folder itself.
//!
//! **Backwards is refused.** A mark of the newest drop that was read (its moment and the digest of its manifest) is kept in
//! the database. A drop that is older, that says something else about the same moment, or whose chain leaves out what was
//! read before, changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::Settings;
use super::columns::{DELETED, TABLES};
use super::layers::Layers;
use super::manifest::{FILE, Manifest, Mode, broken};
use crate::ecd::{Error, plain};

/// Most folders of drops. A delta every hour needs this many in two weeks.
const DROPS: usize = 400;

const FULL: &str = "Put the missing drop back, or have the supplier write a full one";

/// Oldest first; the first is full.
#[derive(Debug)]
pub(super) struct Chain {
    drops: Vec<Manifest>,
}

/// What is remembered of the newest drop that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    at: Timestamp,
    digest: String,
}

impl Chain {
    /// Finds the newest drop and what it builds on.
    ///
    /// # Errors
    /// [`Error::Drop`] where there is no drop, a manifest is not in order, or a link is missing.
    pub fn read(settings: &Settings) -> Result<Self, Error> {
        let mut found: BTreeMap<Timestamp, Manifest> = BTreeMap::new();
        for folder in folders(&settings.drop_dir)? {
            let manifest = Manifest::read(&settings.drop_dir.join(&folder), &folder, settings)?;
            let place = manifest.place();
            if let Some(other) = found.insert(manifest.generated_at, manifest) {
                let problem = format!("generated_at: the same as that of {}", other.place());
                return Err(broken(&place, problem, "Remove the one that is wrong"));
            }
        }
        let Some((_, newest)) = found.pop_last() else {
            let remedy = "Check drop_dir, and whether the supplier has written a drop";
            return Err(broken(FILE, "there is no drop", remedy));
        };
        let mut drops = vec![newest];
        while let Some((since, place)) = drops.last().and_then(|last| Some((last.since?, last.place()))) {
            let before = found.remove(&since);
            let missing = || broken(&place, format!("since: the drop of {since} is not there"), FULL);
            drops.push(before.ok_or_else(missing)?);
        }
        drops.reverse();
        Ok(Self { drops })
    }

    fn newest(&self) -> &Manifest {
        self.drops.last().expect("a chain has a drop")
    }

    /// The moment of the newest drop.
    pub fn generated_at(&self) -> Timestamp {
        self.newest().generated_at
    }

    /// Whether this goes on from what was read before.
    ///
    /// # Errors
    /// [`Error::Drop`] where it goes back, or leaves out what was read.
    pub fn follows(&self, before: Option<&str>) -> Result<(), Error> {
        let Some(before) = before.and_then(Mark::parse) else {
            return Ok(());
        };
        let newest = self.newest();
        let told = |problem: String, remedy| Err(broken(&newest.place(), problem, remedy));
        if newest.generated_at < before.at {
            let problem = format!("generated_at: the drop of {} was read before this one", before.at);
            return told(
                problem,
                "Put the newer drop back, or have the supplier write a new full one",
            );
        }
        let is_there = |drop: &Manifest| Mark::of(drop) == before;
        if newest.generated_at == before.at && !is_there(newest) {
            let problem = "is another than the drop of the same moment that was read before".to_owned();
            return told(problem, "A drop is never changed: have the supplier write a new one");
        }
        let is_new = self.drops[0].generated_at > before.at;
        if !is_new && !self.drops.iter().any(is_there) {
            return told(
                format!("since: leaves out the drop of {}, which was read before", before.at),
                FULL,
            );
        }
        Ok(())
    }

    /// What to remember when everything was published.
    pub fn mark(&self) -> String {
        Mark::of(self.newest()).to_string()
    }

    /// Checks every file of every drop and lays them over each other.
    ///
    /// # Errors
    /// [`Error::Drop`] at the first file that is not what its manifest says.
    pub fn open(&self) -> Result<BTreeMap<&'static str, Layers>, Error> {
        let mut layers: BTreeMap<&'static str, Layers> =
            TABLES.iter().map(|table| (table.file, Layers::default())).collect();
        for (place, drop) in self.drops.iter().enumerate() {
            let mut files = drop.open()?;
            if let Some(deleted) = files.remove(DELETED.file) {
                for (file, key) in super::layers::deleted(&deleted.rows)? {
                    // A file that is not read needs no tombstones either.
                    if let Some(layers) = layers.get_mut(&*file) {
                        layers.delete(key, place);
                    }
                }
            }
            for (file, opened) in files {
                let layers = layers.get_mut(file).expect("every table has its layers");
                layers.add(place, opened.rows, opened.mode == Mode::Full);
            }
        }
        Ok(layers)
    }
}

/// The folders with a manifest; the empty name for the drop folder itself. One without is a drop that is being written.
fn folders(drop_dir: &Path) -> Result<Vec<String>, Error> {
    let remedy = "Check drop_dir and who may read it";
    let io = |error: std::io::Error| broken("drop_dir", format!("cannot be read ({})", error.kind()), remedy);
    let mut folders = Vec::new();
    if drop_dir.join(FILE).symlink_metadata().is_ok() {
        folders.push(String::new());
    }
    for entry in std::fs::read_dir(drop_dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_drop = plain::is_name(&name) && entry.path().join(FILE).symlink_metadata().is_ok();
        if is_drop && entry.file_type().map_err(io)?.is_dir() {
            folders.push(name);
        }
    }
    if folders.len() > DROPS {
        let problem = format!("has more than {DROPS} drops");
        return Err(broken("drop_dir", problem, "Remove those before the newest full one"));
    }
    Ok(folders)
}

impl Mark {
    fn of(drop: &Manifest) -> Self {
        Self {
            at: drop.generated_at,
            digest: drop.digest.clone(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (at, digest) = text.split_once(' ')?;
        Some(Self {
            at: at.parse().ok()?,
            digest: digest.to_owned(),
        })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.at, self.digest)
    }
}
