//! Who comes in, how many at once, and how the mock answers.

use super::*;

#[tokio::test]
async fn a_fifth_parallel_request_gets_429_without_a_word_when_to_come_back() {
    let world = world_with(10, |_| (), |options| options.latency = Duration::from_millis(300)).await;
    let client = browser(&world, Some(&world.running.client_cert_pem)).unwrap();
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

/// A plain client with the mock's authority and, if given, a certificate.
fn browser(world: &World, certificate: Option<&str>) -> Result<reqwest::Client, rustls::Error> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(world.running.ca_pem.as_bytes()).unwrap())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match certificate {
        None => config.with_no_client_auth(),
        Some(pem) => config.with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(world.running.client_key_pem.expose().as_bytes()).unwrap(),
        )?,
    };
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .build()
        .unwrap())
}

#[tokio::test]
async fn without_the_right_certificate_nobody_comes_in() {
    let world = world(10).await;
    let url = format!("{}/v0/xstream/clients/data", world.running.url);
    assert!(browser(&world, None).unwrap().get(&url).send().await.is_err());

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
    let strict = world_with(10, |_| (), |options| options.sni = Sni::Required).await;
    assert_eq!(strict.connect().ping().await, Ok(()));
    let mut settings = strict.settings();
    settings.base_url = format!("https://{}", strict.running.address).parse().unwrap();
    assert!(connector(settings).ping().await.is_err());
    let loose = world(10).await;
    let mut settings = loose.settings();
    settings.base_url = format!("https://{}/", loose.running.address).parse().unwrap();
    assert_eq!(connector(settings).ping().await, Ok(()));
}

#[tokio::test]
async fn the_mock_answers_as_the_product_does() {
    let world = world(10).await;
    let client = browser(&world, Some(&world.running.client_cert_pem)).unwrap();
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
