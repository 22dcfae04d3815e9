//! Element paths (`performer[0].display`), and the small path language of search parameters.
//!
//! ```
//! use inzage::fhir::path::{ElementPath, Expression};
//! let path = ElementPath::parse("performer[0].display").unwrap();
//! assert_eq!((path.steps[0].name.as_str(), path.steps[0].index), ("performer", Some(0)));
//!
//! let date = Expression::compile("Observation.effective.ofType(dateTime) | Observation.issued").unwrap();
//! let resource = serde_json::json!({"resourceType": "Observation", "effectiveDateTime": "2026-11-22"});
//! assert_eq!(date.eval(&resource), [&serde_json::json!("2026-11-22")]);
//! ```
//!
//! # Design
//! The R4 search parameters that are served need dotted paths, choice types, `where` on an equal text or on the type of a
//! reference, and unions; no FHIRPath engine is linked for that. An expression is compiled once and then only walks the
//! JSON. `value` names every type of `value[x]`: the exact key is tried first, then keys that are the name followed by a
//! FHIR type, which is how the JSON form spells a choice.

mod read;

use serde_json::Value;

use self::read::Reader;

/// Longest path or expression that is read.
const MAX_TEXT: usize = 2_000;

/// Why a path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct PathError {
    pub reason: &'static str,
    pub offset: usize,
}

/// One step of an element path: `performer[0]` is the name `performer` and the index 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub index: Option<usize>,
}

/// An element path such as `performer[0].display`, relative to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementPath {
    pub steps: Vec<Step>,
}

impl ElementPath {
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut reader = Reader::new(text)?;
        let mut steps = Vec::new();
        loop {
            let start = reader.at;
            let choice = reader.name()?;
            let mut name = choice.to_owned();
            if reader.take("[x]") {
                name.push_str("[x]");
            }
            let index = if reader.take("[") { Some(reader.index()?) } else { None };
            if steps.len() >= 32 {
                return Err(PathError {
                    reason: "the path is too deep",
                    offset: start,
                });
            }
            steps.push(Step { name, index });
            if reader.done() {
                return Ok(Self { steps });
            }
            reader.need(".")?;
        }
    }
}

/// A compiled search parameter expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    branches: Vec<Branch>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Branch {
    /// The resource type that it starts from; `None` for any.
    kind: Option<String>,
    steps: Vec<Walk>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Walk {
    /// A field; if there is none of that name, the choice of that name.
    Field(String),
    /// One type of a choice: the full key.
    Exact(String),
    Where(Vec<Condition>),
    Item(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equals { path: Vec<String>, text: String },
    RefersTo(String),
}

impl Expression {
    pub fn compile(text: &str) -> Result<Self, PathError> {
        let mut reader = Reader::new(text)?;
        let mut branches = vec![reader.branch()?];
        while reader.take("|") {
            branches.push(reader.branch()?);
        }
        if reader.done() {
            Ok(Self { branches })
        } else {
            Err(reader.error("something follows the expression"))
        }
    }

    /// Every value that the expression selects in the resource, in the order of its branches and of the document.
    pub fn eval<'v>(&self, resource: &'v Value) -> Vec<&'v Value> {
        let mut found = Vec::new();
        for branch in &self.branches {
            branch.eval(resource, &mut found);
        }
        found
    }
}

impl Branch {
    fn eval<'v>(&self, resource: &'v Value, found: &mut Vec<&'v Value>) {
        if let Some(kind) = &self.kind
            && resource.get("resourceType").and_then(Value::as_str) != Some(kind)
        {
            return;
        }
        let mut here = vec![resource];
        for step in &self.steps {
            here = step.walk(&here, resource);
            if here.is_empty() {
                return;
            }
        }
        found.append(&mut here);
    }
}

