//! What appointments are about: with whom, how often, at what hour.

use super::employee::Discipline;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhythm {
    Daily,
    Weekly,
    Fortnightly,
    Single,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    Client,
    /// Staff only.
    Private,
    /// About the client, without the client.
    Absent,
}

pub(super) struct Topic {
    pub(super) name: &'static str,
    pub(super) label: (u64, &'static str),
    pub(super) rhythm: Rhythm,
    pub(super) hour: i8,
    pub(super) minutes: i64,
    pub(super) place: Option<&'static str>,
    pub(super) by: Discipline,
    pub(super) audience: Audience,
}

const CARE: (u64, &str) = (1, "Zorgmoment");
const MEETING: (u64, &str) = (2, "Overleg");
const ACTIVITY: (u64, &str) = (3, "Activiteit");
const TREATMENT: (u64, &str) = (4, "Behandeling");
const SERVICE: (u64, &str) = (5, "Dienst");

impl Topic {
    /// When it is, in minutes of the day.
    pub(super) fn span(&self, minute: i8) -> (i64, i64) {
        let start = i64::from(self.hour) * 60 + i64::from(minute);
        (start, start + self.minutes)
    }
}

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

pub(super) static MORNING: Topic = topic(
    "Hulp bij wassen en aankleden",
    CARE,
    Rhythm::Daily,
    (8, 40),
    None,
    Discipline::Carer,
);

pub(super) static TOPICS: [Topic; 13] = [
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

pub(super) static TEAM: Topic = Topic {
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

pub(super) static PHARMACY: Topic = Topic {
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

pub(super) static GROUPS: [Topic; 4] = [
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
