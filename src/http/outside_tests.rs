//! What an answer looks like from outside, whatever made it: the form of errors, who may read them, the headers of pages.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;

use super::App;
use super::router::{self, WithLayers as _};
use super::world::{Answer, World};

const FORM: &str = "application/x-www-form-urlencoded";

/// The gateway with a hole in each part of it.
fn broken(app: App) -> Router {
    async fn explode() {
        panic!("a secret of mevrouw Bakker");
    }
    router::routes(&app)
        .route("/{tenant}/fhir/a/b/explode/at/once", get(explode))
        .route("/{tenant}/oauth/token/explode", get(explode))
        .with_layers(app)
}

async fn post(world: &World, path: &str, kind: &str, body: String) -> Answer {
    let request = Request::post(path).header("content-type", kind);
    world.send(request.body(Body::from(body)).unwrap()).await
}

/// RFC 6749 §5.2
fn is_oauth(answer: &Answer, status: u16, code: &str) {
    let place = format!("{answer:?}");
    assert_eq!(answer.status, status, "{place}");
    assert_eq!(answer.header("content-type"), "application/json", "{place}");
    assert_eq!(answer.header("cache-control"), "no-store", "{place}");
    let body = answer.json();
    assert_eq!(body["error"], code, "{place}");
    assert!(
        body["error_description"].as_str().is_some_and(|text| !text.is_empty()),
        "{place}"
    );
    assert!(!answer.text().contains("Bakker"));
}

#[tokio::test]
async fn c03_every_error_of_the_fhir_api_is_an_operation_outcome() {
    let world = World::with_routes(broken).await;
    world.observation("a", "a1", 1).await;
    let token = world.client("a", "patient/Observation.rs").await;
    let long = format!("/topaz/fhir/Observation?_id={}", "x".repeat(9_000));
    let xml = [("accept", "application/fhir+xml")];
    for (method, path, token, headers, status, code) in [
        (
            Method::GET,
            "/topaz/fhir/Observation?date=soup",
            &*token,
            &[][..],
            400,
            "invalid",
        ),
        (Method::GET, "/topaz/fhir/Observation/a1", "", &[], 401, "login"),
        (Method::GET, "/topaz/fhir/Observation/a1", "wrong", &[], 401, "login"),
        (Method::GET, "/topaz/fhir/Goal/a1", &token, &[], 403, "forbidden"),
        (
            Method::GET,
            "/topaz/fhir/Observation/none",
            &token,
            &[],
            404,
            "not-found",
        ),
        (Method::GET, "/topaz/fhir/a/b/c/d/e/f", "", &[], 404, "not-found"),
        (Method::GET, "/nobody/fhir/Observation", "", &[], 404, "not-found"),
        (Method::GET, "/nobody/fhir/metadata", "", &[], 404, "not-found"),
        (
            Method::PUT,
            "/topaz/fhir/Observation/a1",
            &token,
            &[],
            405,
            "not-supported",
        ),
        (Method::DELETE, "/topaz/fhir/metadata", "", &[], 405, "not-supported"),
        (
            Method::TRACE,
            "/topaz/fhir/Observation/a1",
            "",
            &[],
            405,
            "not-supported",
        ),
        (
            Method::GET,
            "/topaz/fhir/Observation/a1",
            &token,
            &xml,
            406,
            "not-supported",
        ),
        (
            Method::GET,
            "/topaz/fhir/metadata?_format=xml",
            "",
            &[],
            406,
            "not-supported",
        ),
        (Method::GET, &long, &token, &[], 414, "too-long"),
        (
            Method::GET,
            "/topaz/fhir/a/b/explode/at/once",
            "",
            &[],
            500,
            "exception",
        ),
    ] {
        let answer = world.with(method, path, token, headers).await;
        answer.outcome(status, code);
        assert!(!answer.text().contains("Bakker"));
    }
    let search = |kind: &'static str, body: String| {
        let request = Request::post("/topaz/fhir/Observation/_search")
            .header("content-type", kind)
            .header("authorization", format!("Bearer {token}"));
        world.send(request.body(Body::from(body)).unwrap())
    };
    search("application/fhir+json", "{}".to_owned())
        .await
        .outcome(415, "not-supported");
    search(FORM, "x".repeat(1_100_000)).await.outcome(413, "too-long");
    let _all = world.app.gate.fill();
    world
        .get("/topaz/fhir/Observation", &token)
        .await
        .outcome(503, "transient");
}

