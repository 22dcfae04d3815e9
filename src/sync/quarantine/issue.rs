//! What is wrong with a record, on both sides of its map.

use std::fmt;

use crate::ecd::{Bad, Kind};
use crate::mapping::{Mapped, Plan};
use crate::profile::{self, Registry, Severity};

/// Issues of one record that are kept; the rest shows when these are put right.
const MOST: usize = 5;

/// One thing that is wrong. Holds no value of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Issue {
    /// The place in the source record, or the few places that the element is made of; empty for all of it.
    pub(in crate::sync) pointer: String,
    /// The FHIR elements that are made of it; empty where the map makes none.
    pub(in crate::sync) element: String,
    pub(in crate::sync) reason: String,
}

impl Issue {
    /// About the record as a whole.
    pub(in crate::sync) fn whole(reason: impl Into<String>) -> Self {
        Self {
            pointer: String::new(),
            element: String::new(),
            reason: reason.into(),
        }
    }

    /// What the validator finds wrong with a mapped resource: by its own profile, which it claims first, and by every other one that it
    /// claims and that is loaded.
    pub(in crate::sync) fn of_resource(profiles: &Registry, plan: &Plan, map: &str, mapped: &Mapped) -> Vec<Self> {
        let found = match mapped.check(profiles) {
            Ok(found) => found.into_iter(),
            Err(none) => return vec![Self::whole(none.to_string())],
        };
        let issue = |issue: profile::Issue| Self {
            pointer: plan.sources(map, &mapped.profile, &issue.expression).join(" or "),
            element: issue.expression,
            reason: issue.message,
        };
        let errors = found.filter(|issue| issue.severity <= Severity::Error);
        errors.take(MOST).map(issue).collect()
    }

    /// Of a contract or a map, about a place in the record.
    fn of_place(plan: &Plan, map: &str, pointer: String, reason: String) -> Self {
        Self {
            element: plan.elements(map, &pointer).join(", "),
            pointer,
            reason,
        }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.element.is_empty() {
            write!(f, "{}: ", self.element)?;
        }
        f.write_str(&self.reason)
    }
}

/// A record for the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Line {
    pub(in crate::sync) kind: Kind,
    /// Empty where not even a key could be read.
    pub(in crate::sync) key: String,
    /// One or more.
    pub(in crate::sync) issues: Vec<Issue>,
}

impl Line {
    /// A record that breaks its contract.
    pub(in crate::sync) fn broken(plan: &Plan, source: &str, bad: Bad) -> Self {
        let map = format!("{source}/{}", bad.kind);
        let faults = std::iter::once((bad.pointer, bad.reason)).chain(bad.more).take(MOST);
        Self {
            kind: bad.kind,
            key: bad.key.unwrap_or_default(),
            issues: faults
                .map(|(pointer, reason)| Issue::of_place(plan, &map, pointer, reason))
                .collect(),
        }
    }

    /// A record that is wrong as a whole.
    pub(in crate::sync) fn whole(kind: Kind, key: String, reason: &str) -> Self {
        Self {
            kind,
            key,
            issues: vec![Issue::whole(reason)],
        }
    }

    /// The place of the first issue.
    pub(in crate::sync) fn pointer(&self) -> &str {
        self.issues.first().map_or("", |issue| &issue.pointer)
    }

    /// Every issue with its element, those after the first with their place too.
    pub(in crate::sync) fn reason(&self) -> String {
        let mut text = String::new();
        for (position, issue) in self.issues.iter().enumerate() {
            if position > 0 {
                let pointer = if issue.pointer.is_empty() { "/" } else { &issue.pointer };
                text.push_str(&format!("; {pointer} "));
            }
            text.push_str(&issue.to_string());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_issue_is_told_with_element_and_place_and_there_is_an_end() {
        let plan = Plan::load(&crate::mapping::Files::builtin(), &Registry::builtin()).unwrap();
        let bad = Bad {
            kind: Kind::Report,
            key: Some("7".to_owned()),
            pointer: "/reportingDate".to_owned(),
            reason: "is no time".to_owned(),
            more: vec![("/hidden".to_owned(), "is no boolean".to_owned()); 9],
        };
        let line = Line::broken(&plan, "ons", bad);
        assert_eq!(line.pointer(), "/reportingDate");
        assert_eq!(line.issues.len(), MOST);
        let reason = line.reason();
        assert!(
            reason.starts_with("Observation.effectiveDateTime") && reason.contains("; /hidden is no boolean"),
            "{reason}"
        );
    }
}
