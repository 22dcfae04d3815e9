//! What a profile says about the element on the left side of a line.
//!
//! # Design
//! The plan asks through [`Shapes`] and not the registry itself, so the rules of a map can be tested with a table of a few
//! elements. Below `_field` and inside an extension the same few elements are possible everywhere; they are known here.

use crate::profile::Registry;

/// An element as far as a map needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) required: bool,
    pub(super) repeats: bool,
    pub(super) types: Vec<String>,
    /// (system, code) of a required binding that can be enumerated.
    pub(super) codes: Option<Vec<(String, String)>>,
    /// The types that a reference may point at; empty means any.
    pub(super) targets: Vec<String>,
}

impl Shape {
    fn primitive(kind: &str) -> Self {
        Self {
            types: vec![kind.to_owned()],
            ..Self::default()
        }
    }

    pub(super) fn is(&self, kinds: &[&str]) -> bool {
        self.types.iter().any(|kind| kinds.contains(&kind.as_str()))
    }
}

pub(super) trait Shapes {
    /// Canonical and resource type of a profile.
    fn profile(&self, name: &str) -> Option<(String, String)>;
    /// The element at a path without indices.
    fn element(&self, profile: &str, path: &str) -> Option<Shape>;
    /// The short names of the profiles, for a remedy.
    fn profiles(&self) -> Vec<String> {
        Vec::new()
    }
    /// The elements below a path, for a remedy.
    fn below(&self, _profile: &str, _path: &str) -> Vec<String> {
        Vec::new()
    }
}

impl Shapes for Registry {
    fn profile(&self, name: &str) -> Option<(String, String)> {
        let profile = Self::profile(self, name)?;
        Some((profile.canonical().to_owned(), profile.kind().to_owned()))
    }

    fn element(&self, profile: &str, path: &str) -> Option<Shape> {
        let element = Self::profile(self, profile)?.element(path)?;
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Some(Shape {
            required: element.min > 0,
            repeats: element.repeats(),
            types: owned(element.types()),
            codes: element.required_value_set().and_then(|set| self.codes(set)),
            targets: owned(element.targets()),
        })
    }

    fn profiles(&self) -> Vec<String> {
        self.own().map(|profile| profile.name().to_owned()).collect()
    }

    fn below(&self, profile: &str, path: &str) -> Vec<String> {
        Self::profile(self, profile)
            .map(|profile| profile.below(path))
            .unwrap_or_default()
    }
}

/// The element at a path of names, also below `_field` and in extensions.
pub(super) fn shape_of(shapes: &dyn Shapes, profile: &str, names: &[&str]) -> Option<Shape> {
    if let Some(at) = names.iter().position(|name| name.starts_with('_')) {
        let (before, rest) = (names.get(..at)?, names.get(at + 1..)?);
        let own = names.get(at)?.strip_prefix('_')?;
        let path: Vec<&str> = before.iter().copied().chain([own]).collect();
        let field = shape_of(shapes, profile, &path)?;
        return match rest {
            [] => Some(Shape {
                repeats: field.repeats,
                types: vec!["Element".to_owned()],
                ..Shape::default()
            }),
            ["id"] => Some(Shape::primitive("string")),
            ["extension", inner @ ..] => in_extension(inner),
            _ => None,
        };
    }
    if let Some(at) = names.iter().position(|name| *name == "extension") {
        if at > 0 {
            shape_of(shapes, profile, names.get(..at)?)?;
        }
        return in_extension(names.get(at + 1..)?);
    }
    shapes.element(profile, &names.join("."))
}

/// An element of an Extension (<https://hl7.org/fhir/R4/extensibility.html#Extension>).
fn in_extension(names: &[&str]) -> Option<Shape> {
    match names {
        [] => Some(Shape {
            repeats: true,
            types: vec!["Extension".to_owned()],
            ..Shape::default()
        }),
        ["url"] => Some(Shape {
            required: true,
            ..Shape::primitive("uri")
        }),
        ["extension", inner @ ..] => in_extension(inner),
        [value] => {
            let kind = value.strip_prefix("value")?;
            let first = kind.chars().next().filter(char::is_ascii_uppercase)?;
            let complex = matches!(
                kind,
                "CodeableConcept" | "Coding" | "Quantity" | "Period" | "Reference" | "Identifier"
            );
            let kind = if complex {
                kind.to_owned()
            } else {
                kind.replacen(first, &first.to_lowercase().to_string(), 1)
            };
            Some(Shape::primitive(&kind))
        }
        // Parts of a complex value are left to the validator.
        [value, ..] => value.starts_with("value").then(Shape::default),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A table of `path: card type` lines for one profile, `inzage-Test` of Observation.
    pub(crate) struct Elements(pub(crate) &'static [(&'static str, &'static str)]);

    impl Shapes for Elements {
        fn profile(&self, name: &str) -> Option<(String, String)> {
            (name == "inzage-Test").then(|| ("urn:test".to_owned(), "Observation".to_owned()))
        }

        fn element(&self, _profile: &str, path: &str) -> Option<Shape> {
            let (_, shape) = self.0.iter().find(|(known, _)| *known == path)?;
            let (card, kind) = shape.split_once(' ')?;
            Some(Shape {
                required: card.starts_with('1'),
                repeats: card.ends_with('*'),
                ..Shape::primitive(kind)
            })
        }
    }

    #[test]
    fn the_twin_of_a_primitive_has_an_id_and_extensions() {
        let shapes = Elements(&[("name", "0..* HumanName"), ("name.family", "0..1 string")]);
        let at = |names: &[&str]| shape_of(&shapes, "inzage-Test", names);
        assert!(at(&["name", "_family", "extension", "url"]).unwrap().is(&["uri"]));
        assert!(
            at(&["name", "_family", "extension", "valueString"])
                .unwrap()
                .is(&["string"])
        );
        assert!(at(&["name", "_family", "value"]).is_none());
        assert!(at(&["name", "_none", "extension"]).is_none());
        assert!(
            at(&["extension", "valueCodeableConcept"])
                .unwrap()
                .is(&["CodeableConcept"])
        );
    }
}
