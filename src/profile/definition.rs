//! What a StructureDefinition says, in the form that the compiler reads: a flat list of elements with full ids.
//!
//! `Observation.component:systolic.value[x]` is the id of an element of a slice; its path is the id without slice names.
//!
//! # Design
//! Three sources give the same [`Definition`]: the built-in table, a differential applied to it, and the snapshot of a
//! loaded package. What is not checked (mappings, examples, extensible bindings) is not kept.

use serde_json::Value;

/// One type, profile or extension.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) url: String,
    /// Short name by which it is found too: the `id` of the StructureDefinition.
    pub(super) name: String,
    /// The type that it is or constrains: `Observation`, `HumanName`, `Extension`.
    pub(super) kind: String,
    pub(super) origin: Origin,
    /// In document order; the first one is the root, whose id is `kind`.
    pub(super) rules: Vec<Rule>,
    /// Where it was read, for messages.
    pub(super) file: String,
    /// Where an extension may stand (element ids such as `HumanName.family`); empty is anywhere.
    pub(super) context: Vec<String>,
}

/// Where a definition comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A type of R4 itself.
    Type,
    /// This project's profiles: closed, so an extension that no definition knows is an error.
    Own,
    /// A loaded package.
    Package,
}

impl Definition {
    #[cfg(test)]
    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The slices of an element.
    pub(super) fn slices<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.slice().is_some() && rule.unsliced() == id)
    }

    /// Has the element children of its own here?
    pub(super) fn is_open(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.parent() == Some(id))
    }
}

/// One element.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) id: String,
    /// Where the element is defined first (`HumanName.family` for `Patient.name.family`).
    pub(super) base: String,
    pub(super) min: u32,
    /// `None` is `*`.
    pub(super) max: Option<u32>,
    /// Does JSON hold an array? Told by the base type, whatever a profile makes of `max`.
    pub(super) array: bool,
    pub(super) types: Vec<TypeRef>,
    /// The element whose content this one shares (`Observation.referenceRange`).
    pub(super) content: Option<String>,
    pub(super) binding: Option<Binding>,
    pub(super) value: Option<Required>,
    pub(super) least: Option<Value>,
    pub(super) most: Option<Value>,
    pub(super) max_length: Option<usize>,
    pub(super) slicing: Option<Slicing>,
    pub(super) constraints: Vec<Constraint>,
    /// Marked as `mustSupport`, or named by a profile of this project: what a reader of the profile counts on.
    pub(super) expected: bool,
}

impl Rule {
    /// The name without slice: `value[x]`.
    pub(super) fn name(&self) -> &str {
        let last = self.id.rsplit('.').next().unwrap_or_default();
        last.split(':').next().unwrap_or_default()
    }

    pub(super) fn slice(&self) -> Option<&str> {
        self.id
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .split_once(':')
            .map(|(_, slice)| slice)
    }

    pub(super) fn parent(&self) -> Option<&str> {
        self.id.rsplit_once('.').map(|(parent, _)| parent)
    }

    /// The id of the element that this is a slice of; its own id if it is none.
    pub(super) fn unsliced(&self) -> &str {
        match self.slice() {
            Some(slice) => &self.id[..self.id.len() - slice.len() - 1],
            None => &self.id,
        }
    }

    pub(super) fn is_choice(&self) -> bool {
        self.name().ends_with("[x]")
    }
}

/// A type that an element may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeRef {
    pub(super) code: String,
    /// Profiles of which the value must meet one (canonicals, without version).
    pub(super) profiles: Vec<String>,
    /// For a reference: what it may point at (canonicals); empty is anything.
    pub(super) targets: Vec<String>,
}

/// A required binding; the weaker ones ask nothing that a machine can refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) value_set: String,
}

/// `fixed[x]` or `pattern[x]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Required {
    Fixed(Value),
    Pattern(Value),
}

impl Required {
    pub(super) fn value(&self) -> &Value {
        match self {
            Self::Fixed(value) | Self::Pattern(value) => value,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slicing {
    pub(super) by: Vec<Discriminator>,
    /// May there be items of no slice?
    pub(super) closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Discriminator {
    pub(super) kind: DiscriminatorKind,
    pub(super) path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiscriminatorKind {
    /// `value` and `pattern` are told apart by what the slice says, not by name.
    Value,
    Exists,
    Type,
    Profile,
}

/// An invariant, by its key; what it means is code in `invariant.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constraint {
    pub(super) key: String,
    pub(super) warning: bool,
    /// What an issue says.
    pub(super) text: String,
}

/// A canonical without its `|version`.
pub(super) fn unversioned(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or_default()
}
