//! The one integration binary; one module a subject.

mod architecture;
mod conformance;
mod coverage;
