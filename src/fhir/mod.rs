//! The FHIR vocabulary: types, paths, search expressions, outcomes, bundles. Pure: no database, no HTTP, no clock.

pub mod types;
