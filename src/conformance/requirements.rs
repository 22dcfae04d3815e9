//! The requirement sets: `conformance/requirements/<set>.csv`.
//!
//! # Design
//! One row a requirement, in our own words, with an id that stays. `cases` lists what shows it; a test holds that column
//! and the claims in the case files together, so neither can drift.

use std::path::Path;

use serde::Deserialize;

use super::Error;

/// One requirement set, named after its file.
#[derive(Clone, Debug)]
pub struct Set {
    pub name: String,
    pub requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Requirement {
    pub id: String,
    /// How hard it binds: M must, S should, B beyond what others do. Only in some sets.
    #[serde(default)]
    pub mark: Option<String>,
    pub title: String,
    pub area: String,
    pub status: Status,
    /// Case ids, and `test:` paths of tests, with blanks between them.
    pub cases: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Done,
    Partial,
    Open,
    /// It does not apply: `conformance/excluded.toml` says why.
    Excluded,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Open => "open",
            Self::Excluded => "excluded",
        }
    }
}

impl Requirement {
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.cases.split_whitespace()
    }
}

/// Reads every set of a folder, in the order of their names.
pub fn load(folder: &Path) -> Result<Vec<Set>, Error> {
    let unreadable = |source| Error::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "csv"));
    paths.sort();
    paths.iter().map(|path| load_one(path)).collect()
}

fn load_one(path: &Path) -> Result<Set, Error> {
    let wrong = |error: csv::Error| Error::Requirements {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut reader = csv::Reader::from_path(path).map_err(wrong)?;
    let requirements = reader.deserialize().collect::<Result<_, _>>().map_err(wrong)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Set { name, requirements })
}
