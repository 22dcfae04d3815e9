//! The connector to Ons against the mock, over real TLS with client certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, future};
use inzage::clock::Clock;
use inzage::ecd::contract::Contracts;
use inzage::ecd::mock::ons::{Authority, Fault, Options, Running, Sni, start};
use inzage::ecd::mock::{Population, Shape, Shelf};
use inzage::ecd::ons::{Ons, Settings};
use inzage::ecd::{Connector as _, Error, Event, Kind, Pull, Reach, Record, Spent};
use inzage::secret::Random;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// A mock, the people in it, and the clock of both.
struct World {
    running: Running,
    population: Arc<Population>,
    clock: Clock,
    tls: tempfile::TempDir,
}

async fn world_with(clients: usize, change: impl FnOnce(&mut Shape), options: impl FnOnce(&mut Options)) -> World {
    let mut shape = Shape::new(clients, 5, date(2026, 11, 22));
    (shape.report_days, shape.agenda_days) = (20, (5, 15));
    change(&mut shape);
    let population = Arc::new(Population::of_shape(&shape));
    let clock = Clock::fixed("2026-11-22T06:00:00Z".parse().unwrap());
    let tls = tempfile::tempdir().unwrap();
    let mut chosen = Options::new(
        "127.0.0.1:0".parse().unwrap(),
        Arc::clone(&population),
        tls.path().to_owned(),
        clock.clone(),
    );
    options(&mut chosen);
    World {
        running: start(chosen).await.unwrap(),
        population,
        clock,
        tls,
    }
}

async fn world(clients: usize) -> World {
    world_with(clients, |_| (), |_| ()).await
}

impl World {
    fn settings(&self) -> Settings {
        let running = &self.running;
        let mut settings = Settings::new(
            running.url.parse().unwrap(),
            running.ca_pem.clone(),
            running.client_cert_pem.clone(),
            running.client_key_pem.clone(),
        );
        settings.limits.pause = Duration::from_millis(5);
        settings.limits.pause_most = Duration::from_millis(20);
        settings.limits.attempts = 3;
        settings
    }

    fn connect(&self) -> Ons {
        connector(self.settings())
    }

    fn everyone(&self) -> BTreeSet<String> {
        self.population
            .all(Shelf::Clients)
            .iter()
            .map(|client| client["id"].to_string())
            .collect()
    }
}

fn connector(settings: Settings) -> Ons {
    Ons::new(
        settings,
        Arc::new(Contracts::builtin("ons").unwrap()),
        Random::seeded(1),
    )
    .unwrap()
}

fn pull(clients: BTreeSet<String>, reach: Reach) -> Pull {
    Pull {
        clients,
        reach,
        agenda: date(2026, 11, 1)..date(2027, 1, 1),
    }
}

/// What a pull brought, sorted by sort.
#[derive(Debug, Default)]
struct Brought {
    order: Vec<Kind>,
    records: BTreeMap<Kind, BTreeMap<String, Record>>,
    bad: Vec<(Kind, Option<String>, String)>,
    deleted: Vec<(Kind, String)>,
    outside: Vec<(Kind, String)>,
    complete: BTreeSet<(Kind, String)>,
    streams: BTreeSet<Kind>,
    failed: Vec<(Kind, Option<String>, Error)>,
    spent: Option<Spent>,
    error: Option<Error>,
}

impl Brought {
    fn of(&self, kind: Kind) -> Vec<&Record> {
        self.records.get(&kind).into_iter().flat_map(BTreeMap::values).collect()
    }
}

