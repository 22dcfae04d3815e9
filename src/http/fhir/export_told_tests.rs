//! What of an export is told to whom, and what of it the audit keeps; readers that are slow, and apps that end meanwhile.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::Response;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::export_tests::{ALL, ASYNC, exported, files, kick_off, lines, location, work, world};
use crate::config::TenantId;
use crate::http::world::{Line, World};
use crate::oauth;
use crate::secret::Random;

/// A token of another app in its own name.
async fn other_token(world: &World) -> String {
    let tenant = TenantId::parse("topaz").unwrap();
    let metadata = json!({
        "client_id": "other", "client_name": "O", "grant_types": ["client_credentials"], "scope": "system/*.rs",
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://other.example/jwks",
    });
    let (mut tx, now) = (world.db().begin().await.unwrap(), world.clock.now());
    oauth::app::register(&mut tx, &tenant, &metadata, &world.app.config.oauth, now, &Random::Os)
        .await
        .unwrap();
    let token = oauth::token::plant(&mut tx, &tenant, "other", ALL, now).await;
    tx.commit().await.unwrap();
    token
}

/// Action, outcome, reason and app of a line.
fn told(line: &Line) -> [&str; 4] {
    [0, 1, 2, 7].map(|at| line[at].as_deref().unwrap_or_default())
}

/// The answer to a request for a file, of which nothing is read yet.
async fn open(world: &World, file: &str, token: &str) -> Response {
    let request = Request::get(file).header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::empty()).unwrap();
    crate::http::router(world.app.clone()).oneshot(request).await.unwrap()
}

fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn file_of(manifest: &Value, wanted: &str) -> String {
    let (_, _, file) = files(manifest).into_iter().find(|(kind, ..)| kind == wanted).unwrap();
    file
}

#[tokio::test]
async fn k04_the_manifest_lists_what_the_token_that_asks_may_fetch() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let (status, manifest) = exported(&world, "/topaz/fhir/$export", &token).await;
    let types = |manifest: &Value| files(manifest).into_iter().map(|(kind, ..)| kind).collect::<Vec<_>>();
    assert_eq!(types(&manifest), ["Observation", "Patient"]);
    for (scopes, expected) in [
        ("system/Patient.rs", &["Patient"][..]),
        ("system/Observation.s system/Patient.r", &["Observation"]),
        ("system/Goal.rs", &[]),
    ] {
        let narrow = world.own_token(scopes).await;
        let answer = world.get(&status, &narrow).await;
        assert_eq!(answer.status, 200, "{scopes}");
        assert_eq!(types(&answer.json()), expected, "{scopes}");
    }
}

#[tokio::test]
async fn a_manifest_and_every_refusal_of_one_leave_their_line() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let other = other_token(&world).await;
    let person = world.client("a", "patient/*.rs user/*.rs").await;
    let status = location(&kick_off(&world, "/topaz/fhir/$export?_type=Patient", &token).await);
    let before = world.lines().await.len();
    assert_eq!(world.get(&status, &token).await.status, 202);
    assert_eq!(
        world.lines().await.len(),
        before,
        "a look at the progress gives nothing"
    );
    assert!(work(&world).await);

    let made_up = "/topaz/fhir/export/made-up".to_owned();
    for (path, token, code, line) in [
        (&status, &token, 200, ["read", "success", "", "backend"]),
        (&status, &other, 404, ["read", "refused", "not-found", "other"]),
        (&made_up, &token, 404, ["read", "refused", "not-found", "backend"]),
        (&status, &person, 403, ["read", "refused", "scope", "app"]),
    ] {
        let before = world.lines().await.len();
        assert_eq!(world.get(path, token).await.status, code, "{line:?}");
        let lines = world.lines().await;
        assert_eq!(lines[before..].iter().map(told).collect::<Vec<_>>(), [line]);
    }
    let foreign = world.get(&status, &other).await.comparable();
    assert_eq!(foreign, world.get(&made_up, &other).await.comparable());
    world.break_audit().await;
    world.get(&status, &token).await.outcome(503, "transient");
}

