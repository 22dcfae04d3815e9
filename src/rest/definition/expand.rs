//! `ValueSet/$expand` (<https://hl7.org/fhir/R4/valueset-operation-expand.html>).
//!
//! # Design
//! A package holds value sets and code systems of many megabytes, so one is read when somebody asks for it, once, and its codes
//! are kept. Fifty thousand codes are the end of a list, and a hundred thousand are kept at once: what is larger is a matter for
//! a terminology server.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Definitions, NUMBER};
use crate::fhir::definition::Definition;
use crate::fhir::search::BadParam;
use crate::fhir::search::shared::bad;

/// Value sets that stand in value sets.
const MAX_DEPTH: usize = 4;
/// Codes in one answer.
const MOST: usize = 1_000;
/// Codes of one value set.
const LONGEST: usize = 50_000;
/// Codes that are kept.
const KEPT: usize = 100_000;

/// Why a value set is not expanded.
#[derive(Debug, thiserror::Error)]
pub enum Unexpanded {
    #[error("there is no such value set here")]
    Unknown,
    /// It takes codes of a system that is not here, or picks them by a rule.
    #[error("the codes of this value set cannot be listed here")]
    Open,
    #[error("the value set has more than a thousand codes")]
    Large,
    #[error("the value set has more than fifty thousand codes")]
    Endless,
    #[error(transparent)]
    Parameter(#[from] BadParam),
}

impl Definitions {
    /// `ValueSet/$expand` of the set with this id, or of the one that `url` names (<https://hl7.org/fhir/R4/valueset-operation-expand.html>).
    pub fn expand(&self, id: Option<&str>, pairs: &[(String, String)], now: Timestamp) -> Result<String, Unexpanded> {
        let mut parameters = Vec::new();
        let (mut url, mut filter, mut offset, mut count) = (None, None, 0, None);
        for (name, value) in pairs {
            let number = || value.parse::<usize>().map_err(|_| bad(name, NUMBER));
            let parameter = match name.as_str() {
                "_format" | "_pretty" => continue,
                "url" => {
                    url = Some(value.as_str());
                    continue;
                }
                "filter" => {
                    filter = Some(value.to_lowercase());
                    json!({ "name": name, "valueString": value })
                }
                "offset" => {
                    offset = number()?;
                    json!({ "name": name, "valueInteger": offset })
                }
                "count" => {
                    count = Some(number()?);
                    json!({ "name": name, "valueInteger": count })
                }
                _ => return Err(bad(name, "known are url, filter, offset and count").into()),
            };
            parameters.push(parameter);
        }
        let id = match (id, url) {
            (Some(id), _) => Some(id),
            (None, Some(url)) => self.id_of(Definition::ValueSet, url),
            (None, None) => return Err(bad("url", "name the value set by its canonical").into()),
        };
        let id = id.filter(|id| self.read(Definition::ValueSet, id).is_some());
        let listed = self.listed(id.ok_or(Unexpanded::Unknown)?);
        let Listed { head, codings } = match &*listed {
            Ok(listed) => listed,
            Err(Unlisted::Open) => return Err(Unexpanded::Open),
            Err(Unlisted::TooMany) => return Err(Unexpanded::Endless),
        };
        let holds = |coding: &&Coding| filter.as_ref().is_none_or(|filter| coding.holds(filter));
        let total = codings.iter().filter(holds).count();
        if count.is_none() && total > MOST {
            return Err(Unexpanded::Large);
        }
        let mut expansion = Map::new();
        expansion.insert("timestamp".into(), now.to_string().into());
        expansion.insert("total".into(), total.into());
        expansion.insert("offset".into(), offset.into());
        if !parameters.is_empty() {
            expansion.insert("parameter".into(), parameters.into());
        }
        let page: Vec<Value> = codings
            .iter()
            .filter(holds)
            .skip(offset)
            .take(count.unwrap_or(MOST).min(MOST))
            .map(Coding::json)
            .collect();
        if !page.is_empty() {
            expansion.insert("contains".into(), page.into());
        }
        let mut expanded = head.clone();
        expanded.insert("expansion".into(), expansion.into());
        Ok(Value::Object(expanded).to_string())
    }

    /// The codes of the value set with this id, which is there. They are read out of the definitions once.
    pub(super) fn listed(&self, id: &str) -> Arc<Result<Listed, Unlisted>> {
        let slot = self.expansions.slot(id);
        let listed = slot.get_or_init(|| {
            let listed = Arc::new(self.list(id));
            self.expansions
                .made(id, listed.as_ref().as_ref().map_or(1, |listed| listed.codings.len()));
            listed
        });
        Arc::clone(listed)
    }

