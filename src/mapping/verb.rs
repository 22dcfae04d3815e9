//! The right side of a line: exactly one verb of a closed set.
//!
//! # Design
//! There are no expressions. What a verb cannot say is either a condition (`when`), a choice (`first`), or work for the
//! connector, where it can be tested as code. So every map ends, is checked as a whole when it is loaded, and can be
//! explained as a table of two columns.

use std::sync::Arc;

use serde_json::Value;

use crate::fhir::types::ResourceType;

use super::source::Field;
use super::table::Table;
use super::when::When;

/// Every verb, in the order in which messages list them.
pub(super) const VERBS: &[&str] = &[
    "const",
    "copy",
    "code",
    "concept",
    "instant",
    "date",
    "period",
    "reference",
    "base64",
    "text",
    "quantity",
    "bool",
    "first",
    "each",
];

/// One line: the verb, its condition, and whether a record without a value is refused.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) when: When,
    pub(super) required: bool,
    pub(super) verb: Verb,
}

#[derive(Clone, Debug)]
pub(super) enum Verb {
    Const(Value),
    Copy(Field, Form),
    /// The id of the resource with this key, as a text, with something before it.
    Id(Key, String),
    Code(Lookup),
    Concept(Concept),
    Instant(Field, Precision),
    Date(Field),
    Period {
        start: Option<Field>,
        end: Option<Field>,
        precision: Precision,
    },
    Reference {
        /// None for a display alone, of somebody who is no resource.
        kind: Option<ResourceType>,
        key: Option<Key>,
        display: Option<Text>,
    },
    Base64(Text),
    Text(Text, Place),
    Quantity(Quantity),
    Bool(Field),
    First(Vec<Line>),
}

/// How `copy` writes its value: decided by the type of the element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// A whole number not below the bound.
    Integer(i64),
    Decimal,
}

/// How precise a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// `instant`: never without a time.
    Instant,
    /// `dateTime`: as precise as the source.
    Source,
    Day,
}

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Text,
    Narrative,
    /// The `div` alone.
    Xhtml,
}

/// What happens with a code that the table does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Refuse,
    Omit,
}

/// A code and the table that translates it.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) field: Field,
    pub(super) table: Arc<Table>,
    pub(super) name: String,
    pub(super) unknown: Unknown,
}

#[derive(Clone, Debug)]
pub(super) enum Concept {
    /// A Coding, or a CodeableConcept with the codings and the text.
    Coded {
        lookup: Lookup,
        text: Option<Text>,
        coding_only: bool,
    },
    /// A CodeableConcept with a text alone.
    Text(Text),
}

#[derive(Clone, Debug)]
pub(super) struct Quantity {
    pub(super) value: Field,
    pub(super) unit: String,
    pub(super) code: String,
    /// The unit in the source, translated, must be the `code`.
    pub(super) source_unit: Option<Lookup>,
}

/// A text made of parts: missing parts leave out their separator too.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Field(Field),
    Literal(String),
    Joined(Vec<Self>, String),
}

/// The source key of a resource: constants that say of what, then the fields that say which.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) of: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// Where the id is remembered during one record, when it is the same all over the record.
    pub(super) slot: Option<usize>,
}

impl Line {
    /// Whether the value can come out of the source.
    pub(super) fn reads(&self) -> bool {
        match &self.verb {
            Verb::Const(_) => false,
            Verb::First(lines) => lines.iter().any(Self::reads),
            _ => true,
        }
    }

    /// Every field that the line reads to make its value.
    pub(super) fn fields(&self) -> Vec<&Field> {
        let mut fields = Vec::new();
        self.verb.collect(&mut fields);
        fields
    }
}

impl Verb {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Const(_) => "const",
            Self::Copy(..) | Self::Id(..) => "copy",
            Self::Code(_) => "code",
            Self::Concept(_) => "concept",
            Self::Instant(..) => "instant",
            Self::Date(_) => "date",
            Self::Period { .. } => "period",
            Self::Reference { .. } => "reference",
            Self::Base64(_) => "base64",
            Self::Text(..) => "text",
            Self::Quantity(_) => "quantity",
            Self::Bool(_) => "bool",
            Self::First(_) => "first",
        }
    }

    fn collect<'a>(&'a self, fields: &mut Vec<&'a Field>) {
        match self {
            Self::Const(_) => {}
            Self::Copy(field, _) | Self::Instant(field, _) | Self::Date(field) | Self::Bool(field) => {
                fields.push(field);
            }
            Self::Id(key, _) => fields.extend(&key.fields),
            Self::Code(lookup) => fields.push(&lookup.field),
            Self::Concept(Concept::Coded { lookup, text, .. }) => {
                fields.push(&lookup.field);
                text.iter().for_each(|text| text.collect(fields));
            }
            Self::Concept(Concept::Text(text)) | Self::Base64(text) | Self::Text(text, _) => text.collect(fields),
            Self::Period { start, end, .. } => fields.extend(start.iter().chain(end)),
            Self::Reference { key, display, .. } => {
                fields.extend(key.iter().flat_map(|key| &key.fields));
                display.iter().for_each(|text| text.collect(fields));
            }
            Self::Quantity(quantity) => {
                fields.push(&quantity.value);
                fields.extend(quantity.source_unit.iter().map(|lookup| &lookup.field));
            }
            Self::First(lines) => lines.iter().for_each(|line| line.verb.collect(fields)),
        }
    }
}

impl Text {
    pub(super) fn collect<'a>(&'a self, fields: &mut Vec<&'a Field>) {
        match self {
            Self::Field(field) => fields.push(field),
            Self::Literal(_) => {}
            Self::Joined(parts, _) => parts.iter().for_each(|part| part.collect(fields)),
        }
    }
}