async fn bring(ons: &Ons, pull: Pull) -> Brought {
    let mut brought = Brought::default();
    let mut events = ons.pull(pull);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Record(record)) => {
                if brought.order.last() != Some(&record.kind) {
                    brought.order.push(record.kind);
                }
                let twice = brought
                    .records
                    .entry(record.kind)
                    .or_default()
                    .insert(record.key.clone(), record);
                assert!(twice.is_none(), "a record came twice");
            }
            Ok(Event::Bad(bad)) => brought.bad.push((bad.kind, bad.key, bad.pointer)),
            Ok(Event::Deleted { kind, key }) => brought.deleted.push((kind, key)),
            Ok(Event::Outside { kind, key }) => brought.outside.push((kind, key)),
            Ok(Event::Complete { kind, client }) => assert!(brought.complete.insert((kind, client))),
            Ok(Event::StreamComplete { kind }) => assert!(brought.streams.insert(kind)),
            Ok(Event::Failed { kind, client, error }) => brought.failed.push((kind, client, error)),
            Ok(Event::Spent(spent)) => brought.spent = Some(spent),
            Err(error) => brought.error = Some(error),
        }
    }
    brought
}

#[tokio::test]
async fn a_full_pull_brings_the_dossiers_of_the_clients_asked_for_and_no_others() {
    let world = world(14).await;
    let cast = world.population.cast().clone();
    let wanted: BTreeSet<String> = [cast.everything, cast.pair[0], cast.departed]
        .map(|id| id.to_string())
        .into();
    let brought = bring(&world.connect(), pull(wanted.clone(), Reach::Full)).await;

    assert_eq!(
        (&brought.error, &brought.failed[..], &brought.bad[..]),
        (&None, &[][..], &[][..])
    );
    for (shelf, kind) in [
        (Shelf::Relations, Kind::ContactRelation),
        (Shelf::CarePlans, Kind::CarePlan),
        (Shelf::Reports, Kind::Report),
    ] {
        let keys: BTreeSet<String> = wanted
            .iter()
            .flat_map(|id| world.population.of(shelf, id.parse().unwrap()))
            .map(|record| record["id"].to_string())
            .collect();
        let got: BTreeSet<String> = brought.of(kind).iter().map(|record| record.key.clone()).collect();
        assert_eq!(got, keys, "{kind}");
    }
    assert_eq!(brought.of(Kind::Client).len(), 3);
    assert_eq!(
        brought.of(Kind::Employee).len(),
        world.population.count(Shelf::Employees)
    );
    assert_eq!(
        brought.streams,
        BTreeSet::from([Kind::Employee, Kind::Client, Kind::ContactRelation, Kind::Report])
    );
    for client in &wanted {
        assert!(brought.complete.contains(&(Kind::CarePlan, client.clone())));
        assert!(brought.complete.contains(&(Kind::AgendaOccurrence, client.clone())));
    }
    assert_eq!(
        brought.order[..3],
        [Kind::Employee, Kind::Client, Kind::ContactRelation]
    );
    assert_eq!(brought.order.last(), Some(&Kind::Report));
    assert_eq!(brought.spent.unwrap().throttled, 0);
}

#[tokio::test]
async fn records_come_repaired_and_joined() {
    let world = world(14).await;
    let cast = world.population.cast().clone();
    let wanted = [cast.everything, cast.pair[0]].map(|id| id.to_string()).into();
    let brought = bring(&world.connect(), pull(wanted, Reach::Full)).await;

    let reports = brought.of(Kind::Report);
    let escaped = reports
        .iter()
        .find(|r| r.body["comment"].as_str().unwrap().starts_with("RR <"))
        .unwrap();
    assert!(
        escaped.body["comment"]
            .as_str()
            .unwrap()
            .contains("café-muziek en zei: \"Dat helpt mij\"")
    );
    assert!(
        reports
            .iter()
            .all(|r| r.body.get("carenId").is_some() || r.body["employee"]["name"].is_string())
    );
    assert!(
        reports
            .iter()
            .all(|r| r.version.len() == "2026-11-20T11:00:00.000000Z".len())
    );
    assert!(
        brought
            .of(Kind::CarePlan)
            .iter()
            .all(|plan| plan.body["employee"]["name"].is_string())
    );

    let contact = &brought.records[&Kind::ContactRelation][&cast.first_contact.to_string()];
    assert!(contact.body["addresses"][0]["email"].is_string());
    for secret in ["residenceAccessInfo", "comments", "bsn", "freeField1"] {
        for record in brought
            .of(Kind::ContactRelation)
            .into_iter()
            .chain(brought.of(Kind::Client))
        {
            assert!(!record.body.to_string().contains(secret), "{secret}");
        }
    }

    // One occurrence of a group is one record for each client, and neither shows the other.
    let agenda = brought.of(Kind::AgendaOccurrence);
    let mut by_id: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in agenda {
        by_id
            .entry(record.body["id"].as_str().unwrap())
            .or_default()
            .push(record);
        let client = record.client.as_deref().unwrap();
        assert_eq!(record.body["clientId"].to_string(), client);
        assert_eq!(
            record.body["agendaClientInvitations"],
            json!([{"clientId": record.body["clientId"], "accepted": true}])
        );
    }
    assert!(by_id.values().any(|records| records.len() == 2));
}

