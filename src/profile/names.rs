//! The names that there are at a place: for who mistyped one.

use super::Profile;
use super::definition::{Definition, Rule};
use super::library::{Library, upper};

impl Profile {
    /// The names of the elements below a path, a choice spelt out: for who mistypes one.
    pub fn below(&self, path: &str) -> Vec<String> {
        let mut definition = self.definition();
        let mut rule = &definition.rules[0];
        let steps = path.split('.').filter(|step| !step.is_empty());
        for name in steps {
            match self.library.child(definition, rule, name) {
                Some(found) => (definition, rule) = found,
                None => return Vec::new(),
            }
        }
        self.library.children(definition, rule)
    }
}

impl Library {
    /// The names of the children of an element, each choice spelt out in all its types.
    fn children(&self, definition: &Definition, rule: &Rule) -> Vec<String> {
        let Some((base, id)) = self.inside(definition, rule) else {
            return Vec::new();
        };
        let within = base
            .rules
            .iter()
            .filter(|rule| rule.parent() == Some(id) && rule.slice().is_none());
        let spelt = within.flat_map(|rule| match rule.name().strip_suffix("[x]") {
            None => vec![rule.name().to_owned()],
            Some(stem) => rule
                .types
                .iter()
                .map(|of| format!("{stem}{}", upper(&of.code)))
                .collect(),
        });
        spelt.collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::Registry;

    #[test]
    fn a_choice_is_spelt_out_and_content_elsewhere_is_followed() {
        let registry = Registry::builtin();
        let below = |profile: &str, path: &str| registry.profile(profile).unwrap().below(path);
        let has = |names: &[String], name: &str| names.iter().any(|known| known == name);
        let observation = below("Observation", "");
        for name in ["valueQuantity", "valueDateTime", "effectivePeriod", "component"] {
            assert!(has(&observation, name), "{name}: {observation:?}");
        }
        assert!(!has(&observation, "value[x]"), "{observation:?}");
        // `referenceRange` of a component is that of the resource, a coding is of its type.
        assert!(has(&below("Observation", "component.referenceRange"), "low"));
        assert!(has(&below("Observation", "code.coding"), "display"));
        assert!(below("Observation", "colour").is_empty());
        // Whatever there is can be reached by its name.
        for name in &observation {
            assert!(
                registry.profile("Observation").unwrap().element(name).is_some(),
                "{name}"
            );
        }
    }
}
