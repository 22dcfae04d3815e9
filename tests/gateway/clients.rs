//! Clients that others wrote log in to `inzage demo` and read rapportages, zorgplan and appointments.
//!
//! What they are and how to get them: `tests/clients/README.md`. A client whose tools are missing is skipped with a
//! message; with `INZAGE_REQUIRE_CLIENTS=1` that is a failure.
//!
//! They log in at the same time, so each takes the code whose reference stands on its page.

mod checks;
mod demo;
mod python;
mod upstream;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use demo::{Demo, Place};

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Two that keep their dossiers in Ons and two in Caress.
const TENANTS: [(&str, &str); 4] = [
    ("topaz", "ons"),
    ("treant", "caress"),
    ("vivantes", "ons"),
    ("amaris", "caress"),
];

/// The tools that a client needs, or a message and `false`.
fn has(client: &str, tools: &[(&str, bool)]) -> bool {
    let missing: Vec<&str> = tools
        .iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| *name)
        .collect();
    let required = std::env::var_os("INZAGE_REQUIRE_CLIENTS").is_some();
    assert!(
        missing.is_empty() || !required,
        "{client} needs {missing:?}: see tests/clients/README.md"
    );
    if !missing.is_empty() {
        println!("skipped: {client} needs {missing:?}");
    }
    missing.is_empty()
}

fn node() -> (&'static str, bool) {
    (
        "node",
        Command::new("node")
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success()),
    )
}

fn package(name: &str) -> bool {
    clients().join("node/node_modules").join(name).is_dir()
}

fn chromium() -> (&'static str, bool) {
    let path = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    ("chromium", Path::new(&path).exists())
}

