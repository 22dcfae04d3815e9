//! The steps as a person takes them, and as an attacker would.

use jiff::SignedDuration;

use super::world::{Browser, PASSWORD, World, world};
use super::{Again, Ask, Entered, Refused, Typing, Visit, challenge, session, store};
use crate::account::{self, State};
use crate::consent;
use crate::db::{Sql, params};
use crate::fhir::types::Id;

const GRANTS: Sql =
    Sql::both("SELECT scope, patient, fhir_user, acr, amr, auth_time FROM oauth_grant ORDER BY created_at, id");

async fn usual() -> World {
    world(|_| {}).await
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

async fn grants(world: &World) -> Vec<Vec<String>> {
    let rows = world.db.read().await.unwrap().rows(GRANTS, params![]).await.unwrap();
    rows.iter()
        .map(|row| (0..5).map(|at| row.opt_text(at).unwrap_or_default()).collect())
        .collect()
}

/// The reference on the page.
async fn reference(browser: &mut Browser<'_>) -> Option<String> {
    match browser.ask().await {
        Ask::Code(code) => code.reference,
        other => panic!("{other:?}"),
    }
}

fn wrong(code: &str) -> String {
    let last = code.as_bytes()[5];
    format!("{}{}", &code[..5], if last == b'0' { '1' } else { '0' })
}

#[tokio::test]
async fn every_statement_is_read_by_the_database() {
    let world = usual().await;
    let mut read = world.db.read().await.unwrap();
    let all = [
        store::STATEMENTS,
        challenge::store::STATEMENTS,
        session::store::STATEMENTS,
    ];
    for (name, sql) in all.into_iter().flatten() {
        assert!(read.prepare(*sql).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_client_logs_in_and_the_app_gets_what_was_left_selected() {
    let world = usual().await;
    let mut browser = world
        .browser_for(
            "openid fhirUser launch/patient patient/Observation.rs patient/CarePlan.rs",
            &[],
        )
        .await;
    assert!(matches!(browser.ask().await, Ask::Password));
    browser.log_in("m.bakker").await;
    let Ask::Approve { right, scopes } = browser.ask().await else {
        panic!("no approval is asked")
    };
    assert_eq!(right.unwrap().patient.as_str(), "p1");
    assert_eq!(scopes.len(), 2);
    // A scope that was not asked is not added.
    let moved = browser
        .allow(&["patient/CarePlan.rs", "patient/Goal.rs", "user/*.rs"])
        .await
        .unwrap();
    let to = moved.to_app.unwrap();
    assert!(to.as_str().starts_with("http://127.0.0.1:4711/callback?code="), "{to}");
    assert!(to.query().unwrap().contains("state=abc"));
    assert_eq!(
        grants(&world).await,
        [[
            "openid fhirUser launch/patient patient/CarePlan.rs",
            "p1",
            "Patient/p1",
            "urn:inzage:acr:pwd+sms",
            "pwd sms mfa"
        ]]
    );
    // The flow is over.
    assert!(matches!(
        browser.allow(&["patient/CarePlan.rs"]).await,
        Err(Refused::Gone)
    ));
    assert_eq!(
        world.audit().await,
        [
            "authorization-requested success ",
            "password success ",
            "code-sent success ",
            "code-entered success ",
            "approved success ",
        ]
    );
}

#[tokio::test]
async fn a_refusal_is_told_to_the_app() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let moved = world.login.decide(browser.at(), super::Decision::Deny).await.unwrap();
    assert!(moved.to_app.unwrap().as_str().contains("error=access_denied"));
    assert!(grants(&world).await.is_empty());
    assert_eq!(world.audit().await.last().unwrap(), "declined success ");
}

#[tokio::test]
async fn no_step_can_be_skipped() {
    let world = usual().await;
    let mut browser = world.browser().await;
    assert!(matches!(browser.code("000000").await, Err(Refused::OtherStep)));
    assert!(matches!(
        browser.allow(&["patient/*.rs"]).await,
        Err(Refused::OtherStep)
    ));
    browser.password("m.bakker", PASSWORD).await.unwrap();
    assert!(matches!(browser.choose("p1").await, Err(Refused::OtherStep)));
    assert!(matches!(
        browser.allow(&["patient/*.rs"]).await,
        Err(Refused::OtherStep)
    ));
    assert!(matches!(
        browser.change(PASSWORD, "x", "x").await,
        Err(Refused::OtherStep)
    ));
    assert!(browser.session.is_none());
}

#[tokio::test]
async fn unknown_wrong_locked_and_closed_look_and_cost_the_same() {
    let world = usual().await;
    let ids = [
        world.account("locked", &["p1"], consent::Role::Contact, false).await,
        world.account("closed", &["p1"], consent::Role::Contact, false).await,
    ];
    let mut tx = world.db.begin().await.unwrap();
    for (id, state) in ids.iter().zip([State::Locked, State::Closed]) {
        account::set_state(&mut tx, &world.tenant.id, id, state, world.now())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let mut browser = world.browser().await;
    for (username, password) in [
        ("nobody", PASSWORD),
        ("m.bakker", "wrong"),
        ("locked", PASSWORD),
        ("closed", PASSWORD),
        ("m.bakker", ""),
        ("nobody", ""),
    ] {
        let before = world.login.hasher.runs();
        let refused = browser.password(username, password).await.unwrap_err();
        assert!(matches!(refused, Refused::Credentials), "{username}");
        assert_eq!(world.login.hasher.runs() - before, 1, "{username}");
    }
    assert!(world.messages().await.is_empty());
    let reasons: Vec<String> = world.audit().await.split_off(1);
    let expected = [
        "unknown-name",
        "wrong-password",
        "locked",
        "closed",
        "wrong-password",
        "unknown-name",
    ];
    assert_eq!(reasons, expected.map(|reason| format!("password refused {reason}")));
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_waits_too_whether_the_name_exists_or_not() {
    let world = usual().await;
    let mut browser = world.browser().await;
    for name in ["m.bakker", "nobody"] {
        for _ in 0..10 {
            assert!(matches!(
                browser.password(name, "wrong").await,
                Err(Refused::Credentials)
            ));
        }
        let Err(Refused::Wait(wait)) = browser.password(name, PASSWORD).await else {
            panic!("{name} did not have to wait")
        };
        assert_eq!(wait, seconds(60));
    }
    world.clock.advance(seconds(61));
    browser.password("M.Bakker", PASSWORD).await.unwrap();
    // Success clears the counter.
    let mut other = world.browser().await;
    assert!(matches!(
        other.password("m.bakker", "wrong").await,
        Err(Refused::Credentials)
    ));
}

#[tokio::test]
async fn guesses_at_once_are_worth_no_more_than_guesses_in_a_row() {
    let world = usual().await;
    let browser = world.browser().await;
    let tries: Vec<_> = (0..30)
        .map(|_| {
            let (login, at) = (world.login.clone(), browser.at());
            let wrong = crate::secret::Secret::new("wrong".to_owned());
            tokio::spawn(async move { login.password(at, "m.bakker".to_owned(), wrong).await })
        })
        .collect();
    let mut judged = 0;
    for one in tries {
        match one.await.unwrap() {
            Err(Refused::Credentials) => judged += 1,
            Err(Refused::Wait(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(judged, 10);
}

#[tokio::test]
async fn the_browser_gets_a_new_cookie_with_the_password_and_the_old_one_is_worthless() {
    let world = usual().await;
    let mut browser = world.browser().await;
    let planted = browser.clone();
    // A second tab of the same browser.
    let mut tab = browser.clone();
    tab.request = world.request("openid launch/patient patient/*.rs", &[]).await;
    tab.look().await.unwrap();
    assert_ne!(tab.flow, browser.flow);

    browser.password("m.bakker", PASSWORD).await.unwrap();
    assert_ne!(browser.ix, planted.ix);
    assert!(matches!(planted.clone().code("000000").await, Err(Refused::Gone)));
    // The tab goes on with the new cookie, at its own step.
    tab.ix.clone_from(&browser.ix);
    assert!(matches!(tab.ask().await, Ask::Password));
}

#[tokio::test]
async fn a_form_of_another_flow_or_browser_is_refused() {
    let world = usual().await;
    let (one, other) = (world.browser().await, world.browser().await);
    let mut mixed = one.clone();
    mixed.form.clone_from(&other.form);
    assert!(matches!(
        mixed.password("m.bakker", PASSWORD).await,
        Err(Refused::Forged)
    ));
    let mut stolen = one.clone();
    stolen.ix.clone_from(&other.ix);
    assert!(matches!(
        stolen.password("m.bakker", PASSWORD).await,
        Err(Refused::Gone)
    ));
    let mut bare = one.clone();
    bare.ix = None;
    assert!(matches!(bare.password("m.bakker", PASSWORD).await, Err(Refused::Gone)));
    assert!(!world.audit().await.iter().any(|line| line.starts_with("password")));
}

#[tokio::test]
async fn a_code_pairs_screen_and_message_and_works_once() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    let shown = reference(&mut browser).await.unwrap();
    let message = world.messages().await.pop().unwrap();
    let text = message["text"].as_str().unwrap();
    let code = message["code"].as_str().unwrap();
    assert!(
        text.starts_with(&format!("Topaz: uw inlogcode is {shown}-{code}. Geldig tot 11:05.")),
        "{text}"
    );
    assert_eq!(crate::notify::gsm7::check(text), Ok(()));
    assert!(matches!(browser.code("12345").await, Err(Refused::NotACode)));
    let other = if shown == "0000" { "1111" } else { "0000" };
    assert!(matches!(
        browser.code(&format!("{other}-{code}")).await,
        Err(Refused::OtherCode)
    ));
    assert!(matches!(
        browser.code(&wrong(code)).await,
        Err(Refused::WrongCode { left: 2 })
    ));
    let spaced = format!(" {shown}-{} {}", &code[..3], &code[3..]);
    browser.code(&spaced).await.unwrap();
    assert!(browser.session.is_some());
    assert!(matches!(browser.code(code).await, Err(Refused::OtherStep)));
}

#[tokio::test]
async fn a_code_ends_after_three_tries_and_after_five_minutes() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    let code = world.newest_code().await;
    for left in [2, 1, 0] {
        let Err(Refused::WrongCode { left: told }) = browser.code(&wrong(&code)).await else {
            panic!("a wrong code was not refused")
        };
        assert_eq!(told, left);
    }
    assert!(matches!(browser.code(&code).await, Err(Refused::CodeOver)));
    assert_eq!(reference(&mut browser).await, None);

    world.clock.advance(seconds(30));
    world.login.send_code(browser.at()).await.unwrap();
    let second = world.newest_code().await;
    world.clock.advance(seconds(300));
    assert!(matches!(browser.code(&second).await, Err(Refused::CodeOver)));
    world.login.send_code(browser.at()).await.unwrap();
    let third = world.newest_code().await;
    world.clock.advance(seconds(299));
    browser.code(&third).await.unwrap();
}

#[tokio::test]
async fn a_new_code_takes_the_place_of_the_old_one_and_has_to_wait_its_turn() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    let first = world.newest_code().await;
    let shown = reference(&mut browser).await.unwrap();
    assert!(matches!(world.login.send_code(browser.at()).await, Err(Refused::CodeLater(wait)) if wait == seconds(30)));
    world.clock.advance(seconds(30));
    world.login.send_code(browser.at()).await.unwrap();
    assert_ne!(reference(&mut browser).await.unwrap(), shown);
    let second = world.newest_code().await;
    if first != second {
        assert!(matches!(browser.code(&first).await, Err(Refused::WrongCode { .. })));
    }
    assert!(matches!(
        browser.code(&format!("{shown}{first}")).await,
        Err(Refused::OtherCode)
    ));
    assert!(matches!(world.login.send_code(browser.at()).await, Err(Refused::CodeLater(wait)) if wait == seconds(60)));
    world.clock.advance(seconds(60));
    world.login.send_code(browser.at()).await.unwrap();
    world.clock.advance(seconds(240));
    assert!(matches!(
        world.login.send_code(browser.at()).await,
        Err(Refused::NoMoreCodes)
    ));
    let Ask::Code(code) = browser.ask().await else {
        panic!("not at the code")
    };
    assert_eq!(code.again, Again::Never);
    assert_eq!(world.messages().await.len(), 3);
}

#[tokio::test]
async fn codes_per_hour_are_limited_over_all_logins_also_in_parallel() {
    let world = usual().await;
    let mut browsers = Vec::new();
    for _ in 0..8 {
        browsers.push(world.browser().await);
    }
    let tries: Vec<_> = browsers
        .iter()
        .map(|browser| {
            let (login, at) = (world.login.clone(), browser.at());
            let password = crate::secret::Secret::new(PASSWORD.to_owned());
            tokio::spawn(async move { login.password(at, "m.bakker".to_owned(), password).await })
        })
        .collect();
    for one in tries {
        one.await.unwrap().unwrap();
    }
    assert_eq!(world.messages().await.len(), 5);
    world.clock.advance(seconds(3_601));
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    assert_eq!(world.messages().await.len(), 6);
}

#[tokio::test]
async fn fifty_guesses_at_once_are_judged_three_times() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    let guess = wrong(&world.newest_code().await);
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let (login, at, guess) = (world.login.clone(), browser.at(), guess.clone());
            tokio::spawn(async move { login.enter_code(at, Entered::new(&guess, Typing::Sms), false).await })
        })
        .collect();
    let mut judged = 0;
    for one in tries {
        match one.await.unwrap() {
            Err(Refused::WrongCode { .. }) => judged += 1,
            Err(Refused::CodeOver) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(judged, 3);
}

#[tokio::test]
async fn the_right_code_twice_at_once_succeeds_once() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    let code = world.newest_code().await;
    let tries: Vec<_> = (0..2)
        .map(|_| {
            let (login, at, code) = (world.login.clone(), browser.at(), code.clone());
            tokio::spawn(async move { login.enter_code(at, Entered::new(&code, Typing::Sms), false).await })
        })
        .collect();
    let mut won = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(moved) => {
                assert!(moved.session.is_some());
                won += 1;
            }
            Err(Refused::OtherStep | Refused::CodeOver) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn asking_for_new_codes_buys_no_more_guesses() {
    let world = world(|policy| {
        policy.sms.sends_per_hour = 100;
        policy.sms.sends_per_day = 100;
    })
    .await;
    let mut wrongs = 0;
    let wait = 'tries: loop {
        let mut browser = world.browser().await;
        browser.password("m.bakker", PASSWORD).await.unwrap();
        let guess = wrong(&world.newest_code().await);
        for _ in 0..3 {
            match browser.code(&guess).await {
                Err(Refused::WrongCode { .. }) => wrongs += 1,
                Err(Refused::Wait(wait)) => break 'tries wait,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!((wrongs, wait), (10, seconds(60)));
}

#[tokio::test]
async fn the_first_login_ends_with_a_password_of_ones_own() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("n.nieuw").await;
    assert!(browser.session.is_none(), "not before the password is changed");
    assert!(matches!(browser.ask().await, Ask::NewPassword));
    let new = "tulpen in de tuin";
    assert!(matches!(
        browser.change("wrong", new, new).await,
        Err(Refused::CurrentPassword)
    ));
    assert!(matches!(
        browser.change(PASSWORD, "kort", "kort").await,
        Err(Refused::NewPassword(_))
    ));
    assert!(matches!(
        browser.change(PASSWORD, PASSWORD, PASSWORD).await,
        Err(Refused::NewPassword(_))
    ));
    assert!(matches!(
        browser.change(PASSWORD, new, "tulpen").await,
        Err(Refused::Different)
    ));
    browser.change(PASSWORD, new, new).await.unwrap();
    assert!(matches!(browser.ask().await, Ask::Approve { .. }));

    let mut again = world.browser().await;
    assert!(matches!(
        again.password("n.nieuw", PASSWORD).await,
        Err(Refused::Credentials)
    ));
    again.password("n.nieuw", new).await.unwrap();
}

#[tokio::test]
async fn an_initial_password_lasts_seven_days() {
    let world = usual().await;
    world.clock.advance(SignedDuration::from_hours(7 * 24));
    let mut browser = world.browser().await;
    assert!(matches!(
        browser.password("n.nieuw", PASSWORD).await,
        Err(Refused::Credentials)
    ));
}

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
async fn a_session_goes_straight_on_and_what_was_approved_is_not_asked_again() {
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
async fn signing_out_ends_the_session_everywhere() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let form = world.login.own(&browser.at()).await.unwrap().unwrap().form;
    assert!(matches!(world.login.sign_out(browser.at()).await, Err(Refused::Forged)));
    let mut at = browser.at();
    at.form = form;
    let session = world.login.sign_out(at).await.unwrap().unwrap();
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

#[tokio::test]
async fn where_the_organisation_wants_a_button_no_code_goes_by_itself() {
    let world = world(|policy| policy.sms.explicit_request_button = true).await;
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    assert!(world.messages().await.is_empty());
    assert_eq!(reference(&mut browser).await, None);
    world.login.send_code(browser.at()).await.unwrap();
    let code = world.newest_code().await;
    browser.code(&code).await.unwrap();
}

#[tokio::test]
async fn the_login_of_a_request_ends_with_the_request() {
    let world = usual().await;
    let mut browser = world.browser().await;
    world.clock.advance(SignedDuration::from_mins(15));
    assert!(matches!(
        browser.password("m.bakker", PASSWORD).await,
        Err(Refused::Gone)
    ));
    assert!(matches!(browser.look().await, Err(Refused::Gone)));
    assert!(world.login.tidy().await.is_ok());
}
