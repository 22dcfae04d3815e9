//! fhirbolt, behind one function: an independent second reading of a resource that the gateway itself wrote.
//!
//! ```
//! use inzage::fhir::model::strict_check;
//! assert_eq!(strict_check("Patient", br#"{"resourceType":"Patient","active":true}"#), Ok(()));
//! assert!(strict_check("Patient", br#"{"resourceType":"Patient","colour":"red"}"#).is_err());
//! ```
//!
//! # Design
//! This is the only file that names fhirbolt (0.4.0). It is for tests, for `inzage check` and for what the gateway made:
//! never for bytes from outside, because fhirbolt panics on some of them and accepts duplicate keys. Those go through
//! [`super::json`] first; so does every call here, so that the rule cannot be forgotten.
//!
//! Its typed structs are not used. Each of them holds `contained: Vec<Resource>`, so reading or writing even one type
//! brings in the code of all 148: more than 15 CPU minutes at opt-level 3, 456 s and 37 MB at opt-level 1. Its generic
//! `Element` tree checks names, nesting and JSON types against the same generated tables, without the feature `r4`:
//!
//! | `cargo build --release` of a program with this function alone | |
//! |---|---|
//! | CPU, all dependencies included | 26 s |
//! | binary | 5.2 MB |
//!
//! What it does not see (missing elements, two values of a choice, codes, formats) is the work of [`crate::profile`].
//! fhirbolt switches on `arbitrary_precision` and `preserve_order` of serde_json for the whole program: decimals keep
//! their digits and objects their order, and `flatten`, `untagged` or `tag` over a float does not work.

use fhirbolt::FhirReleases;
use fhirbolt::element::Element;
use fhirbolt::serde::{DeserializationConfig, DeserializationMode};
use serde_json::Value;

use super::json::{Limits, parse};

/// A resource as a tree in the order of its JSON.
type Tree = Element<{ FhirReleases::R4 }>;

/// Reads a resource of the named type strictly and writes it again: it must come back as it was.
pub fn strict_check(kind: &str, bytes: &[u8]) -> Result<(), String> {
    let before = parse(bytes, Limits::default()).map_err(|refused| refused.to_string())?;
    if before.get("resourceType").and_then(Value::as_str) != Some(kind) {
        return Err(format!("resourceType must be {kind}"));
    }
    let config = DeserializationConfig {
        mode: DeserializationMode::Strict,
    };
    let tree: Tree = fhirbolt::json::from_slice(bytes, Some(config)).map_err(|error| error.to_string())?;
    let again = fhirbolt::json::to_vec(&tree, None).map_err(|error| error.to_string())?;
    let after: Value = serde_json::from_slice(&again).map_err(|error| error.to_string())?;
    if before == after {
        Ok(())
    } else {
        Err("changes when it is read and written again".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        strict_check("Patient", text.as_bytes())
    }

    #[test]
    fn a_resource_comes_back_as_it_was() {
        let text = r#"{"resourceType":"Patient","_birthDate":{"extension":[{"url":"urn:x","valueDecimal":1.500}]},"name":[{"given":[null,"A"],"_given":[{"id":"g"},null]}]}"#;
        assert_eq!(check(text), Ok(()));
    }

    #[test]
    fn unknown_names_and_wrong_json_types_are_found() {
        for bad in [
            r#"{"resourceType":"Patient","colour":"red"}"#,
            r#"{"resourceType":"Patient","name":{"text":"x"}}"#,
            r#"{"resourceType":"Patient","active":"true"}"#,
            r#"{"resourceType":"Observation","status":"final"}"#,
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_makes_fhirbolt_panic_does_not_reach_it() {
        assert!(check(r#"{"resourceType":"Patient","name":[]}"#).is_err());
        assert!(check(r#"{"resourceType":"Patient","active":true,"active":false}"#).is_err());
    }
}
