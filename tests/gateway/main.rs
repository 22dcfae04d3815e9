//! The one integration binary; one module a subject.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod architecture;
mod caress;
mod clients;
mod conformance;
mod coverage;
mod ecd_ons;
mod mapping;
mod profile;
mod published;
mod support;
mod sync;
