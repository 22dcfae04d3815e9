//! Runs a map on a record.
//!
//! # Design
//! - **Order**: named lists, drop rules, then resources. A dropped record costs no more than its rules, and nothing of a
//!   faulty but withheld record reaches the quarantine.
//! - **Constants accompany.** An object in which some line reads the source is left out when none of them found a value:
//!   `system = "phone"` never stands without a number.
//! - **What the profile requires is asked for here**, where the pointer can name the source field.

use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use serde_json::{Map as Json, Value};

use crate::fhir::types::Id;

use super::members::{ListMember, members_of};
use super::plan::{Content, Each, Map, Member, Members, Object, Plan, Resource, Rule, Template};
use super::source::{Field, Frame};
use super::value::{Made, plain};
use super::verb::Key;
use super::when::State;
use super::{Context, Mapped, Outcome, resource_id};

/// No record makes more resources.
const MAX_RESOURCES: usize = 5_000;

/// Why a record is refused: a JSON pointer into it, and a reason that shows no value.
#[derive(Debug)]
pub(super) struct Refusal {
    pointer: String,
    /// `Observation.valueQuantity.value`; empty where no line was at work.
    element: String,
    reason: String,
}

impl Refusal {
    pub(super) fn new(pointer: String, reason: impl Into<String>) -> Self {
        Self {
            pointer,
            element: String::new(),
            reason: reason.into(),
        }
    }

    /// The same seen from the object around it.
    fn within(mut self, name: &str) -> Self {
        self.element = match self.element.as_str() {
            "" => name.to_owned(),
            inner => format!("{name}.{inner}"),
        };
        self
    }

    pub(super) fn at(field: &Field, frame: &Frame<'_, '_>, reason: impl Into<String>) -> Self {
        Self::new(field.pointer(frame), reason)
    }
}

impl Plan {
    /// Maps one record, as the connector gives it.
    pub fn run(&self, map: &str, source: &Value, context: &Context<'_>) -> Outcome {
        let Some(map) = self.maps.get(map) else {
            return Outcome::Refused {
                pointer: String::new(),
                element: String::new(),
                reason: "there is no map for this kind of record".to_owned(),
            };
        };
        let run = Run {
            map,
            context,
            members: vec![Vec::new(); map.lists.len()],
            left: vec![0; map.lists.len()],
            ids: RefCell::new(vec![None; map.slots]),
        };
        run.outcome(&Frame::record(source))
            .unwrap_or_else(|refusal| Outcome::Refused {
                pointer: refusal.pointer,
                element: refusal.element,
                reason: refusal.reason,
            })
    }
}

/// One record on its way through one map.
pub(super) struct Run<'p, 'a> {
    pub(super) map: &'p Map,
    context: &'p Context<'p>,
    /// What is left of each named list.
    pub(super) members: Vec<Vec<ListMember<'a>>>,
    left: Vec<usize>,
    ids: RefCell<Vec<Option<Id>>>,
}

