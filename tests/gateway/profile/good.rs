//! One ordinary resource for each profile; the bad ones are made from these.

use serde_json::{Value, json};

const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";
const UCUM: &str = "http://unitsofmeasure.org";
const OWN: &str = "https://inzage.dev/fhir/CodeSystem/meetsoort";

/// The good resource of a profile or type.
pub(crate) fn good(profile: &str) -> Value {
    match profile {
        "inzage-Client" => json!({
            "resourceType": "Patient", "id": "c1",
            "meta": {"versionId": "1", "lastUpdated": "2026-11-22T10:00:00.000Z", "profile": ["http://nictiz.nl/fhir/StructureDefinition/nl-core-Patient"]},
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Mevrouw &amp; meer</p></div>"},
            "identifier": [
                {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "_value": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}},
                {"system": "urn:oid:2.16.840.1.113883.2.4.6.3.1", "value": "c1", "period": {"start": "2020-01-01", "end": "2026"}}],
            "active": true,
            "name": [{"use": "official", "text": "Jannie de Vries", "family": "de Vries",
                "_family": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/humanname-own-prefix", "valueString": "de"},
                    {"url": "http://hl7.org/fhir/StructureDefinition/humanname-own-name", "valueString": "Vries"}]},
                "given": ["Jannie", "J."],
                "_given": [{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier", "valueCode": "BR"}]}, null]}],
            "telecom": [{"system": "phone", "value": "x", "use": "home", "rank": 1}],
            "gender": "female", "birthDate": "1940-02-29",
            "deceasedBoolean": false,
            "address": [{"use": "home", "line": ["Dorpsstraat 1"], "city": "Zwolle",
                "_line": [{"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName", "valueString": "Dorpsstraat"}]}]}],
            "contact": [{"name": {"text": "Piet"}}],
            "generalPractitioner": [{"reference": "Practitioner/p1", "display": "Huisarts"}]
        }),
        "inzage-Contactpersoon" => json!({
            "resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/c1"},
            "relationship": [{"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.22.472", "code": "24"}]}],
            "name": [{"text": "Piet de Vries"}], "gender": "male"
        }),
        "inzage-Medewerker" => json!({
            "resourceType": "Practitioner", "id": "p1",
            "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/agb-z", "value": "03012345"}],
            "name": [{"text": "A. Bakker"}],
            "qualification": [{"code": {"text": "Verpleegkundige"}}]
        }),
        "inzage-Persoon" => json!({
            "resourceType": "Person", "id": "a1", "name": [{"text": "Piet"}],
            "link": [{"target": {"reference": "RelatedPerson/r1"}, "assurance": "level2"}]
        }),
        "inzage-Rapportage" => json!({
            "resourceType": "Observation", "id": "o1",
            "extension": [{"url": "https://inzage.dev/fhir/StructureDefinition/inzage-RapportageTitel", "valueString": "Ochtend"}],
            "status": "final",
            "code": {"coding": [{"system": SNOMED, "code": "11591000146107", "display": "patiëntcontactverslag"}]},
            "subject": {"reference": "Patient/c1", "display": "Jannie"},
            "effectiveDateTime": "2026-11-22T09:30:00+01:00",
            "performer": [{"reference": "Practitioner/p1", "display": "A. Bakker"}],
            "valueString": "Mevrouw heeft goed geslapen.\nOntbeten met smaak."
        }),
        "inzage-RapportageDocument" => json!({
            "resourceType": "DocumentReference", "id": "d1", "status": "current",
            "type": {"coding": [{"system": LOINC, "code": "34746-8"}]},
            "subject": {"reference": "Patient/c1"}, "date": "2026-11-22T09:30:00Z",
            "author": [{"reference": "Practitioner/p1"}],
            "content": [{"attachment": {"contentType": "text/plain", "data": "R29lZA==", "size": 4}}]
        }),
        "inzage-SoepRapportage" => json!({
            "resourceType": "Composition", "id": "s1", "status": "final",
            "type": {"coding": [{"system": SNOMED, "code": "11591000146107"}]},
            "subject": {"reference": "Patient/c1"}, "date": "2026-11-22T09:30:00Z",
            "author": [{"reference": "Practitioner/p1"}], "title": "SOEP",
            "section": [{"code": {"coding": [{"system": SNOMED, "code": "255362007"}]}, "entry": [{"reference": "Observation/s1-s"}]}]
        }),
        "inzage-SoepRegel" => json!({
            "resourceType": "Observation", "id": "s1-s", "status": "final",
            "code": {"coding": [{"system": SNOMED, "code": "129265001"}]},
            "subject": {"reference": "Patient/c1"}, "effectiveDateTime": "2026-11-22", "valueString": "Gaat beter."
        }),
        "inzage-Gewicht" => vital(
            LOINC,
            &["29463-7"],
            json!({"valueQuantity": {"value": 71.50, "unit": "kg", "system": UCUM, "code": "kg"}}),
        ),
        "inzage-Temperatuur" => vital(
            LOINC,
            &["8310-5"],
            json!({"valueQuantity": {"value": 36.8, "unit": "°C", "system": UCUM, "code": "Cel"}}),
        ),
        "inzage-Saturatie" => vital(
            LOINC,
            &["2708-6", "59408-5"],
            json!({"valueQuantity": {"value": 97, "unit": "%", "system": UCUM, "code": "%"}}),
        ),
        "inzage-Lengte" => vital(LOINC, &["8302-2"], quantity("168", "cm")),
        "inzage-Bmi" => vital(LOINC, &["39156-5"], quantity("22.7", "kg/m2")),
        "inzage-Glucose" => of_category("laboratory", vital(LOINC, &["15074-8"], quantity("6.3", "mmol/L"))),
        "inzage-Inr" => of_category("laboratory", vital(LOINC, &["6301-6"], quantity("2.5", "{INR}"))),
        "inzage-VochtIn" => vital(SNOMED, &["251852001"], quantity("200", "mL")),
        "inzage-VochtUit" => vital(SNOMED, &["251841007"], quantity("350", "mL")),
        "inzage-Ontlasting" => vital(SNOMED, &["111989001"], json!({"valueString": "Normaal."})),
        "inzage-Bristol" => vital(
            SNOMED,
            &["443172007"],
            json!({"valueCodeableConcept": {"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.3.1", "code": "Type 4"}]}}),
        ),
        "inzage-Stemming" => of_category("survey", vital(SNOMED, &["85256008"], json!({"valueInteger": 4}))),
        "inzage-Klinimetrie" => of_category("survey", vital(OWN, &["klinimetrie"], quantity("23", "{score}"))),
        "inzage-Voortgang" => {
            let mut resource = good("inzage-Rapportage");
            resource["focus"] = json!([{"reference": "Goal/g1"}]);
            resource["component"] = json!([{"code": {"coding": [{"system": OWN, "code": "voortgang"}]},
                "valueQuantity": {"value": 70, "unit": "%", "system": UCUM, "code": "%"}}]);
            resource
        }
        "inzage-FamilieBericht" => {
            let mut resource = good("inzage-Rapportage");
            resource["performer"] = json!([{"type": "RelatedPerson", "display": "Marloes (Dochter)"}]);
            resource
        }
        "inzage-Formulier" => json!({
            "resourceType": "Questionnaire", "id": "q1", "url": "https://inzage.dev/fhir/Questionnaire/q1", "title": "4 Valrisico",
            "identifier": [{"system": "https://inzage.dev/fhir/sid/formuliernummer", "value": "4"}], "status": "active",
            "item": [{"linkId": "1", "text": "Gevallen?", "type": "group", "item": [{"linkId": "1.1", "type": "string"}]}]
        }),
        "inzage-IngevuldFormulier" => json!({
            "resourceType": "QuestionnaireResponse", "id": "f1", "questionnaire": "https://inzage.dev/fhir/Questionnaire/q1",
            "status": "completed", "subject": {"reference": "Patient/c1"}, "authored": "2026-11-22T09:30:00+01:00",
            "author": {"reference": "Practitioner/p1"},
            "item": [{"linkId": "1", "text": "Gevallen?", "item": [{"linkId": "1.1", "answer": [{"valueString": "Nee"}]}]}]
        }),
        "inzage-Pijnscore" => vital(SNOMED, &["225908003"], json!({"valueInteger": 3})),
        "inzage-Bloeddruk" => vital(
            LOINC,
            &["85354-9"],
            json!({"component": [part("8480-6", 140), part("8462-4", 80)]}),
        ),
        "inzage-Zorgplan" => json!({
            "resourceType": "CarePlan", "id": "z1", "status": "active", "intent": "plan", "title": "Zorgplan",
            "subject": {"reference": "Patient/c1"}, "period": {"start": "2026-01-01"},
            "addresses": [{"reference": "Condition/n1"}], "goal": [{"reference": "Goal/g1"}],
            "note": [{"authorString": "team", "text": "Besproken"}]
        }),
        "inzage-Zorgactie" => json!({
            "resourceType": "CarePlan", "id": "z2", "status": "active", "intent": "order",
            "category": [{"coding": [{"system": SNOMED, "code": "9632001"}]}],
            "partOf": [{"reference": "CarePlan/z1"}], "subject": {"reference": "Patient/c1"}, "goal": [{"reference": "Goal/g1"}],
            "activity": [{"detail": {"status": "in-progress", "description": "Helpen met wassen",
                "scheduledTiming": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "thu"]}}}}]
        }),
        "inzage-Doel" => json!({
            "resourceType": "Goal", "id": "g1", "lifecycleStatus": "active", "description": {"text": "Zelf wassen"},
            "subject": {"reference": "Patient/c1"}, "startDate": "2026-01-01", "target": [{"dueDate": "2026-12"}]
        }),
        "inzage-Aandachtspunt" => json!({
            "resourceType": "Condition", "id": "n1",
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
            "code": {"text": "Vallen"}, "subject": {"reference": "Patient/c1"}, "onsetDateTime": "2025"
        }),
        "inzage-Afspraak" => json!({
            "resourceType": "Appointment", "id": "b1",
            "extension": [{"url": "https://inzage.dev/fhir/StructureDefinition/inzage-TijdIsIndicatief", "valueBoolean": true}],
            "identifier": [{"system": "urn:oid:1.2.3", "value": "b1"}],
            "status": "booked", "start": "2026-11-23T09:00:00Z", "end": "2026-11-23T09:30:00Z",
            "participant": [{"actor": {"reference": "Patient/c1"}, "status": "accepted"}, {"actor": {"display": "Team 1"}, "status": "accepted"}]
        }),
        "Bundle" => json!({
            "resourceType": "Bundle", "id": "x1", "type": "searchset", "total": 1,
            "link": [{"relation": "self", "url": "https://a/fhir/Observation"}],
            "entry": [{"fullUrl": "https://a/fhir/Observation/o1", "resource": good("inzage-Rapportage"), "search": {"mode": "match"}}]
        }),
        "OperationOutcome" => {
            json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found", "diagnostics": "x", "expression": ["Patient.id"]}]})
        }
        "CapabilityStatement" => json!({
            "resourceType": "CapabilityStatement", "name": "Inzage", "status": "active", "date": "2026-11-22", "kind": "instance",
            "software": {"name": "Inzage"}, "implementation": {"description": "demo", "url": "https://a/fhir"},
            "fhirVersion": "4.0.1", "format": ["json"],
            "rest": [{"mode": "server", "resource": [{"type": "Patient", "interaction": [{"code": "read"}], "searchParam": [{"name": "_id", "type": "token"}]}]}]
        }),
        "Organization" => {
            json!({"resourceType": "Organization", "name": "Zorggroep", "telecom": [{"system": "phone", "value": "x", "use": "work"}]})
        }
        "PractitionerRole" => {
            json!({"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/p1"},
            "availableTime": [{"daysOfWeek": ["mon"], "availableStartTime": "09:00:00"}]})
        }
        other => super::around::good(other).unwrap_or_else(|| panic!("no good resource for {other}")),
    }
}

