//! Stays out of the care allocations and the date of death.
//!
//! # Design
//! Each of the nineteen reasons is care, absence, departure or no care at all ([`means`]). A departure counts with its end; an
//! allocation that begins by the day after it, or runs past it, opens care again, and a later one is a stay of its own.
//! ASSUMPTIONS: an allocation without an end is running whatever its reason, as in the public description of the product; one
//! that ends with no reason of departure ends nothing; a message that was revoked (`REVOKE_*`) is neither care nor departure.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::Value;

use crate::ecd::stay::{Absence, Stay};

/// What an allocation with this reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Care,
    Absence,
    Departure,
    Nothing,
}

/// None for a reason that the contract does not know.
fn means(reason: Option<&str>) -> Option<Means> {
    Some(match reason {
        None | Some("IN_CARE" | "RESUME" | "CLASS_CHANGED" | "REQUEST_CUSTOM_CARE_ORDER") => Means::Care,
        Some("TEMP_GONE") => Means::Absence,
        Some(
            "DEATH"
            | "DEATH_BY_SUICIDE"
            | "DISMISS"
            | "END_OF_CARE"
            | "END_OF_CARE_AFTER_INTAKE"
            | "END_OF_CARE_CLOSE_FUNCTION"
            | "END_OF_CARE_OPEN_FUNCTION"
            | "TRANSFER"
            | "TRANSFER_NO_MAZ",
        ) => Means::Departure,
        Some("REFUSED_BY_CLIENT" | "REFUSED_BY_PROVIDER" | "REJECTED" | "REVOKE_MAZ" | "REVOKE_MUT") => Means::Nothing,
        Some(_) => return None,
    })
}

/// Why the stays of a client cannot be told: the place and the reason, without a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclear {
    pub(super) pointer: String,
    pub(super) reason: &'static str,
}

struct Allocation {
    begin: Date,
    end: Option<Date>,
    means: Means,
}

/// A stay in the making.
struct Building {
    begin: Date,
    runs: bool,
    left: Option<Date>,
    care_until: Option<Date>,
    absences: Vec<Absence>,
}

impl Building {
    fn last_day(&self) -> Option<Date> {
        let left = self.left.filter(|_| !self.runs)?;
        self.care_until.is_none_or(|until| until <= left).then_some(left)
    }

    fn add(&mut self, allocation: &Allocation) {
        self.runs |= allocation.end.is_none();
        match allocation.means {
            Means::Departure => self.left = self.left.max(allocation.end),
            _ => self.care_until = self.care_until.max(allocation.end),
        }
        if allocation.means == Means::Absence {
            self.absences.push(Absence {
                begin: allocation.begin,
                last_day: allocation.end,
            });
        }
    }
}

/// The stays of a client, in order, and the day of death.
pub(super) fn stays(client: &Value) -> Result<(Vec<Stay>, Option<Date>), Unclear> {
    let died = day(&client["deathDate"], || "/deathDate".to_owned())?;
    let mut built: Vec<Building> = Vec::new();
    for allocation in allocations(client)? {
        let joins = built.last().is_some_and(|stay| {
            stay.last_day()
                .is_none_or(|last| allocation.begin <= last.saturating_add(1.day()))
        });
        if !joins {
            built.push(Building {
                begin: allocation.begin,
                runs: false,
                left: None,
                care_until: None,
                absences: Vec::new(),
            });
        }
        if let Some(stay) = built.last_mut() {
            stay.add(&allocation);
        }
    }
    let stays = built
        .into_iter()
        .filter(|stay| died.is_none_or(|died| stay.begin <= died));
    let stays = stays.map(|stay| Stay {
        begin: stay.begin,
        last_day: stay.last_day().into_iter().chain(died).min(),
        absences: stay.absences,
    });
    Ok((stays.collect(), died))
}

