//! From the source to the store: mapping alone, the first load, a second run without changes, and what it all weighs.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use inzage::clock::Clock;
use inzage::config::Source;
use inzage::ecd::contract::Contracts;
use inzage::ecd::ons::{Ons, Settings};
use inzage::ecd::{Connector as _, Event, Pull, Reach, Record};
use inzage::mapping::{Context, Files, Outcome, Plan, ReportTypes};
use inzage::profile::{Registry, Severity};
use inzage::secret::{Random, Secret};
use inzage::sync::{self, Report};
use jiff::ToSpan as _;

use super::process;
use super::table::Table;
use super::world::{PROGRAM, World};

/// As many records are mapped over and over.
const SAMPLE: usize = 20_000;

pub async fn measure(world: &mut World, table: &mut Table) {
    mapping(world, table).await;
    let before = sample_rate(&run(world, &["sync"]).await, "first load", "3,000/s, aim 6,000", table);
    assert!(
        before.stored > 0 && before.is_complete(),
        "the first load is whole: {before:?}"
    );
    let again = sample_rate(
        &run(world, &["sync", "--full"]).await,
        "second run, nothing changed",
        "30,000/s",
        table,
    );
    assert!(again.stored == 0 && again.mapped == 0, "nothing changed: {again:?}");
    let revised = world.revise().await;
    let slot = sample_rate(
        &run(world, &["sync"]).await,
        "a slot with 1 % of the reports changed",
        "",
        table,
    );
    assert!(
        slot.is_complete() && slot.stored >= revised,
        "{revised} changed: {slot:?}"
    );
    let told = format!("{:.1} s for {revised} changed reports", slot.seconds);
    table.fact("a slot with 1 % changed: how long", told, "60 s with 1,000,000 records");
    sizes(world, table).await;
}

/// What a run of `inzage sync` did, and its memory while it ran.
struct Run {
    report: Report,
    cpu: f64,
    memory: Vec<f64>,
}

async fn run(world: &World, words: &[&str]) -> Run {
    let mut child = world.command(words).spawn().expect("the program starts");
    let (mut memory, mut cpu) = (Vec::new(), 0.0);
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            break status;
        }
        let (now, _) = process::memory(child.id());
        if now > 0.0 {
            memory.push(now);
            cpu = process::cpu_seconds(child.id());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "inzage {words:?} failed: {status}");
    let mut read = world.db.read().await.expect("the database is there");
    let state = sync::state(&mut read, &world.tenant().id, "ons")
        .await
        .expect("the database is there");
    Run {
        report: serde_json::from_str(&state.report).expect("a report reads back"),
        cpu,
        memory,
    }
}

fn sample_rate(run: &Run, what: &str, goal: &str, table: &mut Table) -> Report {
    let report = &run.report;
    let rate = |count: u64| count as f64 / report.seconds;
    let mut told = format!("{:.0} records/s", rate(report.pulled));
    if report.stored > 0 {
        told.push_str(&format!(", {:.0} resources/s", rate(report.stored)));
    }
    let each = run.cpu * 1e6 / report.pulled.max(1) as f64;
    told.push_str(&format!(
        " ({} records in {:.1} s, {each:.0} us CPU each)",
        report.pulled, report.seconds
    ));
    table.fact(what, told, goal);
    let at = |share: f64| {
        run.memory
            .get((run.memory.len() as f64 * share) as usize)
            .copied()
            .unwrap_or_default()
    };
    let most = run.memory.iter().copied().fold(0.0, f64::max);
    let memory = format!(
        "{:.0} / {:.0} / {:.0} MB, most {most:.0} MB",
        at(0.25),
        at(0.5),
        at(0.9)
    );
    table.fact(&format!("{what}: memory after 25 / 50 / 90 %"), memory, "flat");
    report.clone()
}

