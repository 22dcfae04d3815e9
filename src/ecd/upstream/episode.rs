//! Stays out of EpisodeOfCare and the death of a Patient.
//!
//! # Design
//! - Episodes may overlap: help at home and day care, say. A client departs when the last of them ends, so what overlaps or follows
//!   without a day between is one stay.
//! - What is not sure to have been care is none: cancelled, waiting list, entered in error, a start that passed while it is still
//!   called planned, a security label.
//! - An episode that is over without a day of its end says nothing of departure: the record waits in quarantine and access stays
//!   as it was. Death without a day counts from the day on which the Patient was last changed. ASSUMPTION: that is never before it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;

use crate::ecd::stay::{self, Absence, Stay};

/// One episode that counts.
struct Episode {
    begin: Date,
    last_day: Option<Date>,
    is_on_hold: bool,
    absences: Vec<Absence>,
}

impl Episode {
    fn covers(&self, day: Date) -> bool {
        self.begin <= day && self.last_day.is_none_or(|last| day <= last)
    }
}

/// The body of the record of a client's stays.
///
/// # Errors
/// Why it cannot be told.
pub(super) fn stay(patient: &Value, episodes: &[Value], zone: &TimeZone, today: Date) -> Result<Value, &'static str> {
    let died = died(patient, zone)?;
    let mut known = Vec::new();
    for one in episodes {
        known.extend(episode(one, zone, today)?);
    }
    known.retain(|one| died.is_none_or(|died| one.begin <= died));
    for one in &mut known {
        one.last_day = one.last_day.into_iter().chain(died).min();
    }
    known.sort_by_key(|one| one.begin);
    let mut running = known.iter().filter(|one| one.covers(today)).peekable();
    let is_on_hold = running.peek().is_some() && running.all(|one| one.is_on_hold);
    let mut body = stay::record(patient["id"].clone(), &merged(known), died, today);
    if let (true, Some(stays)) = (is_on_hold, body["stays"].as_array_mut()) {
        for one in stays.iter_mut().filter(|one| one["state"] == "active") {
            one["state"] = "onhold".into();
        }
    }
    Ok(body)
}

/// What overlaps or follows without a day between is one stay. An absence from one of two is none from care.
fn merged(episodes: Vec<Episode>) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for one in episodes {
        match stays.last_mut() {
            Some(before)
                if before
                    .last_day
                    .is_none_or(|last| one.begin <= last.saturating_add(1.day())) =>
            {
                before.last_day = before.last_day.zip(one.last_day).map(|(a, b)| a.max(b));
                before.absences.clear();
            }
            _ => stays.push(Stay {
                begin: one.begin,
                last_day: one.last_day,
                absences: one.absences,
            }),
        }
    }
    stays
}

/// None where it is no care.
fn episode(episode: &Value, zone: &TimeZone, today: Date) -> Result<Option<Episode>, &'static str> {
    let status = episode["status"].as_str().unwrap_or_default();
    let is_labelled = episode.pointer("/meta/security/0").is_some();
    match status {
        _ if is_labelled => return Ok(None),
        "planned" | "active" | "onhold" | "finished" => {}
        "waitlist" | "cancelled" | "entered-in-error" => return Ok(None),
        _ => return Err("an episode of care of an unknown status"),
    }
    let (begin, last_day) = period(&episode["period"], zone)?;
    let begin = begin.ok_or("an episode of care without a start")?;
    if status == "planned" && begin <= today {
        return Ok(None);
    }
    if status == "finished" && last_day.is_none() {
        return Err("an episode of care that is over, without its end");
    }
    if last_day.is_some_and(|last| last < begin) {
        return Err("an episode of care that ends before it begins");
    }
    let mut absences = Vec::new();
    let history = episode["statusHistory"].as_array().into_iter().flatten();
    for past in history.filter(|past| past["status"] == "onhold") {
        if let (Some(begin), last_day) = period(&past["period"], zone)? {
            absences.push(Absence { begin, last_day });
        }
    }
    Ok(Some(Episode {
        begin,
        last_day,
        is_on_hold: status == "onhold",
        absences,
    }))
}

fn died(patient: &Value, zone: &TimeZone) -> Result<Option<Date>, &'static str> {
    let problem = "a death without a day";
    if let Some(at) = patient.get("deceasedDateTime") {
        let day = at.as_str().and_then(|at| day(at, zone, Edge::First));
        return day.map(Some).ok_or(problem);
    }
    match patient["deceasedBoolean"] {
        Value::Bool(true) => {
            let changed = patient.pointer("/meta/lastUpdated").and_then(Value::as_str);
            let day = changed.and_then(|at| day(at, zone, Edge::First));
            day.map(Some).ok_or(problem)
        }
        _ => Ok(None),
    }
}

/// Which day of a month or a year that stands without one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    First,
    Last,
}

/// First and last day of a Period; each may be missing.
fn period(period: &Value, zone: &TimeZone) -> Result<(Option<Date>, Option<Date>), &'static str> {
    let read = |name: &str, edge| match period.get(name) {
        None => Ok(None),
        Some(at) => {
            let day = at.as_str().and_then(|at| day(at, zone, edge));
            day.map(Some).ok_or("a day that is not one of FHIR")
        }
    };
    Ok((read("start", Edge::First)?, read("end", Edge::Last)?))
}

