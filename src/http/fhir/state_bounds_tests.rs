//! What apps keep: what no database takes, many at once, what does not open, and when it ends.

use axum::http::Method;
use futures::future::join_all;
use serde_json::json;

use super::state_tests::{HERE, PATIENT, basic, create, find, send, token_of};
use crate::account::{self, State};
use crate::config::TenantId;
use crate::consent::{self, Parts, Role};
use crate::db::{Sql, params};
use crate::fhir::types::ResourceType;
use crate::http::world::{World, id};
use crate::oauth::app;

#[tokio::test]
async fn p01_what_no_database_keeps_is_refused_with_the_place() {
    let world = World::new().await;
    let token = world.client("a", "patient/*.rs").await;
    for (path, place) in [
        (format!("{HERE}?code=a%7Cb%00&subject={PATIENT}"), "code"),
        (format!("{HERE}?code=a%7Cb%FF&subject={PATIENT}"), "code"),
        (format!("{HERE}?code=a%7Cb&subject={PATIENT}%00"), "subject"),
        (format!("{HERE}?code=a%7Cb&subject:missing=true&%00=x"), "UTF-8"),
    ] {
        let answer = world.get(&path, &token).await;
        answer.outcome(400, "invalid");
        assert!(answer.text().contains(place), "{path}: {}", answer.text());
    }
    let body = basic(Some(PATIENT), "x").to_string();
    for name in ["%00", "a%00b", "a%0Ab", "a_b", &"a".repeat(65)] {
        let path = format!("{HERE}/{name}");
        for (method, body) in [(Method::PUT, body.as_str()), (Method::DELETE, "")] {
            let answer = send(&world, method, &path, &token, Some("W/\"1\""), body).await;
            answer.outcome(400, "invalid");
            assert!(answer.text().contains("id: "), "{name}: {}", answer.text());
        }
    }
    for (member, text) in [("system", "https://app.example\0"), ("code", "a\0b"), ("code", "a\nb")] {
        let mut body = basic(Some(PATIENT), "x");
        body["code"]["coding"][0][member] = json!(text);
        let answer = create(&world, &token, &body).await;
        answer.outcome(400, "invalid");
    }
    let lines = world.lines().await;
    assert!(!lines.is_empty() && lines.iter().all(|line| line[1].as_deref() == Some("refused")));
}

/// On SQLite, with its one writer, no such race can be lost: see [`crate::db::fresh`].
#[tokio::test]
async fn p01_of_fifty_at_once_twenty_are_kept() {
    let world = World::new().await;
    let token = world.client("a", "patient/*.rs").await;
    let body = basic(Some(PATIENT), "x");
    let answers = join_all((0..50).map(|_| create(&world, &token, &body))).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(422)), (20, 30));
    assert_eq!(
        find(&world, &token, &format!("subject={PATIENT}")).await.json()["total"],
        20
    );
}

#[tokio::test]
async fn p01_a_state_that_does_not_open_is_a_fault_and_not_a_hole() {
    const SPOIL: Sql = Sql::both("UPDATE app_state SET body = $2 WHERE id = $1");
    let world = World::new().await;
    let token = world.client("a", "patient/*.rs").await;
    let mut names = Vec::new();
    for text in ["een", "twee"] {
        let made = create(&world, &token, &basic(Some(PATIENT), text)).await;
        names.push(made.json()["id"].as_str().unwrap().to_owned());
    }
    let mut tx = world.db().begin().await.unwrap();
    tx.execute(SPOIL, params![&names[0], b"spoiled and long enough".to_vec()])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let answer = find(&world, &token, &format!("subject={PATIENT}")).await;
    answer.outcome(500, "exception");
    assert!(!answer.text().contains("twee"));
    let lines = world.lines().await;
    let last = lines.last().unwrap();
    assert_eq!(
        (last[0].as_deref(), last[1].as_deref()),
        (Some("app-state-read"), Some("failed"))
    );
    // What does not open can still be deleted.
    let path = format!("{HERE}/{}", names[0]);
    let gone = send(&world, Method::DELETE, &path, &token, Some("W/\"1\""), "").await;
    assert_eq!(gone.status, 204);
    let found = find(&world, &token, &format!("subject={PATIENT}")).await;
    assert_eq!(found.json()["total"], 1);
}

/// The subjects of what is kept, by app.
async fn kept(world: &World) -> Vec<String> {
    const KEPT: Sql = Sql::both("SELECT client_id || ' ' || subject FROM app_state ORDER BY 1");
    let rows = world.db().read().await.unwrap().rows(KEPT, params![]).await.unwrap();
    rows.iter().map(|row| row.text(0)).collect()
}