/// Mapping, validation and writing of the JSON, on one thread; per second of processor time, so that a busy machine counts for
/// nothing.
async fn mapping(world: &World, table: &mut Table) {
    let records = records(world).await;
    let profiles = Registry::builtin();
    let plan = Plan::load(&Files::builtin(), &profiles).expect("the built-in maps load");
    let ids = world.ids();
    let context = Context {
        key: &ids,
        zone: &world.tenant().zone,
        report_types: ReportTypes::Every,
    };
    let (mut best, mut resources, mut bytes) = (0.0_f64, 0, 0);
    for _ in 0..3 {
        let before = process::cpu_seconds(std::process::id());
        (resources, bytes) = (0, 0);
        for record in &records {
            let Outcome::Mapped(made) = plan.run(&format!("ons/{}", record.kind), &record.body, &context) else {
                continue;
            };
            for mapped in made {
                let validator = profiles.validator(&mapped.profile).expect("each map names a profile");
                let issues = validator.check(&mapped.resource);
                assert!(
                    issues.iter().all(|issue| issue.severity != Severity::Error),
                    "{issues:?}"
                );
                resources += 1;
                bytes += serde_json::to_string(&mapped.resource)
                    .expect("a JSON value can be written")
                    .len();
            }
        }
        let spent = process::cpu_seconds(std::process::id()) - before;
        best = best.max(records.len() as f64 / spent.max(0.01));
    }
    let told = format!(
        "{best:.0} records/s ({} records to {resources} resources of {} bytes)",
        records.len(),
        bytes / resources.max(1)
    );
    table.fact("mapping + validation, one core", told, "30,000/s");
}

/// A sample of the source as a map sees it: repaired and joined.
async fn records(world: &World) -> Vec<Record> {
    let Some(Source::Ons(source)) = &world.tenant().source else {
        panic!("the tenant has a source")
    };
    let read = |path| std::fs::read_to_string(path).expect("the mock left its certificates");
    let settings = Settings::new(
        source.base_url.clone(),
        read(&source.ca_file),
        read(&source.certificate_file),
        Secret::new(read(&source.key_file)),
    );
    let contracts = Contracts::builtin("ons").expect("the built-in contracts compile");
    let ons = Ons::new(settings, Arc::new(contracts), Random::Os).expect("the settings are in order");
    let today = Clock::System.now().to_zoned(world.tenant().zone.clone()).date();
    // Of about this many clients: the streams carry all kinds in the end.
    let clients = world
        .clients()
        .take(SAMPLE / 300)
        .map(|client| client.to_string())
        .collect();
    let agenda = today.saturating_sub(90.days())..today.saturating_add(180.days());
    let mut events = ons.pull(Pull {
        clients,
        reach: Reach::Full,
        agenda,
        mark: None,
        today,
    });
    let mut records = Vec::new();
    while let Some(event) = events.next().await {
        match event.expect("the mock answers").read() {
            Event::Record(record) => records.push(record),
            Event::Bad(bad) => panic!("the mock keeps its contracts: {bad:?}"),
            _ => {}
        }
    }
    records
}

async fn sizes(world: &World, table: &mut Table) {
    const BODIES: &str = "SELECT count(*), sum(octet_length(body)) FROM resource";
    let (count, json, stored): (i64, i64, i64) = if world.options.database.is_some() {
        let pool = sqlx::PgPool::connect(&world.url).await.expect("the database is there");
        let (count, json): (i64, i64) = sqlx::query_as(BODIES)
            .fetch_one(&pool)
            .await
            .expect("the statement runs");
        let size = sqlx::query_scalar("SELECT pg_database_size(current_database())");
        (count, json, size.fetch_one(&pool).await.expect("the statement runs"))
    } else {
        let pool = sqlx::SqlitePool::connect(&world.url)
            .await
            .expect("the database is there");
        let (count, json): (i64, i64) = sqlx::query_as(BODIES)
            .fetch_one(&pool)
            .await
            .expect("the statement runs");
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&pool)
            .await
            .expect("the file is ours");
        let file = std::fs::metadata(world.folder.path().join("inzage.db")).expect("the database is a file");
        (count, json, file.len() as i64)
    };
    let megabytes = |bytes: i64| bytes as f64 / 1e6;
    let told = format!(
        "{:.2} x ({:.0} MB for {:.0} MB in {count} resources)",
        stored as f64 / json as f64,
        megabytes(stored),
        megabytes(json)
    );
    table.fact("database to JSON", told, "3 x");
    let program = std::fs::metadata(PROGRAM).expect("cargo built it").len();
    table.fact("program", format!("{:.1} MB", program as f64 / 1e6), "60 MB");
}
