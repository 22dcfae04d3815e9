//! Reads settings one by one out of a flattened TOML document, and collects every problem with its line.
//!
//! # Design
//! The document becomes a map from dotted path to text, the environment (`INZAGE__SERVER__LISTEN`) lies over it, and each
//! section takes its keys. What is left at the end is a key that nobody knows. Every key that was asked for is also noted
//! with its default and meaning: `inzage config reference` prints that list, so it cannot be out of date.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::de::{DeTable, DeValue};
use url::Url;

use super::Places;
use crate::secret::Secret;

/// One thing wrong in the configuration, where it stands, and what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// Of the key, or of the section that it is missing from; `None`: there is no such section, or the key came from the environment.
    pub line: Option<usize>,
    pub key: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.key, self.message)
    }
}

/// One line of the printed reference.
#[derive(Clone, Debug)]
pub struct Setting {
    pub key: String,
    pub default: String,
    pub meaning: &'static str,
}

struct Found {
    /// The parts of a list, joined by commas.
    text: String,
    is_list: bool,
    line: Option<usize>,
}

/// The settings that are still to be taken.
pub(super) struct Reader {
    places: Places,
    /// The document is no TOML: what was understood of it says nothing about what is missing.
    is_broken: bool,
    base: PathBuf,
    found: BTreeMap<String, Found>,
    taken: BTreeSet<String>,
    problems: Vec<Problem>,
    settings: Vec<Setting>,
}

