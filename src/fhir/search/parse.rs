//! From the pairs of a request to a [`Query`].

use super::{BadParam, Filter, Handling, Query, Setting};
use crate::fhir::types::ResourceType;

impl Query {
    /// Parses the decoded name-value pairs of a search. `_format` and `_pretty` are for the caller and are skipped.
    pub fn parse(
        _kind: ResourceType,
        _pairs: &[(String, String)],
        _handling: Handling,
        _setting: &Setting<'_>,
    ) -> Result<Self, BadParam> {
        unimplemented!()
    }
}

/// The filters of one alternative of a granular scope (`?category=laboratory`), all of which hold. Only tokens, references and
/// `_id` are taken, because those mean the same in every time zone; anything else is refused, and a scope that cannot be
/// understood opens nothing.
pub fn narrowing(_kind: ResourceType, _pairs: &[(String, String)]) -> Result<Vec<Filter>, BadParam> {
    unimplemented!()
}
