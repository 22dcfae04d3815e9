//! FHIR interactions without HTTP.
