//! A configuration as far as it could be read.
//!
//! # Design
//! Whoever starts needs all of it or the problems ([`Config::load`]). `inzage check` looks further: what could be read is looked at
//! though something else is wrong.

use std::path::Path;
use std::sync::Arc;

use super::load::sections;
use super::reader::{Problem, Reader};
use super::{Config, Places, Profiles, Server, Tenant};
use crate::secret::Secret;

/// What could be read of a configuration: for whoever tells everything that is wrong at once.
#[derive(Debug, Default)]
pub struct Draft {
    /// In the order of their lines. Of a file that is no TOML only that is told.
    pub problems: Vec<Problem>,
    pub places: Places,
    pub server: Option<Server>,
    pub database: Option<Secret<String>>,
    pub profiles: Profiles,
    /// Those that could be read.
    pub tenants: Vec<Arc<Tenant>>,
    /// All of it; `None`: there are problems.
    pub whole: Option<Config>,
}

impl Draft {
    /// What can be read of a configuration file, with the environment over it.
    pub fn load(file: &Path) -> Self {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::read(file, &text, std::env::vars()),
            Err(error) => {
                let message = format!("cannot be read ({}): name one with --config", error.kind());
                Self {
                    problems: vec![Places::new(file).problem("file", message)],
                    ..Self::default()
                }
            }
        }
    }

    /// The same for a text as if it stood in `file`.
    pub fn read(file: &Path, text: &str, environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut reader = Reader::new(file, text, environment);
        if reader.is_broken() {
            return Self {
                problems: reader.broken(),
                ..Self::default()
            };
        }
        let (mut draft, whole) = sections(&mut reader);
        draft.places = reader.places();
        draft.problems = reader.finish().0;
        draft.whole = whole.filter(|_| draft.problems.is_empty());
        draft
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_read_is_there_beside_the_problems() {
        let text = "[server]\npublic_url = \"https://gateway.example/\"\n[secrets]\nmaster_key_file = \"master.key\"\n\
                    [sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n[tenant.treant]\ntimezone = \"Europe/Utopia\"\n[profiles]\npackages = [\"nl-core.tgz\"]\n";
        let dir = tempfile::tempdir().unwrap();
        let draft = Draft::read(&dir.path().join("inzage.toml"), text, std::iter::empty());
        assert!(draft.whole.is_none());
        let keys: Vec<_> = draft.problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["secrets.master_key_file", "tenant.treant.timezone"]);
        assert_eq!(draft.tenants.len(), 1);
        assert_eq!(draft.profiles.packages, [dir.path().join("nl-core.tgz")]);
        let later = draft
            .places
            .problem("tenant.topaz.report_types", "is wrong")
            .to_string();
        assert!(
            later.ends_with("inzage.toml:7: tenant.topaz.report_types: is wrong"),
            "{later}"
        );
    }
}
