//! Links in mails: who gets one, what it does once, and what nobody can tell from it.

use jiff::SignedDuration;

use super::*;
use crate::account::password::Broken;
use crate::consent::Role;
use crate::db::{Sql, params};
use crate::login::Ask;
use crate::login::world::{PASSWORD, World, world};

const OTHER: &str = "een heel andere regendag";
const ROWS: Sql = Sql::both(
    "SELECT (SELECT COUNT(*) FROM account_link), (SELECT COUNT(*) FROM outbox), (SELECT COUNT(*) FROM audit_line)",
);

async fn usual() -> World {
    let world = world(|_| {}).await;
    world.address("m.bakker", "M.Bakker@example.org").await;
    world
}

async fn at(world: &World) -> At {
    let mut at = world.browser().await.at();
    (at.flow, at.form) = (String::new(), String::new());
    (at.browser, at.session) = (None, None);
    at
}

async fn forgot(world: &World, username: &str, email: &str) -> Result<(), Refused> {
    world
        .login
        .forgot(at(world).await, username.to_owned(), email.to_owned())
        .await
}

async fn choose(world: &World, token: &str, new: &str) -> Result<Vec<String>, Refused> {
    let [new, again] = [new, new].map(|text| Secret::new(text.to_owned()));
    world
        .login
        .choose_password(at(world).await, token.to_owned(), new, again)
        .await
}

async fn rows(world: &World) -> (i64, i64, i64) {
    let row = world
        .db
        .read()
        .await
        .unwrap()
        .row(ROWS, params![])
        .await
        .unwrap()
        .unwrap();
    (row.int(0), row.int(1), row.int(2))
}

#[tokio::test]
async fn a_link_chooses_a_password_once_and_the_login_still_asks_its_code() {
    let world = usual().await;
    forgot(&world, " M.BAKKER", "m.bakker@EXAMPLE.org ").await.unwrap();
    let mail = world.mails().await.pop().unwrap();
    assert_eq!(mail["to"], "M.Bakker@example.org");
    assert!(!mail["subject"].as_str().unwrap().contains("Bakker"));
    let token = world.newest_link().await;
    // A mail program that opens the link uses nothing up.
    for _ in 0..2 {
        let opened = world.login.open_link(&world.tenant.id, &token).await.unwrap().unwrap();
        assert_eq!((opened.purpose, opened.username.as_str()), (Purpose::Reset, "m.bakker"));
    }
    let weak = choose(&world, &token, "kort").await;
    assert!(matches!(&weak, Err(Refused::NewPassword(broken)) if broken[..] == [Broken::TooShort(12)]));
    choose(&world, &token, OTHER).await.unwrap();
    assert!(matches!(
        choose(&world, &token, "nog een regendag in mei").await,
        Err(Refused::Link)
    ));
    assert!(world.login.open_link(&world.tenant.id, &token).await.unwrap().is_none());
    let mut browser = world.browser().await;
    assert!(matches!(
        browser.password("m.bakker", PASSWORD).await,
        Err(Refused::Credentials)
    ));
    browser.password("m.bakker", OTHER).await.unwrap();
    assert!(matches!(browser.ask().await, Ask::Code(_)));
    let told = world.mails().await;
    assert!(
        told.last().unwrap()["text"]
            .as_str()
            .unwrap()
            .contains("wachtwoord is veranderd")
    );
}

