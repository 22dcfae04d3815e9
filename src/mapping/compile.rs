//! One map file into one [`Map`]: drop rules, named lists, resources.
//!
//! # Design
//! The compiler never stops at a fault; it notes it and goes on with what it understood, so that one run tells everything.
//! What it returns with problems noted is never run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Problems;
use super::file::{Item, Node};
use super::plan::{List, Map, Origin, Resource};
use super::remedy::{Slip, meant};
use super::schema::Schema;
use super::shape::Shapes;
use super::source::Field;
use super::table::Table;
use super::verb::Key;
use super::walk::around;

pub(super) struct Compiler<'a> {
    pub(super) shapes: &'a dyn Shapes,
    pub(super) tables: &'a BTreeMap<String, Arc<Table>>,
    pub(super) schema: Option<Schema>,
    pub(super) problems: &'a mut Problems,
    pub(super) lists: Vec<List>,
    /// The keys of each list that the current place stands in.
    pub(super) within: Vec<Vec<String>>,
    /// The named list that the current place stands in.
    pub(super) inside: Option<usize>,
    pub(super) profile: String,
    slots: Vec<String>,
}

/// The keys of a table, each taken once; what nobody took is told.
pub(super) struct Keys<'n> {
    node: &'n Node,
    taken: Vec<&'static str>,
}

impl<'n> Keys<'n> {
    pub(super) fn of(node: &'n Node) -> Self {
        Self {
            node,
            taken: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.taken.push(key);
        self.node.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some()
    }

    pub(super) fn finish(self, element: &str, problems: &mut Problems) {
        for (key, node) in self.node.entries() {
            if !self.taken.contains(&key.as_str()) {
                let known = self.taken.join("`, `");
                problems.push(
                    &node.place,
                    element,
                    Slip::new(format!("`{key}` has no meaning here"), format!("known are `{known}`")),
                );
            }
        }
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        shapes: &'a dyn Shapes,
        tables: &'a BTreeMap<String, Arc<Table>>,
        schema: Option<Schema>,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            shapes,
            tables,
            schema,
            problems,
            lists: Vec::new(),
            within: Vec::new(),
            inside: None,
            profile: String::new(),
            slots: Vec::new(),
        }
    }

    pub(super) fn map(mut self, name: &str, tree: &Node, version: String) -> Map {
        let mut keys = Keys::of(tree);
        let given = keys.take("map");
        if given.and_then(Node::text) != Some(name) {
            let place = given.map_or(&tree.place, |node| &node.place);
            self.problems.push(
                place,
                "map",
                Slip::new(
                    format!("the file is `{name}.toml`"),
                    format!("write `map = \"{name}\"`"),
                ),
            );
        }
        let about = keys.take("about").and_then(Node::text).unwrap_or_default().to_owned();
        let patient = keys.take("patient").and_then(|node| self.key(node, "patient"));
        if let Some(lists) = keys.take("list") {
            for (name, list) in lists.entries() {
                self.list(name, list);
            }
        }
        let drops = self.rules(keys.take("drop"), "drop");
        let every = keys.take("every").and_then(|every| every.get("set"));
        let resources = match keys.take("resource") {
            Some(node) if !node.entries().is_empty() => node
                .entries()
                .iter()
                .filter_map(|(name, node)| self.resource(name, node, every))
                .collect(),
            _ => {
                self.problems
                    .push(&tree.place, "resource", "a map makes something: add a `[[resource]]`");
                Vec::new()
            }
        };
        keys.finish("", self.problems);
        Map {
            about,
            version,
            patient,
            drops,
            lists: self.lists,
            resources,
            slots: self.slots.len(),
            schema: self.schema,
        }
    }