#[tokio::test]
async fn a_later_pull_brings_what_changed_and_what_went_away() {
    let world = world(14).await;
    let cast = world.population.cast().clone();
    let wanted: BTreeSet<String> = [cast.everything, cast.pair[0]].map(|id| id.to_string()).into();
    let since = world.clock.now();
    let ons = world.connect();
    let quiet = bring(&ons, pull(wanted.clone(), Reach::Since(since))).await;
    for kind in [Kind::Employee, Kind::Client, Kind::ContactRelation, Kind::Report] {
        assert_eq!(quiet.of(kind), Vec::<&Record>::new(), "{kind}");
    }
    assert!(quiet.streams.is_empty());

    let reports = world.population.of(Shelf::Reports, cast.everything);
    let [hidden, moved] = [&reports[0], &reports[1]].map(|report| report["id"].to_string());
    let left = cast.pair[0].to_string();
    // Within the overlap and before the moment asked for: must not be lost.
    let earlier: Timestamp = since - SignedDuration::from_mins(12);
    world.population.write(earlier, |p| {
        assert!(p.change(Shelf::Reports, &hidden, |r| r["hidden"] = json!(true)))
    });
    world.clock.advance(SignedDuration::from_mins(30));
    world.population.write(world.clock.now(), |p| {
        assert!(p.change(Shelf::Reports, &moved, |r| r["clientId"] = json!(cast.hospital)));
        assert!(p.change(
            Shelf::Addresses,
            &(cast.first_contact * 10).to_string(),
            |a| a["city"] = json!("Urk")
        ));
        assert!(p.remove(Shelf::Clients, &left));
    });

    let brought = bring(&ons, pull(wanted, Reach::Since(since))).await;
    let report = brought.of(Kind::Report);
    assert_eq!(report.len(), 1);
    assert_eq!((&report[0].key, &report[0].body["hidden"]), (&hidden, &json!(true)));
    assert_eq!(brought.outside, [(Kind::Report, moved)]);
    assert_eq!(brought.deleted, [(Kind::Client, left.clone())]);
    let contact = brought.of(Kind::ContactRelation);
    assert_eq!(contact.len(), 1);
    assert_eq!(contact[0].body["addresses"][0]["city"], "Urk");
    assert_eq!(contact[0].version, "2026-11-22T06:30:00.000000Z");
    // A client who is gone has no lists: failed, not complete.
    assert!(!brought.complete.contains(&(Kind::CarePlan, left.clone())));
    assert!(
        brought
            .failed
            .iter()
            .all(|(_, client, _)| client.as_ref() == Some(&left))
    );
    assert_eq!(brought.failed.len(), 2);
}

#[tokio::test]
async fn a_stream_that_breaks_is_never_complete() {
    for fault in [Fault::Break(70_000), Fault::Cut(70_001)] {
        let world = world(14).await;
        world.running.faults.add("/v0/xstream/reports/data", fault, 1);
        let brought = bring(&world.connect(), pull(world.everyone(), Reach::Full)).await;
        assert!(!brought.of(Kind::Report).is_empty());
        assert!(!brought.streams.contains(&Kind::Report), "{fault:?}");
        let path = "/v0/xstream/reports/data";
        assert_eq!(brought.failed, [(Kind::Report, None, Error::Truncated { path })]);
        assert!(brought.spent.is_some());
    }
}

