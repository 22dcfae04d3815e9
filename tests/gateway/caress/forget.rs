//! What one of the two products cannot say, taken out of what the other says.

use inzage::ecd::{Kind, Record};
use serde_json::{Value, json};

/// The ids are keyed hashes over the product's name.
pub(super) fn forget_ids(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|name, value| {
                name != "id" && !(name == "value" && value.as_str().is_some_and(|it| it.len() == 32))
            });
            if let Some(Value::String(reference)) = object.get_mut("reference") {
                reference.truncate(reference.find('/').unwrap_or(0));
            }
            object.values_mut().for_each(forget_ids);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_ids),
        _ => {}
    }
}

/// What the drop has no column for. This is the list of differences between the two products.
pub(super) fn forget_what_caress_cannot_say(resource: &mut Value) {
    let Value::Object(object) = resource else { return };
    match object["resourceType"].as_str().unwrap() {
        "Patient" => {
            object.shift_remove("telecom");
            object.shift_remove("address");
            object.shift_remove("communication");
        }
        "Organization" => {
            // Ons has no phone of a practice; the drop has no number of the other register and no dispensing practice.
            object.shift_remove("telecom");
            if let Some(Value::Array(numbers)) = object.get_mut("identifier") {
                numbers.retain(|number| number["system"] != "http://fhir.nl/fhir/NamingSystem/ura");
            }
            if object
                .get("type")
                .is_some_and(|kind| kind[0]["coding"][0]["code"] == "K3")
            {
                object["type"][0]["coding"][0] = json!({"system": "http://nictiz.nl/fhir/NamingSystem/organization-type",
                    "code": "Z3", "display": "Huisartspraktijk (zelfstandig of groepspraktijk)"});
            }
        }
        // That others may have access as well.
        "CareTeam" => {
            object.shift_remove("note");
            if object["category"][0]["coding"][0]["code"] == "dossier-access" {
                object.shift_remove("name");
            }
        }
        "EpisodeOfCare" => {
            object.shift_remove("statusHistory");
            if object["status"] == "onhold" {
                object["status"] = json!("active");
            }
        }
        "RelatedPerson" => {
            object.shift_remove("gender");
        }
        // The name in parts, and the registration numbers.
        "Practitioner" => {
            object.shift_remove("identifier");
            object["name"] = json!(object["name"][0]["text"]);
        }
        // Who accepted.
        "Appointment" => {
            for participant in object["participant"].as_array_mut().unwrap() {
                participant["status"] = Value::Null;
            }
        }
        // The number of a kind of form stands in its title, and beside it.
        "Questionnaire" => {
            object.shift_remove("identifier");
            object.shift_remove("url");
        }
        "QuestionnaireResponse" => {
            object.shift_remove("questionnaire");
        }
        "CarePlan" => {
            object.shift_remove("created");
        }
        "Observation" | "DocumentReference" => {
            // The heart rate beside the blood pressure.
            if let Some(Value::Array(components)) = object.get_mut("component") {
                components.truncate(2);
            }
            // Which of the family wrote.
            let kind = object.get("category").map(|it| it[0]["coding"][0]["code"] == "familie");
            if kind == Some(true) {
                object.shift_remove("performer");
                object.shift_remove("author");
            }
        }
        _ => {}
    }
}

/// One part that is closed, in a report whose other parts are open; and the second of two equal hours.
pub(super) fn is_said_by_ons_alone(record: &Record) -> bool {
    let parts = record.body["soapReportEntries"].as_array();
    parts.is_some_and(|parts| parts.iter().any(|part| part["confidential"] == true))
        || record.body["reportingDate"] == "2026-10-25T02:30:00.000+01:00"
}

/// The person of a general practitioner, and the stays before the last.
pub(super) fn forget_what_ons_alone_says(record: &mut Record) {
    match record.kind {
        Kind::CareProvider => {
            for field in ["initials", "firstName"] {
                record.body[field] = Value::Null;
            }
        }
        Kind::Stay => {
            let stays = record.body["stays"].as_array_mut().unwrap();
            stays.drain(..stays.len() - 1);
        }
        _ => {}
    }
}
