//! The formats of the primitive types (<https://hl7.org/fhir/R4/datatypes.html#primitive>).
//!
//! # Design
//! Written by hand instead of with regular expressions: a resource has some forty primitives, and a record must be mapped
//! and checked in some thirty microseconds. A date must also exist: 2026-02-30 has the right form and is refused.

use serde_json::Value;

use super::narrative;
use crate::fhir::types::Id;

/// A primitive type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

impl Primitive {
    pub(super) fn named(code: &str) -> Option<Self> {
        Some(match code {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" => Self::String,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }

    /// The JSON type that holds it.
    pub(super) fn json_type(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Decimal => "number",
            Self::Integer | Self::PositiveInt | Self::UnsignedInt => "integer",
            _ => "string",
        }
    }

    /// A regular expression that every value meets; the walk is stricter.
    pub(super) fn pattern(self) -> Option<&'static str> {
        Some(match self {
            Self::Code => "^\\S+( \\S+)*$",
            Self::Date => "^\\d{4}(-\\d{2}(-\\d{2})?)?$",
            Self::DateTime => "^\\d{4}(-\\d{2}(-\\d{2}(T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2}))?)?)?$",
            Self::Instant => "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$",
            Self::Time => "^\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?$",
            Self::Id => "^[A-Za-z0-9.-]{1,64}$",
            Self::Uri | Self::Url | Self::Canonical | Self::Oid | Self::Uuid => "^\\S+$",
            Self::String | Self::Markdown | Self::Base64Binary => "\\S",
            Self::Boolean | Self::Decimal | Self::Integer | Self::PositiveInt | Self::UnsignedInt | Self::Xhtml => {
                return None;
            }
        })
    }

    /// What is wrong with the value, if anything.
    pub(super) fn check(self, value: &Value) -> Result<(), &'static str> {
        match self {
            Self::Boolean => value.is_boolean().then_some(()).ok_or("must be true or false"),
            Self::Decimal => value.is_number().then_some(()).ok_or("must be a number"),
            Self::Integer => whole(value, i64::from(i32::MIN)).ok_or("must be a whole number of 32 bits"),
            Self::PositiveInt => whole(value, 1).ok_or("must be a whole number above zero"),
            Self::UnsignedInt => whole(value, 0).ok_or("must be a whole number, zero or above"),
            _ => match value.as_str() {
                Some(text) => self.check_text(text),
                None => Err("must be a text in quotes"),
            },
        }
    }

    fn check_text(self, text: &str) -> Result<(), &'static str> {
        let fits = |fits: bool, message| if fits { Ok(()) } else { Err(message) };
        match self {
            Self::Code => fits(
                is_code(text),
                "must be a code: no white space around it, single spaces inside",
            ),
            Self::String | Self::Markdown => fits(
                is_text(text),
                "must be a text that is not blank, without control characters",
            ),
            Self::Date => fits(is_date(text), "must be a date: YYYY, YYYY-MM or YYYY-MM-DD"),
            Self::DateTime => fits(
                is_date_time(text),
                "must be a date, or a date and time with seconds and an offset",
            ),
            Self::Instant => fits(is_instant(text), "must be a date and time with seconds and an offset"),
            Self::Time => fits(is_time(text), "must be a time: hh:mm:ss"),
            Self::Uri | Self::Url | Self::Canonical => fits(is_uri(text), "must be a URI without white space"),
            Self::Oid => fits(is_oid(text), "must be an OID: urn:oid:1.2.3"),
            Self::Uuid => fits(
                is_uuid(text),
                "must be a UUID: urn:uuid: and lower-case hexadecimal digits",
            ),
            Self::Id => fits(
                Id::parse(text).is_some(),
                "must be an id: 1 to 64 letters, digits, - and .",
            ),
            Self::Base64Binary => fits(is_base64(text), "must be base64"),
            Self::Xhtml => narrative::check(text),
            Self::Boolean | Self::Decimal | Self::Integer | Self::PositiveInt | Self::UnsignedInt => Ok(()),
        }
    }
}

fn whole(value: &Value, least: i64) -> Option<()> {
    let number = value.as_i64()?;
    (least..=i64::from(i32::MAX)).contains(&number).then_some(())
}

fn is_text(text: &str) -> bool {
    let mut blank = true;
    for &byte in text.as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            0..=0x1f | 0x7f => return false,
            _ => blank = false,
        }
    }
    !blank
}

fn is_code(text: &str) -> bool {
    let mut space = true;
    for &byte in text.as_bytes() {
        match byte {
            b' ' if space => return false,
            b' ' => space = true,
            0..=0x1f | 0x7f => return false,
            _ => space = false,
        }
    }
    !space
}

fn is_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return false;
    }
    match text.strip_prefix("urn:") {
        Some(rest) if rest.starts_with("oid:") => is_oid(text),
        Some(rest) if rest.starts_with("uuid:") => is_uuid(text),
        _ => true,
    }
}

fn is_oid(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let mut arcs = rest.split('.');
    let root = arcs.next().is_some_and(|root| matches!(root, "0" | "1" | "2"));
    let mut count = 0;
    let good = arcs.all(|arc| {
        count += 1;
        !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'))
    });
    root && good && count > 0
}

fn is_uuid(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("urn:uuid:") else {
        return false;
    };
    rest.len() == 36
        && rest.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

fn is_base64(text: &str) -> bool {
    let mut count = 0_usize;
    let mut padding = 0_usize;
    for &byte in text.as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}

/// Digits at a place, as a number.
fn number(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

fn is_date(text: &str) -> bool {
    date(text.as_bytes())
}

fn date(bytes: &[u8]) -> bool {
    let Some(year) = bytes.get(..4).and_then(number).filter(|year| *year > 0) else {
        return false;
    };
    if bytes.len() == 4 {
        return true;
    }
    let month = (bytes[4] == b'-').then(|| bytes.get(5..7).and_then(number)).flatten();
    let Some(month) = month.filter(|month| (1..=12).contains(month)) else {
        return false;
    };
    if bytes.len() == 7 {
        return true;
    }
    let day = (bytes.len() == 10 && bytes[7] == b'-')
        .then(|| number(&bytes[8..10]))
        .flatten();
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    day.is_some_and(|day| (1..=days).contains(&day))
}

fn is_time(text: &str) -> bool {
    time(text.as_bytes()) == Some(text.len())
}

/// The length of the `hh:mm:ss[.fff]` that the bytes start with.
fn time(bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..8)?;
    let part = |at: usize, most: u32| number(&head[at..at + 2]).filter(|part| *part <= most);
    part(0, 23)?;
    part(3, 59)?;
    part(6, 60)?;
    if head[2] != b':' || head[5] != b':' {
        return None;
    }
    if bytes.get(8) != Some(&b'.') {
        return Some(8);
    }
    match bytes[9..].iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => None,
        digits => Some(9 + digits),
    }
}

fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[10] != b'T' || !date(&bytes[..10]) {
        return false;
    }
    time(&bytes[11..]).is_some_and(|length| is_offset(&bytes[11 + length..]))
}

fn is_offset(bytes: &[u8]) -> bool {
    match bytes {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => match (number(&[*h1, *h2]), number(&[*m1, *m2])) {
            (Some(hours), Some(minutes)) => (hours <= 13 && minutes <= 59) || (hours == 14 && minutes == 0),
            _ => false,
        },
        _ => false,
    }
}

fn is_date_time(text: &str) -> bool {
    if text.len() <= 10 {
        is_date(text)
    } else {
        is_instant(text)
    }
}

#[cfg(test)]
mod tests;
