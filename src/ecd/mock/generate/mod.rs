//! Makes up dossiers: the same arguments give the same dossiers, byte by byte.
//!
//! # Design
//! Each client has a generator of its own, seeded with the seed and the client's number, so the first dossiers stay
//! the same when more clients are asked for. The first ten clients have a part ([`Cast`]): demo accounts and tests
//! point at them. Rates follow what care organisations report: 0.6 to 2 reports a client a day, most of them short, 3 to
//! 10 appointments a week, one to four contacts, and one client in eight with a legal representative.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use super::{Population, Shelf};

mod agenda;
mod agenda_topics;
mod around;
mod body;
mod client;
mod contact;
mod dice;
mod employee;
pub(super) mod form;
mod names;
mod plan;
mod plan_texts;
mod report;
mod report_cast;
mod report_measure;
mod report_texts;
mod sentences;

use client::Person;
use dice::Dice;

/// How many dossiers, and how full.
#[derive(Clone, Debug)]
pub struct Shape {
    pub clients: usize,
    pub seed: u64,
    /// Reports end the day before; appointments run on after it.
    pub today: Date,
    /// Days of reports before today.
    pub report_days: u32,
    /// Days of appointments before and after today.
    pub agenda_days: (u32, u32),
}

impl Shape {
    /// About 300 records a client.
    pub fn new(clients: usize, seed: u64, today: Date) -> Self {
        Self {
            clients,
            seed,
            today,
            report_days: 180,
            agenda_days: (30, 90),
        }
    }
}

/// Clients and contact relations with a fixed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Has every kind of report, three plans, a legal representative and all the traps.
    pub everything: u64,
    /// Is in hospital and stays a client.
    pub hospital: u64,
    /// Died 61 days before today.
    pub departed: u64,
    /// A couple with one representative.
    pub pair: [u64; 2],
    /// Never logged in.
    pub newcomer: u64,
    /// Has `secretClient`.
    pub secret: u64,
    /// Two clients who got the same BSN by mistake.
    pub same_bsn: [u64; 2],
    /// Left and came back.
    pub returned: u64,
    /// Relation of the first contact of `everything`.
    pub first_contact: u64,
    /// Relation of a contact of `everything` who should see little.
    pub distant_contact: u64,
    /// Relation of the legal representative of `everything`.
    pub legal_representative: u64,
    /// Relations of the representative of the pair, one for each client.
    pub representative: [u64; 2],
}

impl Default for Cast {
    fn default() -> Self {
        let relation = |client: u64, n: u64| client * 100 + n;
        Self {
            everything: FIRST,
            hospital: FIRST + 1,
            departed: FIRST + 2,
            pair: [FIRST + 3, FIRST + 4],
            newcomer: FIRST + 5,
            secret: FIRST + 6,
            same_bsn: [FIRST + 7, FIRST + 8],
            returned: FIRST + 9,
            first_contact: relation(FIRST, 1),
            distant_contact: relation(FIRST, 3),
            legal_representative: relation(FIRST, 2),
            representative: [relation(FIRST + 3, 1), relation(FIRST + 4, 1)],
        }
    }
}

/// The number of the first client.
const FIRST: u64 = 10101;

/// Clients with a part in [`Cast`].
const LEAST: usize = 10;

/// What every part of the generator needs to know.
struct Frame<'a> {
    shape: &'a Shape,
    zone: TimeZone,
    staff: Vec<employee::Employee>,
    cast: Cast,
}

impl Frame<'_> {
    /// A local moment; one that the clocks skip moves forward.
    fn at(&self, date: Date, hour: i8, minute: i8) -> Zoned {
        let local = date.at(hour, minute, 0, 0);
        local
            .to_zoned(self.zone.clone())
            .expect("dates of dossiers are far from the ends of time")
    }

    fn days_ago(&self, days: i64) -> Date {
        self.shape.today.saturating_sub(days.days())
    }

    /// The dice of one part of one client, so that a new part changes nothing of the others.
    fn dice(&self, client: u64, part: u64) -> Dice {
        Dice::new(self.shape.seed ^ (part << 40), client)
    }
}

pub(super) fn fill(shape: &Shape, into: &Population) {
    let zone = TimeZone::get("Europe/Amsterdam").expect("the time zone database is part of the program");
    let clients = shape.clients.max(LEAST);
    let mut frame = Frame {
        shape,
        zone,
        staff: Vec::new(),
        cast: Cast::default(),
    };
    frame.staff = employee::team(&mut Dice::new(shape.seed, 0), 24 + clients / 10);
    for employee in &frame.staff {
        let hired = frame.at(frame.days_ago(400), 9, 0);
        into.add(Shelf::Employees, &employee.record(&hired), hired.timestamp());
    }
    for client in (FIRST..).take(clients) {
        let mut dice = Dice::new(shape.seed, client);
        let mut person = Person::new(&frame, &mut dice, client);
        let changed = frame.at(frame.days_ago(dice.within(20, 300)), 10, 0);
        into.add(
            Shelf::Clients,
            &person.record(&frame, &mut dice, &changed),
            changed.timestamp(),
        );
        person.relatives = contact::fill(&frame, &mut dice, &person, into);
        let planned = plan::fill(&frame, &mut dice, &person, into);
        report::fill(&frame, &mut dice, &person, &planned.goals, into);
        agenda::fill(&frame, &mut dice, &person, into);
        form::fill(&frame, &mut dice, &person, into);
        plan::classify(&frame, &person, planned, into);
        around::fill(&frame, &person, into);
    }
    around::providers(&frame, clients, into);
    agenda::groups(&frame, clients, into);
}

/// A time as Ons writes it: local, milliseconds, with the offset.
fn written(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000%:z").to_string()
}

/// The same of an instant.
pub(super) fn instant(at: Timestamp) -> String {
    let zone = TimeZone::get("Europe/Amsterdam").expect("the time zone database is part of the program");
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
}

#[cfg(test)]
mod rules;
#[cfg(test)]
mod rules_of_care;
