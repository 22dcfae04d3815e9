//! What a run found, as JSON, JUnit XML and an HTML page that a regulator can read.
//!
//! # Design
//! The three come from one [`Report`]. It holds no body, no token and no query text, so it can be passed on as it is.

mod junit;
mod page;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::client::Exchange;

/// One run against one target.
#[derive(Debug, Serialize)]
pub struct Report {
    pub target: String,
    pub started: Timestamp,
    pub results: Vec<CaseResult>,
}

/// One case at one tenant.
#[derive(Debug, Serialize)]
pub struct CaseResult {
    pub case: String,
    pub title: String,
    pub tenant: String,
    pub requirements: Vec<String>,
    pub outcome: Outcome,
    pub milliseconds: u64,
    pub exchanges: Vec<Exchange>,
}

#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Passed,
    Failed {
        step: usize,
        reason: String,
    },
    /// It failed, and the list of expected failures says why.
    FailedAsExpected {
        step: usize,
        reason: String,
        why: String,
    },
    /// The list of expected failures names it, but it passed: the list must shrink.
    PassedUnexpectedly,
    Skipped {
        reason: String,
    },
}

impl Outcome {
    /// The word for tables.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::FailedAsExpected { .. } => "failed as expected",
            Self::PassedUnexpectedly => "passed unexpectedly",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// What a reader needs besides the word.
    pub fn detail(&self) -> String {
        match self {
            Self::Passed => String::new(),
            Self::Failed { step, reason } => format!("step {step}: {reason}"),
            Self::FailedAsExpected { step, reason, why } => format!("step {step}: {reason} (known: {why})"),
            Self::PassedUnexpectedly => "take it off conformance/expected-failures.toml".to_owned(),
            Self::Skipped { reason } => reason.clone(),
        }
    }

    const fn breaks_the_run(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::PassedUnexpectedly)
    }
}

impl Report {
    /// Whether nothing failed that was not expected to.
    pub fn passed(&self) -> bool {
        !self.results.iter().any(|result| result.outcome.breaks_the_run())
    }

    /// How many results have each word.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for result in &self.results {
            *counts.entry(result.outcome.word()).or_default() += 1;
        }
        counts
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data")
    }

    pub fn to_junit(&self) -> String {
        junit::render(self)
    }

    pub fn to_html(&self) -> String {
        page::render(self)
    }

    /// The lines for a terminal: what did not pass, then the counts.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for result in self.results.iter().filter(|result| result.outcome != Outcome::Passed) {
            let (word, detail) = (result.outcome.word(), result.outcome.detail());
            text.push_str(&format!("{word}: {} at {}: {detail}\n", result.case, result.tenant));
        }
        let counts: Vec<String> = self
            .counts()
            .iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        text + &counts.join(", ") + "\n"
    }
}

/// Text that is safe in XML and HTML, in elements and in attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Outcome) -> Report {
        Report {
            target: "http://127.0.0.1:8080/".to_owned(),
            started: "2026-11-22T10:00:00Z".parse().unwrap(),
            results: vec![CaseResult {
                case: "login/01-x".to_owned(),
                title: "A <b>".to_owned(),
                tenant: "topaz".to_owned(),
                requirements: vec!["smart:A01".to_owned()],
                outcome,
                milliseconds: 1_500,
                exchanges: vec![Exchange {
                    method: "GET".to_owned(),
                    path: "/login".to_owned(),
                    status: Some(200),
                }],
            }],
        }
    }

    fn failed() -> Outcome {
        Outcome::Failed {
            step: 2,
            reason: "expected status [200], got 500".to_owned(),
        }
    }

    #[test]
    fn a_failure_and_an_unexpected_pass_break_the_run() {
        assert!(report(Outcome::Passed).passed());
        assert!(!report(failed()).passed());
        assert!(!report(Outcome::PassedUnexpectedly).passed());
        assert!(report(Outcome::Skipped { reason: String::new() }).passed());
    }

    #[test]
    fn the_three_forms_tell_the_same_and_escape() {
        let report = report(failed());
        for form in [report.to_html(), report.to_junit()] {
            assert!(form.contains("A &lt;b&gt;") && !form.contains("A <b>"), "{form}");
            assert!(form.contains("step 2") && form.contains("topaz"), "{form}");
        }
        assert!(report.to_junit().contains("failures=\"1\""));
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json.pointer("/results/0/outcome/failed/step"), Some(&2.into()));
        assert!(report.to_text().ends_with("1 failed\n"));
    }
}
