//! What one of the two products cannot say, taken out of what the other says, by the list in `mappings/differences.toml`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use inzage::ecd::{Kind, Record};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Differences {
    element: Vec<Element>,
    record: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct More {
    element: Vec<Element>,
    record: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Element {
    product: String,
    r#type: String,
    path: String,
    is: Option<Value>,
    #[serde(default)]
    r#where: BTreeMap<String, Value>,
    #[serde(default)]
    beside: BTreeMap<String, Value>,
    #[serde(default)]
    only: BTreeMap<String, Value>,
    instead: Option<Value>,
    why: String,
    /// How often it was found in what its product says.
    #[serde(skip)]
    found: Cell<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    product: String,
    kind: String,
    #[serde(default)]
    r#where: BTreeMap<String, Value>,
    #[serde(default)]
    fields: Vec<String>,
    last: Option<String>,
    why: String,
}

impl Differences {
    /// How many lines there are: those of elements, then those of records.
    pub(super) fn lines(&self) -> (usize, usize) {
        (self.element.len(), self.record.len())
    }

    /// The list without one of its lines; and what that line was.
    pub(super) fn without(mut self, line: usize) -> (Self, String) {
        let gone = match line.checked_sub(self.element.len()) {
            None => format!("{:?}", self.element.remove(line)),
            Some(record) => format!("{:?}", self.record.remove(record)),
        };
        (self, gone)
    }

    /// The list with more lines.
    pub(super) fn with(mut self, more: &str) -> Self {
        let more: More = toml::from_str(more).unwrap();
        self.element.extend(more.element);
        self.record.extend(more.record);
        self
    }

    pub(super) fn read() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/differences.toml");
        toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// Takes out of the records of both products what one of them cannot say; the lines that find nothing.
    pub(super) fn forget_records(&self, ons: &mut Vec<Record>, caress: &mut Vec<Record>) -> Vec<String> {
        let mut faults = Vec::new();
        for entry in &self.record {
            assert!(!entry.why.is_empty(), "{entry:?} has no reason");
            let (own, other) = match entry.product.as_str() {
                "ons" => (&mut *ons, &mut *caress),
                "caress" => (&mut *caress, &mut *ons),
                other => panic!("{other} is no product"),
            };
            let kind = Kind::from_name(&entry.kind).unwrap_or_else(|| panic!("{entry:?}"));
            let is_meant = |record: &Record| record.kind == kind && holds(&record.body, &entry.r#where);
            let mut found = 0;
            if entry.fields.is_empty() && entry.last.is_none() {
                let keys: BTreeSet<String> = own.iter().filter(|it| is_meant(it)).map(|it| it.key.clone()).collect();
                found += keys.len();
                own.retain(|it| !is_meant(it));
                // What the other product says of them is less.
                other.retain(|it| it.kind != kind || !keys.contains(&it.key));
            }
            for record in own.iter_mut().filter(|it| is_meant(it)) {
                for field in &entry.fields {
                    found += usize::from(record.body.as_object_mut().unwrap().shift_remove(field).is_some());
                }
                if let Some(last) = &entry.last {
                    let list = record.body[last].as_array_mut().unwrap();
                    let earlier = list.len().saturating_sub(1);
                    found += list.drain(..earlier).count();
                }
            }
            if found == 0 {
                faults.push(format!("{entry:?} finds nothing"));
            }
        }
        faults
    }

    /// Takes out of a resource of this product what the other cannot say; the lines of which that is not true.
    pub(super) fn forget_elements(&self, product: &str, resource: &mut Value) -> Vec<String> {
        let mut faults = Vec::new();
        let elements = self.element.iter().filter(|it| resource["resourceType"] == *it.r#type);
        for element in elements.collect::<Vec<_>>() {
            if !holds(resource, &element.only) {
                continue;
            }
            let path: Vec<&str> = element.path.split('.').collect();
            let found = element.forget(resource, &path);
            if element.product == product {
                element.found.set(element.found.get() + found);
            } else {
                let is_same = element.instead.is_some() && element.is.is_none() && element.r#where.is_empty();
                if found > 0 && !is_same {
                    faults.push(format!("{product} says it as well: {element:?}"));
                }
            }
        }
        faults
    }

    /// The lines that found nothing.
    pub(super) fn idle(&self) -> Vec<String> {
        let idle = self.element.iter().filter(|element| {
            assert!(!element.why.is_empty(), "{element:?} has no reason");
            element.found.get() == 0
        });
        idle.map(|element| format!("{element:?} finds nothing")).collect()
    }
}

impl Element {
    /// How many parts were forgotten.
    fn forget(&self, value: &mut Value, path: &[&str]) -> usize {
        if let Value::Array(items) = value {
            return items.iter_mut().map(|item| self.forget(item, path)).sum();
        }
        let (name, rest) = path.split_first().unwrap();
        if rest.is_empty() && !holds(value, &self.beside) {
            return 0;
        }
        let Value::Object(object) = value else { return 0 };
        let Some(part) = object.get_mut(*name) else { return 0 };
        if !rest.is_empty() {
            return self.forget(part, rest);
        }
        let is_meant = |part: &Value| self.is.as_ref().is_none_or(|is| is == part) && holds(part, &self.r#where);
        let is_each = self.is.is_some() || !self.r#where.is_empty();
        let found = match part {
            Value::Array(items) if is_each => {
                let found = items.iter().filter(|item| is_meant(item)).count();
                match &self.instead {
                    Some(instead) => {
                        let meant = items.iter_mut().filter(|item| is_meant(item));
                        meant.for_each(|item| *item = instead.clone());
                    }
                    None => items.retain(|item| !is_meant(item)),
                }
                if !items.is_empty() {
                    return found;
                }
                found
            }
            part if is_meant(part) => {
                if let Some(instead) = &self.instead {
                    *part = instead.clone();
                    return 1;
                }
                1
            }
            _ => return 0,
        };
        object.shift_remove(*name);
        found
    }
}

/// Whether each of these member paths leads to its value.
fn holds(value: &Value, all: &BTreeMap<String, Value>) -> bool {
    all.iter().all(|(path, wanted)| {
        let path: Vec<&str> = path.split('.').collect();
        leads(value, &path, wanted)
    })
}

fn leads(value: &Value, path: &[&str], wanted: &Value) -> bool {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().any(|item| leads(item, path, wanted)),
        (value, None) => value == wanted,
        (value, Some((name, rest))) => value.get(name).is_some_and(|inner| leads(inner, rest, wanted)),
    }
}

/// The ids are keyed hashes over the product's name; of a reference only the type stays.
pub(super) fn forget_ids(value: &mut Value) {
    let is_id = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match value {
        Value::String(text) => {
            if let Some((start, id)) = text.rsplit_once('/')
                && is_id(id)
            {
                *text = start.to_owned();
            }
        }
        Value::Object(object) => {
            object.retain(|name, value| name != "id" && !value.as_str().is_some_and(is_id));
            object.values_mut().for_each(forget_ids);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_ids),
        _ => {}
    }
}
