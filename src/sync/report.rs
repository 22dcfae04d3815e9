//! What a run did, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Numbers of one run. A record counts once: as unchanged, mapped, dropped or quarantined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Records that came from the source.
    pub pulled: u64,
    /// Records whose content was already dealt with.
    pub unchanged: u64,
    /// Records that became resources.
    pub mapped: u64,
    /// Records that must not be published, by reason.
    pub dropped: BTreeMap<String, u64>,
    pub quarantined: u64,
    /// Resources created or changed.
    pub stored: u64,
    /// Resources that are no longer published.
    pub withdrawn: u64,
    /// Removals that wait for an operator, because more vanished than is plausible.
    pub held: u64,
    #[serde(default)]
    pub held_by_kind: BTreeMap<String, u64>,
    /// Records that belong to another client than before.
    #[serde(default)]
    pub moved: u64,
    /// Answers that were older than what is known, and were not used.
    #[serde(default)]
    pub outdated: u64,
    /// Records that came twice with the same version and different content.
    #[serde(default)]
    pub conflicts: u64,
    /// Parts that could not be read and stay as they were, by message.
    pub failed: BTreeMap<String, u64>,
    /// Whether a part waits because the day's request time is used up.
    #[serde(default)]
    pub over_budget: bool,
    pub requests: u64,
    pub clients: u64,
    pub seconds: f64,
}

impl Report {
    /// Whether everything that was asked for arrived.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.held == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = if self.seconds > 0.0 {
            self.pulled as f64 / self.seconds
        } else {
            0.0
        };
        writeln!(f, "clients      {:>9}", self.clients)?;
        writeln!(
            f,
            "pulled       {:>9}  in {:.1} s, {rate:.0}/s, {} requests",
            self.pulled, self.seconds, self.requests
        )?;
        writeln!(f, "unchanged    {:>9}", self.unchanged)?;
        writeln!(f, "mapped       {:>9}", self.mapped)?;
        writeln!(f, "dropped      {:>9}", self.dropped.values().sum::<u64>())?;
        for (reason, count) in &self.dropped {
            writeln!(f, "  {count:>9}  {reason}")?;
        }
        writeln!(f, "quarantined  {:>9}", self.quarantined)?;
        writeln!(f, "stored       {:>9}  resources", self.stored)?;
        write!(f, "withdrawn    {:>9}  resources", self.withdrawn)?;
        let rare = [
            (self.moved, "moved", "records, to another client"),
            (self.outdated, "outdated", "records, older than what is known"),
            (
                self.conflicts,
                "conflicts",
                "records, twice with one version and different content",
            ),
        ];
        for (count, name, what) in rare.into_iter().filter(|(count, ..)| *count > 0) {
            write!(f, "\n{name:<13}{count:>9}  {what}")?;
        }
        if self.held > 0 {
            write!(
                f,
                "\nheld         {:>9}  removals: too many at once; see `inzage sync held`",
                self.held
            )?;
        }
        for (kind, count) in &self.held_by_kind {
            write!(f, "\n  {count:>9}  {kind}")?;
        }
        for (message, count) in &self.failed {
            write!(f, "\nfailed       {count:>9}  {message}")?;
        }
        Ok(())
    }
}
