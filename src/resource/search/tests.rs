use serde_json::{Value, json};

use super::*;
use crate::config::Tenant;
use crate::db::{Db, fresh::fresh};
use crate::fhir::search::{COMMON, params};
use crate::resource::fixture::{all_of, at, draft, found, goal, id, narrowed, query, store, tenant};
use complete::{complete, hit_and_miss};

const OBSERVATION: ResourceType = ResourceType::Observation;
const PRACTITIONER: ResourceType = ResourceType::Practitioner;

fn observation(name: &str, patient: &str, elements: Value) -> crate::resource::Draft {
    draft(OBSERVATION, name, Some(patient), elements)
}

#[tokio::test]
async fn every_declared_parameter_hits_and_misses() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let mut drafts = Vec::new();
    for kind in ResourceType::ALL {
        let patient = (!kind.is_shared()).then_some("p1");
        drafts.push(draft(*kind, "r1", patient, complete(*kind)));
    }
    let to_shared = ["Practitioner/r1", "PractitionerRole/r1", "Organization/r1"].map(|to| json!({"reference": to}));
    drafts.push(observation(
        "link",
        "p1",
        json!({"performer": to_shared, "status": "x"}),
    ));
    store(&db, &topaz, 0, &drafts).await;
    let visible = all_of(&topaz, &["p1"]);
    let has = |list: Vec<String>| list.iter().any(|id| id == "r1");
    for kind in ResourceType::ALL {
        for param in params(*kind).iter().chain(COMMON) {
            let (hit, miss) = hit_and_miss(*kind, param.name);
            assert!(
                has(found(&db, &visible, *kind, &[(param.name, &hit)]).await),
                "{kind}?{}={hit}",
                param.name
            );
            assert!(
                !has(found(&db, &visible, *kind, &[(param.name, miss)]).await),
                "{kind}?{}={miss}",
                param.name
            );
            if !param.name.starts_with('_') {
                let missing = format!("{}:missing", param.name);
                assert!(
                    has(found(&db, &visible, *kind, &[(&missing, "false")]).await),
                    "{kind}?{missing}=false"
                );
                assert!(
                    !has(found(&db, &visible, *kind, &[(&missing, "true")]).await),
                    "{kind}?{missing}=true"
                );
            }
        }
    }
}

/// Every path to a resource, and what it shows.
async fn every_path(db: &Db, visible: &Visible, kind: ResourceType, name: &str) -> Vec<&'static str> {
    let mut conn = db.read().await.unwrap();
    let mut open = Vec::new();
    let one = id(name);
    if read(&mut conn, visible, kind, &one).await.unwrap().is_some() {
        open.push("read");
    }
    if vread(&mut conn, visible, kind, &one, 1).await.unwrap().is_some() {
        open.push("vread");
    }
    if history(&mut conn, visible, kind, &one, 9, None)
        .await
        .unwrap()
        .is_some()
    {
        open.push("history");
    }
    for pairs in [
        &[][..],
        &[("_id", name)],
        &[("_sort", "_id")],
        &[("_sort", "-_lastUpdated")],
    ] {
        if found(db, visible, kind, pairs).await.iter().any(|id| id == name) {
            open.push("search");
        }
    }
    let count = query(kind, &[("_summary", "count"), ("_id", name)]);
    let page = Page { size: 1, after: None };
    if search(&mut conn, visible, &count, &page).await.unwrap().total != Some(0) {
        open.push("total");
    }
    open
}

#[tokio::test]
async fn another_clients_resource_is_found_by_no_path() {
    let (_dir, db) = fresh().await;
    let (topaz, amaris) = (tenant("topaz"), tenant("amaris"));
    store(&db, &topaz, 0, &[goal("g1", "p1", "a"), goal("g2", "p2", "a")]).await;
    store(&db, &topaz, 1, &[goal("g1", "p1", "b"), goal("g2", "p2", "b")]).await;
    let goal = ResourceType::Goal;
    assert_eq!(every_path(&db, &all_of(&topaz, &["p1"]), goal, "g1").await.len(), 8);
    assert_eq!(
        every_path(&db, &all_of(&topaz, &["p1", "p2"]), goal, "g2").await.len(),
        8
    );
    for foreign in [
        all_of(&topaz, &["p2"]),
        all_of(&topaz, &[]),
        all_of(&topaz, &["p3", "p4"]),
        all_of(&amaris, &["p1"]),
        narrowed(&topaz, &["p1"], &[(goal, None)]),
        narrowed(&topaz, &["p1"], &[(goal, Some(&[&[("patient", "p2")]]))]),
        narrowed(
            &topaz,
            &["p1"],
            &[(goal, Some(&[&[("no-such", "a")], &[("start-date", "2026")]]))],
        ),
    ] {
        assert!(every_path(&db, &foreign, goal, "g1").await.is_empty(), "{foreign:?}");
    }
    let own = all_of(&topaz, &["p2"]);
    assert!(found(&db, &own, goal, &[("patient", "p1")]).await.is_empty());
    assert!(found(&db, &own, goal, &[("patient", "p1,p2")]).await == ["g2"]);
}

