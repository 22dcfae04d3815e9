//! What an app is told of a login that began at a provider, and what it may ask of one.

use url::Url;

use super::*;
use crate::account::{CreateError, New};
use crate::login::Typing;
use crate::login::act::tests::{form, shown, with_app};
use crate::login::world::{Browser, PASSWORD, World, world};
use crate::oauth::grant;
use crate::secret::{Random, Secret};

const SCOPE: &str = "openid launch/patient patient/*.rs offline_access";

async fn account(world: &World) -> account::Account {
    let mut read = world.db.read().await.unwrap();
    let found = account::by_name(&mut read, &world.tenant.id, "m.bakker").await;
    found.unwrap().unwrap().0
}

/// A browser that comes back from the provider, which told this level.
async fn returned<'w>(world: &'w World, told: &str, more: &[(&str, &str)]) -> Browser<'w> {
    let mut browser = world.browser_for(SCOPE, more).await;
    let (account, now) = (account(world).await, world.now());
    let (tenant, flow) = (&world.tenant.id, &browser.flow);
    let cookie = browser_hash(browser.ix.as_deref().unwrap());
    let mut tx = world.db.begin().await.unwrap();
    let state = sha256(flow.as_bytes());
    store::begin(&mut tx, tenant, flow, &state, &cookie, (now, now + AWAY))
        .await
        .unwrap();
    store::came_back(&mut tx, tenant, flow, &account.id, told)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let moved = world.login.entered(&browser.at(), &account, None).await.unwrap();
    browser.keep(moved);
    browser
}

/// The second factor, and the app gets what it asks for.
async fn through(browser: &mut Browser<'_>, how: Typing, recovery: &str) -> Url {
    let world = browser.world;
    let code = match how {
        Typing::Sms => {
            world.login.send_code(browser.at()).await.unwrap();
            world.newest_code().await
        }
        Typing::App => shown(world).await,
        Typing::Recovery => recovery.to_owned(),
    };
    browser.second(&code, how).await.unwrap();
    browser
        .allow(&["patient/*.rs", "offline_access"])
        .await
        .unwrap()
        .to_app
        .unwrap()
}

#[tokio::test]
async fn the_level_that_is_told_is_the_providers_or_says_which_factor_was_shown_here() {
    let world = world(|_| {}).await;
    let (browser, _) = with_app(&world).await;
    let at = form(&world, &browser).await;
    let codes = world.login.new_recovery_codes(at).await.unwrap();
    for (told, how, acr, amr) in [
        ("substantial", Typing::Sms, "substantial", ["sms", "mfa"]),
        ("", Typing::Sms, "urn:inzage:acr:upstream+sms", ["sms", "mfa"]),
        ("", Typing::App, "urn:inzage:acr:upstream+otp", ["otp", "mfa"]),
        ("", Typing::Recovery, "urn:inzage:acr:upstream+recovery", ["otp", "mfa"]),
        // A provider does not speak for us.
        (
            "urn:inzage:acr:pwd+otp",
            Typing::Sms,
            "urn:inzage:acr:upstream+sms",
            ["sms", "mfa"],
        ),
        (
            "urn:inzage:acr:upstream+otp",
            Typing::Recovery,
            "urn:inzage:acr:upstream+recovery",
            ["otp", "mfa"],
        ),
    ] {
        world.clock.advance(SignedDuration::from_mins(2));
        let mut browser = returned(&world, told, &[("prompt", "login consent")]).await;
        let recovery = &codes[usize::from(told.is_empty())];
        through(&mut browser, how, recovery).await;
        let (account, mut read) = (account(&world).await, world.db.read().await.unwrap());
        let living = grant::living(&mut read, &world.tenant.id, &account.id, world.now()).await;
        let newest = living.unwrap().pop().unwrap();
        assert_eq!(
            (newest.acr.as_str(), newest.amr),
            (acr, amr.map(str::to_owned).to_vec()),
            "{told} {how:?}"
        );
    }
}

#[tokio::test]
async fn what_an_app_asks_for_is_judged_by_the_level_that_it_is_told() {
    let world = world(|_| {}).await;
    with_app(&world).await;
    for (wanted, told, meets) in [
        ("substantial", "substantial", true),
        ("high", "substantial", false),
        // It would be told "substantial", so no other name is met by what was done here.
        ("urn:inzage:acr:pwd+sms", "substantial", false),
        ("urn:inzage:acr:upstream+sms", "", true),
        ("urn:inzage:acr:pwd+otp", "urn:inzage:acr:pwd+otp", false),
    ] {
        world.clock.advance(SignedDuration::from_hours(2));
        let more = [("prompt", "login consent"), ("acr_values", wanted)];
        let mut browser = returned(&world, told, &more).await;
        let to_app = through(&mut browser, Typing::Sms, "").await;
        let has = |name: &str, value: &str| {
            to_app
                .query_pairs()
                .any(|(key, found)| key == name && (value.is_empty() || found == value))
        };
        assert_eq!(has("code", ""), meets, "{wanted} {told}");
        assert_eq!(
            has("error", "unmet_authentication_requirements"),
            !meets,
            "{wanted} {told}"
        );
    }
}

#[tokio::test]
async fn where_people_log_in_at_the_provider_only_nobody_gets_a_first_password() {
    let world = world(|_| {}).await;
    for (password, first_login, refused) in [(false, true, true), (false, false, false), (true, true, false)] {
        let mut tenant = (*world.tenant).clone();
        tenant.policy.upstream = Some(crate::config::Upstream {
            name: "DigiTest".to_owned(),
            issuer: "https://login.example".to_owned(),
            client_id: "inzage".to_owned(),
            client_secret: Secret::new("geheim".to_owned()),
            levels: Vec::new(),
            minimum: None,
            password,
            ca: None,
        });
        let new = New {
            username: "m.jansen".to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
            mobile: "06-12345678".to_owned(),
            name: "Mevrouw Jansen".to_owned(),
            email: None,
            first_login,
        };
        let (keys, hasher) = (&world.login.keys, &world.login.hasher);
        let made = new.prepare(&tenant, keys, hasher, world.now(), &Random::Os).await;
        match made {
            Ok(_) => assert!(!refused, "{password} {first_login}"),
            Err(error) => assert!(refused && matches!(error, CreateError::FirstLogin), "{error}"),
        }
    }
}
