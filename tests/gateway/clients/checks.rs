//! Checkers that others wrote, on everything that people and apps get to see.

use std::process::Command;

use serde_json::json;

use super::{TENANTS, answer, clients, demo, has, in_chromium, node, package};

#[test]
fn axe_finds_nothing_on_any_page_in_any_theme_and_the_keyboard_comes_to_everything() {
    // The first two presets differ most in what their login asks; at the third people register.
    for (tenant, registers) in [("topaz", false), ("amaris", false), ("vivantes", true)] {
        let Some((mut command, _demo)) = in_chromium("axe-core", "accessible.mjs", tenant) else {
            return;
        };
        let found = answer(&mut command);
        let caught = serde_json::json!(["pale", "label", "keyboard"]);
        assert_eq!(found["caught"], caught, "it does see faults that are there");
        for what in ["axe", "keyboard", "wide"] {
            assert_eq!(found[what], serde_json::json!({}), "{tenant}, {what}");
        }
        let pages = found["pages"].as_array().unwrap();
        let seen = |page: &str| pages.iter().any(|seen| seen == page);
        for page in [
            "forgot",
            "help",
            "terms-of-use",
            "code",
            "client",
            "approve",
            "account",
            "account-factors",
            "new-password",
        ] {
            assert!(seen(page), "{tenant}: {page} in {pages:?}");
        }
        for page in ["register", "register-sent"] {
            assert_eq!(seen(page), registers, "{tenant}: {page} in {pages:?}");
        }
    }
}

/// Each organisation asks what its own documents say: a code at every login or for a new device, a button for it, terms.
#[test]
fn an_account_lives_at_each_organisation_from_its_invitation_to_its_end() {
    let asks = |pages: &serde_json::Value, page: &str| pages.as_array().unwrap().iter().any(|seen| seen == page);
    for (tenant, asks_each_time) in [
        ("topaz", true),
        ("treant", false),
        ("vivantes", true),
        ("amaris", false),
    ] {
        let Some((mut command, _demo)) = in_chromium("an account's life", "life.mjs", tenant) else {
            return;
        };
        let found = answer(command.arg(env!("CARGO_BIN_EXE_inzage")));
        for (login, code) in [
            ("first", true),
            ("again", asks_each_time),
            ("elsewhere", true),
            ("afterForgotten", true),
        ] {
            assert_eq!(asks(&found[login], "code"), code, "{tenant}, {login}: {found}");
        }
        let has_terms = ["topaz", "vivantes"].contains(&tenant);
        assert_eq!(asks(&found["first"], "terms"), has_terms, "{tenant}: {found}");
        assert!(!asks(&found["again"], "terms"), "{tenant}: {found}");
        // The contact sees nothing of the dossier, then its appointments alone; at the end the token is none any more.
        let contact = found["contact"].as_array().unwrap();
        let [nothing, some, none] = contact.as_slice() else {
            panic!("{tenant}: {found}")
        };
        assert_eq!(
            *nothing,
            json!({"Appointment": "status 403", "Observation": "status 403"}),
            "{tenant}"
        );
        assert!(some["Appointment"].as_u64() > Some(0), "{tenant}: {found}");
        assert_eq!(some["Observation"], "status 403", "{tenant}");
        assert_eq!(
            *none,
            json!({"Appointment": "status 401", "Observation": "status 401"}),
            "{tenant}"
        );
        assert_eq!(found["registers"], tenant == "vivantes", "{tenant}: {found}");
        for done in ["mobile", "closed", "told", "refused"] {
            assert_eq!(found[done], true, "{tenant}, {done}: {found}");
        }
        assert_eq!(found["app"], serde_json::json!([true, "status 401"]), "{tenant}");
    }
}

#[test]
fn medplums_validator_finds_no_fault_in_what_an_app_sees_errors_included() {
    let (has_demo, demo) = demo();
    let package = ("npm ci in tests/clients/node", package("@medplum/core"));
    if !has("Medplum's validator", &[node(), package, has_demo]) {
        return;
    }
    let demo = demo.expect("it was just looked for");
    for (tenant, _) in TENANTS {
        let script = clients().join("node/medplum.mjs");
        let found = answer(Command::new("node").arg(script).arg(demo.folder()).arg(tenant));
        assert_eq!(found["caught"], 4, "it does see faults that are there");
        assert_eq!(found["faults"], serde_json::json!({}), "{tenant}");
        for kind in [
            "CapabilityStatement",
            "Bundle",
            "Observation",
            "CarePlan",
            "Appointment",
        ] {
            assert!(found["types"][kind].as_u64() > Some(0), "{tenant}: {found}");
        }
        assert_eq!(
            found["types"]["OperationOutcome"].as_u64(),
            Some(7),
            "{tenant}: {found}"
        );
    }
}
