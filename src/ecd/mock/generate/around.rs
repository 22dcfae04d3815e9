//! Who and what is around a client: care providers, employees with a relation, insurances, subscriptions.
//!
//! # Design
//! Each part has dice of its own, so that a new one changes no text of the others. Numbers look like those of the Dutch
//! registers and are made up.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::client::Person;
use super::employee::{self, Discipline};
use super::{FIRST, Frame, written};
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

/// Number, category, organisation, and the person (initials, first name, last name) where one is named.
type Provider = (
    u64,
    u64,
    &'static str,
    Option<(&'static str, &'static str, &'static str)>,
);

const GENERAL_PRACTITIONER: u64 = 1;
const PHARMACY: u64 = 2;
const OTHER: u64 = 3;

const PROVIDERS: [Provider; 8] = [
    (1, GENERAL_PRACTITIONER, "Huisartsenpraktijk De Brink", None),
    (
        2,
        GENERAL_PRACTITIONER,
        "Huisartsenpraktijk Oosterwal",
        Some(("A.", "Anouk", "Terpstra")),
    ),
    (
        3,
        GENERAL_PRACTITIONER,
        "Gezondheidscentrum De Linde",
        Some(("K.", "Karim", "Haddad")),
    ),
    (4, GENERAL_PRACTITIONER, "Apotheekhoudende praktijk Weidezicht", None),
    (5, PHARMACY, "Apotheek Centrum", None),
    (6, PHARMACY, "Apotheek De Vijzel", None),
    (7, OTHER, "Tandartspraktijk Havenkade", None),
    // Entered by mistake: a remark and no name.
    (8, OTHER, "", None),
];

const INSURERS: [(&str, &str); 3] = [
    ("9664", "Voorbeeld Zorgverzekeraar"),
    ("9665", "Onderlinge De Zekerheid"),
    ("9666", "Zorgpolis Noord"),
];

const SUBSCRIPTIONS: [(&str, &str); 4] = [
    ("Was- en linnenservice", "17.50/week"),
    ("Televisie en internet", "12.00/maand"),
    ("Gezelschap wandelen", "8.00/keer"),
    ("Maaltijdservice in het restaurant", "9.75/keer"),
];

/// Treatment, decision, and what was said with it.
const WISHES: [(&str, &str, &str); 5] = [
    ("Reanimatie", "NEE", ""),
    ("Opname op de intensive care", "NEE", ""),
    (
        "Opname in het ziekenhuis",
        "ANDERS",
        "Alleen na overleg met de familie.",
    ),
    ("Antibiotica", "JA", ""),
    // A treatment that no code list has.
    ("Sondevoeding", "NEE", "Zo besproken met de huisarts."),
];

/// The care providers of one client, by number.
fn of(frame: &Frame<'_>, client: u64) -> Vec<u64> {
    if client == frame.cast.everything {
        return vec![2, 5, 7, 8];
    }
    let mut dice = frame.dice(client, 1);
    let mut found = vec![dice.pick(&[1, 2, 3, 4]), dice.pick(&[5, 6])];
    found.extend(dice.permille(300).then_some(7));
    found
}

/// Every care provider once, with whom it cares for.
pub(super) fn providers(frame: &Frame<'_>, clients: usize, into: &Population) {
    let known = frame.at(frame.days_ago(400), 9, 0);
    for (id, category, company, person) in PROVIDERS {
        let cared_for: Vec<u64> = (FIRST..)
            .take(clients)
            .filter(|client| of(frame, *client).contains(&id))
            .collect();
        let record = json!({
            "id": id, "identificationNumber": (!company.is_empty()).then(|| format!("0{category}{id:06}")),
            "companyName": company, "name": person.map_or(company, |(.., last)| last),
            "initials": person.map(|(initials, ..)| initials), "firstName": person.map(|(_, first, _)| first),
            "prefix": null, "gender": person.map(|_| "U"), "categoryObjectId": category,
            "isDispensing": id == 4 || category == PHARMACY,
            "uraNumber": (category == PHARMACY).then(|| format!("{:08}", 12_300_000 + id)),
            "comments": format!("{SECRET_MARKER} belt liever niet terug"), "clientIds": cared_for,
        });
        into.add(Shelf::CareProviders, &record, known.timestamp());
    }
}

pub(super) fn fill(frame: &Frame<'_>, person: &Person, into: &Population) {
    employees(frame, person, into);
    insurances(frame, person, into);
    subscriptions(frame, person, into);
    wishes(frame, person, into);
}

fn employees(frame: &Frame<'_>, person: &Person, into: &Population) {
    let mut dice = frame.dice(person.id, 2);
    let mut relations = vec![
        (
            "EVV",
            employee::one(&mut dice, &frame.staff, Discipline::Carer).id,
            None,
        ),
        (
            "Behandelaar",
            employee::one(&mut dice, &frame.staff, Discipline::Doctor).id,
            None,
        ),
    ];
    if person.id == frame.cast.everything || dice.permille(500) {
        let therapist = employee::one(&mut dice, &frame.staff, Discipline::Physiotherapist).id;
        relations.push(("Paramedicus", therapist, None));
    }
    if person.id == frame.cast.everything {
        // Was responsible before: no longer anybody's business.
        let before = employee::one(&mut dice, &frame.staff, Discipline::Nurse).id;
        relations.push(("EVV (oud)", before, Some(frame.days_ago(100))));
    }
    let changed = frame.at(frame.days_ago(dice.within(3, 90)), 16, 0);
    for ((role, employee, until), n) in relations.into_iter().zip(1_u64..) {
        let name = match until {
            Some(_) => format!("{SECRET_MARKER} {role}"),
            None => role.to_owned(),
        };
        let begin = frame.days_ago(if until.is_some() { 400 } else { 150 });
        let record = json!({
            "id": person.id * 10 + n, "clientId": person.id, "employeeId": employee, "relationName": name,
            "relationTypeId": n, "relationType": {"id": n, "name": name, "negative": false, "active": true},
            "validFrom": written(&frame.at(begin, 0, 0)),
            "validTo": until.map(|until: Date| written(&frame.at(until, 0, 0))),
            "createdBy": "planbureau", "createdAt": written(&frame.at(begin, 9, 0)), "updatedAt": written(&changed),
        });
        into.add(Shelf::EmployeeRelations, &record, changed.timestamp());
    }
}

fn insurances(frame: &Frame<'_>, person: &Person, into: &Population) {
    let mut dice = frame.dice(person.id, 3);
    let (uzovi, insurer) = dice.pick(&INSURERS);
    let changed = frame.at(frame.days_ago(dice.within(3, 90)), 8, 30);
    let begin = Date::constant(2026, 1, 1);
    let everything = person.id == frame.cast.everything;
    let mut taken: Vec<(&str, &str, Option<Date>)> = vec![("BV", "", None)];
    if everything || dice.permille(600) {
        taken.push(("AV", "AV Plus", None));
    }
    if everything || dice.permille(100) {
        taken.push(("TV", "Tand 250", Some(Date::constant(2026, 12, 31))));
    }
    for ((kind, package, end), n) in taken.into_iter().zip(1_u64..) {
        let record = json!({
            "id": person.id * 10 + n, "clientObjectId": person.id, "debtorObjectId": 1,
            "insurer": {"id": 1, "uzoviCode": uzovi, "organizationName": insurer, "type": "3"},
            "sourceType": 3, "insuranceType": kind, "registrationNumber": format!("{}", 100_200_000 + person.id),
            "packageName": package, "packageCode": "", "labelCode": "001", "labelName": insurer,
            "comments": format!("{SECRET_MARKER} betaalt traag"),
            "beginDate": written(&frame.at(begin, 0, 0)), "endDate": end.map(|end| written(&frame.at(end, 0, 0))),
            "updatedAt": written(&changed),
        });
        into.add(Shelf::Insurances, &record, changed.timestamp());
    }
}

fn subscriptions(frame: &Frame<'_>, person: &Person, into: &Population) {
    let mut dice = frame.dice(person.id, 4);
    let most = if person.id == frame.cast.everything {
        SUBSCRIPTIONS.len()
    } else {
        2
    };
    for (place, n) in dice.places(most, SUBSCRIPTIONS.len()).into_iter().zip(1_u64..) {
        let (name, price) = SUBSCRIPTIONS[place];
        let begin = frame.days_ago(150);
        // The third of them has ended.
        let end: Option<Date> = (n == 3).then(|| frame.days_ago(20));
        let record = json!({
            "id": person.id * 10 + n, "clientId": person.id, "name": name, "price": price,
            "beginDate": begin.to_string(), "endDate": end.map(|end| Value::from(end.to_string())),
        });
        into.add(Shelf::Subscriptions, &record, frame.at(begin, 9, 0).timestamp());
    }
}

fn wishes(frame: &Frame<'_>, person: &Person, into: &Population) {
    let mut dice = frame.dice(person.id, 5);
    let everything = person.id == frame.cast.everything;
    let most = if everything { WISHES.len() } else { 2 };
    let day = frame.days_ago(dice.within(30, 140));
    let changed = frame.at(day, 14, 0);
    let add = |number: u64, (treatment, decision, remark): (&str, &str, &str), status: &str, hidden: (bool, bool)| {
        let record = json!({
            "id": person.id * 10 + number, "clientId": person.id, "treatment": treatment, "decision": decision,
            "remark": remark, "day": day.to_string(), "status": status, "confidential": hidden.0, "hidden": hidden.1,
            "updatedAt": written(&changed),
        });
        into.add(Shelf::Wishes, &record, changed.timestamp());
    };
    for (place, number) in dice.places(most, WISHES.len()).into_iter().zip(1_u64..) {
        add(number, WISHES[place], "ACTIVE", (false, false));
    }
    if everything {
        // Not settled yet, hidden, and between physicians alone.
        let secret = ("Palliatieve sedatie", "NEE", SECRET_MARKER);
        add(7, secret, "DRAFT", (false, false));
        add(8, secret, "ACTIVE", (false, true));
        add(9, secret, "ACTIVE", (true, false));
    }
}
