//! The paths of Ons.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Query, Request, State as FromState};
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt as _;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Fault, Faults, Served, clients, revise};
use crate::clock::Clock;
use crate::ecd::mock::mishap::{self, Mishaps};
use crate::ecd::mock::{Population, Shelf};

/// Requests that one certificate may have open.
const PARALLEL: usize = 4;

/// Bytes of a stream that are handed over at once.
const PIECE: usize = 64 * 1024;

/// SHA-256 of the certificate that a request came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Certificate(pub(super) [u8; 32]);

type Parallel = Mutex<HashMap<Certificate, Arc<Semaphore>>>;

#[derive(Clone)]
pub(super) struct State {
    pub(super) population: Arc<Population>,
    pub(super) clock: Clock,
    pub(super) latency: Duration,
    pub(super) mishaps: Mishaps,
    pub(super) faults: Faults,
    pub(super) served: Arc<Served>,
    pub(super) admitted: [u8; 32],
    pub(super) open: Arc<Parallel>,
}

pub(super) type Parameters = Query<HashMap<String, String>>;

pub(super) fn router(state: State) -> Router {
    Router::new()
        .route("/ping", get(async || "pong"))
        .route("/v0/xstream/{resource}/{what}", get(stream))
        .route("/v0/administration/clients/by_bsn", get(clients::by_bsn))
        .route("/v0/administration/clients/{id}", get(client))
        .route(
            "/v0/administration/clients/{id}/careproviders",
            get(clients::care_providers),
        )
        .route(
            "/v0/administration/clients/{id}/client_employee_relations",
            get(clients::employee_relations),
        )
        .route(
            "/v0/administration/client_contact_relations/by_client/{id}",
            get(relations),
        )
        .route("/v0/administration/dossier/report_types", get(report_types))
        .route("/v0/administration/dossier/reports/search_by_client", get(reports))
        .route("/v0/administration/dossier/reports/{id}", get(report))
        .route("/v0/administration/dossier/care_plans/by_client/{id}", get(care_plans))
        .route(
            "/v0/administration/dossier/care_plans/by_client/{id}/{status}",
            get(care_plans_in),
        )
        .route("/v0/administration/dossier/care_plans/{id}/entries", get(entries))
        .route("/v0/agenda/clients/{id}/agenda_occurrences", get(agenda))
        .route("/v0/client/shared_resources", get(releases))
        .route(
            "/v0/administration/survey_result/survey_results_by_client/{id}",
            get(forms),
        )
        .route("/mock/revise", post(revise::revise))
        .fallback(async || refused(StatusCode::NOT_FOUND, "path", "no such resource"))
        .layer(middleware::from_fn_with_state(state.mishaps.clone(), mishap::layer))
        .layer(middleware::from_fn_with_state(state.clone(), door))
        .with_state(state)
}

