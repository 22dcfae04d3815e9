//! Good and deliberately bad resources of every class.

use std::sync::LazyLock;

use self::shared::shared;
use super::*;

#[path = "../../tests/gateway/support/shared.rs"]
mod shared;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

#[test]
fn the_built_in_definitions_have_no_problem() {
    if let Err(problems) = Registry::load(None, &[]) {
        panic!(
            "{}",
            problems
                .iter()
                .map(|problem| format!("{problem}\n"))
                .collect::<String>()
        );
    }
    assert_eq!(REGISTRY.unchecked(), &[] as &[String]);
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    let files = names.filter(|name| name.starts_with("inzage-")).count();
    assert!(files > 20);
    assert_eq!(
        REGISTRY.own().count(),
        files,
        "every file in profiles/ is part of the program"
    );
}

/// Examples that are found invalid, with the reason; this list may only shrink.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "nl-core-Alert-02",
        "the snapshot asks for both slices of code.coding, the example has the one that applies",
    ),
    (
        "nl-core-FunctionalOrMentalStatus-01",
        "the snapshot asks for both categories, the example has the one that applies",
    ),
    (
        "nl-core-LaboratoryTestResult.Specimen-01",
        "the base definition of Specimen is not in the folder",
    ),
    (
        "nl-core-LaboratoryTestResult.Specimen-02",
        "the base definition of Specimen is not in the folder",
    ),
    (
        "nl-core-LaboratoryTestResult.Specimen-03",
        "the base definition of Specimen is not in the folder",
    ),
    (
        "nl-core-LaboratoryTestResult.Specimen-04",
        "the base definition of Specimen is not in the folder",
    ),
    (
        "nl-core-Vaccination-request-01",
        "the base definition of ImmunizationRecommendation is not in the folder",
    ),
];

#[test]
fn examples_of_the_dutch_profiles_stay_valid() {
    let Some(shared) = shared("fhir") else { return };
    let packages =
        ["r4-base", "r4-snapshots", "r4-nl-core-0.12.1-beta.1"].map(|name| shared.join("packages").join(name));
    let registry = Registry::load(None, &packages).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let folder = std::fs::read_dir(shared.join("examples/r4-nl-core")).unwrap();
    let mut invalid: Vec<String> = Vec::new();
    let mut count = 0;
    for path in folder.map(|entry| entry.unwrap().path()) {
        let example: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let issues = registry.check(&example);
        count += 1;
        if !is_valid(&issues) {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            issues.iter().for_each(|issue| println!("{name}: {issue}"));
            invalid.push(name);
        }
    }
    invalid.sort();
    let expected: Vec<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(invalid, expected, "of {count} examples");
}

/// What the built-in table says of a type, beside what the base definition says.
#[test]
fn the_table_agrees_with_the_base_definitions() {
    let Some(packages) = shared("fhir/packages/r4-base") else {
        return;
    };
    let mut compared = 0;
    for profile in &REGISTRY.profiles {
        let definition = profile.definition();
        let path = packages.join(format!("{}.json", definition.name));
        let Ok(bytes) = std::fs::read(path) else { continue };
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        let theirs = structure::Structure::read(&json, "", Origin::Package)
            .unwrap()
            .definition;
        let ours: Vec<String> = definition.rules.iter().map(|rule| facts(rule, definition)).collect();
        let theirs: Vec<String> = theirs.rules.iter().map(|rule| facts(rule, &theirs)).collect();
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs);
        }
        assert_eq!(ours.len(), theirs.len(), "{}", definition.name);
        compared += ours.len();
    }
    println!("{compared} elements agree");
    assert!(compared > 700);
}

fn facts(rule: &Rule, definition: &Definition) -> String {
    let min = if rule.id == definition.kind { 0 } else { rule.min };
    let types: Vec<_> = rule
        .types
        .iter()
        .map(|of| (&of.code, &of.profiles, &of.targets))
        .collect();
    let mut keys: Vec<_> = rule.constraints.iter().map(|one| one.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    // A type repeats its own rules wherever it is used; the table says them once.
    keys.retain(|key| !matches!(*key, "ext-1"));
    format!(
        "{} {min}..{:?} array={} {types:?} {:?} {:?} {keys:?}",
        rule.id,
        rule.max,
        rule.array,
        rule.content,
        rule.binding.as_ref().map(|binding| &binding.value_set)
    )
}