#[tokio::test]
async fn a_granular_scope_narrows_every_path_and_every_version() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let with = |name, category: &str| {
        let category = json!([{"coding": [{"system": "urn:s", "code": category}]}]);
        observation(name, "p1", json!({"category": category, "status": "final"}))
    };
    store(
        &db,
        &topaz,
        0,
        &[
            with("lab", "lab"),
            with("vital", "vital"),
            with("was-lab", "lab"),
            with("now-lab", "note"),
        ],
    )
    .await;
    store(&db, &topaz, 1, &[with("was-lab", "note"), with("now-lab", "lab")]).await;
    let scope: &[&[(&str, &str)]] = &[
        &[("category", "urn:s|lab"), ("status", "final")],
        &[("category", "vital")],
    ];
    let visible = narrowed(&topaz, &["p1"], &[(OBSERVATION, Some(scope))]);
    assert_eq!(
        found(&db, &visible, OBSERVATION, &[("_sort", "_id")]).await,
        ["lab", "now-lab", "vital"]
    );
    assert!(every_path(&db, &visible, OBSERVATION, "was-lab").await.is_empty());
    assert_eq!(every_path(&db, &visible, OBSERVATION, "lab").await.len(), 8);
    let mut conn = db.read().await.unwrap();
    // Its first version was not of the category.
    assert_eq!(
        vread(&mut conn, &visible, OBSERVATION, &id("now-lab"), 1)
            .await
            .unwrap(),
        None
    );
    let versions = history(&mut conn, &visible, OBSERVATION, &id("now-lab"), 9, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(versions.entries.len(), 1);
}

#[tokio::test]
async fn a_care_worker_is_seen_only_through_a_visible_resource() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let by = |name, patient, carer: &str, status: &str| {
        let performer = json!([{"reference": format!("Practitioner/{carer}")}]);
        observation(name, patient, json!({"performer": performer, "status": status}))
    };
    let carer = |name| draft(PRACTITIONER, name, None, json!({"active": true}));
    let all = [
        carer("c1"),
        carer("c2"),
        carer("c3"),
        carer("c4"),
        by("o1", "p1", "c1", "final"),
        by("o2", "p2", "c2", "final"),
        by("o3", "p1", "c3", "draft"),
        by("o4", "p1", "unstored", "final"),
    ];
    store(&db, &topaz, 0, &all).await;
    let list = async |visible: &Visible| found(&db, visible, PRACTITIONER, &[("_sort", "_id")]).await;
    assert_eq!(list(&all_of(&topaz, &["p1"])).await, ["c1", "c3"]);
    assert_eq!(list(&all_of(&topaz, &["p1", "p2"])).await, ["c1", "c2", "c3"]);
    assert!(
        every_path(&db, &all_of(&topaz, &["p1"]), PRACTITIONER, "c2")
            .await
            .is_empty()
    );
    assert!(
        every_path(&db, &all_of(&topaz, &["p1"]), PRACTITIONER, "c4")
            .await
            .is_empty()
    );
    assert_eq!(
        every_path(&db, &all_of(&topaz, &["p1"]), PRACTITIONER, "c1")
            .await
            .len(),
        8
    );
    // Scopes on the referring type count too.
    assert!(
        list(&narrowed(&topaz, &["p1"], &[(OBSERVATION, None)]))
            .await
            .is_empty()
    );
    assert!(
        list(&narrowed(&topaz, &["p1"], &[(PRACTITIONER, None)]))
            .await
            .is_empty()
    );
    let finals = narrowed(&topaz, &["p1"], &[(OBSERVATION, Some(&[&[("status", "final")]]))]);
    assert_eq!(list(&finals).await, ["c1"]);
    // An update that names someone else moves the view.
    store(&db, &topaz, 1, &[by("o1", "p1", "c4", "final")]).await;
    assert_eq!(list(&all_of(&topaz, &["p1"])).await, ["c3", "c4"]);
}

#[tokio::test]
async fn a_token_search_knows_systems_negation_and_alternatives() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let coded = |name, coding: Value| observation(name, "p1", json!({"code": {"coding": coding}, "status": "final"}));
    let all = [
        coded("a", json!([{"system": "urn:x", "code": "1"}])),
        coded(
            "b",
            json!([{"system": "urn:y", "code": "1"}, {"system": "urn:x", "code": "2"}]),
        ),
        coded("c", json!([{"code": "1"}])),
        observation("d", "p1", json!({"status": "draft"})),
    ];
    store(&db, &topaz, 0, &all).await;
    let visible = all_of(&topaz, &["p1"]);
    for (name, value, expected) in [
        ("code", "1", &["a", "b", "c"][..]),
        ("code", "urn:x|1", &["a"]),
        ("code", "|1", &["c"]),
        ("code", "urn:x|", &["a", "b"]),
        ("code", "2,urn:y|1,9", &["b"]),
        ("code", "urn:x|1,|1", &["a", "c"]),
        ("code:not", "1", &["d"]),
        ("code:not", "urn:x|1,|1", &["b", "d"]),
        ("code:missing", "true", &["d"]),
        ("code", "A", &[]),
        ("code", "%", &[]),
        ("status", "http://hl7.org/fhir/observation-status|draft", &["d"]),
        ("status:not", "final", &["d"]),
    ] {
        let list = found(&db, &visible, OBSERVATION, &[(name, value), ("_sort", "_id")]).await;
        assert_eq!(list, expected, "{name}={value}");
    }
    let both = [("code", "1"), ("code", "2"), ("_sort", "_id")];
    assert_eq!(found(&db, &visible, OBSERVATION, &both).await, ["b"]);
}

