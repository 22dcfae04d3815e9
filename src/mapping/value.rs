//! What each verb makes of a record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use serde_json::{Map as Json, Number, Value};

use super::moment::Moment;
use super::run::{Refusal, Run};
use super::source::{Field, Frame, Read};
use super::table::Coding;
use super::text;
use super::verb::{Concept, Form, Line, Lookup, Place, Precision, Quantity, Text, Unknown, Verb};

/// A value, and whether any of it came out of the source.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) value: Value,
    pub(super) read: bool,
}

impl Made {
    fn read(value: impl Into<Value>) -> Self {
        Self {
            value: value.into(),
            read: true,
        }
    }
}

impl Run<'_, '_> {
    pub(super) fn line(&self, line: &Line, frame: &Frame<'_, '_>) -> Result<Option<Made>, Refusal> {
        if !line.when.holds(frame, &self.state()) {
            return Ok(None);
        }
        let made = self.verb(&line.verb, frame)?;
        if made.is_none() && line.required {
            let pointer = line
                .fields()
                .first()
                .map(|field| field.pointer(frame))
                .unwrap_or_default();
            return Err(Refusal::new(pointer, "a value is missing that the map requires"));
        }
        Ok(made)
    }

    fn verb(&self, verb: &Verb, frame: &Frame<'_, '_>) -> Result<Option<Made>, Refusal> {
        Ok(match verb {
            Verb::Const(value) => Some(Made {
                value: value.clone(),
                read: false,
            }),
            Verb::Copy(field, form) => copy(field, *form, frame)?.map(Made::read),
            Verb::Id(key, before) => self.id(key, frame)?.map(|id| Made::read(format!("{before}{id}"))),
            Verb::Code(lookup) => find(lookup, frame)?
                .and_then(<[Coding]>::first)
                .map(|coding| Made::read(coding.code.clone())),
            Verb::Concept(concept) => concept_of(concept, frame)?.map(Made::read),
            Verb::Instant(field, precision) => moment(field, *precision, self.zone(), frame)?.map(Made::read),
            Verb::Date(field) => moment(field, Precision::Day, self.zone(), frame)?.map(Made::read),
            Verb::Period { start, end, precision } => {
                let mut period = Json::new();
                for (name, field) in [("start", start), ("end", end)] {
                    if let Some(field) = field
                        && let Some(text) = moment(field, *precision, self.zone(), frame)?
                    {
                        period.insert(name.into(), text.into());
                    }
                }
                (!period.is_empty()).then(|| Made::read(period))
            }
            Verb::Reference { kind, key, display } => {
                let mut reference = Json::with_capacity(3);
                let mut read = false;
                if let (Some(key), Some(kind)) = (key, kind) {
                    let Some(id) = self.id(key, frame)? else {
                        return Ok(None);
                    };
                    read = true;
                    reference.insert("reference".into(), format!("{kind}/{id}").into());
                }
                if let Some(kind) = kind {
                    reference.insert("type".into(), kind.as_str().into());
                }
                if let Some(display) = display
                    && let Some((text, sourced)) = text_of(display, frame)?
                {
                    read |= sourced;
                    reference.insert("display".into(), text.into());
                } else if !read {
                    return Ok(None);
                }
                Some(Made {
                    value: Value::Object(reference),
                    read,
                })
            }
            Verb::Base64(text) => text_of(text, frame)?.map(|(text, _)| Made::read(STANDARD.encode(text))),
            Verb::Text(text, place) => text_of(text, frame)?.map(|(text, read)| Made {
                value: match place {
                    Place::Text => text.into(),
                    Place::Xhtml => text::narrative(&text).into(),
                    Place::Narrative => {
                        let mut narrative = Json::with_capacity(2);
                        narrative.insert("status".into(), "generated".into());
                        narrative.insert("div".into(), text::narrative(&text).into());
                        Value::Object(narrative)
                    }
                },
                read,
            }),
            Verb::Quantity(quantity) => quantity_of(quantity, frame)?.map(Made::read),
            Verb::Bool(field) => match read(field, frame) {
                None => None,
                Some(Value::Bool(value)) => Some(Made::read(*value)),
                Some(Value::String(text)) if text == "true" || text == "false" => Some(Made::read(text == "true")),
                Some(_) => return Err(Refusal::at(field, frame, "neither true nor false")),
            },
            Verb::First(lines) => {
                for line in lines {
                    if let Some(made) = self.line(line, frame)? {
                        return Ok(Some(made));
                    }
                }
                None
            }
        })
    }
}

fn read<'a>(field: &Field, frame: &Frame<'a, '_>) -> Option<&'a Value> {
    match field.read(frame)? {
        Read::Value(value) => Some(value),
        Read::Position(_) => None,
    }
}

/// A plain value as text: for keys and codes.
pub(super) fn plain(field: &Field, frame: &Frame<'_, '_>) -> Result<Option<String>, Refusal> {
    Ok(match field.read(frame) {
        None => None,
        Some(Read::Position(position)) => Some(position.to_string()),
        Some(Read::Value(Value::String(text))) => text::clean(text),
        Some(Read::Value(Value::Number(number))) => Some(number.to_string()),
        Some(Read::Value(Value::Bool(value))) => Some(value.to_string()),
        Some(Read::Value(_)) => {
            return Err(Refusal::at(
                field,
                frame,
                "a list or object where a plain value is needed",
            ));
        }
    })
}