#[tokio::test]
async fn a_stranger_cannot_tell_whether_there_is_an_account() {
    let world = usual().await;
    world.address("o.oud", "oud@example.org").await;
    let (closed, _) = account::by_name(&mut world.db.read().await.unwrap(), &world.tenant.id, "o.oud")
        .await
        .unwrap()
        .unwrap();
    let mut tx = world.db.begin().await.unwrap();
    account::set_state(&mut tx, &world.tenant.id, &closed.id, State::Closed, world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for (username, email, mailed) in [
        ("m.bakker", "m.bakker@example.org", true),
        ("m.bakker", "ander@example.org", false),
        ("n.iemand", "n.iemand@example.org", false),
        // Without an address, and closed.
        ("r.smit", "r.smit@example.org", false),
        ("o.oud", "oud@example.org", false),
    ] {
        let ask = at(&world).await;
        let (before, mails) = (rows(&world).await, world.mails().await.len());
        world
            .login
            .forgot(ask, username.to_owned(), email.to_owned())
            .await
            .unwrap();
        let after = rows(&world).await;
        let wrote = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
        assert_eq!(wrote, (1, 1, 1), "{username} {email}");
        assert_eq!(
            world.mails().await.len() - mails,
            usize::from(mailed),
            "{username} {email}"
        );
    }
}

#[tokio::test]
async fn links_are_counted_for_a_name_known_or_not() {
    let world = usual().await;
    for name in ["m.bakker", "n.iemand"] {
        for _ in 0..3 {
            forgot(&world, name, "m.bakker@example.org").await.unwrap();
        }
        assert!(
            matches!(
                forgot(&world, name, "m.bakker@example.org").await,
                Err(Refused::Wait(_))
            ),
            "{name}"
        );
    }
    assert_eq!(world.mails().await.len(), 3);
    world.clock.advance(SignedDuration::from_hours(25));
    forgot(&world, "m.bakker", "m.bakker@example.org").await.unwrap();
}

#[tokio::test]
async fn a_link_is_over_after_its_time_after_a_newer_one_and_elsewhere() {
    let world = usual().await;
    forgot(&world, "m.bakker", "m.bakker@example.org").await.unwrap();
    let first = world.newest_link().await;
    world.clock.advance(SignedDuration::from_mins(1));
    forgot(&world, "m.bakker", "m.bakker@example.org").await.unwrap();
    let second = world.newest_link().await;
    assert!(matches!(choose(&world, &first, OTHER).await, Err(Refused::Link)));
    let elsewhere = TenantId::parse("amaris").unwrap();
    assert!(world.login.open_link(&elsewhere, &second).await.unwrap().is_none());
    world.clock.advance(SignedDuration::from_mins(30));
    for token in [second.as_str(), "", "x", &"x".repeat(500)] {
        assert!(matches!(choose(&world, token, OTHER).await, Err(Refused::Link)));
    }
}

#[tokio::test]
async fn of_fifty_who_use_a_link_at_once_one_succeeds() {
    let world = usual().await;
    forgot(&world, "m.bakker", "m.bakker@example.org").await.unwrap();
    let (token, at) = (world.newest_link().await, at(&world).await);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (login, at, token) = (world.login.clone(), at.clone(), token.clone());
            let new = format!("{OTHER} nummer {number}");
            let [new, again] = [new.clone(), new].map(Secret::new);
            tokio::spawn(async move { login.choose_password(at, token, new, again).await })
        })
        .collect();
    let mut chosen = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => chosen += 1,
            Err(Refused::Link | Refused::Busy) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(chosen, 1);
}

