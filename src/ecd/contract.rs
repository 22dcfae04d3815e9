//! The contract of each kind of source record: a JSON Schema beside its map, compiled once and checked per record.
//!
//! ```
//! use inzage::ecd::{Kind, contract::Contracts};
//! let ons = Contracts::builtin("ons").unwrap();
//! let bad = ons.check(Kind::Report, &serde_json::json!({"id": 7, "reportTypeId": "101"})).unwrap_err();
//! assert_eq!(bad.key.as_deref(), Some("7"));
//! assert!(!bad.reason.contains("101"));
//! ```
//!
//! # Design
//! `mappings/<ecd>/<kind>.source.json` describes the record as a map sees it: after the connector's repairs and joins.
//! The fields that decide whether something may be shown (`hidden`, `confidential`, `private`, `status`, ...) are
//! required there even where the product calls them optional: a record that does not say is quarantined, not guessed.
//! Unknown fields are allowed, because a product adds fields without notice and a map reads only what it names.
//! A complaint names the place and the rule, never the value.

use std::path::Path;

use include_dir::{Dir, include_dir};
use jsonschema::Validator;
use serde_json::Value;

use super::{Bad, Kind};
use crate::secret::sha256;

/// More are no help.
const MOST_FAULTS: usize = 100;

/// So many go into quarantine after the first.
const MORE_FAULTS: usize = 4;

static MAPPINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mappings");

/// A contract that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{file}: not found; each ECD needs one for each kind")]
    Missing { file: String },
    #[error("{file}:{line}: {reason}")]
    Syntax { file: String, line: usize, reason: String },
    #[error("{file}: {pointer}: {reason}")]
    Schema {
        file: String,
        pointer: String,
        reason: String,
    },
}

/// The compiled contracts of one ECD.
#[derive(Debug)]
pub struct Contracts {
    /// In the order of [`Kind::ALL`]; none for a kind that the product does not have.
    of: Vec<Option<Contract>>,
}

#[derive(Debug)]
struct Contract {
    validator: Validator,
    /// Of the file's bytes.
    hash: [u8; 32],
}

impl Contracts {
    /// The contracts that are part of the program.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn builtin(ecd: &str) -> Result<Self, Vec<Problem>> {
        Self::read(ecd, |file| {
            MAPPINGS.get_file(file).map(|found| found.contents().to_vec())
        })
    }

    /// The contracts in the mappings folder `dir`; where a file is absent there, the built-in one.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn load(dir: &Path, ecd: &str) -> Result<Self, Vec<Problem>> {
        Self::read(ecd, |file| {
            std::fs::read(dir.join(file))
                .ok()
                .or_else(|| MAPPINGS.get_file(file).map(|found| found.contents().to_vec()))
        })
    }

    fn read(ecd: &str, source: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut of = Vec::new();
        for kind in Kind::ALL {
            if !kind.is_of(ecd) {
                of.push(None);
                continue;
            }
            let file = format!("{ecd}/{kind}.source.json");
            let bytes = source(&file);
            let hash = sha256(bytes.as_deref().unwrap_or_default());
            match compile(&file, bytes) {
                Ok(validator) => of.push(Some(Contract { validator, hash })),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Self { of })
        } else {
            Err(problems)
        }
    }

    fn of(&self, kind: Kind) -> Option<&Contract> {
        let place = Kind::ALL.iter().position(|k| *k == kind).expect("ALL has every kind");
        self.of[place].as_ref()
    }

    /// Changes with the contract of this kind.
    pub fn version(&self, kind: Kind) -> [u8; 32] {
        self.of(kind).map(|contract| contract.hash).unwrap_or_default()
    }

    /// Every place where a record breaks its contract, with the rule: for people who write maps.
    pub fn faults(&self, kind: Kind, record: &Value) -> Vec<(String, String)> {
        let Some(Contract { validator, .. }) = self.of(kind) else {
            return vec![(String::new(), "the product has no records of this kind".to_owned())];
        };
        let errors = validator.iter_errors(record).take(MOST_FAULTS);
        errors
            .map(|error| (error.instance_path().as_str().to_owned(), error.masked().to_string()))
            .collect()
    }

    /// Checks one record.
    ///
    /// # Errors
    /// The first places that break the contract.
    pub fn check(&self, kind: Kind, record: &Value) -> Result<(), Bad> {
        let Some(Contract { validator, .. }) = self.of(kind) else {
            return Err(Bad {
                kind,
                key: key_of(record),
                pointer: String::new(),
                reason: "the product has no records of this kind".to_owned(),
                more: Vec::new(),
            });
        };
        // The quick answer first: finding the error builds paths, which good records need not pay for.
        if validator.is_valid(record) {
            return Ok(());
        }
        let told = |error: jsonschema::ValidationError<'_>| {
            (error.instance_path().as_str().to_owned(), error.masked().to_string())
        };
        let mut faults = validator.iter_errors(record).map(told);
        let (pointer, reason) = faults
            .next()
            .unwrap_or_else(|| (String::new(), "breaks its contract".to_owned()));
        Err(Bad {
            kind,
            key: key_of(record),
            pointer,
            reason,
            more: faults.take(MORE_FAULTS).collect(),
        })
    }
}

