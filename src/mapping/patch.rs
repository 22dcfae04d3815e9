//! A tenant's own changes to the maps and code tables of the program: merge patches (RFC 7386).
//!
//! ```toml
//! [resource.inzage-Rapportage.set]
//! "note[0].text" = { remove = true }        # TOML has no null
//! ```
//!
//! # Design
//! A patch may withhold more, never less: it adds drop rules and cannot touch one. To withhold less, a file takes the place of
//! the whole map, and says with `replaces` which map its author looked at; when a new release brings another one, the start
//! stops until somebody has looked again. So no update of the program can lose a rule without anybody noticing.
//!
//! What a patch names must be there. A patch of a resource, line or code that the program does not have (any more) would do
//! nothing in silence, and the one who wrote it would believe otherwise.

use serde_json::Value;

use super::Problems;
use super::file::{Item, Node, Place};
use super::remedy::{Slip, meant_of};
use crate::secret;

/// Which map a file was written against: a short hash of its text.
pub(super) fn print_of(text: &str) -> String {
    let mut print = secret::hex(&secret::sha256(text.as_bytes()));
    print.truncate(16);
    print
}

/// The map with its patch, or the file that takes its place. `print` is that of the map.
pub(super) fn apply(mut map: Node, mut patch: Node, print: &str, problems: &mut Problems) -> Node {
    if let Some(replaces) = patch.take("replaces") {
        if replaces.text() != Some(print) {
            let slip = Slip::new(
                format!("the map that this file replaces is now `{print}`"),
                format!("compare the two (see `inzage map explain`), then write `replaces = \"{print}\"`"),
            );
            problems.push(&replaces.place, "replaces", slip);
        }
        return patch;
    }
    keep_the_drop_rules(&map, &mut patch, problems);
    keep_what_is_there(&map, &mut patch, problems);
    merge(&mut map, patch, "", problems);
    map
}

fn only_adds() -> Slip {
    Slip::new(
        "a patch can only add drop rules",
        "to withhold less, let the file replace the whole map (`replaces`, mappings/README.md)",
    )
}

/// A tenant may withhold more than the product's map, never less. What would do so is told and taken out of the patch.
fn keep_the_drop_rules(map: &Node, patch: &mut Node, problems: &mut Problems) {
    only_add_rules(Some(map), patch, "", problems);
    if !is_a_table(patch, "list", "list", problems) {
        return;
    }
    let Some(lists) = patch.get_mut("list") else { return };
    for name in names(lists) {
        let at = format!("list.{name}");
        let known = map.get("list").and_then(|lists| lists.get(&name));
        if is_a_table(lists, &name, &at, problems)
            && let Some(list) = lists.get_mut(&name)
        {
            only_add_rules(known, list, &format!("{at}."), problems);
        }
    }
}

fn only_add_rules(map: Option<&Node>, patch: &mut Node, at: &str, problems: &mut Problems) {
    if !is_a_table(patch, "drop", &format!("{at}drop"), problems) {
        return;
    }
    let Some(rules) = patch.get_mut("drop") else { return };
    let known = map.and_then(|map| map.get("drop"));
    for rule in names(rules) {
        if known.is_some_and(|known| known.get(&rule).is_some())
            && let Some(node) = rules.take(&rule)
        {
            problems.push(&node.place, &format!("{at}drop.{rule}"), only_adds());
        }
    }
}

/// Whether the entry is absent or a table that is not removed; otherwise it is told and taken out.
fn is_a_table(patch: &mut Node, key: &str, at: &str, problems: &mut Problems) -> bool {
    let is_well = patch
        .get(key)
        .is_none_or(|node| !node.removes() && matches!(node.item, Item::Table(_)));
    if !is_well && let Some(node) = patch.take(key) {
        problems.push(&node.place, at, only_adds());
    }
    is_well
}

/// A resource that the map does not have is either a slip of the pen or a new one, which says what it is.
fn keep_what_is_there(map: &Node, patch: &mut Node, problems: &mut Problems) {
    let (Some(known), Some(patched)) = (map.get("resource"), patch.get_mut("resource")) else {
        return;
    };
    for name in names(patched) {
        let is_new = patched.get(&name).is_some_and(|node| node.get("profile").is_some());
        if known.get(&name).is_none()
            && !is_new
            && let Some(node) = patched.take(&name)
        {
            let there = names(known);
            let slip = Slip::maybe(format!("the map has no resource `{name}`"), meant_of(&name, &there));
            problems.push(&node.place, &format!("resource.{name}"), slip);
        }
    }
}

fn names(node: &Node) -> Vec<String> {
    node.entries().iter().map(|(name, _)| name.clone()).collect()
}

