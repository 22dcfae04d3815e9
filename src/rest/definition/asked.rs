//! What a search of definitions asks for, and whether one of them has it.

use super::{Entry, NUMBER};
use crate::fhir::definition::{Compares, Definition, Param};
use crate::fhir::search::shared::{self, Refused, Token, Values, take_each, unescape};
use crate::fhir::search::{BadParam, Handling, MAX_COUNT, Summary};
use crate::rest::link;

const MODIFIER: &str = "this modifier is not supported; :exact and :contains (name, title) are";

/// A search, understood.
pub(super) struct Asked {
    kind: Definition,
    tests: Vec<Test>,
    pub(super) count: usize,
    pub(super) summary: Summary,
    pub(super) offset: usize,
    pub(super) used: Vec<(String, String)>,
    values: Values,
}

/// One parameter: at least one of the values is found.
struct Test {
    /// Which of those of the type.
    at: usize,
    param: &'static Param,
    modifier: Modifier,
    any: Vec<Wanted>,
}

enum Wanted {
    Text(String),
    /// A code; the system of a token is the one that its binding implies.
    Code(String),
    /// Any code of a system: none of these has one of its own.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Modifier {
    None,
    Exact,
    Contains,
}

impl Asked {
    pub(super) fn parse(kind: Definition, pairs: &[(String, String)], handling: Handling) -> Result<Self, BadParam> {
        let mut asked = Self {
            kind,
            tests: Vec::new(),
            count: MAX_COUNT,
            summary: Summary::False,
            offset: 0,
            used: Vec::new(),
            values: Values::default(),
        };
        let mut used = take_each(pairs, handling, |name, value| asked.take(name, value))?;
        used.retain(|(name, _)| name != link::NAME);
        asked.used = used;
        Ok(asked)
    }

    /// Takes one parameter; `false` if it is not declared or says nothing.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        match name {
            link::NAME => self.offset = value.parse().map_err(|_| NUMBER)?,
            "_count" => match shared::count(value)? {
                0 => self.summary = Summary::Count,
                count => self.count = count,
            },
            // What matches is counted in any case.
            "_total" => drop(shared::total(value)?),
            "_summary" => match shared::summary(value)? {
                Some(Summary::False) => {}
                Some(Summary::Count) => self.summary = Summary::Count,
                None => return Ok(false),
            },
            _ => return self.test(name, value),
        }
        Ok(true)
    }

    fn test(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        let (base, modifier) = shared::parts(name)?;
        let found = self.kind.params().enumerate().find(|(_, param)| param.name == base);
        let Some((at, param)) = found.filter(|_| !value.is_empty()) else {
            return Ok(false);
        };
        let modifier = match (modifier, param.compares) {
            (None, _) => Modifier::None,
            (Some("exact"), Compares::Text) => Modifier::Exact,
            (Some("contains"), Compares::Text) => Modifier::Contains,
            _ => return Err(MODIFIER),
        };
        let any = self.values.of(value)?.into_iter().map(|value| match param.compares {
            Compares::Text | Compares::Uri => unescape(value).map(Wanted::Text),
            Compares::Token => Token::parse(value).map(|token| match token {
                Token::Code(code) | Token::Both(_, code) => Wanted::Code(code),
                Token::System(_) => Wanted::Nothing,
            }),
        });
        let any = any.collect::<Result<_, Refused>>()?;
        self.tests.push(Test {
            at,
            param,
            modifier,
            any,
        });
        Ok(true)
    }

    pub(super) fn holds(&self, entry: &Entry) -> bool {
        self.tests.iter().all(|test| {
            let texts = entry.found.get(test.at).map(Vec::as_slice).unwrap_or_default();
            test.any
                .iter()
                .any(|wanted| texts.iter().any(|text| test.matches(text, wanted)))
        })
    }
}

impl Test {
    fn matches(&self, text: &str, wanted: &Wanted) -> bool {
        match (wanted, self.param.compares, self.modifier) {
            (Wanted::Nothing, ..) => false,
            (Wanted::Text(wanted), Compares::Text, Modifier::None) => {
                text.to_lowercase().starts_with(&wanted.to_lowercase())
            }
            (Wanted::Text(wanted), Compares::Text, Modifier::Contains) => {
                text.to_lowercase().contains(&wanted.to_lowercase())
            }
            (Wanted::Text(wanted) | Wanted::Code(wanted), ..) => text == wanted,
        }
    }
}
