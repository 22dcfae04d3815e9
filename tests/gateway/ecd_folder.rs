//! Dossiers out of a folder of lines: the same as from the product itself, and a folder that is not what its manifest says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use inzage::clock::Clock;
use inzage::config::FolderForm;
use inzage::ecd::contract::Contracts;
use inzage::ecd::folder::{Folder, Settings, seal};
use inzage::ecd::mock::Cast;
use inzage::ecd::{Connector as _, Event, Kind, Pull, Reach};
use inzage::sync::{Report, Want};
use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::json;

use crate::support::dossier::{Dossiers, NOW, content};

/// Writes everything that the mock has of a client as a folder.
async fn export(dossiers: &Dossiers, client: u64, dir: &Path) {
    let ons = dossiers.connector();
    let pull = Pull {
        clients: [client.to_string()].into(),
        reach: Reach::Full,
        agenda: date(2026, 8, 24)..date(2027, 5, 21),
        mark: None,
        today: date(2026, 11, 22),
    };
    let mut lines: BTreeMap<&str, String> = BTreeMap::new();
    let mut events = ons.pull(pull);
    while let Some(event) = events.next().await {
        if let Event::Record(record) = event.unwrap().read() {
            let version = if record.version.is_empty() {
                "2026-01-01T00:00:00Z"
            } else {
                &record.version
            };
            let line = json!({"key": record.key, "client": record.client, "version": version, "record": record.body});
            let text = lines.entry(record.kind.as_str()).or_default();
            text.push_str(&format!("{line}\n"));
        }
    }
    for (kind, text) in &lines {
        std::fs::write(dir.join(format!("{kind}.ndjson")), text).unwrap();
    }
    seal(dir, "topaz", dossiers.clock.now()).unwrap();
}

fn folder(dir: &Path, clock: &Clock) -> Folder {
    let settings = Settings {
        dir: dir.to_owned(),
        tenant: "topaz".to_owned(),
        form: FolderForm::Ons,
        clock: clock.clone(),
    };
    Folder::new(settings, Arc::new(Contracts::builtin("ons").unwrap()))
}

/// What the mock has of the client who has everything, as a folder.
struct Exported {
    dossiers: Dossiers,
    client: u64,
    dir: tempfile::TempDir,
}

async fn exported() -> Exported {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let dir = tempfile::tempdir().unwrap();
    export(&dossiers, client, dir.path()).await;
    Exported { dossiers, client, dir }
}

async fn sync(dossiers: &Dossiers, dir: &Path) -> Result<Report, inzage::sync::Error> {
    dossiers
        .sync_from(&folder(dir, &dossiers.clock), Want::Everything)
        .await
}

#[tokio::test]
async fn a_folder_gives_the_same_dossier_as_the_product_and_what_it_lacks_goes() {
    let Exported { dossiers, client, dir } = exported().await;
    assert!(folder(dir.path(), &dossiers.clock).ping().await.is_ok());
    let done = sync(&dossiers, dir.path()).await.unwrap();
    assert!(done.is_complete() && done.quarantined == 0, "{done:#?}");
    let by_folder = content(&dossiers.published(&[client]).await);
    let by_product = {
        let other = Dossiers::new(10, &[client]).await;
        other.sync(Want::Everything).await;
        content(&other.published(&[client]).await)
    };
    assert_eq!(by_folder, by_product);

    let file = dir.path().join("report.ndjson");
    let text = std::fs::read_to_string(&file).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    std::fs::write(&file, rest).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    dossiers
        .sync_from(&folder(dir.path(), &dossiers.clock), Want::Changes)
        .await
        .unwrap();
    let key = serde_json::from_str::<serde_json::Value>(first).unwrap()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = dossiers.id("report", &key).to_string();
    assert!(
        dossiers
            .published(&[client])
            .await
            .keys()
            .all(|name| !name.contains(&id))
    );
}

