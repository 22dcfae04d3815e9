//! From the mock ECD to the store: the same twice, nothing that must not leave, nothing lost by a crash or a bad answer.

use std::collections::BTreeSet;

use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, SECRET_MARKER, Shelf};
use inzage::sync::Want;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::dossier::Dossiers;

fn cast() -> Cast {
    Cast::default()
}

#[tokio::test]
async fn two_runs_give_the_same_store() {
    let clients = [cast().everything, cast().hospital];
    let dossiers = Dossiers::new(10, &clients).await;
    let first = dossiers.sync(Want::Everything).await;
    assert!(
        first.stored > 100 && first.is_complete() && first.quarantined == 0,
        "{first:#?}"
    );
    let before = dossiers.published(&clients).await;
    for want in [Want::Everything, Want::Changes] {
        dossiers.clock.advance(SignedDuration::from_hours(4));
        let again = dossiers.sync(want).await;
        assert_eq!((again.stored, again.withdrawn, again.mapped), (0, 0, 0), "{again:#?}");
        assert!(again.is_complete());
    }
    assert_eq!(dossiers.published(&clients).await, before);
}

#[tokio::test]
async fn every_kind_of_data_is_there_and_nothing_that_must_not_leave() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let published = dossiers.published(&[client]).await;
    let kinds: BTreeSet<&str> = published.keys().filter_map(|name| name.split('/').next()).collect();
    let expected = [
        "Appointment",
        "CarePlan",
        "CareTeam",
        "Composition",
        "Condition",
        "Coverage",
        "DocumentReference",
        "EpisodeOfCare",
        "Goal",
        "Observation",
        "Organization",
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
        "QuestionnaireResponse",
        "RelatedPerson",
    ];
    assert_eq!(kinds, expected.into());
    for (name, body) in &published {
        assert!(!body.contains(SECRET_MARKER), "{name} holds what must not leave");
        let words = body.split(|c: char| !c.is_ascii_alphanumeric());
        let like_a_bsn =
            |word: &str| word.len() == 9 && word.starts_with("9999") && word.bytes().all(|b| b.is_ascii_digit());
        assert!(
            !words.into_iter().any(like_a_bsn),
            "{name} holds a number like a BSN: {body}"
        );
    }
}

#[tokio::test]
async fn only_clients_with_an_account_are_loaded() {
    let dossiers = Dossiers::new(10, &[cast().everything]).await;
    dossiers.sync(Want::Everything).await;
    assert!(dossiers.published(&[cast().hospital]).await.keys().all(|name| {
        ["Practitioner/", "PractitionerRole/", "Organization/"]
            .iter()
            .any(|kind| name.starts_with(kind))
    }));
    dossiers.grant("later", cast().hospital).await;
    let report = dossiers.sync(Want::Changes).await;
    assert!(
        report.stored > 50,
        "a new account makes the next run load its client: {report:#?}"
    );
    assert!(dossiers.published(&[cast().hospital]).await.len() > 50);
}

/// An ordinary report of this client that is published.
fn some_report(dossiers: &Dossiers, client: u64) -> (String, String) {
    let report = dossiers
        .population
        .of(Shelf::Reports, client)
        .into_iter()
        .find(|report| {
            report["reportTypeId"] == 101
                && report["hidden"] == false
                && report["confidential"] == false
                && report["reportAuthorizations"].as_array().is_none_or(Vec::is_empty)
        })
        .expect("the client has an ordinary report");
    let key = report["id"].to_string();
    (key.clone(), format!("Observation/{}", dossiers.id("report", &key)))
}

/// F16: records that were deleted or moved.
#[tokio::test]
async fn what_is_hidden_moved_or_deleted_vanishes_with_the_next_run() {
    let clients = [cast().everything, cast().hospital];
    let dossiers = Dossiers::new(10, &clients).await;
    dossiers.sync(Want::Everything).await;

    let (key, name) = some_report(&dossiers, clients[0]);
    assert!(dossiers.published(&clients[..1]).await.contains_key(&name));
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.change(Shelf::Reports, &key, |r| r["hidden"] = json!(true))
    });
    let report = dossiers.sync(Want::Changes).await;
    assert!(report.withdrawn >= 2, "the observation and its document: {report:#?}");
    assert!(!dossiers.published(&clients[..1]).await.contains_key(&name));

    let (key, name) = some_report(&dossiers, clients[0]);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.change(Shelf::Reports, &key, |r| r["clientId"] = json!(clients[1]))
    });
    dossiers.sync(Want::Changes).await;
    assert!(
        !dossiers.published(&clients[..1]).await.contains_key(&name),
        "it left the first client"
    );
    assert!(
        !dossiers.published(&clients[1..]).await.contains_key(&name),
        "what an app of the first may know is nothing of the second"
    );

    let (key, name) = some_report(&dossiers, clients[0]);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.remove(Shelf::Reports, &key));
    dossiers.sync(Want::Everything).await;
    assert!(
        !dossiers.published(&clients[..1]).await.contains_key(&name),
        "absent from a whole answer"
    );
}

