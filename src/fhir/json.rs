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

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use serde_json::Value;

/// How much is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
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
            bytes: 2 << 20,
            depth: 32,
            items: 10_000,
            members: 1_000,
            string: 1 << 20,
        }
    }
}

/// No key is longer than this many bytes.
const MAX_KEY: usize = 128;
/// No number is longer than this many bytes: FHIR asks for 18 digits.
const MAX_NUMBER: usize = 48;
/// Objects up to this size are searched for a duplicate key by comparing, larger ones by a set.
const SMALL_OBJECT: usize = 16;

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
    let mut guard = Guard {
        text,
        bytes,
        at: 0,
        limits,
        stack: Vec::with_capacity(8),
    };
    guard.document().map_err(|kind| Refused {
        kind,
        pointer: guard.pointer(),
        offset: guard.at,
    })
}

/// An array member of an object, kept until the object ends and its twin is known.
struct Array {
    key: usize,
    items: usize,
    /// Places of its nulls.
    nulls: Vec<usize>,
}

enum Frame<'a> {
    Object {
        keys: Vec<&'a str>,
        seen: HashSet<&'a str>,
        arrays: Vec<Array>,
    },
    Array {
        items: usize,
        nulls: Vec<usize>,
    },
}

struct Guard<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    stack: Vec<Frame<'a>>,
}

impl<'a> Guard<'a> {
    fn document(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => return Err(Fault::Empty),
            Some(b'{') => self.open_object()?,
            Some(_) => return Err(Fault::NotAnObject),
        }
        while let Some(top) = self.stack.last() {
            match top {
                Frame::Object { .. } => self.member()?,
                Frame::Array { .. } => self.item()?,
            }
        }
        if self.peek().is_some() {
            Err(Fault::Trailing)
        } else {
            Ok(())
        }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek() != Some(byte) {
            return Err(Fault::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    fn push(&mut self, frame: Frame<'a>) -> Result<(), Fault> {
        if self.stack.len() >= self.limits.depth {
            return Err(Fault::TooDeep);
        }
        self.stack.push(frame);
        Ok(())
    }

    fn open_object(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at = start;
            return Err(Fault::EmptyObject);
        }
        self.push(Frame::Object {
            keys: Vec::new(),
            seen: HashSet::new(),
            arrays: Vec::new(),
        })
    }

    fn open_array(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if matches!(self.stack.last(), Some(Frame::Array { .. })) {
            return Err(Fault::NestedArray);
        }
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at = start;
            return Err(Fault::EmptyArray);
        }
        self.push(Frame::Array {
            items: 0,
            nulls: Vec::new(),
        })
    }

