//! The index row of a resource: what a search can ask for, read out of its JSON.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::path::Expression;
use crate::fhir::search::{DateSlot, Kind, Mark, Param, Span, params};
use crate::fhir::types::{Id, ResourceType};

/// "No date" in a column that cannot be null: sorts before every date in both databases.
pub(super) const NO_DATE: i64 = i64::MIN;

/// The canonicals of what maps make begin so, then come type and id.
const CANONICAL: &str = "https://inzage.dev/fhir/";

/// What stands beside the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dates: [Option<Span>; 2],
    /// A bit for each declared parameter that has a value.
    pub(crate) present: i64,
    /// The marks one after another.
    pub(crate) marks: Vec<u8>,
    /// The shared resources that it refers to, anywhere in it.
    pub(crate) links: Vec<(ResourceType, Id)>,
}

/// The declared parameters with their expressions compiled, in the order of [`ResourceType::ALL`].
static COMPILED: LazyLock<Vec<Vec<(&Param, Expression)>>> = LazyLock::new(|| {
    let compile = |param: &'static Param| {
        let expression = Expression::compile(param.expression).expect("a test compiles every declared expression");
        (param, expression)
    };
    let all = ResourceType::ALL.iter();
    all.map(|kind| params(*kind).iter().map(compile).collect()).collect()
});

/// Reads the index row. What is not well formed is left out: the validator has spoken before.
pub(super) fn index(kind: ResourceType, of_patient: bool, resource: &Value, zone: &TimeZone) -> Entry {
    let mut entry = Entry {
        dates: [None, None],
        present: 0,
        marks: Vec::with_capacity(160),
        links: Vec::new(),
    };
    for ((param, expression), bit) in COMPILED[kind as usize].iter().zip(0..) {
        let found = match param.kind {
            // The client is the leading key of the row, not an entry in it.
            Kind::Patient => of_patient,
            Kind::Date(slot) => {
                let span = expression
                    .eval(resource)
                    .into_iter()
                    .find_map(|value| span(value, zone));
                entry.dates[match slot {
                    DateSlot::First => 0,
                    DateSlot::Second => 1,
                }] = span;
                span.is_some()
            }
            Kind::Token { system } => {
                let values = expression.eval(resource);
                // Counted, so that every one of them is read.
                values
                    .iter()
                    .filter(|value| token(param.name, system, value, &mut entry))
                    .count()
                    > 0
            }
            Kind::Reference => {
                let values = expression.eval(resource);
                values
                    .iter()
                    .filter(|value| reference(param.name, value, &mut entry))
                    .count()
                    > 0
            }
            Kind::Id | Kind::LastUpdated => false,
        };
        entry.present |= i64::from(found) << bit;
    }
    links(resource, &mut entry.links);
    entry.links.sort_unstable();
    entry.links.dedup();
    entry
}

/// A date, dateTime, instant or Period.
fn span(value: &Value, zone: &TimeZone) -> Option<Span> {
    if let Some(text) = value.as_str() {
        return Span::parse(text, zone).ok();
    }
    let bound = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .and_then(|text| Span::parse(text, zone).ok())
    };
    let (start, end) = (bound("start"), bound("end"));
    (start.is_some() || end.is_some()).then(|| Span {
        from: start.map_or(Span::OPEN.from, |span| span.from),
        until: end.map_or(Span::OPEN.until, |span| span.until),
    })
}

impl Entry {
    fn mark(&mut self, mark: Mark) {
        if !self.marks.chunks_exact(8).any(|known| known == mark.0) {
            self.marks.extend_from_slice(&mark.0);
        }
    }

    fn code(&mut self, param: &str, system: Option<&str>, code: &str) {
        self.mark(Mark::code(param, code));
        self.mark(Mark::system_code(param, system.unwrap_or_default(), code));
        if let Some(system) = system {
            self.mark(Mark::system(param, system));
        }
    }
}

/// A code, boolean, Coding, CodeableConcept or Identifier; says whether there was a code in it.
fn token(param: &str, implied: Option<&str>, value: &Value, entry: &mut Entry) -> bool {
    match value {
        Value::String(code) => entry.code(param, implied, code),
        Value::Bool(yes) => entry.code(param, None, if *yes { "true" } else { "false" }),
        Value::Object(object) => {
            if let Some(Value::Array(codings)) = object.get("coding") {
                return codings
                    .iter()
                    .filter(|coding| token(param, None, coding, entry))
                    .count()
                    > 0;
            }
            let text = |name: &str| object.get(name).and_then(Value::as_str);
            let Some(code) = text("code").or_else(|| text("value")) else {
                return false;
            };
            entry.code(param, text("system"), code);
        }
        _ => return false,
    }
    true
}

/// A literal reference to something outside the resource.
fn reference(param: &str, value: &Value, entry: &mut Entry) -> bool {
    if let Some(canonical) = value.as_str() {
        let canonical = canonical.split_once('|').map_or(canonical, |(canonical, _)| canonical);
        entry.mark(Mark::reference(param, canonical));
        if let Some((kind, id)) = of_canonical(canonical) {
            entry.mark(Mark::reference(param, &format!("{kind}/{id}")));
            entry.mark(Mark::id(param, id.as_str()));
        }
        return true;
    }
    let text = value.get("reference").and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() || text.starts_with('#') {
        return false;
    }
    let text = text.split_once("/_history/").map_or(text, |(reference, _)| reference);
    entry.mark(Mark::reference(param, text));
    if let Some((kind, id)) = text.split_once('/')
        && kind.parse::<ResourceType>().is_ok()
    {
        entry.mark(Mark::id(param, id));
    }
    true
}

