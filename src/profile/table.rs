//! Reads the built-in facts: `profiles/r4.toml` (elements), `profiles/invariants.toml` and `profiles/extensions.toml`.
//!
//! One line is one element: `status = "1..1 code !observation-status"`; the head of each file explains its form.

use toml::{Table, Value};

use super::definition::{Binding, Constraint, Definition, Origin, Rule, TypeRef, unversioned};
use crate::fhir::terms::HL7_PROFILES;

const R4: &str = include_str!("../../profiles/r4.toml");
const INVARIANTS: &str = include_str!("../../profiles/invariants.toml");
const EXTENSIONS: &str = include_str!("../../profiles/extensions.toml");
pub(super) const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

/// A mistake in a built-in table: which entry, and what is wrong.
pub(super) type Wrong = (String, String);

/// The types of R4 and the known extensions, with their invariants.
pub(super) fn definitions() -> Result<Vec<Definition>, Wrong> {
    let mut all = types(&read(R4)?)?;
    all.extend(extensions(&read(EXTENSIONS)?, &all)?);
    invariants(&read(INVARIANTS)?, &mut all)?;
    Ok(all)
}

fn read(text: &str) -> Result<Table, Wrong> {
    text.parse()
        .map_err(|error: toml::de::Error| (String::new(), error.message().to_owned()))
}

fn types(table: &Table) -> Result<Vec<Definition>, Wrong> {
    let mut all: Vec<Definition> = Vec::with_capacity(table.len());
    for (name, entry) in table {
        let entry = entry
            .as_table()
            .ok_or_else(|| (name.clone(), "must be a table".to_owned()))?;
        // A profile has the elements of its type under the name of its type.
        let kind = entry.get("of").and_then(Value::as_str).unwrap_or(name).to_owned();
        let kind = &kind;
        let mut rules = vec![Rule {
            id: kind.clone(),
            base: kind.clone(),
            array: true,
            ..Rule::default()
        }];
        for (element, text) in entry {
            let place = format!("{kind}.{element}");
            let text = text
                .as_str()
                .ok_or_else(|| (place.clone(), "must be a text".to_owned()))?;
            if element == "is" || element == "of" {
                let base = all.iter().find(|one| one.kind == text);
                let base = base.ok_or_else(|| (place.clone(), "no such type above it".to_owned()))?;
                rules.extend(base.rules[1..].iter().map(|rule| below(rule, text, kind)));
                rules[0].constraints.clone_from(&base.rules[0].constraints);
                continue;
            }
            let rule = parse(&place, text).map_err(|wrong| (place.clone(), wrong))?;
            let backbone = rule
                .types
                .first()
                .is_some_and(|of| of.code == "BackboneElement" || of.code == "Element");
            let inherited = backbone.then(|| rule.types[0].code.clone());
            match rules.iter_mut().find(|known| known.id == place) {
                Some(known) => *known = rule,
                None => rules.push(rule),
            }
            if let Some(base) = inherited.and_then(|base| all.iter().find(|one| one.kind == base)) {
                rules.extend(base.rules[1..].iter().map(|rule| below(rule, &base.kind, &place)));
            }
        }
        all.push(Definition {
            url: format!("{HL7_PROFILES}{name}"),
            name: name.clone(),
            kind: kind.clone(),
            origin: Origin::Type,
            rules,
            file: "r4.toml".to_owned(),
            context: Vec::new(),
        });
    }
    Ok(all)
}

/// The same element under another parent.
pub(super) fn below(rule: &Rule, from: &str, to: &str) -> Rule {
    Rule {
        id: format!("{to}{}", &rule.id[from.len()..]),
        ..rule.clone()
    }
}

/// `1..1 code !observation-status`
fn parse(id: &str, text: &str) -> Result<Rule, String> {
    let mut words = text.split(' ');
    let range = words.next().unwrap_or_default();
    let (min, max) = range.split_once("..").ok_or("expected min..max")?;
    let min = min.parse().map_err(|_| "min must be a number")?;
    let max = if max == "*" {
        None
    } else {
        Some(max.parse().map_err(|_| "max must be a number or *")?)
    };
    let mut rule = Rule {
        id: id.to_owned(),
        base: id.to_owned(),
        min,
        max,
        array: max != Some(1) && max != Some(0),
        ..Rule::default()
    };
    let types = words.next().ok_or("expected a type")?;
    match types.strip_prefix('@') {
        Some(content) => rule.content = Some(content.to_owned()),
        None => rule.types = split(types).map(type_of).collect::<Result<_, _>>()?,
    }
    if let Some(binding) = words.next() {
        let name = binding.strip_prefix('!').ok_or("a binding starts with !")?;
        rule.binding = Some(Binding {
            value_set: full(name, VALUE_SETS),
        });
    }
    if words.next().is_some() {
        Err("something follows the binding".into())
    } else {
        Ok(rule)
    }
}

/// Splits at `|` outside brackets.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    text.split(move |c| {
        match c {
            '(' | '<' => depth += 1,
            ')' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '|' && depth == 0
    })
}

fn type_of(text: &str) -> Result<TypeRef, String> {
    let inner = |open: char, close: char| {
        let start = text.find(open)? + 1;
        let end = start + text[start..].find(close)?;
        Some(
            text[start..end]
                .split('|')
                .map(|name| full(name, HL7_PROFILES))
                .collect::<Vec<_>>(),
        )
    };
    let code = text.split(['(', '<']).next().unwrap_or_default();
    let code = match code {
        "{}" => "BackboneElement",
        "{...}" => "Element",
        "" => return Err("a type has no name".into()),
        code => code,
    };
    Ok(TypeRef {
        code: code.to_owned(),
        profiles: inner('<', '>').unwrap_or_default(),
        targets: inner('(', ')').unwrap_or_default(),
    })
}

