//! Dates as FHIR compares them: each value is a range of time, and a prefix compares two ranges.
//!
//! # Design
//! `2026-03` is the whole of March, `2026-03-29` a day of 23 hours in Amsterdam, `10:00` a minute. A value without an offset
//! is local time of the tenant. In the hour that comes twice in October a local time means both passes; in the hour that is
//! skipped in March it means nothing and is refused. `gt` and `ge` look at the end of what the resource holds and `lt` and
//! `le` at its beginning, so a period that is still going on is found by each of them, as the examples in
//! <https://hl7.org/fhir/R4/search.html#date> have it.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

/// A range of time `[from, until)` in microseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: i64,
    pub until: i64,
}

/// <https://hl7.org/fhir/R4/search.html#prefix>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// One prefix with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTest {
    pub prefix: Prefix,
    /// For [`Prefix::Ap`] already widened.
    pub span: Span,
}

const FORM: &str =
    "send a date as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset, in the calendar's bounds";
const GAP: &str = "this local time does not exist, because the clock skips it; send an offset";
const PREFIX: &str = "a date may begin with eq, ne, gt, lt, ge, le, sa, eb or ap";

impl Span {
    /// The beginning of a period without a start, and the end of one without an end.
    pub const OPEN: Self = Self {
        from: i64::MIN + 1,
        until: i64::MAX,
    };

    /// A FHIR date, dateTime or instant; the error says what to send instead.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, &'static str> {
        let mut scan = Scan(text.as_bytes());
        let year = scan.digits(4).ok_or(FORM)?;
        if scan.done() {
            return days(date(year, 1, 1)?, |first| first.checked_add(1.year()).ok(), zone);
        }
        let month = scan.after(b'-', 2).ok_or(FORM)?;
        if scan.done() {
            return days(date(year, month, 1)?, |first| first.checked_add(1.month()).ok(), zone);
        }
        let day = date(year, month, scan.after(b'-', 2).ok_or(FORM)?)?;
        if scan.done() {
            return days(day, |first| first.tomorrow().ok(), zone);
        }
        let (time, unit) = scan.time().ok_or(FORM)?;
        let local = DateTime::from_parts(day, time);
        if !scan.done() {
            let offset = scan.offset().filter(|_| scan.done()).ok_or(FORM)?;
            let from = micros(offset.to_timestamp(local));
            return Ok(Self {
                from,
                until: from.saturating_add(unit),
            });
        }
        let ambiguous = zone.to_ambiguous_timestamp(local);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return Err(GAP);
        }
        let (from, last) = (micros(ambiguous.earlier()), micros(ambiguous.later()));
        Ok(Self {
            from,
            until: last.saturating_add(unit),
        })
    }
}

/// Whole days, from the first moment of `first` to the first moment of what comes after.
fn days(first: Date, next: impl FnOnce(Date) -> Option<Date>, zone: &TimeZone) -> Result<Span, &'static str> {
    Ok(Span {
        from: midnight(first, zone),
        until: next(first).map_or(Span::OPEN.until, |after| midnight(after, zone)),
    })
}

fn midnight(day: Date, zone: &TimeZone) -> i64 {
    let moment = zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight()));
    // Compatible: the earlier of two midnights, or the end of a gap that begins at midnight.
    micros(moment.compatible())
}

/// Only the last hours of the year 9999 lie beyond the time line.
fn micros(moment: Result<Timestamp, jiff::Error>) -> i64 {
    moment.unwrap_or(Timestamp::MAX).as_microsecond()
}

fn date(year: u32, month: u32, day: u32) -> Result<Date, &'static str> {
    let small = |number: u32| i8::try_from(number).map_err(|_| FORM);
    let year = i16::try_from(year).ok().filter(|year| *year > 0).ok_or(FORM)?;
    Date::new(year, small(month)?, small(day)?).map_err(|_| FORM)
}

/// What is left of the text.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn done(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (head, rest) = self.0.split_at_checked(count)?;
        let number = head
            .iter()
            .try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))?;
        self.0 = rest;
        Some(number)
    }

    fn after(&mut self, byte: u8, count: usize) -> Option<u32> {
        self.take(byte)?;
        self.digits(count)
    }

    /// `Thh:mm[:ss[.f…]]`, and how many microseconds its last digit stands for.
    fn time(&mut self) -> Option<(Time, i64)> {
        let (hour, minute) = (self.after(b'T', 2)?, self.after(b':', 2)?);
        let small = |number: u32| i8::try_from(number).ok();
        if self.0.first() != Some(&b':') {
            return Some((Time::new(small(hour)?, small(minute)?, 0, 0).ok()?, 60_000_000));
        }
        let second = self.after(b':', 2)?;
        let (mut nanos, mut unit) = (0, 1_000_000);
        if self.take(b'.').is_some() {
            let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&count) {
                return None;
            }
            nanos = i32::try_from(self.digits(count)?).ok()? * 10_i32.pow(9 - u32::try_from(count).ok()?);
            // Both databases keep microseconds.
            nanos -= nanos % 1_000;
            unit = 10_i64.pow(6_u32.saturating_sub(u32::try_from(count).ok()?));
        }
        Some((
            Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?,
            unit,
        ))
    }

    /// `Z` or `±hh:mm`. A plus sign that a client forgot to encode arrives as a space.
    fn offset(&mut self) -> Option<Offset> {
        if self.take(b'Z').is_some() {
            return Some(Offset::UTC);
        }
        let sign = match self.0.first()? {
            b'+' | b' ' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let (hours, minutes) = (self.digits(2)?, self.after(b':', 2)?);
        if minutes > 59 || hours * 60 + minutes > 14 * 60 {
            return None;
        }
        let seconds = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
        Offset::from_seconds(sign * seconds).ok()
    }
}

