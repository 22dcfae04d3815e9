//! The example pairs beside each map: `mappings/ons/report/01-gewoon.in.json` with `.out.json`, `.dropped.json` or
//! `.refused.json`.
//!
//! # Design
//! An example is the document of a map for those who know the source, and its test. Ids in the expected resources are made
//! with the fixed key of [`example_key`], so that anyone can make them anew.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::profile::{Registry, Severity};
use crate::secret::MacKey;

use super::{Context, Files, Outcome, Plan, ReportTypes};

/// An example that does not come out as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) file: String,
    pub(super) message: String,
}

/// The key of the ids in examples; secret to nobody.
pub(super) fn example_key() -> MacKey {
    MacKey::new(b"the key of the examples")
}

/// How many examples there are, and those that fail.
pub(super) fn run_examples(files: &Files, plan: &Plan, registry: &Registry) -> (usize, Vec<Failure>) {
    let mut count = 0;
    let mut failures = Vec::new();
    for map in plan.map_names() {
        for (path, text) in files.below(&format!("{map}/"), ".in.json") {
            count += 1;
            let stem = path.trim_end_matches(".in.json");
            if let Err(message) = run_example(files, plan, registry, map, stem, text) {
                failures.push(Failure {
                    file: path.to_owned(),
                    message,
                });
            }
        }
    }
    (count, failures)
}

fn run_example(
    files: &Files,
    plan: &Plan,
    registry: &Registry,
    map: &str,
    stem: &str,
    text: &str,
) -> Result<(), String> {
    let source: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let outcome = outcome(plan, map, &source);
    let (ending, found) = expected_form(&outcome);
    let Some(wanted) = files.get(&format!("{stem}.{ending}.json")) else {
        return Err(format!("came out as {ending}, but there is no `{stem}.{ending}.json`"));
    };
    let wanted: Value = serde_json::from_str(wanted).map_err(|error| format!("{ending}: not JSON: {error}"))?;
    if let Some(place) = first_difference(&wanted, &found, "") {
        return Err(format!("{ending}: differs at `{place}`"));
    }
    if let Outcome::Mapped(resources) = &outcome {
        for one in resources {
            let issues = one.check(registry).map_err(|none| none.to_string())?;
            if let Some(issue) = issues.iter().find(|issue| issue.severity <= Severity::Error) {
                return Err(format!("{} is not valid: {issue:?}", one.kind));
            }
        }
    }
    Ok(())
}

pub(super) fn outcome(plan: &Plan, map: &str, source: &Value) -> Outcome {
    let (key, zone) = (example_key(), amsterdam());
    plan.run(
        map,
        source,
        &Context {
            key: &key,
            zone: &zone,
            report_types: ReportTypes::Every,
        },
    )
}

fn amsterdam() -> TimeZone {
    TimeZone::get("Europe/Amsterdam").expect("the zone database is in the program")
}

/// The ending of the file with the expected outcome, and what stands in it.
pub(super) fn expected_form(outcome: &Outcome) -> (&'static str, Value) {
    match outcome {
        Outcome::Mapped(resources) => ("out", resources.iter().map(|one| one.resource.clone()).collect()),
        Outcome::Dropped { rule, reason } => ("dropped", json!({"rule": rule, "reason": reason})),
        Outcome::Refused { pointer, reason, .. } => ("refused", json!({"pointer": pointer, "reason": reason})),
    }
}

/// Where two JSON values first differ, the order of keys included.
fn first_difference(wanted: &Value, found: &Value, at: &str) -> Option<String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let mut pairs = wanted.iter().zip(found);
            let inner = pairs.find_map(|((key, a), (other, b))| {
                if key == other {
                    first_difference(a, b, &format!("{at}/{key}"))
                } else {
                    Some(format!("{at}/{key}"))
                }
            });
            inner.or_else(|| (wanted.len() != found.len()).then(|| at.to_owned()))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            let mut pairs = wanted.iter().zip(found).enumerate();
            let inner = pairs.find_map(|(index, (a, b))| first_difference(a, b, &format!("{at}/{index}")));
            inner.or_else(|| (wanted.len() != found.len()).then(|| at.to_owned()))
        }
        (wanted, found) => (wanted != found).then(|| at.to_owned()),
    }
}
