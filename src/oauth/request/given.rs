//! What an app sent, name by name.

use crate::oauth::token::RESOURCE;

/// The decoded parameters. An empty one counts as left out (RFC 6749 §3.1).
pub(super) struct Given<'a>(pub(super) &'a [(String, String)]);

impl<'a> Given<'a> {
    pub(super) fn get(&self, wanted: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// `Err`: it came more than once.
    pub(super) fn once(&self, wanted: &str) -> Result<Option<&'a str>, ()> {
        match self.0.iter().filter(|(name, _)| name == wanted).count() {
            0 | 1 => Ok(self.get(wanted)),
            _ => Err(()),
        }
    }

    /// Every value of a name that may come more than once.
    pub(super) fn all(&self, wanted: &str) -> impl Iterator<Item = &'a str> {
        let found = self
            .0
            .iter()
            .filter(move |(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a name came twice, but for the one that may.
    pub(super) fn doubled(&self) -> bool {
        let named = self.0.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = named.filter(|name| *name != RESOURCE).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// A hint for the pages; one that is too long is no hint.
    pub(super) fn short(&self, wanted: &str) -> Option<String> {
        self.get(wanted).filter(|value| value.len() <= 200).map(str::to_owned)
    }
}
