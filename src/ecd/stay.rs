//! Stays: the times in which a client is in care, in one form for every product.
//!
//! ```
//! use inzage::ecd::stay::{Gap, Stay, gaps, record};
//! let (begin, last_day) = (jiff::civil::date(2024, 1, 8), jiff::civil::date(2026, 9, 22));
//! let body = record("7".into(), &[Stay { begin, last_day: Some(last_day), absences: vec![] }], None, last_day);
//! assert_eq!(body["stays"][0]["state"], "active");
//! assert_eq!(gaps(&body), [Gap { last_day, back_on: None }]);
//! ```
//!
//! # Design
//! - **Absence is not departure.** Hospital and holiday are absences within a stay; only departure and death end one.
//! - **Why a stay ended goes nowhere**: a connector reads the reason and tells the day alone, so no mistake further on can
//!   show how somebody died.
//! - Days are local days. [`gaps`] says nothing of today: whether access has ended is decided at each request. The state that
//!   is shown is of the day of the pull, so it is right from the next pull on.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

/// A time in care without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    pub begin: Date,
    /// The last day in care; none as long as it goes on.
    pub last_day: Option<Date>,
    pub absences: Vec<Absence>,
}

/// A time away from the organisation during which the client stays a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    pub begin: Date,
    pub last_day: Option<Date>,
}

/// A time out of care: it begins with departure or death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last day in care.
    pub last_day: Date,
    /// The day on which care begins again; none as long as that is not known.
    pub back_on: Option<Date>,
}

impl Absence {
    fn covers(&self, day: Date) -> bool {
        self.begin <= day && self.last_day.is_none_or(|last| day <= last)
    }
}

impl Stay {
    fn state(&self, today: Date) -> &'static str {
        match self.last_day {
            Some(last) if last < today => "finished",
            _ if self.begin > today => "planned",
            _ if self.absences.iter().any(|absence| absence.covers(today)) => "onhold",
            _ => "active",
        }
    }
}

/// The body of a record of [`Kind::Stay`](super::Kind::Stay).
pub fn record(id: Value, stays: &[Stay], died: Option<Date>, today: Date) -> Value {
    let span = |begin: Date, last_day: Option<Date>| {
        let mut span = Map::from_iter([("begin".to_owned(), Value::from(begin.to_string()))]);
        span.extend(last_day.map(|last| ("end".to_owned(), last.to_string().into())));
        span
    };
    let stays = stays.iter().map(|stay| {
        let mut told = span(stay.begin, stay.last_day);
        told.insert("state".to_owned(), stay.state(today).into());
        let absences = stay
            .absences
            .iter()
            .map(|absence| Value::from(span(absence.begin, absence.last_day)));
        told.insert("absences".to_owned(), absences.collect());
        Value::from(told)
    });
    let stays: Vec<Value> = stays.collect();
    json!({"id": id, "stays": stays, "died": died.map(|day| day.to_string())})
}

/// Tells the states of a record anew, as they are on this day.
pub fn on(today: Date, record: &mut Value) {
    let read = |value: &Value| value.as_str().and_then(|text| text.parse::<Date>().ok());
    for told in record["stays"].as_array_mut().into_iter().flatten() {
        let Some(begin) = read(&told["begin"]) else { continue };
        let absences = told["absences"].as_array().into_iter().flatten();
        let absences = absences.filter_map(|absence| {
            let (begin, last_day) = (read(&absence["begin"])?, read(&absence["end"]));
            Some(Absence { begin, last_day })
        });
        let stay = Stay {
            begin,
            last_day: read(&told["end"]),
            absences: absences.collect(),
        };
        told["state"] = stay.state(today).into();
    }
}

/// The times in which the client of this record was, is or will be out of care, in order.
pub fn gaps(stay: &Value) -> Vec<Gap> {
    let day = |value: &Value| value.as_str().and_then(|text| text.parse::<Date>().ok());
    let stays = stay["stays"].as_array().map(Vec::as_slice).unwrap_or_default();
    let begins = stays.iter().skip(1).map(|next| day(&next["begin"])).chain([None]);
    let mut gaps: Vec<Gap> = stays
        .iter()
        .zip(begins)
        .filter_map(|(stay, back_on)| {
            let last_day = day(&stay["end"])?;
            Some(Gap { last_day, back_on })
        })
        .filter(|gap| {
            gap.back_on
                .is_none_or(|back| back > gap.last_day.saturating_add(1.day()))
        })
        .collect();
    if let (true, Some(last_day)) = (stays.is_empty(), day(&stay["died"])) {
        gaps.push(Gap {
            last_day,
            back_on: None,
        });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn stay(begin: Date, last_day: Option<Date>) -> Stay {
        Stay {
            begin,
            last_day,
            absences: Vec::new(),
        }
    }

    #[test]
    fn the_state_is_that_of_the_day() {
        let mut one = stay(date(2026, 3, 1), Some(date(2026, 9, 22)));
        one.absences = vec![Absence {
            begin: date(2026, 5, 1),
            last_day: Some(date(2026, 5, 9)),
        }];
        for (day, state) in [
            (date(2026, 2, 28), "planned"),
            (date(2026, 3, 1), "active"),
            (date(2026, 5, 1), "onhold"),
            (date(2026, 5, 9), "onhold"),
            (date(2026, 5, 10), "active"),
            (date(2026, 9, 22), "active"),
            (date(2026, 9, 23), "finished"),
        ] {
            assert_eq!(
                record(7.into(), &[one.clone()], None, day)["stays"][0]["state"],
                state,
                "{day}"
            );
            let mut early = record(7.into(), &[one.clone()], None, date(2026, 1, 1));
            on(day, &mut early);
            assert_eq!(early["stays"][0]["state"], state, "{day}, told anew");
        }
    }

    #[test]
    fn a_gap_lies_between_two_stays_and_after_the_last() {
        let stays = [
            stay(date(2020, 1, 1), Some(date(2021, 1, 1))),
            stay(date(2021, 1, 2), Some(date(2022, 1, 1))),
            stay(date(2023, 1, 1), Some(date(2024, 1, 1))),
        ];
        let of = |stays: &[Stay], died| gaps(&record(7.into(), stays, died, date(2026, 1, 1)));
        let told = [(date(2022, 1, 1), Some(date(2023, 1, 1))), (date(2024, 1, 1), None)];
        let told = told.map(|(last_day, back_on)| Gap { last_day, back_on });
        assert_eq!(of(&stays, None), told);
        assert_eq!(of(&[stay(date(2023, 1, 1), None)], None), []);
        assert_eq!(of(&[], None), []);
        assert_eq!(of(&[], Some(date(2024, 1, 1))), told[1..]);
    }
}
