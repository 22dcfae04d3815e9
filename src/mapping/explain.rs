//! What an integrator asks of a map: is it right, what does it do with this record, what does it do at all.
//!
//! # Design
//! Each answer is text and a verdict, so that a command only prints and exits. The tables come from the compiled plan, not
//! from the file: what they show is what runs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::fhir::types::ResourceType;
use crate::profile::{Registry, Severity};

use super::example::{expected_form, run_examples};
use super::plan::{Content, List, Members, Object, Origin, Rule, Template};
use super::reads::{dotted, fields_read, is_read, leaves};
use super::remedy::meant_of;
use super::source::Field;
use super::verb::{Concept, Key, Line, Lookup, Text, Verb};
use super::when::{Scalar, Test, When};
use super::{Context, Files, Outcome, Plan};

/// A printable answer, and whether all is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub text: String,
    pub ok: bool,
}

/// `inzage map check`: every problem of every map, and every example that does not come out as written.
pub fn check(files: &Files, registry: &Registry) -> Report {
    let plan = match Plan::load(files, registry) {
        Ok(plan) => plan,
        Err(problems) => {
            let mut text = String::new();
            for problem in &problems {
                let _ = writeln!(text, "{problem}");
            }
            let _ = writeln!(text, "{} problems; no map was loaded.", problems.len());
            return Report { text, ok: false };
        }
    };
    let (count, failures) = run_examples(files, &plan, registry);
    let mut text = String::new();
    for (name, map) in &plan.maps {
        let _ = writeln!(
            text,
            "{name}: {} resources, version {}",
            map.resources.len(),
            map.version
        );
        if map.schema.is_none() {
            let _ = writeln!(text, "  no {name}.source.json: the source fields were not checked");
        }
    }
    for failure in &failures {
        let _ = writeln!(text, "{}: {}", failure.file, failure.message);
    }
    let _ = writeln!(text, "{count} examples, {} fail.", failures.len());
    Report {
        text,
        ok: failures.is_empty(),
    }
}

/// The answer to the name of a map that is not there.
pub(super) fn unknown_map(plan: &Plan, name: &str) -> Report {
    let known: Vec<&str> = plan.map_names().collect();
    let remedy = meant_of(name, &known).map_or_else(String::new, |remedy| format!("; {remedy}"));
    Report {
        text: format!("There is no map `{name}`{remedy}\n"),
        ok: false,
    }
}

/// `inzage map try`: what becomes of one record, as the connector hands it on.
pub fn try_record(plan: &Plan, map: &str, source: &Value, context: &Context<'_>, registry: &Registry) -> Report {
    if !plan.maps.contains_key(map) {
        return unknown_map(plan, map);
    }
    let outcome = plan.run(map, source, context);
    let mut text = String::new();
    let mut ok = true;
    match &outcome {
        Outcome::Mapped(resources) => {
            for one in resources {
                let _ = writeln!(text, "{}/{} ({})", one.kind, one.id, one.profile);
                let _ = writeln!(text, "{:#}", one.resource);
                let issues = match one.check(registry) {
                    Ok(issues) => issues,
                    Err(none) => {
                        ok = false;
                        let _ = writeln!(text, "  {none}");
                        continue;
                    }
                };
                for issue in issues {
                    ok &= issue.severity > Severity::Error;
                    let sources = plan.sources(map, &one.profile, &issue.expression).join(", ");
                    let from = if sources.is_empty() {
                        sources
                    } else {
                        format!(" (from {sources})")
                    };
                    let _ = writeln!(
                        text,
                        "  {} {}{from}: {}",
                        issue.severity, issue.expression, issue.message
                    );
                }
            }
        }
        Outcome::Dropped { rule, reason } => {
            let _ = writeln!(text, "Dropped by the rule `{rule}`: {reason}");
        }
        Outcome::Refused { .. } => {
            ok = false;
            let _ = writeln!(text, "Refused: {:#}", expected_form(&outcome).1);
        }
    }
    if let Some(map) = plan.maps.get(map) {
        let read = fields_read(map);
        let mut present = Vec::new();
        leaves(source, &mut Vec::new(), &mut present);
        let unread: BTreeSet<String> = present
            .iter()
            .filter(|path| !is_read(&read, path))
            .map(|p| dotted(p))
            .collect();
        if !unread.is_empty() {
            let unread: Vec<String> = unread.into_iter().collect();
            let _ = writeln!(
                text,
                "Fields of this record that the map never reads: {}",
                unread.join(", ")
            );
        }
    }
    Report { text, ok }
}

