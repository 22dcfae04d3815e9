//! What is asked of clients: by number, by name or by a period, and who cares for them.
//!
//! # Design
//! ASSUMPTIONS: `find` takes fields of a client that must all be equal, whatever the case, and wraps what it finds as other lists do;
//! `ids_in_care_in_period` takes `from` and `to`, both inclusive, as newer paths do, and answers in the form of the path of rights,
//! `{"clientIds":[…]}`. Neither payload was seen.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::civil::Date;
use serde_json::Value;

use super::routes::{self, Id, of_client, of_key, of_uuid, page, period, refused, wrapped};
use crate::ecd::mock::Shelf;

/// What `find` looks for: the parameter and the field.
const FIELDS: [(&str, &str); 6] = [
    ("identification_no", "identificationNo"),
    ("first_name", "firstName"),
    ("last_name", "lastName"),
    ("birth_name", "birthName"),
    ("date_of_birth", "dateOfBirth"),
    ("gender", "gender"),
];

pub(super) async fn one(State(mock): State<routes::State>, id: Id) -> Response {
    of_key(&mock, Shelf::Clients, id)
}

pub(super) async fn by_uuid(State(mock): State<routes::State>, Path(uuid): Path<String>) -> Response {
    of_uuid(&mock, Shelf::Clients, &uuid)
}

pub(super) async fn find(State(mock): State<routes::State>, Query(query): routes::Parameters) -> Response {
    let mut wanted = Vec::new();
    for (name, value) in query
        .iter()
        .filter(|(name, _)| !["offset", "limit"].contains(&name.as_str()))
    {
        match FIELDS.iter().find(|(known, _)| known == name) {
            Some((_, field)) => wanted.push((*field, value.to_lowercase())),
            None => return refused(StatusCode::BAD_REQUEST, name, value, "no such parameter"),
        }
    }
    if wanted.is_empty() {
        return refused(StatusCode::BAD_REQUEST, "last_name", "", "field can not be empty");
    }
    let mut found = mock.population.all(Shelf::Clients);
    found.retain(|client| {
        let is = |(field, value): &(&str, String)| client[field].as_str().is_some_and(|it| it.to_lowercase() == *value);
        wanted.iter().all(is)
    });
    page("clients", found, &query)
}

pub(super) async fn in_care(State(mock): State<routes::State>, Query(query): routes::Parameters) -> Response {
    let (from, to) = match period(&query) {
        Ok(period) => period,
        Err(refused) => return *refused,
    };
    let all = mock.population.all(Shelf::Clients).into_iter();
    let ids = all
        .filter(|client| is_in_care(client, from, to))
        .map(|client| client["id"].clone());
    page("clientIds", ids.collect(), &query)
}

/// Whether a part of a stay lies in the period. A stay that ended says why in place of `IN_CARE`, and was care until then; who is away
/// for a while comes back.
fn is_in_care(client: &Value, from: Date, to: Date) -> bool {
    let date = |text: &Value| text.as_str().and_then(|text| text.parse::<Date>().ok());
    let stays = client["careAllocations"].as_array().into_iter().flatten();
    stays.into_iter().any(|stay| {
        date(&stay["beginDate"]).is_some_and(|begin| begin <= to)
            && date(&stay["endDate"]).is_none_or(|end| end >= from)
    })
}

pub(super) async fn care_providers(State(mock): State<routes::State>, Id(id): Id) -> Response {
    if mock.population.text(Shelf::Clients, &id.to_string()).is_none() {
        return refused(StatusCode::NOT_FOUND, "id", &id.to_string(), "not found");
    }
    let mut providers = mock.population.of(Shelf::CareProviders, id);
    for provider in &mut providers {
        // Whom else they care for is no part of the answer.
        provider.as_object_mut().map(|fields| fields.shift_remove("clientIds"));
    }
    wrapped("careProviders", providers)
}

pub(super) async fn employee_relations(State(mock): State<routes::State>, Id(id): Id) -> Response {
    of_client(&mock, id, Shelf::EmployeeRelations, "clientEmployeeRelations")
}

pub(super) async fn by_bsn(State(mock): State<routes::State>, Query(query): routes::Parameters) -> Response {
    let Some(bsn) = query.get("bsn") else {
        return refused(StatusCode::BAD_REQUEST, "bsn", "", "field can not be empty");
    };
    let found: Vec<Value> = mock
        .population
        .all(Shelf::Clients)
        .into_iter()
        .filter(|client| client["bsn"] == bsn.as_str())
        .collect();
    // A number of a person is said back to nobody.
    match found.as_slice() {
        [] => refused(StatusCode::NOT_FOUND, "bsn", "", "not found"),
        [one] => Json(one).into_response(),
        _ => refused(StatusCode::CONFLICT, "bsn", "", "several clients found"),
    }
}
