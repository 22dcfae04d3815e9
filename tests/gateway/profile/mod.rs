//! The validator as others see it: a corpus of good and deliberately bad resources of every class.

mod around;
mod good;

use std::sync::LazyLock;

use inzage::fhir::model::strict_check;
use inzage::profile::{Registry, Severity, is_valid};
use serde_json::{Value, json};

use good::good;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);
const BAD: &str = include_str!("bad.txt");

/// One line of `bad.txt`.
struct Case<'a> {
    line: usize,
    profile: &'a str,
    pointer: &'a str,
    change: &'a str,
    code: &'a str,
    element: &'a str,
}

fn cases() -> Vec<Case<'static>> {
    let lines = BAD
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, text)| match text.split(" | ").collect::<Vec<_>>()[..] {
            [profile, pointer, change, code, element] => Case {
                line: line + 1,
                profile,
                pointer,
                change,
                code,
                element,
            },
            _ => panic!("bad.txt:{}: five fields", line + 1),
        })
        .collect()
}

/// The good resource with the change of the case.
fn made(case: &Case<'_>) -> Value {
    let mut resource = good(case.profile);
    let (parent, last) = case.pointer.rsplit_once('/').expect("a pointer starts with /");
    let parent = resource
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("bad.txt:{}: no such place", case.line));
    let change: Option<Value> =
        (case.change != "-").then(|| serde_json::from_str(case.change).expect("the change is JSON"));
    match (parent, change) {
        (Value::Object(object), Some(value)) => drop(object.insert(last.to_owned(), value)),
        (Value::Object(object), None) => drop(object.shift_remove(last).expect("there was something")),
        (Value::Array(items), Some(value)) if last == "+" => items.push(value),
        (Value::Array(items), Some(value)) => items[last.parse::<usize>().expect("an index")] = value,
        _ => panic!("bad.txt:{}: cannot be changed there", case.line),
    }
    resource
}

#[test]
fn the_good_resources_are_valid() {
    for name in good::ALL {
        let issues = REGISTRY.validator(name).unwrap().check(&good(name));
        assert!(issues.is_empty(), "{name}: {issues:#?}");
        assert!(REGISTRY.check(&good(name)).is_empty(), "{name}");
    }
}

#[test]
fn every_profile_of_the_project_has_a_good_resource() {
    for profile in REGISTRY.own().filter(|profile| profile.kind() != "Extension") {
        assert!(good::ALL.contains(&profile.name()), "{}", profile.name());
    }
}

#[test]
fn a_bad_resource_gives_an_issue_at_its_element() {
    let mut missed = Vec::new();
    let mut count = 0;
    for case in cases() {
        let resource = made(&case);
        let issues = REGISTRY.validator(case.profile).unwrap().check(&resource);
        let hit = issues.iter().any(|issue| {
            issue.code.as_str() == case.code && issue.expression == case.element && issue.severity == Severity::Error
        });
        let clean = case.code == "-" && issues.is_empty();
        count += 1;
        if !hit && !clean {
            missed.push(format!(
                "bad.txt:{} {} {}: {issues:#?}",
                case.line, case.profile, case.pointer
            ));
        }
    }
    assert!(
        missed.is_empty(),
        "{} of {count} missed\n{}",
        missed.len(),
        missed.join("\n")
    );
    assert!(count > 180, "{count}");
}

#[test]
fn an_issue_never_repeats_a_value() {
    let mut resource = good("inzage-Client");
    resource["gender"] = "999900018".into();
    resource["999900018"] = "x".into();
    resource["birthDate"] = "999900018".into();
    resource["generalPractitioner"][0]["reference"] = "999900018".into();
    let issues = REGISTRY.check(&resource);
    assert!(issues.len() >= 4, "{issues:?}");
    assert!(!format!("{issues:?}").contains("999900018"));
}

#[test]
fn the_schema_of_a_profile_agrees_as_far_as_it_goes() {
    let mut refused = 0;
    for name in good::ALL {
        let schema = REGISTRY.profile(name).unwrap().json_schema();
        let schema = jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        let resource = good(name);
        if let Some(error) = schema.iter_errors(&resource).next() {
            panic!("{name}: {error} at {}", error.instance_path());
        }
        for case in cases().iter().filter(|case| case.profile == *name) {
            let bad = made(case);
            if !schema.is_valid(&bad) {
                refused += 1;
                let issues = REGISTRY.validator(name).unwrap().check(&bad);
                assert!(
                    !is_valid(&issues),
                    "bad.txt:{}: the schema refuses it, the walk does not",
                    case.line
                );
            }
        }
    }
    println!("the schema alone finds {refused} of {}", cases().len());
    assert!(refused > 60, "{refused}");
}

