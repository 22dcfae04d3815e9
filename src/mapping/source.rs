//! Paths into a source record.
//!
//! | Path | Reads |
//! |---|---|
//! | `employee.name` | a field of a field |
//! | `reportEntries[name=weight].value` | a field of the first list member whose `name` is `weight` |
//! | `labels[0].name` | a field of the first member |
//! | `../id` | in a list: a field of what the member stands in |
//! | `/id` | in a list: a field of the record itself |
//! | `.` | in a list of plain values: the member |
//! | `#` | in a list: the position of the member in the source list, from 1 |
//!
//! # Design
//! A path either names one place or nothing; there is no wildcard and no arithmetic, so a map always ends and its cost
//! is known when it is loaded.

use std::fmt;

use serde_json::Value;

use super::remedy::Slip;

/// From where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// So many steps out of the current list member.
    Up(usize),
    Record,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Box<str>),
    Index(usize),
    Where(Box<str>, Box<str>),
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Key(key) => value.as_object()?.get(&**key),
            Self::Index(index) => value.as_array()?.get(*index),
            Self::Where(name, wanted) => {
                let list = value.as_array()?;
                list.get(position_of(list, name, wanted)?)
            }
        }
    }
}

fn position_of(list: &[Value], name: &str, wanted: &str) -> Option<usize> {
    list.iter().position(|member| match member.get(name) {
        Some(Value::String(found)) => found == wanted,
        Some(Value::Number(found)) => found.to_string() == wanted,
        _ => false,
    })
}

/// A path into a source record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    start: Start,
    steps: Vec<Step>,
    position: bool,
    text: Box<str>,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Field {
    /// The path, or what is wrong with the text.
    pub(super) fn parse(text: &str) -> Result<Self, Slip> {
        let (start, mut rest) = match text.strip_prefix('/') {
            Some(rest) => (Start::Record, rest),
            None => {
                let mut up = 0;
                let mut rest = text;
                while let Some(outer) = rest.strip_prefix("../") {
                    up += 1;
                    rest = outer;
                }
                (Start::Up(up), rest)
            }
        };
        let position = rest == "#";
        let mut steps = Vec::new();
        if position || rest == "." {
            rest = "";
        }
        for part in rest.split('.').filter(|_| !rest.is_empty()) {
            let (key, index) = match part.split_once('[') {
                None => (part, None),
                Some((key, index)) => (key, Some(index)),
            };
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
                return Err(Slip::new(
                    format!("`{text}` is not a path"),
                    "write it like `a.b`, `a[0].b` or `a[name=x].b`",
                ));
            }
            steps.push(Step::Key(key.into()));
            let Some(index) = index else { continue };
            let Some(index) = index.strip_suffix(']') else {
                return Err(format!("`{text}`: the bracket does not close").into());
            };
            steps.push(match index.split_once('=') {
                Some((name, value)) => Step::Where(name.into(), value.into()),
                None => Step::Index(
                    index
                        .parse()
                        .map_err(|_| format!("`{text}`: in brackets stands a number or `name=value`"))?,
                ),
            });
        }
        if steps.is_empty() && !position && rest.is_empty() && !text.ends_with('.') {
            return Err(Slip::new("an empty path reads nothing", "name a field"));
        }
        Ok(Self {
            start,
            steps,
            position,
            text: text.into(),
        })
    }

    /// Whether it reads the same everywhere in a record, when it is used `depth` lists deep.
    pub(super) fn is_of_the_record(&self, depth: usize) -> bool {
        !self.position && (self.start == Start::Record || self.start == Start::Up(depth))
    }

    fn start_from<'f, 'a, 'b>(&self, frame: &'f Frame<'a, 'b>) -> Option<&'f Frame<'a, 'b>>
    where
        'b: 'f,
    {
        let mut frame = frame;
        match self.start {
            Start::Record => {
                while let Some(outer) = frame.outer {
                    frame = outer;
                }
            }
            Start::Up(count) => {
                for _ in 0..count {
                    frame = frame.outer?;
                }
            }
        }
        Some(frame)
    }

    /// The value, seen from `frame`; null and empty values count as missing.
    pub(super) fn read<'a>(&self, frame: &Frame<'a, '_>) -> Option<Read<'a>> {
        let frame = self.start_from(frame)?;
        if self.position {
            return Some(Read::Position(frame.position));
        }
        let mut value = frame.value;
        for step in &self.steps {
            value = step.of(value)?;
        }
        (!is_missing(value)).then_some(Read::Value(value))
    }

    /// The place as a JSON pointer (RFC 6901), for a message; the list itself when it has no such member.
    pub(super) fn pointer(&self, frame: &Frame<'_, '_>) -> String {
        use fmt::Write as _;
        let Some(frame) = self.start_from(frame) else {
            return String::new();
        };
        let mut pointer = frame.pointer();
        let mut value = Some(frame.value);
        for step in &self.steps {
            let _ = match step {
                Step::Key(key) => write!(pointer, "/{key}"),
                Step::Index(index) => write!(pointer, "/{index}"),
                Step::Where(name, wanted) => {
                    match value
                        .and_then(Value::as_array)
                        .and_then(|list| position_of(list, name, wanted))
                    {
                        Some(index) => write!(pointer, "/{index}"),
                        None => return pointer,
                    }
                }
            };
            value = value.and_then(|value| step.of(value));
        }
        pointer
    }

    /// The keys only, from the record on: `["reportEntries", "[]", "value"]`. `within` is the path of the list.
    pub(super) fn keys(&self, within: &[Vec<String>]) -> Vec<String> {
        let mut keys = match self.start {
            Start::Record => Vec::new(),
            Start::Up(count) => {
                let depth = within.len().saturating_sub(count);
                depth
                    .checked_sub(1)
                    .and_then(|at| within.get(at))
                    .cloned()
                    .unwrap_or_default()
            }
        };
        for step in &self.steps {
            keys.push(match step {
                Step::Key(key) => key.to_string(),
                Step::Index(_) | Step::Where(..) => "[]".to_owned(),
            });
        }
        keys
    }
}

