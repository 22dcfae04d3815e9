use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::audit::Recorder;
use crate::oauth::grant::store;
use crate::oauth::key;
use crate::oauth::testing::*;
use crate::oauth::token::*;

#[tokio::test]
async fn every_statement_is_read_by_the_database() {
    let world = World::without_key().await;
    let mut read = world.issuer.db().read().await.unwrap();
    for (name, sql) in [
        crate::oauth::app::store::STATEMENTS,
        crate::oauth::key::store::STATEMENTS,
        crate::oauth::request::store::STATEMENTS,
        store::STATEMENTS,
        crate::oauth::grant::given::store::STATEMENTS,
        super::super::assertion::store::STATEMENTS,
        super::super::backend::store::STATEMENTS,
        super::super::renew::store::STATEMENTS,
        crate::oauth::launch::store::STATEMENTS,
        crate::oauth::pushed::store::STATEMENTS,
        crate::oauth::device::store::STATEMENTS,
        crate::oauth::dpop::store::STATEMENTS,
        crate::oauth::app::dynamic::store::STATEMENTS,
    ]
    .concat()
    {
        assert!(read.prepare(sql).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn o01_to_o05_f09_the_id_token_is_what_a_relying_party_verifies() {
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
        world.issuer.subject(&world.tenant.id, &world.account)
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
async fn n01_to_n04_c21_introspection_tells_an_app_about_its_own_tokens_only() {
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
    // N02: who it is, as the id token says it.
    let said = text(&own, "id_token").split('.').nth(1).unwrap();
    let said: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).unwrap()).unwrap();
    let subject = world.issuer.subject(&world.tenant.id, &world.account);
    assert_eq!(said["sub"], subject);
    assert_eq!((&about["iss"], &about["sub"]), (&said["iss"], &said["sub"]));
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
async fn o07_o08_userinfo_says_who_logged_in_to_an_app_that_asked() {
    let world = World::new().await;
    let recorder = Recorder::start(world.issuer.db().clone(), world.clock.clone());
    let ask = async |token: &str| {
        let told = userinfo(&world.issuer, &recorder, &world.tenant, token, By::Bearer, None).await;
        told.unwrap()
    };
    let tokens = world.tokens("openid fhirUser").await;
    let before = world.audit().await.len();
    let subject = world.issuer.subject(&world.tenant.id, &world.account);
    let claims = json!({"sub": subject, "fhirUser": format!("{BASE}/Patient/p1")});
    assert_eq!(ask(text(&tokens, "access_token")).await, UserInfo::Claims(claims));
    assert_eq!(world.audit().await[before..], ["userinfo success -"]);
    let tokens = world.tokens("patient/*.rs").await;
    assert_eq!(ask(text(&tokens, "access_token")).await, UserInfo::InsufficientScope);
    assert_eq!(world.audit().await.last().unwrap(), "userinfo refused scope");
    assert_eq!(ask("unknown").await, UserInfo::Refused(Refused::Unknown));
    assert_ne!(subject, world.issuer.subject(&world.other.id, &world.account));
}

#[tokio::test]
async fn o09_profile_gives_the_name_and_no_scope_gives_what_the_account_does_not_tell_apps() {
    let world = World::new().await;
    let recorder = Recorder::start(world.issuer.db().clone(), world.clock.clone());
    let ask = async |scope: &str| {
        let tokens = world.tokens(scope).await;
        let granted = text(&tokens, "scope").to_owned();
        let told = userinfo(
            &world.issuer,
            &recorder,
            &world.tenant,
            text(&tokens, "access_token"),
            By::Bearer,
            None,
        );
        match told.await.unwrap() {
            UserInfo::Claims(claims) => (granted, claims),
            other => panic!("{other:?}"),
        }
    };
    let sub = world.issuer.subject(&world.tenant.id, &world.account);
    let (granted, claims) = ask("openid profile").await;
    assert_eq!(
        (granted.as_str(), claims),
        ("openid profile", json!({"sub": sub, "name": "Anna"}))
    );
    let (granted, claims) = ask("openid email phone address").await;
    assert_eq!((granted.as_str(), claims), ("openid", json!({"sub": sub})));
    let document = crate::oauth::discovery::openid(&world.issuer, &world.tenant);
    let listed: Vec<&str> = document["scopes_supported"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one.as_str())
        .collect();
    assert!(
        listed.contains(&"profile") && !listed.contains(&"email") && !listed.contains(&"phone"),
        "{listed:?}"
    );
    let claims = document["claims_supported"].as_array().unwrap();
    assert!(claims.contains(&json!("name")) && !claims.contains(&json!("email")));
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
    let dump = dump(&mut read).await;
    assert!(dump.contains(&world.account));
    for secret in secrets {
        assert!(!dump.contains(secret), "{secret}");
    }
    assert_eq!(VERIFIER.len(), 43);
    assert!(!dump.contains(VERIFIER) && dump.contains(REDIRECT));
}
