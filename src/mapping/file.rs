//! The mapping files: where they come from, and their TOML with the place of every value.
//!
//! ```
//! use inzage::mapping::Files;
//! assert!(Files::builtin().map_names().contains(&"ons/report".to_owned()));
//! ```
//!
//! # Design
//! A problem in a file is told with file and line, also after a tenant's patch was merged into it. So TOML is turned into
//! a small tree of our own in which every value keeps its [`Place`] and every table its order: the order of the lines is
//! the order of the elements in the resource.
//!
//! TOML has no null, so a patch deletes with `{ remove = true }`. RFC 7386 replaces arrays whole, which would make it useless
//! for `[[resource]]` and `[[drop]]`; those lists of named tables are keyed by their name before the merge ([`super::patch`]).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use serde_json::Number;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::remedy::Slip;
use super::{Problems, patch};

static BUILTIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mappings");

/// No mapping file is larger.
const MAX_BYTES: u64 = 4 << 20;

/// The mapping files, code tables, source schemas and examples, by path below `mappings/`.
#[derive(Clone, Debug, Default)]
pub struct Files {
    texts: BTreeMap<String, Arc<str>>,
    patches: BTreeMap<String, Patch>,
    /// Files of a folder of patches that are none.
    strays: Vec<String>,
}

/// A patch, and how its file is called in a problem.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) label: String,
    pub(super) text: Arc<str>,
}

impl Files {
    /// The files that are compiled into the program.
    pub fn builtin() -> Self {
        let mut files = Self::default();
        files.embed(&BUILTIN);
        files
    }

    fn embed(&mut self, dir: &'static Dir<'static>) {
        for file in dir.files() {
            if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
                self.add(path, text);
            }
        }
        for inner in dir.dirs() {
            self.embed(inner);
        }
    }

    /// Adds one file, or replaces the file with that path.
    pub fn add(&mut self, path: &str, text: &str) {
        self.texts.insert(path.to_owned(), text.into());
    }

    /// Adds a patch to the map file with that path.
    pub fn add_patch(&mut self, path: &str, text: &str) {
        let patch = Patch {
            label: format!("patch of {path}"),
            text: text.into(),
        };
        self.patches.insert(path.to_owned(), patch);
    }

    /// Takes every file of a directory in the form of `mappings/`; a file with the path of a known file replaces it.
    pub fn override_with(&mut self, dir: &Path) -> io::Result<()> {
        for (path, text) in read_tree(dir)? {
            self.texts.insert(path, text);
        }
        Ok(())
    }

    /// Takes every `.toml` file of a directory as a patch to the map with the same path, and every `.json` file below `tables/` as
    /// a patch to that code table.
    pub fn patch_with(&mut self, dir: &Path) -> io::Result<()> {
        for (path, text) in read_tree(dir)? {
            let label = dir.join(&path).display().to_string();
            if path.ends_with(".toml") || path.starts_with("tables/") {
                self.patches.insert(path, Patch { label, text });
            } else {
                self.strays.push(label);
            }
        }
        Ok(())
    }

    /// Files in a folder of patches that patch nothing.
    pub(super) fn strays(&self) -> &[String] {
        &self.strays
    }

    /// The maps, as `ons/report`.
    pub fn map_names(&self) -> Vec<String> {
        self.texts
            .keys()
            .filter(|path| path.matches('/').count() == 1)
            .filter_map(|path| path.strip_suffix(".toml"))
            .map(str::to_owned)
            .collect()
    }

    /// The code tables with their patches, as JSON; what is wrong with one is told when the plan is loaded.
    pub fn tables(&self) -> impl Iterator<Item = String> {
        self.patched_tables(&mut Problems::default()).into_values()
    }

    /// The code tables with their patches: how the file is called in a problem, and the text.
    pub(super) fn patched_tables(&self, problems: &mut Problems) -> BTreeMap<String, String> {
        let texts = self.below("tables/", ".json");
        let mut tables: BTreeMap<String, String> =
            texts.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        for (path, patch) in self.patches.iter().filter(|(path, _)| path.starts_with("tables/")) {
            let known = tables.get(path).map(String::as_str);
            if let Some(text) = patch::apply_to_table(known, &patch.label, &patch.text, problems) {
                tables.insert(path.clone(), text);
            }
        }
        tables
    }

    pub(super) fn get(&self, path: &str) -> Option<&Arc<str>> {
        self.texts.get(path)
    }

    pub(super) fn patch(&self, path: &str) -> Option<&Patch> {
        self.patches.get(path)
    }

    pub(super) fn patches(&self) -> impl Iterator<Item = (&str, &Patch)> {
        self.patches.iter().map(|(path, patch)| (path.as_str(), patch))
    }

    /// Path and text of each file below `folder` that ends with `ending`.
    pub(super) fn below<'a>(
        &'a self,
        folder: &'a str,
        ending: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.texts
            .range(folder.to_owned()..)
            .take_while(move |(path, _)| path.starts_with(folder))
            .filter(move |(path, _)| path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), &**text))
    }
}

