//! One key for two people in one answer: neither is believed, what was published stays, and somebody is told.

use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::{Report, Want};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::dossier::Dossiers;

const REPORTS: &str = "/v0/xstream/reports/data";
const CLIENTS: &str = "/v0/xstream/clients/data";

/// The stream of this shelf with one more line, before or behind the others.
fn with(dossiers: &Dossiers, shelf: Shelf, more: &Value, is_first: bool) -> Fault {
    let texts = dossiers.population.texts(shelf, None);
    let mut lines: Vec<String> = texts
        .iter()
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .collect();
    lines.insert(if is_first { 0 } else { lines.len() }, more.to_string());
    Fault::Instead(lines.join("\n") + "\n")
}

async fn quarantined(dossiers: &Dossiers) -> Vec<String> {
    let mut read = dossiers.store.db.read().await.unwrap();
    let lines = inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None);
    let lines = lines.await.unwrap();
    lines
        .into_iter()
        .map(|line| format!("{} {}: {}", line.kind, line.key, line.reason))
        .collect()
}

fn is_ordinary(report: &Value) -> bool {
    report["reportTypeId"] == 101
        && report["hidden"] == false
        && report["confidential"] == false
        && report["reportAuthorizations"].as_array().is_none_or(Vec::is_empty)
}

struct World {
    dossiers: Dossiers,
    clients: [u64; 2],
    /// An ordinary report of the first of them.
    report: Value,
    /// What it is published as.
    name: String,
}

impl World {
    async fn new() -> Self {
        let clients = [Cast::default().everything, Cast::default().hospital];
        let dossiers = Dossiers::new(10, &clients).await;
        let reports = dossiers.population.of(Shelf::Reports, clients[0]);
        let report = reports.iter().find(|report| is_ordinary(report));
        let report = report.expect("the client has one").clone();
        let name = format!("Observation/{}", dossiers.id("report", &report["id"].to_string()));
        Self {
            dossiers,
            clients,
            report,
            name,
        }
    }

    /// One run whose stream of this shelf has one more line.
    async fn sync(&self, path: &str, shelf: Shelf, more: &Value, is_first: bool) -> Report {
        self.dossiers
            .mock
            .faults
            .add(path, with(&self.dossiers, shelf, more, is_first), 1);
        let report = self.dossiers.sync(Want::Everything).await;
        self.dossiers.mock.faults.clear();
        report
    }
}

/// I8: duplicate ids for two persons.
#[tokio::test]
async fn i8_a_report_that_comes_in_two_dossiers_is_shown_in_none() {
    let world = World::new().await;
    let mut twin = world.report.clone();
    twin["clientId"] = json!(world.clients[1]);
    twin["comment"] = json!("Van wie dit is weet niemand.");
    for is_first in [true, false] {
        let report = world.sync(REPORTS, Shelf::Reports, &twin, is_first).await;
        assert!(report.quarantined > 0 && report.withdrawn == 0, "{report:#?}");
        let published = world.dossiers.published(&world.clients).await;
        assert!(published.len() > 50 && !published.contains_key(&world.name));
        assert!(!published.values().any(|body| body.contains("weet niemand")));
        let told = quarantined(&world.dossiers).await;
        assert!(
            told.iter().any(|line| line.contains("in the dossiers of two clients")),
            "{told:#?}"
        );
    }
    // Once it was published it stays, whichever comes first, and goes nowhere else.
    world.dossiers.sync(Want::Everything).await;
    let before = world.dossiers.published(&world.clients).await;
    assert!(before.contains_key(&world.name) && quarantined(&world.dossiers).await.is_empty());
    for is_first in [true, false] {
        let report = world.sync(REPORTS, Shelf::Reports, &twin, is_first).await;
        assert!(report.quarantined > 0, "{report:#?}");
        assert_eq!(world.dossiers.published(&world.clients).await, before, "{is_first}");
        assert_eq!(quarantined(&world.dossiers).await.len(), 1);
    }
    // A later version is no twin: the source has moved it.
    world.dossiers.clock.advance(SignedDuration::from_hours(1));
    let key = world.report["id"].to_string();
    world.dossiers.population.write(world.dossiers.clock.now(), |edit| {
        edit.change(Shelf::Reports, &key, |report| {
            report["clientId"] = json!(world.clients[1])
        })
    });
    world.sync(REPORTS, Shelf::Reports, &world.report, false).await;
    assert!(!world.dossiers.published(&world.clients).await.contains_key(&world.name));
    assert!(quarantined(&world.dossiers).await.is_empty());
}

