//! Dates and times of a source, as FHIR writes them.
//!
//! # Design
//! - A time with an offset is one instant; it is shown in the tenant's zone, so that a reader in the Netherlands sees the
//!   local time that the carer wrote.
//! - A time without an offset goes through the zone database. In the repeated hour of October it is the first of the two;
//!   a time in the skipped hour of March never was, so the record is refused: a guess could move a medicine by an hour.
//! - A date stays a date. It is never turned into midnight of some zone.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// A time in FHIR's form with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Day(Date),
    Time(Timestamp, Offset),
}

impl Moment {
    /// Reads an ISO 8601 date, local time or time with offset.
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Result<Self, &'static str> {
        let text = text.trim();
        // The four digits of a year first: jiff also takes signed years and other forms that FHIR does not have.
        let starts_with_year = text.len() >= 10 && text.bytes().take(4).all(|b| b.is_ascii_digit());
        if !starts_with_year {
            return Err("not a date or time as ISO 8601 writes it");
        }
        if text.len() == 10 {
            return text.parse().map(Self::Day).map_err(|_| "not a date of the calendar");
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::Time(at, zone.to_offset(at)));
        }
        let local: DateTime = text.parse().map_err(|_| "not a date or time as ISO 8601 writes it")?;
        match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Gap { .. } => Err("a local time that the clock skipped; the source must give an offset"),
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset
                .to_timestamp(local)
                .map(|at| Self::Time(at, offset))
                .map_err(|_| "a time out of range"),
        }
    }

    /// The day in the tenant's zone.
    pub(super) fn day(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Time(at, offset) => offset.to_datetime(at).date().to_string(),
        }
    }

    /// An `instant`: never a date alone.
    pub(super) fn instant(self) -> Result<String, &'static str> {
        match self {
            Self::Day(_) => Err("a date without a time, where an instant is needed"),
            Self::Time(..) => Ok(self.date_time()),
        }
    }

    /// A `dateTime`: as precise as the source.
    pub(super) fn date_time(self) -> String {
        let Self::Time(at, offset) = self else {
            return self.day();
        };
        let local = offset.to_datetime(at);
        let mut text = String::with_capacity(32);
        let _ = write!(
            text,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            local.year(),
            local.month(),
            local.day(),
            local.hour(),
            local.minute(),
            local.second()
        );
        let millis = local.subsec_nanosecond() / 1_000_000;
        if millis != 0 {
            let _ = write!(text, ".{millis:03}");
        }
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let _ = write!(text, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amsterdam() -> TimeZone {
        TimeZone::get("Europe/Amsterdam").unwrap()
    }

    fn date_time(text: &str) -> Result<String, &'static str> {
        Moment::parse(text, &amsterdam()).map(Moment::date_time)
    }

    #[test]
    fn an_instant_is_shown_in_the_zone_of_the_tenant() {
        assert_eq!(date_time("2026-07-01T10:00:00Z").unwrap(), "2026-07-01T12:00:00+02:00");
        assert_eq!(
            date_time("2026-11-18T15:12:00.000+01:00").unwrap(),
            "2026-11-18T15:12:00+01:00"
        );
        assert_eq!(
            date_time("2026-11-18T15:12:00.250+01:00").unwrap(),
            "2026-11-18T15:12:00.250+01:00"
        );
    }

    /// F22: the days on which the clocks change.
    #[test]
    fn the_repeated_hour_keeps_the_offset_of_the_source() {
        assert_eq!(
            date_time("2026-10-25T02:30:00+02:00").unwrap(),
            "2026-10-25T02:30:00+02:00"
        );
        assert_eq!(
            date_time("2026-10-25T02:30:00+01:00").unwrap(),
            "2026-10-25T02:30:00+01:00"
        );
        assert_eq!(date_time("2026-10-25T02:30:00").unwrap(), "2026-10-25T02:30:00+02:00");
    }

    /// F22: the days on which the clocks change.
    #[test]
    fn a_skipped_local_time_is_refused() {
        assert!(date_time("2026-03-29T02:30:00").unwrap_err().contains("skipped"));
        assert_eq!(date_time("2026-03-29T03:30:00").unwrap(), "2026-03-29T03:30:00+02:00");
        assert_eq!(date_time("2026-03-29T01:59:59").unwrap(), "2026-03-29T01:59:59+01:00");
    }

    #[test]
    fn a_date_stays_a_date_and_a_late_evening_keeps_its_day() {
        assert_eq!(date_time("1938-03-14").unwrap(), "1938-03-14");
        let late = Moment::parse("2026-06-01T00:00:00.000+02:00", &amsterdam()).unwrap();
        assert_eq!(late.day(), "2026-06-01");
        assert!(Moment::parse("1938-03-14", &amsterdam()).unwrap().instant().is_err());
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "14-03-1938",
            "2026-02-30",
            "2026-13-01",
            "2026",
            "+002026-01-01T00:00:00Z",
            "vandaag",
            "2026-01-01Tx",
        ] {
            assert!(date_time(bad).is_err(), "{bad}");
        }
    }
}
