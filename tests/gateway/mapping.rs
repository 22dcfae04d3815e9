//! The maps of the program against material outside the project: the nl-core packages, and sample records of the product.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inzage::mapping::{Context, Files, Outcome, Plan, ReportTypes};
use inzage::profile::{Registry, is_valid};
use inzage::secret::MacKey;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::support::shared::shared;

/// What must never come out, put by the example records into every field and record that is withheld.
const MARKER: &str = "NIET NAAR BUITEN";

fn examples(ending: &str) -> Vec<(PathBuf, Value)> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("mappings")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).expect("the folder is there") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let text = std::fs::read(&path).expect("the file is readable");
                let value = serde_json::from_slice(&text).expect("an example is JSON");
                found.push((path, value));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|inner| strings(inner, found)),
        Value::Object(object) => object.values().for_each(|inner| strings(inner, found)),
        _ => {}
    }
}

#[test]
fn nothing_that_is_withheld_stands_in_an_expected_outcome() {
    assert!(
        examples(".in.json")
            .iter()
            .any(|(_, value)| value.to_string().contains(MARKER))
    );
    for (path, value) in examples(".out.json") {
        let mut texts = Vec::new();
        strings(&value, &mut texts);
        for text in texts {
            let plain = STANDARD.decode(text).unwrap_or_default();
            assert!(!text.contains(MARKER), "{}", path.display());
            assert!(!String::from_utf8_lossy(&plain).contains(MARKER), "{}", path.display());
        }
    }
}

#[test]
fn every_reference_within_a_record_has_its_resource_and_every_reference_is_shown() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(object) if object.contains_key("reference") => found.push(value),
            Value::Object(object) => object.values().for_each(|inner| references(inner, found)),
            Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }
    for (path, value) in examples(".out.json") {
        let made: Vec<String> = value
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                format!(
                    "{}/{}",
                    one["resourceType"].as_str().unwrap(),
                    one["id"].as_str().unwrap()
                )
            })
            .collect();
        // The plan before this one is another record.
        let replaced: Vec<&str> = value
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["replaces"][0]["reference"].as_str())
            .collect();
        let mut found = Vec::new();
        references(&value, &mut found);
        for reference in found {
            let target = reference["reference"].as_str().unwrap();
            let elsewhere = [
                "Patient/",
                "Practitioner/",
                "PractitionerRole/",
                "Organization/",
                "Goal/",
            ];
            let elsewhere = elsewhere.iter().any(|kind| target.starts_with(kind)) || replaced.contains(&target);
            assert!(
                elsewhere || made.iter().any(|one| one == target),
                "{}: {target}",
                path.display()
            );
            assert!(reference["display"].is_string(), "{}: {target}", path.display());
        }
    }
}

#[test]
fn every_kind_of_report_that_a_table_gives_is_defined() {
    let registry = Registry::builtin();
    let kinds = "https://inzage.dev/fhir/ValueSet/inzage-RapportageSoort";
    let defined = registry.codes(kinds).expect("the set can be listed");
    let mut given = 0;
    for ecd in ["ons", "caress"] {
        let text = std::fs::read(format!("mappings/tables/{ecd}-report-kind.json")).unwrap();
        let table: Value = serde_json::from_slice(&text).unwrap();
        let system = table["group"][0]["target"].as_str().unwrap();
        for element in table["group"][0]["element"].as_array().unwrap() {
            let code = element["target"][0]["code"].as_str().unwrap();
            assert!(defined.contains(&(system.to_owned(), code.to_owned())), "{ecd}: {code}");
            given += 1;
        }
    }
    assert!(given > 15, "{given}");
}

#[test]
fn every_expected_resource_is_valid_against_each_profile_that_it_claims() {
    let Some(packages) = shared("fhir/packages") else {
        return;
    };
    let folders = ["r4-snapshots", "r4-base"].map(|name| packages.join(name));
    let registry = Registry::load(None, &folders).unwrap();
    let mut claims = 0;
    for (path, value) in examples(".out.json") {
        for resource in value.as_array().unwrap() {
            for claim in resource["meta"]["profile"].as_array().unwrap() {
                let claim = claim.as_str().unwrap();
                // The base vital signs profiles are not in the packages.
                let Some(validator) = registry.validator(claim) else {
                    assert!(claim.starts_with("http://hl7.org/"), "{claim} is not known");
                    continue;
                };
                let issues = validator.check(resource);
                assert!(is_valid(&issues), "{} {claim}: {issues:#?}", path.display());
                claims += 1;
            }
        }
    }
    println!("{claims} claims hold");
    assert!(claims > 60);
}

