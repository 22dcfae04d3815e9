//! What must hold of every made-up dossier, so that it reads like the care of one person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::civil::{DateTime, date};
use serde_json::Value;

use crate::ecd::mock::{Population, Shelf};

static POPULATION: LazyLock<Population> = LazyLock::new(|| Population::generate(60, 7, date(2026, 11, 22)));

fn clients() -> Vec<u64> {
    let clients = POPULATION.all(Shelf::Clients);
    clients.iter().filter_map(|client| client["id"].as_u64()).collect()
}

/// A time of the dossier as the clock on the wall shows it.
fn wall(value: &Value) -> DateTime {
    value.as_str().unwrap()[..19].parse().unwrap()
}

/// All that a report says.
fn said(report: &Value) -> String {
    let parts = report["soapReportEntries"].as_array().unwrap().iter();
    let parts = parts.filter_map(|part| part["content"].as_str());
    let all: Vec<&str> = report["comment"].as_str().into_iter().chain(parts).collect();
    all.join(" ")
}

/// The times of day in a text, in minutes: `13.30`, `17 uur`.
fn times(text: &str) -> Vec<i32> {
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches([',', ';', '.', ':', '(', ')']))
        .collect();
    let pairs = words.iter().zip(words.iter().skip(1).chain(std::iter::once(&"")));
    let found = pairs.filter_map(|(word, next)| {
        let (hour, minute) = match word.split_once('.') {
            Some((hour, minute)) if minute.len() == 2 => (hour, minute),
            None if *next == "uur" => (*word, "0"),
            _ => return None,
        };
        Some(hour.parse::<i32>().ok()? * 60 + minute.parse::<i32>().ok()?)
    });
    found.collect()
}

/// What belongs to a part of the day, with its first and last hour.
const PARTS_OF_THE_DAY: [(&str, i8, i8); 14] = [
    ("Bij het ontbijt", 7, 14),
    ("bij het ontbijt", 7, 14),
    ("in de ochtend", 9, 14),
    ("in de middag", 15, 22),
    ("avondeten", 18, 22),
    ("warm eten", 18, 22),
    (" at aan tafel met", 18, 22),
    ("uitkleden", 20, 22),
    ("pyjama", 20, 22),
    ("naar bed", 20, 22),
    ("Steunkousen uitgedaan", 20, 22),
    ("Steunkousen aangetrokken", 7, 14),
    ("Rolluik", 20, 22),
    ("heeft de nacht", 5, 8),
];

#[test]
fn a_report_tells_of_nothing_that_comes_after_it() {
    let (mut named, mut placed) = (0, 0);
    let many = Population::generate(200, 7, date(2026, 11, 22));
    for report in many.all(Shelf::Reports) {
        // Families write of what they will do.
        if report["reportTypeId"] == 111 {
            continue;
        }
        let (at, text) = (wall(&report["reportingDate"]), said(&report));
        let now = i32::from(at.hour()) * 60 + i32::from(at.minute());
        for time in times(&text) {
            assert!(time <= now, "{at}: {text}");
            named += 1;
        }
        for (words, from, to) in PARTS_OF_THE_DAY {
            if text.contains(words) {
                assert!((from..=to).contains(&at.hour()), "{at}: {text}");
                placed += 1;
            }
        }
    }
    assert!(
        named > 2_000 && placed > 2_000,
        "{named} times, {placed} parts of the day"
    );
    assert_eq!(
        times("rustte van 13.30 tot 15.00 uur, nam om 8 uur 2 bij 1,5"),
        [810, 900, 480]
    );
}

#[test]
fn weight_moves_slowly_and_the_body_mass_index_is_of_it() {
    let mut indexes = 0;
    for client in clients() {
        let mut weights = Vec::new();
        for report in POPULATION.of(Shelf::Reports, client) {
            let value = |names: &[&str]| -> Option<f64> {
                let entries = report["reportEntries"].as_array()?;
                let entry = entries
                    .iter()
                    .find(|entry| names.iter().any(|name| entry["name"] == *name))?;
                entry["value"].as_str()?.parse().ok()
            };
            if report["reportTypeId"] != 102 {
                continue;
            }
            let weight = value(&["weight", "decimalValue"]).unwrap();
            weights.push((wall(&report["reportingDate"]), weight));
            if let (Some(height), Some(index)) = (value(&["size"]), value(&["bmi"])) {
                let wanted = weight / (height / 100.0).powi(2);
                assert!((index - wanted).abs() < 0.0501, "{weight} kg, {height} cm: {index}");
                assert!((16.0..36.0).contains(&index), "{index}");
                indexes += 1;
            }
        }
        for (at, weight) in &weights {
            for (later, other) in weights.iter().filter(|(later, _)| later >= at) {
                let days = later.date().duration_since(at.date()).as_secs_f64() / 86_400.0;
                let weeks = (days / 7.0).ceil().max(1.0);
                let change = (other - weight).abs() / weight;
                assert!(
                    change <= f64::min(0.02 * weeks, 0.1),
                    "{client}: {weight} on {at}, {other} on {later}"
                );
            }
        }
    }
    assert!(indexes > 30, "{indexes}");
}

