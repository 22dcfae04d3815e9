//! The FHIR API through its routes: who gets what, and what every answer looks like.

mod batch;
mod rights;
mod scopes;
mod searching;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::consent::{Part, Parts, Role};
use crate::fhir::types::ResourceType;
use crate::http::world::World;

const ALL: &str = "patient/*.rs";

/// Client `a` with three observations and client `b` with one.
async fn world() -> (World, String) {
    let world = World::new().await;
    for (name, day) in [("a1", 1), ("a2", 2), ("a3", 3)] {
        world.observation("a", name, day).await;
    }
    world.observation("b", "b1", 1).await;
    let token = world.client("a", ALL).await;
    (world, token)
}

#[tokio::test]
async fn a_resource_is_read_as_it_was_stored() {
    let (world, token) = world().await;
    let answer = world.get("/topaz/fhir/Observation/a1", &token).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/fhir+json");
    assert_eq!(answer.header("etag"), "W/\"1\"");
    assert_eq!(answer.header("last-modified"), "Sun, 22 Nov 2026 10:00:00 GMT");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(
        answer
            .text()
            .starts_with(r#"{"resourceType":"Observation","id":"a1","meta":{"versionId":"1","#)
    );

    let known = [("if-none-match", "W/\"1\"")];
    let again = world
        .with(Method::GET, "/topaz/fhir/Observation/a1", &token, &known)
        .await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(again.header("etag"), "W/\"1\"");
    let head = world
        .with(Method::HEAD, "/topaz/fhir/Observation/a1", &token, &[])
        .await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn s05_without_a_token_everything_is_401_alike() {
    let (world, token) = world().await;
    let mut answers = Vec::new();
    for path in [
        "/topaz/fhir/Observation/a1",
        "/topaz/fhir/Observation/nothing",
        "/topaz/fhir/Observation",
        "/topaz/fhir/Nonsense/x",
        "/topaz/fhir/Observation/a1/_history",
        "/topaz/fhir",
    ] {
        let answer = world.get(path, "").await;
        answer.outcome(401, "login");
        // S05: it says where to learn who gives tokens.
        let metadata = "https://gateway.example/.well-known/oauth-protected-resource/topaz/fhir";
        let told = answer.header("www-authenticate");
        assert_eq!(told, format!("Bearer resource_metadata=\"{metadata}\""));
        answers.push(answer.comparable());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));

    let bad = world.get("/topaz/fhir/Observation/a1", "A").await;
    bad.outcome(401, "login");
    let told = bad.header("www-authenticate");
    assert!(
        told.starts_with(r#"Bearer error="invalid_token", resource_metadata="#),
        "{told}"
    );
    // A28: a token of one tenant means nothing to another.
    world
        .get("/amaris/fhir/Observation/a1", &token)
        .await
        .outcome(401, "login");
    let in_url = format!("/topaz/fhir/Observation/a1?access_token={token}");
    world.get(&in_url, "").await.outcome(400, "login");
    let twice = [("authorization", "Bearer x")];
    world
        .with(Method::GET, "/topaz/fhir/Observation/a1", &token, &twice)
        .await
        .outcome(400, "login");
}

#[tokio::test]
async fn the_versions_of_a_resource_are_listed_and_read() {
    let (world, token) = world().await;
    world.observation("a", "a1", 5).await;
    let history = world.get("/topaz/fhir/Observation/a1/_history?_count=1", &token).await;
    let bundle = history.json();
    assert_eq!(bundle["type"], "history");
    assert_eq!(bundle["entry"][0]["resource"]["meta"]["versionId"], "2");
    assert_eq!(
        bundle["entry"][0]["fullUrl"],
        "https://gateway.example/topaz/fhir/Observation/a1"
    );
    let older = world.get(&history.link("next").unwrap(), &token).await.json();
    assert_eq!(older["entry"][0]["response"]["etag"], "W/\"1\"");
    let first = world.get("/topaz/fhir/Observation/a1/_history/1", &token).await;
    assert_eq!((first.status, first.header("etag")), (StatusCode::OK, "W/\"1\""));
    assert_eq!(first.json()["valueString"], "rapportage a1 on 1");
}

#[tokio::test]
async fn only_json_of_fhir_4_is_served() {
    let (world, token) = world().await;
    let path = "/topaz/fhir/Observation/a1";
    let xml = [("accept", "application/fhir+xml")];
    world
        .with(Method::GET, path, &token, &xml)
        .await
        .outcome(406, "not-supported");
    let json = [("accept", "application/json")];
    let plain = world.with(Method::GET, path, &token, &json).await;
    assert_eq!(plain.header("content-type"), "application/json");
    let by_name = world
        .with(Method::GET, &format!("{path}?_format=json"), &token, &xml)
        .await;
    assert_eq!(by_name.header("content-type"), "application/fhir+json");
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let (world, token) = world().await;
    for (method, path, status) in [
        (Method::DELETE, "/topaz/fhir/Observation/a1", 405),
        (Method::PUT, "/topaz/fhir/Observation/a1", 405),
        (Method::POST, "/topaz/fhir/Observation", 405),
        (Method::TRACE, "/topaz/fhir/Observation/a1", 405),
        (
            Method::from_bytes(b"PROPFIND").unwrap(),
            "/topaz/fhir/nothing/at/all",
            405,
        ),
        (Method::GET, "/topaz/fhir/Observation/_search", 405),
        (Method::GET, "/topaz/fhir/Patient/a/Observation/x/y", 404),
        (Method::GET, "/topaz/fhir/Patient/a/$everything", 404),
        (Method::GET, "/topaz/fhir/Medication", 404),
        (Method::GET, "/topaz/fhir", 404),
        (Method::GET, "/nobody/fhir/Patient/a", 404),
        (Method::GET, "/nobody/fhir/metadata", 404),
    ] {
        let answer = world.with(method.clone(), path, &token, &[]).await;
        let code = if answer.json()["issue"][0]["code"] == "not-found" {
            "not-found"
        } else {
            "not-supported"
        };
        answer.outcome(status, code);
        if status == 405 {
            assert!(!answer.header("allow").is_empty(), "{method} {path}");
        }
    }
    let long = format!("/topaz/fhir/Observation?_id={}", "x".repeat(9_000));
    world.get(&long, &token).await.outcome(414, "too-long");
}

#[tokio::test]
async fn j1_j3_every_answer_and_every_refusal_leaves_one_line() {
    let (world, token) = world().await;
    world.get("/topaz/fhir/Observation/a1", &token).await;
    world.get("/topaz/fhir/Observation/b1", &token).await;
    world
        .get(
            "/topaz/fhir/Observation?code=11591000146107&identifier=999911120",
            &token,
        )
        .await;
    world.get("/topaz/fhir/Observation", "A").await;
    let narrow = world.token("account-a", "a", "patient/Goal.r").await;
    world.get("/topaz/fhir/Observation", &narrow).await;

    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let expected = [
        ["read", "success", "", "a1", "a", "", "client", "app"],
        ["read", "refused", "not-found", "b1", "", "", "", "app"],
        [
            "search",
            "success",
            "",
            "",
            "a",
            "code=11591000146107&identifier",
            "client",
            "app",
        ],
        ["token-presented", "refused", "unknown-token", "", "", "", "", ""],
        ["search", "refused", "scope", "", "", "", "", "app"],
    ];
    let lines = world.lines().await;
    assert_eq!(lines.len(), expected.len());
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(*line, expected.map(some));
    }
    let tenant = world.app.config.tenant("topaz").unwrap().id.clone();
    let verdict = crate::audit::verify(&mut world.db().read().await.unwrap(), &tenant).await;
    assert!(matches!(verdict.unwrap(), crate::audit::Verdict::Whole(_)));
}

#[tokio::test]
async fn j4_without_an_audit_line_no_data_leaves() {
    let (world, token) = world().await;
    // The token is in the cache of checked tokens, so that only the audit can fail.
    world.get("/topaz/fhir/Observation/a1", &token).await;
    world.break_audit().await;
    for path in [
        "Observation/a1",
        "Observation",
        "Observation/a1/_history",
        "Observation/nothing",
    ] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        assert!(answer.status.is_server_error(), "{path}");
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
        assert!(!answer.text().contains("rapportage"), "{path}");
        assert!(!answer.text().contains("audit"), "{path}");
    }
}

