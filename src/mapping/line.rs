//! The lines of a resource: an element path on the left, one verb on the right, checked against the profile.

use crate::fhir::types::ResourceType;

use super::compile::{Compiler, Keys, list};
use super::file::{Item, Node};
use super::operand::rejoin;
use super::plan::{Each, Members, Object, Template};
use super::remedy::{Slip, meant};
use super::shape::{Shape, shape_of};
use super::tree::{Step, insert};
use super::verb::{Concept, Form, Line, Place, Precision, VERBS, Verb};

/// Elements that no line can set.
const OWN: [&str; 4] = ["resourceType", "id", "meta", "meta.profile"];

impl Compiler<'_> {
    /// The tree of a resource: its own lines, then those that every resource of the map has.
    pub(super) fn body(&mut self, set: &Node, every: Option<&Node>) -> Object {
        let mut root = Object::default();
        self.lines(&mut root, set, &[]);
        if let Some(every) = every {
            let before = self.problems.found.len();
            self.lines(&mut root, every, &[]);
            let profile = self.profile.clone();
            self.problems.share(before, &profile);
        }
        root.settle();
        root
    }

    fn lines(&mut self, object: &mut Object, set: &Node, prefix: &[String]) {
        for (path, node) in set.entries() {
            if prefix.is_empty() && OWN.contains(&path.as_str()) {
                let message = "the program writes this itself, from `type`, `id` and `profile`";
                self.problems.push(&node.place, path, message);
                continue;
            }
            let Some((steps, shape)) = self.path(path, node, prefix) else {
                continue;
            };
            let names: Vec<String> = prefix
                .iter()
                .cloned()
                .chain(steps.iter().map(|s| s.name.clone()))
                .collect();
            let made = if node.get("each").is_some() {
                self.each(node, path, &names, &shape)
            } else {
                self.line(node, path, &names, &shape)
                    .map(|line| (None, Template::Line(Box::new(line))))
            };
            let Some((each, template)) = made else { continue };
            if let Err(message) = insert(object, &steps, each, template) {
                self.problems.push(&node.place, path, message);
            }
        }
    }

    /// The steps of an element path that the profile has.
    fn path(&mut self, path: &str, node: &Node, prefix: &[String]) -> Option<(Vec<Step>, Shape)> {
        let mut names: Vec<String> = prefix.to_vec();
        let mut steps = Vec::new();
        let mut last = Shape::default();
        let parts: Vec<&str> = path.split('.').collect();
        for (position, part) in parts.iter().enumerate() {
            let (name, index) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((name, index)) => (name, index.parse().ok().map(Some)),
                None => (*part, Some(None)),
            };
            let Some(index) = index.filter(|index| index.is_none_or(|index| index < 100)) else {
                self.problems
                    .push(&node.place, path, "in brackets stands a number from 0 to 99");
                return None;
            };
            names.push(name.to_owned());
            let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
            let Some(shape) = shape_of(self.shapes, &self.profile, &borrowed) else {
                let above = borrowed
                    .split_last()
                    .map(|(_, above)| above.join("."))
                    .unwrap_or_default();
                let there = self.shapes.below(&self.profile, &above);
                let remedy =
                    meant(name, &there).unwrap_or_else(|| "correct the name, or choose another profile".to_owned());
                let message = format!("`{}` has no element `{}`", self.profile, borrowed.join("."));
                self.problems.push(&node.place, path, Slip::new(message, remedy));
                return None;
            };
            let is_each = position + 1 == parts.len() && node.get("each").is_some();
            let index = match (shape.repeats, index) {
                (true, None) if is_each => Some(0),
                (true, None) => {
                    let slip = Slip::new(format!("`{name}` repeats"), format!("write `{name}[0]`"));
                    self.problems.push(&node.place, path, slip);
                    return None;
                }
                (false, Some(_)) => {
                    let slip = Slip::new(format!("`{name}` does not repeat"), "write it without brackets");
                    self.problems.push(&node.place, path, slip);
                    return None;
                }
                (_, index) => index,
            };
            steps.push(Step {
                name: name.to_owned(),
                index,
                required: shape.required,
            });
            last = shape;
        }
        Some((steps, last))
    }

    /// `{ each = "list", set = { … } }` or `{ each = "list", value = { … } }`.
    fn each(&mut self, node: &Node, path: &str, names: &[String], shape: &Shape) -> Option<(Option<Each>, Template)> {
        let mut keys = Keys::of(node);
        let source = keys.take("each")?;
        let name = self.text(source, path)?;
        let (inside, within) = (self.inside, self.within.clone());
        let members = if let Some(list) = self.lists.iter().position(|list| list.name == name) {
            if let (Some(outer), Some(wanted)) = (inside, self.outer_of(list))
                && outer != wanted
            {
                let message = format!("the list `{name}` stands in another list than the one this line is in");
                self.problems.push(&source.place, path, message);
            }
            self.enter(Some(list));
            Members::Named(list)
        } else {
            let field = self.field(source, path)?;
            let mut keys = field.keys(&self.within);
            keys.push("[]".to_owned());
            self.within.push(keys);
            self.inside = None;
            Members::Field(field)
        };
        let when = keys.take("when").map(|when| self.when(when, path)).unwrap_or_default();
        let distinct = match keys.take("distinct") {
            None => false,
            Some(node) => {
                if !matches!(node.item, Item::Bool(true)) {
                    self.problems.push(&node.place, path, "`distinct` can only be true");
                }
                true
            }
        };
        let template = match (keys.take("set"), keys.take("value")) {
            (Some(set), None) => {
                let mut object = Object::default();
                self.lines(&mut object, set, names);
                object.settle();
                Some(Template::Object(object))
            }
            (None, Some(value)) => self
                .line(value, path, names, shape)
                .map(|line| Template::Line(Box::new(line))),
            _ => {
                let message = "`each` needs `set` with elements, or `value` with one verb";
                self.problems.push(&node.place, path, message);
                None
            }
        };
        keys.finish(path, self.problems);
        (self.inside, self.within) = (inside, within);
        let each = Each {
            members,
            when,
            distinct,
        };
        Some((Some(each), template?))
    }

    /// One verb with its condition.
    fn line(&mut self, node: &Node, at: &str, names: &[String], shape: &Shape) -> Option<Line> {
        let given: Vec<&str> = VERBS.iter().copied().filter(|verb| node.get(verb).is_some()).collect();
        let verb = match given.as_slice() {
            [verb] => *verb,
            // `text` beside `concept` is its text, not a second verb.
            ["concept", "text"] => "concept",
            // `code` beside `quantity` is the code of the unit.
            ["code", "quantity"] => "quantity",
            _ => {
                let keys: Vec<&str> = node.entries().iter().map(|(key, _)| key.as_str()).collect();
                let message = if given.is_empty() {
                    format!(
                        "no verb in `{}`; a line has one of `{}`",
                        keys.join("`, `"),
                        VERBS.join("`, `")
                    )
                } else {
                    format!("a line has exactly one verb, here are `{}`", given.join("`, `"))
                };
                self.problems.push(&node.place, at, message);
                return None;
            }
        };
        if shape.types.len() > 1 {
            let message = format!("spell the choice out, with one of the types {}", shape.types.join(", "));
            self.problems.push(&node.place, at, message);
            return None;
        }
        self.fits(verb, node, at, shape);
        let mut keys = Keys::of(node);
        let when = keys.take("when").map(|when| self.when(when, at)).unwrap_or_default();
        let required = matches!(keys.take("required").map(|node| &node.item), Some(Item::Bool(true)));
        let verb = self.verb(verb, &mut keys, at, names, shape);
        keys.finish(at, self.problems);
        Some(Line {
            when,
            required,
            verb: verb?,
        })
    }

    fn verb(&mut self, verb: &str, keys: &mut Keys<'_>, at: &str, names: &[String], shape: &Shape) -> Option<Verb> {
        let field = |this: &mut Self, node: Option<&Node>| node.and_then(|node| this.field(node, at));
        Some(match verb {
            "const" => Verb::Const(self.constant(keys.take("const")?, at, names, shape)?),
            "copy" => match keys.take("copy")? {
                node if node.get("id").is_some() => {
                    let before = node.get("before").and_then(Node::text).unwrap_or_default();
                    Verb::Id(self.key(node.get("id")?, at)?, before.to_owned())
                }
                node => Verb::Copy(self.field(node, at)?, form(shape)),
            },
            "code" => Verb::Code(self.lookup(keys.take("code")?, keys, at, shape)?),
            "concept" => {
                let node = keys.take("concept")?;
                if keys.has("table") {
                    let lookup = self.lookup(node, keys, at, shape);
                    let text = keys.take("text").and_then(|text| self.texts(text, at));
                    Verb::Concept(Concept::Coded {
                        lookup: lookup?,
                        text,
                        coding_only: shape.is(&["Coding"]),
                    })
                } else {
                    Verb::Concept(Concept::Text(self.texts(node, at)?))
                }
            }
            "instant" => {
                let precision = if shape.is(&["instant"]) {
                    Precision::Instant
                } else {
                    Precision::Source
                };
                Verb::Instant(field(self, keys.take("instant"))?, precision)
            }
            "date" => Verb::Date(field(self, keys.take("date"))?),
            "period" => {
                let node = keys.take("period")?;
                let [start, end] = list(node) else {
                    self.problems
                        .push(&node.place, at, "write `period = [\"start\", \"end\"]`");
                    return None;
                };
                let (start, end) = (self.field(start, at), self.field(end, at));
                let precision = match keys.take("as").map(|node| (node, node.text())) {
                    None => Precision::Source,
                    Some((_, Some("date"))) => Precision::Day,
                    Some((node, _)) => {
                        self.problems.push(&node.place, at, "`as` can only be \"date\"");
                        return None;
                    }
                };
                Verb::Period { start, end, precision }
            }
            "reference" => {
                let node = keys.take("reference")?;
                let key = keys.take("key").and_then(|key| self.key(key, at));
                let display = keys.take("display").and_then(|display| self.texts(display, at));
                let kind = match self.text(node, at)? {
                    "none" => None,
                    kind => Some(self.target(kind, node, at, shape)?),
                };
                if kind.is_none() && key.is_some() {
                    self.problems
                        .push(&node.place, at, "a reference to \"none\" has a `display` only");
                }
                if key.is_none() && display.is_none() {
                    self.problems
                        .push(&node.place, at, "a reference needs `key`, `display` or both");
                    return None;
                }
                Verb::Reference { kind, key, display }
            }
            "base64" => Verb::Base64(self.texts(keys.take("base64")?, at)?),
            "text" => {
                let place = if shape.is(&["Narrative"]) {
                    Place::Narrative
                } else if shape.is(&["xhtml"]) {
                    Place::Xhtml
                } else {
                    Place::Text
                };
                let text = self.texts(keys.take("text")?, at);
                let join = keys.take("join").and_then(|join| join.text());
                Verb::Text(rejoin(text?, join), place)
            }
            "quantity" => self.quantity(keys, at, shape)?,
            "bool" => Verb::Bool(field(self, keys.take("bool"))?),
            "first" => {
                let node = keys.take("first")?;
                if list(node).is_empty() {
                    self.problems
                        .push(&node.place, at, "`first` is a list of lines: `[{ … }, { … }]`");
                }
                let lines = list(node)
                    .iter()
                    .filter_map(|line| self.line(line, at, names, shape))
                    .collect();
                Verb::First(lines)
            }
            _ => return None,
        })
    }

    /// A type that the element may refer to and that the server keeps.
    fn target(&mut self, kind: &str, node: &Node, at: &str, shape: &Shape) -> Option<ResourceType> {
        if !shape.targets.is_empty()
            && !shape
                .targets
                .iter()
                .any(|target| target == kind || target == "Resource")
        {
            let message = format!("the element refers to {}, not to {kind}", shape.targets.join(", "));
            self.problems.push(&node.place, at, message);
        }
        let known = kind.parse().ok();
        if known.is_none() {
            let slip = Slip::new(
                format!("the server keeps no {kind}"),
                "write `reference = \"none\"` with a `display`",
            );
            self.problems.push(&node.place, at, slip);
        }
        known
    }
}

fn form(shape: &Shape) -> Form {
    match shape.types.first().map(String::as_str) {
        Some("integer") => Form::Integer(i64::from(i32::MIN)),
        Some("unsignedInt") => Form::Integer(0),
        Some("positiveInt") => Form::Integer(1),
        Some("decimal") => Form::Decimal,
        _ => Form::Text,
    }
}
