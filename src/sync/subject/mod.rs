//! Whose a record is, and what happens when the source changes its mind.
//!
//! # Design
//! A record moves when it was filed in the wrong dossier, or when the source gives an old key to another client's new record; the
//! two look the same. Apps of the first client may know its resources by id. So a record that changes its subject begins a new
//! **generation**: the resources of the first one are withdrawn with their history, those of the next have ids of their own, and
//! an id never means something in two dossiers. What the source no longer has leaves its last subject behind (`source_gone`),
//! so that this also holds when there was a time between.
//!
//! Maps compute ids without looking anything up, and resources of one dossier refer to each other within one record (to clients
//! and employees always by the ids of generation 0, which these keep). So the ids of a later generation are put in place of the
//! first ones in all resources of the record at once. The one reference between records, of a report to a goal of the plan,
//! is left out after the plan moved to another client (`refer.rs`): it never leads into another dossier.

pub(crate) mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Error;
use super::run::Run;
use super::store::Dealt;
use crate::ecd::{Kind, Record};
use crate::mapping::{Mapped, resource_id};
use crate::secret::MacKey;

/// A record that belongs to another client than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub kind: Kind,
    pub key: String,
    pub from: String,
    pub to: String,
}

/// Whether records of this kind can change their subject: an employee has none and a client is its own.
fn has_subject(record: &Record) -> bool {
    record.client.is_some() && record.kind != Kind::Client
}

/// Whether the client is part of the key, so that it cannot change.
fn is_bound(key: &str, client: &str) -> bool {
    key.strip_prefix(client).is_some_and(|rest| rest.starts_with('/'))
}

/// The generation of each record, by key, where it is not 0; and who moved.
#[derive(Debug, Default)]
pub(super) struct Generations {
    of: HashMap<String, i64>,
    pub moves: Vec<Move>,
}

impl Generations {
    pub fn of(&self, key: &str) -> i64 {
        self.of.get(key).copied().unwrap_or(0)
    }
}

impl Run<'_> {
    /// The generations of a batch of one kind. `known` is what is dealt with of it.
    pub(super) async fn generations(
        &self,
        kind: Kind,
        records: impl Iterator<Item = &Record>,
        known: &HashMap<String, Dealt>,
    ) -> Result<Generations, Error> {
        let mut found = Generations::default();
        let mut unknown = Vec::new();
        for record in records.filter(|record| has_subject(record)) {
            let Some(dealt) = known.get(&record.key) else {
                unknown.push(record);
                continue;
            };
            let mut generation = dealt.generation;
            if dealt.client != record.client {
                generation += 1;
                found
                    .moves
                    .extend(dealt.client.clone().zip(record.client.clone()).map(|(from, to)| Move {
                        kind,
                        key: record.key.clone(),
                        from,
                        to,
                    }));
            }
            found.of.insert(record.key.clone(), generation);
        }
        let keys: Vec<String> = unknown
            .iter()
            .filter(|record| {
                record
                    .client
                    .as_ref()
                    .is_none_or(|client| !is_bound(&record.key, client))
            })
            .map(|record| record.key.clone())
            .collect();
        if keys.is_empty() {
            return Ok(found);
        }
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let last = store::last(&mut *self.db.read().await?, tenant, source, kind, &keys).await?;
        for record in unknown {
            if let Some((client, generation)) = last.get(&record.key) {
                let is_same = record.client.as_ref() == Some(client);
                found
                    .of
                    .insert(record.key.clone(), if is_same { *generation } else { generation + 1 });
            }
        }
        Ok(found)
    }
}

/// The resources of a record with the ids of its generation.
pub(super) fn renamed(key: &MacKey, resources: Vec<Mapped>, generation: i64) -> Vec<Mapped> {
    if generation == 0 {
        return resources;
    }
    let number = generation.to_string();
    let ids: BTreeMap<String, _> = resources
        .iter()
        .map(|mapped| {
            let id = mapped.id.as_str();
            (id.to_owned(), resource_id(key, &["generation", &number, id]))
        })
        .collect();
    resources
        .into_iter()
        .map(|mut mapped| {
            // The ids are 32 hexadecimal digits of a keyed hash: no other text has them by chance.
            let mut text = mapped.resource.to_string();
            for (old, new) in &ids {
                text = text.replace(old, new.as_str());
            }
            mapped.resource = serde_json::from_str(&text).expect("one id is as good JSON as the other");
            mapped.id = ids[mapped.id.as_str()].clone();
            mapped
        })
        .collect()
}

