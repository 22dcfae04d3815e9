//! StructureDefinition to validator: pure, no I/O beyond reading the files it is given.
//!
//! ```
//! use inzage::profile::Registry;
//! let registry = Registry::builtin();
//! let weight = registry.validator("inzage-Gewicht").unwrap();
//! let issues = weight.check(&serde_json::json!({"resourceType": "Observation", "status": "finished"}));
//! assert!(issues.iter().any(|issue| issue.expression == "Observation.status"));
//! ```
//!
//! # Design
//! Every mapped resource is checked before it is stored, so a check must be complete and cheap. Definitions come from
//! three sources: the built-in table of R4 elements (`profiles/r4.toml`), this project's StructureDefinitions
//! (`profiles/*.json`, differentials over that table), and R4 packages that an operator points at (snapshots). All become
//! one list of elements (`definition`), then one `program` of shapes, and `check` walks a resource over it.
//!
//! JSON Schema alone finds too little: of the 214 bad resources in `tests/gateway/profile/bad.txt` a closed schema of the
//! same profile refuses 83. It knows no slices, invariants, reference targets or codes of a concept, and it names places
//! in the schema, not elements. So the walk is our own, and the JSON Schema of each profile ([`Profile::json_schema`]) is
//! for others to use and for the tests as a second opinion. Measured in a release build on a busy machine: a weight of
//! 0.5 kB 3.4 us (schema 1.7), a client of 1.5 kB with extensions and narrative 9.2 us (schema 4.3), and 9 ms to build
//! the registry (`cargo test --release --test gateway profile::a_check -- --ignored --nocapture`).
//!
//! Fail closed: an unknown element, modifier extension or contained type is an error; so is an extension that nobody
//! defined, in a profile of this project. A code of a value set that cannot be listed is neither right nor wrong.

mod check;
mod compile;
mod definition;
mod discriminator;
mod invariant;
mod library;
mod more;
mod narrative;
mod names;
mod nested;
mod package;
mod place;
mod primitive;
mod problem;
mod program;
mod reference;
mod schema;
mod slice;
mod snapshot;
mod structure;
mod table;
mod value;
mod value_set;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use self::check::Walk;
use self::definition::{Definition, Origin, Rule, unversioned};
use self::library::Library;
use self::program::{Program, ShapeId};
use crate::fhir::path::ElementPath;

pub use self::more::More;
pub use self::problem::Problem;
pub use crate::fhir::outcome::{Issue, IssueType, Severity};

/// This project's StructureDefinitions, ValueSets and CodeSystems as JSON, for whoever hands them on.
pub fn definitions() -> impl Iterator<Item = &'static str> {
    package::own()
}

/// Every known definition: the built-in R4 table, this project's profiles and value sets, and loaded packages.
#[derive(Debug)]
pub struct Registry {
    library: Arc<Library>,
    program: Arc<Program>,
    profiles: Vec<Profile>,
    validators: Vec<Validator>,
    by_name: HashMap<String, usize>,
}

impl Registry {
    /// The definitions that are compiled into the program.
    pub fn builtin() -> Self {
        Self::load(None, &[]).expect("the built-in definitions are checked by a test")
    }

    /// The built-in definitions, those of a folder in the form of `profiles/`, and those of R4 packages (folder or
    /// `.tgz`). All problems are reported at once.
    pub fn load(dir: Option<&Path>, packages: &[PathBuf]) -> Result<Self, Vec<Problem>> {
        Ok(Self::of(package::library(dir, packages, None)?))
    }

    /// The same, with what was read besides the built-in as JSON: for the gateway, which hands it on.
    pub fn load_for_serving(dir: Option<&Path>, packages: &[PathBuf]) -> Result<(Self, More), Vec<Problem>> {
        let mut more = More::default();
        let library = package::library(dir, packages, Some(&mut more))?;
        Ok((Self::of(library), more))
    }

