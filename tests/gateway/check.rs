//! `inzage check` as an operator meets it: everything at once, with its place, and nothing changed.

use std::path::Path;
use std::process::{Command, Output};

use inzage::mapping::{self, Files};
use inzage::profile::Registry;
use inzage::secret;
use serde_json::{Value, json};

use crate::support::fresh;
use crate::support::shared::shared;

const HEAD: &str = "\
[server]
public_url = \"http://127.0.0.1:8080/\"
[secrets]
master_key_file = \"master.key\"
[sms]
dir = \"outbox\"
";

/// Runs the program in a folder with this configuration.
fn run(folder: &Path, text: &str, words: &[&str]) -> (Option<i32>, String, String) {
    std::fs::write(folder.join("inzage.toml"), text).unwrap();
    std::fs::write(folder.join("master.key"), "07".repeat(32)).unwrap();
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_inzage"))
        .args(words)
        .args(["--config", "inzage.toml"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

fn check(folder: &Path, text: &str) -> (Option<i32>, String, String) {
    run(folder, text, &["check"])
}

/// A package with one profile: body weights of the Netherlands with something that no map of ours fills.
fn package(folder: &Path, element: &Value) {
    let profile = json!({
        "resourceType": "StructureDefinition", "id": "nl-core-BodyWeight", "type": "Observation", "fhirVersion": "4.0.1",
        "url": "http://nictiz.nl/fhir/StructureDefinition/nl-core-BodyWeight", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "differential": {"element": [{"id": "Observation", "path": "Observation"}, element]},
    });
    std::fs::create_dir_all(folder.join("nl-core")).unwrap();
    let text = serde_json::to_string_pretty(&profile).unwrap();
    std::fs::write(folder.join("nl-core/nl-core-BodyWeight.json"), text).unwrap();
}

const PACKAGES: &str = "[profiles]\npackages = [\"nl-core\"]\n";

#[test]
fn check_tells_what_is_wrong_in_every_part_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let patches = folder.path().join("patches/ons");
    std::fs::create_dir_all(&patches).unwrap();
    std::fs::write(
        patches.join("report.toml"),
        "[every.set]\n\"colour\" = { const = \"red\" }\n",
    )
    .unwrap();
    let text = format!(
        "{HEAD}[tenant.amaris]\ntimezone = \"Europe/Utopia\"\n\
         [tenant.topaz]\nmap_patches = \"patches\"\n\
         [tenant.topaz.ons]\nbase_url = \"https://ecd.example/\"\nca_file = \"ca.pem\"\ncertificate_file = \"own.pem\"\n\
         key_file = \"own.key\"\n\
         [tenant.treant]\nreport_types = [\"101\", \"999\"]\n[tenant.treant.folder]\ndir = \"nowhere\"\n"
    );
    let (code, out, told) = check(folder.path(), &text);
    assert_eq!(code, Some(1), "{out}{told}");
    for line in [
        "inzage.toml:8: tenant.amaris.timezone: ",
        "inzage.toml:13: tenant.topaz.ons.ca_file: ca.pem cannot be read",
        "inzage.toml:14: tenant.topaz.ons.certificate_file: own.pem cannot be read",
        "inzage.toml:15: tenant.topaz.ons.key_file: own.key cannot be read",
        "inzage.toml:17: tenant.treant.report_types: the map ons/report knows no type 999",
        "inzage.toml:19: tenant.treant.folder.dir: nowhere is no folder",
        "tenant topaz: patches/ons/report.toml:2: colour: ",
    ] {
        assert!(told.contains(line), "no `{line}` in\n{told}");
    }
    // A slip in a line that every resource has is one slip.
    let slips: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("patches/ons/report.toml:2"))
        .collect();
    assert_eq!(slips.len(), 1, "{told}");
    assert!(slips[0].contains("profiles of the map"), "{told}");
    assert!(!out.contains("in order"), "{out}");
}

#[test]
fn check_tells_of_a_file_that_is_no_toml_only_that() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, told) = check(folder.path(), &HEAD.replace("dir = \"outbox\"", "dir = outbox"));
    assert_eq!(code, Some(1), "{told}");
    let problems: Vec<&str> = told.lines().filter(|line| line.starts_with("inzage.toml")).collect();
    assert!(
        !problems.is_empty() && problems.iter().all(|line| line.starts_with("inzage.toml:6: toml: ")),
        "{told}"
    );
    assert!(!told.contains("is missing"), "{told}");
}

