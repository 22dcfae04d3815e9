//! What an app or the portal that launched it demands of a login: this client, this person, this surely.

use serde_json::json;

use super::world::{PASSWORD, World, world};
use super::{Ask, Visit};
use crate::config::{SigningAlg, SmsWhen};
use crate::oauth::launch::{self, Answer};
use crate::oauth::scope::LAUNCHES;
use crate::oauth::token;

const SCOPE: &str = "launch openid fhirUser patient/*.rs";

/// What a portal gets that asks for a launch.
async fn launch(world: &World, username: Option<&str>, patient: Option<&str>) -> String {
    let mut tx = world.db.begin().await.unwrap();
    let portal = json!({
        "client_id": "portal", "client_name": "Portal", "grant_types": ["client_credentials"], "scope": LAUNCHES,
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://portal.example/jwks",
    });
    let random = world.issuer.random();
    crate::oauth::app::register(
        &mut tx,
        &world.tenant.id,
        &portal,
        &world.config.oauth,
        world.now(),
        random,
    )
    .await
    .unwrap();
    let bearer = token::plant(&mut tx, &world.tenant.id, "portal", LAUNCHES, world.now()).await;
    tx.commit().await.unwrap();
    let mut body = json!({"client_id": world.app});
    for (name, value) in [("username", username), ("patient", patient)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    let body = body.to_string();
    let made = launch::create(
        &world.issuer,
        &world.tenant,
        (&bearer, token::By::Bearer),
        body.as_bytes(),
        None,
    )
    .await;
    match made.unwrap() {
        Answer::Made(made) => made["launch"].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The page that a person comes to with this launch.
async fn asked(world: &World, launch: &str, username: &str) -> Ask {
    let mut browser = world.browser_for(SCOPE, &[("launch", launch)]).await;
    browser.log_in(username).await;
    browser.ask().await
}

#[tokio::test]
async fn l01_l02_a_launch_chooses_the_client_and_nobody_is_asked_to() {
    let world = world(|_| {}).await;
    let launch = launch(&world, Some("R.Smit"), Some("p2")).await;
    let Ask::Approve { right, .. } = asked(&world, &launch, "r.smit").await else {
        panic!("the person was asked which client")
    };
    assert_eq!(right.unwrap().patient.as_str(), "p2");
}

#[tokio::test]
async fn l01_a_launch_without_a_client_leaves_the_choice() {
    let world = world(|_| {}).await;
    let launch = launch(&world, None, None).await;
    assert!(matches!(asked(&world, &launch, "r.smit").await, Ask::Client(_)));
}

#[tokio::test]
async fn c19_a_launch_opens_nothing_to_another_person_and_nothing_that_the_person_may_not_see() {
    for (username, patient, who) in [
        (Some("r.smit"), Some("p1"), "m.bakker"),
        (Some("nobody"), Some("p1"), "m.bakker"),
        (None, Some("p2"), "m.bakker"),
        (None, Some("no-such-client"), "m.bakker"),
    ] {
        let world = world(|_| {}).await;
        let launch = launch(&world, username, patient).await;
        let ask = asked(&world, &launch, who).await;
        assert!(matches!(ask, Ask::NoAccess), "{username:?} {patient:?}: {ask:?}");
    }
}

#[tokio::test]
async fn a14_an_app_that_wants_no_page_is_told_that_a_client_has_to_be_chosen() {
    let world = world(|_| {}).await;
    let scope = "openid launch/patient patient/*.rs";
    let mut browser = world.browser_for(scope, &[]).await;
    browser.log_in("r.smit").await;
    browser.request = world.request(scope, &[("prompt", "none")]).await;
    let Visit::ToApp(to) = browser.look().await.unwrap() else {
        panic!("a page was shown")
    };
    let query = to.query().unwrap_or_default();
    assert!(query.contains("error=interaction_required"), "{to}");
    assert!(
        query.contains("state=") && query.contains("iss=") && !query.contains("code="),
        "{to}"
    );
    let lines = world.audit().await;
    assert!(
        lines.last().unwrap().ends_with("refused interaction-required"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a14_a_session_of_another_person_than_the_hinted_one_does_not_count() {
    let world = world(|_| {}).await;
    let account = async |name: &str| {
        let mut read = world.db.read().await.unwrap();
        let found = crate::account::by_name(&mut read, &world.tenant.id, name).await;
        found.unwrap().unwrap().0.id
    };
    crate::oauth::key::generate(&world.issuer, &world.tenant.id)
        .await
        .unwrap();
    let keys = crate::oauth::key::load(&world.issuer, &world.tenant.id).await.unwrap();
    let hint = |account: &str, iss: &str| {
        let sub = world.issuer.subject(&world.tenant.id, account);
        keys.sign(
            SigningAlg::Rs256,
            &json!({"iss": iss, "sub": sub, "aud": world.app, "exp": 1}),
        )
        .unwrap()
    };
    let iss = world.issuer.url(&world.tenant.id);
    let (own, other) = (account("m.bakker").await, account("r.smit").await);
    let mut browser = world.browser_for("openid launch/patient patient/*.rs", &[]).await;
    browser.log_in("m.bakker").await;
    browser.allow(&["patient/*.rs"]).await.unwrap();
    let mut ask = async |hint: &str| {
        let more = [("prompt", "none"), ("id_token_hint", hint)];
        let request = world.request("openid launch/patient patient/*.rs", &more).await;
        browser.request = request;
        match browser.look().await.unwrap() {
            Visit::ToApp(to) => to,
            Visit::Page(page) => panic!("{page:?}"),
        }
    };
    let said = |to: &url::Url, name: &str| {
        to.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    assert!(said(&ask(&hint(&own, &iss)).await, "code").is_some());
    for wrong in [
        hint(&other, &iss),
        hint(&own, "https://other.example"),
        "x.y.z".to_owned(),
    ] {
        let to = ask(&wrong).await;
        assert_eq!(said(&to, "error").as_deref(), Some("login_required"));
    }
    // And who logs in as somebody else gives the app nothing.
    let mut browser = world
        .browser_for(
            "openid launch/patient patient/*.rs",
            &[("id_token_hint", &hint(&other, &iss))],
        )
        .await;
    browser.log_in("m.bakker").await;
    let moved = browser.allow(&["patient/*.rs"]).await.unwrap();
    assert_eq!(said(&moved.to_app.unwrap(), "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn c18_an_app_that_asks_for_a_surer_login_than_there_is_gets_nothing() {
    let world = world(|_| {}).await;
    for (wanted, error) in [
        ("urn:inzage:acr:pwd+sms", None),
        ("urn:inzage:acr:pwd", None),
        ("substantieel urn:inzage:acr:pwd", None),
        ("substantieel", Some("unmet_authentication_requirements")),
    ] {
        let more = [("acr_values", wanted), ("prompt", "login consent")];
        let mut browser = world.browser_for("openid launch/patient patient/*.rs", &more).await;
        browser.log_in("m.bakker").await;
        let to = browser.allow(&["patient/*.rs"]).await.unwrap().to_app.unwrap();
        let said = to
            .query_pairs()
            .find(|(name, _)| name == "error")
            .map(|(_, value)| value.into_owned());
        assert_eq!(said.as_deref(), error, "{wanted}");
        world.clock.advance(jiff::SignedDuration::from_mins(10));
    }
}

#[tokio::test]
async fn c18_in_a_trusted_browser_an_app_that_asks_for_a_code_gets_the_page_of_the_code() {
    const PLAIN: &str = "openid launch/patient patient/*.rs";
    let world = world(|policy| policy.sms.when = SmsWhen::NewDeviceOrDays(90)).await;
    let mut first = world.browser().await;
    first.log_in_trusting("m.bakker").await;
    world.clock.advance(jiff::SignedDuration::from_mins(2));
    // A login without a code, as this browser may, and what it allows is remembered.
    let mut weaker = first.again().await;
    weaker.password("m.bakker", PASSWORD).await.unwrap();
    assert!(matches!(weaker.ask().await, Ask::Approve { .. }));
    weaker.allow(&["patient/*.rs"]).await.unwrap();

    let surer = [("acr_values", "urn:inzage:acr:pwd+sms")];
    // A demand that it meets goes by itself.
    weaker.request = world
        .request(PLAIN, &[("acr_values", "urn:inzage:acr:pwd+device")])
        .await;
    assert!(matches!(weaker.look().await.unwrap(), Visit::ToApp(_)));
    // Without a page the app is told that somebody has to log in.
    weaker.request = world.request(PLAIN, &[surer[0], ("prompt", "none")]).await;
    let Visit::ToApp(silent) = weaker.look().await.unwrap() else {
        panic!("a page with prompt=none")
    };
    assert!(silent.query().unwrap().contains("error=login_required"), "{silent}");
    // The session is too weak to vouch, and the browser too weak to stand in for the code.
    weaker.request = world.request(PLAIN, &surer).await;
    assert!(matches!(weaker.ask().await, Ask::Password));
    weaker.password("m.bakker", PASSWORD).await.unwrap();
    assert!(matches!(weaker.ask().await, Ask::Code(_)));
    let code = world.newest_code().await;
    weaker.code(&code).await.unwrap();
    let to_app = match weaker.look().await.unwrap() {
        Visit::ToApp(to_app) => to_app,
        Visit::Page(_) => weaker.allow(&["patient/*.rs"]).await.unwrap().to_app.unwrap(),
    };
    assert!(to_app.query_pairs().any(|(name, _)| name == "code"), "{to_app}");
}
