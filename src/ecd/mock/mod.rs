//! Mock servers of the ECD products, and the made-up dossiers that they serve: for the demo, the tests and integrators.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use inzage::clock::Clock;
//! use inzage::ecd::mock::{Population, ons};
//! let population = Population::generate(20, 1, jiff::civil::date(2026, 11, 22));
//! let options = ons::Options::new("127.0.0.1:0".parse()?, population.into(), "/tmp/mock-ons".into(), Clock::System);
//! let running = ons::start(options).await?;
//! println!("{}", running.url);
//! # Ok(()) }
//! ```
//!
//! # Design
//! [`Population`] holds records in the form of the product as finished JSON texts: a thousand dossiers fit in memory
//! beside the gateway, and a stream is sent without parsing anything. Whoever changes a record goes through
//! [`Population::write`], which also moves its `updatedAt`, so the mock behaves like a product that people work in.
//! No content is about real people; the numbers that look like BSNs are from the range for tests.

pub mod caress;
mod generate;
mod mishap;
pub mod ons;
mod population;

pub use generate::{Cast, Shape};
pub use mishap::Mishaps;
pub use population::{Edit, Population, Shelf};

/// Stands in every text that may never leave the gateway: hidden and confidential reports, draft plans, private
/// appointments, notes about contacts. A test that finds it in an answer has found a leak.
pub const SECRET_MARKER: &str = "NIET-VRIJGEVEN-7Q4Z";
