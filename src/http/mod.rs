//! axum: state, router, extractors, layers; handlers extract, call one flow, answer.
//!
//! # Design
//! [`edge`] is around everything: whatever a handler, the router, a panic or a time limit made of a request, the answer leaves
//! with a request id, the security headers and, under `/fhir`, an OperationOutcome if it is an error. A handler only names its
//! [`failure::Failure`]; words, headers and log lines are made in one place.

pub mod age;
pub mod area;
pub mod cors;
pub mod demo;
pub mod edge;
pub mod failure;
pub mod fhir;
pub mod headers;
pub mod hooks;
pub mod inside;
pub mod limit;
pub mod oauth;
pub mod ons_hook;
pub mod pages;
mod proxy;
pub mod router;
pub mod serve;
mod shown;
pub mod state;
pub mod tls;
#[cfg(test)]
mod outside_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use router::router;
pub use serve::{serve, serve_inside};
pub use state::App;