impl Walk {
    fn walk<'v>(&self, from: &[&'v Value], root: &'v Value) -> Vec<&'v Value> {
        let mut to = Vec::new();
        match self {
            Self::Field(name) => {
                for value in from {
                    match value.get(name) {
                        Some(value) => flatten(value, &mut to),
                        None => choices(value, name, &mut to),
                    }
                }
            }
            Self::Exact(key) => from
                .iter()
                .filter_map(|value| value.get(key))
                .for_each(|value| flatten(value, &mut to)),
            Self::Where(all) => to.extend(from.iter().filter(|value| all.iter().all(|one| one.holds(value, root)))),
            Self::Item(index) => to.extend(from.get(*index)),
        }
        to
    }
}

fn flatten<'v>(value: &'v Value, to: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => to.extend(items.iter().filter(|item| !item.is_null())),
        Value::Null => {}
        _ => to.push(value),
    }
}

/// The members whose key is the name followed by a FHIR type.
fn choices<'v>(value: &'v Value, name: &str, to: &mut Vec<&'v Value>) {
    let Some(object) = value.as_object() else { return };
    for (key, value) in object {
        if key.strip_prefix(name).is_some_and(is_type_suffix) {
            flatten(value, to);
        }
    }
}

impl Condition {
    fn holds(&self, value: &Value, root: &Value) -> bool {
        match self {
            Self::Equals { path, text } => {
                let mut here = vec![value];
                for name in path {
                    let mut next = Vec::new();
                    here.iter()
                        .filter_map(|value| value.get(name))
                        .for_each(|value| flatten(value, &mut next));
                    here = next;
                }
                here.iter().any(|value| value.as_str() == Some(text))
            }
            Self::RefersTo(kind) => refers_to(value, kind, root),
        }
    }
}

/// Does the reference point at a resource of the type? Told by its text, its `type`, or what it contains.
fn refers_to(value: &Value, kind: &str, root: &Value) -> bool {
    let text = value.get("reference").and_then(Value::as_str).unwrap_or_default();
    if let Some(id) = text.strip_prefix('#') {
        let contained = root.get("contained").and_then(Value::as_array);
        return contained.into_iter().flatten().any(|one| {
            one.get("id").and_then(Value::as_str) == Some(id)
                && one.get("resourceType").and_then(Value::as_str) == Some(kind)
        });
    }
    match reference_type(text) {
        Some(found) => found == kind,
        None => value.get("type").and_then(Value::as_str) == Some(kind),
    }
}

/// The resource type in a literal reference: `Patient` in `Patient/1`, `https://a/b/Patient/1` and
/// `Patient/1/_history/2`; none in `#a`, `urn:uuid:...` or a bare id.
pub fn reference_type(reference: &str) -> Option<&str> {
    let mut parts = reference.rsplit('/');
    let mut last = parts.next()?;
    let mut kind = parts.next()?;
    if kind == "_history" {
        last = parts.next()?;
        kind = parts.next()?;
    }
    let named = kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphabetic());
    (named && !last.is_empty()).then_some(kind)
}

/// The types that a choice element can have in R4, as its JSON key spells them.
const CHOICE_TYPES: &[&str] = &[
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "Base64Binary",
    "Boolean",
    "Canonical",
    "Code",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "Date",
    "DateTime",
    "Decimal",
    "Distance",
    "Dosage",
    "Duration",
    "Expression",
    "HumanName",
    "Id",
    "Identifier",
    "Instant",
    "Integer",
    "Markdown",
    "Meta",
    "Money",
    "Oid",
    "ParameterDefinition",
    "Period",
    "PositiveInt",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "String",
    "Time",
    "Timing",
    "TriggerDefinition",
    "UnsignedInt",
    "Uri",
    "Url",
    "UsageContext",
    "Uuid",
];

/// Is it a type as the key of a choice spells it (`DateTime` in `valueDateTime`)?
pub fn is_type_suffix(text: &str) -> bool {
    CHOICE_TYPES.binary_search(&text).is_ok()
}

#[cfg(test)]
mod tests;
