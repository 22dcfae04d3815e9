//! The commands for integrators, given what is wrong: each fault is told with file, line, element and remedy, all at once.

use std::path::Path;
use std::process::Command;

const CONFIG: &str = r#"
[server]
public_url = "http://127.0.0.1:8080/"
[database]
url = "sqlite:inzage.db"
[secrets]
master_key_file = "master.key"
[sms]
transport = "drawer"
dir = "outbox"
[tenant.mijnzorg]
name = "Mijn Zorg"
map_patches = "patches"
"#;

/// What the program says, and with which code it ends.
fn say(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_inzage"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

#[test]
fn a_wrong_record_map_or_file_is_told_with_its_place_and_what_to_do() {
    let dir = folder(&[
        ("cut.json", "{\n  \"id\": 7,\n"),
        ("list.json", "[{}]"),
        (
            "broken.json",
            r#"{"id": "7", "clientId": 1, "reportTypeId": "101", "hidden": false}"#,
        ),
        ("text.json", r#"{"hello": 1}"#),
    ]);
    for (arguments, code, wanted) in [
        (
            "map try ons/reprot broken.json",
            1,
            &["no map `ons/reprot`; did you mean `ons/report`?"][..],
        ),
        ("map try ons/report none.json", 2, &["none.json cannot be read"]),
        (
            "map try ons/report cut.json",
            2,
            &["cut.json:3: not JSON", "name a file with one record"],
        ),
        ("map try ons/report list.json", 2, &["list.json:1: not a record"]),
        (
            "map try ons/report broken.json",
            1,
            &[
                "broken.json breaks the contract ons/report.source.json",
                "  /id: ",
                "  /reportTypeId: ",
                "Dropped by the rule `confidential`",
            ],
        ),
        ("map explain ons/cliënt", 1, &["did you mean `ons/client`?"]),
        (
            "map coverage something",
            1,
            &["no map `something`; there are `caress/agenda-occurrence`"],
        ),
        (
            "map check --mappings nowhere",
            2,
            &["--mappings nowhere: cannot be read"],
        ),
        (
            "contract diff cut.json text.json",
            1,
            &["cut.json:3: not JSON", "text.json:1: neither a JSON Schema"],
        ),
        ("contract diff none.json text.json", 2, &["none.json cannot be read"]),
    ] {
        let (ended, text) = say(dir.path(), &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(ended, code, "{arguments}: {text}");
        for part in wanted {
            assert!(text.contains(part), "{arguments} does not say `{part}`: {text}");
        }
    }
}

#[test]
fn every_slip_of_a_map_is_told_at_once_and_so_is_every_slip_of_a_patch() {
    let map = r#"map = "ons/report"
[[drop]]
rule = "hidden"
reason = "hidden"
when = { field = "hiden", not = false }
[[resource]]
type = "Observation"
profile = "inzage-Rapportage"
id = ["ons", "report", "id"]
[resource.set]
"statuss" = { const = "final" }
"valueString" = { text = "coment" }
"code" = { concept = "reportTypeId", table = "ons-report-knd" }
"#;
    let patch = r#"[resource.inzage-Rapportage.set]
"note[7].text" = { remove = true }
"efectiveDateTime" = { instant = "reportingDate" }
[resource.inzage-Gewich.set]
"status" = { const = "final" }
"#;
    let dir = folder(&[
        ("maps/ons/report.toml", map),
        ("inzage.toml", CONFIG),
        ("patches/ons/report.toml", patch),
        ("patches/ons/raport.toml", ""),
        ("patches/ons/client.json", "{}"),
        (
            "patches/tables/ons-domain.json",
            r#"{"group": [{"target": "urn:none", "element": null}]}"#,
        ),
    ]);
    let (code, text) = say(dir.path(), &["map", "check", "--mappings", "maps"]);
    assert_eq!(code, 1, "{text}");
    for line in [
        "ons/report.toml:5: drop.hidden: the source has no field `hiden` here; did you mean `hidden`?",
        "ons/report.toml:11: statuss: `inzage-Rapportage` has no element `statuss`; did you mean `status`?",
        "ons/report.toml:12: valueString: the source has no field `coment` here; did you mean `comment`?",
        "ons/report.toml:13: code: no table `ons-report-knd`; did you mean `ons-report-kind`?",
    ] {
        assert!(text.contains(line), "not told: {line}\n{text}");
    }
    let (code, _) = say(dir.path(), &["key", "new", "--file", "master.key"]);
    assert_eq!(code, 0);
    let (code, text) = say(dir.path(), &["map", "explain", "ons/report", "--tenant", "mijnzorg"]);
    assert_eq!(code, 2, "{text}");
    for line in [
        "patches/ons/report.toml:2: resource.inzage-Rapportage.set.note[7].text: there is no such line to remove",
        "patches/ons/report.toml:3: efectiveDateTime: `inzage-Rapportage` has no element `efectiveDateTime`; did you mean `effectiveDateTime`?",
        "patches/ons/report.toml:4: resource.inzage-Gewich: the map has no resource `inzage-Gewich`; did you mean `inzage-Gewicht`?",
        "patches/ons/raport.toml:1: there is no map with this path, so the patch would do nothing; did you mean `ons/report`?",
        "patches/ons/client.json:1: patches nothing",
        "patches/tables/ons-domain.json:1: group[urn:none]: there is no such member to remove",
    ] {
        assert!(text.contains(line), "not told: {line}\n{text}");
    }
}

#[test]
fn an_organisation_names_its_own_domains_roles_and_forms_in_a_code_table() {
    let patch = r#"{"group": [{"target": "https://inzage.dev/fhir/CodeSystem/discipline", "element": [
        {"code": "Bewegen", "target": [{"code": "fysiotherapie", "display": "Fysiotherapie", "equivalence": "equal"}]}]}]}"#;
    let record = std::fs::read_to_string("mappings/ons/care-plan/02-minimaal.in.json").unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let domain = serde_json::json!({"id": 1, "name": "Bewegen", "hidden": false});
    let demand = serde_json::json!({"id": 1, "definition": "Stijve heup", "hidden": false, "domain": domain});
    record["carePlanEntries"] = serde_json::json!([{"id": 1, "demandEntry": {"id": 1, "demand": demand}}]);
    let dir = folder(&[
        ("inzage.toml", CONFIG),
        ("patches/tables/ons-discipline.json", patch),
        ("record.json", &record.to_string()),
    ]);
    say(dir.path(), &["key", "new", "--file", "master.key"]);
    let of = ["map", "try", "ons/care-plan", "record.json"];
    let (code, plain) = say(dir.path(), &of);
    assert_eq!(code, 0, "{plain}");
    assert!(!plain.contains("fysiotherapie"), "{plain}");
    let (code, own) = say(dir.path(), &[&of[..], &["--tenant", "mijnzorg"]].concat());
    assert_eq!(code, 0, "{own}");
    assert!(own.contains("\"code\": \"fysiotherapie\""), "{own}");
}
