//! Caress over the web: lists in its REST style and its SOAP service for staff, with the habits of the product.
//!
//! # Design
//! - One request at a time: a second one that is open meanwhile ends every session and is told so, as seen.
//! - A list without `endDate=2200-01-01`, or with a `modifiedSince` that is no local time, is answered with HTTP 500 and
//!   "Access violation at address", the product's answer to what it cannot stand; an answer of more than `most` members with HTTP
//!   500 and "NullPointerException".
//! - Whatever is refused has the product's body, `{"ErrorMessage":…}`. ASSUMPTION: 401 and 404 are those of HTTP; only 500 was seen.
//! - Members come as texts in the product's forms, some of them twice. A list takes as long as `list_time` says.
//! - ASSUMPTION: every list but `employees`; see the connector.
//! - `POST /mock/drop` is not of the product: it writes a drop of what changed since the last one.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Query, Request, State as FromState};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{records, soap};
use crate::clock::Clock;
use crate::ecd::caress::columns::{
    ACCESS, AGENDA, ANSWERS, CARE_PROVIDERS, CLIENTS, CONTACTS, EMPLOYEES, FORMS, PLAN_LINES, PLANS, REPORT_TYPES,
    REPORTS, Table,
};
use crate::ecd::caress::web::camel;
use crate::ecd::mock::Population;
use crate::ecd::mock::mishap::{self, Mishaps};
use crate::ecd::mock::ons::{Authority, Error, Sni, serve};
use crate::secret::{Random, Secret};

/// Who may log in to the mock.
pub const USER: &str = "inzage";

/// How a mock runs.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub population: Arc<Population>,
    /// Where the authority and the client certificate are kept, and drops are written.
    pub dir: PathBuf,
    pub tenant: String,
    pub clock: Clock,
    pub random: Random,
    /// How long a list takes; the product takes up to 50 seconds.
    pub list_time: Duration,
    /// Members of an answer; a larger one is too big for the product. ASSUMPTION: how many those are was not seen.
    pub most: usize,
    pub mishaps: Mishaps,
}

/// A mock that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    pub url: String,
    pub ca_pem: String,
    pub client_cert_pem: String,
    pub client_key_pem: Secret<String>,
    pub password: Secret<String>,
    pub served: Arc<Served>,
    task: JoinHandle<()>,
}

/// What a mock has seen.
#[derive(Debug, Default)]
pub struct Served {
    requests: AtomicUsize,
    /// Requests that came while another was open.
    beside: AtomicUsize,
    /// Lists that are answered with a status instead.
    refused: Mutex<HashMap<String, u16>>,
    /// Sessions that are open.
    pub(super) sessions: Mutex<BTreeSet<String>>,
}

impl Served {
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn beside(&self) -> usize {
        self.beside.load(Ordering::Relaxed)
    }

    /// From now on this list is answered with this status; with 200, as ever.
    pub fn refuse(&self, list: &str, status: u16) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(list.to_owned(), status);
    }

    fn refusal(&self, list: &str) -> Option<StatusCode> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let status = refused.get(list).filter(|status| **status != 200)?;
        StatusCode::from_u16(*status).ok()
    }

    pub fn sessions(&self) -> usize {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
pub(super) struct State {
    pub(super) options: Arc<Options>,
    pub(super) password: Arc<str>,
    pub(super) served: Arc<Served>,
    open: Arc<AtomicUsize>,
    last_drop: Arc<Mutex<Timestamp>>,
}

/// Starts a mock and gives what a connector needs to reach it.
///
/// # Errors
/// If the address is taken or the certificates cannot be read or made.
pub async fn start(options: Options) -> Result<Running, Error> {
    let authority = Authority::open(&options.dir)?;
    let listener = |source| Error::Listen {
        address: options.listen,
        source,
    };
    let socket = TcpListener::bind(options.listen).await.map_err(listener)?;
    let address = socket.local_addr().map_err(listener)?;
    let acceptor = serve::acceptor(&authority, address.ip(), Sni::Optional, &options.mishaps)?;
    let password = options.random.token();
    let now = options.clock.now();
    write_drop(&options, now, None).map_err(|source| Error::File {
        path: options.dir.join("drop"),
        source,
    })?;
    let state = State {
        password: password.as_str().into(),
        served: Arc::default(),
        open: Arc::default(),
        last_drop: Arc::new(Mutex::new(now)),
        options: Arc::new(options),
    };
    let client = authority.client();
    Ok(Running {
        url: format!("https://localhost:{}", address.port()),
        ca_pem: authority.ca_pem().to_owned(),
        client_cert_pem: client.certificate_pem.clone(),
        client_key_pem: client.key_pem.clone(),
        password: Secret::new(password),
        served: Arc::clone(&state.served),
        task: tokio::spawn(serve::run(socket, acceptor, router(state))),
    })
}

fn router(state: State) -> Router {
    let mishaps = state.options.mishaps.clone().of_caress();
    Router::new()
        .route("/{list}", get(list))
        .route("/soap/InvokableUserManagement/IinvUserManagement", post(soap::soap))
        .layer(middleware::from_fn_with_state(mishaps, mishap::layer))
        .layer(middleware::from_fn_with_state(state.clone(), one_at_a_time))
        .route("/mock/drop", post(drop_now))
        .layer(middleware::from_fn_with_state(state.clone(), admit))
        .with_state(state)
}

async fn admit(FromState(state): FromState<State>, request: Request, next: Next) -> Response {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{}", state.password));
    let said = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if said != Some(&format!("Basic {pair}")) {
        return refused(StatusCode::UNAUTHORIZED, "Gebruikersnaam of wachtwoord is onjuist");
    }
    next.run(request).await
}

/// Counts a request as open until its answer is there.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn one_at_a_time(FromState(state): FromState<State>, request: Request, next: Next) -> Response {
    state.served.requests.fetch_add(1, Ordering::Relaxed);
    let others = state.open.fetch_add(1, Ordering::SeqCst);
    let _open = Open(Arc::clone(&state.open));
    if others > 0 {
        state.served.beside.fetch_add(1, Ordering::Relaxed);
        state
            .served
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        return failed("Sessie is verlopen");
    }
    next.run(request).await
}