    fn list(&mut self, name: &str, node: &Node) {
        let at = format!("list.{name}");
        let mut keys = Keys::of(node);
        let from = keys.take("from");
        let outer = match (keys.take("in"), keys.take("of")) {
            (Some(node), None) => self.named_list(node, &at).map(|list| (list, true)),
            (None, Some(node)) => self.named_list(node, &at).map(|list| (list, false)),
            (None, None) => None,
            (Some(node), Some(_)) => {
                self.problems
                    .push(&node.place, &at, "a list has `in` or `of`, not both");
                None
            }
        };
        self.enter(match outer {
            Some((list, true)) => Some(list),
            _ => None,
        });
        let from = from.and_then(|node| self.field(node, &at));
        self.enter(None);
        let origin = match (outer, from) {
            (Some((list, true)), Some(field)) => Origin::Inside(list, field),
            (Some((list, false)), None) => Origin::Of(list),
            (None, Some(field)) => Origin::Record(field),
            _ => {
                let message = "write `from = \"field\"`, or `in = \"list\", from = \"field\"`, or `of = \"list\"`";
                self.problems.push(&node.place, &at, message);
                keys.take("drop");
                return keys.finish(&at, self.problems);
            }
        };
        self.lists.push(List {
            name: name.to_owned(),
            origin,
            drops: Vec::new(),
        });
        let index = self.lists.len() - 1;
        self.enter(Some(index));
        let drops = self.rules(keys.take("drop"), &format!("{at}.drop"));
        self.enter(None);
        if let Some(list) = self.lists.get_mut(index) {
            list.drops = drops;
        }
        keys.finish(&at, self.problems);
    }

    /// The named list that each member of `list` stands in.
    pub(super) fn outer_of(&self, list: usize) -> Option<usize> {
        match self.lists.get(list)?.origin {
            Origin::Record(_) => None,
            Origin::Inside(outer, _) => Some(outer),
            Origin::Of(base) => self.outer_of(base),
        }
    }

    /// Goes into a named list, or back to the record.
    pub(super) fn enter(&mut self, list: Option<usize>) {
        self.inside = list;
        self.within = around(&self.lists, list);
    }

    /// The list with this name, which must stand above.
    pub(super) fn named_list(&mut self, node: &Node, at: &str) -> Option<usize> {
        let name = self.text(node, at)?;
        let found = self.lists.iter().position(|list| list.name == name);
        if found.is_none() {
            let message = format!("there is no `[list.{name}]` above this line");
            self.problems.push(&node.place, at, message);
        }
        found
    }

    fn resource(&mut self, name: &str, node: &Node, every: Option<&Node>) -> Option<Resource> {
        let at = format!("resource.{name}");
        let mut keys = Keys::of(node);
        keys.take("name");
        let profile_node = keys.take("profile");
        let kind_node = keys.take("type");
        let also = keys.take("also");
        let each = keys.take("each").and_then(|node| self.named_list(node, &at));
        self.enter(each);
        let key = keys.take("id");
        if key.is_none() {
            self.problems
                .push(&node.place, &at, "add `id = [\"<ecd>\", \"<kind>\", \"<field>\"]`");
        }
        let key = key.and_then(|node| self.key(node, &at));
        let when = keys.take("when").map(|when| self.when(when, &at)).unwrap_or_default();
        let profile = profile_node.and_then(|node| self.text(node, &at));
        let known = profile.and_then(|profile| self.shapes.profile(profile));
        if known.is_none() {
            let place = profile_node.map_or(&node.place, |node| &node.place);
            let message = match profile {
                Some(profile) => {
                    let message = format!("no profile `{profile}` in `profiles/` or the loaded packages");
                    Slip::maybe(message, meant(profile, &self.shapes.profiles()))
                }
                None => "add `profile = \"…\"`, the profile that the resource must meet".into(),
            };
            self.problems.push(place, &at, message);
        }
        let (canonical, kind) = known.unzip();
        let given = kind_node.and_then(|node| self.text(node, &at));
        if let (Some(kind), given) = (&kind, given)
            && given != Some(kind)
        {
            let place = kind_node.map_or(&node.place, |node| &node.place);
            self.problems.push(
                place,
                &at,
                Slip::new(
                    format!("the profile is of {kind}"),
                    format!("write `type = \"{kind}\"`"),
                ),
            );
        }
        let kind = kind.and_then(|kind| {
            let parsed = kind.parse();
            if parsed.is_err() {
                let message = format!("the server does not keep the type {kind}");
                self.problems.push(&node.place, &at, message);
            }
            parsed.ok()
        });
        let mut claims: Vec<Value> = canonical.iter().map(|claim| claim.as_str().into()).collect();
        for claim in also.map_or(&[][..], list) {
            claims.extend(self.text(claim, &at).map(Value::from));
        }
        self.profile = profile.unwrap_or_default().to_owned();
        let body = match (keys.take("set"), kind.is_some()) {
            (Some(set), true) => self.body(set, every),
            (Some(_), false) => return None,
            (None, _) => {
                let message = format!("add `[resource.set]` with the elements of {name}");
                self.problems.push(&node.place, &at, message);
                return None;
            }
        };
        keys.finish(&at, self.problems);
        self.enter(None);
        Some(Resource {
            name: name.to_owned(),
            kind: kind?,
            profile: canonical?.into(),
            claims: Value::Array(claims),
            key: key?,
            when,
            each,
            body,
        })
    }

