//! The compiled form of all definitions: shapes that point at each other by number.
//!
//! # Design
//! A shape is one JSON object: its fields, sorted by key, and its rules. Types refer to types (an extension holds
//! extensions), so shapes live in one list and are made before they are filled. Everything that can be decided once is
//! decided here: which keys a choice has, what tells the slices apart, which codes a binding allows. A check then only
//! walks the JSON and looks keys up.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::invariant::Law;
use super::primitive::Primitive;
use super::value_set::Codes;

pub(super) type ShapeId = usize;

#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) shapes: Vec<Shape>,
    /// The shape of each definition, by canonical.
    pub(super) roots: HashMap<String, ShapeId>,
    /// The shape of each resource type.
    pub(super) resources: HashMap<String, ShapeId>,
    pub(super) extensions: HashMap<String, Extension>,
    /// The types that a profile constrains, by canonical.
    pub(super) kinds: HashMap<String, String>,
    pub(super) resource_types: Arc<Codes>,
    /// Invariants that were named and are not known.
    pub(super) unchecked: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Extension {
    pub(super) shape: ShapeId,
    /// Where it may stand; empty is anywhere.
    pub(super) context: Vec<String>,
}

/// One JSON object.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The type: `HumanName`, `BackboneElement`.
    pub(super) kind: String,
    pub(super) is_resource: bool,
    /// Sorted by key.
    pub(super) fields: Vec<Field>,
    pub(super) nodes: Vec<Node>,
    pub(super) laws: Vec<NamedLaw>,
}

impl Shape {
    pub(super) fn field(&self, key: &str) -> Option<&Field> {
        self.fields
            .binary_search_by(|field| field.key.as_str().cmp(key))
            .ok()
            .map(|at| &self.fields[at])
    }
}

/// One key. A choice has one field for each type, all of the same node.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) node: usize,
    pub(super) typed: Typed,
}

/// What a value must be.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) code: String,
    pub(super) content: Content,
    /// For a reference: the types that it may point at; `None` is any.
    pub(super) targets: Option<Vec<String>>,
    /// Profiles of which the value must meet one.
    pub(super) profiles: Vec<ShapeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A primitive, and the shape of what stands beside it (`_birthDate`).
    Primitive(Primitive, ShapeId),
    Object(ShapeId),
    /// Any resource, told by its `resourceType`.
    Resource,
    /// A type that no definition explains.
    Unknown,
}

/// One element.
#[derive(Debug)]
pub(super) struct Node {
    /// As FHIRPath names it: `value`, not `value[x]`.
    pub(super) name: String,
    /// Where it is defined first: `HumanName.family`.
    pub(super) base: String,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) array: bool,
    pub(super) rules: Rules,
    pub(super) slices: Vec<Slice>,
    /// Must every item belong to a slice?
    pub(super) closed: bool,
}

/// What is asked of each value of an element or slice.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) fixed: Option<Value>,
    pub(super) pattern: Option<Value>,
    pub(super) codes: Option<Bound>,
    pub(super) least: Option<Value>,
    pub(super) most: Option<Value>,
    pub(super) max_length: Option<usize>,
    pub(super) laws: Vec<NamedLaw>,
}

#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) value_set: String,
    pub(super) codes: Arc<Codes>,
}

#[derive(Debug)]
pub(super) struct Slice {
    pub(super) name: String,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) test: Test,
    /// By type; empty when the slice says nothing more about the content.
    pub(super) typed: Vec<Typed>,
    pub(super) rules: Rules,
}

/// What tells whether a value belongs to a slice.
#[derive(Clone, Debug)]
pub(super) enum Test {
    All(Vec<Test>),
    /// The test holds for a value at the path.
    At(Vec<Hop>, Box<Test>),
    Equals(Value),
    Matches(Value),
    In(Arc<Codes>),
    Exists(bool),
    Type(String),
    /// A reference to one of these types.
    RefersTo(Vec<String>),
    Meets(ShapeId),
    /// It cannot be told.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    Name(String),
    /// The extension with this URL.
    Extension(String),
}

#[derive(Clone)]
pub(super) struct NamedLaw {
    pub(super) key: String,
    pub(super) text: String,
    pub(super) warning: bool,
    pub(super) law: Law,
}

impl std::fmt::Debug for NamedLaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key)
    }
}
