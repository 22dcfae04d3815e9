//! The types that say what data means: profiles, code systems, value sets, code tables. They are for anybody.
//!
//! ```
//! use inzage::fhir::definition::Definition;
//! assert_eq!("ValueSet".parse(), Ok(Definition::ValueSet));
//! assert!("Patient".parse::<Definition>().is_err());
//! ```
//!
//! # Design
//! A list of its own beside [`super::types::ResourceType`]: those types hold data of people, and whatever is done for each of
//! them (rights, audit, index) must not be possible for these, nor these for those.

use std::fmt;
use std::str::FromStr;

use super::types::UnknownType;

/// A type of definition that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Definition {
    CodeSystem,
    ConceptMap,
    StructureDefinition,
    ValueSet,
}

/// A search parameter of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    pub name: &'static str,
    pub compares: Compares,
    /// Where its values stand: member names, lists are walked through.
    pub path: &'static str,
    /// The end of the canonical of its definition in R4.
    definition: &'static str,
}

/// How a value is compared (<https://hl7.org/fhir/R4/search.html#ptypes>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compares {
    /// The whole text.
    Token,
    /// The whole text.
    Uri,
    /// The beginning, in any case.
    Text,
}

impl Compares {
    /// `SearchParamType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Uri => "uri",
            Self::Text => "string",
        }
    }
}

impl Param {
    pub fn definition(&self) -> String {
        format!("http://hl7.org/fhir/SearchParameter/{}", self.definition)
    }
}

const fn param(name: &'static str, compares: Compares, path: &'static str, definition: &'static str) -> Param {
    Param {
        name,
        compares,
        path,
        definition,
    }
}

const ALL: &[Param] = &[
    param("_id", Compares::Token, "id", "Resource-id"),
    param("url", Compares::Uri, "url", "conformance-url"),
    param("version", Compares::Token, "version", "conformance-version"),
    param("name", Compares::Text, "name", "conformance-name"),
    param("title", Compares::Text, "title", "conformance-title"),
    param("status", Compares::Token, "status", "conformance-status"),
];
const OF_CODE_SYSTEM: &[Param] = &[param("code", Compares::Token, "concept.code", "CodeSystem-code")];
const OF_CONCEPT_MAP: &[Param] = &[
    param(
        "source-system",
        Compares::Uri,
        "group.source",
        "ConceptMap-source-system",
    ),
    param(
        "target-system",
        Compares::Uri,
        "group.target",
        "ConceptMap-target-system",
    ),
    param(
        "source-code",
        Compares::Token,
        "group.element.code",
        "ConceptMap-source-code",
    ),
];
const OF_STRUCTURE: &[Param] = &[
    param("type", Compares::Uri, "type", "StructureDefinition-type"),
    param("kind", Compares::Token, "kind", "StructureDefinition-kind"),
    param(
        "derivation",
        Compares::Token,
        "derivation",
        "StructureDefinition-derivation",
    ),
];
const OF_VALUE_SET: &[Param] = &[param(
    "reference",
    Compares::Uri,
    "compose.include.system",
    "ValueSet-reference",
)];

impl Definition {
    /// Every type, in the order of the CapabilityStatement.
    pub const ALL: &'static [Self] = &[
        Self::CodeSystem,
        Self::ConceptMap,
        Self::StructureDefinition,
        Self::ValueSet,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeSystem => "CodeSystem",
            Self::ConceptMap => "ConceptMap",
            Self::StructureDefinition => "StructureDefinition",
            Self::ValueSet => "ValueSet",
        }
    }

    /// The search parameters.
    pub fn params(self) -> impl Iterator<Item = &'static Param> {
        let own = match self {
            Self::CodeSystem => OF_CODE_SYSTEM,
            Self::ConceptMap => OF_CONCEPT_MAP,
            Self::StructureDefinition => OF_STRUCTURE,
            Self::ValueSet => OF_VALUE_SET,
        };
        ALL.iter().chain(own)
    }

    /// Whether `$expand` is offered.
    pub const fn is_expanded(self) -> bool {
        matches!(self, Self::ValueSet)
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Definition {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        Self::ALL
            .iter()
            .copied()
            .find(|one| one.as_str() == text)
            .ok_or(UnknownType)
    }
}
