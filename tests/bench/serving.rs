//! What the gateway serves, beside its ceiling.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use inzage::access;
use inzage::clock::Clock;
use inzage::fhir::search::{Handling, Query, Setting};
use inzage::fhir::types::{Id, ResourceType};
use inzage::resource::{self, Page};
use jiff::{SignedDuration, Timestamp};

use super::load::{self, Load, Target};
use super::process;
use super::table::{Cost, Table};
use super::world::{Running, World, settle};

/// As many requests are under way at once.
const AT_ONCE: usize = 32;
/// As many observations of each person are read.
const READ: usize = 200;

/// One person's requests.
struct Reader {
    patient: Id,
    token: String,
    observations: Vec<Id>,
    /// A code that some of the observations have.
    code: String,
}

pub async fn measure(world: &mut World, table: &mut Table) {
    settle(&world.url).await;
    let mut starts: Vec<(Running, Duration)> = Vec::new();
    for _ in 0..3 {
        starts.clear();
        starts.push(world.serve().await);
    }
    let (gateway, start) = starts.pop().expect("it was started");
    table.fact("start to ready", format!("{:.0} ms", start.as_secs_f64() * 1e3), "2 s");
    table.fact(
        "memory after the start",
        format!("{:.0} MB", process::memory(gateway.id()).0),
        "",
    );
    let bare = Running::start(
        Command::new(std::env::current_exe().expect("this program is a file")).args(["--bare", &world.url]),
        ":",
    );
    let mut readers = Vec::new();
    for person in &world.people {
        let (observations, code) = observations(world, &person.patient).await;
        if observations.len() > 40
            && let Some(token) = person.token(world).await
        {
            readers.push(Reader {
                patient: person.patient.clone(),
                token,
                observations,
                code,
            });
        }
    }
    assert!(!readers.is_empty(), "somebody has observations");
    let bench = Bench {
        world,
        gateway,
        bare,
        readers,
    };
    bench.reads(table).await;
    bench.pages(table).await;
    bench.documents(table).await;
    let (now, most) = process::memory(bench.gateway.id());
    table.fact(
        "memory after serving",
        format!("{now:.0} MB, most {most:.0} MB"),
        "150 MB",
    );
}

/// The ids of a person's newest observations, and a code that is in some of them.
async fn observations(world: &World, patient: &Id) -> (Vec<Id>, String) {
    let (visible, _) = access::for_system("bench", &world.tenant().id, std::slice::from_ref(patient));
    let setting = Setting {
        zone: &world.tenant().zone,
        base: "http://127.0.0.1",
        now: Timestamp::UNIX_EPOCH,
    };
    let query = Query::parse(ResourceType::Observation, &[], Handling::Strict, &setting).expect("a plain search");
    let mut read = world.db.read().await.expect("the database is there");
    let page = Page {
        size: READ,
        after: None,
    };
    let found = resource::search(&mut read, &visible, &query, &page)
        .await
        .expect("the database is there");
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &found.entries {
        let body: serde_json::Value = serde_json::from_str(&entry.body).expect("a stored body is JSON");
        if let Some(code) = body["code"]["coding"][0]["code"].as_str() {
            *codes.entry(code.to_owned()).or_default() += 1;
        }
    }
    let mut codes: Vec<_> = codes.into_iter().collect();
    codes.sort_by_key(|(_, count)| *count);
    // Not the most usual one, so that the search has to look for its page.
    let code = codes
        .iter()
        .rev()
        .nth(1)
        .or(codes.last())
        .map(|(code, _)| code.clone())
        .unwrap_or_default();
    (found.entries.into_iter().map(|entry| entry.id).collect(), code)
}

struct Bench<'w> {
    world: &'w World,
    gateway: Running,
    bare: Running,
    readers: Vec<Reader>,
}

/// What one kind of request reached.
#[derive(Clone)]
struct Reached {
    load: Load,
    cost: Cost,
}

