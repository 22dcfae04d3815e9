//! Source record to FHIR resources by mapping files; pure.
//!
//! ```no_run
//! use inzage::mapping::{Context, Files, Outcome, Plan, ReportTypes};
//! # fn example(registry: &inzage::profile::Registry, key: &inzage::secret::MacKey, record: &serde_json::Value) {
//! let plan = Plan::load(&Files::builtin(), registry).expect("the maps of the program are right");
//! let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").expect("the zone database is in the program");
//! match plan.run("ons/report", record, &Context { key, zone: &zone, report_types: ReportTypes::Every }) {
//!     Outcome::Mapped(resources) => println!("{} resources", resources.len()),
//!     Outcome::Dropped { rule, reason } => println!("{rule}: {reason}"),
//!     Outcome::Refused { pointer, reason, .. } => println!("{pointer}: {reason}"),
//! }
//! # }
//! ```
//!
//! # Design
//! - **A map renames and codes, a connector repairs.** A map is one TOML line a FHIR element with a verb of a closed set
//!   (`mappings/README.md`), so that an integrator writes one without Rust and a reader can check it against the source.
//! - **Allow-list.** A field that no line names goes nowhere; there is no verb that copies a record as it is.
//! - **Three outcomes.** *Mapped*: resources. *Dropped*: a rule withholds the record; a record that was published before
//!   must then be removed. *Refused*: the record is faulty; it goes to quarantine with a pointer and a reason, neither of
//!   which shows a value. Drop rules run before anything else and fail closed.
//! - **Ids need no look-up.** The id of a resource is a keyed hash of its source key, so that a reference is made without
//!   asking whether its target is there yet, and the id tells nothing about the source.
//! - **One pass, no regrets.** A plan is checked when it is loaded: no line can fail at three in the morning because of
//!   its own form.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::types::{Id, ResourceType};
use crate::profile::{Issue, Registry};
use crate::secret::{self, MacKey};

pub use crate::profile::Problem;
pub use contract::{Described, diff};
pub use coverage::coverage;
pub use explain::{Report, check, explain, try_record};
pub use file::Files;
pub use plan::Plan;

mod compile;
mod constant;
mod contract;
mod coverage;
mod example;
mod explain;
mod file;
mod line;
mod members;
mod moment;
mod operand;
mod patch;
mod plan;
mod reads;
mod remedy;
mod rule;
mod run;
mod schema;
mod shape;
mod source;
mod table;
mod text;
mod trace;
mod tree;
mod value;
mod verb;
mod walk;
mod when;

/// What a tenant decides about its records.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The key of the resource ids.
    pub key: &'a MacKey,
    /// Where local times are local.
    pub zone: &'a TimeZone,
    pub report_types: ReportTypes<'a>,
}

/// Which of the report types that a map can publish a tenant publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportTypes<'a> {
    /// Every one that the map knows, but for those that a tenant has to name.
    Every,
    /// These, as the source writes them: `101`, `DAG`.
    Only(&'a [String]),
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Mapped(Vec<Mapped>),
    /// Withheld by a rule: what was published of the record goes.
    Dropped {
        rule: String,
        reason: String,
    },
    /// Faulty: the places in record and resource and what is wrong there, without the value.
    Refused {
        pointer: String,
        /// The element that a line was filling, `Observation.effectiveDateTime`; empty where none was.
        element: String,
        reason: String,
    },
}

/// One resource out of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    pub kind: ResourceType,
    pub id: Id,
    /// Whose dossier it belongs to; none for what belongs to no client.
    pub patient: Option<Id>,
    /// The profile that it must be valid against.
    pub profile: Arc<str>,
    /// Begins with `resourceType`, `id` and `meta`, in this order.
    pub resource: Value,
}

/// A resource that there is nothing to judge by: the profile that it was mapped for is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no validator for this {kind}: the profile {profile} is not loaded")]
pub struct NoValidator {
    pub kind: ResourceType,
    pub profile: Arc<str>,
}

impl Mapped {
    /// What the validator finds wrong: by the profile that the resource was mapped for, which it claims first, and by every other
    /// one that it claims and that is loaded.
    ///
    /// # Errors
    /// If its own profile is not loaded: the base type alone is no judge.
    pub fn check(&self, registry: &Registry) -> Result<Vec<Issue>, NoValidator> {
        match registry.validator(&self.profile) {
            Some(_) => Ok(registry.check(&self.resource)),
            None => Err(NoValidator {
                kind: self.kind,
                profile: Arc::clone(&self.profile),
            }),
        }
    }
}

/// The id of the resource with this source key, for example `["ons", "report", "880001"]`.
///
/// The parts go into the hash with their lengths, so no two keys can look alike.
pub fn resource_id(key: &MacKey, parts: &[&str]) -> Id {
    let bytes: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    let mac = secret::mac(key, &bytes);
    let half = mac.get(..16).expect("SHA-256 has 32 bytes");
    Id::parse(&secret::hex(half)).expect("hexadecimal is an id")
}

/// Problems as they are found; shown in the order of file and line.
#[derive(Debug, Default)]
struct Problems {
    found: Vec<Problem>,
    /// Of lines that every resource of a map has, each with the profile that it was read for.
    shared: Vec<(Problem, String)>,
}

impl Problems {
    fn push(&mut self, place: &file::Place, element: &str, slip: impl Into<remedy::Slip>) {
        let slip = slip.into();
        self.found.push(Problem {
            file: place.file.to_string(),
            line: place.line,
            element: element.to_owned(),
            message: slip.message,
            remedy: slip.remedy,
        });
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.shared.is_empty()
    }

    /// What was pushed since there were so many is about lines that other profiles read as well.
    fn share(&mut self, since: usize, profile: &str) {
        let of = |problem| (problem, profile.to_owned());
        self.shared.extend(self.found.drain(since..).map(of));
    }

    fn into_sorted(mut self) -> Vec<Problem> {
        self.found.extend(met(self.shared));
        self.found
            .sort_by(|a, b| (&a.file, a.line, &a.element, &a.message).cmp(&(&b.file, b.line, &b.element, &b.message)));
        self.found.dedup();
        self.found
    }
}

/// Each slip in a shared line once, with the profiles that it meets.
fn met(shared: Vec<(Problem, String)>) -> Vec<Problem> {
    let mut slips: Vec<(Problem, Vec<String>)> = Vec::new();
    for (mut problem, profile) in shared {
        problem.message = problem.message.replace(&format!("`{profile}`"), "the profile");
        // The remedy may differ: what is near differs.
        let same = |(known, _): &&mut (Problem, Vec<String>)| {
            (&known.file, known.line, &known.element, &known.message)
                == (&problem.file, problem.line, &problem.element, &problem.message)
        };
        match slips.iter_mut().find(same) {
            Some((_, profiles)) if profiles.contains(&profile) => {}
            Some((_, profiles)) => profiles.push(profile),
            None => slips.push((problem, vec![profile])),
        }
    }
    let told = |(mut problem, profiles): (Problem, Vec<String>)| {
        let met = match profiles.as_slice() {
            [one] => format!(" (profile {one})"),
            [first, .., last] => format!(" (meets {} profiles of the map, {first} to {last})", profiles.len()),
            [] => String::new(),
        };
        problem.message += &met;
        problem
    };
    slips.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests;
