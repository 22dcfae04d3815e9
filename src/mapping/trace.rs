//! Which field of the source stands behind an element, and which elements stand behind a field.
//!
//! # Design
//! A fault is found on one side: the validator names an element, a contract names a place in the record. Who puts it right needs the
//! other side too. Both answers come from the compiled map, as those of `explain` do. A field in a list is named without the number
//! of its member (`/reportEntries/*/value`): which member made which element is not kept.

use super::plan::Plan;
use super::reads::line_content;
use super::walk::{Step, walk};

/// A line of a map: the element that it fills, without indices, and the fields that it reads.
struct Row {
    element: String,
    fields: Vec<Vec<String>>,
}

/// More fields than these behind one element, or elements behind one field, help nobody.
const MOST: usize = 3;

impl Plan {
    /// The places in a record, as JSON pointers, that stand behind an element of the resource with this profile; none where the map
    /// takes nothing from the record there.
    pub fn sources(&self, map: &str, profile: &str, expression: &str) -> Vec<String> {
        let element = without_indices(expression);
        // The resource itself comes out of everything.
        if !element.contains('.') {
            return Vec::new();
        }
        let rows = self.rows(map, Some(profile));
        let below = format!("{element}.");
        let mut found: Vec<&Row> = rows
            .iter()
            .filter(|row| row.element == element || row.element.starts_with(&below))
            .collect();
        if found.is_empty() {
            // The line that fills what is around it.
            let around = |row: &&Row| element.starts_with(&format!("{}.", row.element));
            found.extend(rows.iter().filter(around).max_by_key(|row| row.element.len()));
        }
        let pointers = found.iter().flat_map(|row| &row.fields).map(|keys| pointer(keys));
        first_few(pointers)
    }

    /// The elements that a place in a record, a JSON pointer, stands behind.
    pub fn elements(&self, map: &str, pointer: &str) -> Vec<String> {
        let keys: Vec<&str> = pointer
            .split('/')
            .skip(1)
            .map(|key| {
                if key.bytes().all(|b| b.is_ascii_digit()) {
                    "[]"
                } else {
                    key
                }
            })
            .collect();
        if keys.is_empty() {
            return Vec::new();
        }
        let is_behind = |field: &Vec<String>| {
            let same = field.iter().zip(&keys).all(|(one, other)| one == other);
            same && !field.is_empty()
        };
        let rows = self.rows(map, None);
        let found = rows.into_iter().filter(|row| row.fields.iter().any(is_behind));
        first_few(found.map(|row| row.element))
    }

    fn rows(&self, map: &str, profile: Option<&str>) -> Vec<Row> {
        let Some(map) = self.maps.get(map) else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        let wanted = map
            .resources
            .iter()
            .filter(|one| profile.is_none_or(|wanted| *one.profile == *wanted));
        for resource in wanted {
            walk(map, resource, &mut |step, within| {
                if let Step::Line(element, line) = step {
                    rows.push(Row {
                        element: element.to_owned(),
                        fields: line_content(line, within),
                    });
                }
            });
        }
        rows
    }
}

/// `Observation.component[0].code` without the `[0]`.
fn without_indices(expression: &str) -> String {
    let mut depth = 0;
    let kept = expression.chars().filter(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => return depth == 0,
        }
        false
    });
    kept.collect()
}

fn pointer(keys: &[String]) -> String {
    let parts = keys.iter().map(|key| {
        if key == "[]" {
            "/*".to_owned()
        } else {
            format!("/{key}")
        }
    });
    parts.collect()
}

fn first_few(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut few: Vec<String> = Vec::new();
    for text in texts {
        if few.len() < MOST && !few.contains(&text) {
            few.push(text);
        }
    }
    few
}

#[cfg(test)]
mod tests {
    use crate::mapping::{Files, Plan};
    use crate::profile::Registry;

    #[test]
    fn each_side_leads_to_the_other() {
        let plan = Plan::load(&Files::builtin(), &Registry::builtin()).unwrap();
        let weight = "https://inzage.dev/fhir/StructureDefinition/inzage-Gewicht";
        let sources = |expression: &str| plan.sources("ons/report", weight, expression);
        assert_eq!(sources("Observation.effectiveDateTime"), ["/reportingDate"]);
        assert_eq!(
            sources("Observation.valueQuantity.value"),
            ["/reportEntries/*/value", "/reportEntries/*/unit"]
        );
        assert_eq!(
            sources("Observation.performer[0].display"),
            sources("Observation.performer[0]")
        );
        assert_eq!(sources("Observation"), [""; 0]);
        assert_eq!(sources("Observation.status"), [""; 0], "always the same");
        let elements = plan.elements("ons/report", "/reportEntries/0/value");
        assert!(
            elements.contains(&"Observation.valueQuantity".to_owned()),
            "{elements:?}"
        );
        assert!(elements.len() <= super::MOST);
        assert_eq!(plan.elements("ons/report", ""), [""; 0]);
        assert_eq!(plan.elements("ons/none", "/id"), [""; 0]);
    }
}
