//! The drop of Caress: the same people through both products, and drops that are not what they say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use inzage::clock::Clock;
use inzage::ecd::caress::{Caress, Settings};
use inzage::ecd::contract::Contracts;
use inzage::ecd::mock::{Population, SECRET_MARKER, Shape, caress};
use inzage::ecd::stay::{Gap, gaps};
use inzage::ecd::{Connector, Error, Event, Kind, Pull, Reach, Record};
use inzage::mapping::{Context, Files, Outcome, Plan, ReportTypes};
use inzage::profile::{Registry, is_valid};
use inzage::secret::{MacKey, hex, sha256};
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::support::dossier::{Dossiers, NOW};

mod chain;
mod differences;
mod drops;
mod web;

use differences::{Differences, forget_ids};

const TENANT: &str = "treant";

/// Every report type that the maps know, in the words of both products.
const TYPES: &str = "101 102 103 104 105 106 107 108 109 110 111 212 220 221 309 310 311 314 315 316 317 DAG ARTS PARA GV VOORTG \
                     FAM OMAHA SOEP WOND GEWICHT LENGTE BMI RR TEMP SAT PIJN GLUCOSE INR VOCHTIN VOCHTUIT DEFEC BRISTOL STEMMING \
                     KLINI";

pub(crate) fn population() -> Population {
    let mut shape = Shape::new(10, 11, date(2026, 11, 22));
    (shape.report_days, shape.agenda_days) = (30, (7, 21));
    Population::of_shape(&shape)
}

pub(crate) fn connector(dir: &Path) -> Caress {
    let contracts = Contracts::builtin("caress").unwrap();
    let settings = Settings {
        drop_dir: dir.to_owned(),
        tenant: TENANT.to_owned(),
        clock: Clock::fixed(NOW.parse().unwrap()),
    };
    Caress::new(settings, Arc::new(contracts))
}

/// A fresh drop of these dossiers.
pub(crate) fn dropped(population: &Population) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    caress::write(population, dir.path(), TENANT, NOW.parse().unwrap()).unwrap();
    dir
}

pub(crate) async fn pulled(connector: &dyn Connector, clients: &[u64]) -> (Vec<Event>, Option<Error>) {
    pulled_after(connector, clients, None).await
}

/// The same when this was read before.
async fn pulled_after(connector: &dyn Connector, clients: &[u64], mark: Option<String>) -> (Vec<Event>, Option<Error>) {
    let pull = Pull {
        clients: clients.iter().map(u64::to_string).collect(),
        reach: Reach::Full,
        agenda: date(2026, 1, 1)..date(2027, 12, 1),
        mark,
        today: date(2026, 11, 22),
    };
    let mut stream = connector.pull(pull);
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

pub(crate) fn records(events: Vec<Event>) -> Vec<Record> {
    let found = events.into_iter().filter_map(|event| match event.read() {
        Event::Record(record) => Some(record),
        Event::Bad(bad) => panic!("{bad:?}"),
        _ => None,
    });
    found.collect()
}

/// Every resource of the records, without ids.
fn mapped(ecd: &str, records: &[Record]) -> Vec<Value> {
    let profiles = Registry::builtin();
    let plan = Plan::load(&Files::builtin(), &profiles).unwrap();
    // Those of the organisation itself are published where it names them.
    let named: Vec<String> = TYPES.split_whitespace().map(str::to_owned).collect();
    let (key, zone) = (MacKey::new(b"test"), TimeZone::get("Europe/Amsterdam").unwrap());
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Only(&named),
    };
    let mut found = Vec::new();
    for record in records {
        match plan.run(&format!("{ecd}/{}", record.kind), &record.body, &context) {
            Outcome::Mapped(resources) => {
                for mut one in resources {
                    let issues = profiles.validator(&one.profile).unwrap().check(&one.resource);
                    assert!(is_valid(&issues), "{ecd} {}: {issues:#?}", record.kind);
                    assert!(!one.resource.to_string().contains(SECRET_MARKER), "{}", one.resource);
                    forget_ids(&mut one.resource);
                    found.push(one.resource);
                }
            }
            Outcome::Dropped { .. } => {}
            Outcome::Refused { pointer, reason, .. } => panic!("{ecd} {} {pointer}: {reason}", record.kind),
        }
    }
    found
}

/// What is not the same, but for these differences; and the lines of differences that are none.
fn unlike(ons: &[Value], caress: &[Value], differences: &Differences) -> Vec<String> {
    let mut faults = Vec::new();
    let mut said = |product: &str, resources: &[Value]| -> BTreeMap<String, usize> {
        let mut said = BTreeMap::new();
        for resource in resources {
            let mut resource = resource.clone();
            faults.extend(differences.forget_elements(product, &mut resource));
            *said.entry(resource.to_string()).or_default() += 1;
        }
        said
    };
    let (ons, caress) = (said("ons", ons), said("caress", caress));
    for (product, one, other) in [("ons", &ons, &caress), ("caress", &caress, &ons)] {
        let lacking = one.iter().filter(|(text, count)| other.get(*text) != Some(*count));
        let told = lacking.map(|(text, count)| format!("{product} alone says {count} times {text}"));
        faults.extend(told.take(5));
    }
    faults.extend(differences.idle());
    faults
}

