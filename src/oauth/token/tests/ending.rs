use jiff::ToSpan as _;
use serde_json::json;

use super::*;
use crate::account::{self, State};
use crate::consent;
use crate::oauth::grant;
use crate::oauth::testing::*;
use crate::oauth::token::*;

#[tokio::test]
async fn f07_online_access_ends_with_the_session_and_offline_access_does_not() {
    let world = World::new().await;
    let online = world.tokens("openid patient/*.rs online_access").await;
    let offline = world.tokens(OFFLINE).await;
    let plain = world.tokens("openid patient/*.rs").await;
    let mut tx = world.issuer.db().begin().await.unwrap();
    let now = world.clock.now();
    let ended = grant::end_session(&mut tx, &world.tenant.id, "session-1", now)
        .await
        .unwrap();
    assert_eq!(ended.len(), 2);
    tx.commit().await.unwrap();
    assert_eq!(
        error(world.refresh(text(&online, "refresh_token")).await),
        "invalid_grant"
    );
    assert!(!world.accepted(text(&plain, "access_token")).await);
    assert!(matches!(
        world.refresh(text(&offline, "refresh_token")).await,
        Answer::Body(_)
    ));
    // Also without a sign-out a browser session is over after twelve hours.
    let online = world.tokens("openid patient/*.rs online_access").await;
    world.clock.advance(SignedDuration::from_hours(12));
    assert_eq!(
        error(world.refresh(text(&online, "refresh_token")).await),
        "invalid_grant"
    );
}

#[tokio::test]
async fn f08_l09_a20_what_is_withdrawn_counts_at_the_next_request() {
    let world = World::new().await;
    let (tenant, now) = (&world.tenant, world.clock.now());
    let patient = crate::fhir::types::Id::parse("p1").unwrap();
    // One of the person's clients left; the other is not the token's.
    let tokens = world.tokens(OFFLINE).await;
    assert!(world.accepted(text(&tokens, "access_token")).await);
    let mut tx = world.issuer.db().begin().await.unwrap();
    assert!(
        consent::end(&mut tx, &tenant.id, &world.account, &patient, now)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    world.clock.advance(SignedDuration::from_millis(900));
    assert!(!world.accepted(text(&tokens, "access_token")).await);
    assert_eq!(
        error(world.refresh(text(&tokens, "refresh_token")).await),
        "invalid_grant"
    );
    // A token over all clients goes on with those that are left, and ends with the last.
    let tokens = world.tokens("openid user/*.rs offline_access").await;
    let caller = check(&world.issuer, tenant, text(&tokens, "access_token"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(caller.rights.len(), 1);
    let mut tx = world.issuer.db().begin().await.unwrap();
    consent::end_all(&mut tx, &tenant.id, &world.account, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.clock.advance(SignedDuration::from_millis(900));
    assert!(!world.accepted(text(&tokens, "access_token")).await);
    assert_eq!(
        error(world.refresh(text(&tokens, "refresh_token")).await),
        "invalid_grant"
    );
}

#[tokio::test]
async fn f08_c7_a_withdrawn_app_a_changed_password_and_a_disabled_app_end_their_tokens() {
    let world = World::new().await;
    let (tenant, now) = (&world.tenant.id, world.clock.now());
    for end in ["app", "password", "locked", "disabled"] {
        let tokens = world.tokens(OFFLINE).await;
        let mut tx = world.issuer.db().begin().await.unwrap();
        match end {
            "app" => assert_eq!(
                grant::revoke_app(&mut tx, tenant, &world.account, NATIVE, now)
                    .await
                    .unwrap(),
                1
            ),
            "password" => assert_eq!(
                grant::revoke_account(&mut tx, tenant, &world.account, now)
                    .await
                    .unwrap()
                    .len(),
                1
            ),
            "locked" => assert!(
                account::set_state(&mut tx, tenant, &world.account, State::Locked, now)
                    .await
                    .unwrap()
            ),
            _ => assert!(crate::oauth::app::disable(&mut tx, tenant, NATIVE, now).await.unwrap()),
        }
        assert_eq!(
            grant::living(&mut tx, tenant, &world.account, now).await.unwrap().len(),
            usize::from(matches!(end, "locked" | "disabled"))
        );
        tx.commit().await.unwrap();
        assert!(!world.accepted(text(&tokens, "access_token")).await, "{end}");
        let refused = world.refresh(text(&tokens, "refresh_token")).await;
        assert!(matches!(refused, Answer::Refused(_)), "{end}");
        if end == "locked" {
            let mut tx = world.issuer.db().begin().await.unwrap();
            let active = account::set_state(&mut tx, tenant, &world.account, State::Active, now).await;
            assert!(active.unwrap());
            grant::revoke_account(&mut tx, tenant, &world.account, now)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn t12_t13_an_access_token_is_of_one_tenant_and_five_minutes() {
    let world = World::new().await;
    let tokens = world.tokens(OFFLINE).await;
    let token = text(&tokens, "access_token");
    assert!(world.accepted(token).await);
    let elsewhere = check(&world.issuer, &world.other, token).await.unwrap();
    assert!(elsewhere.is_none());
    for bad in ["", "x", &format!("{token} "), &token[1..], &format!("{token}=")] {
        assert!(!world.accepted(bad).await, "{bad:?}");
    }
    world.clock.advance(SignedDuration::from_secs(299));
    assert!(world.accepted(token).await);
    // Remembered a moment ago, and still over in time.
    world.clock.advance(SignedDuration::from_micros(1_000_000));
    assert!(!world.accepted(token).await);
    let mut tx = world.issuer.db().begin().await.unwrap();
    let later = world.clock.now() + 48.hours();
    assert!(purge(&mut tx, later).await.unwrap() > 0);
}

#[tokio::test]
async fn n05_n06_a_token_that_is_given_back_is_dead_and_others_are_not() {
    let world = World::new().await;
    let give = async |authorization, pairs: &[(&str, &str)]| {
        revoke(&world.issuer, &world.tenant, posted(authorization, pairs))
            .await
            .unwrap()
    };
    let tokens = world.tokens(OFFLINE).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    assert!(world.accepted(access).await);
    // Another app cannot, and learns nothing.
    let other = give(basic(SERVER, &world.secret), &[("token", access)]).await;
    assert_eq!(other, Answer::Body(json!({})));
    assert!(world.accepted(access).await);
    assert_eq!(error(give(None, &[("client_id", NATIVE)]).await), "invalid_request");
    assert_eq!(
        error(give(None, &[("client_id", "unknown"), ("token", access)]).await),
        "invalid_client"
    );
    let unknown = give(None, &[("client_id", NATIVE), ("token", "unknown")]).await;
    assert_eq!(unknown, Answer::Body(json!({})));
    // An access token alone, with a wrong hint and without a name.
    give(None, &[("token", access), ("token_type_hint", "refresh_token")]).await;
    assert!(!world.accepted(access).await);
    let renewed = body(world.refresh(refresh).await);
    assert!(world.accepted(text(&renewed, "access_token")).await);
    // A refresh token takes all with it.
    give(
        None,
        &[("client_id", NATIVE), ("token", text(&renewed, "refresh_token"))],
    )
    .await;
    assert!(!world.accepted(text(&renewed, "access_token")).await);
    assert_eq!(
        error(world.refresh(text(&renewed, "refresh_token")).await),
        "invalid_grant"
    );
    assert_eq!(
        world
            .audit()
            .await
            .iter()
            .filter(|line| *line == "token-revoked success -")
            .count(),
        2
    );
}
