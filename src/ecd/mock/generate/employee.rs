//! Employees and their disciplines.
//!
//! # Design
//! ASSUMPTION: the stream of employees is in the product's list of endpoints, but its payload was not seen in public
//! material. The fields here are those that its other records use for people.

use jiff::Zoned;
use serde_json::{Value, json};

use super::dice::Dice;
use super::names::{self, Sex};
use super::written;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discipline {
    Carer,
    Nurse,
    Doctor,
    Physiotherapist,
    OccupationalTherapist,
    SpeechTherapist,
    Dietitian,
    Psychologist,
    Chaplain,
    ActivityCoach,
}

impl Discipline {
    const ALL: [Self; 10] = [
        Self::Carer,
        Self::Nurse,
        Self::Doctor,
        Self::Physiotherapist,
        Self::OccupationalTherapist,
        Self::SpeechTherapist,
        Self::Dietitian,
        Self::Psychologist,
        Self::Chaplain,
        Self::ActivityCoach,
    ];

    fn description(self) -> &'static str {
        match self {
            Self::Carer => "Verzorgende IG",
            Self::Nurse => "Verpleegkundige",
            Self::Doctor => "Specialist ouderengeneeskunde",
            Self::Physiotherapist => "Fysiotherapeut",
            Self::OccupationalTherapist => "Ergotherapeut",
            Self::SpeechTherapist => "Logopedist",
            Self::Dietitian => "Diëtist",
            Self::Psychologist => "GZ-psycholoog",
            Self::Chaplain => "Geestelijk verzorger",
            Self::ActivityCoach => "Activiteitenbegeleider",
        }
    }

    pub(super) fn profile(self) -> Value {
        json!({
            "id": 100 + self as u64, "description": self.description(), "visible": true,
            "allowDossierActions": true, "allowDossierConfidential": matches!(self, Self::Doctor | Self::Psychologist),
        })
    }
}

pub(super) struct Employee {
    pub(super) id: u64,
    pub(super) discipline: Discipline,
    first: &'static str,
    prefix: &'static str,
    last: &'static str,
    sex: Sex,
}

/// At least two of each discipline; the rest carers and nurses.
pub(super) fn team(dice: &mut Dice, size: usize) -> Vec<Employee> {
    let every = Discipline::ALL.into_iter().cycle().take(2 * Discipline::ALL.len());
    let hands = [Discipline::Carer, Discipline::Carer, Discipline::Nurse]
        .into_iter()
        .cycle();
    let disciplines = every.chain(hands).take(size);
    disciplines
        .zip(501..)
        .map(|(discipline, id)| {
            let sex = if dice.permille(760) { Sex::Female } else { Sex::Male };
            let (prefix, last) = names::last(dice);
            Employee {
                id,
                discipline,
                first: names::young(dice, sex),
                prefix,
                last,
                sex,
            }
        })
        .collect()
}

impl Employee {
    pub(super) fn record(&self, hired: &Zoned) -> Value {
        let initials = names::initials(self.first);
        let last = names::with_prefix(self.prefix, self.last);
        json!({
            "id": self.id, "uuid": format!("e1000000-0000-4000-8000-{:012x}", self.id),
            "name": format!("{initials} {last}"), "initials": initials, "firstName": self.first, "prefix": self.prefix,
            "lastName": self.last, "gender": self.sex.code(), "active": true,
            "agbCode": self.registered().then(|| format!("{:08}", 90_000_000 + self.id)),
            "bigNumber": self.registered().then(|| format!("{:011}", 99_000_000_000 + self.id)),
            "expertiseProfile": self.discipline.profile(),
            "createdAt": written(hired), "updatedAt": written(hired),
        })
    }

    fn registered(&self) -> bool {
        !matches!(
            self.discipline,
            Discipline::Carer | Discipline::Chaplain | Discipline::ActivityCoach
        )
    }
}

/// An employee of the discipline.
pub(super) fn one<'a>(dice: &mut Dice, staff: &'a [Employee], discipline: Discipline) -> &'a Employee {
    let fitting: Vec<&Employee> = staff
        .iter()
        .filter(|employee| employee.discipline == discipline)
        .collect();
    dice.pick(&fitting)
}

/// So many different employees of the discipline, or all that there are.
pub(super) fn some(dice: &mut Dice, staff: &[Employee], discipline: Discipline, count: usize) -> Vec<u64> {
    let fitting: Vec<u64> = staff
        .iter()
        .filter(|employee| employee.discipline == discipline)
        .map(|employee| employee.id)
        .collect();
    let places = dice.places(count, fitting.len());
    places.into_iter().map(|place| fitting[place]).collect()
}
