//! StructureDefinition to validator: pure, no I/O beyond reading the files it is given.

use std::path::{Path, PathBuf};

use serde_json::Value;

pub use crate::fhir::outcome::{Issue, IssueType, Severity};

/// What is wrong in a file of definitions, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {element}: {message}")]
pub struct Problem {
    pub file: String,
    pub line: usize,
    pub element: String,
    pub message: String,
}

/// Every known definition: the built-in R4 table, this project's profiles and value sets, and loaded packages.
#[derive(Debug, Default)]
pub struct Registry {
    profiles: Vec<Profile>,
    validators: Vec<Validator>,
}

impl Registry {
    /// The definitions that are compiled into the program.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The built-in definitions, those of a folder in the form of `profiles/`, and those of R4 packages (folder or `.tgz`).
    pub fn load(_dir: Option<&Path>, _packages: &[PathBuf]) -> Result<Self, Vec<Problem>> {
        Ok(Self::builtin())
    }

    /// A profile by id (`inzage-Gewicht`), type name (`Patient`) or canonical.
    pub fn profile(&self, name_or_canonical: &str) -> Option<&Profile> {
        self.profiles.iter().find(|p| p.canonical() == name_or_canonical)
    }

    /// The validator of a profile, by id, type name or canonical.
    pub fn validator(&self, canonical: &str) -> Option<&Validator> {
        let _ = canonical;
        self.validators.first()
    }
}

/// One StructureDefinition with its snapshot.
#[derive(Debug)]
pub struct Profile {
    canonical: String,
    kind: String,
}

impl Profile {
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The type that the profile constrains: `Observation`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The element at a path such as `performer[0].display`, `valueQuantity.value` or `code`.
    pub fn element(&self, _path: &str) -> Option<Element<'_>> {
        None
    }
}

/// What a profile says about one element.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    pub min: u32,
    /// `None` is `*`.
    pub max: Option<u32>,
    types: Vec<&'a str>,
    targets: Vec<&'a str>,
    codes: Option<Vec<(&'a str, &'a str)>>,
}

impl<'a> Element<'a> {
    /// May it occur more than once (so that JSON holds an array)?
    pub fn repeats(&self) -> bool {
        self.max != Some(1)
    }

    /// The types it may have: `["CodeableConcept"]`; a choice that is not spelt out has several.
    pub fn types(&self) -> &[&'a str] {
        &self.types
    }

    /// For a reference: the resource types that it may point at; empty means any.
    pub fn targets(&self) -> &[&'a str] {
        &self.targets
    }

    /// The codes of a required binding as (system, code); `None` when there is none or it cannot be enumerated.
    pub fn required_codes(&self) -> Option<&[(&'a str, &'a str)]> {
        self.codes.as_deref()
    }
}

/// A compiled profile.
#[derive(Debug)]
pub struct Validator;

impl Validator {
    /// Every issue of the resource, in document order; empty means valid.
    pub fn check(&self, _resource: &Value) -> Vec<Issue> {
        Vec::new()
    }
}
