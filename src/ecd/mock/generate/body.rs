//! The body of a client: how it moves, how tall and how heavy it is.
//!
//! # Design
//! One client has one level of mobility, one height, and a weight that drifts slowly, so that all reports agree with each
//! other. The dice are the body's own: a new trait changes no text of the rest.

use super::dice::Dice;
use super::names::Sex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mobility {
    /// On its feet, with a rollator.
    Walks,
    /// In a wheelchair, in and out of bed with a hoist.
    Rolls,
}

#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) mobility: Mobility,
    /// In centimetres.
    pub(super) height: i64,
    /// In tenths of a kilogram, at the first report.
    weight: i64,
    /// How much of a thousand the weight gains or loses until the last report.
    drift: i64,
    /// Systolic and diastolic, in millimetres of mercury.
    pressure: (i64, i64),
}

impl Body {
    pub(super) fn new(dice: &mut Dice, sex: Sex, walks: bool) -> Self {
        let height = match sex {
            Sex::Female => dice.within(150, 171),
            Sex::Male => dice.within(162, 185),
            Sex::Unknown => dice.within(155, 178),
        };
        let index = dice.within(205, 305);
        Self {
            mobility: if walks || dice.permille(650) {
                Mobility::Walks
            } else {
                Mobility::Rolls
            },
            height,
            weight: index * height * height / 10_000,
            drift: dice.within(-40, 40),
            pressure: (dice.within(118, 152), dice.within(66, 84)),
        }
    }

    /// The weight so many days before the last of `span` days, in tenths of a kilogram.
    pub(super) fn weight(&self, dice: &mut Dice, ago: i64, span: i64) -> i64 {
        let gone = (span - ago).clamp(0, span.max(1));
        self.weight + self.weight * self.drift * gone / (1_000 * span.max(1)) + dice.within(-2, 2)
    }

    /// The body mass index of a weight, in tenths, rounded.
    pub(super) fn index(&self, weight: i64) -> i64 {
        let square = self.height * self.height;
        (weight * 10_000 + square / 2) / square
    }

    pub(super) fn pressure(&self, dice: &mut Dice) -> (i64, i64) {
        let (upper, lower) = self.pressure;
        (upper + dice.within(-9, 9), lower + dice.within(-7, 7))
    }
}
