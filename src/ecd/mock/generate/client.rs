//! Clients: who they are and whether they are in care.

use jiff::civil::Date;
use jiff::{ToSpan as _, Zoned};
use serde_json::{Value, json};

use super::body::Body;
use super::contact::Relative;
use super::dice::Dice;
use super::names::{self, Sex};
use super::{FIRST, Frame, written};
use crate::ecd::mock::SECRET_MARKER;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    InCare,
    InHospital,
    Died(Date),
    /// Left on the first date, came back on the second.
    Returned(Date, Date),
}

/// `preferredNameType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preferred {
    Birth,
    Partner,
    BirthPartner,
    PartnerBirth,
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: u64,
    pub(super) sex: Sex,
    first: &'static str,
    pub(super) given: &'static str,
    birth: (&'static str, &'static str),
    partner: Option<(&'static str, &'static str)>,
    preferred: Preferred,
    born: Date,
    pub(super) stay: Stay,
    pub(super) body: Body,
    /// The contacts, in order of their number.
    pub(super) relatives: Vec<Relative>,
}

type Part = (
    Sex,
    (&'static str, &'static str),
    (&'static str, &'static str),
    Option<(&'static str, &'static str)>,
    Preferred,
);

/// The people with a part, in order of their number.
const CAST: [Part; 10] = [
    (
        Sex::Female,
        ("Wilhelmina Jacoba", "Mien"),
        ("van der", "Laan"),
        Some(("", "Dijkstra")),
        Preferred::PartnerBirth,
    ),
    (
        Sex::Male,
        ("Johannes Cornelis", "Joop"),
        ("'t", "Hoen"),
        None,
        Preferred::Birth,
    ),
    (
        Sex::Female,
        ("Trijntje", "Tine"),
        ("", "Veenstra"),
        Some(("de", "Wit")),
        Preferred::BirthPartner,
    ),
    (Sex::Male, ("Mehmet", "Mehmet"), ("", "Yılmaz"), None, Preferred::Birth),
    (
        Sex::Female,
        ("Emine", "Emine"),
        ("", "Öztürk"),
        Some(("", "Yılmaz")),
        Preferred::Partner,
    ),
    (
        Sex::Female,
        ("Fatima", "Fatima"),
        ("El", "Amrani"),
        None,
        Preferred::Birth,
    ),
    (
        Sex::Female,
        ("Catharina Elisabeth", "Rina"),
        ("de", "Ridder"),
        None,
        Preferred::Birth,
    ),
    (
        Sex::Male,
        ("Sietse", "Sietse"),
        ("", "Hoekstra"),
        None,
        Preferred::Birth,
    ),
    (Sex::Male, ("Douwe", "Douwe"), ("", "Hoekstra"), None, Preferred::Birth),
    (Sex::Male, ("Ramdhan", "Ram"), ("", "Ramcharan"), None, Preferred::Birth),
];

impl Person {
    pub(super) fn new(frame: &Frame<'_>, dice: &mut Dice, id: u64) -> Self {
        let born = Date::constant(1926, 1, 1).saturating_add(dice.within(0, 30 * 365).days());
        let cast = usize::try_from(id - FIRST)
            .ok()
            .and_then(|place| CAST.get(place).copied());
        let (sex, (first, given), birth, partner, preferred) = cast.unwrap_or_else(|| invent(dice));
        let stay = if id == frame.cast.hospital {
            Stay::InHospital
        } else if id == frame.cast.departed {
            Stay::Died(frame.days_ago(61))
        } else if id == frame.cast.returned {
            Stay::Returned(frame.days_ago(130), frame.days_ago(75))
        } else if cast.is_none() && dice.permille(15) {
            Stay::Died(frame.days_ago(dice.within(5, 55)))
        } else if cast.is_none() && dice.permille(25) {
            Stay::InHospital
        } else {
            Stay::InCare
        };
        Self {
            id,
            sex,
            first,
            given,
            birth,
            partner,
            preferred,
            born,
            stay,
            body: Body::new(&mut frame.dice(id, 6), sex, id == frame.cast.everything),
            relatives: Vec::new(),
        }
    }

    /// The last name as the person prefers it.
    pub(super) fn last(&self) -> String {
        let birth = names::with_prefix(self.birth.0, self.birth.1);
        let Some(partner) = self.partner else {
            return birth;
        };
        let partner = names::with_prefix(partner.0, partner.1);
        match self.preferred {
            Preferred::Birth => birth,
            Preferred::Partner => partner,
            Preferred::BirthPartner => format!("{birth}-{partner}"),
            Preferred::PartnerBirth => format!("{partner}-{birth}"),
        }
    }

    /// Prefix and name that children carry.
    pub(super) fn family(&self) -> (&'static str, &'static str) {
        self.partner.unwrap_or(self.birth)
    }

    /// The last day in care, if there was one.
    pub(super) fn last_day(&self) -> Option<Date> {
        match self.stay {
            Stay::Died(day) => Some(day),
            _ => None,
        }
    }

    /// Whether the person was away that day, so that nobody reports and nothing is planned.
    pub(super) fn is_away(&self, day: Date, today: Date) -> bool {
        match self.stay {
            Stay::InCare => false,
            Stay::InHospital => day >= today.saturating_sub(HOSPITAL_DAYS.days()) && day <= today,
            Stay::Died(last) => day > last,
            Stay::Returned(left, back) => day > left && day < back,
        }
    }

