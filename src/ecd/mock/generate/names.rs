//! Names of made-up people: Dutch with and without prefix, Frisian, Turkish, Moroccan, Surinamese, Indonesian.

use super::dice::Dice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sex {
    Female,
    Male,
    Unknown,
}

impl Sex {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
            Self::Unknown => "U",
        }
    }
}

/// First names as in the passport, and the one that people use.
const OLD_WOMEN: [(&str, &str); 30] = [
    ("Adriana Cornelia", "Sjaan"),
    ("Alida", "Ali"),
    ("Anna Catharina", "Toos"),
    ("Antje", "Antje"),
    ("Baukje", "Baukje"),
    ("Berendina", "Dien"),
    ("Catharina Elisabeth", "Rina"),
    ("Cornelia Maria", "Corrie"),
    ("Elisabeth", "Bep"),
    ("Emine", "Emine"),
    ("Fatima", "Fatima"),
    ("Femkje", "Femkje"),
    ("Gerarda", "Gerda"),
    ("Hendrika", "Riek"),
    ("Hendrina Wilhelmina", "Willy"),
    ("Hatice", "Hatice"),
    ("Ietje", "Ietje"),
    ("Jacoba", "Coby"),
    ("Johanna Petronella", "Jo"),
    ("Khadija", "Khadija"),
    ("Louise Wilhelmine", "Wies"),
    ("Maria Theresia", "Marietje"),
    ("Neeltje", "Nel"),
    ("Petronella", "Nellie"),
    ("Roemjantie", "Roem"),
    ("Sjoukje", "Sjoukje"),
    ("Soekinem", "Soekie"),
    ("Theodora Maria", "Doortje"),
    ("Trijntje", "Tine"),
    ("Wilhelmina Jacoba", "Mien"),
];

const OLD_MEN: [(&str, &str); 26] = [
    ("Adrianus", "Arie"),
    ("Ahmed", "Ahmed"),
    ("Albertus Johannes", "Bert"),
    ("Bouwe", "Bouwe"),
    ("Cornelis", "Cor"),
    ("Dirk Jan", "Dirk"),
    ("Douwe", "Douwe"),
    ("Evert", "Evert"),
    ("Franciscus", "Frans"),
    ("Gerrit", "Gerrit"),
    ("Hendrikus", "Henk"),
    ("Hubertus", "Huub"),
    ("Jacobus", "Koos"),
    ("Johannes Cornelis", "Joop"),
    ("Klaas", "Klaas"),
    ("Leendert", "Leen"),
    ("Martinus", "Tinus"),
    ("Mehmet", "Mehmet"),
    ("Mohamed", "Mohamed"),
    ("Nicolaas", "Nico"),
    ("Ramdhan", "Ram"),
    ("Sietse", "Sietse"),
    ("Theodorus", "Theo"),
    ("Wietze", "Wietze"),
    ("Willem Frederik", "Wim"),
    ("Yusuf", "Yusuf"),
];

const YOUNG_WOMEN: [&str; 24] = [
    "Aïcha",
    "Anouk",
    "Astrid",
    "Carla",
    "Daniëlle",
    "Esther",
    "Femke",
    "Hanneke",
    "Ingrid",
    "Jolanda",
    "Karin",
    "Leyla",
    "Linda",
    "Marjan",
    "Monique",
    "Naima",
    "Petra",
    "Renske",
    "Sabine",
    "Sanne",
    "Saskia",
    "Tjitske",
    "Yvonne",
    "Zeynep",
];

const YOUNG_MEN: [&str; 22] = [
    "Arjan", "Bas", "Bilal", "Daan", "Dennis", "Erik", "Feike", "Hans", "Jeroen", "Karim", "Marco", "Marcel",
    "Mustafa", "Niels", "Patrick", "Peter", "Remco", "Ruud", "Sander", "Tjerk", "Wouter", "Rajesh",
];

/// Prefix and last name.
const LAST: [(&str, &str); 48] = [
    ("", "Aydın"),
    ("", "Bakker"),
    ("van den", "Berg"),
    ("", "Boersma"),
    ("", "Bos"),
    ("ten", "Brink"),
    ("", "Brouwer"),
    ("El", "Amrani"),
    ("", "Çelik"),
    ("van", "Dam"),
    ("van", "Dijk"),
    ("", "Dijkstra"),
    ("van der", "Heijden"),
    ("", "Hendriks"),
    ("'t", "Hoen"),
    ("van 't", "Hof"),
    ("", "Hoekstra"),
    ("de", "Jong"),
    ("", "Kartosen"),
    ("", "Kok"),
    ("", "Kuipers"),
    ("van der", "Laan"),
    ("van", "Leeuwen"),
    ("", "Meijer"),
    ("van der", "Meer"),
    ("op den", "Meijer"),
    ("", "Mulder"),
    ("", "Öztürk"),
    ("", "Peeters"),
    ("de", "Ridder"),
    ("", "Ramcharan"),
    ("", "Schouten"),
    ("", "Sietsma"),
    ("", "Terpstra"),
    ("", "Timmermans"),
    ("", "Veenstra"),
    ("van der", "Veen"),
    ("", "Verhoeven"),
    ("", "Vermeulen"),
    ("", "Visser"),
    ("de", "Vos"),
    ("", "Wiersma"),
    ("de", "Wit"),
    ("van der", "Woude"),
    ("", "Yılmaz"),
    ("", "Zijlstra"),
    ("in 't", "Zandt"),
    ("", "Bouzidi"),
];

pub(super) fn old(dice: &mut Dice, sex: Sex) -> (&'static str, &'static str) {
    match sex {
        Sex::Male => dice.pick(&OLD_MEN),
        Sex::Female | Sex::Unknown => dice.pick(&OLD_WOMEN),
    }
}

pub(super) fn young(dice: &mut Dice, sex: Sex) -> &'static str {
    match sex {
        Sex::Male => dice.pick(&YOUNG_MEN),
        Sex::Female | Sex::Unknown => dice.pick(&YOUNG_WOMEN),
    }
}

pub(super) fn last(dice: &mut Dice) -> (&'static str, &'static str) {
    dice.pick(&LAST)
}

/// `J.C.` of `Johannes Cornelis`.
pub(super) fn initials(first: &str) -> String {
    first
        .split(' ')
        .filter_map(|name| name.chars().next())
        .map(|letter| format!("{letter}."))
        .collect()
}

/// Prefix and name with one space, or the name alone.
pub(super) fn with_prefix(prefix: &str, name: &str) -> String {
    format!("{prefix} {name}").trim_start().to_owned()
}
