//! The names that there are at a place: for who mistyped one.

use super::Profile;
use super::definition::{Definition, Rule};
use super::library::Library;

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
    /// The names of the children of an element: its own here, else those of what its content or type says.
    pub(super) fn children(&self, definition: &Definition, rule: &Rule) -> Vec<String> {
        let source = rule.content.as_deref().unwrap_or(&rule.id);
        let (base, source) = match &rule.types[..] {
            _ if definition.is_open(source) => (definition, source),
            [of] => match self.find(&of.code) {
                Some(base) => (base, base.kind.as_str()),
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let within = base
            .rules
            .iter()
            .filter(|rule| rule.parent() == Some(source) && rule.slice().is_none());
        let spelt = within.flat_map(|rule| match rule.name().strip_suffix("[x]") {
            None => vec![rule.name().to_owned()],
            Some(stem) => rule.types.iter().map(|of| spelt(stem, &of.code)).collect(),
        });
        spelt.collect()
    }
}

/// `value` and `dateTime` are `valueDateTime`.
fn spelt(stem: &str, code: &str) -> String {
    let (first, rest) = code.split_at(1);
    format!("{stem}{}{rest}", first.to_uppercase())
}
