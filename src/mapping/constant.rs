//! Whether a line fits its element: the type that its verb makes, and the parts of a constant.

use serde_json::{Map as Json, Value};

use super::compile::Compiler;
use super::file::{Item, Node};
use super::remedy::Slip;
use super::shape::{Shape, shape_of};

impl Compiler<'_> {
    /// A constant, whose parts the profile must have.
    pub(super) fn constant(&mut self, node: &Node, at: &str, names: &[String], shape: &Shape) -> Option<Value> {
        Some(match &node.item {
            Item::Text(text) => {
                if let Some(codes) = shape.codes.as_ref().filter(|_| shape.is(&["code"]))
                    && !codes.iter().any(|(_, code)| code == text)
                {
                    let message = format!("the profile does not allow the code `{text}`");
                    self.problems.push(&node.place, at, message);
                }
                text.as_str().into()
            }
            Item::Number(number) => Value::Number(number.clone()),
            Item::Bool(value) => (*value).into(),
            Item::List(nodes) => Value::Array(
                nodes
                    .iter()
                    .filter_map(|node| self.constant(node, at, names, shape))
                    .collect(),
            ),
            Item::Table(entries) => {
                if shape.is(&["Coding"]) && node.get("code").is_some() {
                    for wanted in ["system", "display"] {
                        if node.get(wanted).is_none() {
                            let slip = Slip::new(format!("a coding has `{wanted}`"), "add it");
                            self.problems.push(&node.place, at, slip);
                        }
                    }
                }
                let mut object = Json::new();
                for (key, value) in entries {
                    let inner: Vec<String> = names.iter().cloned().chain([key.clone()]).collect();
                    let borrowed: Vec<&str> = inner.iter().map(String::as_str).collect();
                    let Some(shape) = shape_of(self.shapes, &self.profile, &borrowed) else {
                        let message = format!("`{}` has no element `{}`", self.profile, borrowed.join("."));
                        self.problems.push(&value.place, at, message);
                        continue;
                    };
                    if !shape.types.is_empty() && shape.repeats != matches!(value.item, Item::List(_)) {
                        let form = if shape.repeats {
                            "repeats: write a list"
                        } else {
                            "does not repeat"
                        };
                        self.problems.push(&value.place, at, format!("`{key}` {form}"));
                    }
                    if let Some(value) = self.constant(value, at, &inner, &shape) {
                        object.insert(key.clone(), value);
                    }
                }
                Value::Object(object)
            }
        })
    }

    /// The verb makes what the element holds.
    pub(super) fn fits(&mut self, verb: &str, node: &Node, at: &str, shape: &Shape) {
        let makes: &[&str] = match verb {
            "copy" => &COPIED,
            "code" => &["code", "string", "uri"],
            "concept" => &["CodeableConcept", "Coding"],
            "instant" => &["instant", "dateTime"],
            "date" => &["date", "dateTime"],
            "period" => &["Period"],
            "reference" => &["Reference"],
            "base64" => &["base64Binary"],
            "text" => &["string", "markdown", "Narrative", "xhtml"],
            "quantity" => &["Quantity", "SimpleQuantity", "Age", "Duration"],
            "bool" => &["boolean"],
            _ => return self.constant_fits(node.get("const"), at, shape),
        };
        if let Some(kind) = shape.types.first().filter(|_| !shape.is(makes)) {
            let message = format!("`{verb}` makes {}, but the element is {kind}", makes.join(" or "));
            self.problems.push(&node.place, at, Slip::new(message, remedy(kind)));
        }
    }

    fn constant_fits(&mut self, node: Option<&Node>, at: &str, shape: &Shape) {
        let (Some(node), Some(kind)) = (node, shape.types.first()) else {
            return;
        };
        let is_primitive = kind.starts_with(|c: char| c.is_ascii_lowercase()) && kind != "xhtml";
        let fits = match (&node.item, kind.as_str()) {
            (Item::Bool(_), kind) => kind == "boolean",
            (Item::Number(_), kind) => matches!(kind, "integer" | "positiveInt" | "unsignedInt" | "decimal"),
            (Item::Text(_), "boolean" | "integer" | "positiveInt" | "unsignedInt" | "decimal") => false,
            (Item::Text(_), _) => is_primitive,
            (Item::Table(_), _) => !is_primitive,
            (Item::List(_), _) => false,
        };
        if !fits {
            let message = format!("this constant does not fit the element, which is {kind}");
            self.problems.push(&node.place, at, message);
        }
    }
}

/// What `copy` can write.
const COPIED: [&str; 12] = [
    "string",
    "code",
    "id",
    "uri",
    "url",
    "oid",
    "canonical",
    "markdown",
    "integer",
    "positiveInt",
    "unsignedInt",
    "decimal",
];

fn remedy(kind: &str) -> String {
    let verb = match kind {
        "CodeableConcept" | "Coding" => "concept",
        "Reference" => "reference",
        "Period" => "period",
        "Quantity" | "SimpleQuantity" => "quantity",
        "instant" | "dateTime" => "instant",
        "date" => "date",
        "boolean" => "bool",
        "base64Binary" => "base64",
        "code" => "code",
        kind if COPIED.contains(&kind) => "copy",
        _ => return "name one of its parts".to_owned(),
    };
    format!("use `{verb}`")
}
