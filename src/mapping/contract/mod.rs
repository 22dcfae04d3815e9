//! What changed between two descriptions of a source, and which lines of the maps it hits.
//!
//! # Design
//! A product announces a change half a year ahead with a new OpenAPI document, and says little about what is in it. The
//! comparison takes two JSON Schemas of one record, or two OpenAPI documents with many, and tells three things: what came, what
//! went, what is different. A change that no map reads is only told; one that a map reads is told with file and line, because
//! there somebody has work to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::Problems;
use super::explain::{Report, unknown_map};
use super::file::{Files, Item, Node, parse_map};
use super::plan::Plan;
use super::reads::{fields_read, is_read};
use super::source::Field;

/// No record is nested deeper; a schema may refer to itself.
const DEEPEST: usize = 12;

/// What a schema says of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shape {
    types: BTreeSet<String>,
    required: bool,
    choices: BTreeSet<String>,
    format: String,
}

/// Fields by path, `carePlanEntries.[].id`.
type Fields = BTreeMap<Vec<String>, Shape>;

/// A description of a source: how its file is called, and its text.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Described<'_> {
    fn read(self) -> Result<Value, String> {
        let Self { file, text } = self;
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("{file}:{}: not JSON: {error}; name a JSON file\n", error.line()))?;
        let is_schema = [
            "properties",
            "items",
            "$ref",
            "allOf",
            "oneOf",
            "anyOf",
            "definitions",
            "$defs",
        ]
        .iter()
        .any(|key| value.get(key).is_some());
        if is_schema || value.get("paths").is_some() || value.pointer("/components/schemas").is_some() {
            Ok(value)
        } else {
            Err(format!(
                "{file}:1: neither a JSON Schema (no `properties`) nor an OpenAPI document (no `paths`); name one of the two\n"
            ))
        }
    }
}

/// `inzage contract diff`: the old and the new description. `map`: the map that reads the records, where the file does not tell.
pub fn diff(old: Described<'_>, new: Described<'_>, map: Option<&str>, files: &Files, plan: &Plan) -> Report {
    let (old, new) = match (old.read(), new.read()) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            let texts = [old.err(), new.err()].into_iter().flatten();
            return Report {
                text: texts.collect(),
                ok: false,
            };
        }
    };
    if let Some(map) = map
        && !plan.maps.contains_key(map)
    {
        return unknown_map(plan, map);
    }
    let mut found = Found {
        text: String::new(),
        changes: 0,
        hits: 0,
        files,
        plan,
    };
    found.operations(&old, &new);
    let (before, after) = (schemas(&old), schemas(&new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let maps = match map {
            Some(map) => vec![map.to_owned()],
            None => plan
                .map_names()
                .filter(|known| reads_schema(known, name))
                .map(str::to_owned)
                .collect(),
        };
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => found.schema(name, &fields(&old, before), &fields(&new, after), &maps),
            (None, Some(_)) => found.line(&format!("+ schema {name}")),
            (Some(_), None) => {
                found.line(&format!("- schema {name}"));
                for map in &maps {
                    found.hits += 1;
                    let _ = writeln!(found.text, "    {map}.toml reads it");
                }
            }
            (None, None) => {}
        }
    }
    let (changes, hits) = (found.changes, found.hits);
    let _ = writeln!(found.text, "{changes} changes; {hits} places in the maps are hit.");
    Report {
        text: found.text,
        ok: hits == 0,
    }
}

/// The schemas of a document by name; a schema by itself has no name.
fn schemas(document: &Value) -> BTreeMap<String, &Value> {
    let many = ["/components/schemas", "/definitions"]
        .iter()
        .find_map(|pointer| document.pointer(pointer)?.as_object())
        .filter(|_| document.get("properties").is_none());
    match many {
        Some(many) => many.iter().map(|(name, schema)| (name.clone(), schema)).collect(),
        None => BTreeMap::from([(String::new(), document)]),
    }
}

/// Whether a map is of the schema with this name: `ons/care-plan` of `CarePlan`.
fn reads_schema(map: &str, schema: &str) -> bool {
    let kind = map.rsplit('/').next().unwrap_or(map);
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let (kind, schema) = (plain(kind), plain(schema));
    // The product says `ClientContactRelation` where the maps say `contact-relation`.
    !schema.is_empty() && (schema == kind || schema.strip_prefix("client") == Some(&kind))
}

fn fields(document: &Value, schema: &Value) -> Fields {
    let mut found = Fields::new();
    walk(document, schema, &mut Vec::new(), false, &mut found);
    found
}

fn walk(document: &Value, schema: &Value, path: &mut Vec<String>, required: bool, found: &mut Fields) {
    if path.len() > DEEPEST {
        return;
    }
    let parts = parts(document, schema, 0);
    let mut shape = Shape {
        required,
        ..Shape::default()
    };
    for part in &parts {
        match part.get("type") {
            Some(Value::String(one)) => drop(shape.types.insert(one.clone())),
            Some(Value::Array(many)) => shape
                .types
                .extend(many.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
        if part.get("nullable") == Some(&Value::Bool(true)) {
            shape.types.insert("null".to_owned());
        }
        let values = part.get("enum").and_then(Value::as_array).into_iter().flatten();
        shape.choices.extend(values.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
        if let Some(format) = part.get("format").and_then(Value::as_str) {
            format.clone_into(&mut shape.format);
        }
    }
    if !path.is_empty() {
        found.entry(path.clone()).or_insert(shape);
    }
    for part in parts {
        let needed: BTreeSet<&str> = part
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, inner) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
            path.push(name.clone());
            walk(document, inner, path, needed.contains(name.as_str()), found);
            path.pop();
        }
        if let Some(items) = part.get("items") {
            path.push("[]".to_owned());
            walk(document, items, path, false, found);
            path.pop();
        }
    }
}

/// A schema with everything that it refers to and is made of.
fn parts<'a>(document: &'a Value, schema: &'a Value, depth: usize) -> Vec<&'a Value> {
    if depth > 8 {
        return Vec::new();
    }
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    let mut found = vec![schema];
    found.extend(target.into_iter().flat_map(|target| parts(document, target, depth + 1)));
    for key in ["allOf", "oneOf", "anyOf"] {
        let many = schema.get(key).and_then(Value::as_array).into_iter().flatten();
        found.extend(many.flat_map(|one| parts(document, one, depth + 1)));
    }
    found
}

struct Found<'a> {
    text: String,
    changes: usize,
    hits: usize,
    files: &'a Files,
    plan: &'a Plan,
}

