//! How often somebody may try: free tries, then a growing wait, never a lock.
//!
//! ```
//! use inzage::account::throttle::{NAME, Tries};
//! let now = "2026-11-22T10:00:00Z".parse().unwrap();
//! let mut tries = Tries::default();
//! for _ in 0..NAME.free { tries = tries.failed(&NAME, now); }
//! assert!(tries.wait(now).is_some());
//! ```
//!
//! # Design
//! A hard lock would let a stranger shut somebody out of their own dossier. So the wait grows to an hour and no further, and
//! a success clears the counter. Names that do not exist have counters too.

use jiff::{SignedDuration, Timestamp};

/// How patient a counter is.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Failures without a wait.
    pub free: i64,
    /// After this much quiet the free tries are back.
    pub forget: SignedDuration,
    /// The wait after each failure beyond the free ones; the last one repeats.
    pub waits: &'static [i64],
}

/// Passwords for one user name.
pub const NAME: Limits = Limits {
    free: 10,
    forget: SignedDuration::from_mins(15),
    waits: &[60, 300, 900, 3_600],
};

/// Passwords from one network; many people may share it.
pub const NETWORK: Limits = Limits {
    free: 30,
    forget: SignedDuration::from_hours(1),
    waits: &[30, 60, 300],
};

/// SMS codes for one account, over all its challenges.
pub const CODE: Limits = Limits {
    free: 10,
    forget: SignedDuration::from_hours(24),
    waits: &[60, 300, 900, 3_600],
};

/// Changes of who else may look into one dossier: each one sends messages.
pub const SHARE: Limits = Limits {
    free: 20,
    forget: SignedDuration::from_hours(1),
    waits: &[300, 900, 3_600],
};

/// One counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    pub failures: i64,
    pub last_at: Timestamp,
    pub until: Timestamp,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            failures: 0,
            last_at: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        }
    }
}

impl Tries {
    /// How long until the next try is allowed; `None` is now.
    pub fn wait(&self, now: Timestamp) -> Option<SignedDuration> {
        (now < self.until).then(|| self.until.duration_since(now))
    }

    /// The counter after one more failure.
    #[must_use]
    pub fn failed(self, limits: &Limits, now: Timestamp) -> Self {
        let quiet = now.duration_since(self.last_at.max(self.until)) > limits.forget;
        let failures = if quiet { 1 } else { self.failures.saturating_add(1) };
        let over = failures - limits.free;
        let wait = usize::try_from(over)
            .ok()
            .and_then(|at| limits.waits.get(at).or(limits.waits.last()))
            .copied()
            .unwrap_or(0);
        Self {
            failures,
            last_at: now,
            until: now.saturating_add(SignedDuration::from_secs(wait)).unwrap_or(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_an_hour_and_quiet_forgets() {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let (mut tries, mut now, mut waits) = (Tries::default(), start, Vec::new());
        for _ in 0..15 {
            tries = tries.failed(&NAME, now);
            let wait = tries.wait(now).unwrap_or_default();
            waits.push(wait.as_secs());
            now = now.saturating_add(wait).unwrap();
        }
        assert_eq!(waits[..9], [0; 9]);
        assert_eq!(waits[9..], [60, 300, 900, 3_600, 3_600, 3_600]);
        let later = now.saturating_add(SignedDuration::from_mins(16)).unwrap();
        assert_eq!(tries.failed(&NAME, later).failures, 1);
    }
}