/// A sample record with what the connector joins to it.
fn joined(kind: &str, mut record: Value) -> Value {
    if let (true, Some(id)) = (matches!(kind, "report" | "care-plan"), record["employeeId"].as_i64()) {
        record["employee"] = json!({"id": id, "name": format!("Medewerker {id}")});
    }
    if kind == "agenda-occurrence" {
        record["clientId"] = json!(10101);
    }
    if kind == "client" {
        record["careProviders"] =
            json!([{"id": 1, "companyName": "Huisartsenpraktijk De Brink", "categoryObjectId": 1}]);
    }
    record
}

#[test]
fn sample_records_of_the_product_are_mapped_or_dropped_and_valid() {
    let Some(fixtures) = shared("ecd/fixtures/ons") else {
        return;
    };
    let registry = Registry::builtin();
    let plan = Plan::load(&Files::builtin(), &registry).unwrap();
    let (key, zone) = (MacKey::new(b"test"), TimeZone::get("Europe/Amsterdam").unwrap());
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(fixtures.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let list = |name: &str, key: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(fixtures.join(name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()[key]
            .as_array()
            .unwrap()
            .clone()
    };
    let records = [
        ("client", lines("xstream_clients_data.ndjson")),
        ("contact-relation", lines("xstream_relations_data.ndjson")),
        ("report", lines("xstream_reports_data.ndjson")),
        ("insurance", list("insurances.json", "insurances")),
        (
            "care-provider",
            list("careproviders_client_10101.json", "careProviders"),
        ),
        (
            "care-team",
            vec![json!({
                "id": 10101, "clientId": 10101,
                "careProviders": list("careproviders_client_10101.json", "careProviders"),
                "employeeRelations": list("client_employee_relations_10101.json", "clientEmployeeRelations")
                    .into_iter()
                    .map(|relation| joined("report", relation))
                    .collect::<Vec<_>>(),
            })],
        ),
        ("care-plan", list("care_plans_by_client_10101.json", "carePlans")),
        (
            "agenda-occurrence",
            list("agenda_occurrences_client_10101.json", "agendaOccurrences"),
        ),
    ];
    let mut seen = (0, 0);
    for (kind, records) in records {
        for record in records {
            match plan.run(&format!("ons/{kind}"), &joined(kind, record), &context) {
                Outcome::Mapped(resources) => {
                    for one in resources {
                        let issues = registry.validator(&one.profile).unwrap().check(&one.resource);
                        assert!(is_valid(&issues), "{kind} {}: {issues:#?}", one.kind);
                        seen.0 += 1;
                    }
                }
                Outcome::Dropped { .. } => seen.1 += 1,
                Outcome::Refused { pointer, reason, .. } => panic!("{kind} {pointer}: {reason}"),
            }
        }
    }
    println!("{} resources, {} records dropped", seen.0, seen.1);
    assert!(seen.0 > 40 && seen.1 >= 4);
}

/// I8: markup in a report is what its author typed, and stays text: as it came, in no field that an app renders.
#[test]
fn i8_markup_in_a_report_is_text() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/ons/report");
    let text = std::fs::read_to_string(folder.join("60-opmaak.in.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let typed = record["comment"].as_str().unwrap();
    assert!(typed.contains("<script>"));
    let plan = Plan::load(&Files::builtin(), &Registry::builtin()).unwrap();
    let (key, zone) = (MacKey::new(b"test"), TimeZone::get("Europe/Amsterdam").unwrap());
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    let Outcome::Mapped(mapped) = plan.run("ons/report", &record, &context) else {
        panic!("the report is not published");
    };
    let resources: Vec<Value> = mapped.into_iter().map(|one| one.resource).collect();
    let [observation, document] = &resources[..] else {
        panic!("{resources:#?}");
    };
    assert_eq!(observation["valueString"], typed);
    let attachment = &document["content"][0]["attachment"];
    assert_eq!(attachment["contentType"], "text/plain");
    let data = STANDARD.decode(attachment["data"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(data).unwrap(), typed);
    for resource in &resources {
        assert!(resource.get("text").is_none(), "no narrative is made of it: {resource}");
    }
}
