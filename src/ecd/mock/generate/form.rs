//! Forms: those that were released, and those that must stay inside.

use serde_json::json;

use super::client::Person;
use super::dice::Dice;
use super::employee::{self, Discipline};
use super::{Frame, sentences, written};
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

/// Number, title, questions with some answers to each.
pub(in crate::ecd::mock) type Kind = (u64, &'static str, &'static [(&'static str, [&'static str; 2])]);

pub(in crate::ecd::mock) const KINDS: [Kind; 4] = [
    (
        4,
        "Risicosignalering vallen",
        &[
            (
                "Is de cliënt het afgelopen half jaar gevallen?",
                ["Nee", "Ja, een keer"],
            ),
            (
                "Gebruikt de cliënt een loophulpmiddel?",
                ["{loopt}Ja, een rollator", "{rolt}Nee, een rolstoel"],
            ),
            (
                "Wat is afgesproken?",
                [
                    "Schoenen met vaste hiel, geen losse matten.",
                    "{P} oefent twee keer per week.",
                ],
            ),
        ],
    ),
    (
        7,
        "Levensloop",
        &[
            (
                "Waar is de cliënt trots op?",
                ["Op de kinderen en de tuin.", "Op veertig jaar eigen zaak."],
            ),
            (
                "Waar wordt de cliënt blij van?",
                ["Muziek van vroeger.", "Bezoek van de kleinkinderen."],
            ),
        ],
    ),
    (
        9,
        "Voorkeuren bij eten en drinken",
        &[
            ("Wat eet de cliënt graag?", ["Stamppot en soep.", "Rijst met kip."]),
            (
                "Wat drinkt de cliënt graag?",
                ["Thee zonder suiker.", "Koffie met melk."],
            ),
        ],
    ),
    (
        12,
        "Incident (MIC)",
        &[
            (
                "Wat gebeurde er?",
                ["Gevallen op de eigen kamer.", "Medicijn te laat gegeven."],
            ),
            ("Wat is de oorzaak?", ["Nat geworden vloer.", "Drukke dienst."]),
        ],
    ),
];

/// Incidents are written for the team.
const INCIDENT: u64 = 12;

pub(super) fn fill(frame: &Frame<'_>, dice: &mut Dice, person: &Person, into: &Population) {
    let everything = person.id == frame.cast.everything;
    let mut number = 0;
    let mut add = |dice: &mut Dice, kind: &Kind, status: &str, release: Option<bool>| {
        number += 1;
        let id = person.id * 100 + number;
        let at = frame.at(frame.days_ago(dice.within(5, 29)), 11, dice.small(0, 59));
        let author = employee::one(dice, &frame.staff, Discipline::Nurse).id;
        let is_open = release == Some(true) && status != "Draft";
        let answers: Vec<_> = kind.2.iter().zip(1..).map(|((question, answers), n)| {
            let fitting = sentences::fitting(answers, person, sentences::ANY);
            let answer = sentences::fill(dice.pick(&fitting), person, dice);
            let answer = if is_open { answer } else { format!("{SECRET_MARKER} {answer}") };
            json!({"id": id * 100 + n, "questionObjectId": kind.0 * 100 + n, "questionText": question, "text": answer})
        }).collect();
        let form = json!({
            "id": id, "surveyObjectId": kind.0, "clientObjectId": person.id, "employeeObjectId": author, "status": status,
            "version": 1, "title": format!("{} {}", kind.0, kind.1), "completedAt": written(&at), "answers": answers,
            "groupAnswers": [{"text": SECRET_MARKER}], "createdBy": "formulier", "createdAt": written(&at),
            "updatedAt": written(&at),
        });
        into.add(Shelf::Forms, &form, at.timestamp());
        let Some(stays) = release else { return };
        let mut row = json!({
            "id": person.id * 1_000 + 500 + number, "clientId": person.id, "resourceName": "Survey.SurveyResult",
            "resourceId": id.to_string(), "recipientGroup": "client", "sharedAt": written(&at), "writable": false,
        });
        if !stays {
            row["unsharedAt"] = written(&at).into();
            row["unshareReason"] = SECRET_MARKER.into();
        }
        into.add(Shelf::Releases, &row, at.timestamp());
    };
    for kind in KINDS.iter().filter(|kind| kind.0 != INCIDENT) {
        if everything || dice.permille(400) {
            add(dice, kind, "Current", Some(true));
        }
    }
    if everything || dice.permille(300) {
        add(dice, &KINDS[3], "Current", None);
    }
    if everything {
        add(dice, &KINDS[0], "Archived", Some(true));
        add(dice, &KINDS[1], "Draft", Some(true));
        add(dice, &KINDS[2], "Current", Some(false));
        add(dice, &KINDS[2], "Current", None);
    }
}
