use super::*;
use crate::oauth::testing::{BASE, REDIRECT, World, asked, pair};

/// The error that the app is told.
async fn refused(world: &World, changes: &[(&str, &str)]) -> String {
    match world.begin(changes).await {
        Begun::Refused(url) => {
            assert!(url.as_str().starts_with(REDIRECT), "{url}");
            assert_eq!(pair(&url, "iss").as_deref(), Some("https://gateway.example/topaz"));
            assert_eq!(pair(&url, "state").as_deref(), Some("s t/a+t&e%"));
            assert_eq!(pair(&url, "code"), None);
            pair(&url, "error").unwrap()
        }
        other => panic!("{changes:?} gave {other:?}"),
    }
}

async fn is_page(world: &World, changes: &[(&str, &str)]) -> bool {
    matches!(world.begin(changes).await, Begun::Page(_))
}

#[tokio::test]
async fn a02_a03_without_a_known_app_and_address_there_is_a_page_and_no_redirect() {
    let world = World::new().await;
    for changes in [
        &[("client_id", "")][..],
        &[("client_id", "unknown")],
        &[("redirect_uri", "")],
        &[("redirect_uri", "https://app.example/cb")],
        &[("redirect_uri", "https://evil.example/cb")],
        &[("redirect_uri", "https://app.example/cb?x=1#f")],
        &[("login_hint", &"x".repeat(13_000))],
    ] {
        assert!(is_page(&world, changes).await, "{changes:?}");
    }
    for name in ["client_id", "redirect_uri"] {
        let mut doubled = asked(&[]);
        doubled.extend(asked(&[]).into_iter().filter(|(own, _)| own == name));
        let begun = begin(&world.issuer, &world.tenant.id, doubled, None).await.unwrap();
        assert!(matches!(begun, Begun::Page(_)), "{name}");
    }
    let elsewhere = TenantId::parse("vivantes").unwrap();
    let begun = begin(&world.issuer, &elsewhere, asked(&[]), None).await.unwrap();
    assert!(matches!(begun, Begun::Page(_)));
}

#[tokio::test]
async fn a04_a06_a07_a12_a13_a15_a22_c25_every_fault_of_a_known_app_is_told_to_it_with_state_and_iss() {
    let world = World::new().await;
    let bad_aud = "https://inferno.healthit.gov/invalid_aud";
    for (changes, error) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (
            &[("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")],
            "invalid_request",
        ),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "s256")], "invalid_request"),
        (&[("aud", "")], "invalid_request"),
        (&[("aud", bad_aud)], "invalid_request"),
        (&[("aud", "https://gateway.example/amaris/fhir")], "invalid_request"),
        (&[("aud", ""), ("resource", bad_aud)], "invalid_target"),
        (&[("resource", bad_aud)], "invalid_target"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "admin system/*.rs")], "invalid_scope"),
        (&[("scope", "offline_access")], "invalid_scope"),
        (&[("scope", "patient/Observation.rs?code:not=1")], "invalid_scope"),
        (&[("request", "eyJ")], "request_not_supported"),
        (&[("request_uri", "http://127.0.0.1/")], "request_uri_not_supported"),
        (&[("launch", "abc")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "create")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("nonce", "a"), ("nonce", "b")], "invalid_request"),
    ] {
        assert_eq!(refused(&world, changes).await, error, "{changes:?}");
    }
    let lines = world.audit().await;
    assert_eq!(lines.len(), 28);
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("authorization-requested refused ")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a05_state_comes_back_as_it_was_and_stays_absent_when_it_was() {
    let world = World::new().await;
    let request = world.request(&[]).await;
    let url = world.approve(&request, world.approval(&request)).await.unwrap();
    assert_eq!(pair(&url, "state").as_deref(), Some("s t/a+t&e%"));
    assert_eq!(pair(&url, "iss").as_deref(), Some("https://gateway.example/topaz"));
    assert!(url.as_str().starts_with(&format!("{REDIRECT}&code=")), "{url}");
    let request = world.request(&[("state", "")]).await;
    let url = world.approve(&request, world.approval(&request)).await.unwrap();
    assert_eq!(pair(&url, "state"), None);
}

