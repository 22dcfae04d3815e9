//! `POST /{tenant}/fhir`: a Bundle of type batch, several reads in one request.
//!
//! # Design
//! Each entry is decided, read, written down and counted like a request of its own, one after the other
//! (<https://hl7.org/fhir/R4/http.html#transaction>). So a batch opens nothing that its entries would not open by themselves,
//! and an entry that is refused says so in its place with the same bytes as ever. The whole answer has an end: fifty entries, and
//! none is added to eight megabytes. A fault of ours ends the whole batch: an answer with holes would look like a dossier with
//! holes.
//!
//! A transaction is about writing, all or nothing. Nothing can be written here, so it is refused.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;
use url::form_urlencoded;

use super::asked::{Asking, handling, is_json, unknown_type, version};
use super::format::Format;
use crate::audit::Action;
use crate::fhir::bundle::{Answered, Bundle, Kind};
use crate::fhir::json;
use crate::fhir::outcome::{IssueType, Outcome};
use crate::fhir::search::Handling;
use crate::fhir::types::{Id, ResourceType};
use crate::http::App;
use crate::http::failure::Failure;
use crate::rest::{Answer, Call, Request, Unless};

/// How many entries one batch may have.
const MOST: usize = 50;
/// From so many bytes of answers on nothing is added: fifty full pages of searches would fill the memory of many requests.
const LARGEST: usize = 8 * 1024 * 1024;

/// One entry that can be answered.
#[derive(Debug)]
struct Entry {
    kind: ResourceType,
    what: What,
    pairs: Vec<(String, String)>,
    unless: Unless,
}

/// What it asks; `None` for what is no id or no version, so that it can only miss.
#[derive(Debug, PartialEq, Eq)]
enum What {
    Search,
    Read(Option<Id>),
    History(Option<Id>),
    Version(Option<(Id, i64)>),
}

pub(super) async fn batch(
    State(app): State<App>,
    asking: Asking,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let format = Format::choose(&headers, &asking.pairs)?;
    let entries = entries(&headers, &body)?;
    let (call, handling) = (asking.call(), handling(&headers));
    let base = app.config.server.fhir_base(asking.tenant.id.as_str());
    let mut answers = Bundle::new(Kind::BatchResponse);
    for (at, entry) in entries.iter().enumerate() {
        let counted = match at {
            // The request itself was counted when its token was read.
            0 => Ok(()),
            _ => app.limiter.more(call.caller, app.clock.now()).map_err(Failure::from),
        };
        let answer = match counted
            .and_then(|()| has_room(&answers))
            .and_then(|()| read(entry, &base))
        {
            Ok(entry) => answer(&app, &call, &entry, handling).await,
            Err(failure) => Err(failure),
        };
        match answer {
            Ok(answer) => add(&mut answers, &answer),
            Err(failure) if failure.status.is_server_error() => return Err(failure),
            Err(failure) => refused(&mut answers, &failure),
        }
    }
    Ok(format.answer(Answer::Bundle(answers.into_bytes())))
}

/// The entries of the body, if it is a batch.
fn entries(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Value>, Failure> {
    if !is_json(headers.get(CONTENT_TYPE)) {
        let text = "Send a Bundle as application/fhir+json.";
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            IssueType::NotSupported,
            text,
        ));
    }
    let refused = |code, text: String| Failure::new(StatusCode::BAD_REQUEST, code, text);
    let bundle = json::parse(body, json::Limits::default())
        .map_err(|why| refused(IssueType::Structure, format!("The Bundle cannot be read: {why}")))?;
    match (bundle["resourceType"].as_str(), bundle["type"].as_str()) {
        (Some("Bundle"), Some("batch")) => {}
        (Some("Bundle"), Some("transaction")) => {
            let text = "Nothing can be written here, so there are no transactions: send a Bundle of type batch.";
            return Err(refused(IssueType::NotSupported, text.to_owned()));
        }
        _ => {
            let text = "Send a Bundle of type batch.";
            return Err(refused(IssueType::Invalid, text.to_owned()));
        }
    }
    let entries = match &bundle["entry"] {
        Value::Array(entries) => entries.clone(),
        // A member that is left out reads as null. What stands there as null never passes the guard.
        Value::Null => Vec::new(),
        _ => {
            let text = "Bundle.entry: send a list of entries, or leave it out.";
            return Err(refused(IssueType::Structure, text.to_owned()));
        }
    };
    if entries.len() > MOST {
        let text = format!("A batch has at most {MOST} entries.");
        return Err(refused(IssueType::TooCostly, text));
    }
    Ok(entries)
}

