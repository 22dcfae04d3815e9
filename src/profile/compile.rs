//! Definitions to [`Program`].

use std::collections::HashMap;

use super::definition::{Constraint, Definition, Required, Rule, TypeRef};
use super::discriminator;
use super::invariant;
use super::library::{Library, upper};
use super::primitive::Primitive;
use super::program::{
    Bound, Content, Extension, Field, NamedLaw, Node, Program, Rules, Shape, ShapeId, Slice, Test, Typed,
};
use crate::fhir::terms::HL7_PROFILES;

/// More elements than any R4 type has in one object.
pub(super) const MAX_NODES: usize = 96;

pub(super) fn compile(library: &Library) -> Program {
    let mut compiler = Compiler {
        library,
        program: Program::default(),
        made: HashMap::new(),
        children: HashMap::new(),
    };
    compiler.program.resource_types = library.value_sets.resource_types();
    for (index, definition) in library.all().iter().enumerate() {
        let shape = compiler.shape(index, 0);
        let program = &mut compiler.program;
        program.roots.insert(definition.url.clone(), shape);
        program.kinds.insert(definition.url.clone(), definition.kind.clone());
        let is_type = definition.url.strip_prefix(HL7_PROFILES) == Some(definition.kind.as_str());
        if is_type && program.shapes[shape].is_resource {
            program.resources.insert(definition.kind.clone(), shape);
        }
        if definition.kind == "Extension" && !is_type {
            let context = definition.context.clone();
            program
                .extensions
                .insert(definition.url.clone(), Extension { shape, context });
        }
    }
    compiler.program.unchecked.sort();
    compiler.program.unchecked.dedup();
    compiler.program
}

pub(super) struct Compiler<'a> {
    pub(super) library: &'a Library,
    program: Program,
    /// Shapes by definition and element, made before they are filled.
    made: HashMap<(usize, usize), ShapeId>,
    /// The elements below each element of a definition, by id.
    children: HashMap<usize, HashMap<&'a str, Vec<usize>>>,
}

impl<'a> Compiler<'a> {
    /// The shape of an element with children of its own.
    pub(super) fn shape(&mut self, definition: usize, rule: usize) -> ShapeId {
        if let Some(&made) = self.made.get(&(definition, rule)) {
            return made;
        }
        let id = self.program.shapes.len();
        self.program.shapes.push(Shape::default());
        self.made.insert((definition, rule), id);
        let shape = self.fill(definition, rule);
        self.program.shapes[id] = shape;
        id
    }

    fn fill(&mut self, at: usize, root: usize) -> Shape {
        let library = self.library;
        let definition = &library.all()[at];
        let root = &definition.rules[root];
        let kind = if root.id == definition.kind {
            &definition.kind
        } else {
            root.types.first().map_or(&definition.kind, |of| &of.code)
        };
        let mut shape = Shape {
            kind: kind.clone(),
            is_resource: is_resource(definition, root),
            ..Shape::default()
        };
        let below = self.below(at, &root.id);
        let (slices, elements): (Vec<usize>, Vec<usize>) = below
            .iter()
            .copied()
            .partition(|&index| definition.rules[index].slice().is_some());
        for index in elements {
            let rule = &definition.rules[index];
            if shape.nodes.len() >= MAX_NODES {
                continue;
            }
            let number = shape.nodes.len();
            for of in &rule.types {
                let key = match rule.name().strip_suffix("[x]") {
                    Some(stem) => format!("{stem}{}", upper(&of.code)),
                    None => rule.name().to_owned(),
                };
                let mut typed = self.typed(at, index, of);
                // R4 calls the id of a resource a string, and says in its text that it is an id.
                if let (true, "id", Content::Primitive(_, beside)) = (shape.is_resource, rule.name(), typed.content) {
                    typed.content = Content::Primitive(Primitive::Id, beside);
                }
                shape.fields.push(Field {
                    key,
                    node: number,
                    typed,
                });
            }
            if let Some(content) = &rule.content {
                let target = definition.rules.iter().position(|one| one.id == *content);
                let content = target.map_or(Content::Unknown, |target| Content::Object(self.shape(at, target)));
                let typed = Typed {
                    code: "BackboneElement".into(),
                    content,
                    targets: None,
                    profiles: Vec::new(),
                };
                shape.fields.push(Field {
                    key: rule.name().to_owned(),
                    node: number,
                    typed,
                });
            }
            let mut rules = self.rules(rule, None);
            if let Some(shared) = rule
                .content
                .as_ref()
                .and_then(|id| definition.rules.iter().find(|one| one.id == *id))
            {
                // Whoever shares the content of an element shares its rules (<https://hl7.org/fhir/R4/elementdefinition.html#contentReference>).
                for law in self.rules(shared, None).laws {
                    if rules.laws.iter().all(|known| known.key != law.key) {
                        rules.laws.push(law);
                    }
                }
            }
            let own: Vec<usize> = slices
                .iter()
                .copied()
                .filter(|&one| definition.rules[one].unsliced() == rule.id)
                .collect();
            let slices = own.into_iter().map(|one| self.slice(at, rule, one)).collect();
            shape.nodes.push(Node {
                name: rule.name().trim_end_matches("[x]").to_owned(),
                base: rule.base.clone(),
                min: rule.min,
                max: rule.max.unwrap_or(u32::MAX),
                array: rule.array,
                rules,
                slices,
                closed: rule.slicing.as_ref().is_some_and(|slicing| slicing.closed),
            });
        }
        shape.fields.sort_by(|a, b| a.key.cmp(&b.key));
        shape.laws = self.shape_laws(definition, root);
        shape
    }