/// What both products tell of the same people.
async fn told_by_both() -> (Vec<Record>, Vec<Record>) {
    let cast = inzage::ecd::mock::Cast::default();
    let clients = [
        cast.everything,
        cast.hospital,
        cast.departed,
        cast.pair[0],
        cast.pair[1],
        cast.returned,
        cast.secret,
    ];
    let dossiers = Dossiers::new(10, &[]).await;
    let (events, error) = pulled(&dossiers.connector(), &clients).await;
    assert_eq!(error, None);
    let through_ons = records(events);

    let drop = dropped(&population());
    let (events, error) = pulled(&connector(drop.path()), &clients).await;
    assert_eq!(error, None);
    let whole = events
        .iter()
        .filter(|event| matches!(event, Event::StreamComplete { .. }));
    assert_eq!(whole.count(), Kind::ALL.len());
    (through_ons, records(events))
}

/// What is wrong with a list of differences.
fn faults(told: &(Vec<Record>, Vec<Record>), differences: &Differences) -> Vec<String> {
    let (mut ons, mut caress) = told.clone();
    let mut faults = differences.forget_records(&mut ons, &mut caress);
    faults.extend(unlike(&mapped("ons", &ons), &mapped("caress", &caress), differences));
    faults
}

#[tokio::test]
async fn the_same_people_through_both_products_give_the_same_fhir_but_for_what_one_cannot_say() {
    let told = told_by_both().await;
    let faults = faults(&told, &Differences::read());
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(mapped("ons", &told.0).len() > 500);
}

#[tokio::test]
async fn a_difference_that_is_not_listed_shows_and_so_does_a_line_that_is_none() {
    let told = told_by_both().await;
    let (elements, all) = (Differences::read().lines().0, Differences::read().lines());
    let (mut ons, mut caress) = told.clone();
    Differences::read().forget_records(&mut ons, &mut caress);
    let (ons, caress) = (mapped("ons", &ons), mapped("caress", &caress));
    assert!(elements > 20 && all.1 > 3);
    for line in 0..elements {
        let (list, gone) = Differences::read().without(line);
        assert!(!unlike(&ons, &caress, &list).is_empty(), "nobody misses {gone}");
    }
    for line in elements..elements + all.1 {
        let (list, gone) = Differences::read().without(line);
        assert!(!faults(&told, &list).is_empty(), "nobody misses {gone}");
    }
    for more in [
        // Nobody says it; both say it; the other product says it.
        "[[element]]\nproduct = \"ons\"\ntype = \"Patient\"\npath = \"maritalStatus\"\nwhy = \"x\"",
        "[[element]]\nproduct = \"ons\"\ntype = \"Patient\"\npath = \"birthDate\"\nwhy = \"x\"",
        "[[element]]\nproduct = \"caress\"\ntype = \"Patient\"\npath = \"telecom\"\nwhy = \"x\"",
        "[[record]]\nproduct = \"ons\"\nkind = \"subscription\"\nwhy = \"x\"",
    ] {
        assert!(!faults(&told, &Differences::read().with(more)).is_empty(), "{more}");
    }
}

/// I8: what an ECD must not be believed.
#[tokio::test]
async fn nothing_of_a_client_who_was_not_asked_for_leaves_the_connector_and_no_bsn_at_all() {
    let population = population();
    let drop = dropped(&population);
    let client = population.cast().everything;
    let (events, _) = pulled(&connector(drop.path()), &[client]).await;
    let records = records(events);
    assert!(records.len() > 50);
    for record in &records {
        assert!(
            record.client.is_none() || record.client == Some(client.to_string()),
            "{}",
            record.kind
        );
        assert!(record.body.get("BSN").is_none());
    }
    let keys: std::collections::BTreeSet<_> = records.iter().map(|record| (record.kind, &record.key)).collect();
    assert_eq!(keys.len(), records.len(), "a duplicate is handed on once");
    assert!(
        records
            .iter()
            .all(|record| !record.body.to_string().contains("later verbeterd"))
    );
}

#[tokio::test]
async fn care_ends_with_death_or_the_end_of_care_and_not_with_an_absence() {
    let population = population();
    let drop = dropped(&population);
    let cast = population.cast();
    let connector = connector(drop.path());
    let (events, _) = pulled(&connector, &[cast.departed, cast.hospital, cast.returned]).await;
    let out: BTreeMap<String, Vec<Gap>> = records(events)
        .iter()
        .filter(|record| record.kind == Kind::Stay)
        .map(|record| (record.key.clone(), gaps(&record.body)))
        .collect();
    let (last_day, back_on) = (date(2026, 9, 22), None);
    assert_eq!(out[&cast.departed.to_string()], [Gap { last_day, back_on }]);
    assert_eq!(out[&cast.hospital.to_string()], []);
    assert_eq!(out[&cast.returned.to_string()], []);
}

