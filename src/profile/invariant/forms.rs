//! The invariants of forms: <https://hl7.org/fhir/R4/questionnaire.html#invs> and
//! <https://hl7.org/fhir/R4/questionnaireresponse.html#invs>.

use serde_json::Value;

use super::{Law, distinct, has, items, text};

/// Types of a question whose text may be limited in length.
const SIMPLE: [&str; 7] = ["boolean", "decimal", "integer", "string", "text", "url", "open-choice"];
/// Types of a question that may have a list of answers.
const LISTED: [&str; 9] = [
    "choice",
    "open-choice",
    "decimal",
    "integer",
    "date",
    "dateTime",
    "time",
    "string",
    "quantity",
];

pub(super) fn named(key: &str) -> Option<Law> {
    Some(match key {
        "que-0" => |at| text(at.value, "name").is_none_or(is_identifier),
        "que-1" => |at| match kind(at.value) {
            "group" => has(at.value, "item"),
            "display" => !has(at.value, "item"),
            _ => true,
        },
        "que-2" => |at| distinct(link_ids(at.value)),
        "que-3" => |at| !is_display(at.value) || !has(at.value, "code"),
        "que-4" => |at| !has(at.value, "answerOption") || !has(at.value, "answerValueSet"),
        "que-5" => |at| {
            let is_listed = has(at.value, "answerValueSet") || has(at.value, "answerOption");
            !is_listed || LISTED.contains(&kind(at.value))
        },
        "que-6" => |at| !is_display(at.value) || !has(at.value, "required") && !has(at.value, "repeats"),
        "que-7" => |at| text(at.value, "operator") != Some("exists") || has(at.value, "answerBoolean"),
        "que-8" => |at| !matches!(kind(at.value), "group" | "display") || !has(at.value, "initial"),
        "que-9" => |at| !is_display(at.value) || !has(at.value, "readOnly"),
        "que-10" => |at| !has(at.value, "maxLength") || SIMPLE.contains(&kind(at.value)),
        "que-11" => |at| !has(at.value, "answerOption") || !has(at.value, "initial"),
        // The text of the rule; its expression lets two pass.
        "que-12" => |at| items(at.value, "enableWhen").len() < 2 || has(at.value, "enableBehavior"),
        "que-13" => |at| at.value["repeats"] == true || items(at.value, "initial").len() < 2,
        "qrs-1" => |at| !has(at.value, "answer") || !has(at.value, "item"),
        _ => return None,
    })
}

fn kind(item: &Value) -> &str {
    text(item, "type").unwrap_or_default()
}

fn is_display(item: &Value) -> bool {
    kind(item) == "display"
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && name.len() <= 255
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Of the questions and groups of a form, at whatever depth.
fn link_ids(form: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut left: Vec<&Value> = items(form, "item").iter().collect();
    while let Some(item) = left.pop() {
        found.extend(text(item, "linkId"));
        left.extend(items(item, "item"));
    }
    found
}
