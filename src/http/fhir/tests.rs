//! The FHIR API through its routes: who gets what, and what every answer looks like.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::consent::{Part, Parts, Role};
use crate::fhir::types::ResourceType;
use crate::http::world::World;

const ALL: &str = "patient/*.rs";

/// Client `a` with three observations and client `b` with one.
async fn world() -> (World, String) {
    let world = World::new().await;
    for (name, day) in [("a1", 1), ("a2", 2), ("a3", 3)] {
        world.observation("a", name, day).await;
    }
    world.observation("b", "b1", 1).await;
    let token = world.client("a", ALL).await;
    (world, token)
}

#[tokio::test]
async fn a_resource_is_read_as_it_was_stored() {
    let (world, token) = world().await;
    let answer = world.get("/topaz/fhir/Observation/a1", &token).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/fhir+json");
    assert_eq!(answer.header("etag"), "W/\"1\"");
    assert_eq!(answer.header("last-modified"), "Sun, 22 Nov 2026 10:00:00 GMT");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(
        answer
            .text()
            .starts_with(r#"{"resourceType":"Observation","id":"a1","meta":{"versionId":"1","#)
    );

    let known = [("if-none-match", "W/\"1\"")];
    let again = world
        .with(Method::GET, "/topaz/fhir/Observation/a1", &token, &known)
        .await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(again.header("etag"), "W/\"1\"");
    let head = world
        .with(Method::HEAD, "/topaz/fhir/Observation/a1", &token, &[])
        .await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn without_a_token_everything_is_401_alike() {
    let (world, token) = world().await;
    let mut answers = Vec::new();
    for path in [
        "/topaz/fhir/Observation/a1",
        "/topaz/fhir/Observation/nothing",
        "/topaz/fhir/Observation",
        "/topaz/fhir/Nonsense/x",
        "/topaz/fhir/Observation/a1/_history",
    ] {
        let answer = world.get(path, "").await;
        answer.outcome(401, "login");
        // S05: it says where to learn who gives tokens.
        let metadata = "https://gateway.example/.well-known/oauth-protected-resource/topaz/fhir";
        let told = answer.header("www-authenticate");
        assert_eq!(told, format!("Bearer resource_metadata=\"{metadata}\""));
        answers.push(answer.comparable());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));

    let bad = world.get("/topaz/fhir/Observation/a1", "A").await;
    bad.outcome(401, "login");
    let told = bad.header("www-authenticate");
    assert!(
        told.starts_with(r#"Bearer error="invalid_token", resource_metadata="#),
        "{told}"
    );
    // A28: a token of one tenant means nothing to another.
    world
        .get("/amaris/fhir/Observation/a1", &token)
        .await
        .outcome(401, "login");
    let in_url = format!("/topaz/fhir/Observation/a1?access_token={token}");
    world.get(&in_url, "").await.outcome(400, "login");
    let twice = [("authorization", "Bearer x")];
    world
        .with(Method::GET, "/topaz/fhir/Observation/a1", &token, &twice)
        .await
        .outcome(400, "login");
}

#[tokio::test]
async fn a1_a2_what_is_foreign_and_what_never_was_are_the_same_bytes() {
    let (world, token) = world().await;
    let missing = world.get("/topaz/fhir/Observation/nothing", &token).await.comparable();
    missing.outcome(404, "not-found");
    for path in [
        "/topaz/fhir/Observation/b1",
        "/topaz/fhir/Observation/b1/_history/1",
        "/topaz/fhir/Observation/b1/_history",
        "/topaz/fhir/Observation/a1/_history/9",
        "/topaz/fhir/Observation/a1/_history/x",
        "/topaz/fhir/Observation/no%20id",
        "/topaz/fhir/Patient/b",
        "/topaz/fhir/Goal/a1",
    ] {
        assert_eq!(world.get(path, &token).await.comparable(), missing, "{path}");
        let known = [("if-none-match", "*")];
        let answer = world.with(Method::GET, path, &token, &known).await;
        assert_eq!(answer.comparable(), missing, "{path} with If-None-Match");
    }
}

#[tokio::test]
async fn a3_a_search_for_a_foreign_client_finds_what_a_search_for_nobody_finds() {
    let (world, token) = world().await;
    for patient in ["b", "nobody"] {
        let path = format!("/topaz/fhir/Observation?patient={patient}");
        let answer = world.get(&path, &token).await;
        assert_eq!(answer.status, StatusCode::OK);
        let url = format!("https://gateway.example{path}");
        let expected = json!({
            "resourceType": "Bundle", "type": "searchset", "total": 0,
            "link": [{"relation": "self", "url": url}, {"relation": "first", "url": url}]
        });
        assert_eq!(answer.json().to_string(), expected.to_string());
    }
    assert_eq!(
        world.get("/topaz/fhir/Observation", &token).await.ids(),
        ["a3", "a2", "a1"]
    );
}

#[tokio::test]
async fn a16_the_right_decides_whatever_the_scope_says() {
    let world = World::new().await;
    world.observation("a", "a1", 1).await;
    world
        .right("um", "a", Role::Contact, Parts::of(&[Part::Appointments]))
        .await;
    let token = world.token("um", "a", ALL).await;
    for path in [
        "CarePlan",
        "Observation/a1",
        "Observation/nothing",
        "Observation/a1/_history",
    ] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        answer.outcome(403, "forbidden");
    }
    assert_eq!(
        world.get("/topaz/fhir/Appointment", &token).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_type_or_interaction_outside_the_scope_is_403() {
    let (world, _) = world().await;
    let token = world.token("account-a", "a", "patient/Observation.r").await;
    assert_eq!(
        world.get("/topaz/fhir/Observation/a1", &token).await.status,
        StatusCode::OK
    );
    for path in ["Observation", "Goal/x", "Goal", "Patient/a"] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        answer.outcome(403, "forbidden");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer error="insufficient_scope""#
        );
    }
}

#[tokio::test]
async fn o02_the_person_reads_who_they_are_with_openid_alone() {
    let (world, _) = world().await;
    let body = json!({"resourceType": "Patient", "id": "a", "meta": {}});
    world.put(ResourceType::Patient, Some("a"), "a", &body).await;
    let token = world.token("account-a", "a", "openid fhirUser").await;
    assert_eq!(world.get("/topaz/fhir/Patient/a", &token).await.status, StatusCode::OK);
    world
        .get("/topaz/fhir/Patient/b", &token)
        .await
        .outcome(403, "forbidden");
    world.get("/topaz/fhir/Patient", &token).await.outcome(403, "forbidden");
}

#[tokio::test]
async fn a_care_worker_is_read_through_what_refers_to_them() {
    let (world, token) = world().await;
    for name in ["nurse", "other"] {
        let body = json!({"resourceType": "Practitioner", "id": name, "meta": {}});
        world.put(ResourceType::Practitioner, None, name, &body).await;
    }
    assert_eq!(
        world.get("/topaz/fhir/Practitioner/nurse", &token).await.status,
        StatusCode::OK
    );
    world
        .get("/topaz/fhir/Practitioner/other", &token)
        .await
        .outcome(404, "not-found");
    assert_eq!(world.get("/topaz/fhir/Practitioner", &token).await.ids(), ["nurse"]);
}

#[tokio::test]
async fn a20_a_right_that_ends_ends_the_token_within_a_second() {
    let (world, token) = world().await;
    assert_eq!(
        world.get("/topaz/fhir/Observation/a1", &token).await.status,
        StatusCode::OK
    );
    let tenant = world.app.config.tenant("topaz").unwrap().id.clone();
    let mut tx = world.db().begin().await.unwrap();
    let (patient, now) = (crate::http::world::id("a"), world.clock.now());
    crate::consent::end(&mut tx, &tenant, "account-a", &patient, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.clock.advance(jiff::SignedDuration::from_secs(1));
    world
        .get("/topaz/fhir/Observation/a1", &token)
        .await
        .outcome(401, "login");
}

#[tokio::test]
async fn pages_are_stable_while_data_comes_in_and_links_show_nothing() {
    let (world, token) = world().await;
    let mut page = world.get("/topaz/fhir/Observation?_count=1&_sort=-date", &token).await;
    assert_eq!(page.json()["total"], json!(null));
    let mut found = page.ids();
    world.observation("a", "a4", 4).await;
    world.observation("a", "a0", 1).await;
    while let Some(next) = page.link("next") {
        let sealed = next.split_once("?_page=").unwrap().1;
        assert!(
            sealed
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        page = world.get(&next, &token).await;
        assert_eq!(page.link("self").unwrap(), next);
        assert_eq!(
            page.link("first").unwrap(),
            "/topaz/fhir/Observation?_count=1&_sort=-date"
        );
        found.extend(page.ids());
    }
    assert_eq!(found, ["a3", "a2", "a1"]);
}

#[tokio::test]
async fn a_page_link_opens_only_for_whom_it_was_made() {
    let (world, token) = world().await;
    let next = world
        .get("/topaz/fhir/Observation?_count=1", &token)
        .await
        .link("next")
        .unwrap();
    let other = world.client("b", ALL).await;
    let same_person = world.token("account-a", "a", ALL).await;
    for stranger in [&other, &same_person] {
        world.get(&next, stranger).await.outcome(410, "expired");
    }
    let moved = next.replace("/Observation?", "/Goal?");
    world.get(&moved, &token).await.outcome(410, "expired");
    world
        .get("/topaz/fhir/Observation?_page=AAAA", &token)
        .await
        .outcome(410, "expired");
    assert_eq!(world.get(&next, &token).await.status, StatusCode::OK);
    world.clock.advance(jiff::SignedDuration::from_hours(24));
    world.get(&next, &token).await.outcome(410, "expired");
}

#[tokio::test]
async fn a_search_by_form_is_the_same_search() {
    let (world, token) = world().await;
    let post = |kind: &'static str, body: &'static str| {
        let request = Request::post("/topaz/fhir/Observation/_search")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", kind);
        world.send(request.body(Body::from(body)).unwrap())
    };
    let form = "application/x-www-form-urlencoded";
    let by_form = post(form, "date=ge2026-11-02").await;
    let by_url = world.get("/topaz/fhir/Observation?date=ge2026-11-02", &token).await;
    assert_eq!(by_form.ids(), ["a3", "a2"]);
    assert_eq!(by_form.body, by_url.body);
    post("application/json", "{}").await.outcome(415, "not-supported");
    post(form, "date=soup").await.outcome(400, "invalid");
    let large: &'static str = "x".repeat(2 * 1024 * 1024).leak();
    post(form, large).await.outcome(413, "too-long");
    let long: &'static str = format!("_id={}", "x,".repeat(3_000)).leak();
    post(form, long).await.outcome(400, "invalid");
}

#[tokio::test]
async fn b5_an_unknown_parameter_is_refused_when_strict_and_left_out_when_lenient() {
    let (world, token) = world().await;
    let path = "/topaz/fhir/Observation?foo=bar&status=final";
    let strict = [("prefer", "handling=strict")];
    let refused = world.with(Method::GET, path, &token, &strict).await;
    refused.outcome(400, "invalid");
    assert!(refused.text().contains("foo"));
    let lenient = world.get(path, &token).await;
    assert_eq!(lenient.ids().len(), 3);
    assert_eq!(lenient.link("self").unwrap(), "/topaz/fhir/Observation?status=final");
}

#[tokio::test]
async fn the_versions_of_a_resource_are_listed_and_read() {
    let (world, token) = world().await;
    world.observation("a", "a1", 5).await;
    let history = world.get("/topaz/fhir/Observation/a1/_history?_count=1", &token).await;
    let bundle = history.json();
    assert_eq!(bundle["type"], "history");
    assert_eq!(bundle["entry"][0]["resource"]["meta"]["versionId"], "2");
    assert_eq!(
        bundle["entry"][0]["fullUrl"],
        "https://gateway.example/topaz/fhir/Observation/a1"
    );
    let older = world.get(&history.link("next").unwrap(), &token).await.json();
    assert_eq!(older["entry"][0]["response"]["etag"], "W/\"1\"");
    let first = world.get("/topaz/fhir/Observation/a1/_history/1", &token).await;
    assert_eq!((first.status, first.header("etag")), (StatusCode::OK, "W/\"1\""));
    assert_eq!(first.json()["valueString"], "rapportage a1 on 1");
}

#[tokio::test]
async fn only_json_of_fhir_4_is_served() {
    let (world, token) = world().await;
    let path = "/topaz/fhir/Observation/a1";
    let xml = [("accept", "application/fhir+xml")];
    world
        .with(Method::GET, path, &token, &xml)
        .await
        .outcome(406, "not-supported");
    let json = [("accept", "application/json")];
    let plain = world.with(Method::GET, path, &token, &json).await;
    assert_eq!(plain.header("content-type"), "application/json");
    let by_name = world
        .with(Method::GET, &format!("{path}?_format=json"), &token, &xml)
        .await;
    assert_eq!(by_name.header("content-type"), "application/fhir+json");
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let (world, token) = world().await;
    for (method, path, status) in [
        (Method::DELETE, "/topaz/fhir/Observation/a1", 405),
        (Method::PUT, "/topaz/fhir/Observation/a1", 405),
        (Method::POST, "/topaz/fhir/Observation", 405),
        (Method::TRACE, "/topaz/fhir/Observation/a1", 405),
        (
            Method::from_bytes(b"PROPFIND").unwrap(),
            "/topaz/fhir/nothing/at/all",
            405,
        ),
        (Method::GET, "/topaz/fhir/Observation/_search", 405),
        (Method::GET, "/topaz/fhir/Patient/a/Observation/x/y", 404),
        (Method::GET, "/topaz/fhir/Patient/a/$everything", 404),
        (Method::GET, "/topaz/fhir/Medication", 404),
        (Method::GET, "/topaz/fhir", 404),
        (Method::POST, "/topaz/fhir/", 404),
        (Method::GET, "/nobody/fhir/Patient/a", 404),
        (Method::GET, "/nobody/fhir/metadata", 404),
    ] {
        let answer = world.with(method.clone(), path, &token, &[]).await;
        let code = if answer.json()["issue"][0]["code"] == "not-found" {
            "not-found"
        } else {
            "not-supported"
        };
        answer.outcome(status, code);
        if status == 405 {
            assert!(!answer.header("allow").is_empty(), "{method} {path}");
        }
    }
    let long = format!("/topaz/fhir/Observation?_id={}", "x".repeat(9_000));
    world.get(&long, &token).await.outcome(414, "too-long");
}

#[tokio::test]
async fn j1_j3_every_answer_and_every_refusal_leaves_one_line() {
    let (world, token) = world().await;
    world.get("/topaz/fhir/Observation/a1", &token).await;
    world.get("/topaz/fhir/Observation/b1", &token).await;
    world
        .get(
            "/topaz/fhir/Observation?code=11591000146107&identifier=999911120",
            &token,
        )
        .await;
    world.get("/topaz/fhir/Observation", "A").await;
    let narrow = world.token("account-a", "a", "patient/Goal.r").await;
    world.get("/topaz/fhir/Observation", &narrow).await;

    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let expected = [
        ["read", "success", "", "a1", "a", "", "client", "app"],
        ["read", "refused", "not-found", "b1", "", "", "", "app"],
        [
            "search",
            "success",
            "",
            "",
            "a",
            "code=11591000146107&identifier",
            "client",
            "app",
        ],
        ["token-presented", "refused", "unknown-token", "", "", "", "", ""],
        ["search", "refused", "scope", "", "", "", "", "app"],
    ];
    let lines = world.lines().await;
    assert_eq!(lines.len(), expected.len());
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(*line, expected.map(some));
    }
    let tenant = world.app.config.tenant("topaz").unwrap().id.clone();
    let verdict = crate::audit::verify(&mut world.db().read().await.unwrap(), &tenant).await;
    assert!(matches!(verdict.unwrap(), crate::audit::Verdict::Whole(_)));
}

#[tokio::test]
async fn j4_without_an_audit_line_no_data_leaves() {
    let (world, token) = world().await;
    // The token is in the cache of checked tokens, so that only the audit can fail.
    world.get("/topaz/fhir/Observation/a1", &token).await;
    world.break_audit().await;
    for path in [
        "Observation/a1",
        "Observation",
        "Observation/a1/_history",
        "Observation/nothing",
    ] {
        let answer = world.get(&format!("/topaz/fhir/{path}"), &token).await;
        assert!(answer.status.is_server_error(), "{path}");
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
        assert!(!answer.text().contains("rapportage"), "{path}");
        assert!(!answer.text().contains("audit"), "{path}");
    }
}

#[tokio::test]
async fn the_capability_statement_is_for_anybody_small_and_cached() {
    let world = World::new().await;
    let origin = [("origin", "https://anybody.example")];
    let answer = world.with(Method::GET, "/topaz/fhir/metadata", "", &origin).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.body.len() < 100_000);
    let statement = answer.json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!(statement["implementation"]["url"], "https://gateway.example/topaz/fhir");
    let known = [("if-none-match", answer.header("etag"))];
    let again = world.with(Method::GET, "/topaz/fhir/metadata", "", &known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn d15_the_capability_statement_and_discovery_name_the_same_endpoints() {
    let world = World::new().await;
    let statement = world.get("/topaz/fhir/metadata", "").await.json();
    let discovery = world
        .get("/topaz/fhir/.well-known/smart-configuration", "")
        .await
        .json();
    let uris = statement["rest"][0]["security"]["extension"][0]["extension"]
        .as_array()
        .unwrap();
    for (name, field) in [
        ("authorize", "authorization_endpoint"),
        ("token", "token_endpoint"),
        ("introspect", "introspection_endpoint"),
        ("revoke", "revocation_endpoint"),
        ("register", "registration_endpoint"),
        ("manage", "management_endpoint"),
    ] {
        let named = uris.iter().find(|uri| uri["url"] == name).map(|uri| &uri["valueUri"]);
        assert_eq!(named, discovery.get(field), "{name}");
    }
}
