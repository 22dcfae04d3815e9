//! What an organisation releases: its report types, and what somebody released or took back by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use inzage::config::{Policy, Tenant};
use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::Want;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::dossier::Dossiers;

/// The tenant with these report types; `None` names none.
fn publish(dossiers: &mut Dossiers, types: Option<&[&str]>) {
    let policy = Policy {
        report_types: types.map(|types| types.iter().map(|&one| one.to_owned()).collect()),
        ..dossiers.tenant.policy.clone()
    };
    dossiers.tenant = Arc::new(Tenant {
        policy,
        ..(*dossiers.tenant).clone()
    });
}

/// How many of the client's published reports are of each type.
fn types(dossiers: &Dossiers, client: u64, published: &BTreeMap<String, String>) -> BTreeMap<u64, usize> {
    let mut found = BTreeMap::new();
    for report in dossiers.population.of(Shelf::Reports, client) {
        let id = dossiers.id("report", &report["id"].to_string());
        let names = [format!("Observation/{id}"), format!("Composition/{id}")];
        if names.iter().any(|name| published.contains_key(name)) {
            *found.entry(report["reportTypeId"].as_u64().unwrap()).or_default() += 1;
        }
    }
    found
}

#[tokio::test]
async fn the_report_types_that_a_tenant_names_are_published_and_no_others() {
    let client = Cast::default().everything;
    let mut dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let every = types(&dossiers, client, &dossiers.published(&[client]).await);
    for kind in [
        101, 102, 103, 104, 105, 106, 107, 108, 110, 111, 309, 311, 314, 315, 316, 317,
    ] {
        assert!(every.contains_key(&kind), "type {kind}: {every:?}");
    }
    // Of the organisation itself, between care providers, internal.
    for kind in [112, 212, 221, 230] {
        assert!(!every.contains_key(&kind), "type {kind}: {every:?}");
    }

    publish(&mut dossiers, Some(&["101", "212"]));
    dossiers.clock.advance(SignedDuration::from_hours(4));
    // A run for changes notices by itself that it has to decide anew.
    let report = dossiers.sync(Want::Changes).await;
    assert!(report.withdrawn > 0, "{report:#?}");
    let named = types(&dossiers, client, &dossiers.published(&[client]).await);
    assert_eq!(named.keys().copied().collect::<Vec<_>>(), [101, 212]);

    publish(&mut dossiers, Some(&[]));
    dossiers.clock.advance(SignedDuration::from_hours(4));
    dossiers.sync(Want::Changes).await;
    assert!(types(&dossiers, client, &dossiers.published(&[client]).await).is_empty());

    publish(&mut dossiers, None);
    dossiers.clock.advance(SignedDuration::from_hours(4));
    dossiers.sync(Want::Changes).await;
    assert_eq!(types(&dossiers, client, &dossiers.published(&[client]).await), every);
    dossiers.clock.advance(SignedDuration::from_hours(4));
    let again = dossiers.sync(Want::Changes).await;
    assert!(
        again.mapped == 0 && again.pulled < 200,
        "the same rules: only what changed is read: {again:#?}"
    );
}

#[tokio::test]
async fn a_report_type_that_no_map_knows_stops_the_run_before_anything_changes() {
    let client = Cast::default().everything;
    let mut dossiers = Dossiers::new(10, &[client]).await;
    publish(&mut dossiers, Some(&["101", "112"]));
    let told = dossiers.try_sync(Want::Everything).await.unwrap_err().to_string();
    assert!(
        told.contains("tenant.topaz.report_types") && told.contains("no type 112"),
        "{told}"
    );
    assert!(dossiers.published(&[client]).await.is_empty());
}

fn ordinary(dossiers: &Dossiers, client: u64) -> (String, String) {
    let report = dossiers
        .population
        .of(Shelf::Reports, client)
        .into_iter()
        .find(|report| {
            let open = report["hidden"] == false && report["confidential"] == false;
            report["reportTypeId"] == 101 && open && report["reportAuthorizations"] == json!([])
        });
    let key = report.expect("the client has an ordinary report")["id"].to_string();
    (key.clone(), format!("Observation/{}", dossiers.id("report", &key)))
}

