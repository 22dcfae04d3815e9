//! The same through the program as it is installed: HTTP in, the worker of `serve`, the published dossier.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use inzage::clock::Clock;
use inzage::db::lease::{self, Taken};
use inzage::db::{Sql, params};
use inzage::ecd::mock::Shelf;
use inzage::ecd::mock::ons::{Authority, Sender};
use inzage::secret::Secret;
use inzage::sync::Want;
use jiff::SignedDuration;
use serde_json::json;

use super::World;
use crate::support::dossier::Dossiers;

/// The gateway as it is installed, stopped when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const SECRET: &str = "a secret of topaz and its Ons";

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts the program; with the port for apps and that for operators. `more`: lines of the tenant's section. The
/// client certificate is that in the folder of the database, unless there is none.
async fn serve(dossiers: &Dossiers, more: &str) -> (Program, u16, u16) {
    serve_at(dossiers, more, free_port()).await
}

/// The same at a port that others know already.
async fn serve_at(dossiers: &Dossiers, more: &str, listen: u16) -> (Program, u16, u16) {
    let folder = dossiers.store.folder.path();
    std::fs::write(folder.join("master.key"), "07".repeat(32)).unwrap();
    std::fs::write(folder.join("webhook.secret"), SECRET).unwrap();
    let inside = free_port();
    let file = |name: &str| match folder.join(name) {
        own if own.exists() => own.display().to_string(),
        _ => dossiers.tls().join(name).display().to_string(),
    };
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{listen}\"\nadmin_listen = \"127.0.0.1:{inside}\"\n\
         public_url = \"http://127.0.0.1:{listen}/\"\nspool_dir = \"spool\"\n[database]\nurl = \"{}\"\n\
         [secrets]\nmaster_key_file = \"master.key\"\n[sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n{more}\
         [tenant.topaz.ons]\nbase_url = \"{}/\"\nca_file = \"{}\"\ncertificate_file = \"{}\"\nkey_file = \"{}\"\n\
         webhook_secret_file = \"webhook.secret\"\n",
        dossiers.store.url,
        dossiers.mock.url,
        file("ca.pem"),
        file("client.pem"),
        file("client.key.pem"),
    );
    std::fs::write(folder.join("inzage.toml"), text).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_inzage"))
        .args(["serve", "--config"])
        .arg(folder.join("inzage.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let program = Program(child);
    // The port is taken before anybody is answered.
    for _ in 0..600 {
        if get(listen, "/topaz/fhir/metadata").is_ok_and(|answer| answer.contains(" 200 ")) {
            return (program, listen, inside);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the gateway does not answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_visible_within_five_seconds() {
    let world = World::new().await;
    // No slot is to be made up for: it would have its turn first.
    real_time(&world, SignedDuration::from_secs(1));
    assert!(world.dossiers.sync(Want::Everything).await.is_complete());
    let (_program, port, _) = serve(&world.dossiers, "").await;
    let url = format!("http://127.0.0.1:{port}/topaz/hooks/ons").parse().unwrap();
    let sender = Sender::new(url, Secret::new(SECRET.to_owned()), Clock::System).unwrap();
    assert_eq!(
        sender.test().await,
        (Some(200), Some(401)),
        "the two events of the set-up"
    );

    let report = world.report(world.client);
    let (id, key) = (report["id"].as_u64().unwrap(), report["id"].to_string());
    let name = world.observation(&key);
    world.change(Shelf::Reports, &key, |report| {
        report["comment"] = json!("Binnen vijf tellen.")
    });
    let told = Instant::now();
    assert_eq!(sender.event("report", "UPDATE", id).await, Some(200));
    assert!(
        told.elapsed() < Duration::from_secs(3),
        "answered after {:?}",
        told.elapsed()
    );
    while !world
        .published(&name)
        .await
        .is_some_and(|body| body.contains("Binnen vijf tellen."))
    {
        assert!(
            told.elapsed() < Duration::from_secs(5),
            "not visible after five seconds"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("visible after {:?}", told.elapsed());

    assert!(world.dossiers.delete_report(&key));
    let told = Instant::now();
    assert_eq!(sender.event("report", "DELETE", id).await, Some(200));
    while world.published(&name).await.is_some() {
        assert!(
            told.elapsed() < Duration::from_secs(5),
            "not withdrawn after five seconds"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("withdrawn after {:?}", told.elapsed());

    // Hundreds of events a second, from as many connections as a product opens: every one is answered in time.
    let burst = futures::stream::iter(0..600).map(|at| {
        let sender = &sender;
        async move { sender.event("report", "UPDATE", id + at % 300).await }
    });
    let started = Instant::now();
    let answers: Vec<Option<u16>> = burst.buffer_unordered(32).collect().await;
    assert!(answers.iter().all(|answer| *answer == Some(200)), "{answers:?}");
    println!("600 events in {:?}", started.elapsed());
}

/// Sets the clock of the mock and of the runs of this test to this long before the real one, by which the program goes.
fn real_time(world: &World, ago: SignedDuration) {
    let clock = &world.dossiers.clock;
    let then = Clock::System.now() - ago;
    clock.advance(then.duration_since(clock.now()));
}

/// The metrics of the program.
fn metrics(inside: u16) -> std::io::Result<String> {
    get(inside, "/metrics")
}

/// The whole answer of the program.
fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A slot finds the source taken; meanwhile the maps on the disk are broken. Then the source is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_finds_the_source_taken_runs_when_it_is_free_by_the_maps_of_the_start() {
    let world = World::new().await;
    let dossiers = &world.dossiers;
    real_time(&world, SignedDuration::from_hours(48));
    assert!(dossiers.sync(Want::Everything).await.is_complete());
    let key = world.report(world.client)["id"].to_string();
    world.change(Shelf::Reports, &key, |report| report["comment"] = json!("In het slot."));
    let patches = dossiers.store.folder.path().join("patches");
    std::fs::create_dir_all(patches.join("ons")).unwrap();

    let (db, tenant, now) = (&dossiers.store.db, &dossiers.tenant.id, Clock::System.now());
    let hour = SignedDuration::from_hours(1);
    let taken = lease::take(db, tenant, "sync/ons", "an operator", now, hour)
        .await
        .unwrap();
    let Taken::Ours(lease) = taken else {
        panic!("another has the source: {taken:?}");
    };
    let (_program, _, inside) = serve(dossiers, "map_patches = \"patches\"\n").await;
    let began = Instant::now();
    loop {
        let answer = metrics(inside).unwrap_or_default();
        let mut runs = answer.lines().filter(|line| line.starts_with("inzage_sync_runs_total"));
        if runs.any(|line| line.contains("held")) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no slot began: {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    std::fs::write(patches.join("ons/report.toml"), "no map").unwrap();
    lease.release(db, Clock::System.now()).await.unwrap();
    let (name, free) = (world.observation(&key), Instant::now());
    while !world.published(&name).await.unwrap().contains("In het slot.") {
        assert!(free.elapsed() < Duration::from_secs(20), "the slot is lost");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_followed_with_a_certificate_that_was_replaced() {
    const ATTEMPTS: Sql = Sql::both("SELECT max(attempts) FROM hook_job");
    let world = World::new().await;
    let dossiers = &world.dossiers;
    // No slot is to be made up for.
    real_time(&world, SignedDuration::from_secs(1));
    assert!(dossiers.sync(Want::Everything).await.is_complete());
    let folder = dossiers.store.folder.path();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let known = Authority::open(dossiers.tls())
        .unwrap()
        .issue("inzage-TE1002-other")
        .unwrap();
    write("client.pem", &known.certificate_pem);
    write("client.key.pem", known.key_pem.expose());
    let (_program, port, _) = serve(dossiers, "").await;
    let url = format!("http://127.0.0.1:{port}/topaz/hooks/ons").parse().unwrap();
    let sender = Sender::new(url, Secret::new(SECRET.to_owned()), Clock::System).unwrap();
    let report = world.report(world.client);
    let (id, key) = (report["id"].as_u64().unwrap(), report["id"].to_string());
    world.change(Shelf::Reports, &key, |report| {
        report["comment"] = json!("Weer toegelaten.")
    });
    assert_eq!(sender.event("report", "UPDATE", id).await, Some(200));
    let began = Instant::now();
    let attempts = async || {
        let mut read = dossiers.store.db.read().await.unwrap();
        let row = read.row(ATTEMPTS, params![]).await.unwrap();
        row.and_then(|row| row.opt_int(0)).unwrap_or(0)
    };
    while attempts().await == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "nobody tried");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let name = world.observation(&key);
    assert!(!world.published(&name).await.unwrap().contains("Weer toegelaten."));
    write("client.pem", &dossiers.mock.client_cert_pem);
    write("client.key.pem", dossiers.mock.client_key_pem.expose());
    let replaced = Instant::now();
    while !world.published(&name).await.unwrap().contains("Weer toegelaten.") {
        assert!(
            replaced.elapsed() < Duration::from_secs(30),
            "still the old certificate"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_while_the_gateway_was_down_is_asked_for_when_it_comes_up() {
    let world = World::new().await;
    let dossiers = &world.dossiers;
    // No slot is to be made up for.
    real_time(&world, SignedDuration::from_secs(1));
    assert!(dossiers.sync(Want::Everything).await.is_complete());
    let synced = dossiers.state().await.started;
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/topaz/hooks/ons").parse().unwrap();
    let sender = Arc::new(Sender::new(url, Secret::new(SECRET.to_owned()), Clock::System).unwrap());
    dossiers.mock.webhooks.set(Arc::clone(&sender));
    let report = world.report(world.client);
    let (id, key) = (report["id"].as_u64().unwrap(), report["id"].to_string());
    let name = world.observation(&key);
    assert!(dossiers.delete_report(&key));
    assert_eq!(sender.event("report", "DELETE", id).await, None, "nobody is there");
    assert!(world.published(&name).await.is_some());

    let (_program, _, _) = serve_at(dossiers, "", port).await;
    let up = Instant::now();
    while world.published(&name).await.is_some() {
        assert!(up.elapsed() < Duration::from_secs(20), "the deletion is lost");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("withdrawn {:?} after the start", up.elapsed());
    assert_eq!(dossiers.state().await.started, synced, "no slot ran");
    assert_eq!(sender.redeliver().await, 0, "every event was taken");
}