fn vital(system: &str, codes: &[&str], rest: Value) -> Value {
    let codings: Vec<Value> = codes
        .iter()
        .map(|code| json!({"system": system, "code": code}))
        .collect();
    let mut resource = json!({
        "resourceType": "Observation", "id": "m1", "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": codings}, "subject": {"reference": "Patient/c1"}, "effectiveDateTime": "2026-11-22T09:30:00Z",
        "performer": [{"reference": "Practitioner/p1"}]
    });
    let object = resource.as_object_mut().expect("the literal above is an object");
    object.extend(rest.as_object().expect("a part is an object").clone());
    resource
}

fn quantity(value: &str, unit: &str) -> Value {
    let value: serde_json::Number = value.parse().expect("a number");
    json!({"valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit}})
}

fn of_category(code: &str, mut resource: Value) -> Value {
    resource["category"][0]["coding"][0]["code"] = code.into();
    resource
}

fn part(code: &str, value: u32) -> Value {
    json!({"code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}})
}

/// Every profile and type with a good resource.
pub(crate) const ALL: &[&str] = &[
    "inzage-Client",
    "inzage-Contactpersoon",
    "inzage-Medewerker",
    "inzage-Persoon",
    "inzage-Rapportage",
    "inzage-RapportageDocument",
    "inzage-SoepRapportage",
    "inzage-SoepRegel",
    "inzage-Gewicht",
    "inzage-Temperatuur",
    "inzage-Saturatie",
    "inzage-Pijnscore",
    "inzage-Formulier",
    "inzage-IngevuldFormulier",
    "inzage-Lengte",
    "inzage-Bmi",
    "inzage-Glucose",
    "inzage-Inr",
    "inzage-VochtIn",
    "inzage-VochtUit",
    "inzage-Ontlasting",
    "inzage-Bristol",
    "inzage-Stemming",
    "inzage-Klinimetrie",
    "inzage-Voortgang",
    "inzage-FamilieBericht",
    "inzage-Bloeddruk",
    "inzage-Zorgplan",
    "inzage-Zorgactie",
    "inzage-Doel",
    "inzage-Aandachtspunt",
    "inzage-Afspraak",
    "inzage-Organisatie",
    "inzage-Verzekeraar",
    "inzage-Zorgverlener",
    "inzage-ZorgverlenerRol",
    "inzage-Zorgteam",
    "inzage-Dossiertoegang",
    "inzage-Verzekering",
    "inzage-Zorgperiode",
    "inzage-Abonnement",
    "inzage-Behandelwens",
    "inzage-Vertegenwoordiging",
    "Bundle",
    "OperationOutcome",
    "CapabilityStatement",
    "Organization",
    "PractitionerRole",
];
