//! Whose dossier it becomes, and what a session spares.

use super::*;

#[tokio::test]
async fn a_representative_chooses_a_client_and_only_one_of_their_own() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("r.smit").await;
    let Ask::Client(rights) = browser.ask().await else {
        panic!("no choice")
    };
    assert_eq!(rights.len(), 2);
    assert!(matches!(browser.choose("p3").await, Err(Refused::Client)));
    assert!(matches!(browser.choose("").await, Err(Refused::Client)));
    browser.choose("p1").await.unwrap();
    // A second thought, before anything is approved.
    browser.choose("p2").await.unwrap();
    browser.allow(&["patient/*.rs"]).await.unwrap();
    let grants = grants(&world).await;
    assert_eq!(grants[0][..2], ["openid fhirUser launch/patient patient/*.rs", "p2"]);
    assert!(grants[0][2].starts_with("Person/"), "{}", grants[0][2]);
    assert!(
        world
            .audit()
            .await
            .contains(&"patient-chosen refused not-a-client-of-the-account".to_owned())
    );
}

#[tokio::test]
async fn a_right_that_ends_between_choosing_and_approving_is_not_granted() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("r.smit").await;
    browser.choose("p2").await.unwrap();
    let account = browser.page().await.account.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let gone = Id::parse("p2").unwrap();
    consent::end(&mut tx, &world.tenant.id, &account, &gone, world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // One client is left: that one is asked about, and the old form names no client of its own.
    let Ask::Approve { right, .. } = browser.ask().await else {
        panic!("no approval")
    };
    assert_eq!(right.unwrap().patient.as_str(), "p1");
}

#[tokio::test]
async fn who_has_no_rights_any_more_reads_so_after_the_login() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("o.oud").await;
    assert!(matches!(browser.ask().await, Ask::NoAccess));
    assert!(matches!(
        browser.allow(&["patient/*.rs"]).await,
        Err(Refused::OtherStep)
    ));
    assert!(
        world
            .audit()
            .await
            .contains(&"code-entered refused no-access".to_owned())
    );
}

#[tokio::test]
async fn a20_a_session_goes_straight_on_and_what_was_approved_is_not_asked_again() {
    let world = usual().await;
    let scope = "openid launch/patient patient/Observation.rs offline_access";
    let mut first = world.browser_for(scope, &[]).await;
    first.log_in("m.bakker").await;
    first.allow(&["patient/Observation.rs"]).await.unwrap();
    let next = |scope: &'static str, more: &'static [(&'static str, &'static str)]| {
        let (mut browser, world) = (first.clone(), &world);
        async move {
            browser.request = world.request(scope, more).await;
            browser.look().await.unwrap()
        }
    };
    assert!(matches!(next(scope, &[]).await, Visit::ToApp(to) if to.as_str().contains("code=")));
    assert_eq!(
        grants(&world).await[1][0],
        "openid launch/patient patient/Observation.rs"
    );
    let ask = |visit: Visit| match visit {
        Visit::Page(page) => page.ask,
        Visit::ToApp(to) => panic!("sent to {to}"),
    };
    assert!(matches!(
        ask(next(scope, &[("prompt", "consent")]).await),
        Ask::Approve { .. }
    ));
    assert!(matches!(
        ask(next("openid launch/patient patient/*.rs", &[]).await),
        Ask::Approve { .. }
    ));
    assert!(matches!(ask(next(scope, &[("prompt", "login")]).await), Ask::Password));
    assert!(matches!(
        ask(next(scope, &[("prompt", "select_account")]).await),
        Ask::Password
    ));
    world.clock.advance(seconds(20));
    assert!(matches!(ask(next(scope, &[("max_age", "10")]).await), Ask::Password));
    assert!(matches!(next(scope, &[("max_age", "10000")]).await, Visit::ToApp(_)));
    assert!(matches!(next(scope, &[("prompt", "none")]).await, Visit::ToApp(to) if to.as_str().contains("code=")));
    let more = next("openid launch/patient patient/*.rs", &[("prompt", "none")]).await;
    assert!(matches!(more, Visit::ToApp(to) if to.as_str().contains("error=consent_required")));
    // Idle for fifteen minutes: the session is over.
    world.clock.advance(SignedDuration::from_mins(15));
    assert!(matches!(ask(next(scope, &[]).await), Ask::Password));
    let silent = next(scope, &[("prompt", "none")]).await;
    assert!(matches!(silent, Visit::ToApp(to) if to.as_str().contains("error=login_required")));
}

#[tokio::test]
async fn a20_an_approval_is_of_one_client_and_lasts_three_months() {
    let world = usual().await;
    let scope = "openid launch/patient patient/Observation.rs";
    let straight_on = async |browser: &mut Browser<'_>, patient: &str| {
        browser.request = world.request(scope, &[]).await;
        assert!(matches!(browser.ask().await, Ask::Client(_)));
        browser.choose(patient).await.unwrap();
        matches!(browser.look().await.unwrap(), Visit::ToApp(_))
    };
    let mut browser = world.browser_for(scope, &[]).await;
    browser.log_in("r.smit").await;
    browser.choose("p1").await.unwrap();
    browser.allow(&["patient/Observation.rs"]).await.unwrap();
    assert!(straight_on(&mut browser, "p1").await);
    assert!(
        !straight_on(&mut browser, "p2").await,
        "the other client was never allowed"
    );
    world.clock.advance(SignedDuration::from_hours(24 * 91));
    let mut later = world.browser_for(scope, &[]).await;
    later.log_in("r.smit").await;
    assert!(matches!(later.ask().await, Ask::Client(_)));
    later.choose("p1").await.unwrap();
    assert!(matches!(later.ask().await, Ask::Approve { .. }), "it is asked again");
}

#[tokio::test]
async fn signing_out_ends_the_session_everywhere() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let form = world.login.own(&browser.at()).await.unwrap().unwrap().form;
    assert!(matches!(world.login.sign_out(browser.at()).await, Err(Refused::Forged)));
    let mut at = browser.at();
    at.form = form;
    let session = world.login.sign_out(at).await.unwrap().unwrap().session;
    let mut read = world.db.read().await.unwrap();
    assert!(
        !session::alive(&mut read, &world.tenant.id, &session, world.now())
            .await
            .unwrap()
    );
    drop(read);
    // The cookie that somebody kept is worth nothing, and neither is the flow.
    assert!(matches!(browser.ask().await, Ask::Password));
    assert!(matches!(
        browser.allow(&["patient/*.rs"]).await,
        Err(Refused::OtherStep)
    ));
}
