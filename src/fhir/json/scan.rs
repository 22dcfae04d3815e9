//! The one pass over the bytes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::{Dialect, Fault, Limits};

/// No key is longer than this many bytes.
const MAX_KEY: usize = 128;
/// No number is longer than this many bytes: FHIR asks for 18 digits.
const MAX_NUMBER: usize = 48;
/// Objects up to this size are searched for a duplicate key by comparing, larger ones by a set.
const SMALL_OBJECT: usize = 16;

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

pub(super) struct Guard<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    limits: Limits,
    stack: Vec<Frame<'a>>,
}

impl<'a> Guard<'a> {
    pub(super) fn new(text: &'a str, limits: Limits) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            limits,
            stack: Vec::with_capacity(8),
        }
    }

    /// Where it stands: the byte at fault, after a refusal.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn document(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => return Err(Fault::Empty),
            Some(b'{') => self.open_object()?,
            Some(b'[') if self.is_source() => self.open_array()?,
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

    fn is_source(&self) -> bool {
        self.limits.dialect == Dialect::Source
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
            return self.nothing(start, Fault::EmptyObject);
        }
        self.push(Frame::Object {
            keys: Vec::new(),
            seen: HashSet::new(),
            arrays: Vec::new(),
        })
    }

    fn open_array(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if matches!(self.stack.last(), Some(Frame::Array { .. })) && !self.is_source() {
            return Err(Fault::NestedArray);
        }
        self.at += 1;
        if self.peek() == Some(b']') {
            return self.nothing(start, Fault::EmptyArray);
        }
        self.push(Frame::Array {
            items: 0,
            nulls: Vec::new(),
        })
    }

    fn nothing(&mut self, start: usize, fault: Fault) -> Result<(), Fault> {
        self.at = if self.is_source() { self.at + 1 } else { start };
        if self.is_source() { self.follow() } else { Err(fault) }
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
        if self.peek() == Some(b'n') && !self.is_source() {
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
        if next == Some(b'n') && self.limits.dialect == Dialect::Fhir {
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
                if self.string()?.len() == 2 && !self.is_source() {
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
        if !self.is_source()
            && let Some(Frame::Object { keys, arrays, .. }) = self.stack.last_mut()
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

    pub(super) fn pointer(&self) -> String {
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