#[tokio::test]
async fn a07_a13_a14_good_requests_come_in_many_forms() {
    let world = World::new().await;
    let slash = format!("{BASE}/");
    for changes in [
        &[("aud", slash.as_str())][..],
        &[("aud", ""), ("resource", BASE)],
        &[("resource", &slash)],
        &[("aud", ""), ("scope", "openid profile")],
        &[("unknown", "x")],
        &[
            ("prompt", "login consent"),
            ("max_age", "0"),
            ("acr_values", "x"),
            ("display", "page"),
        ],
        &[
            ("login_hint", "anna"),
            ("ui_locales", "nl en"),
            ("claims_locales", "nl"),
            ("nonce", "n"),
        ],
        &[("redirect_uri", "http://127.0.0.1:49152/callback")],
        &[("response_mode", "query"), ("claims", "{}")],
        &[("scope", "patient/*.read patient/Immunization.read launch/encounter")],
    ] {
        let begun = world.begin(changes).await;
        assert!(matches!(begun, Begun::Stored(_)), "{changes:?} gave {begun:?}");
    }
    let request = world
        .request(&[("prompt", "login"), ("max_age", "60"), ("login_hint", "anna")])
        .await;
    let mut read = world.issuer.db().read().await.unwrap();
    let now = world.clock.now();
    let loaded = load(&mut read, &world.tenant.id, &request.id, now)
        .await
        .unwrap()
        .unwrap();
    assert!(loaded.asks(Prompt::Login) && loaded.needs_patient());
    assert_eq!((loaded.max_age, loaded.login_hint.as_deref()), (Some(60), Some("anna")));
    assert_eq!(loaded.scopes, request.scopes);
    assert_eq!(loaded.redirect_origin(), "https://app.example");
    let elsewhere = load(&mut read, &world.other.id, &request.id, now).await.unwrap();
    assert!(elsewhere.is_none());
}

#[tokio::test]
async fn a19_what_was_not_asked_or_not_offered_is_not_granted() {
    let world = World::new().await;
    let scope = "openid patient/*.cruds user/*.* system/*.* launch offline_access admin";
    let request = world.request(&[("scope", scope)]).await;
    assert_eq!(
        request.scopes.to_string(),
        "openid patient/*.rs user/*.read offline_access"
    );

    let narrow = world.request(&[("scope", "openid patient/Goal.rs")]).await;
    let mut approval = world.approval(&narrow);
    approval.scopes = Scopes::parse("openid patient/*.rs").unwrap();
    assert!(matches!(
        world.approve(&narrow, approval).await,
        Err(Error::Approval(_))
    ));
    let mut approval = world.approval(&narrow);
    approval.patient = None;
    assert!(matches!(
        world.approve(&narrow, approval).await,
        Err(Error::Approval(_))
    ));
}

#[tokio::test]
async fn a11_a12_c11_a_denial_is_told_and_a_request_is_answered_once_and_in_time() {
    let world = World::new().await;
    let request = world.request(&[]).await;
    let now = world.clock.now();
    let mut tx = world.issuer.db().begin().await.unwrap();
    let url = deny(&mut tx, &request, DENIED, now).await.unwrap();
    assert_eq!(pair(&url, "error").as_deref(), Some("access_denied"));
    assert!(pair(&url, "iss").is_some() && pair(&url, "state").is_some());
    let again = approve(&mut tx, &request, world.approval(&request), now, world.issuer.random()).await;
    assert!(matches!(again, Err(Error::Answered)));
    assert!(
        load(&mut tx, &world.tenant.id, &request.id, now)
            .await
            .unwrap()
            .is_none()
    );
    tx.commit().await.unwrap();

    let late = world.request(&[]).await;
    world.clock.advance(SignedDuration::from_mins(15));
    assert!(matches!(
        world.approve(&late, world.approval(&late)).await,
        Err(Error::Answered)
    ));
}

#[tokio::test]
async fn two_presses_of_the_button_give_one_code() {
    let world = std::sync::Arc::new(World::new().await);
    let request = world.request(&[]).await;
    let mut presses = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (world, request) = (std::sync::Arc::clone(&world), request.clone());
        presses.spawn(async move { world.approve(&request, world.approval(&request)).await.is_ok() });
    }
    let given = presses.join_all().await.into_iter().filter(|given| *given).count();
    assert_eq!(given, 1);
}

#[tokio::test]
async fn a17_a_form_post_answer_goes_through_a_page_of_ours() {
    let world = World::new().await;
    let request = world.request(&[("response_mode", "form_post")]).await;
    assert!(
        answered(&world.issuer, &world.tenant.id, &request.id)
            .await
            .unwrap()
            .is_none()
    );
    let url = world.approve(&request, world.approval(&request)).await.unwrap();
    assert!(
        url.as_str()
            .starts_with("https://gateway.example/topaz/oauth/form-post?request="),
        "{url}"
    );
    assert!(pair(&url, "code").is_some() && pair(&url, "state").is_some());
    let known = answered(&world.issuer, &world.tenant.id, &request.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(known.redirect_uri(), REDIRECT);
}

#[test]
fn a_native_app_is_reached_by_its_scheme() {
    let asked = |uri: &str| Asked {
        issuer: "https://g.example/t".to_owned(),
        redirect_uri: uri.to_owned(),
        response_mode: ResponseMode::Query,
        state: None,
        nonce: None,
        jkt: None,
        challenge: String::new(),
        pushed: None,
        device: None,
    };
    let url = asked("nl.example.app:/cb").to_app("id", &[("code", "c")]);
    assert_eq!(
        url.as_str(),
        "nl.example.app:/cb?code=c&iss=https%3A%2F%2Fg.example%2Ft"
    );
    let url = asked("https://a.example/cb?").to_app("id", &[("code", "c")]);
    assert_eq!(
        url.as_str(),
        "https://a.example/cb?code=c&iss=https%3A%2F%2Fg.example%2Ft"
    );
}
