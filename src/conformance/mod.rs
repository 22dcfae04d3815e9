//! The black-box conformance runner: cases as data, played over HTTP against any gateway, with a report at the end.
//!
//! ```no_run
//! # async fn f(seed: [u8; 32], now: jiff::Timestamp) -> Result<(), inzage::conformance::Error> {
//! use inzage::conformance::{Options, run};
//! let options = Options::new("http://127.0.0.1:8080".parse().unwrap(), seed, now).demo("./inzage-demo");
//! let report = run(options).await?;
//! assert!(report.passed());
//! # Ok(()) }
//! ```
//!
//! # Design
//! The runner knows the gateway only through its public contract, so it can judge any deployment, and it shares no code
//! with what it judges (`fhir` is the one exception). A person who reads no Rust can read and add a case. Cases run one
//! after the other: they share one outbox, and a report in a fixed order can be compared with the one before.

mod backend;
pub mod case;
mod client;
mod command;
mod compare;
pub mod coverage;
mod expect;
pub mod expected;
mod html;
mod play;
mod report;
pub mod requirements;
mod template;
mod walk;
mod world;

use std::path::{Path, PathBuf};
use std::time::Instant;

use aws_lc_rs::digest;
use jiff::Timestamp;
use url::Url;

pub use client::Exchange;
pub use command::{Arguments, execute};
pub use report::{CaseResult, Outcome, Report};
pub use world::World;

/// What stops a run before its first case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} cannot be read or written: {source}", path = path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("conformance case {id}: {reason}")]
    Case { id: String, reason: String },
    #[error("{path} line {line}: this is not a list of tenants with accounts and apps", path = path.display())]
    World { path: PathBuf, line: usize },
    #[error("{path}: {reason}", path = path.display())]
    Requirements { path: PathBuf, reason: String },
    #[error("expected-failures.toml: {reason}")]
    Expected { reason: String },
    #[error("no case was selected: check --cases and --only")]
    NoCases,
    #[error("no tenant is known: give --data with a demo.json, or --tenant")]
    NoTenants,
    #[error("the HTTP client could not be started: {0}")]
    Client(reqwest::Error),
}

/// What to run against what.
#[derive(Clone, Debug)]
pub struct Options {
    /// The gateway's public address.
    pub target: Url,
    /// A folder of cases in place of the built-in ones.
    pub cases: Option<PathBuf>,
    /// Only cases whose id starts with this.
    pub only: Option<String>,
    /// `demo.json`: tenants, accounts and apps.
    pub world: Option<PathBuf>,
    /// Tenants to test: all of the world, or by name when there is no world.
    pub tenants: Vec<String>,
    /// The file with sent SMS messages; beside the world when not given.
    pub outbox: Option<PathBuf>,
    /// The private key of the backend app; beside the world when not given.
    pub backend_key: Option<PathBuf>,
    /// Known failures; the built-in list when not given.
    pub expected: Option<PathBuf>,
    /// For states and PKCE verifiers; fresh random bytes.
    pub seed: [u8; 32],
    pub started: Timestamp,
}

impl Options {
    pub fn new(target: Url, seed: [u8; 32], started: Timestamp) -> Self {
        Self {
            target,
            cases: None,
            only: None,
            world: None,
            tenants: Vec::new(),
            outbox: None,
            backend_key: None,
            expected: None,
            seed,
            started,
        }
    }

    /// Takes accounts, apps and SMS messages from the folder of `inzage demo`.
    pub fn demo(mut self, folder: impl AsRef<Path>) -> Self {
        self.world = Some(folder.as_ref().join("demo.json"));
        self.outbox = Some(folder.as_ref().join("outbox/sms.jsonl"));
        self.backend_key = Some(folder.as_ref().join("demo-backend.jwk"));
        self
    }
}

/// Plays every selected case at every selected tenant.
pub async fn run(options: Options) -> Result<Report, Error> {
    let mut cases = match &options.cases {
        Some(folder) => case::load(folder)?,
        None => case::built_in()?,
    };
    cases.retain(|case| options.only.as_ref().is_none_or(|start| case.id.starts_with(start)));
    let mut world = match &options.world {
        Some(path) => World::load(path)?,
        None => World::of_tenants(&options.target, &options.tenants),
    };
    world
        .tenants
        .retain(|tenant| options.tenants.is_empty() || options.tenants.contains(&tenant.id));
    let expected = match &options.expected {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            expected::Expected::parse(&text.map_err(|source| Error::Unreadable {
                path: path.clone(),
                source,
            })?)?
        }
        None => expected::Expected::built_in()?,
    };
    if cases.is_empty() {
        return Err(Error::NoCases);
    }
    if world.tenants.is_empty() {
        return Err(Error::NoTenants);
    }
    let mut browser = client::Browser::new().map_err(Error::Client)?;
    let backend_key = options.backend_key.as_deref().and_then(backend::Key::load);
    let running = Instant::now();
    let mut results = Vec::new();
    for tenant in &world.tenants {
        for case in &cases {
            let seed = seed_of(&options.seed, &tenant.id, &case.id);
            let begun = Instant::now();
            let target = play::Target {
                tenant,
                outbox: options.outbox.as_deref(),
                backend_key: backend_key.as_ref(),
                now: options.started + running.elapsed(),
            };
            let play = play::Play::new(target, &mut browser, seed);
            let outcome = play.run(case).await;
            results.push(CaseResult {
                case: case.id.clone(),
                title: case.title.clone(),
                tenant: tenant.id.clone(),
                requirements: case.requirements.clone(),
                outcome: weigh(outcome, expected.reason(&case.id, &tenant.id)),
                milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                exchanges: std::mem::take(&mut browser.log),
            });
        }
    }
    Ok(Report {
        target: options.target.to_string(),
        started: options.started,
        results,
    })
}

/// A failure that the list knows does not break the run; a pass that the list does not know does.
fn weigh(outcome: Outcome, known: Option<&str>) -> Outcome {
    match (outcome, known) {
        (Outcome::Failed { step, reason }, Some(why)) => Outcome::FailedAsExpected {
            step,
            reason,
            why: why.to_owned(),
        },
        (Outcome::Passed, Some(_)) => Outcome::PassedUnexpectedly,
        (outcome, _) => outcome,
    }
}

fn seed_of(seed: &[u8; 32], tenant: &str, case: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [seed.as_slice(), tenant.as_bytes(), b"/", case.as_bytes()] {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_known_failures_can_only_shrink() {
        let failed = Outcome::Failed {
            step: 1,
            reason: "r".to_owned(),
        };
        assert_eq!(weigh(Outcome::Passed, Some("why")), Outcome::PassedUnexpectedly);
        assert!(matches!(
            weigh(failed.clone(), Some("why")),
            Outcome::FailedAsExpected { .. }
        ));
        assert_eq!(weigh(failed.clone(), None), failed);
    }

    #[test]
    fn two_plays_never_share_a_seed() {
        assert_ne!(seed_of(&[1; 32], "a", "b"), seed_of(&[1; 32], "a", "c"));
        assert_ne!(seed_of(&[1; 32], "a", "b"), seed_of(&[2; 32], "a", "b"));
    }
}