impl DateTest {
    /// A value of a date parameter, with its prefix if it has one.
    pub fn parse(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Self, &'static str> {
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (prefix, value) = text.split_at(letters);
        let prefix = match prefix {
            "" | "eq" => Prefix::Eq,
            "ne" => Prefix::Ne,
            "gt" => Prefix::Gt,
            "lt" => Prefix::Lt,
            "ge" => Prefix::Ge,
            "le" => Prefix::Le,
            "sa" => Prefix::Sa,
            "eb" => Prefix::Eb,
            "ap" => Prefix::Ap,
            _ => return Err(PREFIX),
        };
        let mut span = Span::parse(value, zone)?;
        if prefix == Prefix::Ap {
            let now = now.as_microsecond();
            let gap = (span.from.saturating_sub(now))
                .max(now.saturating_sub(span.until))
                .max(0);
            span.from = span.from.saturating_sub(gap / 10).max(Span::OPEN.from);
            span.until = span.until.saturating_add(gap / 10);
        }
        Ok(Self { prefix, span })
    }

    /// Whether a resource that holds `has` matches: the rule that the SQL spells out.
    pub fn matches(&self, has: Span) -> bool {
        let Span { from, until } = self.span;
        match self.prefix {
            Prefix::Eq => has.from >= from && has.until <= until,
            Prefix::Ne => has.from < from || has.until > until,
            Prefix::Gt => has.until > until,
            Prefix::Lt => has.from < from,
            Prefix::Ge => has.until > from,
            Prefix::Le => has.from < until,
            Prefix::Sa => has.from >= until,
            Prefix::Eb => has.until <= from,
            Prefix::Ap => has.from < until && has.until > from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn amsterdam() -> TimeZone {
        TimeZone::get("Europe/Amsterdam").unwrap()
    }

    fn span(text: &str) -> (String, String) {
        let span = Span::parse(text, &amsterdam()).unwrap();
        let show = |micros| Timestamp::from_microsecond(micros).unwrap().to_string();
        (show(span.from), show(span.until))
    }

    fn pair(from: &str, until: &str) -> (String, String) {
        (from.to_owned(), until.to_owned())
    }

    #[test]
    fn a_day_is_a_day_of_the_tenant_on_both_nights_that_the_clock_moves() {
        assert_eq!(span("2026-03-29"), pair("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"));
        assert_eq!(span("2026-10-25"), pair("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
        assert_eq!(span("2026-10"), pair("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"));
        assert_eq!(span("2026"), pair("2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"));
    }

    #[test]
    fn a_time_lasts_as_long_as_its_last_digit() {
        assert_eq!(
            span("2026-03-01T10:00"),
            pair("2026-03-01T09:00:00Z", "2026-03-01T09:01:00Z")
        );
        assert_eq!(
            span("2026-03-01T10:00:00Z"),
            pair("2026-03-01T10:00:00Z", "2026-03-01T10:00:01Z")
        );
        assert_eq!(
            span("2026-03-01T10:00:00.12+14:00"),
            pair("2026-02-28T20:00:00.12Z", "2026-02-28T20:00:00.13Z")
        );
        assert_eq!(
            span("2026-03-01T10:00:00.123456789-05:00"),
            pair("2026-03-01T15:00:00.123456Z", "2026-03-01T15:00:00.123457Z")
        );
        assert_eq!(span("2026-03-01T10:00:00 01:00").0, "2026-03-01T09:00:00Z");
    }

    #[test]
    fn a_local_time_that_comes_twice_is_both_and_one_that_never_comes_is_refused() {
        assert_eq!(
            span("2026-10-25T02:30"),
            pair("2026-10-25T00:30:00Z", "2026-10-25T01:31:00Z")
        );
        assert_eq!(
            span("2026-10-25T02:30:00+01:00"),
            pair("2026-10-25T01:30:00Z", "2026-10-25T01:30:01Z")
        );
        assert_eq!(Span::parse("2026-03-29T02:30", &amsterdam()), Err(GAP));
    }

    #[test]
    fn the_calendar_ends_without_an_overflow() {
        for last in ["9999", "9999-12-31", "9999-12-31T23:59:59Z"] {
            assert!(Span::parse(last, &amsterdam()).unwrap().until >= Timestamp::MAX.as_microsecond());
        }
        assert!(test("lt9999-12-31", "2026-01-01"));
        assert!(Span::parse("0001-01-01", &amsterdam()).is_ok());
    }

    #[test]
    fn date_soup_is_refused() {
        for bad in [
            "",
            "0000",
            "0000-00-00",
            "2026-13",
            "2026-02-30",
            "2026-1-1",
            "26",
            "2026-",
            "2026-03-",
            "2026-03-01T",
            "2026-03-01T10",
            "2026-03-01T24:00:00",
            "2026-03-01T23:59:60Z",
            "2026-03-01T10:00:00+14:01",
            "2026-03-01T10:00:00+1",
            "2026-03-01T10:00:00.Z",
            "2026-03-01T10:00:00.1234567890Z",
            "2026-03-01 10:00",
            "2026-03-01T10:00:00z",
            "2026-03-01x",
            "２０２６",
            "+2026",
            "2026-03-01T10:00:00Zx",
            "99999-01-01",
        ] {
            assert!(Span::parse(bad, &amsterdam()).is_err(), "{bad:?}");
        }
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(DateTest::parse("xx2026", &amsterdam(), now), Err(PREFIX));
        assert_eq!(DateTest::parse("GE2026", &amsterdam(), now), Err(PREFIX));
        assert_eq!(DateTest::parse("ge", &amsterdam(), now), Err(FORM));
    }

    fn test(text: &str, has: &str) -> bool {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        DateTest::parse(text, &amsterdam(), now)
            .unwrap()
            .matches(Span::parse(has, &amsterdam()).unwrap())
    }

    #[test]
    fn every_prefix_is_right_on_the_night_of_25_hours() {
        let (before, first, last, after) = (
            "2026-10-24T23:59:59+02:00",
            "2026-10-25T00:00:00+02:00",
            "2026-10-25T23:59:59+01:00",
            "2026-10-26T00:00:00+01:00",
        );
        for (prefix, expected) in [
            ("", [false, true, true, false]),
            ("eq", [false, true, true, false]),
            ("ne", [true, false, false, true]),
            ("gt", [false, false, false, true]),
            ("lt", [true, false, false, false]),
            ("ge", [false, true, true, true]),
            ("le", [true, true, true, false]),
            ("sa", [false, false, false, true]),
            ("eb", [true, false, false, false]),
        ] {
            let query = format!("{prefix}2026-10-25");
            assert_eq!(
                [before, first, last, after].map(|has| test(&query, has)),
                expected,
                "{query}"
            );
        }
    }

    #[test]
    fn every_prefix_is_right_on_the_night_of_23_hours() {
        for (query, has, expected) in [
            ("2026-03-29", "2026-03-29T00:00:00+01:00", true),
            ("2026-03-29", "2026-03-29T23:59:59+02:00", true),
            ("2026-03-29", "2026-03-29T22:00:00Z", false),
            ("gt2026-03-29", "2026-03-30T00:00:00+02:00", true),
            ("lt2026-03-29", "2026-03-28T22:59:59Z", true),
            ("lt2026-03-29", "2026-03-28T23:00:00Z", false),
            ("sa2026-03-28", "2026-03-28T23:00:00Z", true),
            ("eb2026-03-30", "2026-03-29T21:59:59Z", true),
            ("le2026-03-29", "2026-03-29T22:00:00Z", false),
        ] {
            assert_eq!(test(query, has), expected, "{query} {has}");
        }
    }

    #[test]
    fn a_coarse_value_compares_as_a_range() {
        assert!(!test("2026-03-14", "2026-03"));
        assert!(test("ne2026-03-14", "2026-03"));
        assert!(test("gt2026-03-14", "2026-03") && test("lt2026-03-14", "2026-03"));
        assert!(!test("sa2026-03-14", "2026-03") && !test("eb2026-03-14", "2026-03"));
        assert!(test("ap2026-03-14", "2026-03"));
        // Ten percent of eight months is some 25 days.
        assert!(test("ap2026-03-14", "2026-03-30") && !test("ap2026-03-14", "2026-04-20"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = DateTest::parse(&text, &amsterdam(), Timestamp::UNIX_EPOCH);
        }

        #[test]
        fn an_instant_lies_in_exactly_one_day_of_its_year(second in 0_i64..4_000_000_000) {
            let at = Timestamp::from_second(second).unwrap();
            let has = Span { from: at.as_microsecond(), until: at.as_microsecond() + 1 };
            let zone = amsterdam();
            let day = at.to_zoned(zone.clone()).date();
            for (days, expected) in [(-1, false), (0, true), (1, false)] {
                let text = (day + SignedDuration::from_hours(24 * days)).to_string();
                let test = DateTest::parse(&text, &zone, at).unwrap();
                prop_assert_eq!(test.matches(has), expected);
                // Each pair of opposites splits all instants in two.
                let with = |prefix: &str| DateTest::parse(&format!("{prefix}{text}"), &zone, at).unwrap().matches(has);
                prop_assert_ne!(with("eq"), with("ne"));
                prop_assert_ne!(with("gt"), with("le"));
                prop_assert_ne!(with("lt"), with("ge"));
            }
        }
    }
}
