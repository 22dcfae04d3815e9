use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::ToSpan as _;
use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::oauth::grant::{GRACE, store};
use crate::oauth::testing::{BASE, NATIVE, REDIRECT, SERVER, VERIFIER, World, body, error, exchange, pair, posted};

const OFFLINE: &str = "openid fhirUser launch/patient patient/*.read offline_access";

fn basic(id: &str, secret: &str) -> Option<String> {
    Some(format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
}

/// The parameters of an exchange with these changes; an empty value takes one out.
fn changed<'a>(code: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<_> = exchange(code)
        .into_iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name))
        .collect();
    pairs.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}"))
}

#[tokio::test]
async fn every_statement_is_read_by_the_database() {
    let world = World::without_key().await;
    let mut read = world.issuer.db().read().await.unwrap();
    for (name, sql) in [
        crate::oauth::app::store::STATEMENTS,
        crate::oauth::key::store::STATEMENTS,
        crate::oauth::request::store::STATEMENTS,
        store::STATEMENTS,
    ]
    .concat()
    {
        assert!(read.prepare(sql).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn t02_t09_a_code_gives_tokens_with_the_launch_context() {
    let world = World::new().await;
    let answer = world.tokens(OFFLINE).await;
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 300);
    assert_eq!(answer["scope"], OFFLINE);
    assert_eq!(answer["patient"], "p1");
    assert_eq!(answer["need_patient_banner"], true);
    assert_eq!(answer["tenant"], "topaz");
    let token = text(&answer, "access_token");
    let caller = check(&world.issuer, &world.tenant, token).await.unwrap().unwrap();
    assert_eq!(
        (caller.account.as_str(), caller.client_id.as_str()),
        ("account-1", NATIVE)
    );
    assert_eq!(caller.patient.unwrap().as_str(), "p1");
    assert_eq!(caller.scopes.to_string(), OFFLINE);
    assert_eq!(caller.rights.len(), 2);
    let lines = world.audit().await;
    assert_eq!(lines, ["authorization-requested success -", "token-issued success -"]);
    // Without a scope that says so there is no refresh token, and no client where none is needed.
    let answer = world.tokens("openid user/*.rs").await;
    assert!(answer.get("refresh_token").is_none() && answer.get("patient").is_none());
}

#[tokio::test]
async fn o01_to_o05_the_id_token_is_what_a_relying_party_verifies() {
    use openidconnect::core::{
        CoreGenderClaim, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    };
    use openidconnect::{AccessToken, AccessTokenHash, AdditionalClaims, ClientId, IdToken, IssuerUrl, Nonce};
    #[derive(Debug, serde::Deserialize, serde::Serialize)]
    struct Smart {
        #[serde(rename = "fhirUser")]
        fhir_user: String,
        sid: String,
    }
    impl AdditionalClaims for Smart {}
    type Token = IdToken<Smart, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

    let world = World::new().await;
    let code = world.code(&[("nonce", "n-0S6_WzA2Mj"), ("scope", OFFLINE)]).await;
    let answer = body(world.post(&exchange(&code)).await);
    let keys = key::load(&world.issuer, &world.tenant.id).await.unwrap();
    let set: CoreJsonWebKeySet = serde_json::from_str(&keys.jwks).unwrap();
    let issuer = IssuerUrl::new("https://gateway.example/topaz".to_owned()).unwrap();
    let (at, then) = (world.clock.now().as_second(), world.clock.now().to_string());
    let verifier = CoreIdTokenVerifier::new_public_client(ClientId::new(NATIVE.to_owned()), issuer, set)
        .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
        .set_time_fn(move || serde_json::from_value(json!(then)).unwrap());
    let token: Token = text(&answer, "id_token").parse().unwrap();
    let claims = token.claims(&verifier, &Nonce::new("n-0S6_WzA2Mj".to_owned())).unwrap();
    assert_eq!(claims.additional_claims().fhir_user, format!("{BASE}/Patient/p1"));
    assert_eq!(claims.additional_claims().sid, "session-1");
    assert_eq!(claims.auth_time().unwrap().timestamp(), at);
    assert_eq!(claims.auth_context_ref().unwrap().as_str(), "urn:inzage:acr:pwd+sms");
    assert_eq!(claims.auth_method_refs().unwrap().len(), 3);
    assert_eq!(
        claims.subject().as_str(),
        world.issuer.subject(&world.tenant.id, "account-1")
    );
    let access = AccessToken::new(text(&answer, "access_token").to_owned());
    let hash = AccessTokenHash::from_token(
        &access,
        token.signing_alg().unwrap(),
        token.signing_key(&verifier).unwrap(),
    );
    assert_eq!(claims.access_token_hash(), Some(&hash.unwrap()));
    assert!(token.claims(&verifier, &Nonce::new("other".to_owned())).is_err());

    // F09: renewed without the nonce, with the time of the login.
    world.clock.advance(SignedDuration::from_mins(3));
    let renewed = body(world.refresh(text(&answer, "refresh_token")).await);
    let (later, afterwards) = (world.clock.now().as_second(), world.clock.now().to_string());
    let verifier = verifier.set_time_fn(move || serde_json::from_value(json!(afterwards)).unwrap());
    let token: Token = text(&renewed, "id_token").parse().unwrap();
    let no_nonce = |nonce: Option<&Nonce>| nonce.map_or(Ok(()), |_| Err("a nonce".to_owned()));
    let claims = token.claims(&verifier, no_nonce).unwrap();
    assert_eq!(claims.auth_time().unwrap().timestamp(), at);
    assert_eq!(claims.issue_time().timestamp(), later);
}

#[tokio::test]
async fn t04_t05_t06_a_code_is_exchanged_only_with_everything_it_is_bound_to() {
    let world = World::new().await;
    let challenge = crate::oauth::testing::CHALLENGE;
    for (changes, refusal) in [
        (&[("code_verifier", "")][..], "invalid_grant"),
        (&[("code_verifier", challenge)], "invalid_grant"),
        (&[("code_verifier", "x")], "invalid_grant"),
        (&[("redirect_uri", "")], "invalid_grant"),
        (&[("redirect_uri", "https://app.example/cb")], "invalid_grant"),
        (&[("code", "BAD_CODE")], "invalid_grant"),
        (&[("code", "")], "invalid_request"),
        (&[("client_id", "BAD_CLIENT")], "invalid_client"),
        (&[("client_id", "")], "invalid_client"),
        (&[("client_id", SERVER)], "invalid_client"),
        (
            &[("client_id", SERVER), ("client_secret", &world.secret)],
            "invalid_grant",
        ),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "client_credentials")], "unsupported_grant_type"),
        (&[("grant_type", "")], "invalid_request"),
    ] {
        let code = world.code(&[]).await;
        assert_eq!(
            error(world.post(&changed(&code, changes)).await),
            refusal,
            "{changes:?}"
        );
        // A failed try of somebody else does not take the code from the app.
        assert!(
            matches!(world.post(&exchange(&code)).await, Answer::Body(_)),
            "{changes:?}"
        );
    }
    let code = world.code(&[]).await;
    world.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(error(world.post(&exchange(&code)).await), "invalid_grant");
    let code = world.code(&[]).await;
    let elsewhere = answer(&world.issuer, &world.other, posted(None, &exchange(&code)))
        .await
        .unwrap();
    assert_eq!(error(elsewhere), "invalid_grant");
}