/// I8 and F15: one stream that files a report of each of many clients with the next one as well, or only there but in an older version.
#[tokio::test]
async fn i8_of_many_clients_each_keeps_what_a_stream_files_with_the_next_one() {
    let dossiers = Dossiers::new(24, &[]).await;
    let clients: Vec<u64> = dossiers
        .population
        .texts(Shelf::Clients, None)
        .iter()
        .map(|text| serde_json::from_slice::<Value>(text).unwrap()["id"].as_u64().unwrap())
        .collect();
    for client in &clients {
        dossiers.grant(&format!("account-{client}"), *client).await;
    }
    let mut strangers: Vec<Value> = Vec::new();
    for pair in clients.windows(2) {
        let reports = dossiers.population.of(Shelf::Reports, pair[0]);
        if let Some(report) = reports.iter().find(|report| is_ordinary(report)) {
            let mut twin = report.clone();
            twin["clientId"] = json!(pair[1]);
            strangers.push(twin);
        }
    }
    assert!(
        strangers.len() > 16,
        "more than go in one transaction: {}",
        strangers.len()
    );
    dossiers.sync(Want::Everything).await;
    let mut before = Vec::new();
    for client in &clients {
        before.push(dossiers.published(&[*client]).await);
    }
    let reports = dossiers.population.all(Shelf::Reports);
    let twice: Vec<String> = reports.iter().chain(&strangers).map(Value::to_string).collect();
    let older = reports.iter().map(|report| {
        let mut one = strangers
            .iter()
            .find(|stranger| stranger["id"] == report["id"])
            .cloned();
        if let Some(stranger) = &mut one {
            stranger["updatedAt"] = json!("2020-01-01T00:00:00.000+01:00");
        }
        one.as_ref().unwrap_or(report).to_string()
    });
    for stream in [twice, older.collect()] {
        dossiers
            .mock
            .faults
            .add(REPORTS, Fault::Instead(stream.join("\n") + "\n"), 1);
        let report = dossiers.sync(Want::Everything).await;
        dossiers.mock.faults.clear();
        assert_eq!(
            report.quarantined + report.outdated,
            strangers.len() as u64,
            "{report:#?}"
        );
        assert_eq!(
            (report.withdrawn, report.stored, report.moved),
            (0, 0, 0),
            "{report:#?}"
        );
        for (client, before) in clients.iter().zip(&before) {
            assert_eq!(&dossiers.published(&[*client]).await, before, "{client}");
        }
    }
}

