//! What an operator adds to the definitions, as it was written.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::package::{Files, archive, folder, is_definition, is_r4};

/// The definitions of an operator as JSON, for whoever hands them on.
#[derive(Debug, Default)]
pub struct More {
    /// Those of a folder in the form of `profiles/`.
    pub own: Vec<Value>,
    /// Those of R4 packages, in the order of the packages.
    pub packages: Vec<Value>,
}

impl More {
    /// Reads them once more: what does not read is a problem of [`super::Registry::load`], which tells its place and stops the
    /// start, and is passed over here.
    pub fn read(dir: Option<&Path>, packages: &[PathBuf]) -> Self {
        let mut passed = Vec::new();
        let read = |files: Files| {
            let files = files.into_values().filter(|bytes| is_definition(bytes));
            let values = files.filter_map(|bytes| serde_json::from_slice(&bytes).ok());
            values.filter(is_r4).collect::<Vec<Value>>()
        };
        let own = dir.map(|dir| read(folder(dir, &mut passed))).unwrap_or_default();
        let packages = packages.iter().flat_map(|package| match package.is_dir() {
            true => read(folder(package, &mut passed)),
            false => read(archive(package, &mut passed)),
        });
        Self {
            packages: packages.collect(),
            own,
        }
    }
}