impl<'a> Run<'_, 'a> {
    pub(super) fn state(&self) -> State<'_> {
        State {
            report_types: self.context.report_types,
            lists: &self.left,
        }
    }

    pub(super) fn zone(&self) -> &TimeZone {
        self.context.zone
    }

    fn outcome(mut self, record: &Frame<'a, '_>) -> Result<Outcome, Refusal> {
        // What the record itself decides comes first: a withheld record with a faulty list is withheld, not faulty.
        let (of_lists, of_record): (Vec<&Rule>, Vec<&Rule>) =
            self.map.drops.iter().partition(|rule| rule.when.asks_lists());
        if let Some(dropped) = self.dropped_by(&of_record, record) {
            return Ok(dropped.outcome());
        }
        for (index, list) in self.map.lists.iter().enumerate() {
            let found = self.list(list, record)?;
            let kept = self.undropped(index, list, found, record);
            if let (Some(members), Some(left)) = (self.members.get_mut(index), self.left.get_mut(index)) {
                *left = kept.len();
                *members = kept;
            }
        }
        if let Some(dropped) = self.dropped_by(&of_lists, record) {
            return Ok(dropped.outcome());
        }
        let patient = match &self.map.patient {
            Some(key) => Some(self.needed_id(key, record)?),
            None => None,
        };
        let mut made = Vec::new();
        for resource in &self.map.resources {
            match resource.each {
                None => self.resource(resource, patient.as_ref(), record, &mut made)?,
                Some(list) => self.each_member(list, record, &mut |member| {
                    self.resource(resource, patient.as_ref(), member, &mut made)
                })?,
            }
        }
        let mut known = BTreeSet::new();
        if let Some(twice) = made.iter().find(|one| !known.insert((one.kind, one.id.as_str()))) {
            return Err(Refusal::new(
                String::new(),
                format!("two resources {} with the same key", twice.kind),
            ));
        }
        Ok(if made.is_empty() {
            Outcome::Dropped {
                rule: "nothing-to-publish".to_owned(),
                reason: "the map makes no resource of this record".to_owned(),
            }
        } else {
            Outcome::Mapped(made)
        })
    }

    /// The id of the resource with this key; `None` when a part is missing.
    pub(super) fn id(&self, key: &Key, frame: &Frame<'_, '_>) -> Result<Option<Id>, Refusal> {
        if let Some(slot) = key.slot
            && let Some(Some(known)) = self.ids.borrow().get(slot)
        {
            return Ok(Some(known.clone()));
        }
        let mut parts = Vec::with_capacity(key.fields.len());
        for field in &key.fields {
            match plain(field, frame)? {
                Some(part) => parts.push(part),
                None => return Ok(None),
            }
        }
        let parts: Vec<&str> = key.of.iter().chain(&parts).map(String::as_str).collect();
        let id = resource_id(self.context.key, &parts);
        if let Some(slot) = key.slot
            && let Some(known) = self.ids.borrow_mut().get_mut(slot)
        {
            *known = Some(id.clone());
        }
        Ok(Some(id))
    }

    fn needed_id(&self, key: &Key, frame: &Frame<'_, '_>) -> Result<Id, Refusal> {
        self.id(key, frame)?.ok_or_else(|| {
            let missing = key.fields.iter().find(|field| field.read(frame).is_none());
            let pointer = missing.map(|field| field.pointer(frame)).unwrap_or_default();
            Refusal::new(pointer, "a part of the key is missing")
        })
    }

    fn resource(
        &self,
        resource: &Resource,
        patient: Option<&Id>,
        frame: &Frame<'a, '_>,
        made: &mut Vec<Mapped>,
    ) -> Result<(), Refusal> {
        if !resource.when.holds(frame, &self.state()) {
            return Ok(());
        }
        if made.len() >= MAX_RESOURCES {
            return Err(Refusal::new(String::new(), "the record makes too many resources"));
        }
        let id = self.needed_id(&resource.key, frame)?;
        let mut head = Json::with_capacity(resource.body.members.len() + 3);
        head.insert("resourceType".into(), resource.kind.as_str().into());
        head.insert("id".into(), id.as_str().into());
        let mut meta = Json::with_capacity(4);
        meta.insert("profile".into(), resource.claims.clone());
        head.insert("meta".into(), Value::Object(meta));
        let filled = self.members_into(&resource.body, frame, &mut head);
        let kind = resource.kind.as_str();
        filled
            .and_then(Filled::or_refuse)
            .map_err(|refusal| refusal.within(kind))?;
        made.push(Mapped {
            kind: resource.kind,
            id,
            patient: patient.cloned(),
            profile: resource.profile.clone(),
            resource: Value::Object(head),
        });
        Ok(())
    }

    fn object(&self, object: &Object, frame: &Frame<'a, '_>) -> Result<Option<Made>, Refusal> {
        let mut made = Json::with_capacity(object.members.len());
        let filled = self.members_into(object, frame, &mut made)?;
        if made.is_empty() || (object.reads && !filled.read) {
            return Ok(None);
        }
        let read = filled.read;
        filled.or_refuse()?;
        Ok(Some(Made {
            value: Value::Object(made),
            read,
        }))
    }

    fn members_into(
        &self,
        object: &Object,
        frame: &Frame<'a, '_>,
        into: &mut Json<String, Value>,
    ) -> Result<Filled, Refusal> {
        let mut filled = Filled::default();
        for member in &object.members {
            let here = |refusal: Refusal| refusal.within(&member.name);
            let made = match &member.content {
                Content::One(template) => self.template(template, frame).map_err(here)?,
                Content::Many(slots) => {
                    let mut values = Vec::with_capacity(slots.len());
                    let mut read = false;
                    let mut take = |made: Option<Made>, distinct: bool| {
                        if let Some(made) = made {
                            read |= made.read;
                            if !distinct || !values.contains(&made.value) {
                                values.push(made.value);
                            }
                        }
                    };
                    for slot in slots {
                        match &slot.each {
                            None => take(self.template(&slot.template, frame).map_err(here)?, false),
                            Some(each) => self
                                .each(each, frame, &mut |member| {
                                    take(self.template(&slot.template, member)?, each.distinct);
                                    Ok(())
                                })
                                .map_err(here)?,
                        }
                    }
                    (!values.is_empty()).then_some(Made {
                        value: Value::Array(values),
                        read,
                    })
                }
            };
            match made {
                Some(made) => {
                    filled.read |= made.read;
                    match (into.get_mut(&member.name), made.value) {
                        // `meta` is there already, with the profiles.
                        (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                        (_, value) => drop(into.insert(member.name.clone(), value)),
                    }
                }
                None if member.required && filled.missing.is_none() => filled.missing = Some(refusal(member, frame)),
                None => {}
            }
        }
        Ok(filled)
    }

    fn template(&self, template: &Template, frame: &Frame<'a, '_>) -> Result<Option<Made>, Refusal> {
        match template {
            Template::Line(line) => self.line(line, frame),
            Template::Object(object) => self.object(object, frame),
        }
    }

    fn each(
        &self,
        each: &Each,
        frame: &Frame<'a, '_>,
        visit: &mut dyn FnMut(&Frame<'a, '_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut visit = |member: &Frame<'a, '_>| {
            if each.when.holds(member, &self.state()) {
                visit(member)?;
            }
            Ok(())
        };
        match &each.members {
            Members::Named(list) => self.each_member(*list, frame, &mut visit),
            Members::Field(field) => {
                let mut found = Vec::new();
                members_of(field, frame, None, &mut found)?;
                for member in found {
                    visit(&Frame {
                        value: member.value,
                        position: member.position,
                        list: Some(field),
                        member: None,
                        outer: Some(frame),
                    })?;
                }
                Ok(())
            }
        }
    }
}

impl Rule {
    fn outcome(&self) -> Outcome {
        Outcome::Dropped {
            rule: self.name.clone(),
            reason: self.reason.clone(),
        }
    }
}

/// What became of the members of an object.
#[derive(Default)]
struct Filled {
    read: bool,
    missing: Option<Refusal>,
}

impl Filled {
    fn or_refuse(self) -> Result<(), Refusal> {
        self.missing.map_or(Ok(()), Err)
    }
}

/// The first source field that could have given the member.
fn refusal(member: &Member, frame: &Frame<'_, '_>) -> Refusal {
    fn first(template: &Template) -> Option<&Field> {
        match template {
            Template::Line(line) => line.fields().first().copied(),
            Template::Object(object) => object.members.iter().find_map(of_member),
        }
    }
    fn of_member(member: &Member) -> Option<&Field> {
        match &member.content {
            Content::One(template) => first(template),
            Content::Many(slots) => slots.iter().find_map(|slot| match &slot.each {
                Some(Each {
                    members: Members::Field(field),
                    ..
                }) => Some(field),
                _ => first(&slot.template),
            }),
        }
    }
    let pointer = of_member(member).map(|field| field.pointer(frame)).unwrap_or_default();
    let reason = format!("no value for `{}`, which the profile requires", member.name);
    Refusal::new(pointer, reason).within(&member.name)
}