#[test]
fn a_second_reader_takes_the_good_resources_as_they_are() {
    for name in good::ALL {
        let resource = good(name);
        let kind = resource["resourceType"].as_str().unwrap();
        assert_eq!(strict_check(kind, resource.to_string().as_bytes()), Ok(()), "{name}");
    }
}

#[test]
fn an_element_is_described_as_a_mapping_needs_it() {
    let report = REGISTRY.profile("inzage-Rapportage").unwrap();
    assert_eq!(report.kind(), "Observation");
    assert_eq!(
        report.canonical(),
        "https://inzage.dev/fhir/StructureDefinition/inzage-Rapportage"
    );
    let performer = report.element("performer").unwrap();
    assert_eq!((performer.min, performer.max, performer.repeats()), (1, Some(1), true));
    assert_eq!(
        performer.targets(),
        ["Organization", "Practitioner", "PractitionerRole"]
    );
    assert_eq!(report.element("performer[0].display").unwrap().types(), ["string"]);
    assert_eq!(report.element("valueString").unwrap().types(), ["string"]);
    assert_eq!(report.element("effectiveDateTime").unwrap().types(), ["dateTime"]);
    assert_eq!(report.element("code.coding[0].system").unwrap().types(), ["uri"]);
    assert_eq!(
        report.element("status").unwrap().required_value_set(),
        Some("http://hl7.org/fhir/ValueSet/observation-status")
    );
    assert!(report.element("code").unwrap().value().is_some());
    assert_eq!(report.element("extension[0].valueString").unwrap().types(), ["string"]);
    for none in [
        "valueQuantity",
        "colour",
        "status[0]",
        "performer[0].colour",
        "code..text",
        "effectivePeriod.start",
    ] {
        assert!(report.element(none).is_none(), "{none}");
    }
    let weight = REGISTRY.profile("inzage-Gewicht").unwrap();
    assert_eq!(weight.element("valueQuantity.value").unwrap().types(), ["decimal"]);
    assert_eq!(
        weight.element("valueQuantity.code").unwrap().value(),
        Some(&json!("kg"))
    );
    let plan = REGISTRY.profile("CarePlan").unwrap();
    assert_eq!(
        plan.element("activity[0].detail.scheduledTiming.repeat.boundsPeriod.start")
            .unwrap()
            .types(),
        ["dateTime"]
    );
    assert_eq!(plan.element("note[0].authorString").unwrap().types(), ["string"]);
    assert_eq!(
        REGISTRY
            .profile("Observation")
            .unwrap()
            .element("value[x]")
            .unwrap()
            .types()
            .len(),
        11
    );
    assert_eq!(
        REGISTRY
            .profile("Observation")
            .unwrap()
            .element("component[0].referenceRange[0].low.value")
            .unwrap()
            .types(),
        ["decimal"]
    );
}

#[test]
fn a_claimed_profile_is_checked_when_it_is_known() {
    let mut resource = good("inzage-Rapportage");
    resource["meta"] =
        json!({"profile": ["https://inzage.dev/fhir/StructureDefinition/inzage-Gewicht", "https://a/unknown"]});
    assert!(!is_valid(&REGISTRY.check(&resource)));
    resource["meta"] = json!({"profile": ["https://a/unknown"]});
    assert!(is_valid(&REGISTRY.check(&resource)));
}

#[test]
fn depth_and_number_of_issues_are_bounded() {
    let mut deep = json!({"url": "urn:x", "valueBoolean": true});
    for _ in 0..100 {
        deep = json!({"url": "x", "extension": [deep]});
    }
    let mut resource = good("inzage-Client");
    resource["extension"] = json!([deep]);
    assert!(!is_valid(&REGISTRY.check(&resource)));
    resource["name"] = vec![json!({"use": "x"}); 10_000].into();
    assert!(REGISTRY.check(&resource).len() <= 100);
}

#[test]
#[ignore = "prints the cost of a check; run it with --release"]
fn a_check_takes_microseconds() {
    for name in good::ALL {
        let resource = good(name);
        let validator = REGISTRY.validator(name).unwrap();
        let rounds = 20_000;
        let start = std::time::Instant::now();
        for _ in 0..rounds {
            assert!(std::hint::black_box(validator.check(std::hint::black_box(&resource))).is_empty());
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
        println!("{name}: {each:.2} us for {} bytes", resource.to_string().len());
    }
    let start = std::time::Instant::now();
    std::hint::black_box(Registry::builtin());
    println!("the registry: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
}