#[tokio::test]
async fn t07_t08_an_app_with_a_secret_shows_it_by_header_or_form() {
    let world = World::new().await;
    let ask = async || world.code(&[("client_id", SERVER)]).await;
    let without: &[(&str, &str)] = &[("client_id", "")];
    let code = ask().await;
    let answer = body(
        world
            .post_as(basic(SERVER, &world.secret), &changed(&code, without))
            .await,
    );
    assert_eq!(answer["expires_in"], 600);
    let code = ask().await;
    let post = [("client_id", SERVER), ("client_secret", world.secret.as_str())];
    assert!(matches!(world.post(&changed(&code, &post)).await, Answer::Body(_)));
    let code = ask().await;
    for (header, changes, refusal) in [
        (basic(SERVER, "wrong"), without, "invalid_client"),
        (basic("unknown", &world.secret), without, "invalid_client"),
        (Some("Basic !".to_owned()), without, "invalid_client"),
        (Some("Bearer x".to_owned()), without, "invalid_client"),
        (None, &[("client_id", SERVER)], "invalid_client"),
        (basic(SERVER, &world.secret), &post, "invalid_request"),
        (basic(NATIVE, &world.secret), without, "invalid_client"),
        (None, &[("client_id", NATIVE), ("client_secret", "x")], "invalid_client"),
        (
            None,
            &[("client_assertion_type", "x"), ("client_assertion", "y")],
            "invalid_client",
        ),
    ] {
        let answer = world.post_as(header, &changed(&code, changes)).await;
        assert_eq!(error(answer), refusal, "{changes:?}");
    }
}

