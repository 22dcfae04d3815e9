//! Source record to FHIR resources by mapping files; pure.
