//! The manifest of a folder, and whether the files are what it says.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Settings, broken};
use crate::ecd::{Error, Kind, plain, version_of};
use crate::fhir::json;
use crate::secret::hex;

/// What this gateway says to a manifest of the contract.
pub const CONTRACT: &str = "inzage-folder/1";

pub(super) const FILE: &str = "manifest.json";

/// Largest manifest.
const MANIFEST_BYTES: u64 = 1 << 20;

/// How far the clock of a supplier may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Largest file.
const FILE_BYTES: u64 = 8 << 30;

/// Most rows of a file.
const ROWS: u64 = 50_000_000;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Text {
    contract: String,
    tenant: String,
    generated_at: String,
    files: Vec<Line>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    name: String,
    rows: u64,
    bytes: u64,
    sha256: String,
}

/// What a folder says about itself.
#[derive(Debug)]
pub(super) struct Manifest {
    dir: PathBuf,
    pub generated_at: Timestamp,
    files: Vec<(Kind, Line)>,
}

impl Manifest {
    /// # Errors
    /// [`Error::Drop`] where there is none, or it is not one for this tenant in this contract.
    pub fn read(settings: &Settings) -> Result<Self, Error> {
        let file = plain::open(&settings.dir.join(FILE))
            .map_err(|error| broken(format!("cannot be opened ({})", error.kind())))?;
        let mut bytes = Vec::new();
        let read = file.take(MANIFEST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| broken(format!("cannot be read ({})", error.kind())))?;
        if bytes.len() as u64 > MANIFEST_BYTES {
            return Err(broken("is larger than a manifest can be"));
        }
        json::check(&bytes, json::Limits::source(bytes.len())).map_err(|refused| broken(refused.to_string()))?;
        let text: Text = serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            broken(format!("{place}: a member is missing, unknown or of the wrong type"))
        })?;
        if text.contract != CONTRACT {
            return Err(broken(format!("contract: expected {CONTRACT}")));
        }
        if text.tenant != settings.tenant {
            let expected = &settings.tenant;
            return Err(broken(format!(
                "tenant: expected {expected}; these files are of another organisation"
            )));
        }
        let Ok(generated_at) = text.generated_at.parse::<Timestamp>() else {
            return Err(broken("generatedAt: expected a time with an offset"));
        };
        if settings
            .clock
            .now()
            .saturating_add(AHEAD)
            .is_ok_and(|most| generated_at > most)
        {
            return Err(broken("generatedAt: lies in the future"));
        }
        let mut files: Vec<(Kind, Line)> = Vec::new();
        for line in text.files {
            let form = settings.form.as_str();
            let Some(kind) = Kind::from_name(&line.kind).filter(|kind| kind.is_of(form)) else {
                let known = Kind::ALL.iter().filter(|kind| kind.is_of(form));
                let known: Vec<&str> = known.map(|kind| kind.as_str()).collect();
                return Err(broken(format!(
                    "files: a kind is not known; expected {}",
                    known.join(", ")
                )));
            };
            if !plain::is_name(&line.name) {
                return Err(broken("files: a name must be that of a file in the same folder"));
            }
            if files
                .iter()
                .any(|(known, other)| *known == kind || other.name == line.name)
            {
                return Err(broken(format!(
                    "files: there are two of kind {kind}, or its file is that of another kind"
                )));
            }
            files.push((kind, line));
        }
        files.sort_by_key(|(kind, _)| Kind::ALL.iter().position(|known| known == kind));
        Ok(Self {
            dir: settings.dir.clone(),
            generated_at,
            files,
        })
    }

    /// What is remembered of this folder: its moment, and which kinds it had.
    pub fn mark(&self) -> String {
        let kinds: Vec<&str> = self.files.iter().map(|(kind, _)| kind.as_str()).collect();
        format!("{} {}", version_of(self.generated_at), kinds.join(","))
    }

    /// # Errors
    /// [`Error::Drop`] where a newer one than this was read before, or one with a kind that is not in this.
    pub fn follows(&self, mark: Option<&str>) -> Result<(), Error> {
        let (before, kinds) = mark.map_or(("", ""), |mark| mark.split_once(' ').unwrap_or((mark, "")));
        if before
            .parse::<Timestamp>()
            .is_ok_and(|before| before > self.generated_at)
        {
            return Err(broken(format!(
                "generatedAt: is older than that of the folder that was read before, {before}"
            )));
        }
        let mut kinds = kinds.split(',').filter_map(Kind::from_name);
        match kinds.find(|kind| self.files.iter().all(|(known, _)| known != kind)) {
            Some(kind) => Err(broken(format!(
                "files: {kind} is missing, which the folder before had; a file with 0 rows says that there is none"
            ))),
            None => Ok(()),
        }
    }

    /// The kinds of this form that it does not name, as no folder before did.
    pub fn unnamed(&self, settings: &Settings) -> impl Iterator<Item = Kind> {
        let form = settings.form.as_str();
        let of_form = Kind::ALL.into_iter().filter(move |kind| kind.is_of(form));
        of_form.filter(|kind| self.files.iter().all(|(known, _)| known != kind))
    }

    /// Checks every file and gives them opened, in the order in which a connector sends its kinds.
    ///
    /// # Errors
    /// [`Error::Drop`] at the first file that is not what the manifest says.
    pub fn open(&self) -> Result<Vec<Checked>, Error> {
        self.files
            .iter()
            .map(|(kind, line)| {
                let told = |problem: String| broken(format!("{}: {problem}", line.name));
                let path = self.dir.join(&line.name);
                let (file, found) =
                    measured(&path).map_err(|error| told(format!("cannot be read ({})", error.kind())))?;
                if found.bytes != line.bytes {
                    return Err(told(format!(
                        "has {} bytes, the manifest says {}",
                        found.bytes, line.bytes
                    )));
                }
                if !found.sha256.eq_ignore_ascii_case(&line.sha256) {
                    return Err(told("its SHA-256 is not that of the manifest".to_owned()));
                }
                if found.rows != line.rows {
                    return Err(told(format!(
                        "has {} rows, the manifest says {}",
                        found.rows, line.rows
                    )));
                }
                Ok(Checked {
                    kind: *kind,
                    sha256: found.sha256,
                    read: digest::Context::new(&digest::SHA256),
                    lines: BufReader::new(file),
                })
            })
            .collect()
    }
}

