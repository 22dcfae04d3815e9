//! What stands behind a verb: a field with its table, a text of parts, a number with its unit.

use super::compile::{Compiler, Keys};
use super::file::{Item, Node};
use super::remedy::{Slip, meant_of};
use super::shape::Shape;
use super::verb::{Lookup, Quantity, Text, Unknown, Verb};

impl Compiler<'_> {
    pub(super) fn quantity(&mut self, keys: &mut Keys<'_>, at: &str, shape: &Shape) -> Option<Verb> {
        let node = keys.take("quantity")?;
        let value = self.field(node, at)?;
        let unit = keys.take("unit").and_then(|unit| self.text(unit, at));
        let code = keys.take("code").and_then(|code| self.text(code, at));
        let source_unit = match keys.take("source_unit") {
            Some(unit) => Some(self.lookup(unit, keys, at, &Shape::default())?),
            None => None,
        };
        let (Some(unit), Some(code)) = (unit, code) else {
            let message = "a quantity has `unit`, as people read it, and `code`, as UCUM writes it";
            self.problems.push(&node.place, at, message);
            return None;
        };
        let ucum = ("http://unitsofmeasure.org".to_owned(), code.to_owned());
        if shape.codes.as_ref().is_some_and(|codes| !codes.contains(&ucum)) {
            self.problems
                .push(&node.place, at, format!("the profile does not allow the unit `{code}`"));
        }
        Some(Verb::Quantity(Quantity {
            value,
            unit: unit.to_owned(),
            code: code.to_owned(),
            source_unit,
        }))
    }

    /// The field and its `table`, whose codes the element must allow.
    pub(super) fn lookup(&mut self, node: &Node, keys: &mut Keys<'_>, at: &str, shape: &Shape) -> Option<Lookup> {
        let field = self.field(node, at);
        let Some(name) = keys.take("table").and_then(|table| self.text(table, at)) else {
            let message = "add `table = \"…\"`, the name of a file in `tables/`";
            self.problems.push(&node.place, at, message);
            return None;
        };
        let unknown = match keys.take("unknown").map(|node| (node, node.text())) {
            None | Some((_, Some("refuse"))) => Unknown::Refuse,
            Some((_, Some("omit"))) => Unknown::Omit,
            Some((node, _)) => {
                self.problems
                    .push(&node.place, at, "`unknown` is \"refuse\" or \"omit\"");
                return None;
            }
        };
        let Some(table) = self.tables.get(name).cloned() else {
            let known: Vec<&str> = self.tables.keys().map(String::as_str).collect();
            let slip = Slip::maybe(format!("no table `{name}`"), meant_of(name, &known));
            self.problems.push(&node.place, at, slip);
            return None;
        };
        let field = field?;
        if let Some(codes) = &shape.codes {
            let only_code = shape.is(&["code"]);
            let wrong = |system: &str, code: &str| {
                !codes
                    .iter()
                    .any(|(s, c)| c == code && (only_code || s.is_empty() || s == system))
            };
            if let Some(wrong) = table.targets().find(|coding| wrong(&coding.system, &coding.code)) {
                let message = format!(
                    "the table `{name}` gives `{}`, which the profile does not allow",
                    wrong.code
                );
                self.problems.push(&node.place, at, message);
            }
        }
        if let (Some(schema), Unknown::Refuse) = (&self.schema, unknown) {
            for choice in schema.choices(&field.keys(&self.within)) {
                if table.find(&choice).is_none() {
                    let message = format!("the source may say `{choice}`, which the table `{name}` does not have");
                    self.problems.push(&node.place, at, message);
                }
            }
        }
        Some(Lookup {
            field,
            table,
            name: name.to_owned(),
            unknown,
        })
    }

    /// A field, a list of parts, `{ text = […], join = "…" }` or `{ const = "…" }`.
    pub(super) fn texts(&mut self, node: &Node, at: &str) -> Option<Text> {
        match &node.item {
            Item::List(parts) => {
                let parts = parts.iter().filter_map(|part| self.texts(part, at)).collect();
                Some(Text::Joined(parts, " ".to_owned()))
            }
            Item::Table(_) => {
                let mut keys = Keys::of(node);
                let literal = keys.take("const").and_then(|node| node.text());
                let parts = keys.take("text").and_then(|text| self.texts(text, at));
                let join = keys.take("join").and_then(|join| join.text());
                keys.finish(at, self.problems);
                match (literal, parts) {
                    (Some(literal), None) => Some(Text::Literal(literal.to_owned())),
                    (None, Some(parts)) => Some(rejoin(parts, join)),
                    _ => {
                        let message =
                            "a part of a text is a field, `{ const = \"…\" }` or `{ text = […], join = \"…\" }`";
                        self.problems.push(&node.place, at, message);
                        None
                    }
                }
            }
            _ => self.field(node, at).map(Text::Field),
        }
    }
}

pub(super) fn rejoin(text: Text, join: Option<&str>) -> Text {
    match (text, join) {
        (Text::Joined(parts, _), Some(join)) => Text::Joined(parts, join.to_owned()),
        (text, _) => text,
    }
}
