//! The zorgplan in its depth: history, domains and disciplines, how far goals are, the ratings of the Omaha System.

use std::collections::BTreeSet;

use inzage::access;
use inzage::ecd::mock::{Cast, Shelf};
use inzage::fhir::search::{Handling, Query, Setting};
use inzage::fhir::types::ResourceType;
use inzage::resource::{self, Page};
use inzage::sync::Want;
use serde_json::Value;

use crate::support::dossier::{Dossiers, NOW};

async fn of_kind(dossiers: &Dossiers, client: u64, kind: &str) -> Vec<Value> {
    let published = dossiers.published(&[client]).await;
    let bodies = published
        .iter()
        .filter(|(name, _)| name.split('/').next() == Some(kind));
    bodies.map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
}

#[tokio::test]
async fn a_plan_names_the_one_that_it_replaces_and_a_draft_is_in_no_history() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let mut plans = of_kind(&dossiers, client, "CarePlan").await;
    plans.retain(|plan| plan.get("partOf").is_none());
    plans.sort_by_key(|plan| plan["period"]["start"].to_string());
    let in_source = dossiers.population.of(Shelf::CarePlans, client);
    assert!(in_source.iter().any(|plan| plan["status"] == "DRAFT"));
    assert_eq!(plans.len(), in_source.len() - 1);
    assert!(plans.len() > 2, "{}", plans.len());
    assert!(plans[0].get("replaces").is_none(), "nothing was before the first");
    for pair in plans.windows(2) {
        let before = format!("CarePlan/{}", pair[0]["id"].as_str().unwrap());
        assert_eq!(pair[1]["replaces"][0]["reference"], before.as_str());
        assert_eq!(pair[0]["period"]["end"], pair[1]["period"]["start"]);
        assert_ne!(pair[0]["status"], "active");
    }
    assert_eq!(plans.last().unwrap()["status"], "active");
}

#[tokio::test]
async fn a_goal_says_its_domain_its_discipline_how_far_it_is_and_the_ratings_of_omaha() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let goals = of_kind(&dossiers, client, "Goal").await;
    let (mut measures, mut ends) = (BTreeSet::new(), BTreeSet::new());
    for goal in &goals {
        let systems: Vec<&str> = goal["category"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|category| category["coding"][0]["system"].as_str())
            .collect();
        assert_eq!(
            systems,
            [
                "https://inzage.dev/fhir/CodeSystem/zorgdomein",
                "https://inzage.dev/fhir/CodeSystem/discipline"
            ]
        );
        let reached = goal["target"][0]["extension"][0]["valueQuantity"]["value"]
            .as_i64()
            .unwrap();
        // How far it is agrees with whether anybody still works on it.
        let wanted = match (goal["lifecycleStatus"].as_str(), reached) {
            (Some("completed"), 100) => "achieved",
            (Some("completed"), _) => "not-achieved",
            (Some("active"), ..100) => "in-progress",
            other => panic!("{other:?}: {goal}"),
        };
        assert_eq!(goal["achievementStatus"]["coding"][0]["code"], wanted);
        ends.insert(wanted);
        assert!(goal["target"][0]["detailQuantity"]["value"].as_i64().unwrap() >= 60);
        for target in goal["target"].as_array().unwrap() {
            measures.insert(target["measure"]["coding"][0]["code"].as_str().unwrap().to_owned());
        }
    }
    let all = ["omaha-gedrag", "omaha-kennis", "omaha-status", "voortgang"];
    assert_eq!(measures, all.map(str::to_owned).into());
    assert_eq!(ends, BTreeSet::from(["achieved", "in-progress", "not-achieved"]));
}

#[tokio::test]
async fn a_plan_names_each_discipline_of_its_open_lines_once_and_what_kind_of_plan_it_is() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    // A line that is hidden is the only one of its discipline.
    let plans = dossiers.population.of(Shelf::CarePlans, client);
    let plan = plans.iter().find(|plan| plan["status"] == "ACTIVE").unwrap();
    let key = plan["id"].to_string();
    dossiers.population.write(dossiers.clock.now(), |edit| {
        edit.change(Shelf::CarePlans, &key, |plan| {
            for (line, place) in plan["carePlanEntries"].as_array_mut().unwrap().iter_mut().zip(0..) {
                let domain = if place == 0 {
                    "Woon- en leefomstandigheden"
                } else {
                    "Participatie"
                };
                for part in ["/demandEntry/demand", "/goalEntry/goal"] {
                    let part = line.pointer_mut(part).unwrap();
                    part["domain"]["name"] = domain.into();
                    part["hidden"] = (place == 0).into();
                }
            }
        });
    });
    dossiers.sync(Want::Everything).await;
    let id = dossiers.id("care-plan", &key);
    let plans = of_kind(&dossiers, client, "CarePlan").await;
    let plan = plans.iter().find(|plan| plan["id"] == id.as_str()).unwrap();
    let codes = |system: &str| -> Vec<&str> {
        let categories = plan["category"].as_array().unwrap().iter();
        let codings = categories.flat_map(|category| category["coding"].as_array().unwrap());
        let of_system =
            codings.filter(|coding| coding["system"] == format!("https://inzage.dev/fhir/CodeSystem/{system}"));
        of_system.map(|coding| coding["code"].as_str().unwrap()).collect()
    };
    assert_eq!(codes("plansoort"), ["zorgplan"]);
    assert_eq!(codes("discipline"), ["welzijn"]);
}

#[tokio::test]
async fn the_parts_of_a_plan_are_found_by_discipline_and_the_plan_of_a_day_by_its_date() {
    let client = Cast::default().everything;
    let dossiers = Dossiers::new(10, &[client]).await;
    dossiers.sync(Want::Everything).await;
    let (visible, _) = access::for_system("test", &dossiers.tenant.id, &[dossiers.patient(client)]);
    let setting = Setting {
        zone: &dossiers.tenant.zone,
        base: "http://127.0.0.1/topaz/fhir",
        now: NOW.parse().unwrap(),
    };
    let mut read = dossiers.store.db.read().await.unwrap();
    let mut found = Vec::new();
    // A plan that holds on a day begins on it or before, and ends on it or after.
    for asked in [
        "category=https://inzage.dev/fhir/CodeSystem/discipline|verzorging",
        "category=https://inzage.dev/fhir/CodeSystem/discipline|logopedie",
        "date=le2026-11-22 date=ge2026-11-22",
        "date=le2019-01-01 date=ge2019-01-01",
    ] {
        let asked = asked.split(' ').filter_map(|one| one.split_once('='));
        let asked: Vec<_> = asked.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query = Query::parse(ResourceType::CarePlan, &asked, Handling::Strict, &setting).unwrap();
        let page = Page { size: 200, after: None };
        let page = resource::search(&mut read, &visible, &query, &page).await.unwrap();
        let bodies = page
            .entries
            .iter()
            .map(|entry| serde_json::from_str(&entry.body).unwrap());
        found.push(bodies.collect::<Vec<Value>>());
    }
    let (actions, whole): (Vec<&Value>, Vec<&Value>) = found[0].iter().partition(|it| it["partOf"].is_array());
    assert!(!actions.is_empty() && !whole.is_empty());
    assert!(found[1].is_empty() && found[3].is_empty());
    let plans: Vec<&Value> = found[2].iter().filter(|plan| plan.get("partOf").is_none()).collect();
    assert_eq!(plans.len(), 1, "one plan holds on one day");
    assert_eq!(plans[0]["status"], "active");
}
