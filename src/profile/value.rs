//! What is asked of one value: fixed and pattern values, bindings, ranges and lengths.

use serde_json::Value;

use super::check::Walk;
use super::place::Place;
use super::program::{Bound, Rules};
use super::value_set::{Belongs, Codes};
use crate::fhir::outcome::IssueType;

pub(super) fn check<'a>(walk: &mut Walk<'a>, rules: &'a Rules, code: &str, value: &'a Value, place: &Place<'_>) {
    if let Some(fixed) = &rules.fixed
        && fixed != value
    {
        walk.issue(IssueType::Value, place, &format!("must be exactly {}", short(fixed)));
    }
    if let Some(pattern) = &rules.pattern
        && !matches(pattern, value)
    {
        walk.issue(IssueType::Value, place, &format!("must hold {}", short(pattern)));
    }
    if let Some(bound) = &rules.codes
        && !is_bound(bound, code, value)
    {
        let name = bound.value_set.rsplit('/').next().unwrap_or_default();
        walk.issue(
            IssueType::CodeInvalid,
            place,
            &format!("must be a code of the value set {name}"),
        );
    }
    if let Some(least) = &rules.least
        && compare(value, least).is_some_and(|order| order < 0.0)
    {
        walk.issue(IssueType::Value, place, &format!("must be at least {}", short(least)));
    }
    if let Some(most) = &rules.most
        && compare(value, most).is_some_and(|order| order > 0.0)
    {
        walk.issue(IssueType::Value, place, &format!("must be at most {}", short(most)));
    }
    if let Some(length) = rules.max_length
        && value.as_str().is_some_and(|text| text.chars().count() > length)
    {
        walk.issue(
            IssueType::TooLong,
            place,
            &format!("may have at most {length} characters"),
        );
    }
}

/// What a profile asks for, as JSON; it is the text of a definition, not input.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(140) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Does the value hold everything that the pattern has?
pub(super) fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .all(|(key, wanted)| found.get(key).is_some_and(|found| matches(wanted, found))),
        (Value::Array(wanted), Value::Array(found)) => wanted
            .iter()
            .all(|wanted| found.iter().any(|found| matches(wanted, found))),
        _ => pattern == value,
    }
}

/// Does the value belong to the set? A concept does when one of its codings does.
pub(super) fn belongs(codes: &Codes, value: &Value) -> Belongs {
    let text = |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    match value {
        Value::String(code) => codes.has(None, code),
        Value::Object(object) => match object.get("coding").and_then(Value::as_array) {
            Some(codings) => {
                let mut best = Belongs::No;
                for coding in codings {
                    match belongs(codes, coding) {
                        Belongs::Yes => return Belongs::Yes,
                        Belongs::Unknown => best = Belongs::Unknown,
                        Belongs::No => {}
                    }
                }
                best
            }
            None => match text(value, "code") {
                Some(code) => codes.has(Some(&text(value, "system").unwrap_or_default()), &code),
                None => Belongs::No,
            },
        },
        _ => Belongs::No,
    }
}

fn is_bound(bound: &Bound, code: &str, value: &Value) -> bool {
    // A value that is left out with a reason has no code to judge, and a quantity without a coded unit neither.
    let no_code = match code {
        "CodeableConcept" => value.get("coding").is_none() && value.get("extension").is_some(),
        "Coding" => value.get("code").is_none() && (value.get("extension").is_some() || value.get("_code").is_some()),
        "Quantity" | "Age" | "Duration" | "Count" | "Distance" => value.get("code").is_none(),
        _ => false,
    };
    no_code || belongs(&bound.codes, value) != Belongs::No
}

/// Below zero when the value is the smaller one; quantities are compared when their units are the same.
fn compare(value: &Value, limit: &Value) -> Option<f64> {
    let number = |one: &Value| one.as_f64().or_else(|| one.get("value").and_then(Value::as_f64));
    if limit.is_object() && limit.get("code") != value.get("code") {
        return None;
    }
    Some(number(value)? - number(limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_asks_for_a_part() {
        let pattern = json!({"coding": [{"system": "a", "code": "b"}]});
        assert!(matches(
            &pattern,
            &json!({"text": "x", "coding": [{"system": "c", "code": "d"}, {"system": "a", "code": "b", "display": "e"}]})
        ));
        assert!(!matches(
            &pattern,
            &json!({"coding": [{"system": "a", "code": "d"}, {"system": "c", "code": "b"}]})
        ));
        assert!(!matches(&pattern, &json!({})));
    }

    #[test]
    fn quantities_compare_in_the_same_unit_only() {
        assert_eq!(
            compare(&json!({"value": 5, "code": "kg"}), &json!({"value": 3, "code": "kg"})),
            Some(2.0)
        );
        assert_eq!(
            compare(&json!({"value": 5, "code": "g"}), &json!({"value": 3, "code": "kg"})),
            None
        );
        assert_eq!(compare(&json!(1), &json!(2)), Some(-1.0));
    }
}