/// What a path found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Read<'a> {
    Value(&'a Value),
    Position(usize),
}

/// Where in the record a map is reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a, 'f> {
    pub(super) value: &'a Value,
    /// The position in the source list, from 1.
    pub(super) position: usize,
    /// The path of the list below `outer`, for messages.
    pub(super) list: Option<&'f Field>,
    /// Which named list it is a member of, and which member.
    pub(super) member: Option<(usize, usize)>,
    pub(super) outer: Option<&'f Frame<'a, 'f>>,
}

impl<'a> Frame<'a, '_> {
    pub(super) fn record(value: &'a Value) -> Self {
        Self {
            value,
            position: 1,
            list: None,
            member: None,
            outer: None,
        }
    }

    fn pointer(&self) -> String {
        match (self.outer, self.list) {
            (Some(outer), Some(list)) => format!("{}/{}", list.pointer(outer), self.position - 1),
            (Some(outer), None) => outer.pointer(),
            _ => String::new(),
        }
    }
}

/// Null, an empty text, list or object, and a text of white space only: nothing that FHIR could hold.
pub(super) fn is_missing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(path: &str, record: &Value) -> Option<Value> {
        match Field::parse(path).unwrap().read(&Frame::record(record)) {
            Some(Read::Value(value)) => Some(value.clone()),
            _ => None,
        }
    }

    #[test]
    fn a_path_selects_a_member_by_a_field() {
        let record =
            json!({"a": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}], "n": [{"id": 7, "v": true}]});
        assert_eq!(read("a[name=y].value", &record), Some(json!("2")));
        assert_eq!(read("a[1].value", &record), Some(json!("2")));
        assert_eq!(read("n[id=7].v", &record), Some(json!(true)));
        assert_eq!(read("a[name=z].value", &record), None);
        assert_eq!(read("a.value", &record), None);
    }

    #[test]
    fn empty_values_are_missing() {
        let record = json!({"a": "", "b": null, "c": " \n", "d": [], "e": {}, "f": false, "g": 0});
        for path in ["a", "b", "c", "d", "e", "none", "a.b"] {
            assert_eq!(read(path, &record), None, "{path}");
        }
        assert_eq!(read("f", &record), Some(json!(false)));
        assert_eq!(read("g", &record), Some(json!(0)));
    }

    #[test]
    fn a_text_that_is_no_path_is_refused() {
        for bad in ["", "a..b", "a[", "a[x]", "a b", "a.", "[0]", "../"] {
            assert!(Field::parse(bad).is_err(), "{bad}");
        }
        assert!(Field::parse(".").is_ok());
        assert!(Field::parse("../../id").is_ok());
    }
}
