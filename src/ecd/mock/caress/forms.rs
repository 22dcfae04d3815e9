//! The forms, in the files of this product: a type is released or not, a form is hidden or not.

use serde_json::Value;

use super::records::{Row, number, taken_back, text};
use super::text::{flag, moment};
use crate::ecd::mock::generate::form::KINDS;
use crate::ecd::mock::{Population, Shelf};

fn code(survey: u64) -> String {
    format!("FORM{survey}")
}

/// The kinds of form among the report types; those of the team are not released.
pub(super) fn types() -> impl Iterator<Item = Row> {
    KINDS.iter().map(|(number, title, _)| {
        let released = !title.contains("MIC");
        vec![
            code(*number),
            (*title).to_owned(),
            flag(true),
            number.to_string(),
            flag(released),
        ]
    })
}

pub(super) fn rows(population: &Population) -> Vec<Row> {
    let releases = population.all(Shelf::Releases);
    let taken = taken_back(population, "Survey.SurveyResult");
    let is_open = |id: &str| {
        let mut rows = releases
            .iter()
            .filter(|row| row["resourceName"] == "Survey.SurveyResult");
        rows.any(|row| row["resourceId"] == id) && !taken.iter().any(|other| other == id)
    };
    let row = |it: &Value| {
        let id = number(&it["id"]);
        let status = match it["status"].as_str() {
            Some("Current") => "A",
            Some("Archived") => "R",
            _ => "C",
        };
        let hidden = flag(!is_open(&id));
        vec![
            id,
            number(&it["clientObjectId"]),
            code(it["surveyObjectId"].as_u64().unwrap_or_default()),
            status.to_owned(),
            moment(&it["completedAt"]),
            number(&it["employeeObjectId"]),
            flag(false),
            hidden,
            moment(&it["updatedAt"]),
        ]
    };
    population.all(Shelf::Forms).iter().map(row).collect()
}

pub(super) fn answers(population: &Population) -> Vec<Row> {
    let rows = |it: &Value| {
        let form = number(&it["id"]);
        let answers = it["answers"].as_array().cloned().unwrap_or_default();
        let row = move |answer: Value| {
            let (id, place) = (number(&answer["id"]), number(&answer["questionObjectId"]));
            vec![
                id,
                form.clone(),
                place,
                text(&answer["questionText"]),
                text(&answer["text"]),
            ]
        };
        answers.into_iter().map(row)
    };
    population.all(Shelf::Forms).iter().flat_map(rows).collect()
}
