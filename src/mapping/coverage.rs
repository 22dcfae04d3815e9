//! How much of a source a map uses, and how much of its profiles it fills.
//!
//! # Design
//! Two questions of an integrator: what did we forget to publish, and what will an app look for in vain? The first answer comes
//! from the source schema and the compiled map, the second from the profile's expected elements and the lines of the map. A
//! field that only decides (a drop rule, a condition) is told apart from one that is published, because a switch that is read
//! is no field that is shown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::profile::Registry;

use super::explain::{Report, elements, unknown_map};
use super::plan::{Map, Plan};
use super::reads::{For, dotted, fields_by_use, is_read};

/// `inzage map coverage`: one map, or all of them.
pub fn coverage(plan: &Plan, name: Option<&str>, registry: &Registry) -> Report {
    if let Some(name) = name
        && !plan.maps.contains_key(name)
    {
        return unknown_map(plan, name);
    }
    let mut text = String::new();
    let (mut used, mut fields, mut filled, mut expected) = (0, 0, 0, 0);
    for (map_name, map) in plan
        .maps
        .iter()
        .filter(|(known, _)| name.is_none_or(|name| name == **known))
    {
        let _ = writeln!(text, "{map_name} (version {})", map.version);
        let of_source = source(&mut text, map);
        let of_profiles = profiles(&mut text, map, registry);
        (used, fields) = (used + of_source.0, fields + of_source.1);
        (filled, expected) = (filled + of_profiles.0, expected + of_profiles.1);
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "{used} of {fields} source fields are used, {filled} of {expected} expected elements are filled."
    );
    Report { text, ok: true }
}

/// Writes what becomes of each source field; how many are used, out of how many.
fn source(text: &mut String, map: &Map) -> (usize, usize) {
    let uses = fields_by_use(map);
    let of = |what: For| -> BTreeSet<Vec<String>> {
        let those = uses.iter().filter(|(known, _)| *known == what);
        those.map(|(_, keys)| keys.clone()).collect()
    };
    let (content, keys, decisions) = (of(For::Content), of(For::Key), of(For::Decision));
    let Some(schema) = &map.schema else {
        let _ = writeln!(text, "  no source schema beside the map: its fields are not known");
        return (0, 0);
    };
    let fields = schema.fields();
    let mut left: Vec<&Vec<String>> = fields.iter().collect();
    for (label, read) in [
        ("published", &content),
        ("only as a key", &keys),
        ("only decide", &decisions),
    ] {
        let (these, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|path| is_read(read, path));
        row(text, label, these.iter().map(|path| dotted(path)));
        left = others;
    }
    row(text, "never read", left.iter().map(|path| dotted(path)));
    (fields.len() - left.len(), fields.len())
}

/// Writes which expected elements each resource fills; how many, out of how many.
fn profiles(text: &mut String, map: &Map, registry: &Registry) -> (usize, usize) {
    let (mut filled, mut expected) = (0, 0);
    for resource in &map.resources {
        let Some(profile) = registry.profile(&resource.profile) else {
            continue;
        };
        let elements = elements(&resource.body);
        let of_profile = profile.expected();
        let missing: Vec<&str> = of_profile
            .iter()
            .filter(|(path, _)| !is_filled(path, &elements))
            .map(|(path, _)| path.as_str())
            .collect();
        let count = of_profile.len() - missing.len();
        let _ = write!(
            text,
            "  {} {}: {count} of {} expected elements",
            resource.kind,
            resource.name,
            of_profile.len()
        );
        if !missing.is_empty() {
            let _ = write!(text, "; not filled: {}", missing.join(", "));
        }
        text.push('\n');
        (filled, expected) = (filled + count, expected + of_profile.len());
    }
    (filled, expected)
}

/// Whether a line fills the element, something below it, or one of the types of a choice (`value[x]`).
fn is_filled(path: &str, elements: &BTreeSet<String>) -> bool {
    if matches!(path, "id" | "meta" | "meta.profile") {
        return true;
    }
    let steps: Vec<&str> = path.split('.').collect();
    elements.iter().any(|element| {
        let own: Vec<&str> = element.split('.').collect();
        own.len() >= steps.len()
            && steps
                .iter()
                .zip(&own)
                .all(|(step, own)| match step.strip_suffix("[x]") {
                    Some(stem) => own.strip_prefix(stem).is_some_and(|kind| !kind.is_empty()),
                    None => own.trim_start_matches('_') == *step,
                })
    })
}

fn row(text: &mut String, label: &str, fields: impl Iterator<Item = String>) {
    let fields: Vec<String> = fields.collect();
    let list = if fields.is_empty() {
        "none".to_owned()
    } else {
        fields.join(", ")
    };
    let _ = writeln!(text, "  {label:<13} {:>3}  {list}", fields.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Files;

    #[test]
    fn a_map_tells_what_it_publishes_what_only_decides_and_what_it_leaves() {
        let registry = Registry::builtin();
        let plan = Plan::load(&Files::builtin(), &registry).unwrap();
        let report = coverage(&plan, Some("ons/report"), &registry);
        let line = |label: &str| {
            let line = report.text.lines().find(|line| line.trim_start().starts_with(label));
            line.unwrap_or_else(|| panic!("no line {label}: {}", report.text))
                .to_owned()
        };
        assert!(line("published").contains("comment"));
        assert!(line("only decide").contains("hidden") && line("only decide").contains("confidential"));
        assert!(line("only as a key").contains("clientId"));
        assert!(!line("published").contains("hidden"));
        assert!(line("Observation inzage-Rapportage").contains("expected elements"));
        assert!(!line("Observation inzage-Rapportage").contains("not filled: code"));
        assert!(!coverage(&plan, Some("ons/none"), &registry).ok);
        let all = coverage(&plan, None, &registry).text;
        assert!(all.contains("caress/client") && all.contains("ons/client"), "{all}");
    }

    #[test]
    fn a_choice_is_filled_by_one_of_its_types_and_a_twin_counts() {
        let elements: BTreeSet<String> = ["effectiveDateTime", "name._family.extension", "code.coding.code"]
            .map(str::to_owned)
            .into();
        for (path, filled) in [
            ("effective[x]", true),
            ("value[x]", false),
            ("name.family", true),
            ("code", true),
            ("code.text", false),
            ("id", true),
        ] {
            assert_eq!(is_filled(path, &elements), filled, "{path}");
        }
    }
}
