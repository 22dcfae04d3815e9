//! Asks the source to tell again what it could not deliver.
//!
//! ```
//! use inzage::sync::hooks::{Asked, Missed};
//! let mut now = "2026-11-22T06:00:00Z".parse().unwrap();
//! let mut missed = Missed::new(now);
//! assert!(missed.is_due(now, 0)); // at the start
//! missed.after(&Ok(Asked::Yes), now);
//! assert!(!missed.is_due(now, 0));
//! now += jiff::SignedDuration::from_mins(60);
//! assert!(missed.is_due(now, 0));
//! ```
//!
//! # Design
//! - One request with one attempt, which is not waited for long, and it is counted in the day like any other. Doubles do no harm, so two
//!   replicas may both ask.
//! - Events that are refused again and again make the pause longer, up to an hour, and so does a source that does not answer. Nothing
//!   is asked for while half of the queue is full: it would be refused once more.
//! - A source that is spared (its last run broke off and has a pause) is spared here as well.

use futures::TryFutureExt as _;
use jiff::{SignedDuration, Timestamp};

use super::{MOST, store};
use crate::ecd;
use crate::sync::run::Run;
use crate::sync::{Error, Sync, state};

/// Between a refusal and the question: what refused it needs a moment.
const SHORTEST: SignedDuration = SignedDuration::from_secs(15);

/// Between two questions at most.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// Before the next attempt when a run has the source, or too much waits.
const BUSY: SignedDuration = SignedDuration::from_secs(5);

/// A source that wants to be left alone for longer is asked after this all the same.
const MOST_ASKED: i64 = 4 * 3_600;

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Yes,
    /// Another run has the source, it is spared, or too much waits already.
    NotNow,
}

/// When this process asks a source for what was missed.
#[derive(Debug)]
pub struct Missed {
    due: Timestamp,
    /// The next pause after a refusal or a failure.
    pause: SignedDuration,
    asked: Option<Timestamp>,
    /// Refused events of which we know.
    seen: u64,
    /// Whether some of them came after the last question.
    is_missing: bool,
}

impl Missed {
    /// Asks at once.
    pub fn new(now: Timestamp) -> Self {
        Self {
            due: now,
            pause: SHORTEST,
            asked: None,
            seen: 0,
            is_missing: false,
        }
    }

    /// Whether to ask. `refused`: how many events were refused so far.
    pub fn is_due(&mut self, now: Timestamp, refused: u64) -> bool {
        if refused > self.seen {
            self.seen = refused;
            if !self.is_missing {
                self.is_missing = true;
                let after_last = self.asked.map_or(now, |asked| asked + self.pause);
                self.due = self.due.min(after_last.max(now + SHORTEST));
            }
        }
        self.due <= now
    }

    /// What became of the question.
    pub fn after(&mut self, asked: &Result<Asked, Error>, now: Timestamp) {
        match asked {
            Ok(Asked::NotNow) => self.due = now + BUSY,
            Ok(Asked::Yes) => {
                self.pause = if self.is_missing { self.longer() } else { SHORTEST };
                (self.asked, self.is_missing) = (Some(now), false);
                self.due = now + LONGEST;
            }
            Err(error) => {
                let wish = match error {
                    Error::Source(ecd::Error::Later { seconds, .. }) => i64::try_from(*seconds).unwrap_or(MOST_ASKED),
                    _ => 0,
                };
                self.due = now + self.pause.max(SignedDuration::from_secs(wish.min(MOST_ASKED)));
                self.pause = self.longer();
                // A refusal meanwhile changes nothing.
                self.is_missing = true;
            }
        }
    }

    fn longer(&self) -> SignedDuration {
        (self.pause * 2).min(LONGEST)
    }
}

impl Sync<'_> {
    /// Asks the source to tell again what it could not deliver.
    pub async fn redeliver(&self) -> Result<Asked, Error> {
        let (tenant, source, now) = (&self.tenant.id, self.connector.name(), self.clock.now());
        let (state, waiting) = {
            let mut read = self.db.read().await?;
            let state = state::store::read(&mut read, tenant, source).await?;
            (state, store::waiting(&mut read, tenant, source).await?)
        };
        let is_spared = state.finished < state.started && state.retry_at.is_some_and(|retry| now < retry);
        if is_spared || waiting > MOST / 2 {
            return Ok(Asked::NotNow);
        }
        let Some(run) = Run::turn(self).await? else {
            return Ok(Asked::NotNow);
        };
        let asking = run.metered(self.connector.redeliver().err_into());
        run.holding(Box::pin(asking), std::future::pending()).await?;
        metrics::counter!("hook_redeliveries_total", "tenant" => tenant.to_string()).increment(1);
        Ok(Asked::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: Timestamp, to: Timestamp) -> i64 {
        to.duration_since(from).as_secs()
    }

    /// Seconds from question to question while every event is refused.
    fn questions(asked: impl Fn() -> Result<Asked, Error>) -> Vec<i64> {
        let start: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
        let (mut now, mut missed, mut refused, mut found) = (start, Missed::new(start), 0, Vec::new());
        while now < start + SignedDuration::from_hours(12) {
            refused += 1;
            if missed.is_due(now, refused) {
                found.push(seconds(start, now));
                missed.after(&asked(), now);
            }
            now += SignedDuration::from_secs(1);
        }
        found.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn what_is_refused_again_and_again_is_asked_for_less_and_less_often() {
        let pauses = questions(|| Ok(Asked::Yes));
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&3_600), "{pauses:?}");
        assert!(pauses.len() < 22, "{pauses:?}");
        let silent = || {
            Err(Error::Source(ecd::Error::Timeout {
                path: "/webhooks/redeliver",
            }))
        };
        let pauses = questions(silent);
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
        assert_eq!(pauses.last(), Some(&3_600), "{pauses:?}");
        let asked = questions(|| {
            Err(Error::Source(ecd::Error::Later {
                path: "/webhooks/redeliver",
                status: 503,
                seconds: 7_200,
            }))
        });
        assert!(asked.iter().all(|pause| *pause >= 7_200), "{asked:?}");
    }

    #[test]
    fn a_refusal_is_followed_by_a_question_soon_and_a_quiet_hour_by_the_shortest_pause_again() {
        let mut now: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
        let mut missed = Missed::new(now);
        assert!(missed.is_due(now, 0));
        missed.after(&Ok(Asked::Yes), now);
        for _ in 0..3 {
            now += SignedDuration::from_mins(5);
            let refused = missed.seen + 1;
            assert!(!missed.is_due(now, refused));
            now += SHORTEST;
            assert!(missed.is_due(now, refused));
            missed.after(&Ok(Asked::NotNow), now);
            assert!(!missed.is_due(now, refused));
            now += BUSY;
            assert!(missed.is_due(now, refused), "it is not forgotten");
            missed.after(&Ok(Asked::Yes), now);
            now += LONGEST;
            assert!(missed.is_due(now, refused));
            missed.after(&Ok(Asked::Yes), now);
            assert_eq!(missed.pause, SHORTEST);
        }
    }
}
