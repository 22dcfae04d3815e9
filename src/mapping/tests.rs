//! The rules of a map, on a small profile; the maps of the program on their own.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use serde_json::json;

use super::shape::tests::Elements;
use super::*;
use crate::profile::Registry;

mod load;
mod patches;
mod verbs;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

/// The profile `inzage-Test` of the tests here.
static ELEMENTS: Elements = Elements(&[
    ("status", "0..1 code"),
    ("code", "0..1 CodeableConcept"),
    ("code.coding", "0..* Coding"),
    ("code.coding.system", "0..1 uri"),
    ("code.coding.code", "0..1 code"),
    ("code.coding.display", "0..1 string"),
    ("code.text", "0..1 string"),
    ("subject", "0..1 Reference"),
    ("issued", "0..1 instant"),
    ("effectiveDateTime", "0..1 dateTime"),
    ("effectivePeriod", "0..1 Period"),
    ("performer", "0..* Reference"),
    ("performer.display", "0..1 string"),
    ("valueString", "0..1 string"),
    ("valueInteger", "0..1 integer"),
    ("valueBoolean", "0..1 boolean"),
    ("valueQuantity", "0..1 Quantity"),
    ("note", "0..* Annotation"),
    ("note.time", "0..1 dateTime"),
    ("note.text", "1..1 markdown"),
    ("text", "0..1 Narrative"),
    ("component", "0..* BackboneElement"),
    ("component.code", "1..1 CodeableConcept"),
    ("component.code.text", "0..1 string"),
    ("component.valueString", "0..1 string"),
    ("component.valueQuantity", "0..1 Quantity"),
    ("meta", "0..1 Meta"),
    ("meta.tag", "0..* Coding"),
    ("meta.tag.code", "0..1 code"),
]);

const TABLE: &str = r#"{"resourceType": "ConceptMap", "group": [{"target": "urn:colour", "element": [
    {"code": "rood", "target": [{"code": "red", "display": "Red"}]},
    {"code": "1", "target": [{"code": "one", "display": "One"}]},
    {"code": "kg", "target": [{"code": "kg", "display": "kg"}]},
    {"code": "g", "target": [{"code": "g", "display": "g"}]}]}]}"#;

const HEAD: &str = r#"
map = "x/y"
patient = ["x", "client", "client"]
[[resource]]
name = "one"
type = "Observation"
profile = "inzage-Test"
id = ["x", "y", "id"]
"#;

fn files(map: &str) -> Files {
    let mut files = Files::default();
    files.add("x/y.toml", map);
    files.add("tables/colour.json", TABLE);
    files
}

/// The plan of a map whose one resource has these lines.
fn plan_of(set: &str) -> Plan {
    small_plan(&files(&format!("{HEAD}[resource.set]\n{set}")))
}