fn demo() -> ((&'static str, bool), Option<Arc<Demo>>) {
    let demo = Demo::shared();
    (("a program with the command demo", demo.is_some()), demo)
}

/// Runs a client; what it found, as JSON.
fn answer(command: &mut Command) -> serde_json::Value {
    let output = command.output().expect("the client starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("the client tells what it found")
}

/// Runs a client and checks what it found.
fn reads_everything(command: &mut Command) -> serde_json::Value {
    let found = answer(command);
    has_everything(&found);
    found
}

fn has_everything(found: &serde_json::Value) {
    assert!(found["patient"].as_str().is_some_and(|id| !id.is_empty()));
    for kind in ["Observation", "CarePlan", "Appointment"] {
        assert!(found[kind]["count"].as_u64() > Some(0), "no {kind} was found");
    }
    for kind in ["Observation", "DocumentReference", "CarePlan", "Appointment"] {
        assert_eq!(found[kind]["ours"], true, "a {kind} of somebody else was found");
    }
}

/// A script that drives Chromium at a tenant, and the demo that must outlive it; `None` when something is missing.
fn in_chromium(client: &str, script: &str, tenant: &str) -> Option<(Command, Arc<Demo>)> {
    let (has_demo, demo) = demo();
    let packages = (
        "npm ci in tests/clients/node",
        package("fhirclient") && package("playwright-core"),
    );
    if !has(client, &[node(), packages, chromium(), has_demo]) {
        return None;
    }
    let demo = demo.expect("it was just looked for");
    let mut command = Command::new("node");
    command
        .arg(clients().join("node").join(script))
        .arg(demo.folder())
        .arg(tenant);
    Some((command, demo))
}

#[test]
fn the_demo_has_two_houses_on_each_product_and_everybody_in_each() {
    let (has_demo, demo) = demo();
    if !has("the demo", &[has_demo]) {
        return;
    }
    let demo = demo.expect("it was just looked for");
    let told: serde_json::Value =
        serde_json::from_slice(&std::fs::read(demo.folder().join("demo.json")).unwrap()).unwrap();
    let tenants = told["tenants"].as_array().unwrap();
    let products: Vec<_> = tenants.iter().map(|it| (&it["id"], &it["source"])).collect();
    assert_eq!(serde_json::json!(products), serde_json::json!(TENANTS));
    let mut ids = std::collections::BTreeSet::new();
    for tenant in tenants {
        let accounts = tenant["accounts"].as_array().unwrap();
        for (role, clients) in [
            ("client", 1),
            ("contact", 1),
            ("representative", 2),
            ("client, first login", 1),
            ("client who left 61 days ago", 1),
        ] {
            let of_role = accounts.iter().find(|account| account["role"] == role);
            let patients = of_role.unwrap_or_else(|| panic!("{role}"))["patients"]
                .as_array()
                .unwrap();
            assert_eq!(patients.len(), clients, "{role}");
            for patient in patients {
                assert!(
                    patient["name"].as_str().is_some_and(|name| name.contains(' ')),
                    "{patient}"
                );
                ids.insert(patient["id"].as_str().unwrap().to_owned());
            }
        }
        let apps: Vec<_> = tenant["apps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|app| &app["client_id"])
            .collect();
        assert_eq!(
            serde_json::json!(apps),
            serde_json::json!(["demo-native", "demo-browser", "demo-server", "demo-backend"])
        );
    }
    assert!(ids.len() >= 4 * 5, "no two organisations share an id: {}", ids.len());
    let list = Command::new(env!("CARGO_BIN_EXE_inzage"))
        .args(["tenant", "list", "--config"])
        .arg(demo.folder().join("inzage.toml"))
        .output()
        .expect("the program starts");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for (tenant, product) in TENANTS {
        let line = list.lines().find(|line| line.starts_with(&format!("{tenant}\t")));
        let source = line.and_then(|line| line.split('\t').nth(3));
        assert!(source.is_some_and(|source| source.starts_with(product)), "{list}");
    }
    assert_eq!(list.lines().count(), TENANTS.len());
}

/// Whether a sync of the demo in this folder is under way.
fn is_syncing(folder: &Path) -> bool {
    let status = Command::new(env!("CARGO_BIN_EXE_inzage"))
        .args(["sync", "status", "--config"])
        .arg(folder.join("inzage.toml"))
        .output()
        .expect("the program starts");
    status.status.success() && String::from_utf8_lossy(&status.stdout).contains("process ")
}

#[test]
fn a_demo_that_was_killed_while_it_synced_starts_again() {
    let begun = std::time::Instant::now();
    let killed_in_a_sync = |mut place: Place| loop {
        let demo = Demo::begin(place);
        while !is_syncing(demo.folder()) {
            assert!(begun.elapsed().as_secs() < 240, "no sync is seen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        place = demo.kill();
        // The sync may have ended in between; then the lease is free and this shows nothing.
        if is_syncing(place.folder.path()) {
            return place;
        }
    };
    let accounts = |place: &Place| -> serde_json::Value {
        let told = std::fs::read(place.folder.path().join("demo.json")).expect("it served");
        let told: serde_json::Value = serde_json::from_slice(&told).expect("it is JSON");
        told["tenants"][0]["accounts"].clone()
    };
    // The first load: nobody was told of an account yet.
    let place = Demo::begin(killed_in_a_sync(Place::new())).ready().kill();
    let before = accounts(&place);
    assert!(before[0]["password"].is_string());
    // A later start: what was told holds.
    let place = Demo::begin(killed_in_a_sync(place)).ready().kill();
    assert_eq!(accounts(&place), before);
}

#[test]
fn fhirclient_reads_the_three_kinds_of_data_and_renews_its_tokens() {
    for (tenant, _) in TENANTS {
        if let Some((mut command, _demo)) = in_chromium("fhirclient", "fhirclient.mjs", tenant) {
            let found = reads_everything(&mut command);
            assert_eq!(found["renewed"], true, "{found}");
        }
    }
}

#[test]
fn l01_l05_fhirclient_is_launched_by_a_portal_for_the_client_that_the_portal_names() {
    for (tenant, _) in TENANTS {
        if let Some((mut command, _demo)) = in_chromium("fhirclient", "fhirclient.mjs", tenant) {
            // Of two clients the portal names one, and nobody is asked which.
            let found = answer(command.args(["representative", "portal"]));
            assert_eq!(found["patient"], found["named"], "{found}");
            assert_eq!(found["Observation"]["ours"], true, "{found}");
            assert_eq!(
                (&found["intent"], &found["banner"]),
                (&"show-plan".into(), &false.into())
            );
            assert_eq!(found["renewed"], true, "{found}");
        }
    }
}

#[test]
fn o03_fhirclient_reads_the_person_of_a_representative() {
    for (tenant, _) in TENANTS {
        if let Some((mut command, _demo)) = in_chromium("fhirclient", "fhirclient.mjs", tenant) {
            let found = answer(command.arg("representative"));
            // The token is about one of the two clients, so the Person links to one contact.
            assert_eq!(
                found["user"],
                serde_json::json!({"resourceType": "Person", "links": 1}),
                "{tenant}"
            );
        }
    }
}

fn the_patient_app(tenant: &str, library: Option<&str>) {
    if let Some((mut command, _demo)) = in_chromium("the patient app", "patient-app.mjs", tenant) {
        let shown = answer(command.args(library));
        assert_eq!(shown["ready"], "yes");
        for tab in ["rapportages", "zorgplan", "afspraken"] {
            assert!(shown[tab].as_u64() > Some(0), "{tab} of {tenant} is empty");
        }
    }
}

#[test]
fn the_patient_app_shows_the_three_kinds_of_data() {
    for (tenant, _) in TENANTS {
        the_patient_app(tenant, None);
    }
}

#[test]
fn the_patient_app_logs_in_with_fhirclient_where_it_is_there() {
    the_patient_app("topaz", Some("fhirclient"));
}

/// Runs a script in Node at every tenant; what each run found.
fn in_node(client: &str, script: &str, more: &[&str]) -> Vec<serde_json::Value> {
    let (has_demo, demo) = demo();
    let packages = ("npm ci in tests/clients/node", package(client));
    if !has(client, &[node(), packages, has_demo]) {
        return Vec::new();
    }
    let demo = demo.expect("it was just looked for");
    let script = clients().join("node").join(script);
    let run = |(tenant, _)| {
        let mut command = Command::new("node");
        reads_everything(command.arg(&script).arg(demo.folder()).arg(tenant).args(more))
    };
    TENANTS.into_iter().map(run).collect()
}

#[test]
fn oauth4webapi_reads_the_three_kinds_of_data() {
    for found in in_node("oauth4webapi", "oauth4webapi.mjs", &[]) {
        assert_eq!(found["token_type"], "bearer", "{found}");
    }
}

#[test]
fn t15_oauth4webapi_pushes_its_request_and_reads_with_a_key_and_a_copied_token_reads_nothing() {
    for found in in_node("oauth4webapi", "oauth4webapi.mjs", &["dpop"]) {
        assert_eq!(found["token_type"], "dpop", "{found}");
        assert_eq!(found["copied"], 401, "{found}");
    }
}

#[test]
fn openid_client_reads_the_three_kinds_of_data_and_gives_its_tokens_back() {
    for found in in_node("openid-client", "openid-client.mjs", &[]) {
        assert_eq!(found["active"], serde_json::json!([true, false]), "{found}");
        let user = found["fhirUser"].as_str();
        assert!(user.is_some_and(|user| user.contains("/fhir/Patient/")), "{found}");
    }
}

#[tokio::test]
async fn the_conformance_runner_passes_the_demo() {
    let (has_demo, _) = demo();
    if has("the conformance runner", &[has_demo]) {
        // It logs in so often that with the others it would pass what an account may ask of codes in an hour.
        let demo = Demo::begin(Place::new()).ready();
        // The assertions that the runner signs are judged by the demo's clock.
        let now = inzage::clock::Clock::System.now();
        let target = demo.address().parse().expect("the demo has an address");
        let mut options = inzage::conformance::Options::new(target, inzage::secret::Random::Os.bytes(), now);
        options.tenants = TENANTS.map(|(tenant, _)| tenant.to_owned()).to_vec();
        let report = inzage::conformance::run(options.demo(demo.folder()))
            .await
            .expect("the runner starts");
        assert!(report.passed(), "{}", report.to_text());
    }
}
