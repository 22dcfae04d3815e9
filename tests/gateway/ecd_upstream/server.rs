//! A small FHIR R4 server: search by patient, three resources a page, and what it may do wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};

use super::{MARKER, TOKEN};

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    /// A page for people with status 200.
    Page,
    /// Half of the JSON.
    Cut,
    /// Something that FHIR forbids and a parser may choke on.
    EmptyArray,
    /// The next page is elsewhere.
    Elsewhere,
    /// The next page is the same page.
    Circle,
    /// Resources of somebody else.
    OtherPatient,
    /// Another type than the one asked for.
    OtherType,
    /// The last page is missing, and the total is as it was.
    Short,
    /// A part of the search failed, as an outcome in the answer says.
    Outcome,
    /// The second page is the first one again.
    Twice,
    /// A page that never ends.
    Endless,
    /// No answer.
    Silent,
    /// Nothing is found, though it is there.
    NoIndex,
    /// Nothing is found and nothing is there, as for who may not see it.
    NoRight,
    Status(u16),
    /// Busy for so many seconds.
    Later(u64),
}

#[derive(Clone)]
pub(super) struct Server {
    resources: Arc<Mutex<Vec<Value>>>,
    wrong: Arc<Mutex<Wrong>>,
    base: String,
    /// Tokens that are good.
    pub(super) tokens: Arc<Mutex<Vec<String>>>,
    /// Assertions that were posted for a token.
    pub(super) assertions: Arc<Mutex<Vec<String>>>,
    /// What was asked, as it stands in the first line of a request.
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    /// What happens before the next second page of reports.
    between: Arc<Mutex<Option<Happening>>>,
}

type Happening = Box<dyn FnOnce(&mut Vec<Value>) + Send>;

impl Server {
    /// A server with the dossiers of two people, at this address.
    pub(super) fn new(base: &str) -> Self {
        let server = Self {
            resources: Arc::default(),
            wrong: Arc::new(Mutex::new(Wrong::Nothing)),
            base: base.to_owned(),
            tokens: Arc::new(Mutex::new(vec![TOKEN.to_owned()])),
            assertions: Arc::default(),
            asked: Arc::default(),
            between: Arc::default(),
        };
        dossier(&server);
        server
    }

    pub(super) fn put(&self, resource: Value) {
        let mut resources = self.resources.lock().unwrap();
        let same = |known: &Value| known["resourceType"] == resource["resourceType"] && known["id"] == resource["id"];
        resources.retain(|known| !same(known));
        resources.push(resource);
    }

    pub(super) fn remove(&self, kind: &str, id: &str) {
        let mut resources = self.resources.lock().unwrap();
        resources.retain(|known| known["resourceType"] != kind || known["id"] != id);
    }

    /// Changes one resource.
    pub(super) fn change(&self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let mut resources = self.resources.lock().unwrap();
        let is_it = |known: &&mut Value| known["resourceType"] == kind && known["id"] == id;
        change(resources.iter_mut().find(is_it).unwrap());
    }

    /// Lets something happen between the first and the second page of reports.
    pub(super) fn meanwhile(&self, happening: impl FnOnce(&mut Vec<Value>) + Send + 'static) {
        *self.between.lock().unwrap() = Some(Box::new(happening));
    }

    pub(super) fn goes(&self, wrong: Wrong) {
        *self.wrong.lock().unwrap() = wrong;
    }
}

fn of_patient(resource: &Value, patient: &str) -> bool {
    let theirs = format!("Patient/{patient}");
    let actors = resource["participant"].as_array().into_iter().flatten();
    resource["subject"]["reference"] == theirs
        || resource["patient"]["reference"] == theirs
        || actors.into_iter().any(|one| one["actor"]["reference"] == theirs)
}

