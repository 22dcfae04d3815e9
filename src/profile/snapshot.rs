//! Applies a differential to its base: the snapshot of this project's own profiles is made in memory.
//!
//! # Design
//! A differential may name an element that the base does not spell out (`Observation.code.coding`): then the children of
//! the type (`CodeableConcept`) are written out under the element first. A new slice starts as a copy of the element that
//! it is a slice of, with `min` 0. Nothing may be loosened: a range wider than that of the base is an error.

use super::definition::{Definition, Rule, TypeRef};
use super::library::Library;
use super::structure::{Change, Structure, Wrong};
use super::table::below;

/// The definition with every element of its base.
pub(super) fn expand(structure: Structure, library: &Library) -> Result<Definition, Vec<Wrong>> {
    let Structure {
        mut definition,
        base,
        changes,
    } = structure;
    let Some(base) = base else { return Ok(definition) };
    let Some(base) = library.find(&base) else {
        return Err(vec![Wrong::new(
            definition.kind.clone(),
            "the base definition is not known",
        )]);
    };
    if base.kind != definition.kind {
        return Err(vec![Wrong::new(
            definition.kind.clone(),
            "the base definition has another type",
        )]);
    }
    let differential = std::mem::replace(&mut definition.rules, base.rules.clone());
    let mut wrongs = Vec::new();
    for (rule, change) in differential.into_iter().zip(changes) {
        let applied = place(&mut definition.rules, &rule.id, library)
            .and_then(|at| merge(&mut definition.rules[at], rule, change));
        wrongs.extend(applied.err());
    }
    if wrongs.is_empty() { Ok(definition) } else { Err(wrongs) }
}

/// The index of the rule with this id, made when the base implies it.
fn place(rules: &mut Vec<Rule>, id: &str, library: &Library) -> Result<usize, Wrong> {
    if let Some(at) = rules.iter().position(|rule| rule.id == id) {
        return Ok(at);
    }
    let asked = Rule {
        id: id.to_owned(),
        ..Rule::default()
    };
    if asked.slice().is_some() {
        let at = place(rules, asked.unsliced(), library)?;
        let slice = Rule {
            id: id.to_owned(),
            min: 0,
            slicing: None,
            value: None,
            ..rules[at].clone()
        };
        let end = end_of(rules, asked.unsliced());
        rules.insert(end, slice);
        return Ok(end);
    }
    let parent = asked
        .parent()
        .ok_or_else(|| Wrong::new(id, "the root must be the type of the base"))?;
    let at = place(rules, parent, library)?;
    open(rules, at, library)?;
    rules
        .iter()
        .position(|rule| rule.id == id)
        .ok_or_else(|| Wrong::new(id, "no such element in the base"))
}

/// Behind the element, its children and its slices.
fn end_of(rules: &[Rule], id: &str) -> usize {
    let within = |rule: &Rule| {
        rule.id
            .strip_prefix(id)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
    };
    rules.iter().rposition(within).map_or(rules.len(), |last| last + 1)
}

/// Writes out the children of an element.
fn open(rules: &mut Vec<Rule>, at: usize, library: &Library) -> Result<(), Wrong> {
    let rule = rules[at].clone();
    let child_of = |id: &str, one: &Rule| one.id.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'));
    if rules.iter().any(|one| child_of(&rule.id, one)) {
        return Ok(());
    }
    let source = rule.content.clone().unwrap_or_else(|| rule.unsliced().to_owned());
    let mut children: Vec<Rule> = if source == rule.id {
        Vec::new()
    } else {
        rules
            .iter()
            .filter(|one| child_of(&source, one))
            .map(|one| below(one, &source, &rule.id))
            .collect()
    };
    if children.is_empty() {
        let of = match &rule.types[..] {
            [of] => of,
            _ => {
                return Err(Wrong::new(
                    rule.id,
                    "has several types; narrow it to one before naming its children",
                ));
            }
        };
        let profile = of.profiles.first().and_then(|url| library.find(url));
        let base = profile.or_else(|| library.find(&of.code));
        let base = base.ok_or_else(|| Wrong::new(rule.id.clone(), "its type is not known"))?;
        children = base.rules[1..]
            .iter()
            .map(|one| below(one, &base.kind, &rule.id))
            .collect();
    }
    rules.splice(at + 1..at + 1, children);
    Ok(())
}

fn merge(rule: &mut Rule, over: Rule, change: Change) -> Result<(), Wrong> {
    let wrong = |message: &str| Err(Wrong::new(over.id.clone(), message));
    if change.min {
        if over.min < rule.min && over.slice().is_none() {
            return wrong("min is below that of the base");
        }
        rule.min = over.min;
    }
    if change.max {
        if rule.max.is_some_and(|max| over.max.is_none_or(|over| over > max)) {
            return wrong("max is above that of the base");
        }
        rule.max = over.max;
    }
    if rule.max.is_some_and(|max| rule.min > max) {
        return wrong("min is above max");
    }
    if change.types {
        for of in &over.types {
            let known = rule.types.iter().find(|known| known.code == of.code);
            if known.is_none() {
                return wrong("a type is not one of the base");
            }
        }
        rule.types = over.types.into_iter().map(|of| narrowed(of, &rule.types)).collect();
    }
    rule.expected = true;
    rule.value = over.value.or(rule.value.take());
    rule.binding = over.binding.or(rule.binding.take());
    rule.least = over.least.or(rule.least.take());
    rule.most = over.most.or(rule.most.take());
    rule.max_length = over.max_length.or(rule.max_length);
    rule.slicing = over.slicing.or(rule.slicing.take());
    for constraint in over.constraints {
        if !rule.constraints.iter().any(|known| known.key == constraint.key) {
            rule.constraints.push(constraint);
        }
    }
    Ok(())
}

/// A type without profiles or targets of its own keeps those of the base.
fn narrowed(mut of: TypeRef, base: &[TypeRef]) -> TypeRef {
    if let Some(known) = base.iter().find(|known| known.code == of.code) {
        if of.targets.is_empty() {
            of.targets.clone_from(&known.targets);
        }
        if of.profiles.is_empty() {
            of.profiles.clone_from(&known.profiles);
        }
    }
    of
}
