//! Which slice a value belongs to, and whether each slice occurs as often as it must.

use serde_json::Value;

use super::check::{MAX_SLICES, Walk};
use super::place::Place;
use super::program::{Field, Hop, Node, Slice, Test};
use super::reference;
use super::value;
use super::value_set::Belongs;
use crate::fhir::outcome::IssueType;

impl<'a> Walk<'a> {
    pub(super) fn slice_of(
        &self,
        field: &Field,
        node: &'a Node,
        value: &'a Value,
        hits: &mut [u32; MAX_SLICES],
    ) -> Option<&'a Slice> {
        let hit = node
            .slices
            .iter()
            .take(MAX_SLICES)
            .position(|one| belongs(self, &one.test, &field.typed.code, value))?;
        hits[hit] += 1;
        Some(&node.slices[hit])
    }

    pub(super) fn slices(&mut self, node: &Node, hits: &[u32; MAX_SLICES], place: &Place<'_>) {
        for (slice, &count) in node.slices.iter().zip(hits) {
            // A slice that cannot be told apart cannot be missed.
            if count < slice.min && is_known(&slice.test) {
                let place = place.below(&node.name, None);
                self.issue(
                    IssueType::Required,
                    &place,
                    &format!("the slice {} is required", slice.name),
                );
            } else if count > slice.max {
                let place = place.below(&node.name, None);
                let message = format!("the slice {} may occur at most {} times", slice.name, slice.max);
                self.issue(IssueType::Structure, &place, &message);
            }
        }
    }
}

/// True only when it is sure.
fn belongs<'a>(walk: &Walk<'a>, test: &Test, code: &str, value: &'a Value) -> bool {
    match test {
        Test::All(tests) => tests.iter().all(|test| belongs(walk, test, code, value)),
        Test::At(hops, test) => {
            let mut found = Vec::new();
            collect(hops, value, &mut found);
            match **test {
                Test::Exists(wanted) => found.is_empty() != wanted,
                _ => found.iter().any(|value| belongs(walk, test, code, value)),
            }
        }
        Test::Equals(wanted) => wanted == value,
        Test::Matches(pattern) => value::matches(pattern, value),
        Test::In(codes) => value::belongs(codes, value) == Belongs::Yes,
        Test::Exists(wanted) => *wanted,
        Test::Type(wanted) => wanted == code || value.get("resourceType").and_then(Value::as_str) == Some(wanted),
        Test::RefersTo(kinds) => {
            reference::kind(value, walk.root).is_some_and(|kind| kinds.iter().any(|one| one == kind))
        }
        Test::Meets(shape) => walk.meets(*shape, value),
        Test::Unknown => false,
    }
}

/// Can the slice be told apart at all?
fn is_known(test: &Test) -> bool {
    match test {
        Test::All(tests) => tests.iter().all(is_known),
        Test::At(_, test) => is_known(test),
        // A reference by identifier or to an unnamed place does not show its type.
        Test::RefersTo(_) | Test::Unknown => false,
        Test::In(codes) => codes.list().is_some(),
        _ => true,
    }
}

fn collect<'a>(hops: &[Hop], value: &'a Value, found: &mut Vec<&'a Value>) {
    if let Value::Array(items) = value {
        return items.iter().for_each(|item| collect(hops, item, found));
    }
    let Some((hop, rest)) = hops.split_first() else {
        return found.push(value);
    };
    match hop {
        Hop::Name(name) => {
            if let Some(member) = value.get(name) {
                collect(rest, member, found);
            } else if let Some(object) = value.as_object() {
                // A choice is spelt with its type.
                let typed = object.iter().filter(|(key, _)| {
                    key.strip_prefix(name.as_str())
                        .is_some_and(crate::fhir::path::is_type_suffix)
                });
                typed.for_each(|(_, member)| collect(rest, member, found));
            }
        }
        Hop::Extension(url) => {
            let all = value.get("extension").and_then(Value::as_array).into_iter().flatten();
            let hits = all.filter(|one| one.get("url").and_then(Value::as_str) == Some(url));
            hits.for_each(|one| collect(rest, one, found));
        }
    }
}