    /// One `"key": value` of the object on top, and the `,` or `}` behind it. A container is only opened here; its end is
    /// handled by [`Self::close`], which reads that `,` or `}` too.
    fn member(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(Fault::Syntax);
        }
        let start = self.at;
        let raw = self.string()?;
        let inner = &raw[1..raw.len() - 1];
        // An escaped key could hide a duplicate; no FHIR name needs an escape.
        if inner.is_empty() || inner.len() > MAX_KEY || inner.contains('\\') {
            self.at = start;
            return Err(Fault::Key);
        }
        let limit = self.limits.members;
        let Some(Frame::Object { keys, seen, .. }) = self.stack.last_mut() else {
            unreachable!("an object is on top")
        };
        if keys.len() >= limit {
            return Err(Fault::TooManyMembers);
        }
        let twice = if keys.len() < SMALL_OBJECT {
            keys.contains(&inner)
        } else {
            if seen.is_empty() {
                seen.extend(keys.iter().copied());
            }
            !seen.insert(inner)
        };
        keys.push(inner);
        if twice {
            self.at = start;
            return Err(Fault::DuplicateKey);
        }
        self.expect(b':')?;
        if self.peek() == Some(b'n') {
            return Err(Fault::Null);
        }
        self.value()
    }

    fn item(&mut self) -> Result<(), Fault> {
        let next = self.peek();
        let limit = self.limits.items;
        let Some(Frame::Array { items, nulls }) = self.stack.last_mut() else {
            unreachable!("an array is on top")
        };
        if *items >= limit {
            return Err(Fault::TooManyItems);
        }
        *items += 1;
        if next == Some(b'n') {
            nulls.push(*items - 1);
        }
        self.value()
    }

    /// A value; a scalar also reads what follows it.
    fn value(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{') => return self.open_object(),
            Some(b'[') => return self.open_array(),
            Some(b'"') => {
                let start = self.at;
                if self.string()?.len() == 2 {
                    self.at = start;
                    return Err(Fault::EmptyString);
                }
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return Err(Fault::Syntax),
        }
        self.follow()
    }

    /// What stands behind a value: a comma, or the end of one or more containers.
    fn follow(&mut self) -> Result<(), Fault> {
        while let Some(top) = self.stack.last() {
            let end = if matches!(top, Frame::Object { .. }) {
                b'}'
            } else {
                b']'
            };
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(byte) if byte == end => {
                    self.close()?;
                    self.at += 1;
                }
                _ => return Err(Fault::Syntax),
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        if let Some(Frame::Object { keys, arrays, .. }) = self.stack.last_mut()
            && let Some((key, fault)) = twins(keys, arrays)
        {
            // The pointer shows the last key: make it the one at fault.
            keys.truncate(key + 1);
            return Err(fault);
        }
        let closed = self.stack.pop();
        if let (Some(Frame::Array { items, nulls }), Some(Frame::Object { keys, arrays, .. })) =
            (closed, self.stack.last_mut())
        {
            arrays.push(Array {
                key: keys.len() - 1,
                items,
                nulls,
            });
        }
        Ok(())
    }

    /// A string with its quotes, as written.
    fn string(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(Fault::Syntax),
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f | 0x7f) => return Err(Fault::Text),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        if self.at - start > self.limits.string {
            self.at = start;
            return Err(Fault::StringTooLong);
        }
        Ok(&self.text[start..self.at])
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.hex(self.at + 2)?;
                match unit {
                    0 | 0xdc00..=0xdfff => return Err(Fault::Text),
                    0xd800..=0xdbff => {
                        let low = self.bytes.get(self.at + 6..self.at + 8) == Some(b"\\u");
                        if !low || !(0xdc00..=0xdfff).contains(&self.hex(self.at + 8)?) {
                            return Err(Fault::Text);
                        }
                        self.at += 12;
                    }
                    _ => self.at += 6,
                }
            }
            _ => return Err(Fault::Text),
        }
        Ok(())
    }

    fn hex(&self, from: usize) -> Result<u32, Fault> {
        let digits = self.bytes.get(from..from + 4).ok_or(Fault::Text)?;
        digits.iter().try_fold(0, |unit, &byte| {
            char::from(byte)
                .to_digit(16)
                .map(|digit| unit * 16 + digit)
                .ok_or(Fault::Text)
        })
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.bytes[self.at - whole] == b'0') {
            return Err(Fault::Syntax);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(Fault::Syntax);
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            match self.digits() {
                0 => return Err(Fault::Syntax),
                1 | 2 => {}
                _ => {
                    self.at = start;
                    return Err(Fault::Number);
                }
            }
        }
        if self.at - start > MAX_NUMBER {
            self.at = start;
            return Err(Fault::Number);
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for frame in &self.stack {
            match frame {
                Frame::Object { keys, .. } => {
                    if let Some(key) = keys.last() {
                        pointer.push('/');
                        pointer.push_str(if is_name(key) { key } else { "?" });
                    }
                }
                Frame::Array { items, .. } => {
                    if *items > 0 {
                        let _ = write!(pointer, "/{}", items - 1);
                    }
                }
            }
        }
        pointer
    }
}

/// Nulls are filler: the array `given` beside `_given`, equally long, never both null at one place.
fn twins(keys: &[&str], arrays: &[Array]) -> Option<(usize, Fault)> {
    let is_plain = |array: &Array| array.nulls.is_empty() && !keys[array.key].starts_with('_');
    if arrays.iter().all(is_plain) {
        return None;
    }
    let named: HashMap<&str, &Array> = arrays.iter().map(|array| (keys[array.key], array)).collect();
    for array in arrays {
        let name = keys[array.key];
        match name.strip_prefix('_') {
            Some(bare) => match named.get(bare) {
                None if array.nulls.is_empty() => {}
                None => return Some((array.key, Fault::Null)),
                Some(twin) => {
                    let both = |place: &usize| array.nulls.binary_search(place).is_ok();
                    if twin.items != array.items || twin.nulls.iter().any(both) {
                        return Some((array.key, Fault::Twin));
                    }
                }
            },
            None if array.nulls.is_empty() || named.contains_key(format!("_{name}").as_str()) => {}
            None => return Some((array.key, Fault::Null)),
        }
    }
    None
}