fn has_room(answers: &Bundle) -> Result<(), Failure> {
    let text = "The answers to the entries before this one are large enough: ask for it in another batch.";
    let full = || Failure::new(StatusCode::PAYLOAD_TOO_LARGE, IssueType::TooCostly, text);
    (answers.size() < LARGEST).then_some(()).ok_or_else(full)
}

/// What an entry asks for.
fn read(entry: &Value, base: &str) -> Result<Entry, Failure> {
    let request = &entry["request"];
    if request["method"] != "GET" {
        let text = "Only GET is taken in a batch: nothing can be written here.";
        return Err(Failure::new(
            StatusCode::METHOD_NOT_ALLOWED,
            IssueType::NotSupported,
            text,
        ));
    }
    let url = request["url"].as_str().unwrap_or_default();
    let url = url
        .strip_prefix(base)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(url);
    // A path of ours is one path of a URI too: whatever is none cannot be an entry.
    let uri: Uri = format!("/{url}").parse().map_err(|_| unknown_type())?;
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut parts = uri.path()[1..].split('/');
    let kind = parts
        .next()
        .and_then(|kind| kind.parse().ok())
        .ok_or_else(unknown_type)?;
    let what = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (None, ..) => What::Search,
        (Some(id), None, ..) => What::Read(Id::parse(id)),
        (Some(id), Some("_history"), None, _) => What::History(Id::parse(id)),
        (Some(id), Some("_history"), Some(number), None) => What::Version(Id::parse(id).zip(version(number))),
        _ => return Err(Failure::not_found()),
    };
    Ok(Entry {
        kind,
        what,
        pairs: pairs.into_owned().collect(),
        unless: Unless::parse(request["ifNoneMatch"].as_str(), request["ifModifiedSince"].as_str()),
    })
}

async fn answer(app: &App, call: &Call<'_>, entry: &Entry, handling: Handling) -> Result<Answer, Failure> {
    let kind = entry.kind;
    let done = match &entry.what {
        What::Search => {
            let pairs = &entry.pairs;
            app.rest.search(call, Request { kind, pairs, handling }).await
        }
        What::Read(Some(id)) => app.rest.read(call, kind, id, &entry.unless).await,
        What::History(Some(id)) => app.rest.history(call, kind, id, &entry.pairs, handling).await,
        What::Version(Some((id, version))) => app.rest.vread(call, kind, id, *version, &entry.unless).await,
        What::Read(None) => Err(app.rest.miss(call, Action::Read, kind).await),
        What::History(None) => Err(app.rest.miss(call, Action::History, kind).await),
        What::Version(None) => Err(app.rest.miss(call, Action::VersionRead, kind).await),
    };
    Ok(done?)
}

fn add(answers: &mut Bundle, answer: &Answer) {
    let (status, version, body) = match answer {
        Answer::Resource {
            body,
            version,
            last_updated,
        } => (200, Some((*version, last_updated.to_string())), Some(body.as_str())),
        Answer::NotModified { version, last_updated } => (304, Some((*version, last_updated.to_string())), None),
        Answer::Bundle(bytes) => {
            let body = std::str::from_utf8(bytes).expect("a Bundle is text");
            (200, None, Some(body))
        }
        Answer::Made(body) => (200, None, Some(body.as_str())),
    };
    answers.answered(&Answered {
        status,
        version: version.as_ref().map(|(version, at)| (*version, at.as_str())),
        body,
        outcome: None,
    });
}

fn refused(answers: &mut Bundle, failure: &Failure) {
    let outcome = Outcome::error(failure.code, None, &failure.text).to_bytes();
    answers.answered(&Answered {
        status: failure.status.as_u16(),
        version: None,
        body: None,
        outcome: Some(std::str::from_utf8(&outcome).expect("an OperationOutcome is text")),
    });
}
