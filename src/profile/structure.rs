//! Reads a StructureDefinition in JSON: its snapshot when it has one, else its differential over a known base.

use serde_json::Value;

use super::definition::{
    Binding, Constraint, Definition, Discriminator, DiscriminatorKind, Origin, Required, Rule, Slicing, TypeRef,
    unversioned,
};
use crate::fhir::terms::HL7_PROFILES;

/// A StructureDefinition as read; a differential still has to be applied to its base.
#[derive(Debug)]
pub(super) struct Structure {
    pub(super) definition: Definition,
    /// The canonical of the base when `definition.rules` is only a differential.
    pub(super) base: Option<String>,
    /// What the elements of a differential say themselves, in the order of its rules.
    pub(super) changes: Vec<Change>,
}

/// Which fields of a rule a differential sets; the others come from the base.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub(super) min: bool,
    pub(super) max: bool,
    pub(super) types: bool,
}

/// What is wrong in a StructureDefinition: the element and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) element: String,
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn new(element: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            element: element.into(),
            message: message.into(),
        }
    }
}

impl Structure {
    pub(super) fn read(json: &Value, file: &str, origin: Origin) -> Result<Self, Wrong> {
        let need = |key: &str| text(json, key).ok_or_else(|| Wrong::new(key, "is missing or no text"));
        let url = unversioned(need("url")?).to_owned();
        let kind = need("type")?;
        let kind = kind.rsplit('/').next().unwrap_or(kind).to_owned();
        let name = text(json, "id")
            .or_else(|| url.rsplit('/').next())
            .unwrap_or_default()
            .to_owned();
        let snapshot = json.pointer("/snapshot/element").and_then(Value::as_array);
        let (elements, base) = match (
            snapshot,
            json.pointer("/differential/element").and_then(Value::as_array),
        ) {
            (Some(elements), _) => (elements, None),
            (None, Some(elements)) => (elements, Some(unversioned(need("baseDefinition")?).to_owned())),
            (None, None) => return Err(Wrong::new("", "has neither a snapshot nor a differential")),
        };
        let context = json.get("context").and_then(Value::as_array).into_iter().flatten();
        let context = context.map(|one| match text(one, "type") {
            Some("element") => text(one, "expression").unwrap_or("Element").to_owned(),
            // A context by FHIRPath or by extension is not judged.
            _ => "Element".to_owned(),
        });
        let mut rules = Vec::with_capacity(elements.len());
        let mut changes = Vec::new();
        for element in elements {
            let (rule, change) = rule(element, &kind)?;
            rules.push(rule);
            changes.push(change);
        }
        if rules.is_empty() {
            return Err(Wrong::new("", "has no elements"));
        }
        let origin = if origin == Origin::Package && text(json, "derivation") == Some("specialization") {
            Origin::Type
        } else {
            origin
        };
        let definition = Definition {
            url,
            name,
            kind,
            origin,
            rules,
            file: file.to_owned(),
            context: context.collect(),
        };
        Ok(Self {
            definition,
            base,
            changes,
        })
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn rule(element: &Value, kind: &str) -> Result<(Rule, Change), Wrong> {
    let path = text(element, "path").ok_or_else(|| Wrong::new(kind, "an element has no path"))?;
    let id = text(element, "id").unwrap_or(path);
    if path.split('.').next() != Some(kind) || id.split('.').count() != path.split('.').count() {
        return Err(Wrong::new(
            id,
            "the id must be the path with slice names, and start with the type",
        ));
    }
    let wrong = |message: &str| Wrong::new(id, message);
    let min = match element.get("min") {
        None => 0,
        Some(min) => min
            .as_u64()
            .and_then(|min| u32::try_from(min).ok())
            .ok_or_else(|| wrong("min is no number"))?,
    };
    let max = match text(element, "max") {
        None | Some("*") => None,
        Some(max) => Some(max.parse().map_err(|_| wrong("max is neither a number nor *"))?),
    };
    if max.is_some_and(|max| min > max) {
        return Err(wrong("min is above max"));
    }
    let base_max = element.pointer("/base/max").and_then(Value::as_str);
    let mut value = None;
    let mut least = None;
    let mut most = None;
    for (key, content) in element.as_object().into_iter().flatten() {
        if key.starts_with("fixed") {
            value = Some(Required::Fixed(content.clone()));
        } else if key.starts_with("pattern") {
            value = Some(Required::Pattern(content.clone()));
        } else if key.starts_with("minValue") {
            least = Some(content.clone());
        } else if key.starts_with("maxValue") {
            most = Some(content.clone());
        }
    }
    let types: Vec<TypeRef> = list(element, "type")
        .map(type_of)
        .collect::<Option<_>>()
        .ok_or_else(|| wrong("a type has no code"))?;
    let change = Change {
        min: element.get("min").is_some(),
        max: element.get("max").is_some(),
        types: !types.is_empty(),
    };
    let rule = Rule {
        id: id.to_owned(),
        base: element
            .pointer("/base/path")
            .and_then(Value::as_str)
            .unwrap_or(path)
            .to_owned(),
        min,
        max,
        array: base_max
            .or(text(element, "max"))
            .is_none_or(|max| max != "1" && max != "0"),
        types,
        content: text(element, "contentReference").map(|at| at.rsplit('#').next().unwrap_or(at).to_owned()),
        binding: binding(element),
        value,
        least,
        most,
        max_length: element
            .get("maxLength")
            .and_then(Value::as_u64)
            .and_then(|length| usize::try_from(length).ok()),
        slicing: element
            .get("slicing")
            .map(|one| slicing(one).ok_or_else(|| wrong("the slicing is not understood")))
            .transpose()?,
        constraints: list(element, "constraint").filter_map(constraint).collect(),
        expected: element.get("mustSupport").and_then(Value::as_bool) == Some(true),
    };
    Ok((rule, change))
}

fn type_of(of: &Value) -> Option<TypeRef> {
    let code = text(of, "code")?;
    // Ids and the like are FHIRPath strings; the FHIR type stands in an extension.
    let code = match code.strip_prefix("http://hl7.org/fhirpath/System.") {
        Some(system) => list(of, "extension")
            .find_map(|one| text(one, "valueUrl"))
            .map_or_else(|| lower(system), str::to_owned),
        None => code.rsplit('/').next().unwrap_or(code).to_owned(),
    };
    let canonicals = |key: &str| -> Vec<String> {
        list(of, key)
            .filter_map(Value::as_str)
            .map(|url| unversioned(url).to_owned())
            .collect()
    };
    let any = format!("{HL7_PROFILES}Resource");
    let targets = Some(canonicals("targetProfile")).filter(|targets| !targets.contains(&any));
    Some(TypeRef {
        code,
        profiles: canonicals("profile"),
        targets: targets.unwrap_or_default(),
    })
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

fn binding(element: &Value) -> Option<Binding> {
    let binding = element.get("binding")?;
    let value_set = text(binding, "valueSet")?;
    (text(binding, "strength") == Some("required")).then(|| Binding {
        value_set: unversioned(value_set).to_owned(),
    })
}

fn slicing(slicing: &Value) -> Option<Slicing> {
    let by = list(slicing, "discriminator").map(|one| {
        let kind = match text(one, "type")? {
            "value" | "pattern" => DiscriminatorKind::Value,
            "exists" => DiscriminatorKind::Exists,
            "type" => DiscriminatorKind::Type,
            "profile" => DiscriminatorKind::Profile,
            _ => return None,
        };
        Some(Discriminator {
            kind,
            path: text(one, "path")?.to_owned(),
        })
    });
    Some(Slicing {
        by: by.collect::<Option<_>>()?,
        closed: text(slicing, "rules") == Some("closed"),
    })
}

fn constraint(one: &Value) -> Option<Constraint> {
    let key = text(one, "key")?;
    // The walk checks ele-1 everywhere, the reader of narratives txt-1 and txt-2; dom-6 is advice.
    let silent = matches!(key, "ele-1" | "txt-1" | "txt-2" | "dom-6");
    (!silent).then(|| Constraint {
        key: key.to_owned(),
        warning: text(one, "severity") == Some("warning"),
        text: text(one, "human").unwrap_or(key).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_element_gives_a_rule() {
        let json = json!({"url": "urn:p|1", "id": "p", "type": "Observation", "snapshot": {"element": [
            {"id": "Observation", "path": "Observation", "min": 0, "max": "*"},
            {"id": "Observation.category:vs", "path": "Observation.category", "min": 1, "max": "1", "base": {"path": "Observation.category", "max": "*"},
             "type": [{"code": "CodeableConcept"}], "patternCodeableConcept": {"coding": [{"code": "x"}]}}]}});
        let read = Structure::read(&json, "p.json", Origin::Package).unwrap();
        let rule = &read.definition.rules[1];
        assert_eq!(
            (rule.slice(), rule.unsliced(), rule.name()),
            (Some("vs"), "Observation.category", "category")
        );
        assert!(rule.array, "JSON keeps the array of the base");
        assert!(matches!(rule.value, Some(Required::Pattern(_))));
    }

    #[test]
    fn mistakes_name_their_element() {
        for (element, place) in [
            (json!({"path": "Patient.name"}), "Patient.name"),
            (
                json!({"path": "Observation.code", "min": 2, "max": "1"}),
                "Observation.code",
            ),
            (json!({"path": "Observation.code", "max": "many"}), "Observation.code"),
            (json!({"path": "Observation.code", "min": -1}), "Observation.code"),
            (json!({"path": "Observation.code", "type": [{}]}), "Observation.code"),
            (
                json!({"path": "Observation.code", "slicing": {"discriminator": [{"type": "magic", "path": "x"}]}}),
                "Observation.code",
            ),
        ] {
            let json = json!({"url": "urn:p", "type": "Observation", "baseDefinition": "urn:b", "differential": {"element": [element]}});
            assert_eq!(
                Structure::read(&json, "p.json", Origin::Own).unwrap_err().element,
                place
            );
        }
        let none = json!({"url": "urn:p", "type": "Observation"});
        assert!(Structure::read(&none, "p.json", Origin::Own).is_err());
    }
}
