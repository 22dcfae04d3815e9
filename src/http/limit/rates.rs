//! Counters of requests in a time, for as many keys as come, in a bounded table.
//!
//! # Design
//! The generic cell rate algorithm: one number a key, the moment at which its whole allowance is back. A request moves it on by
//! its share of the period and is refused when that would lie further ahead than the period. There is nothing to reset, no
//! edge of a window to wait for, and a key whose moment is past is as good as absent.
//!
//! A table that is full drops those first and then the half that has used the least. Whoever fills the table with keys of its
//! own therefore wins nothing for a key that is being refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// As many keys are counted at once; a key takes 16 bytes.
const MOST: usize = 65_536;

/// So many in so long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    pub count: u32,
    pub period: SignedDuration,
}

impl Quota {
    pub const fn per_minute(count: u32) -> Self {
        Self {
            count,
            period: SignedDuration::from_mins(1),
        }
    }

    pub const fn per_hour(count: u32) -> Self {
        Self {
            count,
            period: SignedDuration::from_hours(1),
        }
    }

    fn share(self) -> i64 {
        self.micros() / i64::from(self.count.max(1))
    }

    fn micros(self) -> i64 {
        i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX)
    }
}

/// The counters of one kind.
#[derive(Debug)]
pub(super) struct Rates {
    /// By key: when its allowance is whole again, in microseconds of the process clock.
    whole_at: Mutex<HashMap<u64, i64>>,
    most: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self::new(MOST)
    }
}

impl Rates {
    fn new(most: usize) -> Self {
        Self {
            whole_at: Mutex::default(),
            most,
        }
    }

    /// Counts one request, or says how long to wait for the next one.
    pub fn take(&self, key: u64, quota: Quota, now: Timestamp) -> Result<(), SignedDuration> {
        self.check(key, quota, now, true)
    }

    /// Whether one would be let through, without counting it.
    pub fn look(&self, key: u64, quota: Quota, now: Timestamp) -> Result<(), SignedDuration> {
        self.check(key, quota, now, false)
    }

    fn check(&self, key: u64, quota: Quota, now: Timestamp, count: bool) -> Result<(), SignedDuration> {
        let now = now.as_microsecond();
        let mut table = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep anybody out for longer than a period.
        let latest = now.saturating_add(quota.micros());
        let from = table.get_mut(&key).map_or(now, |whole| {
            *whole = (*whole).min(latest);
            (*whole).max(now)
        });
        let next = from + quota.share();
        if next > latest {
            return Err(SignedDuration::from_micros(next - latest));
        }
        if count {
            if table.len() >= self.most && !table.contains_key(&key) {
                make_room(&mut table, now);
            }
            table.insert(key, next);
        }
        Ok(())
    }
}

fn make_room(table: &mut HashMap<u64, i64>, now: i64) {
    let full = table.len();
    table.retain(|_, whole| *whole > now);
    if table.len() < full {
        return;
    }
    let mut moments: Vec<i64> = table.values().copied().collect();
    let half = moments.len() / 2;
    let (_, middle, _) = moments.select_nth_unstable(half);
    let middle = *middle;
    table.retain(|_, whole| *whole > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota::per_minute(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn taken(rates: &Rates, key: u64, now: Timestamp) -> usize {
        (0..1_000).take_while(|_| rates.take(key, QUOTA, now).is_ok()).count()
    }

    #[test]
    fn the_allowance_may_be_used_at_once_and_comes_back_evenly() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, at(0)), 60);
        assert_eq!(rates.take(1, QUOTA, at(0)), Err(SignedDuration::from_secs(1)));
        assert_eq!(taken(&rates, 2, at(0)), 60, "another key has its own");
        assert_eq!(taken(&rates, 1, at(10)), 10);
        assert_eq!(taken(&rates, 1, at(1_000)), 60, "and never more than the whole");
    }

    #[test]
    fn a_look_takes_nothing() {
        let rates = Rates::default();
        for _ in 0..100 {
            assert!(rates.look(1, QUOTA, at(0)).is_ok());
        }
        assert_eq!(taken(&rates, 1, at(0)), 60);
        assert!(rates.look(1, QUOTA, at(0)).is_err());
    }

    #[test]
    fn f21_a_clock_that_is_set_back_keeps_nobody_out_for_long() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, at(3_600)), 60);
        assert!(rates.take(1, QUOTA, at(0)).is_err());
        assert_eq!(taken(&rates, 1, at(60)), 60, "a period later");
    }

    #[test]
    fn the_table_stays_small_and_forgets_those_who_used_least() {
        let rates = Rates::new(100);
        assert_eq!(taken(&rates, 0, at(0)), 60);
        for key in 1..10_000 {
            assert!(rates.take(key, QUOTA, at(0)).is_ok());
            assert!(rates.whole_at.lock().unwrap().len() <= 100);
        }
        assert!(rates.take(0, QUOTA, at(0)).is_err(), "a flood of keys helps nobody");
        assert!(rates.take(1, QUOTA, at(61)).is_ok());
        assert_eq!(taken(&rates, 0, at(61)), 60);
    }
}