fn row(client: u64, name: &str, key: &str, more: Value) -> Value {
    let mut row = json!({"id": 7, "clientId": client, "resourceName": name, "resourceId": key, "recipientGroup": "client",
        "sharedAt": "2026-11-20T09:00:00.000+01:00"});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

#[tokio::test]
async fn what_is_taken_back_by_hand_vanishes_and_what_is_released_again_returns() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let (key, name) = ordinary(&dossiers, client);
    let plan = dossiers.population.of(Shelf::CarePlans, client);
    let plan = plan.iter().find(|plan| plan["status"] == "ACTIVE").unwrap()["id"].to_string();
    let plan_name = format!("CarePlan/{}", dossiers.id("care-plan", &plan));
    let before = dossiers.published(&[client]).await;
    assert!(before.contains_key(&name) && before.contains_key(&plan_name));

    // Neither the report nor the plan changes: only the list of releases tells.
    for (kind, key, id) in [("Dossier.Report", &key, 7), ("Dossier.CarePlan", &plan, 8)] {
        let back = json!({"id": id, "unsharedAt": dossiers.clock.now().to_string()});
        let row = row(client, kind, key, back);
        dossiers
            .population
            .write(dossiers.clock.now(), |edit| edit.put(Shelf::Releases, row));
    }
    dossiers.clock.advance(SignedDuration::from_mins(5));
    let report = dossiers.sync(Want::Changes).await;
    assert!(report.is_complete() && report.withdrawn > 3, "{report:#?}");
    let now = dossiers.published(&[client]).await;
    assert!(!now.contains_key(&name) && !now.contains_key(&plan_name));

    let again = json!({"id": 9, "sharedAt": dossiers.clock.now().to_string()});
    let row = row(client, "Dossier.Report", &key, again);
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.put(Shelf::Releases, row));
    dossiers.clock.advance(SignedDuration::from_mins(5));
    dossiers.sync(Want::Changes).await;
    let now = dossiers.published(&[client]).await;
    assert!(now.contains_key(&name) && !now.contains_key(&plan_name));
    dossiers.sync(Want::Everything).await;
    assert!(!dossiers.published(&[client]).await.contains_key(&plan_name));
}

#[tokio::test]
async fn while_the_list_of_releases_cannot_be_read_nothing_of_the_client_changes() {
    let clients = [Cast::default().everything, Cast::default().hospital];
    let dossiers = Dossiers::new(10, &clients).await;
    dossiers.sync(Want::Everything).await;
    let (key, name) = ordinary(&dossiers, clients[0]);
    let wrong = json!({"sharedResources": [row(clients[1], "Dossier.Report", &key, json!({}))]}).to_string();
    // How often each is asked for: of two clients, some of them twice. For the second client the rows of the last are right.
    let faults = [
        (Fault::Status(500), 4),
        (Fault::Status(403), 2),
        (Fault::Page, 2),
        (Fault::Cut(10), 4),
        (Fault::Json(wrong), 2),
    ];
    for ((fault, times), number) in faults.into_iter().zip(0..) {
        let before = dossiers.published(&clients[..1]).await;
        let text = format!("Anders {number}.");
        dossiers.clock.advance(SignedDuration::from_hours(1));
        dossiers.population.write(dossiers.clock.now(), |edit| {
            edit.change(Shelf::Reports, &key, |report| report["comment"] = json!(text))
        });
        dossiers
            .mock
            .faults
            .add("/v0/client/shared_resources", fault.clone(), times);
        let want = if number % 2 == 0 {
            Want::Changes
        } else {
            Want::Everything
        };
        let report = dossiers.sync(want).await;
        assert!(!report.is_complete(), "{fault:?}");
        assert_eq!(dossiers.published(&clients[..1]).await, before, "{fault:?}");

        // It came late, not never.
        let report = dossiers.sync(Want::Changes).await;
        assert!(report.is_complete(), "{fault:?} {report:#?}");
        let now = dossiers.published(&clients[..1]).await;
        assert_eq!(serde_json::from_str::<Value>(&now[&name]).unwrap()["valueString"], text);
    }
}
