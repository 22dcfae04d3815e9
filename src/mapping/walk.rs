//! The one walk over the lines of a resource, with the element that each fills and the lists that it stands in.

use super::plan::{Content, Each, List, Map, Members, Object, Origin, Resource, Template};
use super::source::Field;
use super::verb::Line;

/// The keys that lead to each list around a place, the outermost first.
pub(super) type Within = [Vec<String>];

/// What the walk comes by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'p> {
    /// A place that is there once for each member of a list; the list is among those around it.
    Each(&'p Each),
    /// A line and its element from the type on, without indices: `Observation.component.code`.
    Line(&'p str, &'p Line),
}

/// Comes by every line of a resource, in their order.
pub(super) fn walk(map: &Map, resource: &Resource, visit: &mut dyn FnMut(Step<'_>, &Within)) {
    let within = around(&map.lists, resource.each);
    Walk {
        lists: &map.lists,
        visit,
    }
    .object(&resource.body, resource.kind.as_str(), &within);
}

/// The lists around what is made for each member of a list; none around what is made of the record.
pub(super) fn around(lists: &[List], each: Option<usize>) -> Vec<Vec<String>> {
    let Some(list) = each.and_then(|list| lists.get(list)) else {
        return Vec::new();
    };
    match &list.origin {
        Origin::Of(base) => around(lists, Some(*base)),
        Origin::Record(field) => inside(field, &[]),
        Origin::Inside(outer, field) => inside(field, &around(lists, Some(*outer))),
    }
}

/// One list further in.
pub(super) fn inside(field: &Field, within: &Within) -> Vec<Vec<String>> {
    let mut keys = field.keys(within);
    keys.push("[]".to_owned());
    let mut inner = within.to_vec();
    inner.push(keys);
    inner
}

struct Walk<'w> {
    lists: &'w [List],
    visit: &'w mut dyn FnMut(Step<'_>, &Within),
}

impl Walk<'_> {
    fn object(&mut self, of: &Object, path: &str, within: &Within) {
        for member in &of.members {
            let element = format!("{path}.{}", member.name);
            match &member.content {
                Content::One(of) => self.template(of, &element, within),
                Content::Many(slots) => {
                    for slot in slots {
                        let Some(each) = &slot.each else {
                            self.template(&slot.template, &element, within);
                            continue;
                        };
                        let inner = match &each.members {
                            Members::Named(list) => around(self.lists, Some(*list)),
                            Members::Field(field) => inside(field, within),
                        };
                        (self.visit)(Step::Each(each), &inner);
                        self.template(&slot.template, &element, &inner);
                    }
                }
            }
        }
    }

    fn template(&mut self, of: &Template, element: &str, within: &Within) {
        match of {
            Template::Object(inner) => self.object(inner, element, within),
            Template::Line(line) => (self.visit)(Step::Line(element, line), within),
        }
    }
}
