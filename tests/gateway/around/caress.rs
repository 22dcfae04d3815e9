//! The same out of the drop of Caress: rows without keys, put together.

use std::collections::{BTreeMap, BTreeSet};

use inzage::ecd::mock::SECRET_MARKER;
use inzage::ecd::{Event, Kind, Record};
use inzage::mapping::{Context, Files, Outcome, Plan, ReportTypes};
use inzage::profile::{Registry, is_valid};
use inzage::secret::MacKey;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::caress::{change, connector, dropped, population, pulled, records, refusal};

fn mapped(records: &[Record], kind: Kind) -> Vec<Value> {
    let profiles = Registry::builtin();
    let plan = Plan::load(&Files::builtin(), &profiles).unwrap();
    let (key, zone) = (MacKey::new(b"test"), TimeZone::get("Europe/Amsterdam").unwrap());
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    let mut found = Vec::new();
    for record in records.iter().filter(|record| record.kind == kind) {
        let Outcome::Mapped(resources) = plan.run(&format!("caress/{kind}"), &record.body, &context) else {
            continue;
        };
        for one in resources {
            let issues = profiles.validator(&one.profile).unwrap().check(&one.resource);
            assert!(is_valid(&issues), "{issues:#?}");
            found.push(one.resource);
        }
    }
    found
}

#[tokio::test]
async fn a_subscription_becomes_a_contract_with_its_price_and_its_days() {
    let population = population();
    let client = population.cast().everything;
    let drop = dropped(&population);
    let (events, _) = pulled(&connector(drop.path()), &[client]).await;
    let contracts = mapped(&records(events), Kind::Subscription);
    assert_eq!(contracts.len(), 4);
    let told: BTreeMap<&str, &Value> = contracts
        .iter()
        .map(|contract| (contract["title"].as_str().unwrap(), contract))
        .collect();
    let laundry = told["Was- en linnenservice"];
    assert_eq!(laundry["term"][0]["offer"]["text"], "17.50/week");
    assert_eq!(laundry["applies"].get("end"), None);
    let ended: Vec<&&str> = told
        .iter()
        .filter(|(_, contract)| contract["applies"].get("end").is_some())
        .map(|(title, _)| title)
        .collect();
    assert_eq!(ended.len(), 1, "one of them is over and says so");
}

#[tokio::test]
async fn who_may_open_the_dossier_no_longer_is_left_out() {
    let population = population();
    let client = population.cast().everything;
    let drop = dropped(&population);
    let rows = std::fs::read_to_string(drop.path().join("dossiertoegang.csv")).unwrap();
    assert!(rows.contains(SECRET_MARKER), "the row that is over is in the drop");
    let (events, _) = pulled(&connector(drop.path()), &[client]).await;
    let records = records(events);
    assert!(
        records
            .iter()
            .filter(|one| one.kind == Kind::CareTeam)
            .all(|one| !one.body.to_string().contains(SECRET_MARKER))
    );
    let teams = mapped(&records, Kind::CareTeam);
    let access = teams
        .iter()
        .find(|team| team["category"][0]["coding"][0]["code"] == "dossier-access")
        .unwrap();
    let names: Vec<&Value> = access["participant"]
        .as_array()
        .unwrap()
        .iter()
        .map(|participant| &participant["role"][0]["text"])
        .collect();
    assert_eq!(names, ["EVV", "Behandelaar", "Paramedicus"]);
    assert_eq!(access.get("note"), None, "here the list is what it says");
}

fn reversed(text: &str) -> String {
    let mut lines: Vec<&str> = text.trim_end().split("\r\n").collect();
    lines[1..].reverse();
    lines.join("\r\n") + "\r\n"
}

#[tokio::test]
async fn rows_in_another_order_are_the_same_records() {
    let population = population();
    let client = population.cast().everything;
    let keys = |events: Vec<Event>| -> BTreeSet<(Kind, String)> {
        let all = records(events).into_iter();
        all.map(|record| (record.kind, record.key)).collect()
    };
    let drop = dropped(&population);
    let (events, _) = pulled(&connector(drop.path()), &[client]).await;
    let before = keys(events);
    for file in [
        "verzekeringen.csv",
        "abonnementen.csv",
        "huisarts_apotheek.csv",
        "dossiertoegang.csv",
    ] {
        change(drop.path(), file, true, |text| reversed(&text));
    }
    let (events, error) = pulled(&connector(drop.path()), &[client]).await;
    assert_eq!(error, None);
    assert_eq!(keys(events), before);
}

#[tokio::test]
async fn a_bad_row_spoils_its_own_record_and_a_row_of_nobody_the_drop() {
    let population = population();
    let client = population.cast().everything;
    let drop = dropped(&population);
    change(drop.path(), "dossiertoegang.csv", true, |text| {
        text.replacen(&format!("{client};"), &format!("{client};x"), 1)
    });
    change(drop.path(), "verzekeringen.csv", true, |text| {
        text.replacen(";BV;", ";xyzzy;", 1)
    });
    let (events, error) = pulled(&connector(drop.path()), &[client]).await;
    assert_eq!(error, None);
    let bad: Vec<(Kind, &str)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Bad(bad) => {
                assert!(bad.key.is_some() && !bad.reason.contains("xyzzy"));
                Some((bad.kind, bad.pointer.as_str()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        bad,
        [
            (Kind::CareTeam, "/toegang/MedewerkerSysId"),
            (Kind::Insurance, "/Soort")
        ]
    );
    let told = refusal(|dir| {
        change(dir, "abonnementen.csv", true, |text| {
            text.replacen(&format!("{client};"), "iemand;", 1)
        });
    })
    .await;
    assert!(
        told.contains("abonnementen.csv: a row does not say of which client it is"),
        "{told}"
    );
}
