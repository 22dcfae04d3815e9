//! Bulk exports, from the kick-off to the last line.

use axum::body::Body;
use axum::http::{Method, Request};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fhir::types::ResourceType;
use crate::http::world::{Answer, World, id};

pub(super) const ASYNC: [(&str, &str); 2] = [("accept", "application/fhir+json"), ("prefer", "respond-async")];
pub(super) const ALL: &str = "system/*.rs";

/// Two clients with observations, more than a page of them.
pub(super) async fn world() -> World {
    let world = World::new().await;
    for patient in ["a", "b"] {
        let body =
            json!({"resourceType": "Patient", "id": patient, "meta": {}, "active": true, "birthDate": "1940-01-01"});
        world.put(ResourceType::Patient, Some(patient), patient, &body).await;
    }
    for number in 0..205 {
        let patient = if number % 2 == 0 { "a" } else { "b" };
        world.observation(patient, &format!("{patient}-{number:03}"), 1).await;
    }
    world
}

pub(super) async fn kick_off(world: &World, path: &str, token: &str) -> Answer {
    world.with(Method::GET, path, token, &ASYNC).await
}

/// The path of a URL that an answer gave.
fn path(url: &str) -> String {
    url.strip_prefix("https://gateway.example").unwrap().to_owned()
}

pub(super) fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    path(answer.header("content-location"))
}

pub(super) async fn work(world: &World) -> bool {
    world.app.rest.next_export(&world.app.config.tenants).await.unwrap()
}

/// Asks, works, and reads the manifest.
pub(super) async fn exported(world: &World, path: &str, token: &str) -> (String, Value) {
    let status = location(&kick_off(world, path, token).await);
    assert!(work(world).await);
    let done = world.get(&status, token).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.header("content-type"), "application/json");
    assert!(!done.header("expires").is_empty());
    (status, done.json())
}

/// Type, count and path of each file.
pub(super) fn files(manifest: &Value) -> Vec<(String, u64, String)> {
    let output = manifest["output"].as_array().unwrap();
    output
        .iter()
        .map(|file| {
            let url = path(file["url"].as_str().unwrap());
            (
                file["type"].as_str().unwrap().to_owned(),
                file["count"].as_u64().unwrap(),
                url,
            )
        })
        .collect()
}

pub(super) async fn lines(world: &World, file: &str, token: &str) -> Vec<Value> {
    let answer = world.get(file, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("application/fhir+ndjson"));
    let text = answer.text();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn k01_the_statement_announces_the_export_at_each_level() {
    let world = World::new().await;
    let statement = world.get("/topaz/fhir/metadata", "").await.json();
    let instantiates = statement["instantiates"][0].as_str().unwrap();
    assert!(instantiates.ends_with("/bulk-data"), "{instantiates}");
    let rest = &statement["rest"][0];
    assert!(
        rest["operation"][0]["definition"]
            .as_str()
            .unwrap()
            .ends_with("/export")
    );
    for (kind, level) in [("Group", "/group-export"), ("Patient", "/patient-export")] {
        let resources = rest["resource"].as_array().unwrap();
        let found = resources.iter().find(|resource| resource["type"] == kind).unwrap();
        assert_eq!(found["operation"][0]["name"], "export");
        assert!(found["operation"][0]["definition"].as_str().unwrap().ends_with(level));
    }
}

#[tokio::test]
async fn k02_without_a_backend_token_nothing_begins() {
    let world = world().await;
    let person = world.client("a", "patient/*.rs user/*.rs").await;
    let narrow = world.own_token("system/Goal.r").await;
    for path in [
        "/topaz/fhir/$export",
        "/topaz/fhir/Patient/$export",
        "/topaz/fhir/Group/clients/$export",
    ] {
        kick_off(&world, path, "").await.outcome(401, "login");
        kick_off(&world, path, &person).await.outcome(403, "forbidden");
        kick_off(&world, path, &narrow).await.outcome(403, "forbidden");
    }
    let observations = world.own_token("system/Observation.rs").await;
    kick_off(&world, "/topaz/fhir/$export?_type=Patient,Observation", &observations)
        .await
        .outcome(403, "forbidden");
    assert!(!work(&world).await, "nothing was taken in");
}

#[tokio::test]
async fn k03_the_kick_off_is_asynchronous_and_says_where_to_ask() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    for headers in [&[][..], &ASYNC[..1], &ASYNC[1..]] {
        let answer = world
            .with(Method::GET, "/topaz/fhir/Patient/$export", &token, headers)
            .await;
        answer.outcome(400, "invalid");
    }
    for path in [
        "/topaz/fhir/$export",
        "/topaz/fhir/Patient/$export",
        "/topaz/fhir/Group/clients/$export",
    ] {
        let answer = kick_off(&world, path, &token).await;
        let url = answer.header("content-location").to_owned();
        assert!(url.starts_with("https://gateway.example/topaz/fhir/export/"), "{url}");
        assert_eq!(answer.status, 202);
    }
    kick_off(&world, "/topaz/fhir/Group/other/$export", &token)
        .await
        .outcome(404, "not-found");
}

