//! The pages as a browser without JavaScript walks them.

mod attacks;
mod browser;
mod choosing;
mod info;
mod register;

use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use url::form_urlencoded::Serializer;

use self::browser::tokens;
pub(super) use self::browser::{Browser, forms, up_to_the_code, usual, with};
use crate::login::world::PASSWORD;

#[tokio::test]
async fn a_client_walks_from_the_app_to_the_app() {
    let (world, mut browser) = usual().await;
    let query = Serializer::new(String::new())
        .extend_pairs(world.parameters("openid launch/patient patient/Observation.rs offline_access", &[]))
        .finish();
    let sent = browser.get(&format!("/topaz/oauth/authorize?{query}")).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let to = sent.header("location").to_owned();
    let path = to.strip_prefix("http://127.0.0.1:8080").unwrap_or(&to).to_owned();
    let page = browser.get(&path).await;
    assert!(page.body.contains("Proefapp") && page.body.contains("Topaz"));
    let form = page.form("username");
    assert_eq!(form.fields("username")[0].get("autocomplete"), "username");
    assert_eq!(form.fields("password")[0].get("autocomplete"), "current-password");
    let page = browser
        .submit(&form, &[("username", "M.Bakker"), ("password", PASSWORD)])
        .await;

    let form = page.form("otp");
    let otp = form.fields("otp")[0];
    assert_eq!(
        (otp.get("autocomplete"), otp.get("inputmode")),
        ("one-time-code", "numeric")
    );
    assert!(page.body.contains("06-••••••"), "the number is masked");
    let code = world.newest_code().await;
    assert!(!page.body.contains(&code));
    let page = browser.submit(&form, &[("otp", &code)]).await;

    let form = page.form("decision");
    assert!(page.header("content-security-policy").contains("http://127.0.0.1:4711"));
    assert!(page.body.contains("Rapportages en metingen"));
    assert!(
        page.body.contains("zonder dat u opnieuw inlogt"),
        "offline access is told"
    );
    let answer = browser.submit(&form, &[("decision", "allow")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location = answer.header("location");
    assert!(location.starts_with("http://127.0.0.1:4711/callback?code=") && location.contains("state=abc"));

    // A second request of the same browser needs no page at all.
    let request = world
        .request("openid launch/patient patient/Observation.rs offline_access", &[])
        .await;
    let again = browser.get(&format!("/topaz/login?request={request}")).await;
    assert!(again.header("location").contains("code="));
    // The way back shows that it is over.
    let back = browser.get(&path).await;
    assert_eq!(back.status, StatusCode::GONE);

    let page = browser.get("/topaz/account").await;
    assert!(page.body.contains("Mevrouw m.bakker"));
    assert!(page.body.contains("Gebruikersnaam: m.bakker"), "s0_22: {}", page.body);
    let form = page.form("csrf");
    let page = browser.submit(&form, &[]).await;
    assert!(page.body.contains("U bent uitgelogd"));
    assert_eq!(browser.jar["session-topaz"], "");
    assert!(
        browser
            .get("/topaz/account")
            .await
            .body
            .contains("U bent niet ingelogd")
    );
}

#[tokio::test]
async fn d1_unknown_wrong_locked_look_the_same() {
    let (world, mut browser) = usual().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let mut answers = Vec::new();
    for (username, password) in [("aaaaaaaa", PASSWORD), ("m.bakker", "wrong"), ("o.nieuwe", "x")] {
        let answer = browser
            .submit(&form, &[("username", username), ("password", password)])
            .await;
        assert!(answer.body.contains("role=\"alert\"") && answer.body.contains("<title>Fout"));
        let headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.status, headers, answer.body.replace(username, "NAME")));
    }
    assert_eq!(answers[0].0, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn the_first_login_changes_the_password() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "n.nieuw").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let form = page.form("new_password");
    let short = [
        ("password", PASSWORD),
        ("new_password", "kort"),
        ("new_password_again", "kort"),
    ];
    let page = browser.submit(&form, &short).await;
    assert!(page.body.contains("Gebruik ten minste 12 tekens."));
    let own = "tulpen in de tuin";
    let good = [
        ("password", PASSWORD),
        ("new_password", own),
        ("new_password_again", own),
    ];
    let page = browser.submit(&page.form("new_password"), &good).await;
    page.form("decision");
}

