//! What of a scope a person can leave out: a type of a wildcard, a category of a type.
//!
//! # Design
//! A scope over everything falls into a scope for each type: all are selected at first, and who takes one out gives exactly
//! those that stayed, without what is added later. A type with categories falls into a granular scope for each: none is
//! selected at first, and who selects some gives those alone. Whoever takes out the whole gives nothing of it. A form that
//! knows no pieces names the whole alone.

use super::{Data, Form, Scope, Scopes};
use crate::fhir::types::ResourceType;

/// A scope with what it falls into.
#[derive(Clone, Debug)]
pub struct Choice {
    pub scope: Scope,
    pub pieces: Pieces,
}

/// What a scope falls into.
#[derive(Clone, Debug)]
pub enum Pieces {
    None,
    /// Every type of a wildcard: selected until taken out.
    Types(Vec<Scope>),
    /// The categories of a type: whoever selects some narrows the type to them.
    Categories(Vec<Scope>),
}

/// How a selection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Scopes as they were asked.
    Whole,
    /// The form showed the pieces too, so one that is not named was left out.
    Pieces,
}

/// The categories that the maps give to a type.
const fn categories(kind: ResourceType) -> &'static [&'static str] {
    match kind {
        ResourceType::Observation => &[
            "https://inzage.dev/fhir/CodeSystem/rapportagesoort|dag",
            "https://inzage.dev/fhir/CodeSystem/rapportagesoort|medisch",
            "https://inzage.dev/fhir/CodeSystem/rapportagesoort|voortgang",
            "https://inzage.dev/fhir/CodeSystem/rapportagesoort|familie",
            "https://inzage.dev/fhir/CodeSystem/rapportagesoort|omaha",
            "https://inzage.dev/fhir/CodeSystem/rapportagesoort|soep",
            "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
            "http://terminology.hl7.org/CodeSystem/observation-category|survey",
        ],
        ResourceType::Condition => &["http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item"],
        _ => &[],
    }
}

impl Choice {
    pub fn of(scope: &Scope) -> Self {
        let pieces = match scope {
            Scope::Data(data) => pieces(data),
            _ => Pieces::None,
        };
        Self {
            scope: scope.clone(),
            pieces,
        }
    }

    fn chosen(self, left: &[String], detail: Detail) -> Vec<Scope> {
        let is_left = |scope: &Scope| left.iter().any(|text| *text == scope.to_string());
        if !is_left(&self.scope) {
            return Vec::new();
        }
        let (all, parts) = match self.pieces {
            Pieces::None => return vec![self.scope],
            Pieces::Types(types) if detail == Detail::Pieces => {
                let all = types.len();
                (all, types.into_iter().filter(is_left).collect())
            }
            Pieces::Types(pieces) | Pieces::Categories(pieces) => {
                let all = pieces.len();
                let parts: Vec<Scope> = pieces.into_iter().filter(is_left).collect();
                if parts.is_empty() {
                    return vec![self.scope];
                }
                (all, parts)
            }
        };
        if parts.len() == all { vec![self.scope] } else { parts }
    }
}

fn pieces(data: &Data) -> Pieces {
    let Some(kind) = data.kind else {
        // A Person is made for the one who asks, and has no part of its own in a dossier.
        let types = ResourceType::ALL.iter().filter(|kind| **kind != ResourceType::Person);
        let one = |kind: &ResourceType| Data {
            kind: Some(*kind),
            ..data.clone()
        };
        return Pieces::Types(types.map(|kind| Scope::Data(one(kind))).collect());
    };
    if !data.filters.is_empty() || categories(kind).is_empty() {
        return Pieces::None;
    }
    let one = |category: &&str| Data {
        filters: vec![("category".to_owned(), (*category).to_owned())],
        form: Form::V2,
        ..data.clone()
    };
    Pieces::Categories(
        categories(kind)
            .iter()
            .map(|category| Scope::Data(one(category)))
            .collect(),
    )
}

