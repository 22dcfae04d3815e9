//! A source that changes while it is read, between two of its answers and in the middle of one.

use inzage::ecd::mock::ons::Moment;
use inzage::ecd::mock::{Population, Shelf};
use inzage::sync::{Decision, Want};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Model;
use super::content::same;

/// What is asked for in a pull, in order, and when the change happens.
const MOMENTS: [(&str, Moment); 9] = [
    ("/v0/xstream/clients", Moment::Before),
    ("/v0/xstream/relations", Moment::Before),
    ("/v0/client/shared_resources", Moment::Before),
    ("/v0/administration/dossier/care_plans", Moment::Before),
    ("/v0/dossier/back_channel", Moment::Before),
    ("/v0/agenda", Moment::Before),
    ("/v0/administration/survey_result", Moment::Before),
    ("/v0/xstream/reports", Moment::Before),
    ("/v0/xstream/reports", Moment::Within),
];

/// Everything at once: one report changes, one goes to each of the other two clients, one is deleted, one is new; a plan is written
/// anew, a contact and an appointment go, one is called otherwise.
fn change(population: &Population, clients: &[u64], now: Timestamp, number: u64) {
    let open = |client: u64| -> Vec<Value> {
        let mut reports = population.of(Shelf::Reports, client);
        reports.retain(|report| {
            report["reportTypeId"] == 101 && report["hidden"] == false && report["confidential"] == false
        });
        reports
    };
    let (first, second) = (open(clients[0]), open(clients[1]));
    let last = |shelf: Shelf, client: u64| {
        let record = population.of(shelf, client).pop();
        record.unwrap_or_else(|| panic!("change {number}: {client} has none left of {shelf:?}"))
    };
    let plan = last(Shelf::CarePlans, clients[0]);
    let contact = last(Shelf::Relations, clients[1]);
    let appointment = last(Shelf::Agenda, clients[0]);
    let ([changed, goes, deleted, ..], [comes, ..]) = (&first[..], &second[..]) else {
        panic!(
            "change {number}: {} and {} open reports are too few",
            first.len(),
            second.len()
        );
    };
    population.write(now, |edit| {
        let key = |record: &Value| {
            record["id"]
                .as_str()
                .map_or_else(|| record["id"].to_string(), str::to_owned)
        };
        let word = json!(format!("Tijdens het lezen {number}."));
        edit.change(Shelf::Reports, &key(changed), |report| report["comment"] = word.clone());
        edit.change(Shelf::Reports, &key(goes), |report| {
            report["clientId"] = json!(clients[1])
        });
        edit.remove(Shelf::Reports, &key(deleted));
        let mut new = changed.clone();
        (new["id"], new["comment"]) = (json!(9_500_000 + number), word);
        edit.put(Shelf::Reports, new);
        edit.change(Shelf::Reports, &key(comes), |report| {
            report["clientId"] = json!(clients[0])
        });
        let name = format!("Anders {number}");
        edit.change(Shelf::CarePlans, &key(&plan), |plan| {
            for line in plan["carePlanEntries"].as_array_mut().unwrap() {
                line["goalEntry"]["title"] = json!(name);
            }
        });
        edit.remove(Shelf::Relations, &key(&contact));
        edit.remove(Shelf::Agenda, &key(&appointment));
    });
}

/// F18: a record that changes while it is read, at every place of a pull from Ons.
#[tokio::test(flavor = "multi_thread")]
async fn f18_what_changes_between_two_answers_is_neither_lost_nor_taken_for_gone() {
    for want in [Want::Everything, Want::Changes] {
        let mut model = Model::new(18).await;
        assert!(model.dossiers.sync(Want::Everything).await.is_complete());
        let mut before = model.stored().await;
        // A whole pull asks for the same lists: every other place will do.
        let step = if want == Want::Everything { 2 } else { 1 };
        for ((path, moment), number) in MOMENTS.into_iter().zip(1..).step_by(step) {
            model.dossiers.clock.advance(SignedDuration::from_hours(4));
            // In a stream of changes there has to be one that comes before.
            model.dossiers.population.revise(model.dossiers.clock.now(), 25);
            let (clients, now) = (model.clients.clone(), model.dossiers.clock.now());
            let earlier = model.visible().await;
            let meanwhile = &model.dossiers.mock.meanwhile;
            meanwhile.add(path, moment, move |population| {
                change(population, &clients, now, number)
            });
            let told = format!(
                "{want:?} {path} {moment:?}: {:#?}",
                model.dossiers.sync(want.clone()).await
            );
            assert_eq!(model.dossiers.mock.meanwhile.waiting(), 0, "{told}");
            let (after, visible) = (model.stored().await, model.visible().await);
            for client in &model.clients {
                let kept = before[client].keys().filter(|one| visible[client].contains_key(*one));
                for one in kept.filter(|one| earlier[client].contains_key(*one)) {
                    assert!(after[client].contains_key(one), "{told}\n{client} lost {one}");
                }
            }
            model.dossiers.clock.advance(SignedDuration::from_mins(1));
            model.dossiers.sync(Want::Everything).await;
            model.dossiers.decide(None, Decision::Remove).await;
            let (after, visible) = (model.stored().await, model.visible().await);
            for client in &model.clients {
                same(&after[client], &visible[client], &told);
            }
            before = after;
        }
    }
}
