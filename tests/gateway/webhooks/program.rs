//! The same through the program as it is installed: HTTP in, the worker of `serve`, the published dossier.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use inzage::clock::Clock;
use inzage::ecd::mock::Shelf;
use inzage::ecd::mock::ons::Sender;
use inzage::secret::Secret;
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

async fn serve(dossiers: &Dossiers) -> (Program, u16) {
    let folder = dossiers.store.folder.path();
    std::fs::write(folder.join("master.key"), "07".repeat(32)).unwrap();
    std::fs::write(folder.join("webhook.secret"), SECRET).unwrap();
    let (listen, inside) = (free_port(), free_port());
    let file = |name: &str| dossiers.tls().join(name).display().to_string();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:{listen}\"\nadmin_listen = \"127.0.0.1:{inside}\"\n\
         public_url = \"http://127.0.0.1:{listen}/\"\nspool_dir = \"spool\"\n[database]\nurl = \"{}\"\n\
         [secrets]\nmaster_key_file = \"master.key\"\n[sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n\
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
    for _ in 0..600 {
        if tokio::net::TcpStream::connect(("127.0.0.1", listen)).await.is_ok() {
            return (program, listen);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the gateway does not listen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_visible_within_five_seconds() {
    let world = World::new().await;
    let (_program, port) = serve(&world.dossiers).await;
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

    let now = world.dossiers.clock.now();
    assert!(
        world
            .dossiers
            .population
            .write(now, |edit| edit.remove(Shelf::Reports, &key))
    );
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
