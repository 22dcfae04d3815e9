//! Who may see what: [`decide`] gives a [`Visible`] or a refusal, and nothing is read without a `Visible`.
//!
//! ```
//! use inzage::access::{Denied, Interaction, decide};
//! use inzage::fhir::types::ResourceType;
//! # fn example(caller: &inzage::oauth::Caller) {
//! match decide(caller, &Interaction::Search(ResourceType::CarePlan)) {
//!     Ok(visible) => println!("{} clients", visible.patients().len()),
//!     Err(Denied::Scope) => println!("the app may not"),
//!     Err(Denied::Right) => println!("the person may not"),
//! }
//! # }
//! ```
//!
//! # Design
//! [`Visible`] has private fields and is made only here. `resource::{read, search, …}` cannot be called without one, so a read
//! that nobody decided on does not compile. It becomes part of the SQL of every path; nothing is filtered afterwards.
//!
//! A decision looks at the token and the rights alone, never at stored data, so that a refusal says nothing about what exists.
//! Two things have to agree: the scopes (what the person let this app do) and the rights (what the person may see), and the
//! narrower wins. A `patient/` scope reaches the client in the token's context, a `user/` scope every client that the account
//! has a right to. An app in its own name has no rights and no person; its `system/` scopes reach every client of the tenant.

mod visible;

use std::collections::BTreeMap;

pub use visible::{Clients, Narrowing, Visible};

use crate::audit;
use crate::config::TenantId;
use crate::consent::{Part, Right};
use crate::fhir::types::{Id, ResourceType};
use crate::oauth::Caller;
use crate::oauth::scope::{Action, Context, Scope};

/// What a caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction<'a> {
    /// read, vread and history of one resource
    Read(ResourceType, &'a Id),
    /// search by type
    Search(ResourceType),
}

/// Why not. Neither depends on what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("the app's scopes do not cover this")]
    Scope,
    #[error("the person has no right to this part of the dossier")]
    Right,
}

impl Denied {
    /// The word in the audit line.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Right => "right",
        }
    }
}

/// Decides what `caller` sees when it does `interaction`.
pub fn decide(caller: &Caller, interaction: &Interaction<'_>) -> Result<Visible, Denied> {
    let (action, kind) = match *interaction {
        Interaction::Read(kind, _) => (Action::Read, kind),
        Interaction::Search(kind) => (Action::Search, kind),
    };
    if caller.account.is_none() {
        return for_itself(caller, action, kind);
    }
    let allowed = Reach::of(caller, action, kind).ok_or(Denied::Scope).and_then(|reach| {
        let rights = reach.rights(caller, kind);
        let patients: Vec<Id> = rights.iter().map(|right| right.patient.clone()).collect();
        if patients.is_empty() {
            return Err(Denied::Right);
        }
        let narrowing = without_legal(kind, &rights, reach.narrowing);
        let mut types = BTreeMap::from([(kind, narrowing)]);
        if kind.is_shared() {
            for (way, narrowing) in ways(caller, reach.context, &rights) {
                // A role is a way to itself: what its own scopes say stays.
                types.entry(way).or_insert(narrowing);
            }
        }
        Ok(Visible::new(caller.tenant.id.clone(), Clients::These(patients), types))
    });
    match *interaction {
        Interaction::Read(kind, id) => allowed.or_else(|denied| oneself(caller, kind, id).ok_or(denied)),
        Interaction::Search(_) => allowed,
    }
}

/// What an app sees in its own name: every client of the tenant, and of them what its `system/` scopes name.
fn for_itself(caller: &Caller, action: Action, kind: ResourceType) -> Result<Visible, Denied> {
    let narrowing = caller
        .scopes
        .allow(Context::System, action, kind)
        .ok_or(Denied::Scope)?;
    let types = BTreeMap::from([(kind, narrowing)]);
    Ok(Visible::new(caller.tenant.id.clone(), Clients::All, types))
}

/// How far the scopes of one context reach for one type.
struct Reach {
    context: Context,
    narrowing: Vec<Narrowing>,
}

