//! Every definition and value set at hand, found by canonical, id or type name.

use std::collections::HashMap;

use super::definition::{Definition, Rule, unversioned};
use super::value_set::ValueSets;

#[derive(Debug, Default)]
pub(super) struct Library {
    definitions: Vec<Definition>,
    by_name: HashMap<String, usize>,
    pub(super) value_sets: ValueSets,
    /// The texts of the invariants in own words.
    pub(super) texts: HashMap<String, String>,
    /// A hash of what was loaded besides the program's own; empty if that is nothing.
    pub(super) version: String,
}

impl Library {
    /// Adds a definition; the first one under a canonical stays, so a package cannot replace what is built in.
    pub(super) fn add(&mut self, definition: Definition) {
        if self.by_name.contains_key(&definition.url) {
            return;
        }
        let index = self.definitions.len();
        self.by_name.insert(definition.url.clone(), index);
        self.by_name.entry(definition.name.clone()).or_insert(index);
        self.definitions.push(definition);
    }

    pub(super) fn find(&self, name_or_canonical: &str) -> Option<&Definition> {
        self.index(name_or_canonical).map(|index| &self.definitions[index])
    }

    pub(super) fn index(&self, name_or_canonical: &str) -> Option<usize> {
        self.by_name.get(unversioned(name_or_canonical)).copied()
    }

    pub(super) fn all(&self) -> &[Definition] {
        &self.definitions
    }

    /// Below an element: its own children here, else those of what its content or type says.
    pub(super) fn child<'a>(
        &'a self,
        definition: &'a Definition,
        rule: &'a Rule,
        name: &str,
    ) -> Option<(&'a Definition, &'a Rule)> {
        let (within, id) = self.inside(definition, rule)?;
        find_child(within, id, name)
    }

    /// Where the children of an element stand: the definition, and the id that they are below there.
    pub(super) fn inside<'a>(
        &'a self,
        definition: &'a Definition,
        rule: &'a Rule,
    ) -> Option<(&'a Definition, &'a str)> {
        let source = rule.content.as_deref().unwrap_or(&rule.id);
        if definition.is_open(source) {
            return Some((definition, source));
        }
        let [of] = &rule.types[..] else { return None };
        let profile = of
            .profiles
            .first()
            .and_then(|url| self.find(url))
            .filter(|profile| profile.kind == of.code);
        let base = profile.or_else(|| self.find(&of.code))?;
        Some((base, &base.kind))
    }
}

/// The child of that name, or the choice that the name spells out (`valueQuantity`).
fn find_child<'a>(definition: &'a Definition, id: &str, name: &str) -> Option<(&'a Definition, &'a Rule)> {
    let within = |rule: &&Rule| rule.parent() == Some(id) && rule.slice().is_none();
    let hit = definition.rules.iter().filter(within).find(|rule| {
        let choice = || rule.name().strip_suffix("[x]").and_then(|stem| name.strip_prefix(stem));
        rule.name() == name
            || choice()
                .is_some_and(|suffix| suffix.is_empty() || rule.types.iter().any(|of| same_type(&of.code, suffix)))
    });
    hit.map(|rule| (definition, rule))
}

/// `dateTime` is spelt `DateTime` in the key of a choice.
pub(super) fn same_type(code: &str, suffix: &str) -> bool {
    code.len() == suffix.len() && code[..1].eq_ignore_ascii_case(&suffix[..1]) && code[1..] == suffix[1..]
}

/// `dateTime` as the key of a choice spells it.
pub(super) fn upper(code: &str) -> String {
    let mut letters = code.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
