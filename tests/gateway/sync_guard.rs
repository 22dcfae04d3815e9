//! What vanishes, moves or contradicts itself at the source: held, followed to another dossier, or settled.

use std::collections::BTreeMap;

use inzage::db::{Sql, params};
use inzage::ecd::Kind;
use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::{Decided, Decision, Want};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::dossier::Dossiers;

fn cast() -> Cast {
    Cast::default()
}

fn is_ordinary(report: &Value) -> bool {
    report["reportTypeId"] == 101
        && report["hidden"] == false
        && report["confidential"] == false
        && report["reportAuthorizations"].as_array().is_none_or(Vec::is_empty)
}

/// The ordinary reports of a client.
fn reports(dossiers: &Dossiers, client: u64) -> Vec<Value> {
    let mut reports = dossiers.population.of(Shelf::Reports, client);
    reports.retain(is_ordinary);
    assert!(!reports.is_empty(), "the client has an ordinary report");
    reports
}

fn observation(dossiers: &Dossiers, key: &str) -> String {
    format!("Observation/{}", dossiers.id("report", key))
}

/// Those of the published resources that hold this text.
fn with_text(published: &BTreeMap<String, String>, text: &str) -> Vec<String> {
    let found = published.iter().filter(|(_, body)| body.contains(text));
    found.map(|(name, _)| name.clone()).collect()
}

async fn held(dossiers: &Dossiers) -> Vec<(String, i64)> {
    let mut read = dossiers.store.db.read().await.unwrap();
    let kinds = inzage::sync::held_kinds(&mut read, &dossiers.tenant.id, "ons")
        .await
        .unwrap();
    kinds.into_iter().map(|held| (held.kind, held.count)).collect()
}

async fn audited(dossiers: &Dossiers) -> Vec<String> {
    const QUERIES: Sql =
        Sql::both("SELECT query FROM audit_line WHERE action = 'system' AND query IS NOT NULL ORDER BY seq");
    let mut read = dossiers.store.db.read().await.unwrap();
    let rows = read.rows(QUERIES, params![]).await.unwrap();
    rows.iter().map(|row| row.text(0)).collect()
}

/// Removes every report of the client from the source and gives them back.
fn forget_reports(dossiers: &Dossiers, client: u64) -> Vec<Value> {
    let all = dossiers.population.of(Shelf::Reports, client);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        for report in &all {
            assert!(edit.remove(Shelf::Reports, &report["id"].to_string()));
        }
    });
    all
}

/// F14: an ECD that answers as if nothing were there.
#[tokio::test]
async fn what_is_held_waits_for_an_operator_and_goes_when_it_is_confirmed() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let plan = dossiers.population.of(Shelf::CarePlans, client)[0]["id"].to_string();
    let plan_name = format!("CarePlan/{}", dossiers.id("care-plan", &plan));
    forget_reports(&dossiers, client);
    // Another kind goes on as ever.
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.remove(Shelf::CarePlans, &plan));
    let report = dossiers.sync(Want::Everything).await;
    assert!(report.held > 20 && !report.is_complete(), "{report:#?}");
    assert_eq!(report.held_by_kind.keys().collect::<Vec<_>>(), ["report"]);
    let waiting = held(&dossiers).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].0, "report");
    let now = dossiers.published(&[client]).await;
    assert!(before.contains_key(&plan_name) && !now.contains_key(&plan_name));
    let is_report = |name: &&String| name.starts_with("Observation/");
    assert_eq!(
        before.keys().filter(is_report).collect::<Vec<_>>(),
        now.keys().filter(is_report).collect::<Vec<_>>()
    );

    // It waits through runs that hear nothing of it.
    dossiers.sync(Want::Changes).await;
    assert_eq!(held(&dossiers).await, waiting);
    let none = dossiers.decide(Some(Kind::CarePlan), Decision::Remove).await;
    assert_eq!(none, Decided::default());

    let decided = dossiers.decide(Some(Kind::Report), Decision::Remove).await;
    assert_eq!(decided.records, u64::try_from(waiting[0].1).unwrap());
    assert!(decided.withdrawn >= report.held, "{decided:?}");
    assert!(held(&dossiers).await.is_empty());
    let after = dossiers.published(&[client]).await;
    assert_eq!(after.keys().filter(is_report).count(), 0, "{:?}", after.keys());
    assert_eq!(
        audited(&dossiers).await.last().map(String::as_str),
        Some("sync-held-remove report")
    );
    let quiet = dossiers.sync(Want::Everything).await;
    assert!(quiet.is_complete() && quiet.withdrawn == 0, "{quiet:#?}");
}