/// F13: answers that are none.
#[tokio::test]
async fn a_bad_answer_changes_nothing_that_is_published() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let faults = [
        Fault::Cut(50),
        Fault::Cut(5_000),
        Fault::Break(200),
        Fault::Break(5_000),
        Fault::Page,
        Fault::Status(500),
        Fault::MediaType,
    ];
    for path in [
        "/v0/xstream/reports",
        "/v0/administration/dossier/care_plans",
        "/v0/agenda",
        "/v0/client/shared_resources",
        "/v0/xstream/clients",
        "/v0/xstream/insurances",
        "/v0/administration/clients",
    ] {
        // These lists are shorter than that.
        let is_short = ["/v0/client/shared_resources", "/v0/administration/clients"].contains(&path);
        for fault in faults.clone() {
            if is_short && matches!(fault, Fault::Cut(5_000) | Fault::Break(_)) {
                continue;
            }
            dossiers.mock.faults.add(path, fault.clone(), 4);
            dossiers.clock.advance(SignedDuration::from_hours(1));
            let report = dossiers.try_sync(Want::Everything).await;
            assert!(
                report.is_err() || !report.is_ok_and(|report| report.is_complete()),
                "{path} {fault:?} was not noticed"
            );
            assert_eq!(dossiers.published(&[client]).await, before, "{path} {fault:?}");
            // Use up what the run left over.
            for _ in 0..4 {
                let _ = dossiers.try_sync(Want::Changes).await;
            }
        }
    }
    let after = dossiers.sync(Want::Everything).await;
    assert!(after.is_complete() && after.stored == 0, "{after:#?}");
}

/// F14: an ECD that answers as if nothing were there.
#[tokio::test]
async fn an_ecd_that_forgets_everything_is_not_believed() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.published(&[client]).await;
    let keys: Vec<String> = dossiers
        .population
        .of(Shelf::Reports, client)
        .iter()
        .map(|report| report["id"].to_string())
        .collect();
    dossiers.population.write(dossiers.clock.now(), |edit| {
        keys.iter().for_each(|key| assert!(edit.remove(Shelf::Reports, key)))
    });
    let report = dossiers.sync(Want::Everything).await;
    assert!(report.held > 20 && report.withdrawn == 0, "{report:#?}");
    assert_eq!(dossiers.published(&[client]).await, before);
}

#[tokio::test]
async fn a_record_that_breaks_its_schema_is_quarantined_and_the_rest_goes_on() {
    let client = cast().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let (key, name) = some_report(&dossiers, client);
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.change(Shelf::Reports, &key, |r| r["reportTypeId"] = json!("a hundred"))
    });
    let report = dossiers.sync(Want::Everything).await;
    assert_eq!(report.quarantined, 1);
    assert!(report.stored > 100);
    assert!(!dossiers.published(&[client]).await.contains_key(&name));
    let mut read = dossiers.store.db.read().await.unwrap();
    let waiting = inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None)
        .await
        .unwrap();
    drop(read);
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (
            waiting[0].kind.as_str(),
            waiting[0].key.as_str(),
            waiting[0].pointer.as_str()
        ),
        ("report", &*key, "/reportTypeId")
    );
    assert!(
        !waiting[0].reason.contains("hundred"),
        "the reason holds no value: {}",
        waiting[0].reason
    );

    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.change(Shelf::Reports, &key, |r| r["reportTypeId"] = json!(101))
    });
    dossiers.sync(Want::Changes).await;
    assert!(dossiers.published(&[client]).await.contains_key(&name));
    let mut read = dossiers.store.db.read().await.unwrap();
    assert!(
        inzage::sync::quarantined(&mut read, &dossiers.tenant.id, "ons", None, None)
            .await
            .unwrap()
            .is_empty()
    );
}
