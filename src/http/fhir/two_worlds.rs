//! Two gateways that differ only in what a person may not see give that person the same answers, whatever is asked.
//!
//! # Design
//! The requests come out of a small grammar and a printed seed. Answers are compared whole (status, headers, body) but for
//! request ids and the sealed part of page links, and every page link is followed in both worlds.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::fhir::types::ResourceType;
use crate::http::world::{Answer, World};
use crate::secret::Random;

const ROUNDS: usize = 600;

const KINDS: &[&str] = &[
    "Observation",
    "Observation",
    "Practitioner",
    "Patient",
    "Goal",
    "Appointment",
    "RelatedPerson",
    "Nonsense",
];
const IDS: &[&str] = &[
    "a", "a1", "a2", "a9", "b", "b1", "b2", "nurse", "stranger", "nothing", "no%20id",
];
/// What exists in one world at least, so that reads do not only miss.
const THINGS: &[(&str, &str)] = &[
    ("Observation", "a1"),
    ("Observation", "a2"),
    ("Observation", "b1"),
    ("Patient", "a"),
    ("Patient", "b"),
    ("Practitioner", "nurse"),
    ("Practitioner", "stranger"),
    ("Goal", "b1"),
];
const PAIRS: &[&str] = &[
    "patient=a",
    "patient=b",
    "patient=Patient/b",
    "subject=https://gateway.example/topaz/fhir/Patient/b",
    "patient=nobody",
    "_id=a1,b1,b2",
    "_id=b1",
    "_id=stranger",
    "code=11591000146107",
    "code:not=11591000146107",
    "category:missing=true",
    "status=final",
    "status=preliminary",
    "date=ge2026-11-02",
    "date=lt2026-11-03",
    "performer=Practitioner/nurse",
    "performer=Practitioner/stranger",
    "performer:missing=false",
    "_has:Observation:patient:code=11591000146107",
    "subject:Patient.name=b",
    "_lastUpdated=ge2026-01-01",
    "_lastUpdated=gt2027-01-01",
    "_sort=-date",
    "_sort=_id",
    "_sort=-_lastUpdated",
    "_sort=code",
    "_count=1",
    "_count=2",
    "_count=1000000",
    "_count=-1",
    "_total=accurate",
    "_summary=count",
    "_include=Observation:performer",
    "_revinclude=*",
    "_elements=id",
    "_filter=id eq b1",
    "identifier=x|b",
    "_page=AAAA",
];
const HEADERS: &[(&str, &str)] = &[
    ("if-none-match", "*"),
    ("if-none-match", "W/\"1\""),
    ("if-modified-since", "Sun, 22 Nov 2026 12:00:00 GMT"),
    ("prefer", "handling=strict"),
    ("accept", "application/json"),
    ("accept", "application/fhir+xml"),
];

async fn world(with_others: bool) -> (World, Vec<String>) {
    let world = World::new().await;
    for day in 1..=5 {
        if with_others {
            for turn in 0..3 {
                world.observation("b", &format!("b{day}"), day + turn).await;
            }
        }
        world.observation("a", &format!("a{day}"), day).await;
    }
    let mut practitioners = vec!["nurse"];
    if with_others {
        practitioners.push("stranger");
        let body = json!({
            "resourceType": "Goal", "id": "b1", "meta": {}, "lifecycleStatus": "active",
            "description": { "text": "b" }, "subject": { "reference": "Patient/b" },
            "expressedBy": { "reference": "Practitioner/stranger" }
        });
        world.put(ResourceType::Goal, Some("b"), "b1", &body).await;
    }
    for name in practitioners {
        let body = json!({"resourceType": "Practitioner", "id": name, "meta": {}});
        world.put(ResourceType::Practitioner, None, name, &body).await;
    }
    for name in if with_others { &["a", "b"][..] } else { &["a"] } {
        let body = json!({"resourceType": "Patient", "id": name, "meta": {}, "gender": "female"});
        world.put(ResourceType::Patient, Some(name), name, &body).await;
    }
    let mut tokens = vec![world.client("a", "patient/*.rs").await];
    for scopes in [
        "user/*.rs",
        "patient/Observation.rs?status=final patient/Practitioner.rs",
        "openid fhirUser",
    ] {
        tokens.push(world.token("account-a", "a", scopes).await);
    }
    (world, tokens)
}