async fn search(
    State(server): State<Server>,
    Path(kind): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    server.asked.lock().unwrap().push(uri.to_string());
    let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
    let given = given.and_then(|given| given.strip_prefix("Bearer "));
    if !server.tokens.lock().unwrap().iter().any(|token| given == Some(token)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if kind == "metadata" {
        return (
            [(header::CONTENT_TYPE, "application/fhir+json")],
            r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}"#,
        )
            .into_response();
    }
    let wrong = *server.wrong.lock().unwrap();
    if wrong == Wrong::Silent {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    }
    let since = query
        .get("_lastUpdated")
        .and_then(|text| text.strip_prefix("ge"))
        .unwrap_or_default();
    let since: jiff::Timestamp = since.parse().unwrap_or(jiff::Timestamp::MIN);
    let mut resources = server.resources.lock().unwrap();
    if kind == "Observation"
        && query.contains_key("from")
        && let Some(happening) = server.between.lock().unwrap().take()
    {
        happening(&mut resources);
    }
    let found: Vec<&Value> = resources
        .iter()
        .filter(|one| one["resourceType"] == kind)
        .filter(|one| {
            query
                .get("_id")
                .is_none_or(|ids| ids.split(',').any(|id| one["id"] == id))
        })
        .filter(|one| {
            let patient = query.get("patient");
            wrong == Wrong::OtherPatient || patient.is_none_or(|patient| of_patient(one, patient))
        })
        .filter(|one| {
            one["meta"]["lastUpdated"]
                .as_str()
                .unwrap()
                .parse::<jiff::Timestamp>()
                .unwrap()
                >= since
        })
        .collect();
    // Three a page.
    let from: usize = query.get("from").map_or(0, |from| from.parse().unwrap());
    let found = if [Wrong::NoIndex, Wrong::NoRight].contains(&wrong) {
        Vec::new()
    } else {
        found
    };
    let from_there = if wrong == Wrong::Twice && from == 3 { 0 } else { from };
    let base = &server.base;
    let mut entries: Vec<Value> = found
        .iter()
        .skip(from_there)
        .take(3)
        .map(|one| json!({"fullUrl": format!("{base}{kind}/{}", one["id"].as_str().unwrap()), "resource": one, "search": {"mode": "match"}}))
        .collect();
    if wrong == Wrong::OtherType && kind == "Observation" {
        entries.push(json!({"resource": {"resourceType": "Patient", "id": "p1"}}));
    }
    if wrong == Wrong::Outcome {
        let issue = json!([{"severity": "error", "code": "timeout"}]);
        entries.push(json!({"resource": {"resourceType": "OperationOutcome", "issue": issue}}));
    }
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": found.len()});
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    let plain = uri
        .query()
        .unwrap_or_default()
        .split("&from=")
        .next()
        .unwrap()
        .to_owned();
    let next = match wrong {
        Wrong::Elsewhere => Some("http://169.254.169.254/latest/meta-data".to_owned()),
        Wrong::Circle => Some(format!("{base}{kind}?{}", uri.query().unwrap_or_default())),
        Wrong::Short => None,
        _ if found.len() > from + 3 => Some(format!("{base}{kind}?{plain}&from={}", from + 3)),
        _ => None,
    };
    bundle["link"] = next
        .into_iter()
        .map(|url| json!({"relation": "next", "url": url}))
        .collect();
    if bundle["link"] == json!([]) {
        bundle.as_object_mut().unwrap().remove("link");
    }
    let mut text = bundle.to_string();
    match wrong {
        Wrong::Page => return axum::response::Html("<html>Onderhoud</html>").into_response(),
        Wrong::Cut => text.truncate(text.len() / 2),
        Wrong::EmptyArray => text = text.replacen('{', r#"{"extension":[],"#, 1),
        Wrong::Endless => text.insert_str(1, &format!("\"id\":\"{}\",", "x".repeat(2 << 20))),
        Wrong::Later(seconds) => {
            return (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, seconds.to_string())],
            )
                .into_response();
        }
        Wrong::Status(code) => return StatusCode::from_u16(code).unwrap().into_response(),
        _ => {}
    }
    ([(header::CONTENT_TYPE, "application/fhir+json; charset=utf-8")], text).into_response()
}

fn resource(kind: &str, id: &str, rest: Value) -> Value {
    let mut found = json!({"resourceType": kind, "id": id, "meta": {"lastUpdated": "2026-11-20T10:00:00Z"}});
    found.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    found
}

pub(super) fn report(id: &str, patient: &str, text: &str) -> Value {
    resource(
        "Observation",
        id,
        json!({
            "status": "final",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
            "subject": {"reference": format!("Patient/{patient}")},
            "effectiveDateTime": "2026-11-18T15:12:00+01:00",
            "performer": [{"reference": "Practitioner/z1"}],
            "valueString": text,
            "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{MARKER}</div>")},
        }),
    )
}

