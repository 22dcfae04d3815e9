//! The paths of reports: one, those of a client, a day or a line of the plan, and the answers to one.
//!
//! # Design
//! Every list is of the whole dossier: what is hidden or confidential is in it, as in the stream, and its reader has to leave it out.
//! A list has pages (`offset`, `limit`; 100 unless told) and no total.
//!
//! The plain `by_care_plan_entry` escapes texts for HTML, `by_care_plan_entry_unescaped` does not. ASSUMPTIONS: all texts that people
//! wrote are escaped; `by_date` and `valid_from`/`valid_to` are Dutch days of `reportingDate` and both ends belong to them; `keyword`
//! is looked for in the text and the SOEP parts, whatever the case; a report of another client that went counts as a change.

use axum::Json;
use axum::extract::{Path, Query, State as FromState};
use axum::http::header::IF_MODIFIED_SINCE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::rfc2822;
use serde_json::{Value, json};

use super::routes::{Id, Parameters, State, day, of_key, of_uuid, page, refused};
use super::streams::changed;
use crate::ecd::mock::Shelf;

pub(super) async fn one(FromState(state): FromState<State>, id: Id) -> Response {
    of_key(&state, Shelf::Reports, id)
}

pub(super) async fn by_uuid(FromState(state): FromState<State>, Path(uuid): Path<String>) -> Response {
    of_uuid(&state, Shelf::Reports, &uuid)
}

pub(super) async fn search(
    FromState(state): FromState<State>,
    Query(query): Parameters,
    headers: HeaderMap,
) -> Response {
    let client = match query.get("client_id").map(|client| (client, client.parse::<u64>())) {
        None => return refused(StatusCode::BAD_REQUEST, "client_id", "", "field can not be empty"),
        Some((said, Err(_))) => return refused(StatusCode::BAD_REQUEST, "client_id", said, "is not a number"),
        Some((_, Ok(client))) => client,
    };
    let (from, to) = match (day(&query, "valid_from"), day(&query, "valid_to")) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(refused), _) | (_, Err(refused)) => return *refused,
    };
    let kind = query.get("report_type").and_then(|kind| kind.parse::<u64>().ok());
    let keyword = query.get("keyword").map(|keyword| keyword.to_lowercase());
    let mut found = state.population.of(Shelf::Reports, client);
    if let Some(since) = since(&headers)
        && state.population.removed(Shelf::Reports, since).is_empty()
        && found.iter().filter_map(changed).all(|at| at <= since)
    {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    found.retain(|report| {
        kind.is_none_or(|kind| report["reportTypeId"] == kind)
            && keyword.as_deref().is_none_or(|keyword| says(report, keyword))
            && written_on(report)
                .is_some_and(|day| from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to))
    });
    page("reports", found, &query)
}

/// `If-Modified-Since` (RFC 9110 §13.1.3: what is no date is ignored).
fn since(headers: &HeaderMap) -> Option<Timestamp> {
    let said = headers.get(IF_MODIFIED_SINCE)?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(said).ok()
}

fn says(report: &Value, keyword: &str) -> bool {
    let parts = report["soapReportEntries"].as_array().into_iter().flatten();
    let texts = parts.map(|part| &part["content"]).chain([&report["comment"]]);
    texts
        .filter_map(Value::as_str)
        .any(|text| text.to_lowercase().contains(keyword))
}

/// The day as it is written: the times of the product are Dutch.
fn written_on(report: &Value) -> Option<Date> {
    report["reportingDate"].as_str()?.get(..10)?.parse().ok()
}

/// `2026-11-01...2026-11-22`
pub(super) async fn by_date(
    FromState(state): FromState<State>,
    Path(range): Path<String>,
    Query(query): Parameters,
) -> Response {
    let (from, to) = range.split_once("...").unwrap_or((&range, ""));
    let bad = |field, said| refused(StatusCode::BAD_REQUEST, field, said, "is not a valid date");
    let (Ok(first), Ok(last)) = (from.parse::<Date>(), to.parse::<Date>()) else {
        return match from.parse::<Date>() {
            Err(_) => bad("from", from),
            Ok(_) => bad("to", to),
        };
    };
    let mut found = state.population.all(Shelf::Reports);
    found.retain(|report| written_on(report).is_some_and(|day| first <= day && day <= last));
    page("reports", found, &query)
}

pub(super) async fn by_care_plan_entry(
    FromState(state): FromState<State>,
    Id(entry): Id,
    Query(query): Parameters,
) -> Response {
    let mut found = of_entry(&state, entry);
    found.iter_mut().for_each(escape);
    page("reports", found, &query)
}

pub(super) async fn by_care_plan_entry_unescaped(
    FromState(state): FromState<State>,
    Id(entry): Id,
    Query(query): Parameters,
) -> Response {
    page("reports", of_entry(&state, entry), &query)
}

fn of_entry(state: &State, entry: u64) -> Vec<Value> {
    let mut found = state.population.all(Shelf::Reports);
    found.retain(|report| report["carePlanEntryId"] == entry);
    found
}

/// The texts that people wrote.
fn escape(report: &mut Value) {
    let escaped = |text: &mut Value| {
        if let Value::String(plain) = text {
            *text = quick_xml::escape::escape(plain.as_str()).into_owned().into();
        }
    };
    for field in ["comment", "hidingReason", "carenName"] {
        if let Some(text) = report.get_mut(field) {
            escaped(text);
        }
    }
    for (list, field) in [("soapReportEntries", "content"), ("reportEntries", "value")] {
        let members = report.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        members.filter_map(|member| member.get_mut(field)).for_each(escaped);
    }
}

pub(super) async fn children(FromState(state): FromState<State>, Id(id): Id, Query(query): Parameters) -> Response {
    if state.population.text(Shelf::Reports, &id.to_string()).is_none() {
        return refused(StatusCode::NOT_FOUND, "id", &id.to_string(), "not found");
    }
    let mut found = state.population.all(Shelf::Reports);
    found.retain(|report| report["parentId"] == id);
    page("reports", found, &query)
}

pub(super) async fn types() -> Response {
    let types = [
        (101, "Rapportage", "Comment"),
        (102, "Gewicht", "BMI"),
        (103, "Bloeddruk", "BloodPressure"),
        (104, "Temperatuur", "Decimal"),
        (105, "Bloedsuiker", "Decimal"),
        (106, "Vocht inname", "Decimal"),
        (107, "Vocht uitscheiding", "Decimal"),
        (108, "Defecatie", "Comment"),
        (109, "Medisch", "Comment"),
        (110, "Voortgang", "ProgressReport"),
        (111, "Familie communicatie", "FamilyCommunication"),
        (112, "Keten communicatie", "ExternalCommunication"),
        (212, "Wondbehandeling", "Comment"),
        (220, "Verslag huisbezoek", "Comment"),
        (221, "INR", "Decimal"),
        (230, "Interne notitie", "Comment"),
        (309, "Stemming", "Decimal"),
        (310, "Omaha", "Comment"),
        (311, "Saturatie", "Decimal"),
        (314, "Pijnscore", "Decimal"),
        (315, "SOEP", "Comment"),
        (316, "Bristol", "Decimal"),
        (317, "Klinimetrie", "Decimal"),
    ];
    let types = types.map(|(id, name, value)| json!({"id": id, "name": name, "valueType": value, "enabled": true}));
    Json(json!({ "reportTypes": types })).into_response()
}
