//! What is remembered between two runs: the age of what is published, and whether the source may be asked.

use inzage::config::Slots;
use inzage::ecd::mock::Cast;
use inzage::ecd::mock::ons::Fault;
use inzage::sync::{Circuit, Error, Schedule, Step, Want};
use jiff::SignedDuration;

use crate::support::dossier::Dossiers;

async fn world() -> Dossiers {
    Dossiers::new(10, &[Cast::default().everything]).await
}

/// F11: an ECD that stops answering in the middle.
#[tokio::test]
async fn the_age_is_that_of_the_last_run_that_heard_everything() {
    let dossiers = world().await;
    assert_eq!(dossiers.state().await.as_of, None);
    let first = dossiers.clock.now();
    dossiers.sync(Want::Everything).await;
    let state = dossiers.state().await;
    assert_eq!(
        (state.as_of, state.compared, state.failures),
        (Some(first), Some(first), 0)
    );

    let second = first + SignedDuration::from_hours(1);
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.sync(Want::Changes).await;
    let state = dossiers.state().await;
    assert_eq!((state.as_of, state.compared), (Some(second), Some(first)));

    // A run that hears a part makes nothing younger, and says what was the matter.
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.mock.faults.add("/v0/agenda", Fault::Page, 1);
    let report = dossiers.sync(Want::Everything).await;
    assert!(!report.is_complete());
    let state = dossiers.state().await;
    assert_eq!(
        (state.as_of, state.compared, state.failures),
        (Some(second), Some(first), 1)
    );
    assert_eq!(
        state.retry_at,
        Some(dossiers.clock.now() + SignedDuration::from_mins(1))
    );
    let problem = state.problem.unwrap();
    assert!(problem.contains("agenda") && problem.contains("text/html"), "{problem}");

    dossiers.clock.advance(SignedDuration::from_hours(1));
    let last = dossiers.clock.now();
    dossiers.sync(Want::Everything).await;
    let state = dossiers.state().await;
    assert_eq!((state.as_of, state.compared), (Some(last), Some(last)));
    assert_eq!((state.failures, state.retry_at, state.problem), (0, None, None));
}

/// F12: an ECD that is busy, or does not admit us.
#[tokio::test]
async fn a_source_that_fails_again_and_again_gets_one_request_before_the_next_run() {
    let dossiers = world().await;
    dossiers.sync(Want::Everything).await;
    for failures in 1..=3 {
        dossiers.clock.advance(SignedDuration::from_hours(1));
        dossiers.mock.faults.add("/v0/xstream/employees", Fault::Status(401), 1);
        assert!(dossiers.try_sync(Want::Changes).await.is_err());
        assert_eq!(dossiers.state().await.failures, failures);
    }
    let state = dossiers.state().await;
    let until = dossiers.clock.now() + SignedDuration::from_mins(4);
    assert_eq!(state.circuit(dossiers.clock.now()), Circuit::Open(until));
    dossiers.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(state.circuit(dossiers.clock.now()), Circuit::HalfOpen);

    // Still away: asked once, and nothing more.
    let before = dossiers.mock.served.requests();
    dossiers.mock.faults.add("/ping", Fault::Status(403), 1);
    assert!(dossiers.try_sync(Want::Changes).await.is_err());
    assert_eq!(dossiers.mock.served.requests(), before + 1);
    assert_eq!(dossiers.state().await.failures, 4);

    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.sync(Want::Changes).await;
    let state = dossiers.state().await;
    assert_eq!(
        (state.failures, state.circuit(dossiers.clock.now())),
        (0, Circuit::Closed)
    );
}

/// F12: an ECD that is busy, or does not admit us.
#[tokio::test]
async fn a_source_that_asks_for_an_hour_gets_it() {
    let dossiers = world().await;
    dossiers
        .mock
        .faults
        .add("/v0/xstream/employees", Fault::Later(429, 3_600), 1);
    assert!(dossiers.try_sync(Want::Everything).await.is_err());
    let state = dossiers.state().await;
    assert_eq!(
        state.retry_at,
        Some(dossiers.clock.now() + SignedDuration::from_hours(1))
    );
    assert_eq!(state.failures, 1);
}

