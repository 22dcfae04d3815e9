//! The codes of a value set, as far as they can be listed.
//!
//! # Design
//! A set that names a filter, or a code system that is not at hand, is `open`: a code that is listed belongs to it, and of
//! any other code nothing is known, so no binding is broken. Calling that valid or invalid would both be a guess.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::definition::unversioned;
use super::table::{VALUE_SETS, Wrong};

const CODES: &str = include_str!("../../profiles/codes.toml");

/// Codes as (system, code), sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Codes {
    codes: Vec<(String, String)>,
    /// Other codes may belong to it too.
    open: bool,
}

/// Does a code belong to a set?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    Yes,
    No,
    Unknown,
}

impl Codes {
    fn new(mut codes: Vec<(String, String)>, open: bool) -> Self {
        // By code first: a `code` element has no system.
        codes.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
        codes.dedup();
        Self { codes, open }
    }

    /// Without a system any system will do: the element is a plain `code`.
    pub(super) fn has(&self, system: Option<&str>, code: &str) -> Belongs {
        let start = self.codes.partition_point(|known| known.1.as_str() < code);
        let mut same = self.codes[start..].iter().take_while(|known| known.1 == code);
        let hit = match system {
            None => same.next().is_some(),
            Some(system) => same.any(|known| known.0 == system),
        };
        match (hit, self.open) {
            (true, _) => Belongs::Yes,
            (false, true) => Belongs::Unknown,
            (false, false) => Belongs::No,
        }
    }

    /// All of them; `None` when they cannot be listed.
    pub(super) fn list(&self) -> Option<Vec<(&str, &str)>> {
        (!self.open).then(|| {
            self.codes
                .iter()
                .map(|(system, code)| (system.as_str(), code.as_str()))
                .collect()
        })
    }
}

/// Every value set and code system at hand.
#[derive(Debug, Default)]
pub(super) struct ValueSets {
    sets: HashMap<String, Source>,
    systems: HashMap<String, Vec<String>>,
}

#[derive(Debug)]
enum Source {
    Ready(Arc<Codes>),
    Resource(Value),
}

impl ValueSets {
    /// The sets of `profiles/codes.toml`.
    pub(super) fn builtin() -> Result<Self, Wrong> {
        let table: toml::Table = CODES
            .parse()
            .map_err(|error: toml::de::Error| (String::new(), error.message().to_owned()))?;
        let mut all = Self::default();
        for (name, entry) in &table {
            let wrong = || (name.clone(), "must be a table of texts".to_owned());
            let mut codes = Vec::new();
            let mut open = false;
            for (system, text) in entry.as_table().ok_or_else(wrong)? {
                if system == "open" {
                    open = true;
                    continue;
                }
                let text = text.as_str().ok_or_else(wrong)?;
                codes.extend(text.split_whitespace().map(|code| (system.clone(), code.to_owned())));
            }
            let url = if name.contains(':') {
                name.clone()
            } else {
                format!("{VALUE_SETS}{name}")
            };
            all.sets.insert(url, Source::Ready(Arc::new(Codes::new(codes, open))));
        }
        Ok(all)
    }

    /// Takes a ValueSet or CodeSystem in; what was there under the same canonical stays when it can be listed.
    pub(super) fn add(&mut self, resource: Value) {
        let Some(url) = text(&resource, "url").map(str::to_owned) else {
            return;
        };
        match text(&resource, "resourceType") {
            Some("ValueSet") if !matches!(self.sets.get(&url), Some(Source::Ready(codes)) if !codes.open) => {
                self.sets.insert(url, Source::Resource(resource));
            }
            Some("CodeSystem") if text(&resource, "content") == Some("complete") => {
                let mut codes = Vec::new();
                concepts(&resource, &mut codes);
                self.systems.insert(url, codes);
            }
            _ => {}
        }
    }

    /// The resource types of R4.
    pub(super) fn resource_types(&self) -> Arc<Codes> {
        self.get(&format!("{VALUE_SETS}resource-types"))
    }

    /// The codes of a set; an unknown set is open.
    pub(super) fn get(&self, canonical: &str) -> Arc<Codes> {
        match self.sets.get(unversioned(canonical)) {
            Some(Source::Ready(codes)) => Arc::clone(codes),
            Some(Source::Resource(resource)) => Arc::new(self.expand(resource, 0)),
            None => Arc::new(Codes::new(Vec::new(), true)),
        }
    }

    fn expand(&self, set: &Value, depth: usize) -> Codes {
        let mut codes = Vec::new();
        if let Some(contains) = set.pointer("/expansion/contains") {
            expansion(contains, &mut codes);
            return Codes::new(codes, false);
        }
        let mut open = depth > 8;
        let mut excluded = Vec::new();
        if !open {
            open |= self.clauses(set.pointer("/compose/include"), depth, &mut codes);
            // What an open exclusion takes away is unknown, so the rest is unknown too.
            open |= self.clauses(set.pointer("/compose/exclude"), depth, &mut excluded);
        }
        codes.retain(|code| !excluded.contains(code));
        Codes::new(codes, open)
    }

