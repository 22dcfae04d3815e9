//! Reports: what was written about a client, day by day.

use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};
use serde_json::{Value, json};

use super::client::Person;
use super::dice::Dice;
use super::employee::{self, Discipline};
use super::report_texts as texts;
use super::{Frame, report_cast, report_measure, sentences, written};
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

/// Who may read a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    Open,
    /// With the reason.
    Hidden(&'static str),
    Confidential,
    /// Only for some disciplines.
    Restricted,
}

/// A report before it has a number and an author.
pub(super) struct Note {
    /// `reportTypeId`.
    pub(super) kind: u64,
    pub(super) comment: String,
    pub(super) by: Discipline,
    pub(super) entries: Vec<Value>,
    pub(super) soap: Vec<Value>,
    pub(super) secrecy: Secrecy,
    /// Place among the contacts of the relative who wrote it.
    pub(super) family: Option<usize>,
    pub(super) goal: Option<u64>,
}

impl Note {
    pub(super) fn text(kind: u64, by: Discipline, comment: String) -> Self {
        Self {
            kind,
            comment,
            by,
            entries: Vec::new(),
            soap: Vec::new(),
            secrecy: Secrecy::Open,
            family: None,
            goal: None,
        }
    }

    pub(super) fn measured(kind: u64, by: Discipline, values: &[(&str, String, &str)]) -> Self {
        let mut note = Self::text(kind, by, String::new());
        note.entries = values
            .iter()
            .map(|(name, value, unit)| json!({"name": name, "value": value, "unit": unit, "format": null, "displayName": ""}))
            .collect();
        note
    }

    pub(super) fn with(self, secrecy: Secrecy) -> Self {
        Self { secrecy, ..self }
    }
}

/// Each has one report a day at most: nobody has breakfast twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shift {
    Early,
    Late,
    Night,
}

impl Shift {
    /// First and last hour in which it writes.
    fn hours(self) -> (i8, i8) {
        match self {
            Self::Early => (9, 14),
            Self::Late => (15, 22),
            Self::Night => (6, 6),
        }
    }

    /// What it writes of, and how much at least and at most.
    fn themes(self) -> (&'static [&'static [&'static str]], i64, i64) {
        match self {
            Self::Early => (&texts::EARLY, 2, 4),
            Self::Late => (&texts::LATE, 2, 4),
            Self::Night => (&texts::NIGHT, 1, 2),
        }
    }
}

/// Hours of those who work in the day.
const OFFICE: (i8, i8) = (9, 16);

/// Hours in which families write.
const FAMILY: (i8, i8) = (10, 20);

/// Numbers the reports of one client and puts them into the dossier.
pub(super) struct Writer<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) person: &'a Person,
    pub(super) goals: &'a [u64],
    pub(super) into: &'a Population,
    number: u64,
    releases: u64,
}

pub(super) fn fill(frame: &Frame<'_>, dice: &mut Dice, person: &Person, goals: &[u64], into: &Population) {
    let mut writer = Writer {
        frame,
        person,
        goals,
        into,
        number: 0,
        releases: 0,
    };
    // One client in ten is reported on by exception only: quiet days stay empty.
    let rate = if dice.permille(100) {
        300
    } else {
        dice.within(600, 2000)
    };
    for ago in (1..=i64::from(frame.shape.report_days)).rev() {
        let day = frame.days_ago(ago);
        if person.is_away(day, frame.shape.today) {
            continue;
        }
        let count = rate / 1000 + i64::from(dice.permille(rate % 1000));
        let mut shifts = vec![Shift::Early, Shift::Late, Shift::Night];
        let mut days: Vec<(Zoned, Note)> = (0..count).map(|_| writer.any(dice, ago, &mut shifts)).collect();
        days.sort_by_key(|(at, _)| at.timestamp());
        for (at, note) in days {
            writer.add(dice, &at, note);
        }
    }
    if person.id == frame.cast.everything {
        report_cast::fill(&mut writer, dice);
    }
}

