//! The JSON Schema (draft 2020-12) of a profile: closed, with cardinality, types, formats and listed codes.
//!
//! # Design
//! It is made for others (the OpenAPI document, tools of integrators) and as a second opinion in the tests: whatever the
//! schema refuses, the walk must refuse too. What JSON Schema cannot say well (slices, invariants, targets of references)
//! is left out, so the schema accepts more than the walk.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::definition::{Definition, Required, Rule};
use super::library::{Library, upper};
use super::primitive::Primitive;

pub(super) fn of(library: &Library, index: usize) -> Value {
    let definition = &library.all()[index];
    let mut schema = Schema {
        library,
        types: BTreeMap::new(),
    };
    let root = schema.object(definition, &definition.rules[0]);
    let Value::Object(mut root) = root else {
        unreachable!("an object schema is an object")
    };
    let mut out = Map::new();
    out.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    out.insert("$id".into(), definition.url.clone().into());
    out.append(&mut root);
    let types = schema
        .types
        .into_iter()
        .filter_map(|(name, schema)| Some((name, schema?)));
    out.insert("$defs".into(), Value::Object(types.collect()));
    Value::Object(out)
}

struct Schema<'a> {
    library: &'a Library,
    /// The data types in use; `None` while one is being made.
    types: BTreeMap<String, Option<Value>>,
}

impl<'a> Schema<'a> {
    fn object(&mut self, definition: &'a Definition, root: &'a Rule) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        let mut choices = Vec::new();
        if root.id == definition.kind
            && definition
                .rules
                .iter()
                .any(|rule| rule.id == format!("{}.meta", definition.kind))
        {
            properties.insert("resourceType".into(), json!({ "const": definition.kind }));
            required.push(Value::from("resourceType"));
        }
        for rule in definition
            .rules
            .iter()
            .filter(|rule| rule.parent() == Some(&root.id) && rule.slice().is_none())
        {
            if rule.max == Some(0) {
                continue;
            }
            let keys = self.keys(definition, rule, &mut properties);
            if rule.min > 0 {
                match &keys[..] {
                    // Beside an extension the value itself may be absent.
                    [only] => required
                        .extend((!properties.contains_key(&format!("_{only}"))).then(|| Value::from(only.as_str()))),
                    several => choices.push(json!({ "anyOf": several.iter().flat_map(|key| {
                        [json!({ "required": [key] }), json!({ "required": [format!("_{key}")] })]
                    }).collect::<Vec<_>>() })),
                }
            }
        }
        let mut schema =
            json!({ "type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1 });
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        if !choices.is_empty() {
            schema["allOf"] = choices.into();
        }
        schema
    }

    /// Adds the properties of an element; their keys.
    fn keys(&mut self, definition: &'a Definition, rule: &'a Rule, properties: &mut Map<String, Value>) -> Vec<String> {
        let mut keys = Vec::new();
        let spell = |code: &str| match rule.name().strip_suffix("[x]") {
            Some(stem) => format!("{stem}{}", upper(code)),
            None => rule.name().to_owned(),
        };
        if let Some(content) = &rule.content {
            let key = rule.name().to_owned();
            let shared = self.defined(&format!("{}:{content}", definition.name), |schema| {
                let target = definition.rules.iter().find(|one| one.id == *content);
                target.map_or_else(|| json!(true), |target| schema.object(definition, target))
            });
            properties.insert(key.clone(), many(rule, shared, false));
            keys.push(key);
        }
        for of in &rule.types {
            let key = spell(&of.code);
            let value = match Primitive::named(&of.code) {
                Some(kind) => {
                    let beside = self.named("Element");
                    properties.insert(format!("_{key}"), many(rule, beside, true));
                    self.primitive(kind, rule)
                }
                None if of.code == "Resource" => json!({ "type": "object", "required": ["resourceType"] }),
                None if definition.is_open(&rule.id) => self.object(definition, rule),
                None => self.named(&of.code),
            };
            properties.insert(key.clone(), many(rule, value, Primitive::named(&of.code).is_some()));
            keys.push(key);
        }
        keys
    }

    fn primitive(&self, kind: Primitive, rule: &Rule) -> Value {
        let mut schema = json!({ "type": kind.json_type() });
        if let Some(pattern) = kind.pattern() {
            schema["pattern"] = pattern.into();
        }
        if let Some(Required::Fixed(value) | Required::Pattern(value)) = &rule.value {
            schema["const"] = value.clone();
        }
        let codes = rule
            .binding
            .as_ref()
            .map(|binding| self.library.value_sets.get(&binding.value_set));
        if let Some(codes) = codes
            .as_ref()
            .and_then(|codes| codes.list())
            .filter(|_| kind == Primitive::Code)
        {
            schema["enum"] = codes.into_iter().map(|(_, code)| code).collect();
        }
        schema
    }

    fn named(&mut self, kind: &str) -> Value {
        let library = self.library;
        match library.find(kind) {
            Some(definition) => self.defined(kind, |schema| schema.object(definition, &definition.rules[0])),
            None => json!(true),
        }
    }

    fn defined(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.types.contains_key(name) {
            self.types.insert(name.to_owned(), None);
            let made = make(self);
            self.types.insert(name.to_owned(), Some(made));
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

/// One value, or an array of values as the base type has it.
fn many(rule: &Rule, item: Value, nulls: bool) -> Value {
    if !rule.array {
        return item;
    }
    // In an array a null stands for "see the twin".
    let item = if nulls {
        json!({ "anyOf": [item, { "type": "null" }] })
    } else {
        item
    };
    let mut schema = json!({ "type": "array", "items": item, "minItems": rule.min.max(1) });
    if let Some(max) = rule.max {
        schema["maxItems"] = max.into();
    }
    schema
}
