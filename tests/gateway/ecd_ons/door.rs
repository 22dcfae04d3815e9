//! Who comes in, how many at once, and how the mock answers.

use super::*;
use crate::support::tls;
use rcgen::RsaKeySize;

#[tokio::test]
async fn a_fifth_parallel_request_gets_429_without_a_word_when_to_come_back() {
    let world = world_with(10, |_| (), |options| options.latency = Duration::from_millis(300)).await;
    let client = browser(&world, true);
    let url = format!("{}/ping", world.running.url);
    let answers = future::join_all((0..5).map(|_| client.get(&url).send())).await;
    let answers: Vec<reqwest::Response> = answers.into_iter().map(Result::unwrap).collect();
    let busy: Vec<&reqwest::Response> = answers.iter().filter(|answer| answer.status() == 429).collect();
    assert_eq!(busy.len(), 1);
    assert!(busy[0].headers().get("retry-after").is_none());
    // The connector waits and comes through.
    let others: Vec<_> = (0..4).map(|_| client.get(&url).send()).collect();
    let mut settings = world.settings();
    (settings.limits.pause, settings.limits.pause_most) = (Duration::from_millis(200), Duration::from_secs(1));
    let ons = connector(settings);
    let (_, ping) = future::join(future::join_all(others), ons.ping()).await;
    assert_eq!(ping, Ok(()));
}

/// A plain client with the mock's authority and, if wanted, the certificate that it admits.
pub(super) fn browser(world: &World, is_admitted: bool) -> reqwest::Client {
    let running = &world.running;
    let own = (running.client_cert_pem.as_str(), &running.client_key_pem);
    tls::browser(&running.ca_pem, is_admitted.then_some(own)).unwrap()
}

#[tokio::test]
async fn without_the_right_certificate_nobody_comes_in() {
    let world = world(10).await;
    let url = format!("{}/v0/xstream/clients/data", world.running.url);
    assert!(browser(&world, false).get(&url).send().await.is_err());

    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Authority::open(elsewhere.path()).unwrap().client().clone();
    let mut settings = world.settings();
    (settings.certificate_pem, settings.key_pem) = (stranger.certificate_pem, stranger.key_pem);
    let refused = connector(settings).ping().await;
    assert!(matches!(refused, Err(Error::Handshake { .. })), "{refused:?}");

    let known = Authority::open(world.tls.path())
        .unwrap()
        .issue("inzage-TE1002-other")
        .unwrap();
    let mut settings = world.settings();
    (settings.certificate_pem, settings.key_pem) = (known.certificate_pem, known.key_pem);
    assert_eq!(
        connector(settings).ping().await,
        Err(Error::NotAdmitted {
            path: "/ping",
            status: 403
        })
    );

    // nginx refuses one that the vendor would not have signed before anybody looks whose it is.
    let authority = Authority::open(world.tls.path()).unwrap();
    for (size, status) in [
        (RsaKeySize::_2048, 495),
        (RsaKeySize::_3072, 495),
        (RsaKeySize::_4096, 403),
    ] {
        let own = authority.issue_rsa("inzage-TE1002-rsa", size).unwrap();
        let mut settings = world.settings();
        (settings.certificate_pem, settings.key_pem) = (own.certificate_pem, own.key_pem);
        let path = "/ping";
        assert_eq!(
            connector(settings).ping().await,
            Err(Error::NotAdmitted { path, status })
        );
    }

    // The other way round: a server that another authority vouches for is not trusted.
    let mut settings = world.settings();
    settings.ca_pem = Authority::open(elsewhere.path()).unwrap().ca_pem().to_owned();
    let brought = bring(&connector(settings), pull(world.everyone(), Reach::Full)).await;
    assert!(
        matches!(brought.error, Some(Error::Handshake { .. })),
        "{:?}",
        brought.error
    );
}

#[tokio::test]
async fn the_address_may_be_a_number_unless_the_host_must_be_named() {
    let strict = world(10).await;
    assert_eq!(strict.connect().ping().await, Ok(()));
    let mut settings = strict.settings();
    settings.base_url = format!("https://{}", strict.running.address).parse().unwrap();
    assert!(connector(settings).ping().await.is_err());
    let loose = world_with(10, |_| (), |options| options.sni = Sni::Optional).await;
    let mut settings = loose.settings();
    settings.base_url = format!("https://{}/", loose.running.address).parse().unwrap();
    assert_eq!(connector(settings).ping().await, Ok(()));
}