/// I8: duplicate ids for two persons.
#[tokio::test]
async fn i8_two_persons_with_one_key_are_nobody_and_end_no_access() {
    let world = World::new().await;
    let client = world
        .dossiers
        .population
        .get(Shelf::Clients, &world.clients[0].to_string())
        .unwrap();
    let patient = format!("Patient/{}", world.dossiers.patient(world.clients[0]));
    let mut twin = client.clone();
    twin["lastName"] = json!("van Iemand Anders");
    twin["birthDate"] = json!("1931-01-01T00:00:00.000+01:00");
    twin["deathDate"] = json!("2026-01-01T00:00:00.000+01:00");
    for is_first in [true, false] {
        let report = world.sync(CLIENTS, Shelf::Clients, &twin, is_first).await;
        assert!(report.quarantined >= 2, "{report:#?}");
        let published = world.dossiers.published(&world.clients).await;
        assert!(!published.contains_key(&patient), "{is_first}");
        let other = format!("Patient/{}", world.dossiers.patient(world.clients[1]));
        assert!(published.contains_key(&other), "the others are there");
    }
    world.dossiers.sync(Want::Everything).await;
    let before = world.dossiers.published(&world.clients).await;
    assert!(before.contains_key(&patient));
    for is_first in [true, false] {
        world.sync(CLIENTS, Shelf::Clients, &twin, is_first).await;
        assert_eq!(world.dossiers.published(&world.clients).await, before, "{is_first}");
        let told = quarantined(&world.dossiers).await;
        let mut kinds: Vec<&str> = told.iter().filter_map(|line| line.split(' ').next()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["client", "stay"], "{told:#?}");
    }
    // The same twice is one person.
    let report = world.sync(CLIENTS, Shelf::Clients, &client, false).await;
    assert_eq!((report.quarantined, report.stored), (0, 0), "{report:#?}");
    assert!(quarantined(&world.dossiers).await.is_empty());
}

/// I8: a BSN that fails the eleven-test.
#[tokio::test]
async fn i8_a_client_whose_bsn_is_none_is_quarantined_and_stays_as_before() {
    let world = World::new().await;
    world.dossiers.sync(Want::Everything).await;
    let before = world.dossiers.published(&world.clients).await;
    world.dossiers.clock.advance(SignedDuration::from_hours(1));
    let key = world.clients[0].to_string();
    let write = |bsn: Value| {
        let now = world.dossiers.clock.now();
        world.dossiers.population.write(now, |edit| {
            edit.change(Shelf::Clients, &key, |client| {
                client["bsn"] = bsn;
                client["firstName"] = json!("Verkeerde");
                client["deathDate"] = json!("2026-01-01T00:00:00.000+01:00");
            })
        })
    };
    assert!(write(json!("999990018")));
    for want in [Want::Changes, Want::Everything, Want::Client(key.clone())] {
        let report = world.dossiers.sync(want).await;
        assert!(report.quarantined >= 2 && report.withdrawn == 0, "{report:#?}");
        assert_eq!(world.dossiers.published(&world.clients).await, before);
    }
    let told = quarantined(&world.dossiers).await;
    assert!(
        told.iter().all(|line| line.contains("eleven-test")) && told.len() == 2,
        "{told:#?}"
    );
    assert!(
        !told.iter().any(|line| line.contains("999990018")),
        "the number is told nowhere"
    );
    // Who has none is no such case.
    assert!(write(json!(null)));
    let report = world.dossiers.sync(Want::Changes).await;
    assert_eq!(report.quarantined, 0, "{report:#?}");
    assert!(world.dossiers.published(&world.clients).await != before);
}

/// F14: an ECD that answers an empty list for the one Patient, or the one of any kind, removes nothing.
#[tokio::test]
async fn f14_an_empty_answer_takes_not_even_the_only_record_of_a_kind() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let patient = format!("Patient/{}", dossiers.patient(client));
    assert!(before.contains_key(&patient));
    for path in [CLIENTS, "/v0/xstream/relations/data"] {
        dossiers.mock.faults.add(path, Fault::Instead(String::new()), 1);
        let report = dossiers.sync(Want::Everything).await;
        assert!(report.held > 0 && report.withdrawn == 0, "{path}: {report:#?}");
        assert_eq!(dossiers.published(&[client]).await, before, "{path}");
    }
    dossiers.mock.faults.clear();
    // That this one client is gone the source says in so many words.
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.remove(Shelf::Clients, &client.to_string())
    });
    let report = dossiers.sync(Want::Changes).await;
    assert!(!report.held_by_kind.contains_key("client"), "{report:#?}");
    assert!(!dossiers.published(&[client]).await.contains_key(&patient));
}
