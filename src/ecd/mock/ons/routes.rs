//! The paths of Ons.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, FromRequestParts, Path, Query, Request, State as FromState};
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::StreamExt as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Fault, Faults, Meanwhile, Moment, Served, Webhooks, clients, reports, revise, streams, webhook};
use crate::clock::Clock;
use crate::ecd::mock::mishap::{self, Mishaps};
use crate::ecd::mock::{Population, Shelf};

/// Requests that one certificate may have open.
const PARALLEL: usize = 4;

/// nginx's answer to a certificate that it does not take.
const INVALID_CERTIFICATE: u16 = 495;

/// The certificate that a request came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Certificate {
    /// SHA-256.
    pub(super) print: [u8; 32],
    /// With an RSA key that the vendor would not have signed.
    pub(super) is_weak: bool,
}

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
    pub(super) webhooks: Webhooks,
    pub(super) meanwhile: Meanwhile,
}

pub(super) type Parameters = Query<HashMap<String, String>>;

pub(super) fn router(state: State) -> Router {
    Router::new()
        .route("/ping", get(async || "pong"))
        .route("/v0/xstream/{resource}/{what}", get(streams::stream))
        .nest("/v0/administration/clients", of_clients())
        .nest("/v0/administration/dossier/reports", of_reports())
        .route(
            "/v0/administration/client_contact_relations/by_client/{id}",
            get(relations),
        )
        .route("/v0/administration/dossier/report_types", get(reports::types))
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
        .route(
            "/v0/dossier/back_channel/unauthorized/care_plan/{id}/agreement",
            get(async |state: FromState<State>, id: Id| of_key(&state, Shelf::Agreements, id)),
        )
        .route(
            "/v0/administration/omaha/classifications/by_survey_result/{id}",
            get(async |state: FromState<State>, id: Id| of_key(&state, Shelf::Classifications, id)),
        )
        .route("/webhooks/redeliver", put(webhook::redeliver))
        .route("/mock/revise", post(revise::revise))
        .fallback(async || refused(StatusCode::NOT_FOUND, "path", "", "no such resource"))
        .layer(middleware::from_fn_with_state(state.mishaps.clone(), mishap::layer))
        .layer(middleware::from_fn_with_state(state.clone(), door))
        .with_state(state)
}

fn of_clients() -> Router<State> {
    Router::new()
        .route("/find", get(clients::find))
        .route("/by_bsn", get(clients::by_bsn))
        .route("/by_uuid/{uuid}", get(clients::by_uuid))
        .route("/ids_in_care_in_period", get(clients::in_care))
        .route("/{id}", get(clients::one))
        .route("/{id}/careproviders", get(clients::care_providers))
        .route("/{id}/client_employee_relations", get(clients::employee_relations))
}

fn of_reports() -> Router<State> {
    Router::new()
        .route("/search_by_client", get(reports::search))
        .route("/by_uuid/{uuid}", get(reports::by_uuid))
        .route("/by_date/{range}", get(reports::by_date))
        .route("/by_care_plan_entry/{id}", get(reports::by_care_plan_entry))
        .route(
            "/by_care_plan_entry_unescaped/{id}",
            get(reports::by_care_plan_entry_unescaped),
        )
        .route("/{id}", get(reports::one))
        .route("/{id}/children", get(reports::children))
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
    if certificate.is_weak {
        return StatusCode::from_u16(INVALID_CERTIFICATE)
            .expect("a status has three digits")
            .into_response();
    }
    if certificate.print != state.admitted {
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
    let path = request.uri().path();
    state.meanwhile.happens(path, Moment::Before, &state.population);
    let fault = state.faults.take(path);
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
        Some(Fault::Answer(code, text)) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, [(CONTENT_TYPE, "application/json")], text).into_response();
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
pub(super) fn refused(status: StatusCode, field: &str, value: &str, message: &str) -> Response {
    let entries = json!({"errorResponseEntries": [{"field": field, "value": value, "message": message}]});
    (status, Json(entries)).into_response()
}

/// The number in a path. ASSUMPTION: another text there is refused like any other wrong field, in the product's form.
pub(super) struct Id(pub(super) u64);

impl FromRequestParts<State> for Id {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(path) = path.map_err(|rejection| rejection.into_response())?;
        let said = path.get("id").map_or("", String::as_str);
        said.parse()
            .map(Self)
            .map_err(|_| refused(StatusCode::BAD_REQUEST, "id", said, "is not a number"))
    }
}

/// A day, if it is asked with.
pub(super) fn day(query: &HashMap<String, String>, name: &str) -> Result<Option<Date>, Box<Response>> {
    let Some(said) = query.get(name) else { return Ok(None) };
    let day = said.parse().map(Some);
    day.map_err(|_| Box::new(refused(StatusCode::BAD_REQUEST, name, said, "is not a valid date")))
}