#[tokio::test]
async fn k04_an_export_is_polled_to_its_manifest() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let status = location(&kick_off(&world, "/topaz/fhir/Patient/$export?_type=Patient,Observation", &token).await);
    let waiting = world.get(&status, &token).await;
    assert_eq!(waiting.status, 202);
    assert_eq!(waiting.header("retry-after"), "2");
    assert_eq!(waiting.header("x-progress"), "waiting");
    assert!(work(&world).await);
    assert!(!work(&world).await, "once");
    let manifest = world.get(&status, &token).await.json();
    assert_eq!(manifest["transactionTime"], "2026-11-22T10:00:00Z");
    assert_eq!(
        manifest["request"],
        "https://gateway.example/topaz/fhir/Patient/$export?_type=Patient,Observation"
    );
    assert_eq!(manifest["requiresAccessToken"], true);
    assert_eq!(manifest["error"], json!([]));
    let found: Vec<_> = files(&manifest)
        .into_iter()
        .map(|(kind, count, _)| (kind, count))
        .collect();
    assert_eq!(found, [("Observation".to_owned(), 205), ("Patient".to_owned(), 2)]);
}

#[tokio::test]
async fn k05_files_hold_lines_of_one_type_for_who_has_the_token_and_each_client_gets_a_line_in_the_audit() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let (_, manifest) = exported(&world, "/topaz/fhir/$export", &token).await;
    let before = world.lines().await.len();
    for (kind, count, file) in files(&manifest) {
        let found = lines(&world, &file, &token).await;
        assert_eq!(found.len() as u64, count, "{kind}");
        assert!(found.iter().all(|line| line["resourceType"] == *kind), "{kind}");
        let mut ids: Vec<_> = found.iter().map(|line| line["id"].as_str().unwrap()).collect();
        ids.dedup();
        assert_eq!(ids.len() as u64, count, "each once");
        world.get(&file, "").await.outcome(401, "login");
    }
    let told = world.lines().await;
    let all: Vec<_> = told[before..]
        .iter()
        .filter(|line| line[0].as_deref() == Some("export-file"))
        .map(|line| (line[4].clone(), line[7].clone()))
        .collect();
    let patients: Vec<_> = all.iter().map(|(patient, _)| patient.as_deref()).collect();
    assert_eq!(patients, [None, Some("a"), Some("b"), None, Some("a"), Some("b")]);
    assert!(all.iter().all(|(_, client)| client.as_deref() == Some("backend")));

    // The scopes of the token that fetches cover the type too, and other apps find nothing.
    let (_, _, file) = files(&manifest).remove(0);
    let narrow = world.own_token("system/Patient.rs").await;
    world.get(&file, &narrow).await.outcome(403, "forbidden");
    let person = world.client("a", "patient/*.rs").await;
    world.get(&file, &person).await.outcome(403, "forbidden");
    world.break_audit().await;
    let broken = world.get(&file, &token).await;
    broken.outcome(503, "transient");
}

#[tokio::test]
async fn k06_parameters_narrow_what_is_in_the_files() {
    let world = world().await;
    world.clock.advance(SignedDuration::from_hours(1));
    let token = world.own_token(ALL).await;
    world.observation("a", "a-new", 2).await;
    for (query, kind, expected) in [
        ("_type=Patient", "Patient", 2),
        ("_since=2026-11-22T10:30:00Z", "Observation", 1),
        (
            "_type=Observation&_typeFilter=Observation%3Fpatient%3Da",
            "Observation",
            104,
        ),
        ("_type=Observation&_outputFormat=ndjson", "Observation", 206),
        ("_type=Patient&_elements=birthDate", "Patient", 2),
    ] {
        let (_, manifest) = exported(&world, &format!("/topaz/fhir/$export?{query}"), &token).await;
        let (found, count, file) = files(&manifest).remove(0);
        assert_eq!(
            (found.as_str(), count, files(&manifest).len()),
            (kind, expected, 1),
            "{query}"
        );
        let lines = lines(&world, &file, &token).await;
        assert_eq!(lines.len() as u64, expected, "{query}");
        if query.contains("_elements") {
            assert_eq!(lines[0]["birthDate"], "1940-01-01");
            assert_eq!(lines[0].get("active"), None);
            assert_eq!(lines[0]["meta"]["tag"][0]["code"], "SUBSETTED");
        }
    }
    for bad in [
        "_outputFormat=text/csv",
        "_type=Basic",
        "_since=yesterday",
        "_since=2999-01-01T00:00:00Z",
        "foo=bar",
    ] {
        kick_off(&world, &format!("/topaz/fhir/$export?{bad}"), &token)
            .await
            .outcome(400, "invalid");
    }
    let lenient = [ASYNC[0], ("prefer", "respond-async, handling=lenient")];
    let answer = world
        .with(
            Method::GET,
            "/topaz/fhir/$export?_type=Patient,Basic&foo=bar",
            &token,
            &lenient,
        )
        .await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn k07_an_export_that_is_cancelled_is_gone() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let (status, manifest) = exported(&world, "/topaz/fhir/$export?_type=Patient", &token).await;
    let (_, _, file) = files(&manifest).remove(0);
    assert_eq!(world.with(Method::DELETE, &status, &token, &[]).await.status, 202);
    for path in [&status, &file] {
        world.get(path, &token).await.outcome(404, "not-found");
    }
    let again = world.with(Method::DELETE, &status, &token, &[]).await;
    again.outcome(404, "not-found");

    let (status, _) = exported(&world, "/topaz/fhir/$export?_type=Patient", &token).await;
    world.clock.advance(SignedDuration::from_hours(24));
    let token = world.own_token(ALL).await;
    world.get(&status, &token).await.outcome(404, "not-found");
}

