//! The streams: every record of a kind, what changed, and what is gone, a line each.
//!
//! # Design
//! ASSUMPTION: of teams, contracts and responsibilities the names of the streams are known and no payload was seen. The mock keeps no
//! shelf for them: they follow from the employees, one team a discipline, one contract and one responsibility an employee.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State as FromState};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Moment;
use super::routes::{Parameters, State, refused};
use crate::ecd::mock::{Population, Shelf, generate};

/// Bytes of a stream that are handed over at once.
const PIECE: usize = 64 * 1024;

/// What a stream is made of.
enum Source {
    Shelf(Shelf),
    /// Out of the employees.
    Staff(fn(&Population) -> Vec<Value>),
}

pub(super) async fn stream(
    FromState(state): FromState<State>,
    Path((resource, what)): Path<(String, String)>,
    Query(query): Parameters,
) -> Response {
    let source = match resource.as_str() {
        "clients" => Source::Shelf(Shelf::Clients),
        "employees" => Source::Shelf(Shelf::Employees),
        "relations" => Source::Shelf(Shelf::Relations),
        "client_contact_relation_addresses" => Source::Shelf(Shelf::Addresses),
        "reports" => Source::Shelf(Shelf::Reports),
        "insurances" => Source::Shelf(Shelf::Insurances),
        "teams" => Source::Staff(teams),
        "contracts" => Source::Staff(contracts),
        "responsibilities" => Source::Staff(responsibilities),
        _ => return refused(StatusCode::NOT_FOUND, "resource", &resource, "no such stream"),
    };
    let said = query.get("since").map_or("", String::as_str);
    let since = match what.as_str() {
        "data" => None,
        "updates" | "deletes" => match (said, moment(said)) {
            ("", _) => return refused(StatusCode::BAD_REQUEST, "since", "", "field can not be empty"),
            (_, None) => return refused(StatusCode::BAD_REQUEST, "since", said, "is not a valid date"),
            (_, since) => since,
        },
        _ => return refused(StatusCode::NOT_FOUND, "resource", &what, "no such stream"),
    };
    match (what.as_str(), source, since) {
        ("deletes", Source::Shelf(Shelf::Clients), Some(since)) => {
            let now = generate::instant(state.clock.now());
            let removed = state.population.removed(Shelf::Clients, since).into_iter();
            let texts = removed.map(|key| {
                let id: Value = key.parse::<u64>().map_or(Value::String(key), Value::from);
                Bytes::from(json!({"id": id, "deletedAt": now}).to_string())
            });
            lines(texts.collect())
        }
        ("deletes", ..) => refused(StatusCode::NOT_FOUND, "resource", &what, "no such stream"),
        (_, Source::Shelf(shelf), since) => shelved(state, format!("/v0/xstream/{resource}/{what}"), shelf, since),
        (_, Source::Staff(made), since) => {
            let all = made(&state.population).into_iter();
            let wanted = all.filter(|one| since.is_none_or(|since| changed(one).is_some_and(|at| at >= since)));
            lines(wanted.map(|one| Bytes::from(one.to_string())).collect())
        }
    }
}

/// `updatedAt`
pub(super) fn changed(record: &Value) -> Option<Timestamp> {
    record["updatedAt"].as_str()?.parse().ok()
}

/// A time without a zone, which is Dutch time, or one with an offset.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let zone = TimeZone::get("Europe/Amsterdam").ok()?;
    text.parse::<DateTime>()
        .ok()?
        .to_zoned(zone)
        .ok()
        .map(|local| local.timestamp())
}

/// A shelf as a stream: what is sent later is as it is by then, and what is gone by then is not sent.
fn shelved(state: State, path: String, shelf: Shelf, since: Option<Timestamp>) -> Response {
    let texts = state.population.texts(shelf, since);
    let first = texts.first().filter(|_| state.meanwhile.waiting() > 0).cloned();
    let Some(first) = first else {
        return lines(texts);
    };
    let later = futures::stream::once(async move {
        state.meanwhile.happens(&path, Moment::Within, &state.population);
        let key = |text: &Bytes| {
            serde_json::from_slice::<Value>(text)
                .map(|record| record["id"].to_string())
                .ok()
        };
        let rest = texts
            .iter()
            .skip(1)
            .filter_map(|text| state.population.text(shelf, &key(text)?));
        let mut piece = Vec::new();
        for text in rest {
            piece.extend_from_slice(&text);
            piece.push(b'\n');
        }
        Ok::<_, std::convert::Infallible>(Bytes::from(piece))
    });
    let mut start = first.to_vec();
    start.push(b'\n');
    let start = futures::stream::once(async { Ok(Bytes::from(start)) });
    (
        [(CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(start.chain(later)),
    )
        .into_response()
}

/// A stream of lines, put together piece by piece while it is sent.
fn lines(texts: Vec<Bytes>) -> Response {
    let pieces = futures::stream::unfold(texts.into_iter(), async |mut texts| {
        let mut piece = Vec::with_capacity(PIECE + 4096);
        while piece.len() < PIECE {
            let Some(text) = texts.next() else { break };
            piece.extend_from_slice(&text);
            piece.push(b'\n');
        }
        (!piece.is_empty()).then(|| (Ok::<_, std::convert::Infallible>(Bytes::from(piece)), texts))
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pieces)).into_response()
}

/// One for each discipline, as new as its newest employee.
fn teams(population: &Population) -> Vec<Value> {
    let mut teams: BTreeMap<u64, Value> = BTreeMap::new();
    for employee in population.all(Shelf::Employees) {
        let Some(id) = team(&employee) else { continue };
        let known = teams.entry(id).or_insert_with(|| {
            json!({
                "id": id, "uuid": format!("b1000000-0000-4000-8000-{id:012x}"),
                "name": employee["expertiseProfile"]["description"], "active": true,
                "createdAt": employee["createdAt"], "updatedAt": employee["updatedAt"],
            })
        });
        if changed(&employee) > changed(known) {
            known["updatedAt"] = employee["updatedAt"].clone();
        }
    }
    teams.into_values().collect()
}

fn contracts(population: &Population) -> Vec<Value> {
    of_employees(population, |employee, number| {
        json!({
            "id": 20_000 + number, "employeeId": number, "beginDate": day(&employee["createdAt"]), "endDate": null,
            "createdAt": employee["createdAt"], "updatedAt": employee["updatedAt"],
        })
    })
}

fn responsibilities(population: &Population) -> Vec<Value> {
    of_employees(population, |employee, number| {
        json!({
            "id": 30_000 + number, "employeeId": number, "teamId": team(employee),
            "beginDate": day(&employee["createdAt"]), "endDate": null,
            "createdAt": employee["createdAt"], "updatedAt": employee["updatedAt"],
        })
    })
}

fn of_employees(population: &Population, made: impl Fn(&Value, u64) -> Value) -> Vec<Value> {
    let all = population.all(Shelf::Employees);
    let made = all
        .iter()
        .filter_map(|employee| Some(made(employee, employee["id"].as_u64()?)));
    made.collect()
}

fn team(employee: &Value) -> Option<u64> {
    employee["expertiseProfile"]["id"].as_u64()
}

/// The day of a time, as it is written.
fn day(at: &Value) -> &str {
    at.as_str().and_then(|at| at.get(..10)).unwrap_or_default()
}
