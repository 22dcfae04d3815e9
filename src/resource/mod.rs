//! The FHIR store: put, history, index, search; every read takes &Visible.