impl Reader {
    /// A document and the environment over it. Relative paths are relative to the document's folder.
    pub fn new(file: &Path, text: &str, environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut reader = Self {
            places: Places::new(file),
            is_broken: false,
            base: file.parent().map(Path::to_owned).unwrap_or_default(),
            found: BTreeMap::new(),
            taken: BTreeSet::new(),
            problems: Vec::new(),
            settings: Vec::new(),
        };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            reader.is_broken = true;
            let line = error.span().map(|span| line_of(text, span.start));
            reader.complain("toml", line, error.message().to_owned());
        }
        reader.flatten("", document.get_ref(), text);
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix("INZAGE__") {
                let key = path.split("__").map(str::to_lowercase).collect::<Vec<_>>().join(".");
                let found = Found {
                    text: value,
                    is_list: false,
                    line: None,
                };
                reader.places.note(&key, None);
                reader.found.insert(key, found);
            }
        }
        reader
    }

    fn flatten(&mut self, prefix: &str, table: &DeTable<'_>, text: &str) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            let line = Some(line_of(text, value.span().start));
            self.places.note(&key, line);
            let mut is_list = false;
            let text_of = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.flatten(&key, inner, text);
                    continue;
                }
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.to_string(),
                DeValue::Boolean(yes) => yes.to_string(),
                DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_str()) => {
                    is_list = true;
                    let items: Vec<&str> = items.iter().filter_map(|item| item.get_ref().as_str()).collect();
                    items.join(",")
                }
                DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_integer()) => {
                    is_list = true;
                    let items: Vec<String> = items
                        .iter()
                        .filter_map(|item| item.get_ref().as_integer().map(ToString::to_string))
                        .collect();
                    items.join(",")
                }
                other => {
                    self.taken.insert(key.clone());
                    self.complain(&key, line, format!("a {} cannot stand here", other.type_str()));
                    continue;
                }
            };
            let found = Found {
                text: text_of,
                is_list,
                line,
            };
            self.found.insert(key, found);
        }
    }

    fn complain(&mut self, key: &str, line: Option<usize>, message: String) {
        self.problems.push(Problem {
            file: self.places.file().to_owned(),
            line,
            key: key.to_owned(),
            message,
        });
    }

    /// Notes a problem that is about a key, a section, or what is missing there.
    pub fn problem(&mut self, key: &str, message: String) {
        let problem = self.places.problem(key, message);
        self.problems.push(problem);
    }

    /// What makes the document no TOML, and nothing else.
    pub fn broken(self) -> Vec<Problem> {
        self.problems
            .into_iter()
            .filter(|problem| problem.key == "toml")
            .collect()
    }

    /// Whether the document is no TOML.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub fn places(&self) -> Places {
        self.places.clone()
    }

    /// The names of the tables right below `prefix`: `tenant` gives `topaz`, `treant`.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let start = format!("{prefix}.");
        let names: BTreeSet<_> = self
            .found
            .keys()
            .filter_map(|key| {
                key.strip_prefix(&start)?
                    .split_once('.')
                    .map(|(name, _)| name.to_owned())
            })
            .collect();
        names.into_iter().collect()
    }

    pub fn has_key(&self, key: &str) -> bool {
        self.found.contains_key(key)
    }

    /// Whether any key below `prefix` is there.
    pub fn has(&self, prefix: &str) -> bool {
        let start = format!("{prefix}.");
        self.found.keys().any(|key| key.starts_with(&start))
    }

    fn take(&mut self, key: &str, default: &str, meaning: &'static str) -> Option<(String, Option<usize>)> {
        self.settings.push(Setting {
            key: key.to_owned(),
            default: default.to_owned(),
            meaning,
        });
        self.taken.insert(key.to_owned());
        let found = self.found.get(key)?;
        let (text, line) = (found.text.clone(), found.line);
        if found.is_list {
            self.complain(key, line, "a list cannot stand here".to_owned());
            return None;
        }
        Some((text, line))
    }

    /// Whether this is the sample of the printed reference, in which every setting is asked for.
    pub fn shows_all(&self) -> bool {
        self.found.keys().any(|key| key.starts_with("tenant.<id>."))
    }

    /// A value with a default, in any type that reads from text.
    pub fn value<T: FromStr>(&mut self, key: &str, default: &str, expected: &str, meaning: &'static str) -> Option<T> {
        let missing = (default.to_owned(), self.places.line(key));
        let (text, line) = self.take(key, default, meaning).unwrap_or(missing);
        let parsed = text.parse().ok();
        if parsed.is_none() {
            let what = if text.is_empty() {
                "is missing".to_owned()
            } else {
                "cannot be read".to_owned()
            };
            self.complain(key, line, format!("{what}: expected {expected}"));
        }
        parsed
    }

    /// A number between two bounds.
    pub fn number(
        &mut self,
        key: &str,
        default: i64,
        range: std::ops::RangeInclusive<i64>,
        meaning: &'static str,
    ) -> i64 {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self
            .value::<i64>(key, &default.to_string(), &expected, meaning)
            .unwrap_or(default);
        if range.contains(&value) {
            return value;
        }
        self.problem(key, format!("{value} is out of range: expected {expected}"));
        default
    }

    pub fn flag(&mut self, key: &str, default: bool, meaning: &'static str) -> bool {
        self.value(key, if default { "true" } else { "false" }, "true or false", meaning)
            .unwrap_or(default)
    }

    pub fn text(&mut self, key: &str, default: &str, meaning: &'static str) -> String {
        self.take(key, default, meaning)
            .map_or_else(|| default.to_owned(), |(text, _)| text)
    }

    /// A text that may be left out or empty.
    pub fn optional_text(&mut self, key: &str, default: &str, meaning: &'static str) -> Option<String> {
        Some(self.text(key, default, meaning)).filter(|text| !text.is_empty())
    }

    /// An address that people open in a browser.
    pub fn https_url(&mut self, key: &str, meaning: &'static str) -> Option<Url> {
        let text = self.text(key, "", meaning);
        match Url::parse(&text) {
            Ok(url) if url.scheme() == "https" && url.host_str().is_some() => return Some(url),
            _ if text.is_empty() => {}
            _ => self.problem(
                key,
                "must be an https URL, for example https://www.zorg.example/".to_owned(),
            ),
        }
        None
    }

    /// A list of texts without commas; in the environment they stand in one text, with commas between them.
    pub fn list(&mut self, key: &str, meaning: &'static str) -> Vec<String> {
        if let Some(found) = self.found.get_mut(key) {
            found.is_list = false;
        }
        let text = self.text(key, "", meaning);
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    /// A path, relative to the configuration's folder.
    pub fn path(&mut self, key: &str, meaning: &'static str) -> Option<PathBuf> {
        let Some((text, _)) = self.take(key, "", meaning) else {
            self.problem(key, "is missing: expected a path".to_owned());
            return None;
        };
        Some(self.base.join(text))
    }

    pub fn optional_path(&mut self, key: &str, meaning: &'static str) -> Option<PathBuf> {
        self.take(key, "", meaning).map(|(text, _)| self.base.join(text))
    }

    /// Paths, each relative to the configuration's folder.
    pub fn paths(&mut self, key: &str, meaning: &'static str) -> Vec<PathBuf> {
        let texts = self.list(key, meaning);
        texts.iter().map(|text| self.base.join(text)).collect()
    }

    /// The trimmed contents of the file that `key` names.
    pub fn secret_file(&mut self, key: &str, meaning: &'static str) -> Option<Secret<String>> {
        let path = self.path(key, meaning)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Secret::new(text.trim().to_owned())),
            Err(error) => {
                self.problem(key, format!("{} cannot be read ({})", path.display(), error.kind()));
                None
            }
        }
    }

    /// Complains about every key that nobody took, and gives what was found.
    pub fn finish(mut self) -> (Vec<Problem>, Vec<Setting>) {
        let unknown: Vec<_> = self
            .found
            .iter()
            .filter(|(key, _)| !self.taken.contains(*key))
            .map(|(key, found)| (key.clone(), found.line))
            .collect();
        for (key, line) in unknown {
            self.complain(&key, line, "is not a setting: see `inzage config reference`".to_owned());
        }
        self.problems.sort_by_key(|problem| problem.line);
        (self.problems, self.settings)
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}
