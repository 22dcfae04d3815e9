//! The rules of the four portals, row by row: each requirement about accounts, login and SMS with the preset that keeps it.

use jiff::SignedDuration;

use super::world::{Browser, PASSWORD, World, world};
use super::{Ask, Entered, Refused, Typing};
use crate::account::password::{Broken, check};
use crate::account::{CreateError, New};
use crate::config::{Help, LoginName, Policy, Preset};
use crate::db::{Sql, params};
use crate::secret::{Random, Secret};

/// What has to be seen.
#[derive(Clone, Copy, Debug)]
enum Shows {
    /// A new password breaks this rule.
    Refuses(&'static str, Broken),
    Accepts(&'static str),
    Name(LoginName),
    /// The code is sent at the press of a button.
    Button,
    /// Screen and SMS share four digits, and the rest is typed.
    Reference,
    /// A code lives this many seconds.
    Lives(i64),
    /// The same browser is asked each time.
    EachTime,
    /// A known browser is not asked, and after this many quiet days it is again.
    Known(i64),
    /// Who lost the cookie is asked again.
    Lost,
    /// The first login ends in a change of password, which asks the present one and the new one twice.
    FirstLogin,
    History(usize),
    AccountsPerClient(i64),
    DaysAfterDeparture(i64),
    /// The login page says for whom it is, in this language.
    Says(&'static str, &'static str),
    /// The help page says so.
    Helps(fn(&Help) -> bool),
    /// The client may hand over the management of the dossier.
    Delegates,
    /// People whom the organisation expects register themselves.
    Registers,
    /// Whoever logs in agrees to the privacy statement, and the line of the login names its version.
    AgreesByLogin,
}

use Shows::*;

#[rustfmt::skip]
const ROWS: &[(&str, Preset, Shows)] = &[
    ("S0-9", Preset::Topaz, Name(LoginName::Username)),
    ("S0-12", Preset::Topaz, Button),
    ("S0-13", Preset::Topaz, Reference),
    ("S0-14", Preset::Topaz, Reference),
    ("S0-15", Preset::Topaz, FirstLogin),
    ("S0-16", Preset::Topaz, FirstLogin),
    ("S0-17", Preset::Topaz, FirstLogin),
    // The portal says five characters; the floor of eight holds, which `inzage check` tells.
    ("S0-18", Preset::Topaz, Refuses("Fiet7", Broken::TooShort(8))),
    ("S0-18", Preset::Topaz, Refuses("fietspa7", Broken::NoUpper)),
    ("S0-18", Preset::Topaz, Refuses("FIETSPA7", Broken::NoLower)),
    ("S0-18", Preset::Topaz, Refuses("Fietspad", Broken::NoNonAlpha)),
    ("S0-18", Preset::Topaz, Accepts("Fietspa7")),
    ("S1-26", Preset::Topaz, AccountsPerClient(2)),
    ("S1-34", Preset::Topaz, EachTime),
    ("S1-38", Preset::Topaz, DaysAfterDeparture(60)),
    ("S2-3", Preset::Treant, Delegates),
    ("S2-7", Preset::Treant, Name(LoginName::Username)),
    ("S2-8", Preset::Treant, Known(180)),
    ("S2-9", Preset::Treant, Known(180)),
    ("S2-10", Preset::Treant, Lives(300)),
    ("S2-11", Preset::Treant, FirstLogin),
    ("S2-15", Preset::Treant, Name(LoginName::Username)),
    ("S2-49", Preset::Treant, Refuses("Fietspa", Broken::TooShort(8))),
    ("S2-49", Preset::Treant, Accepts("Fietspad")),
    ("S2-50", Preset::Treant, Refuses("fietspad", Broken::NoUpper)),
    ("S2-51", Preset::Treant, Refuses("FIETSPAD", Broken::NoLower)),
    ("S2-52", Preset::Treant, Refuses("mijnM.BAKKER", Broken::HasUserName)),
    ("S2-53", Preset::Treant, History(12)),
    ("S3-12", Preset::Vivantes, Says("nl", "cliënten en mantelzorgers")),
    ("S3-12", Preset::Vivantes, Says("en", "clients and carers")),
    ("S3-4", Preset::Vivantes, Registers),
    ("S3-9", Preset::Vivantes, Registers),
    ("S3-14", Preset::Vivantes, Name(LoginName::Email)),
    ("S3-15", Preset::Vivantes, AgreesByLogin),
    ("S3-22", Preset::Vivantes, Refuses("Fietsp", Broken::TooShort(8))),
    ("S3-22", Preset::Vivantes, Refuses("fietspad", Broken::NoUpper)),
    ("S3-22", Preset::Vivantes, Accepts("Fietspad")),
    ("S3-27", Preset::Vivantes, EachTime),
    ("S4-7", Preset::Amaris, Known(90)),
    ("S4-8", Preset::Amaris, Lost),
    ("S4-11", Preset::Amaris, Helps(|help| help.reports_to_ward)),
    ("S4-12", Preset::Amaris, Helps(|help| help.reports_to_ward)),
    ("S4-13", Preset::Amaris, Helps(|help| help.reports_by_exception)),
    ("S4-14", Preset::Amaris, Helps(|help| help.times_are_indicative)),
];

async fn portal(preset: Preset) -> World {
    world(|policy| {
        *policy = Policy::from(preset);
        // The people of the test world have user names.
        policy.accounts.login_name = LoginName::Username;
    })
    .await
}

/// Logs in and trusts the browser; whether a code was asked.
async fn log_in(browser: &mut Browser<'_>) -> bool {
    let login = &browser.world.login;
    browser.password("m.bakker", PASSWORD).await.unwrap();
    let Ask::Code(code) = browser.ask().await else {
        return false;
    };
    if code.reference.is_none() {
        login.send_code(browser.at()).await.unwrap();
    }
    let otp = browser.world.newest_code().await;
    let moved = login
        .enter_code(browser.at(), Entered::new(&otp, Typing::Sms), true)
        .await
        .unwrap();
    browser.keep(moved);
    true
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

async fn see(id: &str, preset: Preset, shows: Shows) {
    let policy = Policy::from(preset);
    match shows {
        Refuses(password, rule) => {
            let broken = check(password, "m.bakker", "Zorg", &policy.password);
            assert!(broken.contains(&rule), "{id}: {password} {broken:?}");
        }
        Accepts(password) => assert_eq!(check(password, "m.bakker", "Zorg", &policy.password), [], "{id}"),
        History(most) => assert_eq!(policy.password.history, most, "{id}"),
        AccountsPerClient(most) => assert_eq!(policy.accounts.max_per_client, Some(most), "{id}"),
        DaysAfterDeparture(days) => assert_eq!(policy.access_ends_after_days, days, "{id}"),
        Says(language, text) => {
            let notice = policy.help.notice.unwrap_or_else(|| panic!("{id}: no notice"));
            let words = if language == "nl" {
                Some(notice.dutch)
            } else {
                notice.english
            };
            assert!(words.is_some_and(|words| words.contains(text)), "{id}: {language}");
        }
        Helps(says) => {
            assert!(says(&policy.help), "{id}");
            assert!(!says(&Policy::from(Preset::Modern).help), "{id}: by this preset only");
        }
        Delegates => {
            assert!(policy.accounts.may_delegate, "{id}");
            assert!(
                !Policy::from(Preset::Modern).accounts.may_delegate,
                "{id}: by this preset only"
            );
        }
        Registers => {
            assert!(policy.accounts.self_registration, "{id}");
            assert!(
                !Policy::from(Preset::Modern).accounts.self_registration,
                "{id}: by this preset only"
            );
        }
        AgreesByLogin => agrees_by_login(id, preset).await,
        Name(name) => named(id, preset, name).await,
        Button => {
            let world = portal(preset).await;
            let mut browser = world.browser().await;
            browser.password("m.bakker", PASSWORD).await.unwrap();
            assert!(world.messages().await.is_empty(), "{id}");
            assert!(log_in(&mut world.browser().await).await, "{id}");
            assert_eq!(world.messages().await.len(), 1, "{id}");
        }
        Reference => {
            let world = portal(preset).await;
            let mut browser = world.browser().await;
            browser.password("m.bakker", PASSWORD).await.unwrap();
            world.login.send_code(browser.at()).await.unwrap();
            let Ask::Code(code) = browser.ask().await else {
                panic!("{id}")
            };
            let message = world.messages().await.pop().unwrap();
            let (text, secret) = (message["text"].as_str().unwrap(), message["code"].as_str().unwrap());
            let whole = format!("{}-{secret}", code.reference.unwrap());
            assert!(whole.len() == 11 && text.contains(&whole), "{id}: {text}");
            browser.code(secret).await.unwrap();
        }
        Lives(seconds) => {
            let world = portal(preset).await;
            for (after, works) in [(seconds - 1, true), (seconds, false)] {
                let mut browser = world.browser().await;
                browser.password("m.bakker", PASSWORD).await.unwrap();
                let code = world.newest_code().await;
                world.clock.advance(SignedDuration::from_secs(after));
                assert_eq!(browser.code(&code).await.is_ok(), works, "{id}: after {after}");
            }
        }
        EachTime => {
            let world = portal(preset).await;
            let mut browser = world.browser().await;
            assert!(log_in(&mut browser).await && browser.device.is_none(), "{id}");
            assert!(log_in(&mut browser.again().await).await, "{id}");
        }
        Known(quiet) => {
            let world = portal(preset).await;
            let mut browser = world.browser().await;
            assert!(log_in(&mut browser).await, "{id}: the first login");
            let mut again = browser.again().await;
            assert!(!log_in(&mut again).await, "{id}: the same browser");
            assert!(log_in(&mut world.browser().await).await, "{id}: another browser");
            world.clock.advance(days(quiet) + SignedDuration::from_secs(1));
            assert!(log_in(&mut again.again().await).await, "{id}: after quiet days");
        }
        Lost => {
            let world = portal(preset).await;
            let mut browser = world.browser().await;
            assert!(log_in(&mut browser).await, "{id}");
            browser.device = None;
            let mut again = browser.again().await;
            assert!(log_in(&mut again).await, "{id}: without the cookie");
            assert!(!log_in(&mut again.again().await).await, "{id}: with the new one");
        }
        FirstLogin => first_login(id, preset).await,
    }
}

async fn named(id: &str, preset: Preset, name: LoginName) {
    let world = portal(preset).await;
    let mut tenant = (*world.tenant).clone();
    tenant.policy = Policy::from(preset);
    let new = New {
        username: "m.jansen".to_owned(),
        password: Secret::new(format!("{PASSWORD} A1")),
        mobile: "06-12345678".to_owned(),
        name: "Mevrouw Jansen".to_owned(),
        email: None,
        first_login: false,
    };
    let (keys, hasher) = (&world.login.keys, &world.login.hasher);
    let made = new.prepare(&tenant, keys, hasher, world.now(), &Random::Os).await;
    match name {
        LoginName::Username => assert!(made.is_ok(), "{id}"),
        LoginName::Email => assert!(matches!(made, Err(CreateError::UsernameIsEmail)), "{id}"),
    }
}

async fn first_login(id: &str, preset: Preset) {
    const OWN: &str = "Een Andere Regendag 7";
    let world = portal(preset).await;
    let mut browser = world.browser().await;
    browser.password("n.nieuw", PASSWORD).await.unwrap();
    if world.tenant.policy.sms.explicit_request_button {
        world.login.send_code(browser.at()).await.unwrap();
    }
    let code = world.newest_code().await;
    browser.code(&code).await.unwrap();
    assert!(matches!(browser.ask().await, Ask::NewPassword), "{id}");
    let wrong = browser.change("iets anders", OWN, OWN).await;
    assert!(matches!(wrong, Err(Refused::CurrentPassword)), "{id}");
    let different = browser.change(PASSWORD, OWN, "Een Andere Regendag 8").await;
    assert!(matches!(different, Err(Refused::Different)), "{id}");
    browser.change(PASSWORD, OWN, OWN).await.unwrap();
    assert!(matches!(browser.ask().await, Ask::Approve { .. }), "{id}");
}

async fn agrees_by_login(id: &str, preset: Preset) {
    const LINE: Sql = Sql::both("SELECT query FROM audit_line WHERE action = 'password' AND outcome = 'success'");
    for (preset, told) in [(preset, Some("privacy=2.1".to_owned())), (Preset::Modern, None)] {
        let world = world(|policy| {
            *policy = Policy::from(preset);
            policy.accounts.login_name = LoginName::Username;
            policy.terms.privacy_url = Some("https://zorg.example/privacy".parse().unwrap());
            policy.terms.privacy_version = Some("2.1".to_owned());
        })
        .await;
        world.browser().await.password("m.bakker", PASSWORD).await.unwrap();
        let row = world.db.read().await.unwrap().row(LINE, params![]).await.unwrap();
        assert_eq!(row.unwrap().opt_text(0), told, "{id} {}", preset.as_str());
    }
}

#[tokio::test]
async fn each_rule_of_the_portals_is_kept() {
    for (id, preset, shows) in ROWS {
        Box::pin(see(id, *preset, *shows)).await;
    }
}

#[test]
fn every_value_of_a_preset_has_its_row() {
    for preset in Preset::ALL {
        for rule in preset.rules() {
            for id in rule.from {
                let shown = ROWS.iter().any(|(row, of, _)| row == id && *of == preset);
                assert!(shown, "{} {} {id}", preset.as_str(), rule.key);
            }
        }
    }
}
