//! Searches: the declared parameters, the expressions that a request asks for, and the parser between them.
//!
//! ```
//! use inzage::fhir::search::{Handling, Query, Setting};
//! use inzage::fhir::types::ResourceType;
//! let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
//! let setting = Setting {
//!     zone: &zone,
//!     base: "https://gateway.example/topaz/fhir",
//!     now: "2026-11-22T10:00:00Z".parse().unwrap(),
//! };
//! let pairs = [("date".to_owned(), "ge2026-03-01".to_owned()), ("_sort".to_owned(), "-date".to_owned())];
//! let query = Query::parse(ResourceType::Observation, &pairs, Handling::Strict, &setting).unwrap();
//! assert_eq!(query.used, pairs);
//! let bad = [("date".to_owned(), "yesterday".to_owned())];
//! assert_eq!(Query::parse(ResourceType::Observation, &bad, Handling::Lenient, &setting).unwrap_err().name, "date");
//! ```
//!
//! # Design
//! A request is parsed once into a [`Query`]; the store turns that into SQL and the REST layer prints `used` in the self link.
//! What a resource holds for a token or reference parameter is kept as [`Mark`]s: 64-bit hashes of parameter, system and code.
//! A mark is the same size for each code system, has no collation, and one comparison answers `code`, `system|code`, `|code` and
//! `system|` alike. Two codes that collide by chance (1 in 10^19 for a pair) would only show a caller more of what may be seen
//! anyway: who may see what is never decided by the caller's own filters.

mod date;
mod mark;
mod param;
mod parse;
pub(crate) mod shared;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use date::{DateTest, Prefix, Span};
pub use mark::Mark;
pub use param::{COMMON, DateSlot, Kind, Param, params};
pub use parse::narrowing;

use super::types::{Id, ResourceType};

/// Entries on a page when the request does not say.
pub const DEFAULT_COUNT: usize = 20;
/// The most entries on a page; a larger `_count` is cut to this.
pub const MAX_COUNT: usize = 200;

/// `Prefer: handling=…`: what happens to a parameter that is not declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It is refused.
    Strict,
    /// It is left out, and the self link shows so.
    Lenient,
}

/// What a value can depend on besides its text.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The zone of a date or time without an offset.
    pub zone: &'a TimeZone,
    /// The tenant's FHIR base without a slash at the end: an absolute reference into it is one of ours.
    pub base: &'a str,
    /// For the prefix `ap`, whose width depends on the distance from now.
    pub now: Timestamp,
}

/// A parameter that cannot be answered; the request gets 400 with both.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameter {name}: {reason}")]
pub struct BadParam {
    /// As it was sent, cut to 64 characters.
    pub name: String,
    /// What is wrong and what to send instead; never a value.
    pub reason: &'static str,
}

/// A parsed search of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub kind: ResourceType,
    /// All of them hold.
    pub filters: Vec<Filter>,
    /// Most significant first; empty is the default: newest first.
    pub sort: Vec<Sort>,
    /// `_count`, already between 1 and [`MAX_COUNT`].
    pub count: usize,
    pub total: Total,
    pub summary: Summary,
    /// What was used, in the order of the request: for the self link.
    pub used: Vec<(String, String)>,
}

/// One condition on a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// `_id`; an empty list matches nothing.
    Id(Vec<Id>),
    /// `patient`, `subject`: whose dossier the resource is in; an empty list matches nothing.
    Patient(Vec<Id>),
    /// `_lastUpdated`: at least one test holds.
    LastUpdated(Vec<DateTest>),
    /// At least one test holds for the date in this slot.
    Date { slot: DateSlot, any: Vec<DateTest> },
    /// A token or reference: the resource carries at least one of the marks, or with `not` none of them.
    Mark { any: Vec<Mark>, not: bool },
    /// `:missing`: whether the parameter with this bit has a value.
    Missing { bit: u32, missing: bool },
}

/// One key of `_sort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub key: SortKey,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    Date(DateSlot),
    LastUpdated,
    Id,
}

/// `_total`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    #[default]
    None,
    Accurate,
}

/// `_summary`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    #[default]
    False,
    /// Only the number of matches.
    Count,
}
