//! `_elements`: a resource with less in it.

use serde_json::{Map, Value, json};

use crate::fhir::types::ResourceType;

/// What R4 says a resource has to have; it is kept whatever is asked.
fn mandatory(kind: ResourceType) -> &'static [&'static str] {
    match kind {
        ResourceType::Appointment => &["status", "participant"],
        ResourceType::CarePlan => &["status", "intent", "subject"],
        ResourceType::Composition => &["status", "type", "date", "author", "title"],
        ResourceType::Condition => &["subject"],
        ResourceType::Coverage => &["status", "beneficiary", "payor"],
        ResourceType::DocumentReference => &["status", "content"],
        ResourceType::EpisodeOfCare => &["status", "patient"],
        ResourceType::Goal => &["lifecycleStatus", "description", "subject"],
        ResourceType::Observation => &["status", "code"],
        ResourceType::RelatedPerson => &["patient"],
        _ => &[],
    }
}

/// The elements that are asked of this type; `None`: all.
pub(super) fn of(kind: ResourceType, asked: &[String]) -> Option<Vec<&str>> {
    let named = asked.iter().filter_map(|element| match element.split_once('.') {
        Some((named, element)) => (named == kind.as_str()).then_some(element),
        None => Some(element.as_str()),
    });
    let named: Vec<&str> = named.collect();
    (!named.is_empty()).then_some(named)
}

/// The resource with these top elements, what is mandatory, and the mark that it is not whole. `None` if it cannot be read.
pub(super) fn cut(kind: ResourceType, body: &str, elements: &[&str]) -> Option<String> {
    let Value::Object(whole) = serde_json::from_str(body).ok()? else {
        return None;
    };
    let kept = |name: &str| {
        // `birthDate` has its extensions in `_birthDate`.
        let name = name.strip_prefix('_').unwrap_or(name);
        ["resourceType", "id", "meta"].contains(&name) || elements.contains(&name) || mandatory(kind).contains(&name)
    };
    let mut part: Map<String, Value> = whole.into_iter().filter(|(name, _)| kept(name)).collect();
    let mark = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"});
    let tags = part.get_mut("meta")?.as_object_mut()?.entry("tag").or_insert(json!([]));
    tags.as_array_mut()?.push(mark);
    Some(Value::Object(part).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_and_what_is_mandatory_stays() {
        let body = r#"{"resourceType":"Goal","id":"g","meta":{"versionId":"1"},"lifecycleStatus":"active","_startDate":{"id":"x"},"startDate":"2026","note":[{"text":"n"}],"description":{"text":"d"},"subject":{"reference":"Patient/a"}}"#;
        let cut: Value = serde_json::from_str(&cut(ResourceType::Goal, body, &["startDate"]).unwrap()).unwrap();
        let names: Vec<_> = cut.as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            names,
            [
                "resourceType",
                "id",
                "meta",
                "lifecycleStatus",
                "_startDate",
                "startDate",
                "description",
                "subject"
            ]
        );
        assert_eq!(cut["meta"]["tag"][0]["code"], "SUBSETTED");
        assert_eq!(cut["meta"]["versionId"], "1");
    }

    #[test]
    fn an_element_of_one_type_says_nothing_of_another() {
        let asked = ["Patient.name".to_owned(), "Goal.note".to_owned()];
        assert_eq!(of(ResourceType::Goal, &asked), Some(vec!["note"]));
        assert_eq!(of(ResourceType::Observation, &asked), None);
    }
}