#[tokio::test]
async fn a_folder_that_is_not_what_its_manifest_says_changes_nothing() {
    let Exported { dossiers, client, dir } = exported().await;
    sync(&dossiers, dir.path()).await.unwrap();
    let before = dossiers.published(&[client]).await;
    let manifest = dir.path().join("manifest.json");
    let good = std::fs::read_to_string(&manifest).unwrap();
    let report = dir.path().join("report.ndjson");
    let reports = std::fs::read_to_string(&report).unwrap();
    let rows = reports.lines().count();
    let changed: Vec<(&str, String, String)> = vec![
        ("no manifest", String::new(), reports.clone()),
        ("half a manifest", good[..good.len() / 2].to_owned(), reports.clone()),
        (
            "a doubled member",
            good.replacen('{', r#"{"tenant": "amaris","#, 1),
            reports.clone(),
        ),
        (
            "another contract",
            good.replace("inzage-folder/1", "inzage-folder/2"),
            reports.clone(),
        ),
        ("another tenant", good.replace("topaz", "amaris"), reports.clone()),
        (
            "a kind that Ons has not",
            good.replace("\"report\"", "\"subscription\""),
            reports.clone(),
        ),
        (
            "an unknown kind",
            good.replace("\"report\"", "\"raport\""),
            reports.clone(),
        ),
        (
            "a file elsewhere",
            good.replace("report.ndjson", "../report.ndjson"),
            reports.clone(),
        ),
        (
            "other rows",
            good.replace(&format!("\"rows\": {rows}"), "\"rows\": 1"),
            reports.clone(),
        ),
        ("a half file", good.clone(), reports[..reports.len() / 2].to_owned()),
        ("another byte", good.clone(), reports.replacen("report", "raport", 1)),
        ("an empty file", good.clone(), String::new()),
    ];
    for (what, manifest_text, report_text) in changed {
        std::fs::write(&manifest, manifest_text).unwrap();
        std::fs::write(&report, report_text).unwrap();
        let done = sync(&dossiers, dir.path()).await;
        let told = done.expect_err(what).to_string();
        assert!(told.contains("manifest.json"), "{what}: {told}");
        assert_eq!(dossiers.published(&[client]).await, before, "{what}");
    }
}

/// I8: a line without an end, and what is no file at all.
#[tokio::test]
async fn i8_a_line_without_an_end_a_link_or_a_pipe_changes_nothing() {
    let Exported { dossiers, client, dir } = exported().await;
    sync(&dossiers, dir.path()).await.unwrap();
    let before = dossiers.published(&[client]).await;
    let report = dir.path().join("report.ndjson");
    let reports = std::fs::read_to_string(&report).unwrap();
    std::fs::write(&report, format!("{reports}{{\"key\":\"{}\"}}\n", "x".repeat(5 << 20))).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    let told = sync(&dossiers, dir.path()).await.unwrap_err().to_string();
    assert!(told.contains("a line is longer than"), "{told}");
    assert_eq!(dossiers.published(&[client]).await, before);

    std::fs::write(&report, &reports).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("report.ndjson");
    std::fs::rename(&report, &target).unwrap();
    std::os::unix::fs::symlink(&target, &report).unwrap();
    let told = sync(&dossiers, dir.path()).await.unwrap_err().to_string();
    assert!(told.contains("report.ndjson: cannot be read"), "{told}");
    std::fs::remove_file(&report).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&report).status().unwrap();
    assert!(made.success());
    let reading = tokio::time::timeout(std::time::Duration::from_secs(30), sync(&dossiers, dir.path()));
    let told = reading
        .await
        .expect("a pipe that nobody writes to is not read")
        .unwrap_err()
        .to_string();
    assert!(told.contains("report.ndjson: cannot be read"), "{told}");
    assert_eq!(dossiers.published(&[client]).await, before);
}

