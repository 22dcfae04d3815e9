//! What an operator does between runs: look, rehearse, repeat, decide; by the engine and by the command.

use std::path::Path;
use std::process::{Command, Output};

use inzage::db::{Sql, params};
use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::{Error, Want};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::dossier::Dossiers;
use crate::sync_crash::configuration;

pub(crate) fn cast() -> Cast {
    Cast::default()
}

/// Every row of every table that a sync writes, as one text.
async fn written(dossiers: &Dossiers) -> String {
    const TABLES: &[Sql] = &[
        Sql::both("SELECT kind || key || version || resources || outcome FROM source_record ORDER BY kind, key"),
        Sql::both("SELECT kind || key || reason || CAST(at AS TEXT) FROM quarantine ORDER BY kind, key"),
        Sql::both("SELECT client || CAST(loaded_at AS TEXT) FROM source_client ORDER BY client"),
        Sql::both("SELECT source || report || CAST(coalesce(started, 0) AS TEXT) FROM sync_state ORDER BY source"),
        Sql::both("SELECT kind || key FROM held_removal ORDER BY kind, key"),
        Sql::both("SELECT name || holder || CAST(token AS TEXT) FROM lease ORDER BY name"),
        Sql::both("SELECT id || body FROM resource ORDER BY id"),
        Sql::both("SELECT id || CAST(version AS TEXT) FROM resource_history ORDER BY id, version"),
        Sql::both("SELECT id || CAST(version AS TEXT) FROM resource_gone ORDER BY id"),
        Sql::both("SELECT action || CAST(at AS TEXT) FROM audit_line ORDER BY seq"),
    ];
    let mut all = String::new();
    let mut read = dossiers.store.db.read().await.unwrap();
    for table in TABLES {
        for row in read.rows(*table, params![]).await.unwrap() {
            all.push_str(row.str(0));
            all.push('\n');
        }
    }
    all
}

/// Breaks or mends the type of a report.
fn set_type(dossiers: &Dossiers, key: &str, kind: serde_json::Value) {
    dossiers.clock.advance(SignedDuration::from_mins(61));
    let now = dossiers.clock.now();
    assert!(dossiers.population.write(now, |edit| edit.change(
        Shelf::Reports,
        key,
        |report| report["reportTypeId"] = kind
    )));
}

pub(crate) fn some_report(dossiers: &Dossiers, client: u64) -> String {
    let all = dossiers.population.of(Shelf::Reports, client);
    let ordinary = all.iter().find(|report| {
        report["reportTypeId"] == 101
            && report["hidden"] == false
            && report["confidential"] == false
            && report["reportAuthorizations"].as_array().is_none_or(Vec::is_empty)
    });
    ordinary.unwrap()["id"].to_string()
}

#[tokio::test]
async fn a_rehearsal_tells_what_a_run_will_do_and_writes_nothing() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let before = written(&dossiers).await;
    let told = dossiers.dry_run(Want::Everything).await;
    assert!(told.stored > 100, "{told:#?}");
    assert_eq!(written(&dossiers).await, before);
    let done = dossiers.sync(Want::Everything).await;
    assert_eq!(
        (told.stored, told.mapped, &told.dropped),
        (done.stored, done.mapped, &done.dropped)
    );

    let (one, other) = (
        some_report(&dossiers, client),
        dossiers.population.of(Shelf::CarePlans, client)[0]["id"].to_string(),
    );
    set_type(&dossiers, &one, json!("a hundred"));
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.remove(Shelf::CarePlans, &other));
    let before = written(&dossiers).await;
    let told = dossiers.dry_run(Want::Everything).await;
    assert!(told.quarantined == 1 && told.withdrawn > 0, "{told:#?}");
    assert_eq!(written(&dossiers).await, before);
    let done = dossiers.sync(Want::Everything).await;
    assert_eq!(
        (told.withdrawn, told.stored, told.quarantined),
        (done.withdrawn, done.stored, done.quarantined)
    );
}

