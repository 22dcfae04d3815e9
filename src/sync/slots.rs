//! When a tenant's dossiers are fetched: fixed local times, through both nights in which the clocks change.
//!
//! ```
//! use inzage::sync::next_slot;
//! let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
//! let now = "2026-10-25T00:30:00Z".parse().unwrap(); // 02:30 the first time
//! assert_eq!(next_slot(now, &zone).to_string(), "2026-10-25T06:00:00Z"); // 07:00, by then in winter time
//! ```

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Local hours of the day.
const SLOTS: [i8; 5] = [7, 11, 15, 19, 23];

/// The first slot after `now`.
pub fn next_slot(now: Timestamp, zone: &TimeZone) -> Timestamp {
    let today = now.to_zoned(zone.clone()).date();
    for date in [today, today.saturating_add(1.day())] {
        for hour in SLOTS {
            // A time that the clocks skip moves forward, one that comes twice is taken the first time.
            let slot = date
                .at(hour, 0, 0, 0)
                .to_zoned(zone.clone())
                .map(|slot| slot.timestamp());
            if let Ok(slot) = slot
                && slot > now
            {
                return slot;
            }
        }
    }
    Timestamp::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_five_slots_also_when_the_clocks_change() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        for day in ["2026-03-29", "2026-07-01", "2026-10-25", "2027-03-28"] {
            let start = day
                .parse::<jiff::civil::Date>()
                .unwrap()
                .to_zoned(zone.clone())
                .unwrap();
            let end = start.tomorrow().unwrap().timestamp();
            let (mut at, mut hours) = (start.timestamp(), Vec::new());
            loop {
                at = next_slot(at, &zone);
                if at >= end {
                    break;
                }
                hours.push(at.to_zoned(zone.clone()).hour());
            }
            assert_eq!(hours, SLOTS, "{day}");
        }
    }
}
