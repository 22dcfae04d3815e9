//! `ValueSet/$expand` (<https://hl7.org/fhir/R4/valueset-operation-expand.html>).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Definitions, Entry, NUMBER};
use crate::fhir::definition::Definition;
use crate::fhir::search::BadParam;
use crate::fhir::search::shared::bad;

/// Value sets that stand in value sets.
const MAX_DEPTH: usize = 4;
/// Codes in one answer.
const MOST: usize = 1_000;

/// Why a value set is not expanded.
#[derive(Debug, thiserror::Error)]
pub enum Unexpanded {
    #[error("there is no such value set here")]
    Unknown,
    /// It takes codes of a system that is not here, or picks them by a rule.
    #[error("the codes of this value set cannot be listed here")]
    Open,
    #[error("the value set has more than a thousand codes")]
    Large,
    #[error(transparent)]
    Parameter(#[from] BadParam),
}

impl Definitions {
    /// `ValueSet/$expand` of the set with this id, or of the one that `url` names (<https://hl7.org/fhir/R4/valueset-operation-expand.html>).
    pub fn expand(&self, id: Option<&str>, pairs: &[(String, String)], now: Timestamp) -> Result<String, Unexpanded> {
        let mut parameters = Vec::new();
        let (mut url, mut filter, mut offset, mut count) = (None, None, 0, None);
        for (name, value) in pairs {
            let number = || value.parse::<usize>().map_err(|_| bad(name, NUMBER));
            let parameter = match name.as_str() {
                "_format" | "_pretty" => continue,
                "url" => {
                    url = Some(value.as_str());
                    continue;
                }
                "filter" => {
                    filter = Some(value.to_lowercase());
                    json!({ "name": name, "valueString": value })
                }
                "offset" => {
                    offset = number()?;
                    json!({ "name": name, "valueInteger": offset })
                }
                "count" => {
                    count = Some(number()?);
                    json!({ "name": name, "valueInteger": count })
                }
                _ => return Err(bad(name, "known are url, filter, offset and count").into()),
            };
            parameters.push(parameter);
        }
        let set = match (id, url) {
            (Some(id), _) => self.all.get(&(Definition::ValueSet, id.to_owned())).map(Entry::value),
            (None, Some(url)) => self.by_url(Definition::ValueSet, url),
            (None, None) => return Err(bad("url", "name the value set by its canonical").into()),
        };
        let set = set.ok_or(Unexpanded::Unknown)?;
        let mut codes = self.codes(&set, 0).ok_or(Unexpanded::Open)?;
        if let Some(filter) = filter {
            let has = |coding: &Value, name: &str| {
                let text = coding.get(name).and_then(Value::as_str).unwrap_or_default();
                text.to_lowercase().contains(&filter)
            };
            codes.retain(|coding| has(coding, "display") || has(coding, "code"));
        }
        if count.is_none() && codes.len() > MOST {
            return Err(Unexpanded::Large);
        }
        let mut expansion = Map::new();
        expansion.insert("timestamp".into(), now.to_string().into());
        expansion.insert("total".into(), codes.len().into());
        expansion.insert("offset".into(), offset.into());
        if !parameters.is_empty() {
            expansion.insert("parameter".into(), parameters.into());
        }
        let page: Vec<Value> = codes
            .into_iter()
            .skip(offset)
            .take(count.unwrap_or(MOST).min(MOST))
            .collect();
        if !page.is_empty() {
            expansion.insert("contains".into(), page.into());
        }
        let mut expanded = set;
        if let Some(members) = expanded.as_object_mut() {
            members.shift_remove("compose");
            members.insert("expansion".into(), expansion.into());
        }
        Ok(expanded.to_string())
    }

    /// The codings of a value set; `None` when they cannot be listed.
    fn codes(&self, set: &Value, depth: usize) -> Option<Vec<Value>> {
        let compose = set.get("compose")?;
        if depth > MAX_DEPTH || compose.get("exclude").is_some() {
            return None;
        }
        let mut codes: Vec<Value> = Vec::new();
        for include in compose.get("include")?.as_array()? {
            let system = include.get("system").and_then(Value::as_str);
            let found = match (system, include.get("concept"), include.get("valueSet")) {
                _ if include.get("filter").is_some() => return None,
                (Some(system), Some(concepts), None) => codings(system, concepts),
                (Some(system), None, None) => {
                    let known = self.by_url(Definition::CodeSystem, system)?;
                    codings(system, known.get("concept")?)
                }
                (None, None, Some(sets)) => {
                    let [one] = &sets.as_array()?[..] else { return None };
                    self.codes(&self.by_url(Definition::ValueSet, one.as_str()?)?, depth + 1)?
                }
                _ => return None,
            };
            codes.extend(found);
        }
        codes.dedup();
        Some(codes)
    }
}

/// Codes with their displays, those below others included.
pub(super) fn codings(system: &str, concepts: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    for concept in concepts.as_array().into_iter().flatten() {
        let mut coding = Map::new();
        coding.insert("system".into(), system.into());
        for name in ["code", "display"] {
            if let Some(text) = concept.get(name) {
                coding.insert(name.into(), text.clone());
            }
        }
        found.push(Value::Object(coding));
        found.extend(
            concept
                .get("concept")
                .map(|inner| codings(system, inner))
                .unwrap_or_default(),
        );
    }
    found
}
