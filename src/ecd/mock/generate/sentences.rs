//! Puts people into sentences: `{P} heeft {h} thee op` becomes `Mw. heeft haar thee op`.

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

const RELATIVES: [&str; 8] = [
    "dochter",
    "zoon",
    "zus",
    "broer",
    "schoondochter",
    "kleinzoon",
    "nicht",
    "buurvrouw",
];

/// Replaces the words in braces.
pub(super) fn fill(template: &str, person: &Person, dice: &mut Dice) -> String {
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
            "naaste" => text.push_str(dice.pick(&RELATIVES)),
            "ochtend" => text.push_str(&format!("{}.{:02} uur", dice.within(7, 8), dice.within(0, 11) * 5)),
            "uur" => text.push_str(&format!("{:02}.{:02} uur", dice.within(19, 23), dice.within(0, 5) * 10)),
            "nacht" => text.push_str(&format!("0{}.{:02} uur", dice.within(1, 5), dice.within(0, 11) * 5)),
            "n" => text.push_str(&dice.within(2, 6).to_string()),
            "meter" => text.push_str(&(dice.within(2, 12) * 10).to_string()),
            "ml" => text.push_str(&(dice.within(4, 19) * 50).to_string()),
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

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
