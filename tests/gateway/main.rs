//! The one integration binary; one module a subject.

mod architecture;
mod clients;
mod conformance;
mod coverage;
mod ecd_ons;
mod mapping;
mod profile;
mod support;
mod sync;