#[tokio::test]
async fn what_is_held_and_comes_back_waits_no_longer() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let all = forget_reports(&dossiers, client);
    dossiers.sync(Want::Everything).await;
    assert!(!held(&dossiers).await.is_empty());

    // Kept: it stays, and is held again by the next whole answer.
    let kept = dossiers.decide(None, Decision::Keep).await;
    assert_eq!((kept.records, kept.withdrawn), (all.len() as u64, 0));
    assert!(held(&dossiers).await.is_empty());
    assert_eq!(
        audited(&dossiers).await.last().map(String::as_str),
        Some("sync-held-keep every-kind")
    );
    dossiers.sync(Want::Everything).await;
    assert!(!held(&dossiers).await.is_empty());

    let earlier = dossiers.clock.now() - SignedDuration::from_hours(48);
    dossiers.population.write(earlier, |edit| {
        all.into_iter().for_each(|report| edit.put(Shelf::Reports, report))
    });
    dossiers.sync(Want::Everything).await;
    assert!(held(&dossiers).await.is_empty());
    assert_eq!(dossiers.published(&[client]).await.len(), before.len());
}

/// F14: an ECD that answers as if nothing were there.
#[tokio::test]
async fn what_the_source_says_to_be_deleted_or_elsewhere_is_counted_as_well() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let everybody: Vec<u64> = dossiers
        .population
        .all(Shelf::Clients)
        .iter()
        .map(|client| client["id"].as_u64().unwrap())
        .collect();
    for other in everybody
        .iter()
        .filter(|other| **other != client && **other != cast().hospital)
    {
        dossiers.grant(&format!("account-{other}"), *other).await;
    }
    dossiers.sync(Want::Everything).await;

    // Most of the clients.
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        for gone in everybody.iter().filter(|gone| **gone != client) {
            edit.remove(Shelf::Clients, &gone.to_string());
        }
    });
    let report = dossiers.sync(Want::Changes).await;
    assert!(report.held_by_kind.contains_key("client"), "{report:#?}");
    assert_eq!(report.withdrawn, 0);

    // Reports that are said to be of a client who has no account.
    let many = dossiers.population.of(Shelf::Reports, client);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        for report in &many {
            let key = report["id"].to_string();
            edit.change(Shelf::Reports, &key, |report| {
                report["clientId"] = json!(cast().hospital)
            });
        }
    });
    let before = dossiers.published(&[client]).await;
    let report = dossiers.sync(Want::Changes).await;
    assert!(report.held_by_kind.contains_key("report"), "{report:#?}");
    assert_eq!(dossiers.published(&[client]).await, before);
}

/// F16: records that were deleted or moved.
#[tokio::test]
async fn a_record_that_moves_leaves_its_id_behind() {
    let clients = [cast().everything, cast().hospital];
    let dossiers = Dossiers::new(10, &clients).await;
    let chosen = reports(&dossiers, clients[0])[0].clone();
    let key = chosen["id"].to_string();
    let name = observation(&dossiers, &key);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    let text = "Samen gewandeld naar de Kwakersdijk.";
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.change(Shelf::Reports, &key, |report| report["comment"] = json!(text))
    });
    dossiers.sync(Want::Everything).await;
    let mut names = vec![with_text(&dossiers.published(&clients[..1]).await, text)];
    assert!(names[0].contains(&name), "{names:?}");

    // There, back, and there again: each time under ids that were never used before.
    for step in 1..=3 {
        let (to, from) = (clients[step % 2], clients[(step + 1) % 2]);
        dossiers.clock.advance(SignedDuration::from_hours(1));
        dossiers.population.write(dossiers.clock.now(), |edit| {
            edit.change(Shelf::Reports, &key, |report| report["clientId"] = json!(to))
        });
        let report = dossiers.sync(Want::Changes).await;
        assert_eq!(report.moved, 1, "{report:#?}");
        assert!(
            with_text(&dossiers.published(&[from]).await, text).is_empty(),
            "it left {from}"
        );
        let there = with_text(&dossiers.published(&[to]).await, text);
        assert_eq!(there.len(), names[0].len(), "all of it came to {to}: {there:?}");
        for earlier in names.iter().flatten() {
            assert!(!there.contains(earlier), "{earlier} means something in two dossiers");
            assert_eq!(
                dossiers.versions(&clients, earlier).await,
                0,
                "{earlier} left a version behind"
            );
        }
        names.push(there);
    }
}