#[tokio::test]
async fn the_capability_statement_is_for_anybody_small_and_cached() {
    let world = World::new().await;
    let origin = [("origin", "https://anybody.example")];
    let answer = world.with(Method::GET, "/topaz/fhir/metadata", "", &origin).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.body.len() < 100_000);
    let statement = answer.json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!(statement["implementation"]["url"], "https://gateway.example/topaz/fhir");
    let known = [("if-none-match", answer.header("etag"))];
    let again = world.with(Method::GET, "/topaz/fhir/metadata", "", &known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn d15_the_capability_statement_and_discovery_name_the_same_endpoints() {
    let world = World::new().await;
    let statement = world.get("/topaz/fhir/metadata", "").await.json();
    let discovery = world
        .get("/topaz/fhir/.well-known/smart-configuration", "")
        .await
        .json();
    let uris = statement["rest"][0]["security"]["extension"][0]["extension"]
        .as_array()
        .unwrap();
    for (name, field) in [
        ("authorize", "authorization_endpoint"),
        ("token", "token_endpoint"),
        ("introspect", "introspection_endpoint"),
        ("revoke", "revocation_endpoint"),
        ("register", "registration_endpoint"),
        ("manage", "management_endpoint"),
    ] {
        let named = uris.iter().find(|uri| uri["url"] == name).map(|uri| &uri["valueUri"]);
        assert_eq!(named, discovery.get(field), "{name}");
    }
}
