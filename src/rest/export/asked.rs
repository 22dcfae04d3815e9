//! The parameters of an export, from the request to the searches that answer it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::fhir::search::{self, BadParam, Handling, MAX_COUNT, Query, Setting};
use crate::fhir::types::{Id, ResourceType};

/// Names for NDJSON (<https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>).
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];
/// As many clients may be named one by one, and as many elements.
const MOST: usize = 200;
/// As many filters may be given for one type: a page is held against each of them.
const MOST_FILTERS: usize = 10;

/// What is wanted, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Empty: every type that the scopes allow.
    pub(super) types: Vec<String>,
    pub(super) since: Option<Timestamp>,
    /// `birthDate`, or `Patient.birthDate` for one type only.
    pub(super) elements: Vec<String>,
    /// Type and search of each `_typeFilter`. With several for one type a resource matches at least one of them.
    pub(super) filters: Vec<(String, String)>,
    /// Empty: all clients.
    pub(super) patients: Vec<String>,
}

fn bad(name: &str, reason: &'static str) -> BadParam {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    BadParam {
        name: name.chars().take(64).map(printable).collect(),
        reason,
    }
}

/// The types that are stored and can be exported.
pub(super) fn exportable() -> impl Iterator<Item = ResourceType> {
    ResourceType::ALL
        .iter()
        .copied()
        .filter(|kind| *kind != ResourceType::Person)
}

impl Asked {
    /// Reads the parameters of a kick-off. What is not known is refused, or left out where the app asks for leniency.
    pub fn parse(pairs: &[(String, String)], handling: Handling, setting: &Setting<'_>) -> Result<Self, BadParam> {
        let lenient = handling == Handling::Lenient;
        let mut asked = Self::default();
        let mut once = BTreeSet::new();
        for (name, value) in pairs {
            let may_repeat = matches!(name.as_str(), "_type" | "_typeFilter" | "_elements" | "patient");
            if !may_repeat && !once.insert(name.as_str()) {
                return Err(bad(name, "this parameter may be given once"));
            }
            let list = || value.split(',').filter(|one| !one.is_empty());
            match name.as_str() {
                "_outputFormat" if FORMATS.contains(&value.as_str()) => {}
                "_outputFormat" => return Err(bad(name, "only application/fhir+ndjson is written")),
                "_since" => asked.since = Some(since(value, setting.now)?),
                "_type" => {
                    for one in list() {
                        match one.parse() {
                            Ok(kind) if exportable().any(|other| other == kind) => asked.types.push(kind.to_string()),
                            _ if lenient => {}
                            _ => {
                                return Err(bad(
                                    name,
                                    "names a type that is not exported; see the CapabilityStatement",
                                ));
                            }
                        }
                    }
                }
                "_elements" => asked.elements.extend(list().map(str::to_owned)),
                "_typeFilter" => asked.filter(value)?,
                "patient" => {
                    for one in list() {
                        let id = Id::parse(one.strip_prefix("Patient/").unwrap_or(one));
                        let id = id.ok_or_else(|| bad(name, "send references: Patient/…"))?;
                        asked.patients.push(id.to_string());
                    }
                }
                "_format" | "_pretty" => {}
                _ if lenient => {}
                _ => {
                    return Err(bad(
                        name,
                        "this parameter is not offered; Prefer: handling=lenient leaves it out",
                    ));
                }
            }
        }
        for (name, count) in [("_elements", asked.elements.len()), ("patient", asked.patients.len())] {
            if count > MOST {
                return Err(bad(name, "at most 200 are taken"));
            }
        }
        asked.types.sort_unstable();
        asked.types.dedup();
        for (name, _) in &asked.filters {
            let kind = name.parse().map_err(|_| bad("_typeFilter", "names no type"))?;
            asked.queries(kind, setting)?;
        }
        Ok(asked)
    }

    /// `Observation?category=laboratory`
    fn filter(&mut self, value: &str) -> Result<(), BadParam> {
        let name = "_typeFilter";
        let (kind, asked) = value
            .split_once('?')
            .ok_or_else(|| bad(name, "send a search: Observation?category=…"))?;
        let kind: ResourceType = kind
            .parse()
            .map_err(|_| bad(name, "names a type that is not exported"))?;
        let known = self.filters.iter().filter(|(other, _)| *other == kind.as_str());
        if known.count() >= MOST_FILTERS {
            return Err(bad(name, "at most ten filters a type are taken"));
        }
        self.filters.push((kind.to_string(), asked.to_owned()));
        Ok(())
    }

