//! When access ends after departure or death.
//!
//! # Design
//! Days are the tenant's calendar days, not blocks of 24 hours: a day has 23 or 25 hours when the clock changes. The last day
//! counts whole.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The first moment without access: midnight after the last of `days` local days that follow the day on which care ended.
pub fn access_ends(care_ended_on: Date, days: i64, zone: &TimeZone) -> Timestamp {
    let first_day_without = care_ended_on.saturating_add(jiff::Span::new().days(days.clamp(0, 36_500) + 1));
    first_day_without
        .to_zoned(zone.clone())
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
    fn a_date_at_the_end_of_time_ends_nothing() {
        assert!(ends("9999-12-31").starts_with("9999-12-3"));
    }
}
