use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;
use crate::db::{Sql, params};
use crate::oauth::grant::GRACE;
use crate::oauth::testing::*;
use crate::oauth::token::*;

#[tokio::test]
async fn f01_f02_f03_f06_a_refresh_gives_a_new_pair_the_client_and_no_more_scopes() {
    let world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    let mut token = text(&first, "refresh_token").to_owned();
    for (scope, granted) in [
        (None, OFFLINE),
        (Some(OFFLINE), OFFLINE),
        (
            Some("patient/Observation.rs launch/patient"),
            "patient/Observation.rs launch/patient",
        ),
        (None, OFFLINE),
    ] {
        let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        pairs.extend(scope.map(|scope| ("scope", scope)));
        let answer = body(world.post(&pairs).await);
        assert_eq!(answer["scope"], granted);
        assert_eq!(answer["patient"], "p1");
        assert!(world.accepted(text(&answer, "access_token")).await);
        token = text(&answer, "refresh_token").to_owned();
    }
    for (changes, refusal) in [
        (&[("scope", "patient/*.cruds")][..], "invalid_scope"),
        (&[("scope", "user/*.rs")], "invalid_scope"),
        (&[("scope", "nonsense")], "invalid_scope"),
        (&[("client_id", SERVER)], "invalid_client"),
        (
            &[("client_id", SERVER), ("client_secret", &world.secret)],
            "invalid_grant",
        ),
        (&[("client_id", "unknown")], "invalid_client"),
    ] {
        let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
        pairs.extend(changes);
        assert_eq!(error(world.post(&pairs).await), refusal, "{changes:?}");
    }
    assert_eq!(
        error(world.refresh("b5f6f1e0-0000-4000-8000-000000000000").await),
        "invalid_grant"
    );
    assert_eq!(
        error(world.post(&[("grant_type", "refresh_token")]).await),
        "invalid_request"
    );
    // Refusals took nothing away, and the public app gives its name or not.
    let named = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &token),
        ("client_id", NATIVE),
    ];
    assert!(matches!(world.post(&named).await, Answer::Body(_)));
}

#[tokio::test]
async fn f03_an_app_with_a_secret_has_to_show_it_at_each_refresh() {
    let world = World::new().await;
    let code = world.code(&[("client_id", SERVER)]).await;
    let header = basic(SERVER, &world.secret);
    let answer = body(
        world
            .post_as(header.clone(), &changed(&code, &[("client_id", "")]))
            .await,
    );
    let token = text(&answer, "refresh_token");
    assert_eq!(error(world.refresh(token).await), "invalid_client");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
    assert!(matches!(world.post_as(header, &pairs).await, Answer::Body(_)));
}

#[tokio::test]
async fn f04_c6_an_old_refresh_token_repeats_its_answer_briefly_and_then_ends_the_family() {
    let world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    let old = text(&first, "refresh_token");
    let second = body(world.refresh(old).await);
    world.clock.advance(GRACE);
    let again = body(world.refresh(old).await);
    for name in ["access_token", "refresh_token", "scope", "patient"] {
        assert_eq!(again[name], second[name], "{name}");
    }
    assert_eq!(again["expires_in"], 290);
    world.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(world.notices().await, 0);
    for _ in 0..2 {
        assert_eq!(error(world.refresh(old).await), "invalid_grant");
        assert_eq!(world.notices().await, 1, "the person is told, once");
    }
    assert!(!world.accepted(text(&second, "access_token")).await);
    assert_eq!(
        error(world.refresh(text(&second, "refresh_token")).await),
        "invalid_grant"
    );
    let lines = world.audit().await;
    assert!(
        lines.contains(&"token-refreshed refused refresh-token-reused".to_owned()),
        "{lines:?}"
    );
}

impl World {
    /// How many messages wait for people.
    async fn notices(&self) -> i64 {
        const WAITING: Sql = Sql::both("SELECT count(*) FROM outbox WHERE state = 'waiting'");
        let row = self.issuer.db().read().await.unwrap().row(WAITING, params![]).await;
        row.unwrap().unwrap().int(0)
    }
}

#[tokio::test]
async fn f04_a_token_whose_successor_was_used_does_not_repeat() {
    let world = World::new().await;
    let first = world.tokens(OFFLINE).await;
    let second = body(world.refresh(text(&first, "refresh_token")).await);
    let third = body(world.refresh(text(&second, "refresh_token")).await);
    assert_eq!(
        error(world.refresh(text(&first, "refresh_token")).await),
        "invalid_grant"
    );
    assert!(!world.accepted(text(&third, "access_token")).await);
}

#[tokio::test]
async fn c6_fifty_parallel_refreshes_get_one_and_the_same_answer() {
    let world = Arc::new(World::new().await);
    let first = world.tokens(OFFLINE).await;
    let mut tries = JoinSet::new();
    for _ in 0..50 {
        let (world, token) = (Arc::clone(&world), text(&first, "refresh_token").to_owned());
        tries.spawn(async move { body(world.refresh(&token).await) });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.len(), 50);
    for name in ["access_token", "refresh_token", "expires_in"] {
        assert!(answers.iter().all(|answer| answer[name] == answers[0][name]), "{name}");
    }
    // The one that came first, and its one successor.
    const ROWS: Sql = Sql::both(
        "SELECT (SELECT count(*) FROM oauth_refresh), (SELECT count(*) FROM oauth_refresh WHERE rotated_at IS NULL), \
         (SELECT count(*) FROM oauth_access)",
    );
    let mut read = world.issuer.db().read().await.unwrap();
    let row = read.row(ROWS, params![]).await.unwrap().unwrap();
    assert_eq!([row.int(0), row.int(1), row.int(2)], [2, 1, 2]);
    drop(read);
    assert!(world.accepted(text(&answers[0], "access_token")).await);
    assert!(matches!(
        world.refresh(text(&answers[0], "refresh_token")).await,
        Answer::Body(_)
    ));
}

#[tokio::test]
async fn f05_a_refresh_token_lives_three_months_from_use_to_use_and_half_a_year_in_all() {
    let world = World::new().await;
    let mut token = text(&world.tokens(OFFLINE).await, "refresh_token").to_owned();
    world.clock.advance(SignedDuration::from_hours(92 * 24));
    token = text(&body(world.refresh(&token).await), "refresh_token").to_owned();
    world.clock.advance(SignedDuration::from_hours(87 * 24));
    token = text(&body(world.refresh(&token).await), "refresh_token").to_owned();
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(error(world.refresh(&token).await), "invalid_grant");
    let idle = text(&world.tokens(OFFLINE).await, "refresh_token").to_owned();
    world.clock.advance(SignedDuration::from_hours(93 * 24));
    assert_eq!(error(world.refresh(&idle).await), "invalid_grant");
}
