//! The reports of the client who has everything: each type in the last two weeks, and every trap.

use jiff::Zoned;

use super::dice::Dice;
use super::employee::Discipline;
use super::report::{Note, Secrecy, Writer};
use crate::ecd::mock::SECRET_MARKER;

/// Longest text that the product takes.
const LONGEST: usize = 6_000;

pub(super) fn fill(writer: &mut Writer<'_>, dice: &mut Dice) {
    let frame = writer.frame;
    let at = |days: i64, hour: i8, minute: i8| frame.at(frame.days_ago(days), hour, minute);
    for (kind, days) in [102, 103, 104, 105, 106, 107, 108, 309, 311, 314, 316, 317]
        .into_iter()
        .zip(2..)
    {
        let note = writer.measure(dice, kind, days);
        writer.add(dice, &at(days, 8, 30), note);
    }
    let notes = [
        writer.progress(dice),
        writer.chain(dice),
        writer.internal(dice),
        writer.wound(dice),
        writer.body_mass(dice, 4),
        writer.measure(dice, 221, 4),
    ];
    for (note, minute) in notes.into_iter().zip(0..) {
        writer.add(dice, &at(4, 14, minute), note);
    }

    for (secrecy, minute) in [
        (Secrecy::Hidden("verkeerde cliënt"), 0),
        (Secrecy::Confidential, 20),
        (Secrecy::Restricted, 40),
    ] {
        let note = writer.secret(dice, secrecy);
        writer.add(dice, &at(3, 16, minute), note);
    }
    // Open, and with one part closed; each about something else, on a day of its own.
    for (about, secret, days, hour) in [
        (0, None, 5, 11),
        (1, Some(0), 8, 10),
        (4, Some(1), 10, 14),
        (5, Some(3), 13, 9),
    ] {
        let note = writer.soap_about(dice, about, secret);
        writer.add(dice, &at(days, hour, 30), note);
    }
    // Not one part may be seen, so there is nothing left to show.
    let mut closed = writer.soap_about(dice, 2, None);
    for part in &mut closed.soap {
        let text = part["content"].as_str().unwrap_or_default();
        part["content"] = format!("{SECRET_MARKER} {text}").into();
        part["confidential"] = true.into();
    }
    writer.add(dice, &at(6, 11, 30), closed);

    let text = writer.say(dice, "{P} at met smaak en hielp met afwassen.");
    let released = writer.add(dice, &at(6, 9, 10), Note::text(101, Discipline::Carer, text));
    writer.release("Dossier.Report", released, &at(6, 10, 0), None);
    let text = format!("{SECRET_MARKER} Deze tekst is teruggetrokken en opnieuw geschreven.");
    let taken = writer.add(dice, &at(6, 9, 20), Note::text(101, Discipline::Carer, text));
    writer.release("Dossier.Report", taken, &at(6, 10, 0), Some(&at(6, 16, 0)));

    let note = writer.escaped(dice);
    writer.add(dice, &at(2, 10, 15), note);
    let mut family = writer.family(dice);
    family.comment = "Wat een mooie middag was het! 🌷👵🏽❤️ Groetjes van ons allemaal".to_owned();
    family.family = Some(0);
    writer.add(dice, &at(2, 20, 5), family);
    let other = "{P} zat aan tafel met dhr. 't Hoen; zij hebben samen een legpuzzel van duizend stukjes afgemaakt.";
    let text = writer.say(dice, other);
    writer.add(dice, &at(7, 17, 0), Note::text(101, Discipline::Carer, text));

    let mut long = writer.meeting(dice);
    while long.comment.chars().count() < LONGEST {
        let more = writer.meeting(dice).comment;
        long.comment = format!("{}\n\n{more}", long.comment);
    }
    long.comment = long.comment.chars().take(LONGEST).collect();
    writer.add(dice, &at(8, 13, 0), long);

    // Two in the same minute.
    for sentence in [
        "Gehoorapparaten ingedaan, de batterij links is vervangen.",
        "Medicatie van 8 uur gegeven volgens de toedienlijst, {p} nam alles met water in.",
    ] {
        let text = writer.say(dice, sentence);
        writer.add(dice, &at(1, 9, 0), Note::text(101, Discipline::Carer, text));
    }
    for night in nights(&frame.at(frame.shape.today, 0, 0)) {
        let text = writer.say(dice, "Ronde in de nacht dat de klok verzet werd: {p} sliep rustig.");
        writer.add(dice, &night, Note::text(101, Discipline::Nurse, text));
    }
}

/// Half an hour before and after each of the last two changes of the clock.
fn nights(today: &Zoned) -> Vec<Zoned> {
    let zone = today.time_zone();
    let changes = zone.preceding(today.timestamp()).take(2);
    let half = jiff::SignedDuration::from_mins(30);
    changes
        .flat_map(|change| [change.timestamp() - half, change.timestamp() + half])
        .map(|at| at.to_zoned(zone.clone()))
        .collect()
}