#[tokio::test]
async fn an_invited_person_chooses_the_first_password_within_a_week() {
    let world = usual().await;
    world.account("i.inge", &["p9"], Role::Client, true).await;
    let account = world.address("i.inge", "inge@example.org").await;
    let invite = async |account: &Account| {
        let mut tx = world.db.begin().await.unwrap();
        let (found, _) = account::find(&mut tx, &world.tenant.id, &account.id)
            .await
            .unwrap()
            .unwrap();
        let invited = world
            .login
            .invite(&mut tx, &world.tenant, &found, world.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        invited
    };
    assert!(invite(&account).await);
    let lost = world.newest_link().await;
    world.clock.advance(SignedDuration::from_hours(8 * 24));
    assert!(matches!(choose(&world, &lost, OTHER).await, Err(Refused::Link)));
    assert!(invite(&account).await, "it can be sent again");
    choose(&world, &world.newest_link().await, OTHER).await.unwrap();
    let mut browser = world.browser().await;
    browser.password("i.inge", OTHER).await.unwrap();
    let code = world.newest_code().await;
    browser.code(&code).await.unwrap();
    assert!(
        matches!(browser.ask().await, Ask::Approve { .. }),
        "no second change of password"
    );
}

#[tokio::test]
async fn a_new_address_counts_after_its_link_and_both_addresses_hear_of_it() {
    let world = usual().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let mut own = browser.at();
    own.form = world.login.acting(&own).await.unwrap().unwrap().form;
    for bad in ["", "geen adres", "a@b@c", "a b@c.nl", "a@c.nl\r\nBcc: x@y.nl"] {
        let refused = world.login.new_address(own.clone(), bad.to_owned()).await;
        assert!(matches!(refused, Err(Refused::Address)), "{bad}");
    }
    world
        .login
        .new_address(own, "nieuw@example.org".to_owned())
        .await
        .unwrap();
    assert_eq!(world.mails().await.last().unwrap()["to"], "nieuw@example.org");
    let token = world.newest_link().await;
    // It is no link for a password.
    assert!(matches!(choose(&world, &token, OTHER).await, Err(Refused::Link)));
    let sent = world.mails().await.len();
    world
        .login
        .confirm_address(at(&world).await, token.clone())
        .await
        .unwrap();
    let mut told: Vec<_> = world.mails().await[sent..]
        .iter()
        .map(|mail| mail["to"].to_string())
        .collect();
    told.sort();
    assert_eq!(told, ["\"M.Bakker@example.org\"", "\"nieuw@example.org\""]);
    let again = world.login.confirm_address(at(&world).await, token).await;
    assert!(matches!(again, Err(Refused::Link)));
    forgot(&world, "m.bakker", "nieuw@example.org").await.unwrap();
    assert_eq!(world.mails().await.len(), sent + 3);
}

#[tokio::test]
async fn a_closed_account_has_no_links() {
    let world = usual().await;
    forgot(&world, "m.bakker", "m.bakker@example.org").await.unwrap();
    let token = world.newest_link().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let mut own = browser.at();
    own.form = world.login.acting(&own).await.unwrap().unwrap().form;
    world.login.close_account(own).await.unwrap();
    assert!(matches!(choose(&world, &token, OTHER).await, Err(Refused::Link)));
    assert!(world.login.open_link(&world.tenant.id, &token).await.unwrap().is_none());
}

#[tokio::test]
async fn who_knows_only_the_name_uses_up_nobodys_links() {
    let world = usual().await;
    for _ in 0..3 {
        forgot(&world, "m.bakker", "boef@example.org").await.unwrap();
    }
    let wrong = forgot(&world, "m.bakker", "boef@example.org").await;
    assert!(matches!(wrong, Err(Refused::Wait(_))));
    forgot(&world, "m.bakker", "m.bakker@example.org").await.unwrap();
    choose(&world, &world.newest_link().await, OTHER).await.unwrap();
}

#[tokio::test]
async fn after_a_new_address_what_was_mailed_to_the_old_one_opens_nothing() {
    let world = usual().await;
    forgot(&world, "m.bakker", "m.bakker@example.org").await.unwrap();
    let old = world.newest_link().await;
    let mut browser = world.browser().await;
    browser.log_in("m.bakker").await;
    let mut own = browser.at();
    own.form = world.login.acting(&own).await.unwrap().unwrap().form;
    let address = "nieuw@example.org".to_owned();
    world.login.new_address(own, address.clone()).await.unwrap();
    let new = world.newest_link().await;
    assert!(world.login.open_link(&world.tenant.id, &old).await.unwrap().is_some());
    world.login.confirm_address(at(&world).await, new).await.unwrap();
    assert!(world.login.open_link(&world.tenant.id, &old).await.unwrap().is_none());
    assert!(matches!(choose(&world, &old, OTHER).await, Err(Refused::Link)));
    // A link to the new address works.
    forgot(&world, "m.bakker", &address).await.unwrap();
    choose(&world, &world.newest_link().await, OTHER).await.unwrap();
}

#[tokio::test]
async fn after_the_forced_change_of_password_an_invitation_opens_nothing() {
    let world = usual().await;
    let account = world.address("n.nieuw", "nieuw@example.org").await;
    let mut tx = world.db.begin().await.unwrap();
    let (found, _) = account::find(&mut tx, &world.tenant.id, &account.id)
        .await
        .unwrap()
        .unwrap();
    let invited = world.login.invite(&mut tx, &world.tenant, &found, world.now()).await;
    assert!(invited.unwrap());
    tx.commit().await.unwrap();
    let link = world.newest_link().await;
    let mut browser = world.browser().await;
    browser.log_in("n.nieuw").await;
    assert!(world.login.open_link(&world.tenant.id, &link).await.unwrap().is_some());
    browser.change(PASSWORD, OTHER, OTHER).await.unwrap();
    assert!(world.login.open_link(&world.tenant.id, &link).await.unwrap().is_none());
    let late = choose(&world, &link, "nog een regendag in mei").await;
    assert!(matches!(late, Err(Refused::Link)));
}
