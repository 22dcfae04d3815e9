//! An app logs its person out: at once with an id token of that person, else the person is asked.

use axum::http::StatusCode;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::tests::{Browser, up_to_the_code, usual};
use crate::config::SigningAlg;
use crate::login::world::World;
use crate::oauth::{app, key};
use crate::secret::Random;

const LOGOUT: &str = "/topaz/oauth/logout";
const AFTER: &str = "https://app.example/bye";

/// Somebody who is logged in, and an app that may send browsers to [`AFTER`].
async fn logged_in() -> (World, Browser) {
    let (world, mut browser) = usual().await;
    key::generate(&world.issuer, &world.tenant.id).await.unwrap();
    let metadata = json!({
        "client_id": "other-app", "client_name": "Andere app", "token_endpoint_auth_method": "none",
        "redirect_uris": ["https://app.example/cb"], "post_logout_redirect_uris": [AFTER],
    });
    let mut tx = world.db.begin().await.unwrap();
    app::register(
        &mut tx,
        &world.tenant.id,
        &metadata,
        &world.config.oauth,
        world.now(),
        &Random::Os,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let code = world.newest_code().await;
    browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    (world, browser)
}

/// An id token of the app about this person.
async fn hint(world: &World, username: &str) -> String {
    let mut read = world.db.read().await.unwrap();
    let found = crate::account::by_name(&mut read, &world.tenant.id, username).await;
    let account = found.unwrap().unwrap().0.id;
    let claims = json!({
        "iss": world.issuer.url(&world.tenant.id), "aud": "other-app", "exp": 1,
        "sub": world.issuer.subject(&world.tenant.id, &account),
    });
    let keys = key::load(&world.issuer, &world.tenant.id).await.unwrap();
    keys.sign(SigningAlg::Es256, &claims).unwrap()
}

fn query(pairs: &[(&str, &str)]) -> String {
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{LOGOUT}?{query}")
}

async fn is_in(browser: &mut Browser) -> bool {
    !browser.get("/topaz/account").await.body.contains("niet ingelogd")
}

#[tokio::test]
async fn o10_an_app_that_shows_an_id_token_of_the_person_logs_her_out_and_gets_the_browser_back() {
    let (world, mut browser) = logged_in().await;
    assert!(is_in(&mut browser).await);
    let hint = hint(&world, "m.bakker").await;
    let asked = query(&[
        ("id_token_hint", &hint),
        ("post_logout_redirect_uri", AFTER),
        ("state", "a b"),
    ]);
    let answer = browser.get(&asked).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "https://app.example/bye?state=a+b");
    assert!(!is_in(&mut browser).await);
    assert!(
        world
            .audit()
            .await
            .iter()
            .any(|line| line.starts_with("signed-out success"))
    );
    // Nobody is there any more: the browser goes back all the same.
    assert_eq!(browser.get(&asked).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn o10_without_proof_of_the_person_the_person_is_asked() {
    let (world, mut browser) = logged_in().await;
    let of_another = hint(&world, "r.smit").await;
    let with_other = [("id_token_hint", of_another.as_str())];
    let by_name = [("client_id", "other-app"), ("post_logout_redirect_uri", AFTER)];
    for pairs in [&[][..], &with_other, &by_name] {
        let page = browser.get(&query(pairs)).await;
        assert_eq!(page.status, StatusCode::OK, "{pairs:?}");
        assert!(
            page.body.contains("Een app vraagt of u wilt uitloggen"),
            "{}",
            page.body
        );
        assert!(is_in(&mut browser).await, "{pairs:?}");
    }
    let forged = browser.post(LOGOUT, "csrf=x".to_owned()).await;
    assert!(forged.body.contains("Een app vraagt"), "{}", forged.body);
    assert!(is_in(&mut browser).await);
    let page = browser.get(&query(&by_name)).await;
    let answer = browser.submit(&page.form("csrf"), &[]).await;
    assert_eq!(answer.header("location"), AFTER);
    assert!(!is_in(&mut browser).await);
    // Without an address there is a page.
    let page = browser.get(LOGOUT).await;
    assert!(page.body.contains("U bent uitgelogd"), "{}", page.body);
}

#[tokio::test]
async fn o10_a_request_that_is_not_right_logs_nobody_out_and_sends_the_browser_nowhere() {
    let (world, mut browser) = logged_in().await;
    let good = hint(&world, "m.bakker").await;
    let altered = format!("{good}x");
    for pairs in [
        &[("id_token_hint", altered.as_str())][..],
        &[("id_token_hint", "x.y.z")],
        &[
            ("id_token_hint", &good),
            ("post_logout_redirect_uri", "https://evil.example/"),
        ],
        &[
            ("id_token_hint", &good),
            ("post_logout_redirect_uri", "https://app.example/bye/"),
        ],
        &[("id_token_hint", &good), ("client_id", &world.app)],
        &[("post_logout_redirect_uri", AFTER)],
        &[("client_id", &world.app), ("post_logout_redirect_uri", AFTER)],
    ] {
        let page = browser.get(&query(pairs)).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{pairs:?}");
        assert_eq!(page.header("location"), "");
        assert!(!page.body.contains("evil"), "{}", page.body);
        assert!(is_in(&mut browser).await, "{pairs:?}");
    }
    // A form that the app posts comes without the cookie: it goes on to the same request by GET.
    let posted = browser.post(LOGOUT, format!("id_token_hint={good}&state=s")).await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
    assert_eq!(
        posted.header("location"),
        query(&[("id_token_hint", &good), ("state", "s")])
    );
    assert!(is_in(&mut browser).await);
}
