//! When a tenant's dossiers are fetched: local hours of its own choice, through both nights in which the clocks change.
//!
//! ```
//! use inzage::config::Slots;
//! use inzage::sync::next_slot;
//! let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
//! let now = "2026-10-25T00:30:00Z".parse().unwrap(); // 02:30 the first time
//! assert_eq!(next_slot(now, &zone, &Slots::default()).to_string(), "2026-10-25T06:00:00Z"); // 07:00, by then in winter time
//! ```
//!
//! # Design
//! A slot that begins while the run of an earlier one is still under way is skipped and counted, not made up for: two runs would
//! follow each other at once and the second would find little. A run that failed is not a slot; it is tried again after a pause.
//! The last slot of every so many days compares everything, because not every source tells of every deletion; if that run fails,
//! the next one does it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::Want;
use super::state::State;
use crate::config::Slots;

/// Slots that are counted after a long silence, for example of a machine that was off.
const MOST: usize = 1_000;

fn slot(date: jiff::civil::Date, hour: i8, zone: &TimeZone) -> Option<Timestamp> {
    // A time that the clocks skip moves forward, one that comes twice is taken the first time.
    let slot = date.at(hour, 0, 0, 0).to_zoned(zone.clone()).ok()?;
    Some(slot.timestamp())
}

/// The first slot after `now`.
pub fn next_slot(now: Timestamp, zone: &TimeZone, slots: &Slots) -> Timestamp {
    let today = now.to_zoned(zone.clone()).date();
    let days = [today, today.saturating_add(1.day())].into_iter();
    let found = days.flat_map(|date| slots.hours().iter().filter_map(move |hour| slot(date, *hour, zone)));
    found.into_iter().find(|slot| *slot > now).unwrap_or(Timestamp::MAX)
}

/// The last slot at or before `now` with one of these hours.
fn last_slot(now: Timestamp, zone: &TimeZone, hours: &[i8]) -> Timestamp {
    let today = now.to_zoned(zone.clone()).date();
    let days = [today, today.saturating_sub(1.day())].into_iter();
    let slots = days.flat_map(|date| hours.iter().rev().filter_map(move |hour| slot(date, *hour, zone)));
    slots.into_iter().find(|slot| *slot <= now).unwrap_or(Timestamp::MIN)
}

/// Slots after `after`, up to and including `until`.
fn passed(after: Timestamp, until: Timestamp, zone: &TimeZone, slots: &Slots) -> usize {
    let mut at = after;
    let found = std::iter::from_fn(|| {
        at = next_slot(at, zone, slots);
        (at <= until).then_some(at)
    });
    found.take(MOST).count()
}

/// From when on a compare counts that must not be older than so many days.
fn compare_from(now: Timestamp, zone: &TimeZone, slots: &Slots, days: i64) -> Timestamp {
    let last = last_slot(now, zone, &[slots.last()]).to_zoned(zone.clone()).date();
    let first = last.saturating_sub((days.max(1) - 1).days());
    slot(first, slots.last(), zone).unwrap_or(Timestamp::MIN)
}

/// Which slots of a tenant this process has dealt with.
#[derive(Debug)]
pub struct Schedule {
    zone: TimeZone,
    slots: Slots,
    /// Everything is compared every so many days.
    compare_days: i64,
    /// Slots up to here are dealt with.
    done: Timestamp,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before then.
    Wait(Timestamp),
    Run(Want),
}

impl Schedule {
    /// Begins at `now`. If the last slot found nobody at work, it is made up for; a source that was never read waits for its
    /// first slot, or for an operator.
    pub fn new(now: Timestamp, zone: TimeZone, slots: Slots, compare_days: i64, state: &State) -> Self {
        let last = last_slot(now, &zone, slots.hours());
        let is_behind = state.finished.is_some() && state.as_of.is_none_or(|as_of| as_of < last);
        Self {
            done: if is_behind {
                last - jiff::SignedDuration::from_micros(1)
            } else {
                now
            },
            zone,
            slots,
            compare_days,
        }
    }

    /// What is to be done at `now`. Another replica may have done it.
    pub fn step(&mut self, now: Timestamp, state: &State) -> Step {
        let last = last_slot(now, &self.zone, self.slots.hours());
        let want = || match state.compared {
            Some(compared) if compared >= compare_from(now, &self.zone, &self.slots, self.compare_days) => {
                Want::Changes
            }
            _ => Want::Everything,
        };
        let retry = state.retry_at.filter(|_| state.failures > 0);
        if self.done < last {
            self.done = last;
            let is_done = state.started.is_some_and(|started| started >= last);
            if !is_done && retry.is_none_or(|retry| retry <= now) {
                return Step::Run(want());
            }
        }
        match retry {
            Some(retry) if retry <= now => Step::Run(want()),
            Some(retry) => Step::Wait(retry.min(next_slot(now, &self.zone, &self.slots))),
            None => Step::Wait(next_slot(now, &self.zone, &self.slots)),
        }
    }

