//! What must hold of every made-up dossier.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::civil::date;
use serde_json::Value;

use super::{Cast, Shape};
use crate::ecd::Kind;
use crate::ecd::contract::Contracts;
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

const SHELVES: [(Shelf, Kind); 9] = [
    (Shelf::Employees, Kind::Employee),
    (Shelf::Clients, Kind::Client),
    (Shelf::Relations, Kind::ContactRelation),
    (Shelf::CarePlans, Kind::CarePlan),
    (Shelf::Agenda, Kind::AgendaOccurrence),
    (Shelf::Forms, Kind::SurveyResult),
    (Shelf::Reports, Kind::Report),
    (Shelf::CareProviders, Kind::CareProvider),
    (Shelf::Insurances, Kind::Insurance),
];

static POPULATION: LazyLock<Population> = LazyLock::new(|| Population::generate(40, 7, date(2026, 11, 22)));

fn population() -> &'static Population {
    &POPULATION
}

fn marked(value: &Value) -> bool {
    value.to_string().contains(SECRET_MARKER)
}

fn passes_eleven(bsn: &str) -> bool {
    let digits: Vec<i64> = bsn.bytes().map(|digit| i64::from(digit - b'0')).collect();
    let sum: i64 = digits
        .iter()
        .zip((2..=9).rev())
        .map(|(digit, weight)| digit * weight)
        .sum();
    digits.len() == 9 && (sum - digits[8]) % 11 == 0
}

#[test]
fn the_same_arguments_give_the_same_dossiers() {
    let (one, two) = (population(), Population::generate(40, 7, date(2026, 11, 22)));
    for (shelf, _) in SHELVES {
        assert!(one.texts(shelf, None) == two.texts(shelf, None), "{shelf:?}");
    }
    let other = Population::generate(40, 8, date(2026, 11, 22));
    assert!(one.texts(Shelf::Reports, None) != other.texts(Shelf::Reports, None));
}

#[test]
fn more_clients_do_not_change_the_first_ones() {
    let (few, many) = (
        Population::generate(10, 7, date(2026, 11, 22)),
        Population::generate(18, 7, date(2026, 11, 22)),
    );
    let client = few.cast().everything;
    assert_eq!(
        few.texts_of(Shelf::Reports, client),
        many.texts_of(Shelf::Reports, client)
    );
    assert_eq!(
        few.texts_of(Shelf::CarePlans, client),
        many.texts_of(Shelf::CarePlans, client)
    );
}

#[test]
fn every_record_keeps_its_contract() {
    let contracts = Contracts::builtin("ons").unwrap();
    let population = population();
    for (shelf, kind) in SHELVES {
        for mut record in population.all(shelf) {
            if matches!(kind, Kind::AgendaOccurrence | Kind::SurveyResult) {
                record["clientId"] = 1.into();
            }
            assert_eq!(contracts.check(kind, &record), Ok(()), "{record}");
        }
    }
}

#[test]
fn a_dossier_has_as_much_as_a_real_one() {
    let population = population();
    let mut sizes = Vec::new();
    for client in population.all(Shelf::Clients) {
        let id = client["id"].as_u64().unwrap();
        let count = |shelf| population.texts_of(shelf, id).len();
        sizes.push(count(Shelf::Reports) + count(Shelf::Agenda) + count(Shelf::CarePlans) + count(Shelf::Relations));
        assert!((1..=4).contains(&count(Shelf::Relations)));
    }
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((200..=500).contains(&mean), "{mean} records a client");
    let mut short = 0;
    let texts: Vec<usize> = population
        .all(Shelf::Reports)
        .iter()
        .map(|r| r["comment"].as_str().unwrap().len())
        .collect();
    for length in &texts {
        short += usize::from(*length <= 400);
    }
    assert!(short * 100 / texts.len() >= 90, "{short} of {} are short", texts.len());
}

#[test]
fn texts_vary() {
    let population = population();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let reports = population.all(Shelf::Reports);
    let texts: Vec<&str> = reports
        .iter()
        .filter(|r| r["reportTypeId"] == 101)
        .filter_map(|r| r["comment"].as_str())
        .collect();
    for text in &texts {
        *seen.entry((*text).to_owned()).or_default() += 1;
    }
    assert!(
        seen.len() * 100 / texts.len() >= 70,
        "{} different texts of {}",
        seen.len(),
        texts.len()
    );
}

