//! The one integration binary; one module a subject.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod agenda;
mod architecture;
mod around;
mod care_plan;
mod caress;
mod check;
mod clients;
mod conformance;
mod coverage;
mod ecd_folder;
mod ecd_ons;
mod ecd_upstream;
mod examples;
mod guide;
mod integrator;
mod keys;
mod mapping;
mod profile;
mod published;
mod quarantine;
mod release;
mod support;
mod sync;
mod sync_crash;
mod sync_guard;
mod sync_model;
mod sync_cost;
mod sync_open;
mod sync_operate;
mod sync_refer;
mod sync_twice;
mod sync_state;
mod webhooks;
