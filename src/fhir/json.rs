//! The strict guard in front of every JSON body that comes from outside.
//!
//! ```
//! use inzage::fhir::json::{Fault, Limits, parse};
//! let refused = parse(br#"{"resourceType":"Patient","name":[]}"#, Limits::default()).unwrap_err();
//! assert_eq!((refused.kind, refused.pointer.as_str(), refused.offset), (Fault::EmptyArray, "/name", 33));
//! ```
//!
//! # Design
//! The parsers behind this guard are forgiving where FHIR is not: serde_json keeps the last of two equal keys, fhirbolt
//! panics on `[]`. FHIR forbids empty arrays, objects and strings, and null anywhere but as filler in an array beside its
//! `_name` twin (<https://hl7.org/fhir/R4/json.html>). The guard reads the bytes once, in a loop with a stack of bounded
//! depth, so that neither nesting nor size can hurt it. A refusal names the place by JSON pointer and byte offset and
//! never repeats a value; a key that does not look like a name shows as `?`, because it may be somebody's number.

mod scan;

use serde_json::Value;

use self::scan::Guard;

/// Whose JSON it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One object, with nothing empty in it.
    Fhir,
    /// What a source system sends: an object or a list, where null and empty values are allowed. Doubled keys, broken text
    /// and excess are refused all the same.
    Source,
}

/// How much is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub dialect: Dialect,
    /// Bytes of the whole body.
    pub bytes: usize,
    /// Objects and arrays inside each other.
    pub depth: usize,
    /// Items of one array.
    pub items: usize,
    /// Members of one object.
    pub members: usize,
    /// Bytes of one string, as written.
    pub string: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dialect: Dialect::Fhir,
            bytes: 2 << 20,
            depth: 32,
            items: 10_000,
            members: 1_000,
            string: 1 << 20,
        }
    }
}

impl Limits {
    /// For what a source system sends, of at most so many bytes.
    pub fn source(bytes: usize) -> Self {
        Self {
            dialect: Dialect::Source,
            bytes,
            // A list holds at most one record in two bytes; the bytes bound it.
            items: bytes,
            ..Self::default()
        }
    }
}

/// What is wrong with the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the body is empty")]
    Empty,
    #[error("the body is too large")]
    TooLarge,
    #[error("not UTF-8")]
    Encoding,
    #[error("a byte order mark is not allowed")]
    ByteOrderMark,
    #[error("not JSON")]
    Syntax,
    #[error("the body must be a JSON object")]
    NotAnObject,
    #[error("something follows the end of the body")]
    Trailing,
    #[error("a key occurs twice")]
    DuplicateKey,
    #[error("an empty array is not allowed; leave the element out")]
    EmptyArray,
    #[error("an empty object is not allowed; leave the element out")]
    EmptyObject,
    #[error("an empty string is not allowed; leave the element out")]
    EmptyString,
    #[error("null is allowed only in an array beside its `_` twin")]
    Null,
    #[error("an array and its `_` twin must have the same length and hold no null at the same place")]
    Twin,
    #[error("an array may not hold an array")]
    NestedArray,
    #[error("nested too deep")]
    TooDeep,
    #[error("the array has too many items")]
    TooManyItems,
    #[error("the object has too many members")]
    TooManyMembers,
    #[error("the string is too long")]
    StringTooLong,
    #[error("the key is empty or too long")]
    Key,
    #[error("the number is too long or too large")]
    Number,
    #[error("a string has a control character or a broken escape")]
    Text,
}

/// Why a body is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at {} (byte {offset})", if pointer.is_empty() { "the top" } else { pointer })]
pub struct Refused {
    pub kind: Fault,
    /// JSON pointer (RFC 6901) of the place; empty for the whole body.
    pub pointer: String,
    pub offset: usize,
}

/// The guarded document, ready for every reader behind it.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value, Refused> {
    check(bytes, limits)?;
    serde_json::from_slice(bytes).map_err(|_| Refused {
        kind: Fault::Syntax,
        pointer: String::new(),
        offset: 0,
    })
}

/// Is the document fit to be parsed?
pub fn check(bytes: &[u8], limits: Limits) -> Result<(), Refused> {
    let top = |kind, offset| Refused {
        kind,
        pointer: String::new(),
        offset,
    };
    if bytes.len() > limits.bytes {
        return Err(top(Fault::TooLarge, limits.bytes));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(top(Fault::ByteOrderMark, 0));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| top(Fault::Encoding, error.valid_up_to()))?;
    let mut guard = Guard::new(text, limits);
    guard.document().map_err(|kind| Refused {
        kind,
        pointer: guard.pointer(),
        offset: guard.at(),
    })
}

#[cfg(test)]
mod tests;