/// `inzage map explain`: a table of element and source, the rules, and the source fields that are never read.
pub fn explain(plan: &Plan, name: &str) -> Report {
    let Some(map) = plan.maps.get(name) else {
        return unknown_map(plan, name);
    };
    let mut text = format!("{name} (version {})\n", map.version);
    if !map.about.is_empty() {
        let _ = writeln!(text, "{}", map.about);
    }
    rules(&mut text, "The record is dropped when", &map.drops, &map.lists);
    for list in &map.lists {
        let from = match &list.origin {
            Origin::Record(field) => field.to_string(),
            Origin::Inside(outer, field) => format!("{field} in {}", list_name(&map.lists, *outer)),
            Origin::Of(base) => list_name(&map.lists, *base).to_owned(),
        };
        let _ = writeln!(text, "\nList {} = {from}", list.name);
        rules(&mut text, "  A member is dropped when", &list.drops, &map.lists);
    }
    for resource in &map.resources {
        let _ = write!(text, "\n{} {} ({})", resource.kind, resource.name, resource.profile);
        if let Some(list) = resource.each {
            let _ = write!(text, ", for each of {}", list_name(&map.lists, list));
        }
        if !resource.when.0.is_empty() {
            let _ = write!(text, ", when {}", condition(&resource.when, &map.lists));
        }
        text.push('\n');
        let mut rows = vec![("id".to_owned(), key(&resource.key))];
        object_rows(&resource.body, "", &map.lists, &mut rows);
        let width = rows
            .iter()
            .map(|(element, _)| element.chars().count())
            .max()
            .unwrap_or(0);
        for (element, source) in rows {
            let _ = writeln!(text, "  {element:width$}  {source}");
        }
    }
    if let Some(schema) = &map.schema {
        let read = fields_read(map);
        let unread: Vec<String> = schema
            .fields()
            .iter()
            .filter(|path| !is_read(&read, path))
            .map(|path| dotted(path))
            .collect();
        let _ = writeln!(text, "\nSource fields that are never read: {}", unread.join(", "));
    }
    Report { text, ok: true }
}

fn rules(text: &mut String, head: &str, rules: &[Rule], lists: &[List]) {
    if !rules.is_empty() {
        let _ = writeln!(text, "{head}");
    }
    for rule in rules {
        let _ = writeln!(
            text,
            "  {}: {} — {}",
            rule.name,
            condition(&rule.when, lists),
            rule.reason
        );
    }
}

fn list_name(lists: &[List], index: usize) -> &str {
    lists.get(index).map_or("?", |list| &list.name)
}

fn condition(when: &When, lists: &[List]) -> String {
    let scalars = |values: &[Scalar]| {
        let texts: Vec<String> = values
            .iter()
            .map(|value| match value {
                Scalar::Text(text) => format!("\"{text}\""),
                Scalar::Number(number) => number.to_string(),
                Scalar::Bool(value) => value.to_string(),
            })
            .collect();
        texts.join(" or ")
    };
    let tests: Vec<String> = when
        .0
        .iter()
        .map(|test| match test {
            Test::Is(field, values) => format!("{field} is {}", scalars(values)),
            Test::Not(field, values) => format!("{field} is not {}", scalars(values)),
            Test::Exists(field, true) => format!("{field} is there"),
            Test::Exists(field, false) => format!("{field} is missing"),
            Test::Same(field, other) => format!("{field} equals {other}"),
            Test::Differs(field, other) => format!("{field} differs from {other}"),
            Test::OutsideReportTypes(field, _) => format!("{field} is not a report type of the tenant"),
            Test::ListExists(list, true) => format!("list {} has members", list_name(lists, *list)),
            Test::ListExists(list, false) => format!("list {} has no members", list_name(lists, *list)),
        })
        .collect();
    tests.join(" and ")
}

