//! Appointments: series and single ones, those of a group, and those that are nobody's business.
//!
//! # Design
//! A client is in one place at a time: groups are planned first, and each other series looks for hours that are still free.
//! Daily care comes from a small team with turns.
//!
//! ASSUMPTION: an occurrence that was moved keeps its id, which holds the day that the series had foreseen, and gets
//! other times. The contract shows only the form of the id.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use super::agenda_topics::{Audience, GROUPS, MORNING, PHARMACY, Rhythm, TEAM, TOPICS, Topic};
use super::client::Person;
use super::dice::Dice;
use super::employee;
use super::{FIRST, Frame, written};
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

/// Most clients of one group.
const GROUP: u64 = 12;

/// How often a series looks for free hours; one that finds none is not planned.
const ATTEMPTS: usize = 80;

/// Hands in a team of daily care, and who of them comes on each day of a week; the next week everybody moves up.
const HANDS: usize = 5;
const TURNS: [usize; 7] = [0, 0, 1, 1, 1, 2, 2];

/// When a client is taken: minutes of the day, by day.
#[derive(Default)]
struct Taken(BTreeMap<Date, Vec<(i64, i64)>>);

impl Taken {
    fn is_free(&self, day: Date, (start, end): (i64, i64)) -> bool {
        let others = self.0.get(&day).into_iter().flatten();
        others.into_iter().all(|(from, to)| end <= *from || *to <= start)
    }

    fn take(&mut self, day: Date, span: (i64, i64)) {
        self.0.entry(day).or_default().push(span);
    }
}

/// An activity of a group.
struct Gathering {
    topic: &'static Topic,
    series: u64,
    staff: u64,
    days: Vec<Date>,
}

pub(super) fn fill(frame: &Frame<'_>, dice: &mut Dice, person: &Person, into: &Population) {
    let everything = person.id == frame.cast.everything;
    let mut taken = Taken::default();
    for gathering in gatherings(frame, (person.id - FIRST) / GROUP) {
        let span = gathering.topic.span(0);
        gathering.days.iter().for_each(|day| taken.take(*day, span));
    }
    let series = person.id * 100 + 1;
    for (topic, series) in topics(dice, everything).into_iter().zip(series..) {
        let Some((days, minute)) = free(frame, dice, topic, &taken) else {
            continue;
        };
        let span = topic.span(minute);
        // In a series one appointment has moved to the day after.
        let moved = if topic.rhythm == Rhythm::Weekly && (everything || dice.permille(300)) {
            days.iter()
                .copied()
                .find(|day| *day > frame.shape.today && taken.is_free(day.saturating_add(1.day()), span))
        } else {
            None
        };
        let hands = employee::some(
            dice,
            &frame.staff,
            topic.by,
            if topic.rhythm == Rhythm::Daily { HANDS } else { 1 },
        );
        for day in days.iter().copied() {
            let real = if moved == Some(day) {
                day.saturating_add(1.day())
            } else {
                day
            };
            taken.take(real, span);
            if person.is_away(day, frame.shape.today) {
                continue;
            }
            let staff = on_duty(&hands, real);
            let occurrence = one(frame, topic, (series, day, real, minute), &[person.id], staff, &days);
            into.add(
                Shelf::Agenda,
                &occurrence,
                frame.at(frame.days_ago(20), 12, 0).timestamp(),
            );
        }
    }
}

/// What is planned for a client, the daily care first: it leaves the least choice.
fn topics(dice: &mut Dice, everything: bool) -> Vec<&'static Topic> {
    let count = if everything {
        9
    } else {
        usize::try_from(dice.within(3, 7)).expect("a small number")
    };
    let mut topics = Vec::new();
    if everything || dice.permille(300) {
        topics.push(&MORNING);
    }
    topics.extend(dice.places(count, TOPICS.len()).into_iter().map(|place| &TOPICS[place]));
    if everything || dice.permille(500) {
        topics.push(&TEAM);
    }
    if everything || dice.permille(200) {
        topics.push(&PHARMACY);
    }
    topics
}

/// Days and a minute of the hour at which nothing else is.
fn free(frame: &Frame<'_>, dice: &mut Dice, topic: &Topic, taken: &Taken) -> Option<(Vec<Date>, i8)> {
    (0..ATTEMPTS).find_map(|_| {
        let days = days(frame, dice, topic);
        // Daily care is done before the day begins.
        let minute = dice.small(0, if topic.rhythm == Rhythm::Daily { 1 } else { 3 }) * 15;
        let span = topic.span(minute);
        days.iter()
            .all(|day| taken.is_free(*day, span))
            .then_some((days, minute))
    })
}

/// Who of the team comes that day.
fn on_duty(hands: &[u64], day: Date) -> u64 {
    let monday = Date::constant(2001, 1, 1);
    let week = usize::try_from(day.duration_since(monday).as_hours() / (24 * 7)).unwrap_or(0);
    let turn = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
    hands[(TURNS[turn] + week) % hands.len()]
}

/// Activities of a group: one occurrence with one id for all its clients.
pub(super) fn groups(frame: &Frame<'_>, clients: usize, into: &Population) {
    let clients = u64::try_from(clients).expect("a count of clients");
    let teams = clients.div_ceil(GROUP);
    for team in 0..teams {
        let members: Vec<u64> = (FIRST + team * GROUP..FIRST + clients.min((team + 1) * GROUP))
            .filter(|client| *client != frame.cast.departed)
            .collect();
        for gathering in gatherings(frame, team) {
            for day in gathering.days.iter().copied() {
                let occurrence = one(
                    frame,
                    gathering.topic,
                    (gathering.series, day, day, 0),
                    &members,
                    gathering.staff,
                    &gathering.days,
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

fn gatherings(frame: &Frame<'_>, team: u64) -> Vec<Gathering> {
    let planned = GROUPS.iter().zip(1..).map(|(topic, n)| {
        let mut dice = Dice::new(frame.shape.seed, team * 10 + n);
        Gathering {
            topic,
            series: 900_000 + team * 10 + n,
            staff: employee::one(&mut dice, &frame.staff, topic.by).id,
            days: days(frame, &mut dice, topic),
        }
    });
    planned.collect()
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