/// The resource of this server that a canonical names: its last two steps are a type and an id.
fn of_canonical(canonical: &str) -> Option<(ResourceType, Id)> {
    let mut steps = canonical.strip_prefix(CANONICAL)?.split('/');
    let found = (steps.next()?.parse().ok()?, Id::parse(steps.next()?)?);
    steps.next().is_none().then_some(found)
}

/// Every relative reference to a shared type, and the form that was filled in.
fn links(value: &Value, found: &mut Vec<(ResourceType, Id)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| links(item, found)),
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) if name == "reference" => found.extend(shared(text)),
                    Value::String(text) if name == "questionnaire" => {
                        found.extend(of_canonical(text).filter(|(kind, _)| kind.is_shared()));
                    }
                    _ => links(value, found),
                }
            }
        }
        _ => {}
    }
}

fn shared(reference: &str) -> Option<(ResourceType, Id)> {
    let mut parts = reference.split('/');
    let kind: ResourceType = parts.next()?.parse().ok()?;
    let id = Id::parse(parts.next()?)?;
    (kind.is_shared() && matches!(parts.next(), None | Some("_history"))).then_some((kind, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn observation(resource: &Value) -> Entry {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        index(ResourceType::Observation, true, resource, &zone)
    }

    #[test]
    fn the_types_are_in_the_order_of_their_numbers() {
        for (kind, at) in ResourceType::ALL.iter().zip(0..) {
            assert_eq!(*kind as usize, at);
        }
    }

    #[test]
    fn every_shape_of_a_token_leaves_its_marks() {
        let entry = observation(&json!({
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}, {"code": "w"}, {"display": "x"}]},
            "identifier": [{"system": "urn:a", "value": "1"}],
        }));
        for mark in [
            Mark::code("status", "final"),
            Mark::system_code("status", "http://hl7.org/fhir/observation-status", "final"),
            Mark::system("code", "http://loinc.org"),
            Mark::system_code("code", "http://loinc.org", "29463-7"),
            Mark::code("code", "w"),
            Mark::system_code("code", "", "w"),
            Mark::system_code("identifier", "urn:a", "1"),
        ] {
            assert!(entry.marks.chunks_exact(8).any(|known| known == mark.0), "{mark:?}");
        }
        assert_eq!(entry.marks.len(), 8 * 11);
    }

    #[test]
    fn a_period_is_open_where_it_has_no_bound() {
        let period =
            |period: Value| observation(&json!({"resourceType": "Observation", "effectivePeriod": period})).dates[0];
        let open = period(json!({"start": "2026-01-01T00:00:00Z"})).unwrap();
        assert_eq!((open.from, open.until), (1_767_225_600_000_000, Span::OPEN.until));
        assert_eq!(period(json!({"end": "2026-01-01"})).unwrap().from, Span::OPEN.from);
        assert_eq!(period(json!({"start": "soon"})), None);
    }

    #[test]
    fn a_form_is_found_by_its_canonical_and_linked_to_what_was_filled_in() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let filled = |canonical: &str| {
            let resource = json!({"resourceType": "QuestionnaireResponse", "questionnaire": canonical});
            index(ResourceType::QuestionnaireResponse, true, &resource, &zone)
        };
        let entry = filled("https://inzage.dev/fhir/Questionnaire/q1|2");
        for mark in [
            Mark::reference("questionnaire", "https://inzage.dev/fhir/Questionnaire/q1"),
            Mark::reference("questionnaire", "Questionnaire/q1"),
            Mark::id("questionnaire", "q1"),
        ] {
            assert!(entry.marks.chunks_exact(8).any(|known| known == mark.0), "{mark:?}");
        }
        let entry = filled("https://inzage.dev/fhir/Questionnaire/q1");
        assert_eq!(entry.links, [(ResourceType::Questionnaire, Id::parse("q1").unwrap())]);
        for foreign in [
            "https://example.org/Questionnaire/q1",
            "https://inzage.dev/fhir/Practitioner",
            "https://inzage.dev/fhir/Questionnaire/q1/x",
            "https://inzage.dev/fhir/Observation/o1",
        ] {
            assert!(filled(foreign).links.is_empty(), "{foreign}");
        }
    }

    #[test]
    fn a_link_is_found_wherever_it_stands() {
        let entry = observation(&json!({
            "resourceType": "Observation",
            "performer": [{"reference": "Practitioner/1"}, {"reference": "Practitioner/1/_history/2"}],
            "note": [{"authorReference": {"reference": "Practitioner/2"}}],
            "subject": {"reference": "Patient/p"},
            "focus": [{"reference": "Practitioner/../3"}, {"reference": "Practitioner"}, {"reference": "#Practitioner/4"}],
        }));
        let ids: Vec<_> = entry.links.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!(ids, ["1", "2"]);
    }
}
