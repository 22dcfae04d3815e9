//! The steps as a person takes them, and as an attacker would.

mod code;
mod password;
mod rights;

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
async fn s1_36_logins_are_counted_by_the_month_of_the_organisation_and_nothing_says_whose() {
    let world = usual().await;
    let counts = async || {
        let mut read = world.db.read().await.unwrap();
        session::store::counts(&mut read, &world.tenant.id).await.unwrap()
    };
    // A password alone is no login.
    world.browser().await.password("m.bakker", PASSWORD).await.unwrap();
    assert_eq!(counts().await, []);
    for name in ["m.bakker", "r.smit"] {
        world.browser().await.log_in(name).await;
    }
    // Half past midnight on the first of December.
    let first: jiff::Timestamp = "2026-11-30T23:30:00Z".parse().unwrap();
    world.clock.advance(first.duration_since(world.now()));
    world.browser().await.log_in("m.bakker").await;
    assert_eq!(counts().await, [("2026-12".to_owned(), 1), ("2026-11".to_owned(), 2)]);
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
