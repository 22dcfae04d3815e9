//! Caress over the web: its lists, its SOAP service for staff, its habits and its bad days.

use std::time::Duration;

use inzage::ecd::caress::web::{Limits, Settings, Staff, Web};
use inzage::ecd::mock::Mishaps;
use inzage::ecd::mock::caress::{Options, Running, USER, start};
use inzage::secret::Random;
use inzage::sync::Want;
use jiff::{SignedDuration, Timestamp};

use super::chain::House;
use super::*;

mod circle;

struct Served {
    mock: Running,
    population: Arc<Population>,
    _dir: tempfile::TempDir,
}

async fn served(list_time: Duration, mishaps: Mishaps) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let population = Arc::new(population());
    let options = options(&population, &dir, list_time, mishaps);
    serving(options, population, dir).await
}

fn options(population: &Arc<Population>, dir: &tempfile::TempDir, list_time: Duration, mishaps: Mishaps) -> Options {
    Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        population: Arc::clone(population),
        dir: dir.path().to_owned(),
        tenant: TENANT.to_owned(),
        clock: Clock::fixed(NOW.parse().unwrap()),
        random: Random::seeded(5),
        list_time,
        most: usize::MAX,
        mishaps,
    }
}

async fn serving(options: Options, population: Arc<Population>, dir: tempfile::TempDir) -> Served {
    Served {
        mock: start(options).await.unwrap(),
        population,
        _dir: dir,
    }
}

impl Served {
    fn web(&self, is_soap: bool, list: Duration) -> Web {
        self.web_up_to(is_soap, list, Limits::default().list_bytes)
    }

    /// The same that reads so many bytes of an answer.
    fn web_up_to(&self, is_soap: bool, list: Duration, list_bytes: usize) -> Web {
        let settings = Settings {
            base_url: self.mock.url.parse().unwrap(),
            ca_pem: self.mock.ca_pem.clone(),
            certificate_pem: self.mock.client_cert_pem.clone(),
            key_pem: self.mock.client_key_pem.clone(),
            username: USER.to_owned(),
            password: self.mock.password.clone(),
            staff: match is_soap {
                true => Staff::Soap {
                    password: self.mock.password.clone(),
                },
                false => Staff::Rest,
            },
            zone: TimeZone::get("Europe/Amsterdam").unwrap(),
            clock: Clock::fixed(NOW.parse().unwrap()),
            limits: Limits {
                list,
                list_bytes,
                attempts: 2,
                pause: Duration::from_millis(5),
                ..Limits::default()
            },
        };
        Web::new(
            settings,
            Arc::new(Contracts::builtin("caress").unwrap()),
            Random::seeded(6),
        )
        .unwrap()
    }
}

/// What the product has lists of.
const LISTED: [Kind; 11] = [
    Kind::Employee,
    Kind::CareProvider,
    Kind::Stay,
    Kind::Client,
    Kind::CareTeam,
    Kind::ContactRelation,
    Kind::CarePlan,
    Kind::AgendaOccurrence,
    Kind::Survey,
    Kind::SurveyResult,
    Kind::Report,
];

/// What it has no list of.
const NOWHERE: [Kind; 4] = [Kind::Insurer, Kind::Insurance, Kind::Subscription, Kind::TreatmentWish];

const LONG: Duration = Duration::from_secs(30);

/// Kind and key to body.
fn by_key(records: Vec<Record>) -> BTreeMap<(Kind, String), Value> {
    let listed = records.into_iter().filter(|it| LISTED.contains(&it.kind));
    listed.map(|it| ((it.kind, it.key), it.body)).collect()
}

fn whole(events: &[Event]) -> Vec<Kind> {
    let whole = events.iter().filter_map(|event| match event {
        Event::StreamComplete { kind } => Some(*kind),
        _ => None,
    });
    whole.collect()
}

#[tokio::test]
async fn over_the_web_come_the_same_records_as_out_of_a_drop() {
    let served = served(Duration::ZERO, Mishaps::default()).await;
    let clients = [served.population.cast().everything, served.population.cast().hospital];
    let drop = dropped(&served.population);
    let dropped = by_key(records(pulled(&connector(drop.path()), &clients).await.0));
    for is_soap in [false, true] {
        let (events, error) = pulled(&served.web(is_soap, LONG), &clients).await;
        assert_eq!(error, None);
        let (listed, others): (Vec<Kind>, Vec<Kind>) =
            whole(&events).into_iter().partition(|kind| LISTED.contains(kind));
        assert_eq!(listed, LISTED);
        assert_eq!(others, NOWHERE, "what has no list is not kept up");
        let over = by_key(records(events));
        assert_eq!(over.len(), dropped.len());
        for (key, body) in &dropped {
            let found = over.get(key).unwrap_or_else(|| panic!("{key:?} is not there"));
            if key.0 == Kind::Employee {
                for name in ["id", "Id", "Name", "Discipline"] {
                    assert_eq!(found.get(name), body.get(name), "{key:?}");
                }
            } else {
                assert_eq!(found, body, "{key:?}");
            }
        }
    }
    assert_eq!(served.mock.served.sessions(), 0, "every session is closed");
}

