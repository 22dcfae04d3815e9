//! What apps keep between two launches.

use axum::body::Body;
use axum::http::{Method, Request};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::config::TenantId;
use crate::consent::{Parts, Role};
use crate::db::{Sql, params};
use crate::fhir::types::ResourceType;
use crate::http::world::{Answer, World, id};
use crate::oauth;
use crate::secret::Random;

pub(super) const HERE: &str = "/topaz/app-state/Basic";
pub(super) const PATIENT: &str = "https://gateway.example/topaz/fhir/Patient/a";
const CODE: &str = "https://app.example|settings";

pub(super) fn basic(subject: Option<&str>, text: &str) -> Value {
    let mut basic = json!({
        "resourceType": "Basic",
        "code": { "coding": [{ "system": "https://app.example", "code": "settings" }] },
        "extension": [{ "url": "https://app.example/settings", "valueString": text }]
    });
    if let Some(subject) = subject {
        basic["subject"] = json!({ "reference": subject });
    }
    basic
}

pub(super) async fn send(
    world: &World,
    method: Method,
    path: &str,
    token: &str,
    tag: Option<&str>,
    body: &str,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/fhir+json")
        .header("authorization", format!("Bearer {token}"));
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

pub(super) async fn create(world: &World, token: &str, body: &Value) -> Answer {
    send(world, Method::POST, HERE, token, None, &body.to_string()).await
}

pub(super) async fn find(world: &World, token: &str, more: &str) -> Answer {
    world.get(&format!("{HERE}?code={CODE}&{more}"), token).await
}

/// A token of another app; one with a secret or without.
pub(super) async fn token_of(world: &World, app: &str, method: &str) -> String {
    let tenant = TenantId::parse("topaz").unwrap();
    let metadata = json!({
        "client_id": app, "client_name": app, "token_endpoint_auth_method": method,
        "redirect_uris": ["https://other.example/cb"],
    });
    let (mut tx, now) = (world.db().begin().await.unwrap(), world.clock.now());
    oauth::app::register(&mut tx, &tenant, &metadata, &world.app.config.oauth, now, &Random::Os)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let own = (ResourceType::Patient, id("a"));
    world.token_as((app, "account-a"), Some("a"), own, "patient/*.rs").await
}

#[tokio::test]
async fn p01_d13_a_state_is_kept_found_changed_and_deleted_by_its_version() {
    let world = World::new().await;
    let token = world.client("a", "patient/*.rs").await;
    let smart = world
        .get("/topaz/fhir/.well-known/smart-configuration", "")
        .await
        .json();
    let place = &smart["associated_endpoints"][0];
    assert_eq!(place["url"], "https://gateway.example/topaz/app-state");
    assert_eq!(place["capabilities"], json!(["smart-app-state"]));
    let statement = world.get("/topaz/app-state/metadata", "").await.json();
    assert_eq!(statement["implementation"]["url"], place["url"]);

    let made = create(&world, &token, &basic(Some(PATIENT), "donker")).await;
    assert_eq!(
        (made.status.as_u16(), made.header("etag")),
        (201, "W/\"1\""),
        "{}",
        made.text()
    );
    let mut kept = made.json();
    let name = kept["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("https://gateway.example{HERE}/{name}"));
    assert_eq!(
        (&kept["meta"]["versionId"], &kept["subject"]["reference"]),
        (&json!("1"), &json!(PATIENT))
    );
    let found = find(&world, &token, &format!("subject={PATIENT}")).await;
    assert_eq!(
        (
            found.json()["total"].clone(),
            found.json()["entry"][0]["resource"].clone()
        ),
        (json!(1), kept.clone())
    );
    assert_eq!(find(&world, &token, "subject:missing=true").await.json()["total"], 0);
    let other = format!("{HERE}?code=https://app.example|other&subject={PATIENT}");
    assert_eq!(world.get(&other, &token).await.json()["total"], 0);

    let path = format!("{HERE}/{name}");
    kept["extension"][0]["valueString"] = json!("licht");
    let changed = send(&world, Method::PUT, &path, &token, Some("W/\"1\""), &kept.to_string()).await;
    assert_eq!(
        (changed.status.as_u16(), changed.header("etag")),
        (200, "W/\"2\""),
        "{}",
        changed.text()
    );
    assert_eq!(changed.json()["extension"][0]["valueString"], "licht");
    let mut moved = kept.clone();
    moved["code"]["coding"][0]["code"] = json!("other");
    let mut nobodys = kept.clone();
    nobodys.as_object_mut().unwrap().remove("subject");
    for (tag, body) in [
        ("W/\"1\"", &kept),
        ("W/\"3\"", &kept),
        ("x", &kept),
        ("*", &kept),
        ("W/\"2\"", &moved),
        ("W/\"2\"", &nobodys),
    ] {
        send(&world, Method::PUT, &path, &token, Some(tag), &body.to_string())
            .await
            .outcome(412, "conflict");
    }
    send(&world, Method::PUT, &path, &token, None, &kept.to_string())
        .await
        .outcome(428, "required");
    send(&world, Method::DELETE, &path, &token, None, "")
        .await
        .outcome(428, "required");
    send(&world, Method::DELETE, &path, &token, Some("W/\"1\""), "")
        .await
        .outcome(412, "conflict");
    let gone = send(&world, Method::DELETE, &path, &token, Some("W/\"2\""), "").await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    for (method, body) in [(Method::DELETE, String::new()), (Method::PUT, kept.to_string())] {
        send(&world, method, &path, &token, Some("W/\"2\""), &body)
            .await
            .outcome(412, "conflict");
    }
    assert_eq!(
        find(&world, &token, &format!("subject={PATIENT}")).await.json()["total"],
        0
    );
    let lines = world.lines().await;
    let of = |action: &str, outcome: &str| {
        let has = |at: &Option<String>, text: &str| at.as_deref() == Some(text);
        lines
            .iter()
            .filter(|line| has(&line[0], action) && has(&line[1], outcome))
            .count()
    };
    assert_eq!(
        (of("app-state-written", "success"), of("app-state-written", "refused")),
        (2, 5)
    );
    assert_eq!(
        (of("app-state-deleted", "success"), of("app-state-deleted", "refused")),
        (1, 2)
    );
    assert_eq!(of("app-state-read", "success"), 4);
}

#[tokio::test]
async fn p01_a_state_is_of_one_app_and_about_who_the_token_is_about() {
    let world = World::new().await;
    let token = world.client("a", "patient/*.rs").await;
    let made = create(&world, &token, &basic(Some(PATIENT), "sleutel")).await;
    let path = format!("{HERE}/{}", made.json()["id"].as_str().unwrap());
    let (other, server) = (
        token_of(&world, "other-app", "none").await,
        token_of(&world, "server-app", "client_secret_basic").await,
    );
    assert_eq!(
        find(&world, &other, &format!("subject={PATIENT}")).await.json()["total"],
        0
    );
    let never = send(
        &world,
        Method::DELETE,
        &format!("{HERE}/nothing"),
        &other,
        Some("W/\"1\""),
        "",
    )
    .await;
    never.outcome(412, "conflict");
    let foreign = send(&world, Method::DELETE, &path, &other, Some("W/\"1\""), "").await;
    assert_eq!(
        foreign.comparable(),
        never.comparable(),
        "of another app is like never was"
    );

    // Somebody who may see `a` and `b`, with an app that was given `a`.
    for patient in ["a", "b"] {
        world.right("rep", patient, Role::Representative, Parts::ALL).await;
    }
    let person = (ResourceType::Person, id("rep"));
    let given = world.token_as(("app", "rep"), Some("a"), person, "patient/*.rs").await;
    assert_eq!(
        find(&world, &given, &format!("subject={PATIENT}")).await.json()["total"],
        1
    );
    for (subject, status) in [
        ("https://gateway.example/topaz/fhir/Person/rep", 201),
        ("https://gateway.example/topaz/fhir/Patient/b", 403),
        ("https://gateway.example/topaz/fhir/Person/other", 403),
        ("https://gateway.example/topaz/fhir/Practitioner/rep", 403),
        ("https://gateway.example/amaris/fhir/Patient/a", 400),
        ("Patient/a", 400),
    ] {
        assert_eq!(
            create(&world, &given, &basic(Some(subject), "x")).await.status,
            status,
            "{subject}"
        );
        let found = find(&world, &given, &format!("subject={subject}")).await;
        assert_eq!(
            found.status.as_u16(),
            if status == 201 { 200 } else { status },
            "{subject}"
        );
    }
    // About nobody: everybody's app reads, and only one that proves itself writes.
    create(&world, &token, &basic(None, "x"))
        .await
        .outcome(403, "forbidden");
    assert_eq!(create(&world, &server, &basic(None, "x")).await.status, 201);
    assert_eq!(find(&world, &server, "subject:missing=true").await.json()["total"], 1);
    assert_eq!(find(&world, &token, "subject:missing=true").await.json()["total"], 0);
    // Without a token there is nothing, and an app in its own name is about nobody.
    world
        .get(&format!("{HERE}?code={CODE}&subject={PATIENT}"), "")
        .await
        .outcome(401, "login");
    let own = world.own_token("system/*.rs").await;
    find(&world, &own, &format!("subject={PATIENT}"))
        .await
        .outcome(403, "forbidden");
}

#[tokio::test]
async fn p01_what_is_no_state_is_refused_with_the_place() {
    let world = World::new().await;
    let token = world.client("a", "patient/*.rs").await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = basic(Some(PATIENT), "x");
        change(&mut body);
        body.to_string()
    };
    let large = with(&|body| body["extension"][0]["valueString"] = json!("x".repeat(256 * 1024)));
    for (body, status, place) in [
        (with(&|body| body["resourceType"] = json!("Patient")), 400, "Basic"),
        (with(&|body| body["id"] = json!("mine")), 400, "Basic.id"),
        (
            with(&|body| body["meta"] = json!({"versionId": "7"})),
            400,
            "Basic.meta.versionId",
        ),
        (
            with(&|body| body["text"] = json!({"status": "empty"})),
            400,
            "leave everything else out",
        ),
        (
            with(&|body| body["code"] = json!({"text": "x"})),
            400,
            "Basic.code.coding",
        ),
        (
            with(&|body| {
                let one = body["code"]["coding"][0].clone();
                body["code"]["coding"] = json!([one, one]);
            }),
            400,
            "exactly one",
        ),
        (
            with(&|body| body["code"]["coding"][0] = json!({"code": "x"})),
            400,
            "system and code",
        ),
        (
            with(&|body| body["extension"][0] = json!({"url": "x", "valueInteger": 1})),
            400,
            "valueString",
        ),
        (
            with(&|body| body["extension"][0] = json!({"url": "x", "extension": [{"url": "y", "valueString": "z"}]})),
            400,
            "valueString",
        ),
        (with(&|body| body["extension"] = json!([])), 400, "/extension"),
        ("[]".to_owned(), 400, "object"),
        ("{".to_owned(), 400, "JSON"),
        (large, 413, "256 kB"),
    ] {
        let answer = send(&world, Method::POST, HERE, &token, None, &body).await;
        answer.outcome(status, if status == 413 { "too-long" } else { "invalid" });
        assert!(answer.text().contains(place), "{place} in {}", answer.text());
    }
    let queries =
        "code=x code=a|b code=a|b&subject=Patient/a code=a|b&code=a|c&subject:missing=true code=a|b&subject:missing=no";
    for query in queries.split(' ') {
        world
            .get(&format!("{HERE}?{query}"), &token)
            .await
            .outcome(400, "invalid");
    }
    let xml = world
        .with(Method::POST, HERE, &token, &[("content-type", "application/fhir+xml")])
        .await;
    xml.outcome(415, "not-supported");
    world
        .with(Method::GET, &format!("{HERE}/x"), &token, &[])
        .await
        .outcome(405, "not-supported");
}

#[tokio::test]
async fn p01_twenty_are_kept_sealed_and_of_many_changes_at_once_one_counts() {
    const BODIES: Sql = Sql::both("SELECT body, subject || code || client_id FROM app_state");
    let world = World::new().await;
    let token = world.client("a", "patient/*.rs").await;
    for _ in 0..20 {
        assert_eq!(
            create(&world, &token, &basic(Some(PATIENT), "geheime sleutel"))
                .await
                .status,
            201
        );
    }
    create(&world, &token, &basic(Some(PATIENT), "x"))
        .await
        .outcome(422, "too-costly");
    let rows = world.db().read().await.unwrap().rows(BODIES, params![]).await.unwrap();
    assert_eq!(rows.len(), 20);
    for row in &rows {
        assert!(!String::from_utf8_lossy(&row.bytes(0)).contains("sleutel") && !row.str(1).contains("sleutel"));
    }
    let found = find(&world, &token, &format!("subject={PATIENT}")).await.json();
    let one = found["entry"][0]["resource"].clone();
    assert!(one.to_string().contains("geheime sleutel"));
    let path = format!("{HERE}/{}", one["id"].as_str().unwrap());
    let body = one.to_string();
    let changes = (0..10).map(|_| send(&world, Method::PUT, &path, &token, Some("W/\"1\""), &body));
    let statuses: Vec<u16> = join_all(changes)
        .await
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [200, 412].contains(status)),
        "{statuses:?}"
    );
}