#[tokio::test]
async fn a09_c4_a_code_that_comes_twice_takes_everything_back() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    let first = body(world.post(&exchange(&code)).await);
    assert!(world.accepted(text(&first, "access_token")).await);
    assert_eq!(error(world.post(&exchange(&code)).await), "invalid_grant");
    assert!(!world.accepted(text(&first, "access_token")).await);
    assert_eq!(
        error(world.refresh(text(&first, "refresh_token")).await),
        "invalid_grant"
    );
    let lines = world.audit().await;
    assert_eq!(lines[2], "token-issued refused code-replayed");
}

#[tokio::test]
async fn c4_fifty_parallel_exchanges_give_one_success_and_leave_nothing_behind() {
    let world = Arc::new(World::new().await);
    let code = world.code(&[]).await;
    let mut tries = JoinSet::new();
    for _ in 0..50 {
        let (world, code) = (Arc::clone(&world), code.clone());
        tries.spawn(async move { world.post(&exchange(&code)).await });
    }
    let answers = tries.join_all().await;
    let given = answers.into_iter().filter_map(|answer| match answer {
        Answer::Body(body) => Some(body),
        Answer::Refused(refusal) => {
            assert_eq!(refusal.code, Code::InvalidGrant);
            None
        }
    });
    let given: Vec<_> = given.collect();
    assert_eq!(given.len(), 1);
    assert!(!world.accepted(text(&given[0], "access_token")).await);
    assert_eq!(
        error(world.refresh(text(&given[0], "refresh_token")).await),
        "invalid_grant"
    );
}

