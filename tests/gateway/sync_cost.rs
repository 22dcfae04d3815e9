//! What reading a source costs: counted over runs, kept within the day's request time, and that a whole run is a compare.

use std::sync::Arc;

use inzage::config::{OnsSource, Source, Tenant};
use inzage::ecd::mock::ons::Fault;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::{Error, Progress, Want, cost};
use jiff::SignedDuration;
use serde_json::json;
use tokio::sync::Notify;

use crate::support::dossier::{Dossiers, tenant};

/// The tenant with an Ons that admits so much request time a day.
fn with_time(dossiers: &Dossiers, seconds: u64) -> Arc<Tenant> {
    let file = |name: &str| dossiers.tls().join(name);
    let source = OnsSource {
        budget_seconds: seconds,
        agenda: (30, 60),
        compare_days: 7,
        ..OnsSource::new(
            dossiers.mock.url.parse().unwrap(),
            file("ca.pem"),
            file("client.pem"),
            file("client.key.pem"),
        )
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

#[tokio::test]
async fn a_day_that_is_used_up_waits_for_the_next_and_at_most_four_hours() {
    let mut dossiers = Dossiers::new(10, &[Cast::default().everything]).await;
    dossiers.tenant = with_time(&dossiers, 0);
    // Local time, and when it is tried again.
    for (now, again) in [
        ("2026-11-22T12:00:00+01:00", "2026-11-22T16:00:00+01:00"),
        ("2026-11-22T22:30:00+01:00", "2026-11-23T00:00:00+01:00"),
        ("2026-11-22T23:59:50+01:00", "2026-11-23T00:03:50+01:00"),
    ] {
        let [now, again]: [jiff::Timestamp; 2] = [now, again].map(|time| time.parse().unwrap());
        dossiers.clock.advance(now.duration_since(dossiers.clock.now()));
        let done = dossiers.sync(Want::Everything).await;
        assert!(done.over_budget && !done.is_complete(), "{done:#?}");
        assert_eq!(dossiers.state().await.retry_at, Some(again));
    }
    // The next day has time again.
    dossiers.tenant = with_time(&dossiers, 3_600);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    let done = dossiers.sync(Want::Everything).await;
    assert!(!done.over_budget && done.is_complete(), "{done:#?}");
}

async fn requests_today(dossiers: &Dossiers) -> u64 {
    let day = dossiers.clock.now().to_zoned(dossiers.tenant.zone.clone()).date();
    let mut read = dossiers.store.db.read().await.unwrap();
    let spent = cost::of_day(&mut read, &dossiers.tenant.id, "ons", day).await.unwrap();
    spent.requests
}

#[tokio::test]
async fn what_a_run_spent_that_was_stopped_or_taken_over_is_counted() {
    let mut dossiers = Dossiers::new(10, &[Cast::default().everything]).await;
    dossiers.tenant = with_time(&dossiers, 3_600);
    let begun = Notify::new();
    let tell = |_: Progress| begun.notify_one();
    let stopped = dossiers.sync_until(&tell, begun.notified()).await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    let after_the_first = requests_today(&dossiers).await;
    assert!(after_the_first > 0 && after_the_first >= dossiers.mock.served.requests());

    let begun = Notify::new();
    let tell = |_: Progress| begun.notify_one();
    let mut taken_over = std::pin::pin!(dossiers.sync_with(Want::Everything, &tell));
    tokio::select! {
        biased;
        () = begun.notified() => {}
        done = &mut taken_over => panic!("done before it began: {done:?}"),
    }
    dossiers.lapse().await;
    let second = dossiers.sync(Want::Everything).await;
    assert!(second.is_complete(), "{second:#?}");
    let after_the_second = requests_today(&dossiers).await;
    let refused = taken_over.await;
    assert!(matches!(refused, Err(Error::LeaseLost)), "{refused:?}");
    assert!(requests_today(&dossiers).await > after_the_second);
    assert!(requests_today(&dossiers).await >= dossiers.mock.served.requests());
}

#[tokio::test]
async fn what_a_run_spends_is_counted_while_it_goes_on() {
    let mut dossiers = Dossiers::new(10, &[Cast::default().everything]).await;
    dossiers.tenant = with_time(&dossiers, 3_600);
    // It waits that long for its first answer.
    dossiers
        .mock
        .faults
        .add("/v0/xstream/employees", Fault::Later(503, 60), 1);
    let began = std::time::Instant::now();
    tokio::select! {
        done = dossiers.try_sync(Want::Everything) => panic!("it did not wait: {done:?}"),
        () = async {
            while requests_today(&dossiers).await == 0 {
                assert!(began.elapsed().as_secs() < 20, "nothing was counted in {:?}", began.elapsed());
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        } => {}
    }
    assert_eq!(requests_today(&dossiers).await, 1);
}

/// The requests of a whole run of these clients, once what is remembered is known.
async fn requests_of(dossiers: &Dossiers, want: Want) -> u64 {
    dossiers.clock.advance(SignedDuration::from_hours(4));
    let done = dossiers.sync(want).await;
    assert!(done.is_complete(), "{done:#?}");
    done.requests
}

#[tokio::test]
async fn a_client_costs_seven_requests_and_one_more_with_ratings_and_what_is_over_costs_once() {
    let cast = Cast::default();
    let (one, other) = (cast.everything, cast.hospital);
    let dossiers = Dossiers::new(10, &[one]).await;
    let count = |shelf: Shelf, client: u64, states: &[&str]| {
        let of = dossiers.population.of(shelf, client).into_iter();
        of.filter(|record| states.iter().any(|state| record["status"] == *state))
            .count() as u64
    };
    let done = |client: u64| count(Shelf::Forms, client, &["Current", "Archived"]);
    assert_eq!(count(Shelf::Classifications, one, &["Current"]), 1);
    let first = requests_of(&dossiers, Want::Everything).await;
    let again = requests_of(&dossiers, Want::Everything).await;
    let over = count(Shelf::CarePlans, one, &["OLD"]);
    assert_eq!(
        first - again,
        over + done(one) - 1,
        "agreements that are over, forms without a classification"
    );
    let changes = requests_of(&dossiers, Want::Changes).await;
    assert_eq!(requests_of(&dossiers, Want::Changes).await, changes);

    dossiers.grant("account-of-the-other", other).await;
    requests_of(&dossiers, Want::Everything).await;
    let rated = count(Shelf::Classifications, other, &["Current"]);
    assert_eq!(requests_of(&dossiers, Want::Everything).await - again, 7 + rated);
    assert_eq!(requests_of(&dossiers, Want::Changes).await - changes, 7 + rated);
}