#[tokio::test]
async fn one_client_can_be_fetched_alone() {
    let clients = [cast().everything, cast().hospital];
    let dossiers = Dossiers::new(10, &clients).await;
    dossiers.sync(Want::Everything).await;
    let state = dossiers.state().await;
    let keys = clients.map(|client| some_report(&dossiers, client));
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        for key in &keys {
            edit.remove(Shelf::Reports, key);
        }
    });
    let before = dossiers.published(&clients[1..]).await;
    let report = dossiers.sync(Want::Client(clients[0].to_string())).await;
    assert!(report.clients == 1 && report.withdrawn > 0, "{report:#?}");
    let name = format!("Observation/{}", dossiers.id("report", &keys[0]));
    assert!(!dossiers.published(&clients[..1]).await.contains_key(&name));
    assert_eq!(
        dossiers.published(&clients[1..]).await,
        before,
        "the other one is as it was"
    );
    assert_eq!(dossiers.state().await, state, "it says nothing of the whole source");
    let nobody = dossiers.try_sync(Want::Client("123".to_owned())).await;
    assert!(matches!(nobody, Err(Error::NoAccount)), "{nobody:?}");
}

#[tokio::test]
async fn what_is_in_quarantine_can_be_mapped_again_alone() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let key = some_report(&dossiers, client);
    set_type(&dossiers, &key, json!("a hundred"));
    assert_eq!(dossiers.sync(Want::Everything).await.quarantined, 1);
    // Nothing is better yet.
    let again = dossiers.sync(Want::Quarantined).await;
    assert_eq!((again.quarantined, again.stored, again.unchanged), (1, 0, 0));
    // A map is put right: here the source is. Another change waits for the next ordinary run.
    set_type(&dossiers, &key, json!(101));
    let other = dossiers.population.of(Shelf::CarePlans, client)[0]["id"].to_string();
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.remove(Shelf::CarePlans, &other));
    let replayed = dossiers.sync(Want::Quarantined).await;
    assert_eq!(
        (replayed.mapped, replayed.withdrawn, replayed.quarantined),
        (1, 0, 0),
        "{replayed:#?}"
    );
    let published = dossiers.published(&[client]).await;
    assert!(published.contains_key(&format!("Observation/{}", dossiers.id("report", &key))));
    assert!(published.contains_key(&format!("CarePlan/{}", dossiers.id("care-plan", &other))));
    let mut read = dossiers.store.db.read().await.unwrap();
    let left = inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None)
        .await
        .unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn a_record_that_is_gone_or_as_before_leaves_the_quarantine() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let all = dossiers.population.of(Shelf::Reports, client);
    let keys: Vec<String> = all.iter().take(2).map(|report| report["id"].to_string()).collect();
    dossiers.sync(Want::Everything).await;
    for key in &keys {
        set_type(&dossiers, key, json!("a hundred"));
    }
    assert_eq!(dossiers.sync(Want::Everything).await.quarantined, 2);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.remove(Shelf::Reports, &keys[0]));
    // Exactly the text of the first time, as a source that took its change back.
    let mut lines: Vec<String> = dossiers
        .population
        .texts(Shelf::Reports, None)
        .iter()
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .collect();
    let id = format!("\"id\":{},", keys[1]);
    for line in lines.iter_mut().filter(|line| line.contains(&id)) {
        *line = all[1].to_string();
    }
    dossiers
        .mock
        .faults
        .add("/v0/xstream/reports", Fault::Instead(lines.join("\n") + "\n"), 1);
    let report = dossiers.sync(Want::Everything).await;
    assert!(report.is_complete(), "{report:#?}");
    let mut read = dossiers.store.db.read().await.unwrap();
    let left = inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None)
        .await
        .unwrap();
    assert_eq!(left, []);
}

/// Kinds and keys in quarantine.
async fn quarantined(dossiers: &Dossiers) -> Vec<(String, String)> {
    let mut read = dossiers.store.db.read().await.unwrap();
    let lines = inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None)
        .await
        .unwrap();
    lines.into_iter().map(|line| (line.kind, line.key)).collect()
}

fn kinds(lines: &[(String, String)]) -> Vec<&str> {
    lines.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[tokio::test]
async fn what_a_clients_own_list_no_longer_has_leaves_the_quarantine() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let first = |shelf| dossiers.population.of(shelf, client)[0]["id"].clone();
    let all = [Shelf::CarePlans, Shelf::Agenda, Shelf::Forms].map(|shelf| (shelf, first(shelf)));
    let key = |id: &serde_json::Value| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    dossiers.population.write(dossiers.clock.now(), |edit| {
        for (shelf, id) in &all {
            assert!(edit.change(*shelf, &key(id), |body| {
                body["status"] = json!("xyzzy");
                body["private"] = json!("xyzzy");
            }));
        }
    });
    assert_eq!(dossiers.sync(Want::Everything).await.quarantined, 3);
    let lines = quarantined(&dossiers).await;
    assert_eq!(kinds(&lines), ["agenda-occurrence", "care-plan", "survey-result"]);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        for (shelf, id) in &all {
            assert!(edit.remove(*shelf, &key(id)));
        }
    });
    // A list that did not arrive whole says nothing.
    let faults = &dossiers.mock.faults;
    faults.add("/v0/administration/dossier/care_plans", Fault::Page, 1);
    assert!(!dossiers.sync(Want::Changes).await.is_complete());
    assert_eq!(kinds(&quarantined(&dossiers).await), ["care-plan"]);
    assert!(dossiers.sync(Want::Changes).await.is_complete());
    assert_eq!(quarantined(&dossiers).await, []);
}