/// `from` and `to`, which must be there.
pub(super) fn period(query: &HashMap<String, String>) -> Result<(Date, Date), Box<Response>> {
    let day = |name| {
        let empty = || Box::new(refused(StatusCode::BAD_REQUEST, name, "", "field can not be empty"));
        day(query, name)?.ok_or_else(empty)
    };
    Ok((day("from")?, day("to")?))
}

/// The part of a list that `offset` and `limit` ask for.
pub(super) fn page(name: &str, records: Vec<Value>, query: &HashMap<String, String>) -> Response {
    let number = |name: &str, otherwise| {
        let number = query.get(name).and_then(|value| value.parse::<u64>().ok());
        number.map_or(otherwise, |number| usize::try_from(number).unwrap_or(usize::MAX))
    };
    let (offset, limit) = (number("offset", 0), number("limit", 100));
    wrapped(name, records.into_iter().skip(offset).take(limit).collect())
}

/// The record with this `uuid`.
pub(super) fn of_uuid(state: &State, shelf: Shelf, uuid: &str) -> Response {
    let is_one = uuid.len() == 36 && uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if !is_one {
        return refused(StatusCode::BAD_REQUEST, "uuid", uuid, "is not a UUID");
    }
    let mut all = state.population.all(shelf).into_iter();
    match all.find(|record| {
        record["uuid"]
            .as_str()
            .is_some_and(|one| one.eq_ignore_ascii_case(uuid))
    }) {
        Some(found) => Json(found).into_response(),
        None => refused(StatusCode::NOT_FOUND, "uuid", uuid, "not found"),
    }
}

pub(super) fn wrapped(name: &str, records: Vec<Value>) -> Response {
    Json(json!({name: records})).into_response()
}

/// The record with this number. ASSUMPTION: where there is none, the refusal names the number that was asked for.
pub(super) fn of_key(state: &State, shelf: Shelf, Id(id): Id) -> Response {
    let key = id.to_string();
    match state.population.text(shelf, &key) {
        Some(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        None => refused(StatusCode::NOT_FOUND, "id", &key, "not found"),
    }
}

async fn relations(FromState(state): FromState<State>, Id(id): Id) -> Response {
    of_client(&state, id, Shelf::Relations, "clientContactRelations")
}

async fn care_plans(FromState(state): FromState<State>, Id(id): Id) -> Response {
    of_client(&state, id, Shelf::CarePlans, "carePlans")
}

async fn care_plans_in(
    FromState(state): FromState<State>,
    Id(id): Id,
    Path(path): Path<HashMap<String, String>>,
) -> Response {
    let status = path
        .get("status")
        .map(|status| status.to_uppercase())
        .unwrap_or_default();
    let plans = state.population.of(Shelf::CarePlans, id).into_iter();
    wrapped(
        "carePlans",
        plans.filter(|plan| plan["status"] == status.as_str()).collect(),
    )
}

async fn entries(FromState(state): FromState<State>, Id(id): Id) -> Response {
    match state.population.get(Shelf::CarePlans, &id.to_string()) {
        Some(plan) => Json(json!({"carePlanEntries": plan["carePlanEntries"]})).into_response(),
        None => refused(StatusCode::NOT_FOUND, "id", &id.to_string(), "not found"),
    }
}

pub(super) fn of_client(state: &State, client: u64, shelf: Shelf, name: &str) -> Response {
    if state.population.text(Shelf::Clients, &client.to_string()).is_none() {
        return refused(StatusCode::NOT_FOUND, "id", &client.to_string(), "not found");
    }
    listed(name, state.population.texts_of(shelf, client))
}

async fn forms(FromState(state): FromState<State>, Id(id): Id) -> Response {
    of_client(&state, id, Shelf::Forms, "surveyResults")
}

async fn releases(FromState(state): FromState<State>, Query(query): Parameters) -> Response {
    match query.get("client_id").and_then(|client| client.parse().ok()) {
        Some(client) => of_client(&state, client, Shelf::Releases, "sharedResources"),
        None => refused(StatusCode::BAD_REQUEST, "client_id", "", "field can not be empty"),
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

async fn agenda(FromState(state): FromState<State>, Id(client): Id, Query(query): Parameters) -> Response {
    let (from, to) = match period(&query) {
        Ok(period) => period,
        Err(refused) => return *refused,
    };
    if state.population.text(Shelf::Clients, &client.to_string()).is_none() {
        return refused(StatusCode::NOT_FOUND, "id", &client.to_string(), "not found");
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
