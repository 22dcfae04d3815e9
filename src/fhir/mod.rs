//! The FHIR vocabulary: types, paths, search expressions, outcomes, bundles. Pure: no database, no HTTP, no clock.

pub mod brand;
pub mod bundle;
pub mod capability;
pub mod definition;
pub mod json;
pub mod model;
pub mod openapi;
pub mod outcome;
pub mod path;
pub mod search;
pub mod terms;
pub mod types;
