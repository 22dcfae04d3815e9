//! The account page: what apps got is seen, withdrawn, and gone at the next request.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use serde_json::Value;

use super::tests::{Browser, up_to_the_code, usual};
use crate::account::{self, State};
use crate::db::{Sql, params};
use crate::login::world::{PASSWORD, World};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Somebody in whose name the app holds a token: the token, and the browser.
async fn given() -> (World, Browser, String) {
    let (world, mut browser) = usual().await;
    crate::oauth::key::generate(&world.issuer, &world.tenant.id)
        .await
        .unwrap();
    let page = browser.get("/topaz/account").await;
    assert!(page.body.contains("niet ingelogd"), "{}", page.body);
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let answer = browser.submit(&page.form("decision"), &[("decision", "allow")]).await;
    let location = answer.header("location").to_owned();
    let code = location.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let form = format!(
        "grant_type=authorization_code&code={code}&client_id={}&code_verifier={VERIFIER}\
         &redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback",
        world.app
    );
    let answer = browser.post("/topaz/oauth/token", form).await;
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let token = answer["access_token"].as_str().unwrap().to_owned();
    (world, browser, token)
}

async fn status(browser: &mut Browser, token: &str) -> StatusCode {
    let request = axum::http::Request::get("/topaz/fhir/Observation").header(AUTHORIZATION, format!("Bearer {token}"));
    browser.send(request, String::new()).await.status
}

#[tokio::test]
async fn a20_c20_p03_what_an_app_got_is_seen_in_both_languages_and_ends_at_the_next_request() {
    let (world, mut browser, token) = given().await;
    assert_eq!(status(&mut browser, &token).await, StatusCode::OK);
    let page = browser.get("/topaz/account").await;
    for text in [
        "Proefapp",
        "Toegang sinds 22-11-2026 11:0",
        "Alles in het dossier",
        "zonder dat u opnieuw inlogt",
        "met sms-code, nu ingelogd in deze browser",
    ] {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
    let english = browser.get("/topaz/account?lang=en").await;
    assert!(english.body.contains("Withdraw access of Proefapp") && english.body.contains("Recent logins"));
    browser.get("/topaz/account?lang=nl").await;

    // The token was used a moment ago, and this process remembers it.
    assert_eq!(status(&mut browser, &token).await, StatusCode::OK);
    let page = browser.submit(&page.form("app"), &[]).await;
    assert!(page.body.contains("Geen enkele app heeft nu toegang"), "{}", page.body);
    assert_eq!(status(&mut browser, &token).await, StatusCode::UNAUTHORIZED);
    drop(world);
}

#[tokio::test]
async fn a_form_without_the_word_of_this_session_withdraws_nothing() {
    let (world, mut browser, token) = given().await;
    for path in ["/topaz/account/withdraw", "/topaz/account/withdraw-all"] {
        let forged = browser.post(path, format!("csrf=x&app={}", world.app)).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(status(&mut browser, &token).await, StatusCode::OK);
    let page = browser.get("/topaz/account").await;
    let csrf = page.form("app").fields("csrf")[0].get("value").to_owned();
    let all = browser
        .post("/topaz/account/withdraw-all", format!("csrf={csrf}"))
        .await;
    assert_eq!(all.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&mut browser, &token).await, StatusCode::UNAUTHORIZED);
    // Who is not logged in is told so.
    browser.jar.clear();
    let nobody = browser.post("/topaz/account/withdraw-all", "csrf=x".to_owned()).await;
    assert_eq!(nobody.header("location"), "/topaz/account");
}

#[tokio::test]
async fn p03_a_login_elsewhere_is_ended_and_gone_at_the_next_request() {
    let (world, mut elsewhere, token) = given().await;
    // Another browser of the same person.
    world.clock.advance(jiff::SignedDuration::from_mins(2));
    let elsewhere_jar = std::mem::take(&mut elsewhere.jar);
    let mut browser = elsewhere;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let code = world.newest_code().await;
    browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let page = browser.get("/topaz/account").await;
    assert!(page.body.contains("nu nog ingelogd"), "{}", page.body);
    let form = "/topaz/account/sign-out-elsewhere";
    let forged = browser.post(form, "csrf=x".to_owned()).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);

    let forms = super::tests::forms(&page.body);
    let button = forms.into_iter().find(|found| found.action == form).unwrap();
    let before = world.audit().await.len();
    let page = browser.submit(&button, &[]).await;
    assert!(!page.body.contains("nu nog ingelogd"), "{}", page.body);
    let lines = world.audit().await;
    assert_eq!(lines.len(), before + 1, "{lines:?}");
    assert!(lines[before].contains("signed-out success"), "{lines:?}");
    // What an app got for later stays; it has a button of its own.
    assert_eq!(status(&mut browser, &token).await, StatusCode::OK);
    let here = std::mem::replace(&mut browser.jar, elsewhere_jar);
    assert!(browser.get("/topaz/account").await.body.contains("niet ingelogd"));
    browser.jar = here;
    assert!(browser.get("/topaz/account").await.body.contains("Mevrouw m.bakker"));
}

#[tokio::test]
async fn p03_only_a_login_that_goes_on_elsewhere_leaves_a_line_when_it_is_ended() {
    let (world, mut browser, _) = given().await;
    // Of the three logins the first is over by itself.
    for minutes in [20, 2] {
        world.clock.advance(jiff::SignedDuration::from_mins(minutes));
        browser.jar.clear();
        let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
        let code = world.newest_code().await;
        browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    }
    let page = browser.get("/topaz/account").await;
    let forms = super::tests::forms(&page.body);
    let button = forms
        .into_iter()
        .find(|form| form.action == "/topaz/account/sign-out-elsewhere");
    let before = world.audit().await.len();
    browser.submit(&button.unwrap(), &[]).await;
    let lines = world.audit().await;
    assert_eq!(lines.len(), before + 1, "{:?}", &lines[before..]);
    let row = world.db.read().await.unwrap().row(OPEN, params![]).await.unwrap();
    assert_eq!(row.unwrap().int(0), 1, "this one only");
}

const OPEN: Sql = Sql::both("SELECT COUNT(*) FROM login_session WHERE ended_at IS NULL");

async fn put(world: &World, state: State) {
    let mut tx = world.db.begin().await.unwrap();
    let found = account::by_name(&mut tx, &world.tenant.id, "m.bakker").await;
    let id = found.unwrap().unwrap().0.id;
    account::set_state(&mut tx, &world.tenant.id, &id, state, world.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn after_the_forced_change_of_password_a_token_that_was_just_used_is_worth_nothing() {
    let (world, mut browser, token) = given().await;
    put(&world, State::MustChangePassword).await;
    world.clock.advance(jiff::SignedDuration::from_mins(2));
    browser.jar.clear();
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let form = page.form("new_password");
    // The process remembers for a moment that the token was good.
    put(&world, State::Active).await;
    assert_eq!(status(&mut browser, &token).await, StatusCode::OK);
    put(&world, State::MustChangePassword).await;
    let own = "tulpen in de tuin";
    let new = [
        ("password", PASSWORD),
        ("new_password", own),
        ("new_password_again", own),
    ];
    let answer = browser.submit(&form, &new).await;
    assert!(answer.header("location").contains("code="), "{}", answer.body);
    assert_eq!(status(&mut browser, &token).await, StatusCode::UNAUTHORIZED);
}
