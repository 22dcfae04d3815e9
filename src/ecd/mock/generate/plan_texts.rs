//! What care plans are about: demand, goal and actions per domain of life, with the Omaha area where one fits.

use super::employee::Discipline;

/// The four domains of life of a Dutch care plan.
pub(super) const DOMAINS: [&str; 4] = [
    "Lichamelijk welbevinden en gezondheid",
    "Mentaal welbevinden en autonomie",
    "Participatie",
    "Woon- en leefomstandigheden",
];

pub(super) const MOURNING: &str = "{P} rouwt om {h} partner";

pub(super) struct Topic {
    /// Place in [`DOMAINS`].
    pub(super) domain: usize,
    pub(super) classification: &'static str,
    pub(super) demand: &'static str,
    pub(super) goal: &'static str,
    pub(super) actions: &'static [&'static str],
    pub(super) by: Discipline,
}

pub(super) const TOPICS: [Topic; 16] = [
    Topic {
        domain: 0,
        classification: "classification.problem.health.personalcare",
        demand: "{P} kan rug, benen en voeten niet zelf wassen",
        goal: "{P} wast gezicht en bovenlichaam zelf en bepaalt de volgorde",
        actions: &[
            "Spullen klaarleggen aan de wastafel en naast {p} blijven (elke ochtend, verzorgende)",
            "Rug, benen en voeten wassen en goed drogen (elke ochtend, verzorgende)",
        ],
        by: Discipline::Carer,
    },
    Topic {
        domain: 0,
        classification: "classification.problem.health.mobility",
        demand: "{loopt}{P} loopt onzeker na een heupoperatie",
        goal: "{P} loopt met rollator veilig naar de huiskamer",
        actions: &[
            "Oefenen met opstaan en draaien (2 keer per week, fysiotherapeut)",
            "Naar de maaltijden lopen in plaats van rijden (3 keer per dag, verzorgende)",
            "Stevige schoenen aantrekken (elke ochtend)",
        ],
        by: Discipline::Physiotherapist,
    },
    Topic {
        domain: 0,
        classification: "classification.problem.health.mobility",
        demand: "{rolt}{P} kan niet zelf van bed naar rolstoel komen",
        goal: "{P} komt rustig en veilig uit bed en rijdt zelf naar de huiskamer",
        actions: &[
            "Uit bed helpen met de actieve tillift, met twee personen (elke ochtend, verzorgende)",
            "Armen en schouders oefenen (2 keer per week, fysiotherapeut)",
        ],
        by: Discipline::Physiotherapist,
    },
    Topic {
        domain: 0,
        classification: "classification.problem.health.nutrition",
        demand: "{P} eet en drinkt te weinig",
        goal: "Gewicht blijft gelijk en {p} drinkt 1500 ml per dag",
        actions: &[
            "Bij elke maaltijd twee keuzes aanbieden (verzorgende)",
            "Wegen op maandag voor het ontbijt (wekelijks)",
            "Drinkvoeding om 10 en 15 uur (dagelijks)",
        ],
        by: Discipline::Dietitian,
    },
    Topic {
        domain: 0,
        classification: "classification.problem.health.skin",
        demand: "De huid van stuit en hielen is kwetsbaar",
        goal: "De huid blijft heel",
        actions: &[
            "Huid bekijken bij de ochtendzorg en insmeren (dagelijks, verzorgende)",
            "Hielen vrij leggen met een kussen (elke nacht)",
        ],
        by: Discipline::Nurse,
    },
    Topic {
        domain: 0,
        classification: "classification.problem.health.medicationregimen",
        demand: "{P} kan medicijnen niet zelf beheren",
        goal: "{P} krijgt de juiste medicijnen op tijd",
        actions: &[
            "Medicijnen geven volgens de toedienlijst (4 keer per dag, verzorgende)",
            "Lijst nakijken met arts en apotheker (2 keer per jaar)",
        ],
        by: Discipline::Nurse,
    },
    Topic {
        domain: 0,
        classification: "classification.problem.health.pain",
        demand: "{P} heeft pijn in de schouders door slijtage",
        goal: "Pijn is bij de zorg niet hoger dan 3 op de schaal tot 10",
        actions: &[
            "Pijnscore vragen voor de ochtendzorg (dagelijks)",
            "Arm ondersteunen bij het aankleden, aangedane kant eerst",
        ],
        by: Discipline::Doctor,
    },
    Topic {
        domain: 0,
        classification: "",
        demand: "{P} heeft 's nachts hulp nodig bij de toiletgang",
        goal: "{P} komt 's nachts veilig op het toilet",
        actions: &[
            "Belmat aanzetten en binnen drie minuten komen (nachtdienst)",
            "Nachtlampje aan laten",
        ],
        by: Discipline::Carer,
    },
    Topic {
        domain: 1,
        classification: "classification.problem.psychosocial.mentalhealth",
        demand: "{P} is aan het eind van de dag onrustig en zoekt {h} familie",
        goal: "{P} voelt zich in de avond veilig",
        actions: &[
            "Om 19 uur samen koffie drinken en foto's bekijken (dagelijks, verzorgende)",
            "Muziek van vroeger aanzetten bij onrust",
            "Gordijnen sluiten voor het donker wordt",
        ],
        by: Discipline::Psychologist,
    },
    Topic {
        domain: 1,
        classification: "",
        demand: MOURNING,
        goal: "{P} kan over het verlies praten wanneer {z} dat wil",
        actions: &[
            "Gesprek (1 keer per twee weken, geestelijk verzorger)",
            "Trouwfoto op een zichtbare plek laten staan",
        ],
        by: Discipline::Chaplain,
    },
    Topic {
        domain: 1,
        classification: "classification.problem.health.cognition",
        demand: "{P} vergeet afspraken en weet de dag niet",
        goal: "{P} weet wat er vandaag gebeurt",
        actions: &[
            "Dagbord samen invullen (elke ochtend)",
            "Een opdracht tegelijk geven en de tijd nemen",
        ],
        by: Discipline::Psychologist,
    },
    Topic {
        domain: 1,
        classification: "",
        demand: "{P} wil zelf blijven beslissen over de dag",
        goal: "{P} bepaalt zelf wanneer {z} opstaat en naar bed gaat",
        actions: &[
            "Elke avond vragen hoe laat {p} wakker gemaakt wil worden",
            "Keuze van {p} op het dagbord zetten",
        ],
        by: Discipline::Carer,
    },
    Topic {
        domain: 2,
        classification: "classification.problem.psychosocial.socialcontact",
        demand: "{P} heeft weinig contact met anderen",
        goal: "{P} doet elke week mee aan twee activiteiten",
        actions: &[
            "{P} persoonlijk uitnodigen en meelopen (activiteitenbegeleider)",
            "Vaste plek naast bekenden regelen",
        ],
        by: Discipline::ActivityCoach,
    },
    Topic {
        domain: 2,
        classification: "classification.problem.psychosocial.spirituality",
        demand: "{P} wil {h} geloof blijven beleven",
        goal: "{P} gaat naar de viering of het gebed wanneer {z} wil",
        actions: &[
            "Vervoer naar de viering regelen (wekelijks, vrijwilliger)",
            "Rekening houden met vasten en feestdagen",
        ],
        by: Discipline::Chaplain,
    },
    Topic {
        domain: 3,
        classification: "classification.problem.environmental.residence",
        demand: "De kamer is ingericht met spullen van thuis en daardoor vol",
        goal: "{P} woont prettig en komt veilig van bed naar badkamer",
        actions: &[
            "De weg van bed naar badkamer vrijhouden",
            "Met familie bespreken welke kast weg mag",
        ],
        by: Discipline::OccupationalTherapist,
    },
    Topic {
        domain: 3,
        classification: "classification.problem.environmental.neighborhood",
        demand: "{P} heeft last van geluid op de gang",
        goal: "{P} slaapt zonder wakker te worden van geluid",
        actions: &[
            "Deur na 22 uur dicht, bel binnen bereik",
            "Avondzorg van de buren een half uur vervroegen",
        ],
        by: Discipline::Carer,
    },
];
