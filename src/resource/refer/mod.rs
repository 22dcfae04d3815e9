//! References from one source record's resources to another's, and what becomes of them when the other is not there.
//!
//! # Design
//! The resources of one record refer to each other and come and go together; to clients and care workers everything refers, and
//! these have rules of their own. Two references lead from one record to another: a report is about a goal of the care plan
//! (`focus`), and a plan replaces an earlier one (`replaces`). The other record may be withdrawn, held back, in quarantine, or in
//! another dossier by now, without a word about the one that refers to it. A reference that leads nowhere makes an app ask for what
//! is not there, and tells that there was something; so it is left out, and every profile admits that.

pub(crate) mod store;

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::Value;

pub use store::{absent, let_go_of};

use super::{Draft, Error, Indexed};
use crate::fhir::types::{Id, ResourceType};

/// A member, the type that has it, and the type that it refers to.
const ACROSS: [(&str, ResourceType, ResourceType); 2] = [
    ("focus", ResourceType::Observation, ResourceType::Goal),
    ("replaces", ResourceType::CarePlan, ResourceType::CarePlan),
];

/// What a reference leads to.
pub type Target = (ResourceType, Id);

/// Which type refers by this name to one of these, and how its text shows that it may.
pub(super) fn referring(gone: &[Target]) -> Vec<(ResourceType, String)> {
    let asked = ACROSS
        .iter()
        .filter(|(_, _, to)| gone.iter().any(|(kind, _)| kind == to));
    asked.map(|(name, from, _)| (*from, sign(name))).collect()
}

/// How the member begins in a text that the store holds.
fn sign(name: &str) -> String {
    format!(r#""{name}":["#)
}

/// The member of this type that leads to another record, if the text has it.
fn member(kind: ResourceType, body: &str) -> Option<(&'static str, ResourceType)> {
    let (name, _, to) = ACROSS.iter().find(|(_, from, _)| *from == kind)?;
    body.contains(&sign(name)).then_some((*name, *to))
}

/// What an element of the member leads to.
fn leads_to(element: &Value, to: ResourceType) -> Option<Target> {
    let (kind, id) = element["reference"].as_str()?.split_once('/')?;
    let id = id.split_once('/').map_or(id, |(id, _)| id);
    (kind == to.as_str()).then_some((to, Id::parse(id)?))
}

/// What this resource refers to in other records.
pub(crate) fn targets(indexed: &Indexed) -> Vec<Target> {
    let Draft { kind, body, .. } = &indexed.draft;
    let Some((name, to)) = member(*kind, body) else {
        return Vec::new();
    };
    let resource: Value = serde_json::from_str(body).unwrap_or_default();
    let elements = resource[name].as_array().into_iter().flatten();
    elements.filter_map(|element| leads_to(element, to)).collect()
}

/// The resource without its references to these; none if it has no such reference.
pub(crate) fn without(indexed: &Indexed, gone: &BTreeSet<Target>, zone: &TimeZone) -> Result<Option<Indexed>, Error> {
    let draft = &indexed.draft;
    match cut(draft.kind, &draft.body, gone) {
        Some(resource) => with_body(draft.kind, draft.id.clone(), draft.patient.clone(), &resource, zone).map(Some),
        None => Ok(None),
    }
}

/// The same for a text that is stored, version and all.
pub(super) fn stored_without(
    kind: ResourceType,
    id: Id,
    patient: &Id,
    body: &str,
    gone: &BTreeSet<Target>,
    zone: &TimeZone,
) -> Result<Option<Indexed>, Error> {
    let Some(mut resource) = cut(kind, body, gone) else {
        return Ok(None);
    };
    if let Some(meta) = resource["meta"].as_object_mut() {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
    }
    with_body(kind, id, Some(patient.clone()), &resource, zone).map(Some)
}

fn cut(kind: ResourceType, body: &str, gone: &BTreeSet<Target>) -> Option<Value> {
    let (name, to) = member(kind, body)?;
    let mut resource: Value = serde_json::from_str(body).ok()?;
    let elements = resource.get_mut(name)?.as_array_mut()?;
    let count = elements.len();
    elements.retain(|element| leads_to(element, to).is_none_or(|target| !gone.contains(&target)));
    let (is_cut, is_empty) = (elements.len() < count, elements.is_empty());
    if is_empty {
        resource.as_object_mut()?.shift_remove(name);
    }
    is_cut.then_some(resource)
}

fn with_body(
    kind: ResourceType,
    id: Id,
    patient: Option<Id>,
    resource: &Value,
    zone: &TimeZone,
) -> Result<Indexed, Error> {
    let draft = Draft {
        kind,
        id,
        patient,
        body: resource.to_string(),
    };
    draft.index(resource, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(id: &str) -> Target {
        (ResourceType::Goal, Id::parse(id).unwrap())
    }

    fn report(rest: &str) -> Indexed {
        let body = format!(
            r#"{{"resourceType":"Observation","id":"o1","meta":{{"profile":["urn:x"]}},"status":"final"{rest}}}"#
        );
        let resource: Value = serde_json::from_str(&body).unwrap();
        let draft = Draft {
            kind: ResourceType::Observation,
            id: Id::parse("o1").unwrap(),
            patient: Id::parse("p1"),
            body,
        };
        draft.index(&resource, &TimeZone::UTC).unwrap()
    }

    #[test]
    fn what_a_report_is_about_is_found_and_left_out_alone() {
        let two = report(
            r#","focus":[{"reference":"Goal/g1","display":"Doel"},{"reference":"Goal/g2/_history/3"}],"valueString":"\"focus\":[""#,
        );
        assert_eq!(targets(&two), [goal("g1"), goal("g2")]);
        let rest = without(&two, &[goal("g1")].into(), &TimeZone::UTC).unwrap().unwrap();
        assert_eq!(targets(&rest), [goal("g2")]);
        let none = without(&two, &[goal("g1"), goal("g2")].into(), &TimeZone::UTC)
            .unwrap()
            .unwrap();
        assert_eq!(
            none,
            report(r#","valueString":"\"focus\":[""#),
            "an empty list is no FHIR"
        );
        assert_eq!(without(&two, &[goal("g3")].into(), &TimeZone::UTC).unwrap(), None);
    }

    #[test]
    fn other_references_and_texts_that_look_like_one_stay() {
        for rest in [
            "",
            r#","valueString":"\"focus\":[{\"reference\":\"Goal/g1\"}]""#,
            r#","focus":[{"reference":"Practitioner/g1"},{"display":"Doel"}]"#,
            r#","hasMember":[{"reference":"Goal/g1"}]"#,
        ] {
            assert_eq!(
                without(&report(rest), &[goal("g1")].into(), &TimeZone::UTC).unwrap(),
                None,
                "{rest}"
            );
        }
    }

    #[test]
    fn a_stored_text_becomes_what_a_map_would_have_made() {
        let body = r#"{"resourceType":"Observation","id":"o1","meta":{"versionId":"4","lastUpdated":"2026-11-22T06:00:00Z","profile":["urn:x"]},"status":"final","focus":[{"reference":"Goal/g1"}],"valueQuantity":{"value":1.50}}"#;
        let (id, patient) = (Id::parse("o1").unwrap(), Id::parse("p1").unwrap());
        let cut = stored_without(
            ResourceType::Observation,
            id,
            &patient,
            body,
            &[goal("g1")].into(),
            &TimeZone::UTC,
        );
        assert_eq!(cut.unwrap().unwrap(), report(r#","valueQuantity":{"value":1.50}"#));
    }
}
