//! `/{tenant}/fhir/{StructureDefinition | ValueSet | CodeSystem | ConceptMap}`: for anybody, without a token.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use url::form_urlencoded;

use super::asked::{handling, is_form};
use super::documents::Document;
use super::format::Format;
use crate::fhir::definition::Definition;
use crate::fhir::outcome::IssueType;
use crate::fhir::search::Handling;
use crate::http::App;
use crate::http::failure::Failure;
use crate::rest::{self, Definitions, Unexpanded};

pub(super) fn routes() -> Router<App> {
    let mut router = Router::new();
    for &kind in Definition::ALL {
        let path = format!("/{{tenant}}/fhir/{kind}");
        router = router
            .route(&path, get(move |State(app), open: Open| search(app, open, kind)))
            .route(
                &format!("{path}/_search"),
                post(move |State(app), open: Open, body: Bytes| search_by_form(app, open, kind, body)),
            )
            .route(
                &format!("{path}/{{id}}"),
                get(move |State(app), open: Open| read(app, open, kind)),
            );
        if kind.is_expanded() {
            router = router
                .route(&format!("{path}/$expand"), get(expand))
                .route(&format!("{path}/{{id}}/$expand"), get(expand));
        }
    }
    router
}

/// A request that needs no token.
#[derive(Debug)]
struct Open {
    tenant: String,
    id: Option<String>,
    pairs: Vec<(String, String)>,
    handling: Handling,
    format: Format,
    headers: HeaderMap,
}

impl FromRequestParts<App> for Open {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let path = RawPathParams::from_request_parts(parts, app).await;
        let path = path.map_err(|_| Failure::not_found())?;
        let part = |name: &str| {
            path.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, text)| text.to_owned())
        };
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self {
            tenant: part("tenant").ok_or_else(Failure::not_found)?,
            id: part("id"),
            handling: handling(&parts.headers),
            format: Format::choose(&parts.headers, &pairs)?,
            headers: parts.headers.clone(),
            pairs,
        })
    }
}

impl Open {
    fn definitions<'a>(&self, app: &'a App) -> Result<&'a Arc<Definitions>, Failure> {
        app.documents.definitions(&self.tenant).ok_or_else(Failure::not_found)
    }

    fn answer(&self, body: impl Into<Vec<u8>>) -> Response {
        Document::of(body.into()).answer(&self.headers, self.format.content_type())
    }
}

async fn read(app: App, open: Open, kind: Definition) -> Result<Response, Failure> {
    let id = open.id.as_deref().unwrap_or_default();
    let found = open.definitions(&app)?.read(kind, id).ok_or_else(Failure::not_found)?;
    Ok(Document::tagged(found.body.into(), format!("\"{}\"", found.tag))
        .answer(&open.headers, open.format.content_type()))
}

async fn search(app: App, open: Open, kind: Definition) -> Result<Response, Failure> {
    let base = app.config.server.fhir_base(&open.tenant);
    let found = open.definitions(&app)?.search(kind, &open.pairs, open.handling, &base);
    Ok(open.answer(found.map_err(rest::Error::from)?))
}

async fn search_by_form(app: App, mut open: Open, kind: Definition, body: Bytes) -> Result<Response, Response> {
    if !body.is_empty() && !is_form(open.headers.get(CONTENT_TYPE)) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
    }
    open.pairs.extend(form_urlencoded::parse(&body).into_owned());
    search(app, open, kind).await.map_err(IntoResponse::into_response)
}

async fn expand(State(app): State<App>, open: Open) -> Result<Response, Failure> {
    let (definitions, now) = (Arc::clone(open.definitions(&app)?), app.clock.now());
    // The first who asks for a large one waits for it to be read, and keeps nobody else from being served.
    let work = tokio::task::spawn_blocking(move || {
        let expanded = definitions.expand(open.id.as_deref(), &open.pairs, now);
        (open, expanded)
    });
    let (open, expanded) = work
        .await
        .map_err(|died| Failure::inside(StatusCode::INTERNAL_SERVER_ERROR, IssueType::Exception, &died))?;
    match expanded {
        Ok(expanded) => Ok(open.answer(expanded)),
        Err(Unexpanded::Unknown) => Err(Failure::not_found()),
        Err(Unexpanded::Parameter(bad)) => Err(rest::Error::from(bad).into()),
        Err(Unexpanded::Large) => Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            IssueType::TooCostly,
            "The value set has more than a thousand codes: ask for them in pages, with count and offset, or filter them.",
        )),
        Err(not_here @ (Unexpanded::Open | Unexpanded::Endless)) => Err(Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            IssueType::NotSupported,
            format!("{not_here}: ask a terminology server."),
        )),
    }
}
