//! Which fields of the source a map reads: what is left is what goes nowhere.
//!
//! # Design
//! A map is an allow-list, so the question of an integrator is not what leaks but what was forgotten. The answer comes from
//! the compiled map and is shown by `explain` for the schema and by `try` for one record.

use std::collections::BTreeSet;

use serde_json::Value;

use super::plan::Map;
use super::source::Field;
use super::verb::{Line, Verb};
use super::walk::{Step, Within, around, walk};

/// What a field is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum For {
    /// It decides whether something is published: in a drop rule or a condition.
    Decision,
    /// It makes an id or a reference, as a keyed hash.
    Key,
    /// It stands in a resource.
    Content,
}

/// Takes a field with what it is read for and the lists that it stands in.
type Take<'a> = &'a mut dyn FnMut(For, &Field, &Within);

/// Every path that the map reads, from the record on.
pub(super) fn fields_read(map: &Map) -> BTreeSet<Vec<String>> {
    fields_by_use(map).into_iter().map(|(_, keys)| keys).collect()
}

/// The same with what they are read for.
pub(super) fn fields_by_use(map: &Map) -> BTreeSet<(For, Vec<String>)> {
    let mut read = BTreeSet::new();
    let mut take = |what: For, field: &Field, within: &Within| {
        read.insert((what, field.keys(within)));
    };
    map.patient
        .iter()
        .flat_map(|key| &key.fields)
        .for_each(|field| take(For::Key, field, &[]));
    for rule in &map.drops {
        rule.when.fields().for_each(|field| take(For::Decision, field, &[]));
    }
    for (index, list) in map.lists.iter().enumerate() {
        for rule in &list.drops {
            let within = around(&map.lists, Some(index));
            rule.when.fields().for_each(|field| take(For::Decision, field, &within));
        }
    }
    for resource in &map.resources {
        let within = around(&map.lists, resource.each);
        resource
            .key
            .fields
            .iter()
            .for_each(|field| take(For::Key, field, &within));
        resource
            .when
            .fields()
            .for_each(|field| take(For::Decision, field, &within));
        walk(map, resource, &mut |step, within| match step {
            Step::Each(each) => each.when.fields().for_each(|field| take(For::Decision, field, within)),
            Step::Line(_, line) => line_fields(line, within, &mut take),
        });
    }
    read
}

fn line_fields(line: &Line, within: &Within, take: Take<'_>) {
    line.when.fields().for_each(|field| take(For::Decision, field, within));
    match &line.verb {
        Verb::First(lines) => lines.iter().for_each(|line| line_fields(line, within, take)),
        Verb::Reference { key, display, .. } => {
            let fields = key.iter().flat_map(|key| &key.fields);
            fields.for_each(|field| take(For::Key, field, within));
            let mut shown = Vec::new();
            display.iter().for_each(|text| text.collect(&mut shown));
            shown.into_iter().for_each(|field| take(For::Content, field, within));
        }
        Verb::Id(..) => line
            .fields()
            .into_iter()
            .for_each(|field| take(For::Key, field, within)),
        _ => line
            .fields()
            .into_iter()
            .for_each(|field| take(For::Content, field, within)),
    }
}

/// The fields that a line puts into its element or makes a reference of.
pub(super) fn line_content(line: &Line, within: &Within) -> Vec<Vec<String>> {
    let mut read = Vec::new();
    line_fields(line, within, &mut |what, field, within| {
        if what != For::Decision {
            read.push(field.keys(within));
        }
    });
    read
}

/// Whether a path, or something around or below it, is read.
pub(super) fn is_read(read: &BTreeSet<Vec<String>>, path: &[String]) -> bool {
    read.iter()
        .any(|known| known.starts_with(path) || (!known.is_empty() && path.starts_with(known)))
}

pub(super) fn dotted(path: &[String]) -> String {
    path.join(".").replace(".[]", "[]")
}

/// Every plain value of a record, as its path.
pub(super) fn leaves(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                path.push(key.clone());
                leaves(inner, path, found);
                path.pop();
            }
        }
        Value::Array(list) => {
            path.push("[]".to_owned());
            list.iter().for_each(|inner| leaves(inner, path, found));
            path.pop();
        }
        Value::Null => {}
        _ => found.push(path.clone()),
    }
}
