//! The row of a client, with an address that the other product has not.

use serde_json::Value;

use super::records::{Row, number, text};
use super::text::{day, end, flag, moment};
use crate::ecd::mock::SECRET_MARKER;

const STREETS: [&str; 4] = [
    "Dorpsstraat",
    "Laan van de Vrede",
    "Kerkpad",
    "Burgemeester de Vosstraat",
];

/// The row of a client; of one who is secret the address and the ways to be reached must stay inside.
pub(super) fn client(it: &Value) -> Row {
    let stays = it["careAllocations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (first, last) = (
        stays.first().unwrap_or(&Value::Null),
        stays.last().unwrap_or(&Value::Null),
    );
    // An absence is not an end, and the stay goes on from where it began.
    let stay = if last["reason"] == "TEMP_GONE" { first } else { last };
    // The other product has no more of an address than the town.
    let is_secret = it["secretClient"] == true;
    let marked = |text: String| {
        if is_secret {
            format!("{SECRET_MARKER} {text}")
        } else {
            text
        }
    };
    let id = it["id"].as_u64().unwrap_or_default();
    vec![
        number(&it["id"]),
        text(&it["identificationNo"]),
        text(&it["initials"]),
        text(&it["firstName"]),
        text(&it["givenName"]),
        text(&it["birthName"]),
        text(&it["birthNamePrefix"]),
        text(&it["partnerName"]),
        text(&it["partnerNamePrefix"]),
        match it["preferredNameType"].as_str() {
            Some("1") => "P",
            Some("2") => "EP",
            Some("3") => "PE",
            _ => "E",
        }
        .to_owned(),
        match it["gender"].as_str() {
            Some("M") => "M",
            Some("F") => "V",
            _ => "O",
        }
        .to_owned(),
        day(&it["dateOfBirth"]),
        day(&it["deathDate"]),
        day(&stay["beginDate"]),
        end(&last["endDate"]),
        marked(STREETS[id as usize % STREETS.len()].to_owned()),
        format!("{}", id % 180 + 1),
        if id.is_multiple_of(3) {
            "a".to_owned()
        } else {
            String::new()
        },
        format!("{} VB", 2300 + id % 90),
        text(&it["hometown"]),
        String::new(),
        text(&it["mobilePhone"]),
        text(&it["emailAddress"]),
        flag(is_secret),
        moment(&it["updatedAt"]),
    ]
}
