//! The walk over a resource that finds every issue.
//!
//! # Design
//! One pass over the JSON, no allocation for what is in order: the place of an element is a chain on the stack and becomes
//! text only in an issue. Issues are cut off at [`MAX_ISSUES`], depth at [`MAX_DEPTH`]: a hostile resource costs no more
//! than its size.

use serde_json::{Map, Value};

use super::compile::MAX_NODES;
use super::invariant::Focus;
use super::place::{Host, Place};
use super::program::{Content, Field, NamedLaw, Node, Program, Shape, ShapeId, Typed};
use super::reference;
use super::value;
use crate::fhir::outcome::{Issue, IssueType, Severity};

const MAX_ISSUES: usize = 100;
const MAX_DEPTH: usize = 64;

pub(super) struct Walk<'a> {
    pub(super) program: &'a Program,
    /// Is an extension that no definition knows an error?
    pub(super) strict: bool,
    /// The outermost resource that is no Bundle.
    pub(super) root: &'a Value,
    /// The resource that the walk is in.
    pub(super) resource: &'a Value,
    pub(super) issues: Vec<Issue>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(program: &'a Program, strict: bool, root: &'a Value) -> Self {
        Self {
            program,
            strict,
            root,
            resource: root,
            issues: Vec::new(),
        }
    }

    /// Checks a resource against a shape of its own type.
    pub(super) fn run(mut self, shape: ShapeId, value: &'a Value) -> Vec<Issue> {
        let shape = &self.program.shapes[shape];
        let place = Place::root(&shape.kind);
        if shape.is_resource && value.get("resourceType").and_then(Value::as_str) != Some(&shape.kind) {
            self.issue(
                IssueType::Structure,
                &place,
                &format!("resourceType must be {}", shape.kind),
            );
            return self.issues;
        }
        self.object(
            shape,
            value,
            &place,
            Host {
                base: &shape.kind,
                code: &shape.kind,
            },
        );
        self.issues
    }

    pub(super) fn push(&mut self, severity: Severity, code: IssueType, place: &Place<'_>, message: &str) {
        if self.issues.len() >= MAX_ISSUES {
            return;
        }
        let issue = Issue {
            severity,
            code,
            expression: place.render(),
            message: message.to_owned(),
        };
        if !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }

    pub(super) fn issue(&mut self, code: IssueType, place: &Place<'_>, message: &str) {
        self.push(Severity::Error, code, place, message);
    }

    pub(super) fn object(&mut self, shape: &'a Shape, value: &'a Value, place: &Place<'_>, host: Host<'_>) {
        let Some(map) = value.as_object() else {
            return self.issue(IssueType::Structure, place, "must be an object");
        };
        if map.is_empty() {
            return self.issue(IssueType::Invariant, place, "must have a value or children (ele-1)");
        }
        if place.depth > MAX_DEPTH {
            return self.issue(IssueType::TooCostly, place, "is nested too deep");
        }
        let mut counts = [0_u32; MAX_NODES];
        for (key, member) in map {
            let name = key.strip_prefix('_');
            let Some(field) = shape.field(name.unwrap_or(key)) else {
                if !(shape.is_resource && key == "resourceType") {
                    self.unknown(key, place);
                }
                continue;
            };
            let node = &shape.nodes[field.node];
            let count = match name {
                Some(name) => self.beside(field, node, map.get(name), member, place),
                None => self.member(field, node, member, map, place, host),
            };
            if count > 0 && counts[field.node] > 0 {
                let place = place.below(&node.name, None);
                self.issue(
                    IssueType::Structure,
                    &place,
                    "has two values of different types; only one is allowed",
                );
            }
            counts[field.node] += count;
        }
        for (node, &count) in shape.nodes.iter().zip(&counts) {
            if count < node.min {
                let place = place.below(&node.name, None);
                let message = if count == 0 {
                    "is required".to_owned()
                } else {
                    format!("must occur at least {} times", node.min)
                };
                self.issue(IssueType::Required, &place, &message);
            } else if count > node.max {
                let place = place.below(&node.name, None);
                let message = if node.max == 0 {
                    "is not allowed here".to_owned()
                } else {
                    format!("may occur at most {} times", node.max)
                };
                self.issue(IssueType::Structure, &place, &message);
            } else if count == 0 && node.slices.iter().any(|slice| slice.min > 0) {
                self.slices(node, &[0; MAX_SLICES], place);
            }
        }
        self.laws(&shape.laws, value, place);
    }

    fn unknown(&mut self, key: &str, place: &Place<'_>) {
        // A key that is no name may be anything, even somebody's number: it is not repeated.
        let named = key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if named && !key.bytes().all(|byte| byte.is_ascii_digit()) {
            self.issue(
                IssueType::Structure,
                &place.below(key, None),
                "is not an element of this type",
            );
        } else {
            self.issue(
                IssueType::Structure,
                place,
                "has a member that is not an element of this type",
            );
        }
    }

    /// One key with its value; how many items it has.
    fn member(
        &mut self,
        field: &'a Field,
        node: &'a Node,
        member: &'a Value,
        map: &'a Map<String, Value>,
        place: &Place<'_>,
        host: Host<'_>,
    ) -> u32 {
        match (node.array, member) {
            (false, Value::Array(_)) => {
                self.issue(
                    IssueType::Structure,
                    &place.below(&node.name, None),
                    "must not be an array",
                );
                1
            }
            (false, _) => {
                let mut hits = [0; MAX_SLICES];
                self.item(field, node, member, &place.below(&node.name, None), host, &mut hits);
                if !node.slices.is_empty() {
                    self.slices(node, &hits, place);
                }
                1
            }
            (true, Value::Array(items)) if items.is_empty() => {
                self.issue(
                    IssueType::Structure,
                    &place.below(&node.name, None),
                    "must not be an empty array",
                );
                1
            }
            (true, Value::Array(items)) => {
                let mut hits = [0; MAX_SLICES];
                for (index, item) in items.iter().enumerate() {
                    let place = place.below(&node.name, Some(index));
                    if item.is_null() {
                        self.filler(field, index, map, &place);
                    } else {
                        self.item(field, node, item, &place, host, &mut hits);
                    }
                }
                if !node.slices.is_empty() {
                    self.slices(node, &hits, place);
                }
                u32::try_from(items.len()).unwrap_or(u32::MAX)
            }
            (true, _) => {
                self.issue(IssueType::Structure, &place.below(&node.name, None), "must be an array");
                1
            }
        }
    }

    /// A null is allowed where the `_` twin has an object.
    fn filler(&mut self, field: &Field, index: usize, map: &Map<String, Value>, place: &Place<'_>) {
        let beside = || {
            map.get(&format!("_{}", field.key))?
                .get(index)
                .filter(|one| one.is_object())
        };
        if !matches!(field.typed.content, Content::Primitive(..)) || beside().is_none() {
            self.issue(IssueType::Structure, place, "must not be null");
        }
    }

    /// What stands beside a primitive: `_birthDate`. It counts when the primitive itself is absent.
    fn beside(
        &mut self,
        field: &'a Field,
        node: &'a Node,
        twin: Option<&'a Value>,
        member: &'a Value,
        place: &Place<'_>,
    ) -> u32 {
        let Content::Primitive(_, shape) = field.typed.content else {
            self.issue(
                IssueType::Structure,
                &place.below(&node.name, None),
                "has no `_` twin: it is not a primitive",
            );
            return 0;
        };
        let shape = &self.program.shapes[shape];
        let host = Host {
            base: &node.base,
            code: &field.typed.code,
        };
        match member {
            Value::Array(items) if node.array => {
                for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                    self.object(shape, item, &place.below(&node.name, Some(index)), host);
                }
                let values = twin.and_then(Value::as_array).map_or(0, Vec::len);
                if twin.is_some() && values != items.len() {
                    let place = place.below(&node.name, None);
                    self.issue(IssueType::Structure, &place, "must be as long as its `_` twin");
                }
                if twin.is_some() {
                    0
                } else {
                    u32::try_from(items.len()).unwrap_or(u32::MAX)
                }
            }
            Value::Object(_) if !node.array => {
                self.object(shape, member, &place.below(&node.name, None), host);
                u32::from(twin.is_none())
            }
            _ => {
                let message = if node.array {
                    "must be an array beside its `_` twin"
                } else {
                    "must be an object behind `_`"
                };
                self.issue(IssueType::Structure, &place.below(&node.name, None), message);
                0
            }
        }
    }

    fn item(
        &mut self,
        field: &'a Field,
        node: &'a Node,
        value: &'a Value,
        place: &Place<'_>,
        host: Host<'_>,
        hits: &mut [u32; MAX_SLICES],
    ) {
        let slice = self.slice_of(field, node, value, hits);
        let typed = slice.and_then(|slice| slice.typed.iter().find(|typed| typed.code == field.typed.code));
        if slice.is_none() && node.closed {
            self.issue(
                IssueType::Structure,
                place,
                "belongs to none of the slices, and no other value is allowed",
            );
        }
        if let (Some(slice), None) = (slice, typed)
            && !slice.typed.is_empty()
        {
            self.issue(
                IssueType::Structure,
                place,
                &format!("has a type that the slice {} does not allow", slice.name),
            );
        }
        let typed = typed.unwrap_or(&field.typed);
        let before = self.issues.len();
        match typed.content {
            Content::Primitive(kind, _) => {
                if let Err(message) = kind.check(value) {
                    self.issue(IssueType::Value, place, message);
                }
            }
            Content::Object(_) if typed.code == "Extension" => {
                self.extension(typed, node, slice.is_some(), value, place, host)
            }
            Content::Object(shape) => {
                let shape = &self.program.shapes[shape];
                self.object(
                    shape,
                    value,
                    place,
                    Host {
                        base: &node.base,
                        code: &typed.code,
                    },
                );
            }
            Content::Resource => self.inner(value, place),
            Content::Unknown => {}
        }
        self.typed(typed, value, place);
        // What is not of the right form is not asked for its value too.
        if self.issues.len() == before {
            value::check(self, &node.rules, &field.typed.code, value, place);
            if let Some(slice) = slice {
                value::check(self, &slice.rules, &field.typed.code, value, place);
            }
        }
        self.laws(&node.rules.laws, value, place);
        if let Some(slice) = slice {
            self.laws(&slice.rules.laws, value, place);
        }
    }

    /// What the type of the element asks beyond its shape.
    pub(super) fn typed(&mut self, typed: &'a Typed, value: &'a Value, place: &Place<'_>) {
        match typed.code.as_str() {
            "Reference" => reference::check(self, typed.targets.as_deref(), value, place),
            "Coding" | "Identifier" => {
                let system = value.get("system").and_then(Value::as_str);
                if system.is_some_and(|system| !system.contains(':')) {
                    self.issue(
                        IssueType::Value,
                        &place.below("system", None),
                        "must be an absolute URI",
                    );
                }
            }
            _ => {}
        }
        match typed.profiles[..] {
            [] => {}
            [only] => {
                let shape = &self.program.shapes[only];
                self.object(
                    shape,
                    value,
                    place,
                    Host {
                        base: &shape.kind,
                        code: &shape.kind,
                    },
                );
            }
            _ => {
                if !typed.profiles.iter().any(|&profile| self.meets(profile, value)) {
                    self.issue(
                        IssueType::Structure,
                        place,
                        "meets none of the profiles that are allowed here",
                    );
                }
            }
        }
    }

    /// Does the value meet a profile, quietly?
    pub(super) fn meets(&self, shape: ShapeId, value: &'a Value) -> bool {
        let mut quiet = Walk {
            issues: Vec::new(),
            ..*self
        };
        let shape = &self.program.shapes[shape];
        quiet.object(
            shape,
            value,
            &Place::root(&shape.kind),
            Host {
                base: &shape.kind,
                code: &shape.kind,
            },
        );
        quiet.issues.iter().all(|issue| issue.severity > Severity::Error)
    }

    fn laws(&mut self, laws: &[NamedLaw], value: &'a Value, place: &Place<'_>) {
        for law in laws {
            if !(law.law)(Focus {
                value,
                resource: self.resource,
                root: self.root,
            }) {
                let severity = if law.warning {
                    Severity::Warning
                } else {
                    Severity::Error
                };
                self.push(
                    severity,
                    IssueType::Invariant,
                    place,
                    &format!("{} ({})", law.text, law.key),
                );
            }
        }
    }
}

/// More slices than any known profile gives one element.
pub(super) const MAX_SLICES: usize = 48;
