//! Each rule of the architecture, shown to fail on a snippet that breaks it.

use super::*;

fn law(path: &str, code: &str) -> Vec<Breach> {
    let order =
        modules("//! pub mod x;\npub mod clock;\npub mod fhir;\npub mod db;\n\npub mod http;\npub mod conformance;\n");
    import_law(path, &read(code), &order)
}

#[test]
fn looking_down_is_a_breach_however_it_is_written() {
    for code in [
        "use crate::http::State;",
        "use crate::{clock::Clock, http::{State, router}};",
        "fn f() { crate::http::run() }",
        "use super::super::http::State;",
        "use crate::{\n    clock,\n    http,\n};",
        "mod tests { use super::super::super::http::State; }",
    ] {
        assert_eq!(law("fhir/json.rs", code).len(), 1, "{code}");
    }
    assert_eq!(law("fhir/mod.rs", "use super::http::State;").len(), 1);
}

#[test]
fn looking_up_or_into_itself_is_none() {
    for code in [
        "use crate::clock::Clock;",
        "use super::http::Url;",
        "mod tests { use super::super::http::State; }",
        "// crate::http\nlet a = \"crate::http\";",
        "use crate::fhir::{http, json};",
    ] {
        assert!(law("fhir/json.rs", code).is_empty(), "{code}");
    }
}

#[test]
fn conformance_uses_fhir_only() {
    assert!(law("conformance/mod.rs", "use crate::fhir::types::Id;").is_empty());
    assert_eq!(law("conformance/mod.rs", "use crate::clock::Clock;").len(), 1);
    assert_eq!(law("stray.rs", "").len(), 1);
}

#[test]
fn a_crate_outside_its_corner_is_a_breach() {
    let bad = |path: &str, code: &str| crate_corners(path, &read(code)).len();
    assert_eq!(bad("login/mod.rs", "use axum::Router;"), 1);
    assert_eq!(bad("rest/mod.rs", "fn f(_: sqlx::Error) {}"), 1);
    assert_eq!(bad("profile/mod.rs", "#[tokio::test]\nasync fn f() {}"), 1);
    assert_eq!(bad("mapping/run.rs", "use reqwest as web;"), 1);
    assert_eq!(bad("rest/mod.rs", "use fhirbolt::model;"), 1);
    assert_eq!(bad("http/mod.rs", "use axum::Router;"), 0);
    assert_eq!(bad("account/store.rs", "use sqlx::Row;"), 0);
    assert_eq!(bad("account/restore.rs", "use sqlx::Row;"), 1);
    assert_eq!(bad("rest/mod.rs", "use crate::http::axum::x; // sqlx::"), 0);
}

#[test]
fn sql_elsewhere_is_a_breach() {
    let bad = |path: &str, code: &str| sql_places(path, &read(code)).len();
    assert_eq!(bad("login/mod.rs", "let q = \"SELECT 1\";"), 1);
    assert_eq!(bad("login/mod.rs", "let q = r\"\n  DELETE\n FROM t\";"), 0);
    assert_eq!(bad("login/mod.rs", "let q = \"\n  UPDATE t SET a = 1\";"), 1);
    assert_eq!(bad("login/mod.rs", "let q = [\"DELETE\", \"Select a client\"];"), 0);
    assert_eq!(bad("login/store.rs", "let q = \"SELECT 1\";"), 0);
    assert_eq!(
        bad("login/mod.rs", "#[cfg(test)]\nmod tests { let q = \"SELECT 1\"; }"),
        0
    );
}

#[test]
fn the_environment_and_the_time_elsewhere_are_breaches() {
    let bad = |path: &str, code: &str| one_owner(path, &read(code)).len();
    assert_eq!(bad("http/mod.rs", "let a = std::env::var(\"A\");"), 1);
    assert_eq!(bad("http/mod.rs", "let a = jiff::Timestamp::now();"), 1);
    assert_eq!(bad("config/mod.rs", "let a = std::env::var(\"A\");"), 0);
    assert_eq!(bad("clock.rs", "let a = Timestamp::now();"), 0);
}

#[test]
fn the_list_of_long_files_only_shrinks() {
    let file = |lines| vec![("src/a.rs".to_owned(), lines)];
    assert_eq!(lengths(&file(401), &[]).len(), 1);
    assert_eq!(lengths(&file(401), &[("src/a.rs", 401, "why")]).len(), 0);
    assert_eq!(lengths(&file(402), &[("src/a.rs", 401, "why")]).len(), 1);
    assert_eq!(lengths(&file(500), &[("src/a.rs", 600, "why")]).len(), 0);
    assert_eq!(lengths(&file(400), &[("src/a.rs", 450, "why")]).len(), 1);
    assert_eq!(lengths(&file(401), &[("src/a.rs", 401, "")]).len(), 1);
}

#[test]
fn a_file_of_tests_is_known_by_its_declaration() {
    let code = "#[cfg(test)]\npub(crate) mod fresh;\nmod store;\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(test_files("db/mod.rs", code), ["db/fresh.rs", "db/fresh/mod.rs"]);
    assert_eq!(test_files("db.rs", code)[0], "db/fresh.rs");
    assert_eq!(test_files("lib.rs", code)[0], "fresh.rs");
}