    /// Whether the type was asked for.
    pub(super) fn wants(&self, kind: ResourceType) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == kind.as_str())
    }

    /// Whether it was named, so that not getting it has to be an error.
    pub(super) fn names(&self, kind: ResourceType) -> bool {
        self.types.iter().any(|wanted| wanted == kind.as_str())
    }

    /// The searches that give the type's file together; the pages of each follow the ids.
    pub(super) fn queries(&self, kind: ResourceType, setting: &Setting<'_>) -> Result<Vec<Query>, BadParam> {
        let own = self.filters.iter().filter(|(name, _)| *name == kind.as_str());
        let mut queries = own
            .map(|(_, filter)| self.query(kind, filter, setting))
            .collect::<Result<Vec<_>, _>>()?;
        if queries.is_empty() {
            queries.push(self.query(kind, "", setting)?);
        }
        Ok(queries)
    }

    fn query(&self, kind: ResourceType, filter: &str, setting: &Setting<'_>) -> Result<Query, BadParam> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(filter.as_bytes()).into_owned() {
            if name.starts_with('_') && name != "_id" && name != "_lastUpdated" {
                return Err(bad("_typeFilter", "takes search parameters only"));
            }
            pairs.push((name, value));
        }
        let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
        if let Some(since) = self.since {
            add("_lastUpdated", format!("ge{since}"));
        }
        if !self.patients.is_empty() {
            let declared = search::params(kind).iter().any(|param| param.name == "patient");
            let name = match kind {
                ResourceType::Patient => "_id",
                _ if declared => "patient",
                _ => "subject",
            };
            add(name, self.patients.join(","));
        }
        add("_sort", "_id".to_owned());
        add("_count", MAX_COUNT.to_string());
        Query::parse(kind, &pairs, Handling::Strict, setting)
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("lists of texts are JSON")
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// An instant that is past. A clock may run a little ahead of ours.
fn since(value: &str, now: Timestamp) -> Result<Timestamp, BadParam> {
    let at: Timestamp = value
        .parse()
        .map_err(|_| bad("_since", "send an instant: 2026-11-22T10:00:00Z"))?;
    if at > now + SignedDuration::from_mins(1) {
        return Err(bad("_since", "lies in the future"));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn parse(pairs: &[(&str, &str)], handling: Handling) -> Result<Asked, String> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let setting = Setting {
            zone: &TimeZone::UTC,
            base: "https://gateway.example/topaz/fhir",
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
        };
        Asked::parse(&pairs, handling, &setting).map_err(|bad| bad.name)
    }

    #[test]
    fn k06_parameters_are_checked() {
        use Handling::{Lenient, Strict};
        for format in ["application/fhir+ndjson", "application/ndjson", "ndjson"] {
            assert_eq!(parse(&[("_outputFormat", format)], Strict), Ok(Asked::default()));
        }
        for (name, value, told) in [
            ("_outputFormat", "text/csv", "_outputFormat"),
            ("_since", "2026", "_since"),
            ("_since", "2026-11-22T11:00:00Z", "_since"),
            ("_type", "Patient,Basic", "_type"),
            ("_type", "Person", "_type"),
            ("_typeFilter", "Observation", "_typeFilter"),
            ("_typeFilter", "Basic?code=x", "_typeFilter"),
            ("_typeFilter", "Observation?_sort=date", "_typeFilter"),
            ("_typeFilter", "Observation?nonsense=x", "nonsense"),
            ("patient", "Patient/a b", "patient"),
            (
                "includeAssociatedData",
                "LatestProvenanceResources",
                "includeAssociatedData",
            ),
        ] {
            assert_eq!(parse(&[(name, value)], Strict), Err(told.to_owned()), "{name}={value}");
        }
        let fine = parse(
            &[("_type", "Patient,Basic"), ("includeAssociatedData", "x"), ("foo", "y")],
            Lenient,
        )
        .unwrap();
        assert_eq!(fine.types, ["Patient"]);
        assert_eq!(
            parse(&[("_since", "2026-01-01T00:00:00Z"); 2], Strict),
            Err("_since".to_owned())
        );
        let ten = [("_typeFilter", "Observation?code=a"); 10];
        assert_eq!(parse(&ten, Strict).map(|asked| asked.filters.len()), Ok(10));
        let eleven = [("_typeFilter", "Observation?code=a"); 11];
        assert_eq!(parse(&eleven, Strict), Err("_typeFilter".to_owned()));
    }

    #[test]
    fn what_is_asked_reads_back_from_the_database() {
        let pairs = [
            ("_since", "2026-01-01T00:00:00.5Z"),
            ("_type", "Observation,Patient"),
            ("_typeFilter", "Observation?code=a,b"),
            ("_elements", "Patient.name,status"),
            ("patient", "Patient/a,Patient/b"),
        ];
        let asked = parse(&pairs, Handling::Strict).unwrap();
        assert_eq!(Asked::from_text(&asked.to_text()), Some(asked.clone()));
        assert!(asked.wants(ResourceType::Patient) && !asked.wants(ResourceType::Goal));
        assert_eq!(asked.patients, ["a", "b"]);
    }

    #[test]
    fn every_type_of_clients_can_be_exported_for_named_ones() {
        let setting = Setting {
            zone: &TimeZone::UTC,
            base: "https://gateway.example/topaz/fhir",
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
        };
        let asked = Asked {
            patients: vec!["a".to_owned()],
            since: Some("2026-11-22T09:00:00.5Z".parse().unwrap()),
            ..Asked::default()
        };
        for kind in exportable().filter(|kind| !kind.is_shared()) {
            assert!(asked.queries(kind, &setting).is_ok(), "{kind}");
        }
    }
}