#[test]
fn check_makes_no_database_and_migrates_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inzage.db");
    let names = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let text = format!("{HEAD}[database]\nurl = \"sqlite:inzage.db\"\n[tenant.topaz]\nname = \"Topaz\"\n");
    let (code, out, told) = check(folder.path(), &text);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        out.contains("does not exist yet; it is made at the first start"),
        "{out}"
    );
    assert!(
        !told.contains("inzage key generate"),
        "a trial makes its keys itself: {told}"
    );
    assert_eq!(names(), ["inzage.toml", "master.key"]);

    // A database without a schema, as an old one would be.
    std::fs::write(&file, "").unwrap();
    let (code, out, told) = check(folder.path(), &text);
    assert_eq!(code, Some(0), "{told}");
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite")).unwrap();
    let behind = format!(
        "the schema is {} migration(s) behind; run `inzage migrate`",
        files.count()
    );
    assert!(out.contains(&behind), "{out}");
    assert_eq!(std::fs::read(&file).unwrap(), b"");
    assert_eq!(names(), ["inzage.db", "inzage.toml", "master.key"]);

    assert_eq!(run(folder.path(), &text, &["migrate"]).0, Some(0));
    let before = (std::fs::read(&file).unwrap(), names());
    let (code, out, told) = check(folder.path(), &text);
    assert_eq!(code, Some(0), "{told}");
    assert!(!out.contains("behind") && out.contains("in order"), "{out}");
    assert_eq!((std::fs::read(&file).unwrap(), names()), before);
}

/// The report map of the program, changed and put in the place of that one for a tenant.
fn own_map(folder: &Path, from: &str, to: &str) {
    let map = include_str!("../../mappings/ons/report.toml");
    let mut print = secret::hex(&secret::sha256(map.as_bytes()));
    print.truncate(16);
    assert!(map.contains(from));
    std::fs::create_dir_all(folder.join("own/ons")).unwrap();
    let text = format!("replaces = \"{print}\"\n{}", map.replace(from, to));
    std::fs::write(folder.join("own/ons/report.toml"), text).unwrap();
}

#[test]
fn serve_judges_a_policy_by_the_tenants_own_maps() {
    let folder = tempfile::tempdir().unwrap();
    own_map(folder.path(), "not = [101,", "not = [901,");
    // A port that is taken: what is in order goes no further.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let head = HEAD.replace(
        "[secrets]",
        &format!("listen = \"{address}\"\n[database]\nurl = \"sqlite:inzage.db\"\n[secrets]"),
    );
    for (own, named, problem) in [
        ("", "101", None),
        ("", "901", Some("no type 901")),
        ("map_patches = \"own\"\n", "101", Some("no type 101")),
        ("map_patches = \"own\"\n", "901", None),
    ] {
        let text = format!(
            "{head}[tenant.topaz]\n{own}report_types = [\"{named}\"]\n[tenant.topaz.folder]\ndir = \"lines\"\n"
        );
        let (code, _, told) = run(folder.path(), &text, &["serve"]);
        assert_eq!(code, Some(2), "{own}{named}: {told}");
        match problem {
            Some(problem) => {
                assert!(told.contains("tenant.topaz.report_types: "), "{own}{named}: {told}");
                assert!(told.contains(problem), "{own}{named}: {told}");
            }
            None => assert!(told.contains("is taken or not ours"), "{own}{named}: {told}"),
        }
    }
}

#[test]
fn serve_tells_what_is_wrong_with_the_maps_of_every_tenant_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = HEAD.replace("[secrets]", "[database]\nurl = \"sqlite:inzage.db\"\n[secrets]");
    for (tenant, colour) in [("topaz", "red"), ("treant", "blue")] {
        let patches = folder.path().join(tenant).join("ons");
        std::fs::create_dir_all(&patches).unwrap();
        let patch = format!("[every.set]\n\"colour\" = {{ const = \"{colour}\" }}\n");
        std::fs::write(patches.join("report.toml"), patch).unwrap();
        text += &format!("[tenant.{tenant}]\nmap_patches = \"{tenant}\"\n");
    }
    let (code, _, told) = run(folder.path(), &text, &["serve"]);
    assert_eq!(code, Some(2), "{told}");
    for tenant in ["topaz", "treant"] {
        assert!(told.contains(&format!("{tenant}/ons/report.toml:2: colour")), "{told}");
    }
}

