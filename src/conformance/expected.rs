//! `conformance/expected-failures.toml`: cases that are known to fail, each with a reason. The list may only shrink.
//!
//! ```toml
//! [[failure]]
//! case = "token/04-codes"
//! tenant = "amaris"    # left out: every tenant
//! reason = "why it fails today, and what will mend it"
//! ```

use serde::Deserialize;

use super::Error;

/// The list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    #[serde(default, rename = "failure")]
    failures: Vec<Failure>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    case: String,
    #[serde(default)]
    tenant: Option<String>,
    reason: String,
}

impl Expected {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Expected { reason };
        let list: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        match list.failures.iter().find(|failure| failure.reason.trim().is_empty()) {
            Some(failure) => Err(wrong(format!("{} has no reason", failure.case))),
            None => Ok(list),
        }
    }

    /// The list that came with the program.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(include_str!("../../conformance/expected-failures.toml"))
    }

    /// Why this case is known to fail at this tenant.
    pub fn reason(&self, case: &str, tenant: &str) -> Option<&str> {
        let hit = |failure: &&Failure| failure.case == case && failure.tenant.as_deref().is_none_or(|id| id == tenant);
        self.failures.iter().find(hit).map(|failure| failure.reason.as_str())
    }

    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().map(|failure| failure.case.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_expected_at_one_tenant_or_at_all() {
        let list = "[[failure]]\ncase='a/1'\ntenant='topaz'\nreason='r'\n[[failure]]\ncase='a/2'\nreason='s'";
        let list = Expected::parse(list).unwrap();
        assert_eq!(list.reason("a/1", "topaz"), Some("r"));
        assert_eq!(list.reason("a/1", "amaris"), None);
        assert_eq!(list.reason("a/2", "amaris"), Some("s"));
        assert!(Expected::parse("[[failure]]\ncase='a/1'\nreason=' '").is_err());
    }
}
