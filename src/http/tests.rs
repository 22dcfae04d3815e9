//! The edge: what every answer carries, and what happens to requests that are too large, too slow, too many or broken.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::App;
use super::router::WithLayers as _;
use super::world::World;
use crate::audit::Origin;

fn broken(app: App) -> Router {
    async fn explode() {
        panic!("a secret of mevrouw Bakker");
    }
    Router::new()
        .route("/{tenant}/fhir/explode", get(explode))
        .route("/{tenant}/explode", get(explode))
        .route("/{tenant}/page", get(|| async { "x".repeat(10_000) }))
        .with_layers(app)
}

#[tokio::test]
async fn every_class_of_answer_carries_the_security_headers() {
    let world = World::new().await;
    world.observation("a", "a1", 1).await;
    let token = world.client("a", "patient/Observation.rs").await;
    let known = [("if-none-match", "W/\"1\"")];
    let mut answers = vec![
        world
            .with(Method::GET, "/topaz/fhir/Observation/a1", &token, &known)
            .await,
        world
            .with(Method::TRACE, "/topaz/fhir/Observation/a1", &token, &[])
            .await,
    ];
    for path in [
        "/topaz/fhir/metadata",
        "/topaz/fhir/Observation/a1",
        "/topaz/fhir/Observation?date=soup",
        "/topaz/fhir/Observation/x",
        "/topaz/fhir/Goal",
        "/.env",
        "/metrics",
        "/",
    ] {
        answers.push(world.get(path, &token).await);
    }
    answers.push(world.get("/topaz/fhir/Observation/a1", "").await);
    world.break_audit().await;
    answers.push(world.get("/topaz/fhir/Observation/a1", &token).await);
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [304, 405, 200, 200, 400, 404, 403, 404, 404, 404, 401, 503]);

    let mut ids = Vec::new();
    for answer in &answers {
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.header(name), value, "{answer:?}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"));
        assert!(!answer.header("cache-control").is_empty());
        assert!(!answer.header("cross-origin-resource-policy").is_empty());
        assert!(!answer.header("vary").is_empty());
        assert!(answer.headers.get("server").is_none());
        ids.push(answer.header("x-request-id").to_owned());
    }
    assert!(
        ids.iter()
            .all(|id| uuid::Uuid::parse_str(id).unwrap().get_version_num() == 7)
    );
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), answers.len());
}

#[tokio::test]
async fn f35_a_panic_is_one_answer_that_tells_nothing_but_its_id() {
    let world = World::with_routes(broken).await;
    let answer = world.get("/topaz/fhir/explode", "").await;
    answer.outcome(500, "exception");
    assert!(answer.text().contains(answer.header("x-request-id")));
    assert!(!answer.text().contains("Bakker"));
    let page = world.get("/topaz/explode", "").await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (500, "text/plain; charset=utf-8")
    );
    assert!(!page.text().contains("Bakker"));
}

#[tokio::test]
async fn a_gateway_that_is_full_sheds() {
    let world = World::with_routes(broken).await;
    let _all = world.app.gate.fill();
    world.get("/topaz/fhir/explode", "").await.outcome(503, "transient");
}

#[tokio::test]
async fn c01_c23_only_pages_of_registered_apps_read_data() {
    let world = World::new().await;
    world.observation("a", "a1", 1).await;
    let token = world.client("a", "patient/*.rs").await;
    let good = [("origin", "https://app.example")];
    for (path, token) in [
        ("/topaz/fhir/Observation/a1", &*token),
        ("/topaz/fhir/Observation/x", &*token),
        ("/topaz/fhir/Observation/a1", ""),
        ("/topaz/fhir/no/such/path/at/all", ""),
    ] {
        let answer = world.with(Method::GET, path, token, &good).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            "https://app.example",
            "{path}"
        );
        assert!(
            answer
                .header("access-control-expose-headers")
                .contains("WWW-Authenticate")
        );
        assert!(answer.headers.get("access-control-allow-credentials").is_none());
        assert!(answer.header("vary").contains("Origin"));
        for evil in ["https://evil.example", "null", "https://app.example.evil", ""] {
            let answer = world.with(Method::GET, path, token, &[("origin", evil)]).await;
            assert!(
                answer.headers.get("access-control-allow-origin").is_none(),
                "{path} {evil}"
            );
        }
    }
    for page in ["/topaz/oauth/authorize", "/topaz/login", "/"] {
        let answer = world.with(Method::GET, page, "", &good).await;
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{page}");
    }
}