fn copy(field: &Field, form: Form, frame: &Frame<'_, '_>) -> Result<Option<Value>, Refusal> {
    let Some(text) = plain(field, frame)? else {
        return Ok(None);
    };
    Ok(Some(match form {
        Form::Text => bounded(text, field, frame)?.into(),
        Form::Integer(least) => match text.parse::<i64>() {
            Ok(number) if number >= least && i32::try_from(number).is_ok() => number.into(),
            _ => {
                return Err(Refusal::at(
                    field,
                    frame,
                    "not a whole number that the element can hold",
                ));
            }
        },
        Form::Decimal => Value::Number(decimal(&text, field, frame)?),
    }))
}

/// A decimal with the digits of the source: 61.40 stays 61.40.
fn decimal(text: &str, field: &Field, frame: &Frame<'_, '_>) -> Result<Number, Refusal> {
    let is_plain = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'.');
    is_plain
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| Refusal::at(field, frame, "not a decimal number; the decimal sign is a point"))
}

fn bounded(text: String, field: &Field, frame: &Frame<'_, '_>) -> Result<String, Refusal> {
    if text.len() > text::MAX_BYTES {
        return Err(Refusal::at(field, frame, "longer than a FHIR string may be (1 MB)"));
    }
    Ok(text)
}

fn moment(
    field: &Field,
    precision: Precision,
    zone: &TimeZone,
    frame: &Frame<'_, '_>,
) -> Result<Option<String>, Refusal> {
    let refuse = |reason| Refusal::at(field, frame, reason);
    let text = match read(field, frame) {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(refuse("not a date or time as ISO 8601 writes it")),
    };
    let moment = Moment::parse(text, zone).map_err(refuse)?;
    Ok(Some(match precision {
        Precision::Instant => moment.instant().map_err(refuse)?,
        Precision::Source => moment.date_time(),
        Precision::Day => moment.day(),
    }))
}

/// The codings of a code; `None` when the field is missing, or unknown and left out.
fn find<'t>(lookup: &'t Lookup, frame: &Frame<'_, '_>) -> Result<Option<&'t [Coding]>, Refusal> {
    let Some(code) = plain(&lookup.field, frame)? else {
        return Ok(None);
    };
    match (lookup.table.find(&code), lookup.unknown) {
        (Some(codings), _) => Ok(Some(codings)),
        (None, Unknown::Omit) => Ok(None),
        (None, Unknown::Refuse) => {
            let reason = format!("a code that the table `{}` does not have", lookup.name);
            Err(Refusal::at(&lookup.field, frame, reason))
        }
    }
}

fn concept_of(concept: &Concept, frame: &Frame<'_, '_>) -> Result<Option<Value>, Refusal> {
    let mut made = Json::with_capacity(2);
    let text = match concept {
        Concept::Text(text) => text_of(text, frame)?.filter(|(_, sourced)| *sourced),
        Concept::Coded {
            lookup,
            text,
            coding_only,
        } => {
            let Some(codings) = find(lookup, frame)? else {
                return Ok(None);
            };
            if *coding_only {
                return Ok(codings.first().map(Coding::to_json));
            }
            if !codings.is_empty() {
                made.insert("coding".into(), codings.iter().map(Coding::to_json).collect());
            }
            match text {
                Some(text) => text_of(text, frame)?,
                None => None,
            }
        }
    };
    if let Some((text, _)) = text {
        made.insert("text".into(), text.into());
    }
    Ok((!made.is_empty()).then_some(Value::Object(made)))
}

fn quantity_of(quantity: &Quantity, frame: &Frame<'_, '_>) -> Result<Option<Value>, Refusal> {
    let Some(text) = plain(&quantity.value, frame)? else {
        return Ok(None);
    };
    let value = decimal(&text, &quantity.value, frame)?;
    if let Some(lookup) = &quantity.source_unit
        && let Some(units) = find(lookup, frame)?
        && !units.iter().any(|unit| unit.code == quantity.code)
    {
        // Kilograms that were grams would be a thousand times too much.
        return Err(Refusal::at(&lookup.field, frame, "another unit than the map expects"));
    }
    let mut made = Json::with_capacity(4);
    made.insert("value".into(), Value::Number(value));
    made.insert("unit".into(), quantity.unit.as_str().into());
    made.insert("system".into(), "http://unitsofmeasure.org".into());
    made.insert("code".into(), quantity.code.as_str().into());
    Ok(Some(Value::Object(made)))
}

/// The text, and whether any of it came out of the source. Constants alone are a text, but never part of one.
fn text_of(text: &Text, frame: &Frame<'_, '_>) -> Result<Option<(String, bool)>, Refusal> {
    match text {
        Text::Literal(text) => Ok(Some((text.clone(), false))),
        Text::Field(field) => match plain(field, frame)? {
            Some(text) => Ok(Some((bounded(text, field, frame)?, true))),
            None => Ok(None),
        },
        Text::Joined(parts, separator) => {
            let mut joined = String::new();
            let mut sourced = false;
            for part in parts {
                let Some((text, read)) = text_of(part, frame)? else {
                    continue;
                };
                if !joined.is_empty() {
                    joined.push_str(separator);
                }
                joined.push_str(&text);
                sourced |= read;
            }
            Ok(sourced.then_some((joined, true)))
        }
    }
}
