//! The named lists of a record: which members are left, and what they stand in.
//!
//! # Design
//! A member is visited with the members around it, from the record inwards, so that `../` and `/` mean the same wherever
//! the list is used. A list whose members were dropped has them dropped for every use, and for every list inside it.

use serde_json::Value;

use super::plan::{List, Origin, Rule};
use super::run::{Refusal, Run};
use super::source::{Field, Frame, Read, is_missing};

#[derive(Clone, Copy)]
pub(super) struct ListMember<'a> {
    pub(super) value: &'a Value,
    /// In the source list, from 1.
    pub(super) position: usize,
    /// Which member of the outer list it stands in.
    parent: Option<usize>,
    /// Where the same member stands in the list that this one is `of`.
    base: Option<(usize, usize)>,
}

impl<'a> Run<'_, 'a> {
    /// The members of a list in the source.
    pub(super) fn list(&self, list: &List, record: &Frame<'a, '_>) -> Result<Vec<ListMember<'a>>, Refusal> {
        let mut found = Vec::new();
        match &list.origin {
            Origin::Record(field) => members_of(field, record, None, &mut found)?,
            Origin::Inside(outer, field) => {
                let mut parent = 0;
                self.each_member(*outer, record, &mut |frame| {
                    members_of(field, frame, Some(parent), &mut found)?;
                    parent += 1;
                    Ok(())
                })?;
            }
            Origin::Of(base) => {
                let members = self.members.get(*base).map_or(&[][..], Vec::as_slice);
                found.extend(members.iter().enumerate().map(|(index, member)| ListMember {
                    base: member.base.or(Some((*base, index))),
                    ..*member
                }));
            }
        }
        Ok(found)
    }

    pub(super) fn undropped(
        &self,
        index: usize,
        list: &List,
        found: Vec<ListMember<'a>>,
        record: &Frame<'a, '_>,
    ) -> Vec<ListMember<'a>> {
        if list.drops.is_empty() {
            return found;
        }
        let rules: Vec<&Rule> = list.drops.iter().collect();
        let is_kept = |member: &ListMember<'a>| {
            let mut kept = false;
            // Only a member that was really looked at is kept.
            let looked: Result<(), Refusal> = self.with(index, *member, usize::MAX, record, &mut |frame| {
                kept = self.dropped_by(&rules, frame).is_none();
                Ok(())
            });
            looked.is_ok() && kept
        };
        found.into_iter().filter(is_kept).collect()
    }

    pub(super) fn dropped_by<'r>(&self, rules: &[&'r Rule], frame: &Frame<'_, '_>) -> Option<&'r Rule> {
        rules.iter().copied().find(|rule| rule.when.holds(frame, &self.state()))
    }

    /// Visits the members that are left of a named list: those in `frame` if it is a member of the outer list, else all.
    pub(super) fn each_member(
        &self,
        list: usize,
        frame: &Frame<'a, '_>,
        visit: &mut dyn FnMut(&Frame<'a, '_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let (outer, field) = self.origin(list);
        let parent = frame.member.filter(|(of, _)| Some(*of) == outer);
        for (index, member) in self.members.get(list).map_or(&[][..], Vec::as_slice).iter().enumerate() {
            match parent {
                Some((_, parent)) if member.parent != Some(parent) => {}
                Some(_) => visit(&Frame {
                    value: member.value,
                    position: member.position,
                    list: field,
                    member: member.base.or(Some((list, index))),
                    outer: Some(frame),
                })?,
                None => self.with(list, *member, index, frame, visit)?,
            }
        }
        Ok(())
    }

    /// Visits one member of a named list, inside the members of the outer lists.
    fn with(
        &self,
        list: usize,
        member: ListMember<'a>,
        index: usize,
        frame: &Frame<'a, '_>,
        visit: &mut dyn FnMut(&Frame<'a, '_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let (outer, field) = self.origin(list);
        let mut inside = |around: &Frame<'a, '_>| {
            visit(&Frame {
                value: member.value,
                position: member.position,
                list: field,
                member: member.base.or(Some((list, index))),
                outer: Some(around),
            })
        };
        match (outer, member.parent) {
            (Some(outer), Some(parent)) => {
                let around = self.members.get(outer).and_then(|members| members.get(parent));
                match around {
                    Some(around) => self.with(outer, *around, parent, frame, &mut inside),
                    None => Ok(()),
                }
            }
            _ => {
                let mut record = frame;
                while let Some(next) = record.outer {
                    record = next;
                }
                inside(record)
            }
        }
    }

    /// The list around a list, and the source path of its members.
    fn origin(&self, list: usize) -> (Option<usize>, Option<&Field>) {
        match self.map.lists.get(list).map(|list| &list.origin) {
            Some(Origin::Record(field)) => (None, Some(field)),
            Some(Origin::Inside(outer, field)) => (Some(*outer), Some(field)),
            Some(Origin::Of(base)) => self.origin(*base),
            None => (None, None),
        }
    }
}

pub(super) fn members_of<'a>(
    field: &Field,
    frame: &Frame<'a, '_>,
    parent: Option<usize>,
    found: &mut Vec<ListMember<'a>>,
) -> Result<(), Refusal> {
    match field.read(frame) {
        None => Ok(()),
        Some(Read::Value(Value::Array(members))) => {
            let filled = members.iter().enumerate().filter(|(_, value)| !is_missing(value));
            found.extend(filled.map(|(index, value)| ListMember {
                value,
                position: index + 1,
                parent,
                base: None,
            }));
            Ok(())
        }
        Some(_) => Err(Refusal::at(field, frame, "not a list")),
    }
}
