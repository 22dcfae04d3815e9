//! What an app in its own name reads, and what the audit says of it.

use crate::consent::{Parts, Role};
use crate::fhir::types::ResourceType;
use crate::http::world::World;
use serde_json::json;

/// Two clients with an observation each, and a care worker whom one of them met.
async fn world() -> World {
    let world = World::new().await;
    for patient in ["a", "b"] {
        world.right(patient, patient, Role::Client, Parts::ALL).await;
        world.observation(patient, &format!("{patient}1"), 3).await;
    }
    for nurse in ["nurse", "stranger"] {
        let body = json!({"resourceType": "Practitioner", "id": nurse, "meta": {}, "name": [{"text": nurse}]});
        world.put(ResourceType::Practitioner, None, nurse, &body).await;
    }
    world
}

#[tokio::test]
async fn s10_a_backend_reads_of_every_client_what_its_scopes_name() {
    let world = world().await;
    let token = world.own_token("system/Observation.rs system/Practitioner.rs").await;
    let found = world.get("/topaz/fhir/Observation", &token).await;
    assert_eq!(found.status, 200, "{}", found.text());
    let mut ids = found.ids();
    ids.sort_unstable();
    assert_eq!(ids, ["a1", "b1"]);
    for path in ["Observation?patient=b", "Observation?_sort=date&_count=1&patient=b"] {
        assert_eq!(
            world.get(&format!("/topaz/fhir/{path}"), &token).await.ids(),
            ["b1"],
            "{path}"
        );
    }
    for path in [
        "Observation/a1",
        "Observation/a1/_history/1",
        "Observation/a1/_history",
        "Practitioner/nurse",
    ] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    assert_eq!(world.get("/topaz/fhir/Practitioner", &token).await.ids().len(), 2);
    for path in ["Patient/a", "Patient", "Goal", "Person/me", "Patient/nothing"] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        answer.outcome(403, "forbidden");
        assert!(
            answer.header("www-authenticate").contains("insufficient_scope"),
            "{path}"
        );
    }
    world
        .get("/topaz/fhir/Observation/none", &token)
        .await
        .outcome(404, "not-found");
    world
        .get("/amaris/fhir/Observation", &token)
        .await
        .outcome(401, "login");
}

#[tokio::test]
async fn s02_s06_a_backends_letters_and_filters_hold() {
    let world = world().await;
    let reads = world.own_token("system/Observation.r").await;
    assert_eq!(world.get("/topaz/fhir/Observation/a1", &reads).await.status, 200);
    world
        .get("/topaz/fhir/Observation", &reads)
        .await
        .outcome(403, "forbidden");
    let searches = world.own_token("system/Observation.s").await;
    assert_eq!(world.get("/topaz/fhir/Observation", &searches).await.status, 200);
    world
        .get("/topaz/fhir/Observation/a1", &searches)
        .await
        .outcome(403, "forbidden");
    let narrow = world.own_token("system/Observation.rs?category=laboratory").await;
    assert!(world.get("/topaz/fhir/Observation", &narrow).await.ids().is_empty());
    world
        .get("/topaz/fhir/Observation/a1", &narrow)
        .await
        .outcome(404, "not-found");
    world
        .get("/topaz/fhir/Observation/a1/_history", &narrow)
        .await
        .outcome(404, "not-found");
}

#[tokio::test]
async fn every_client_whom_a_backend_saw_has_a_line_that_names_the_app() {
    let world = world().await;
    let token = world.own_token("system/Observation.rs").await;
    world.get("/topaz/fhir/Observation?_count=50", &token).await;
    world.get("/topaz/fhir/Observation/a1", &token).await;
    world.get("/topaz/fhir/Goal/x", &token).await;
    let lines = world.lines().await;
    let told: Vec<_> = lines
        .iter()
        .map(|line| line.each_ref().map(|part| part.as_deref().unwrap_or("-")))
        .collect();
    // action, outcome, reason, resource, patient, query, role, app
    assert_eq!(
        told,
        [
            ["search", "success", "-", "-", "a", "_count=50", "app", "backend"],
            ["search", "success", "-", "-", "b", "_count=50", "app", "backend"],
            ["read", "success", "-", "a1", "a", "-", "app", "backend"],
            ["read", "refused", "scope", "x", "-", "-", "app", "backend"],
        ]
    );
}

#[tokio::test]
async fn a_page_link_of_a_backend_works_with_its_next_token_and_with_nobody_elses() {
    let world = world().await;
    let scopes = "system/Observation.rs";
    let first = world.own_token(scopes).await;
    let page = world.get("/topaz/fhir/Observation?_count=1&_sort=date", &first).await;
    let next = page.link("next").unwrap();
    let later = world.own_token(scopes).await;
    let rest = world.get(&next, &later).await;
    let mut ids = [page.ids(), rest.ids()].concat();
    ids.sort_unstable();
    assert_eq!(ids, ["a1", "b1"]);
    let person = world.token("a", "a", "patient/Observation.rs").await;
    assert_eq!(world.get(&next, &person).await.status, 410);
    let narrower = world.own_token("system/Observation.s").await;
    assert_eq!(world.get(&next, &narrower).await.status, 410);
}