    pub(super) fn record(&self, frame: &Frame<'_>, dice: &mut Dice, changed: &Zoned) -> Value {
        let begin = frame.days_ago(dice.within(200, 1500).max(160));
        let twin = self.id == frame.cast.same_bsn[1];
        let secret = self.id == frame.cast.secret || dice.permille(4);
        let hidden = |text: String| {
            if secret {
                format!("{SECRET_MARKER} {text}")
            } else {
                text
            }
        };
        // Seven digits that no other client has.
        let phone = format!("06-1{:07}", (self.id * 6_007) % 10_000_000);
        let death = self.last_day().map(|day| written(&frame.at(day, 0, 0)));
        let partner = self.partner.unwrap_or(("", ""));
        // Not everybody was asked.
        let (pronouns, identity) = match self.sex {
            _ if !self.id.is_multiple_of(2) && self.sex != Sex::Unknown => (None, None),
            Sex::Female => (Some("SHE_HER"), Some("FEMALE")),
            Sex::Male => (Some("HE_HIS"), Some("MALE")),
            Sex::Unknown => (Some("THEM_THEIRS"), Some("NON_BINARY")),
        };
        json!({
            "id": self.id, "identificationNo": format!("{}", 200_000 + self.id),
            "uuid": format!("c1000000-0000-4000-8000-{:012x}", self.id),
            "bsn": test_bsn(if twin { frame.cast.same_bsn[0] } else { self.id }),
            "initials": names::initials(self.first), "firstName": self.first, "givenName": self.given,
            "birthName": self.birth.1, "birthNamePrefix": self.birth.0,
            "partnerName": partner.1, "partnerNamePrefix": partner.0,
            "preferredNameType": (self.preferred as u8).to_string(), "lastName": self.last(),
            "pronounsType": pronouns, "genderIdentityType": identity,
            "gender": self.sex.code(), "dateOfBirth": self.born.to_string(), "deathDate": death,
            "civilStatus": if self.partner.is_some() { 2 } else { 1 },
            "secretClient": secret, "nationality": "NL", "language": "nl", "hometown": hidden(dice.pick(&TOWNS).to_owned()),
            "mobilePhone": (!self.id.is_multiple_of(3)).then(|| hidden(phone)),
            "emailAddress": self.id.is_multiple_of(4).then(|| hidden(format!("client{}@example.org", self.id))),
            "residenceAccessInfo": format!("{SECRET_MARKER} sleutel bij de receptie, code van de kluis aan de muur"),
            "freeField1": format!("{SECRET_MARKER} interne aantekening"), "freeField2": SECRET_MARKER,
            "freeField3": null, "freeField4": SECRET_MARKER,
            "careAllocations": self.allocations(begin, frame.shape.today),
            "createdAt": written(&frame.at(begin, 9, 30)), "updatedAt": written(changed),
        })
    }

    fn allocations(&self, begin: Date, today: Date) -> Value {
        let one = |n: u64, begin: Date, end: Option<Date>, reason: &str, temporary: &str| {
            json!({
                "id": self.id * 10 + n, "clientId": self.id, "beginDate": begin.to_string(),
                "endDate": end.map(|end| end.to_string()), "reason": reason, "reasonTemporary": temporary,
                "destination": "NVT",
            })
        };
        match self.stay {
            Stay::InCare => json!([one(1, begin, None, "IN_CARE", "NVT")]),
            Stay::InHospital => {
                let away = today.saturating_sub(HOSPITAL_DAYS.days());
                json!([
                    one(1, begin, Some(away), "IN_CARE", "NVT"),
                    one(2, away, None, "TEMP_GONE", "ZIEKENHUISOPNAME")
                ])
            }
            Stay::Died(last) => json!([one(1, begin, Some(last), "DEATH", "NVT")]),
            Stay::Returned(left, back) => json!([
                one(1, begin, Some(left), "END_OF_CARE", "NVT"),
                one(2, back, None, "IN_CARE", "NVT")
            ]),
        }
    }
}

const HOSPITAL_DAYS: i64 = 9;

pub(super) const TOWNS: [&str; 10] = [
    "Almelo",
    "Bolsward",
    "Deventer",
    "Ede",
    "Goes",
    "Helmond",
    "Hoogeveen",
    "Purmerend",
    "Sneek",
    "Zoetermeer",
];

fn invent(dice: &mut Dice) -> Part {
    let sex = match dice.within(1, 1000) {
        1..=640 => Sex::Female,
        641..=995 => Sex::Male,
        _ => Sex::Unknown,
    };
    let partner = (sex == Sex::Female && dice.permille(600)).then(|| names::last(dice));
    let preferred = match (partner.is_some(), dice.within(0, 3)) {
        (false, _) => Preferred::Birth,
        (true, 0) => Preferred::Partner,
        (true, 1) => Preferred::BirthPartner,
        (true, _) => Preferred::PartnerBirth,
    };
    (sex, names::old(dice, sex), names::last(dice), partner, preferred)
}

/// A number that passes the test of eleven, in the range that no citizen gets: 9999, four digits, check digit.
pub(super) fn test_bsn(client: u64) -> String {
    let mut serial = client % 10_000;
    loop {
        let head = format!("9999{serial:04}");
        let sum: u32 = head
            .bytes()
            .zip((2..=9).rev())
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        // The last digit counts negatively, so it must equal the rest; ten has no digit.
        if sum % 11 < 10 {
            return format!("{head}{}", sum % 11);
        }
        serial = (serial + 5_000) % 10_000;
    }
}
