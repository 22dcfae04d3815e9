//! Who reads what: rights, scopes, and that what is foreign looks like what never was.

use super::*;

#[tokio::test]
async fn a1_a2_what_is_foreign_and_what_never_was_are_the_same_bytes() {
    let (world, token) = world().await;
    let missing = world.get("/topaz/fhir/Observation/nothing", &token).await.comparable();
    missing.outcome(404, "not-found");
    for path in [
        "/topaz/fhir/Observation/b1",
        "/topaz/fhir/Observation/b1/_history/1",
        "/topaz/fhir/Observation/b1/_history",
        "/topaz/fhir/Observation/a1/_history/9",
        "/topaz/fhir/Observation/a1/_history/x",
        "/topaz/fhir/Observation/no%20id",
        "/topaz/fhir/Patient/b",
        "/topaz/fhir/Goal/a1",
    ] {
        assert_eq!(world.get(path, &token).await.comparable(), missing, "{path}");
        let known = [("if-none-match", "*")];
        let answer = world.with(Method::GET, path, &token, &known).await;
        assert_eq!(answer.comparable(), missing, "{path} with If-None-Match");
    }
}

#[tokio::test]
async fn a3_a_search_for_a_foreign_client_finds_what_a_search_for_nobody_finds() {
    let (world, token) = world().await;
    for patient in ["b", "nobody"] {
        let path = format!("/topaz/fhir/Observation?patient={patient}");
        let answer = world.get(&path, &token).await;
        assert_eq!(answer.status, StatusCode::OK);
        let url = format!("https://gateway.example{path}");
        let expected = json!({
            "resourceType": "Bundle", "type": "searchset", "total": 0,
            "link": [{"relation": "self", "url": url}, {"relation": "first", "url": url}]
        });
        assert_eq!(answer.json().to_string(), expected.to_string());
    }
    assert_eq!(
        world.get("/topaz/fhir/Observation", &token).await.ids(),
        ["a3", "a2", "a1"]
    );
}

#[tokio::test]
async fn a16_the_right_decides_whatever_the_scope_says() {
    let world = World::new().await;
    world.observation("a", "a1", 1).await;
    world
        .right("um", "a", Role::Contact, Parts::of(&[Part::Appointments]))
        .await;
    let token = world.token("um", "a", ALL).await;
    for path in [
        "CarePlan",
        "Observation/a1",
        "Observation/nothing",
        "Observation/a1/_history",
    ] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        answer.outcome(403, "forbidden");
    }
    assert_eq!(
        world.get("/topaz/fhir/Appointment", &token).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn s05_a_type_or_interaction_outside_the_scope_is_403() {
    let (world, _) = world().await;
    let token = world.token("account-a", "a", "patient/Observation.r").await;
    assert_eq!(
        world.get("/topaz/fhir/Observation/a1", &token).await.status,
        StatusCode::OK
    );
    for path in ["Observation", "Goal/x", "Goal", "Patient/a"] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        answer.outcome(403, "forbidden");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer error="insufficient_scope""#
        );
    }
}

#[tokio::test]
async fn o02_the_person_reads_who_they_are_with_openid_alone() {
    let (world, _) = world().await;
    let body = json!({"resourceType": "Patient", "id": "a", "meta": {}});
    world.put(ResourceType::Patient, Some("a"), "a", &body).await;
    let token = world.token("account-a", "a", "openid fhirUser").await;
    assert_eq!(world.get("/topaz/fhir/Patient/a", &token).await.status, StatusCode::OK);
    world
        .get("/topaz/fhir/Patient/b", &token)
        .await
        .outcome(403, "forbidden");
    world.get("/topaz/fhir/Patient", &token).await.outcome(403, "forbidden");
}

#[tokio::test]
async fn a_care_worker_is_read_through_what_refers_to_them() {
    let (world, token) = world().await;
    for name in ["nurse", "other"] {
        let body = json!({"resourceType": "Practitioner", "id": name, "meta": {}});
        world.put(ResourceType::Practitioner, None, name, &body).await;
    }
    assert_eq!(
        world.get("/topaz/fhir/Practitioner/nurse", &token).await.status,
        StatusCode::OK
    );
    world
        .get("/topaz/fhir/Practitioner/other", &token)
        .await
        .outcome(404, "not-found");
    assert_eq!(world.get("/topaz/fhir/Practitioner", &token).await.ids(), ["nurse"]);
}

#[tokio::test]
async fn a20_a_right_that_ends_ends_the_token_within_a_second() {
    let (world, token) = world().await;
    assert_eq!(
        world.get("/topaz/fhir/Observation/a1", &token).await.status,
        StatusCode::OK
    );
    let tenant = world.app.config.tenant("topaz").unwrap().id.clone();
    let mut tx = world.db().begin().await.unwrap();
    let (patient, now) = (crate::http::world::id("a"), world.clock.now());
    crate::consent::end(&mut tx, &tenant, "account-a", &patient, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.clock.advance(jiff::SignedDuration::from_secs(1));
    world
        .get("/topaz/fhir/Observation/a1", &token)
        .await
        .outcome(401, "login");
}
