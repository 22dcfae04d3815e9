//! Files that may be longer than the rest. This list may only shrink, and so may its numbers.

/// Path, most lines, why.
pub(super) const LONG: &[(&str, usize, &str)] = &[
    (
        "src/fhir/json/scan.rs",
        425,
        "one scanner; its states read from top to bottom",
    ),
    (
        "src/fhir/search/date.rs",
        450,
        "one subject; half of it is a table of tests",
    ),
    (
        "src/profile/check.rs",
        450,
        "one walk over a resource; the rules share its path and its limits",
    ),
    ("src/profile/narrative.rs", 450, "one scanner; a quarter of it tests"),
    (
        "src/resource/search/sql.rs",
        450,
        "the one place where SQL is put together",
    ),
];
