//! What reading a source costs: counted over runs, kept within the day's request time, and that a whole run is a compare.

use std::sync::Arc;

use inzage::config::{OnsSource, Source, Tenant};
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::{Want, cost};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::dossier::{Dossiers, tenant};

/// The tenant with an Ons that admits so much request time a day.
fn with_time(dossiers: &Dossiers, seconds: u64) -> Arc<Tenant> {
    let source = OnsSource {
        base_url: dossiers.mock.url.parse().unwrap(),
        ca_file: dossiers.tls().join("ca.pem"),
        certificate_file: dossiers.tls().join("client.pem"),
        key_file: dossiers.tls().join("client.key.pem"),
        without: Default::default(),
        webhook_secret: None,
        user_agent: String::new(),
        identity_user_name: None,
        identity_active: None,
        parallel: 4,
        budget_seconds: seconds,
        agenda: (30, 60),
        compare_days: 7,
    };
    Arc::new(Tenant {
        source: Some(Source::Ons(Box::new(source))),
        ..tenant("topaz")
    })
}

#[tokio::test]
async fn what_a_day_costs_is_counted_over_runs_and_a_whole_run_is_a_compare() {
    let mut dossiers = Dossiers::new(10, &[Cast::default().everything]).await;
    dossiers.tenant = with_time(&dossiers, 3600);
    let id = &dossiers.tenant.id;
    let day = dossiers.clock.now().to_zoned(dossiers.tenant.zone.clone()).date();
    assert!(dossiers.sync(Want::Everything).await.is_complete());
    let compared = dossiers.clock.now();
    dossiers.clock.advance(SignedDuration::from_hours(4));
    assert!(dossiers.sync(Want::Changes).await.is_complete());

    let mut read = dossiers.store.db.read().await.unwrap();
    let spent = cost::of_day(&mut read, id, "ons", day).await.unwrap();
    assert_eq!(spent.requests, dossiers.mock.served.requests());
    let yesterday = cost::of_day(&mut read, id, "ons", day.yesterday().unwrap())
        .await
        .unwrap();
    assert_eq!(yesterday.requests, 0);
    let state = inzage::sync::state(&mut read, id, "ons").await.unwrap();
    assert_eq!(state.compared, Some(compared));
}

#[tokio::test]
async fn a_day_without_time_left_still_withdraws_and_says_what_waits() {
    let client = Cast::default().everything;
    let mut dossiers = Dossiers::new(10, &[client]).await;
    assert!(dossiers.sync(Want::Everything).await.is_complete());
    dossiers.tenant = with_time(&dossiers, 0);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    let report = dossiers.population.of(Shelf::Reports, client);
    let report = report
        .iter()
        .find(|report| report["reportTypeId"] == 101 && report["hidden"] == false && report["confidential"] == false);
    let key = report.unwrap()["id"].to_string();
    let name = format!("Observation/{}", dossiers.id("report", &key));
    let now = dossiers.clock.now();
    dossiers.population.write(now, |edit| {
        edit.change(Shelf::Reports, &key, |report| report["hidden"] = json!(true))
    });
    let done = dossiers.sync(Want::Changes).await;
    assert!(!done.is_complete());
    assert!(
        done.failed.keys().all(|message| message.contains("request time")),
        "{:?}",
        done.failed
    );
    assert!(!dossiers.published(&[client]).await.contains_key(&name));
}
