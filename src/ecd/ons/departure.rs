//! When care of a client ended, out of the allocations and the date of death.
//!
//! # Design
//! Absence is not departure: `TEMP_GONE` (hospital, holiday) never ends care, and an allocation that begins on or after the
//! end opens it again. The reason itself goes nowhere: only the day counts.
//! Assumption: an allocation without an end is running whatever its reason, as in the public description of the product.

use jiff::civil::Date;
use serde_json::Value;

/// Reasons with which care ends; every other one is a change within care or no care at all.
fn ends_care(reason: &str) -> bool {
    matches!(reason, "DEATH" | "DEATH_BY_SUICIDE" | "DISMISS")
        || reason.starts_with("END_OF_CARE")
        || reason.starts_with("TRANSFER")
}

/// The last local day of care, or `None` while it goes on.
pub(super) fn care_end(client: &Value) -> Option<Date> {
    let date = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.get(..10))
            .and_then(|day| day.parse::<Date>().ok())
    };
    if let Some(death) = date(&client["deathDate"]) {
        return Some(death);
    }
    let allocations = client["careAllocations"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ended = allocations
        .iter()
        .filter(|allocation| allocation["reason"].as_str().is_some_and(ends_care))
        .filter_map(|allocation| date(&allocation["endDate"]))
        .max()?;
    let goes_on = allocations.iter().any(|allocation| {
        let begins_again = date(&allocation["beginDate"]).is_some_and(|begin| begin >= ended);
        let is_other = date(&allocation["endDate"]) != Some(ended);
        match date(&allocation["endDate"]) {
            None => true,
            Some(end) => is_other && begins_again && end > ended,
        }
    });
    (!goes_on).then_some(ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use serde_json::json;

    fn allocation(begin: &str, end: Option<&str>, reason: &str) -> Value {
        json!({"beginDate": begin, "endDate": end, "reason": reason})
    }

    fn end_of(allocations: &[Value]) -> Option<Date> {
        care_end(&json!({"careAllocations": allocations}))
    }

    #[test]
    fn care_ends_with_the_reasons_of_departure_alone() {
        let ends = [
            "DEATH",
            "DEATH_BY_SUICIDE",
            "DISMISS",
            "END_OF_CARE",
            "END_OF_CARE_CLOSE_FUNCTION",
            "TRANSFER",
            "TRANSFER_NO_MAZ",
        ];
        for reason in ends {
            let ended = end_of(&[allocation("2024-01-01", Some("2026-09-22"), reason)]);
            assert_eq!(ended, Some(date(2026, 9, 22)), "{reason}");
        }
        for reason in [
            "TEMP_GONE",
            "CLASS_CHANGED",
            "IN_CARE",
            "RESUME",
            "REJECTED",
            "something new",
        ] {
            assert_eq!(
                end_of(&[allocation("2024-01-01", Some("2026-09-22"), reason)]),
                None,
                "{reason}"
            );
        }
    }

    #[test]
    fn coming_back_opens_care_again() {
        let left = allocation("2024-01-01", Some("2026-09-22"), "END_OF_CARE");
        assert_eq!(end_of(&[left.clone(), allocation("2026-10-01", None, "IN_CARE")]), None);
        assert_eq!(
            end_of(&[left.clone(), allocation("2026-10-01", Some("2027-01-01"), "IN_CARE")]),
            None
        );
        let earlier = allocation("2020-01-01", Some("2021-01-01"), "IN_CARE");
        assert_eq!(end_of(&[left, earlier]), Some(date(2026, 9, 22)));
    }

    #[test]
    fn a_date_of_death_counts_in_its_own_offset() {
        let client = json!({"deathDate": "2026-09-20T00:00:00.000+02:00", "careAllocations": []});
        assert_eq!(care_end(&client), Some(date(2026, 9, 20)));
        assert_eq!(care_end(&json!({"deathDate": null})), None);
    }
}
