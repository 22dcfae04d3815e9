use serde_json::json;

use super::*;
use crate::config::Registration;

const REGISTER: &str = "/topaz/oauth/register";

async fn open() -> Gateway {
    Gateway::with(|policy| policy.registration = Registration::Approval).await
}

fn metadata() -> Value {
    json!({"client_name": "Mijn Zorg", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"})
}

async fn ask(gateway: &Gateway, method: &str, path: &str, token: &str, body: &Value) -> Got {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header(CONTENT_TYPE, "application/json");
    if !token.is_empty() {
        request = request.header("authorization", token);
    }
    gateway.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn p02_registration_over_http_has_the_statuses_of_rfc_7591_and_7592() {
    let gateway = open().await;
    let made = ask(&gateway, "POST", REGISTER, "", &metadata()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.header(CACHE_CONTROL.as_str()), "no-store");
    let made = made.json();
    let token = format!("Bearer {}", made["registration_access_token"].as_str().unwrap());
    let at = made["registration_client_uri"].as_str().unwrap();
    let at = at.strip_prefix("https://gateway.example").unwrap();

    let mut bad = metadata();
    bad["redirect_uris"] = json!(["http://app.example/cb"]);
    let mut stated = metadata();
    stated["software_statement"] = json!("e30.e30.AA");
    for (body, code) in [
        (bad, "invalid_redirect_uri"),
        (json!([]), "invalid_client_metadata"),
        (stated, "unapproved_software_statement"),
    ] {
        let got = ask(&gateway, "POST", REGISTER, "", &body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(got.json()["error"], code);
    }
    let read = ask(&gateway, "GET", at, &token, &Value::Null).await;
    assert_eq!((read.status, read.json()), (StatusCode::OK, made.clone()));
    for (path, token) in [
        (at, ""),
        (at, "Bearer x"),
        (at, token.replace("Bearer", "DPoP").as_str()),
        ("/topaz/oauth/register/nobody", token.as_str()),
        ("/topaz/oauth/register/%00", token.as_str()),
        ("/topaz/oauth/register/a%0Ab", token.as_str()),
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let got = ask(&gateway, method, path, token, &metadata()).await;
            assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{method} {path} {token}");
            assert_eq!(got.json()["error"], "invalid_token");
            // Who showed nothing did nothing wrong (RFC 6750 §3.1).
            let challenge = match token {
                "" => r#"Bearer realm="registration""#,
                _ => r#"Bearer realm="registration", error="invalid_token""#,
            };
            assert_eq!(got.header(WWW_AUTHENTICATE.as_str()), challenge);
        }
    }
    let mut other = metadata();
    other["client_id"] = made["client_id"].clone();
    other["client_name"] = json!("Anders");
    let put = ask(&gateway, "PUT", at, &token, &other).await;
    assert_eq!(
        (put.status, put.json()["client_name"].clone()),
        (StatusCode::OK, json!("Anders"))
    );
    let without_id = ask(&gateway, "PUT", at, &token, &metadata()).await;
    assert_eq!(without_id.status, StatusCode::BAD_REQUEST);
    let gone = ask(&gateway, "DELETE", at, &token, &Value::Null).await;
    assert_eq!((gone.status, gone.text.as_str()), (StatusCode::NO_CONTENT, ""));
    let after = ask(&gateway, "GET", at, &token, &Value::Null).await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn p02_too_many_that_wait_are_429_and_told_when_to_come_back() {
    let gateway = open().await;
    for _ in 0..100 {
        // So slowly that no other limit is in the way.
        gateway.world.clock.advance(jiff::SignedDuration::from_secs(10));
        let made = ask(&gateway, "POST", REGISTER, "", &metadata()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    }
    gateway.world.clock.advance(jiff::SignedDuration::from_secs(10));
    let full = ask(&gateway, "POST", REGISTER, "", &metadata()).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(full.json()["error"], "temporarily_unavailable");
    assert_eq!(full.header("retry-after"), "3600");
}

#[tokio::test]
async fn p02_d11_d15_where_registration_is_closed_there_is_nothing_and_nothing_is_announced() {
    for (gateway, announced) in [(Gateway::new().await, false), (open().await, true)] {
        let smart = gateway.get("/topaz/fhir/.well-known/smart-configuration").await.json();
        let openid = gateway.get("/topaz/.well-known/openid-configuration").await.json();
        let metadata_of = gateway.get("/topaz/fhir/metadata").await.text;
        let endpoint = "https://gateway.example/topaz/oauth/register";
        for document in [&smart, &openid] {
            let expected = announced.then(|| json!(endpoint));
            assert_eq!(document.get("registration_endpoint"), expected.as_ref());
        }
        assert_eq!(metadata_of.contains(endpoint), announced);
        if !announced {
            let nowhere = gateway.get("/nobody/oauth/register/x").await;
            for (method, path) in [("POST", REGISTER), ("GET", "/topaz/oauth/register/x")] {
                let got = ask(&gateway, method, path, "", &metadata()).await;
                assert_eq!((got.status, &got.text), (StatusCode::NOT_FOUND, &nowhere.text));
            }
        }
    }
}
