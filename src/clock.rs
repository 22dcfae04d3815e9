//! The one process clock. Every rule that depends on time asks a [`Clock`], never the operating system or the database.
//!
//! ```
//! use inzage::clock::Clock;
//! let clock = Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap());
//! clock.advance(jiff::SignedDuration::from_secs(300));
//! assert_eq!(clock.now().to_string(), "2026-11-22T10:05:00Z");
//! ```
//!
//! # Design
//! Tests and the two-replica cases turn the clock by hand, so `Fixed` is shared: clones of one clock see the same time.
//! Times are cut to microseconds, because that is what both databases keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Where "now" comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is told otherwise; microseconds since the epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at`.
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(at.as_microsecond())))
    }

    /// The current time, in whole microseconds.
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that reads the machine's clock"
            )]
            Self::System => {
                let now = Timestamp::now();
                Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
            }
            Self::Fixed(micros) => Timestamp::from_microsecond(micros.load(Ordering::SeqCst)).unwrap_or(Timestamp::MIN),
        }
    }

    /// Moves a fixed clock; a system clock does not move.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Fixed(micros) = self {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(0), Ordering::SeqCst);
        }
    }
}