fn full(name: &str, prefix: &str) -> String {
    if name.contains(':') {
        unversioned(name).to_owned()
    } else {
        format!("{prefix}{name}")
    }
}

/// `[url] value = "code !set", on = ["HumanName.given"]`, or `parts = true` for one whose value stands in extensions of its own.
fn extensions(table: &Table, types: &[Definition]) -> Result<Vec<Definition>, Wrong> {
    let base = types.iter().find(|one| one.kind == "Extension");
    let base = base.ok_or_else(|| ("Extension".to_owned(), "the table must have it".to_owned()))?;
    let mut all = Vec::with_capacity(table.len());
    for (url, entry) in table {
        let wrong = |text: &str| (url.clone(), text.to_owned());
        let value = entry.get("value").and_then(Value::as_str);
        let in_parts = entry.get("parts").and_then(Value::as_bool).unwrap_or(false);
        if value.is_some() == in_parts {
            return Err(wrong("needs a value, or parts = true"));
        }
        let on = entry
            .get("on")
            .and_then(Value::as_array)
            .ok_or_else(|| wrong("needs a list: on"))?;
        let mut rules = base.rules.clone();
        for rule in &mut rules {
            match rule.name() {
                "extension" if in_parts => rule.min = 1,
                "extension" => rule.max = Some(0),
                "url" => rule.value = Some(super::definition::Required::Fixed(url.clone().into())),
                "value[x]" if in_parts => rule.max = Some(0),
                "value[x]" => {
                    let value = value.unwrap_or_default();
                    *rule = parse("Extension.value[x]", &format!("1..1 {value}")).map_err(|text| wrong(&text))?;
                }
                _ => {}
            }
        }
        all.push(Definition {
            url: url.clone(),
            name: url.clone(),
            kind: "Extension".to_owned(),
            origin: Origin::Type,
            rules,
            file: "extensions.toml".to_owned(),
            context: on.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        });
    }
    Ok(all)
}

/// Hangs each invariant on the elements that it names.
fn invariants(table: &Table, all: &mut [Definition]) -> Result<(), Wrong> {
    for (key, entry) in table {
        let wrong = |text: &str| (key.clone(), text.to_owned());
        let text = entry
            .get("text")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("needs a text"))?;
        let on = entry
            .get("on")
            .and_then(Value::as_array)
            .ok_or_else(|| wrong("needs a list: on"))?;
        let flag = |name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or(false);
        let constraint = Constraint {
            key: key.clone(),
            warning: flag("warning"),
            text: text.to_owned(),
        };
        if flag("advice") {
            continue;
        }
        for place in on.iter().filter_map(Value::as_str) {
            let mut found = false;
            // A rule of an abstract type (`DomainResource`, `Quantity`) holds for everything built on it.
            for definition in all.iter_mut() {
                let named = definition.name == place || is_base(place, definition);
                let id = if named {
                    definition.kind.clone()
                } else {
                    place.to_owned()
                };
                if id == place && place == definition.kind && !named {
                    continue;
                }
                if let Some(rule) = definition.rules.iter_mut().find(|rule| rule.id == id) {
                    rule.constraints.push(constraint.clone());
                    found = true;
                }
            }
            if !found {
                return Err(wrong(&format!("no element {place}")));
            }
        }
    }
    Ok(())
}

/// Is the place an abstract type that the definition is built on?
fn is_base(place: &str, definition: &Definition) -> bool {
    let has = |name: &str| {
        definition
            .rules
            .iter()
            .any(|rule| rule.id == format!("{}.{name}", definition.kind))
    };
    match place {
        "DomainResource" => has("contained") && definition.kind != "DomainResource",
        "Quantity" => ["Age", "Count", "Distance", "Duration", "SimpleQuantity"].contains(&definition.name.as_str()),
        _ => false,
    }
}

/// The text of an invariant in own words, for the profiles that name it.
pub(super) fn texts() -> Result<Vec<(String, String)>, Wrong> {
    let table = read(INVARIANTS)?;
    let text = |entry: &Value| entry.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(table.iter().map(|(key, entry)| (key.clone(), text(entry))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_tables_read() {
        let all = definitions().unwrap();
        let observation = all.iter().find(|one| one.kind == "Observation").unwrap();
        let component = observation.rule("Observation.component.modifierExtension").unwrap();
        assert!(component.array);
        assert!(observation.rules[0].constraints.iter().any(|one| one.key == "dom-3"));
        assert!(observation.rules[0].constraints.iter().any(|one| one.key == "obs-7"));
    }

    #[test]
    fn a_line_gives_range_types_targets_and_binding() {
        let rule = parse(
            "A.b[x]",
            "0..* Reference(Patient|Group)|Quantity<SimpleQuantity>|code !x",
        )
        .unwrap();
        assert_eq!(rule.types.len(), 3);
        assert_eq!(
            rule.types[0].targets[1],
            "http://hl7.org/fhir/StructureDefinition/Group"
        );
        assert_eq!(
            rule.types[1].profiles[0],
            "http://hl7.org/fhir/StructureDefinition/SimpleQuantity"
        );
        assert_eq!(rule.binding.unwrap().value_set, "http://hl7.org/fhir/ValueSet/x");
        assert!(rule.array);
        for bad in [
            "",
            "1 code",
            "a..1 code",
            "1..b code",
            "1..1",
            "1..1 code x",
            "1..1 code !x y",
            "0..1 a||b",
        ] {
            assert!(parse("A.b", bad).is_err(), "{bad}");
        }
    }
}
