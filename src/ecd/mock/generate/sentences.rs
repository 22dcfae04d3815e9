//! Puts people into sentences: `{P} heeft {h} thee op` becomes `Mw. heeft haar thee op`.
//!
//! # Design
//! A sentence carries marks of when it may be said ([`fits`]), so that a report tells nothing that is later than itself and
//! nothing that this client cannot do.

use super::body::Mobility;
use super::client::Person;
use super::dice::Dice;
use super::names::Sex;

const BREAKFASTS: [&str; 7] = [
    "twee boterhammen met kaas",
    "een boterham met jam",
    "een bakje yoghurt met fruit",
    "pap",
    "een beschuit met ei",
    "brood met olijven en feta",
    "een cracker met smeerkaas",
];

const MEALS: [&str; 8] = [
    "stamppot met een gehaktbal",
    "rijst met kip en boontjes",
    "vis met aardappelpuree",
    "een halve portie macaroni",
    "soep met brood",
    "couscous met groente",
    "roti met kip",
    "bloemkool met aardappels",
];

const DRINKS: [&str; 6] = [
    "een kop thee",
    "twee glazen water",
    "koffie met melk",
    "een beker karnemelk",
    "een glas appelsap",
    "muntthee",
];

const PASTIMES: [&str; 14] = [
    "de krant gelezen",
    "gebreid aan een das",
    "oude foto's bekeken",
    "een potje dammen gespeeld",
    "naar de muziek in de huiskamer geluisterd",
    "de was helpen vouwen",
    "in de tuin gezeten",
    "meegedaan met de beweegclub",
    "de vogels bij het raam gevoerd",
    "een kruiswoordpuzzel gemaakt",
    "aardappels helpen schillen",
    "een kaart geschreven",
    "met de buurvrouw gepraat",
    "bloemen geschikt",
];

/// Of a made-up past: whom nobody still meets.
const MISSED: [&str; 4] = ["moeder", "vader", "grootmoeder", "grootvader"];

/// The hour of a text that tells of no time of day.
pub(super) const ANY: i8 = 24;

/// Whether a sentence may be said of a person at an hour of the day. Marks in a sentence say when not: `{loopt}` is of who
/// walks, `{rolt}` of who sits in a wheelchair, `{18+}` of what has happened by 18 o'clock.
pub(super) fn fits(template: &str, person: &Person, hour: i8) -> bool {
    let mut words = template.split('{').filter_map(|part| part.split_once('}'));
    words.all(|(word, _)| match (word, person.body.mobility) {
        ("loopt", mobility) => mobility == Mobility::Walks,
        ("rolt", mobility) => mobility == Mobility::Rolls,
        (word, _) => from(word).is_none_or(|from| from <= hour),
    })
}

/// Those that [`fits`].
pub(super) fn fitting<'a>(templates: &[&'a str], person: &Person, hour: i8) -> Vec<&'a str> {
    let fitting = templates
        .iter()
        .copied()
        .filter(|template| fits(template, person, hour));
    fitting.collect()
}

/// The hour of the mark `18+`.
fn from(word: &str) -> Option<i8> {
    word.strip_suffix('+')?.parse().ok()
}

/// Replaces the words in braces, in a text without a time of day.
pub(super) fn fill(template: &str, person: &Person, dice: &mut Dice) -> String {
    fill_at(template, person, dice, ANY)
}

/// Replaces the words in braces, in a text that is written in this hour.
pub(super) fn fill_at(template: &str, person: &Person, dice: &mut Dice, hour: i8) -> String {
    let (title, pronoun, possessive, object) = match person.sex {
        Sex::Female => ("mw.", "zij", "haar", "haar"),
        Sex::Male => ("dhr.", "hij", "zijn", "hem"),
        Sex::Unknown => ("cliënt", "die", "diens", "hen"),
    };
    let mut text = String::with_capacity(template.len() + 40);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').expect("a brace in our own sentences is closed");
        text.push_str(before);
        match word {
            "P" => text.push_str(&capital(title)),
            "p" => text.push_str(title),
            "Z" => text.push_str(&capital(pronoun)),
            "z" => text.push_str(pronoun),
            "H" => text.push_str(&capital(possessive)),
            "h" => text.push_str(possessive),
            "o" => text.push_str(object),
            "naam" => text.push_str(person.given),
            "ontbijt" => text.push_str(dice.pick(&BREAKFASTS)),
            "eten" => text.push_str(dice.pick(&MEALS)),
            "drinken" => text.push_str(dice.pick(&DRINKS)),
            "bezig" => text.push_str(dice.pick(&PASTIMES)),
            "naaste" => text.push_str(&relative(person, dice)),
            "gemis" => text.push_str(dice.pick(&MISSED)),
            "ochtend" => text.push_str(&format!("{}.{:02} uur", dice.within(7, 8), dice.within(0, 11) * 5)),
            "uur" => text.push_str(&format!(
                "{:02}.{:02} uur",
                dice.within(19, i64::from(hour) - 1),
                dice.within(0, 5) * 10
            )),
            "nacht" => text.push_str(&format!("0{}.{:02} uur", dice.within(1, 5), dice.within(0, 11) * 5)),
            "n" => text.push_str(&dice.within(2, 6).to_string()),
            "meter" => text.push_str(&(dice.within(2, 12) * 10).to_string()),
            "ml" => text.push_str(&(dice.within(4, 19) * 50).to_string()),
            "loopt" | "rolt" => {}
            mark if from(mark).is_some() => {}
            other => unreachable!("our own sentences have no word {other}"),
        }
        // A title at the end of a sentence brings its own full stop.
        rest = if text.ends_with('.') && after.starts_with('.') {
            &after[1..]
        } else {
            after
        };
    }
    text.push_str(rest);
    text
}

/// Somebody who is among the contacts, as a sentence says it.
fn relative(person: &Person, dice: &mut Dice) -> String {
    let kin = person.relatives.iter().filter(|relative| relative.is_kin());
    let mut known: Vec<&'static str> = kin.map(|relative| relative.relation).collect();
    if known.is_empty() {
        known.extend(person.relatives.iter().map(|relative| relative.relation));
    }
    dice.pick(&known).to_lowercase()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