#[tokio::test]
async fn k08_a_posted_export_of_one_client_holds_nothing_of_another() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let post = async |body: Value| {
        let mut request = Request::post("/topaz/fhir/Group/clients/$export")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/fhir+json");
        for (name, value) in ASYNC {
            request = request.header(name, value);
        }
        world.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let of_b = json!({"resourceType": "Parameters", "parameter": [
        {"name": "patient", "valueReference": {"reference": "Patient/b"}},
        {"name": "_type", "valueString": "Patient,Observation"}
    ]});
    let status = location(&post(of_b).await);
    assert!(work(&world).await);
    let manifest = world.get(&status, &token).await.json();
    for (kind, _, file) in files(&manifest) {
        for line in lines(&world, &file, &token).await {
            let own = line["id"] == "b" || line["subject"]["reference"] == "Patient/b";
            assert!(own, "{kind} {line}");
        }
    }
    assert_eq!(files(&manifest).len(), 2);
    for bad in [
        json!({"resourceType": "Patient"}),
        json!({"resourceType": "Parameters", "parameter": []}),
        json!([]),
    ] {
        post(bad).await.outcome(400, "invalid");
    }

    let group = world.get("/topaz/fhir/Group/clients", &token).await.json();
    assert_eq!(group["quantity"], 2);
    let found = world.get("/topaz/fhir/Group?_id=clients", &token).await;
    assert_eq!(found.ids(), ["clients"]);
    assert_eq!(
        world.get("/topaz/fhir/Group?_id=x", &token).await.ids(),
        Vec::<String>::new()
    );
    let request = Request::post("/topaz/fhir/Group/_search").header("authorization", format!("Bearer {token}"));
    let found = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(found.ids(), ["clients"]);
    let person = world.client("a", "patient/*.rs user/*.rs").await;
    for path in ["/topaz/fhir/Group", "/topaz/fhir/Group/clients", "/topaz/fhir/Group/x"] {
        world.get(path, &person).await.outcome(403, "forbidden");
    }
}

#[tokio::test]
async fn a_job_whose_worker_died_is_taken_again_and_one_that_is_held_is_not() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let status = location(&kick_off(&world, "/topaz/fhir/$export?_type=Patient", &token).await);
    // Another replica took it and was killed.
    let mut tx = world.db().begin().await.unwrap();
    let now = world.clock.now();
    let held = crate::rest::export::store::claim(&mut tx, now, now + SignedDuration::from_secs(60)).await;
    assert!(held.unwrap().is_some());
    tx.commit().await.unwrap();
    assert!(!work(&world).await, "it is held");
    assert_eq!(world.get(&status, &token).await.status, 202);
    world.clock.advance(SignedDuration::from_secs(61));
    assert!(work(&world).await);
    assert_eq!(world.get(&status, &token).await.status, 200);
}

#[tokio::test]
async fn an_app_has_so_many_exports_and_one_that_is_withdrawn_meanwhile_is_not_read_on() {
    let world = world().await;
    let token = world.own_token(ALL).await;
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(location(
            &kick_off(&world, "/topaz/fhir/$export?_type=Patient", &token).await,
        ));
    }
    let refused = kick_off(&world, "/topaz/fhir/$export?_type=Patient", &token).await;
    refused.outcome(429, "throttled");
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(world.with(Method::DELETE, &all[0], &token, &[]).await.status, 202);
    location(&kick_off(&world, "/topaz/fhir/$export?_type=Patient", &token).await);
    // What left a dossier after the count is in no file.
    while work(&world).await {}
    let manifest = world.get(&all[1], &token).await.json();
    let (_, _, file) = files(&manifest).remove(0);
    let mut tx = world.db().begin().await.unwrap();
    let tenant = crate::config::TenantId::parse("topaz").unwrap();
    let patient = id("a");
    let gone = [(ResourceType::Patient, patient.clone())];
    crate::resource::withdraw(&mut tx, &tenant, Some(&patient), &gone, world.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let ids: Vec<_> = lines(&world, &file, &token)
        .await
        .iter()
        .map(|line| line["id"].clone())
        .collect();
    assert_eq!(ids, ["b"]);
}
