//! The other ways to ask for a dossier, for the search through every byte that is served: several reads in one request, a search in a
//! body, what refers to a resource, who is referred to, the codes of a value set; and links to pages that an app has kept.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::fhir::types::ResourceType;
use crate::http::world::{Answer, World};

/// What a batch may hold.
const BATCH: usize = 50;

async fn post(world: &World, path: &str, kind: &str, body: String, token: &str) -> Answer {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", kind);
    world.send(request.body(Body::from(body)).unwrap()).await
}

/// Asks in these ways; the answers, by what was asked. `names`: the resources that are known.
pub(super) async fn asked(world: &World, token: &str, names: &BTreeSet<(String, String)>) -> BTreeMap<String, Vec<u8>> {
    let mut served = BTreeMap::new();
    for path in [
        "Patient?_revinclude=*",
        "CarePlan?_revinclude=*&_count=100",
        "Goal?_revinclude=*&_include=*&_count=100",
        "ValueSet/inzage-RapportageSoort/$expand",
        "ValueSet/$expand?url=https://inzage.dev/fhir/ValueSet/inzage-RapportageSoort",
    ] {
        let path = format!("/topaz/fhir/{path}");
        let answer = world.get(&path, token).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        served.insert(path, answer.body);
    }
    // Refused, and the refusal tells nothing either.
    for path in [
        "Patient?_has:Observation:patient:code=11591000146107",
        "Observation?_has:Goal:patient:_id=x",
    ] {
        let path = format!("/topaz/fhir/{path}");
        let answer = world.get(&path, token).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        served.insert(path, answer.body);
    }
    let mut searched = 0;
    for kind in ResourceType::ALL {
        let path = format!("/topaz/fhir/{kind}/_search");
        let form = "application/x-www-form-urlencoded";
        let answer = post(world, &path, form, "_count=100&_include=*".to_owned(), token).await;
        searched += usize::from(answer.status == 200);
        served.insert(format!("POST {path}"), answer.body);
    }
    assert!(searched > 8, "{searched}");
    let reads: Vec<Value> = names
        .iter()
        .flat_map(|(kind, id)| [format!("{kind}/{id}"), format!("{kind}/{id}/_history")])
        .chain(ResourceType::ALL.iter().map(|kind| format!("{kind}?_count=100")))
        .map(|url| json!({"request": {"method": "GET", "url": url}}))
        .collect();
    for (place, entries) in reads.chunks(BATCH).enumerate() {
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string();
        let answer = post(world, "/topaz/fhir", "application/fhir+json", batch, token).await;
        let answered = answer.json()["entry"].as_array().map(Vec::len);
        assert_eq!(answered, Some(entries.len()));
        served.insert(format!("batch {place}"), answer.body);
    }
    served
}

/// The links to the pages of a search by one, each with whether `text` stands on its page.
pub(super) async fn pages(world: &World, token: &str, search: &str, text: &str) -> Vec<(String, bool)> {
    let (mut found, mut next) = (Vec::new(), Some(search.to_owned()));
    while let Some(path) = next {
        let answer = world.get(&path, token).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        next = answer.link("next");
        found.push((path, answer.text().contains(text)));
        assert!(found.len() < 1_000, "the pages have no end");
    }
    found
}
