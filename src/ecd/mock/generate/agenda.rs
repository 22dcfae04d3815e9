//! Appointments: series and single ones, those of a group, and those that are nobody's business.
//!
//! # Design
//! ASSUMPTION: an occurrence that was moved keeps its id, which holds the day that the series had foreseen, and gets
//! other times. The contract shows only the form of the id.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use super::client::Person;
use super::dice::Dice;
use super::employee::{self, Discipline};
use super::{FIRST, Frame, written};
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rhythm {
    Daily,
    Weekly,
    Fortnightly,
    Single,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Client,
    /// Staff only.
    Private,
    /// About the client, without the client.
    Absent,
}

struct Topic {
    name: &'static str,
    label: (u64, &'static str),
    rhythm: Rhythm,
    hour: i8,
    minutes: i64,
    place: Option<&'static str>,
    by: Discipline,
    audience: Audience,
}

const CARE: (u64, &str) = (1, "Zorgmoment");
const MEETING: (u64, &str) = (2, "Overleg");
const ACTIVITY: (u64, &str) = (3, "Activiteit");
const TREATMENT: (u64, &str) = (4, "Behandeling");
const SERVICE: (u64, &str) = (5, "Dienst");

const fn topic(
    name: &'static str,
    label: (u64, &'static str),
    rhythm: Rhythm,
    (hour, minutes): (i8, i64),
    place: Option<&'static str>,
    by: Discipline,
) -> Topic {
    Topic {
        name,
        label,
        rhythm,
        hour,
        minutes,
        place,
        by,
        audience: Audience::Client,
    }
}

const MORNING: Topic = topic(
    "Hulp bij wassen en aankleden",
    CARE,
    Rhythm::Daily,
    (8, 40),
    None,
    Discipline::Carer,
);

const TOPICS: [Topic; 13] = [
    topic(
        "Fysiotherapie",
        TREATMENT,
        Rhythm::Weekly,
        (10, 30),
        Some("Oefenzaal"),
        Discipline::Physiotherapist,
    ),
    topic("Douchen", CARE, Rhythm::Weekly, (9, 45), None, Discipline::Carer),
    topic(
        "Wandelen met vrijwilliger",
        ACTIVITY,
        Rhythm::Weekly,
        (14, 60),
        Some("Ingang tuin"),
        Discipline::ActivityCoach,
    ),
    topic(
        "Ergotherapie",
        TREATMENT,
        Rhythm::Fortnightly,
        (11, 45),
        None,
        Discipline::OccupationalTherapist,
    ),
    topic(
        "Logopedie",
        TREATMENT,
        Rhythm::Weekly,
        (11, 30),
        None,
        Discipline::SpeechTherapist,
    ),
    topic(
        "Gesprek geestelijk verzorger",
        CARE,
        Rhythm::Fortnightly,
        (15, 45),
        Some("Stilteruimte"),
        Discipline::Chaplain,
    ),
    topic(
        "Kapper",
        SERVICE,
        Rhythm::Fortnightly,
        (13, 45),
        Some("Kapsalon"),
        Discipline::ActivityCoach,
    ),
    topic(
        "Pedicure",
        SERVICE,
        Rhythm::Single,
        (10, 40),
        Some("Kamer"),
        Discipline::ActivityCoach,
    ),
    topic(
        "Artsenvisite",
        TREATMENT,
        Rhythm::Fortnightly,
        (9, 15),
        None,
        Discipline::Doctor,
    ),
    topic(
        "Evaluatie zorgplan",
        MEETING,
        Rhythm::Single,
        (14, 45),
        Some("Spreekkamer 2"),
        Discipline::Nurse,
    ),
    topic(
        "MDO met familie",
        MEETING,
        Rhythm::Single,
        (15, 45),
        Some("Spreekkamer 1"),
        Discipline::Doctor,
    ),
    topic(
        "Polikliniek oogheelkunde, taxi staat om 9.15 uur klaar",
        TREATMENT,
        Rhythm::Single,
        (10, 60),
        Some("Ziekenhuis"),
        Discipline::Nurse,
    ),
    topic(
        "Diëtist: weegmoment en gesprek",
        TREATMENT,
        Rhythm::Single,
        (11, 30),
        None,
        Discipline::Dietitian,
    ),
];

const TEAM: Topic = Topic {
    audience: Audience::Private,
    ..topic(
        "Teamoverleg zonder cliënt",
        MEETING,
        Rhythm::Fortnightly,
        (13, 30),
        None,
        Discipline::Psychologist,
    )
};

const PHARMACY: Topic = Topic {
    audience: Audience::Absent,
    ..topic(
        "Overleg met apotheek",
        MEETING,
        Rhythm::Single,
        (12, 20),
        None,
        Discipline::Doctor,
    )
};

const GROUPS: [Topic; 4] = [
    topic(
        "Zingen in de huiskamer",
        ACTIVITY,
        Rhythm::Weekly,
        (14, 60),
        Some("Huiskamer"),
        Discipline::ActivityCoach,
    ),
    topic(
        "Beweegclub",
        ACTIVITY,
        Rhythm::Weekly,
        (10, 45),
        Some("Grote zaal"),
        Discipline::Physiotherapist,
    ),
    topic(
        "Viering",
        ACTIVITY,
        Rhythm::Weekly,
        (15, 60),
        Some("Kapel"),
        Discipline::Chaplain,
    ),
    topic(
        "Samen koken",
        ACTIVITY,
        Rhythm::Fortnightly,
        (16, 90),
        Some("Leskeuken"),
        Discipline::ActivityCoach,
    ),
];

/// Most clients of one group.
const GROUP: u64 = 12;

pub(super) fn fill(frame: &Frame<'_>, dice: &mut Dice, person: &Person, into: &Population) {
    let everything = person.id == frame.cast.everything;
    let count = if everything {
        9
    } else {
        usize::try_from(dice.within(3, 7)).expect("a small number")
    };
    let mut topics: Vec<&Topic> = dice
        .places(count, TOPICS.len())
        .into_iter()
        .map(|place| &TOPICS[place])
        .collect();
    if everything || dice.permille(300) {
        topics.push(&MORNING);
    }
    if everything || dice.permille(500) {
        topics.push(&TEAM);
    }
    if everything || dice.permille(200) {
        topics.push(&PHARMACY);
    }
    let series = person.id * 100 + 1;
    for (topic, series) in topics.into_iter().zip(series..) {
        let staff = employee::one(dice, &frame.staff, topic.by).id;
        let days = days(frame, dice, topic);
        // In a series one appointment has moved to the day after.
        let moved = if topic.rhythm == Rhythm::Weekly && (everything || dice.permille(300)) {
            days.iter().copied().find(|day| *day > frame.shape.today)
        } else {
            None
        };
        let minute = dice.small(0, 3) * 15;
        for day in days
            .iter()
            .copied()
            .filter(|day| !person.is_away(*day, frame.shape.today))
        {
            let real = if moved == Some(day) {
                day.saturating_add(1.day())
            } else {
                day
            };
            let occurrence = one(frame, topic, (series, day, real, minute), &[person.id], staff, &days);
            into.add(
                Shelf::Agenda,
                &occurrence,
                frame.at(frame.days_ago(20), 12, 0).timestamp(),
            );
        }
    }
}

/// Activities of a group: one occurrence with one id for all its clients.
pub(super) fn groups(frame: &Frame<'_>, clients: usize, into: &Population) {
    let clients = u64::try_from(clients).expect("a count of clients");
    let teams = clients.div_ceil(GROUP);
    for team in 0..teams {
        let members: Vec<u64> = (FIRST + team * GROUP..FIRST + clients.min((team + 1) * GROUP))
            .filter(|client| *client != frame.cast.departed)
            .collect();
        for (topic, n) in GROUPS.iter().zip(1..) {
            let mut dice = Dice::new(frame.shape.seed, team * 10 + n);
            let staff = employee::one(&mut dice, &frame.staff, topic.by).id;
            let days = days(frame, &mut dice, topic);
            for day in days.iter().copied() {
                let occurrence = one(
                    frame,
                    topic,
                    (900_000 + team * 10 + n, day, day, 0),
                    &members,
                    staff,
                    &days,
                );
                into.add(
                    Shelf::Agenda,
                    &occurrence,
                    frame.at(frame.days_ago(20), 12, 0).timestamp(),
                );
            }
        }
    }
}

/// The days of a series within the agenda.
fn days(frame: &Frame<'_>, dice: &mut Dice, topic: &Topic) -> Vec<Date> {
    let (before, after) = frame.shape.agenda_days;
    let first = frame.days_ago(i64::from(before));
    let last = frame.shape.today.saturating_add(i64::from(after).days());
    let offset = dice.within(0, 13);
    let step = match topic.rhythm {
        Rhythm::Daily => 1,
        Rhythm::Weekly => 7,
        Rhythm::Fortnightly => 14,
        Rhythm::Single => {
            let only = first.saturating_add(dice.within(0, i64::from(before + after)).days());
            return vec![workday(only)];
        }
    };
    let start = first.saturating_add((offset % step).days());
    let start = if step == 1 { start } else { workday(start) };
    start.series(step.days()).take_while(|day| *day <= last).collect()
}

fn workday(day: Date) -> Date {
    match day.weekday() {
        Weekday::Saturday => day.saturating_add(2.days()),
        Weekday::Sunday => day.saturating_add(1.day()),
        _ => day,
    }
}

fn one(
    frame: &Frame<'_>,
    topic: &Topic,
    (series, foreseen, day, minute): (u64, Date, Date, i8),
    clients: &[u64],
    staff: u64,
    days: &[Date],
) -> Value {
    let start = frame.at(day, topic.hour, minute);
    let end = start.saturating_add(topic.minutes.minutes());
    let secret = topic.audience != Audience::Client;
    let name = if secret {
        format!("{SECRET_MARKER} {}", topic.name)
    } else {
        topic.name.to_owned()
    };
    let recurrence = match topic.rhythm {
        Rhythm::Daily => "daily",
        Rhythm::Weekly | Rhythm::Fortnightly => "weekly",
        Rhythm::Single => "single",
    };
    let invited: Vec<Value> = clients
        .iter()
        .map(|client| json!({"clientId": client, "accepted": true}))
        .collect();
    json!({
        "id": format!("{series}@{foreseen}"), "occurrenceDate": foreseen.to_string(),
        "uuid": format!("a1000000-0000-4000-8000-{series:012x}"), "groupUuid": null,
        "name": name, "comment": if secret { SECRET_MARKER } else { "" }, "timelineId": series,
        "validFrom": days.first().unwrap_or(&day).to_string(),
        "validTo": days.last().unwrap_or(&day).saturating_add(1.day()).to_string(),
        "startTime": start.strftime("%H:%M:%S.000").to_string(), "endTime": end.strftime("%H:%M:%S.000").to_string(),
        "startsAt": written(&start), "endsAt": written(&end), "duration": 0, "recurrenceType": recurrence,
        "cycleInterval": if topic.rhythm == Rhythm::Fortnightly { 2 } else { 1 },
        "customLocation": topic.place, "registered": day < frame.shape.today, "registrationComplete": false,
        "clientPresent": topic.audience == Audience::Client, "private": topic.audience == Audience::Private,
        "agendaInvitations": [{"employeeId": staff, "accepted": true}], "agendaClientInvitations": invited,
        "labels": [{"id": topic.label.0, "name": topic.label.1}],
    })
}