#[tokio::test]
async fn f01_f03_f06_a_refresh_gives_a_new_pair_the_client_and_no_more_scopes() {
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
    assert_eq!(error(world.refresh(old).await), "invalid_grant");
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
async fn c6_twenty_parallel_refreshes_get_one_and_the_same_answer() {
    let world = Arc::new(World::new().await);
    let first = world.tokens(OFFLINE).await;
    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let (world, token) = (Arc::clone(&world), text(&first, "refresh_token").to_owned());
        tries.spawn(async move { body(world.refresh(&token).await) });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.len(), 20);
    for name in ["access_token", "refresh_token", "expires_in"] {
        assert!(answers.iter().all(|answer| answer[name] == answers[0][name]), "{name}");
    }
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
    assert_eq!(ended, 2);
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
        consent::end(&mut tx, &tenant.id, "account-1", &patient, now)
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
    consent::end_all(&mut tx, &tenant.id, "account-1", now).await.unwrap();
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
    for end in ["app", "account", "disabled"] {
        let tokens = world.tokens(OFFLINE).await;
        let mut tx = world.issuer.db().begin().await.unwrap();
        match end {
            "app" => assert_eq!(
                grant::revoke_app(&mut tx, tenant, "account-1", NATIVE, now)
                    .await
                    .unwrap(),
                1
            ),
            "account" => assert_eq!(
                grant::revoke_account(&mut tx, tenant, "account-1", now).await.unwrap(),
                1
            ),
            _ => assert!(
                crate::oauth::app::store::disable(&mut tx, tenant, NATIVE, now)
                    .await
                    .unwrap()
            ),
        }
        assert_eq!(
            grant::living(&mut tx, tenant, "account-1", now).await.unwrap().len(),
            usize::from(end == "disabled")
        );
        tx.commit().await.unwrap();
        assert!(!world.accepted(text(&tokens, "access_token")).await, "{end}");
        let Answer::Refused(_) = world.refresh(text(&tokens, "refresh_token")).await else {
            panic!("{end}");
        };
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

#[tokio::test]
async fn n01_to_n04_introspection_tells_an_app_about_its_own_tokens_only() {
    let world = World::new().await;
    let ask = async |authorization, token: &str| {
        introspect(&world.issuer, &world.tenant, posted(authorization, &[("token", token)]))
            .await
            .unwrap()
    };
    let header = basic(SERVER, &world.secret);
    let inactive = Answer::Body(json!({"active": false}));
    let code = world.code(&[("client_id", SERVER), ("scope", OFFLINE)]).await;
    let own = body(
        world
            .post_as(header.clone(), &changed(&code, &[("client_id", "")]))
            .await,
    );
    let about = body(ask(header.clone(), text(&own, "access_token")).await);
    assert_eq!(about["active"], true);
    assert_eq!((&about["client_id"], &about["scope"]), (&json!(SERVER), &own["scope"]));
    assert_eq!(
        (&about["patient"], &about["token_type"]),
        (&json!("p1"), &json!("Bearer"))
    );
    assert_eq!(about["iss"], "https://gateway.example/topaz");
    assert_eq!(about["fhirUser"], format!("{BASE}/Patient/p1"));
    assert_eq!(about["exp"], world.clock.now().as_second() + 600);
    let about = body(ask(header.clone(), text(&own, "refresh_token")).await);
    assert_eq!((&about["active"], about.get("token_type")), (&json!(true), None));

    let foreign = world.tokens(OFFLINE).await;
    let token = text(&foreign, "access_token");
    assert_eq!(ask(header.clone(), token).await, inactive);
    assert_eq!(ask(header.clone(), "unknown").await, inactive);
    assert_eq!(error(ask(None, token).await), "invalid_client");
    let public = posted(None, &[("token", token), ("client_id", NATIVE)]);
    assert_eq!(
        error(introspect(&world.issuer, &world.tenant, public).await.unwrap()),
        "invalid_client"
    );
    // A bearer token speaks for its own grant.
    let about = body(ask(Some(format!("Bearer {token}")), token).await);
    assert_eq!(about["client_id"], NATIVE);
    let other = ask(Some(format!("Bearer {token}")), text(&own, "access_token")).await;
    assert_eq!(other, inactive);
    world.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(ask(header, text(&own, "access_token")).await, inactive);
}

#[tokio::test]
async fn o07_userinfo_says_who_logged_in_to_an_app_that_asked() {
    let world = World::new().await;
    let ask = async |token: &str| userinfo(&world.issuer, &world.tenant, token).await.unwrap();
    let tokens = world.tokens("openid fhirUser").await;
    let subject = world.issuer.subject(&world.tenant.id, "account-1");
    let claims = json!({"sub": subject, "fhirUser": format!("{BASE}/Patient/p1")});
    assert_eq!(ask(text(&tokens, "access_token")).await, UserInfo::Claims(claims));
    let tokens = world.tokens("patient/*.rs").await;
    assert_eq!(ask(text(&tokens, "access_token")).await, UserInfo::InsufficientScope);
    assert_eq!(ask("unknown").await, UserInfo::Unknown);
    assert_ne!(subject, world.issuer.subject(&world.other.id, "account-1"));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_an_exchange_half_way() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    {
        let pairs = exchange(&code);
        let work = world.post(&pairs);
        // Long enough to begin, too short to end.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), work).await;
    }
    let seen = async || world.audit().await.iter().any(|line| line == "token-issued success -");
    for _ in 0..200 {
        if seen().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the exchange was not done");
}

#[tokio::test]
async fn nothing_that_an_app_holds_stands_in_the_database() {
    let world = World::new().await;
    let request = world.request(&[]).await;
    let url = world.approve(&request, world.approval(&request)).await.unwrap();
    let code = pair(&url, "code").unwrap();
    let tokens = body(world.post(&exchange(&code)).await);
    let renewed = body(world.refresh(text(&tokens, "refresh_token")).await);
    let secrets = [
        code.as_str(),
        text(&tokens, "access_token"),
        text(&tokens, "refresh_token"),
        text(&renewed, "access_token"),
        text(&renewed, "refresh_token"),
        &world.secret,
    ];
    let mut read = world.issuer.db().read().await.unwrap();
    let dump = store::dump(&mut read).await;
    assert!(dump.contains("account-1"));
    for secret in secrets {
        assert!(!dump.contains(secret), "{secret}");
    }
    assert_eq!(VERIFIER.len(), 43);
    assert!(!dump.contains(VERIFIER) && dump.contains(REDIRECT));
}
