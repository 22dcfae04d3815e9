//! What people change of their own account, what it asks, and what ends with it.

mod share;
mod step_up;
mod waiting;

use jiff::SignedDuration;
use totp_rs::Builder;

use super::*;
use crate::account::password::Broken;
use crate::login::world::{Browser, PASSWORD, World, world};
use crate::login::{Ask, Typing};
use crate::oauth::grant;
use crate::secret::Secret;

const OTHER: &str = "een heel andere regendag";

/// Somebody who just logged in, and what the forms of their account carry.
pub(in crate::login) async fn home(world: &World) -> (Browser<'_>, At) {
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let at = form(world, &browser).await;
    (browser, at)
}

pub(in crate::login) async fn form(world: &World, browser: &Browser<'_>) -> At {
    let mut at = browser.at();
    at.form = world.login.acting(&at).await.unwrap().unwrap().form;
    at
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

async fn change(world: &World, at: &At, current: &str, new: &str) -> Result<Vec<String>, Refused> {
    let [current, new, again] = [current, new, new].map(secret);
    world.login.change_own_password(at.clone(), current, new, again).await
}

async fn account(world: &World) -> Account {
    let mut read = world.db.read().await.unwrap();
    let found = account::by_name(&mut read, &world.tenant.id, "m.bakker").await.unwrap();
    found.unwrap().0
}

/// What the app of this account shows now.
pub(in crate::login) async fn shown(world: &World) -> String {
    let account = account(world).await;
    let mut read = world.db.read().await.unwrap();
    let app = world.login.app_of(&mut read, &world.tenant.id, &account).await.unwrap();
    let secret = app.unwrap().secret.expose().clone();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(world.now().as_second()).unwrap())
        .to_string()
}

pub(in crate::login) async fn with_app(world: &World) -> (Browser<'_>, At) {
    let (browser, at) = home(world).await;
    world.login.begin_app(at.clone()).await.unwrap();
    let code = shown(world).await;
    world.login.confirm_app(at.clone(), code).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(90));
    (browser, at)
}

#[tokio::test]
async fn a_new_password_ends_every_other_login_and_every_app() {
    let world = world(|_| {}).await;
    let (mut browser, _) = home(&world).await;
    browser.allow(&["patient/*.rs", "offline_access"]).await.unwrap();
    let mut elsewhere = world
        .browser_for("openid launch/patient patient/*.rs", &[("prompt", "consent")])
        .await;
    world.clock.advance(SignedDuration::from_mins(2));
    elsewhere.log_in("m.bakker").await;
    let at = form(&world, &browser).await;
    let wrong = change(&world, &at, "iets anders", OTHER).await;
    assert!(matches!(wrong, Err(Refused::CurrentPassword)));
    let used = change(&world, &at, PASSWORD, PASSWORD).await;
    assert!(matches!(&used, Err(Refused::NewPassword(broken)) if broken[..] == [Broken::Used]));
    let ended = change(&world, &at, PASSWORD, OTHER).await.unwrap();
    assert_eq!(ended.len(), 1, "the app's grant");
    let id = account(&world).await.id;
    let living = grant::living(&mut world.db.read().await.unwrap(), &world.tenant.id, &id, world.now()).await;
    assert!(living.unwrap().is_empty());
    assert!(
        world.login.acting(&browser.at()).await.unwrap().is_some(),
        "this login goes on"
    );
    assert!(world.login.acting(&elsewhere.at()).await.unwrap().is_none());
    let mut again = world.browser().await;
    assert!(matches!(
        again.password("m.bakker", PASSWORD).await,
        Err(Refused::Credentials)
    ));
    assert!(again.password("m.bakker", OTHER).await.is_ok());
    assert!(
        world
            .messages()
            .await
            .iter()
            .any(|sms| sms["text"].as_str().unwrap().contains("wachtwoord is veranderd"))
    );
}

