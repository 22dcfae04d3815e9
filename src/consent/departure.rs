//! When access ends after departure or death.
//!
//! # Design
//! Days are the tenant's calendar days, not blocks of 24 hours: a day has 23 or 25 hours when the clock changes. The last day
//! counts whole. A return opens access again at the midnight that begins its day, planned or not.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::ecd::stay::Gap;

/// Whether the days of grace of this gap are over and care has not begun again.
pub fn is_closed(gap: Gap, days: i64, zone: &TimeZone, now: Timestamp) -> bool {
    let is_back = gap.back_on.is_some_and(|day| now >= midnight(day, zone));
    now >= access_ends(gap.last_day, days, zone) && !is_back
}

/// The first moment without access: midnight after the last of `days` local days that follow the day on which care ended.
pub fn access_ends(care_ended_on: Date, days: i64, zone: &TimeZone) -> Timestamp {
    let first_day_without = care_ended_on.saturating_add(jiff::Span::new().days(days.clamp(0, 36_500) + 1));
    midnight(first_day_without, zone)
}

/// The moment at which a local day begins.
fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    day.to_zoned(zone.clone())
        .map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(day: &str) -> String {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        access_ends(day.parse().unwrap(), 60, &zone).to_string()
    }

    #[test]
    fn day_sixty_counts_whole_and_day_sixty_one_not_at_all() {
        // Winter time all the way: 2026-11-22 + 60 days is 2027-01-21.
        assert_eq!(ends("2026-11-22"), "2027-01-21T23:00:00Z");
    }

    #[test]
    fn the_change_to_summer_and_winter_time_moves_no_day() {
        // 2026-02-01 + 60 = 2026-04-02, in summer time; 2026-09-01 + 60 = 2026-10-31, in winter time.
        assert_eq!(ends("2026-02-01"), "2026-04-02T22:00:00Z");
        assert_eq!(ends("2026-09-01"), "2026-10-31T23:00:00Z");
        // The last day is itself the day on which the clock changes (29 March and 25 October 2026).
        assert_eq!(ends("2026-01-28"), "2026-03-29T22:00:00Z");
        assert_eq!(ends("2026-08-26"), "2026-10-25T23:00:00Z");
    }

    #[test]
    fn a_planned_return_opens_access_on_its_day_and_not_before() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let gap = Gap {
            last_day: "2026-08-01".parse().unwrap(),
            back_on: Some("2026-12-01".parse().unwrap()),
        };
        let closed = |at: &str| is_closed(gap, 60, &zone, at.parse().unwrap());
        assert!(!closed("2026-09-30T21:59:59Z"), "the last moment of day 60");
        assert!(closed("2026-09-30T22:00:00Z"));
        assert!(closed("2026-11-30T22:59:59Z"));
        assert!(!closed("2026-11-30T23:00:00Z"), "the day of the return has begun");
    }

    #[test]
    fn a_date_at_the_end_of_time_ends_nothing() {
        assert!(ends("9999-12-31").starts_with("9999-12-3"));
    }
}
