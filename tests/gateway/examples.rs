//! Each kind of record of each product has its examples: an ordinary one, a minimal one, one that is withheld by each rule of its
//! map, and one that is refused. `inzage map check` runs them; this counts them.

use std::collections::BTreeSet;
use std::path::Path;

use inzage::ecd::Kind;
use serde_json::Value;

const PRODUCTS: [&str; 3] = ["ons", "caress", "fhir"];

/// Maps without a rule that withholds: the record goes when the product has it no more, or hands it on no more.
const NEVER_WITHHELD: &[(&str, &str)] = &[
    (
        "ons/client",
        "a client is withdrawn when the product deletes it; what is secret of one stays out by its lines",
    ),
    ("caress/client", "likewise"),
    (
        "caress/contact-relation",
        "contactpersonen.csv has no mark for a contact who must not be involved",
    ),
    (
        "ons/insurance",
        "an insurance is of the client, and nothing in it is secret",
    ),
    ("caress/insurance", "likewise"),
    ("ons/insurer", "an insurer is no secret"),
    ("caress/insurer", "likewise"),
    (
        "caress/subscription",
        "a subscription is of the client; one that ended says so",
    ),
    (
        "ons/survey",
        "the title of a form; whether somebody filled it in is another record",
    ),
];

/// Rules that a record alone cannot show: they ask what the tenant publishes.
const ASKS_THE_TENANT: &[&str] = &["type-not-of-tenant"];

/// What a product has no records of.
const LACKS: &[(&str, &[Kind])] = &[
    ("ons", &[Kind::Subscription, Kind::TreatmentWish]),
    ("caress", &[]),
    (
        "fhir",
        &[
            Kind::CareProvider,
            Kind::Insurer,
            Kind::CareTeam,
            Kind::Insurance,
            Kind::Subscription,
            Kind::TreatmentWish,
            Kind::Survey,
            Kind::SurveyResult,
        ],
    ),
];

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|_| panic!("{} has no examples", dir.display()));
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_kind_of_every_product_has_ordinary_minimal_withheld_and_refused_examples() {
    let mut missing = Vec::new();
    let mut maps = 0;
    for product in PRODUCTS {
        let lacks = LACKS.iter().find(|(name, _)| *name == product).unwrap().1;
        for kind in Kind::ALL {
            let name = format!("{product}/{kind}");
            let file = Path::new("mappings").join(format!("{name}.toml"));
            assert_eq!(
                file.is_file(),
                !lacks.contains(&kind),
                "{name}: a map, or an entry in LACKS"
            );
            if !file.is_file() {
                continue;
            }
            maps += 1;
            let map: toml::Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
            let dir = file.with_extension("");
            let names = names(&dir);
            let with = |ending: &str| -> Vec<&String> { names.iter().filter(|name| name.ends_with(ending)).collect() };
            let outs = with(".out.json");
            let mut lack = |what: String| missing.push(format!("{name}: {what}"));
            if !outs.iter().any(|name| !name.contains("minimaal")) {
                lack("no ordinary example".to_owned());
            }
            if !outs.iter().any(|name| name.contains("minimaal")) {
                lack("no minimal example".to_owned());
            }
            if with(".refused.json").is_empty() {
                lack("no refused example".to_owned());
            }
            let mut shown = BTreeSet::new();
            for file in with(".dropped.json") {
                let dropped: Value = serde_json::from_slice(&std::fs::read(dir.join(file)).unwrap()).unwrap();
                shown.insert(dropped["rule"].as_str().unwrap().to_owned());
            }
            let is_excused = NEVER_WITHHELD.iter().any(|(excused, _)| *excused == name);
            if shown.is_empty() != is_excused {
                lack("a withheld example, or an entry in NEVER_WITHHELD, not both".to_owned());
            }
            let rules = map
                .get("drop")
                .and_then(toml::Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            for rule in rules.iter().map(|rule| rule["rule"].as_str().unwrap()) {
                if !shown.contains(rule) && !ASKS_THE_TENANT.contains(&rule) {
                    lack(format!("no example that the rule {rule} withholds"));
                }
            }
        }
    }
    assert_eq!(maps, 35, "a new map is counted");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_example_is_of_a_map_and_has_one_outcome() {
    let mut pairs = 0;
    for product in PRODUCTS {
        for folder in names(&Path::new("mappings").join(product)) {
            let dir = Path::new("mappings").join(product).join(&folder);
            if !dir.is_dir() {
                continue;
            }
            assert!(dir.with_extension("toml").is_file(), "{} has no map", dir.display());
            let names = names(&dir);
            for name in &names {
                let stem = name.split('.').next().unwrap();
                let endings = ["out", "dropped", "refused"].map(|ending| format!("{stem}.{ending}.json"));
                let outcomes = endings.iter().filter(|outcome| names.contains(*outcome)).count();
                let place = dir.join(name);
                assert!(names.contains(&format!("{stem}.in.json")), "{}", place.display());
                assert_eq!(outcomes, 1, "{}", place.display());
                pairs += usize::from(name.ends_with(".in.json"));
            }
        }
    }
    assert!(pairs > 200, "{pairs}");
}
