use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;
use crate::oauth::testing::*;
use crate::oauth::token::*;

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
        (caller.account.as_ref(), caller.client_id.as_str()),
        (Some(&world.account), NATIVE)
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
async fn t11_what_was_left_of_a_wish_is_told_with_the_tokens_and_whenever_they_are_asked_about() {
    let world = World::new().await;
    let asked = "openid launch/patient patient/*.rs patient/Medication.rs system/*.rs admin offline_access";
    let request = world.request(&[("scope", asked)]).await;
    let mut approval = world.approval(&request);
    let left = "openid launch/patient patient/Observation.rs offline_access";
    approval.scopes = crate::oauth::scope::Scopes::parse(left).unwrap();
    let url = world.approve(&request, approval).await.unwrap();
    let code = pair(&url, "code").unwrap();
    let tokens = body(world.post(&exchange(&code)).await);
    assert_eq!(tokens["scope"], left);
    let renewed = body(world.refresh(text(&tokens, "refresh_token")).await);
    assert_eq!(renewed["scope"], left);
    let token = text(&renewed, "access_token");
    let about = introspect(
        &world.issuer,
        &world.tenant,
        posted(Some(format!("Bearer {token}")), &[("token", token)]),
    );
    assert_eq!(body(about.await.unwrap())["scope"], left);
}

#[tokio::test]
async fn t16_tokens_are_for_the_fhir_api_of_the_tenant_and_for_no_other_resource() {
    let world = World::new().await;
    let (slash, foreign) = (format!("{BASE}/"), "https://gateway.example/amaris/fhir");
    for (resources, fine) in [
        (&[BASE][..], true),
        (&[slash.as_str()], true),
        (&[BASE, slash.as_str()], true),
        (&[foreign], false),
        (&["https://gateway.example/topaz"], false),
        (&["https://gateway.example/topaz/fhir#a"], false),
        (&["topaz"], false),
        (&[BASE, foreign], false),
        (&[foreign, BASE], false),
    ] {
        // RFC 8707 §2.1: at the authorization endpoint, as often as the app likes.
        let mut asked = asked(&[("aud", "")]);
        let named = resources
            .iter()
            .map(|resource| ("resource".to_owned(), (*resource).to_owned()));
        asked.extend(named.clone());
        let begun = crate::oauth::request::begin(&world.issuer, &world.tenant.id, asked, None)
            .await
            .unwrap();
        match begun {
            crate::oauth::request::Begun::Stored(_) => assert!(fine, "{resources:?}"),
            crate::oauth::request::Begun::Refused(to) => {
                assert!(!fine, "{resources:?}");
                assert_eq!(pair(&to, "error").as_deref(), Some("invalid_target"));
            }
            other => panic!("{other:?}"),
        }
        // §2.2: at the token endpoint, for a code and for a refresh token.
        let code = world.code(&[]).await;
        let ask = async |pairs: &[(&str, &str)]| {
            let mut pairs = pairs.to_vec();
            pairs.extend(resources.iter().map(|resource| ("resource", *resource)));
            world.post(&pairs).await
        };
        let expected = if fine { "no error" } else { "invalid_target" };
        let answer = ask(&exchange(&code)).await;
        assert_eq!(error(answer.clone()), expected, "{resources:?}");
        let tokens = match fine {
            true => body(answer),
            // A wrong resource uses nothing up.
            false => body(world.post(&exchange(&code)).await),
        };
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&tokens, "refresh_token")),
        ];
        assert_eq!(error(ask(&refresh).await), expected, "{resources:?}");
    }
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
        (&[("grant_type", "client_credentials")], "unauthorized_client"),
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

/// On SQLite, with its one writer, no such race can be lost: see [`crate::db::fresh`].
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
        Answer::Body(body) | Answer::Created(body) => Some(body),
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
