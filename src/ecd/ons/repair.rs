//! Undoes the habits of Ons: wrapped lists, escaped text, fields that must not travel, times without a zone.
//!
//! # Design
//! Ons escapes texts for HTML in some answers. They are unescaped exactly once and are plain text from here on: nobody
//! renders them as HTML. What has no place in any portal (a key hidden under a flower pot, notes about relatives, the
//! BSN) is removed before a record leaves the connector, so no later mistake can show it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::ecd::{Error, Kind, version_of};
use crate::fhir::json;

/// Fields that are removed wherever they stand.
const NEVER: [&str; 8] = [
    "bsn",
    "residenceAccessInfo",
    "freeField1",
    "freeField2",
    "freeField3",
    "freeField4",
    "identificationDocumentNumber",
    "insuranceNumber",
];

/// The records in a list answer: `{"<wrapper>": [...]}` or a bare list.
pub(super) fn list(path: &'static str, body: &[u8], wrapper: &'static str) -> Result<Vec<Value>, Error> {
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if start == Some(&b'<') {
        return Err(Error::NotJson {
            path,
            found: "JSON but sends markup".to_owned(),
        });
    }
    let value = guarded(body).map_err(|refused| match refused {
        Unfit::CutOff => Error::Truncated { path },
        Unfit::Fault(json::Fault::Syntax | json::Fault::Encoding | json::Fault::NotAnObject) => Error::Shape {
            path,
            problem: "the answer is not JSON",
        },
        Unfit::Fault(json::Fault::DuplicateKey) => Error::Shape {
            path,
            problem: "a key occurs twice in one object",
        },
        Unfit::Fault(_) => Error::Shape {
            path,
            problem: "the answer is nested too deep, holds broken text, or a value is too long",
        },
    })?;
    match value {
        Value::Array(rows) => Ok(rows),
        Value::Object(mut object) => match object.shift_remove(wrapper) {
            Some(Value::Array(rows)) => Ok(rows),
            _ => Err(Error::Shape {
                path,
                problem: "the answer has no list of the expected name",
            }),
        },
        _ => Err(Error::Shape {
            path,
            problem: "the answer is not a list",
        }),
    }
}

/// The record in an answer that holds one.
pub(super) fn one(path: &'static str, body: &[u8]) -> Result<Value, Error> {
    guarded(body).ok().filter(Value::is_object).ok_or(Error::Shape {
        path,
        problem: "the answer is not one record",
    })
}

/// Why bytes of the source are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// They stop before their end.
    CutOff,
    Fault(json::Fault),
}

/// The document, after the guard has read it. With two equal keys one reader would take the first and another the last, and
/// one of them decides whose record it is.
pub(super) fn guarded(bytes: &[u8]) -> Result<Value, Unfit> {
    // Whoever fetched them has bounded them.
    json::parse(bytes, json::Limits::source(bytes.len())).map_err(|refused| {
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
        match read.map_err(|error| error.classify()) {
            Err(serde_json::error::Category::Eof) => Unfit::CutOff,
            _ => Unfit::Fault(refused.kind),
        }
    })
}

/// Repairs one record in place.
pub(super) fn record(kind: Kind, body: &mut Value) {
    walk(body);
    // Remarks of employees to each other; on other kinds they are texts for the client.
    if matches!(kind, Kind::ContactRelation | Kind::CareProvider | Kind::Insurance)
        && let Value::Object(object) = body
    {
        object.shift_remove("comments");
    }
}

fn walk(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(plain) = unescape(text) {
                *text = plain;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(object) => {
            object.retain(|name, _| !NEVER.contains(&name.as_str()));
            object.values_mut().for_each(walk);
        }
        _ => {}
    }
}

/// The text with its character references replaced, once; none where it has none.
fn unescape(text: &str) -> Option<String> {
    let first = text.find('&')?;
    let mut plain = String::with_capacity(text.len());
    plain.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest reference we know has ten characters; a lone ampersand must not start a long search.
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((referenced(&rest[1..end])?, end))) {
            Some((character, end)) => {
                plain.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    Some(plain)
}

fn referenced(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "euro" => '€',
        "deg" => '°',
        "aacute" => 'á',
        "agrave" => 'à',
        "ccedil" => 'ç',
        "eacute" => 'é',
        "egrave" => 'è',
        "ecirc" => 'ê',
        "euml" => 'ë',
        "iuml" => 'ï',
        "oacute" => 'ó',
        "ouml" => 'ö',
        "uuml" => 'ü',
        _ => return None,
    })
}

/// The newest `updatedAt` of these records, in sortable form; empty where none has one.
pub(super) fn version<'a>(records: impl IntoIterator<Item = &'a Value>) -> String {
    records
        .into_iter()
        .filter_map(|record| record.get("updatedAt")?.as_str()?.parse::<Timestamp>().ok())
        .max()
        .map(version_of)
        .unwrap_or_default()
}

/// The `since` of a stream: the wall clock of UTC, without a zone as the contract shows it.
pub(super) fn since(at: Timestamp, overlap: std::time::Duration) -> String {
    let from = at.checked_sub(overlap).unwrap_or(Timestamp::UNIX_EPOCH);
    from.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S.000")
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_unescaped_once() {
        let mut body = json!({"comment": "RR &lt; 140 &amp; pols &amp;lt; 80, caf&eacute; &#39;t Hoekje &#x20AC;5 & meer; &onzin;"});
        record(Kind::Report, &mut body);
        assert_eq!(
            body["comment"],
            "RR < 140 & pols &lt; 80, café 't Hoekje €5 & meer; &onzin;"
        );
        assert_eq!(unescape("geen teken"), None);
        assert_eq!(unescape("&").unwrap(), "&");
        assert_eq!(unescape("&#0;&#x1;é&ëë;").unwrap(), "&#0;&#x1;é&ëë;");
    }

    #[test]
    fn fields_that_must_not_travel_are_removed_at_any_depth() {
        let mut body =
            json!({"id": 1, "bsn": "x", "comments": "x", "addresses": [{"id": 2, "residenceAccessInfo": "x"}]});
        record(Kind::ContactRelation, &mut body);
        assert_eq!(body, json!({"id": 1, "addresses": [{"id": 2}]}));
    }

    #[test]
    fn a_list_may_be_bare_or_wrapped_and_nothing_else() {
        let read = |text: &str| list("/x", text.as_bytes(), "reports");
        assert_eq!(read(r#"{"reports":[1]}"#).unwrap(), [json!(1)]);
        assert_eq!(read("[1]").unwrap(), [json!(1)]);
        assert!(matches!(read(r#"{"reports":null}"#), Err(Error::Shape { .. })));
        assert!(matches!(read(r#"{"clients":[]}"#), Err(Error::Shape { .. })));
        assert!(matches!(read(r#"{"reports":[1"#), Err(Error::Truncated { .. })));
        assert!(matches!(read(""), Err(Error::Truncated { .. })));
        assert!(matches!(read("<html>"), Err(Error::NotJson { .. })));
    }

    #[test]
    fn since_reaches_back_and_has_no_zone() {
        let at = "2026-11-22T07:00:00+01:00".parse().unwrap();
        assert_eq!(since(at, Duration::from_secs(900)), "2026-11-22T05:45:00.000");
    }

    #[test]
    fn the_newest_part_gives_the_version() {
        let old = json!({"updatedAt": "2026-11-20T12:00:00.000+01:00"});
        let new = json!({"updatedAt": "2026-11-20T11:30:00Z"});
        assert_eq!(version([&old, &new, &json!({})]), "2026-11-20T11:30:00.000000Z");
        assert_eq!(version([&json!({})]), "");
    }
}