#[tokio::test]
async fn what_the_source_says_to_be_gone_or_elsewhere_leaves_the_quarantine() {
    let (client, other) = (cast().everything, cast().pair[0]);
    let dossiers = Dossiers::new(10, &[client, other]).await;
    dossiers.sync(Want::Everything).await;
    let report = some_report(&dossiers, client);
    set_type(&dossiers, &report, json!("a hundred"));
    let relation = dossiers.population.of(Shelf::EmployeeRelations, other)[0]["id"].to_string();
    dossiers.population.write(dossiers.clock.now(), |edit| {
        let break_relation = |body: &mut serde_json::Value| body["employeeId"] = json!("xyzzy");
        assert!(edit.change(Shelf::EmployeeRelations, &relation, break_relation));
        let break_client = |body: &mut serde_json::Value| body["initials"] = json!(7);
        assert!(edit.change(Shelf::Clients, &other.to_string(), break_client));
    });
    dossiers.sync(Want::Changes).await;
    let lines = quarantined(&dossiers).await;
    assert_eq!(kinds(&lines), ["care-team", "client", "report"]);

    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        let moved = |body: &mut serde_json::Value| body["clientId"] = json!(cast().hospital);
        assert!(edit.change(Shelf::Reports, &report, moved));
        assert!(edit.remove(Shelf::Clients, &other.to_string()));
    });
    dossiers.sync(Want::Changes).await;
    assert_eq!(quarantined(&dossiers).await, []);
}

pub(crate) async fn inzage(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inzage"));
    command.arg("sync").args(arguments).arg("--config").arg(config);
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_show_and_decide() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let config = configuration(&dossiers);
    let key = some_report(&dossiers, client);
    set_type(&dossiers, &key, json!("a hundred"));

    let run = inzage(&config, &["--tenant", "topaz", "--full"]).await;
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let listed = inzage(&config, &["quarantine", "--tenant", "topaz"]).await;
    let listed = text(&listed.stdout);
    let fields: Vec<&str> = listed.trim_end().split('\t').collect();
    assert_eq!(
        (fields[1], fields[2], fields[4]),
        ("report", key.as_str(), "/reportTypeId"),
        "{listed}"
    );
    // The log names the record by the reference alone.
    let log = text(&run.stderr);
    assert!(log.contains(fields[0]), "{log}");
    assert!(!log.contains(&key), "{log}");

    let dry = inzage(
        &config,
        &["--tenant", "topaz", "--client", &client.to_string(), "--dry-run"],
    )
    .await;
    assert_eq!(dry.status.code(), Some(0), "{}", text(&dry.stderr));
    assert!(text(&dry.stdout).contains("nothing was written"));

    dossiers
        .mock
        .faults
        .add("/v0/xstream/reports", Fault::Instead(String::new()), 1);
    let run = inzage(&config, &["--tenant", "topaz", "--full"]).await;
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("inzage sync held"), "{}", text(&run.stdout));
    let held = inzage(&config, &["held", "--tenant", "topaz", "--kind", "report"]).await;
    let lines = text(&held.stdout);
    assert!(
        lines.lines().count() > 20 && lines.lines().all(|line| line.starts_with("report\t")),
        "{lines}"
    );
    let status = text(&inzage(&config, &["status"]).await.stdout);
    assert!(status.contains("removals wait (report)"), "{status}");
    let wrong = inzage(&config, &["held", "--tenant", "topaz", "--kind", "raport"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("expected one of"),
        "{}",
        text(&wrong.stderr)
    );

    let kept = inzage(&config, &["confirm", "--tenant", "topaz", "--keep"]).await;
    assert!(text(&kept.stdout).contains("records kept"), "{}", text(&kept.stderr));
    let held = inzage(&config, &["held", "--tenant", "topaz"]).await;
    assert!(held.stdout.is_empty());
    let replay = inzage(&config, &["replay", "--tenant", "topaz"]).await;
    assert_eq!(replay.status.code(), Some(0), "{}", text(&replay.stderr));
}
