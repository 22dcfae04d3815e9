//! Contacts of clients and their addresses.

use serde_json::{Value, json};

use super::client::{Person, TOWNS};
use super::dice::Dice;
use super::names::{self, Sex};
use super::{Frame, written};
use crate::ecd::mock::{Population, SECRET_MARKER, Shelf};

/// Name of the role, its code in the Dutch list of roles, and whether it represents by law.
type Role = (u64, &'static str, u64, bool);

const FIRST_CONTACT: Role = (20, "Eerste contactpersoon", 1, false);
const SECOND_CONTACT: Role = (21, "Tweede contactpersoon", 2, false);
const CONTACT: Role = (22, "Contactpersoon", 23, false);
const CURATOR: Role = (23, "Curator", 3, true);
const ADMINISTRATOR: Role = (24, "Bewindvoerder", 14, true);
const MENTOR: Role = (25, "Mentor", 15, true);
const REPRESENTATIVE: Role = (26, "Wettelijk vertegenwoordiger", 24, true);

const LEGAL: [Role; 4] = [MENTOR, CURATOR, REPRESENTATIVE, ADMINISTRATOR];

const RELATIVES: [(u64, &str, Sex); 16] = [
    (40, "Dochter", Sex::Female),
    (41, "Zoon", Sex::Male),
    (42, "Echtgenote", Sex::Female),
    (43, "Echtgenoot", Sex::Male),
    (44, "Zus", Sex::Female),
    (45, "Broer", Sex::Male),
    (46, "Nicht", Sex::Female),
    (47, "Neef", Sex::Male),
    (48, "Kleindochter", Sex::Female),
    (49, "Kleinzoon", Sex::Male),
    (50, "Schoondochter", Sex::Female),
    (51, "Schoonzoon", Sex::Male),
    (52, "Vriendin", Sex::Female),
    (53, "Vriend", Sex::Male),
    (54, "Buurvrouw", Sex::Female),
    (55, "Buurman", Sex::Male),
];

const SPOUSES: [u64; 2] = [42, 43];

/// From here on they are no family.
const FRIENDS: u64 = 52;

const STREETS: [&str; 12] = [
    "Beukenlaan",
    "De Hoefslag",
    "Dorpsweg",
    "Grote Markt",
    "Havenkade",
    "Kanaaldijk",
    "Lijsterbesstraat",
    "Molenpad",
    "Oosterwal",
    "Prinses Irenestraat",
    "Spoorsingel",
    "Weidezicht",
];

/// One person who stands by a client.
struct Contact {
    role: Role,
    relative: (u64, &'static str, Sex),
    first: &'static str,
    last: String,
}

/// A contact as reports know it.
#[derive(Clone, Debug)]
pub(super) struct Relative {
    pub(super) name: String,
    /// `Dochter`.
    pub(super) relation: &'static str,
    number: u64,
}

impl Relative {
    pub(super) fn is_spouse(&self) -> bool {
        SPOUSES.contains(&self.number)
    }

    pub(super) fn is_kin(&self) -> bool {
        self.number < FRIENDS
    }
}

pub(super) fn fill(frame: &Frame<'_>, dice: &mut Dice, person: &Person, into: &Population) -> Vec<Relative> {
    let contacts = contacts(frame, dice, person);
    for (contact, n) in contacts.iter().zip(1..) {
        add(frame, dice, person, contact, n, into);
    }
    let relatives = contacts.into_iter().map(|contact| Relative {
        name: format!("{} {}", contact.first, contact.last),
        relation: contact.relative.1,
        number: contact.relative.0,
    });
    relatives.collect()
}

fn contacts(frame: &Frame<'_>, dice: &mut Dice, person: &Person) -> Vec<Contact> {
    let fixed = |role, relative: usize, first, last: &str| Contact {
        role,
        relative: RELATIVES[relative],
        first,
        last: last.to_owned(),
    };
    if person.id == frame.cast.everything {
        return vec![
            fixed(FIRST_CONTACT, 0, "Hanneke", "Dijkstra"),
            fixed(MENTOR, 1, "Sander", "Dijkstra"),
            fixed(CONTACT, 6, "Renske", "van der Laan"),
        ];
    }
    if frame.cast.pair.contains(&person.id) {
        // The same person stands by both: one name, one phone, one address, two relations.
        return vec![fixed(REPRESENTATIVE, 0, "Leyla", "Yılmaz")];
    }
    let count = dice.within(1, 4);
    let legal = dice.permille(120).then(|| dice.within(1, count));
    (1..=count)
        .map(|n| {
            let role = match n {
                n if Some(n) == legal => dice.pick(&LEGAL),
                1 => FIRST_CONTACT,
                2 => SECOND_CONTACT,
                _ => CONTACT,
            };
            let close = if n == 1 { 6 } else { RELATIVES.len() };
            let mut relative = dice.pick(&RELATIVES[..close]);
            // Nobody has two spouses: one stands first.
            if matches!((relative.0, person.sex), (42, Sex::Female) | (43, Sex::Male))
                || (n > 1 && SPOUSES.contains(&relative.0))
            {
                relative = RELATIVES[usize::from(dice.permille(500))];
            }
            let (prefix, last) = if relative.0 < 46 {
                person.family()
            } else {
                names::last(dice)
            };
            Contact {
                role,
                relative,
                first: names::young(dice, relative.2),
                last: names::with_prefix(prefix, last),
            }
        })
        .collect()
}

fn kind((id, name, vektis, legal): Role, category: &str) -> Value {
    json!({
        "id": id, "name": name, "tag": "", "primary": id == FIRST_CONTACT.0, "exclusive": false, "relevant": true,
        "negative": false, "active": true, "legal": legal, "vbmResponsible": false, "vektisCode": vektis,
        "relationCategory": {"id": 7, "name": "Standaard", "type": category},
    })
}

fn add(frame: &Frame<'_>, dice: &mut Dice, person: &Person, contact: &Contact, n: u64, into: &Population) {
    let id = person.id * 100 + n;
    let created = frame.at(frame.days_ago(dice.within(170, 190)), 11, 5);
    let changed = frame.at(frame.days_ago(dice.within(3, 160)), 14, 20);
    let (relation, name, sex) = contact.relative;
    let relation = json!({
        "id": id, "clientObjectId": person.id, "firstName": contact.first, "lastName": contact.last,
        "name": format!("{} {}", contact.first, contact.last), "initials": names::initials(contact.first),
        "gender": sex.code(), "organization": null, "bsn": super::client::test_bsn(id + 3),
        "inCaseOfEmergency": contact.role.0 == FIRST_CONTACT.0 || contact.role.3,
        "clientContactRelationType": kind(contact.role, if contact.role.3 { "LEGAL" } else { "SOCIAL" }),
        "clientContactRelationTypeObjectId": contact.role.0,
        "personalRelationType": kind((relation, name, 1, false), "SOCIAL"),
        "personalRelationTypeObjectId": relation,
        "comments": format!("{SECRET_MARKER} ligt moeilijk met de rest van de familie"),
        "createdBy": "planbureau", "createdAt": written(&created), "updatedAt": written(&changed),
    });
    into.add(Shelf::Relations, &relation, changed.timestamp());

    // The contact of the pair has one home and one phone, whichever relation shows them.
    let shared = frame.cast.pair.contains(&person.id);
    let number = if shared { 4_040_404 } else { (id * 7919) % 10_000_000 };
    let home = usize::try_from(number).expect("seven digits");
    let phone = match number % 4 {
        0 => format!("061{number:07}"),
        1 => format!("06-1{number:07}"),
        2 => format!("+3161{number:07}"),
        _ => format!("06 1{number:07}"),
    };
    let address = json!({
        "id": id * 10, "clientContactRelationId": id,
        "email": format!("{}.{}@example.org", plain(contact.first), plain(&contact.last)),
        "telephoneNumber": phone, "telephoneCountryCode": "+31", "type": "1",
        "street": STREETS[home % STREETS.len()], "homeNumber": 1 + home % 180,
        "zipcode": format!("{} XA", 1000 + home % 8999), "city": TOWNS[home % TOWNS.len()], "country": "NL",
        "residenceAccessInfo": format!("{SECRET_MARKER} reservesleutel onder de derde tegel"),
        "updatedAt": written(&changed),
    });
    into.add(Shelf::Addresses, &address, changed.timestamp());
}

/// The letters of a name that an address may have.
fn plain(name: &str) -> String {
    let folded = name.chars().map(|letter| match letter.to_ascii_lowercase() {
        'ï' | 'ı' => 'i',
        'ë' => 'e',
        'ö' | 'Ö' => 'o',
        'ü' => 'u',
        'ç' | 'Ç' => 'c',
        other => other,
    });
    folded.filter(char::is_ascii_alphabetic).collect()
}
