//! How far a source is read, and what is the matter with it: the memory between two runs.
//!
//! # Design
//! **Age.** `as_of` is the start of the last run that read everything it asked for and had nothing to hold back: whatever the source
//! had told by then is published. Where what a source tells is older than its answer (a drop of files), the time of that counts. A run
//! that broke off, read only a part or held removals leaves it where it is, so the age is never better than true. `compared` is the same for runs that compared everything; between two of them a deletion that the
//! source does not tell of is not seen.
//!
//! **Circuit.** A run that fails is tried again after a pause that grows; after the third in a row the circuit is open and the source is
//! left alone until the pause is over. Then a single request finds out whether it answers (half open) before the next run begins.
//! A source that says when to come back is not asked earlier. What an operator starts by hand always runs. The state is in the
//! database: all replicas spare the source together.

pub(crate) mod store;

use std::fmt;

use jiff::{SignedDuration, Timestamp};

pub use store::{State, Status, statuses};

/// Failed runs in a row that open the circuit.
pub(super) const OPENS: i64 = 3;
/// The first pause after a failure; it doubles with each further one.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// The longest pause of our own.
const LONGEST: SignedDuration = SignedDuration::from_mins(60);
/// The longest pause that a source may ask for.
const PATIENCE: SignedDuration = SignedDuration::from_hours(4);

/// Whether a source may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    Closed,
    /// Left alone until then.
    Open(Timestamp),
    /// One request decides.
    HalfOpen,
}

impl fmt::Display for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

impl State {
    /// How the source is to be treated at `now`.
    pub fn circuit(&self, now: Timestamp) -> Circuit {
        match self.retry_at {
            _ if self.failures < OPENS => Circuit::Closed,
            Some(until) if now < until => Circuit::Open(until),
            _ => Circuit::HalfOpen,
        }
    }
}

/// How long to wait after so many failures in a row, and at least as long as the source asked for.
pub(super) fn pause(failures: i64, asked: Option<SignedDuration>) -> SignedDuration {
    let doublings = u32::try_from(failures.clamp(1, 16) - 1).unwrap_or(0);
    let own = (PAUSE * (1 << doublings)).min(LONGEST);
    own.max(asked.unwrap_or_default().min(PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    #[test]
    fn the_circuit_opens_with_the_third_failure_and_lets_one_request_through_after_the_pause() {
        let mut state = State::default();
        for failures in 0..OPENS {
            (state.failures, state.retry_at) = (failures, Some(at(10)));
            assert_eq!(state.circuit(at(0)), Circuit::Closed, "{failures}");
        }
        state.failures = OPENS;
        assert_eq!(state.circuit(at(9)), Circuit::Open(at(10)));
        assert_eq!(state.circuit(at(10)), Circuit::HalfOpen);
    }

    #[test]
    fn pauses_grow_to_an_hour_and_a_source_may_ask_for_more() {
        let minutes: Vec<i64> = (1..=9).map(|failures| pause(failures, None).as_mins()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause(1, Some(SignedDuration::from_mins(90))).as_mins(), 90);
        assert_eq!(pause(7, Some(SignedDuration::from_mins(5))).as_mins(), 60);
        assert_eq!(pause(1, Some(SignedDuration::from_hours(48))), PATIENCE);
        assert_eq!(pause(i64::MAX, None), LONGEST);
    }
}