#[test]
fn what_may_not_be_released_carries_the_marker_and_nothing_else_does() {
    let population = population();
    let releases = population.all(Shelf::Releases);
    let taken_back = |id: &Value| {
        let taken = releases.iter().filter(|row| row.get("unsharedAt").is_some());
        taken
            .map(|row| &row["resourceId"])
            .any(|other| other.as_str() == Some(&id.to_string()))
    };
    for report in population.all(Shelf::Reports) {
        let secret = report["hidden"] == true
            || report["confidential"] == true
            || report["reportAuthorizations"] != serde_json::json!([])
            || report["reportTypeId"] == 112
            || report["reportTypeId"] == 230
            || taken_back(&report["id"]);
        let text = report["comment"].as_str().unwrap();
        assert_eq!(text.contains(SECRET_MARKER), secret, "{report}");
        for part in report["soapReportEntries"].as_array().unwrap() {
            let restricted = part["confidential"] == true || part["expertiseProfileIds"] != serde_json::json!([]);
            assert_eq!(marked(part), restricted, "{part}");
        }
    }
    for plan in population.all(Shelf::CarePlans) {
        if plan["status"] == "DRAFT" {
            assert!(plan["carePlanEntries"].as_array().unwrap().iter().all(marked), "{plan}");
            continue;
        }
        for entry in plan["carePlanEntries"].as_array().unwrap() {
            assert_eq!(
                marked(&entry["demandEntry"]),
                entry["demandEntry"]["demand"]["hidden"] == true
            );
            assert_eq!(
                marked(&entry["goalEntry"]),
                entry["goalEntry"]["goal"]["hidden"] == true
            );
            for action in entry["actionEntries"].as_array().unwrap() {
                assert_eq!(marked(action), action["action"]["hidden"] == true);
            }
        }
    }
    for form in population.all(Shelf::Forms) {
        let id = form["id"].to_string();
        let rows: Vec<&Value> = releases.iter().filter(|row| row["resourceId"] == id).collect();
        let is_open = form["status"] != "Draft" && rows.iter().any(|row| row.get("unsharedAt").is_none());
        assert_eq!(marked(&form["answers"]), !is_open, "{form}");
    }
    for occurrence in population.all(Shelf::Agenda) {
        let secret = occurrence["private"] == true || occurrence["clientPresent"] == false;
        assert_eq!(marked(&occurrence), secret, "{occurrence}");
    }
    for relation in population.all(Shelf::Relations) {
        assert!(relation["comments"].as_str().unwrap().contains(SECRET_MARKER));
    }
    for holder in [Shelf::CareProviders, Shelf::Insurances] {
        for record in population.all(holder) {
            assert!(record["comments"].as_str().unwrap().contains(SECRET_MARKER));
        }
    }
    for relation in population.all(Shelf::EmployeeRelations) {
        assert_eq!(marked(&relation), !relation["validTo"].is_null(), "{relation}");
    }
    for client in population.all(Shelf::Clients) {
        let secret = client["secretClient"] == true;
        assert_eq!(marked(&client["hometown"]), secret, "{client}");
    }
    for holder in [Shelf::Clients, Shelf::Addresses] {
        for record in population.all(holder) {
            assert!(record["residenceAccessInfo"].as_str().unwrap().contains(SECRET_MARKER));
        }
    }
}

#[test]
fn every_bsn_is_a_test_number_and_two_clients_share_one() {
    let population = population();
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for client in population.all(Shelf::Clients) {
        let bsn = client["bsn"].as_str().unwrap();
        assert!(bsn.starts_with("9999") && passes_eleven(bsn), "{bsn}");
        numbers
            .entry(bsn.to_owned())
            .or_default()
            .push(client["id"].as_u64().unwrap());
    }
    let shared: Vec<&Vec<u64>> = numbers.values().filter(|clients| clients.len() > 1).collect();
    assert_eq!(shared, [&population.cast().same_bsn.to_vec()]);
}

