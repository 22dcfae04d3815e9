//! Inzage: a FHIR gateway in front of the electronic client dossiers of Dutch long-term care.
//!
//! The modules stand in layer order: a module may use only the modules above it in this list, and `conformance` may use
//! `fhir` only. `tests/gateway/architecture.rs` reads the imports and enforces it.

pub mod clock;
pub mod secret;

pub mod config;

pub mod fhir;
pub mod profile;

pub mod ecd;
pub mod mapping;

pub mod db;
pub mod audit;
pub mod notify;
pub mod account;
pub mod consent;
pub mod oauth;
pub mod login;
pub mod access;
pub mod resource;
pub mod sync;
pub mod rest;
pub mod http;
pub mod conformance;
pub mod admin;