    /// `["ons", "report", "id"]`: two constants, then fields.
    pub(super) fn key(&mut self, node: &Node, at: &str) -> Option<Key> {
        let parts: Vec<&str> = list(node).iter().filter_map(Node::text).collect();
        let ([ecd, kind, fields @ ..], Item::List(nodes)) = (parts.as_slice(), &node.item) else {
            return self.bad_key(node, at);
        };
        if fields.is_empty() || nodes.len() != parts.len() {
            return self.bad_key(node, at);
        }
        let of = vec![(*ecd).to_owned(), (*kind).to_owned()];
        let fields: Vec<Field> = nodes.iter().skip(2).filter_map(|node| self.field(node, at)).collect();
        let depth = self.within.len();
        let slot = fields.iter().all(|field| field.is_of_the_record(depth)).then(|| {
            // `/id` in a list and `id` in the record are one key.
            let name = fields
                .iter()
                .map(|field| field.keys(&self.within).join("."))
                .chain(of.iter().cloned())
                .collect::<Vec<_>>()
                .join("|");
            self.slots.iter().position(|known| *known == name).unwrap_or_else(|| {
                self.slots.push(name);
                self.slots.len() - 1
            })
        });
        Some(Key { of, fields, slot })
    }

    fn bad_key(&mut self, node: &Node, at: &str) -> Option<Key> {
        let message = "a key is `[\"<ecd>\", \"<kind>\", \"<field>\", …]`: two words, then one or more fields";
        self.problems.push(&node.place, at, message);
        None
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, at: &str) -> Option<&'n str> {
        let text = node.text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.problems.push(&node.place, at, "here stands a text in quotes");
        }
        text
    }

    /// A path of the source, known to its schema.
    pub(super) fn field(&mut self, node: &Node, at: &str) -> Option<Field> {
        let field = match Field::parse(self.text(node, at)?) {
            Ok(field) => field,
            Err(message) => {
                self.problems.push(&node.place, at, message);
                return None;
            }
        };
        let keys = field.keys(&self.within);
        if self.schema.as_ref().is_some_and(|schema| !schema.knows(&keys)) {
            let there = self
                .schema
                .as_ref()
                .map(|schema| schema.beside(&keys))
                .unwrap_or_default();
            let last = keys.last().map_or("", String::as_str);
            let remedy = meant(last, &there)
                .unwrap_or_else(|| "see the source schema beside the map for the fields there are".to_owned());
            let message = format!("the source has no field `{field}` here");
            self.problems.push(&node.place, at, Slip::new(message, remedy));
        }
        Some(field)
    }
}

pub(super) fn list(node: &Node) -> &[Node] {
    match &node.item {
        Item::List(nodes) => nodes,
        _ => &[],
    }
}