/// F17: a key that is used again.
#[tokio::test]
async fn a_key_that_is_given_to_another_client_later_gets_other_ids() {
    let clients = [cast().everything, cast().hospital];
    let dossiers = Dossiers::new(10, &clients).await;
    dossiers.sync(Want::Everything).await;
    let mut report = reports(&dossiers, clients[0])[0].clone();
    let key = report["id"].to_string();
    let name = observation(&dossiers, &key);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.remove(Shelf::Reports, &key));
    dossiers.sync(Want::Everything).await;
    assert!(!dossiers.published(&clients).await.contains_key(&name));

    dossiers.clock.advance(SignedDuration::from_hours(1));
    report["clientId"] = json!(clients[1]);
    report["comment"] = json!("Een ander verhaal.");
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.put(Shelf::Reports, report.clone()));
    dossiers.sync(Want::Changes).await;
    let published = dossiers.published(&clients).await;
    assert!(!published.contains_key(&name), "the old id is used again");
    assert!(!with_text(&published, "Een ander verhaal.").is_empty());

    // The same client again is no change of subject.
    dossiers.clock.advance(SignedDuration::from_hours(1));
    let before = with_text(&published, "Een ander verhaal.");
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.remove(Shelf::Reports, &key));
    dossiers.sync(Want::Everything).await;
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.put(Shelf::Reports, report));
    dossiers.sync(Want::Everything).await;
    assert_eq!(
        with_text(&dossiers.published(&clients).await, "Een ander verhaal."),
        before
    );
}

/// F15: duplicates and versions out of order.
#[tokio::test]
async fn an_older_version_never_wins() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let key = reports(&dossiers, client)[0]["id"].to_string();
    let long_ago = dossiers.clock.now() - SignedDuration::from_hours(24 * 400);
    dossiers.population.write(long_ago, |edit| {
        edit.change(Shelf::Reports, &key, |report| {
            report["comment"] = json!("Zo was het ooit.")
        })
    });
    let report = dossiers.sync(Want::Everything).await;
    assert_eq!((report.outdated, report.stored), (1, 0), "{report:#?}");
    assert_eq!(dossiers.published(&[client]).await, before);
}

/// F15: duplicates and versions out of order.
#[tokio::test]
async fn of_two_contents_with_one_version_the_same_one_counts_in_whatever_order_they_come() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let all = dossiers.population.texts(Shelf::Reports, None);
    let mut one = reports(&dossiers, client)[0].clone();
    let name = observation(&dossiers, &one["id"].to_string());
    let mut lines: Vec<String> = all
        .iter()
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .collect();
    let place = lines
        .iter()
        .position(|line| line.contains(&format!("\"id\":{},", one["id"])))
        .expect("the report is in the stream");
    one["comment"] = json!("De andere lezing.");
    let other = one.to_string();
    let stream = |order: bool| {
        let mut lines = lines.clone();
        if order {
            lines.push(other.clone());
        } else {
            let first = std::mem::replace(&mut lines[place], other.clone());
            lines.push(first);
        }
        Fault::Instead(lines.join("\n") + "\n")
    };
    let mut seen = Vec::new();
    for order in [true, false, true, true, false] {
        dossiers.mock.faults.add("/v0/xstream/reports/data", stream(order), 1);
        let report = dossiers.sync(Want::Everything).await;
        assert!(report.is_complete(), "{report:#?}");
        seen.push(dossiers.published(&[client]).await[&name].clone());
    }
    assert!(seen.iter().all(|body| *body == seen[0]), "{seen:#?}");
    lines.clear();
}

#[tokio::test]
async fn a_decision_comes_to_its_end_with_a_kind_that_nobody_knows() {
    const HOLD: Sql = Sql::both(
        "INSERT INTO held_removal (tenant, source, kind, key, cause, held_at)
         VALUES ($1, 'ons', $2, $3, 'absent', 0)",
    );
    let dossiers = Dossiers::new(10, &[cast().everything]).await;
    dossiers.sync(Want::Everything).await;
    for decision in [Decision::Keep, Decision::Remove] {
        let mut tx = dossiers.store.db.begin().await.unwrap();
        // The one that nobody knows is still there the second time.
        let kinds: &[&str] = match decision {
            Decision::Keep => &["report", "a-kind-of-later", "stay"],
            Decision::Remove => &["report", "stay"],
        };
        for kind in kinds {
            let values = params![dossiers.tenant.id.as_str(), *kind, "1"];
            tx.execute(HOLD, values).await.unwrap();
        }
        tx.commit().await.unwrap();
        let deciding = dossiers.decide(None, decision);
        let decided = tokio::time::timeout(std::time::Duration::from_secs(20), deciding).await;
        let decided = decided.expect("a decision comes to its end");
        assert_eq!(decided.records, 2, "{decision:?}");
        assert_eq!(held(&dossiers).await, [("a-kind-of-later".to_owned(), 1)]);
    }
}
