//! The pages of the own account, of a forgotten password and of links, as a browser without scripts walks them.

use axum::http::StatusCode;
use totp_rs::{Builder, Secret};

use super::tests::{Browser, up_to_the_code, usual, with};
use crate::config::SmsWhen;
use crate::consent::{self, Part, Parts, Role};
use crate::login::world::{PASSWORD, World};

const OTHER: &str = "een heel andere regendag";

async fn home() -> (World, Browser) {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let code = world.newest_code().await;
    browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    (world, browser)
}

#[tokio::test]
async fn every_page_of_the_account_is_there_in_both_languages_and_after_a_while_asks_a_code() {
    let (world, mut browser) = home().await;
    let page = browser.get("/topaz/account").await;
    for act in ["password", "mobile", "email", "factors", "share", "close"] {
        let path = format!("/topaz/account/{act}");
        assert!(page.body.contains(&format!("href=\"{path}\"")), "{act}");
        for language in ["nl", "en"] {
            let page = browser.get(&format!("{path}?lang={language}")).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert!(page.body.contains(&format!("lang=\"{language}\"")), "{path}");
        }
    }
    assert_eq!(browser.get("/topaz/account/anders").await.status, StatusCode::NOT_FOUND);
    browser.get("/topaz/account?lang=nl").await;
    world.clock.advance(jiff::SignedDuration::from_mins(6));
    let page = browser.get("/topaz/account/close").await;
    assert!(page.body.contains("Bent u het zelf?") && !page.body.contains("Ja, mijn account sluiten"));
    let page = browser.submit(&page.form("act"), &[]).await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let page = browser.submit(&page.form("csrf"), &[]).await;
    assert!(page.body.contains("Uw account is gesloten"), "{}", page.body);
    let page = browser.get("/topaz/account").await;
    assert!(page.body.contains("niet ingelogd"), "{}", page.body);
    // Nobody's account: the page sends on to where it says so.
    let page = browser.get("/topaz/account/mobile").await;
    assert_eq!(
        (page.status, page.header("location")),
        (StatusCode::SEE_OTHER, "/topaz/account")
    );
}

