//! Texts, days and times as the product writes them.

use std::fmt::Write as _;

use serde_json::Value;

/// A text of the generator without its HTML escapes, which belong to the other product.
pub(super) fn plain(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.replace("&lt;", "<")
        .replace("&quot;", "\"")
        .replace("&eacute;", "é")
        .replace("&amp;", "&")
}

/// The text as RTF.
pub(super) fn rtf(text: &str) -> String {
    let mut rtf = String::from("{\\rtf1\\ansi\\ansicpg1252\\uc1{\\fonttbl{\\f0 Segoe UI;}}\\pard ");
    for c in text.chars() {
        match c {
            '\\' | '{' | '}' => rtf.extend(['\\', c]),
            '\n' => rtf.push_str("\\par "),
            c if c.is_ascii() => rtf.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(rtf, "\\u{}?", unit.cast_signed());
                }
            }
        }
    }
    rtf + "\\par}"
}

pub(super) fn flag(yes: bool) -> String {
    if yes { "T" } else { "F" }.to_owned()
}

pub(super) fn active(yes: bool) -> String {
    if yes { "A" } else { "N" }.to_owned()
}

/// `2026-11-18T15:12:00.000+01:00` as `2026-11-18-15.12.00.000000`.
pub(super) fn moment(value: &Value) -> String {
    let text = value.as_str().and_then(|text| text.get(..19)).unwrap_or_default();
    text.replace('T', "-").replace(':', ".") + ".000000"
}

/// The day of a date or time; empty where there is none.
pub(super) fn day(value: &Value) -> String {
    value
        .as_str()
        .and_then(|text| text.get(..10))
        .unwrap_or_default()
        .to_owned()
}

/// The day on which something ends: a field that is never cleared says 2200.
pub(super) fn end(value: &Value) -> String {
    match day(value) {
        day if day.is_empty() => "2200-01-01".to_owned(),
        day => day,
    }
}