#[tokio::test]
async fn a_file_ends_at_the_page_after_which_its_app_was_disabled() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let (_, manifest) = exported(&world, "/topaz/fhir/$export?_type=Observation", &token).await;
    let mut pages = open(&world, &file_of(&manifest, "Observation"), &token)
        .await
        .into_body()
        .into_data_stream();
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!(count(&first), 200);
    let (mut tx, tenant) = (world.db().begin().await.unwrap(), TenantId::parse("topaz").unwrap());
    let was = oauth::app::disable(&mut tx, &tenant, "backend", world.clock.now()).await;
    assert!(was.unwrap());
    tx.commit().await.unwrap();
    assert!(
        pages.next().await.unwrap().is_err(),
        "cut off, so that the app sees that it is not whole"
    );
    assert!(pages.next().await.is_none());
}

#[tokio::test]
async fn slow_readers_of_files_keep_nobody_out() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let (_, manifest) = exported(&world, "/topaz/fhir/$export?_type=Observation", &token).await;
    let file = file_of(&manifest, "Observation");
    let mut slow = Vec::new();
    for at in 0..8 {
        let answer = open(&world, &file, &token).await;
        assert_eq!(answer.status(), 200);
        let mut pages = answer.into_body().into_data_stream();
        // Some have read a page, some nothing.
        if at % 2 == 0 {
            assert_eq!(count(&pages.next().await.unwrap().unwrap()), 200);
        }
        slow.push(pages);
    }
    let ninth = world.get(&file, &token).await;
    assert_eq!((ninth.status.as_u16(), count(&ninth.body)), (200, 205));
    for (at, pages) in slow.into_iter().enumerate() {
        let rest = pages.map(|page| count(&page.unwrap())).collect::<Vec<_>>().await;
        assert_eq!(rest.iter().sum::<usize>(), if at % 2 == 0 { 5 } else { 205 });
    }
}

#[tokio::test]
async fn k03_a_head_begins_nothing() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let before = world.lines().await.len();
    for path in [
        "/topaz/fhir/$export",
        "/topaz/fhir/Patient/$export",
        "/topaz/fhir/Group/clients/$export",
    ] {
        let answer = world.with(Method::HEAD, path, &token, &ASYNC).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, "GET,POST"),
            "{path}"
        );
        assert_eq!(answer.header("content-location"), "");
    }
    assert!(!work(&world).await, "nothing was taken in");
    assert_eq!(world.lines().await.len(), before);
}

#[tokio::test]
async fn k04_an_export_that_failed_is_told_with_an_outcome() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let status = location(&kick_off(&world, "/topaz/fhir/$export", &token).await);
    // On a replica that does not serve this tenant any more.
    assert!(world.app.rest.next_export(&[]).await.unwrap());
    let failed = world.get(&status, &token).await;
    failed.outcome(500, "exception");
    assert!(
        failed.text().contains(failed.header("x-request-id")),
        "{}",
        failed.text()
    );
    assert!(!work(&world).await, "it is over");
}

#[tokio::test]
async fn k02_of_fifty_who_ask_at_once_ten_begin() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let path = "/topaz/fhir/$export?_type=Patient";
    let answers = futures::future::join_all((0..50).map(|_| kick_off(&world, path, &token))).await;
    let begun = answers.iter().filter(|answer| answer.status == 202).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((begun, refused), (10, 40));
}

#[tokio::test]
async fn k06_filters_of_one_type_are_alternatives_and_nothing_is_there_twice() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let filter = |asked: &str| format!("&_typeFilter=Observation%3F{asked}");
    for (filters, expected) in [
        // The first of the two is found by both filters.
        (filter("patient%3Da") + &filter("_id%3Da-000,b-001"), 104),
        (filter("patient%3Da") + &filter("patient%3Da,b"), 205),
        (
            filter("_id%3Db-001") + &filter("_id%3Da-000") + &filter("_id%3Db-001"),
            2,
        ),
        (filter("_id%3Dnone") + &filter("_id%3Da-000"), 1),
    ] {
        let path = format!("/topaz/fhir/$export?_type=Observation{filters}");
        let (_, manifest) = exported(&world, &path, &token).await;
        let (_, count, file) = files(&manifest).remove(0);
        let lines = lines(&world, &file, &token).await;
        let ids: BTreeSet<_> = lines.iter().map(|line| line["id"].as_str()).collect();
        assert_eq!(
            (lines.len(), ids.len(), count),
            (expected, expected, expected as u64),
            "{filters}"
        );
    }
}
