//! The manifest of one drop, and whether its files are what it says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::Deserialize;

use super::columns::{CLIENTS, Cell, DELETED, EMPLOYEES, REPORT_TYPES, TABLES, Table};
use super::rows::Rows;
use super::{CONTRACT, Settings};
use crate::ecd::{Error, plain};
use crate::fhir::json::{self, Limits};
use crate::secret::{hex, sha256};

pub(super) const FILE: &str = "manifest.json";

/// Largest manifest.
const MANIFEST_BYTES: u64 = 1 << 20;

/// Largest file of a drop.
const FILE_BYTES: u64 = 1 << 30;

/// Most files of a drop.
const FILES: usize = 100;

/// Most rows of a file: of each one a key is kept while the drop is read.
const ROWS: u64 = 10_000_000;

/// Files that hold something at every organisation; an export that failed may leave them empty.
const NEVER_EMPTY: [&Table; 3] = [&EMPLOYEES, &CLIENTS, &REPORT_TYPES];

const AGAIN: &str =
    "Have the supplier write a new drop, the manifest last, renamed into place when all files are whole";

#[derive(Deserialize)]
struct Text {
    contract: String,
    tenant: String,
    generated_at: String,
    #[serde(default)]
    since: Option<String>,
    encoding: String,
    delimiter: String,
    files: Vec<Line>,
}

#[derive(Clone, Debug, Deserialize)]
struct Line {
    name: String,
    rows: u64,
    sha256: String,
    mode: String,
}

/// Whether a file holds everything or what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Full,
    Delta,
}

/// A file of a drop that is what the manifest says.
#[derive(Debug)]
pub(super) struct Opened {
    pub rows: Rows,
    pub mode: Mode,
}

/// What a drop says about itself.
#[derive(Debug)]
pub(super) struct Manifest {
    dir: PathBuf,
    /// The folder's name below the drop folder; empty for the drop folder itself.
    folder: String,
    pub generated_at: Timestamp,
    /// The moment of the drop before, where this one holds only what changed since.
    pub since: Option<Timestamp>,
    /// SHA-256 of the manifest, and so of the whole drop.
    pub digest: String,
    files: BTreeMap<String, (Line, Mode)>,
}

