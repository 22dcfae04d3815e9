//! The limits as an app meets them.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;

use crate::config::{Limits, NetworkLimits};
use crate::http::world::{Answer, World};

const LIMITS: Limits = Limits {
    fhir_per_minute: 5,
    fhir_at_once: 4,
    fhir_per_app_per_hour: 12,
    token_per_minute: 3,
};
const NETWORK: NetworkLimits = NetworkLimits {
    per_minute: 20,
    unknown_tokens_per_minute: 3,
    connections: 10,
};

async fn ask(world: &World, peer: &str, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/x-www-form-urlencoded");
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
    request.extensions_mut().insert(ConnectInfo(peer));
    world.send(request).await
}

/// The statuses of `count` equal requests.
async fn statuses(count: usize, one: impl AsyncFn() -> Answer) -> Vec<u16> {
    let mut found = Vec::new();
    for _ in 0..count {
        found.push(one().await.status.as_u16());
    }
    found
}

#[tokio::test]
async fn a_person_with_an_app_has_so_many_fhir_requests_a_minute_wherever_they_come_from() {
    let world = World::limited(LIMITS, NETWORK).await;
    world.observation("a", "a1", 1).await;
    let (first, second) = (
        world.client("a", "patient/Observation.rs").await,
        world.client("a", "patient/Observation.rs").await,
    );
    let path = "/topaz/fhir/Observation/a1";
    let read = async |peer: &str, token: &str| ask(&world, peer, "GET", path, token, "").await;
    assert_eq!(statuses(3, async || read("192.0.2.1", &first).await).await, [200; 3]);
    assert_eq!(
        statuses(3, async || read("203.0.113.1", &second).await).await,
        [200, 200, 429],
        "a second token of the same person and app is no second allowance"
    );
    let refused = read("192.0.2.1", &first).await;
    refused.outcome(429, "throttled");
    assert_eq!(refused.header("retry-after"), "12");
    let lines = world.lines().await.len();

    let other = world.client("b", "patient/Observation.rs").await;
    assert_eq!(
        read("192.0.2.1", &other).await.status,
        404,
        "another person has an own allowance"
    );
    assert_eq!(world.lines().await.len(), lines + 1);
    world.clock.advance(jiff::SignedDuration::from_secs(12));
    assert_eq!(statuses(2, async || read("192.0.2.1", &first).await).await, [200, 429]);
}

#[tokio::test]
async fn an_app_has_so_many_for_everybody() {
    let world = World::limited(LIMITS, NETWORK).await;
    let mut all = Vec::new();
    for patient in ["a", "b", "c"] {
        let token = world.client(patient, "patient/Observation.rs").await;
        all.extend(
            statuses(5, async || {
                ask(&world, "192.0.2.1", "GET", "/topaz/fhir/Observation", &token, "").await
            })
            .await,
        );
    }
    assert_eq!(all[..12], [200; 12]);
    assert_eq!(all[12..], [429; 3]);
}

#[tokio::test]
async fn tokens_that_open_nothing_are_soon_not_even_looked_up() {
    let world = World::limited(LIMITS, NETWORK).await;
    let path = "/topaz/fhir/Observation/a1";
    let guess = async |peer: &str| ask(&world, peer, "GET", path, "guessed", "").await;
    let found = statuses(5, async || guess("2001:db8::1").await).await;
    assert_eq!(found, [401, 401, 401, 429, 429]);
    assert_eq!(world.lines().await.len(), 3, "and fill no audit log");
    assert_eq!(guess("2001:db8::ffff:1").await.status, 429, "the same /64");
    assert_eq!(guess("2001:db8:0:1::1").await.status, 401);
    guess("2001:db8::1").await.outcome(429, "throttled");
}

#[tokio::test]
async fn the_token_endpoint_counts_an_app_and_a_network_and_answers_in_its_own_words() {
    let world = World::limited(LIMITS, NETWORK).await;
    let ask_as = async |peer: &str, client: &str| {
        let body = format!("grant_type=refresh_token&refresh_token=x&client_id={client}");
        ask(&world, peer, "POST", "/topaz/oauth/token", "", &body).await
    };
    let found = statuses(5, async || ask_as("192.0.2.1", "app").await).await;
    assert_eq!(found, [400, 400, 400, 429, 429]);
    let refused = ask_as("192.0.2.200", "app").await;
    assert_eq!(refused.status, 429, "the same /24");
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), "20");
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(ask_as("203.0.113.1", "app").await.status, 400, "another network");
    assert_eq!(ask_as("192.0.2.1", "other").await.status, 401, "another app");
}

