//! What is asked of one client: by number, and who cares for them.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::routes::{self, of_client, refused, wrapped};
use crate::ecd::mock::Shelf;

pub(super) async fn care_providers(State(mock): State<routes::State>, Path(id): Path<u64>) -> Response {
    if mock.population.text(Shelf::Clients, &id.to_string()).is_none() {
        return refused(StatusCode::NOT_FOUND, "id", "not found");
    }
    let mut providers = mock.population.of(Shelf::CareProviders, id);
    for provider in &mut providers {
        // Whom else they care for is no part of the answer.
        provider.as_object_mut().map(|fields| fields.shift_remove("clientIds"));
    }
    wrapped("careProviders", providers)
}

pub(super) async fn employee_relations(State(mock): State<routes::State>, Path(id): Path<u64>) -> Response {
    of_client(&mock, id, Shelf::EmployeeRelations, "clientEmployeeRelations")
}

pub(super) async fn by_bsn(State(mock): State<routes::State>, Query(query): routes::Parameters) -> Response {
    let Some(bsn) = query.get("bsn") else {
        return refused(StatusCode::BAD_REQUEST, "bsn", "field can not be empty");
    };
    let found: Vec<Value> = mock
        .population
        .all(Shelf::Clients)
        .into_iter()
        .filter(|client| client["bsn"] == bsn.as_str())
        .collect();
    match found.as_slice() {
        [] => refused(StatusCode::NOT_FOUND, "bsn", "not found"),
        [one] => Json(one).into_response(),
        _ => refused(StatusCode::CONFLICT, "bsn", "several clients found"),
    }
}
