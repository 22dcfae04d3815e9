//! The number of a citizen (BSN), as far as it says whether a record can be of one person at all. Nothing else is done with it,
//! and it leaves no connector.
//!
//! # Design
//! Ons and FHIR servers tell it with each client. What Caress tells of a client has none, and a folder has none by its contract.

use serde_json::Value;

/// What is told of a record whose number is none.
pub(super) const REASON: &str = "the BSN fails the eleven-test: the record may be mixed up, correct it at the source";

/// Whether this is a number that nobody has: nine digits (the zeros in front may be missing) whose weighted sum is no multiple of
/// eleven. None, an empty text and a masked number (`*****`) say nothing.
pub(super) fn is_wrong(value: &Value) -> bool {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return false,
    };
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let digits: Option<Vec<i64>> = text.chars().map(|digit| digit.to_digit(10).map(i64::from)).collect();
    let Some(digits) = digits.filter(|digits| (8..=9).contains(&digits.len())) else {
        return true;
    };
    // The weight of the last digit is -1, of those before it 2, 3, 4 and so on.
    let weights = std::iter::once(-1).chain(2..);
    let sum: i64 = digits
        .iter()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    sum % 11 != 0 || digits.iter().all(|digit| *digit == 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_that_nobody_has_is_told_from_one_and_from_none() {
        for good in [
            json!("999990019"),
            json!(999_990_020),
            json!(" 999990032 "),
            json!("010464554"),
            json!("10464554"),
        ] {
            assert!(!is_wrong(&good), "{good}");
        }
        for none in [json!(null), json!(""), json!("*****"), json!({"value": 1})] {
            assert!(!is_wrong(&none), "{none}");
        }
        for wrong in [
            json!("999990018"),
            json!("99999001"),
            json!("000000000"),
            json!("9999900190"),
            json!("999990O19"),
            json!(7),
        ] {
            assert!(is_wrong(&wrong), "{wrong}");
        }
    }
}