impl Reach {
    fn of(caller: &Caller, action: Action, kind: ResourceType) -> Option<Self> {
        let allow = |context| caller.scopes.allow(context, action, kind);
        let (context, narrowing) = match (allow(Context::Patient), allow(Context::User)) {
            (None, None) => return None,
            // A `user/` scope over everything includes what a `patient/` scope says.
            (None, Some(user)) => (Context::User, user),
            (Some(_), Some(user)) if user.is_empty() => (Context::User, user),
            (Some(patient), None) => (Context::Patient, patient),
            (Some(patient), Some(_)) if patient.is_empty() => (Context::Patient, patient),
            // Both, narrowed differently: for the client in context either may match. Others are left out, because one list of
            // alternatives counts for all clients of a `Visible`.
            (Some(patient), Some(user)) => (Context::Patient, [patient, user].concat()),
        };
        Some(Self { context, narrowing })
    }

    /// The rights within reach that open `kind`.
    fn rights<'a>(&self, caller: &'a Caller, kind: ResourceType) -> Vec<&'a Right> {
        let in_reach = |right: &&Right| match self.context {
            Context::Patient => caller.patient.as_ref() == Some(&right.patient),
            Context::User => true,
            Context::System => false,
        };
        let open = |right: &&Right| right.parts.allow(kind);
        caller.rights.iter().filter(in_reach).filter(open).collect()
    }
}

/// Who represents a client by law is a Condition, but belongs to the personal data: without a right to those of every client
/// within reach, only the points of attention of the plan are left.
fn without_legal(kind: ResourceType, rights: &[&Right], mut narrowing: Vec<Narrowing>) -> Vec<Narrowing> {
    if kind != ResourceType::Condition || rights.iter().all(|right| right.parts.has(Part::Profile)) {
        return narrowing;
    }
    if narrowing.is_empty() {
        narrowing.push(Narrowing::new());
    }
    for alternative in &mut narrowing {
        alternative.push(("category".to_owned(), "problem-list-item".to_owned()));
    }
    narrowing
}

/// The types through which a shared resource is reached: those that the scopes let the app see and that the rights open for
/// every client within reach (a type that is open for only some of them would show through the others). A role leads from a
/// client to a person and an organisation.
fn ways(caller: &Caller, context: Context, rights: &[&Right]) -> BTreeMap<ResourceType, Vec<Narrowing>> {
    let all = ResourceType::ALL.iter().copied();
    let own = all.filter(|kind| !kind.is_shared() || kind.is_between());
    let open = own.filter(|kind| rights.iter().all(|right| right.parts.allow(*kind)));
    let seen = open.filter_map(|kind| {
        let allow = |action| caller.scopes.allow(context, action, kind);
        let narrowing = allow(Action::Read).or_else(|| allow(Action::Search))?;
        Some((kind, without_legal(kind, rights, narrowing)))
    });
    seen.collect()
}

/// `openid fhirUser` is enough to read the resource that stands for the person, and nothing else. A token with one client in
/// its context says nothing of the others.
fn oneself(caller: &Caller, kind: ResourceType, id: &Id) -> Option<Visible> {
    let known = caller.scopes.has(&Scope::OpenId) && caller.scopes.has(&Scope::FhirUser);
    let same = caller
        .fhir_user
        .as_ref()
        .is_some_and(|user| user.0 == kind && user.1 == *id);
    (known && same && !caller.rights.is_empty()).then(|| {
        let in_context =
            |patient: &Id| kind != ResourceType::Person || caller.patient.as_ref().is_none_or(|own| own == patient);
        let patients = caller
            .rights
            .iter()
            .map(|right| right.patient.clone())
            .filter(in_context)
            .collect();
        let only = vec![("_id".to_owned(), id.to_string())];
        Visible::new(
            caller.tenant.id.clone(),
            Clients::These(patients),
            BTreeMap::from([(kind, vec![only])]),
        )
    })
}

/// What the gateway itself needs, for example a synchronisation run or a check of the store. The caller writes the audit line
/// that comes with it.
pub fn for_system(reason: &'static str, tenant: &TenantId, patients: &[Id]) -> (Visible, audit::Entry) {
    let types = ResourceType::ALL.iter().map(|kind| (*kind, Vec::new())).collect();
    let entry = audit::Entry::new(tenant.clone(), audit::Action::System, audit::Outcome::Success)
        .on(audit::What {
            query: Some(reason.to_owned()),
            ..audit::What::default()
        })
        .about(patients);
    (
        Visible::new(tenant.clone(), Clients::These(patients.to_vec()), types),
        entry,
    )
}

#[cfg(test)]
mod tests;
