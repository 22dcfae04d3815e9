//! Measurements: what they are of, and values that fit the client.

use super::dice::Dice;
use super::employee::Discipline;
use super::report::{Note, Writer};

/// Hours between which a client is on the scales: before breakfast.
const SCALES: (i8, i8) = (7, 8);

/// Hours of the other measurements.
const ROUNDS: (i8, i8) = (8, 20);

pub(super) fn hours(note: &Note) -> (i8, i8) {
    if note.kind == 102 { SCALES } else { ROUNDS }
}

fn tenths(value: i64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

impl Writer<'_> {
    pub(super) fn measurement(&self, dice: &mut Dice, ago: i64) -> Note {
        let kind = dice.pick(&[102, 103, 103, 104, 105, 106, 107, 108, 221, 309, 311, 314, 316, 317]);
        self.measure(dice, kind, ago)
    }

    /// One of this type, as it was so many days ago.
    pub(super) fn measure(&self, dice: &mut Dice, kind: u64, ago: i64) -> Note {
        let whole = |value: i64| value.to_string();
        let one = |value: String, unit| [("decimalValue", value, unit)];
        let by = Discipline::Nurse;
        match kind {
            102 => {
                if dice.permille(300) {
                    return self.body_mass(dice, ago);
                }
                Note::measured(kind, by, &one(tenths(self.weight(dice, ago)), "kg"))
            }
            103 => {
                let (upper, lower) = self.person.body.pressure(dice);
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

    fn weight(&self, dice: &mut Dice, ago: i64) -> i64 {
        let span = i64::from(self.frame.shape.report_days);
        self.person.body.weight(dice, ago, span)
    }

    /// Weight, height and body mass index in one report.
    pub(super) fn body_mass(&self, dice: &mut Dice, ago: i64) -> Note {
        let body = &self.person.body;
        let weight = self.weight(dice, ago);
        let (height, index) = (body.height, body.index(weight));
        let entries = [
            ("weight", tenths(weight), "kg"),
            ("size", height.to_string(), "cm"),
            ("bmi", tenths(index), "kg/m2"),
        ];
        Note::measured(102, Discipline::Nurse, &entries)
    }
}