#[tokio::test]
async fn a_page_for_people_is_not_an_empty_list() {
    let world = world(10).await;
    let client = world.population.cast().everything.to_string();
    world.running.faults.add("/v0/xstream/clients/data", Fault::Page, 1);
    world.running.faults.add("/v0/agenda/", Fault::MediaType, 1);
    world
        .running
        .faults
        .add("/v0/administration/dossier/care_plans", Fault::Cut(50), 9);
    let brought = bring(&world.connect(), pull([client.clone()].into(), Reach::Full)).await;
    let kinds: Vec<Kind> = brought.failed.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [Kind::Client, Kind::CarePlan, Kind::AgendaOccurrence]);
    assert!(matches!(&brought.failed[0].2, Error::NotJson { found, .. } if found == "text/html"));
    assert!(matches!(&brought.failed[1].2, Error::Truncated { .. }));
    assert_eq!(brought.complete, BTreeSet::new());
    assert!(!brought.streams.contains(&Kind::Client) && brought.streams.contains(&Kind::Report));
}

#[tokio::test]
async fn a_list_that_breaks_once_is_asked_for_again() {
    let world = world(10).await;
    let client = world.population.cast().everything.to_string();
    world
        .running
        .faults
        .add("/v0/administration/dossier/care_plans", Fault::Break(50), 1);
    world.running.faults.add("/v0/agenda/", Fault::Status(503), 1);
    let brought = bring(&world.connect(), pull([client].into(), Reach::Full)).await;
    assert_eq!((brought.failed.len(), brought.complete.len()), (0, 2));
}

#[tokio::test]
async fn employees_that_cannot_be_read_end_the_pull() {
    let world = world(10).await;
    world.running.faults.add("/v0/xstream/employees", Fault::Status(500), 9);
    let brought = bring(&world.connect(), pull(world.everyone(), Reach::Full)).await;
    let path = "/v0/xstream/employees/data";
    assert_eq!(
        brought.error,
        Some(Error::Busy {
            path,
            status: 500,
            attempts: 3
        })
    );
    assert!(brought.records.is_empty() && brought.streams.is_empty());
}

#[tokio::test]
async fn a_bad_record_is_told_and_the_rest_goes_on() {
    let world = world(10).await;
    let client = world.population.cast().everything;
    let key = world.population.of(Shelf::Reports, client)[3]["id"].to_string();
    let plan = world.population.of(Shelf::CarePlans, client)[0]["id"].to_string();
    world.population.write(world.clock.now(), |p| {
        p.change(Shelf::Reports, &key, |r| r["reportingDate"] = json!("gisteren"));
        p.change(Shelf::CarePlans, &plan, |r| r["status"] = json!("CONCEPT"));
    });
    let brought = bring(&world.connect(), pull([client.to_string()].into(), Reach::Full)).await;
    assert_eq!(
        brought.bad,
        [
            (Kind::CarePlan, Some(plan), "/status".to_owned()),
            (Kind::Report, Some(key), "/reportingDate".to_owned())
        ]
    );
    assert_eq!(
        brought.of(Kind::Report).len(),
        world.population.of(Shelf::Reports, client).len() - 1
    );
    assert!(brought.streams.contains(&Kind::Report));
}

#[tokio::test]
async fn two_hundred_clients_are_pulled_without_one_429() {
    let world = world_with(
        200,
        |shape| (shape.report_days, shape.agenda_days) = (2, (1, 3)),
        |options| options.latency = Duration::from_millis(2),
    )
    .await;
    // Two connectors with one certificate, as two tenants of a demo: together they have four permits.
    let (one, two) = (world.connect(), world.connect());
    let pulls = [&one, &two].map(|ons| bring(ons, pull(world.everyone(), Reach::Full)));
    for brought in future::join_all(pulls).await {
        assert_eq!((brought.complete.len(), brought.failed.len()), (400, 0));
        assert_eq!(brought.spent.unwrap().throttled, 0);
    }
    assert_eq!(world.running.served.throttled(), 0);
    assert!(world.running.served.requests() > 800);
}

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
