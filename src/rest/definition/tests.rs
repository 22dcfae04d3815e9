//! What is served of the definitions: all that is named, each parameter, each page.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::expand::Codings;
use super::*;

const BASE: &str = "https://gateway.example/topaz/fhir";

fn ids(kind: Definition, query: &str) -> Vec<String> {
    let bundle = searched(kind, query, Handling::Strict).unwrap();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let id = |entry: Value| entry["resource"]["id"].as_str().unwrap().to_owned();
    entries.into_iter().map(id).collect()
}

fn searched(kind: Definition, query: &str, handling: Handling) -> Result<Value, BadParam> {
    let definitions = Definitions::new(&Files::builtin());
    let bytes = definitions.search(kind, &pairs(query), handling, BASE)?;
    Ok(serde_json::from_slice(&bytes).unwrap())
}

pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Every text of this project's maps, tables and profiles that looks like one of its own canonicals.
fn named() -> BTreeSet<(Definition, String)> {
    fn collect(dir: &include_dir::Dir<'_>, found: &mut BTreeSet<(Definition, String)>) {
        for text in dir.files().filter_map(include_dir::File::contents_utf8) {
            for part in text.split("https://inzage.dev/fhir/").skip(1) {
                let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || "-/.".contains(c)));
                let part = &part[..end.unwrap_or(part.len())];
                if let Some((kind, id)) = part.split_once('/')
                    && let Ok(kind) = kind.parse()
                    && !id.is_empty()
                {
                    found.insert((kind, id.to_owned()));
                }
            }
        }
        dir.dirs().for_each(|inner| collect(inner, found));
    }
    let mut found = BTreeSet::new();
    collect(&include_dir::include_dir!("$CARGO_MANIFEST_DIR/profiles"), &mut found);
    collect(&include_dir::include_dir!("$CARGO_MANIFEST_DIR/mappings"), &mut found);
    found
}

#[test]
fn every_canonical_of_this_project_that_is_named_anywhere_resolves_by_id_and_by_url() {
    let definitions = Definitions::new(&Files::builtin());
    let named = named();
    assert!(named.len() > 100, "{}", named.len());
    for (kind, id) in named {
        let url = format!("https://inzage.dev/fhir/{kind}/{id}");
        let found = definitions
            .read(kind, &id)
            .unwrap_or_else(|| panic!("{url} is not served"));
        let value: Value = serde_json::from_str(found.body).unwrap();
        assert_eq!(value["url"], url, "the canonical ends with the id");
        assert_eq!(ids(kind, &format!("url={url}")), [id.as_str()]);
    }
}