#[tokio::test]
async fn a_preflight_says_what_may_be_sent() {
    let world = World::new().await;
    let asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = world.with(Method::OPTIONS, "/topaz/fhir/Observation", "", &asked).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    // A page may send what its library does: some say that nothing of an answer may come out of a cache.
    for name in ["Authorization", "Content-Type", "Cache-Control"] {
        assert!(answer.header("access-control-allow-headers").contains(name), "{name}");
    }
    assert!(answer.header("access-control-allow-methods").contains("GET"));
    let evil = [("origin", "https://evil.example"), asked[1]];
    let answer = world.with(Method::OPTIONS, "/topaz/fhir/Observation", "", &evil).await;
    assert!(answer.headers.get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn only_large_fhir_answers_are_compressed() {
    let world = World::new().await;
    for day in 1..=20 {
        world.observation("a", &format!("a{day}"), day).await;
    }
    let token = world.client("a", "patient/*.rs").await;
    let gzip = [("accept-encoding", "gzip")];
    let answer = world.with(Method::GET, "/topaz/fhir/Observation", &token, &gzip).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut plain = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut plain).unwrap();
    assert_eq!(plain, world.get("/topaz/fhir/Observation", &token).await.text());
    let small = world
        .with(Method::GET, "/topaz/fhir/Observation/a1", &token, &gzip)
        .await;
    assert_eq!(small.header("content-encoding"), "");

    let pages = World::with_routes(broken).await;
    let page = pages.with(Method::GET, "/topaz/page", "", &gzip).await;
    assert_eq!((page.status, page.header("content-encoding")), (StatusCode::OK, ""));
}

/// What was logged, as bytes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn i5_the_log_names_routes_and_never_people_values_or_tokens() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone tracing asks the thread that first meets a callsite whether anybody listens, and remembers a
    // no from the thread of another test; with two it asks every subscriber.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    world.observation("person-a", "report-1", 1).await;
    let token = world.client("person-a", "patient/*.rs").await;
    let answer = world.get("/topaz/fhir/Observation/report-1", &token).await;
    for path in [
        "/topaz/fhir/Observation?identifier=999911120&patient=person-a",
        "/topaz/fhir/Observation?date=souptime",
        "/topaz/fhir/Observation?access_token=leakedtoken",
        "/mevrouw-bakker/fhir/Observation/report-1",
        "/topaz/mevrouw-bakker",
    ] {
        world.get(path, &token).await;
    }
    let method = Method::from_bytes(b"BAKKER").unwrap();
    world
        .with(
            method,
            "/topaz/fhir/Observation",
            &token,
            &[("user-agent", "mevrouw-bakker")],
        )
        .await;
    world.break_audit().await;
    world.get("/topaz/fhir/Observation/report-1", &token).await;
    drop(guard);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let answered = text.lines().filter(|line| line.contains("request answered")).count();
    assert_eq!(answered, 8, "{text}");
    assert!(text.contains(answer.header("x-request-id")));
    assert!(text.contains("/{tenant}/fhir/{kind}/{id}"));
    assert!(text.lines().any(|line| line.contains("\"ERROR\"")), "{text}");
    for private in [
        "person-a",
        "report-1",
        "999911120",
        "souptime",
        "leakedtoken",
        "bakker",
        "BAKKER",
        &token,
    ] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn connections_are_served_and_a_shutdown_lets_them_finish() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(super::serve(world.app.clone(), listener, None, async {
        let _ = stopped.await;
    }));
    let answer = exchange(
        address,
        "GET /topaz/fhir/metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("\r\nserver:"));
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(64 * 1024));
    let refused = exchange(address, &head).await;
    assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");

    let idle = TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), server)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn health_and_metrics_are_on_the_inside_only() {
    let world = World::with_routes(|app| super::inside::routes(app, None)).await;
    assert_eq!(world.get("/health/live", "").await.text(), "ok");
    assert_eq!(world.get("/health/ready", "").await.status, StatusCode::OK);
    assert_eq!(world.get("/metrics", "").await.status, StatusCode::OK);
    world.db().close().await;
    assert_eq!(
        world.get("/health/ready", "").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(world.get("/health/live", "").await.status, StatusCode::OK);

    let outside = World::new().await;
    for path in ["/health/live", "/health/ready", "/metrics", "/admin"] {
        assert_eq!(outside.get(path, "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_address_that_counts_is_the_clients_behind_a_trusted_proxy_and_the_peers_otherwise() {
    async fn echo(Extension(origin): Extension<Origin>, headers: HeaderMap) -> String {
        let told = headers.keys().any(|name| name.as_str().contains("forwarded"));
        format!("{} {told}", origin.network.unwrap())
    }
    let routes = |app| Router::new().route("/echo", get(echo)).with_layers(app);
    let world = World::with_routes(routes).await;
    for (peer, seen) in [
        ("10.0.0.1:99", "192.0.2.0/24 false"),
        ("203.0.113.7:99", "203.0.113.0/24 false"),
    ] {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        let mut request = axum::http::Request::builder()
            .uri("/echo")
            .header("x-forwarded-for", "198.51.100.1, 192.0.2.8")
            .header("forwarded", "for=198.51.100.1")
            .body(axum::body::Body::empty())
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        assert_eq!(world.send(request).await.text(), seen);
    }
}

#[test]
fn hsts_is_told_over_https_only() {
    for https in [true, false] {
        let mut headers = HeaderMap::new();
        super::headers::protect(&mut headers, super::area::Area::Page, https);
        assert_eq!(headers.contains_key("strict-transport-security"), https);
        assert!(headers.contains_key("content-security-policy"));
    }
}
