//! `/{tenant}/app-state`: what apps keep between two launches, over [`crate::rest::state`].

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};

use super::asked::{Asking, JSON, is_json, version};
use crate::fhir::outcome::IssueType;
use crate::fhir::types::Id;
use crate::http::App;
use crate::http::failure::Failure;
use crate::rest::state::{Change, Kept, Refused, Wrong, capability};

/// When the statement last changed in meaning.
const DATE: &str = "2026-11-25";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/{tenant}/app-state/metadata", get(metadata))
        .route("/{tenant}/app-state/Basic", get(find).post(create))
        .route("/{tenant}/app-state/Basic/{id}", put(update).delete(delete))
}

/// Who asks, and how.
struct Keeper {
    by: Asking,
    headers: HeaderMap,
    query: String,
}

impl FromRequestParts<App> for Keeper {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Ok(Self {
            by: Asking::read(parts, app).await?,
            headers: parts.headers.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        })
    }
}

impl Keeper {
    fn id(&self) -> Option<Id> {
        self.by.part("id").and_then(Id::parse)
    }

    /// The version that a change is about (RFC 9110 §13.1.1).
    fn version(&self) -> Result<i64, Failure> {
        let Some(tag) = self.headers.get(IF_MATCH) else {
            let text = "Send If-Match with the version that you change: an ETag as it was given.";
            return Err(Failure::new(
                StatusCode::PRECONDITION_REQUIRED,
                IssueType::Required,
                text,
            ));
        };
        let tag = tag.to_str().unwrap_or_default().trim();
        let digits = tag
            .strip_prefix("W/")
            .unwrap_or(tag)
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'));
        digits.and_then(version).ok_or_else(|| Refused::Precondition.into())
    }

    fn sends_json(&self) -> Result<(), Failure> {
        let text = "Send a Basic as application/fhir+json.";
        let other = || Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, IssueType::NotSupported, text);
        is_json(self.headers.get(CONTENT_TYPE)).then_some(()).ok_or_else(other)
    }
}

/// For anybody, without a token.
async fn metadata(State(app): State<App>, Path(tenant): Path<String>) -> Result<Response, Failure> {
    let tenant = app.config.tenant(&tenant).ok_or_else(Failure::not_found)?;
    let url = format!("{}/app-state", app.issuer.url(&tenant.id));
    Ok(([(CONTENT_TYPE, JSON)], capability(&url, DATE).to_string()).into_response())
}

async fn find(State(app): State<App>, keeper: Keeper) -> Result<Response, Failure> {
    let found = app
        .rest
        .app_states(&keeper.by.call(), &keeper.by.pairs, &keeper.query)
        .await?;
    Ok(([(CONTENT_TYPE, JSON)], found).into_response())
}

async fn create(State(app): State<App>, keeper: Keeper, body: Bytes) -> Result<Response, Failure> {
    keeper.sends_json()?;
    let kept = app
        .rest
        .change_app_state(&keeper.by.call(), Change::Create(body.to_vec()))
        .await?;
    let Some(kept) = kept else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let at = format!("{}/app-state/Basic/{}", app.issuer.url(&keeper.by.tenant.id), kept.id);
    Ok(told(StatusCode::CREATED, &[(LOCATION, at)], kept))
}

async fn update(State(app): State<App>, keeper: Keeper, body: Bytes) -> Result<Response, Failure> {
    keeper.sends_json()?;
    let change = Change::Update(keeper.id(), keeper.version()?, body.to_vec());
    Ok(match app.rest.change_app_state(&keeper.by.call(), change).await? {
        Some(kept) => told(StatusCode::OK, &[], kept),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

async fn delete(State(app): State<App>, keeper: Keeper) -> Result<Response, Failure> {
    let change = Change::Delete(keeper.id(), keeper.version()?);
    app.rest.change_app_state(&keeper.by.call(), change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn told(status: StatusCode, more: &[(HeaderName, String)], kept: Kept) -> Response {
    let tag = format!("W/\"{}\"", kept.version);
    let mut response = (status, [(CONTENT_TYPE, JSON)], kept.body).into_response();
    for (name, value) in more.iter().chain(&[(ETAG, tag)]) {
        let value = HeaderValue::try_from(value).expect("addresses and numbers are header values");
        response.headers_mut().insert(name.clone(), value);
    }
    response
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let (status, code, text) = match refused {
            Refused::Wrong(Wrong::TooLarge) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                IssueType::TooLong,
                "A state has at most 256 kB.".to_owned(),
            ),
            Refused::Wrong(Wrong::Text(text)) => (StatusCode::BAD_REQUEST, IssueType::Invalid, text),
            Refused::Subject => (
                StatusCode::FORBIDDEN,
                IssueType::Forbidden,
                "A state is about the client in the token's context, about the person who is logged in, or, of an app that \
                 proves itself, about nobody."
                    .to_owned(),
            ),
            Refused::Precondition => (
                StatusCode::PRECONDITION_FAILED,
                IssueType::Conflict,
                "There is no such version of this state, or it has another code or subject: read it again.".to_owned(),
            ),
            Refused::Full => (
                StatusCode::UNPROCESSABLE_ENTITY,
                IssueType::TooCostly,
                "The app keeps as much as it may about this subject: change or delete something.".to_owned(),
            ),
            Refused::Audit(error) => return error.into(),
            Refused::Database(error) => return error.into(),
            Refused::Broken | Refused::Died => {
                return Self::inside(StatusCode::INTERNAL_SERVER_ERROR, IssueType::Exception, &refused);
            }
        };
        Self::new(status, code, text)
    }
}
