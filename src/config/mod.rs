//! Configuration: one file per section; all errors at once.
