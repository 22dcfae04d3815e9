//! When everything is read and compared, because no stream tells of every deletion.
//!
//! ```
//! use inzage::sync::compare::is_due;
//! let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
//! let last = "2026-11-15T22:00:00Z".parse().unwrap();
//! assert!(!is_due(Some(last), "2026-11-22T18:00:00Z".parse().unwrap(), &zone, 7)); // 19:00, people work
//! assert!(is_due(Some(last), "2026-11-22T22:00:00Z".parse().unwrap(), &zone, 7));  // 23:00
//! ```
//!
//! # Design
//! A report that is deleted in Ons is missing from the stream of changes and nothing says so, unless a webhook does. The compare
//! takes the last slot of the day, when few people use the product, and any slot once it is a day late. A run that was not
//! whole does not count, so it is tried again; an operator does the same with `inzage sync --full`.

pub(crate) mod store;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Want;
use crate::config::Tenant;
use crate::db::{self, Conn};

pub use store::last;

/// From this local hour on few people work.
const QUIET: i8 = 22;

/// Whether the compare that comes every `days` local days is due.
pub fn is_due(last: Option<Timestamp>, now: Timestamp, zone: &TimeZone, days: i64) -> bool {
    let Some(last) = last else { return true };
    let (last, now) = (last.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let since = last
        .date()
        .until(now.date())
        .map_or(0, |span| i64::from(span.get_days()));
    since > days || since == days && now.hour() >= QUIET
}

/// How much the slot at `now` asks of the tenant's source.
pub async fn want(conn: &mut Conn, tenant: &Tenant, now: Timestamp) -> Result<Want, db::Error> {
    let (Some(source), Some(days)) = (&tenant.source, tenant.compare_days()) else {
        return Ok(Want::Changes);
    };
    let last = last(conn, &tenant.id, source.name()).await?;
    Ok(if is_due(last, now, &tenant.zone, days) {
        Want::Everything
    } else {
        Want::Changes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compare_takes_the_quiet_slot_and_any_slot_when_it_is_late() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let due = |now: &str| is_due(Some(at("2026-10-18T21:05:00Z")), at(now), &zone, 7);
        for early in ["2026-10-18T21:30:00Z", "2026-10-24T21:00:00Z", "2026-10-25T18:00:00Z"] {
            assert!(!due(early), "{early}");
        }
        // The clocks go back on this day.
        assert!(due("2026-10-25T22:00:00Z"));
        assert!(due("2026-10-26T06:00:00Z"), "a day late");
        assert!(is_due(None, at("2026-10-18T09:00:00Z"), &zone, 7), "never compared");
    }
}