    fn of(library: library::Library) -> Self {
        let program = Arc::new(compile::compile(&library));
        let library = Arc::new(library);
        let mut registry = Self {
            library: Arc::clone(&library),
            program,
            profiles: Vec::new(),
            validators: Vec::new(),
            by_name: HashMap::new(),
        };
        for (index, definition) in library.all().iter().enumerate() {
            let shape = registry.program.roots[&definition.url];
            registry.by_name.insert(definition.url.clone(), index);
            registry.by_name.entry(definition.name.clone()).or_insert(index);
            registry.profiles.push(Profile {
                library: Arc::clone(&library),
                index,
            });
            registry.validators.push(Validator {
                program: Arc::clone(&registry.program),
                shape,
                strict: definition.origin == Origin::Own,
                canonical: definition.url.clone(),
            });
        }
        registry
    }

    /// A profile by id (`inzage-Gewicht`), type name (`Patient`) or canonical.
    pub fn profile(&self, name_or_canonical: &str) -> Option<&Profile> {
        self.by_name
            .get(unversioned(name_or_canonical))
            .map(|&index| &self.profiles[index])
    }

    /// The validator of a profile, by id, type name or canonical.
    pub fn validator(&self, name_or_canonical: &str) -> Option<&Validator> {
        self.by_name
            .get(unversioned(name_or_canonical))
            .map(|&index| &self.validators[index])
    }

    /// Changes with what was loaded besides the definitions of the program; empty if that is nothing.
    pub fn version(&self) -> &str {
        &self.library.version
    }

    /// Every profile of this project, in the order of their files.
    pub fn own(&self) -> impl Iterator<Item = &Profile> {
        self.profiles
            .iter()
            .filter(|profile| profile.definition().origin == Origin::Own)
    }

    /// The resource against its type and against each known profile that it claims in `meta.profile`.
    pub fn check(&self, resource: &Value) -> Vec<Issue> {
        let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let Some(&shape) = self.program.resources.get(kind) else {
            return vec![Issue {
                severity: Severity::Error,
                code: IssueType::NotSupported,
                expression: String::new(),
                message: "this resource type is not known here".to_owned(),
            }];
        };
        let claimed = resource
            .pointer("/meta/profile")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let claimed: Vec<&Validator> = claimed
            .filter_map(Value::as_str)
            .filter_map(|url| self.validator(url))
            .collect();
        if claimed.is_empty() {
            return Walk::new(&self.program, false, resource).run(shape, resource);
        }
        let mut issues: Vec<Issue> = Vec::new();
        for validator in claimed {
            for issue in validator.check(resource) {
                if !issues.contains(&issue) {
                    issues.push(issue);
                }
            }
        }
        issues
    }

    /// The codes of a value set as (system, code); `None` when it cannot be listed.
    pub fn codes(&self, value_set: &str) -> Option<Vec<(String, String)>> {
        let codes = self.library.value_sets.get(value_set);
        let own = |(system, code): (&str, &str)| (system.to_owned(), code.to_owned());
        codes.list().map(|list| list.into_iter().map(own).collect())
    }

    /// The keys of invariants that a loaded package names and that are not checked.
    pub fn unchecked(&self) -> &[String] {
        &self.program.unchecked
    }
}

/// One StructureDefinition with its snapshot.
#[derive(Debug)]
pub struct Profile {
    library: Arc<Library>,
    index: usize,
}

impl Profile {
    fn definition(&self) -> &Definition {
        &self.library.all()[self.index]
    }

    pub fn canonical(&self) -> &str {
        &self.definition().url
    }

    /// The short name: `inzage-Gewicht`, or the type name.
    pub fn name(&self) -> &str {
        &self.definition().name
    }

    /// The type that the profile constrains: `Observation`.
    pub fn kind(&self) -> &str {
        &self.definition().kind
    }

