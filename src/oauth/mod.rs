//! Apps, SMART scopes, grants, tokens, keys, discovery.

pub mod scope;

use std::sync::Arc;

use crate::config::Tenant;
use crate::consent::Right;
use crate::fhir::types::{Id, ResourceType};
use scope::Scopes;

/// Who stands behind an access token, with the rights in force at this moment.
#[derive(Clone, Debug)]
pub struct Caller {
    pub tenant: Arc<Tenant>,
    pub account: String,
    pub client_id: String,
    /// The grant that the token came from: for audit lines and for binding page links.
    pub grant: String,
    pub scopes: Scopes,
    /// The client in the token's launch context; `patient/` scopes reach nobody else.
    pub patient: Option<Id>,
    pub fhir_user: Option<(ResourceType, Id)>,
    /// Every client that the account may see now, after departure and withdrawal.
    pub rights: Vec<Right>,
}
