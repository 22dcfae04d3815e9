//! The compiled maps: read and checked once at start, then only walked.
//!
//! # Design
//! The lines of a resource become a tree in the shape of the resource, constants ready as JSON, paths and tables resolved.
//! What a map can get wrong is told at load, for all files at once, because an operator who fixes one line a start
//! gives up at the fifth.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::fhir::types::ResourceType;
use crate::profile::Registry;
use crate::secret;

use super::compile::Compiler;
use super::file::{Files, Place, parse_map};
use super::remedy::{Slip, meant};
use super::schema::Schema;
use super::shape::Shapes;
use super::source::Field;
use super::table::Table;
use super::verb::{Key, Line};
use super::when::When;
use super::{Problem, Problems};

/// Every map, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) maps: BTreeMap<String, Map>,
}

#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) about: String,
    /// A short hash of everything that decides the outcome.
    pub(super) version: String,
    pub(super) patient: Option<Key>,
    pub(super) drops: Vec<Rule>,
    pub(super) lists: Vec<List>,
    pub(super) resources: Vec<Resource>,
    /// How many ids are remembered during one record.
    pub(super) slots: usize,
    pub(super) schema: Option<Schema>,
}

/// A drop rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) when: When,
}

/// A named list: the members of a source list that no rule drops.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) drops: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A list of the record.
    Record(Field),
    /// A list in each member of another list.
    Inside(usize, Field),
    /// The members of another list, with more rules.
    Of(usize),
}

/// What is made of a record, or of each member of a list.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) name: String,
    pub(super) kind: ResourceType,
    pub(super) profile: Arc<str>,
    /// `meta.profile`.
    pub(super) claims: Value,
    pub(super) key: Key,
    pub(super) when: When,
    pub(super) each: Option<usize>,
    pub(super) body: Object,
}

/// An object of the resource, in the order of its lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) members: Vec<Member>,
    /// Whether any line below takes its value from the source.
    pub(super) reads: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// The profile wants it wherever its object is.
    pub(super) required: bool,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    One(Template),
    Many(Vec<Slot>),
}

/// A place in an array: one element, or one for each member of a list.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) index: usize,
    pub(super) each: Option<Each>,
    pub(super) template: Template,
}

#[derive(Clone, Debug)]
pub(super) struct Each {
    pub(super) members: Members,
    pub(super) when: When,
    /// What is in the array already is not put there again.
    pub(super) distinct: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Members {
    Named(usize),
    Field(Field),
}

#[derive(Clone, Debug)]
pub(super) enum Template {
    Object(Object),
    Line(Box<Line>),
}

impl Template {
    pub(super) fn reads(&self) -> bool {
        match self {
            Self::Object(object) => object.reads,
            Self::Line(line) => line.reads(),
        }
    }
}

impl Plan {
    /// Reads and checks every map; the problems of all files at once.
    pub fn load(files: &Files, registry: &Registry) -> Result<Self, Vec<Problem>> {
        Self::load_with(files, registry)
    }

    pub(super) fn load_with(files: &Files, shapes: &dyn Shapes) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let tables = load_tables(files, &mut problems);
        let mut maps = BTreeMap::new();
        for name in files.map_names() {
            let path = format!("{name}.toml");
            let Some(tree) = parse_map(files, &path, &mut problems) else {
                continue;
            };
            let schema = load_schema(files, &name, &mut problems);
            let compiler = Compiler::new(shapes, &tables, schema, &mut problems);
            let map = compiler.map(&name, &tree, version(files, &name));
            maps.insert(name, map);
        }
        let names = files.map_names();
        for (path, patch) in files.patches().filter(|(path, _)| path.ends_with(".toml")) {
            let name = path.trim_end_matches(".toml");
            if !names.iter().any(|known| known == name) {
                let message = "there is no map with this path, so the patch would do nothing";
                problems.push(&top_of(&patch.label), "", Slip::maybe(message, meant(name, &names)));
            }
        }
        for stray in files.strays() {
            let message = "patches nothing: a patch of a map is TOML (`ons/report.toml`, where `{ remove = true }` stands for null), \
                           one of a code table stands in `tables/`";
            problems.push(&top_of(stray), "", message);
        }
        if problems.is_empty() {
            Ok(Self { maps })
        } else {
            Err(problems.into_sorted())
        }
    }

    /// The maps, as `ons/report`.
    pub fn map_names(&self) -> impl Iterator<Item = &str> {
        self.maps.keys().map(String::as_str)
    }

    /// Of these report types the first that the map does not know.
    ///
    /// A map knows the types that its rule `type-not-published` lets through.
    pub fn unknown_report_type<'t>(&self, map: &str, types: &'t [String]) -> Option<&'t str> {
        let rules = self.maps.get(map).into_iter().flat_map(|map| &map.drops);
        let known: Vec<String> = rules
            .filter(|rule| rule.name == "type-not-published")
            .flat_map(|rule| rule.when.let_through())
            .collect();
        types.iter().find(|one| !known.contains(one)).map(String::as_str)
    }

    /// A short hash of the map with its patch and the tables: a record mapped by the same version gives the same resources.
    pub fn version(&self, map: &str) -> Option<&str> {
        self.maps.get(map).map(|map| map.version.as_str())
    }
}

/// The first line of a file.
fn top_of(file: &str) -> Place {
    Place {
        file: file.into(),
        line: 1,
    }
}

fn load_tables(files: &Files, problems: &mut Problems) -> BTreeMap<String, Arc<Table>> {
    let mut tables = BTreeMap::new();
    for (path, text) in files.patched_tables(problems) {
        let name = path.trim_start_matches("tables/").trim_end_matches(".json");
        // A fault in a table that has a patch is most likely in the patch.
        let label = files.patch(&path).map_or(path.as_str(), |patch| &patch.label);
        match Table::parse(&text) {
            Ok(table) => {
                tables.insert(name.to_owned(), Arc::new(table));
            }
            Err(faults) => {
                for (element, message) in faults {
                    problems.push(&top_of(label), &element, message);
                }
            }
        }
    }
    tables
}

fn load_schema(files: &Files, map: &str, problems: &mut Problems) -> Option<Schema> {
    let path = format!("{map}.source.json");
    match Schema::parse(files.get(&path)?) {
        Ok(schema) => Some(schema),
        Err(message) => {
            problems.push(&top_of(&path), "", message);
            None
        }
    }
}

fn version(files: &Files, map: &str) -> String {
    let path = format!("{map}.toml");
    let mut all = Vec::new();
    let patch = files.patch(&path).map(|patch| &patch.text);
    for text in [files.get(&path), patch].into_iter().flatten() {
        all.extend_from_slice(&secret::sha256(text.as_bytes()));
    }
    for (path, text) in files.below("tables/", ".json") {
        all.extend_from_slice(&secret::sha256(text.as_bytes()));
        if let Some(patch) = files.patch(path) {
            all.extend_from_slice(&secret::sha256(patch.text.as_bytes()));
        }
    }
    // A table of the tenant's own has no text below it.
    let own = files
        .patches()
        .filter(|(path, _)| path.starts_with("tables/") && files.get(path).is_none());
    for (_, patch) in own {
        all.extend_from_slice(&secret::sha256(patch.text.as_bytes()));
    }
    let mut hash = secret::hex(&secret::sha256(&all));
    hash.truncate(16);
    hash
}
