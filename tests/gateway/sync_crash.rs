//! Runs that are killed, stopped or started twice: whole dossiers, one run at a time.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::{Error, Progress, Want};
use jiff::SignedDuration;
use serde_json::json;
use tokio::sync::Notify;

use crate::support::dossier::{Dossiers, content};

fn cast() -> Cast {
    Cast::default()
}

/// Starts `inzage sync` in a process of its own.
fn start(config: &std::path::Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_inzage"))
        .args(["sync", "--tenant", "topaz", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Hides one more report of the client, so that a run has something to do.
fn hide_one(dossiers: &Dossiers, client: u64) {
    let shown = dossiers.population.of(Shelf::Reports, client);
    let key = shown.iter().find(|report| report["hidden"] == false).unwrap()["id"].to_string();
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.change(Shelf::Reports, &key, |report| report["hidden"] = json!(true))
    });
}

#[tokio::test]
async fn two_runs_of_one_source_are_never_under_way_at_once() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let begun = Notify::new();
    let tell = |_: Progress| begun.notify_one();
    let mut first = std::pin::pin!(dossiers.sync_with(Want::Everything, &tell));
    tokio::select! {
        biased;
        () = begun.notified() => {}
        done = &mut first => panic!("done before it began: {done:?}"),
    }
    let Err(Error::Held(held)) = dossiers.try_sync(Want::Everything).await else {
        panic!("a second run began");
    };
    assert!(held.holder.contains(&std::process::id().to_string()), "{held}");
    let first = first.await.unwrap();
    assert!(first.stored > 100, "{first:#?}");
    let after = dossiers.sync(Want::Everything).await;
    assert_eq!(after.stored, 0, "the lease was let go: {after:#?}");
}

#[tokio::test]
async fn a_run_that_was_paused_past_its_lease_changes_nothing_any_more() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let begun = Notify::new();
    let tell = |_: Progress| begun.notify_one();
    let mut paused = std::pin::pin!(dossiers.sync_with(Want::Everything, &tell));
    tokio::select! {
        biased;
        () = begun.notified() => {}
        done = &mut paused => panic!("done before it began: {done:?}"),
    }
    // What the first run has read is history by now.
    hide_one(&dossiers, client);
    let second = dossiers.sync(Want::Everything).await;
    assert!(second.is_complete() && second.stored > 100, "{second:#?}");
    let after = dossiers.published(&[client]).await;

    let refused = paused.await;
    assert!(matches!(refused, Err(Error::LeaseLost)), "{refused:?}");
    assert_eq!(dossiers.published(&[client]).await, after);
}

/// The same with a process that the operating system stopped.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_and_goes_on_changes_nothing_any_more() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let config = configuration(&dossiers);
    // The process has to wait a while at its first request.
    dossiers.mock.faults.add("/v0/xstream/employees", Fault::Status(503), 3);
    let child = start(&config);
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    while dossiers.mock.served.requests() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal("-STOP");
    assert!(matches!(dossiers.try_sync(Want::Everything).await, Err(Error::Held(_))));
    dossiers.lapse().await;
    hide_one(&dossiers, client);
    let second = dossiers.sync(Want::Everything).await;
    assert!(second.is_complete() && second.stored > 100, "{second:#?}");
    let after = dossiers.published(&[client]).await;

    signal("-CONT");
    let output = tokio::task::spawn_blocking(|| child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("took this sync over"), "{told}");
    assert_eq!(dossiers.published(&[client]).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_who_is_syncing() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let config = configuration(&dossiers);
    dossiers.mock.faults.add("/v0/xstream/employees", Fault::Status(503), 3);
    let mut first = start(&config);
    while dossiers.mock.served.requests() < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let pid = first.id();
    // It stands still, so that it has the source however long the other one takes to begin.
    let sent = Command::new("kill").args(["-STOP", &pid.to_string()]).status();
    assert!(sent.unwrap().success());
    dossiers.keep().await;
    let second = start(&config);
    let output = tokio::task::spawn_blocking(|| second.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(&format!("process {pid} holds it")), "{told}");
    first.kill().unwrap();
    first.wait().unwrap();
}

/// A configuration for the `inzage` program with the world's mock and database.
pub(crate) fn configuration(dossiers: &Dossiers) -> std::path::PathBuf {
    let folder = dossiers.store.folder.path();
    std::fs::write(folder.join("master.key"), "07".repeat(32)).unwrap();
    let file = |name: &str| dossiers.tls().join(name).display().to_string();
    let text = format!(
        "[server]\npublic_url = \"http://127.0.0.1:1/\"\nspool_dir = \"spool\"\n[database]\nurl = \"{}\"\n\
         [secrets]\nmaster_key_file = \"master.key\"\n[sms]\ndir = \"outbox\"\n[tenant.topaz]\nname = \"Topaz\"\n\
         [tenant.topaz.ons]\nbase_url = \"{}/\"\nca_file = \"{}\"\ncertificate_file = \"{}\"\nkey_file = \"{}\"\n",
        dossiers.store.url,
        dossiers.mock.url,
        file("ca.pem"),
        file("client.pem"),
        file("client.key.pem"),
    );
    let path = folder.join("inzage.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_leaves_whole_dossiers_and_the_next_one_goes_on() {
    let clients = [cast().everything, cast().hospital, cast().pair[0], cast().pair[1]];
    let dossiers = Dossiers::new(10, &clients).await;
    let whole = {
        let other = Dossiers::new(10, &clients).await;
        other.sync(Want::Everything).await;
        content(&other.published(&clients).await)
    };
    let config = configuration(&dossiers);
    let per_client = |published: &std::collections::BTreeMap<String, serde_json::Value>, client: u64| {
        let patient = dossiers.patient(client).to_string();
        published
            .values()
            .filter(|resource| resource.to_string().contains(&patient))
            .count()
    };
    let mut killed = 0;
    for round in 0..12_u64 {
        // The last one left without a word, and nobody waits for half a minute here.
        dossiers.lapse().await;
        let mut child = start(&config);
        tokio::time::sleep(Duration::from_millis(60 + 90 * round)).await;
        if child.try_wait().unwrap().is_none() {
            // SIGKILL: nothing of the process runs any more.
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        let now = content(&dossiers.published(&clients).await);
        for client in clients {
            let count = per_client(&now, client);
            assert!(
                count == 0 || count == per_client(&whole, client),
                "round {round}: half a dossier of {client}: {count} of {}",
                per_client(&whole, client)
            );
        }
    }
    assert!(killed > 0, "every run was done before it could be killed");
    dossiers.lapse().await;
    dossiers.sync(Want::Changes).await;
    assert_eq!(content(&dossiers.published(&clients).await), whole);
}
