//! A television logs somebody in: what stands on its screen, and what the person does in a browser.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::tests::{Browser, usual, with};
use crate::login::world::{PASSWORD, World};
use crate::secret::Random;

const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";

async fn register(world: &World) {
    let metadata = json!({
        "client_id": "television", "client_name": "Televisie", "token_endpoint_auth_method": "none",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
        "scope": "openid launch/patient patient/*.rs",
    });
    let mut tx = world.db.begin().await.unwrap();
    let (tenant, oauth) = (&world.tenant.id, &world.config.oauth);
    crate::oauth::app::register(&mut tx, tenant, &metadata, oauth, world.now(), &Random::Os)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    crate::oauth::key::generate(&world.issuer, tenant).await.unwrap();
}

async fn codes(device: &mut Browser) -> Value {
    let asked = "client_id=television&scope=openid%20launch%2Fpatient%20patient%2F*.rs";
    let answer = device.post("/topaz/oauth/device_authorization", asked.to_owned()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

async fn poll(device: &mut Browser, codes: &Value) -> (StatusCode, Value) {
    let form = format!(
        "grant_type={GRANT}&client_id=television&device_code={}",
        codes["device_code"].as_str().unwrap()
    );
    let answer = device.post("/topaz/oauth/token", form).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[tokio::test]
async fn t18_a_person_types_the_code_logs_in_with_both_factors_and_the_device_goes_on() {
    let (world, mut browser) = usual().await;
    register(&world).await;
    let mut device = Browser::new(&world);
    let codes = codes(&mut device).await;
    let (status, told) = poll(&mut device, &codes).await;
    assert_eq!(
        (status, &told["error"]),
        (StatusCode::BAD_REQUEST, &json!("authorization_pending"))
    );

    let complete = codes["verification_uri_complete"].as_str().unwrap();
    let path = complete.strip_prefix("http://127.0.0.1:8080").unwrap();
    let page = browser.get(path).await;
    let form = page.form("user_code");
    assert_eq!(
        form.fields("user_code")[0].get("value"),
        codes["user_code"].as_str().unwrap()
    );
    // To press the button is the person's: opening the address began nothing.
    let typed = codes["user_code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let page = browser.submit(&form, &[("user_code", &typed)]).await;
    let page = browser
        .submit(
            &page.form("username"),
            &[("username", "m.bakker"), ("password", PASSWORD)],
        )
        .await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let form = page.form("decision");
    assert!(page.body.contains("Televisie") && page.body.contains("U geeft een ander apparaat toegang"));
    let page = browser.submit(&form, &[("decision", "allow")]).await;
    let to = url::Url::parse(page.header("location")).unwrap();
    let done = browser.get(&format!("{}?{}", to.path(), to.query().unwrap())).await;
    assert!(done.body.contains("Kijk nu op uw apparaat"), "{}", done.body);
    world.clock.advance(jiff::SignedDuration::from_secs(5));
    let (status, tokens) = poll(&mut device, &codes).await;
    assert_eq!((status, &tokens["patient"]), (StatusCode::OK, &json!("p1")), "{tokens}");

    // The session lives and the app was approved a moment ago; a device is asked about all the same.
    let codes = self::codes(&mut device).await;
    let form = browser.get("/topaz/device").await.form("user_code");
    let page = browser
        .submit(&form, &[("user_code", codes["user_code"].as_str().unwrap())])
        .await;
    let form = page.form("decision");
    let page = browser.submit(&form, &[("decision", "deny")]).await;
    let to = url::Url::parse(page.header("location")).unwrap();
    let done = browser.get(&format!("{}?{}", to.path(), to.query().unwrap())).await;
    assert!(done.body.contains("U heeft geen toegang gegeven"), "{}", done.body);
    let (_, told) = poll(&mut device, &codes).await;
    assert_eq!(told["error"], "access_denied");
}

#[tokio::test]
async fn t18_wrong_codes_are_told_counted_and_made_to_wait() {
    let (world, mut browser) = with(|_| {}).await;
    register(&world).await;
    let form = browser.get("/topaz/device").await.form("user_code");
    // A slip of the finger is no guess.
    for _ in 0..20 {
        let page = browser.submit(&form, &[("user_code", "12345")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.body.contains("role=\"alert\"") && page.body.contains("Deze code klopt niet"));
    }
    for _ in 0..10 {
        let page = browser.submit(&form, &[("user_code", "BCDF-GHJK")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut device = Browser::new(&world);
    let codes = codes(&mut device).await;
    let right = codes["user_code"].as_str().unwrap();
    let page = browser.submit(&form, &[("user_code", right)]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "the right one waits too");
    assert_eq!(page.header("retry-after"), "31");
    world.clock.advance(jiff::SignedDuration::from_secs(31));
    browser.submit(&form, &[("user_code", right)]).await.form("username");
    // A form of another site types nothing.
    let request = axum::http::Request::post("/topaz/device")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site");
    let forged = browser.send(request, format!("user_code={right}")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
}