/// The elements that the lines of a resource fill, without indices.
pub(super) fn elements(object: &Object) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    fill(object, "", &mut found);
    found
}

fn fill(object: &Object, path: &str, found: &mut BTreeSet<String>) {
    for member in &object.members {
        let element = if path.is_empty() {
            member.name.clone()
        } else {
            format!("{path}.{}", member.name)
        };
        let templates: Vec<&Template> = match &member.content {
            Content::One(template) => vec![template],
            Content::Many(slots) => slots.iter().map(|slot| &slot.template).collect(),
        };
        for template in templates {
            if let Template::Object(inner) = template {
                fill(inner, &element, found);
            }
        }
        found.insert(element);
    }
}

fn object_rows(object: &Object, path: &str, lists: &[List], rows: &mut Vec<(String, String)>) {
    for member in &object.members {
        let element = if path.is_empty() {
            member.name.clone()
        } else {
            format!("{path}.{}", member.name)
        };
        match &member.content {
            Content::One(template) => template_rows(template, element, lists, rows),
            Content::Many(slots) => {
                for slot in slots {
                    let index = match &slot.each {
                        None => slot.index.to_string(),
                        Some(each) => match &each.members {
                            Members::Named(list) => format!("each {}", list_name(lists, *list)),
                            Members::Field(field) => format!("each {field}"),
                        },
                    };
                    template_rows(&slot.template, format!("{element}[{index}]"), lists, rows);
                }
            }
        }
    }
}

fn template_rows(template: &Template, element: String, lists: &[List], rows: &mut Vec<(String, String)>) {
    match template {
        Template::Object(object) => object_rows(object, &element, lists, rows),
        Template::Line(line) => rows.push((element, line_text(line, lists))),
    }
}

fn line_text(line: &Line, lists: &[List]) -> String {
    let mut text = match &line.verb {
        Verb::Const(value) => format!("always {value}"),
        Verb::First(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| line_text(line, lists)).collect();
            lines.join(" | else ")
        }
        Verb::Code(found) | Verb::Concept(Concept::Coded { lookup: found, .. }) => lookup(found),
        Verb::Concept(Concept::Text(found)) | Verb::Base64(found) | Verb::Text(found, _) => text_text(found),
        Verb::Copy(field, _) | Verb::Instant(field, _) | Verb::Date(field) | Verb::Bool(field) => field.to_string(),
        Verb::Period { start, end, .. } => {
            let name = |field: &Option<Field>| field.as_ref().map(Field::to_string).unwrap_or_default();
            format!("{} – {}", name(start), name(end))
        }
        Verb::Id(found, before) => format!("{before}{}", key(found)),
        Verb::Reference {
            kind,
            key: found,
            display,
        } => {
            let kind = kind.map_or("nobody in the store", ResourceType::as_str);
            let found = found.as_ref().map(key).unwrap_or_default();
            let display = display.as_ref().map(|text| format!(" shown as {}", text_text(text)));
            format!("{kind} {found}{}", display.unwrap_or_default())
        }
        Verb::Quantity(quantity) => format!("{} in {}", quantity.value, quantity.code),
    };
    if !matches!(line.verb, Verb::Const(_) | Verb::First(_)) {
        text = format!("{text} ({})", line.verb.name());
    }
    if !line.when.0.is_empty() {
        let _ = write!(text, ", when {}", condition(&line.when, lists));
    }
    text
}

fn lookup(lookup: &Lookup) -> String {
    format!("{} by table {}", lookup.field, lookup.name)
}

fn text_text(text: &Text) -> String {
    match text {
        Text::Field(field) => field.to_string(),
        Text::Literal(text) => format!("\"{text}\""),
        Text::Joined(parts, separator) => {
            let parts: Vec<String> = parts.iter().map(text_text).collect();
            format!("({})", parts.join(&format!(" +\"{separator}\"+ ")))
        }
    }
}

fn key(key: &Key) -> String {
    let fields: Vec<String> = key.fields.iter().map(Field::to_string).collect();
    format!("hash of {}|{}", key.of.join("|"), fields.join("|"))
}