#[test]
fn news_that_cannot_be_shown_is_a_warning_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{HEAD}[database]\nurl = \"sqlite:inzage.db\"\n[tenant.topaz.help]\nnews_file = \"news.txt\"\nnews_file_en = \"en.txt\"\n"
    );
    let (code, _, told) = check(folder.path(), &text);
    assert_eq!(code, Some(0), "no file, no news: {told}");
    assert!(!told.contains("news"), "{told}");
    std::fs::write(folder.path().join("news.txt"), [0xff]).unwrap();
    std::fs::write(folder.path().join("en.txt"), "x".repeat(5000)).unwrap();
    let (code, out, told) = check(folder.path(), &text);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("inzage.toml:10: tenant.topaz.help.news_file: news.txt is no text in UTF-8"),
        "{told}"
    );
    assert!(
        told.contains("inzage.toml:11: tenant.topaz.help.news_file_en: en.txt is longer than 4096 bytes"),
        "{told}"
    );
    assert!(out.contains("in order"), "{out}");
}

#[tokio::test]
async fn check_refuses_production_without_keys_or_without_a_database() {
    let fresh = fresh().await;
    let head = HEAD.replace("http://127.0.0.1:8080/", "https://gateway.example/");
    let tenant = "[tenant.topaz]\nname = \"Topaz\"\n";
    for url in [fresh.url.as_str(), "sqlite:none.db"] {
        let text = format!("{head}[database]\nurl = \"{url}\"\n{tenant}");
        let (code, out, told) = check(fresh.folder.path(), &text);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains("`inzage key generate`"), "{told}");
        assert!(!out.contains("in order"), "{out}");
    }
}

#[test]
fn map_try_checks_what_a_resource_claims_against_a_loaded_package() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = "[tenant.topaz]\nname = \"Topaz\"\n";
    let weight = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/ons/report/30-gewicht.in.json");
    let words = ["map", "try", "ons/report", weight, "--tenant", "topaz"];
    let (code, out, told) = run(folder.path(), &format!("{HEAD}{tenant}"), &words);
    assert_eq!(code, Some(0), "{out}{told}");

    package(
        folder.path(),
        &json!({"id": "Observation.bodySite", "path": "Observation.bodySite", "min": 1}),
    );
    let with = format!("{HEAD}{PACKAGES}{tenant}");
    let (code, out, told) = run(folder.path(), &with, &words);
    assert_eq!(code, Some(1), "{out}{told}");
    assert!(out.contains("Observation.bodySite"), "{out}");

    // A fault in the package is told with file, line and element, by every command that reads it.
    package(
        folder.path(),
        &json!({"id": "Observation.colour", "path": "Observation.colour", "min": 1}),
    );
    for (words, code) in [(&words[..], 2), (&["check"], 1), (&["serve"], 2)] {
        let (found, _, told) = run(folder.path(), &with, words);
        assert_eq!(found, Some(code), "{words:?}: {told}");
        let place = told.lines().find(|line| line.contains("nl-core-BodyWeight.json:"));
        assert!(
            place.is_some_and(|line| line.contains("Observation.colour")),
            "{words:?}: {told}"
        );
    }
}

#[test]
fn map_try_tells_what_a_sync_would_put_into_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let weight = include_str!("../../mappings/ons/report/30-gewicht.in.json");
    let good: Value = serde_json::from_str(weight).unwrap();
    let with = |field: &str, value: Value| {
        let mut record = good.clone();
        record[field] = value;
        record
    };
    for (record, place) in [
        (with("reportTypeId", json!("101")), "/reportTypeId"),
        (with("comment", json!(5)), "/comment"),
        (json!([]), "not a record"),
    ] {
        std::fs::write(folder.path().join("record.json"), record.to_string()).unwrap();
        let words = ["map", "try", "ons/report", "record.json"];
        let (code, out, told) = run(folder.path(), HEAD, &words);
        assert!(code.is_some_and(|code| code > 0), "{record}: {out}{told}");
        assert!(format!("{out}{told}").contains(place), "{record}: {out}{told}");
    }
}

#[test]
fn what_the_maps_make_of_their_examples_meets_nl_core_where_they_claim_it() {
    let packages = ["r4-base", "r4-snapshots", "r4-nl-core-0.12.1-beta.1"];
    let packages = packages.map(|name| shared(&format!("fhir/packages/{name}")));
    let Some(packages) = packages.into_iter().collect::<Option<Vec<_>>>() else {
        return;
    };
    let registry = Registry::load(None, &packages).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let weight = "http://nictiz.nl/fhir/StructureDefinition/nl-core-BodyWeight";
    assert!(registry.validator(weight).is_some());
    let report = mapping::check(&Files::builtin(), &registry);
    assert!(report.ok, "{}", report.text);
}