impl Found<'_> {
    fn line(&mut self, text: &str) {
        self.changes += 1;
        let _ = writeln!(self.text, "{text}");
    }

    /// Requests of an OpenAPI document that came or went, and their parameters.
    fn operations(&mut self, old: &Value, new: &Value) {
        let (before, after) = (operations(old), operations(new));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            match (before.get(name), after.get(name)) {
                (None, Some(_)) => self.line(&format!("+ {name}")),
                (Some(_), None) => self.line(&format!("- {name}")),
                (Some(before), Some(after)) => {
                    for parameter in after.difference(before) {
                        self.line(&format!("+ {name}: parameter {parameter}"));
                    }
                    for parameter in before.difference(after) {
                        self.line(&format!("- {name}: parameter {parameter}"));
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn schema(&mut self, name: &str, before: &Fields, after: &Fields, maps: &[String]) {
        let paths: BTreeSet<&Vec<String>> = before.keys().chain(after.keys()).collect();
        for path in paths {
            let shown = super::reads::dotted(path);
            let shown = if name.is_empty() {
                shown
            } else {
                format!("{name}.{shown}")
            };
            let outer_is_there = |fields: &Fields| path.len() < 2 || fields.contains_key(&path[..path.len() - 1]);
            match (before.get(path), after.get(path)) {
                // What stands in something new or gone is told with it.
                (None, Some(_)) if outer_is_there(before) => self.line(&format!("+ {shown}")),
                (Some(_), None) if outer_is_there(after) => {
                    self.line(&format!("- {shown}"));
                    self.hit(path, maps);
                }
                (Some(before), Some(after)) if before != after => {
                    self.line(&format!("~ {shown}: {}", differences(before, after)));
                    self.hit(path, maps);
                }
                _ => {}
            }
        }
    }

    /// Tells the lines of the maps that read the field.
    fn hit(&mut self, path: &[String], maps: &[String]) {
        for name in maps {
            let Some(map) = self.plan.maps.get(name) else { continue };
            if !is_read(&fields_read(map), path) {
                continue;
            }
            let mut problems = Problems::default();
            let file = format!("{name}.toml");
            let Some(tree) = parse_map(self.files, &file, &mut problems) else {
                continue;
            };
            let mut places = BTreeSet::new();
            lines(&tree, path, &mut places);
            self.hits += places.len().max(1);
            if places.is_empty() {
                let _ = writeln!(self.text, "    {file}");
            }
            for (file, line) in places {
                let _ = writeln!(self.text, "    {file}:{line}");
            }
        }
    }
}

fn operations(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if !["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                continue;
            }
            let both = [item.get("parameters"), operation.get("parameters")];
            let parameters = both.into_iter().flatten().filter_map(Value::as_array).flatten();
            let names = parameters
                .filter_map(|one| one.get("name")?.as_str())
                .map(str::to_owned);
            found.insert(format!("{} {path}", method.to_uppercase()), names.collect());
        }
    }
    found
}

fn differences(before: &Shape, after: &Shape) -> String {
    let list = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join(" or ");
    let mut found = Vec::new();
    if before.types != after.types {
        found.push(format!("type {} is now {}", list(&before.types), list(&after.types)));
    }
    match (before.required, after.required) {
        (true, false) => found.push("may be missing now".to_owned()),
        (false, true) => found.push("is always there now".to_owned()),
        _ => {}
    }
    for choice in after.choices.difference(&before.choices) {
        found.push(format!("new value \"{choice}\""));
    }
    for choice in before.choices.difference(&after.choices) {
        found.push(format!("no value \"{choice}\" any more"));
    }
    if before.format != after.format {
        found.push(format!("format \"{}\" is now \"{}\"", before.format, after.format));
    }
    found.join(", ")
}

/// Places of a map file whose text is a path that ends like `path`.
fn lines(node: &Node, path: &[String], places: &mut BTreeSet<(String, usize)>) {
    match &node.item {
        Item::Text(text) => {
            let keys = Field::parse(text).map(|field| field.keys(&[])).unwrap_or_default();
            // A list of the path stands in the map with or without its brackets.
            let plain = |keys: &[String]| -> Vec<String> { keys.iter().filter(|key| *key != "[]").cloned().collect() };
            let (keys, path) = (plain(&keys), plain(path));
            if !keys.is_empty() && (path.ends_with(&keys) || keys.starts_with(&path)) {
                places.insert((node.place.file.to_string(), node.place.line));
            }
        }
        Item::List(nodes) => nodes.iter().for_each(|inner| lines(inner, path, places)),
        Item::Table(entries) => {
            for (key, inner) in entries {
                // Texts that are words and not paths.
                if ![
                    "const", "about", "map", "rule", "reason", "table", "unit", "code_of", "join",
                ]
                .contains(&key.as_str())
                {
                    lines(inner, path, places);
                }
            }
        }
        Item::Number(_) | Item::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests;