#[test]
fn the_client_with_everything_has_every_type_and_trap() {
    let population = population();
    let cast = population.cast();
    let reports = population.of(Shelf::Reports, cast.everything);
    let types: BTreeSet<u64> = reports.iter().filter_map(|r| r["reportTypeId"].as_u64()).collect();
    for kind in [
        101, 102, 103, 104, 105, 106, 107, 108, 110, 111, 112, 212, 221, 230, 309, 311, 314, 315, 316, 317,
    ] {
        assert!(types.contains(&kind), "type {kind}");
    }
    let any = |test: &dyn Fn(&Value) -> bool| reports.iter().any(test);
    let text = |report: &Value| report["comment"].as_str().unwrap().to_owned();
    assert!(any(&|r| r["hidden"] == true) && any(&|r| r["confidential"] == true));
    assert!(any(&|r| text(r).contains("&lt;")) && any(&|r| text(r).contains('❤')));
    assert!(any(&|r| text(r).chars().count() == 6_000));
    let whole = |r: &Value| {
        r["soapReportEntries"]
            .as_array()
            .unwrap()
            .iter()
            .all(|part| part["confidential"] == true)
    };
    assert!(any(&|r| r["reportTypeId"] == 315 && whole(r)));
    // One moment on the clock, twice: the night of the change to winter time.
    for at in [
        "2026-10-25T02:30:00.000+02:00",
        "2026-10-25T02:30:00.000+01:00",
        "2026-03-29T03:30:00.000+02:00",
    ] {
        assert!(any(&|r| r["reportingDate"] == at), "{at}");
    }
    let plans = population.of(Shelf::CarePlans, cast.everything);
    let statuses: BTreeSet<&str> = plans.iter().filter_map(|plan| plan["status"].as_str()).collect();
    assert_eq!(statuses, BTreeSet::from(["ACTIVE", "DRAFT", "OLD"]));
    let agenda = population.of(Shelf::Agenda, cast.everything);
    assert!(agenda.iter().any(|o| {
        !o["startsAt"]
            .as_str()
            .unwrap()
            .starts_with(o["occurrenceDate"].as_str().unwrap())
    }));
    assert!(agenda.iter().any(|o| o["private"] == true) && agenda.iter().any(|o| o["recurrenceType"] == "daily"));
    assert!(
        agenda
            .iter()
            .any(|o| o["agendaClientInvitations"].as_array().unwrap().len() > 1)
    );
}

#[test]
fn the_cast_is_in_the_state_of_its_part() {
    let population = population();
    let Cast {
        hospital,
        departed,
        pair,
        secret,
        returned,
        legal_representative,
        representative,
        ..
    } = population.cast().clone();
    let client = |id: u64| population.get(Shelf::Clients, &id.to_string()).unwrap();
    let last = |id: u64| {
        client(id)["careAllocations"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone()
    };
    assert_eq!(last(hospital)["reason"], "TEMP_GONE");
    assert_eq!(
        (&last(departed)["reason"], &last(departed)["endDate"]),
        (&"DEATH".into(), &"2026-09-22".into())
    );
    assert_eq!(last(returned)["reason"], "IN_CARE");
    assert_eq!(client(returned)["careAllocations"].as_array().unwrap().len(), 2);
    assert_eq!(client(secret)["secretClient"], true);
    for report in population.of(Shelf::Reports, departed) {
        assert!(report["reportingDate"].as_str().unwrap() < "2026-09-23");
    }
    let relation = |id: u64| population.get(Shelf::Relations, &id.to_string()).unwrap();
    assert_eq!(
        relation(legal_representative)["clientContactRelationType"]["legal"],
        true
    );
    let [one, two] = representative.map(relation);
    assert_eq!(
        [&one["clientObjectId"], &two["clientObjectId"]],
        [&pair[0].into(), &pair[1].into()] as [&Value; 2]
    );
    assert_eq!(one["name"], two["name"]);
    let [home, other] = representative.map(|id| population.get(Shelf::Addresses, &(id * 10).to_string()).unwrap());
    assert_eq!(
        [&home["telephoneNumber"], &home["email"]],
        [&other["telephoneNumber"], &other["email"]]
    );
}

#[test]
fn the_last_reports_are_of_the_day_before() {
    let shape = Shape::new(10, 3, date(2026, 3, 30));
    let population = Population::of_shape(&shape);
    let newest = population
        .all(Shelf::Reports)
        .into_iter()
        .map(|r| r["reportingDate"].as_str().unwrap()[..10].to_owned())
        .max();
    assert_eq!(newest.as_deref(), Some("2026-03-29"));
}
