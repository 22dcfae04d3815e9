//! Kinds of form, out of the forms that were filled in.
//!
//! # Design
//! ASSUMPTION: the product has no list of its forms that a connector may read; each form that was filled in names its kind by
//! a number and a title. So a kind is known as long as a client who was asked for has a form of it that was released. Others
//! are not told: the title alone may say too much.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ecd::Error;

/// More kinds of form than any care organisation has.
const MOST: usize = 20_000;

/// A title and the version of the form that has it.
type Titled = (String, String);

/// The kinds of form of one pull.
#[derive(Debug, Default)]
pub(super) struct Surveys(BTreeMap<u64, Titled>);

impl Surveys {
    /// Keeps the kind of a form; of several titles the newest.
    pub(super) fn keep(&mut self, path: &'static str, version: &str, result: &Value) -> Result<(), Error> {
        let released = result.get("vrijgave").is_some_and(|release| release == "released");
        let is_done = matches!(
            result.get("status").and_then(Value::as_str),
            Some("Current" | "Archived")
        );
        let title = result.get("title").and_then(Value::as_str).map(str::trim);
        let id = result.get("surveyObjectId").and_then(Value::as_u64);
        let (Some(id), Some(title), true) = (id, title.filter(|title| !title.is_empty()), released && is_done) else {
            return Ok(());
        };
        if self.0.len() >= MOST {
            return Err(Error::Shape {
                path,
                problem: "more kinds of form than can be true",
            });
        }
        let new = (version.to_owned(), title.to_owned());
        let known = self.0.entry(id).or_insert_with(|| new.clone());
        if *known < new {
            *known = new;
        }
        Ok(())
    }

    /// A record for each, with its version.
    pub(super) fn records(&self) -> impl Iterator<Item = (String, Value)> {
        let record = |(id, (version, title)): (&u64, &Titled)| {
            let mut record = json!({"id": id, "title": title});
            if let Some(number) = number(title) {
                record["nummer"] = number.into();
            }
            (version.clone(), record)
        };
        self.0.iter().map(record)
    }
}

/// The number that an organisation puts before a title: of `4 Risicosignalering vallen` it is 4.
fn number(title: &str) -> Option<&str> {
    let (first, _) = title.split_once([' ', '.'])?;
    let is_number = (1..=6).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_form_is_known_by_the_newest_that_was_released() {
        let mut surveys = Surveys::default();
        let form = |title: &str, release: &str| json!({"surveyObjectId": 5, "title": title, "status": "Current", "vrijgave": release});
        surveys.keep("/x", "2026-02", &form("Valrisico", "released")).unwrap();
        surveys
            .keep("/x", "2026-01", &form("Valrisico (oud)", "released"))
            .unwrap();
        surveys
            .keep("/x", "2026-03", &form("MIC-melding", "withdrawn"))
            .unwrap();
        let found: Vec<_> = surveys.records().collect();
        assert_eq!(found, [("2026-02".to_owned(), json!({"id": 5, "title": "Valrisico"}))]);
    }

    #[test]
    fn the_number_of_a_form_is_what_its_title_begins_with() {
        for (title, found) in [
            ("4 Risicosignalering vallen", Some("4")),
            ("12. Levensloop", Some("12")),
            ("Levensloop", None),
            ("2026", None),
            ("2e gesprek", None),
            ("1234567 Lang", None),
        ] {
            assert_eq!(number(title), found, "{title}");
        }
    }
}