#[tokio::test]
async fn devices_that_wait_what_is_pushed_and_questions_about_tokens_have_bounds_of_their_own() {
    let world = World::limited(LIMITS, NETWORK).await;
    let device = "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=x&client_id=app";
    let refresh = "grant_type=refresh_token&refresh_token=x&client_id=app";
    let token = "client_id=app&token=x";
    let all = [
        ("/topaz/oauth/token", device, 400),
        ("/topaz/oauth/token", refresh, 400),
        ("/topaz/oauth/par", "client_id=app", 400),
        ("/topaz/oauth/revoke", token, 200),
        ("/topaz/oauth/introspect", token, 401),
    ];
    for (at, (path, body, status)) in all.into_iter().enumerate() {
        // Nothing of this reaches the bound of a network but for the first two, whose bounds are kept apart.
        let peer = format!("192.0.{}.1", 2 + at.saturating_sub(1));
        let found = statuses(5, async || ask(&world, &peer, "POST", path, "", body).await).await;
        assert_eq!(found, [status, status, status, 429, 429], "{path} {body}");
        let refused = ask(&world, &peer, "POST", path, "", body).await;
        assert_eq!(refused.json()["error"], "temporarily_unavailable", "{path}");
        assert_eq!(refused.header("retry-after"), "20", "{path}");
    }
}

#[tokio::test]
async fn a_network_has_so_many_requests_without_a_token() {
    let world = World::limited(LIMITS, NETWORK).await;
    world.observation("a", "a1", 1).await;
    let token = world.client("a", "patient/Observation.rs").await;
    let page = async |peer: &str| ask(&world, peer, "GET", "/topaz/login", "", "").await;
    let found = statuses(22, async || page("192.0.2.1").await).await;
    assert_eq!(found.iter().filter(|status| **status == 429).count(), 2, "{found:?}");
    let refused = page("192.0.2.9").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "3");
    assert!(refused.text().contains("wait 3 seconds"), "{}", refused.text());
    assert_eq!(page("192.0.3.1").await.status.as_u16(), found[0]);
    let read = ask(&world, "192.0.2.1", "GET", "/topaz/fhir/Observation/a1", &token, "").await;
    assert_eq!(
        read.status, 200,
        "whoever has a token is not kept out by the neighbours"
    );
}

/// A request from 192.0.2.1 with these Authorization headers and the origin of a page of the registered app.
async fn with_headers(world: &World, method: &str, path: &str, authorizations: &[&str]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("origin", "https://app.example");
    for value in authorizations {
        request = request.header("authorization", *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let peer: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    world.send(request).await
}

#[tokio::test]
async fn what_only_looks_like_a_token_is_counted_like_one_that_opens_nothing() {
    let read = "/topaz/fhir/Observation/a1";
    let in_url = "/topaz/fhir/Observation/a1?access_token=x";
    for (path, authorizations, status) in [
        (read, &["Basic eDp5"][..], 401),
        (read, &["Bearer"], 401),
        (read, &["Bearer a b"], 401),
        (read, &["Bearer a", "Bearer b"], 400),
        (in_url, &["Bearer a"], 400),
    ] {
        let world = World::limited(LIMITS, NETWORK).await;
        let one = async || with_headers(&world, "GET", path, authorizations).await;
        let found = statuses(5, one).await;
        assert_eq!(found, [status, status, status, 429, 429], "{authorizations:?}");
        let next = ask(&world, "192.0.2.1", "GET", read, "guessed", "").await;
        next.outcome(429, "throttled");
    }
}

#[tokio::test]
async fn a_header_that_nothing_reads_does_not_take_a_request_out_of_the_count_of_its_network() {
    let read = "/topaz/fhir/Observation/a1";
    for (method, path, status) in [
        ("GET", "/topaz/fhir/no/such/path/at/all", 404),
        ("DELETE", "/topaz/fhir", 405),
        ("GET", "/topaz/fhir/openapi.json", 200),
        ("GET", "/nowhere/fhir/Observation/a1", 404),
        ("PUT", read, 405),
        ("TRACE", read, 405),
    ] {
        let world = World::limited(LIMITS, NETWORK).await;
        world.observation("a", "a1", 1).await;
        let token = world.client("a", "patient/Observation.rs").await;
        let found = statuses(22, async || with_headers(&world, method, path, &["Basic eDp5"]).await).await;
        assert_eq!(found[..20], [status; 20], "{method} {path}");
        assert_eq!(found[20..], [429; 2], "{method} {path}");
        assert_eq!(
            ask(&world, "192.0.2.1", "GET", "/topaz/login", "", "").await.status,
            429
        );
        // Whoever has a token is not kept out by such neighbours.
        assert_eq!(ask(&world, "192.0.2.1", "GET", read, &token, "").await.status, 200);
    }
}

#[tokio::test]
async fn beyond_the_limit_the_database_is_not_asked_for_anything() {
    let read = "/topaz/fhir/Observation/a1";
    for (path, authorization, within) in [
        (read, "Bearer guessed", 3),
        (read, "Basic eDp5", 3),
        ("/topaz/fhir/no/such/path/at/all", "Basic eDp5", 20),
    ] {
        let world = World::limited(LIMITS, NETWORK).await;
        let one = async || with_headers(&world, "GET", path, &[authorization]).await;
        for _ in 0..within {
            let answer = one().await;
            assert_ne!(answer.status, 429);
            // That it is told shows that whose origin it is was looked up.
            assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
        }
        let beyond = one().await;
        assert_eq!(
            (beyond.status.as_u16(), beyond.header("access-control-allow-origin")),
            (429, "")
        );
        world.db().close().await;
        one().await.outcome(429, "throttled");
    }
}
