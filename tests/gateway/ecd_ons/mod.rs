//! The connector to Ons against the mock, over real TLS with client certificates.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, future};
use inzage::clock::Clock;
use inzage::config::OnsList;
use inzage::ecd::contract::Contracts;
use inzage::ecd::mock::ons::{Authority, Fault, Options, Running, Sni, start};
use inzage::ecd::mock::{Population, Shape, Shelf};
use inzage::ecd::ons::{Ons, Settings};
use inzage::ecd::{Connector as _, Error, Event, Kind, Pull, Reach, Record, Spent};
use inzage::secret::Random;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

mod answers;
mod door;
mod failures;
mod joined;
mod paths;
mod pulls;
mod shared;
mod unread;

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
        mark: None,
        today: date(2026, 11, 22),
    }
}

/// What a pull brought, sorted by sort.
#[derive(Debug, Default)]
struct Brought {
    order: Vec<Kind>,
    records: BTreeMap<Kind, BTreeMap<String, Record>>,
    open: BTreeMap<(Kind, String), Record>,
    bad: Vec<(Kind, Option<String>, String)>,
    deleted: Vec<(Kind, String)>,
    outside: Vec<(Kind, String)>,
    complete: BTreeSet<(Kind, String)>,
    streams: BTreeSet<Kind>,
    failed: Vec<(Kind, Option<String>, Error)>,
    spent: Spent,
    error: Option<Error>,
}

impl Brought {
    fn of(&self, kind: Kind) -> Vec<&Record> {
        self.records.get(&kind).into_iter().flat_map(BTreeMap::values).collect()
    }
}

async fn bring(ons: &Ons, pull: Pull) -> Brought {
    let mut brought = Brought::default();
    let before = ons.spent();
    let mut events = ons.pull(pull);
    while let Some(event) = events.next().await {
        match event.map(Event::read) {
            Ok(Event::Unread(_)) => unreachable!("it was read"),
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
            Ok(Event::Open(record)) => {
                let place = (record.kind, record.key.clone());
                assert!(brought.open.insert(place, record).is_none(), "a record came twice");
            }
            Ok(Event::Bad(bad)) => brought.bad.push((bad.kind, bad.key, bad.pointer)),
            Ok(Event::Deleted { kind, key }) => brought.deleted.push((kind, key)),
            Ok(Event::Outside { kind, key }) => brought.outside.push((kind, key)),
            Ok(Event::Complete { kind, client }) => assert!(brought.complete.insert((kind, client))),
            Ok(Event::StreamComplete { kind }) => assert!(brought.streams.insert(kind)),
            Ok(Event::Failed { kind, client, error }) => brought.failed.push((kind, client, error)),
            Ok(Event::Mark { .. }) => {}
            Err(error) => brought.error = Some(error),
        }
    }
    brought.spent = ons.spent().since(before);
    brought
}
