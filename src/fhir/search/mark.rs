//! Marks: what a resource carries for a token or reference parameter.

use crate::secret::sha256;

/// A 64-bit hash of a parameter's name and one way to ask for a value. A resource carries every mark that a matching request
/// could ask for: three for each code, two for each reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub [u8; 8]);

impl Mark {
    /// `code`: in whatever system.
    pub fn code(param: &str, code: &str) -> Self {
        Self::new(param, b'c', "", code)
    }

    /// `system|code`, or with no system `|code`.
    pub fn system_code(param: &str, system: &str, code: &str) -> Self {
        Self::new(param, b's', system, code)
    }

    /// `system|`: whatever code of it.
    pub fn system(param: &str, system: &str) -> Self {
        Self::new(param, b'u', system, "")
    }

    /// `Type/id`, or a URL outside this server.
    pub fn reference(param: &str, reference: &str) -> Self {
        Self::new(param, b'r', "", reference)
    }

    /// `id` of whatever type.
    pub fn id(param: &str, id: &str) -> Self {
        Self::new(param, b'i', "", id)
    }

    fn new(param: &str, form: u8, system: &str, value: &str) -> Self {
        let mut text = Vec::with_capacity(param.len() + system.len() + value.len() + 11);
        text.push(form);
        text.extend_from_slice(param.as_bytes());
        text.push(0);
        // The length keeps system and value apart.
        text.extend_from_slice(&(system.len() as u64).to_be_bytes());
        text.extend_from_slice(system.as_bytes());
        text.extend_from_slice(value.as_bytes());
        let mut mark = [0; 8];
        mark.copy_from_slice(&sha256(&text)[..8]);
        Self(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_ask_has_its_own_mark() {
        let all = [
            Mark::code("code", "a"),
            Mark::code("category", "a"),
            Mark::system_code("code", "", "a"),
            Mark::system_code("code", "a", ""),
            Mark::system_code("code", "ab", "c"),
            Mark::system_code("code", "a", "bc"),
            Mark::system("code", "a"),
            Mark::reference("code", "a"),
            Mark::id("code", "a"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{at}");
        }
    }
}