#[tokio::test]
async fn of_fifty_new_passwords_at_once_one_counts() {
    let world = world(|_| {}).await;
    let (_, at) = home(&world).await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (login, at) = (world.login.clone(), at.clone());
            let new = format!("{OTHER} nummer {number}");
            let [current, new, again] = [PASSWORD, &new, &new].map(secret);
            tokio::spawn(async move { login.change_own_password(at, current, new, again).await })
        })
        .collect();
    let mut changed = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => changed += 1,
            Err(Refused::CurrentPassword | Refused::Busy | Refused::Wait(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn a_new_number_counts_after_its_own_code_and_both_numbers_hear_of_it() {
    let world = world(|_| {}).await;
    let before = account(&world).await;
    let (_, at) = home(&world).await;
    world.clock.advance(SignedDuration::from_mins(1));
    for bad in ["0201234567", "0900-1234", "+8812345678901", ""] {
        let refused = world.login.new_number(at.clone(), bad.to_owned()).await;
        assert!(matches!(refused, Err(Refused::Number)), "{bad}");
    }
    world
        .login
        .new_number(at.clone(), "06-87654321".to_owned())
        .await
        .unwrap();
    let sent = world.messages().await;
    assert_eq!(sent.last().unwrap()["to"], "+31687654321");
    let code = world.newest_code().await;
    // The code of the new number is none of the login's, and a wrong one changes nothing.
    let wrong = world.login.confirm_number(at.clone(), "000000".to_owned()).await;
    assert!(matches!(wrong, Err(Refused::WrongCode { .. })));
    let sneaky = world
        .login
        .enter_own_code(at.clone(), Entered::new(&code, Typing::Sms))
        .await;
    assert!(matches!(sneaky, Err(Refused::CodeOver)));
    assert_eq!(account(&world).await.mobile_hint, before.mobile_hint);
    world.login.confirm_number(at.clone(), code).await.unwrap();
    let after = account(&world).await;
    let number = after.mobile(&world.login.keys, &world.tenant.id).unwrap();
    assert_eq!(number.expose(), "+31687654321");
    let mut told: Vec<_> = world.messages().await[sent.len()..]
        .iter()
        .map(|sms| sms["to"].as_str().unwrap().to_owned())
        .collect();
    let old = before.mobile(&world.login.keys, &world.tenant.id).unwrap();
    told.sort();
    assert_eq!(told, [old.expose().as_str(), "+31687654321"]);
    // The next login's code goes to the new one.
    world.clock.advance(SignedDuration::from_mins(2));
    world.browser().await.password("m.bakker", PASSWORD).await.unwrap();
    assert_eq!(world.messages().await.last().unwrap()["to"], "+31687654321");
}

#[tokio::test]
async fn after_five_minutes_an_act_asks_a_new_code() {
    let world = world(|_| {}).await;
    let (_, at) = home(&world).await;
    world.clock.advance(SignedDuration::from_mins(5));
    let number = || world.login.new_number(at.clone(), "06-87654321".to_owned());
    assert!(matches!(number().await, Err(Refused::NotFresh)));
    assert!(matches!(
        world.login.close_account(at.clone()).await,
        Err(Refused::NotFresh)
    ));
    assert!(matches!(
        world.login.begin_app(at.clone()).await,
        Err(Refused::NotFresh)
    ));
    let codes = world.login.new_recovery_codes(at.clone()).await;
    assert!(matches!(codes, Err(Refused::NotFresh)));
    assert!(!world.login.acting(&at).await.unwrap().unwrap().fresh);
    world.login.send_own_code(at.clone()).await.unwrap();
    let code = world.newest_code().await;
    world
        .login
        .enter_own_code(at.clone(), Entered::new(&code, Typing::Sms))
        .await
        .unwrap();
    assert!(world.login.acting(&at).await.unwrap().unwrap().fresh);
    number().await.unwrap();
    // And without the form of this session nothing at all.
    let mut forged = at.clone();
    forged.form = "x".to_owned();
    assert!(matches!(
        world.login.close_account(forged.clone()).await,
        Err(Refused::Forged)
    ));
    assert!(matches!(
        world.login.send_own_code(forged.clone()).await,
        Err(Refused::Forged)
    ));
    assert!(matches!(
        change(&world, &forged, PASSWORD, OTHER).await,
        Err(Refused::Forged)
    ));
}

#[tokio::test]
async fn a_closed_account_opens_nothing_and_its_record_stays() {
    let world = world(|_| {}).await;
    let (mut browser, at) = home(&world).await;
    browser.allow(&["patient/*.rs", "offline_access"]).await.unwrap();
    let before = world.audit().await.len();
    let ended = world.login.close_account(at.clone()).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert!(world.login.acting(&browser.at()).await.unwrap().is_none());
    let mut again = world.browser().await;
    assert!(matches!(
        again.password("m.bakker", PASSWORD).await,
        Err(Refused::Credentials)
    ));
    let id = account(&world).await.id;
    let mut read = world.db.read().await.unwrap();
    let living = grant::living(&mut read, &world.tenant.id, &id, world.now()).await;
    assert!(living.unwrap().is_empty());
    let rights = crate::consent::rights(&mut read, &world.tenant, &id, world.now()).await;
    assert!(rights.unwrap().is_empty());
    drop(read);
    let audit = world.audit().await;
    assert!(
        audit.len() > before && audit.iter().any(|line| line.trim() == "account-closed success"),
        "{audit:?}"
    );
    // The form that closed it closes nothing more.
    assert!(matches!(world.login.close_account(at).await, Err(Refused::Gone)));
}

#[tokio::test]
async fn an_app_is_asked_instead_of_an_sms_and_its_code_works_once() {
    let world = world(|_| {}).await;
    let (_, at) = with_app(&world).await;
    // A second secret does not replace the one that counts.
    let kept = shown(&world).await;
    world.login.begin_app(at.clone()).await.unwrap();
    assert_eq!(shown(&world).await, kept);
    let sent = world.messages().await.len();
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    assert_eq!(world.messages().await.len(), sent, "no SMS goes by itself");
    let Ask::Code(code) = browser.ask().await else {
        panic!("no code is asked")
    };
    assert!(code.factors.app && code.reference.is_none());
    let otp = shown(&world).await;
    let wrong = browser.second("000000", Typing::App).await;
    assert!(matches!(wrong, Err(Refused::WrongOther)));
    browser.second(&otp, Typing::App).await.unwrap();
    let session = session::of_cookie(
        &mut world.db.read().await.unwrap(),
        &world.tenant.id,
        browser.session.as_deref(),
        world.now(),
    )
    .await
    .unwrap()
    .unwrap();
    assert_eq!(
        (session.acr(), session.amr()),
        ("urn:inzage:acr:pwd+otp", &["pwd", "otp", "mfa"][..])
    );
    let mut again = world.browser().await;
    again.password("m.bakker", PASSWORD).await.unwrap();
    assert!(
        matches!(again.second(&otp, Typing::App).await, Err(Refused::WrongOther)),
        "it was used"
    );
    // An SMS is still there for who asks for one, and the app can be taken away.
    world.login.send_code(again.at()).await.unwrap();
    let sms = world.newest_code().await;
    again.second(&sms, Typing::Sms).await.unwrap();
    world.login.remove_app(form(&world, &again).await).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(2));
    let mut later = world.browser().await;
    later.password("m.bakker", PASSWORD).await.unwrap();
    assert_eq!(
        world.messages().await.len(),
        sent + 3,
        "codes, and a notice that the app is off"
    );
}

/// Fifty browsers after the password, each with the same code; how many got in.
async fn race(world: &World, otp: &str, typing: Typing) -> usize {
    let mut ready = Vec::new();
    for _ in 0..50 {
        let mut browser = world.browser().await;
        browser.password("m.bakker", PASSWORD).await.unwrap();
        ready.push(browser.at());
    }
    let tasks: Vec<_> = ready
        .into_iter()
        .map(|at| {
            let (login, entered) = (world.login.clone(), Entered::new(otp, typing));
            tokio::spawn(async move { login.enter_code(at, entered, false).await })
        })
        .collect();
    let mut right = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => right += 1,
            Err(Refused::WrongOther | Refused::Wait(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    right
}

#[tokio::test]
async fn of_fifty_logins_at_once_with_one_code_of_an_app_one_succeeds() {
    let world = world(|_| {}).await;
    with_app(&world).await;
    let otp = shown(&world).await;
    assert_eq!(race(&world, &otp, Typing::App).await, 1);
}

#[tokio::test]
async fn a_recovery_code_works_once_also_for_fifty_at_once_and_new_codes_end_the_old() {
    let world = world(|_| {}).await;
    let (_, at) = home(&world).await;
    let codes = world.login.new_recovery_codes(at.clone()).await.unwrap();
    assert_eq!(codes.len(), 10);
    assert_eq!(race(&world, &codes[0].to_lowercase(), Typing::Recovery).await, 1);
    world.clock.advance(SignedDuration::from_hours(2));
    let mut browser = world.browser().await;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    assert!(matches!(
        browser.second("639174", Typing::Recovery).await,
        Err(Refused::NotARecoveryCode)
    ));
    let Ask::Code(code) = browser.ask().await else {
        panic!("no code is asked")
    };
    assert_eq!(code.factors.recovery, 9);
    browser.second(&codes[1], Typing::Recovery).await.unwrap();
    let told = world.messages().await;
    assert!(
        told.iter()
            .any(|sms| sms["text"].as_str().unwrap().contains("herstelcode. Was u dit niet"))
    );
    let new = world
        .login
        .new_recovery_codes(form(&world, &browser).await)
        .await
        .unwrap();
    let mut again = world.browser().await;
    again.password("m.bakker", PASSWORD).await.unwrap();
    assert!(matches!(
        again.second(&codes[2], Typing::Recovery).await,
        Err(Refused::WrongOther)
    ));
    again.second(&new[2], Typing::Recovery).await.unwrap();
}
