//! What scopes reach: the client in context, and with `user/` no more than the person may see.

use super::*;
use crate::http::world::{Answer, id};

const FOREIGN: &[&str] = &["rapportage b1", "Patient/b\"", "\"b1\"", "goal of b"];

/// A representative of `a` and `b`, with an app that was given `a`. What `b` has is planted where searches could reach it.
async fn of_two() -> (World, String) {
    let (world, _) = world().await;
    for patient in ["a", "b"] {
        world.right("rep", patient, Role::Representative, Parts::ALL).await;
        let body = json!({"resourceType": "Patient", "id": patient, "meta": {}, "gender": "female"});
        world.put(ResourceType::Patient, Some(patient), patient, &body).await;
        let name = format!("{patient}-goal");
        let body = json!({
            "resourceType": "Goal", "id": name, "meta": {}, "lifecycleStatus": "active",
            "description": { "text": format!("goal of {patient}") }, "subject": { "reference": format!("Patient/{patient}") },
            "contained": [{ "resourceType": "Practitioner", "id": "c" }]
        });
        world.put(ResourceType::Goal, Some(patient), &name, &body).await;
    }
    let token = world.token("rep", "a", ALL).await;
    (world, token)
}

fn shows_nothing_foreign(path: &str, answer: &Answer) {
    assert!(
        [200, 400, 403, 404, 405].contains(&answer.status.as_u16()),
        "{path}: {}",
        answer.status
    );
    let text = answer.text();
    // What the caller named itself comes back in the link of the search.
    let found = text.split("\"link\"").next().unwrap_or_default().to_owned()
        + text.split("\"entry\"").nth(1).unwrap_or_default();
    for foreign in FOREIGN {
        assert!(!found.contains(foreign), "{path}: {foreign} in {text}");
    }
    if answer.status == StatusCode::OK && answer.json()["resourceType"] == "Bundle" {
        assert!(answer.ids().iter().all(|id| !id.starts_with('b')), "{path}: {text}");
    }
}

#[tokio::test]
async fn s04_a_patient_scope_leads_to_the_client_in_context_alone_on_every_way() {
    let (world, token) = of_two().await;
    for path in [
        "Patient/b",
        "Patient/b/_history",
        "Patient/b/_history/1",
        "Observation/b1",
        "Observation/b1/_history",
        "Observation/b1/_history/1",
        "Goal/b-goal",
        "Patient",
        "Patient?_id=b",
        "Patient?_id=a,b",
        "Observation",
        "Observation?patient=b",
        "Observation?patient=Patient/b",
        "Observation?subject=https://gateway.example/topaz/fhir/Patient/b",
        "Observation?subject:Patient=b",
        "Observation?subject:missing=false",
        "Observation?subject:missing=true",
        "Observation?patient:not=a",
        "Observation?_id=b1",
        "Observation?subject:Patient._id=b",
        "Observation?subject.gender=female",
        "Observation?_has:Goal:patient:_id=b-goal",
        "Patient?_has:Observation:patient:_id=b1",
        "Observation?_include=Observation:subject",
        "Observation?_include:iterate=*",
        "Patient?_revinclude=Observation:subject",
        "Goal?_contained=true&_containedType=contained",
        "Patient/b/Observation",
        "Patient/b/Goal?_count=1",
        "Patient/b/*",
        "Patient/b/$everything",
        "Patient/$match",
        "Patient/$export",
        "$graphql?query=x",
        "Binary/b1",
        "_history",
        "Observation/_history",
        "?_type=Observation",
        "Group/clients",
    ] {
        let path = format!("/topaz/fhir/{path}");
        let answer = world.get(&path, &token).await;
        shows_nothing_foreign(&path, &answer);
    }
    for form in ["patient=b", "_id=b1", "subject=Patient/b", "_include=*"] {
        let request = Request::post("/topaz/fhir/Observation/_search")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", format!("Bearer {token}"));
        let answer = world.send(request.body(Body::from(form)).unwrap()).await;
        shows_nothing_foreign(form, &answer);
    }
    // A page link that an app with more reach was given.
    let wide = world.token("rep", "a", "user/*.rs").await;
    let next = world.get("/topaz/fhir/Observation?_count=1", &wide).await.link("next");
    let answer = world.get(&next.unwrap(), &token).await;
    answer.outcome(410, "expired");
    // And the same things are there for who is given them.
    assert_eq!(
        world.get("/topaz/fhir/Observation/b1", &wide).await.status,
        StatusCode::OK
    );
    let own = world.get("/topaz/fhir/Goal", &token).await;
    assert_eq!(own.ids(), ["a-goal"]);
    assert!(own.text().contains("\"contained\""));
}