impl Scopes {
    /// The scopes that a person left selected, as texts; `optional` says which of them can be left out at all.
    #[must_use]
    pub fn choose(&self, left: &[String], detail: Detail, optional: impl Fn(&Scope) -> bool) -> Self {
        let mut chosen: Vec<Scope> = Vec::new();
        for scope in &self.0 {
            let parts = if optional(scope) {
                Choice::of(scope).chosen(left, detail)
            } else {
                vec![scope.clone()]
            };
            for part in parts {
                if !chosen.contains(&part) {
                    chosen.push(part);
                }
            }
        }
        Self(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a form sends of which these boxes were changed from how it came.
    fn chosen(asked: &str, changed: &[&str]) -> String {
        let scopes = Scopes::parse(asked).unwrap();
        let mut left = Vec::new();
        let mut send = |scope: &Scope, selected: bool| {
            let text = scope.to_string();
            if selected != changed.contains(&text.as_str()) {
                left.push(text);
            }
        };
        for scope in scopes.iter() {
            send(scope, true);
            match Choice::of(scope).pieces {
                Pieces::None => {}
                Pieces::Types(types) => types.iter().for_each(|kind| send(kind, true)),
                Pieces::Categories(categories) => categories.iter().for_each(|category| send(category, false)),
            }
        }
        let granted = scopes.choose(&left, Detail::Pieces, |scope| matches!(scope, Scope::Data(_)));
        assert!(scopes.covers(&granted), "{granted}");
        granted.to_string()
    }

    #[test]
    fn a18_a_type_can_be_left_out_of_everything() {
        for asked in ["openid patient/*.rs", "patient/*.read", "user/*.rs launch/patient"] {
            assert_eq!(chosen(asked, &[]), asked);
        }
        let without = chosen("openid patient/*.read", &["patient/Observation.read"]);
        assert!(
            without.starts_with("openid patient/Appointment.read ") && !without.contains('*'),
            "{without}"
        );
        assert!(
            without.contains("patient/Condition.read") && !without.contains("Observation"),
            "{without}"
        );
        assert_eq!(chosen("openid patient/*.rs", &["patient/*.rs"]), "openid");
    }

    #[test]
    fn s06_a_type_can_be_narrowed_to_its_categories() {
        let vital =
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs";
        let asked = "patient/Patient.rs patient/Observation.rs patient/Condition.rs";
        assert_eq!(chosen(asked, &[]), asked);
        assert_eq!(chosen(asked, &[vital]), asked.replace("patient/Observation.rs", vital));
        assert_eq!(
            chosen(asked, &[vital, "patient/Observation.rs"]),
            "patient/Patient.rs patient/Condition.rs"
        );
        // In v1 there are no words for a part.
        assert_eq!(chosen("patient/Observation.read", &[vital]), vital);
        // A scope that was asked narrow stays as it was asked.
        assert_eq!(
            chosen("patient/Observation.rs?category=a", &[]),
            "patient/Observation.rs?category=a"
        );
    }

    #[test]
    fn a18_who_selects_every_piece_gives_the_whole() {
        let scopes = Scopes::parse("patient/Observation.rs user/*.r").unwrap();
        let mut left = vec!["patient/Observation.rs".to_owned(), "user/*.r".to_owned()];
        for scope in scopes.iter() {
            match Choice::of(scope).pieces {
                Pieces::None => {}
                Pieces::Types(pieces) | Pieces::Categories(pieces) => left.extend(pieces.iter().map(Scope::to_string)),
            }
        }
        assert_eq!(scopes.choose(&left, Detail::Pieces, |_| true), scopes);
    }

    #[test]
    fn a19_nothing_is_added_and_a_form_without_pieces_names_the_whole() {
        let scopes = Scopes::parse("patient/Goal.rs patient/*.r").unwrap();
        let choose = |texts: &[&str], detail| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            scopes.choose(&texts, detail, |_| true).to_string()
        };
        assert_eq!(choose(&["patient/*.r"], Detail::Whole), "patient/*.r");
        assert_eq!(choose(&["patient/*.r"], Detail::Pieces), "");
        assert_eq!(
            choose(&["patient/Goal.rs", "user/*.rs", "patient/*.rs"], Detail::Whole),
            "patient/Goal.rs"
        );
        assert_eq!(choose(&["patient/Goal.r"], Detail::Whole), "");
    }
}
