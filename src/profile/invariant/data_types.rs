//! The invariants of the data types.

use jiff::Timestamp;
use serde_json::Value;

use super::{Focus, Law, decimal, has, has_choice, items, text};
use crate::fhir::terms::UCUM;

pub(super) fn named(key: &str) -> Option<Law> {
    Some(match key {
        "ext-1" => |at| has(at.value, "extension") != has_choice(at.value, "value"),
        "ref-1" => reference,
        "per-1" => |at| in_order(text(at.value, "start"), text(at.value, "end")),
        "att-1" => |at| !has(at.value, "data") || has(at.value, "contentType"),
        "cpt-2" => |at| !has(at.value, "value") || has(at.value, "system"),
        "qty-3" => |at| !has(at.value, "code") || has(at.value, "system"),
        "sqty-1" => |at| !has(at.value, "comparator"),
        "age-1" => |at| ucum(at.value) && decimal(at.value, "value").is_none_or(|value| value > 0.0),
        "cnt-3" => count,
        "dis-1" => |at| ucum(at.value),
        "drt-1" => |at| !has(at.value, "code") || (text(at.value, "system") == Some(UCUM) && has(at.value, "value")),
        "rng-2" => range,
        "rat-1" => |at| {
            let (above, below) = (has(at.value, "numerator"), has(at.value, "denominator"));
            above == below && (above || has(at.value, "extension"))
        },
        "exp-1" => |at| has(at.value, "expression") || has(at.value, "reference"),
        "drq-1" | "drq-2" => |at| has(at.value, "path") != has(at.value, "searchParam"),
        "trd-1" => |at| !has(at.value, "data") || !has_choice(at.value, "timing"),
        "trd-2" => |at| !has(at.value, "condition") || has(at.value, "data"),
        "trd-3" => trigger,
        "tim-1" => |at| !has(at.value, "duration") || has(at.value, "durationUnit"),
        "tim-2" => |at| !has(at.value, "period") || has(at.value, "periodUnit"),
        "tim-4" => |at| decimal(at.value, "duration").is_none_or(|value| value >= 0.0),
        "tim-5" => |at| decimal(at.value, "period").is_none_or(|value| value >= 0.0),
        "tim-6" => |at| !has(at.value, "periodMax") || has(at.value, "period"),
        "tim-7" => |at| !has(at.value, "durationMax") || has(at.value, "duration"),
        "tim-8" => |at| !has(at.value, "countMax") || has(at.value, "count"),
        "tim-9" => |at| {
            let meal = |when: &Value| matches!(when.as_str(), Some("C" | "CM" | "CD" | "CV"));
            let when = items(at.value, "when");
            !has(at.value, "offset") || (!when.is_empty() && !when.iter().any(meal))
        },
        "tim-10" => |at| !has(at.value, "timeOfDay") || !has(at.value, "when"),
        _ => return None,
    })
}

fn reference(at: Focus<'_>) -> bool {
    let Some(id) = text(at.value, "reference").and_then(|reference| reference.strip_prefix('#')) else {
        return true;
    };
    // `#` alone is the resource around a contained one.
    (id.is_empty() && !std::ptr::eq(at.root, at.resource))
        || items(at.root, "contained")
            .iter()
            .any(|one| text(one, "id") == Some(id))
}

fn ucum(value: &Value) -> bool {
    (has(value, "code") || !has(value, "value")) && text(value, "system").is_none_or(|system| system == UCUM)
}

fn count(at: Focus<'_>) -> bool {
    let whole = at
        .value
        .get("value")
        .is_none_or(|value| !value.to_string().contains('.'));
    ucum(at.value) && text(at.value, "code").is_none_or(|code| code == "1") && whole
}

fn range(at: Focus<'_>) -> bool {
    let side = |name: &str| at.value.get(name).and_then(|quantity| decimal(quantity, "value"));
    match (side("low"), side("high")) {
        (Some(low), Some(high)) => low <= high,
        _ => true,
    }
}

fn trigger(at: Focus<'_>) -> bool {
    match text(at.value, "type") {
        Some("named-event") => has(at.value, "name"),
        Some("periodic") => has_choice(at.value, "timing"),
        Some(data) if data.starts_with("data-") => has(at.value, "data"),
        _ => true,
    }
}

/// Is the first not after the second? What the precision leaves open counts as in order.
pub(super) fn in_order(first: Option<&str>, second: Option<&str>) -> bool {
    let (Some(first), Some(second)) = (first, second) else {
        return true;
    };
    if let (Ok(first), Ok(second)) = (first.parse::<Timestamp>(), second.parse::<Timestamp>()) {
        return first <= second;
    }
    let common = first.len().min(second.len()).min(10);
    first.as_bytes()[..common] <= second.as_bytes()[..common]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_compared_as_far_as_they_are_precise() {
        let order = |a, b| in_order(Some(a), Some(b));
        assert!(order("2026-01-01", "2026-01-01"));
        assert!(order("2026-01-15", "2026-01"));
        assert!(order("2026-01-01T10:00:00+01:00", "2026-01-01T09:30:00Z"));
        assert!(!order("2026-01-01T10:00:00Z", "2026-01-01T10:30:00+01:00"));
        assert!(!order("2026-02", "2026-01-31"));
        assert!(in_order(None, Some("2026")));
    }
}
