//! The invariants: rules between elements, one function each, found by the key that StructureDefinitions use.
//!
//! # Design
//! No FHIRPath engine: the rules that concern the types served here number about a hundred and are short in Rust. A key
//! that is not known here is not checked, and [`super::Registry::unchecked`] lists it. `profiles/invariants.toml` holds
//! the text of each in own words; a test compares the two lists.

mod data_types;
mod dutch;
mod forms;
mod resources;

use serde_json::Value;

use crate::fhir::path::is_type_suffix;

/// What an invariant looks at.
#[derive(Clone, Copy)]
pub(super) struct Focus<'a> {
    pub(super) value: &'a Value,
    /// The resource around it: itself contained, or the whole.
    pub(super) resource: &'a Value,
    /// The outermost resource that is no Bundle.
    pub(super) root: &'a Value,
}

/// True when the rule is kept.
pub(super) type Law = fn(Focus<'_>) -> bool;

/// The function of a key.
pub(super) fn named(key: &str) -> Option<Law> {
    data_types::named(key)
        .or_else(|| resources::named(key))
        .or_else(|| forms::named(key))
        .or_else(|| dutch::named(key))
}

/// Is there such an element, be it only with extensions (`_name`)?
fn has(value: &Value, name: &str) -> bool {
    value.get(name).is_some()
        || value
            .as_object()
            .is_some_and(|all| all.keys().any(|key| key.strip_prefix('_') == Some(name)))
}

/// Is there an element `name[x]`?
fn has_choice(value: &Value, name: &str) -> bool {
    let is_it = |key: &String| {
        let key = key.strip_prefix('_').unwrap_or(key);
        key.strip_prefix(name).is_some_and(is_type_suffix)
    };
    value.as_object().is_some_and(|all| all.keys().any(is_it))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The items of an array element; one value counts as one item.
fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value.get(name) {
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// Has the concept a coding with this system and one of these codes?
fn coded(concept: Option<&Value>, system: &str, codes: &[&str]) -> bool {
    concept.is_some_and(|concept| {
        items(concept, "coding").iter().any(|coding| {
            text(coding, "system") == Some(system) && text(coding, "code").is_some_and(|code| codes.contains(&code))
        })
    })
}

fn decimal(value: &Value, name: &str) -> Option<f64> {
    value.get(name).and_then(Value::as_f64)
}

/// No two of the items are equal.
fn distinct<T: Ord>(mut all: Vec<T>) -> bool {
    all.sort();
    all.windows(2).all(|two| two[0] != two[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::table;

    #[test]
    fn every_invariant_of_the_table_has_a_function() {
        let silent = ["dom-6"];
        for (key, text) in table::texts().unwrap() {
            assert!(silent.contains(&key.as_str()) || named(&key).is_some(), "{key}");
            assert!(!text.is_empty(), "{key}");
        }
    }
}
