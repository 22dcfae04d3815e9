//! SMS codes: one works once, in its own login, and guessing is counted.

use super::*;

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
async fn two_logins_at_once_take_each_their_own_code() {
    let world = usual().await;
    let mut phone = world.browser().await;
    phone.password("m.bakker", PASSWORD).await.unwrap();
    let to_phone = world.newest_code().await;
    world.clock.advance(seconds(1));
    let mut tablet = world.browser().await;
    tablet.password("m.bakker", PASSWORD).await.unwrap();
    let to_tablet = world.newest_code().await;
    assert!(matches!(
        tablet.code(&to_phone).await,
        Err(Refused::WrongCode { left: 2 })
    ));
    phone.code(&to_phone).await.unwrap();
    tablet.code(&to_tablet).await.unwrap();
}
