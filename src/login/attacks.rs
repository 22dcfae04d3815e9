//! A login that is not finished gives nothing, whatever is asked of it.

use super::world::{Browser, PASSWORD, World, world};
use super::{Ask, Decision, Refused, Visit};
use crate::account::{self, State};
use crate::oauth::scope::Detail;
use crate::secret::Secret;

const SCOPE: &str = "openid launch/patient patient/*.rs offline_access";

/// Asks for every step and for every kind of new request; none may lead to a choice, an approval or a code.
async fn gives_nothing(world: &World, browser: &Browser<'_>, state: &str) {
    let mut here = browser.clone();
    assert!(here.code("000000").await.is_err(), "{state}: code");
    assert!(here.choose("p1").await.is_err(), "{state}: choose");
    assert!(
        here.change(PASSWORD, PASSWORD, PASSWORD).await.is_err(),
        "{state}: change"
    );
    for decision in [
        Decision::Allow(vec!["patient/*.rs".to_owned()], Detail::Whole),
        Decision::Deny,
    ] {
        let answer = world.login.decide(here.at(), decision).await;
        assert!(
            matches!(answer, Err(Refused::OtherStep | Refused::Gone)),
            "{state}: {answer:?}"
        );
    }
    for more in [
        &[][..],
        &[("prompt", "none")],
        &[("prompt", "consent")],
        &[("prompt", "login")],
        &[("max_age", "0")],
    ] {
        let mut next = browser.clone();
        next.request = world.request(SCOPE, more).await;
        match next.look().await {
            Ok(Visit::ToApp(to)) => assert!(!to.as_str().contains("code="), "{state}: {more:?}"),
            Ok(Visit::Page(page)) => {
                assert!(
                    !matches!(page.ask, Ask::Client(_) | Ask::Approve { .. }),
                    "{state}: {more:?} {page:?}"
                );
            }
            Err(_) => {}
        }
    }
    let lines = world.audit().await;
    assert!(
        !lines.iter().any(|line| line.starts_with("approved success")),
        "{state}: {lines:?}"
    );
}

#[tokio::test]
async fn a_half_finished_login_gives_nothing_at_any_step() {
    let world = world(|_| {}).await;
    let fresh = world.browser_for(SCOPE, &[]).await;
    gives_nothing(&world, &fresh, "nothing entered").await;

    let mut wrong = world.browser_for(SCOPE, &[]).await;
    assert!(wrong.password("m.bakker", "iets heel anders").await.is_err());
    gives_nothing(&world, &wrong, "wrong password").await;

    let mut password = world.browser_for(SCOPE, &[]).await;
    password.password("m.bakker", PASSWORD).await.unwrap();
    gives_nothing(&world, &password, "password without code").await;

    let mut initial = world.browser_for(SCOPE, &[]).await;
    initial.log_in("n.nieuw").await;
    gives_nothing(&world, &initial, "initial password not changed").await;

    let mut nobody = world.browser_for(SCOPE, &[]).await;
    nobody.log_in("o.oud").await;
    gives_nothing(&world, &nobody, "no rights").await;

    let mut locked = world.browser_for(SCOPE, &[]).await;
    locked.log_in("r.smit").await;
    let mut tx = world.db.begin().await.unwrap();
    let (account, _) = account::by_name(&mut tx, &world.tenant.id, "r.smit")
        .await
        .unwrap()
        .unwrap();
    account::set_state(&mut tx, &world.tenant.id, &account.id, State::Locked, world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    gives_nothing(&world, &locked, "locked after the login").await;
}

#[tokio::test]
async fn a_planted_cookie_does_not_share_the_session_of_the_browser_it_was_planted_in() {
    let world = world(|_| {}).await;
    let mut victim = world.browser_for(SCOPE, &[]).await;
    victim.log_in("m.bakker").await;
    let mut attacker = world.browser_for(SCOPE, &[]).await;
    // The victim's browser, with the attacker's cookie, is led to the attacker's request.
    let mut led = attacker.clone();
    led.session.clone_from(&victim.session);
    assert!(matches!(led.ask().await, Ask::Approve { .. }));
    assert!(matches!(attacker.ask().await, Ask::Password));
    assert!(matches!(
        attacker.allow(&["patient/*.rs"]).await,
        Err(Refused::OtherStep)
    ));
}

#[tokio::test]
async fn nothing_that_is_printed_holds_a_secret_or_a_person() {
    let world = world(|_| {}).await;
    let mut browser = world.browser_for(SCOPE, &[("login_hint", "m.bakker")]).await;
    let moved = browser.password("m.bakker", PASSWORD).await.unwrap();
    let code = world.newest_code().await;
    let page = browser.look().await.unwrap();
    let mut read = world.db.read().await.unwrap();
    let found = account::by_name(&mut read, &world.tenant.id, "m.bakker").await.unwrap();
    drop(read);
    let typed = super::challenge::typed(&code);
    let mut printed = format!("{:?} {moved:?} {page:?} {found:?} {typed:?}", browser.at());
    let moved = browser.code(&code).await.unwrap();
    let sent = browser.allow(&["patient/*.rs"]).await.unwrap();
    printed.push_str(&format!("{moved:?} {sent:?} {:?}", Secret::new(code.clone())));
    let session = browser.session.clone().unwrap();
    let cookie = browser.ix.clone().unwrap();
    for private in ["bakker", PASSWORD, &code, &session, &cookie, &browser.form, "code="] {
        assert!(!printed.contains(private), "{private} in {printed}");
    }
}
