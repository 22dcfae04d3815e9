//! What a server may do wrong: none of it makes published data wrong, mixed or gone.

use std::time::{Duration, Instant};

use inzage::config::FhirList;
use inzage::ecd::Connector as _;
use inzage::sync::Want;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::World;
use super::server::{Wrong, report};

/// F11: an ECD that stops answering in the middle.
#[tokio::test]
async fn a_server_that_answers_badly_changes_nothing() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    let before = world.published().await;
    let mut settings = world.settings();
    settings.limits.page = Duration::from_millis(300);
    settings.limits.page_bytes = 1 << 20;
    for wrong in [
        Wrong::Page,
        Wrong::Cut,
        Wrong::EmptyArray,
        Wrong::Elsewhere,
        Wrong::Circle,
        Wrong::OtherType,
        Wrong::Short,
        Wrong::Outcome,
        Wrong::Twice,
        Wrong::Endless,
        Wrong::Silent,
        Wrong::NoIndex,
        Wrong::Status(500),
        Wrong::Status(403),
        Wrong::Status(404),
        Wrong::Status(302),
        Wrong::Later(3_600),
    ] {
        world.server.goes(wrong);
        world.clock.advance(SignedDuration::from_hours(1));
        let upstream = world.connector(settings.clone());
        let done = world.sync_with(&upstream, Want::Everything).await;
        assert!(
            done.is_err() || done.is_ok_and(|done| !done.is_complete()),
            "{wrong:?} was not noticed"
        );
        assert_eq!(world.published().await, before, "{wrong:?}");
    }
    world.server.goes(Wrong::OtherPatient);
    let done = world.sync(Want::Everything).await.unwrap();
    assert!(done.quarantined > 0, "{done:#?}");
    assert_eq!(world.published().await, before);
    world.server.goes(Wrong::Nothing);
    let done = world.sync(Want::Everything).await.unwrap();
    assert!(done.is_complete() && done.stored == 0, "{done:#?}");
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_when_it_says_and_not_in_a_run_of_hours() {
    let world = World::new().await;
    world.server.goes(Wrong::Later(1));
    let upstream = world.connector(world.settings());
    let started = Instant::now();
    assert!(upstream.ping().await.is_ok(), "the description is always there");
    let told = world.sync_with(&upstream, Want::Everything).await.unwrap();
    assert!(told.failed.keys().all(|problem| problem.contains("429")), "{told:#?}");
    // Two attempts each, with the pause that was asked for between them.
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(upstream.spent().throttled >= 2);
    world.server.goes(Wrong::Later(3_600));
    let asked = world.server.asked.lock().unwrap().len();
    let told = world
        .sync_with(&upstream, Want::Everything)
        .await
        .unwrap_err()
        .to_string();
    assert!(told.contains("come back in 3600 s"), "{told}");
    // The clients that are read ahead have one request each.
    assert!(world.server.asked.lock().unwrap().len() <= asked + 6);
}

#[tokio::test]
async fn after_eight_requests_without_an_answer_the_rest_is_not_asked() {
    let world = World::new().await;
    let mut settings = world.settings();
    (settings.limits.attempts, settings.limits.failures) = (1, 3);
    let upstream = world.connector(settings);
    world.server.goes(Wrong::Status(503));
    let told = world
        .sync_with(&upstream, Want::Everything)
        .await
        .unwrap_err()
        .to_string();
    assert!(told.contains("3 requests in a row got no answer"), "{told}");
    assert_eq!(world.server.asked.lock().unwrap().len(), 3);
    world.server.goes(Wrong::Nothing);
    let done = world.sync_with(&upstream, Want::Everything).await.unwrap();
    assert!(done.is_complete(), "another run asks again: {done:#?}");
}

#[tokio::test]
async fn an_older_version_never_wins_and_of_one_version_it_is_always_the_same() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    let name = format!("Observation/{}", world.id("report", "o1"));
    let mut newer = report("o1", "p1", "Nieuwer.");
    newer["meta"]["lastUpdated"] = "2026-11-21T10:00:00Z".into();
    world.server.put(newer);
    world.sync(Want::Everything).await.unwrap();
    world.server.put(report("o1", "p1", "Ouder."));
    let done = world.sync(Want::Everything).await.unwrap();
    assert_eq!((done.outdated, done.stored), (1, 0), "{done:#?}");
    assert!(world.published().await[&name].contains("Nieuwer."));
}

#[tokio::test]
async fn a_resource_that_moved_to_another_patient_leaves_this_one() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    let name = format!("Observation/{}", world.id("report", "o1"));
    assert!(world.published().await.contains_key(&name));
    world.server.put(report("o1", "p2", "Van een ander."));
    world.sync(Want::Everything).await.unwrap();
    assert!(!world.published().await.contains_key(&name));
}

