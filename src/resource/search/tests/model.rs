//! Random dossiers, random queries and random writes between the pages, against a filter of a few lines.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::fhir::search::{DateTest, Span};

/// Around both nights on which the clock moves, in every precision.
const DATES: &[&str] = &[
    "2026-03-28",
    "2026-03-29",
    "2026-03-30",
    "2026-03",
    "2026",
    "2025",
    "2026-10-25",
    "2026-10-26",
    "2026-03-28T23:00:00Z",
    "2026-03-29T00:00:00+01:00",
    "2026-03-29T21:59:59Z",
    "2026-03-29T22:00:00Z",
    "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00",
    "2026-10-25T23:59:59.999+01:00",
];
const PREFIXES: &[&str] = &["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];
const SYSTEMS: &[&str] = &["", "urn:x", "urn:y"];
const CODES: &[&str] = &["1", "2", "3"];
const STATUS: &[&str] = &["final", "amended"];
const CARERS: &[&str] = &["c1", "c2"];

/// A resource as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    patient: &'static str,
    date: Option<&'static str>,
    /// Places in [`SYSTEMS`] and [`CODES`].
    codes: Vec<(usize, usize)>,
    status: usize,
    carer: Option<usize>,
    text: u32,
}

fn pick<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

impl Known {
    fn random(rng: &mut StdRng, number: usize) -> Self {
        Self {
            name: format!("o{number}"),
            patient: pick(rng, &["p1", "p1", "p2", "p3"]),
            date: rng.random_bool(0.8).then(|| pick(rng, DATES)),
            codes: (0..rng.random_range(0..3))
                .map(|_| (rng.random_range(0..3), rng.random_range(0..3)))
                .collect(),
            status: rng.random_range(0..2),
            carer: rng.random_bool(0.5).then(|| rng.random_range(0..2)),
            text: 0,
        }
    }

    fn draft(&self) -> crate::resource::Draft {
        let coding = |(system, code): &(usize, usize)| match SYSTEMS[*system] {
            "" => json!({"code": CODES[*code]}),
            system => json!({"system": system, "code": CODES[*code]}),
        };
        let codings: Vec<_> = self.codes.iter().map(coding).collect();
        let mut elements = json!({"status": STATUS[self.status], "valueString": self.text.to_string()});
        if !codings.is_empty() {
            elements["code"] = json!({"coding": codings});
        }
        if let Some(date) = self.date {
            elements["effectiveDateTime"] = json!(date);
        }
        if let Some(carer) = self.carer {
            elements["performer"] = json!([{"reference": format!("Practitioner/{}", CARERS[carer])}]);
        }
        observation(&self.name, self.patient, elements)
    }

    fn span(&self) -> Option<Span> {
        let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
        self.date.map(|date| Span::parse(date, &zone).unwrap())
    }
}

/// One parameter of a query, with what it means.
#[derive(Clone, Debug)]
enum Asked {
    Code {
        values: Vec<(Option<usize>, Option<usize>)>,
        not: bool,
    },
    Status(usize),
    Date(Vec<String>),
    Carer {
        carer: usize,
        form: usize,
    },
    Missing {
        name: &'static str,
        missing: bool,
    },
}

impl Asked {
    fn random(rng: &mut StdRng) -> Self {
        match rng.random_range(0..6) {
            0 | 1 => Self::Date(
                (0..rng.random_range(1..3))
                    .map(|_| format!("{}{}", pick(rng, PREFIXES), pick(rng, DATES)))
                    .collect(),
            ),
            2 => Self::Code {
                not: rng.random_bool(0.3),
                values: (0..rng.random_range(1..3))
                    .map(|_| match rng.random_range(0..3) {
                        0 => (None, Some(rng.random_range(0..3))),
                        1 => (Some(rng.random_range(1..3)), None),
                        _ => (Some(rng.random_range(0..3)), Some(rng.random_range(0..3))),
                    })
                    .collect(),
            },
            3 => Self::Status(rng.random_range(0..2)),
            4 => Self::Carer {
                carer: rng.random_range(0..2),
                form: rng.random_range(0..3),
            },
            _ => Self::Missing {
                name: pick(rng, &["code", "date", "performer"]),
                missing: rng.random_bool(0.5),
            },
        }
    }

    fn pair(&self) -> (String, String) {
        let (name, value) = match self {
            Self::Code { values, not } => {
                let one = |value: &(Option<usize>, Option<usize>)| match *value {
                    (None, code) => CODES[code.unwrap()].to_owned(),
                    (Some(system), code) => format!("{}|{}", SYSTEMS[system], code.map_or("", |code| CODES[code])),
                };
                let values: Vec<_> = values.iter().map(one).collect();
                (if *not { "code:not" } else { "code" }, values.join(","))
            }
            Self::Status(status) => ("status", STATUS[*status].to_owned()),
            Self::Date(values) => ("date", values.join(",")),
            Self::Carer { carer, form: 0 } => ("performer", CARERS[*carer].to_owned()),
            Self::Carer { carer, form: 1 } => ("performer", format!("Practitioner/{}", CARERS[*carer])),
            Self::Carer { carer, .. } => ("performer:Practitioner", CARERS[*carer].to_owned()),
            Self::Missing { name, missing } => return (format!("{name}:missing"), missing.to_string()),
        };
        (name.to_owned(), value)
    }