    /// The rules of the type itself, and those that the element adds at its own root.
    fn shape_laws(&mut self, definition: &Definition, root: &Rule) -> Vec<NamedLaw> {
        let mut constraints: Vec<Constraint> = Vec::new();
        if root.id == definition.kind {
            constraints.clone_from(&root.constraints);
        }
        // A loaded snapshot repeats at its root what the type says; a child that is written out does not.
        for of in root.types.iter().map(|of| of.code.as_str()).chain(
            [definition.kind.as_str()]
                .into_iter()
                .filter(|_| root.id == definition.kind),
        ) {
            if let Some(of) = self.library.find(of) {
                constraints.extend(of.rules[0].constraints.iter().cloned());
            }
        }
        self.laws(&constraints)
    }

    fn laws(&mut self, constraints: &[Constraint]) -> Vec<NamedLaw> {
        let mut laws: Vec<NamedLaw> = Vec::new();
        for constraint in constraints {
            if laws.iter().any(|known| known.key == constraint.key) {
                continue;
            }
            match invariant::named(&constraint.key) {
                Some(law) => laws.push(NamedLaw {
                    key: constraint.key.clone(),
                    text: self
                        .library
                        .texts
                        .get(&constraint.key)
                        .unwrap_or(&constraint.text)
                        .clone(),
                    warning: constraint.warning,
                    law,
                }),
                None => self.program.unchecked.push(constraint.key.clone()),
            }
        }
        laws
    }

    /// The rules of an element; those that `base` has already are left out.
    fn rules(&mut self, rule: &Rule, base: Option<&Rule>) -> Rules {
        let (mut fixed, mut pattern) = (None, None);
        if base.is_none_or(|base| base.value != rule.value) {
            match &rule.value {
                Some(Required::Fixed(value)) => fixed = Some(value.clone()),
                Some(Required::Pattern(value)) => pattern = Some(value.clone()),
                None => {}
            }
        }
        let binding = rule
            .binding
            .as_ref()
            .filter(|_| base.is_none_or(|base| base.binding != rule.binding));
        // What the shape of the type checks is not checked at the element again.
        let of_type = |key: &str| {
            rule.types
                .iter()
                .filter_map(|of| self.library.find(&of.code))
                .any(|of| of.rules[0].constraints.iter().any(|one| one.key == key))
        };
        let is_root = !rule.id.contains('.');
        let known = |one: &&Constraint| {
            let of_base = base.is_some_and(|base| base.constraints.contains(one));
            !is_root && !of_base && !of_type(&one.key)
        };
        let constraints: Vec<Constraint> = rule.constraints.iter().filter(known).cloned().collect();
        Rules {
            fixed,
            pattern,
            codes: binding.map(|binding| Bound {
                value_set: binding.value_set.clone(),
                codes: self.library.value_sets.get(&binding.value_set),
            }),
            least: rule
                .least
                .clone()
                .filter(|_| base.is_none_or(|base| base.least != rule.least)),
            most: rule
                .most
                .clone()
                .filter(|_| base.is_none_or(|base| base.most != rule.most)),
            max_length: rule.max_length,
            laws: self.laws(&constraints),
        }
    }