#[tokio::test]
async fn a_label_or_a_status_that_comes_later_takes_the_resource_back_with_the_next_run() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    let changes: [fn(&mut Value); 2] = [
        |one| one["meta"]["security"] = json!([{"code": "V"}]),
        |one| one["status"] = "entered-in-error".into(),
    ];
    for (key, change) in ["o1", "o2"].into_iter().zip(changes) {
        world.clock.advance(SignedDuration::from_hours(1));
        world.server.change("Observation", key, |one| {
            change(one);
            one["meta"]["lastUpdated"] = world.clock.now().to_string().into();
        });
        world.sync(Want::Changes).await.unwrap();
        let name = format!("Observation/{}", world.id("report", key));
        assert!(!world.published().await.contains_key(&name), "{key}");
    }
}

#[tokio::test]
async fn a_patient_who_is_gone_goes_and_an_index_that_is_empty_takes_nobody() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    world.server.goes(Wrong::NoIndex);
    let done = world.sync(Want::Everything).await.unwrap();
    let problem = "a search does not find the patient that is there";
    assert!(done.failed.keys().any(|told| told.contains(problem)), "{done:#?}");
    let patient = format!("Patient/{}", world.id("client", "p1"));
    assert!(world.published().await.contains_key(&patient));
    // That the only one is not there, or not for us, waits for an operator; that he was deleted has to be said.
    world.server.goes(Wrong::NoRight);
    let done = world.sync(Want::Everything).await.unwrap();
    assert!(
        done.failed.is_empty() && done.held_by_kind.contains_key("client"),
        "{done:#?}"
    );
    assert_eq!(done.withdrawn, 0, "{done:#?}");
    assert!(world.published().await.contains_key(&patient));
    assert_eq!(world.rights().await, 1);
    world.server.goes(Wrong::Nothing);
    world.server.remove("Patient", "p1");
    world.sync(Want::Everything).await.unwrap();
    assert!(!world.published().await.contains_key(&patient));
}

/// I8: a BSN that fails the eleven-test.
#[tokio::test]
async fn i8_a_patient_whose_bsn_is_none_stays_as_before_with_the_access_to_him() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    let before = world.published().await;
    world.server.change("Patient", "p1", |one| {
        one["identifier"] = json!([{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999990018"}]);
        one["deceasedDateTime"] = "2026-01-01".into();
        one["name"] = json!([{"text": "Iemand Anders"}]);
    });
    let done = world.sync(Want::Everything).await.unwrap();
    assert!(done.quarantined == 2 && done.withdrawn == 0, "{done:#?}");
    assert_eq!(world.published().await, before);
    assert_eq!(world.rights().await, 1, "nobody's death ends his access");
}

#[tokio::test]
async fn what_was_published_before_a_type_was_left_out_waits_for_an_operator() {
    let world = World::new().await;
    world.sync(Want::Everything).await.unwrap();
    let appointments = async || {
        world
            .published()
            .await
            .keys()
            .filter(|name| name.starts_with("Appointment/"))
            .count()
    };
    assert!(appointments().await > 0);
    let mut settings = world.settings();
    settings.without = [FhirList::Appointment].into();
    let done = world
        .sync_with(&world.connector(settings), Want::Everything)
        .await
        .unwrap();
    assert_eq!(
        done.held_by_kind.keys().collect::<Vec<_>>(),
        ["agenda-occurrence"],
        "{done:#?}"
    );
}

/// F18: what changes between two pages is neither lost nor taken for gone; the next run has it as the server has it.
#[tokio::test]
async fn f18_resources_that_come_and_go_between_two_pages_are_missed_by_no_run() {
    let gone =
        |all: &mut Vec<Value>, id: &str| all.retain(|one| one["resourceType"] != "Observation" || one["id"] != id);
    for (goes, comes) in [
        (Some("o0"), None),
        (None, Some(true)),
        (Some("o0"), Some(false)),
        (Some("o4"), Some(true)),
    ] {
        let world = World::new().await;
        world.sync(Want::Everything).await.unwrap();
        let before = world.published().await;
        world.server.meanwhile(move |all| {
            if let Some(id) = goes {
                gone(all, id);
            }
            // In front of all others, or behind them.
            if let Some(is_first) = comes {
                let place = if is_first { 0 } else { all.len() };
                all.insert(place, report("new", "p1", "Tussendoor."));
            }
        });
        let done = world.sync(Want::Everything).await.unwrap();
        assert!(!done.is_complete(), "{goes:?} {comes:?}: {done:#?}");
        assert_eq!(world.published().await, before, "{goes:?} {comes:?}");
        let done = world.sync(Want::Everything).await.unwrap();
        assert!(done.is_complete(), "{done:#?}");
        let now = world.published().await;
        for key in ["o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7", "new"] {
            let is_there = if key == "new" {
                comes.is_some()
            } else {
                goes != Some(key)
            };
            let name = format!("Observation/{}", world.id("report", key));
            assert_eq!(now.contains_key(&name), is_there, "{goes:?} {comes:?}: {key}");
        }
    }
}
