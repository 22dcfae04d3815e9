//! Profiles, code systems, value sets and code tables: read, searched and expanded out of memory, by anybody.
//!
//! ```
//! use inzage::fhir::definition::Definition;
//! use inzage::mapping::Files;
//! use inzage::rest::Definitions;
//! let definitions = Definitions::new(&Files::builtin());
//! let body = definitions.read(Definition::StructureDefinition, "inzage-Rapportage").unwrap();
//! assert!(body.contains("\"https://inzage.dev/fhir/StructureDefinition/inzage-Rapportage\""));
//! ```
//!
//! # Design
//! What a resource claims in `meta.profile`, and every code system of this project that it uses, can be looked up at the server
//! that sent it: by id, or by canonical with `?url=`. These are the files of the program, so there is nothing to hide, nothing to
//! audit and nothing to store; a search walks some hundred of them. An app fills its menu of report types with `$expand`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::link;
use crate::fhir::bundle::{Bundle, Kind};
use crate::fhir::definition::{Compares, Definition, Param};
use crate::fhir::search::{BadParam, Handling, MAX_COUNT};
use crate::fhir::types::ResourceType;
use crate::mapping::Files;
use crate::profile;

/// How many values one search may name.
const MAX_VALUES: usize = 200;
/// Value sets that stand in value sets.
const MAX_DEPTH: usize = 4;

const UNKNOWN: &str = "this parameter is not declared for this type; see the CapabilityStatement";
const MODIFIER: &str = "this modifier is not supported; :exact and :contains (name, title) are";
const NUMBER: &str = "must be a number";
const MANY: &str = "too many values; send fewer";

/// Every definition that is served, by type and id.
#[derive(Debug, Default)]
pub struct Definitions {
    all: BTreeMap<(Definition, String), Entry>,
}

#[derive(Debug)]
struct Entry {
    body: String,
    value: Value,
}

