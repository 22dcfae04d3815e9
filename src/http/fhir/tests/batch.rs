//! Several reads in one request: each of them as if it came alone.

use super::*;
use crate::http::world::Answer;

fn get(url: &str) -> serde_json::Value {
    json!({"request": {"method": "GET", "url": url}})
}

async fn send(world: &World, token: &str, kind: &str, body: &str) -> Answer {
    let mut request = Request::post("/topaz/fhir").header("content-type", kind);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

/// The entries of the answer to a batch of these.
async fn batch(world: &World, token: &str, entries: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let body = json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string();
    let answer = send(world, token, "application/fhir+json", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/fhir+json");
    let bundle = answer.json();
    assert_eq!(bundle["type"], "batch-response");
    bundle["entry"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s03_each_entry_of_a_batch_is_answered_as_if_it_came_alone() {
    let (world, token) = world().await;
    world.observation("a", "a1", 5).await;
    let mut known = get("Observation/a1");
    known["request"]["ifNoneMatch"] = json!("W/\"2\"");
    let entries = batch(
        &world,
        &token,
        &[
            get("Observation/a1"),
            get("https://gateway.example/topaz/fhir/Observation/a1/_history/1"),
            get("Observation?_count=1"),
            get("Observation/a1/_history"),
            known,
        ],
    )
    .await;
    let alone = world.get("/topaz/fhir/Observation/a1", &token).await;
    assert_eq!(entries[0]["resource"], alone.json());
    assert_eq!(entries[0]["response"]["status"], "200");
    assert_eq!(entries[0]["response"]["etag"], "W/\"2\"");
    assert_eq!(entries[0]["response"]["lastModified"], "2026-11-22T10:00:00Z");
    assert_eq!(entries[1]["resource"]["meta"]["versionId"], "1");
    assert_eq!(entries[2]["resource"]["type"], "searchset");
    assert_eq!(entries[3]["resource"]["type"], "history");
    assert_eq!(
        entries[4],
        json!({"response": {"status": "304", "etag": "W/\"2\"", "lastModified": "2026-11-22T10:00:00Z"}})
    );
    // J1: one line for each.
    let actions: Vec<_> = world
        .lines()
        .await
        .into_iter()
        .map(|line| line[0].clone().unwrap())
        .collect();
    assert_eq!(actions, ["read", "vread", "search", "history", "read", "read"]);
}

#[tokio::test]
async fn s03_s04_an_entry_that_may_not_be_read_says_so_in_its_place_like_one_that_never_was() {
    let (world, _) = world().await;
    let token = world.token("account-a", "a", "patient/Observation.rs").await;
    let entries = batch(
        &world,
        &token,
        &[
            get("Observation/b1"),
            get("Observation/nothing"),
            get("Observation/b1/_history/1"),
            get("Observation/no id"),
            get("Observation?patient=b"),
            get("Goal/x"),
            get("Patient?_id=b"),
            get("Nonsense/x"),
            get("Patient/b/Observation"),
            get("../../amaris/fhir/Observation/a1"),
            json!({"request": {"method": "GET"}}),
            json!({"resource": {"resourceType": "Observation"}, "request": {"method": "POST", "url": "Observation"}}),
            json!({"request": {"method": "DELETE", "url": "Observation/a1"}}),
            json!({"fullUrl": "urn:uuid:0"}),
            get("Observation/a1"),
        ],
    )
    .await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "404", "404", "404", "404", "200", "403", "403", "404", "404", "404", "404", "405", "405", "405", "200"
        ]
    );
    assert!(entries[..3].windows(2).all(|pair| pair[0] == pair[1]), "{entries:?}");
    assert_eq!(entries[0]["response"]["outcome"]["resourceType"], "OperationOutcome");
    assert_eq!(entries[0]["response"]["outcome"]["issue"][0]["code"], "not-found");
    assert_eq!(entries[4]["resource"]["total"], 0);
    assert!(!json!(entries).to_string().contains("rapportage b1"));
}

#[tokio::test]
async fn s03_what_is_no_batch_is_refused_as_a_whole() {
    let (world, token) = world().await;
    let kind = "application/fhir+json";
    let bundle = |kind: &str| json!({"resourceType": "Bundle", "type": kind, "entry": [get("Observation/a1")]});
    let many = json!({"resourceType": "Bundle", "type": "batch", "entry": vec![get("Observation/a1"); 51]});
    for (token, kind, body, status, code) in [
        ("", kind, bundle("batch").to_string(), 401, "login"),
        (&token, "text/plain", bundle("batch").to_string(), 415, "not-supported"),
        (
            &token,
            "application/fhir+xml",
            "<Bundle/>".to_owned(),
            415,
            "not-supported",
        ),
        (&token, kind, bundle("transaction").to_string(), 400, "not-supported"),
        (&token, kind, bundle("message").to_string(), 400, "invalid"),
        (
            &token,
            kind,
            json!({"resourceType": "Patient"}).to_string(),
            400,
            "invalid",
        ),
        (&token, kind, many.to_string(), 400, "too-costly"),
        (
            &token,
            kind,
            r#"{"resourceType":"Bundle","type":"batch","entry":[]}"#.to_owned(),
            400,
            "structure",
        ),
        (
            &token,
            kind,
            r#"{"type":"batch","type":"batch"}"#.to_owned(),
            400,
            "structure",
        ),
        (&token, kind, "[".repeat(10_000), 400, "structure"),
        (&token, kind, " ".repeat(1_100_000), 413, "too-long"),
    ] {
        let answer = send(&world, token, kind, &body).await;
        answer.outcome(status, code);
        assert!(!answer.text().contains("rapportage"));
    }
    for entry in [get("Observation/a1"), json!("x"), json!(7), json!(true)] {
        let body = json!({"resourceType": "Bundle", "type": "batch", "entry": entry}).to_string();
        let answer = send(&world, &token, kind, &body).await;
        answer.outcome(400, "structure");
        assert!(answer.text().contains("Bundle.entry"), "{}", answer.text());
    }
    let before = world.lines().await.len();
    assert_eq!(before, 0, "nothing was read");
    let none = send(&world, &token, kind, r#"{"resourceType":"Bundle","type":"batch"}"#).await;
    assert_eq!(none.json(), json!({"resourceType": "Bundle", "type": "batch-response"}));
}

#[tokio::test]
async fn s03_without_an_audit_line_nothing_of_a_batch_leaves() {
    let (world, token) = world().await;
    world.get("/topaz/fhir/Observation/a1", &token).await;
    world.break_audit().await;
    let body = json!({"resourceType": "Bundle", "type": "batch", "entry": [get("Observation/a1"), get("Goal/x")]});
    let answer = send(&world, &token, "application/json", &body.to_string()).await;
    answer.outcome(503, "transient");
    assert!(!answer.text().contains("rapportage"));
}

#[tokio::test]
async fn s03_a_batch_counts_as_many_requests_as_it_has_entries() {
    let limits = crate::config::Limits {
        fhir_per_minute: 3,
        ..crate::config::Limits::NONE
    };
    let world = World::limited(limits, crate::config::NetworkLimits::NONE).await;
    world.observation("a", "a1", 1).await;
    let token = world.client("a", ALL).await;
    let entries = batch(&world, &token, &vec![get("Observation/a1"); 5]).await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["200", "200", "200", "429", "429"]);
    assert!(entries[3].get("resource").is_none());
}

#[tokio::test]
async fn s03_the_answer_to_a_batch_has_an_end() {
    let world = World::new().await;
    let body = json!({
        "resourceType": "Observation", "id": "large", "meta": {}, "status": "final", "code": { "text": "x" },
        "subject": { "reference": "Patient/a" }, "valueString": "x".repeat(3 * 1024 * 1024)
    });
    world.put(ResourceType::Observation, Some("a"), "large", &body).await;
    let token = world.client("a", ALL).await;
    let entries = batch(&world, &token, &vec![get("Observation/large"); 5]).await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["200", "200", "200", "413", "413"]);
    assert_eq!(entries[4]["response"]["outcome"]["issue"][0]["code"], "too-costly");
}
