mod brands;
mod documents;
mod errors;
mod register;
mod shown;

use axum::body::{Body, to_bytes};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, PRAGMA, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;
use url::Url;
use url::form_urlencoded::Serializer;

use super::*;
use crate::config::Policy;
use crate::oauth::testing::{REDIRECT, World, asked, exchange, pair};

const FORM: &str = "application/x-www-form-urlencoded";

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        assert_eq!(self.header(CONTENT_TYPE.as_str()), "application/json");
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn location(&self) -> Url {
        assert_eq!(self.status, StatusCode::SEE_OTHER);
        let base = Url::parse("https://gateway.example/").unwrap();
        base.join(self.header(LOCATION.as_str())).unwrap()
    }
}

struct Gateway {
    world: World,
    routes: Router,
}

impl Gateway {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// One whose first tenant has other rules.
    async fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let world = World::new().await;
        let mut config = world.config.clone();
        change(&mut std::sync::Arc::make_mut(&mut config.tenants[0]).policy);
        let app = App::new(
            config,
            world.issuer.db().clone(),
            world.clock.clone(),
            world.issuer.random().clone(),
        );
        let routes = crate::http::router(app);
        Self { world, routes }
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        Got {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, kind: &str, body: &str) -> Got {
        let request = Request::post(path).header(CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn query(changes: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(asked(changes)).finish()
}

#[tokio::test]
async fn a01_a10_a_request_by_get_or_post_goes_on_to_the_login() {
    let gateway = Gateway::new().await;
    let by_get = gateway.get(&format!("/topaz/oauth/authorize?{}", query(&[]))).await;
    let by_post = gateway.post("/topaz/oauth/authorize", FORM, &query(&[])).await;
    for got in [by_get, by_post] {
        let to = got.location();
        assert_eq!(to.path(), "/topaz/login");
        assert_eq!(pair(&to, "request").unwrap().len(), 43);
        assert_eq!(got.header(CACHE_CONTROL.as_str()), "no-store");
    }
    let refused = gateway
        .get(&format!(
            "/topaz/oauth/authorize?{}",
            query(&[("aud", "https://x.example")])
        ))
        .await;
    assert!(refused.location().as_str().starts_with(REDIRECT));
}

#[tokio::test]
async fn a02_an_unknown_app_or_address_gives_a_page_that_repeats_nothing() {
    let gateway = Gateway::new().await;
    for bad in [
        query(&[("client_id", "<script>evil")]),
        query(&[("redirect_uri", "https://evil.example/\"><script>")]),
        format!("{}&client_id=demo-native", query(&[])),
        format!("{}&state=%ff", query(&[])),
        "a=1&".repeat(101),
    ] {
        let got = gateway.get(&format!("/topaz/oauth/authorize?{bad}")).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{bad}");
        assert!(got.headers.get(LOCATION).is_none());
        assert!(
            got.text.contains("Inloggen lukt niet") && !got.text.contains("evil"),
            "{}",
            got.text
        );
        assert!(
            got.header(CONTENT_SECURITY_POLICY.as_str())
                .contains("frame-ancestors 'none'")
        );
    }
    let json = gateway.post("/topaz/oauth/authorize", "application/json", "{}").await;
    assert_eq!(json.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        gateway
            .get(&format!("/none/oauth/authorize?{}", query(&[])))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a17_form_post_shows_a_form_for_the_app_only() {
    let gateway = Gateway::new().await;
    let world = &gateway.world;
    let request = world
        .request(&[("response_mode", "form_post"), ("state", "\"><b>")])
        .await;
    let early = gateway
        .get(&format!("/topaz/oauth/form-post?request={}&code=x", request.id))
        .await;
    assert_eq!(early.status, StatusCode::BAD_REQUEST);
    let url = world.approve(&request, world.approval(&request)).await.unwrap();
    let got = gateway.get(&format!("{}?{}", url.path(), url.query().unwrap())).await;
    assert_eq!(got.status, StatusCode::OK);
    assert!(
        got.text.contains("action=\"https://app.example/cb?x=1\""),
        "{}",
        got.text
    );
    assert!(
        got.text.contains("name=\"code\"") && !got.text.contains("<b>"),
        "{}",
        got.text
    );
    assert!(
        got.header(CONTENT_SECURITY_POLICY.as_str())
            .contains("form-action https://app.example;")
    );
}

#[tokio::test]
async fn t01_t03_the_token_endpoint_takes_forms_and_its_answers_are_not_kept() {
    let gateway = Gateway::new().await;
    let code = gateway.world.code(&[]).await;
    let good = form(exchange(&code));
    let doubled = format!("{good}&code=x");
    for (path, kind, body) in [
        ("/topaz/oauth/token", "application/json", "{}"),
        ("/topaz/oauth/token", FORM, ""),
        ("/topaz/oauth/token", FORM, doubled.as_str()),
        ("/topaz/oauth/token?x=1", FORM, good.as_str()),
    ] {
        let got = gateway.post(path, kind, body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        assert_eq!(got.json()["error"], "invalid_request");
        assert_eq!(
            (got.header(CACHE_CONTROL.as_str()), got.header(PRAGMA.as_str())),
            ("no-store", "no-cache")
        );
    }
    let got = gateway.post("/topaz/oauth/token", FORM, &good).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(
        (got.header(CACHE_CONTROL.as_str()), got.header(PRAGMA.as_str())),
        ("no-store", "no-cache")
    );
    assert_eq!(got.json()["patient"], "p1");
    assert_eq!(
        gateway.get("/topaz/oauth/token").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        gateway.post("/none/oauth/token", FORM, &good).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn t05_t08_t17_errors_have_the_status_of_rfc_6749_and_repeat_nothing() {
    let gateway = Gateway::new().await;
    let bad = form(exchange("BAD_CODE"));
    let got = gateway.post("/topaz/oauth/token", FORM, &bad).await;
    assert_eq!(
        (got.status, &got.json()["error"]),
        (StatusCode::BAD_REQUEST, &Value::from("invalid_grant"))
    );
    assert!(!got.text.contains("BAD_CODE"));
    let unknown = bad.replace("demo-native", "BAD_CLIENT");
    let got = gateway.post("/topaz/oauth/token", FORM, &unknown).await;
    assert_eq!(
        (got.status, &got.json()["error"]),
        (StatusCode::UNAUTHORIZED, &Value::from("invalid_client"))
    );
    assert_eq!(got.header(WWW_AUTHENTICATE.as_str()), "");
    let request = Request::post("/topaz/oauth/token")
        .header(CONTENT_TYPE, FORM)
        .header("authorization", "Basic eDp5");
    let got = gateway
        .send(
            request
                .body(Body::from("grant_type=refresh_token&refresh_token=x"))
                .unwrap(),
        )
        .await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    assert!(got.header(WWW_AUTHENTICATE.as_str()).starts_with("Basic"));
}

#[tokio::test]
async fn o07_userinfo_takes_one_bearer_header() {
    let gateway = Gateway::new().await;
    let tokens = gateway.world.tokens("openid fhirUser").await;
    let token = tokens["access_token"].as_str().unwrap();
    let ask = async |method: &str, values: &[String]| {
        let mut request = Request::builder().method(method).uri("/topaz/oauth/userinfo");
        for value in values {
            request = request.header("authorization", value);
        }
        gateway.send(request.body(Body::empty()).unwrap()).await
    };
    for method in ["GET", "POST"] {
        let got = ask(method, &[format!("bearer {token}")]).await;
        assert!(got.json()["sub"].is_string());
    }
    for values in [
        &[][..],
        &["Bearer x".to_owned()],
        &[format!("Bearer {token}"), "Bearer x".to_owned()],
    ] {
        let got = ask("GET", values).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
        let challenge = got.header(WWW_AUTHENTICATE.as_str());
        assert!(challenge.starts_with("Bearer"));
        assert_eq!(challenge.contains("error="), values.len() == 1, "{challenge}");
    }
    let lines = gateway.world.audit().await;
    assert_eq!(lines.iter().filter(|line| *line == "userinfo success -").count(), 2);
    let refused = lines
        .iter()
        .filter(|line| *line == "token-presented refused unknown-token");
    assert_eq!(refused.count(), 1, "{lines:?}");
}

#[tokio::test]
async fn l01_a_launch_with_a_token_that_opens_nothing_leaves_its_line() {
    let gateway = Gateway::new().await;
    let person = gateway.world.tokens("patient/*.rs").await;
    let person = person["access_token"].as_str().unwrap();
    let body = r#"{"client_id":"demo-native"}"#;
    for (token, status, line) in [
        (
            "made-up",
            StatusCode::UNAUTHORIZED,
            "token-presented refused unknown-token",
        ),
        (person, StatusCode::FORBIDDEN, "launch-created refused scope"),
    ] {
        let before = gateway.world.audit().await.len();
        let request = Request::post("/topaz/oauth/launch").header("authorization", format!("Bearer {token}"));
        let got = gateway.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(got.status, status);
        assert!(got.header(WWW_AUTHENTICATE.as_str()).starts_with("Bearer error="));
        assert_eq!(gateway.world.audit().await[before..], [line]);
    }
}

#[tokio::test]
async fn n03_n05_revocation_and_introspection_answer_over_http() {
    let gateway = Gateway::new().await;
    let got = gateway
        .post("/topaz/oauth/revoke", FORM, "token=x&client_id=demo-native")
        .await;
    assert_eq!(got.status, StatusCode::OK);
    let got = gateway.post("/topaz/oauth/introspect", FORM, "token=x").await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
}
