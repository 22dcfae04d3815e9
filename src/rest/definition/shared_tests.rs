//! What is read once and shared.

use jiff::Timestamp;
use serde_json::json;

use super::tests::pairs;
use super::*;

#[test]
fn a_value_set_is_read_once_and_what_is_too_large_is_not_kept() {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let mut own = Vec::new();
    for (name, count) in [("one", 40_000), ("two", 40_000), ("three", 40_000), ("endless", 50_001)] {
        let url = format!("urn:{name}");
        let concept: Vec<Value> = (0..count).map(|at| json!({"code": format!("c{at}")})).collect();
        own.push(json!({"resourceType": "CodeSystem", "id": name, "url": url, "concept": concept}));
        own.push(json!({
            "resourceType": "ValueSet", "id": name, "url": format!("{url}:set"), "compose": {"include": [{"system": url}]}
        }));
    }
    let twice = json!([{"code": "a", "display": "A", "concept": [{"code": "b"}]}, {"code": "a"}]);
    own.push(json!({
        "resourceType": "ValueSet", "id": "twice", "url": "urn:twice", "compose": {"include": [
            {"system": "urn:s", "concept": twice}, {"system": "urn:s", "concept": [{"code": "b"}]},
            {"system": "urn:t", "concept": [{"code": "a"}]}
        ]}
    }));
    let all = Definitions::new(&Files::builtin()).with(&profile::More {
        own,
        packages: Vec::new(),
    });
    let expand = |id: &str| all.expand(Some(id), &pairs("count=5"), now);
    let twice: Value = serde_json::from_str(&expand("twice").unwrap()).unwrap();
    let contains = json!([
        {"system": "urn:s", "code": "a", "display": "A"}, {"system": "urn:s", "code": "b"}, {"system": "urn:t", "code": "a"}
    ]);
    assert_eq!(
        (&twice["expansion"]["total"], &twice["expansion"]["contains"]),
        (&json!(3), &contains)
    );
    let first = all.listed("one");
    assert!(expand("one").is_ok() && Arc::ptr_eq(&first, &all.listed("one")));
    assert!(expand("two").is_ok());
    assert_eq!(all.expansions.kept(), ["one", "twice", "two"]);
    assert!(expand("three").is_ok());
    assert_eq!(all.expansions.kept(), ["three"]);
    assert!(matches!(expand("endless"), Err(Unexpanded::Endless)));
    // A tenant with tables of its own shares what was read.
    assert!(Arc::ptr_eq(
        &all.listed("three"),
        &all.with_tables(&Files::builtin()).listed("three")
    ));
}

#[test]
fn a_tenants_own_tables_stand_in_the_place_of_the_programs_and_everything_else_is_shared() {
    let all = Definitions::new(&Files::builtin());
    let id = "ons-report-kind";
    let table = all.read(Definition::ConceptMap, id).unwrap().body;
    let mut changed: Value = serde_json::from_str(table).unwrap();
    changed["title"] = json!("Anders");
    let mut files = Files::builtin();
    files.add(&format!("tables/{id}.json"), &changed.to_string());
    let own = all.with_tables(&files);
    assert_eq!(own.by_id(Definition::ConceptMap, id).unwrap()["title"], "Anders");
    assert_ne!(all.by_id(Definition::ConceptMap, id).unwrap()["title"], "Anders");
    assert_eq!(own.all.len(), all.all.len());
    for (key, entry) in &all.all {
        let is_shared = Arc::ptr_eq(entry, &own.all[key]);
        assert_eq!(is_shared, key.0 != Definition::ConceptMap, "{key:?}");
    }
    // A value set of one tenant is not another's.
    let set = |code: &str| {
        let mut files = Files::builtin();
        let include = json!([{"system": "urn:s", "concept": [{"code": code}]}]);
        let set = json!({"resourceType": "ValueSet", "id": "own", "url": "urn:own", "compose": {"include": include}});
        files.add("tables/own.json", &set.to_string());
        all.with_tables(&files)
    };
    for (own, code) in [(set("a"), "a"), (set("b"), "b")] {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let expanded: Value = serde_json::from_str(&own.expand(Some("own"), &[], now).unwrap()).unwrap();
        assert_eq!(expanded["expansion"]["contains"][0]["code"], code);
    }
    let url = changed["url"].as_str().unwrap();
    assert_eq!(own.id_of(Definition::ConceptMap, url), Some(id));
}