    fn slice(&mut self, at: usize, base: &Rule, index: usize) -> Slice {
        let library = self.library;
        let rule = &library.all()[at].rules[index];
        let tests: Vec<Test> = match &base.slicing {
            Some(slicing) => slicing
                .by
                .iter()
                .map(|by| discriminator::test(self, at, index, by))
                .collect(),
            None if base.is_choice() => rule.types.iter().map(|of| Test::Type(of.code.clone())).collect(),
            // Extensions are told apart by their URL, said or not.
            None if base.types.first().is_some_and(|of| of.code == "Extension") => {
                vec![discriminator::url(self, at, index)]
            }
            None => vec![Test::Unknown],
        };
        let narrower = !self.below(at, &rule.id).is_empty() || rule.types != base.types;
        let typed = if narrower {
            rule.types.iter().map(|of| self.typed(at, index, of)).collect()
        } else {
            Vec::new()
        };
        Slice {
            name: rule.slice().unwrap_or_default().to_owned(),
            min: rule.min,
            max: rule.max.unwrap_or(u32::MAX),
            test: if tests.is_empty() {
                Test::Unknown
            } else {
                Test::All(tests)
            },
            typed,
            rules: self.rules(rule, Some(base)),
        }
    }

    fn typed(&mut self, at: usize, index: usize, of: &TypeRef) -> Typed {
        let library = self.library;
        let rule = &library.all()[at].rules[index];
        let open = !self.below(at, &rule.id).is_empty();
        let known: Vec<usize> = of.profiles.iter().filter_map(|url| library.index(url)).collect();
        let known_kind = |one: &&usize| library.all()[**one].kind == of.code;
        let mut profiles: Vec<ShapeId> = Vec::new();
        // One profile and nothing written out: the profile is the shape.
        let single = (known.len() == 1 && of.profiles.len() == 1 && !open)
            .then(|| known[0])
            .filter(|one| known_kind(&one));
        if single.is_none() && known.len() == of.profiles.len() {
            profiles = known.iter().filter(known_kind).map(|&one| self.shape(one, 0)).collect();
        }
        let content = match (Primitive::named(&of.code), single) {
            (Some(kind), _) => {
                let beside = if open {
                    Some(self.shape(at, index))
                } else {
                    library.index("Element").map(|one| self.shape(one, 0))
                };
                beside.map_or(Content::Unknown, |beside| Content::Primitive(kind, beside))
            }
            (None, Some(profile)) => Content::Object(self.shape(profile, 0)),
            (None, None) if of.code == "Resource" => Content::Resource,
            (None, None) if open => Content::Object(self.shape(at, index)),
            (None, None) => library
                .index(&of.code)
                .map_or(Content::Unknown, |one| Content::Object(self.shape(one, 0))),
        };
        let is_reference = of.code == "Reference" && !of.targets.is_empty();
        let targets = is_reference.then(|| self.kinds_of(&of.targets)).flatten();
        Typed {
            code: of.code.clone(),
            content,
            targets,
            profiles,
        }
    }

    /// The resource types behind canonicals; `None` when one of them is not known.
    pub(super) fn kinds_of(&self, canonicals: &[String]) -> Option<Vec<String>> {
        let kind = |url: &String| match url.strip_prefix(HL7_PROFILES) {
            Some(kind) if self.library.find(url).is_none() => Some(kind.to_owned()),
            _ => self.library.find(url).map(|one| one.kind.clone()),
        };
        let mut kinds: Vec<String> = canonicals.iter().map(kind).collect::<Option<_>>()?;
        kinds.sort();
        kinds.dedup();
        (!kinds.iter().any(|kind| kind == "Resource")).then_some(kinds)
    }

    /// The elements and slices directly below an element.
    fn below(&mut self, at: usize, id: &str) -> Vec<usize> {
        let library = self.library;
        let children = self.children.entry(at).or_insert_with(|| {
            let mut children: HashMap<&'a str, Vec<usize>> = HashMap::new();
            for (index, rule) in library.all()[at].rules.iter().enumerate() {
                if let Some(parent) = rule.parent() {
                    children.entry(parent).or_default().push(index);
                }
            }
            children
        });
        children.get(id).cloned().unwrap_or_default()
    }
}

fn is_resource(definition: &Definition, root: &Rule) -> bool {
    let has = |name: &str| {
        definition
            .rules
            .iter()
            .any(|rule| rule.parent() == Some(&definition.kind) && rule.name() == name)
    };
    root.id == definition.kind && has("meta") && has("implicitRules")
}