#[tokio::test]
async fn a_number_and_a_password_are_changed_on_their_pages() {
    let (world, mut browser) = home().await;
    world.clock.advance(jiff::SignedDuration::from_mins(1));
    let page = browser.get("/topaz/account/mobile").await;
    let page = browser.submit(&page.form("mobile"), &[("mobile", "0900-1234")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("geen mobiel nummer"), "{}", page.body);
    let page = browser
        .submit(&page.form("mobile"), &[("mobile", "06 8765 4321")])
        .await;
    assert!(page.body.contains("06-••••••21"), "{}", page.body);
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    assert!(page.body.contains("Uw mobiele nummer is veranderd"), "{}", page.body);

    let page = browser.get("/topaz/account/password").await;
    let fill = |current: &'static str, new: &'static str| {
        [
            ("password", current),
            ("new_password", new),
            ("new_password_again", new),
        ]
    };
    let page = browser.submit(&page.form("new_password"), &fill("onzin", OTHER)).await;
    assert!(
        page.body.contains("Het wachtwoord dat u nu heeft klopt niet"),
        "{}",
        page.body
    );
    let page = browser
        .submit(&page.form("new_password"), &fill(PASSWORD, "kort"))
        .await;
    assert!(page.body.contains("ten minste 12 tekens"), "{}", page.body);
    let page = browser.submit(&page.form("new_password"), &fill(PASSWORD, OTHER)).await;
    assert!(page.body.contains("Uw wachtwoord is veranderd"), "{}", page.body);
}

#[tokio::test]
async fn an_app_and_recovery_codes_are_set_up_and_used_at_the_next_login() {
    let (world, mut browser) = home().await;
    let page = browser.get("/topaz/account/factors").await;
    let page = browser.submit(&page.form("csrf"), &[]).await;
    let key = page
        .body
        .split("id=\"app-key\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let app = Builder::new()
        .with_secret(Secret::try_from_base32(key).unwrap())
        .build()
        .unwrap();
    let now = || u64::try_from(world.now().as_second()).unwrap();
    let page = browser.submit(&page.form("otp"), &[("otp", "000000")]).await;
    assert!(
        page.body.contains("De code klopt niet, of is al gebruikt"),
        "{}",
        page.body
    );
    let page = browser
        .submit(&page.form("otp"), &[("otp", &app.generate(now()).to_string())])
        .await;
    assert!(page.body.contains("Uw inlogapp staat aan"), "{}", page.body);
    let csrf = page.form("csrf").fields("csrf")[0].get("value").to_owned();
    let page = browser
        .post("/topaz/account/factors/codes", format!("csrf={csrf}"))
        .await;
    let list = page.body.split("id=\"recovery-codes\">").nth(1).unwrap();
    let recovery = list
        .split("<code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();

    world.clock.advance(jiff::SignedDuration::from_mins(2));
    browser.jar.clear();
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    assert!(page.body.contains("Code uit uw inlogapp"), "{}", page.body);
    let to = page
        .body
        .split("href=\"")
        .find(|part| part.contains("factor=recovery"))
        .unwrap();
    let to = to.split('"').next().unwrap().replace("&#38;", "&");
    let page = browser.get(&to).await;
    let page = browser.submit(&page.form("otp"), &[("otp", "ABCDE-FGHJK")]).await;
    assert!(
        page.body.contains("Herstelcode") && page.body.contains("De code klopt niet"),
        "{}",
        page.body
    );
    let page = browser.submit(&page.form("otp"), &[("otp", &recovery)]).await;
    assert!(!page.form("decision").fields("decision").is_empty() || page.body.contains("decision"));
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_through_the_mail() {
    let (world, mut browser) = usual().await;
    world.address("m.bakker", "m.bakker@example.org").await;
    let page = browser.get("/topaz/forgot").await;
    let unknown = browser
        .submit(
            &page.form("email"),
            &[("username", "n.iemand"), ("email", "x@example.org")],
        )
        .await;
    let known = browser
        .submit(
            &page.form("email"),
            &[("username", "m.bakker"), ("email", "m.bakker@example.org")],
        )
        .await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    let token = world.newest_link().await;
    let page = browser.get(&format!("/topaz/link?token={token}")).await;
    assert_eq!(page.header("cache-control"), "no-store");
    let new = [("new_password", OTHER), ("new_password_again", OTHER)];
    let form = page.form("token");
    let page = browser.submit(&form, &new).await;
    assert!(page.body.contains("Uw wachtwoord is opgeslagen"), "{}", page.body);
    let page = browser.submit(&form, &new).await;
    assert_eq!(page.status, StatusCode::GONE);
    for token in ["", "x", "%00"] {
        let page = browser.get(&format!("/topaz/link?token={token}")).await;
        assert_eq!(page.status, StatusCode::GONE, "{token}");
    }
}

#[tokio::test]
async fn trust_is_offered_with_an_sms_and_not_with_a_recovery_code() {
    let (world, mut browser) = with(|policy| policy.sms.when = SmsWhen::NewDeviceOrDays(90)).await;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    assert_eq!(page.form("otp").fields("trust").len(), 1);
    let code = world.newest_code().await;
    browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let page = browser.get("/topaz/account/factors").await;
    let csrf = page.form("csrf").fields("csrf")[0].get("value").to_owned();
    let page = browser
        .post("/topaz/account/factors/codes", format!("csrf={csrf}"))
        .await;
    let list = page.body.split("id=\"recovery-codes\">").nth(1).unwrap();
    let (_, list) = list.split_once("<code>").unwrap();
    let recovery = list.split('<').next().unwrap().to_owned();

    // On the account page it makes nothing fresh, whatever a form says.
    world.clock.advance(jiff::SignedDuration::from_mins(6));
    let form = format!("csrf={csrf}&act=close&factor=recovery&otp={recovery}");
    let page = browser.post("/topaz/account/code", form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("Bent u het zelf?"), "{}", page.body);

    browser.jar.clear();
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let to = page
        .body
        .split("href=\"")
        .find(|part| part.contains("factor=recovery"))
        .unwrap();
    let to = to.split('"').next().unwrap().replace("&#38;", "&");
    let page = browser.get(&to).await;
    assert!(page.form("otp").fields("trust").is_empty(), "{}", page.body);
    assert!(!page.body.contains("name=\"trust\""));
    let page = browser.submit(&page.form("otp"), &[("otp", &recovery)]).await;
    page.form("decision");
}

#[tokio::test]
async fn the_client_sees_who_looks_along_and_changes_what_a_contact_sees() {
    let (world, mut browser) = home().await;
    let contact = world.account("c.bakker", &["p1"], Role::Contact, false).await;
    let page = browser.get("/topaz/account/share").await;
    let at = |text: &str| page.body.find(text).unwrap_or_else(|| panic!("{text}: {}", page.body));
    assert!(at("Mevrouw c.bakker") < at("Mevrouw r.smit"), "by name");
    assert_eq!(
        page.body.matches("name=\"afspraken\"").count(),
        1,
        "a representative is not changed here"
    );
    assert_eq!(page.body.matches(" checked").count(), 4);
    world.clock.advance(jiff::SignedDuration::from_secs(1));
    let fields = [
        ("zorgplannen", ""),
        ("rapportages", ""),
        ("gegevens", ""),
        ("do", "save"),
    ];
    let page = browser.submit(&page.form("account"), &fields).await;
    let open = |page: &str| page.matches(" checked").count();
    assert_eq!((page.status, open(&page.body)), (StatusCode::OK, 1), "{}", page.body);
    let mut read = world.db.read().await.unwrap();
    let rights = consent::rights(&mut read, &world.tenant, &contact, world.now())
        .await
        .unwrap();
    drop(read);
    assert_eq!(rights[0].parts, Parts::of(&[Part::Appointments]));
    let page = browser.submit(&page.form("account"), &[("do", "end")]).await;
    assert!(
        !page.body.contains("c.bakker") && page.body.contains("r.smit"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn a_contact_manages_nothing_and_a_hand_made_form_changes_nothing() {
    let (world, mut browser) = usual().await;
    let contact = world.account("c.bakker", &["p1"], Role::Contact, false).await;
    let page = up_to_the_code(&world, &mut browser, "c.bakker").await;
    let code = world.newest_code().await;
    browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let page = browser.get("/topaz/account/share").await;
    assert!(page.body.contains("U beheert geen dossier"), "{}", page.body);
    let csrf = browser.get("/topaz/account").await.form("csrf").fields("csrf")[0]
        .get("value")
        .to_owned();
    for (patient, account) in [("p1", contact.as_str()), ("p9", "nobody"), ("", "")] {
        let form = format!("csrf={csrf}&patient={patient}&account={account}&do=end");
        let page = browser.post("/topaz/account/share", form).await;
        assert_eq!(
            (page.status, page.header("location")),
            (StatusCode::SEE_OTHER, "/topaz/account/share")
        );
    }
    let mut read = world.db.read().await.unwrap();
    let rights = consent::rights(&mut read, &world.tenant, &contact, world.now())
        .await
        .unwrap();
    assert_eq!(rights[0].parts, Parts::ALL);
}