struct Asked {
    path: String,
    form: Option<String>,
    header: Option<(&'static str, &'static str)>,
}

fn pick<'a, T>(random: &Random, from: &'a [T]) -> &'a T {
    &from[usize::from(random.bytes::<1>()[0]) % from.len()]
}

fn ask(random: &Random) -> Asked {
    let dice = |sides: u8| random.bytes::<1>()[0] % sides;
    let (kind, id) = match dice(2) {
        0 => *pick(random, THINGS),
        _ => (*pick(random, KINDS), *pick(random, IDS)),
    };
    let pairs: Vec<&str> = (0..dice(4)).map(|_| *pick(random, PAIRS)).collect();
    let query = pairs.join("&").replace(' ', "%20").replace('|', "%7C");
    let (path, form) = match dice(10) {
        0..=1 => (format!("{kind}/{id}"), None),
        2 => (format!("{kind}/{id}/_history?{query}"), None),
        3 => (format!("{kind}/{id}/_history/{}", dice(4)), None),
        4 => (format!("{kind}/_search"), Some(query)),
        5 => (format!("Patient/{id}/{kind}"), None),
        6 => (
            format!(
                "{}/{id}",
                pick(random, &["Binary", "Patient/b/$everything", "List", "Group"])
            ),
            None,
        ),
        _ => (format!("{kind}?{query}"), None),
    };
    Asked {
        path: format!("/topaz/fhir/{path}"),
        form,
        header: (dice(2) == 0).then(|| *pick(random, HEADERS)),
    }
}

async fn send(world: &World, token: &str, asked: &Asked) -> Answer {
    let mut request = Request::get(&asked.path);
    if asked.form.is_some() {
        request = Request::post(&asked.path).header("content-type", "application/x-www-form-urlencoded");
    }
    request = request.header("authorization", format!("Bearer {token}"));
    if let Some((name, value)) = asked.header {
        request = request.header(name, value);
    }
    let body = asked.form.clone().map_or_else(Body::empty, Body::from);
    world.send(request.body(body).unwrap()).await
}

/// Without what is sealed: a page link's value is as long in both worlds, and different.
fn normal(answer: &Answer) -> (Answer, String) {
    let text = answer.text();
    let mut parts = text.split("_page=");
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find('"').unwrap_or(part.len());
        normal.push_str(&format!("_page=<{}>{}", end, &part[end..]));
    }
    let mut answer = answer.clone().comparable();
    answer.body.clear();
    (answer, normal)
}

#[tokio::test]
async fn s04_what_a_person_may_not_see_changes_no_answer() {
    let seed = u64::from_be_bytes(Random::Os.bytes());
    let random = Random::seeded(seed);
    let ((one, ours), (other, theirs)) = (world(false).await, world(true).await);
    let mut seen = std::collections::BTreeMap::<u16, usize>::new();
    for _ in 0..ROUNDS {
        let mut asked = ask(&random);
        let token = usize::from(random.bytes::<1>()[0]) % ours.len();
        let (mut a, mut b) = (
            send(&one, &ours[token], &asked).await,
            send(&other, &theirs[token], &asked).await,
        );
        loop {
            let place = format!(
                "seed {seed}: {} {:?} {:?} token {token}",
                asked.path, asked.form, asked.header
            );
            assert_eq!(normal(&a), normal(&b), "{place}");
            assert!(!a.status.is_server_error(), "{place}: {}", a.text());
            *seen.entry(a.status.as_u16()).or_default() += 1;
            let paged = a.status == 200 && a.text().contains("\"next\"");
            let (Some(next_a), Some(next_b)) = (
                paged.then(|| a.link("next")).flatten(),
                paged.then(|| b.link("next")).flatten(),
            ) else {
                break;
            };
            asked = Asked {
                path: next_a,
                form: None,
                header: None,
            };
            a = send(&one, &ours[token], &asked).await;
            b = other.get(&next_b, &theirs[token]).await;
        }
    }
    // The grammar reaches every kind of answer.
    for status in [200, 304, 400, 403, 404, 406, 410] {
        assert!(seen.contains_key(&status), "seed {seed}: no {status} in {seen:?}");
    }
}
