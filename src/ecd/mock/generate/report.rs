//! Reports: what was written about a client, day by day.

use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};
use serde_json::{Value, json};

use super::client::Person;
use super::dice::Dice;
use super::employee::{self, Discipline};
use super::report_texts as texts;
use super::{Frame, report_cast, sentences, written};
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
    /// Name and relation of the relative who wrote it.
    pub(super) family: Option<(&'static str, &'static str)>,
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
    let weight = dice.within(480, 880);
    for ago in (1..=i64::from(frame.shape.report_days)).rev() {
        let day = frame.days_ago(ago);
        if person.is_away(day, frame.shape.today) {
            continue;
        }
        let count = rate / 1000 + i64::from(dice.permille(rate % 1000));
        let mut days: Vec<(Zoned, Note)> = (0..count).map(|_| writer.any(dice, day, weight)).collect();
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

    /// One sentence of some themes, in their order.
    fn compose(&self, dice: &mut Dice, themes: &[&[&str]], least: i64, most: i64) -> String {
        let count = usize::try_from(dice.within(least, most)).expect("a small number");
        let places = dice.places(count, themes.len());
        let parts: Vec<String> = places.into_iter().map(|place| self.pick(dice, themes[place])).collect();
        parts.join(" ")
    }

    pub(super) fn daily(&self, dice: &mut Dice, day: Date) -> (Zoned, Note) {
        let (hours, sentences, least, most) = match dice.within(0, 9) {
            0..=4 => ((9, 15), &texts::EARLY[..], 2, 4),
            5..=7 => ((15, 22), &texts::LATE[..], 2, 4),
            _ => ((5, 7), &texts::NIGHT[..], 1, 2),
        };
        let by = if dice.permille(700) {
            Discipline::Carer
        } else {
            Discipline::Nurse
        };
        let mut note = Note::text(101, by, self.compose(dice, sentences, least, most));
        if !self.goals.is_empty() && dice.permille(350) {
            note.goal = Some(dice.pick(self.goals));
        }
        (self.at(dice, day, hours), note)
    }

    fn at(&self, dice: &mut Dice, day: Date, (from, to): (i8, i8)) -> Zoned {
        self.frame.at(day, dice.small(from, to - 1), dice.small(0, 59))
    }

    /// One report as they come in a working week.
    fn any(&self, dice: &mut Dice, day: Date, weight: i64) -> (Zoned, Note) {
        let draw = dice.within(1, 1000);
        if draw <= 560 {
            return self.daily(dice, day);
        }
        let note = match draw {
            561..=760 => self.measurement(dice, weight),
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
            901..=925 => self.family(dice),
            926..=927 => self.chain(dice),
            928 => self.internal(dice),
            929..=930 => self.wound(dice),
            931..=940 => Note::text(310, Discipline::Nurse, self.pick(dice, &texts::OMAHA)),
            941..=970 => self.soap(dice, None),
            971..=978 => self.secret(dice, Secrecy::Confidential),
            979..=984 => self.secret(dice, Secrecy::Restricted),
            985..=990 => {
                let reason = dice.pick(&texts::HIDING);
                self.secret(dice, Secrecy::Hidden(reason))
            }
            991..=998 => self.escaped(dice),
            _ => self.meeting(dice),
        };
        (self.at(dice, day, (9, 20)), note)
    }

    fn pick(&self, dice: &mut Dice, from: &[&str]) -> String {
        let template = dice.pick(from);
        self.say(dice, template)
    }

    pub(super) fn progress(&self, dice: &mut Dice) -> Note {
        let mut note = Note::text(110, Discipline::Nurse, self.pick(dice, &texts::PROGRESS));
        let share = (dice.within(1, 10) * 10).to_string();
        note.entries = vec![json!({"name": "decimalValue", "value": share, "unit": "%", "displayName": "Voortgang"})];
        note.goal = self.goals.first().copied();
        note
    }

    pub(super) fn family(&self, dice: &mut Dice) -> Note {
        let mut note = Note::text(111, Discipline::Carer, self.pick(dice, &texts::FAMILY));
        let (name, relation) =
            [("Hanneke", "Dochter"), ("Marco", "Zoon"), ("Saskia", "Nicht")][usize::from(dice.permille(400))];
        note.family = Some((name, relation));
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
        let parts: Vec<String> = texts::MEETING.iter().map(|part| self.say(dice, part)).collect();
        Note::text(
            101,
            Discipline::Doctor,
            format!("Verslag MDO\n\n{}", parts.join("\n\n")),
        )
    }

    /// A SOEP report; the part at `secret` is confidential.
    pub(super) fn soap(&self, dice: &mut Dice, secret: Option<usize>) -> Note {
        let secret = secret.or_else(|| dice.permille(150).then_some(3));
        let template = dice.pick(&texts::SOAP);
        let parts = ["Subjective", "Objective", "Assessment", "Plan"];
        let by = dice.pick(&[
            Discipline::Doctor,
            Discipline::Psychologist,
            Discipline::Physiotherapist,
        ]);
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

    pub(super) fn measurement(&self, dice: &mut Dice, weight: i64) -> Note {
        let kind = dice.pick(&[102, 103, 103, 104, 105, 106, 107, 108, 221, 309, 311, 314, 316, 317]);
        self.measure(dice, kind, weight)
    }

    pub(super) fn measure(&self, dice: &mut Dice, kind: u64, weight: i64) -> Note {
        let tenths = |value: i64| format!("{}.{}", value / 10, value % 10);
        let whole = |value: i64| value.to_string();
        let one = |value: String, unit| [("decimalValue", value, unit)];
        let by = Discipline::Nurse;
        match kind {
            102 => {
                let weight = weight + dice.within(-12, 12);
                if !dice.permille(300) {
                    return Note::measured(kind, by, &one(tenths(weight), "kg"));
                }
                self.body_mass(weight)
            }
            103 => {
                let (upper, lower) = (dice.within(108, 168), dice.within(58, 94));
                let pulse = dice.within(56, 96);
                Note::measured(
                    kind,
                    by,
                    &[
                        ("systolicPressure", whole(upper), "mm[Hg]"),
                        ("diastolicPressure", whole(lower), "mm[Hg]"),
                        ("heartRate", whole(pulse), "/min"),
                    ],
                )
            }
            104 => Note::measured(kind, by, &one(tenths(dice.within(359, 384)), "°C")),
            105 => Note::measured(kind, by, &one(tenths(dice.within(48, 142)), "mmol/l")),
            106 | 107 => Note::measured(kind, by, &one(whole(dice.within(6, 40) * 50), "ml")),
            108 => Note::text(
                kind,
                Discipline::Carer,
                self.say(dice, "Normale ontlasting, {p} had geen klachten."),
            ),
            221 => Note::measured(kind, by, &one(tenths(dice.within(18, 38)), "")),
            309 => Note::measured(kind, Discipline::Carer, &one(whole(dice.within(1, 5)), "")),
            311 => Note::measured(kind, by, &one(whole(dice.within(90, 99)), "%")),
            314 => {
                let mut note = Note::measured(kind, by, &one(whole(dice.within(0, 8)), ""));
                if dice.permille(400) {
                    note.comment = self.say(dice, "{P} wijst de rug aan. Na een uur rust was het minder.");
                }
                note
            }
            316 => Note::measured(kind, Discipline::Carer, &one(whole(dice.within(1, 7)), "")),
            _ => Note::measured(317, Discipline::Physiotherapist, &one(whole(dice.within(12, 56)), "")),
        }
    }

    /// Weight, height and body mass index in one report.
    pub(super) fn body_mass(&self, weight: i64) -> Note {
        let tenths = |value: i64| format!("{}.{}", value / 10, value % 10);
        let height = 150 + i64::try_from(self.person.id % 40).expect("a small number");
        let index = weight * 10_000 / (height * height);
        let entries = [
            ("weight", tenths(weight), "kg"),
            ("size", height.to_string(), "cm"),
            ("bmi", tenths(index), "kg/m2"),
        ];
        Note::measured(102, Discipline::Nurse, &entries)
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
            Some((name, relation)) => {
                report["carenId"] = (self.person.id * 10 + 1).into();
                report["carenName"] = name.into();
                report["carenRole"] = relation.into();
            }
        }
        self.into.add(Shelf::Reports, &report, changed.timestamp());
        id
    }
}