/// Why a value set is not expanded.
#[derive(Debug, thiserror::Error)]
pub enum Unexpanded {
    #[error("there is no such value set here")]
    Unknown,
    /// It takes codes of a system that is not here, or picks them by a rule.
    #[error("the codes of this value set cannot be listed here")]
    Open,
    #[error(transparent)]
    Parameter(#[from] BadParam),
}

/// A search, understood.
#[derive(Default)]
struct Asked {
    tests: Vec<(&'static Param, Modifier, Vec<String>)>,
    count: Option<usize>,
    offset: usize,
    used: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Modifier {
    None,
    Exact,
    Contains,
}

impl Definitions {
    /// Those of the program, with the code tables of these mapping files.
    pub fn new(files: &Files) -> Self {
        let mut all = Self::default();
        // A file that does not read stops the start elsewhere, with its place.
        let mut add = |text: &str| {
            if let Ok(value) = serde_json::from_str(text) {
                all.add(value);
            }
        };
        profile::definitions().for_each(&mut add);
        files.tables().for_each(|text| add(&text));
        all
    }

    fn add(&mut self, value: Value) {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let kind = text("resourceType").and_then(|kind| kind.parse().ok());
        if let (Some(kind), Some(id)) = (kind, text("id")) {
            let entry = Entry {
                body: value.to_string(),
                value: value.clone(),
            };
            self.all.insert((kind, id.to_owned()), entry);
        }
    }

    /// The canonicals of the profiles of each type that is stored.
    pub fn profiles(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in self.of(Definition::StructureDefinition) {
            let text = |name: &str| entry.value.get(name).and_then(Value::as_str);
            if let (Some(kind), Some(url)) = (text("type"), text("url"))
                && kind.parse::<ResourceType>().is_ok()
            {
                found.entry(kind.to_owned()).or_default().push(url.to_owned());
            }
        }
        found
    }

    fn of(&self, kind: Definition) -> impl Iterator<Item = &Entry> {
        self.all
            .iter()
            .filter(move |((of, _), _)| *of == kind)
            .map(|(_, entry)| entry)
    }

    fn by_url(&self, kind: Definition, url: &str) -> Option<&Value> {
        let url = url.split('|').next().unwrap_or_default();
        self.of(kind)
            .map(|entry| &entry.value)
            .find(|value| value["url"] == url)
    }

    /// The resource as JSON.
    pub fn read(&self, kind: Definition, id: &str) -> Option<&str> {
        self.all.get(&(kind, id.to_owned())).map(|entry| entry.body.as_str())
    }

    /// A page of those that match, as a Bundle; `base` is the tenant's FHIR base without a slash at the end.
    pub fn search(
        &self,
        kind: Definition,
        pairs: &[(String, String)],
        handling: Handling,
        base: &str,
    ) -> Result<Vec<u8>, BadParam> {
        let asked = Asked::parse(kind, pairs, handling)?;
        let found: Vec<&Entry> = self.of(kind).filter(|entry| asked.holds(&entry.value)).collect();
        let size = asked.count.unwrap_or(MAX_COUNT).min(MAX_COUNT);
        let page = |offset: usize| {
            let mut pairs = asked.used.clone();
            if offset > 0 {
                pairs.push((link::NAME.to_owned(), offset.to_string()));
            }
            match link::written(&pairs) {
                none if none.is_empty() => format!("{base}/{kind}"),
                written => format!("{base}/{kind}?{written}"),
            }
        };
        let mut bundle = Bundle::new(Kind::Searchset);
        bundle.link("self", page(asked.offset));
        let next = asked.offset.saturating_add(size);
        if size > 0 && next < found.len() {
            bundle.link("next", page(next));
        }
        bundle.total(found.len() as u64);
        for entry in found.into_iter().skip(asked.offset).take(size) {
            let id = entry.value["id"].as_str().unwrap_or_default();
            bundle.found(&format!("{base}/{kind}/{id}"), &entry.body);
        }
        Ok(bundle.into_bytes())
    }

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
            (Some(id), _) => self
                .all
                .get(&(Definition::ValueSet, id.to_owned()))
                .map(|entry| &entry.value),
            (None, Some(url)) => self.by_url(Definition::ValueSet, url),
            (None, None) => return Err(bad("url", "name the value set by its canonical").into()),
        };
        let set = set.ok_or(Unexpanded::Unknown)?;
        let mut codes = self.codes(set, 0).ok_or(Unexpanded::Open)?;
        if let Some(filter) = filter {
            let has = |coding: &Value, name: &str| {
                let text = coding.get(name).and_then(Value::as_str).unwrap_or_default();
                text.to_lowercase().contains(&filter)
            };
            codes.retain(|coding| has(coding, "display") || has(coding, "code"));
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
            .take(count.unwrap_or(usize::MAX))
            .collect();
        if !page.is_empty() {
            expansion.insert("contains".into(), page.into());
        }
        let mut expanded = set.clone();
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
                    self.codes(self.by_url(Definition::ValueSet, one.as_str()?)?, depth + 1)?
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
fn codings(system: &str, concepts: &Value) -> Vec<Value> {
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

impl Asked {
    fn parse(kind: Definition, pairs: &[(String, String)], handling: Handling) -> Result<Self, BadParam> {
        let mut asked = Self::default();
        let mut values = 0;
        for (name, value) in pairs {
            let number = || value.parse::<usize>().map_err(|_| bad(name, NUMBER));
            match name.as_str() {
                "_format" | "_pretty" => continue,
                link::NAME => {
                    asked.offset = number()?;
                    continue;
                }
                "_count" => asked.count = Some(number()?),
                "_summary" if value == "count" => asked.count = Some(0),
                "_total" => {}
                _ => {
                    let (plain, modifier) = name
                        .split_once(':')
                        .map_or((name.as_str(), None), |(a, b)| (a, Some(b)));
                    let Some(param) = kind.params().find(|param| param.name == plain) else {
                        if handling == Handling::Strict {
                            return Err(bad(name, UNKNOWN));
                        }
                        continue;
                    };
                    let modifier = match (modifier, param.compares) {
                        (None, _) => Modifier::None,
                        (Some("exact"), Compares::Text) => Modifier::Exact,
                        (Some("contains"), Compares::Text) => Modifier::Contains,
                        _ => return Err(bad(name, MODIFIER)),
                    };
                    let any: Vec<String> = value.split(',').map(str::to_owned).collect();
                    values += any.len();
                    if values > MAX_VALUES {
                        return Err(bad(name, MANY));
                    }
                    asked.tests.push((param, modifier, any));
                }
            }
            asked.used.push((name.clone(), value.clone()));
        }
        Ok(asked)
    }

    fn holds(&self, value: &Value) -> bool {
        self.tests.iter().all(|(param, modifier, any)| {
            let path: Vec<&str> = param.path.split('.').collect();
            let mut texts = Vec::new();
            walk(value, &path, &mut texts);
            any.iter()
                .any(|wanted| texts.iter().any(|text| param.matches(*modifier, text, wanted)))
        })
    }
}

impl Param {
    fn matches(&self, modifier: Modifier, text: &str, wanted: &str) -> bool {
        match (self.compares, modifier) {
            (Compares::Text, Modifier::None) => text.to_lowercase().starts_with(&wanted.to_lowercase()),
            (Compares::Text, Modifier::Contains) => text.to_lowercase().contains(&wanted.to_lowercase()),
            // The system of a token is the one that its binding implies.
            (Compares::Token, _) => text == wanted.rsplit('|').next().unwrap_or_default(),
            (Compares::Text | Compares::Uri, _) => text == wanted,
        }
    }
}

/// The texts at a path of member names; lists are walked through.
fn walk<'a>(value: &'a Value, path: &[&str], texts: &mut Vec<&'a str>) {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().for_each(|item| walk(item, path, texts)),
        (Value::String(text), None) => texts.push(text),
        (Value::Object(members), Some((name, rest))) => {
            if let Some(inner) = members.get(*name) {
                walk(inner, rest, texts);
            }
        }
        _ => {}
    }
}

fn bad(name: &str, reason: &'static str) -> BadParam {
    BadParam {
        name: name.chars().take(64).collect(),
        reason,
    }
}

#[cfg(test)]
mod tests;