#[tokio::test]
async fn a_value_is_never_read_as_sql_or_as_a_pattern() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    store(&db, &topaz, 0, &[goal("g1", "p1", "a")]).await;
    let visible = all_of(&topaz, &["p1"]);
    for value in ["' OR 1=1 --", "%", "_", r"\\", "$1", "g1'", "\u{0}", "[\"g1\"]"] {
        for name in ["_id", "patient", "identifier", "lifecycle-status"] {
            let list = found(&db, &visible, ResourceType::Goal, &[(name, value)]).await;
            assert!(list.is_empty(), "{name}={value}");
        }
    }
}

async fn page(db: &Db, visible: &Visible, pairs: &[(&str, &str)], size: usize, after: Option<Cursor>) -> Found {
    let mut conn = db.read().await.unwrap();
    let page = Page { size, after };
    search(&mut conn, visible, &query(OBSERVATION, pairs), &page)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_total_counts_what_is_visible_and_only_when_asked() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let many: Vec<_> = (0..7)
        .map(|n| observation(&format!("o{n}"), ["p1", "p2"][n % 2], json!({})))
        .collect();
    store(&db, &topaz, 0, &many).await;
    let visible = all_of(&topaz, &["p1"]);
    assert_eq!(page(&db, &visible, &[], 2, None).await.total, None);
    let accurate = page(&db, &visible, &[("_total", "accurate")], 2, None).await;
    assert_eq!((accurate.total, accurate.entries.len()), (Some(4), 2));
    let only = page(&db, &visible, &[("_summary", "count")], 2, None).await;
    assert_eq!((only.total, only.entries.len(), only.next), (Some(4), 0, None));
    let none = narrowed(&topaz, &["p1"], &[(OBSERVATION, None)]);
    assert_eq!(page(&db, &none, &[("_summary", "count")], 2, None).await.total, Some(0));
}

#[tokio::test]
async fn the_last_page_has_no_next_even_when_it_is_full() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let four: Vec<_> = (0..4).map(|n| observation(&format!("o{n}"), "p1", json!({}))).collect();
    store(&db, &topaz, 0, &four).await;
    let visible = all_of(&topaz, &["p1"]);
    let first = page(&db, &visible, &[], 2, None).await;
    let last = page(&db, &visible, &[], 2, first.next).await;
    assert_eq!((last.entries.len(), last.next), (2, None));
    assert_eq!(page(&db, &visible, &[], 4, None).await.next, None);
    assert_eq!(page(&db, &visible, &[], 0, None).await.next, None);
}

#[tokio::test]
async fn a_person_and_an_organisation_are_seen_through_a_role_that_is_seen_itself() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    let to = |reference: &str| json!({"reference": reference});
    let role = json!({"practitioner": to("Practitioner/c1"), "organization": to("Organization/o1")});
    let patient = |role: &str| json!({"generalPractitioner": [to(&format!("PractitionerRole/{role}"))]});
    let (person, organisation, between) = (PRACTITIONER, ResourceType::Organization, ResourceType::PractitionerRole);
    let drafts = [
        draft(person, "c1", None, json!({"active": true})),
        draft(organisation, "o1", None, json!({"active": true})),
        draft(organisation, "o2", None, json!({"active": true})),
        draft(between, "r1", None, role),
        draft(between, "r2", None, json!({"organization": to("Organization/o2")})),
        draft(ResourceType::Patient, "p1", Some("p1"), patient("r1")),
        draft(ResourceType::Patient, "p2", Some("p2"), patient("r2")),
    ];
    store(&db, &topaz, 0, &drafts).await;
    let (one, other) = (all_of(&topaz, &["p1"]), all_of(&topaz, &["p2"]));
    for (kind, name) in [(person, "c1"), (organisation, "o1"), (between, "r1")] {
        assert!(every_path(&db, &one, kind, name).await.len() > 5, "{kind}");
        assert!(every_path(&db, &other, kind, name).await.is_empty(), "{kind}");
    }
    // Without the role, or without what refers to it, there is no way.
    for closed in [between, ResourceType::Patient] {
        let visible = narrowed(&topaz, &["p1"], &[(closed, None)]);
        for (kind, name) in [(person, "c1"), (organisation, "o1")] {
            assert!(
                every_path(&db, &visible, kind, name).await.is_empty(),
                "{kind} without {closed}"
            );
        }
    }
}

mod complete;
mod model;
mod speed;
