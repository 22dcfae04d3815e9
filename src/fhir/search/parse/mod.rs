//! From the pairs of a request to a [`Query`].

use super::param::{COMMON, Kind, Param, params};
use super::{
    BadParam, DEFAULT_COUNT, DateTest, Filter, Handling, MAX_COUNT, Mark, Query, Setting, Sort, SortKey, Summary, Total,
};
use crate::fhir::types::{Id, ResourceType};

/// How many values one request may ask for, over all its parameters.
const MAX_VALUES: usize = 200;
const MAX_SORT: usize = 3;

const UNKNOWN: &str =
    "this parameter, or this value of it, is not supported for this type; see the CapabilityStatement";
const MODIFIER: &str = "this modifier is not supported; :missing and :not (tokens) and :Type (references) are";
const ONCE: &str = "this parameter may be given once";
const ESCAPE: &str = r"a backslash may only stand before a comma, |, $ or another backslash";

type Refused = &'static str;

impl Query {
    /// Parses the decoded name-value pairs of a search. `_format` and `_pretty` are for the caller and are skipped.
    pub fn parse(
        kind: ResourceType,
        pairs: &[(String, String)],
        handling: Handling,
        setting: &Setting<'_>,
    ) -> Result<Self, BadParam> {
        let mut parser = Parser {
            query: Self {
                kind,
                filters: Vec::new(),
                sort: Vec::new(),
                count: DEFAULT_COUNT,
                total: Total::None,
                summary: Summary::False,
                used: Vec::new(),
            },
            values: 0,
            setting: Some(setting),
        };
        for (name, value) in pairs {
            if matches!(name.as_str(), "_format" | "_pretty") {
                continue;
            }
            let singles = ["_sort", "_count", "_total", "_summary"];
            let again = singles.contains(&name.as_str()) && parser.query.used.iter().any(|(used, _)| used == name);
            let outcome = if again { Err(ONCE) } else { parser.take(name, value) };
            match outcome {
                Ok(true) => parser.query.used.push((name.clone(), value.clone())),
                Ok(false) if handling == Handling::Lenient => {}
                Ok(false) => return Err(bad(name, UNKNOWN)),
                Err(reason) => return Err(bad(name, reason)),
            }
        }
        Ok(parser.query)
    }
}

/// The filters of one alternative of a granular scope (`?category=laboratory`), all of which hold. Only tokens, references and
/// `_id` are taken, because those mean the same in every time zone; anything else is refused, and a scope that cannot be
/// understood opens nothing.
pub fn narrowing(kind: ResourceType, pairs: &[(String, String)]) -> Result<Vec<Filter>, BadParam> {
    let query = Query {
        kind,
        filters: Vec::new(),
        sort: Vec::new(),
        count: DEFAULT_COUNT,
        total: Total::None,
        summary: Summary::False,
        used: Vec::new(),
    };
    let mut parser = Parser {
        query,
        values: 0,
        setting: None,
    };
    for (name, value) in pairs {
        match parser.filter(name, value) {
            Ok(true) => {}
            Ok(false) => return Err(bad(name, UNKNOWN)),
            Err(reason) => return Err(bad(name, reason)),
        }
    }
    Ok(parser.query.filters)
}

fn bad(name: &str, reason: Refused) -> BadParam {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    BadParam {
        name: name.chars().take(64).map(printable).collect(),
        reason,
    }
}

struct Parser<'a> {
    query: Query,
    values: usize,
    /// `None` for a scope, which may not depend on it.
    setting: Option<&'a Setting<'a>>,
}