fn compile(file: &str, bytes: Option<Vec<u8>>) -> Result<Validator, Problem> {
    let bytes = bytes.ok_or_else(|| Problem::Missing { file: file.to_owned() })?;
    let schema: Value = serde_json::from_slice(&bytes).map_err(|error| Problem::Syntax {
        file: file.to_owned(),
        line: error.line(),
        reason: error.to_string(),
    })?;
    jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .build(&schema)
        .map_err(|error| Problem::Schema {
            file: file.to_owned(),
            pointer: error.instance_path().as_str().to_owned(),
            reason: error.to_string(),
        })
}

/// The record's `id` as text: a number or a string in the source.
pub fn key_of(record: &Value) -> Option<String> {
    match record.get("id")? {
        Value::String(text) if !text.is_empty() && text.len() <= 100 => Some(text.clone()),
        Value::Number(number) if number.as_u64().is_some() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Value {
        json!({
            "id": 7, "clientId": 10101, "employeeId": 501, "reportTypeId": 101, "comment": "Rustige nacht.",
            "reportingDate": "2026-11-18T15:12:00.000+01:00", "updatedAt": "2026-11-18T15:20:00.000+01:00",
            "hidden": false, "confidential": false, "reportAuthorizations": [],
            "reportEntries": [{"name": "decimalValue", "value": "61.4", "unit": "kg"}],
            "soapReportEntries": [], "employee": {"id": 501, "name": "S. Bakker"}
        })
    }

    fn refused(change: impl FnOnce(&mut Value)) -> Bad {
        let mut record = report();
        change(&mut record);
        let contracts = Contracts::builtin("ons").unwrap();
        contracts.check(Kind::Report, &record).unwrap_err()
    }

    #[test]
    fn a_good_record_passes_and_may_have_unknown_fields() {
        let contracts = Contracts::builtin("ons").unwrap();
        let mut record = report();
        record["brandNewField"] = json!({"anything": [1, 2]});
        assert_eq!(contracts.check(Kind::Report, &record), Ok(()));
    }

    #[test]
    fn a_record_that_does_not_say_whether_it_is_hidden_is_bad() {
        for field in ["hidden", "confidential"] {
            let bad = refused(|r| {
                r.as_object_mut().unwrap().remove(field);
            });
            assert_eq!(bad.pointer, "");
            assert!(bad.reason.contains(field), "{}", bad.reason);
            assert_eq!(refused(|r| r[field] = json!(null)).pointer, format!("/{field}"));
        }
    }

    #[test]
    fn a_complaint_names_the_place_and_never_the_value() {
        let bad = refused(|r| r["reportEntries"][0]["value"] = json!({"geheim": "xyzzy"}));
        assert_eq!(bad.pointer, "/reportEntries/0/value");
        assert_eq!(bad.key.as_deref(), Some("7"));
        assert!(!bad.reason.contains("xyzzy"), "{}", bad.reason);
        let bad = refused(|r| r["reportingDate"] = json!("xyzzy gisteren"));
        assert_eq!(bad.pointer, "/reportingDate");
        assert!(!bad.reason.contains("xyzzy"), "{}", bad.reason);
    }

    #[test]
    fn several_faults_of_a_record_are_told_at_once_and_never_without_end() {
        let bad = refused(|r| {
            r["hidden"] = json!("xyzzy");
            r["comment"] = json!(5);
        });
        let mut places = vec![bad.pointer.as_str()];
        places.extend(bad.more.iter().map(|(pointer, _)| pointer.as_str()));
        places.sort_unstable();
        assert_eq!(places, ["/comment", "/hidden"]);
        assert!(!format!("{bad:?}").contains("xyzzy"), "{bad:?}");
        let many = json!([{"name": 1}, {"name": 1}, {"name": 1}, {"name": 1}, {"name": 1}, {"name": 1}, {"name": 1}]);
        assert_eq!(refused(|r| r["reportEntries"] = many).more.len(), MORE_FAULTS);
    }

    #[test]
    fn every_broken_contract_is_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let ons = folder.path().join("ons");
        std::fs::create_dir(&ons).unwrap();
        std::fs::write(ons.join("report.source.json"), "{\n \"type\": object}").unwrap();
        std::fs::write(ons.join("client.source.json"), r#"{"type": "objekt"}"#).unwrap();
        let problems = Contracts::load(folder.path(), "ons").unwrap_err();
        assert_eq!(problems.len(), 2);
        assert!(
            problems[0].to_string().starts_with("ons/client.source.json: /type"),
            "{}",
            problems[0]
        );
        assert!(
            problems[1].to_string().starts_with("ons/report.source.json:2:"),
            "{}",
            problems[1]
        );
    }

    #[test]
    fn an_unknown_ecd_has_no_contracts() {
        assert_eq!(Contracts::builtin("puur").unwrap_err().len(), Kind::ALL.len());
    }
}
