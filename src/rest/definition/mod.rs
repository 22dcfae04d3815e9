//! Profiles, code systems, value sets and code tables: read, searched and expanded out of memory, by anybody.
//!
//! ```
//! use inzage::fhir::definition::Definition;
//! use inzage::mapping::Files;
//! use inzage::rest::Definitions;
//! let definitions = Definitions::new(&Files::builtin());
//! let found = definitions.read(Definition::StructureDefinition, "inzage-Rapportage").unwrap();
//! assert!(found.body.contains("\"https://inzage.dev/fhir/StructureDefinition/inzage-Rapportage\""));
//! ```
//!
//! # Design
//! What a resource claims in `meta.profile`, and every code system of this project that it uses, can be looked up at the server
//! that sent it: by id, or by canonical with `?url=`. These are the files of the program and those that the operator added, so there
//! is nothing to hide, nothing to audit and nothing to store. What is built in is never replaced. What a search compares and what
//! names a version are taken out of each file once, at the start; the rest stays text, because a package holds hundreds of large
//! ones, and a page ends after some megabytes for the same reason. A tenant with code tables of its own shares all the rest with
//! the others. An app fills its menu of report types with `$expand`.

mod asked;
mod expand;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use expand::Expansions;
pub use expand::Unexpanded;

use super::link;
use crate::config::TenantId;
use crate::fhir::bundle::{Bundle, Kind};
use crate::fhir::definition::Definition;
use crate::fhir::search::{BadParam, Handling, Summary};
use crate::fhir::types::{Id, ResourceType};
use crate::mapping::Files;
use crate::profile;
use crate::secret::{hex, sha256};
use asked::Asked;

const NUMBER: &str = "must be a number";
/// From so many bytes on nothing is added to a page.
const LARGEST: usize = 4 * 1024 * 1024;

/// Every definition that is served, by type and id.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    all: BTreeMap<(Definition, String), Arc<Entry>>,
    /// The id of each canonical.
    ids: HashMap<(Definition, String), String>,
    /// The value sets that were asked for.
    expansions: Arc<Expansions>,
}

/// What each tenant defines for its apps.
#[derive(Debug)]
pub struct Served {
    shared: Arc<Definitions>,
    own: HashMap<TenantId, Arc<Definitions>>,
}

impl Served {
    /// The definitions of the program and the operator; those of each tenant with patches, which these files are patched with.
    pub fn new(more: &profile::More, patched: &HashMap<TenantId, Files>) -> Self {
        let shared = Arc::new(Definitions::new(&Files::builtin()).with(more));
        let own = patched.iter();
        Self {
            own: own
                .map(|(tenant, files)| (tenant.clone(), Arc::new(shared.with_tables(files))))
                .collect(),
            shared,
        }
    }

    /// Those of no tenant in particular.
    pub fn shared(&self) -> &Definitions {
        &self.shared
    }

    pub fn of(&self, tenant: &TenantId) -> &Arc<Definitions> {
        self.own.get(tenant).unwrap_or(&self.shared)
    }
}

#[derive(Debug)]
struct Entry {
    body: String,
    tag: String,
    /// The type that a profile is of.
    of: Option<String>,
    url: String,
    /// What each search parameter of the type finds in it, in their order.
    found: Vec<Vec<String>>,
    of_whom: OfWhom,
}

/// Where a definition comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfWhom {
    /// The program, or the operator's own folder.
    Own,
    /// The mapping files, which a tenant may patch.
    Table,
    Package,
}

/// A definition that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    pub body: &'a str,
    /// Changes with the body.
    pub tag: &'a str,
}

impl Definitions {
    /// Those of the program, with the code tables of these mapping files.
    pub fn new(files: &Files) -> Self {
        let mut all = Self::default();
        profile::definitions().for_each(|text| all.read_in(text, OfWhom::Own));
        files.tables().for_each(|text| all.read_in(&text, OfWhom::Table));
        all
    }

    /// The same with other mapping files: those of a tenant with patches.
    #[must_use]
    pub fn with_tables(&self, files: &Files) -> Self {
        let mut all = self.clone();
        all.all.retain(|_, entry| entry.of_whom != OfWhom::Table);
        all.ids
            .retain(|(kind, _), id| all.all.contains_key(&(*kind, id.clone())));
        files.tables().for_each(|text| all.read_in(&text, OfWhom::Table));
        let lists_codes = |((kind, _), entry): (&(Definition, String), &Arc<Entry>)| {
            entry.of_whom == OfWhom::Table && *kind != Definition::ConceptMap
        };
        if all.all.iter().any(lists_codes) {
            // A patch can bring a value set of the tenant's own: what is listed for others is not its.
            all.expansions = Arc::default();
        }
        all
    }

    /// A file that does not read stops the start elsewhere, with its place.
    fn read_in(&mut self, text: &str, of_whom: OfWhom) {
        if let Ok(value) = serde_json::from_str(text) {
            self.add(&value, of_whom);
        }
    }

    /// Those and the operator's. What is there by the same id or canonical stays.
    #[must_use]
    pub fn with(mut self, more: &profile::More) -> Self {
        more.own.iter().for_each(|value| self.add(value, OfWhom::Own));
        more.packages.iter().for_each(|value| self.add(value, OfWhom::Package));
        self
    }