impl Parser<'_> {
    /// Takes one parameter; `false` if it is not declared or, being empty, says nothing.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        match name {
            "_sort" => self.sort(value)?,
            "_count" => self.count(value)?,
            "_total" => {
                self.query.total = match value {
                    "none" => Total::None,
                    // Counting within one dossier is cheap enough to be exact.
                    "accurate" | "estimate" => Total::Accurate,
                    _ => return Err("send none, estimate or accurate"),
                }
            }
            "_summary" => match value {
                "count" => self.query.summary = Summary::Count,
                "false" => {}
                "true" | "text" | "data" => return Ok(false),
                _ => return Err("send count or false"),
            },
            name if name == "_has" || name.starts_with("_has:") => return Err("reverse chains are not supported"),
            _ => return self.filter(name, value),
        }
        Ok(true)
    }

    fn sort(&mut self, value: &str) -> Result<(), Refused> {
        for part in value.split(',') {
            let (name, descending) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
            let key = match (name, find(self.query.kind, name).map(|(_, param)| param.kind)) {
                ("_lastUpdated", _) => SortKey::LastUpdated,
                ("_id", _) => SortKey::Id,
                (_, Some(Kind::Date(slot))) => SortKey::Date(slot),
                _ => return Err("sort by a declared date, _lastUpdated or _id"),
            };
            if self.query.sort.len() == MAX_SORT {
                return Err("at most three sort keys are taken");
            }
            self.query.sort.push(Sort { key, descending });
        }
        Ok(())
    }

    fn count(&mut self, value: &str) -> Result<(), Refused> {
        if value.is_empty() || value.len() > 100 || !value.bytes().all(|b| b.is_ascii_digit()) {
            return Err("send a whole number from 0 on");
        }
        match value.parse().unwrap_or(MAX_COUNT) {
            // <https://hl7.org/fhir/R4/search.html#count>: the same as _summary=count
            0 => self.query.summary = Summary::Count,
            count => self.query.count = count.min(MAX_COUNT),
        }
        Ok(())
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        let (base, modifier) = match name.split_once(':') {
            Some((base, modifier)) => (base, Some(modifier)),
            None => (name, None),
        };
        if base.contains('.') || modifier.is_some_and(|modifier| modifier.contains('.')) {
            return Err("chained parameters are not supported");
        }
        let Some((bit, param)) = find(self.query.kind, base) else {
            return Ok(false);
        };
        if value.is_empty() {
            return Ok(false);
        }
        if modifier == Some("missing") {
            let missing = match value {
                "true" => true,
                "false" => false,
                _ => return Err("send true or false"),
            };
            let Some(bit) = bit else {
                return Err("every resource has this element: it takes no :missing");
            };
            self.query.filters.push(Filter::Missing { bit, missing });
            return Ok(true);
        }
        let values = split(value, ',')?;
        self.values += values.len();
        if self.values > MAX_VALUES {
            return Err("at most 200 values are taken in one request");
        }
        if values.iter().any(|value| value.is_empty()) {
            return Err("a list of values has an empty place");
        }
        let filter = match (param.kind, modifier) {
            (Kind::Token { .. }, None | Some("not")) => Filter::Mark {
                any: values
                    .iter()
                    .map(|value| token(param, value))
                    .collect::<Result<_, _>>()?,
                not: modifier.is_some(),
            },
            (Kind::Date(slot), None) => Filter::Date {
                slot,
                any: self.dates(&values)?,
            },
            (Kind::LastUpdated, None) => Filter::LastUpdated(self.dates(&values)?),
            (Kind::Id, None) => Filter::Id(ids(&values)?),
            (Kind::Reference, modifier) => {
                let target = target(modifier)?;
                Filter::Mark {
                    any: values
                        .iter()
                        .map(|value| Ok(self.reference(param, target, &unescape(value)?)))
                        .collect::<Result<_, Refused>>()?,
                    not: false,
                }
            }
            (Kind::Patient, modifier) => Filter::Patient(self.patients(target(modifier)?, &values)?),
            _ => return Err(MODIFIER),
        };
        self.query.filters.push(filter);
        Ok(true)
    }

    fn dates(&self, values: &[&str]) -> Result<Vec<DateTest>, Refused> {
        let Some(setting) = self.setting else {
            return Err("a scope cannot be narrowed by a date");
        };
        values
            .iter()
            .map(|value| DateTest::parse(value, setting.zone, setting.now))
            .collect()
    }

    /// `Type/id` of a reference into this server, whether it is relative or absolute and with or without a version.
    fn local<'v>(&self, value: &'v str) -> &'v str {
        let own = self
            .setting
            .and_then(|setting| value.strip_prefix(setting.base)?.strip_prefix('/'));
        let value = own.unwrap_or(value);
        value.split_once("/_history/").map_or(value, |(reference, _)| reference)
    }

    fn reference(&self, param: &Param, target: Option<ResourceName<'_>>, value: &str) -> Mark {
        let value = self.local(value);
        match target {
            Some(ResourceName(kind)) if !value.contains('/') => Mark::reference(param.name, &format!("{kind}/{value}")),
            // `performer:Practitioner=Patient/1` contradicts itself and finds nothing.
            Some(ResourceName(kind)) if value.split('/').rev().nth(1).is_none_or(|named| named != kind) => {
                Mark::reference(param.name, "")
            }
            None if !value.contains('/') => Mark::id(param.name, value),
            _ => Mark::reference(param.name, value),
        }
    }

    /// The clients that the values name. What names no client is left out: nothing here can match it.
    fn patients(&self, target: Option<ResourceName<'_>>, values: &[&str]) -> Result<Vec<Id>, Refused> {
        if target.is_some_and(|ResourceName(kind)| kind != "Patient") {
            return Ok(Vec::new());
        }
        let mut ids = Vec::with_capacity(values.len());
        for value in values {
            let value = unescape(value)?;
            let local = self.local(&value);
            ids.extend(Id::parse(local.strip_prefix("Patient/").unwrap_or(local)));
        }
        Ok(ids)
    }
}

