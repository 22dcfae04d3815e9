use serde_json::json;

use super::*;
use crate::profile::Registry;

fn told(old: &Value, new: &Value, map: Option<&str>) -> Report {
    let files = Files::builtin();
    let plan = Plan::load(&files, &Registry::builtin()).unwrap();
    let (old, new) = (old.to_string(), new.to_string());
    let described = |file, text| Described { file, text };
    diff(
        described("old.json", &old),
        described("new.json", &new),
        map,
        &files,
        &plan,
    )
}

fn source() -> Value {
    serde_json::from_str(Files::builtin().get("ons/report.source.json").unwrap()).unwrap()
}

#[test]
fn a_field_that_goes_is_told_with_the_lines_that_read_it() {
    let old = source();
    let mut new = old.clone();
    new["properties"].as_object_mut().unwrap().remove("reportingDate");
    new["properties"]["comment"]["type"] = json!("object");
    new["properties"]["brandNew"] = json!({"type": "object", "properties": {"inner": {"type": "string"}}});
    let report = told(&old, &new, Some("ons/report"));
    assert!(!report.ok, "{}", report.text);
    assert!(
        report.text.contains("- reportingDate\n    ons/report.toml:"),
        "{}",
        report.text
    );
    assert!(report.text.contains("~ comment: type "), "{}", report.text);
    assert!(report.text.contains("+ brandNew\n"), "{}", report.text);
    assert!(!report.text.contains("brandNew.inner"), "{}", report.text);
    let line = report
        .text
        .split("- reportingDate\n    ons/report.toml:")
        .nth(1)
        .unwrap();
    let number: usize = line.lines().next().unwrap().parse().unwrap();
    let file = Files::builtin();
    let hit = file
        .get("ons/report.toml")
        .unwrap()
        .lines()
        .nth(number - 1)
        .unwrap()
        .to_owned();
    assert!(hit.contains("reportingDate"), "{hit}");
}

#[test]
fn what_no_map_reads_is_told_and_hits_nothing() {
    let old = source();
    let mut new = old.clone();
    new["properties"]["unheardOf"] = json!({"type": "string"});
    let report = told(&old, &new, Some("ons/report"));
    assert!(report.ok, "{}", report.text);
    assert!(
        report.text.ends_with("1 changes; 0 places in the maps are hit.\n"),
        "{}",
        report.text
    );
    assert!(told(&old, &old, Some("ons/report")).text.starts_with("0 changes"));
    assert!(!told(&old, &old, Some("ons/none")).ok);
}

#[test]
fn of_an_openapi_document_requests_and_the_schemas_of_the_maps_are_compared() {
    let plan = json!({"type": "object", "required": ["status"], "properties": {"status": {"$ref": "#/components/schemas/Status"}}});
    let old = json!({
        "paths": {"/v0/a": {"get": {"parameters": [{"name": "valid_from"}]}}, "/t/b": {"get": {}}},
        "components": {"schemas": {"CarePlan": plan, "Status": {"type": "string", "enum": ["DRAFT", "ACTIVE"]}}},
    });
    let mut new = old.clone();
    new["paths"] = json!({"/v0/a": {"get": {"parameters": [{"name": "from"}]}}});
    new["components"]["schemas"]["Status"]["enum"] = json!(["DRAFT", "ACTIVE", "PAUSED"]);
    let report = told(&old, &new, None);
    for text in [
        "- GET /t/b",
        "+ GET /v0/a: parameter from",
        "- GET /v0/a: parameter valid_from",
        "~ CarePlan.status: new value \"PAUSED\"",
        "ons/care-plan.toml:",
    ] {
        assert!(report.text.contains(text), "{text}: {}", report.text);
    }
    assert!(!report.ok);
}

#[test]
fn what_is_no_description_is_told_with_its_file_and_both_at_once() {
    let files = Files::builtin();
    let plan = Plan::load(&files, &Registry::builtin()).unwrap();
    let described = |file, text| Described { file, text };
    let report = diff(
        described("old.json", "{\n\"properties\": "),
        described("new.json", "[]"),
        None,
        &files,
        &plan,
    );
    assert!(!report.ok);
    let lines: Vec<&str> = report.text.lines().collect();
    assert_eq!(lines.len(), 2, "{}", report.text);
    assert!(lines[0].starts_with("old.json:2: not JSON"), "{}", lines[0]);
    assert!(
        lines[1].starts_with("new.json:1: neither a JSON Schema"),
        "{}",
        lines[1]
    );
}