/// Who may come in, how many at once, in which format; and the faults.
async fn door(
    FromState(state): FromState<State>,
    Extension(certificate): Extension<Certificate>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    state.served.requests.fetch_add(1, Ordering::Relaxed);
    if certificate.0 != state.admitted {
        return StatusCode::FORBIDDEN.into_response();
    }
    let permits = {
        let mut open = state.open.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            open.entry(certificate)
                .or_insert_with(|| Arc::new(Semaphore::new(PARALLEL))),
        )
    };
    let Ok(permit) = permits.try_acquire_owned() else {
        state.served.throttled.fetch_add(1, Ordering::Relaxed);
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let accept = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or("*/*");
    if !["json", "*/*", "application/*"]
        .iter()
        .any(|known| accept.contains(known))
    {
        return StatusCode::NOT_ACCEPTABLE.into_response();
    }
    if !state.latency.is_zero() {
        tokio::time::sleep(state.latency).await;
    }
    let fault = state.faults.take(request.uri().path());
    let (mut parts, body) = match fault {
        Some(Fault::Status(code)) => {
            return StatusCode::from_u16(code)
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
                .into_response();
        }
        Some(Fault::Later(code, seconds)) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return (status, [(RETRY_AFTER, seconds.to_string())]).into_response();
        }
        Some(Fault::Page) => axum::response::Html("<html><body>Onderhoud</body></html>").into_response(),
        _ => next.run(request).await,
    }
    .into_parts();
    let (media, body) = match &fault {
        Some(Fault::MediaType) => (Some("text/plain"), body),
        Some(Fault::Instead(text)) => (None, Body::from(text.clone())),
        Some(Fault::Json(text)) => (Some("application/json"), Body::from(text.clone())),
        _ => (None, body),
    };
    if let Some(media) = media {
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    }
    parts.headers.remove("content-length");
    let mut left = match fault {
        Some(Fault::Break(bytes) | Fault::Cut(bytes)) => bytes,
        _ => usize::MAX,
    };
    let cut = body.into_data_stream().scan((), move |(), piece| {
        // The permit lives as long as the body.
        let _held = &permit;
        let piece = piece.map(|piece| {
            let piece = piece.slice(..piece.len().min(left));
            left -= piece.len();
            piece
        });
        let over = matches!(&piece, Ok(piece) if piece.is_empty());
        futures::future::ready((!over).then_some(piece))
    });
    let body = match fault {
        Some(Fault::Break(_)) => {
            let end = futures::stream::once(async {
                // What came before has to be on its way, or the client sees no answer at all.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(axum::Error::new(std::io::Error::other("broken off")))
            });
            Body::from_stream(cut.chain(end))
        }
        _ => Body::from_stream(cut),
    };
    Response::from_parts(parts, body)
}

/// The product's form of an error.
pub(super) fn refused(status: StatusCode, field: &str, message: &str) -> Response {
    let entries = json!({"errorResponseEntries": [{"field": field, "value": "", "message": message}]});
    (status, Json(entries)).into_response()
}

