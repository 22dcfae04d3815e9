//! What tells the slices of an element apart: discriminators to [`Test`]s.

use serde_json::Value;

use super::compile::Compiler;
use super::definition::{Definition, Discriminator, DiscriminatorKind, Required, Rule};
use super::library::Library;
use super::program::{Hop, Test};
use crate::fhir::terms::HL7_PROFILES;

/// The test that a value belongs to the slice, by one discriminator.
pub(super) fn test(compiler: &mut Compiler<'_>, at: usize, slice: usize, by: &Discriminator) -> Test {
    let library = compiler.library;
    let definition = &library.all()[at];
    let rule = &definition.rules[slice];
    let Some(path) = Path::parse(&by.path) else {
        return Test::Unknown;
    };
    if by.path == "url" {
        return url(compiler, at, slice);
    }
    let found = path.walk(library, definition, rule);
    let test = match by.kind {
        DiscriminatorKind::Value => found.and_then(|found| found.value(library)),
        DiscriminatorKind::Exists => found.and_then(|found| {
            let rule = found.rule;
            if rule.max == Some(0) {
                Some(Test::Exists(false))
            } else {
                (rule.min > 0).then_some(Test::Exists(true))
            }
        }),
        DiscriminatorKind::Type | DiscriminatorKind::Profile if path.resolves => found.and_then(|found| {
            let targets: Vec<String> = found
                .rule
                .types
                .iter()
                .flat_map(|of| of.targets.iter().cloned())
                .collect();
            // Which profile the target meets cannot be seen here, only its type.
            let only_types = targets.iter().all(|url| url.starts_with(HL7_PROFILES));
            let kinds = compiler
                .kinds_of(&targets)
                .filter(|kinds| only_types && !kinds.is_empty());
            kinds.map(Test::RefersTo)
        }),
        DiscriminatorKind::Type => found.map(|found| {
            Test::All(
                found
                    .rule
                    .types
                    .first()
                    .map(|of| Test::Type(of.code.clone()))
                    .into_iter()
                    .collect(),
            )
        }),
        DiscriminatorKind::Profile => found.and_then(|found| {
            let profile = found.rule.types.first()?.profiles.first()?;
            let index = library.index(profile)?;
            Some(Test::Meets(compiler.shape(index, 0)))
        }),
    };
    match test {
        None => Test::Unknown,
        Some(test) if path.hops.is_empty() => test,
        Some(test) => Test::At(path.hops, Box::new(test)),
    }
}

/// The test on the URL of an extension: that of its definition, or the one that the slice fixes.
pub(super) fn url(compiler: &Compiler<'_>, at: usize, slice: usize) -> Test {
    let library = compiler.library;
    let definition = &library.all()[at];
    let rule = &definition.rules[slice];
    let profile = rule.types.first().and_then(|of| of.profiles.first()).cloned();
    let fixed = || match library.child(definition, rule, "url")?.1.value.as_ref()? {
        Required::Fixed(value) | Required::Pattern(value) => value.as_str().map(str::to_owned),
    };
    match profile.or_else(fixed) {
        Some(url) => Test::At(vec![Hop::Name("url".into())], Box::new(Test::Equals(url.into()))),
        None => Test::Unknown,
    }
}

/// The path of a discriminator: names, `extension('url')`, and `resolve()` at its end.
struct Path {
    hops: Vec<Hop>,
    resolves: bool,
}

impl Path {
    fn parse(text: &str) -> Option<Self> {
        let mut path = Self {
            hops: Vec::new(),
            resolves: false,
        };
        let mut rest = text;
        while !rest.is_empty() {
            if path.resolves {
                return None;
            }
            if let Some(after) = rest.strip_prefix("extension(") {
                let (inside, after) = after.split_once(')')?;
                let url = inside.trim_start_matches("url").trim_start_matches([' ', '=']);
                path.hops.push(Hop::Extension(url.trim_matches('\'').to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix("resolve()") {
                path.resolves = true;
                rest = after;
            } else {
                let end = rest.find('.').unwrap_or(rest.len());
                let name = &rest[..end];
                if name != "$this" {
                    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
                    path.hops.push(plain.then(|| Hop::Name(name.to_owned()))?);
                }
                rest = &rest[end..];
            }
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
        Some(path)
    }

    /// The element of the slice that the path leads to.
    fn walk<'a>(&self, library: &'a Library, definition: &'a Definition, rule: &'a Rule) -> Option<Found<'a>> {
        let mut found = Found {
            definition,
            rule,
            said: None,
        };
        for hop in &self.hops {
            let (definition, rule) = match hop {
                Hop::Name(name) => library.child(found.definition, found.rule, name)?,
                Hop::Extension(url) => {
                    let (definition, extension) = library.child(found.definition, found.rule, "extension")?;
                    let is_it = |one: &&Rule| one.types.iter().any(|of| of.profiles.contains(url));
                    (definition, definition.slices(&extension.id).find(is_it)?)
                }
            };
            // A value of an outer element also says what is inside it.
            let outer = found.said.as_ref().or(found.rule.value.as_ref().map(Required::value));
            let said = match (outer, hop) {
                (Some(outer), Hop::Name(name)) => first(outer).get(name).cloned(),
                _ => None,
            };
            found = Found { definition, rule, said };
        }
        Some(found)
    }
}

/// Of a list in a pattern, its first item.
fn first(value: &Value) -> &Value {
    value.as_array().and_then(|items| items.first()).unwrap_or(value)
}

/// The element at the end of a path.
struct Found<'a> {
    definition: &'a Definition,
    rule: &'a Rule,
    /// What the value of an outer element says about it.
    said: Option<Value>,
}

impl Found<'_> {
    /// What the slice says about the value here.
    fn value(&self, library: &Library) -> Option<Test> {
        if let Some(test) = said(self.rule) {
            return Some(test);
        }
        if let Some(value) = &self.said {
            return Some(Test::Matches(first(value).clone()));
        }
        let below = inside(self.definition, &self.rule.id);
        if !below.is_empty() {
            return Some(Test::All(below));
        }
        if let Some(binding) = &self.rule.binding {
            return Some(Test::In(library.value_sets.get(&binding.value_set)));
        }
        let profile = self.rule.types.first()?.profiles.first()?;
        let profile = library.find(profile)?;
        let root = &profile.rules[0];
        said(root).or_else(|| {
            let below = inside(profile, &root.id);
            (!below.is_empty()).then_some(Test::All(below))
        })
    }
}

fn said(rule: &Rule) -> Option<Test> {
    match rule.value.as_ref()? {
        Required::Fixed(value) => Some(Test::Equals(value.clone())),
        Required::Pattern(value) => Some(Test::Matches(value.clone())),
    }
}

/// What the elements below an element fix.
fn inside(definition: &Definition, id: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    for rule in &definition.rules {
        let Some(path) = rule.id.strip_prefix(id).and_then(|rest| rest.strip_prefix('.')) else {
            continue;
        };
        if path.contains(':') || path.contains('[') {
            continue;
        }
        if let Some(test) = said(rule) {
            tests.push(Test::At(
                path.split('.').map(|name| Hop::Name(name.to_owned())).collect(),
                Box::new(test),
            ));
        }
    }
    tests
}