    /// The element at a path such as `performer[0].display`, `valueQuantity.value` or `code`; `None` if there is none.
    pub fn element(&self, path: &str) -> Option<Element<'_>> {
        let path = ElementPath::parse(path).ok()?;
        let mut definition = self.definition();
        let mut rule = &definition.rules[0];
        let mut last = "";
        for step in &path.steps {
            // A choice that is not narrowed has no children; one that is spelt out has those of its type.
            let (next, child) = match spelt(rule, last) {
                Some(of) if rule.is_choice() && !definition.is_open(&rule.id) => {
                    let base = self.library.find(&of.code)?;
                    self.library.child(base, &base.rules[0], &step.name)?
                }
                _ => self.library.child(definition, rule, &step.name)?,
            };
            if step.index.is_some() && !child.array {
                return None;
            }
            (definition, rule, last) = (next, child, &step.name);
        }
        Some(self.describe(rule, last))
    }

    fn describe<'a>(&'a self, rule: &'a Rule, name: &str) -> Element<'a> {
        let types: Vec<&definition::TypeRef> = match spelt(rule, name) {
            Some(of) => vec![of],
            None => rule.types.iter().collect(),
        };
        let kind = |url: &'a String| match self.library.find(url) {
            Some(found) => found.kind.as_str(),
            None => url.rsplit('/').next().unwrap_or(url),
        };
        let mut targets: Vec<&str> = types.iter().flat_map(|of| of.targets.iter()).map(kind).collect();
        targets.sort_unstable();
        targets.dedup();
        Element {
            min: rule.min,
            max: rule.max,
            repeats: rule.array,
            types: types.iter().map(|of| of.code.as_str()).collect(),
            targets,
            value: rule.value.as_ref().map(definition::Required::value),
            binding: rule.binding.as_ref().map(|binding| binding.value_set.as_str()),
        }
    }

    /// The elements that a reader of the profile counts on, by path below the type, with whether they are required: what is
    /// marked as `mustSupport`, what a profile of this project names, and what every resource of the type has.
    pub fn expected(&self) -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = Vec::new();
        for rule in self
            .definition()
            .rules
            .iter()
            .skip(1)
            .filter(|rule| rule.max != Some(0))
        {
            let path: Vec<&str> = rule
                .id
                .split('.')
                .skip(1)
                .map(|step| step.split(':').next().unwrap_or(step))
                .collect();
            let required = rule.min > 0;
            if !(rule.expected || required && path.len() == 1) {
                continue;
            }
            let path = path.join(".");
            match found.iter_mut().find(|(known, _)| *known == path) {
                Some((_, known)) => *known |= required,
                None => found.push((path, required)),
            }
        }
        found
    }

    /// A closed JSON Schema (draft 2020-12) of the profile: structure, cardinality, types and listed codes.
    pub fn json_schema(&self) -> Value {
        schema::of(&self.library, self.index)
    }
}

/// The type that the last step of a path spells out of a choice.
fn spelt<'a>(rule: &'a Rule, name: &str) -> Option<&'a definition::TypeRef> {
    let suffix = rule
        .name()
        .strip_suffix("[x]")
        .and_then(|stem| name.strip_prefix(stem))?;
    if suffix.is_empty() || suffix == "[x]" {
        return None;
    }
    rule.types.iter().find(|of| library::same_type(&of.code, suffix))
}

/// What a profile says about one element.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    pub min: u32,
    /// `None` is `*`.
    pub max: Option<u32>,
    repeats: bool,
    types: Vec<&'a str>,
    targets: Vec<&'a str>,
    value: Option<&'a Value>,
    binding: Option<&'a str>,
}

impl<'a> Element<'a> {
    /// Does JSON hold an array? Told by the base type: a profile with `max` 1 keeps the array.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// The types it may have: `["CodeableConcept"]`; a choice that is not spelt out has several.
    pub fn types(&self) -> &[&'a str] {
        &self.types
    }

    /// For a reference: the resource types that it may point at; empty means any.
    pub fn targets(&self) -> &[&'a str] {
        &self.targets
    }

    /// The fixed or pattern value, if there is one.
    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// The canonical of the value set that a code must come from; its codes by [`Registry::codes`].
    pub fn required_value_set(&self) -> Option<&'a str> {
        self.binding
    }
}

/// A compiled profile.
#[derive(Debug)]
pub struct Validator {
    program: Arc<Program>,
    shape: ShapeId,
    strict: bool,
    canonical: String,
}

impl Validator {
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Every issue of the resource, in document order; empty means valid. A warning does not make it invalid:
    /// see [`is_valid`].
    pub fn check(&self, resource: &Value) -> Vec<Issue> {
        Walk::new(&self.program, self.strict, resource).run(self.shape, resource)
    }
}

/// Is there no error among the issues?
pub fn is_valid(issues: &[Issue]) -> bool {
    issues.iter().all(|issue| issue.severity > Severity::Error)
}

#[cfg(test)]
mod tests;