async fn stream(
    FromState(state): FromState<State>,
    Path((resource, what)): Path<(String, String)>,
    Query(query): Parameters,
) -> Response {
    let shelf = match resource.as_str() {
        "clients" => Shelf::Clients,
        "employees" => Shelf::Employees,
        "relations" => Shelf::Relations,
        "client_contact_relation_addresses" => Shelf::Addresses,
        "reports" => Shelf::Reports,
        "insurances" => Shelf::Insurances,
        _ => return refused(StatusCode::NOT_FOUND, "resource", "no such stream"),
    };
    let since = || query.get("since").and_then(|since| moment(since));
    match (what.as_str(), since()) {
        ("data", _) => lines(state.population.texts(shelf, None)),
        ("updates", Some(since)) => lines(state.population.texts(shelf, Some(since))),
        ("deletes", Some(since)) if shelf == Shelf::Clients => {
            let now = super::super::generate::instant(state.clock.now());
            let removed = state.population.removed(shelf, since).into_iter();
            let texts = removed.map(|key| {
                let id: Value = key.parse::<u64>().map_or(Value::String(key), Value::from);
                Bytes::from(json!({"id": id, "deletedAt": now}).to_string())
            });
            lines(texts.collect())
        }
        ("updates" | "deletes", None) => refused(StatusCode::BAD_REQUEST, "since", "field can not be empty"),
        _ => refused(StatusCode::NOT_FOUND, "resource", "no such stream"),
    }
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

pub(super) fn wrapped(name: &str, records: Vec<Value>) -> Response {
    Json(json!({name: records})).into_response()
}

fn record(text: Option<Bytes>) -> Response {
    match text {
        Some(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        None => refused(StatusCode::NOT_FOUND, "id", "not found"),
    }
}

async fn client(FromState(state): FromState<State>, Path(id): Path<String>) -> Response {
    record(state.population.text(Shelf::Clients, &id))
}

async fn relations(FromState(state): FromState<State>, Path(id): Path<u64>) -> Response {
    of_client(&state, id, Shelf::Relations, "clientContactRelations")
}

async fn report(FromState(state): FromState<State>, Path(id): Path<String>) -> Response {
    record(state.population.text(Shelf::Reports, &id))
}

async fn reports(FromState(state): FromState<State>, Query(query): Parameters) -> Response {
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<u64>().ok());
    let Some(client) = number("client_id") else {
        return refused(StatusCode::BAD_REQUEST, "client_id", "field can not be empty");
    };
    let kind = number("report_type");
    let found = state.population.of(Shelf::Reports, client).into_iter();
    let found = found.filter(|report| kind.is_none_or(|kind| report["reportTypeId"] == kind));
    let place = |name, otherwise| number(name).map_or(otherwise, |n| usize::try_from(n).unwrap_or(usize::MAX));
    wrapped(
        "reports",
        found.skip(place("offset", 0)).take(place("limit", 100)).collect(),
    )
}

async fn report_types() -> Response {
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
    wrapped("reportTypes", types.into())
}

async fn care_plans(FromState(state): FromState<State>, Path(id): Path<u64>) -> Response {
    of_client(&state, id, Shelf::CarePlans, "carePlans")
}

async fn care_plans_in(FromState(state): FromState<State>, Path((id, status)): Path<(u64, String)>) -> Response {
    let plans = state.population.of(Shelf::CarePlans, id).into_iter();
    wrapped(
        "carePlans",
        plans.filter(|plan| plan["status"] == status.to_uppercase()).collect(),
    )
}

async fn entries(FromState(state): FromState<State>, Path(id): Path<String>) -> Response {
    match state.population.get(Shelf::CarePlans, &id) {
        Some(plan) => Json(json!({"carePlanEntries": plan["carePlanEntries"]})).into_response(),
        None => refused(StatusCode::NOT_FOUND, "id", "not found"),
    }
}

pub(super) fn of_client(state: &State, client: u64, shelf: Shelf, name: &str) -> Response {
    if state.population.text(Shelf::Clients, &client.to_string()).is_none() {
        return refused(StatusCode::NOT_FOUND, "id", "not found");
    }
    listed(name, state.population.texts_of(shelf, client))
}

async fn forms(FromState(state): FromState<State>, Path(id): Path<u64>) -> Response {
    of_client(&state, id, Shelf::Forms, "surveyResults")
}

async fn releases(FromState(state): FromState<State>, Query(query): Parameters) -> Response {
    match query.get("client_id").and_then(|client| client.parse().ok()) {
        Some(client) => of_client(&state, client, Shelf::Releases, "sharedResources"),
        None => refused(StatusCode::BAD_REQUEST, "client_id", "field can not be empty"),
    }
}

/// Records that are JSON already.
fn listed(name: &str, texts: Vec<Bytes>) -> Response {
    let mut body = Vec::with_capacity(name.len() + 8 + texts.iter().map(|text| text.len() + 1).sum::<usize>());
    body.extend_from_slice(format!("{{\"{name}\":[").as_bytes());
    for (at, text) in texts.iter().enumerate() {
        body.extend_from_slice(if at == 0 { b"" } else { b"," });
        body.extend_from_slice(text);
    }
    body.extend_from_slice(b"]}");
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// What decides whether an occurrence is asked for.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Occurrence {
    starts_at: Option<String>,
    client_present: Option<bool>,
}

async fn agenda(FromState(state): FromState<State>, Path(client): Path<u64>, Query(query): Parameters) -> Response {
    let day = |name: &str| query.get(name).and_then(|day| day.parse::<Date>().ok());
    let Some(from) = day("from") else {
        return refused(StatusCode::BAD_REQUEST, "from", "field can not be empty");
    };
    let Some(to) = day("to") else {
        return refused(StatusCode::BAD_REQUEST, "to", "field can not be empty");
    };
    if state.population.text(Shelf::Clients, &client.to_string()).is_none() {
        return refused(StatusCode::NOT_FOUND, "id", "not found");
    }
    let present = query.get("require_client_present").is_none_or(|value| value != "false");
    let mut found = state.population.texts_of(Shelf::Agenda, client);
    found.retain(|text| {
        let occurrence: Occurrence = serde_json::from_slice(text).expect("what was written is JSON");
        let starts = occurrence.starts_at.as_deref();
        let starts = starts.and_then(|at| at.get(..10)?.parse::<Date>().ok());
        starts.is_some_and(|day| from <= day && day < to) && (!present || occurrence.client_present == Some(true))
    });
    listed("agendaOccurrences", found)
}