#[tokio::test]
async fn a_kind_that_was_there_before_and_is_not_named_any_more_is_a_file_that_was_forgotten() {
    let Exported { dossiers, client, dir } = exported().await;
    sync(&dossiers, dir.path()).await.unwrap();
    let before = dossiers.published(&[client]).await;
    dossiers.clock.advance(SignedDuration::from_hours(1));
    std::fs::remove_file(dir.path().join("agenda-occurrence.ndjson")).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    let told = sync(&dossiers, dir.path()).await.unwrap_err().to_string();
    assert!(told.contains("agenda-occurrence is missing"), "{told}");
    assert_eq!(dossiers.published(&[client]).await, before);
    // That there is none has to be said, and is held as any other silence.
    std::fs::write(dir.path().join("agenda-occurrence.ndjson"), "").unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    let done = sync(&dossiers, dir.path()).await.unwrap();
    assert!(done.held_by_kind.contains_key("agenda-occurrence"), "{done:#?}");
    assert_eq!(dossiers.published(&[client]).await, before);
}

#[tokio::test]
async fn what_another_source_brought_of_a_kind_that_the_folder_never_had_waits_for_an_operator() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let dir = tempfile::tempdir().unwrap();
    export(&dossiers, client, dir.path()).await;
    std::fs::remove_file(dir.path().join("insurance.ndjson")).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    let done = sync(&dossiers, dir.path()).await.unwrap();
    assert_eq!(done.held_by_kind.keys().collect::<Vec<_>>(), ["insurance"], "{done:#?}");
    assert!(!done.is_complete());
    let is_insurance = |all: &BTreeMap<String, String>| all.keys().filter(|name| name.starts_with("Coverage/")).count();
    assert_eq!(
        is_insurance(&dossiers.published(&[client]).await),
        is_insurance(&before)
    );
}

