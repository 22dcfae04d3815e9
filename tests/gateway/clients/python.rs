//! Clients in Python, each in the venv that `tests/clients/README.md` makes.

use std::path::PathBuf;
use std::process::Command;

use super::{TENANTS, answer, clients, demo, has, has_everything};

fn venv() -> PathBuf {
    clients().join("python/venv/bin/python")
}

/// Runs a script in the venv at every tenant; what each run found.
fn in_python(client: &str, module: &str, script: &str, more: &[&str]) -> Vec<serde_json::Value> {
    let (has_demo, demo) = demo();
    let import = format!("import {module}");
    let imports = Command::new(venv()).args(["-c", &import]).output();
    let installed = imports.is_ok_and(|output| output.status.success());
    if !has(client, &[("the venv in tests/clients/python", installed), has_demo]) {
        return Vec::new();
    }
    let demo = demo.expect("it was just looked for");
    let script = clients().join("python").join(script);
    let run = |(tenant, _)| {
        let mut command = Command::new(venv());
        answer(command.arg(&script).arg(demo.folder()).arg(tenant).args(more))
    };
    TENANTS.into_iter().map(run).collect()
}

/// Runs a person's app in the venv at every tenant.
fn of_a_person(client: &str, module: &str, script: &str, more: &[&str]) -> Vec<serde_json::Value> {
    let found = in_python(client, module, script, more);
    found.iter().for_each(has_everything);
    found
}

#[test]
fn authlib_reads_the_three_kinds_of_data() {
    for found in of_a_person("Authlib", "authlib", "authlib_client.py", &[]) {
        assert_eq!(found["renewed"], true, "{found}");
    }
}

#[test]
fn t04_f01_authlib_logs_in_and_renews_without_a_secret() {
    for found in of_a_person("Authlib", "authlib", "authlib_client.py", &["public"]) {
        assert_eq!(found["renewed"], true, "{found}");
    }
}

#[test]
fn b01_k03_authlib_exports_as_a_backend_that_signs_by_es384() {
    for found in in_python("Authlib", "authlib", "authlib_backend.py", &[]) {
        assert_eq!(
            (&found["read"], &found["alg"]),
            (&200.into(), &"ES384".into()),
            "{found}"
        );
        assert!(found["Patient"].as_u64() > Some(0), "{found}");
        assert_eq!(found["Patient"], found["exported"], "{found}");
        assert_eq!(found["replayed"], 401, "{found}");
        assert_eq!(found["too_long"], 401, "{found}");
    }
}

#[test]
fn fhirclient_for_python_reads_the_three_kinds_of_data_into_its_classes() {
    of_a_person("fhirclient for Python", "fhirclient", "fhirclient_client.py", &[]);
}

#[test]
fn fhirpy_reads_the_three_kinds_of_data() {
    of_a_person("fhirpy", "fhirpy", "fhirpy_client.py", &[]);
}
