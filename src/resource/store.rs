//! All SQL that writes resources.

use jiff::Timestamp;

use super::{Draft, Error, Put};
use crate::config::{Tenant, TenantId};
use crate::db::{self, Tx};
use crate::fhir::types::{Id, ResourceType};

/// Stores the drafts: one answer for each, in their order. A new version only where the content differs.
pub async fn put(_tx: &mut Tx, _tenant: &Tenant, _now: Timestamp, _drafts: &[Draft]) -> Result<Vec<Put>, Error> {
    unimplemented!()
}

/// Takes the resources out of reading, search, index and history; the ids are never given to anything else. Ids that are not in
/// this dossier are left alone. Says how many there were.
pub async fn withdraw(
    _tx: &mut Tx,
    _tenant: &TenantId,
    _patient: Option<&Id>,
    _items: &[(ResourceType, Id)],
    _now: Timestamp,
) -> Result<u64, db::Error> {
    unimplemented!()
}
