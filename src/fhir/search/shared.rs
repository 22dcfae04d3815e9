//! What every search has, whatever it searches: the loop over the parameters, those about the answer, and how values are written.
//!
//! ```text
//! code=a\,b,c        two values: `a,b` and `c`
//! _summary=count     the number of matches and nothing else
//! ```
//!
//! # Design
//! Resources of people and definitions are searched by different means, and an app should not have to know which is which: an
//! escape, an empty value and a page size mean the same in both. So both are read here.

use super::{BadParam, Handling, MAX_COUNT, Summary, Total};

/// How many values one request may ask for, over all its parameters.
const MAX_VALUES: usize = 200;

/// About the answer and not about what is searched; given once.
const SINGLES: [&str; 4] = ["_sort", "_count", "_total", "_summary"];

pub(super) const UNKNOWN: Refused =
    "this parameter, or this value of it, is not supported for this type; see the CapabilityStatement";
pub(super) const ONCE: Refused = "this parameter may be given once";
const ESCAPE: Refused = r"a backslash may only stand before a comma, |, $ or another backslash";
const TOKEN: Refused = "send code, system|code, |code or system|";

/// What is wrong and what to send instead.
pub(crate) type Refused = &'static str;

/// Lets each parameter be taken; what was used, in the order of the request. `take` says `false` of one that is not declared or
/// says nothing. `_format` and `_pretty` are for the caller and are skipped.
pub(crate) fn take_each(
    pairs: &[(String, String)],
    handling: Handling,
    mut take: impl FnMut(&str, &str) -> Result<bool, Refused>,
) -> Result<Vec<(String, String)>, BadParam> {
    let mut used: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs {
        if matches!(name.as_str(), "_format" | "_pretty") {
            continue;
        }
        let again = SINGLES.contains(&name.as_str()) && used.iter().any(|(used, _)| used == name);
        let taken = if again { Err(ONCE) } else { take(name, value) };
        match taken {
            Ok(true) => used.push((name.clone(), value.clone())),
            Ok(false) if handling == Handling::Lenient => {}
            Ok(false) => return Err(bad(name, UNKNOWN)),
            Err(reason) => return Err(bad(name, reason)),
        }
    }
    Ok(used)
}

pub(crate) fn bad(name: &str, reason: Refused) -> BadParam {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    BadParam {
        name: name.chars().take(64).map(printable).collect(),
        reason,
    }
}

/// `_count`, at most [`MAX_COUNT`]. 0 is the same as `_summary=count` (<https://hl7.org/fhir/R4/search.html#count>).
pub(crate) fn count(value: &str) -> Result<usize, Refused> {
    if value.is_empty() || value.len() > 100 || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err("send a whole number from 0 on");
    }
    Ok(value.parse().unwrap_or(MAX_COUNT).min(MAX_COUNT))
}

/// `_total`
pub(crate) fn total(value: &str) -> Result<Total, Refused> {
    match value {
        "none" => Ok(Total::None),
        // Counting within one dossier is cheap enough to be exact.
        "accurate" | "estimate" => Ok(Total::Accurate),
        _ => Err("send none, estimate or accurate"),
    }
}

/// `_summary`; `None`: a form of it that is not offered.
pub(crate) fn summary(value: &str) -> Result<Option<Summary>, Refused> {
    match value {
        "count" => Ok(Some(Summary::Count)),
        "false" => Ok(Some(Summary::False)),
        "true" | "text" | "data" => Ok(None),
        _ => Err("send count or false"),
    }
}

/// The name of a parameter and its modifier. Chains and reverse chains are none.
pub(crate) fn parts(name: &str) -> Result<(&str, Option<&str>), Refused> {
    if name == "_has" || name.starts_with("_has:") {
        return Err("reverse chains are not supported");
    }
    let (base, modifier) = match name.split_once(':') {
        Some((base, modifier)) => (base, Some(modifier)),
        None => (name, None),
    };
    if base.contains('.') || modifier.is_some_and(|modifier| modifier.contains('.')) {
        return Err("chained parameters are not supported");
    }
    Ok((base, modifier))
}

/// The values of one request, counted.
#[derive(Debug, Default)]
pub(crate) struct Values(usize);

impl Values {
    /// Those of one parameter, of which one has to match; still escaped.
    pub(crate) fn of<'a>(&mut self, value: &'a str) -> Result<Vec<&'a str>, Refused> {
        let values = split(value, ',')?;
        self.0 += values.len();
        if self.0 > MAX_VALUES {
            return Err("at most 200 values are taken in one request");
        }
        if values.iter().any(|value| value.is_empty()) {
            return Err("a list of values has an empty place");
        }
        Ok(values)
    }
}

/// A value of a token parameter (<https://hl7.org/fhir/R4/search.html#token>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Code(String),
    /// Any code of it.
    System(String),
    /// The system may be empty: the code has none.
    Both(String, String),
}

impl Token {
    pub(crate) fn parse(value: &str) -> Result<Self, Refused> {
        let parts = split(value, '|')?;
        let mut parts = parts.iter().map(|part| unescape(part));
        match (parts.next().transpose()?, parts.next().transpose()?, parts.next()) {
            (Some(code), None, _) => Ok(Self::Code(code)),
            (Some(system), Some(code), None) if code.is_empty() && !system.is_empty() => Ok(Self::System(system)),
            (Some(system), Some(code), None) if !code.is_empty() => Ok(Self::Both(system, code)),
            _ => Err(TOKEN),
        }
    }
}

/// The parts between the separators that are not escaped; still escaped themselves.
pub(super) fn split(value: &str, separator: char) -> Result<Vec<&str>, Refused> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in value.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(&value[start..at]);
            start = at + c.len_utf8();
        }
    }
    if escaped {
        return Err(ESCAPE);
    }
    parts.push(&value[start..]);
    Ok(parts)
}

/// <https://hl7.org/fhir/R4/search.html#escaping>
pub(crate) fn unescape(value: &str) -> Result<String, Refused> {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ (',' | '|' | '$' | '\\')) => text.push(c),
                _ => return Err(ESCAPE),
            },
            c => text.push(c),
        }
    }
    Ok(text)
}
