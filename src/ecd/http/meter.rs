//! The load of one connector on its source: requests, and the time for which they were open.
//!
//! # Design
//! A request counts from the moment it is sent, not when it is over: a stream may be open for hours, and a run that is stopped
//! drops its requests where they are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ecd::Spent;

#[derive(Debug)]
pub(in crate::ecd) struct Meter {
    epoch: Instant,
    counts: Mutex<Counts>,
}

/// Times are in milliseconds since the epoch of the meter.
#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    throttled: u64,
    /// Of requests that are over.
    milliseconds: u64,
    open: u64,
    /// The sum of the times at which the open ones began.
    began: u64,
    /// From so many milliseconds on only essential requests are made.
    enough: Option<u64>,
}

impl Counts {
    fn begin(&mut self, now: u64) {
        self.requests += 1;
        self.open += 1;
        self.began += now;
    }

    fn end(&mut self, began: u64, now: u64) {
        self.milliseconds += now.saturating_sub(began);
        self.open -= 1;
        self.began -= began;
    }

    fn has_time(&self, now: u64) -> bool {
        self.enough.is_none_or(|enough| self.milliseconds(now) < enough)
    }

    fn milliseconds(&self, now: u64) -> u64 {
        self.milliseconds + (self.open * now).saturating_sub(self.began)
    }
}

/// A request that is open until this is dropped.
#[derive(Debug)]
pub(in crate::ecd) struct Clocked {
    pub(in crate::ecd) started: Instant,
    meter: Arc<Meter>,
}

impl Drop for Clocked {
    fn drop(&mut self) {
        let (now, began) = (self.meter.at(Instant::now()), self.meter.at(self.started));
        self.meter.counts().end(began, now);
    }
}

impl Meter {
    pub(in crate::ecd) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            counts: Mutex::default(),
        }
    }

    fn at(&self, instant: Instant) -> u64 {
        u64::try_from(instant.duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins.
    pub(in crate::ecd) fn begin(self: &Arc<Self>) -> Clocked {
        let started = Instant::now();
        self.counts().begin(self.at(started));
        Clocked {
            started,
            meter: Arc::clone(self),
        }
    }

    /// A request was answered with 429.
    pub(in crate::ecd) fn throttled(&self) {
        self.counts().throttled += 1;
    }

    /// What was spent until now, open requests included.
    pub(in crate::ecd) fn spent(&self) -> Spent {
        let counts = self.counts();
        Spent {
            requests: counts.requests,
            throttled: counts.throttled,
            milliseconds: counts.milliseconds(self.at(Instant::now())),
        }
    }

    /// So much time from now on may go into what can wait.
    pub(in crate::ecd) fn allow(&self, time: Duration) {
        let mut counts = self.counts();
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        counts.enough = Some(counts.milliseconds(self.at(Instant::now())).saturating_add(time));
    }

    /// Whether there is time for what can wait.
    pub(in crate::ecd) fn has_time(&self) -> bool {
        self.counts().has_time(self.at(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_request_counts_while_it_is_open_and_once() {
        let mut counts = Counts::default();
        counts.begin(5);
        counts.begin(35);
        assert_eq!((counts.requests, counts.milliseconds(45)), (2, 50));
        counts.end(5, 45);
        assert_eq!(counts.milliseconds(45), 50);
        counts.end(35, 52);
        assert_eq!(counts.milliseconds(1_000), 57);
    }

    #[test]
    fn what_can_wait_waits_when_its_time_is_over() {
        let mut counts = Counts::default();
        assert!(counts.has_time(0), "nobody set a limit");
        counts.enough = Some(20);
        counts.begin(5);
        assert!(counts.has_time(24));
        assert!(!counts.has_time(25), "also while the request is open");
        counts.end(5, 25);
        assert!(!counts.has_time(25));
    }

    #[test]
    fn a_request_that_is_dropped_is_over() {
        let meter = Arc::new(Meter::new());
        let open = [meter.begin(), meter.begin()];
        std::thread::sleep(Duration::from_millis(20));
        assert!(meter.spent().milliseconds >= 38, "{:?}", meter.spent());
        drop(open);
        let spent = meter.spent();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!((meter.spent(), spent.requests), (spent, 2));
    }
}
