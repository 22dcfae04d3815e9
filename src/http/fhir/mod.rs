//! `/{tenant}/fhir`: thin handlers over [`crate::rest`].
//!
//! # Design
//! `Asked` reads a request in one order, whatever the interaction: tenant, token, type, format. So a request without a token
//! gets 401 whether or not what it names exists, and nothing is looked up for it.

mod answer;
mod asked;
#[cfg(test)]
mod backend_tests;
mod batch;
mod bearer;
mod definitions;
#[cfg(test)]
mod definitions_tests;
mod documents;
mod export;
#[cfg(test)]
mod export_tests;
#[cfg(test)]
mod export_told_tests;
mod format;
#[cfg(test)]
mod person_tests;
#[cfg(test)]
mod planted;
mod state;
#[cfg(test)]
mod state_bounds_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod two_worlds;
#[cfg(test)]
mod withheld_posted;
#[cfg(test)]
mod withheld_tests;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use url::form_urlencoded;

use asked::Asked;
pub use documents::Documents;

use super::App;
use super::failure::Failure;
use crate::audit::Action;
use crate::fhir::outcome::IssueType;
use crate::rest::Request;

pub fn routes() -> Router<App> {
    Router::new()
        .merge(export::routes())
        .merge(definitions::routes())
        .merge(state::routes())
        .route("/{tenant}/fhir", get(whole_system).post(batch::batch))
        .route("/{tenant}/fhir/", get(whole_system).post(batch::batch))
        .route("/{tenant}/fhir/metadata", get(documents::metadata))
        .route("/{tenant}/fhir/openapi.json", get(documents::openapi))
        .route(
            "/{tenant}/.well-known/user-access-brands",
            get(documents::user_access_brands),
        )
        .route("/{tenant}/fhir/{kind}", get(search))
        .route("/{tenant}/fhir/{kind}/_search", post(search_by_form))
        .route("/{tenant}/fhir/{kind}/{id}", get(read))
        .route("/{tenant}/fhir/{kind}/{id}/_history", get(history))
        .route("/{tenant}/fhir/{kind}/{id}/_history/{version}", get(vread))
}

async fn read(State(app): State<App>, asked: Asked) -> Result<Response, Failure> {
    let call = asked.call();
    let Some(id) = &asked.id else {
        return Err(app.rest.miss(&call, Action::Read, asked.kind).await.into());
    };
    let answer = app.rest.read(&call, asked.kind, id, &asked.unless).await?;
    Ok(asked.format.answer(answer))
}

async fn vread(State(app): State<App>, asked: Asked) -> Result<Response, Failure> {
    let call = asked.call();
    let (Some(id), Some(version)) = (&asked.id, asked.version) else {
        return Err(app.rest.miss(&call, Action::VersionRead, asked.kind).await.into());
    };
    let answer = app.rest.vread(&call, asked.kind, id, version, &asked.unless).await?;
    Ok(asked.format.answer(answer))
}

async fn history(State(app): State<App>, asked: Asked) -> Result<Response, Failure> {
    let call = asked.call();
    let Some(id) = &asked.id else {
        return Err(app.rest.miss(&call, Action::History, asked.kind).await.into());
    };
    let answer = app
        .rest
        .history(&call, asked.kind, id, &asked.pairs, asked.handling)
        .await?;
    Ok(asked.format.answer(answer))
}

async fn search(State(app): State<App>, asked: Asked) -> Result<Response, Failure> {
    let request = Request {
        kind: asked.kind,
        pairs: &asked.pairs,
        handling: asked.handling,
    };
    let answer = app.rest.search(&asked.call(), request).await?;
    Ok(asked.format.answer(answer))
}

/// The same search with its parameters in a form, so that they stand in no URL.
async fn search_by_form(
    state: State<App>,
    mut asked: Asked,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Response> {
    if !body.is_empty() && !asked::is_form(headers.get(CONTENT_TYPE)) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
    }
    asked.pairs.extend(form_urlencoded::parse(&body).into_owned());
    search(state, asked).await.map_err(IntoResponse::into_response)
}

/// Search over all types and system history are not offered.
async fn whole_system(_: asked::Asking) -> Failure {
    let text =
        "Nothing is offered on the base itself: name a resource type, for example Observation?date=ge2026-01-01.";
    Failure::new(StatusCode::NOT_FOUND, IssueType::NotSupported, text)
}
