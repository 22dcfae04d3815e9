//! What one caller may see for one interaction.

use std::collections::BTreeMap;

use crate::config::TenantId;
use crate::fhir::types::{Id, ResourceType};

/// One granular alternative of a scope: search parameters that a resource has to match, ANDed
/// (`patient/Observation.rs?category=laboratory` gives `[("category", "laboratory")]`).
pub type Narrowing = Vec<(String, String)>;

/// Whose resources are visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Of these clients. With none of them nothing is visible.
    These(Vec<Id>),
    /// Of every client of the tenant: for an app in its own name.
    All,
}

/// The part of the store that one caller may see: a tenant, its clients or some of them, and per type what the scopes allow.
#[derive(Clone, Debug)]
pub struct Visible {
    tenant: TenantId,
    clients: Clients,
    types: BTreeMap<ResourceType, Vec<Narrowing>>,
}

impl Visible {
    /// Only [`super`] makes one.
    pub(super) fn new(tenant: TenantId, clients: Clients, types: BTreeMap<ResourceType, Vec<Narrowing>>) -> Self {
        Self { tenant, clients, types }
    }

    /// For tests of the store, which need one without a caller.
    #[cfg(test)]
    pub(crate) fn for_test(
        tenant: TenantId,
        patients: Vec<Id>,
        types: impl IntoIterator<Item = (ResourceType, Vec<Narrowing>)>,
    ) -> Self {
        Self::new(tenant, Clients::These(patients), types.into_iter().collect())
    }

    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The clients whose resources are visible, as far as they are named one by one.
    pub fn patients(&self) -> &[Id] {
        match &self.clients {
            Clients::These(patients) => patients,
            Clients::All => &[],
        }
    }

    /// `None`: this type is not visible at all. An empty list: every resource of the type. Otherwise a resource has to match
    /// at least one alternative.
    pub fn narrowing(&self, kind: ResourceType) -> Option<&[Narrowing]> {
        self.types.get(&kind).map(Vec::as_slice)
    }
}