#[tokio::test]
async fn s08_user_scopes_stay_within_what_the_person_may_see_of_each_client() {
    let (world, _) = world().await;
    world.observation("c", "c1", 1).await;
    // All of `b`, of `a` the appointments, of `c` nothing.
    world.right("um", "b", Role::Contact, Parts::ALL).await;
    world
        .right("um", "a", Role::Contact, Parts::of(&[Part::Appointments]))
        .await;
    let token = world
        .token_as(
            ("app", "um"),
            None,
            (ResourceType::RelatedPerson, id("um")),
            "user/*.rs",
        )
        .await;
    let all = world.get("/topaz/fhir/Observation?_total=accurate", &token).await;
    assert_eq!((all.ids(), &all.json()["total"]), (vec!["b1".to_owned()], &json!(1)));
    assert_eq!(
        all.link("self").unwrap(),
        "/topaz/fhir/Observation?_total=accurate",
        "the link tells what was asked and nothing of what is there"
    );
    let count = world.get("/topaz/fhir/Observation?_summary=count", &token).await;
    assert_eq!(count.json()["total"], 1);
    let missing = world.get("/topaz/fhir/Observation/nothing", &token).await.comparable();
    missing.outcome(404, "not-found");
    for hidden in ["a1", "c1"] {
        let answer = world.get(&format!("/topaz/fhir/Observation/{hidden}"), &token).await;
        assert_eq!(answer.comparable(), missing, "{hidden}");
    }
    for patient in ["a", "c", "nobody"] {
        let path = format!("/topaz/fhir/Observation?patient={patient}&_total=accurate");
        let answer = world.get(&path, &token).await;
        assert_eq!(
            (answer.ids().len(), &answer.json()["total"]),
            (0, &json!(0)),
            "{patient}"
        );
    }
    // Who may see this kind of nobody is told so.
    let narrow = world
        .token_as(
            ("app", "um2"),
            None,
            (ResourceType::RelatedPerson, id("um2")),
            "user/*.rs",
        )
        .await;
    world
        .right("um2", "a", Role::Contact, Parts::of(&[Part::Appointments]))
        .await;
    world.clock.advance(jiff::SignedDuration::from_secs(1));
    world
        .get("/topaz/fhir/Observation", &narrow)
        .await
        .outcome(403, "forbidden");
}

#[tokio::test]
async fn l04_with_user_scopes_the_search_for_patients_finds_every_client_of_the_account() {
    let (world, _) = of_two().await;
    let body = json!({"resourceType": "Patient", "id": "c", "meta": {}, "gender": "female"});
    world.put(ResourceType::Patient, Some("c"), "c", &body).await;
    let token = world
        .token_as(
            ("app", "rep"),
            None,
            (ResourceType::Person, id("rep")),
            "user/Patient.rs user/Goal.rs",
        )
        .await;
    let mut found = world.get("/topaz/fhir/Patient", &token).await.ids();
    found.sort();
    assert_eq!(found, ["a", "b"]);
    assert_eq!(world.get("/topaz/fhir/Goal?patient=b", &token).await.ids(), ["b-goal"]);
    world
        .get("/topaz/fhir/Patient/c", &token)
        .await
        .outcome(404, "not-found");
}

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

impl World {
    /// Stores an observation of `a` in this category; once more is another version.
    async fn in_category(&self, name: &str, category: &str, value: &str) {
        let body = json!({
            "resourceType": "Observation", "id": name, "meta": {}, "status": "final",
            "category": [{ "coding": [{ "system": CATEGORY, "code": category }] }],
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "11591000146107" }] },
            "subject": { "reference": "Patient/a" },
            "effectiveDateTime": "2026-11-10T10:00:00+01:00",
            "valueString": value,
        });
        self.put(ResourceType::Observation, Some("a"), name, &body).await;
    }
}

