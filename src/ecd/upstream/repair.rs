//! What is done to a resource before a map reads it: references get the id that they point at, what must not travel goes.

use jiff::Timestamp;
use serde_json::{Map, Value};
use url::Url;

use crate::ecd::{bsn, version_of};
use crate::fhir::types::Id;

/// Members that no map may read: text for people, resources inside a resource.
const NEVER: [&str; 2] = ["text", "contained"];

/// The number of a person, in the systems of the Netherlands.
const BSN: [&str; 2] = [
    "http://fhir.nl/fhir/NamingSystem/bsn",
    "urn:oid:2.16.840.1.113883.2.4.6.3",
];

/// Whether a patient has a number that nobody has.
pub(super) fn has_wrong_bsn(patient: &Value) -> bool {
    let identifiers = patient["identifier"].as_array().into_iter().flatten();
    let mut numbers = identifiers.filter(|one| BSN.iter().any(|system| one["system"] == *system));
    numbers.any(|one| bsn::is_wrong(&one["value"]))
}

/// Repairs a resource in place; `client` is whose dossier it belongs to.
pub(super) fn resource(body: &mut Value, base: &Url, client: Option<&str>) {
    let Value::Object(members) = body else { return };
    for name in NEVER {
        members.shift_remove(name);
    }
    if let Some(Value::Array(identifiers)) = members.get_mut("identifier") {
        identifiers.retain(|one| !BSN.iter().any(|system| one["system"] == *system));
    }
    walk(body, base);
    if let (Value::Object(members), Some(client)) = (body, client) {
        members.insert("client".to_owned(), client.into());
    }
}

fn walk(value: &mut Value, base: &Url) {
    match value {
        Value::Object(members) => {
            // Only what is read out of a reference here counts as a key.
            members.shift_remove("key");
            let target = members
                .get("reference")
                .and_then(Value::as_str)
                .and_then(|at| target(at, base));
            if let Some((kind, id)) = target {
                members.insert("type".to_owned(), kind.into());
                members.insert("key".to_owned(), id.into());
            }
            members.values_mut().for_each(|inner| walk(inner, base));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| walk(inner, base)),
        _ => {}
    }
}

/// Type and id of what a reference to this server points at.
pub(super) fn target(reference: &str, base: &Url) -> Option<(String, String)> {
    let path = match reference.strip_prefix(base.as_str()) {
        Some(path) => path,
        None if reference.contains(':') || reference.starts_with(['#', '/']) => return None,
        None => reference,
    };
    let mut parts = path.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) | (Some("_history"), Some(_), None) => {}
        _ => return None,
    }
    let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphabetic());
    (is_type && Id::parse(id).is_some()).then(|| (kind.to_owned(), id.to_owned()))
}

/// Every local reference below `value` to a resource of this type.
pub(super) fn keys_of<'a>(value: &'a Value, kind: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            if members.contains_key("reference") && members.get("type").is_some_and(|of| of == kind) {
                found.extend(members.get("key").and_then(Value::as_str));
            }
            members.values().for_each(|inner| keys_of(inner, kind, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| keys_of(inner, kind, found)),
        _ => {}
    }
}

/// Writes the name beside references that have none: `name_of` knows it by type and id.
pub(super) fn name(value: &mut Value, name_of: &impl Fn(&str, &str) -> Option<String>) {
    match value {
        Value::Object(members) => {
            let named = members.get("display").is_some();
            if let (false, Some(Value::String(kind)), Some(Value::String(key))) =
                (named, members.get("type"), members.get("key"))
                && let Some(display) = name_of(kind, key)
            {
                members.insert("display".to_owned(), display.into());
            }
            members.values_mut().for_each(|inner| name(inner, name_of));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| name(inner, name_of)),
        _ => {}
    }
}

/// What people call somebody, out of the first HumanName.
pub(super) fn full_name(person: &Value) -> Option<String> {
    let first: &Map<String, Value> = person.get("name")?.get(0)?.as_object()?;
    if let Some(text) = first.get("text").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let given = first.get("given").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<&str> = given.chain(first.get("family")).filter_map(Value::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// `meta.lastUpdated` in sortable form.
pub(super) fn version(resource: &Value) -> String {
    let at = resource.pointer("/meta/lastUpdated").and_then(Value::as_str);
    at.and_then(|at| at.parse::<Timestamp>().ok())
        .map(version_of)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_to_this_server_gets_its_key_and_another_none() {
        let base = Url::parse("https://fhir.example/r4/").unwrap();
        let at = |text: &str| target(text, &base).map(|(kind, id)| format!("{kind} {id}"));
        for good in [
            "Practitioner/a-1",
            "https://fhir.example/r4/Practitioner/a-1",
            "Practitioner/a-1/_history/3",
        ] {
            assert_eq!(at(good).as_deref(), Some("Practitioner a-1"), "{good}");
        }
        for bad in [
            "#inner",
            "urn:uuid:5d3b",
            "https://evil.example/r4/Practitioner/a-1",
            "Practitioner/a b",
            "Practitioner",
            "Practitioner/a/b/c",
            "/Practitioner/a",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_of_persons_and_texts_do_not_travel() {
        let base = Url::parse("https://fhir.example/r4/").unwrap();
        let mut patient = json!({
            "resourceType": "Patient", "text": {"div": "x"}, "contained": [{"resourceType": "Patient"}],
            "identifier": [{"system": BSN[0], "value": "999990019"}, {"system": "urn:other", "value": "7"}],
            "generalPractitioner": [{"reference": "https://evil.example/Practitioner/1", "key": "1"}],
            "managingOrganization": {"reference": "Organization/o1"},
            "link": [{"other": {"type": "Patient", "key": "p2"}}],
        });
        resource(&mut patient, &base, Some("p1"));
        assert_eq!(
            patient,
            json!({
                "resourceType": "Patient", "identifier": [{"system": "urn:other", "value": "7"}],
                "generalPractitioner": [{"reference": "https://evil.example/Practitioner/1"}],
                "managingOrganization": {"reference": "Organization/o1", "type": "Organization", "key": "o1"},
                "link": [{"other": {"type": "Patient"}}], "client": "p1",
            })
        );
    }
}