#[tokio::test]
async fn p01_a_state_ends_with_its_app_and_with_whom_it_is_of() {
    let world = World::new().await;
    let tenant = TenantId::parse("topaz").unwrap();
    let client = world.client("a", "patient/*.rs").await;
    let other = token_of(&world, "other-app", "client_secret_basic").await;
    for patient in ["a", "b"] {
        world.right("rep", patient, Role::Representative, Parts::ALL).await;
    }
    let person = (ResourceType::Person, id("rep"));
    let rep = world.token_as(("app", "rep"), Some("b"), person, "patient/*.rs").await;
    for (token, subject) in [
        (&client, Some(PATIENT)),
        (&rep, Some("https://gateway.example/topaz/fhir/Patient/b")),
        (&rep, Some("https://gateway.example/topaz/fhir/Person/rep")),
        (&other, None),
        (&other, Some(PATIENT)),
    ] {
        assert_eq!(create(&world, token, &basic(subject, "x")).await.status, 201);
    }
    let all = [
        "app Patient/a",
        "app Patient/b",
        "app Person/rep",
        "other-app ",
        "other-app Patient/a",
    ];
    let tidied = async || {
        world.app.rest.tidy_app_states().await.unwrap();
        kept(&world).await
    };
    assert_eq!(tidied().await, all, "while all goes on nothing ends");

    let close = async |account: &str| {
        let (mut tx, now) = (world.db().begin().await.unwrap(), world.clock.now());
        account::set_state(&mut tx, &tenant, account, State::Closed, now)
            .await
            .unwrap();
        consent::end_all(&mut tx, &tenant, account, now).await.unwrap();
        tx.commit().await.unwrap();
    };
    // The client's account ends; the representative still sees the client.
    close("account-a").await;
    let before = world.lines().await.len();
    assert_eq!(tidied().await, all);
    // The last right to a client ends, and the account goes on.
    let (mut tx, now) = (world.db().begin().await.unwrap(), world.clock.now());
    assert!(consent::end(&mut tx, &tenant, "rep", &id("b"), now).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(
        tidied().await,
        ["app Patient/a", "app Person/rep", "other-app ", "other-app Patient/a"]
    );
    close("rep").await;
    assert_eq!(
        tidied().await,
        ["other-app "],
        "what is of the app as a whole is nobody's"
    );

    let (mut tx, now) = (world.db().begin().await.unwrap(), world.clock.now());
    assert!(app::disable(&mut tx, &tenant, "other-app", now).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(tidied().await, [""; 0]);

    // Each left the line that its app would have left.
    let lines = world.lines().await;
    let mut told: Vec<_> = lines[before..]
        .iter()
        .map(|[action, outcome, reason, _, patient, _, _, app]| {
            assert_eq!(
                [action.as_deref(), outcome.as_deref(), reason.as_deref()],
                [Some("app-state-deleted"), Some("success"), None]
            );
            [patient, app].map(|text| text.as_deref().unwrap_or("nobody"))
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ["a", "app"],
            ["a", "other-app"],
            ["b", "app"],
            ["nobody", "app"],
            ["nobody", "other-app"],
        ]
    );
}

#[tokio::test]
async fn p01_a_state_about_a_client_that_no_account_wrote_goes_with_the_rights_too() {
    // As states stand that were kept before the account was.
    const NOBODY: Sql = Sql::both("UPDATE app_state SET account = ''");
    let world = World::new().await;
    let tenant = TenantId::parse("topaz").unwrap();
    let token = world.client("a", "patient/*.rs").await;
    assert_eq!(create(&world, &token, &basic(Some(PATIENT), "x")).await.status, 201);
    let (mut tx, now) = (world.db().begin().await.unwrap(), world.clock.now());
    tx.execute(NOBODY, params![]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.app.rest.tidy_app_states().await.unwrap(), 0);
    let mut tx = world.db().begin().await.unwrap();
    consent::end_all(&mut tx, &tenant, "account-a", now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.app.rest.tidy_app_states().await.unwrap(), 1);
}

#[tokio::test]
async fn p01_a_state_stays_as_long_as_its_line_cannot_be_written() {
    let world = World::new().await;
    let tenant = TenantId::parse("topaz").unwrap();
    let token = world.client("a", "patient/*.rs").await;
    assert_eq!(create(&world, &token, &basic(Some(PATIENT), "x")).await.status, 201);
    let (mut tx, now) = (world.db().begin().await.unwrap(), world.clock.now());
    consent::end_all(&mut tx, &tenant, "account-a", now).await.unwrap();
    tx.commit().await.unwrap();
    world.break_audit().await;
    assert!(world.app.rest.tidy_app_states().await.is_err());
    assert_eq!(kept(&world).await, ["app Patient/a"]);
}
