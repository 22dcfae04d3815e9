//! Good resources of the people and organisations around a client.

use serde_json::{Value, json};

/// The good resource of a profile, if it is one of these.
pub(super) fn good(profile: &str) -> Option<Value> {
    Some(match profile {
        "inzage-Organisatie" => json!({
            "resourceType": "Organization", "id": "u1", "name": "Apotheek Centrum",
            "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": "02000001"}],
            "type": [{"coding": [{"system": "http://nictiz.nl/fhir/NamingSystem/organization-type", "code": "J8", "display": "Openbare apotheek"}]}],
            "telecom": [{"system": "phone", "value": "x"}]
        }),
        "inzage-Verzekeraar" => json!({
            "resourceType": "Organization", "id": "u2", "name": "Voorbeeld Zorgverzekeraar",
            "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/uzovi", "value": "9664"}]
        }),
        "inzage-Zorgverlener" => json!({
            "resourceType": "Practitioner", "id": "p9", "name": [{"text": "J. Brink", "family": "Brink"}],
            "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": "01000001"}]
        }),
        "inzage-ZorgverlenerRol" => json!({
            "resourceType": "PractitionerRole", "id": "pr1",
            "practitioner": {"reference": "Practitioner/p9", "display": "J. Brink"},
            "organization": {"reference": "Organization/u1", "display": "Huisartsenpraktijk De Brink"},
            "specialty": [{"coding": [{"system": "http://fhir.nl/fhir/NamingSystem/uzi-rolcode", "code": "01.015", "display": "Huisarts"}]}]
        }),
        "inzage-Zorgteam" => json!({
            "resourceType": "CareTeam", "id": "t1", "status": "active", "name": "Zorgteam",
            "category": [{"coding": [{"system": "http://loinc.org", "code": "LA28865-6"}]}],
            "subject": {"reference": "Patient/c1"},
            "participant": [
                {"role": [{"text": "EVV"}], "member": {"reference": "Practitioner/p1", "display": "A. Bakker"}, "period": {"start": "2026-01-01"}},
                {"role": [{"text": "Apotheek"}], "member": {"reference": "Organization/u1"}}]
        }),
        "inzage-Dossiertoegang" => json!({
            "resourceType": "CareTeam", "id": "t2", "status": "active",
            "category": [{"coding": [{"system": "https://inzage.dev/fhir/CodeSystem/care-team-category", "code": "dossier-access"}]}],
            "subject": {"reference": "Patient/c1"},
            "participant": [{"member": {"reference": "Practitioner/p1"}, "onBehalfOf": {"reference": "Organization/u1"}}]
        }),
        "inzage-Verzekering" => json!({
            "resourceType": "Coverage", "id": "v1", "status": "active",
            "type": {"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.60.101.5.1", "code": "B"}]},
            "beneficiary": {"reference": "Patient/c1"}, "period": {"start": "2026-01-01"},
            "payor": [{"reference": "Organization/u2"}]
        }),
        "inzage-Zorgperiode" => json!({
            "resourceType": "EpisodeOfCare", "id": "e1", "status": "finished", "patient": {"reference": "Patient/c1"},
            "statusHistory": [{"status": "onhold", "period": {"start": "2026-02-01", "end": "2026-02-09"}}],
            "period": {"start": "2024-01-01", "end": "2026-09-22"}
        }),
        "inzage-Abonnement" => json!({
            "resourceType": "Contract", "id": "a9", "status": "executed", "title": "Was- en linnenservice",
            "type": {"coding": [{"system": "https://inzage.dev/fhir/CodeSystem/contract-type", "code": "subscription"}]},
            "subject": [{"reference": "Patient/c1"}], "applies": {"start": "2026-01-01"},
            "term": [{"offer": {"text": "17.50/week"}}]
        }),
        "inzage-Behandelwens" => json!({
            "resourceType": "Consent", "id": "w2", "status": "active",
            "extension": [{"url": "http://nictiz.nl/fhir/StructureDefinition/ext-Comment", "valueString": "Besproken."}],
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
            "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "129125009"}]}],
            "patient": {"reference": "Patient/c1"}, "dateTime": "2026-09-04", "policy": [{"uri": "https://wetten.overheid.nl/"}],
            "provision": {"type": "deny", "period": {"start": "2026-09-04"},
                "code": [{"coding": [{"system": "http://snomed.info/sct", "code": "89666000"}]}]}
        }),
        "inzage-Vertegenwoordiging" => json!({
            "resourceType": "Condition", "id": "w1",
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
            "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "151701000146105"}]}],
            "code": {"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.23.3", "code": "8"}]},
            "subject": {"reference": "Patient/c1"}
        }),
        _ => return None,
    })
}