/// The product's form of an error.
fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "ErrorMessage": message }))).into_response()
}

fn failed(message: &str) -> Response {
    refused(StatusCode::INTERNAL_SERVER_ERROR, message)
}

pub(super) const VIOLATION: &str = "Access violation at address 00007FF6A1B2C3D4 in module 'CaressApplicatieServer.exe'. Read of address 0000000000000010";

/// The product's answer to what it cannot stand.
pub(in crate::ecd::mock) fn violation() -> Response {
    failed(VIOLATION)
}

async fn list(
    FromState(state): FromState<State>,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if let Some(status) = state.served.refusal(&name) {
        return refused(status, "Onbekende lijst");
    }
    let table: &Table = match name.as_str() {
        "employees" => &EMPLOYEES,
        "clients" => &CLIENTS,
        "careproviders" => &CARE_PROVIDERS,
        "dossieraccess" => &ACCESS,
        "contacts" => &CONTACTS,
        "careplans" => &PLANS,
        "appointments" => &AGENDA,
        "forms" => &FORMS,
        "reports" => &REPORTS,
        "reporttypes" => &REPORT_TYPES,
        _ => return refused(StatusCode::NOT_FOUND, "Onbekende lijst"),
    };
    let zone = TimeZone::get("Europe/Amsterdam").expect("the zone database is in the program");
    let since = match query.get("modifiedSince").map(|text| text.parse::<DateTime>()) {
        None => None,
        Some(Ok(at)) => at.to_zoned(zone).ok().map(|at| at.timestamp()),
        Some(Err(_)) => return violation(),
    };
    if query.get("endDate").map(String::as_str) != Some("2200-01-01") {
        return violation();
    }
    tokio::time::sleep(state.options.list_time).await;
    let population = &state.options.population;
    let mut members: Vec<Value> = records::of(table, population, since)
        .iter()
        .map(|row| member(table, row))
        .collect();
    if *table == PLANS {
        nest(&mut members, &PLAN_LINES, population, "planSysId", "lines");
    }
    if *table == FORMS {
        nest(&mut members, &ANSWERS, population, "formulierSysId", "answers");
    }
    if *table == EMPLOYEES {
        // Seen: the same employee more than once.
        members.extend_from_within(..members.len().min(3));
    }
    if members.len() > state.options.most {
        return failed("java.lang.NullPointerException");
    }
    Json(json!({ name: members })).into_response()
}

fn member(table: &Table, row: &[String]) -> Value {
    let name = |column: &str| match (*table == EMPLOYEES, column) {
        (true, "Id") => "identifier".to_owned(),
        (true, "Name") => "longName".to_owned(),
        _ => camel(column),
    };
    let fields = table.columns.iter().zip(row);
    let filled = fields.filter(|(_, text)| !text.is_empty());
    let object: Map<String, Value> = filled
        .map(|((column, _), text)| (name(column), text.as_str().into()))
        .collect();
    object.into()
}

/// Puts rows of another table into the members that they name.
fn nest(members: &mut [Value], inner: &Table, population: &Population, key: &str, name: &str) {
    let mut of_member: HashMap<String, Vec<Value>> = HashMap::new();
    for row in records::of(inner, population, None) {
        let mut one = member(inner, &row);
        let parent = one.as_object_mut().and_then(|one| one.shift_remove(key));
        if let Some(Value::String(parent)) = parent {
            of_member.entry(parent).or_default().push(one);
        }
    }
    for one in members {
        let key = one[key].as_str().unwrap_or_default().to_owned();
        one[name] = of_member.remove(&key).unwrap_or_default().into();
    }
}

/// Writes a drop of what changed since the last one.
async fn drop_now(FromState(state): FromState<State>) -> Response {
    let now = state.options.clock.now();
    let mut last = state.last_drop.lock().unwrap_or_else(PoisonError::into_inner);
    if now <= *last {
        return StatusCode::CONFLICT.into_response();
    }
    match write_drop(&state.options, now, Some(*last)) {
        Ok(folder) => {
            *last = now;
            Json(json!({ "drop": folder })).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Each drop has a folder of its own, named by its moment.
fn write_drop(options: &Options, now: Timestamp, since: Option<Timestamp>) -> std::io::Result<String> {
    let folder = now.strftime("%Y-%m-%dT%H%M%S.%6f").to_string();
    let dir = options.dir.join("drop").join(&folder);
    super::write_since(&options.population, &dir, &options.tenant, now, since)?;
    Ok(folder)
}