impl Bench<'_> {
    /// Requests of every reader to the gateway.
    fn ours(&self, status: u16, header: &str, paths: impl Fn(&Reader) -> Vec<String>) -> Vec<Target> {
        let target = |reader: &Reader| Target {
            address: self.world.config.server.listen,
            paths: Arc::new(paths(reader)),
            headers: Arc::new(format!("Authorization: Bearer {}\r\n{header}", reader.token)),
            status,
        };
        self.readers.iter().map(target).collect()
    }

    fn bare(&self, paths: impl Fn(&Reader) -> Vec<String>) -> Vec<Target> {
        let address: SocketAddr = self.bare.said.trim().parse().expect("it says where it listens");
        let target = |reader: &Reader| Target {
            address,
            paths: Arc::new(paths(reader)),
            headers: Arc::default(),
            status: 200,
        };
        self.readers.iter().map(target).collect()
    }

    /// The best of some rounds, after one that warms up.
    async fn run(&self, targets: &[Target], at_once: usize) -> Reached {
        let is_ours = targets[0].address == self.world.config.server.listen;
        let server = if is_ours { self.gateway.id() } else { self.bare.id() };
        load::run(targets, at_once, Duration::from_millis(500)).await;
        let mut best: Option<Reached> = None;
        for _ in 0..self.world.options.rounds {
            let before = self.world.spent(server);
            let load = load::run(targets, at_once, self.world.options.time).await;
            let cost = self.world.spent(server).since(before, load.requests);
            if best
                .as_ref()
                .is_none_or(|best| best.load.per_second() < load.per_second())
            {
                best = Some(Reached { load, cost });
            }
        }
        best.expect("there is at least one round")
    }

    async fn reads(&self, table: &mut Table) {
        let bare = |kind: &'static str| {
            self.bare(move |reader| reader.observations.iter().map(|id| format!("/{kind}/{id}")).collect())
        };
        let ceiling = self.run(&self.bare(|_| vec!["/static".to_owned()]), AT_ONCE).await;
        table.rate("bare axum: fixed 2 kB", &ceiling.load, ceiling.cost, None, "");
        let ceiling = self.run(&bare("read"), AT_ONCE).await;
        table.rate("bare axum: point read", &ceiling.load, ceiling.cost, None, "");
        let audited = self.run(&bare("audited"), AT_ONCE).await;
        table.rate("bare axum: point read, audited", &audited.load, audited.cost, None, "");
        let path = |reader: &Reader| -> Vec<String> {
            reader
                .observations
                .iter()
                .map(|id| format!("/topaz/fhir/Observation/{id}"))
                .collect()
        };
        let read = self.run(&self.ours(200, "", path), AT_ONCE).await;
        table.rate("read", &read.load, read.cost, Some(&audited.load), "50 %");
        let same = self
            .run(&self.ours(304, "If-None-Match: W/\"1\", W/\"2\"\r\n", path), AT_ONCE)
            .await;
        table.rate("read, 304", &same.load, same.cost, Some(&audited.load), "");
        let audited = self.run(&bare("audited"), 1).await;
        let alone = self.run(&self.ours(200, "", path), 1).await;
        table.rate(
            "read, one at a time",
            &alone.load,
            alone.cost,
            Some(&audited.load),
            "50 %",
        );
    }

    async fn pages(&self, table: &mut Table) {
        let bare = |kind: &'static str| self.bare(move |reader| vec![format!("/{kind}/{}", reader.patient)]);
        let plain = self.run(&bare("page"), AT_ONCE).await;
        table.rate("bare axum: page of 20", &plain.load, plain.cost, None, "");
        let audited = self.run(&bare("audited-page"), AT_ONCE).await;
        table.rate("bare axum: page of 20, audited", &audited.load, audited.cost, None, "");
        let month = Clock::System.now() - SignedDuration::from_hours(30 * 24);
        let day = month.to_zoned(self.world.tenant().zone.clone()).date();
        let search = |kind: &str, query: String| {
            let kind = kind.to_owned();
            self.ours(200, "", move |reader| {
                let query = query.replace("{code}", &reader.code);
                vec![format!(
                    "/topaz/fhir/{kind}?patient={}&_count=20&{query}",
                    reader.patient
                )]
            })
        };
        let all = [
            ("page of 20 by date", "Observation", "_sort=-date".to_owned(), "40 %"),
            ("patient + code", "Observation", "code={code}".to_owned(), "35 %"),
            ("patient + date", "Observation", format!("date=ge{day}"), "35 %"),
            ("appointments", "Appointment", format!("date=ge{day}"), "35 %"),
        ];
        for (what, kind, query, goal) in all {
            let reached = self.run(&search(kind, query), AT_ONCE).await;
            table.rate(what, &reached.load, reached.cost, Some(&audited.load), goal);
            let told = format!("{what}, beside the ceiling without audit");
            table.rate(&told, &reached.load, reached.cost, Some(&plain.load), "");
        }
    }

    async fn documents(&self, table: &mut Table) {
        let target = |accept: &str| Target {
            address: self.world.config.server.listen,
            paths: Arc::new(vec!["/topaz/fhir/metadata".to_owned()]),
            headers: Arc::new(accept.to_owned()),
            status: 200,
        };
        let (status, body) = target("").once().await;
        assert_eq!(status, 200, "anybody may read /metadata");
        table.fact(
            "/metadata, size",
            format!("{:.1} kB", body.len() as f64 / 1e3),
            "100 kB",
        );
        let reached = self.run(&[target("")], AT_ONCE).await;
        table.rate("/metadata", &reached.load, reached.cost, None, "5,000/s");
    }
}
