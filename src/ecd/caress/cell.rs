//! One field of a row: the habits of the product undone.
//!
//! # Design
//! Seen in the public part of the product: T and F, A and N, `2200-01-01` because a date cannot be cleared, and
//! timestamps as Db2 writes them. ASSUMPTION: the files of a drop have the same habits, and a timestamp is the wall clock
//! of the Netherlands. It stays a local time here: the map reads it in the tenant's zone and refuses an hour that never was.

use jiff::civil::{Date, DateTime};
use serde_json::Value;

use super::columns::Cell;

/// Stands for "no end": a field that was filled cannot be cleared in the product.
const NEVER: &str = "2200-01-01";

/// The value of a field; none where it is empty.
///
/// # Errors
/// What was expected; nothing of the field itself.
pub(super) fn read(cell: Cell, text: &str) -> Result<Option<Value>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(match cell {
        Cell::Id | Cell::Key | Cell::Owner => key(text).ok_or("expected a number of at most 20 digits")?.into(),
        Cell::Text | Cell::Rich => text.replace("\r\n", "\n").into(),
        Cell::Flag => either(text, "T", "F").ok_or("expected T or F")?.into(),
        Cell::Active => either(text, "A", "N").ok_or("expected A or N")?.into(),
        Cell::Day if text == NEVER => return Ok(None),
        Cell::Day => {
            let day: Date = plain(text, 10)
                .and_then(|text| text.parse().ok())
                .ok_or("expected yyyy-MM-dd")?;
            day.to_string().into()
        }
        Cell::Moment if text.starts_with(NEVER) => return Ok(None),
        Cell::Moment => moment(text).ok_or("expected yyyy-MM-dd-HH.mm.ss.000000")?.into(),
    }))
}

/// A key as the product writes it.
pub(super) fn key(text: &str) -> Option<&str> {
    let text = text.trim();
    ((1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

fn either(text: &str, yes: &str, no: &str) -> Option<bool> {
    (text == yes || text == no).then_some(text == yes)
}

/// Text of this length that begins with four digits: jiff also reads forms that the product does not write.
fn plain(text: &str, length: usize) -> Option<&str> {
    (text.len() == length && text.is_ascii() && text.bytes().take(4).all(|b| b.is_ascii_digit())).then_some(text)
}

/// `2026-11-18-15.12.00.000000` as `2026-11-18T15:12:00`.
fn moment(text: &str) -> Option<String> {
    let text = plain(text, 26)?;
    let (day, rest) = (text.get(..10)?, text.get(10..)?);
    let (clock, fraction) = (rest.strip_prefix('-')?.get(..8)?, rest.get(9..)?);
    let parts: Vec<&str> = clock.split('.').collect();
    let [hour, minute, second] = parts[..] else {
        return None;
    };
    let at: DateTime = format!("{day}T{hour}:{minute}:{second}{fraction}").parse().ok()?;
    Some(at.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good(cell: Cell, text: &str) -> Option<Value> {
        read(cell, text).unwrap()
    }

    #[test]
    fn the_habits_of_the_product_are_undone() {
        assert_eq!(good(Cell::Flag, "T"), Some(json!(true)));
        assert_eq!(good(Cell::Flag, "F"), Some(json!(false)));
        assert_eq!(good(Cell::Active, "N"), Some(json!(false)));
        assert_eq!(good(Cell::Day, "2200-01-01"), None);
        assert_eq!(good(Cell::Day, "2026-06-01"), Some(json!("2026-06-01")));
        assert_eq!(good(Cell::Moment, "2200-01-01-00.00.00.000000"), None);
        assert_eq!(
            good(Cell::Moment, "2026-11-18-15.12.00.000000"),
            Some(json!("2026-11-18T15:12:00"))
        );
        assert_eq!(
            good(Cell::Moment, "2026-11-18-15.12.00.250000"),
            Some(json!("2026-11-18T15:12:00.25"))
        );
        assert_eq!(good(Cell::Text, "  "), None);
        assert_eq!(good(Cell::Text, "een\r\ntwee"), Some(json!("een\ntwee")));
    }

    #[test]
    fn what_is_not_in_the_form_of_the_product_is_refused_without_its_value() {
        for (cell, text) in [
            (Cell::Flag, "J"),
            (Cell::Flag, "f"),
            (Cell::Active, "I"),
            (Cell::Key, "12a"),
            (Cell::Key, "123456789012345678901"),
            (Cell::Day, "01-06-2026"),
            (Cell::Day, "2026-02-30"),
            (Cell::Moment, "2026-11-18T15:12:00"),
            (Cell::Moment, "2026-11-18-25.12.00.000000"),
            (Cell::Moment, "2026-11-18-15.12.00.0000é0"),
        ] {
            let reason = read(cell, text).unwrap_err();
            assert!(!reason.contains(text), "{reason}");
        }
    }
}
