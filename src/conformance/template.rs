//! Variables in cases: `{fhir}`, `{state}`, `{a.access_token}`.
//!
//! # Design
//! An unknown variable fails the case: an empty value could make a refusal pass for the wrong reason. Braces around
//! anything but a lower-case name stay as they are, so JSON bodies need no escapes.

use std::collections::BTreeMap;

/// The variables of one case run; values are secrets and never printed.
#[derive(Clone, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `text` with every variable filled in, or the name of one that has no value.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            filled.push_str(&rest[..open]);
            rest = &rest[open..];
            let Some(name) = name_at_start(rest) else {
                filled.push('{');
                rest = &rest[1..];
                continue;
            };
            filled.push_str(self.get(name).ok_or_else(|| name.to_owned())?);
            rest = &rest[name.len() + 2..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn name_at_start(text: &str) -> Option<&str> {
    let name = &text[1..text.find('}')?];
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    (name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_json_is_left_alone() {
        let mut variables = Variables::default();
        variables.set("a.id", "7");
        assert_eq!(
            variables.fill("/x/{a.id}?{\"b\":{}}{"),
            Ok("/x/7?{\"b\":{}}{".to_owned())
        );
        assert_eq!(variables.fill("{b}"), Err("b".to_owned()));
    }
}
