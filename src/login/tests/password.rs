//! The password: wrong, guessed, and of the first login.

use super::*;

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
