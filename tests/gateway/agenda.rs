//! The agenda: an occurrence that moves, is cancelled, or becomes nobody's business.

use inzage::ecd::mock::{Cast, Shelf};
use inzage::sync::Want;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::dossier::Dossiers;

/// A weekly series of the client: its occurrences after today, in order.
fn series(dossiers: &Dossiers, client: u64) -> Vec<Value> {
    let mut all = dossiers.population.of(Shelf::Agenda, client);
    all.retain(|one| {
        one["recurrenceType"] == "weekly"
            && one["private"] == false
            && one["clientPresent"] == true
            && one["agendaClientInvitations"].as_array().unwrap().len() == 1
            && one["occurrenceDate"].as_str().unwrap() > "2026-11-23"
    });
    let first = all[0]["timelineId"].clone();
    all.retain(|one| one["timelineId"] == first);
    all.sort_by_key(|one| one["occurrenceDate"].to_string());
    assert!(all.len() > 1, "a series");
    all
}

fn name(dossiers: &Dossiers, client: u64, occurrence: &Value) -> String {
    let id = inzage::mapping::resource_id(
        &dossiers.ids,
        &[
            "ons",
            "agenda-occurrence",
            &client.to_string(),
            occurrence["id"].as_str().unwrap(),
        ],
    );
    format!("Appointment/{id}")
}

async fn appointment(dossiers: &Dossiers, client: u64, name: &str) -> Option<Value> {
    let published = dossiers.published(&[client]).await;
    published.get(name).map(|body| serde_json::from_str(body).unwrap())
}

async fn changed(dossiers: &Dossiers, key: &str, change: impl FnOnce(&mut Value)) {
    dossiers.clock.advance(SignedDuration::from_hours(1));
    let known = dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.change(Shelf::Agenda, key, change));
    assert!(known, "{key}");
    assert!(dossiers.sync(Want::Changes).await.is_complete());
}

#[tokio::test]
async fn an_occurrence_that_moves_stays_the_same_appointment_of_the_same_series() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let all = series(&dossiers, client);
    let (one, other) = (name(&dossiers, client, &all[0]), name(&dossiers, client, &all[1]));
    let before = appointment(&dossiers, client, &one).await.unwrap();
    let sibling = appointment(&dossiers, client, &other).await.unwrap();
    assert_eq!(before["identifier"][1], sibling["identifier"][1], "one series");
    assert_ne!(before["identifier"][0], sibling["identifier"][0]);

    changed(&dossiers, all[0]["id"].as_str().unwrap(), |it| {
        it["startsAt"] = json!("2026-12-30T10:00:00.000+01:00");
        it["endsAt"] = json!("2026-12-30T10:30:00.000+01:00");
    })
    .await;
    let after = appointment(&dossiers, client, &one).await.unwrap();
    assert_eq!(after["start"], "2026-12-30T10:00:00+01:00");
    assert_eq!(after["meta"]["versionId"], "2");
    assert_eq!(after["identifier"], before["identifier"]);
    assert_eq!(
        appointment(&dossiers, client, &other).await.unwrap(),
        sibling,
        "the others stay"
    );
}

#[tokio::test]
async fn an_occurrence_that_is_no_business_of_the_client_any_more_is_withdrawn() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let all = series(&dossiers, client);
    let key = all[0]["id"].as_str().unwrap();
    let one = name(&dossiers, client, &all[0]);
    for (field, closed, open) in [
        ("private", json!(true), json!(false)),
        ("clientPresent", json!(false), json!(true)),
        (
            "agendaClientInvitations",
            json!([]),
            all[0]["agendaClientInvitations"].clone(),
        ),
    ] {
        assert!(appointment(&dossiers, client, &one).await.is_some(), "{field}");
        changed(&dossiers, key, |it| it[field] = closed).await;
        assert!(appointment(&dossiers, client, &one).await.is_none(), "{field}");
        if field == "agendaClientInvitations" {
            break;
        }
        changed(&dossiers, key, |it| it[field] = open).await;
    }
}

#[tokio::test]
async fn an_occurrence_that_moved_into_the_days_asked_for_and_was_cancelled_goes() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    let far = {
        let mut far = series(&dossiers, client)[0].clone();
        far["id"] = json!("777777@2027-11-24");
        far["occurrenceDate"] = json!("2027-11-24");
        far
    };
    dossiers
        .population
        .write(dossiers.clock.now(), |edit| edit.put(Shelf::Agenda, far.clone()));
    dossiers.sync(Want::Everything).await;
    let one = name(&dossiers, client, &far);
    assert!(appointment(&dossiers, client, &one).await.is_some());
    dossiers.clock.advance(SignedDuration::from_hours(1));
    dossiers.population.write(dossiers.clock.now(), |edit| {
        assert!(edit.remove(Shelf::Agenda, "777777@2027-11-24"))
    });
    dossiers.sync(Want::Changes).await;
    assert!(appointment(&dossiers, client, &one).await.is_none());
}