/// The parameter of this name, with its bit in the index row.
fn find(kind: ResourceType, name: &str) -> Option<(Option<u32>, &'static Param)> {
    let own = params(kind).iter().zip(0..).find(|(param, _)| param.name == name);
    let own = own.map(|(param, bit)| (Some(bit), param));
    own.or_else(|| {
        COMMON
            .iter()
            .find(|param| param.name == name)
            .map(|param| (None, param))
    })
}

/// The type that a modifier names.
#[derive(Clone, Copy)]
struct ResourceName<'a>(&'a str);

fn target(modifier: Option<&str>) -> Result<Option<ResourceName<'_>>, Refused> {
    match modifier {
        None => Ok(None),
        Some(name)
            if name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(|b| b.is_ascii_alphabetic()) =>
        {
            Ok(Some(ResourceName(name)))
        }
        Some(_) => Err(MODIFIER),
    }
}

fn ids(values: &[&str]) -> Result<Vec<Id>, Refused> {
    let mut ids = Vec::with_capacity(values.len());
    for value in values {
        // What is not an id is the id of nothing.
        ids.extend(Id::parse(&unescape(value)?));
    }
    Ok(ids)
}

fn token(param: &Param, value: &str) -> Result<Mark, Refused> {
    let parts = split(value, '|')?;
    let parts = parts.iter().map(|part| unescape(part)).collect::<Result<Vec<_>, _>>()?;
    match parts.as_slice() {
        [code] => Ok(Mark::code(param.name, code)),
        [system, code] if code.is_empty() && !system.is_empty() => Ok(Mark::system(param.name, system)),
        [_, code] if code.is_empty() => Err("send code, system|code, |code or system|"),
        [system, code] => Ok(Mark::system_code(param.name, system, code)),
        _ => Err("send code, system|code, |code or system|"),
    }
}

/// The parts between the separators that are not escaped; still escaped themselves.
fn split(value: &str, separator: char) -> Result<Vec<&str>, Refused> {
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
fn unescape(value: &str) -> Result<String, Refused> {
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

#[cfg(test)]
mod tests;