/// RFC 7386 §2: tables merge, everything else replaces, `{ remove = true }` deletes.
fn merge(target: &mut Node, patch: Node, at: &str, problems: &mut Problems) {
    let Item::Table(changes) = patch.item else {
        *target = patch;
        return;
    };
    if !matches!(target.item, Item::Table(_)) {
        target.item = Item::Table(Vec::new());
        target.place = patch.place;
    }
    let there = names(target);
    let in_set = at.rsplit('.').next() == Some("set");
    let Item::Table(entries) = &mut target.item else { return };
    for (key, change) in changes {
        let known = entries.iter().position(|(name, _)| *name == key);
        let inner = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        match known {
            Some(at) if change.removes() => drop(entries.remove(at)),
            Some(at) => match entries.get_mut(at) {
                // A line is one value: a patched `copy` must not keep the `table` of the line it replaces. Only in a `set` and as the
                // `value` of an `each` there are lines: the `set` itself may have an element with the name of a verb (`code`).
                Some((_, node)) if (in_set || key == "value") && is_line(node) => *node = change,
                Some((_, node)) => merge(node, change, &inner, problems),
                None => {}
            },
            None if change.removes() => {
                let slip = Slip::maybe("there is no such line to remove", meant_of(&key, &there));
                problems.push(&change.place, &inner, slip);
            }
            None => entries.push((key, change)),
        }
    }
}

fn is_line(node: &Node) -> bool {
    super::verb::VERBS
        .iter()
        .any(|verb| *verb != "each" && node.get(verb).is_some())
}

/// The code table with its patch; a patch of a table that is not there is a table of the tenant's own.
///
/// `group` and `element` are lists whose members have a name (`target`, `code`), so that a patch adds or changes one code and
/// leaves the others; a member with `"target": null` (or `"element": null` of a group) is removed.
pub(super) fn apply_to_table(table: Option<&str>, label: &str, patch: &str, problems: &mut Problems) -> Option<String> {
    let place = |line: usize| Place {
        file: label.into(),
        line,
    };
    let patch: Value = match serde_json::from_str(patch) {
        Ok(patch) => patch,
        Err(error) => {
            problems.push(
                &place(error.line()),
                "",
                Slip::new(format!("not JSON: {error}"), "correct the file"),
            );
            return None;
        }
    };
    // A table of the program that does not read is told by itself.
    let mut merged = match table {
        Some(table) => serde_json::from_str(table).ok()?,
        None => return Some(patch.to_string()),
    };
    let mut faults = Vec::new();
    merge_json(&mut merged, patch, "", &mut faults);
    let is_well = faults.is_empty();
    for (element, slip) in faults {
        problems.push(&place(1), &element, slip);
    }
    is_well.then(|| merged.to_string())
}

/// The name of a member of a list, and what makes it a member.
fn named(list: &str) -> Option<(&'static str, &'static str)> {
    match list {
        "group" => Some(("target", "element")),
        "element" => Some(("code", "target")),
        _ => None,
    }
}

fn merge_json(target: &mut Value, patch: Value, at: &str, faults: &mut Vec<(String, Slip)>) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, change) in changes {
        let inner = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        match (named(&key), change) {
            (_, Value::Null) => {
                if members.shift_remove(&key).is_none() {
                    faults.push((inner, Slip::new("there is nothing here to remove", "correct the name")));
                }
            }
            (Some((name, content)), Value::Array(items)) => {
                let list = members.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    items
                        .into_iter()
                        .for_each(|item| merge_member(list, item, (name, content), &inner, faults));
                }
            }
            (_, change) => merge_json(members.entry(key).or_insert(Value::Null), change, &inner, faults),
        }
    }
}

fn merge_member(
    list: &mut Vec<Value>,
    item: Value,
    (name, content): (&str, &str),
    at: &str,
    faults: &mut Vec<(String, Slip)>,
) {
    let Some(given) = item.get(name).and_then(Value::as_str).map(str::to_owned) else {
        faults.push((
            at.to_owned(),
            format!("each member needs `{name}`, so that it can be found").into(),
        ));
        return;
    };
    let inner = format!("{at}[{given}]");
    let known = list.iter().position(|member| member[name] == given.as_str());
    match (known, item.get(content).is_some_and(Value::is_null)) {
        (Some(place), true) => drop(list.remove(place)),
        (None, true) => {
            let there: Vec<String> = list
                .iter()
                .filter_map(|one| Some(one.get(name)?.as_str()?.to_owned()))
                .collect();
            faults.push((
                inner,
                Slip::maybe("there is no such member to remove", meant_of(&given, &there)),
            ));
        }
        (Some(place), false) => {
            if let Some(member) = list.get_mut(place) {
                merge_json(member, item, &inner, faults);
            }
        }
        (None, false) => list.push(item),
    }
}