    fn list(&self, id: &str) -> Result<Listed, Unlisted> {
        let Some(Value::Object(mut head)) = self.by_id(Definition::ValueSet, id) else {
            return Err(Unlisted::Open);
        };
        let mut codings = Codings::default();
        self.codes(&head, 0, &mut codings)?;
        head.shift_remove("compose");
        head.shift_remove("expansion");
        Ok(Listed {
            head,
            codings: codings.all,
        })
    }

    /// Adds the codes of a value set.
    fn codes(&self, set: &Map<String, Value>, depth: usize, codings: &mut Codings) -> Result<(), Unlisted> {
        let compose = set.get("compose").ok_or(Unlisted::Open)?;
        if depth > MAX_DEPTH || compose.get("exclude").is_some() {
            return Err(Unlisted::Open);
        }
        let includes = compose.get("include").and_then(Value::as_array);
        for include in includes.ok_or(Unlisted::Open)? {
            let system = include.get("system").and_then(Value::as_str);
            match (system, include.get("concept"), include.get("valueSet")) {
                _ if include.get("filter").is_some() => return Err(Unlisted::Open),
                (Some(system), Some(concepts), None) => codings.add(&system.into(), concepts)?,
                (Some(system), None, None) => {
                    let known = self.by_url(Definition::CodeSystem, system).ok_or(Unlisted::Open)?;
                    codings.add(&system.into(), known.get("concept").ok_or(Unlisted::Open)?)?;
                }
                (None, None, Some(sets)) => {
                    let Some([Value::String(one)]) = sets.as_array().map(Vec::as_slice) else {
                        return Err(Unlisted::Open);
                    };
                    match self.by_url(Definition::ValueSet, one) {
                        Some(Value::Object(set)) => self.codes(&set, depth + 1, codings)?,
                        _ => return Err(Unlisted::Open),
                    }
                }
                _ => return Err(Unlisted::Open),
            }
        }
        Ok(())
    }
}

/// The codes of a value set, and everything else that stands in it.
#[derive(Debug)]
pub(super) struct Listed {
    head: Map<String, Value>,
    codings: Vec<Coding>,
}

/// Why there is no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlisted {
    Open,
    TooMany,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Coding {
    system: Arc<str>,
    pub(super) code: String,
    display: Option<String>,
}

impl Coding {
    /// Whether its code or display holds this text, which is in lower case.
    fn holds(&self, text: &str) -> bool {
        let has = |own: &str| own.to_lowercase().contains(text);
        self.display.as_deref().is_some_and(has) || has(&self.code)
    }

    fn json(&self) -> Value {
        let mut coding = Map::new();
        coding.insert("system".into(), (*self.system).into());
        coding.insert("code".into(), self.code.as_str().into());
        if let Some(display) = &self.display {
            coding.insert("display".into(), display.as_str().into());
        }
        Value::Object(coding)
    }
}

/// Codes with their displays, each once; those below others included.
#[derive(Default)]
pub(super) struct Codings {
    pub(super) all: Vec<Coding>,
    known: HashSet<(Arc<str>, String)>,
}

impl Codings {
    pub(super) fn add(&mut self, system: &Arc<str>, concepts: &Value) -> Result<(), Unlisted> {
        for concept in concepts.as_array().into_iter().flatten() {
            if let Some(code) = concept.get("code").and_then(Value::as_str)
                && self.known.insert((Arc::clone(system), code.to_owned()))
            {
                if self.all.len() == LONGEST {
                    return Err(Unlisted::TooMany);
                }
                self.all.push(Coding {
                    system: Arc::clone(system),
                    code: code.to_owned(),
                    display: concept.get("display").and_then(Value::as_str).map(str::to_owned),
                });
            }
            if let Some(inner) = concept.get("concept") {
                self.add(system, inner)?;
            }
        }
        Ok(())
    }
}

type Slot = Arc<OnceLock<Arc<Result<Listed, Unlisted>>>>;

/// The value sets that were asked for, by id. Who asks for one that somebody is reading waits for that.
#[derive(Debug, Default)]
pub(super) struct Expansions(Mutex<HashMap<String, (Slot, usize)>>);

impl Expansions {
    fn slot(&self, id: &str) -> Slot {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&kept.entry(id.to_owned()).or_default().0)
    }

    /// One was read. If too many codes are kept now, the others are forgotten.
    fn made(&self, id: &str, codes: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, size)) = kept.get_mut(id) {
            *size = codes;
        }
        if kept.values().map(|(_, size)| size).sum::<usize>() > KEPT {
            kept.retain(|other, _| other == id);
        }
    }

    /// The ids of those that are kept, for tests.
    #[cfg(test)]
    pub(super) fn kept(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<String> = kept.keys().cloned().collect();
        ids.sort_unstable();
        ids
    }
}
