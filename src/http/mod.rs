//! axum: state, router, extractors, layers; handlers extract, call one flow, answer.

pub mod oauth;
pub mod state;

pub use state::App;