#[tokio::test]
async fn the_mock_answers_as_the_product_does() {
    let world = world(10).await;
    let client = browser(&world, true);
    let get = |path: &str| client.get(format!("{}{path}", world.running.url)).send();
    let xml = client
        .get(format!("{}/v0/xstream/clients/data", world.running.url))
        .header("accept", "application/xml");
    assert_eq!(xml.send().await.unwrap().status(), 406);
    let answer = get("/v0/agenda/clients/10101/agenda_occurrences?to=2026-12-01")
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
    let error: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(error["errorResponseEntries"][0]["field"], "from");
    assert_eq!(
        get("/v0/xstream/reports/deletes?since=2026-01-01T00:00:00.000")
            .await
            .unwrap()
            .status(),
        404
    );
    assert_eq!(get("/v0/xstream/reports/updates").await.unwrap().status(), 400);
    assert_eq!(get("/t/clients").await.unwrap().status(), 404);
    let shared = world
        .population
        .get(Shelf::Clients, &world.population.cast().same_bsn[0].to_string())
        .unwrap();
    let by_bsn = format!(
        "/v0/administration/clients/by_bsn?bsn={}",
        shared["bsn"].as_str().unwrap()
    );
    assert_eq!(get(&by_bsn).await.unwrap().status(), 409);
    let page: serde_json::Value = get("/v0/administration/dossier/reports/search_by_client?client_id=10101&limit=3")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(page["reports"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() {
    let world = world(10).await;
    let try_with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = world.settings();
        change(&mut settings);
        match Ons::new(
            settings,
            Arc::new(Contracts::builtin("ons").unwrap()),
            Random::seeded(1),
        ) {
            Err(Error::Setting { setting, .. }) => setting,
            _ => "none",
        }
    };
    assert_eq!(
        try_with(&|s| s.base_url = "http://127.0.0.1:1".parse().unwrap()),
        "base_url"
    );
    assert_eq!(try_with(&|s| s.ca_pem = String::new()), "ca_pem");
    assert_eq!(try_with(&|s| s.certificate_pem = "x".to_owned()), "certificate_pem");
    assert_eq!(
        try_with(&|s| s.key_pem = inzage::secret::Secret::new("x".to_owned())),
        "key_pem"
    );
    assert_eq!(try_with(&|s| s.limits.overlap = Duration::from_secs(60)), "overlap");
}

/// A server that knows our certificate, with these routes.
pub(super) async fn instead(world: &World, router: axum::Router) -> Settings {
    let authority = Authority::open(world.tls.path()).unwrap();
    let pair = authority.server("127.0.0.1".parse().unwrap()).unwrap();
    let address = crate::support::tls::serve(router, &pair, authority.ca_pem()).await;
    let mut settings = world.settings();
    settings.base_url = format!("https://{address}").parse().unwrap();
    settings
}

#[tokio::test]
async fn every_request_says_who_we_are_and_who_acts() {
    use std::sync::Mutex;
    let world = world(10).await;
    let seen: Arc<Mutex<Vec<axum::http::HeaderMap>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let router = axum::Router::new().fallback(move |headers: axum::http::HeaderMap| {
        keep.lock().unwrap().push(headers);
        async { axum::Json(json!({"employees": [], "clients": []})) }
    });
    let mut settings = instead(&world, router).await;
    settings.user_agent = "inzage/1.0+https://organisation.example".to_owned();
    for (user, active) in [
        (None, None),
        (Some("portaal"), None),
        (Some("portaal"), Some("employee:7")),
    ] {
        seen.lock().unwrap().clear();
        settings.identity = user.map(|user_name: &str| inzage::ecd::ons::Identity {
            user_name: user_name.to_owned(),
            active_identity: active.map(str::to_owned),
        });
        let ons = connector(settings.clone());
        assert_eq!(ons.ping().await, Ok(()));
        bring(&ons, pull(["10101".to_owned()].into(), Reach::Full)).await;
        let all = seen.lock().unwrap().clone();
        assert!(all.len() > 2, "{}", all.len());
        for headers in all {
            let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(
                text("user-agent").as_deref(),
                Some("inzage/1.0+https://organisation.example")
            );
            assert_eq!(text("x-cupido-user-name").as_deref(), user);
            assert_eq!(text("x-cupido-active-identity").as_deref(), active);
        }
    }
}

/// I8: an ECD that redirects, to this machine or to anybody, is not followed.
#[tokio::test]
async fn i8_a_redirect_is_not_followed() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let world = world(10).await;
    let reached: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&reached);
    let canary = axum::Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { axum::Json(json!({"clients": [], "employees": [], "reports": []})) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, canary).await.unwrap() });
    for status in [301, 302, 303, 307, 308] {
        let place = place.clone();
        let router = axum::Router::new().fallback(move || {
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            let answer = (status, [("location", place.clone())]);
            async { answer }
        });
        let ons = connector(instead(&world, router).await);
        assert_eq!(ons.ping().await, Err(Error::Status { path: "/ping", status }));
        let brought = bring(&ons, pull(world.everyone(), Reach::Full)).await;
        assert!(brought.error.is_some(), "{status}: {brought:#?}");
        assert!(brought.streams.is_empty() && brought.complete.is_empty(), "{status}");
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0, "somebody followed");
}
