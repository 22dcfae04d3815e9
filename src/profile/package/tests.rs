use super::*;
use serde_json::json;

fn structure(elements: Value) -> Value {
    json!({
        "resourceType": "StructureDefinition", "id": "p", "url": "urn:p", "type": "Observation", "fhirVersion": "4.0.1",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation", "derivation": "constraint",
        "differential": {"element": elements}
    })
}

fn load(files: &[(&str, String)]) -> Result<Library, Vec<Problem>> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    library(Some(dir.path()), &[], None)
}

#[test]
fn all_problems_are_reported_with_file_line_and_element() {
    let element = |path: &str| json!({"id": path, "path": path, "min": 1});
    let bad = structure(
        json!([element("Observation.code"), element("Observation.colour"), {"id": "Observation.status", "path": "Observation.status", "min": 0}]),
    );
    let problems = load(&[
        ("a.json", serde_json::to_string_pretty(&bad).unwrap()),
        ("b.json", "{\n  \"resourceType\": }".into()),
        ("c.json", json!({"resourceType": "StructureDefinition"}).to_string()),
    ])
    .unwrap_err();
    let short: Vec<_> = problems
        .iter()
        .map(|one| (one.file.rsplit('/').next().unwrap(), one.element.as_str()))
        .collect();
    for place in [
        ("a.json", "Observation.colour"),
        ("a.json", "Observation.status"),
        ("b.json", ""),
        ("c.json", "url"),
    ] {
        assert!(short.contains(&place), "{place:?} in {short:?}");
    }
    assert!(problems.iter().all(|one| one.line > 0), "{problems:?}");
}

#[test]
fn a_differential_may_not_loosen_its_base() {
    for (element, message) in [
        (
            json!({"id": "Observation.code", "path": "Observation.code", "min": 0}),
            "min is below that of the base",
        ),
        (
            json!({"id": "Observation.subject", "path": "Observation.subject", "max": "*"}),
            "max is above that of the base",
        ),
        (
            json!({"id": "Observation.code", "path": "Observation.code", "type": [{"code": "string"}]}),
            "a type is not one of the base",
        ),
    ] {
        let problems = load(&[("a.json", structure(json!([element])).to_string())]).unwrap_err();
        assert_eq!(problems[0].message, message);
    }
}

#[test]
fn a_base_that_is_not_there_is_a_problem() {
    let mut orphan = structure(json!([{"id": "Observation", "path": "Observation"}]));
    orphan["baseDefinition"] = "urn:nowhere".into();
    let problems = load(&[("a.json", orphan.to_string())]).unwrap_err();
    assert_eq!(problems[0].message, "the base definition is not known");
}

#[test]
fn a_package_is_read_from_a_tgz_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.tgz");
    let file = std::fs::File::create(&path).unwrap();
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    let text = structure(json!([{"id": "Observation.subject", "path": "Observation.subject", "min": 1}])).to_string();
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "package/p.json", text.as_bytes()).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    let library = library(None, &[path], None).unwrap();
    assert_eq!(
        library.find("urn:p").unwrap().rule("Observation.subject").unwrap().min,
        1
    );
}

#[test]
fn what_was_loaded_has_a_version_and_a_package_of_nothing_is_a_problem() {
    assert_eq!(library(None, &[], None).unwrap().version, "");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("package.json"), "{\"name\": \"nothing\"}").unwrap();
    let packages = [dir.path().to_owned()];
    let problems = library(None, &packages, None).unwrap_err();
    assert!(
        problems[0].message.contains("holds no StructureDefinition"),
        "{problems:?}"
    );
    let subject =
        |min: u8| structure(json!([{"id": "Observation.subject", "path": "Observation.subject", "min": min}]));
    let version = |min| {
        std::fs::write(dir.path().join("p.json"), subject(min).to_string()).unwrap();
        library(None, &packages, None).unwrap().version
    };
    let first = version(0);
    assert!(!first.is_empty() && first != version(1) && first == version(0));
    std::fs::write(dir.path().join("p.json"), &subject(0).to_string()[1..]).unwrap();
    let problems = library(None, &packages, None).unwrap_err();
    assert!(
        problems[0].file.ends_with("p.json") && problems[0].message == "is not JSON",
        "{problems:?}"
    );
}

#[test]
fn a_package_that_is_not_there_is_a_problem() {
    assert_eq!(library(None, &["/nowhere/x.tgz".into()], None).unwrap_err().len(), 1);
    assert_eq!(library(Some(Path::new("/nowhere")), &[], None).unwrap_err().len(), 1);
}
