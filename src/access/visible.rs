//! What one caller may see for one interaction.

use std::collections::BTreeMap;

use crate::config::TenantId;
use crate::fhir::types::{Id, ResourceType};

/// One granular alternative of a scope: search parameters that a resource has to match, ANDed
/// (`patient/Observation.rs?category=laboratory` gives `[("category", "laboratory")]`).
pub type Narrowing = Vec<(String, String)>;

/// The part of the store that one caller may see: a tenant, one or more clients, and per type what the scopes allow.
#[derive(Clone, Debug)]
pub struct Visible {
    tenant: TenantId,
    patients: Vec<Id>,
    types: BTreeMap<ResourceType, Vec<Narrowing>>,
}

impl Visible {
    /// Only [`super`] makes one.
    pub(super) fn new(tenant: TenantId, patients: Vec<Id>, types: BTreeMap<ResourceType, Vec<Narrowing>>) -> Self {
        Self {
            tenant,
            patients,
            types,
        }
    }

    /// For tests of the store, which need one without a caller.
    #[cfg(test)]
    pub(crate) fn for_test(
        tenant: TenantId,
        patients: Vec<Id>,
        types: impl IntoIterator<Item = (ResourceType, Vec<Narrowing>)>,
    ) -> Self {
        Self::new(tenant, patients, types.into_iter().collect())
    }

    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The clients whose resources are visible. With none of them nothing is visible.
    pub fn patients(&self) -> &[Id] {
        &self.patients
    }

    /// `None`: this type is not visible at all. An empty list: every resource of the type. Otherwise a resource has to match
    /// at least one alternative.
    pub fn narrowing(&self, kind: ResourceType) -> Option<&[Narrowing]> {
        self.types.get(&kind).map(Vec::as_slice)
    }
}
