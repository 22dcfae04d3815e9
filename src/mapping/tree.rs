//! Builds the tree of a resource out of its lines.

use super::plan::{Content, Each, Member, Object, Slot, Template};
use super::remedy::Slip;

/// One step of an element path.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) index: Option<usize>,
    pub(super) required: bool,
}

/// Puts a template at a path; what is already there stays.
pub(super) fn insert(object: &mut Object, steps: &[Step], each: Option<Each>, template: Template) -> Result<(), Slip> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(());
    };
    let twice = || Slip::new(format!("`{}` is set twice", step.name), "remove one line");
    let position = object.members.iter().position(|member| member.name == step.name);
    let position = position.unwrap_or_else(|| {
        object.members.push(Member {
            name: step.name.clone(),
            required: step.required,
            content: if step.index.is_some() {
                Content::Many(Vec::new())
            } else {
                Content::One(Template::Object(Object::default()))
            },
        });
        object.members.len() - 1
    });
    let Some(member) = object.members.get_mut(position) else {
        return Ok(());
    };
    match (&mut member.content, step.index) {
        (Content::One(one), None) if rest.is_empty() => match one {
            Template::Object(known) if known.members.is_empty() => *one = template,
            _ => return Err(twice()),
        },
        (Content::One(Template::Object(inner)), None) => return insert(inner, rest, each, template),
        (Content::Many(slots), Some(index)) => {
            let known = slots.iter().position(|slot| slot.index == index);
            match (known.and_then(|at| slots.get_mut(at)), rest.is_empty()) {
                (None, true) => slots.push(Slot { index, each, template }),
                (None, false) => {
                    let mut inner = Object::default();
                    insert(&mut inner, rest, each, template)?;
                    slots.push(Slot {
                        index,
                        each: None,
                        template: Template::Object(inner),
                    });
                }
                (
                    Some(Slot {
                        each: None,
                        template: Template::Object(inner),
                        ..
                    }),
                    false,
                ) => return insert(inner, rest, each, template),
                _ => return Err(twice()),
            }
        }
        _ => return Err(twice()),
    }
    Ok(())
}

impl Object {
    /// Sorts the arrays and notes which objects take anything from the source.
    pub(super) fn settle(&mut self) {
        self.reads = false;
        for member in &mut self.members {
            let settle = |template: &mut Template| {
                if let Template::Object(inner) = template {
                    inner.settle();
                }
                template.reads()
            };
            self.reads |= match &mut member.content {
                Content::One(template) => settle(template),
                Content::Many(slots) => {
                    slots.sort_by_key(|slot| slot.index);
                    slots.iter_mut().fold(false, |reads, slot| {
                        let own = settle(&mut slot.template);
                        reads | own | slot.each.is_some()
                    })
                }
            };
        }
    }
}
