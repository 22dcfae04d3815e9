//! A resource of each type that every declared parameter finds.

use serde_json::{Value, json};

use crate::fhir::search::{COMMON, params};
use crate::fhir::types::ResourceType;

/// A resource of each type with a value for every declared parameter.
pub(super) fn complete(kind: ResourceType) -> Value {
    let concept = |code: &str| json!({"coding": [{"system": "urn:s", "code": code}]});
    let to = |reference: &str| json!({"reference": reference});
    let identifier = json!([{"system": "urn:s", "value": "identifier"}]);
    let period = json!({"start": "2026-03-29", "end": "2026-03-29"});
    match kind {
        ResourceType::Appointment => json!({
            "identifier": identifier, "status": "status", "start": "2026-03-29T10:00:00+02:00",
            "serviceCategory": [concept("service-category")], "serviceType": [concept("service-type")],
            "specialty": [concept("specialty")], "appointmentType": concept("appointment-type"),
            "participant": [{"actor": to("Patient/p1")}, {"actor": to("Practitioner/c1")}],
        }),
        ResourceType::CarePlan => json!({
            "identifier": identifier, "status": "status", "intent": "intent", "category": [concept("category")],
            "subject": to("Patient/p1"), "period": period, "goal": [to("Goal/g")], "addresses": [to("Condition/c")],
            "partOf": [to("CarePlan/a")], "replaces": [to("CarePlan/b")],
            "activity": [{"detail": {"code": concept("activity-code")}}],
        }),
        ResourceType::CareTeam => json!({
            "identifier": identifier, "status": "status", "category": [concept("category")], "subject": to("Patient/p1"),
            "period": period, "participant": [{"member": to("Practitioner/c1")}],
        }),
        ResourceType::Consent => json!({
            "identifier": identifier, "status": "status", "scope": concept("scope"), "category": [concept("category")],
            "patient": to("Patient/p1"), "dateTime": "2026-03-29", "provision": {"period": period},
        }),
        ResourceType::Contract => json!({
            "identifier": identifier, "status": "status", "issued": "2026-03-29", "subject": [to("Patient/p1")],
        }),
        ResourceType::Coverage => json!({
            "identifier": identifier, "status": "status", "type": concept("type"), "beneficiary": to("Patient/p1"),
            "payor": [to("Organization/o1")], "class": [{"type": concept("class-type"), "value": "x"}],
        }),
        ResourceType::EpisodeOfCare => json!({
            "identifier": identifier, "status": "status", "type": [concept("type")], "patient": to("Patient/p1"),
            "period": period,
        }),
        ResourceType::Organization => json!({"identifier": identifier, "active": true, "type": [concept("type")]}),
        ResourceType::PractitionerRole => json!({
            "identifier": identifier, "active": true, "practitioner": to("Practitioner/c1"),
            "organization": to("Organization/o1"), "code": [concept("role")], "specialty": [concept("specialty")],
        }),
        ResourceType::Composition => json!({
            "identifier": identifier[0], "status": "status", "type": concept("type"), "category": [concept("category")],
            "subject": to("Patient/p1"), "date": "2026-03-29", "author": [to("Practitioner/c1")],
            "section": [{"entry": [to("Observation/o")]}],
        }),
        ResourceType::Condition => json!({
            "identifier": identifier, "clinicalStatus": concept("clinical-status"), "code": concept("code"),
            "verificationStatus": concept("verification-status"), "category": [concept("category")],
            "subject": to("Patient/p1"), "onsetDateTime": "2026-03-29", "recordedDate": "2026-03-29",
        }),
        ResourceType::DocumentReference => json!({
            "masterIdentifier": identifier[0], "status": "status", "type": concept("type"), "category": [concept("category")],
            "subject": to("Patient/p1"), "date": "2026-03-29T10:00:00Z", "author": [to("Practitioner/c1")],
            "context": {"period": period, "related": [to("Observation/o")]},
        }),
        ResourceType::Goal => json!({
            "identifier": identifier, "lifecycleStatus": "lifecycle-status", "achievementStatus": concept("achievement-status"),
            "category": [concept("category")], "subject": to("Patient/p1"), "startDate": "2026-03-29",
        }),
        ResourceType::Observation => json!({
            "identifier": identifier, "status": "status", "category": [concept("category")], "code": concept("code"),
            "subject": to("Patient/p1"), "effectiveDateTime": "2026-03-29", "performer": [to("Practitioner/c1")],
            "valueCodeableConcept": concept("value-concept"), "hasMember": [to("Observation/m")],
            "derivedFrom": [to("DocumentReference/d")],
        }),
        ResourceType::Patient => json!({
            "identifier": identifier, "active": true, "gender": "gender", "birthDate": "2026-03-29",
            "deceasedDateTime": "2026-03-29", "generalPractitioner": [to("Practitioner/c1")],
        }),
        ResourceType::Person => json!({"identifier": identifier}),
        ResourceType::Practitioner => json!({"identifier": identifier, "active": true, "gender": "gender"}),
        ResourceType::Questionnaire => json!({"identifier": identifier, "status": "status", "date": "2026-03-29"}),
        ResourceType::QuestionnaireResponse => json!({
            "identifier": identifier[0], "status": "status", "authored": "2026-03-29", "subject": to("Patient/p1"),
            "author": to("Practitioner/c1"), "questionnaire": "https://inzage.dev/fhir/Questionnaire/r1",
        }),
        ResourceType::RelatedPerson => json!({
            "identifier": identifier, "active": true, "patient": to("Patient/p1"), "relationship": [concept("relationship")],
            "gender": "gender", "birthDate": "2026-03-29",
        }),
    }
}

/// A value of the parameter that the complete resource has, and one that it has not.
pub(super) fn hit_and_miss(kind: ResourceType, name: &str) -> (String, &'static str) {
    use crate::fhir::search::Kind;
    let param = params(kind)
        .iter()
        .chain(COMMON)
        .find(|param| param.name == name)
        .unwrap();
    match param.kind {
        Kind::Id => ("r1".to_owned(), "r2"),
        Kind::LastUpdated => ("2026-11-22".to_owned(), "2026-11-23"),
        Kind::Patient => ("Patient/p1".to_owned(), "Patient/p2"),
        Kind::Date(_) => ("2026-03-29".to_owned(), "2026-03-30"),
        Kind::Token { .. } if name == "active" => ("true".to_owned(), "false"),
        Kind::Token { .. } => (name.to_owned(), "other"),
        Kind::Reference => {
            let target = match name {
                "goal" => "Goal/g",
                "condition" => "Condition/c",
                "part-of" => "CarePlan/a",
                "replaces" => "CarePlan/b",
                "entry" | "related" => "Observation/o",
                "has-member" => "Observation/m",
                "questionnaire" => "Questionnaire/r1",
                "payor" | "organization" => "Organization/o1",
                "derived-from" => "DocumentReference/d",
                _ => "Practitioner/c1",
            };
            (target.to_owned(), "Practitioner/other")
        }
    }
}
