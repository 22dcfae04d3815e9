//! Profiles and codes over HTTP, without a token.

use axum::http::{Method, StatusCode};

use crate::fhir::definition::Definition;
use crate::fhir::types::ResourceType;
use crate::http::world::World;

#[tokio::test]
async fn anybody_reads_and_searches_definitions_and_any_page_may_use_them() {
    let world = World::new().await;
    let origin = [("origin", "https://anybody.example")];
    for kind in Definition::ALL {
        let answer = world
            .with(Method::GET, &format!("/topaz/fhir/{kind}"), "", &origin)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{kind}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let bundle = answer.json();
        let (url, resource) = (&bundle["entry"][0]["fullUrl"], &bundle["entry"][0]["resource"]);
        let path = url.as_str().unwrap().strip_prefix("https://gateway.example").unwrap();
        let read = world.get(path, "").await;
        assert_eq!((read.status, &read.json()), (StatusCode::OK, resource), "{path}");
        let known = [("if-none-match", read.header("etag"))];
        let again = world.with(Method::GET, path, "", &known).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        for (method, path, status) in [
            (Method::GET, format!("/topaz/fhir/{kind}/none"), StatusCode::NOT_FOUND),
            (Method::GET, format!("/nobody/fhir/{kind}"), StatusCode::NOT_FOUND),
            (
                Method::GET,
                format!("/topaz/fhir/{kind}?name:x=y"),
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                format!("/topaz/fhir/{kind}?_format=xml"),
                StatusCode::NOT_ACCEPTABLE,
            ),
            (
                Method::PUT,
                format!("/topaz/fhir/{kind}/x"),
                StatusCode::METHOD_NOT_ALLOWED,
            ),
        ] {
            let answer = world.with(method.clone(), &path, "", &origin).await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{method} {path}");
        }
    }
    let form = axum::http::Request::post("/topaz/fhir/CodeSystem/_search")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from("code=soep"))
        .unwrap();
    assert_eq!(world.send(form).await.json()["total"].to_string(), "1");
}

#[tokio::test]
async fn the_kinds_of_report_are_listed_for_a_menu() {
    let world = World::new().await;
    for path in [
        "/topaz/fhir/ValueSet/$expand?url=https://inzage.dev/fhir/ValueSet/inzage-RapportageSoort",
        "/topaz/fhir/ValueSet/inzage-RapportageSoort/$expand",
    ] {
        let answer = world.get(path, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let expanded = answer.json();
        let codes = expanded["expansion"]["contains"].as_array().unwrap();
        assert!(codes.len() >= 9 && codes.iter().all(|one| one["display"].is_string()));
    }
    let none = world.get("/topaz/fhir/ValueSet/none/$expand", "").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(none.json()["resourceType"], "OperationOutcome");
}

#[tokio::test]
async fn every_profile_that_the_capability_statement_names_is_served() {
    let world = World::new().await;
    let statement = world.get("/topaz/fhir/metadata", "").await.json();
    let mut named = 0;
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        for profile in resource["supportedProfile"].as_array().into_iter().flatten() {
            let path = format!("/topaz/fhir/StructureDefinition?url={}", profile.as_str().unwrap());
            let found = world.get(&path, "").await.json();
            assert_eq!(found["total"].to_string(), "1", "{profile}");
            assert_eq!(found["entry"][0]["resource"]["type"], resource["type"]);
            named += 1;
        }
    }
    assert!(named > ResourceType::ALL.len(), "{named}");
}