fn allocations(client: &Value) -> Result<Vec<Allocation>, Unclear> {
    let list = match &client["careAllocations"] {
        Value::Null => &[][..],
        Value::Array(list) => list,
        _ => {
            return Err(Unclear {
                pointer: "/careAllocations".to_owned(),
                reason: "expected a list",
            });
        }
    };
    let mut found = Vec::with_capacity(list.len());
    for (allocation, at) in list.iter().zip(0..) {
        let place = |field: &str| format!("/careAllocations/{at}/{field}");
        let reason = match &allocation["reason"] {
            Value::Null => None,
            value => Some(value.as_str().unwrap_or_default()),
        };
        let means = means(reason).ok_or_else(|| Unclear {
            pointer: place("reason"),
            reason: "not a reason that the contract knows",
        })?;
        if means == Means::Nothing {
            continue;
        }
        let begin = day(&allocation["beginDate"], || place("beginDate"))?.ok_or_else(|| Unclear {
            pointer: place("beginDate"),
            reason: "expected a date",
        })?;
        let end = day(&allocation["endDate"], || place("endDate"))?;
        found.push(Allocation { begin, end, means });
    }
    found.sort_by_key(|allocation| allocation.begin);
    Ok(found)
}

/// The day of a date, or of a time in its own offset.
fn day(value: &Value, place: impl FnOnce() -> String) -> Result<Option<Date>, Unclear> {
    let read = match value {
        Value::Null => return Ok(None),
        value => value.as_str().and_then(|text| text.get(..10)?.parse().ok()),
    };
    read.map(Some).ok_or_else(|| Unclear {
        pointer: place(),
        reason: "expected a date",
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;
    use crate::ecd::stay::{Gap, gaps, record};

    fn allocation(begin: &str, end: Option<&str>, reason: &str) -> Value {
        json!({"beginDate": begin, "endDate": end, "reason": reason})
    }

    fn gaps_of(client: &Value) -> Vec<Gap> {
        let (stays, died) = stays(client).unwrap();
        gaps(&record(1.into(), &stays, died, date(2026, 11, 22)))
    }

    fn after(allocations: &[Value]) -> Vec<Gap> {
        gaps_of(&json!({"careAllocations": allocations}))
    }

    fn gap(last_day: Date, back_on: Option<Date>) -> Gap {
        Gap { last_day, back_on }
    }

    /// Every reason of the contract, and whether its end is the end of care, the end of no more than an absence, or of nothing.
    const REASONS: [(&str, Means); 19] = [
        ("IN_CARE", Means::Care),
        ("RESUME", Means::Care),
        ("CLASS_CHANGED", Means::Care),
        ("REQUEST_CUSTOM_CARE_ORDER", Means::Care),
        ("TEMP_GONE", Means::Absence),
        ("DEATH", Means::Departure),
        ("DEATH_BY_SUICIDE", Means::Departure),
        ("DISMISS", Means::Departure),
        ("END_OF_CARE", Means::Departure),
        ("END_OF_CARE_AFTER_INTAKE", Means::Departure),
        ("END_OF_CARE_CLOSE_FUNCTION", Means::Departure),
        ("END_OF_CARE_OPEN_FUNCTION", Means::Departure),
        ("TRANSFER", Means::Departure),
        ("TRANSFER_NO_MAZ", Means::Departure),
        ("REJECTED", Means::Nothing),
        ("REFUSED_BY_PROVIDER", Means::Nothing),
        ("REFUSED_BY_CLIENT", Means::Nothing),
        ("REVOKE_MUT", Means::Nothing),
        ("REVOKE_MAZ", Means::Nothing),
    ];

    #[test]
    fn each_of_the_nineteen_reasons_starts_the_clock_or_not() {
        let left = date(2026, 9, 22);
        for (reason, means) in REASONS {
            let ended = after(&[allocation("2024-01-01", Some("2026-09-22"), reason)]);
            let expected = if means == Means::Departure {
                vec![gap(left, None)]
            } else {
                Vec::new()
            };
            assert_eq!(ended, expected, "{reason}");
            // As long as it runs it ends nothing.
            assert_eq!(after(&[allocation("2024-01-01", None, reason)]), [], "{reason}");
        }
    }

    #[test]
    fn each_reason_opens_care_again_or_not() {
        for (reason, means) in REASONS {
            let before = allocation("2024-01-01", Some("2026-09-22"), "END_OF_CARE");
            let again = after(&[before, allocation("2026-12-01", None, reason)]);
            let back_on = (means != Means::Nothing).then(|| date(2026, 12, 1));
            assert_eq!(again, [gap(date(2026, 9, 22), back_on)], "{reason}");
        }
    }

    #[test]
    fn the_clock_of_a_departure_stops_with_the_return() {
        let left = allocation("2024-01-01", Some("2026-09-22"), "END_OF_CARE");
        // On the same day or the next there was no gap at all; the order of the list does not matter.
        for begin in ["2026-09-22", "2026-09-23", "2026-09-01"] {
            assert_eq!(
                after(&[allocation(begin, None, "IN_CARE"), left.clone()]),
                [],
                "{begin}"
            );
        }
        let short = allocation("2026-10-01", Some("2026-10-09"), "DISMISS");
        assert_eq!(
            after(&[left.clone(), short]),
            [
                gap(date(2026, 9, 22), Some(date(2026, 10, 1))),
                gap(date(2026, 10, 9), None)
            ]
        );
        let earlier = allocation("2020-01-01", Some("2021-01-01"), "IN_CARE");
        assert_eq!(after(&[left, earlier]), [gap(date(2026, 9, 22), None)]);
        // One of two functions ends; the other goes on, or ends later.
        let function = allocation("2024-01-01", Some("2026-03-01"), "END_OF_CARE_CLOSE_FUNCTION");
        assert_eq!(
            after(&[function.clone(), allocation("2025-01-01", None, "IN_CARE")]),
            []
        );
        let other = allocation("2025-01-01", Some("2026-06-01"), "END_OF_CARE_CLOSE_FUNCTION");
        assert_eq!(after(&[function, other]), [gap(date(2026, 6, 1), None)]);
    }

    #[test]
    fn a_temporary_absence_is_part_of_the_stay_however_long() {
        let (stays, _) = stays(&json!({"careAllocations": [
            allocation("2024-01-01", Some("2026-01-01"), "IN_CARE"),
            allocation("2026-01-01", Some("2026-08-01"), "TEMP_GONE"),
            allocation("2026-08-01", None, "RESUME"),
        ]}))
        .unwrap();
        assert_eq!(stays.len(), 1);
        assert_eq!((stays[0].begin, stays[0].last_day), (date(2024, 1, 1), None));
        assert_eq!(
            stays[0].absences,
            [Absence {
                begin: date(2026, 1, 1),
                last_day: Some(date(2026, 8, 1))
            }]
        );
    }

    #[test]
    fn a_death_ends_care_in_its_own_offset_and_gives_no_new_time_to_who_had_left() {
        let at = "2026-09-20T00:00:00.000+02:00";
        let client = |allocations: &[Value]| gaps_of(&json!({"deathDate": at, "careAllocations": allocations}));
        assert_eq!(client(&[]), [gap(date(2026, 9, 20), None)]);
        let running = allocation("2024-01-01", None, "IN_CARE");
        assert_eq!(client(&[running]), [gap(date(2026, 9, 20), None)]);
        let left = allocation("2024-01-01", Some("2026-02-01"), "TRANSFER");
        assert_eq!(client(&[left]), [gap(date(2026, 2, 1), None)]);
        let later = allocation("2026-10-01", None, "IN_CARE");
        let mistaken = client(&[allocation("2024-01-01", Some("2026-09-20"), "DEATH"), later]);
        assert_eq!(mistaken, [gap(date(2026, 9, 20), None)]);
        assert_eq!(gaps_of(&json!({"deathDate": null})), []);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_place_alone() {
        for (allocation, pointer) in [
            (
                json!({"beginDate": "2024-01-01", "reason": "xyzzy"}),
                "/careAllocations/0/reason",
            ),
            (
                json!({"beginDate": "xyzzy", "reason": "IN_CARE"}),
                "/careAllocations/0/beginDate",
            ),
            (json!({"reason": "IN_CARE"}), "/careAllocations/0/beginDate"),
            (
                json!({"beginDate": "2024-01-01", "endDate": 5, "reason": "DEATH"}),
                "/careAllocations/0/endDate",
            ),
        ] {
            let unclear = stays(&json!({"careAllocations": [allocation]})).unwrap_err();
            assert_eq!(unclear.pointer, pointer);
            assert!(!unclear.reason.contains("xyzzy"));
        }
        assert_eq!(
            stays(&json!({"careAllocations": "x"})).unwrap_err().pointer,
            "/careAllocations"
        );
    }
}
