//! What a trusted browser may and may not, and how trust ends.

use jiff::SignedDuration;

use crate::config::SmsWhen;
use crate::consent::Role;
use crate::login::world::{Browser, PASSWORD, World, world};
use crate::login::{Ask, Entered, Own, Refused, Typing};
use crate::secret::Secret;

async fn trusting() -> World {
    world(|policy| policy.sms.when = SmsWhen::NewDeviceOrDays(90)).await
}

/// Whether a code is asked after the password.
async fn asked(browser: &mut Browser<'_>, username: &str) -> bool {
    browser.password(username, PASSWORD).await.unwrap();
    matches!(browser.ask().await, Ask::Code(_))
}

async fn own(world: &World, browser: &Browser<'_>) -> Own {
    world.login.own(&browser.at()).await.unwrap().unwrap()
}

#[tokio::test]
async fn o06_a_trusted_browser_needs_no_code_and_says_so_to_the_app() {
    let world = trusting().await;
    let mut browser = world.browser().await;
    browser.log_in_trusting("m.bakker").await;
    let first = browser.device.clone().unwrap();
    world.clock.advance(SignedDuration::from_mins(1));
    let mut again = browser.again().await;
    assert!(!asked(&mut again, "m.bakker").await);
    assert_ne!(again.device, Some(first), "the cookie changes with each use");
    let own = own(&world, &again).await;
    assert_eq!(own.devices.len(), 1);
    assert_eq!(
        (own.devices[0].0.label.as_str(), own.devices[0].1),
        ("Firefox, Linux", true)
    );
    assert_eq!((own.logins[0].second, own.logins[0].device), (false, true));
    let session = crate::login::session::of_cookie(
        &mut world.db.read().await.unwrap(),
        &world.tenant.id,
        again.session.as_deref(),
        world.now(),
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(session.acr(), "urn:inzage:acr:pwd+device");
    assert_eq!(session.amr(), ["pwd"]);
}

#[tokio::test]
async fn a_browser_that_was_not_ticked_is_asked_again() {
    let world = trusting().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    assert!(browser.device.is_none());
    assert!(asked(&mut browser.again().await, "m.bakker").await);
}

#[tokio::test]
async fn a_copied_cookie_ends_the_device_and_the_person_is_told() {
    let world = trusting().await;
    let mut browser = world.browser().await;
    browser.log_in_trusting("m.bakker").await;
    let mut thief = world.browser().await;
    thief.device.clone_from(&browser.device);
    let mut owner = browser.again().await;
    assert!(!asked(&mut thief, "m.bakker").await);
    let before = world.messages().await.len();
    assert!(asked(&mut owner, "m.bakker").await, "the owner is asked for a code");
    let messages = world.messages().await;
    assert_eq!(messages.len(), before + 2, "a notice and a code");
    assert!(
        messages
            .iter()
            .any(|message| message["text"].as_str().unwrap().contains("kopie"))
    );
    // Neither the thief's login nor the thief's newer cookie is worth anything.
    assert!(world.login.own(&thief.at()).await.unwrap().is_none());
    assert!(asked(&mut thief.again().await, "m.bakker").await);
    let audit = world.audit().await;
    assert!(
        audit
            .iter()
            .any(|line| line == "device-ended refused value-used-before"),
        "{audit:?}"
    );
}

#[tokio::test]
async fn of_fifty_logins_at_once_with_one_cookie_one_is_trusted() {
    let world = trusting().await;
    let mut browser = world.browser().await;
    browser.log_in_trusting("m.bakker").await;
    let mut ready = Vec::new();
    for _ in 0..50 {
        let mut other = world.browser().await;
        other.device.clone_from(&browser.device);
        ready.push(other.at());
    }
    let tasks: Vec<_> = ready
        .into_iter()
        .map(|at| {
            let login = world.login.clone();
            let password = Secret::new(PASSWORD.to_owned());
            tokio::spawn(async move { login.password(at, "m.bakker".to_owned(), password).await })
        })
        .collect();
    let (mut trusted, mut right) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(moved) => {
                right += 1;
                trusted += usize::from(moved.session.is_some());
            }
            Err(Refused::Busy) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert!(right > 40, "{right}");
    assert_eq!(trusted, 1);
}

#[tokio::test]
async fn the_cookie_of_one_person_is_nothing_in_the_login_of_another() {
    let world = trusting().await;
    world.account("b.buur", &["p9"], Role::Client, false).await;
    let mut browser = world.browser().await;
    browser.log_in_trusting("m.bakker").await;
    let mut other = browser.again().await;
    assert!(asked(&mut other, "b.buur").await);
    // And it still is the first one's.
    assert!(!asked(&mut browser.again().await, "m.bakker").await);
}

#[tokio::test]
async fn trust_slides_with_each_use_and_ends_after_half_a_year() {
    let world = trusting().await;
    let mut browser = world.browser().await;
    browser.log_in_trusting("m.bakker").await;
    for _ in 0..2 {
        world.clock.advance(SignedDuration::from_hours(85 * 24));
        browser = browser.again().await;
        assert!(!asked(&mut browser, "m.bakker").await);
    }
    world.clock.advance(SignedDuration::from_hours(11 * 24));
    assert!(
        asked(&mut browser.again().await, "m.bakker").await,
        "181 days after the code"
    );
    assert!(world.login.tidy().await.is_ok());
}

#[tokio::test]
async fn p03_forgetting_and_a_new_password_end_trust() {
    let world = trusting().await;
    let mut browser = world.browser().await;
    browser.log_in_trusting("m.bakker").await;
    let mut at = browser.at();
    let shown = own(&world, &browser).await;
    at.form = "forged".to_owned();
    let id = Some(shown.devices[0].0.id.clone());
    let forged = world.login.forget_device(at.clone(), id.clone()).await;
    assert!(matches!(forged, Err(Refused::Forged)));
    at.form = shown.form;
    world.login.forget_device(at.clone(), id.clone()).await.unwrap();
    assert!(own(&world, &browser).await.devices.is_empty());
    assert!(asked(&mut browser.again().await, "m.bakker").await);
    // Somebody else's device is nobody's here.
    world.clock.advance(SignedDuration::from_mins(2));
    let mut other = world.browser().await;
    other.log_in_trusting("r.smit").await;
    let theirs = own(&world, &other).await.devices[0].0.id.clone();
    world.login.forget_device(at, Some(theirs)).await.unwrap();
    assert_eq!(own(&world, &other).await.devices.len(), 1);
}

#[tokio::test]
async fn where_a_code_is_asked_each_time_no_browser_is_trusted() {
    let world = world(|_| {}).await;
    let mut browser = world.browser().await;
    browser.log_in_trusting("m.bakker").await;
    assert!(browser.device.is_none());
    let mut again = browser.again().await;
    again.device = Some("x".repeat(43));
    assert!(asked(&mut again, "m.bakker").await);
}

#[tokio::test]
async fn a_recovery_code_lets_in_and_makes_no_browser_trusted() {
    let world = trusting().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let mut at = browser.at();
    at.form = world.login.acting(&at).await.unwrap().unwrap().form;
    let codes = world.login.new_recovery_codes(at).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(2));
    let mut again = browser.again().await;
    again.password("m.bakker", PASSWORD).await.unwrap();
    let entered = Entered::new(&codes[0], Typing::Recovery);
    let moved = world.login.enter_code(again.at(), entered, true).await.unwrap();
    assert!(moved.session.is_some() && moved.device.is_none());
    again.keep(moved);
    assert!(own(&world, &again).await.devices.is_empty());
    world.clock.advance(SignedDuration::from_mins(2));
    assert!(asked(&mut again.again().await, "m.bakker").await);
}