/// I8: the record of one client under the name of another, and one key for two clients.
#[tokio::test]
async fn i8_a_line_that_names_another_client_than_its_record_is_nobodys() {
    let Exported { dossiers, client, dir } = exported().await;
    let other = Cast::default().hospital;
    dossiers.grant("account-of-the-other", other).await;
    sync(&dossiers, dir.path()).await.unwrap();
    let before = dossiers.published(&[client, other]).await;
    let file = dir.path().join("report.ndjson");
    let text = std::fs::read_to_string(&file).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mine = format!("\"client\":\"{client}\"");
    assert!(first.contains(&mine), "{first}");
    let theirs = first.replace(&mine, &format!("\"client\":\"{other}\""));
    for text in [format!("{theirs}\n{rest}"), format!("{first}\n{rest}{theirs}\n")] {
        std::fs::write(&file, text).unwrap();
        seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
        let done = sync(&dossiers, dir.path()).await.unwrap();
        assert!(done.quarantined > 0, "{done:#?}");
        let now = dossiers.published(&[client, other]).await;
        let of = |patient| {
            let patient = format!("Patient/{}", dossiers.patient(patient));
            now.values().filter(|body| body.contains(&patient)).count()
        };
        assert!(of(other) == 0 && now.len() <= before.len(), "nothing came to the other");
    }
    std::fs::write(&file, &text).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    sync(&dossiers, dir.path()).await.unwrap();
    assert_eq!(dossiers.published(&[client, other]).await.len(), before.len());
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_quarantined_and_nothing_counts_as_absent() {
    let Exported { dossiers, client, dir } = exported().await;
    sync(&dossiers, dir.path()).await.unwrap();
    let before = dossiers.published(&[client]).await.len();
    let file = dir.path().join("report.ndjson");
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    std::fs::write(&file, format!("{{\"key\": \"1\", \"key\": \"2\"}}\n{rest}")).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    let done = sync(&dossiers, dir.path()).await.unwrap();
    assert_eq!((done.quarantined, done.withdrawn), (1, 0), "{done:#?}");
    assert_eq!(dossiers.published(&[client]).await.len(), before);
}

#[tokio::test]
async fn a_file_that_is_written_over_while_it_is_read_changes_nothing() {
    let Exported { dossiers, client, dir } = exported().await;
    let file = dir.path().join("report.ndjson");
    let text = std::fs::read_to_string(&file).unwrap();
    // More lines than the connector hands on ahead of its reader.
    std::fs::write(&file, text.repeat(400 / text.lines().count() + 1)).unwrap();
    seal(dir.path(), "topaz", dossiers.clock.now()).unwrap();
    let folder = folder(dir.path(), &dossiers.clock);
    let mut events = folder.pull(Pull {
        clients: [client.to_string()].into(),
        reach: Reach::Full,
        agenda: date(2026, 8, 24)..date(2027, 5, 21),
        mark: None,
        today: date(2026, 11, 22),
    });
    let first = events.next().await;
    assert!(matches!(first, Some(Ok(Event::Record(_)))), "{first:?}");
    // In the same place, as `cp` does, and not under the name of a new file.
    std::fs::write(&file, "").unwrap();
    let rest: Vec<_> = events.collect().await;
    let told = rest.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(told.contains("written over"), "{told}");
    let is_report = |event: &Event| matches!(event, Event::StreamComplete { kind: Kind::Report });
    assert!(
        !rest.iter().flatten().any(is_report),
        "half a file is no evidence of absence"
    );
}

#[tokio::test]
async fn the_state_of_a_stay_is_that_of_the_day_of_the_pull() {
    let client = Cast::default().everything;
    let dir = tempfile::tempdir().unwrap();
    let record = json!({
        "id": client, "died": null,
        "stays": [{"begin": "2026-01-01", "end": "2026-11-22", "state": "active", "absences": []}],
    });
    let version = "2026-11-01T00:00:00Z";
    let line = json!({"key": client.to_string(), "client": client.to_string(), "version": version, "record": record});
    std::fs::write(dir.path().join("stay.ndjson"), format!("{line}\n")).unwrap();
    seal(dir.path(), "topaz", NOW.parse().unwrap()).unwrap();
    for (today, state) in [(date(2026, 11, 22), "active"), (date(2026, 11, 23), "finished")] {
        let folder = folder(dir.path(), &Clock::fixed(NOW.parse().unwrap()));
        let pull = Pull {
            clients: [client.to_string()].into(),
            reach: Reach::Full,
            agenda: today..today,
            mark: None,
            today,
        };
        let events: Vec<_> = folder.pull(pull).map(Result::unwrap).collect().await;
        let Event::Record(record) = &events[0] else {
            panic!("{events:?}");
        };
        assert_eq!(record.body["stays"][0]["state"], state, "{today}");
    }
}

#[tokio::test]
async fn a_folder_that_is_older_than_the_one_before_it_or_from_the_future_changes_nothing() {
    let Exported { dossiers, client, dir } = exported().await;
    let at = |hours: i64| dossiers.clock.now() + SignedDuration::from_hours(hours);
    seal(dir.path(), "topaz", at(-2)).unwrap();
    let folder = folder(dir.path(), &dossiers.clock);
    dossiers.sync_from(&folder, Want::Everything).await.unwrap();
    assert_eq!(
        dossiers.state().await.as_of,
        Some(at(-2)),
        "the data is as old as the folder"
    );
    let before = dossiers.published(&[client]).await;
    // Half of the reports were not there yet.
    let file = dir.path().join("report.ndjson");
    let text = std::fs::read_to_string(&file).unwrap();
    let few: Vec<&str> = text.lines().skip(2).collect();
    std::fs::write(&file, few.join("\n") + "\n").unwrap();
    for (hours, problem) in [(-3, "is older than"), (1, "lies in the future")] {
        seal(dir.path(), "topaz", at(hours)).unwrap();
        let told = dossiers.sync_from(&folder, Want::Everything).await.unwrap_err();
        assert!(told.to_string().contains(problem), "{told}");
        assert_eq!(dossiers.published(&[client]).await, before, "{problem}");
    }
    seal(dir.path(), "topaz", at(-1)).unwrap();
    let done = dossiers.sync_from(&folder, Want::Everything).await.unwrap();
    assert!(done.withdrawn > 0, "{done:#?}");
}