/// A file that was what the manifest says, at its beginning. It is hashed once more while it is read: it may be written over in
/// between.
pub(super) struct Checked {
    pub kind: Kind,
    sha256: String,
    read: digest::Context,
    lines: BufReader<File>,
}

impl Checked {
    /// The next line, of at most `most` bytes; false at the end of the file.
    ///
    /// # Errors
    /// [`Error::Drop`] for a longer line, and at the end if the file is not the one that was checked.
    pub fn line(&mut self, most: usize, line: &mut Vec<u8>) -> Result<bool, Error> {
        let kind = self.kind;
        line.clear();
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let read = self.lines.by_ref().take(limit).read_until(b'\n', line);
        let count = read.map_err(|error| broken(format!("{kind}: cannot be read ({})", error.kind())))?;
        if count > most {
            return Err(broken(format!("{kind}: a line is longer than {most} bytes")));
        }
        self.read.update(line);
        if count == 0 && hex(self.read.clone().finish().as_ref()) != self.sha256 {
            return Err(broken(format!("{kind}: the file was written over while it was read")));
        }
        Ok(count > 0)
    }
}

struct Measured {
    bytes: u64,
    rows: u64,
    sha256: String,
}

/// The file at its beginning, and what is in it.
fn measured(path: &Path) -> io::Result<(File, Measured)> {
    // One more: a file that grows while it is read comes to an end as well.
    let file = plain::open(path)?.take(FILE_BYTES + 1);
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut context = digest::Context::new(&digest::SHA256);
    let (mut bytes, mut rows) = (0, 0);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        context.update(buffer);
        rows += buffer.iter().filter(|byte| **byte == b'\n').count() as u64;
        let count = buffer.len();
        bytes += count as u64;
        reader.consume(count);
    }
    if bytes > FILE_BYTES || rows > ROWS {
        return Err(io::Error::other("too large"));
    }
    let mut file = reader.into_inner().into_inner();
    file.rewind()?;
    let sha256 = hex(context.finish().as_ref());
    Ok((file, Measured { bytes, rows, sha256 }))
}

/// Writes the manifest of a folder whose files are called `<kind>.ndjson`: for whoever exports, and for tests.
///
/// # Errors
/// If a file cannot be read or the manifest cannot be written.
pub fn seal(dir: &Path, tenant: &str, generated_at: Timestamp) -> io::Result<()> {
    let mut files = Vec::new();
    for kind in Kind::ALL {
        let name = format!("{kind}.ndjson");
        let path = dir.join(&name);
        if path.exists() {
            let (_, found) = measured(&path)?;
            files.push(Line {
                kind: kind.to_string(),
                name,
                rows: found.rows,
                bytes: found.bytes,
                sha256: found.sha256,
            });
        }
    }
    let text = Text {
        contract: CONTRACT.to_owned(),
        tenant: tenant.to_owned(),
        generated_at: generated_at.to_string(),
        files,
    };
    let part = dir.join(format!(".{FILE}.part"));
    std::fs::write(&part, serde_json::to_vec_pretty(&text)?)?;
    std::fs::rename(part, dir.join(FILE))
}
