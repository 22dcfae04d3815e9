//! On which line each setting stands: for problems that show only when a setting is used.

use std::collections::BTreeMap;
use std::path::Path;

use super::Problem;

/// The lines of a configuration file.
#[derive(Clone, Debug, Default)]
pub struct Places {
    file: String,
    /// By dotted key, sections included; no line for what came from the environment.
    lines: BTreeMap<String, Option<usize>>,
}

impl Places {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            lines: BTreeMap::new(),
        }
    }

    pub(super) fn note(&mut self, key: &str, line: Option<usize>) {
        self.lines.insert(key.to_owned(), line);
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Whether the file, or the environment, has this key or section.
    pub fn has(&self, key: &str) -> bool {
        self.lines.contains_key(key)
    }

    /// The line of a key; of the section around it where the key is not there.
    pub(super) fn line(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return *line;
            }
            key = key.rsplit_once('.')?.0;
        }
    }

    /// A problem with the setting or section `key`: `tenant.topaz.ons.ca_file`.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            line: self.line(key),
            key: key.to_owned(),
            message: message.into(),
        }
    }
}