#[tokio::test]
async fn two_pulls_at_once_ask_one_after_the_other() {
    let served = served(Duration::from_millis(30), Mishaps::default()).await;
    let clients = [served.population.cast().everything];
    let (one, other) = (served.web(true, LONG), served.web(false, LONG));
    let (first, second) = tokio::join!(pulled(&one, &clients), pulled(&other, &clients));
    assert!(first.1.is_none() && second.1.is_none());
    assert!(served.mock.served.requests() > 15);
    assert_eq!(served.mock.served.beside(), 0);
}

#[tokio::test]
async fn a_list_that_takes_long_is_waited_for_up_to_a_limit() {
    let served = served(Duration::from_millis(400), Mishaps::default()).await;
    let clients = [served.population.cast().everything];
    assert_eq!(pulled(&served.web(false, LONG), &clients).await.1, None);
    let (events, error) = pulled(&served.web(false, Duration::from_millis(100)), &clients).await;
    assert!(
        events.is_empty() && matches!(error, Some(Error::Timeout { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_later_pull_asks_for_the_reports_that_changed() {
    let served = served(Duration::ZERO, Mishaps::default()).await;
    let client = served.population.cast().everything;
    let now: Timestamp = NOW.parse().unwrap();
    let reports = served.population.of(inzage::ecd::mock::Shelf::Reports, client);
    let key = reports.iter().find(|it| it["reportTypeId"] == 101).unwrap()["id"].to_string();
    served.population.write(now, |edit| {
        edit.change(inzage::ecd::mock::Shelf::Reports, &key, |it| {
            it["comment"] = "Nieuw.".into()
        })
    });
    let web = served.web(false, LONG);
    let mut stream = web.pull(Pull {
        clients: [client.to_string()].into(),
        reach: Reach::Since(now - SignedDuration::from_hours(1)),
        agenda: date(2026, 1, 1)..date(2027, 12, 1),
        mark: None,
        today: date(2026, 11, 22),
    });
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event.unwrap());
    }
    let complete = whole(&events);
    assert!(!complete.contains(&Kind::Report) && complete.contains(&Kind::CarePlan));
    let reports: Vec<_> = records(events)
        .into_iter()
        .filter(|it| it.kind == Kind::Report)
        .collect();
    assert_eq!(reports.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), [key]);
}

/// F13: answers that are none.
#[tokio::test]
async fn whatever_goes_wrong_with_every_answer_nothing_is_handed_on() {
    for fault in ["500", "429", "garbage", "half", "empty", "timeout", "wrong-certificate"] {
        let served = served(Duration::ZERO, format!("100:{fault}").parse().unwrap()).await;
        let clients = [served.population.cast().everything];
        for is_soap in [false, true] {
            let web = served.web(is_soap, Duration::from_millis(700));
            let (events, error) = pulled(&web, &clients).await;
            assert!(events.is_empty() && error.is_some(), "{fault}: {error:?}");
            assert!(web.ping().await.is_err(), "{fault}");
        }
    }
    for fault in ["duplicates", "disorder"] {
        let served = served(Duration::ZERO, format!("100:{fault}").parse().unwrap()).await;
        let clients = [served.population.cast().everything];
        let (events, error) = pulled(&served.web(false, LONG), &clients).await;
        assert_eq!(error, None, "{fault}");
        let drop = dropped(&served.population);
        let expected = by_key(records(pulled(&connector(drop.path()), &clients).await.0));
        let found = records(events);
        assert_eq!(found.len(), expected.len(), "{fault}: each record once");
        assert!(found.iter().all(|it| expected.contains_key(&(it.kind, it.key.clone()))));
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let served = served(Duration::ZERO, Mishaps::default()).await;
    let mut mock = served;
    mock.mock.password = inzage::secret::Secret::new("wrong".to_owned());
    let error = mock.web(false, LONG).ping().await.unwrap_err();
    assert!(matches!(error, Error::NotAdmitted { status: 401, .. }), "{error}");
}

#[tokio::test]
async fn on_bad_days_what_is_published_stays_as_it_is() {
    let good = served(Duration::ZERO, Mishaps::default()).await;
    let house = House::new(good.population.cast().everything).await;
    let report = house.sync_from(&good.web(false, LONG), Want::Everything).await.unwrap();
    assert!(report.is_complete(), "{report:#?}");
    let before = house.published().await;
    assert!(before.len() > 50);
    let mut bad = 0;
    for seed in 1..7 {
        let mishaps: Mishaps = "35:500,429,garbage,half,empty,duplicates,disorder".parse().unwrap();
        let served = served(Duration::ZERO, mishaps.seeded(seed)).await;
        let report = house
            .sync_from(&served.web(seed % 2 == 0, LONG), Want::Everything)
            .await;
        bad += usize::from(!report.is_ok_and(|report| report.is_complete()));
        assert_eq!(house.published().await, before, "seed {seed}");
    }
    assert!(bad > 0, "no day was bad");
    let report = house.sync_from(&good.web(false, LONG), Want::Everything).await.unwrap();
    assert!(
        report.is_complete() && report.stored == 0 && report.withdrawn == 0,
        "{report:#?}"
    );
}

#[tokio::test]
async fn what_drops_brought_and_the_web_has_no_list_of_goes_when_an_operator_says_so() {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_of("caress")) {
        assert!(
            LISTED.contains(&kind) != NOWHERE.contains(&kind),
            "{kind} would stay for ever, or go though it is listed"
        );
    }
    let served = served(Duration::ZERO, Mishaps::default()).await;
    let house = House::new(served.population.cast().everything).await;
    let drop = dropped(&served.population);
    house
        .sync_from(&connector(drop.path()), Want::Everything)
        .await
        .unwrap();
    let is_around = |name: &&String| ["CareTeam/", "Coverage/"].iter().any(|kind| name.starts_with(kind));
    // A product without any of the lists that we assume.
    for list in ["careproviders", "dossieraccess"] {
        served.mock.served.refuse(list, 404);
    }
    let of_drop = house.published().await;
    assert!(of_drop.keys().filter(is_around).count() > 1, "{:?}", of_drop.keys());

    house.clock.advance(SignedDuration::from_hours(1));
    let web = served.web(false, LONG);
    let report = house.sync_from(&web, Want::Everything).await.unwrap();
    let mut held: Vec<&str> = report.held_by_kind.keys().map(String::as_str).collect();
    held.sort_unstable();
    assert_eq!(
        held,
        [
            "care-provider",
            "care-team",
            "insurance",
            "insurer",
            "subscription",
            "treatment-wish"
        ],
        "{report:#?}"
    );
    assert_eq!(
        house.published().await.keys().filter(is_around).count(),
        of_drop.keys().filter(is_around).count()
    );
    house.let_go(&web).await;
    let now = house.published().await;
    assert_eq!(now.keys().filter(is_around).count(), 0, "{:?}", now.keys());
    assert!(now.len() > 50, "everything else is there");
    let report = house.sync_from(&web, Want::Everything).await.unwrap();
    assert!(report.is_complete() && report.withdrawn == 0, "{report:#?}");
}

/// Status and message of what the mock refuses, in the product's form.
#[tokio::test]
async fn the_mock_refuses_as_the_product_does() {
    let served = served(Duration::ZERO, Mishaps::default()).await;
    let mock = &served.mock;
    let own = (mock.client_cert_pem.as_str(), &mock.client_key_pem);
    let client = crate::support::tls::browser(&mock.ca_pem, Some(own)).unwrap();
    let good = mock.password.expose().as_str();
    for (path, password, status, message) in [
        ("clients?endDate=2200-01-01", "wrong", 401, "onjuist"),
        ("planets?endDate=2200-01-01", good, 404, "Onbekende lijst"),
        ("clients", good, 500, "Access violation at address"),
        (
            "clients?endDate=2200-01-01&modifiedSince=yesterday",
            good,
            500,
            "Access violation at address",
        ),
    ] {
        let get = client
            .get(format!("{}/{path}", mock.url))
            .basic_auth(USER, Some(password));
        let answer = get.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let body: serde_json::Value = answer.json().await.unwrap();
        let told = body["ErrorMessage"].as_str().unwrap_or_default();
        assert!(told.contains(message), "{path}: {body}");
    }
    // What is no SOAP, or no text at all, is bad input too, in SOAP's own form (SOAP 1.1 §6.2).
    for body in [&b"<not xml"[..], b"\xff\xfe"] {
        let url = format!("{}/soap/InvokableUserManagement/IinvUserManagement", mock.url);
        let post = client.post(url).basic_auth(USER, Some(good)).body(body.to_vec());
        let answer = post.send().await.unwrap();
        assert_eq!(answer.status(), 500);
        let told = answer.text().await.unwrap();
        assert!(told.contains("<faultstring>Access violation at address"), "{told}");
    }
}

#[tokio::test]
async fn a_list_that_is_too_big_for_the_product_is_an_error_and_brings_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let population = Arc::new(population());
    let mut options = options(&population, &dir, Duration::ZERO, Mishaps::default());
    options.most = 3;
    let served = serving(options, population, dir).await;
    let clients = [served.population.cast().everything];
    let (events, error) = pulled(&served.web(false, LONG), &clients).await;
    assert!(events.is_empty(), "{events:?}");
    let busy = matches!(&error, Some(Error::Busy { status: 500, .. }));
    assert!(busy, "{error:?}");
}

/// I8: a list that is longer than anybody reads is none, and so is the whole pull.
#[tokio::test]
async fn i8_an_answer_above_the_limit_is_none() {
    let served = served(Duration::ZERO, Mishaps::default()).await;
    let clients = [served.population.cast().everything];
    for is_soap in [false, true] {
        let (events, error) = pulled(&served.web_up_to(is_soap, LONG, 2_000), &clients).await;
        assert!(events.is_empty(), "{events:?}");
        let is_told = matches!(&error, Some(Error::TooLarge { limit: 2_000, .. }));
        assert!(is_told, "{error:?}");
        let (events, error) = pulled(&served.web(is_soap, LONG), &clients).await;
        assert!(error.is_none() && !events.is_empty(), "{error:?}");
    }
}