#[tokio::test]
async fn c03_every_error_of_the_oauth_endpoints_is_json_of_rfc_6749() {
    let world = World::with_routes(broken).await;
    for (method, path, token, status, code) in [
        (Method::GET, "/topaz/oauth/token", "", 405, "invalid_request"),
        (Method::PUT, "/topaz/oauth/introspect", "", 405, "invalid_request"),
        (Method::DELETE, "/topaz/oauth/revoke", "", 405, "invalid_request"),
        (Method::GET, "/topaz/oauth/par", "", 405, "invalid_request"),
        (Method::TRACE, "/topaz/oauth/token", "", 405, "invalid_request"),
        (Method::POST, "/topaz/oauth/jwks", "", 405, "invalid_request"),
        (Method::GET, "/topaz/oauth/userinfo", "", 401, "invalid_token"),
        (Method::GET, "/topaz/oauth/userinfo", "wrong", 401, "invalid_token"),
        (Method::POST, "/topaz/oauth/launch", "", 401, "invalid_token"),
        (Method::POST, "/topaz/oauth/launch", "wrong", 401, "invalid_token"),
        (Method::POST, "/nobody/oauth/token", "", 404, "invalid_request"),
        (Method::GET, "/nobody/oauth/userinfo", "", 404, "invalid_request"),
        (Method::GET, "/nobody/oauth/jwks", "", 404, "invalid_request"),
        (Method::POST, "/topaz/oauth/register", "", 404, "invalid_request"),
        (Method::GET, "/topaz/oauth/token/nothing", "", 404, "invalid_request"),
        (
            Method::GET,
            "/nobody/.well-known/openid-configuration",
            "",
            404,
            "invalid_request",
        ),
        (
            Method::GET,
            "/.well-known/oauth-authorization-server/nobody",
            "",
            404,
            "invalid_request",
        ),
        (
            Method::GET,
            "/nobody/fhir/.well-known/smart-configuration",
            "",
            404,
            "invalid_request",
        ),
        (
            Method::POST,
            "/topaz/fhir/.well-known/smart-configuration",
            "",
            405,
            "invalid_request",
        ),
        (Method::GET, "/topaz/oauth/token/explode", "", 500, "server_error"),
    ] {
        let answer = world.with(method, path, token, &[]).await;
        is_oauth(&answer, status, code);
    }
    for (path, kind, body, status, code) in [
        (
            "/topaz/oauth/token",
            "application/json",
            "{}".to_owned(),
            400,
            "invalid_request",
        ),
        (
            "/topaz/oauth/token",
            FORM,
            "grant_type=password".to_owned(),
            400,
            "unsupported_grant_type",
        ),
        (
            "/topaz/oauth/token",
            FORM,
            "x".repeat(1_100_000),
            400,
            "invalid_request",
        ),
        (
            "/topaz/oauth/revoke",
            "text/plain",
            "token=x".to_owned(),
            400,
            "invalid_request",
        ),
        (
            "/topaz/oauth/introspect",
            FORM,
            "token=x".to_owned(),
            401,
            "invalid_client",
        ),
        (
            "/topaz/oauth/launch",
            "application/json",
            "x".repeat(1_100_000),
            413,
            "invalid_request",
        ),
    ] {
        is_oauth(&post(&world, path, kind, body).await, status, code);
    }
    let _all = world.app.gate.fill();
    let full = post(&world, "/topaz/oauth/token", FORM, "grant_type=x".to_owned()).await;
    is_oauth(&full, 503, "temporarily_unavailable");
    assert_eq!(full.header("retry-after"), "5");
}

#[tokio::test]
async fn c02_an_app_in_a_browser_reads_errors_too_and_the_null_origin_nothing() {
    let world = World::with_routes(broken).await;
    world.observation("a", "a1", 1).await;
    let token = world.client("a", "patient/Observation.rs").await;
    world.get("/topaz/fhir/Observation/a1", &token).await;
    let asked = [
        (Method::GET, "/topaz/fhir/Observation?date=soup", &*token, 400),
        (Method::GET, "/topaz/fhir/Observation/a1", "", 401),
        (Method::GET, "/topaz/fhir/Goal/a1", &token, 403),
        (Method::GET, "/topaz/fhir/Observation/none", &token, 404),
        (Method::DELETE, "/topaz/fhir/Observation/a1", &token, 405),
        (Method::GET, "/topaz/fhir/a/b/explode/at/once", &token, 500),
        (Method::POST, "/topaz/oauth/token", "", 400),
        (Method::GET, "/topaz/oauth/token", "", 405),
        (Method::GET, "/topaz/oauth/userinfo", "", 401),
        (Method::GET, "/topaz/oauth/token/explode", "", 500),
    ];
    for (method, path, token, status) in asked {
        for (origin, reads) in [
            ("https://app.example", true),
            ("null", false),
            ("https://evil.example", false),
        ] {
            let answer = world.with(method.clone(), path, token, &[("origin", origin)]).await;
            assert_eq!(answer.status, status, "{path}");
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, if reads { origin } else { "" }, "{path} {origin}");
            let exposed = answer.header("access-control-expose-headers");
            assert_eq!(exposed.contains("WWW-Authenticate"), reads, "{path} {origin}");
            // A cookie of the login pages is never in play.
            assert!(
                answer.headers.get("access-control-allow-credentials").is_none(),
                "{path}"
            );
            assert!(answer.header("vary").contains("Origin"), "{path}");
        }
    }
    world.break_audit().await;
    let answer = world
        .with(
            Method::GET,
            "/topaz/fhir/Observation/a1",
            &token,
            &[("origin", "https://app.example")],
        )
        .await;
    answer.outcome(503, "transient");
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
}

#[tokio::test]
async fn d22_a16_every_page_of_the_login_carries_the_security_headers() {
    let world = World::new().await;
    let good = "response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid%20patient%2F*.rs\
                &aud=https%3A%2F%2Fgateway.example%2Ftopaz%2Ffhir&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
                &code_challenge_method=S256";
    let sent = world.get(&format!("/topaz/oauth/authorize?{good}"), "").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
    let login = sent.header("location").to_owned();
    // A16: a cookie of this host alone, that no script reads and no form of another site brings.
    let cookie = world.get(&login, "").await.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-ix-topaz="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let mut pages = vec![sent];
    for (path, status) in [
        (login.as_str(), 200),
        ("/topaz/login?request=unknown", 410),
        ("/topaz/oauth/authorize", 400),
        ("/topaz/oauth/form-post?request=x", 400),
        ("/topaz/oauth/logout", 200),
        ("/topaz/account", 200),
        ("/topaz/forgot", 200),
        ("/topaz/link?token=x", 410),
        ("/nobody/login", 404),
    ] {
        let page = world.get(path, "").await;
        assert_eq!(page.status, status, "{path}");
        pages.push(page);
    }
    for page in pages {
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{page:?}");
        }
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(page.header("permissions-policy").contains("camera=()"));
    }
}