/// The local day of a FHIR dateTime.
fn day(text: &str, zone: &TimeZone, edge: Edge) -> Option<Date> {
    if text.contains('T') {
        return Some(text.parse::<Timestamp>().ok()?.to_zoned(zone.clone()).date());
    }
    let first = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        10 => text.to_owned(),
        _ => return None,
    };
    let first: Date = first.parse().ok()?;
    Some(match (text.len(), edge) {
        (4, Edge::Last) => first.last_of_year(),
        (7, Edge::Last) => first.last_of_month(),
        _ => first,
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;
    use crate::ecd::stay::{Gap, gaps};

    const TODAY: Date = date(2026, 11, 22);

    fn told(patient: Value, episodes: Value) -> Result<Value, &'static str> {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        stay(&patient, episodes.as_array().unwrap(), &zone, TODAY)
    }

    fn episode(status: &str, start: &str, end: Option<&str>) -> Value {
        let mut period = json!({"start": start});
        if let Some(end) = end {
            period["end"] = end.into();
        }
        json!({"resourceType": "EpisodeOfCare", "status": status, "period": period})
    }

    fn spans(body: &Value) -> Vec<String> {
        let stays = body["stays"].as_array().unwrap().iter();
        stays
            .map(|one| {
                let end = one["end"].as_str().unwrap_or("..");
                format!(
                    "{} {end} {}",
                    one["begin"].as_str().unwrap(),
                    one["state"].as_str().unwrap()
                )
            })
            .collect()
    }

    #[test]
    fn care_goes_on_as_long_as_one_episode_does() {
        let two = json!([
            episode("finished", "2026-03-01", Some("2026-09-30")),
            episode("finished", "2024-01-08", Some("2026-05-31")),
            episode("active", "2026-10-01", None),
        ]);
        let body = told(json!({"id": "p1"}), two).unwrap();
        assert_eq!(spans(&body), ["2024-01-08 .. active"]);
        assert_eq!(gaps(&body), []);
    }

    #[test]
    fn departure_is_the_end_of_the_last_episode_in_local_days() {
        // Half past eleven in the evening of UTC is the next day in the Netherlands.
        let over = json!([episode("finished", "2024-01", Some("2026-09-21T23:30:00Z"))]);
        let body = told(json!({"id": "p1"}), over).unwrap();
        assert_eq!(spans(&body), ["2024-01-01 2026-09-22 finished"]);
        let gap = |last_day| {
            [Gap {
                last_day,
                back_on: None,
            }]
        };
        assert_eq!(gaps(&body), gap(date(2026, 9, 22)));
        // Only a month is known: not before its end.
        let body = told(
            json!({"id": "p1"}),
            json!([episode("finished", "2024", Some("2026-09"))]),
        )
        .unwrap();
        assert_eq!(gaps(&body), gap(date(2026, 9, 30)));
    }

    #[test]
    fn death_ends_every_stay() {
        let open = || {
            json!([
                episode("active", "2024-01-08", None),
                episode("planned", "2026-12-01", None)
            ])
        };
        let body = told(
            json!({"id": "p1", "deceasedDateTime": "2026-09-20T08:00:00+02:00"}),
            open(),
        )
        .unwrap();
        assert_eq!(spans(&body), ["2024-01-08 2026-09-20 finished"]);
        let changed = json!({"id": "p1", "deceasedBoolean": true, "meta": {"lastUpdated": "2026-09-21T10:00:00Z"}});
        assert_eq!(
            spans(&told(changed, open()).unwrap()),
            ["2024-01-08 2026-09-21 finished"]
        );
        let body = told(json!({"id": "p1", "deceasedDateTime": "2026-09-20"}), json!([])).unwrap();
        assert_eq!(gaps(&body).len(), 1);
        assert_eq!(
            told(json!({"id": "p1", "deceasedBoolean": true}), open()),
            Err("a death without a day")
        );
    }

    #[test]
    fn what_was_no_care_opens_nothing() {
        let mut labelled = episode("active", "2024-01-08", None);
        labelled["meta"] = json!({"security": [{"code": "R"}]});
        for no_care in [
            episode("waitlist", "2024-01-08", None),
            episode("cancelled", "2024-01-08", None),
            episode("entered-in-error", "2024-01-08", None),
            episode("planned", "2026-11-01", None),
            labelled,
        ] {
            let body = told(json!({"id": "p1"}), json!([no_care])).unwrap();
            assert_eq!(spans(&body), Vec::<String>::new());
        }
    }

    #[test]
    fn on_hold_is_an_absence_and_no_departure() {
        let mut away = episode("onhold", "2024-01-08", None);
        away["statusHistory"] = json!([{"status": "onhold", "period": {"start": "2026-11-13"}}]);
        let body = told(json!({"id": "p1"}), json!([away])).unwrap();
        assert_eq!(spans(&body), ["2024-01-08 .. onhold"]);
        assert_eq!(body["stays"][0]["absences"], json!([{"begin": "2026-11-13"}]));
        assert_eq!(gaps(&body), []);
        let body = told(json!({"id": "p1"}), json!([episode("onhold", "2024-01-08", None)])).unwrap();
        assert_eq!(spans(&body), ["2024-01-08 .. onhold"]);
        let two = json!([
            episode("onhold", "2024-01-08", None),
            episode("active", "2025-01-08", None)
        ]);
        assert_eq!(
            spans(&told(json!({"id": "p1"}), two).unwrap()),
            ["2024-01-08 .. active"]
        );
    }

    #[test]
    fn an_episode_that_cannot_be_true_tells_nothing() {
        for unclear in [
            episode("finished", "2024-01-08", None),
            episode("finished", "2024-01-08", Some("2023-01-08")),
            episode("gone", "2024-01-08", None),
            episode("active", "gisteren", None),
            json!({"status": "active"}),
        ] {
            assert!(
                told(json!({"id": "p1"}), json!([unclear.clone()])).is_err(),
                "{unclear}"
            );
        }
    }
}