/// The most clients that are published in one transaction; a source that moves everything at once gets no larger one.
const TOGETHER: usize = 16;

/// What is published together, in order; each a transaction, but for the records of no client (`None`), which come first. Clients
/// between whom a record moved belong together, and come before the others. Where too many would belong together each of them
/// comes alone: what moved still leaves the one dossier and enters the other at once, with the client who has it now.
pub(super) fn groups(clients: BTreeSet<Option<String>>, moves: Vec<Move>) -> Vec<Vec<Option<String>>> {
    let mut clients = clients;
    clients.extend(
        moves
            .iter()
            .flat_map(|moved| [Some(moved.from.clone()), Some(moved.to.clone())]),
    );
    // The name of a group is its first client.
    let mut group: BTreeMap<String, String> = BTreeMap::new();
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Move { from, to, .. } in &moves {
        let name = |group: &BTreeMap<String, String>, client: &String| group.get(client).unwrap_or(client).clone();
        let (one, other) = (name(&group, from), name(&group, to));
        let mut joined = members.remove(&one).unwrap_or_else(|| [from.clone()].into());
        joined.extend(members.remove(&other).unwrap_or_else(|| [to.clone()].into()));
        for client in &joined {
            group.insert(client.clone(), one.clone());
        }
        members.insert(one, joined);
    }
    let mut ordered: Vec<Vec<Option<String>>> = Vec::new();
    if clients.remove(&None) {
        ordered.push(vec![None]);
    }
    for members in members.into_values() {
        let members: Vec<Option<String>> = members.into_iter().map(Some).collect();
        for client in &members {
            clients.remove(client);
        }
        if members.len() <= TOGETHER {
            ordered.push(members);
        } else {
            ordered.extend(members.into_iter().map(|client| vec![client]));
        }
    }
    ordered.extend(clients.into_iter().map(|client| vec![client]));
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str) -> Move {
        Move {
            kind: Kind::Report,
            key: format!("{from}{to}"),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    fn some(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    }

    #[test]
    fn clients_between_whom_records_moved_are_published_together_and_first() {
        let clients = [None, Some("a".to_owned()), Some("x".to_owned()), Some("c".to_owned())].into();
        let moves = vec![
            moved("x", "y"),
            moved("b", "c"),
            moved("c", "d"),
            moved("d", "b"),
            moved("y", "x"),
        ];
        let groups = groups(clients, moves);
        assert_eq!(
            groups,
            [vec![None], some(&["b", "c", "d"]), some(&["x", "y"]), some(&["a"])]
        );
    }

    #[test]
    fn a_source_that_moves_everything_gets_no_transaction_over_everything() {
        let moves: Vec<Move> = (0..40).map(|number| moved("a", &format!("b{number:02}"))).collect();
        let groups = groups([Some("0".to_owned())].into(), moves);
        assert_eq!(groups.len(), 42);
        assert!(groups.iter().all(|group| group.len() == 1));
        assert_eq!(groups[41], some(&["0"]), "who had nothing to do with it comes after");
    }

    #[test]
    fn a_later_generation_has_other_ids_everywhere() {
        let key = MacKey::new(b"k");
        let (one, two) = (
            resource_id(&key, &["x", "report", "1"]),
            resource_id(&key, &["x", "part", "1"]),
        );
        let mapped = |id: &crate::fhir::types::Id, about: &crate::fhir::types::Id| Mapped {
            kind: crate::fhir::types::ResourceType::Observation,
            id: id.clone(),
            patient: None,
            profile: "".into(),
            resource: serde_json::json!({"id": id.as_str(), "hasMember": [{"reference": format!("Observation/{about}")}]}),
        };
        let resources = vec![mapped(&one, &two), mapped(&two, &one)];
        assert_eq!(renamed(&key, resources.clone(), 0), resources);
        let later = renamed(&key, resources.clone(), 1);
        let text: String = later.iter().map(|mapped| mapped.resource.to_string()).collect();
        assert!(!text.contains(one.as_str()) && !text.contains(two.as_str()), "{text}");
        assert_eq!(
            later[0].resource["hasMember"][0]["reference"],
            format!("Observation/{}", later[1].id)
        );
        assert_eq!(renamed(&key, resources.clone(), 1), later);
        assert_ne!(renamed(&key, resources, 2), later);
    }
}
