//! Files that may be longer than the rest. This list may only shrink, and so may its numbers.

/// Path, most lines, why.
pub(super) const LONG: &[(&str, usize, &str)] = &[
    (
        "src/ecd/ons/pull.rs",
        500,
        "one pull reads from its first request to its last",
    ),
    (
        "src/fhir/json.rs",
        725,
        "one scanner; its tests are a table of bad input",
    ),
    (
        "src/fhir/path.rs",
        675,
        "one small language: its parser, its evaluation and their tests",
    ),
    (
        "src/fhir/search/date.rs",
        450,
        "one subject; half of it is a table of tests",
    ),
    ("src/login/store.rs", 475, "all SQL of the login stands in one file"),
    (
        "src/mapping/compile.rs",
        475,
        "one walk over a map file; each rule reports its own line",
    ),
    ("src/mapping/explain.rs", 450, "three questions that share their output"),
    (
        "src/mapping/line.rs",
        675,
        "one variant a verb; splitting would part a verb from its check",
    ),
    ("src/mapping/run.rs", 525, "one variant a verb, in the order of line.rs"),
    (
        "src/mapping/source.rs",
        425,
        "paths and the schema that they are checked with, and their tests",
    ),
    (
        "src/oauth/app/register.rs",
        425,
        "one rule a metadata field; a quarter of it tests",
    ),
    (
        "src/profile/check.rs",
        650,
        "one walk over a resource; the rules share its path and its limits",
    ),
    ("src/profile/narrative.rs", 450, "one scanner; a quarter of it tests"),
    (
        "src/profile/primitive.rs",
        450,
        "one format a type; a third of it tests",
    ),
    (
        "src/resource/search/sql.rs",
        450,
        "the one place where SQL is put together",
    ),
    (
        "src/resource/search/tests.rs",
        425,
        "one model that every search test is compared with",
    ),
    (
        "tests/gateway/ecd_ons.rs",
        600,
        "one mock with its quirks, and the pull that must survive them",
    ),
];
