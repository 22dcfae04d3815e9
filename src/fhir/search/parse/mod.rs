//! From the pairs of a request to a [`Query`].

use super::param::{COMMON, Kind, Param, params};
use super::shared::{self, Refused, Token, UNKNOWN, Values, bad, take_each, unescape};
use super::{BadParam, DEFAULT_COUNT, DateTest, Filter, Handling, Mark, Query, Setting, Sort, SortKey, Summary, Total};
use crate::fhir::types::{Id, ResourceType};

const MAX_SORT: usize = 3;

const MODIFIER: &str = "this modifier is not supported; :missing and :not (tokens) and :Type (references) are";

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
            values: Values::default(),
            setting: Some(setting),
        };
        parser.query.used = take_each(pairs, handling, |name, value| parser.take(name, value))?;
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
        values: Values::default(),
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

struct Parser<'a> {
    query: Query,
    values: Values,
    /// `None` for a scope, which may not depend on it.
    setting: Option<&'a Setting<'a>>,
}

impl Parser<'_> {
    /// Takes one parameter; `false` if it is not declared or, being empty, says nothing.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        match name {
            "_sort" => self.sort(value)?,
            "_count" => match shared::count(value)? {
                0 => self.query.summary = Summary::Count,
                count => self.query.count = count,
            },
            "_total" => self.query.total = shared::total(value)?,
            "_summary" => match shared::summary(value)? {
                // `_count=0` is not taken back by it.
                Some(Summary::False) => {}
                Some(Summary::Count) => self.query.summary = Summary::Count,
                None => return Ok(false),
            },
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

    fn filter(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        let (base, modifier) = shared::parts(name)?;
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
        let values = self.values.of(value)?;
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
    Ok(match Token::parse(value)? {
        Token::Code(code) => Mark::code(param.name, &code),
        Token::System(system) => Mark::system(param.name, &system),
        Token::Both(system, code) => Mark::system_code(param.name, &system, &code),
    })
}

#[cfg(test)]
mod tests;