#[tokio::test]
async fn what_is_held_makes_the_data_no_younger() {
    let dossiers = world().await;
    let first = dossiers.clock.now();
    dossiers.sync(Want::Everything).await;
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers
        .mock
        .faults
        .add("/v0/xstream/reports", Fault::Instead(String::new()), 1);
    let report = dossiers.sync(Want::Everything).await;
    assert!(report.held > 20, "{report:#?}");
    assert_eq!(dossiers.state().await.as_of, Some(first));
}

#[tokio::test]
async fn a_failure_that_is_not_the_sources_waits_as_well() {
    let mut dossiers = world().await;
    dossiers.sync(Want::Everything).await;
    let before = dossiers.state().await;
    dossiers.clock.advance(SignedDuration::from_hours(5));
    let zone = dossiers.tenant.zone.clone();
    let mut schedule = Schedule::new(dossiers.clock.now(), zone, Slots::default(), 7, &before);
    assert!(matches!(schedule.step(dossiers.clock.now(), &before), Step::Run(_)));

    // Where the folder of the spool was there is something else.
    let folder = dossiers.spool.clone();
    dossiers.spool = folder.join("spool");
    std::fs::write(&dossiers.spool, "").unwrap();
    for (failures, pause) in [(1, 1), (2, 2), (3, 4)] {
        let failed = dossiers.try_sync(Want::Changes).await;
        assert!(matches!(failed, Err(Error::Spool(_))), "{failed:?}");
        let (state, now) = (dossiers.state().await, dossiers.clock.now());
        schedule.ended(now);
        let again = now + SignedDuration::from_mins(pause);
        assert_eq!((state.failures, state.retry_at), (failures, Some(again)));
        assert_eq!(schedule.step(now, &state), Step::Wait(again));
        assert!(state.problem.as_ref().unwrap().contains("spool"), "{state:?}");
        assert_eq!((state.as_of, state.compared), (before.as_of, before.compared));
        dossiers.clock.advance(SignedDuration::from_mins(pause));
        assert!(matches!(schedule.step(dossiers.clock.now(), &state), Step::Run(_)));
    }
    dossiers.spool = folder;
    assert!(dossiers.sync(Want::Changes).await.is_complete());
    assert_eq!(dossiers.state().await.failures, 0);
}

#[tokio::test]
async fn an_answer_of_arrays_is_no_record_and_takes_nothing_away() {
    let client = Cast::default().everything;
    let dossiers = world().await;
    dossiers.sync(Want::Everything).await;
    let (before, published) = (dossiers.state().await, dossiers.published(&[client]).await);
    let around = format!("/v0/administration/clients/{client}");
    for path in [
        "/v0/administration/dossier/care_plans",
        "/v0/agenda/",
        &format!("{around}/careproviders"),
        &format!("{around}/client_employee_relations"),
    ] {
        dossiers.clock.advance(SignedDuration::from_hours(1));
        let arrays = Fault::Json("[[1,null,null,null]]".to_owned());
        dossiers.mock.faults.add(path, arrays, 1);
        let report = dossiers.sync(Want::Everything).await;
        assert!(!report.is_complete() && report.withdrawn == 0, "{path}: {report:#?}");
        assert_eq!(dossiers.state().await.as_of, before.as_of, "{path}");
        assert_eq!(dossiers.published(&[client]).await, published, "{path}");
    }
    // In the place of the client: it can be read no further than its number.
    for want in [Want::Everything, Want::Changes] {
        let arrays = Fault::Json(format!("[[{client},null,null,null]]"));
        dossiers.mock.faults.add("/v0/xstream/clients", arrays, 1);
        let report = dossiers.sync(want.clone()).await;
        dossiers.mock.faults.clear();
        assert_eq!((report.quarantined, report.withdrawn), (2, 0), "{want:?}: {report:#?}");
        assert_eq!(dossiers.published(&[client]).await, published, "{want:?}");
    }
}