/// Changes one file of a drop; `honest` makes the manifest agree with it.
pub(crate) fn change(dir: &Path, name: &str, honest: bool, edit: impl FnOnce(String) -> String) {
    let text = edit(std::fs::read_to_string(dir.join(name)).unwrap());
    std::fs::write(dir.join(name), &text).unwrap();
    if honest {
        let manifest = std::fs::read(dir.join("manifest.json")).unwrap();
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        for file in manifest["files"].as_array_mut().unwrap() {
            if file["name"] == name {
                file["sha256"] = hex(&sha256(text.as_bytes())).into();
            }
        }
        std::fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
    }
}

pub(crate) async fn refusal(spoil: impl FnOnce(&Path)) -> String {
    let population = population();
    let drop = dropped(&population);
    spoil(drop.path());
    let (events, error) = pulled(&connector(drop.path()), &[population.cast().everything]).await;
    assert!(events.is_empty(), "nothing leaves before the whole drop is checked");
    let told = error.expect("the drop is refused").to_string();
    let advice = told.rsplit_once(". ").expect("a remedy follows").1;
    assert!(advice.split(' ').count() >= 5, "{told}");
    told
}

#[tokio::test]
async fn a_drop_that_is_not_what_its_manifest_says_changes_nothing() {
    let told = refusal(|dir| change(dir, "afspraken.csv", false, |text| text.replace("Prive", "prive"))).await;
    assert!(told.contains("afspraken.csv: its SHA-256"), "{told}");
    let told = refusal(|dir| {
        change(dir, "rapportages.csv", true, |text| {
            let end = text.trim_end().rfind('\n').unwrap();
            text[..=end].to_owned()
        });
    })
    .await;
    assert!(told.contains("rapportages.csv: has"), "{told}");
    let told = refusal(|dir| {
        change(dir, "rapportages.csv", true, |text| {
            text.replace("Verborgen", "verborgen")
        })
    })
    .await;
    assert!(told.contains("column Verborgen is missing"), "{told}");
    let told = refusal(|dir| change(dir, "zorgplannen.csv", true, |text| text.replacen("\r\n", ";x\r\n", 1))).await;
    assert!(told.contains("zorgplannen.csv: row 1"), "{told}");
    let told = refusal(|dir| std::fs::remove_file(dir.join("medewerkers.csv")).unwrap()).await;
    assert!(told.contains("medewerkers.csv: cannot be read"), "{told}");
    let told = refusal(|dir| std::fs::remove_file(dir.join("manifest.json")).unwrap()).await;
    assert!(told.contains("manifest.json: there is no drop"), "{told}");
    for (from, to, problem) in [
        ("\"treant\"", "\"topaz\"", "another organisation"),
        ("caress-drop/1", "caress-drop/2", "contract"),
        ("\"UTF-8\"", "\"latin1\"", "encoding"),
        ("\"full\"", "\"some\"", "mode"),
        ("\"full\"", "\"delta\"", "since"),
        ("\"2026-", "\"2027-", "future"),
        ("\"clienten.csv\"", "\"../clienten.csv\"", "same folder"),
        ("\"clienten.csv\"", "\"klanten.csv\"", "klanten.csv"),
        ("+01:00", "", "generated_at"),
    ] {
        let told = refusal(|dir| change(dir, "manifest.json", false, |text| text.replace(from, to))).await;
        assert!(told.contains(problem), "{told}");
    }
}

#[tokio::test]
async fn a_row_that_breaks_its_contract_is_told_without_its_value_and_the_rest_goes_on() {
    let population = population();
    let drop = dropped(&population);
    change(drop.path(), "clienten.csv", true, |text| text.replace(";V;", ";xyzzy;"));
    change(drop.path(), "afspraken.csv", true, |text| {
        text.replacen(";F;T;", ";nee;T;", 1)
    });
    let clients: Vec<u64> = (10101..10111).collect();
    let (events, error) = pulled(&connector(drop.path()), &clients).await;
    assert_eq!(error, None);
    let bad: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Bad(bad) => Some(bad),
            _ => None,
        })
        .collect();
    assert!(
        bad.iter()
            .any(|bad| bad.kind == Kind::Client && bad.pointer == "/Geslacht")
    );
    assert!(
        bad.iter()
            .any(|bad| bad.kind == Kind::AgendaOccurrence && bad.pointer == "/Prive")
    );
    assert!(bad.iter().all(|bad| bad.key.is_some() && !bad.reason.contains("xyzzy")));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Record(record) if record.kind == Kind::Report))
    );
}