    fn add(&mut self, value: &Value, of_whom: OfWhom) {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let kind: Option<Definition> = text("resourceType").and_then(|kind| kind.parse().ok());
        let Some((kind, id)) = kind.zip(text("id").and_then(Id::parse)) else {
            return;
        };
        let url = text("url").unwrap_or_default();
        let (key, canonical) = ((kind, id.to_string()), (kind, url.to_owned()));
        if self.ids.contains_key(&canonical) || self.all.contains_key(&key) {
            return;
        }
        if !url.is_empty() {
            self.ids.insert(canonical, id.to_string());
        }
        let found = kind.params().map(|param| {
            let (path, mut texts): (Vec<&str>, _) = (param.path.split('.').collect(), Vec::new());
            walk(value, &path, &mut texts);
            texts.into_iter().map(str::to_owned).collect()
        });
        let body = value.to_string();
        let entry = Entry {
            tag: hex(&sha256(body.as_bytes())[..8]),
            of: text("type").map(str::to_owned),
            url: url.to_owned(),
            found: found.collect(),
            of_whom,
            body,
        };
        self.all.insert(key, Arc::new(entry));
    }

    /// The canonicals of the profiles of each type that is stored: those of this project and of the operator. What is in a package
    /// is checked where a resource claims it, and is no promise.
    pub fn profiles(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in self.of(Definition::StructureDefinition) {
            if let Some(kind) = &entry.of
                && entry.of_whom == OfWhom::Own
                && !entry.url.is_empty()
                && kind.parse::<ResourceType>().is_ok()
            {
                found.entry(kind.clone()).or_default().push(entry.url.clone());
            }
        }
        found
    }

    fn of(&self, kind: Definition) -> impl Iterator<Item = &Entry> {
        self.all
            .iter()
            .filter(move |((of, _), _)| *of == kind)
            .map(|(_, entry)| &**entry)
    }

    /// The id of a canonical, with a version behind it or without.
    fn id_of(&self, kind: Definition, url: &str) -> Option<&str> {
        let url = url.split('|').next().unwrap_or_default();
        self.ids.get(&(kind, url.to_owned())).map(String::as_str)
    }

    /// The whole definition.
    fn by_id(&self, kind: Definition, id: &str) -> Option<Value> {
        self.all.get(&(kind, id.to_owned())).map(|entry| entry.value())
    }

    fn by_url(&self, kind: Definition, url: &str) -> Option<Value> {
        self.by_id(kind, self.id_of(kind, url)?)
    }

    /// The resource as JSON.
    pub fn read(&self, kind: Definition, id: &str) -> Option<Read<'_>> {
        let entry = self.all.get(&(kind, id.to_owned()))?;
        Some(Read {
            body: &entry.body,
            tag: &entry.tag,
        })
    }

    /// A page of those that match, as a Bundle; `base` is the tenant's FHIR base without a slash at the end.
    pub fn search(
        &self,
        kind: Definition,
        pairs: &[(String, String)],
        handling: Handling,
        base: &str,
    ) -> Result<Vec<u8>, BadParam> {
        let asked = Asked::parse(kind, pairs, handling)?;
        let all = self.all.iter().filter(|((of, _), _)| *of == kind);
        let found: Vec<(&str, &Entry)> = all
            .filter(|(_, entry)| asked.holds(entry))
            .map(|((_, id), entry)| (id.as_str(), &**entry))
            .collect();
        let size = match asked.summary {
            Summary::Count => 0,
            Summary::False => asked.count,
        };
        let page = |offset: usize| {
            let mut pairs = asked.used.clone();
            if offset > 0 {
                pairs.push((link::NAME.to_owned(), offset.to_string()));
            }
            match link::written(&pairs) {
                none if none.is_empty() => format!("{base}/{kind}"),
                written => format!("{base}/{kind}?{written}"),
            }
        };
        let mut bundle = Bundle::new(Kind::Searchset);
        bundle.link("self", page(asked.offset));
        let total = found.len();
        let mut bytes = 0;
        let here: Vec<_> = found
            .into_iter()
            .skip(asked.offset)
            .take(size)
            .take_while(|(_, entry)| {
                let has_room = bytes < LARGEST;
                bytes += entry.body.len();
                has_room
            })
            .collect();
        let next = asked.offset.saturating_add(here.len());
        if !here.is_empty() && next < total {
            bundle.link("next", page(next));
        }
        bundle.total(total as u64);
        for (id, entry) in here {
            bundle.found(&format!("{base}/{kind}/{id}"), &entry.body);
        }
        Ok(bundle.into_bytes())
    }
}

impl Entry {
    /// The whole definition.
    fn value(&self) -> Value {
        serde_json::from_str(&self.body).expect("it was written from JSON")
    }
}

/// The texts at a path of member names; lists are walked through.
fn walk<'a>(value: &'a Value, path: &[&str], texts: &mut Vec<&'a str>) {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().for_each(|item| walk(item, path, texts)),
        (Value::String(text), None) => texts.push(text),
        (Value::Object(members), Some((name, rest))) => {
            if let Some(inner) = members.get(*name) {
                walk(inner, rest, texts);
            }
        }
        _ => {}
    }
}
