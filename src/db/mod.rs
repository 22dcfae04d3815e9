//! The only place that knows two SQL dialects exist.