impl Writer<'_> {
    pub(super) fn say(&self, dice: &mut Dice, template: &str) -> String {
        sentences::fill(template, self.person, dice)
    }

    /// One sentence of some themes, in their order, of those that may be said in this hour.
    fn compose(&self, dice: &mut Dice, themes: &[&[&str]], hour: i8, least: i64, most: i64) -> String {
        let open: Vec<Vec<&str>> = themes
            .iter()
            .map(|theme| sentences::fitting(theme, self.person, hour))
            .filter(|theme| !theme.is_empty())
            .collect();
        let count = usize::try_from(dice.within(least, most)).expect("a small number");
        let places = dice.places(count, open.len());
        let parts: Vec<String> = places
            .into_iter()
            .map(|place| sentences::fill_at(dice.pick(&open[place]), self.person, dice, hour))
            .collect();
        parts.join(" ")
    }

    /// A report of a shift that has not written that day.
    fn daily(&self, dice: &mut Dice, day: Date, shift: Shift) -> (Zoned, Note) {
        let at = self.at(dice, day, shift.hours());
        let (themes, least, most) = shift.themes();
        let by = if dice.permille(700) {
            Discipline::Carer
        } else {
            Discipline::Nurse
        };
        let mut note = Note::text(101, by, self.compose(dice, themes, at.hour(), least, most));
        if !self.goals.is_empty() && dice.permille(350) {
            note.goal = Some(dice.pick(self.goals));
        }
        (at, note)
    }

    fn at(&self, dice: &mut Dice, day: Date, (from, to): (i8, i8)) -> Zoned {
        self.frame.at(day, dice.small(from, to), dice.small(0, 59))
    }

    /// One report as they come in a working week.
    fn any(&self, dice: &mut Dice, ago: i64, shifts: &mut Vec<Shift>) -> (Zoned, Note) {
        let day = self.frame.days_ago(ago);
        let draw = dice.within(1, 1000);
        if draw <= 560 && !shifts.is_empty() {
            let wanted = match dice.within(0, 9) {
                0..=4 => Shift::Early,
                5..=7 => Shift::Late,
                _ => Shift::Night,
            };
            let place = shifts.iter().position(|shift| *shift == wanted).unwrap_or(0);
            let shift = shifts.remove(place);
            return self.daily(dice, day, shift);
        }
        if draw <= 760 {
            let note = self.measurement(dice, ago);
            return (self.at(dice, day, report_measure::hours(&note)), note);
        }
        if (901..=925).contains(&draw) {
            return (self.at(dice, day, FAMILY), self.family(dice));
        }
        let note = match draw {
            761..=810 => {
                let by = [
                    Discipline::Physiotherapist,
                    Discipline::OccupationalTherapist,
                    Discipline::SpeechTherapist,
                    Discipline::Dietitian,
                ];
                Note::text(101, dice.pick(&by), self.pick(dice, &texts::THERAPY))
            }
            811..=840 => {
                let by = dice.pick(&[Discipline::Chaplain, Discipline::ActivityCoach]);
                Note::text(101, by, self.pick(dice, &texts::COMFORT))
            }
            841..=870 => Note::text(109, Discipline::Doctor, self.pick(dice, &texts::DOCTOR)),
            871..=900 => self.progress(dice),
            926..=927 => self.chain(dice),
            928 => self.internal(dice),
            929..=930 => self.wound(dice),
            931..=940 | 991..=998 => Note::text(310, Discipline::Nurse, self.pick(dice, &texts::OMAHA)),
            941..=970 => self.soap(dice),
            971..=978 => self.secret(dice, Secrecy::Confidential),
            979..=984 => self.secret(dice, Secrecy::Restricted),
            985..=990 => {
                let reason = dice.pick(&texts::HIDING);
                self.secret(dice, Secrecy::Hidden(reason))
            }
            _ => self.meeting(dice),
        };
        (self.at(dice, day, OFFICE), note)
    }

    fn pick(&self, dice: &mut Dice, from: &[&str]) -> String {
        let fitting = sentences::fitting(from, self.person, sentences::ANY);
        let template = dice.pick(&fitting);
        self.say(dice, template)
    }

    pub(super) fn progress(&self, dice: &mut Dice) -> Note {
        let mut note = Note::text(110, Discipline::Nurse, self.pick(dice, &texts::PROGRESS));
        let share = (dice.within(1, 9) * 10).to_string();
        note.entries = vec![json!({"name": "decimalValue", "value": share, "unit": "%", "displayName": "Voortgang"})];
        note.goal = self.goals.first().copied();
        note
    }

    pub(super) fn family(&self, dice: &mut Dice) -> Note {
        let mut note = Note::text(111, Discipline::Carer, self.pick(dice, &texts::FAMILY));
        let relatives = &self.person.relatives;
        let kin = (0..relatives.len()).filter(|place| relatives[*place].is_kin());
        let kin: Vec<usize> = kin.collect();
        // Who has no family is written about by the first contact.
        note.family = Some(if kin.is_empty() { 0 } else { dice.pick(&kin) });
        note
    }

    pub(super) fn chain(&self, dice: &mut Dice) -> Note {
        let text = self.pick(dice, &texts::CHAIN);
        Note::text(112, Discipline::Nurse, format!("{SECRET_MARKER} {text}"))
    }

    /// A type of the organisation's own that stays in the team.
    pub(super) fn internal(&self, dice: &mut Dice) -> Note {
        let text = self.pick(dice, &texts::INTERNAL);
        Note::text(230, Discipline::Nurse, format!("{SECRET_MARKER} {text}"))
    }

    /// A type of the organisation's own that it may publish.
    pub(super) fn wound(&self, dice: &mut Dice) -> Note {
        Note::text(212, Discipline::Nurse, self.pick(dice, &texts::WOUND))
    }

    pub(super) fn secret(&self, dice: &mut Dice, secrecy: Secrecy) -> Note {
        let text = self.pick(dice, &texts::INTERNAL);
        Note::text(101, Discipline::Psychologist, format!("{SECRET_MARKER} {text}")).with(secrecy)
    }

    /// A text that the product has escaped for HTML.
    pub(super) fn escaped(&self, dice: &mut Dice) -> Note {
        let text = self.say(
            dice,
            "RR &lt; 140/85 &amp; pols regulair. {P} vroeg om caf&eacute;-muziek en zei: &quot;Dat helpt mij&quot;.",
        );
        Note::text(101, Discipline::Nurse, text)
    }

    /// A long report of a meeting, with paragraphs.
    pub(super) fn meeting(&self, dice: &mut Dice) -> Note {
        let parts = sentences::fitting(&texts::MEETING, self.person, sentences::ANY);
        let parts: Vec<String> = parts.into_iter().map(|part| self.say(dice, part)).collect();
        Note::text(
            101,
            Discipline::Doctor,
            format!("Verslag MDO\n\n{}", parts.join("\n\n")),
        )
    }

    /// A SOEP report about something that this client can have.
    fn soap(&self, dice: &mut Dice) -> Note {
        let fits = |part: &&str| sentences::fits(part, self.person, sentences::ANY);
        let fitting: Vec<usize> = (0..texts::SOAP.len())
            .filter(|place| texts::SOAP[*place].1.iter().all(fits))
            .collect();
        let place = dice.pick(&fitting);
        let secret = dice.permille(150).then_some(3);
        self.soap_about(dice, place, secret)
    }

    /// The SOEP report at this place of the list; the part at `secret` is confidential.
    pub(super) fn soap_about(&self, dice: &mut Dice, place: usize, secret: Option<usize>) -> Note {
        let (by, template) = texts::SOAP[place];
        let parts = ["Subjective", "Objective", "Assessment", "Plan"];
        let mut note = Note::text(315, by, String::new());
        note.soap = (0..4)
            .map(|n| {
                let hides = secret == Some(n);
                let text = self.say(dice, template[n]);
                let content = if hides { format!("{SECRET_MARKER} {text}") } else { text };
                json!({
                    "soapPart": parts[n], "confidential": hides, "content": content,
                    "expertiseProfileIds": if hides { vec![by as u64 + 100] } else { Vec::new() }, "expertiseGroupIds": [],
                })
            })
            .collect();
        note
    }

    /// Notes that a record was released, and when that was taken back.
    pub(super) fn release(&mut self, name: &str, id: u64, at: &Zoned, back: Option<&Zoned>) {
        self.releases += 1;
        let mut row = json!({
            "id": self.person.id * 1_000 + self.releases, "clientId": self.person.id, "resourceName": name,
            "resourceId": id.to_string(), "recipientGroup": "client", "shareReason": "", "sharedAt": written(at),
            "sharedByEmployeeId": null, "writable": false,
        });
        if let Some(back) = back {
            row["unsharedAt"] = written(back).into();
            row["unshareReason"] = format!("Deze versie bevatte een spelfout {SECRET_MARKER}").into();
        }
        self.into.add(Shelf::Releases, &row, back.unwrap_or(at).timestamp());
    }

    /// Gives the report its number and author and adds it.
    pub(super) fn add(&mut self, dice: &mut Dice, at: &Zoned, note: Note) -> u64 {
        self.number += 1;
        let id = self.person.id * 10_000 + self.number;
        let author = employee::one(dice, &self.frame.staff, note.by);
        let changed = at.saturating_add(dice.within(2, 40).minutes());
        let restricted = match note.secrecy {
            Secrecy::Open | Secrecy::Hidden(_) => json!([]),
            Secrecy::Confidential | Secrecy::Restricted => {
                json!([{"id": id, "expertiseProfileId": note.by as u64 + 100}])
            }
        };
        let mut report = json!({
            "id": id, "uuid": format!("d1000000-0000-4000-8000-{id:012x}"), "reportingDate": written(at),
            "comment": note.comment, "flagged": dice.permille(60), "confidential": note.secrecy == Secrecy::Confidential,
            "hidden": matches!(note.secrecy, Secrecy::Hidden(_)), "clientId": self.person.id, "reportTypeId": note.kind,
            "carePlanEntryId": note.goal, "reportEntries": note.entries, "expertiseProfile": note.by.profile(),
            "reportActions": [], "reportAuthorizations": restricted, "soapReportEntries": note.soap, "episodeIds": [],
            "createdBy": "rapportage", "createdAt": written(at), "updatedAt": written(&changed),
        });
        if let Secrecy::Hidden(reason) = note.secrecy {
            report["hidingReason"] = format!("{reason} {SECRET_MARKER}").into();
        }
        match note.family {
            None => report["employeeId"] = author.id.into(),
            Some(place) => {
                let relative = &self.person.relatives[place];
                report["carenId"] = (self.person.id * 10 + 1 + place as u64).into();
                report["carenName"] = relative.name.as_str().into();
                report["carenRole"] = relative.relation.into();
            }
        }
        self.into.add(Shelf::Reports, &report, changed.timestamp());
        id
    }
}
