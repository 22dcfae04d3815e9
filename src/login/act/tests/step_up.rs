//! The second factor that is asked again on the account page: which one counts, and what the session is after it.

use super::*;

async fn acr(world: &World, browser: &Browser<'_>) -> &'static str {
    let mut read = world.db.read().await.unwrap();
    let cookie = browser.session.as_deref();
    let session = session::of_cookie(&mut read, &world.tenant.id, cookie, world.now()).await;
    session.unwrap().unwrap().acr()
}

#[tokio::test]
async fn a_recovery_code_opens_no_act_and_is_not_used_up() {
    let world = world(|_| {}).await;
    let (_, at) = home(&world).await;
    let codes = world.login.new_recovery_codes(at.clone()).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(6));
    let entered = Entered::new(&codes[0], Typing::Recovery);
    let refused = world.login.enter_own_code(at.clone(), entered).await;
    assert!(matches!(refused, Err(Refused::NotACode)), "{refused:?}");
    let acting = world.login.acting(&at).await.unwrap().unwrap();
    assert!(!acting.fresh);
    assert_eq!(acting.factors.recovery, 10);
    let number = world.login.new_number(at, "06-87654321".to_owned()).await;
    assert!(matches!(number, Err(Refused::NotFresh)));
}

#[tokio::test]
async fn a_login_with_an_app_stays_one_after_an_sms_and_another_rises_with_an_app() {
    let world = world(|_| {}).await;
    let (by_sms, _) = with_app(&world).await;
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    browser.second(&shown(&world).await, Typing::App).await.unwrap();
    assert_eq!(acr(&world, &browser).await, crate::oauth::acr::OTP);
    world.clock.advance(SignedDuration::from_mins(6));
    let at = form(&world, &browser).await;
    world.login.send_own_code(at.clone()).await.unwrap();
    let sms = Entered::new(&world.newest_code().await, Typing::Sms);
    world.login.enter_own_code(at.clone(), sms).await.unwrap();
    assert!(world.login.acting(&at).await.unwrap().unwrap().fresh);
    assert_eq!(acr(&world, &browser).await, crate::oauth::acr::OTP);
    // What was a login with an SMS is one with an app after its code.
    assert_eq!(acr(&world, &by_sms).await, crate::oauth::acr::SMS);
    let at = form(&world, &by_sms).await;
    let otp = Entered::new(&shown(&world).await, Typing::App);
    world.login.enter_own_code(at, otp).await.unwrap();
    assert_eq!(acr(&world, &by_sms).await, crate::oauth::acr::OTP);
}
