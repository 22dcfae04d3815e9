//! What the clients of an account are called.

use super::browser::Browser;
use super::text::Language;
use super::views::Person;
use crate::consent::Right;
use crate::db;
use crate::http::App;

/// Name and date of birth of each client, as far as they are stored.
pub(super) async fn of(
    _app: &App,
    _browser: &Browser,
    rights: &[Right],
    language: Language,
) -> Result<Vec<Person>, db::Error> {
    Ok(rights
        .iter()
        .enumerate()
        .map(|(at, right)| Person {
            id: right.patient.to_string(),
            name: language.nameless(at + 1),
            born: None,
            role: language.role(right.role),
        })
        .collect())
}
