//! What a path finds, and what is no path.

use super::*;
use serde_json::json;

fn texts(expression: &str, resource: &Value) -> Vec<String> {
    let compiled = Expression::compile(expression).unwrap();
    compiled
        .eval(resource)
        .iter()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect()
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "o1",
        "contained": [{"resourceType": "Patient", "id": "p"}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}, {"system": "urn:x", "code": "w"}]},
        "subject": {"reference": "Patient/1"},
        "performer": [{"reference": "https://a/fhir/Practitioner/2"}, {"reference": "#p"}, {"reference": "urn:uuid:1", "type": "Organization"}],
        "effectivePeriod": {"start": "2026-01-01"},
        "valueQuantity": {"value": 80},
        "category": [{"coding": [{"code": "vital-signs"}]}, {"coding": [{"code": "exam"}]}]
    })
}

#[test]
fn the_choice_types_are_sorted_for_the_search() {
    assert!(CHOICE_TYPES.is_sorted());
}

#[test]
fn a_dotted_path_walks_through_arrays() {
    assert_eq!(
        texts("Observation.category.coding.code", &observation()),
        ["vital-signs", "exam"]
    );
    assert_eq!(texts("Resource.id", &observation()), ["o1"]);
    assert_eq!(texts("Observation.category[1].coding.code", &observation()), ["exam"]);
}

#[test]
fn another_resource_type_selects_nothing() {
    assert!(texts("Condition.code.coding.code", &observation()).is_empty());
}

#[test]
fn a_choice_is_found_with_and_without_its_type() {
    assert_eq!(texts("Observation.effective.start", &observation()), ["2026-01-01"]);
    assert_eq!(
        texts("(Observation.effective as Period).start", &observation()),
        ["2026-01-01"]
    );
    assert_eq!(
        texts("Observation.value.ofType(Quantity).value", &observation()),
        ["80"]
    );
    assert_eq!(texts("Observation.value.as(Quantity).value", &observation()), ["80"]);
    assert!(texts("(Observation.effective as dateTime)", &observation()).is_empty());
}

#[test]
fn a_union_adds_its_branches() {
    assert_eq!(
        texts(
            "Observation.issued | Observation.effective.start|Observation.id",
            &observation()
        ),
        ["2026-01-01", "o1"]
    );
}

#[test]
fn where_keeps_what_is_equal() {
    assert_eq!(
        texts(
            "Observation.code.coding.where(system='http://loinc.org').code",
            &observation()
        ),
        ["29463-7"]
    );
    assert_eq!(
        texts(
            "Observation.code.coding.where(system = 'urn:x' and code = 'w').code",
            &observation()
        ),
        ["w"]
    );
    assert!(texts("Observation.code.coding.where(system='urn:y').code", &observation()).is_empty());
}

#[test]
fn a_reference_is_told_by_its_text_its_type_or_what_is_contained() {
    let refers = |kind: &str| {
        texts(
            &format!("Observation.performer.where(resolve() is {kind}).reference"),
            &observation(),
        )
    };
    assert_eq!(refers("Practitioner"), ["https://a/fhir/Practitioner/2"]);
    assert_eq!(refers("Patient"), ["#p"]);
    assert_eq!(refers("Organization"), ["urn:uuid:1"]);
    assert_eq!(
        texts(
            "Observation.subject.where(resolve() is Patient).reference",
            &observation()
        ),
        ["Patient/1"]
    );
}

#[test]
fn the_type_of_a_reference_is_read_from_its_end() {
    for (text, kind) in [
        ("Patient/1", Some("Patient")),
        ("Patient/1/_history/3", Some("Patient")),
        ("https://x/y/Patient/1", Some("Patient")),
        ("urn:uuid:4", None),
        ("#a", None),
        ("1", None),
        ("Patient/", None),
    ] {
        assert_eq!(reference_type(text), kind, "{text}");
    }
}

#[test]
fn an_element_path_has_names_and_indexes() {
    let path = ElementPath::parse("name[1].given[0]").unwrap();
    assert_eq!(path.steps.len(), 2);
    assert_eq!(
        path.steps[1],
        Step {
            name: "given".into(),
            index: Some(0)
        }
    );
    assert_eq!(ElementPath::parse("value[x]").unwrap().steps[0].name, "value[x]");
    for bad in [
        "", ".", "a.", "a..b", "a[", "a[-1]", "a[99999]", "a[0", "a b", "1a", "a[0]b",
    ] {
        assert!(ElementPath::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for bad in [
        "",
        "Patient.",
        "Patient.name.exists()",
        "Patient.where(a=1)",
        "Patient.name | ",
        "(Patient.name",
        "Patient.x as",
        "(Patient.name as nonsense)",
        "Patient.where(resolve() is)",
        "Patient.name.where(use='x'",
        "a.where(b='c\\'d')",
    ] {
        assert!(Expression::compile(bad).is_err(), "{bad}");
    }
    assert_eq!(Expression::compile("Patient.name.exists()").unwrap_err().offset, 20);
}