    fn holds(&self, known: &Known) -> bool {
        let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
        match self {
            Self::Code { values, not } => {
                let carries = |(system, code): &(Option<usize>, Option<usize>)| {
                    let same =
                        |has: &(usize, usize)| system.is_none_or(|s| s == has.0) && code.is_none_or(|c| c == has.1);
                    known.codes.iter().any(same)
                };
                values.iter().any(carries) != *not
            }
            Self::Status(status) => known.status == *status,
            Self::Date(values) => known.span().is_some_and(|span| {
                values
                    .iter()
                    .any(|value| DateTest::parse(value, &zone, at(0)).unwrap().matches(span))
            }),
            Self::Carer { carer, .. } => known.carer == Some(*carer),
            Self::Missing { name, missing } => {
                let has = match *name {
                    "code" => !known.codes.is_empty(),
                    "date" => known.date.is_some(),
                    _ => known.carer.is_some(),
                };
                has != *missing
            }
        }
    }
}

/// Which of two resources, with their places of arrival, comes first.
type Compare = fn(&(usize, Known), &(usize, Known)) -> std::cmp::Ordering;

/// A sort, with the order that it means for two resources and their places of arrival.
fn sort(rng: &mut StdRng) -> (&'static str, Compare) {
    fn from(known: &Known) -> i64 {
        known.span().map_or(i64::MIN, |span| span.from)
    }
    match rng.random_range(0..4) {
        0 => ("", |a, b| (from(&b.1), b.0).cmp(&(from(&a.1), a.0))),
        1 => ("date", |a, b| (from(&a.1), a.0).cmp(&(from(&b.1), b.0))),
        2 => ("-date,_id", |a, b| {
            from(&b.1).cmp(&from(&a.1)).then_with(|| a.1.name.cmp(&b.1.name))
        }),
        _ => ("-_id", |a, b| b.1.name.cmp(&a.1.name)),
    }
}

#[tokio::test]
async fn every_search_and_every_page_agrees_with_a_plain_filter_while_data_arrives() {
    let (_dir, db) = fresh().await;
    let topaz = tenant("topaz");
    for seed in 0..60 {
        let mut rng = StdRng::seed_from_u64(seed);
        run(&db, &topaz, &mut rng, seed).await;
    }
}

async fn run(db: &Db, topaz: &Tenant, rng: &mut StdRng, seed: u64) {
    // Each round has a tenant's worth of clients of its own.
    let topaz = &Tenant {
        id: crate::config::TenantId::parse(&format!("{}-{seed}", topaz.id)).unwrap(),
        ..topaz.clone()
    };
    let mut known: Vec<_> = (0..40).map(|number| Known::random(rng, number)).collect();
    let drafts: Vec<_> = known.iter().map(Known::draft).collect();
    store(db, topaz, 0, &drafts).await;

    for _ in 0..4 {
        let clients: &[&str] = pick(rng, &[&["p1"], &["p1"], &["p2", "p1"]]);
        let visible = all_of(topaz, clients);
        let asked: Vec<_> = (0..rng.random_range(0..3)).map(|_| Asked::random(rng)).collect();
        let (order, compare) = sort(rng);
        let mut pairs: Vec<_> = asked.iter().map(Asked::pair).collect();
        if !order.is_empty() {
            pairs.push(("_sort".to_owned(), order.to_owned()));
        }
        pairs.push(("_total".to_owned(), "accurate".to_owned()));
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();

        let matches = |known: &Known| clients.contains(&known.patient) && asked.iter().all(|one| one.holds(known));
        let mut expected: Vec<_> = known
            .iter()
            .cloned()
            .enumerate()
            .filter(|(_, one)| matches(one))
            .collect();
        expected.sort_by(compare);
        let expected: Vec<_> = expected.into_iter().map(|(_, one)| one.name).collect();

        let size = rng.random_range(1..8);
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let found = page(db, &visible, &pairs, size, after).await;
            assert_eq!(found.total, Some(expected.len() as u64), "seed {seed} {pairs:?}");
            assert!(found.entries.len() <= size);
            seen.extend(found.entries.iter().map(|entry| entry.id.to_string()));
            after = found.next.map(|cursor| Cursor::from_bytes(&cursor.to_bytes()).unwrap());
            if after.is_none() {
                break;
            }
            // While the caller reads on: new resources, and new texts in old ones.
            let mut arrived = vec![Known::random(rng, known.len())];
            known.extend(arrived.clone());
            let place = rng.random_range(0..known.len() - 1);
            known[place].text += 1;
            arrived.push(known[place].clone());
            let drafts: Vec<_> = arrived.iter().map(Known::draft).collect();
            store(db, topaz, 1, &drafts).await;
        }
        assert_eq!(seen, expected, "seed {seed} {clients:?} {pairs:?}");
    }
}
