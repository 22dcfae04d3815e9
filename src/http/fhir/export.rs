//! Bulk Data export over HTTP: kick-off, status, files, and the Group of all clients.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_LOCATION, CONTENT_TYPE, EXPIRES, HeaderMap, HeaderValue, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures::TryStreamExt as _;
use serde_json::Value;

use super::answer::http_date;
use super::asked::{Asking, prefers};
use super::format::Format;
use crate::fhir::json;
use crate::fhir::outcome::IssueType;
use crate::fhir::search::Handling;
use crate::http::App;
use crate::http::failure::Failure;
use crate::rest::{Call, ExportStatus};

const PROGRESS: HeaderName = HeaderName::from_static("x-progress");
const NDJSON: &str = "application/fhir+ndjson";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/{tenant}/fhir/$export", kick_offs())
        .route("/{tenant}/fhir/Patient/$export", kick_offs())
        .route("/{tenant}/fhir/Group", get(groups))
        .route("/{tenant}/fhir/Group/_search", post(groups))
        .route("/{tenant}/fhir/Group/{id}", get(group))
        .route("/{tenant}/fhir/Group/{id}/$export", kick_offs())
        .route("/{tenant}/fhir/export/{job}", get(status).delete(cancel))
        .route("/{tenant}/fhir/export/{job}/{kind}", get(file))
}

/// HEAD asks and begins nothing (RFC 9110 §9.2.1).
fn kick_offs() -> MethodRouter<App> {
    get(kick_off).post(kick_off_posted).head(|| async {
        let allow = [(ALLOW, HeaderValue::from_static("GET,POST"))];
        (StatusCode::METHOD_NOT_ALLOWED, allow)
    })
}

/// An app that asks about exports.
struct Exporter {
    by: Asking,
    headers: HeaderMap,
    /// Path and query, as they were asked.
    path: String,
}

impl Exporter {
    fn call(&self) -> Call<'_> {
        self.by.call()
    }

    /// The group in the path.
    fn group(&self) -> Option<&str> {
        self.by.part("id")
    }
}

impl FromRequestParts<App> for Exporter {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Ok(Self {
            by: Asking::read(parts, app).await?,
            headers: parts.headers.clone(),
            path: parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned(),
        })
    }
}

async fn kick_off(State(app): State<App>, asking: Exporter) -> Result<Response, Failure> {
    begin(&app, &asking, asking.by.pairs.clone()).await
}

/// The same with its parameters in a Parameters resource.
async fn kick_off_posted(State(app): State<App>, asking: Exporter, body: Bytes) -> Result<Response, Failure> {
    let mut pairs = asking.by.pairs.clone();
    pairs.extend(parameters(&body).ok_or_else(|| malformed("Send a Parameters resource as application/fhir+json."))?);
    begin(&app, &asking, pairs).await
}

async fn begin(app: &App, asking: &Exporter, pairs: Vec<(String, String)>) -> Result<Response, Failure> {
    let accepts = |kind: &&str| kind.trim().starts_with("application/fhir+json");
    let accept = asking
        .headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    if !accept.flat_map(|text| text.split(',')).any(|kind| accepts(&kind)) {
        return Err(malformed("Send Accept: application/fhir+json."));
    }
    if !prefers(&asking.headers, "respond-async") {
        return Err(malformed("Send Prefer: respond-async: an export takes its time."));
    }
    if let Some(group) = asking.group() {
        app.rest.group(&asking.call(), group).await?;
    }
    let url = &app.config.server.public_url;
    let request = format!("{}{}", url.as_str().trim_end_matches('/'), asking.path);
    // Other than for a search, what is not known is an error unless the app says otherwise.
    let handling = match prefers(&asking.headers, "handling=lenient") {
        true => Handling::Lenient,
        false => Handling::Strict,
    };
    let id = app.rest.export(&asking.call(), request, &pairs, handling).await?;
    let base = app.config.server.fhir_base(asking.by.tenant.id.as_str());
    let location = HeaderValue::try_from(format!("{base}/export/{id}")).expect("a URL of ours is a header value");
    Ok((StatusCode::ACCEPTED, [(CONTENT_LOCATION, location)]).into_response())
}

async fn status(
    State(app): State<App>,
    Path((_, job)): Path<(String, String)>,
    asking: Exporter,
) -> Result<Response, Failure> {
    let response = match app.rest.export_status(&asking.call(), &job).await? {
        ExportStatus::UnderWay { progress } => {
            let progress = if progress.is_empty() { "waiting" } else { &progress };
            let progress = HeaderValue::from_str(progress).unwrap_or(HeaderValue::from_static("working"));
            let headers = [(RETRY_AFTER, HeaderValue::from_static("2")), (PROGRESS, progress)];
            (StatusCode::ACCEPTED, headers).into_response()
        }
        // The edge makes an OperationOutcome of it, as of every 5xx.
        ExportStatus::Failed => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        ExportStatus::Done { manifest, expires_at } => {
            let expires = HeaderValue::try_from(http_date(expires_at)).expect("a date is a header value");
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (EXPIRES, expires),
            ];
            (headers, manifest.to_string()).into_response()
        }
    };
    Ok(response)
}

async fn cancel(
    State(app): State<App>,
    Path((_, job)): Path<(String, String)>,
    asking: Exporter,
) -> Result<Response, Failure> {
    app.rest.cancel_export(&asking.call(), &job).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn file(
    State(app): State<App>,
    Path((_, job, kind)): Path<(String, String, String)>,
    asking: Exporter,
) -> Result<Response, Failure> {
    let kind = kind.parse().map_err(|_| Failure::not_found())?;
    let lines = app.rest.export_file(&asking.call(), &job, kind).await?;
    // An error after the first byte cuts the answer off, which a client sees.
    let body = Body::from_stream(lines.map_ok(Bytes::from));
    Ok(([(CONTENT_TYPE, NDJSON)], body).into_response())
}

async fn group(State(app): State<App>, asking: Exporter) -> Result<Response, Failure> {
    let format = Format::choose(&asking.headers, &asking.by.pairs)?;
    let id = asking.group().unwrap_or_default();
    Ok(format.answer(app.rest.group(&asking.call(), id).await?))
}

async fn groups(State(app): State<App>, asking: Exporter) -> Result<Response, Failure> {
    let format = Format::choose(&asking.headers, &asking.by.pairs)?;
    Ok(format.answer(app.rest.groups(&asking.call(), &asking.by.pairs).await?))
}

fn malformed(text: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, IssueType::Invalid, text)
}

/// Names and values of a Parameters resource; a reference is given by what it refers to.
fn parameters(body: &[u8]) -> Option<Vec<(String, String)>> {
    let value: Value = json::parse(body, json::Limits::default()).ok()?;
    let parts = match value.get("parameter") {
        Some(parts) => parts.as_array()?.clone(),
        None => Vec::new(),
    };
    if value["resourceType"] != "Parameters" {
        return None;
    }
    let pair = |part: &Value| {
        let name = part["name"].as_str()?.to_owned();
        let reference = part["valueReference"]["reference"].as_str();
        let plain = ["valueString", "valueCode", "valueInstant", "valueUri"]
            .iter()
            .find_map(|name| part[*name].as_str());
        Some((name, reference.or(plain)?.to_owned()))
    };
    parts.iter().map(pair).collect()
}