#[test]
fn a_client_walks_or_rolls() {
    let mut levels = BTreeMap::new();
    for client in clients() {
        let reports = POPULATION.of(Shelf::Reports, client);
        let forms = POPULATION.of(Shelf::Forms, client);
        let mut text: String = reports.iter().map(|report| said(report) + " ").collect();
        text.extend(POPULATION.of(Shelf::CarePlans, client).iter().map(Value::to_string));
        text.extend(forms.iter().map(|form| form["answers"].to_string()));
        let any = |words: &[&str]| words.iter().any(|word| text.to_lowercase().contains(word));
        let walks = any(&[
            "rollator",
            "loopt ",
            " liep ",
            " gelopen",
            "looptraining",
            "naast het bed",
            "staand ",
        ]);
        let rolls = any(&["tillift", "rolstoel"]);
        assert!(!(walks && rolls), "{client} does both");
        *levels.entry((walks, rolls)).or_insert(0) += 1;
    }
    let (walking, rolling) = (levels[&(true, false)], levels[&(false, true)]);
    assert!(walking > 25 && rolling > 10, "{levels:?}");
}

#[test]
fn a_client_is_in_one_place_at_a_time() {
    let mut planned = 0;
    for client in clients() {
        let mut taken: Vec<(DateTime, DateTime)> = POPULATION
            .of(Shelf::Agenda, client)
            .iter()
            .map(|one| (wall(&one["startsAt"]), wall(&one["endsAt"])))
            .collect();
        taken.sort_unstable();
        for pair in taken.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "{client}: {pair:?}");
        }
        planned += taken.len();
    }
    assert!(planned > 60 * clients().len(), "{planned} appointments");
}

#[test]
fn daily_care_comes_from_a_team_with_days_off() {
    let mut series: BTreeMap<u64, Vec<(String, u64)>> = BTreeMap::new();
    for one in POPULATION.all(Shelf::Agenda) {
        if one["recurrenceType"] == "daily" {
            let day = one["occurrenceDate"].as_str().unwrap().to_owned();
            let staff = one["agendaInvitations"][0]["employeeId"].as_u64().unwrap();
            series
                .entry(one["timelineId"].as_u64().unwrap())
                .or_default()
                .push((day, staff));
        }
    }
    assert!(series.len() > 10);
    for (id, mut days) in series {
        days.sort_unstable();
        let hands: BTreeSet<u64> = days.iter().map(|(_, staff)| *staff).collect();
        assert!((3..=6).contains(&hands.len()) || days.len() < 14, "{id}: {hands:?}");
        let alone = days
            .windows(6)
            .find(|days| days.iter().all(|(_, staff)| *staff == days[0].1));
        assert_eq!(alone, None, "{id}: six days in a row");
    }
}

#[test]
fn a_goal_that_is_pursued_is_not_reached_and_one_of_old_is_both_in_some() {
    let (mut reached, mut left) = (0, 0);
    for plan in POPULATION.all(Shelf::CarePlans) {
        for entry in plan["carePlanEntries"].as_array().unwrap() {
            let (now, wanted) = (entry["percentageRealized"].as_u64(), entry["percentageTarget"].as_u64());
            if plan["status"] == "OLD" && now == Some(100) {
                reached += 1;
            } else {
                assert!(now < wanted, "{entry}");
                left += u32::from(plan["status"] == "OLD");
            }
        }
    }
    assert!(reached > 30 && left > 30, "{reached} reached, {left} not");
}

#[test]
fn families_write_as_a_contact_of_the_client() {
    let mut messages = 0;
    for client in clients() {
        let relations = POPULATION.of(Shelf::Relations, client);
        for report in POPULATION.of(Shelf::Reports, client) {
            let Some(name) = report.get("carenName") else { continue };
            let known = relations.iter().any(|relation| {
                relation["name"] == *name && relation["personalRelationType"]["name"] == report["carenRole"]
            });
            assert!(known, "{client}: {name} is no contact");
            messages += 1;
        }
    }
    assert!(messages > 80, "{messages}");
}

#[test]
fn the_text_with_escapes_is_of_one_client_and_no_minute_has_two_reports_alike() {
    let everything = POPULATION.cast().everything;
    for report in POPULATION.all(Shelf::Reports) {
        let escaped = report["comment"].as_str().unwrap().contains("&lt;");
        assert!(!escaped || report["clientId"] == everything, "{report}");
    }
    let mut seen = BTreeSet::new();
    for report in POPULATION.of(Shelf::Reports, everything) {
        for part in report["soapReportEntries"].as_array().unwrap() {
            let content = part["content"].as_str().unwrap().to_owned();
            assert!(seen.insert((report["reportingDate"].to_string(), content)), "{part}");
        }
    }
}