/// Every `.toml` and `.json` file below `dir`, by its path with `/`.
fn read_tree(dir: &Path) -> io::Result<BTreeMap<String, Arc<str>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![(dir.to_path_buf(), String::new())];
    while let Some((dir, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), format!("{path}/")));
            } else if path.ends_with(".toml") || path.ends_with(".json") {
                if entry.metadata()?.len() > MAX_BYTES {
                    return Err(io::Error::other(format!("{path} is larger than {MAX_BYTES} bytes")));
                }
                found.insert(path, std::fs::read_to_string(entry.path())?.into());
            }
        }
    }
    Ok(found)
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Arc<str>,
    pub(super) line: usize,
}

/// A TOML value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) item: Item,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Text(String),
    Number(Number),
    Bool(bool),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.item {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Takes an entry of a table out.
    pub(super) fn take(&mut self, key: &str) -> Option<Self> {
        let Item::Table(entries) = &mut self.item else {
            return None;
        };
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(at).1)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.item {
            Item::Table(entries) => entries.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, node)| node)
    }

    /// The entries of a table; none for any other value.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match &self.item {
            Item::Table(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn removes(&self) -> bool {
        matches!(self.get("remove").map(|node| &node.item), Some(Item::Bool(true)))
    }
}

/// Reads one map file and its patch into one tree; what is wrong goes to `problems`.
pub(super) fn parse_map(files: &Files, path: &str, problems: &mut Problems) -> Option<Node> {
    let text = files.get(path)?;
    let mut map = parse(path, text, problems)?;
    name_lists(&mut map, problems);
    let Some(patch) = files.patch(path) else {
        return Some(map);
    };
    let mut tree = parse(&patch.label, &patch.text, problems)?;
    name_lists(&mut tree, problems);
    Some(patch::apply(map, tree, &patch::print_of(text), problems))
}

fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Node> {
    let file: Arc<str> = file.into();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let place = |at: usize| Place {
        file: file.clone(),
        line: starts.partition_point(|start| *start <= at),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let start = starts.iter().rev().find(|start| **start <= at).copied().unwrap_or(0);
        let line = text
            .get(start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        let remedy = if line.contains("null") {
            "TOML has no null: a patch deletes with `{ remove = true }`"
        } else {
            "correct the line"
        };
        problems.push(
            &place(at),
            "",
            Slip::new(format!("not TOML: {}", error.message()), remedy),
        );
    }
    errors.is_empty().then(|| Node {
        place: place(0),
        item: table_of(table.get_ref(), &place),
    })
}

fn table_of(table: &DeTable<'_>, place: &impl Fn(usize) -> Place) -> Item {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, value)| (key.span().start, value.span().start));
    Item::Table(
        entries
            .into_iter()
            .map(|(key, value)| (key.get_ref().to_string(), node_of(value, Some(key.span().start), place)))
            .collect(),
    )
}

fn node_of(value: &Spanned<DeValue<'_>>, key: Option<usize>, place: &impl Fn(usize) -> Place) -> Node {
    let item = match value.get_ref() {
        DeValue::String(text) => Item::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Item::Text(number.as_str().to_owned()), |n| Item::Number(n.into())),
        DeValue::Float(number) => number
            .as_str()
            .parse::<Number>()
            .map_or_else(|_| Item::Text(number.as_str().to_owned()), Item::Number),
        DeValue::Boolean(value) => Item::Bool(*value),
        DeValue::Datetime(moment) => Item::Text(moment.to_string()),
        DeValue::Array(values) => Item::List(values.iter().map(|value| node_of(value, None, place)).collect()),
        DeValue::Table(table) => table_of(table, place),
    };
    Node {
        place: place(key.unwrap_or(value.span().start)),
        item,
    }
}

/// Turns `[[resource]]` and every `[[… drop]]` into tables keyed by name, so that a patch can reach one of them.
fn name_lists(map: &mut Node, problems: &mut Problems) {
    name_list(map, "resource", &["name", "profile"], problems);
    name_list(map, "drop", &["rule"], problems);
    if let Some(Node {
        item: Item::Table(lists),
        ..
    }) = map.get_mut("list")
    {
        for (_, list) in lists {
            name_list(list, "drop", &["rule"], problems);
        }
    }
}

/// `names` are the keys that name a member, the first one that it has.
fn name_list(table: &mut Node, key: &str, names: &[&str], problems: &mut Problems) {
    let Some(node) = table.get_mut(key) else { return };
    let Item::List(members) = &mut node.item else { return };
    let mut named: Vec<(String, Node)> = Vec::new();
    for member in std::mem::take(members) {
        let given = names
            .iter()
            .find_map(|name| member.get(name).and_then(Node::text))
            .map(str::to_owned);
        match given {
            None => {
                let name = names.first().copied().unwrap_or_default();
                problems.push(&member.place, key, format!("add `{name} = \"…\"`, unique in this map"));
            }
            Some(given) if named.iter().any(|(known, _)| *known == given) => {
                problems.push(
                    &member.place,
                    key,
                    Slip::new(format!("`{given}` is there twice"), "give one another name"),
                );
            }
            Some(given) => named.push((given, member)),
        }
    }
    node.item = Item::Table(named);
}
