//! Made-up dossiers for the tests of the store.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{Draft, Page, Put, put};
use crate::access::{Narrowing, Visible};
use crate::config::{Policy, Tenant, TenantId};
use crate::db::Db;
use crate::fhir::search::{Handling, Query, Setting};
use crate::fhir::types::{Id, ResourceType};

pub(super) fn tenant(name: &str) -> Tenant {
    Tenant {
        id: TenantId::parse(name).unwrap(),
        name: name.to_owned(),
        zone: TimeZone::get("Europe/Amsterdam").unwrap(),
        policy: Policy::default(),
        source: None,
        map_patches: None,
    }
}

pub(super) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

pub(super) fn at(second: i64) -> Timestamp {
    let base: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    base + jiff::SignedDuration::from_secs(second)
}

/// A draft with these elements after `meta`.
pub(super) fn draft(kind: ResourceType, name: &str, patient: Option<&str>, elements: Value) -> Draft {
    let mut body = Map::new();
    body.insert("resourceType".to_owned(), json!(kind.as_str()));
    body.insert("id".to_owned(), json!(name));
    body.insert("meta".to_owned(), json!({"profile": ["urn:x"]}));
    let Value::Object(elements) = elements else {
        panic!("elements are an object")
    };
    body.extend(elements);
    Draft {
        kind,
        id: id(name),
        patient: patient.map(id),
        body: Value::Object(body).to_string(),
    }
}

pub(super) fn goal(name: &str, patient: &str, text: &str) -> Draft {
    draft(
        ResourceType::Goal,
        name,
        Some(patient),
        json!({"description": {"text": text}}),
    )
}

pub(super) async fn store(db: &Db, tenant: &Tenant, second: i64, drafts: &[Draft]) -> Vec<Put> {
    let mut tx = db.begin().await.unwrap();
    let answers = put(&mut tx, tenant, at(second), drafts).await.unwrap();
    tx.commit().await.unwrap();
    answers
}

/// Everything of these clients.
pub(super) fn all_of(tenant: &Tenant, patients: &[&str]) -> Visible {
    narrowed(tenant, patients, &[])
}

/// Alternatives of pairs, as a granular scope has them.
type Scope<'a> = &'a [&'a [(&'a str, &'a str)]];

/// Everything of these clients, but of the listed types only what the alternatives say; `None` is nothing.
pub(super) fn narrowed(tenant: &Tenant, patients: &[&str], types: &[(ResourceType, Option<Scope<'_>>)]) -> Visible {
    let alternatives = |kind: ResourceType| -> Option<(ResourceType, Vec<Narrowing>)> {
        let Some((_, found)) = types.iter().find(|(one, _)| *one == kind) else {
            return Some((kind, Vec::new()));
        };
        let pairs = |pairs: &&[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Some((kind, found.as_ref()?.iter().map(pairs).collect()))
    };
    let types = ResourceType::ALL.iter().filter_map(|kind| alternatives(*kind));
    Visible::for_test(tenant.id.clone(), patients.iter().map(|name| id(name)).collect(), types)
}

pub(super) fn query(kind: ResourceType, pairs: &[(&str, &str)]) -> Query {
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let setting = Setting {
        zone: &zone,
        base: "https://gateway.example/topaz/fhir",
        now: at(0),
    };
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Query::parse(kind, &pairs, Handling::Strict, &setting).unwrap()
}

/// The ids that a search finds on its first page.
pub(super) async fn found(db: &Db, visible: &Visible, kind: ResourceType, pairs: &[(&str, &str)]) -> Vec<String> {
    let mut read = db.read().await.unwrap();
    let page = Page { size: 100, after: None };
    let found = super::search(&mut read, visible, &query(kind, pairs), &page)
        .await
        .unwrap();
    found.entries.iter().map(|entry| entry.id.to_string()).collect()
}