fn dossier(server: &Server) {
    for (patient, name) in [("p1", "Jannie de Vries"), ("p2", "Piet Bakker")] {
        server.put(resource(
            "Patient",
            patient,
            json!({
                "name": [{"text": name, "family": name}], "birthDate": "1938-04-02", "gender": "female",
                "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999990019"}],
            }),
        ));
    }
    server.put(resource("Practitioner", "z1", json!({"name": [{"text": "S. Bakker"}]})));
    for number in 0..8 {
        server.put(report(&format!("o{number}"), "p1", &format!("Rapportage {number}.")));
    }
    server.change("Observation", "o7", |one| {
        one["performer"] = json!([{"reference": "Practitioner/z2"}])
    });
    server.put(report("other", "p2", MARKER));
    let subject = json!({"reference": "Patient/p1"});
    server.put(resource(
        "CarePlan",
        "c1",
        json!({"status": "active", "intent": "plan", "subject": subject, "title": "Zorgplan thuis"}),
    ));
    server.put(resource(
        "CarePlan",
        "c2",
        json!({"status": "draft", "intent": "plan", "subject": subject, "title": MARKER}),
    ));
    server.put(resource(
        "RelatedPerson",
        "r1",
        json!({"patient": subject, "name": [{"text": "Marloes"}]}),
    ));
    server.put(resource(
        "EpisodeOfCare",
        "e1",
        json!({"status": "active", "patient": subject, "period": {"start": "2024-01-08"}, "type": [{"text": MARKER}]}),
    ));
    let both = json!([{"actor": {"reference": "Patient/p1"}, "status": "accepted"}, {"actor": {"reference": "Patient/p2", "display": MARKER}, "status": "accepted"}]);
    server.put(resource(
        "Appointment",
        "a1",
        json!({"status": "booked", "start": "2026-11-25T09:00:00+01:00", "end": "2026-11-25T09:30:00+01:00", "participant": both}),
    ));
    withheld(server);
}

/// One of each type that must stay inside: with a security label, and entered in error.
fn withheld(server: &Server) {
    let subject = json!({"reference": "Patient/p1"});
    let both = json!([{"actor": subject, "status": "accepted"}]);
    let period = json!({"start": "2019-01-08", "end": "2019-02-08"});
    let (start, end) = ("2026-11-26T09:00:00+01:00", "2026-11-26T09:30:00+01:00");
    for (id, security, status) in [("label", true, None), ("error", false, Some("entered-in-error"))] {
        let mut all = vec![
            report(id, "p1", MARKER),
            resource(
                "CarePlan",
                id,
                json!({"status": "active", "intent": "plan", "subject": subject, "title": MARKER}),
            ),
            resource(
                "Appointment",
                id,
                json!({"status": "booked", "description": MARKER, "start": start, "end": end, "participant": both}),
            ),
            resource(
                "EpisodeOfCare",
                id,
                json!({"status": "finished", "patient": subject, "period": period}),
            ),
        ];
        if security {
            all.push(resource(
                "RelatedPerson",
                id,
                json!({"patient": subject, "name": [{"text": MARKER}]}),
            ));
            all.push(resource("Practitioner", "z2", json!({"name": [{"text": MARKER}]})));
        }
        for mut one in all {
            if security {
                let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
                one["meta"]["security"] = json!([{"system": system, "code": "R"}]);
            }
            if let Some(status) = status {
                one["status"] = status.into();
            }
            server.put(one);
        }
    }
    let over = json!({"active": false, "patient": subject, "name": [{"text": MARKER}]});
    server.put(resource("RelatedPerson", "error", over));
}

async fn read(State(server): State<Server>, Path((kind, id)): Path<(String, String)>) -> Response {
    if *server.wrong.lock().unwrap() == Wrong::NoRight {
        return StatusCode::NOT_FOUND.into_response();
    }
    let resources = server.resources.lock().unwrap();
    let found = resources
        .iter()
        .find(|one| one["resourceType"] == kind && one["id"] == id);
    match found {
        Some(found) => ([(header::CONTENT_TYPE, "application/fhir+json")], found.to_string()).into_response(),
        None => StatusCode::GONE.into_response(),
    }
}

/// Gives a token of five minutes for an assertion; whether it is a good one, the test looks at.
async fn token(State(server): State<Server>, Form(form): Form<BTreeMap<String, String>>) -> Response {
    let mut assertions = server.assertions.lock().unwrap();
    assertions.push(form["client_assertion"].clone());
    let token = format!("token-{}", assertions.len());
    server.tokens.lock().unwrap().push(token.clone());
    Json(json!({"access_token": token, "token_type": "bearer", "expires_in": 300, "scope": form["scope"]}))
        .into_response()
}

pub(super) fn router(server: Server) -> Router {
    Router::new()
        .route("/fhir/{kind}", get(search))
        .route("/fhir/{kind}/{id}", get(read))
        .route("/token", post(token))
        .with_state(server)
}
