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