fn small_plan(files: &Files) -> Plan {
    Plan::load_with(files, &ELEMENTS).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn run(plan: &Plan, record: &Value) -> Outcome {
    let (key, zone) = (MacKey::new(b"k"), TimeZone::get("Europe/Amsterdam").unwrap());
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    plan.run("x/y", record, &context)
}

/// What the lines make of a record, without `resourceType`, `id` and `meta`.
fn made(set: &str, mut record: Value) -> Value {
    record["id"] = json!(1);
    record["client"] = json!(2);
    match run(&plan_of(set), &record) {
        Outcome::Mapped(mut resources) => {
            let mut resource = resources.remove(0).resource;
            let object = resource.as_object_mut().unwrap();
            for own in ["resourceType", "id", "meta"] {
                object.shift_remove(own);
            }
            resource
        }
        other => panic!("{other:?}"),
    }
}

fn refused(set: &str, mut record: Value) -> (String, String) {
    record["id"] = json!(1);
    record["client"] = json!(2);
    match run(&plan_of(set), &record) {
        Outcome::Refused { pointer, reason, .. } => (pointer, reason),
        other => panic!("{other:?}"),
    }
}

fn plan(files: &Files) -> Plan {
    Plan::load(files, &REGISTRY).unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

#[test]
fn the_maps_of_the_program_have_no_problem_and_every_example_comes_out_as_written() {
    let report = check(&Files::builtin(), &REGISTRY);
    assert!(report.ok, "{}", report.text);
}

/// Writes the expected outcome beside every example, after a change of a map that was meant:
/// `cargo test --lib mapping::tests::the_expected -- --ignored`.
#[test]
#[ignore = "rewrites the expected outcomes in mappings/"]
fn the_expected_outcomes_are_rewritten() {
    let mut files = Files::default();
    files.override_with("mappings".as_ref()).unwrap();
    let plan = plan(&files);
    for map in plan.map_names() {
        for (path, text) in files.below(&format!("{map}/"), ".in.json") {
            let outcome = example::outcome(&plan, map, &serde_json::from_str(text).unwrap());
            let (ending, value) = example::expected_form(&outcome);
            let stem = path.trim_end_matches(".in.json");
            for other in ["out", "dropped", "refused"] {
                let _ = std::fs::remove_file(format!("mappings/{stem}.{other}.json"));
            }
            std::fs::write(format!("mappings/{stem}.{ending}.json"), format!("{value:#}\n")).unwrap();
        }
    }
}

#[test]
fn an_id_is_of_its_key_and_of_the_tenant() {
    let (a, b) = (MacKey::new(b"a"), MacKey::new(b"b"));
    assert_eq!(resource_id(&a, &["ons", "report", "1"]).as_str().len(), 32);
    assert_eq!(
        resource_id(&a, &["ons", "report", "1"]),
        resource_id(&a, &["ons", "report", "1"])
    );
    assert_ne!(
        resource_id(&a, &["ons", "report", "1"]),
        resource_id(&b, &["ons", "report", "1"])
    );
    assert_ne!(
        resource_id(&a, &["ons", "report", "11"]),
        resource_id(&a, &["ons", "report1", "1"])
    );
}

#[test]
fn a_mapped_resource_begins_with_type_id_and_profiles_and_names_its_patient() {
    let plan = plan_of("\"status\" = { const = \"final\" }\n\"meta.tag[0].code\" = { const = \"t\" }");
    let Outcome::Mapped(resources) = run(&plan, &json!({"id": 1, "client": "c"})) else {
        panic!("not mapped")
    };
    let one = &resources[0];
    assert_eq!(
        one.resource.to_string(),
        format!(
            r#"{{"resourceType":"Observation","id":"{}","meta":{{"profile":["urn:test"],"tag":[{{"code":"t"}}]}},"status":"final"}}"#,
            one.id
        )
    );
    assert_eq!(
        one.patient,
        Some(resource_id(&MacKey::new(b"k"), &["x", "client", "c"]))
    );
    assert_eq!(&*one.profile, "urn:test");
}

#[test]
fn a_record_without_its_client_or_its_own_key_is_refused() {
    let plan = plan_of("\"status\" = { const = \"final\" }");
    for (record, wanted) in [(json!({"id": 1}), "/client"), (json!({"client": 1, "id": null}), "/id")] {
        match run(&plan, &record) {
            Outcome::Refused { pointer, .. } => assert_eq!(pointer, wanted),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_withheld_record_is_dropped_even_when_it_is_faulty() {
    let plan = small_plan(&files(&format!(
        "{}\n[resource.set]\n\"issued\" = {{ instant = \"at\", required = true }}\n\
         [list.parts]\nfrom = \"parts\"\n[[drop]]\nrule = \"hidden\"\nreason = \"hidden\"\nwhen = {{ field = \"hidden\", not = false }}\n\
         [[drop]]\nrule = \"empty\"\nreason = \"empty\"\nwhen = {{ list = \"parts\", exists = false }}\n",
        HEAD
    )));
    let rule = |record: Value| match run(&plan, &record) {
        Outcome::Dropped { rule, .. } => rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(rule(json!({"hidden": "no", "parts": {}, "at": "never"})), "hidden");
    assert_eq!(rule(json!({"hidden": false, "parts": [null, ""]})), "empty");
}

#[test]
fn a_record_of_no_map_is_refused() {
    let plan = plan_of("\"status\" = { const = \"final\" }");
    let (key, zone) = (MacKey::new(b"k"), TimeZone::UTC);
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    assert!(matches!(plan.run("x/z", &json!({}), &context), Outcome::Refused { .. }));
}

#[test]
fn a_report_type_that_the_tenant_does_not_publish_is_dropped() {
    let plan = plan(&Files::builtin());
    let (key, zone) = (MacKey::new(b"k"), TimeZone::get("Europe/Amsterdam").unwrap());
    let record = json!({"id": 1, "clientId": 2, "reportTypeId": 101, "reportingDate": "2026-11-11T10:00:00+01:00",
        "comment": "Goed geslapen.", "hidden": false, "confidential": false});
    let run = |report_types: ReportTypes<'_>| {
        let context = Context {
            key: &key,
            zone: &zone,
            report_types,
        };
        plan.run("ons/report", &record, &context)
    };
    let (dag, arts) = (["101".to_owned()], ["109".to_owned()]);
    assert!(matches!(run(ReportTypes::Only(&dag)), Outcome::Mapped(_)));
    assert!(matches!(run(ReportTypes::Only(&arts)), Outcome::Dropped { rule, .. } if rule == "type-not-of-tenant"));
    assert!(matches!(run(ReportTypes::Only(&[])), Outcome::Dropped { .. }));
}

#[test]
fn a_report_type_that_no_map_knows_is_told() {
    let plan = plan(&Files::builtin());
    let types = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(plan.unknown_report_type("ons/report", &types("101 212 317")), None);
    assert_eq!(plan.unknown_report_type("ons/report", &types("101 112")), Some("112"));
    assert_eq!(
        plan.unknown_report_type("caress/report", &types("DAG SOEP 101")),
        Some("101")
    );
    assert_eq!(plan.unknown_report_type("none/report", &types("101")), Some("101"));
}

#[test]
fn explain_shows_the_sources_and_what_is_never_read() {
    let mut files = files(&format!(
        "{HEAD}[resource.set]\n\"valueString\" = {{ text = \"comment\" }}"
    ));
    files.add(
        "x/y.source.json",
        r#"{"properties": {"id": {}, "client": {}, "comment": {}, "secret": {"properties": {"a": {}}}}}"#,
    );
    let plan = small_plan(&files);
    let report = explain(&plan, "x/y");
    assert!(report.text.contains("valueString  comment (text)"), "{}", report.text);
    assert!(report.text.ends_with("never read: secret.a\n"), "{}", report.text);
    assert!(!explain(&plan, "x/none").ok);
}

#[test]
fn try_shows_the_resource_and_the_fields_of_the_record_that_go_nowhere() {
    let plan = plan(&Files::builtin());
    let (key, zone) = (MacKey::new(b"k"), TimeZone::get("Europe/Amsterdam").unwrap());
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    let record = json!({"id": 7, "lastName": "Vos", "freeField1": "x"});
    let report = try_record(&plan, "ons/client", &record, &context, &REGISTRY);
    assert!(report.ok, "{}", report.text);
    assert!(report.text.contains("\"family\": \"Vos\"") && report.text.contains("never reads: freeField1"));
    let report = try_record(&plan, "ons/client", &json!({"id": 7}), &context, &REGISTRY);
    assert!(!report.ok && report.text.contains("`name`"), "{}", report.text);
    let report = try_record(&plan, "ons/cliemt", &record, &context, &REGISTRY);
    assert!(
        !report.ok && report.text.contains("did you mean `ons/client`?"),
        "{}",
        report.text
    );
}

#[test]
fn a_trial_says_when_there_is_nothing_to_judge_a_resource_by() {
    // The profile of the small map is in no registry, and the base type would find nothing wrong.
    let plan = small_plan(&files(&format!(
        "{HEAD}[resource.set]\n\"status\" = {{ const = \"final\" }}\n\"code.text\" = {{ copy = \"a\" }}\n"
    )));
    let (key, zone) = (MacKey::new(b"k"), TimeZone::UTC);
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    let record = json!({"id": 1, "client": 2, "a": "A"});
    let Outcome::Mapped(resources) = plan.run("x/y", &record, &context) else {
        panic!("not mapped")
    };
    let none = resources[0].check(&REGISTRY).unwrap_err();
    assert_eq!((none.kind, &*none.profile), (ResourceType::Observation, "urn:test"));
    let report = try_record(&plan, "x/y", &record, &context, &REGISTRY);
    assert!(
        !report.ok && report.text.contains("no validator for this Observation"),
        "{}",
        report.text
    );
}

#[test]
fn the_remedy_of_a_problem_stands_apart_from_what_is_wrong() {
    let map = files(&format!("{HEAD}[resource.set]\n\"valueStrin\" = {{ copy = \"a\" }}\n"));
    let problems = Plan::load_with(&map, &ELEMENTS).unwrap_err();
    let [problem] = &problems[..] else {
        panic!("{problems:#?}")
    };
    assert!(problem.message.ends_with("has no element `valueStrin`"), "{problem:?}");
    let remedy = problem.remedy.as_deref().unwrap();
    assert_eq!(
        problem.to_string(),
        format!(
            "{}:{}: valueStrin: {}; {remedy}",
            problem.file, problem.line, problem.message
        )
    );
}

/// `cargo test --release --lib mapping::tests::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let plan = plan(&Files::builtin());
    let (key, zone) = (MacKey::new(b"k"), TimeZone::get("Europe/Amsterdam").unwrap());
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    let files = Files::builtin();
    for (map, example) in [
        ("report", "01-gewoon"),
        ("report", "33-bloeddruk"),
        ("report", "20-soep"),
        ("client", "01-gewoon"),
        ("care-plan", "01-gewoon"),
    ] {
        let text = files.get(&format!("ons/{map}/{example}.in.json")).unwrap();
        let record: Value = serde_json::from_str(text).unwrap();
        let map = format!("ons/{map}");
        let start = std::time::Instant::now();
        let (mut records, mut resources) = (0u32, 0);
        while start.elapsed().as_millis() < 1_000 {
            for _ in 0..100 {
                if let Outcome::Mapped(made) = plan.run(&map, &record, &context) {
                    resources += made.len();
                }
                records += 1;
            }
        }
        let each = start.elapsed().as_secs_f64() / f64::from(records);
        println!(
            "{map} {example}: {:.0} records/s, {:.2} us, {resources} resources",
            1.0 / each,
            each * 1e6
        );
    }
}