#[tokio::test]
async fn s06_a_category_in_a_scope_holds_in_search_read_versions_and_history() {
    let (world, _) = world().await;
    for value in ["first", "second"] {
        world.in_category("lab", "laboratory", value).await;
        world.in_category("vital", "vital-signs", value).await;
    }
    let laboratory = format!("patient/Observation.rs?category={CATEGORY}|laboratory");
    let both = format!("{laboratory} patient/Observation.rs?category={CATEGORY}|vital-signs");
    let token = world.client("a", &laboratory).await;
    let of_both = world.client("a", &both).await;
    let all = world.client("a", "patient/Observation.rs").await;
    let found = async |path: &str, token: &str| {
        let answer = world.get(&format!("/topaz/fhir/{path}"), token).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        let mut ids = answer.ids();
        ids.sort_unstable();
        ids
    };
    for (path, own) in [
        ("Observation", &["lab"][..]),
        ("Observation?category=laboratory", &["lab"]),
        ("Observation?category=vital-signs", &[]),
        ("Observation?category=laboratory,vital-signs", &["lab"]),
        ("Observation?category:not=laboratory", &[]),
        ("Observation?category:missing=true", &[]),
        ("Observation?_id=vital,a1", &[]),
    ] {
        assert_eq!(found(path, &token).await, own, "{path}");
    }
    let count = world.get("/topaz/fhir/Observation?_summary=count", &token).await.json();
    assert_eq!(count["total"], 1);
    // Two filters are both open, and what is in neither stays closed.
    assert_eq!(found("Observation", &of_both).await, ["lab", "vital"]);
    assert_eq!(found("Observation?category=vital-signs", &of_both).await, ["vital"]);
    assert!(found("Observation", &all).await.contains(&"a1".to_owned()));

    for path in ["lab", "lab/_history/1", "lab/_history/2", "lab/_history"] {
        let answer = world.get(&format!("/topaz/fhir/Observation/{path}"), &token).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    }
    let history = world.get("/topaz/fhir/Observation/lab/_history", &token).await;
    assert_eq!(history.json()["entry"].as_array().unwrap().len(), 2);
    for name in ["vital", "a1", "b1", "nothing"] {
        for path in ["", "/_history/1", "/_history"] {
            let path = format!("/topaz/fhir/Observation/{name}{path}");
            world.get(&path, &token).await.outcome(404, "not-found");
        }
    }
}

#[tokio::test]
async fn s06_a_version_in_another_category_is_not_shown_by_the_one_that_counts_now() {
    let (world, _) = world().await;
    world.in_category("moved", "vital-signs", "pressure of before").await;
    world.in_category("moved", "laboratory", "value of now").await;
    let scope = |category: &str| format!("patient/Observation.rs?category={CATEGORY}|{category}");
    let now = world.client("a", &scope("laboratory")).await;
    let before = world.client("a", &scope("vital-signs")).await;
    for (path, found) in [
        ("", true),
        ("/_history/1", false),
        ("/_history/2", true),
        ("/_history", true),
    ] {
        let path = format!("/topaz/fhir/Observation/moved{path}");
        let answer = world.get(&path, &now).await;
        match found {
            true => assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text()),
            false => answer.outcome(404, "not-found"),
        }
        assert_eq!(
            answer.text().contains("value of now"),
            found,
            "{path}: {}",
            answer.text()
        );
        assert!(
            !answer.text().contains("pressure of before"),
            "{path}: {}",
            answer.text()
        );
        // What it says now decides whether it is there at all.
        world.get(&path, &before).await.outcome(404, "not-found");
    }
    let history = world.get("/topaz/fhir/Observation/moved/_history", &now).await.json();
    let versions = history["entry"].as_array().unwrap().iter();
    let versions: Vec<_> = versions.map(|entry| &entry["resource"]["meta"]["versionId"]).collect();
    assert_eq!(versions, [&json!("2")]);
}
