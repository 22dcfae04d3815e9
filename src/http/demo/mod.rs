//! The demo's own pages: where to point an app, the accounts, the outbox, and the small patient app.
//!
//! # Design
//! Nothing here exists outside `inzage demo`: the routes are added only when a [`Demo`] is given. The patient app is plain
//! files that use the gateway like any other app would, through SMART alone.

use std::path::PathBuf;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use include_dir::{Dir, include_dir};
use serde::Serialize;

use super::App;
use crate::clock::Clock;
use crate::ecd::mock::{Population, caress};

static APP: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/http/pages/patient-app");

/// Messages of the outbox that are shown.
const SHOWN: usize = 20;

/// What the demo tells; also the content of `demo.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Demo {
    pub tenants: Vec<DemoTenant>,
    /// The listener for health, metrics and administration.
    pub admin: String,
    #[serde(skip)]
    pub data: PathBuf,
    #[serde(skip)]
    pub clock: Clock,
}

#[derive(Clone, Debug, Serialize)]
pub struct DemoTenant {
    pub id: String,
    #[serde(skip)]
    pub name: String,
    /// The product that its dossiers come from: `ons`, `caress`.
    pub source: &'static str,
    pub fhir: String,
    pub issuer: String,
    pub accounts: Vec<DemoAccount>,
    pub apps: Vec<serde_json::Value>,
    /// For trying `inzage account invite`.
    pub unclaimed: Option<DemoClient>,
    /// Where its mock writes drops; none where a mock serves.
    #[serde(skip)]
    pub drops: Option<Drops>,
}

/// A mock that writes a new drop when it is asked to.
#[derive(Clone, Debug)]
pub struct Drops {
    pub population: Arc<Population>,
    pub dir: PathBuf,
}

#[derive(Clone, Debug, Serialize)]
pub struct DemoAccount {
    pub username: String,
    pub password: String,
    pub role: &'static str,
    pub patients: Vec<DemoPatient>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DemoPatient {
    pub id: String,
    pub name: String,
}

/// A client without an account, and somebody around that client.
#[derive(Clone, Debug, Serialize)]
pub struct DemoClient {
    pub id: String,
    /// The client's key in the ECD.
    pub client: String,
    /// The contact's key there.
    pub contact: String,
    /// How the ECD reaches the contact: what who registers has to give.
    pub contact_email: String,
    pub contact_mobile: String,
}

/// `/`, `/demo/…` and `/app/…`.
pub fn routes(demo: Demo) -> Router<App> {
    Router::new()
        .route("/", get(landing))
        .route("/demo/outbox", get(outbox))
        .route("/demo/drop/{tenant}", post(fresh_drop))
        .route("/demo/demo.css", get(stylesheet))
        .route("/app", get(|| async { Redirect::permanent("/app/") }))
        .route("/app/", get(app_index))
        .route("/app/{file}", get(app_file))
        .with_state(Arc::new(demo))
}

#[derive(Template)]
#[template(path = "landing.html", config = "src/http/demo/askama.toml")]
struct Landing<'a> {
    demo: &'a Demo,
}

/// Writes the dossiers of a Caress house anew, as its supplier would; the next sync reads them.
async fn fresh_drop(State(demo): State<Arc<Demo>>, Path(tenant): Path<String>) -> Response {
    let found = demo.tenants.iter().find(|it| it.id == tenant);
    let Some(drops) = found.and_then(|it| it.drops.clone()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let now = demo.clock.now();
    let written = tokio::task::spawn_blocking(move || caress::write(&drops.population, &drops.dir, &tenant, now)).await;
    match written {
        Ok(Ok(())) => Redirect::to("/").into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn landing(State(demo): State<Arc<Demo>>) -> Response {
    page(&Landing { demo: &demo })
}

struct Message {
    at: String,
    to: String,
    text: String,
}

#[derive(Template)]
#[template(path = "outbox.html", config = "src/http/demo/askama.toml")]
struct Outbox {
    messages: Vec<Message>,
}

async fn outbox(State(demo): State<Arc<Demo>>) -> Response {
    let text = tokio::fs::read_to_string(demo.data.join("outbox").join("sms.jsonl"))
        .await
        .unwrap_or_default();
    let messages = text
        .lines()
        .rev()
        .take(SHOWN)
        .filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let of = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            Some(Message {
                at: of("at"),
                to: of("to"),
                text: of("text"),
            })
        })
        .collect();
    page(&Outbox { messages })
}

fn page(template: &impl Template) -> Response {
    let Ok(text) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut headers = HeaderMap::new();
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (headers, Html(text)).into_response()
}

async fn stylesheet() -> Response {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("demo.css"),
    )
        .into_response()
}

async fn app_index(state: State<Arc<Demo>>) -> Response {
    app_file(state, Path("index.html".to_owned())).await
}

/// A file of the patient app; `fhir-client.js` may lie in the data folder, where the documented step puts it.
async fn app_file(State(demo): State<Arc<Demo>>, Path(name): Path<String>) -> Response {
    let kind = match name.rsplit_once('.').map(|(_, kind)| kind) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let bytes = match APP.get_file(&name) {
        Some(file) => file.contents().to_vec(),
        None if name == "fhir-client.js" => match tokio::fs::read(demo.data.join("fhir-client.js")).await {
            Ok(bytes) => bytes,
            Err(_) => return StatusCode::NOT_FOUND.into_response(),
        },
        None => return StatusCode::NOT_FOUND.into_response(),
    };
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    (
        [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)],
        bytes,
    )
        .into_response()
}