impl Manifest {
    /// # Errors
    /// [`Error::Drop`] where there is none, or it is not one for this tenant in this contract.
    pub fn read(dir: &Path, folder: &str, settings: &Settings) -> Result<Self, Error> {
        let place = place(folder, FILE);
        let wrong = |problem: &str, remedy| broken(&place, problem, remedy);
        let io = |error: std::io::Error| broken(&place, format!("cannot be read ({})", error.kind()), AGAIN);
        let mut bytes = Vec::new();
        let file = plain::open(&dir.join(FILE)).map_err(io)?;
        file.take(MANIFEST_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MANIFEST_BYTES {
            return Err(wrong("is larger than a manifest can be", AGAIN));
        }
        json::check(&bytes, Limits::source(bytes.len())).map_err(|refused| {
            let line = 1 + bytes.iter().take(refused.offset).filter(|byte| **byte == b'\n').count();
            broken(&place, format!("line {line}: {}", refused.kind), AGAIN)
        })?;
        let text: Text = serde_json::from_slice(&bytes).map_err(|error| {
            let problem = format!("line {}: is not the JSON that the contract asks for", error.line());
            broken(&place, problem, AGAIN)
        })?;
        // A note may stand behind the name of the contract.
        if text.contract.split_whitespace().next() != Some(CONTRACT) {
            let problem = format!("contract: expected {CONTRACT}");
            return Err(broken(
                &place,
                problem,
                "Agree with the supplier on the contract that both know",
            ));
        }
        if text.tenant != settings.tenant {
            let problem = format!(
                "tenant: expected {}; this drop is for another organisation",
                settings.tenant
            );
            let remedy =
                "Look at once how it came here: these are the dossiers of others. Then remove it, or correct drop_dir";
            return Err(broken(&place, problem, remedy));
        }
        if !text.encoding.eq_ignore_ascii_case("utf-8") || text.delimiter != ";" {
            return Err(wrong("encoding and delimiter: expected UTF-8 and ;", AGAIN));
        }
        let moment = |name: &str, text: &str| {
            text.parse::<Timestamp>()
                .map_err(|_| broken(&place, format!("{name}: expected a time with an offset"), AGAIN))
        };
        let generated_at = moment("generated_at", &text.generated_at)?;
        if generated_at > settings.clock.now().saturating_add(AHEAD).unwrap_or(Timestamp::MAX) {
            let remedy =
                "Set the clock of the machine that writes drops; every later drop would look older than this one";
            return Err(wrong("generated_at: lies in the future", remedy));
        }
        let count = text.files.len();
        let mut files = BTreeMap::new();
        for line in text.files {
            let mode = match line.mode.as_str() {
                "full" => Mode::Full,
                "delta" => Mode::Delta,
                _ => return Err(wrong("files: mode: expected full or delta", AGAIN)),
            };
            if !plain::is_name(&line.name) {
                return Err(wrong("files: a name must be that of a file in the same folder", AGAIN));
            }
            files.insert(line.name.clone(), (line, mode));
        }
        if files.len() != count || count > FILES {
            return Err(wrong("files: a name stands there twice, or there are too many", AGAIN));
        }
        let is_delta = files.values().any(|(_, mode)| *mode == Mode::Delta);
        let since = match text.since.filter(|_| is_delta) {
            Some(since) => Some(moment("since", &since)?),
            None if is_delta => return Err(wrong("since: a drop with a delta must say since which drop", AGAIN)),
            None => None,
        };
        if since.is_some_and(|since| since >= generated_at) {
            return Err(wrong("since: must be before generated_at", AGAIN));
        }
        Ok(Self {
            dir: dir.to_owned(),
            folder: folder.to_owned(),
            generated_at,
            since,
            digest: hex(&sha256(&bytes)),
            files,
        })
    }

    /// Where the manifest stands, for people.
    pub fn place(&self) -> String {
        place(&self.folder, FILE)
    }

    /// Checks every file and gives those that are read, opened.
    ///
    /// # Errors
    /// [`Error::Drop`] at the first file that is not what the manifest says.
    pub fn open(&self) -> Result<BTreeMap<&'static str, Opened>, Error> {
        let mut opened = BTreeMap::new();
        for (name, (line, mode)) in &self.files {
            let file = self.checked(line)?;
            if let Some(table) = TABLES.into_iter().chain([&DELETED]).find(|table| table.file == name) {
                let rows = self.counted(table, file, line)?;
                if *mode == Mode::Delta && table.columns[0].1 == Cell::Owner {
                    let problem = "mode: expected full, because its rows have no key";
                    return Err(broken(&place(&self.folder, name), problem, AGAIN));
                }
                if rows.count == 0 && *mode == Mode::Full && NEVER_EMPTY.contains(&table) {
                    let problem = "has no row: an organisation without one is not believed";
                    return Err(broken(&place(&self.folder, name), problem, AGAIN));
                }
                opened.insert(table.file, Opened { rows, mode: *mode });
            }
        }
        let is_delta = self.since.is_some();
        let mut asked = TABLES.into_iter().chain(is_delta.then_some(&DELETED));
        match asked.find(|table| !opened.contains_key(table.file)) {
            Some(missing) => {
                let problem = format!("files: {} is missing", missing.file);
                let remedy = "Have the supplier write it, with 0 rows where there is nothing to tell";
                Err(broken(&self.place(), problem, remedy))
            }
            None => Ok(opened),
        }
    }

    /// The file, at its beginning, if its bytes are those of the manifest.
    fn checked(&self, line: &Line) -> Result<File, Error> {
        let told = |problem: String| broken(&place(&self.folder, &line.name), problem, AGAIN);
        let io = |error: std::io::Error| told(format!("cannot be read ({})", error.kind()));
        let mut file = plain::open(&self.dir.join(&line.name)).map_err(io)?;
        if file.metadata().map_err(io)?.len() > FILE_BYTES || line.rows > ROWS {
            return Err(told(format!("is larger than {FILE_BYTES} bytes or {ROWS} rows")));
        }
        let mut context = digest::Context::new(&digest::SHA256);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = file.read(&mut buffer).map_err(io)?;
            if count == 0 {
                break;
            }
            context.update(&buffer[..count]);
        }
        if !line.sha256.eq_ignore_ascii_case(&hex(context.finish().as_ref())) {
            return Err(told("its SHA-256 is not that of the manifest".to_owned()));
        }
        file.rewind().map_err(io)?;
        Ok(file)
    }

    fn counted(&self, table: &'static Table, file: File, line: &Line) -> Result<Rows, Error> {
        let place = place(&self.folder, table.file);
        let rows = Rows::open(table, file, &place, &line.sha256)?;
        if rows.count != line.rows {
            let problem = format!("has {} rows, the manifest says {}", rows.count, line.rows);
            return Err(broken(&place, problem, AGAIN));
        }
        Ok(rows)
    }
}

/// How far the clock of the machine that writes drops may be ahead of ours.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

fn place(folder: &str, file: &str) -> String {
    if folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    }
}

pub(super) fn broken(place: &str, problem: impl Into<String>, remedy: &'static str) -> Error {
    Error::Drop {
        place: place.to_owned(),
        problem: problem.into(),
        remedy,
    }
}
