//! Files that may be longer than the rest. This list may only shrink, and so may its numbers.

/// Path, most lines, why.
pub(super) const LONG: &[(&str, usize, &str)] = &[
    (
        "src/fhir/json/scan.rs",
        425,
        "one scanner; its states read from top to bottom",
    ),
    (
        "src/fhir/path.rs",
        475,
        "one small language: its parser, its evaluation and their tests",
    ),
    (
        "src/fhir/search/date.rs",
        450,
        "one subject; half of it is a table of tests",
    ),
    (
        "src/http/fhir/tests.rs",
        500,
        "one world and the requests that every route must stand",
    ),
    (
        "src/http/pages/tests.rs",
        575,
        "one world and the walks through all pages",
    ),
    (
        "src/profile/check.rs",
        450,
        "one walk over a resource; the rules share its path and its limits",
    ),
    ("src/profile/narrative.rs", 450, "one scanner; a quarter of it tests"),
    (
        "src/profile/primitive.rs",
        475,
        "one format a type; a third of it tests",
    ),
    (
        "src/resource/search/sql.rs",
        450,
        "the one place where SQL is put together",
    ),
];
