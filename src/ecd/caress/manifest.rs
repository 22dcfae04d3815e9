//! The manifest of a drop, and whether the files are what it says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::PathBuf;

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::Deserialize;

use super::columns::{TABLES, Table};
use super::rows::Rows;
use super::{CONTRACT, Settings, broken};
use crate::ecd::Error;
use crate::secret::hex;

pub(super) const FILE: &str = "manifest.json";

/// Largest manifest.
const MANIFEST_BYTES: u64 = 1 << 20;

/// Largest file of a drop.
const FILE_BYTES: u64 = 1 << 30;

/// Most files of a drop.
const FILES: usize = 100;

#[derive(Deserialize)]
struct Text {
    contract: String,
    tenant: String,
    generated_at: String,
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

/// What a drop says about itself.
#[derive(Debug)]
pub(super) struct Manifest {
    dir: PathBuf,
    pub generated_at: Timestamp,
    files: BTreeMap<String, Line>,
}

impl Manifest {
    /// # Errors
    /// [`Error::Drop`] where there is none, or it is not one for this tenant in this contract.
    pub fn read(settings: &Settings) -> Result<Self, Error> {
        let wrong = |problem: &str| broken(FILE, problem);
        let path = settings.drop_dir.join(FILE);
        let file = File::open(path).map_err(|error| broken(FILE, format!("cannot be opened ({})", error.kind())))?;
        let mut bytes = Vec::new();
        let read = file.take(MANIFEST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| broken(FILE, format!("cannot be read ({})", error.kind())))?;
        if bytes.len() as u64 > MANIFEST_BYTES {
            return Err(wrong("is larger than a manifest can be"));
        }
        let text: Text = serde_json::from_slice(&bytes).map_err(|error| {
            broken(
                FILE,
                format!("line {}: is not the JSON that the contract asks for", error.line()),
            )
        })?;
        // A note may stand behind the name of the contract.
        if text.contract.split_whitespace().next() != Some(CONTRACT) {
            return Err(broken(FILE, format!("contract: expected {CONTRACT}")));
        }
        if text.tenant != settings.tenant {
            return Err(broken(
                FILE,
                format!(
                    "tenant: expected {}; this drop is for another organisation",
                    settings.tenant
                ),
            ));
        }
        if !text.encoding.eq_ignore_ascii_case("utf-8") || text.delimiter != ";" {
            return Err(wrong("encoding and delimiter: expected UTF-8 and ;"));
        }
        let generated_at = text
            .generated_at
            .parse()
            .map_err(|_| wrong("generated_at: expected a time with an offset"))?;
        let count = text.files.len();
        let files: BTreeMap<String, Line> = text.files.into_iter().map(|line| (line.name.clone(), line)).collect();
        if files.len() != count || count > FILES {
            return Err(wrong("files: a name stands there twice, or there are too many"));
        }
        for name in files.keys() {
            let is_plain = name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
            if !is_plain || name.starts_with('.') || name.len() > 100 {
                return Err(wrong("files: a name must be that of a file in the same folder"));
            }
        }
        Ok(Self {
            dir: settings.drop_dir.clone(),
            generated_at,
            files,
        })
    }

    /// Checks every file and gives those that are read, opened.
    ///
    /// # Errors
    /// [`Error::Drop`] at the first file that is not what the manifest says.
    pub fn open(&self) -> Result<BTreeMap<&'static str, Rows>, Error> {
        let mut opened = BTreeMap::new();
        for (name, line) in &self.files {
            let table = TABLES.iter().find(|table| table.file == name);
            let file = self.checked(line)?;
            if let Some(table) = table {
                opened.insert(table.file, counted(table, file, line)?);
            }
        }
        match TABLES.iter().find(|table| !opened.contains_key(table.file)) {
            Some(missing) => Err(broken(FILE, format!("files: {} is missing", missing.file))),
            None => Ok(opened),
        }
    }

    /// The file, at its beginning, if its bytes are those of the manifest.
    fn checked(&self, line: &Line) -> Result<File, Error> {
        let told = |problem: String| broken(FILE, format!("{}: {problem}", line.name));
        let io = |error: std::io::Error| told(format!("cannot be read ({})", error.kind()));
        let mut file = File::open(self.dir.join(&line.name)).map_err(io)?;
        if file.metadata().map_err(io)?.len() > FILE_BYTES {
            return Err(told(format!("is larger than {FILE_BYTES} bytes")));
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
}

fn counted(table: &'static Table, file: File, line: &Line) -> Result<Rows, Error> {
    if line.mode != "full" {
        return Err(broken(
            table.file,
            "mode: expected full; a delta cannot be joined to drops that were read before",
        ));
    }
    let rows = Rows::open(table, file)?;
    if rows.count != line.rows {
        return Err(broken(
            table.file,
            format!("has {} rows, the manifest says {}", rows.count, line.rows),
        ));
    }
    Ok(rows)
}
