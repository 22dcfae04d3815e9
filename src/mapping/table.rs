//! Code tables: FHIR ConceptMaps in `mappings/tables/*.json`.
//!
//! ```json
//! {"resourceType": "ConceptMap", "id": "ons-gender", "status": "active",
//!  "group": [{"source": "https://inzage.dev/fhir/sid/ons/gender", "target": "http://hl7.org/fhir/administrative-gender",
//!    "element": [{"code": "M", "target": [{"code": "male", "display": "Male", "equivalence": "equal"}]}],
//!    "unmapped": {"mode": "fixed", "code": "unknown", "display": "Unknown"}}]}
//! ```
//!
//! # Design
//! The tables are ConceptMaps because integrators, terminologists and the FHIR API can then read the same file. A code may
//! stand in several groups: it then gets one coding of each. A code that is in no group gets the `unmapped` of the groups
//! that have one; where none has, the code is unknown and the line decides (refuse, or leave out).

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::remedy::Slip;

/// A target code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coding {
    pub(super) system: String,
    pub(super) code: String,
    pub(super) display: String,
}

impl Coding {
    pub(super) fn to_json(&self) -> Value {
        let mut coding = Map::with_capacity(3);
        coding.insert("system".into(), self.system.clone().into());
        coding.insert("code".into(), self.code.clone().into());
        coding.insert("display".into(), self.display.clone().into());
        Value::Object(coding)
    }
}

/// A table from source codes to codings.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    rows: HashMap<String, Vec<Coding>>,
    default: Vec<Coding>,
}

impl Table {
    /// Reads a ConceptMap; every fault at once, each with the place in the file.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<(String, Slip)>> {
        let map: Value =
            serde_json::from_str(text).map_err(|error| vec![(String::new(), format!("not JSON: {error}").into())])?;
        let mut faults = Vec::new();
        let mut table = Self::default();
        if map.get("resourceType").and_then(Value::as_str) != Some("ConceptMap") {
            faults.push((String::new(), Slip::new("not a ConceptMap", "set `resourceType`")));
        }
        for (g, group) in list(&map, "group").iter().enumerate() {
            let Some(system) = group.get("target").and_then(Value::as_str) else {
                faults.push((
                    format!("group[{g}]"),
                    "add `target`, the code system of the target codes".into(),
                ));
                continue;
            };
            let coding = |value: &Value| {
                Some(Coding {
                    system: system.to_owned(),
                    code: value.get("code")?.as_str()?.to_owned(),
                    display: value.get("display")?.as_str()?.to_owned(),
                })
            };
            for (e, element) in list(group, "element").iter().enumerate() {
                let at = format!("group[{g}].element[{e}]");
                let Some(code) = element.get("code").and_then(Value::as_str) else {
                    faults.push((at, "add `code`, the source code as text".into()));
                    continue;
                };
                let targets = list(element, "target");
                let found: Vec<Coding> = targets.iter().filter_map(coding).collect();
                if found.len() != targets.len() {
                    faults.push((at.clone(), "each `target` needs `code` and `display`".into()));
                }
                let row = table.rows.entry(code.to_owned()).or_default();
                if row.iter().any(|known| known.system == system) {
                    faults.push((at, Slip::new(format!("the code `{code}` is there twice"), "remove one")));
                }
                row.extend(found);
            }
            if let Some(unmapped) = group.get("unmapped") {
                match (unmapped.get("mode").and_then(Value::as_str), coding(unmapped)) {
                    (Some("fixed"), Some(default)) => table.default.push(default),
                    _ => faults.push((
                        format!("group[{g}].unmapped"),
                        "`unmapped` needs `mode` \"fixed\", `code` and `display`".into(),
                    )),
                }
            }
        }
        if table.rows.is_empty() && faults.is_empty() {
            faults.push(("group".into(), Slip::new("the table is empty", "add an `element`")));
        }
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }

    /// The codings of a code; `None` when the table does not know it.
    pub(super) fn find(&self, code: &str) -> Option<&[Coding]> {
        match self.rows.get(code) {
            Some(codings) => Some(codings),
            None if self.default.is_empty() => None,
            None => Some(&self.default),
        }
    }

    /// Every target coding, for the check against a required binding.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Coding> {
        self.rows.values().flatten().chain(&self.default)
    }
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_in_two_groups_gets_two_codings() {
        let table = Table::parse(
            r#"{"resourceType":"ConceptMap","group":[
                {"target":"urn:a","element":[{"code":"1","target":[{"code":"x","display":"X"}]}]},
                {"target":"urn:b","element":[{"code":"1","target":[{"code":"y","display":"Y"}]}]}]}"#,
        )
        .unwrap();
        let codes: Vec<_> = table.find("1").unwrap().iter().map(|c| c.code.as_str()).collect();
        assert_eq!(codes, ["x", "y"]);
        assert!(table.find("2").is_none());
    }

    #[test]
    fn a_fixed_unmapped_takes_every_other_code() {
        let table = Table::parse(
            r#"{"resourceType":"ConceptMap","group":[{"target":"urn:a","element":[{"code":"1","target":[{"code":"x","display":"X"}]}],
                "unmapped":{"mode":"fixed","code":"other","display":"Other"}}]}"#,
        )
        .unwrap();
        assert_eq!(table.find("9").unwrap()[0].code, "other");
    }

    #[test]
    fn every_fault_of_a_table_is_told_at_once() {
        let faults = Table::parse(
            r#"{"resourceType":"ConceptMap","group":[{"element":[]},{"target":"urn:a","element":[{"target":[]},
                {"code":"1","target":[{"code":"x"}]},{"code":"1","target":[{"code":"x","display":"X"}]},
                {"code":"1","target":[{"code":"x","display":"X"}]}],"unmapped":{"mode":"provided"}}]}"#,
        )
        .unwrap_err();
        assert_eq!(faults.len(), 5, "{faults:?}");
    }
}