    /// Adds the codes of include or exclude clauses; true when some of them cannot be listed.
    fn clauses(&self, clauses: Option<&Value>, depth: usize, codes: &mut Vec<(String, String)>) -> bool {
        let mut open = false;
        for clause in clauses.and_then(Value::as_array).into_iter().flatten() {
            let system = text(clause, "system");
            let listed = clause.get("concept").and_then(Value::as_array);
            if clause.get("filter").is_some() {
                open = true;
            } else if let (Some(system), Some(listed)) = (system, listed) {
                let codes_of = listed.iter().filter_map(|one| text(one, "code"));
                codes.extend(codes_of.map(|code| (system.to_owned(), code.to_owned())));
            } else if let Some(system) = system {
                match self.systems.get(system) {
                    Some(all) => codes.extend(all.iter().map(|code| (system.to_owned(), code.clone()))),
                    None => open = true,
                }
            }
            for other in clause.get("valueSet").and_then(Value::as_array).into_iter().flatten() {
                let known = other.as_str().and_then(|url| self.sets.get(unversioned(url)));
                let other = match known {
                    Some(Source::Ready(codes)) => (**codes).clone(),
                    Some(Source::Resource(resource)) => self.expand(resource, depth + 1),
                    None => Codes::new(Vec::new(), true),
                };
                // A clause with both a system and value sets is an intersection; leave that unknown.
                open |= other.open || system.is_some();
                codes.extend(other.codes);
            }
        }
        open
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn concepts(value: &Value, codes: &mut Vec<String>) {
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        for concept in value.get("concept").and_then(Value::as_array).into_iter().flatten() {
            codes.extend(text(concept, "code").map(str::to_owned));
            todo.push(concept);
        }
    }
}

fn expansion(contains: &Value, codes: &mut Vec<(String, String)>) {
    let mut todo = vec![contains];
    while let Some(contains) = todo.pop() {
        for one in contains.as_array().into_iter().flatten() {
            if let (Some(system), Some(code)) = (text(one, "system"), text(one, "code")) {
                codes.push((system.to_owned(), code.to_owned()));
            }
            todo.extend(one.get("contains"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_built_in_sets_read() {
        let all = ValueSets::builtin().unwrap();
        let gender = all.get("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1");
        assert_eq!(gender.has(None, "female"), Belongs::Yes);
        assert_eq!(gender.has(None, "vrouw"), Belongs::No);
        assert_eq!(gender.has(Some("urn:other"), "female"), Belongs::No);
        assert_eq!(
            all.get("http://hl7.org/fhir/ValueSet/mimetypes")
                .has(None, "text/plain"),
            Belongs::Unknown
        );
        assert_eq!(all.resource_types().has(None, "Patient"), Belongs::Yes);
    }

    #[test]
    fn a_set_with_a_filter_or_an_unknown_system_is_open() {
        let mut all = ValueSets::default();
        all.add(
            json!({"resourceType": "ValueSet", "url": "urn:a", "compose": {"include": [
            {"system": "urn:s", "concept": [{"code": "1"}]},
            {"system": "http://snomed.info/sct", "filter": [{"property": "concept", "op": "is-a", "value": "2"}]}]}}),
        );
        assert_eq!(all.get("urn:a").has(Some("urn:s"), "1"), Belongs::Yes);
        assert_eq!(all.get("urn:a").has(Some("urn:s"), "2"), Belongs::Unknown);
        assert_eq!(all.get("urn:a").list(), None);
        assert_eq!(all.get("urn:none").has(None, "1"), Belongs::Unknown);
    }

    #[test]
    fn whole_systems_imports_and_exclusions_are_followed() {
        let mut all = ValueSets::default();
        all.add(
            json!({"resourceType": "CodeSystem", "url": "urn:s", "content": "complete",
            "concept": [{"code": "1", "concept": [{"code": "1a"}]}, {"code": "2"}]}),
        );
        all.add(json!({"resourceType": "ValueSet", "url": "urn:a", "compose": {
            "include": [{"system": "urn:s"}], "exclude": [{"system": "urn:s", "concept": [{"code": "2"}]}]}}));
        all.add(
            json!({"resourceType": "ValueSet", "url": "urn:b", "compose": {"include": [{"valueSet": ["urn:a|1"]}]}}),
        );
        assert_eq!(all.get("urn:b").list(), Some(vec![("urn:s", "1"), ("urn:s", "1a")]));
    }

    #[test]
    fn a_set_that_includes_itself_ends() {
        let mut all = ValueSets::default();
        all.add(json!({"resourceType": "ValueSet", "url": "urn:a", "compose": {"include": [{"valueSet": ["urn:a"]}]}}));
        assert_eq!(all.get("urn:a").has(None, "x"), Belongs::Unknown);
    }
}
