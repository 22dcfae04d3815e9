//! What an app gets in its own name, and everything that it does not get.

use serde_json::json;

use super::super::assertion::tests::{claims_with, ec_jwk, es384, header, jwks, keys, signed};
use super::super::{introspect, revoke};
use super::*;
use crate::config::OAuth;
use crate::oauth::app::{self, register};
use crate::oauth::published::tests::Site;
use crate::oauth::testing::{SERVER, World, body, error, posted};
use crate::oauth::token::Answer;

const APP: &str = "night-report";
const TYPE: &str = super::super::assertion::TYPE;

async fn world() -> World {
    with(&OAuth::default(), &json!({"jwks": jwks()}), "system/*.rs").await
}

/// A world in which [`APP`] is registered with these keys and this scope.
async fn with(oauth: &OAuth, keys: &Value, scope: &str) -> World {
    let world = World::with(oauth).await;
    let mut metadata = json!({
        "client_id": APP, "client_name": "Night report", "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt", "scope": scope,
    });
    for (name, value) in keys.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    let mut tx = world.issuer.db().begin().await.unwrap();
    for tenant in [&world.tenant, &world.other] {
        register(
            &mut tx,
            &tenant.id,
            &metadata,
            oauth,
            world.clock.now(),
            world.issuer.random(),
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    world
}

fn assertion(world: &World, changes: &Value) -> String {
    let mut claims = json!({"iss": APP, "sub": APP, "jti": world.issuer.random().token()});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    signed(&header("ES384", "ec"), &claims_with(world, &claims), es384(&keys().ec))
}

async fn ask(world: &World, jwt: &str, scope: &str) -> Answer {
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", TYPE),
        ("client_assertion", jwt),
    ];
    let pairs: Vec<_> = pairs.into_iter().filter(|(_, value)| *value != "left out").collect();
    world.post(&pairs).await
}

async fn token(world: &World, scope: &str) -> Value {
    body(ask(world, &assertion(world, &json!({})), scope).await)
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn b01_b03_a_signed_assertion_gives_a_token_of_five_minutes_and_nothing_to_renew() {
    let world = world().await;
    let tokens = token(&world, "system/*.rs").await;
    let mut names: Vec<_> = tokens.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"], &tokens["scope"]),
        (&json!("Bearer"), &json!(300), &json!("system/*.rs"))
    );
    let check = async || {
        super::super::check(&world.issuer, &world.tenant, access(&tokens))
            .await
            .unwrap()
    };
    let caller = check().await.unwrap();
    assert_eq!((caller.account, caller.client_id.as_str()), (None, APP));
    assert!(caller.rights.is_empty() && caller.patient.is_none() && caller.fhir_user.is_none());
    world.clock.advance(SignedDuration::from_secs(299));
    assert!(check().await.is_some());
    world.clock.advance(SignedDuration::from_secs(1));
    assert!(check().await.is_none());
    // T13, L08: it is of one tenant.
    let foreign = super::super::check(&world.issuer, &world.other, access(&tokens)).await;
    assert!(foreign.unwrap().is_none());
    assert_eq!(world.audit().await, ["token-issued success -"]);
}

#[tokio::test]
async fn t15_the_token_of_a_backend_is_bound_to_the_key_that_it_shows() {
    use super::super::{By, check_as};
    use crate::oauth::dpop::{Shown, tests::Holder};
    let world = world().await;
    let holder = Holder::new();
    let (post, get) = (
        ("POST", "https://gateway.example/topaz/oauth/token"),
        ("GET", "https://gateway.example/topaz/fhir/Patient"),
    );
    let shows = |to: (&str, &str), token: Option<&str>| Shown {
        jwt: holder.jwt(to, world.clock.now(), token, [&json!({}), &json!({})]),
        method: to.0.to_owned(),
        url: to.1.to_owned(),
    };
    let jwt = assertion(&world, &json!({}));
    let mut asked = posted(
        None,
        &[
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            ("client_assertion_type", TYPE),
            ("client_assertion", &jwt),
        ],
    );
    asked.proof = Some(shows(post, None));
    let tokens = body(super::super::answer(&world.issuer, &world.tenant, asked).await.unwrap());
    assert_eq!(tokens["token_type"], "DPoP");
    let token = access(&tokens);
    let bearer = super::super::check(&world.issuer, &world.tenant, token).await;
    assert!(bearer.unwrap().is_none());
    let shown = shows(get, Some(token));
    let checked = check_as(&world.issuer, &world.tenant, token, By::Key(Some(&shown))).await;
    assert_eq!(checked.unwrap().unwrap().client_id, APP);
}

#[tokio::test]
async fn b05_a_backend_gets_scopes_of_its_registration_in_the_words_it_asked() {
    let world = with(
        &OAuth::default(),
        &json!({"jwks": jwks()}),
        "system/Patient.rs system/Observation.rs system/Goal.r",
    )
    .await;
    for (asked, granted) in [
        ("system/Patient.rs", "system/Patient.rs"),
        (
            "system/Observation.rs system/Patient.read",
            "system/Observation.rs system/Patient.read",
        ),
        ("system/Patient.r", "system/Patient.r"),
        ("system/Patient.rs  system/Patient.rs", "system/Patient.rs"),
        (
            "system/*.read",
            "system/Patient.read system/Observation.read system/Goal.r",
        ),
        (
            "system/*.*",
            "system/Patient.read system/Observation.read system/Goal.r",
        ),
        (
            "system/Observation.rs?category=laboratory",
            "system/Observation.rs?category=laboratory",
        ),
    ] {
        assert_eq!(token(&world, asked).await["scope"], granted, "{asked}");
    }
    for asked in [
        "left out",
        "",
        " ",
        "system/Goal.s",
        "system/CarePlan.rs",
        "system/Patient.cud",
        "system/Patient.write",
        "system/Patient.sr",
        "system/Patient.look",
        "system/Unknown.rs",
        "system/patient.rs",
        "system/Patient.rs system/CarePlan.rs",
        "system/Patient.rs nonsense",
        "patient/*.rs",
        "user/Patient.rs",
        "openid",
        "system/Patient.rs offline_access",
        "system/Observation.rs?category:in=x",
    ] {
        let answer = ask(&world, &assertion(&world, &json!({})), asked).await;
        assert_eq!(error(answer), Code::InvalidScope.as_str(), "{asked:?}");
    }
}

#[tokio::test]
async fn b26_s10_only_an_app_that_signs_and_was_registered_for_it_acts_in_its_own_name() {
    let world = world().await;
    let own = [("grant_type", "client_credentials"), ("scope", "system/*.rs")];
    let post = async |more: &[(&str, &str)]| error(world.post(&[&own, more].concat()).await);
    assert_eq!(post(&[]).await, Code::InvalidClient.as_str());
    assert_eq!(post(&[("client_id", APP)]).await, Code::InvalidClient.as_str());
    assert_eq!(
        post(&[("client_id", "demo-native")]).await,
        Code::UnauthorizedClient.as_str()
    );
    let secret = [("client_id", SERVER), ("client_secret", world.secret.as_str())];
    assert_eq!(post(&secret).await, Code::UnauthorizedClient.as_str());
    let mut tx = world.issuer.db().begin().await.unwrap();
    let metadata = json!({
        "client_id": "secret-backend", "client_name": "B", "grant_types": ["client_credentials"], "scope": "system/*.rs",
    });
    let refused = register(
        &mut tx,
        &world.tenant.id,
        &metadata,
        &world.config.oauth,
        world.clock.now(),
        world.issuer.random(),
    )
    .await;
    assert!(refused.is_err(), "a backend with a secret was registered");
    drop(tx);
    // And no code: there is nobody who could log in.
    let begun = world.begin(&[("client_id", APP)]).await;
    assert!(format!("{begun:?}").contains("Page"), "it has no address to go back to");
}

#[tokio::test]
async fn b12_to_b20_what_is_wrong_with_an_assertion_is_wrong_here_too() {
    let world = world().await;
    let now = world.clock.now().as_second();
    for (name, value) in [
        ("iss", json!("somebody")),
        ("sub", json!(SERVER)),
        ("exp", json!(now)),
        ("exp", json!(now + 361)),
        ("exp", json!("soon")),
        ("exp", json!(1e300)),
        ("exp", json!(now as f64 + 60.5)),
        ("nbf", json!(now + 3600)),
        ("aud", json!("https://other.example/token")),
        (
            "aud",
            json!(["https://gateway.example/topaz/oauth/token", "https://other.example"]),
        ),
        ("jti", json!(null)),
        ("aud", json!(null)),
    ] {
        let jwt = assertion(&world, &json!({ name: value }));
        let answer = ask(&world, &jwt, "system/*.rs").await;
        assert_eq!(error(answer), Code::InvalidClient.as_str(), "{name} {value}");
    }
}

#[tokio::test]
async fn b21_of_fifty_at_once_with_one_assertion_one_gets_a_token() {
    let world = world().await;
    let jwt = assertion(&world, &json!({}));
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", "system/*.rs"),
        ("client_assertion_type", TYPE),
        ("client_assertion", &jwt),
    ];
    let asks: Vec<_> = (0..50)
        .map(|_| {
            let (issuer, tenant, posted) = (world.issuer.clone(), Arc::clone(&world.tenant), posted(None, &pairs));
            tokio::spawn(async move { super::super::answer(&issuer, &tenant, posted).await.unwrap() })
        })
        .collect();
    let mut given = 0;
    for ask in asks {
        match ask.await.unwrap() {
            Answer::Body(_) | Answer::Created(_) => given += 1,
            Answer::Refused(refusal) => assert_eq!(refusal.code, Code::InvalidClient),
        }
    }
    assert_eq!(given, 1);
}

#[tokio::test]
async fn b04_b06_b23_an_app_keeps_its_keys_at_an_address_of_its_own() {
    let site = Site::new().await;
    site.serves(&json!({"keys": [ec_jwk(&keys().other, "ec")]}), "max-age=600");
    let world = with(&site.settings(), &json!({"jwks_uri": site.url}), "system/*.rs").await;
    let jwt = |jku: Option<&str>, kid: &str| {
        let mut header = header("ES384", kid);
        if let Some(jku) = jku {
            header["jku"] = json!(jku);
        }
        let claims = json!({"iss": APP, "sub": APP, "jti": world.issuer.random().token()});
        signed(&header, &claims_with(&world, &claims), es384(&keys().ec))
    };
    // The site serves another key under this id.
    let refused = async |jwt: String| error(ask(&world, &jwt, "system/*.rs").await);
    assert_eq!(refused(jwt(None, "ec")).await, Code::InvalidClient.as_str());
    // The app changed its keys: the new id makes the gateway look.
    site.serves(&json!({"keys": [ec_jwk(&keys().ec, "new")]}), "max-age=600");
    assert_eq!(
        refused(jwt(None, "new")).await,
        Code::InvalidClient.as_str(),
        "too soon to look again"
    );
    world.clock.advance(SignedDuration::from_secs(10));
    body(ask(&world, &jwt(None, "new"), "system/*.rs").await);
    // The header may repeat the registered address and name no other.
    body(ask(&world, &jwt(Some(&site.url), "new"), "system/*.rs").await);
    for jku in ["https://evil.example/jwks", &format!("{}/", site.url), ""] {
        assert_eq!(
            refused(jwt(Some(jku), "new")).await,
            Code::InvalidClient.as_str(),
            "{jku}"
        );
    }
    assert_eq!(site.hits.load(std::sync::atomic::Ordering::SeqCst), 2);
    // Without being allowed to go inside, the same address opens nothing.
    let world = with(&OAuth::default(), &json!({"jwks_uri": site.url}), "system/*.rs").await;
    let claims = json!({"iss": APP, "sub": APP, "jti": "x"});
    let jwt = signed(
        &header("ES384", "new"),
        &claims_with(&world, &claims),
        es384(&keys().ec),
    );
    assert_eq!(
        error(ask(&world, &jwt, "system/*.rs").await),
        Code::InvalidClient.as_str()
    );
}

#[tokio::test]
async fn n01_n03_n05_n06_a_backend_asks_about_its_token_and_gives_it_back() {
    let world = world().await;
    let tokens = token(&world, "system/Patient.rs").await;
    let bearer = format!("Bearer {}", access(&tokens));
    let about = async |authorization: &str, token: &str| {
        let posted = posted(Some(authorization.to_owned()), &[("token", token)]);
        introspect(&world.issuer, &world.tenant, posted).await.unwrap()
    };
    let told = body(about(&bearer, access(&tokens)).await);
    assert_eq!(
        (&told["active"], &told["client_id"], &told["scope"], &told["sub"]),
        (&json!(true), &json!(APP), &json!("system/Patient.rs"), &json!(APP))
    );
    assert_eq!(told["exp"], world.clock.now().as_second() + 300);
    // Another app hears nothing of it, and it nothing of a person's token.
    let inactive = json!({"active": false});
    let basic = {
        use base64::Engine as _;
        let pair = format!("{SERVER}:{}", world.secret);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    assert_eq!(body(about(&basic, access(&tokens)).await), inactive);
    let person = world.tokens("patient/*.rs").await;
    assert_eq!(body(about(&bearer, access(&person)).await), inactive);
    let of_a_person = format!("Bearer {}", access(&person));
    assert_eq!(body(about(&of_a_person, access(&tokens)).await), inactive);

    let jwt = assertion(&world, &json!({}));
    let pairs = [
        ("token", access(&tokens)),
        ("token_type_hint", "refresh_token"),
        ("client_assertion_type", TYPE),
        ("client_assertion", &jwt),
    ];
    assert!(world.accepted(access(&tokens)).await);
    let posted = posted(None, &pairs);
    body(revoke(&world.issuer, &world.tenant, posted).await.unwrap());
    assert!(!world.accepted(access(&tokens)).await);
    assert!(world.accepted(access(&person)).await);
}

#[tokio::test]
async fn f08_the_token_of_a_disabled_backend_ends() {
    let world = world().await;
    let tokens = token(&world, "system/Patient.rs").await;
    let mut tx = world.issuer.db().begin().await.unwrap();
    app::disable(&mut tx, &world.tenant.id, APP, world.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(!world.accepted(access(&tokens)).await);
    let answer = ask(&world, &assertion(&world, &json!({})), "system/*.rs").await;
    assert_eq!(error(answer), Code::InvalidClient.as_str());
}