#[test]
fn every_code_of_an_own_system_that_a_map_or_table_gives_is_defined() {
    fn collect<'a>(value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
        if let (Some(system), Some(code)) = (value["system"].as_str(), value["code"].as_str()) {
            found.push((system, code));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(members) => members.values().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let definitions = Definitions::new(&Files::builtin());
    let mut seen = 0;
    let mut check = |system: &str, code: &str, place: &str| {
        if system.starts_with("https://inzage.dev/fhir/CodeSystem/") {
            let known = definitions.by_url(Definition::CodeSystem, system);
            let known = known.unwrap_or_else(|| panic!("{place}: {system}"));
            let mut codes = Codings::default();
            codes.add(&system.into(), &known["concept"]).unwrap();
            assert!(codes.all.iter().any(|one| one.code == code), "{place}: {system}|{code}");
            seen += 1;
        }
    };
    for entry in definitions.of(Definition::ConceptMap) {
        let table = entry.value();
        for group in table["group"].as_array().unwrap() {
            let system = group["target"].as_str().unwrap();
            for element in group["element"].as_array().unwrap() {
                for target in element["target"].as_array().unwrap() {
                    check(system, target["code"].as_str().unwrap(), table["id"].as_str().unwrap());
                }
            }
        }
    }
    let mut open = vec![std::path::PathBuf::from("mappings")];
    while let Some(dir) = open.pop() {
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(".out.json") {
                let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let mut codes = Vec::new();
                collect(&value, &mut codes);
                for (system, code) in codes {
                    check(system, code, &path.to_string_lossy());
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn every_value_set_expands_to_codes_with_displays() {
    let definitions = Definitions::new(&Files::builtin());
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let sets = ids(Definition::ValueSet, "");
    assert!(sets.len() >= 6, "{sets:?}");
    for set in &sets {
        let expanded: Value = serde_json::from_str(&definitions.expand(Some(set), &[], now).unwrap()).unwrap();
        assert!(expanded.get("compose").is_none());
        let contains = expanded["expansion"]["contains"].as_array().unwrap();
        assert_eq!(expanded["expansion"]["total"], json!(contains.len()));
        for coding in contains {
            assert!(
                coding["display"].is_string() && coding["code"].is_string(),
                "{set}: {coding}"
            );
        }
    }
    let url = "url=https://inzage.dev/fhir/ValueSet/inzage-RapportageSoort&filter=SOEP";
    let expanded: Value = serde_json::from_str(&definitions.expand(None, &pairs(url), now).unwrap()).unwrap();
    assert_eq!(expanded["expansion"]["contains"].as_array().unwrap().len(), 1);
    assert_eq!(expanded["expansion"]["contains"][0]["code"], "soep");
    let page: Value = serde_json::from_str(
        &definitions
            .expand(Some("inzage-RapportageSoort"), &pairs("offset=2&count=3"), now)
            .unwrap(),
    )
    .unwrap();
    assert_eq!(page["expansion"]["contains"].as_array().unwrap().len(), 3);
    for (id, query, told) in [
        (None, "url=urn:none", "no such value set"),
        (None, "", "url: name the value set"),
        (Some("inzage-SoepDeel"), "count=many", "count: must be a number"),
        (Some("inzage-SoepDeel"), "property=x", "property: known are"),
    ] {
        let refused = definitions.expand(id, &pairs(query), now).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
    }
}

#[test]
fn a_search_takes_each_declared_parameter_and_refuses_what_is_none() {
    assert_eq!(ids(Definition::CodeSystem, "code=soep"), ["rapportagesoort"]);
    assert_eq!(
        ids(Definition::CodeSystem, "name=inzagerapportage"),
        ["rapportagesoort"]
    );
    assert_eq!(ids(Definition::CodeSystem, "title:exact=kinds+of+report"), [""; 0]);
    assert_eq!(
        ids(Definition::CodeSystem, "title:contains=OF+REPORT"),
        ["rapportagesoort"]
    );
    assert_eq!(ids(Definition::CodeSystem, "_id=discipline,zorgdomein").len(), 2);
    assert_eq!(ids(Definition::CodeSystem, "status=draft"), [""; 0]);
    let all = ids(Definition::CodeSystem, "");
    assert_eq!(ids(Definition::CodeSystem, "status=active&version=0.1.0"), all);
    let system = "https://inzage.dev/fhir/CodeSystem/rapportagesoort";
    let target = format!("target-system={system}");
    assert_eq!(
        ids(Definition::ConceptMap, &target),
        ["caress-report-kind", "ons-report-kind"]
    );
    assert_eq!(
        ids(Definition::ConceptMap, "source-code=VOORTG&_id=caress-report-kind").len(),
        1
    );
    let of = format!("reference={system}");
    assert_eq!(ids(Definition::ValueSet, &of), ["inzage-RapportageSoort"]);
    let of_plans = ids(
        Definition::StructureDefinition,
        "type=CarePlan&kind=resource&derivation=constraint",
    );
    assert_eq!(of_plans, ["inzage-Zorgactie", "inzage-Zorgplan"]);
    for query in ["colour=blue", "name:text=a", "_count=many", "_page=-1"] {
        assert!(
            searched(Definition::ValueSet, query, Handling::Strict).is_err(),
            "{query}"
        );
    }
    let lenient = searched(Definition::ValueSet, "colour=blue", Handling::Lenient).unwrap();
    assert_eq!(lenient["link"][0]["url"], format!("{BASE}/ValueSet"));
}

#[test]
fn a_value_means_what_it_means_in_a_search_of_resources() {
    let kind = Definition::CodeSystem;
    let all = ids(kind, "");
    // An escaped comma is a part of the value, and an empty value says nothing.
    assert_eq!(ids(kind, r"title=Kinds\,+of"), [""; 0]);
    assert_eq!(
        ids(kind, r"url=urn:a\,b,https://inzage.dev/fhir/CodeSystem/rapportagesoort").len(),
        1
    );
    let empty = searched(kind, "title=&url=", Handling::Lenient).unwrap();
    assert_eq!(
        (&empty["total"], &empty["link"][0]["url"]),
        (&json!(all.len()), &json!(format!("{BASE}/{kind}")))
    );
    assert_eq!(ids(kind, "_summary=false&_total=accurate"), all);
    let count = searched(kind, "_count=0", Handling::Strict).unwrap();
    assert_eq!((&count["total"], count.get("entry")), (&json!(all.len()), None));
    assert_eq!(ids(kind, "code=urn:any|soep"), ["rapportagesoort"]);
    assert_eq!(ids(kind, "code=urn:any|"), [""; 0]);
    for query in [
        r"title=a\",
        r"title=a\b",
        "title=a,,b",
        "code=|",
        "code=a|b|c",
        "_count=1&_count=2",
        "_count=",
        "_count=-1",
        "_summary=all",
        "_total=some",
        "_has:Patient:x:y=z",
        "url.name=x",
    ] {
        assert!(searched(kind, query, Handling::Lenient).is_err(), "{query}");
    }
    // A form of the answer that is not offered is passed over, or refused where that is asked for.
    assert!(searched(kind, "_summary=true", Handling::Lenient).is_ok());
    assert!(searched(kind, "_summary=true", Handling::Strict).is_err());
}

fn profile_of(id: &str, url: &str, text: &str) -> Value {
    json!({
        "resourceType": "StructureDefinition", "id": id, "url": url, "name": id, "status": "active", "kind": "resource",
        "abstract": false, "type": "Observation", "derivation": "constraint", "fhirVersion": "4.0.1", "description": text,
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": { "element": [{ "id": "Observation", "path": "Observation" }] },
    })
}

#[test]
fn what_an_operator_adds_is_served_too_and_replaces_nothing() {
    let own = "https://inzage.dev/fhir/StructureDefinition/inzage-Gewicht";
    let (folder, package) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (dir, id, url) in [
        (&folder, "huis", "https://huis.example/StructureDefinition/huis"),
        (
            &folder,
            "inzage-Gewicht",
            "https://huis.example/StructureDefinition/other",
        ),
        (&package, "nl", "https://nl.example/StructureDefinition/nl"),
        (&package, "copy", own),
        (&package, "not_an_id", "https://nl.example/StructureDefinition/bad"),
    ] {
        std::fs::write(
            dir.path().join(format!("{id}.json")),
            profile_of(id, url, "x").to_string(),
        )
        .unwrap();
    }
    let later = json!({"resourceType": "StructureDefinition", "id": "r5", "url": "urn:r5", "fhirVersion": "5.0.0"});
    for (name, text) in [
        ("r5.json", later.to_string()),
        ("package.json", "{\"name\": \"nl\"}".to_owned()),
    ] {
        std::fs::write(package.path().join(name), text).unwrap();
    }
    let builtin = Definitions::new(&Files::builtin());
    let before = builtin
        .read(Definition::StructureDefinition, "inzage-Gewicht")
        .unwrap()
        .body
        .to_owned();
    let count = builtin.of(Definition::StructureDefinition).count();
    let (_, more) = profile::Registry::load_for_serving(Some(folder.path()), &[package.path().to_owned()]).unwrap();
    let all = builtin.with(&more);
    let read = |id: &str| all.read(Definition::StructureDefinition, id);
    assert_eq!(all.of(Definition::StructureDefinition).count(), count + 2);
    assert_eq!(read("inzage-Gewicht").unwrap().body, before);
    assert!(read("huis").is_some() && read("nl").is_some());
    assert_ne!(read("huis").unwrap().tag, read("nl").unwrap().tag);
    for id in ["copy", "r5", "not_an_id"] {
        assert!(read(id).is_none(), "{id}");
    }
    // A package is not what the server says that it supports.
    let told = all.profiles().remove("Observation").unwrap();
    assert!(told.contains(&"https://huis.example/StructureDefinition/huis".to_owned()));
    assert!(!told.contains(&"https://nl.example/StructureDefinition/nl".to_owned()));
}

#[test]
fn a_page_of_large_definitions_ends_early_and_goes_on_and_an_expansion_is_paged() {
    let text = "x".repeat(3 * 1024 * 1024);
    let url = |at: usize| format!("https://huis.example/StructureDefinition/{at}");
    let concept: Vec<Value> = (0..1_500)
        .map(|at| json!({"code": format!("c{at}"), "display": "d"}))
        .collect();
    let mut own: Vec<Value> = (0..5)
        .map(|at| profile_of(&format!("large-{at}"), &url(at), &text))
        .collect();
    own.push(json!({"resourceType": "CodeSystem", "id": "many", "url": "urn:many", "concept": concept}));
    own.push(json!({
        "resourceType": "ValueSet", "id": "many", "url": "urn:set", "compose": {"include": [{"system": "urn:many"}]}
    }));
    let all = Definitions::new(&Files::builtin()).with(&profile::More {
        own,
        packages: Vec::new(),
    });
    let (mut sizes, mut query) = (Vec::new(), "name=large".to_owned());
    loop {
        let found = all
            .search(Definition::StructureDefinition, &pairs(&query), Handling::Strict, BASE)
            .unwrap();
        let bundle: Value = serde_json::from_slice(&found).unwrap();
        assert_eq!(bundle["total"], 5);
        sizes.push(bundle["entry"].as_array().unwrap().len());
        let mut links = bundle["link"].as_array().unwrap().iter();
        let Some(next) = links.find(|link| link["relation"] == "next") else {
            break;
        };
        query = next["url"].as_str().unwrap().split_once('?').unwrap().1.to_owned();
    }
    assert_eq!(sizes, [2, 2, 1]);

    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let expand = |query: &str| all.expand(Some("many"), &pairs(query), now);
    assert!(matches!(expand(""), Err(Unexpanded::Large)));
    for (query, first, length) in [
        ("count=2000", "c0", 1_000),
        ("count=2000&offset=1000", "c1000", 500),
        ("filter=c149", "c149", 11),
    ] {
        let expanded: Value = serde_json::from_str(&expand(query).unwrap()).unwrap();
        let contains = expanded["expansion"]["contains"].as_array().unwrap();
        assert_eq!(
            (&contains[0]["code"], contains.len()),
            (&json!(first), length),
            "{query}"
        );
    }
}

#[test]
fn pages_follow_each_other_until_all_are_there_once() {
    let (mut seen, mut query) = (Vec::new(), "_count=7".to_owned());
    loop {
        let bundle = searched(Definition::ConceptMap, &query, Handling::Strict).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        assert!(entries.len() <= 7);
        seen.extend(
            entries
                .iter()
                .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()),
        );
        let next = bundle["link"]
            .as_array()
            .unwrap()
            .iter()
            .find(|link| link["relation"] == "next");
        let Some(next) = next else { break };
        query = next["url"].as_str().unwrap().split_once('?').unwrap().1.to_owned();
    }
    assert_eq!(seen, ids(Definition::ConceptMap, ""));
    let count = searched(Definition::ConceptMap, "_summary=count", Handling::Strict).unwrap();
    assert_eq!(count["total"], json!(seen.len()));
    assert!(count.get("entry").is_none());
}

#[test]
fn every_stored_type_names_its_profiles() {
    let profiles = Definitions::new(&Files::builtin()).profiles();
    for kind in ResourceType::ALL {
        assert!(profiles.contains_key(kind.as_str()), "{kind} has no profile");
    }
    assert!(!profiles.contains_key("Extension"));
}
