//! SMART scopes, v1 and v2, parsed once. No scope means no access.

use crate::fhir::types::ResourceType;

/// What is done to a resource: the letters of a v2 scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Create,
    /// read, vread, history of one resource
    Read,
    Update,
    Delete,
    /// search by type
    Search,
}

/// Whose data a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    Patient,
    User,
    System,
}

/// A parsed, normalised scope string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {}

impl Scopes {
    /// What the scopes of this context say about `action` on `kind`: `None` is nothing, an empty list is everything, otherwise
    /// alternatives of granular parameters.
    pub fn allow(&self, _context: Context, _action: Action, _kind: ResourceType) -> Option<Vec<Vec<(String, String)>>> {
        None
    }
}
