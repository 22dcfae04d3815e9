//! Pushed requests: what the app hears, what the browser may bring, and once.

use super::*;
use crate::oauth::app::register;
use crate::oauth::request::Begun;
use crate::oauth::testing::{NATIVE, REDIRECT, SERVER, World, asked, body, error, exchange, pair, posted};

async fn push_with(world: &World, changes: &[(&str, &str)]) -> Answer {
    let pairs = asked(changes);
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    push(&world.issuer, &world.tenant, posted(None, &pairs)).await.unwrap()
}

async fn pushed(world: &World, changes: &[(&str, &str)]) -> String {
    match push_with(world, changes).await {
        Answer::Created(made) => {
            assert_eq!(made["expires_in"], 60);
            made["request_uri"].as_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

/// What the browser brings.
async fn begin(world: &World, client_id: &str, uri: &str, more: &[(&str, &str)]) -> Begun {
    let mut pairs = vec![
        ("client_id".to_owned(), client_id.to_owned()),
        ("request_uri".to_owned(), uri.to_owned()),
    ];
    pairs.extend(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    crate::oauth::request::begin(&world.issuer, &world.tenant.id, pairs, None)
        .await
        .unwrap()
}

#[tokio::test]
async fn a21_a_pushed_request_becomes_tokens_and_what_the_browser_adds_does_not_count() {
    let world = World::new().await;
    let uri = pushed(&world, &[("scope", "patient/Goal.rs"), ("state", "own")]).await;
    let more = [
        ("scope", "patient/*.rs user/*.rs"),
        ("state", "evil"),
        ("redirect_uri", "https://evil.example/"),
    ];
    let Begun::Stored(request) = begin(&world, NATIVE, &uri, &more).await else {
        panic!("it was not stored")
    };
    assert_eq!(request.scopes.to_string(), "patient/Goal.rs");
    let to = world.approve(&request, world.approval(&request)).await.unwrap();
    assert_eq!(pair(&to, "state").as_deref(), Some("own"));
    assert!(to.as_str().starts_with(REDIRECT));
    body(world.post(&exchange(&pair(&to, "code").unwrap())).await);
}

#[tokio::test]
async fn a21_a_pushed_request_is_used_once_by_the_approval_within_a_minute_by_its_app() {
    let world = World::new().await;
    let uri = pushed(&world, &[]).await;
    let stored = async || match begin(&world, NATIVE, &uri, &[]).await {
        Begun::Stored(request) => Some(request),
        _ => None,
    };
    // The page may be looked at twice; only one approval counts.
    let (one, two) = (stored().await.unwrap(), stored().await.unwrap());
    world.approve(&one, world.approval(&one)).await.unwrap();
    assert!(matches!(
        world.approve(&two, world.approval(&two)).await,
        Err(Error::Answered)
    ));
    assert!(stored().await.is_none(), "it was used");
    for (client_id, uri) in [
        (SERVER, pushed(&world, &[]).await),
        (NATIVE, format!("{PREFIX}made-up")),
        ("", pushed(&world, &[]).await),
    ] {
        let begun = begin(&world, client_id, &uri, &[]).await;
        assert!(matches!(begun, Begun::Page(_)), "{client_id} {uri}: {begun:?}");
    }
    let late = pushed(&world, &[]).await;
    world.clock.advance(LIFE);
    assert!(matches!(begin(&world, NATIVE, &late, &[]).await, Begun::Page(_)));
}

#[tokio::test]
async fn a21_an_app_hears_at_once_what_is_wrong() {
    let world = World::new().await;
    let secret = world.secret.clone();
    for (changes, code) in [
        (&[("code_challenge", "")][..], Code::InvalidRequest),
        (&[("code_challenge_method", "plain")], Code::InvalidRequest),
        (&[("redirect_uri", "https://evil.example/")], Code::InvalidRequest),
        (&[("scope", "nonsense")], Code::InvalidScope),
        (&[("response_type", "token")], Code::UnsupportedResponseType),
        (&[("request_uri", "urn:x")], Code::InvalidRequest),
        (&[("request", "x.y.z")], Code::RequestNotSupported),
        (&[("aud", "https://other.example")], Code::InvalidRequest),
        (&[("client_id", "unknown")], Code::InvalidClient),
        (&[("client_id", "")], Code::InvalidClient),
        (&[("client_id", SERVER)], Code::InvalidClient),
        (
            &[("client_id", SERVER), ("client_secret", "wrong")],
            Code::InvalidClient,
        ),
        (&[("launch", "made-up")], Code::InvalidRequest),
    ] {
        assert_eq!(error(push_with(&world, changes).await), code.as_str(), "{changes:?}");
        let line = format!("authorization-requested refused {}", code.as_str());
        assert_eq!(world.audit().await.last(), Some(&line), "{changes:?}");
    }
    let lines = world.audit().await;
    assert_eq!(lines.len(), 13, "one for each: {lines:?}");
    // A confidential app proves itself, and its secret is not kept with the request.
    let uri = pushed(&world, &[("client_id", SERVER), ("client_secret", secret.as_str())]).await;
    let mut read = world.issuer.db().read().await.unwrap();
    let key = store::key(uri.strip_prefix(PREFIX).unwrap());
    let kept = store::find(&mut read, &world.tenant.id, &key, world.clock.now())
        .await
        .unwrap()
        .unwrap();
    assert!(kept.parameters.iter().all(|(_, value)| *value != secret));
}

#[tokio::test]
async fn a21_an_app_that_demands_it_is_refused_without_a_pushed_request() {
    let world = World::new().await;
    let metadata: Value = json!({
        "client_id": "pushes", "client_name": "P", "token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT],
        "require_pushed_authorization_requests": true,
    });
    let mut tx = world.issuer.db().begin().await.unwrap();
    register(
        &mut tx,
        &world.tenant.id,
        &metadata,
        &world.config.oauth,
        world.clock.now(),
        world.issuer.random(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let Begun::Refused(to) = world.begin(&[("client_id", "pushes")]).await else {
        panic!("it was not refused")
    };
    assert_eq!(pair(&to, "error").as_deref(), Some("invalid_request"));
    let uri = pushed(&world, &[("client_id", "pushes")]).await;
    assert!(matches!(begin(&world, "pushes", &uri, &[]).await, Begun::Stored(_)));
    // Of another server's request nothing is fetched.
    let Begun::Refused(to) = world.begin(&[("request_uri", "https://evil.example/r")]).await else {
        panic!("it was not refused")
    };
    assert_eq!(pair(&to, "error").as_deref(), Some("request_uri_not_supported"));
}