#[tokio::test]
async fn a_representative_chooses_and_a_forged_choice_is_refused() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "r.smit").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let form = page.form("patient");
    assert_eq!(form.fields("patient").len(), 2);
    let forged = form.fill(&[("patient", "p1")]).replace("patient=p1", "patient=p3");
    let answer = browser.post(&form.action, forged).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Kies een persoon uit de lijst."));
    let page = browser.submit(&form, &[("patient", "p2")]).await;
    page.form("decision");
}

#[tokio::test]
async fn who_has_no_access_any_more_reads_why() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "o.oud").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    assert!(page.body.contains("U heeft geen toegang meer"));
    assert!(forms(&page.body).is_empty());
}

#[tokio::test]
async fn the_button_asks_for_the_code_where_the_organisation_wants_it() {
    let (world, mut browser) = with(|policy| policy.sms.explicit_request_button = true).await;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    assert!(page.body.contains("SMS-inlogcode aanvragen") && world.messages().await.is_empty());
    let page = browser.submit(&page.form("flow"), &[]).await;
    page.form("otp");
    assert_eq!(world.messages().await.len(), 1);
}

#[tokio::test]
async fn too_many_tries_are_told_with_the_time_to_wait() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let again = forms(&page.body)
        .into_iter()
        .find(|form| form.action.ends_with("/send"))
        .unwrap();
    let answer = browser.submit(&again, &[]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "31");
    assert!(answer.body.contains("over 30 seconden"));
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let (world, mut browser) = usual().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let filled = form.fill(&[("username", "m.bakker"), ("password", PASSWORD)]);
    let kind = "application/x-www-form-urlencoded";
    let foreign = Request::post("/topaz/login")
        .header(CONTENT_TYPE, kind)
        .header("sec-fetch-site", "cross-site");
    assert_eq!(
        browser.send(foreign, filled.clone()).await.status,
        StatusCode::FORBIDDEN
    );
    let csrf = form.fields("csrf")[0].get("value").to_owned();
    let without = filled.replace(&csrf, "");
    assert_eq!(
        browser.post("/topaz/login", without).await.status,
        StatusCode::FORBIDDEN
    );
    let json = Request::post("/topaz/login").header(CONTENT_TYPE, "application/json");
    assert_eq!(
        browser.send(json, "{}".to_owned()).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let twice = format!("{filled}&username=other");
    assert_eq!(
        browser.post("/topaz/login", twice).await.status,
        StatusCode::BAD_REQUEST
    );
    let huge = format!("{filled}&x={}", "a".repeat(40_000));
    assert_eq!(
        browser.post("/topaz/login", huge).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    browser.jar.clear();
    assert_eq!(browser.post("/topaz/login", filled).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_language_follows_the_person_then_the_app_then_the_browser() {
    let (world, mut browser) = usual().await;
    browser.language = "en-GB";
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let path = format!("/topaz/login?request={request}");
    assert!(browser.get(&path).await.body.contains("<html lang=\"en\">"));
    let dutch = world
        .request("openid launch/patient patient/*.rs", &[("ui_locales", "nl-NL")])
        .await;
    assert!(
        browser
            .get(&format!("/topaz/login?request={dutch}"))
            .await
            .body
            .contains("<html lang=\"nl\">")
    );
    assert!(
        browser
            .get(&format!("{path}&lang=nl"))
            .await
            .body
            .contains("Gebruikersnaam")
    );
    assert!(
        browser.get(&path).await.body.contains("<html lang=\"nl\">"),
        "the choice is kept"
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_there() {
    let (world, mut browser) = usual().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    for path in [
        "/nobody/login".to_owned(),
        format!("/nobody/login?request={request}"),
        "/assets/nobody.css".to_owned(),
    ] {
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for query in ["", "?request=", "?request=unknown", "?request=a&request=b"] {
        let page = browser.get(&format!("/topaz/login{query}")).await;
        assert_eq!(page.status, StatusCode::GONE, "{query}");
        assert!(page.body.contains("Ga terug naar uw app"));
    }
    let style = browser.get("/assets/topaz.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.body.starts_with(":root{--brand:#"));
}

#[tokio::test]
async fn text_from_outside_is_shown_as_text() {
    let (world, mut browser) = usual().await;
    let request = world
        .request("openid launch/patient patient/*.rs", &[("login_hint", "\"><b id=x>")])
        .await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    assert!(!page.body.contains("<b id=x>"));
    let form = page.form("username");
    let answer = browser
        .submit(&form, &[("username", "<script>alert(1)</script>"), ("password", "x")])
        .await;
    assert!(!answer.body.contains("<script>"));
}