    /// The run of [`Self::step`] could not begin, because the source was taken: by another replica, or by a webhook or an operator
    /// for a moment. Its slot is still to be dealt with.
    pub fn held(&mut self, now: Timestamp) {
        self.done = last_slot(now, &self.zone, self.slots.hours()) - jiff::SignedDuration::from_micros(1);
    }

    /// A run ended at `now`: how many slots began in the meantime. They are skipped.
    pub fn ended(&mut self, now: Timestamp) -> usize {
        let skipped = passed(self.done, now, &self.zone, &self.slots);
        self.done = self.done.max(now);
        skipped
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Amsterdam").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// F22: the days on which the clocks change.
    #[test]
    fn every_day_has_five_slots_also_when_the_clocks_change() {
        let zone = zone();
        for day in ["2026-03-29", "2026-07-01", "2026-10-25", "2027-03-28"] {
            let start = day
                .parse::<jiff::civil::Date>()
                .unwrap()
                .to_zoned(zone.clone())
                .unwrap();
            let end = start.tomorrow().unwrap().timestamp();
            let (mut at, mut hours) = (start.timestamp(), Vec::new());
            loop {
                at = next_slot(at, &zone, &Slots::default());
                if at >= end {
                    break;
                }
                hours.push(at.to_zoned(zone.clone()).hour());
            }
            assert_eq!(hours, Slots::default().hours(), "{day}");
        }
    }

    /// Walks through a day in steps of a minute; each run takes as long as told and succeeds.
    fn runs_of(day: &str, minutes: i64, slots: &Slots) -> (Vec<(i8, Want)>, usize) {
        let zone = zone();
        let start = day
            .parse::<jiff::civil::Date>()
            .unwrap()
            .to_zoned(zone.clone())
            .unwrap();
        let end = start.tomorrow().unwrap().timestamp();
        let mut now = start.timestamp();
        let mut state = State {
            compared: Some(now - SignedDuration::from_mins(30)),
            as_of: Some(now - SignedDuration::from_mins(30)),
            finished: Some(now),
            ..State::default()
        };
        let mut schedule = Schedule::new(now, zone.clone(), slots.clone(), 1, &state);
        let (mut runs, mut skipped) = (Vec::new(), 0);
        while now < end {
            match schedule.step(now, &state) {
                Step::Wait(until) => {
                    assert!(until > now);
                    now += SignedDuration::from_mins(1);
                }
                Step::Run(want) => {
                    runs.push((now.to_zoned(zone.clone()).hour(), want.clone()));
                    state.started = Some(now);
                    state.compared = if want == Want::Everything {
                        Some(now)
                    } else {
                        state.compared
                    };
                    now += SignedDuration::from_mins(minutes);
                    skipped += schedule.ended(now.min(end));
                }
            }
        }
        (runs, skipped)
    }

    /// F22: the days on which the clocks change.
    #[test]
    fn five_runs_a_day_and_the_last_one_compares_everything_also_when_the_clocks_change() {
        for day in ["2026-03-29", "2026-07-01", "2026-10-25", "2027-03-28"] {
            let (runs, skipped) = runs_of(day, 20, &Slots::default());
            let expected: Vec<_> = Slots::default()
                .hours()
                .iter()
                .map(|hour| (*hour, if *hour == 23 { Want::Everything } else { Want::Changes }))
                .collect();
            assert_eq!((runs, skipped), (expected, 0), "{day}");
        }
    }

    #[test]
    fn a_tenant_with_other_hours_runs_at_those_and_compares_at_the_last() {
        let slots = Slots::new(&[22, 2, 12]).unwrap();
        // 02:00 never was on the first day, and was twice on the last.
        for (day, first) in [("2026-03-29", 3), ("2026-07-01", 2), ("2026-10-25", 2)] {
            let (runs, skipped) = runs_of(day, 20, &slots);
            let expected = [(first, Want::Changes), (12, Want::Changes), (22, Want::Everything)];
            assert_eq!((runs, skipped), (expected.to_vec(), 0), "{day}");
        }
    }

    #[test]
    fn a_compare_takes_the_quiet_slot_of_its_day_and_any_slot_when_it_is_late() {
        let want = |compared: &str, now: &str, days: i64| {
            let state = State {
                compared: Some(at(compared)),
                ..State::default()
            };
            let now = at(now);
            let mut schedule = Schedule::new(
                now - SignedDuration::from_mins(1),
                zone(),
                Slots::default(),
                days,
                &state,
            );
            schedule.step(now, &state)
        };
        let last = "2026-11-15T22:05:00Z"; // 23:05
        for (now, days, expected) in [
            ("2026-11-16T18:00:00Z", 1, Want::Changes),
            ("2026-11-16T22:00:00Z", 1, Want::Everything),
            ("2026-11-22T18:00:00Z", 7, Want::Changes), // 19:00, people work
            ("2026-11-22T22:00:00Z", 7, Want::Everything),
            ("2026-11-23T06:00:00Z", 7, Want::Everything), // late
        ] {
            assert_eq!(want(last, now, days), Step::Run(expected), "{now} {days}");
        }
    }

    /// F23: a run longer than until the next slot.
    #[test]
    fn a_run_longer_than_until_the_next_slot_skips_that_slot_and_says_so() {
        let (runs, skipped) = runs_of("2026-07-01", 5 * 60, &Slots::default());
        let hours: Vec<i8> = runs.into_iter().map(|(hour, _)| hour).collect();
        assert_eq!((hours, skipped), (vec![7, 15, 23], 2));
    }

    #[test]
    fn what_another_replica_has_done_is_not_done_again() {
        let slot = at("2026-07-01T05:00:00Z");
        let minute = SignedDuration::from_mins(1);
        let mut state = State::default();
        let mut schedule = Schedule::new(slot - minute, zone(), Slots::default(), 1, &state);
        state.started = Some(slot);
        assert_eq!(
            schedule.step(slot + minute, &state),
            Step::Wait(at("2026-07-01T09:00:00Z"))
        );
    }

    #[test]
    fn a_slot_that_found_the_source_taken_for_a_moment_is_not_lost() {
        let slot = at("2026-07-01T05:00:00Z");
        let minute = SignedDuration::from_mins(1);
        let mut state = State::default();
        let mut schedule = Schedule::new(slot - minute, zone(), Slots::default(), 1, &state);
        for late in 0..3 {
            let now = slot + minute * late;
            assert_eq!(schedule.step(now, &state), Step::Run(Want::Everything), "{late}");
            schedule.held(now);
        }
        // It was another replica after all.
        state.started = Some(slot + minute);
        let next = at("2026-07-01T09:00:00Z");
        assert_eq!(schedule.step(slot + minute * 3, &state), Step::Wait(next));
    }

    #[test]
    fn a_failed_run_is_tried_again_after_its_pause_and_not_before_it_at_a_slot() {
        let slot = at("2026-07-01T05:00:00Z");
        let minute = SignedDuration::from_mins(1);
        let mut state = State::default();
        let mut schedule = Schedule::new(slot - minute, zone(), Slots::default(), 1, &state);
        assert_eq!(schedule.step(slot, &state), Step::Run(Want::Everything));
        (state.started, state.failures, state.retry_at) = (Some(slot), 1, Some(slot + minute));
        assert_eq!(schedule.ended(slot), 0);
        assert_eq!(schedule.step(slot, &state), Step::Wait(slot + minute));
        assert_eq!(schedule.step(slot + minute, &state), Step::Run(Want::Everything));
        let next = at("2026-07-01T09:00:00Z");
        (state.failures, state.retry_at) = (7, Some(next + minute));
        schedule.ended(slot + minute);
        assert_eq!(schedule.step(next, &state), Step::Wait(next + minute));
        assert_eq!(schedule.step(next + minute, &state), Step::Run(Want::Everything));
    }

    #[test]
    fn a_slot_that_found_nobody_at_work_is_made_up_for_at_the_start() {
        let now = at("2026-07-01T06:30:00Z");
        let hour = SignedDuration::from_hours(1);
        let behind = State {
            as_of: Some(now - hour * 9),
            finished: Some(now - hour * 9),
            ..State::default()
        };
        assert!(matches!(
            Schedule::new(now, zone(), Slots::default(), 1, &behind).step(now, &behind),
            Step::Run(_)
        ));
        for state in [
            State::default(),
            State {
                as_of: Some(now - hour),
                finished: Some(now - hour),
                ..State::default()
            },
        ] {
            assert!(matches!(
                Schedule::new(now, zone(), Slots::default(), 1, &state).step(now, &state),
                Step::Wait(_)
            ));
        }
    }
}