fn is_name(key: &str) -> bool {
    key.len() <= 64
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> Refused {
        check(text.as_bytes(), Limits::default()).unwrap_err()
    }

    fn fault(text: &str) -> Fault {
        refusal(text).kind
    }

    #[test]
    fn a_plain_resource_passes() {
        let text = r#" {"resourceType":"Patient","active":true,"name":[{"family":"de Vries","given":["Jan","\u00e9\ud83d\ude00"]}],"n":-0.50e3} "#;
        assert_eq!(check(text.as_bytes(), Limits::default()), Ok(()));
    }

    #[test]
    fn the_hostile_corpus_is_refused_by_name() {
        for (text, kind) in [
            ("", Fault::Empty),
            ("  ", Fault::Empty),
            ("[]", Fault::NotAnObject),
            ("\"a\"", Fault::NotAnObject),
            ("{}", Fault::EmptyObject),
            (r#"{"a":{}}"#, Fault::EmptyObject),
            (r#"{"a":[ ]}"#, Fault::EmptyArray),
            (r#"{"a":""}"#, Fault::EmptyString),
            (r#"{"a":null}"#, Fault::Null),
            (r#"{"a":[null]}"#, Fault::Null),
            (r#"{"a":[null,"x"],"_a":[null,{"id":"1"}]}"#, Fault::Twin),
            (r#"{"a":[null,"x"],"_a":[{"id":"1"}]}"#, Fault::Twin),
            (r#"{"a":[[1]]}"#, Fault::NestedArray),
            (r#"{"a":1,"a":2}"#, Fault::DuplicateKey),
            (r#"{"a":1,"\u0061":2}"#, Fault::Key),
            (r#"{"":1}"#, Fault::Key),
            (r#"{"a":1}x"#, Fault::Trailing),
            (r#"{"a":1}{"b":1}"#, Fault::Trailing),
            (r#"{"a":1,}"#, Fault::Syntax),
            (r#"{"a":[1,]}"#, Fault::Syntax),
            (r#"{"a" 1}"#, Fault::Syntax),
            (r#"{"a":01}"#, Fault::Syntax),
            (r#"{"a":+1}"#, Fault::Syntax),
            (r#"{"a":.5}"#, Fault::Syntax),
            (r#"{"a":1.}"#, Fault::Syntax),
            (r#"{"a":NaN}"#, Fault::Syntax),
            (r#"{"a":-}"#, Fault::Syntax),
            (r#"{"a":nul}"#, Fault::Null),
            (r#"{"a":1e2000000000}"#, Fault::Number),
            (r#"{"a":"x"#, Fault::Syntax),
            (r#"{"a":"\x"}"#, Fault::Text),
            (r#"{"a":"\ud800"}"#, Fault::Text),
            (r#"{"a":"\udc00\ud800"}"#, Fault::Text),
            (r#"{"a":"\u0000"}"#, Fault::Text),
            (r#"{"a":"\u12"}"#, Fault::Text),
            ("{\"a\":\"x\ny\"}", Fault::Text),
            ("{\"a\":1]", Fault::Syntax),
            ("{", Fault::Syntax),
            ("{\"a\":[1}", Fault::Syntax),
        ] {
            assert_eq!(fault(text), kind, "{text}");
        }
    }

    #[test]
    fn a_byte_order_mark_and_broken_utf8_are_refused() {
        assert_eq!(
            check(b"\xef\xbb\xbf{\"a\":1}", Limits::default()).unwrap_err().kind,
            Fault::ByteOrderMark
        );
        let refused = check(b"{\"a\":\"\xff\"}", Limits::default()).unwrap_err();
        assert_eq!((refused.kind, refused.offset), (Fault::Encoding, 6));
    }

    #[test]
    fn nulls_fill_an_array_beside_its_twin() {
        for good in [
            r#"{"given":[null,"Jan"],"_given":[{"id":"x"},null]}"#,
            r#"{"_given":[{"id":"x"},null],"given":["Piet","Jan"]}"#,
            r#"{"_given":[{"id":"x"}]}"#,
        ] {
            assert_eq!(check(good.as_bytes(), Limits::default()), Ok(()), "{good}");
        }
        assert_eq!(
            refusal(r#"{"x":1,"_given":[{"id":"x"},null],"y":2}"#).pointer,
            "/_given"
        );
    }

    #[test]
    fn the_place_is_named_and_the_value_is_not() {
        let refused = refusal(r#"{"name":[{"given":["a"]},{"given":["b",""]}]}"#);
        assert_eq!((refused.pointer.as_str(), refused.offset), ("/name/1/given/1", 39));
        let refused = refusal(r#"{"999900018":{"a":""}}"#);
        assert_eq!(refused.pointer, "/?/a");
        assert!(!refused.to_string().contains("9999"));
    }

    #[test]
    fn every_limit_holds() {
        assert_eq!(
            fault(&format!("{}1{}", r#"{"a":"#.repeat(33), "}".repeat(33))),
            Fault::TooDeep
        );
        assert_eq!(
            check(
                format!("{}1{}", r#"{"a":"#.repeat(32), "}".repeat(32)).as_bytes(),
                Limits::default()
            ),
            Ok(())
        );
        assert_eq!(
            fault(&format!(r#"{{"a":[{}1]}}"#, "1,".repeat(10_000))),
            Fault::TooManyItems
        );
        let members: Vec<_> = (0..1_001).map(|n| format!(r#""k{n}":1"#)).collect();
        assert_eq!(fault(&format!("{{{}}}", members.join(","))), Fault::TooManyMembers);
        assert_eq!(
            fault(&format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20))),
            Fault::StringTooLong
        );
        assert_eq!(fault(&format!(r#"{{"a":{}}}"#, "1".repeat(1_000_000))), Fault::Number);
        assert_eq!(fault(&" ".repeat((2 << 20) + 1)), Fault::TooLarge);
        assert_eq!(fault(&format!(r#"{{"{}":1}}"#, "k".repeat(200))), Fault::Key);
    }

    #[test]
    fn a_duplicate_is_found_in_a_large_object_too() {
        let mut members: Vec<_> = (0..100).map(|n| format!(r#""k{n}":1"#)).collect();
        members.push(r#""k42":2"#.into());
        assert_eq!(fault(&format!("{{{}}}", members.join(","))), Fault::DuplicateKey);
    }

    #[test]
    fn a_hundred_thousand_brackets_end_at_once() {
        assert_eq!(fault(&format!(r#"{{"a":{}"#, "[".repeat(100_000))), Fault::NestedArray);
        assert_eq!(fault(&r#"{"a":"#.repeat(100_000)), Fault::TooDeep);
    }

    /// JSON without what FHIR forbids.
    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~é\\n\"\\\\]{1,12}".prop_map(Value::from),
        ];
        let inner = leaf.prop_recursive(4, 48, 6, |inner| {
            let scalar = inner
                .clone()
                .prop_filter("no array in an array", |value| !value.is_array());
            prop_oneof![
                prop::collection::vec(scalar, 1..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,8}", inner, 1..6).prop_map(|map| map.into_iter().collect()),
            ]
        });
        prop::collection::btree_map("[a-z]{1,8}", inner, 1..6).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_passes_unchanged(value in document()) {
            let compact = value.to_string();
            prop_assert_eq!(parse(compact.as_bytes(), Limits::default()), Ok(value.clone()));
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(parse(&pretty, Limits::default()), Ok(value));
        }

        #[test]
        fn whatever_passes_is_json_for_serde_json_too(bytes in "[\\[\\]{}:,\"a1.e\\\\ntu-]{0,40}") {
            if check(bytes.as_bytes(), Limits::default()).is_ok() {
                prop_assert!(serde_json::from_str::<Value>(&bytes).is_ok(), "{}", bytes);
            }
        }

        #[test]
        fn a_cut_or_changed_document_never_panics(value in document(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = value.to_string().into_bytes();
            let place = cut.index(bytes.len());
            let _ = check(&bytes[..place], Limits::default());
            bytes[place] = byte;
            if check(&bytes, Limits::default()).is_ok() {
                prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
            }
        }
    }
}
