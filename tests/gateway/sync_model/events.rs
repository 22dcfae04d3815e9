//! The webhooks of a history: each happening sends what the product would send of it, and some get lost, come twice or out of order.
//!
//! # Design
//! What a turn of the worker leaves behind is judged by what was told. Of a report that was told, the words are in the dossiers of
//! those who may see them and of nobody else. For the rest holds what holds after a partial answer: nothing is there that neither was
//! there nor is at the source, and nothing is missing that was and is. One exception: a report that is read again refers to no goal of
//! a plan whose own event was lost; until everything was compared, a dossier may then hold a resource that is in neither.

use std::collections::{BTreeMap, BTreeSet};

use inzage::ecd::mock::Shelf;
use inzage::ecd::mock::ons::Fault;
use inzage::ecd::ons::hook::{Notice, notice};
use inzage::sync::Decision;
use inzage::sync::hooks::{self, Inbox, Worked};
use serde_json::{Value, json};

use super::Model;
use super::content::Content;
use super::history::key;

/// Events on their way.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: Vec<Value>,
    /// Reports of which an event was delivered that no turn has dealt with yet.
    told: BTreeSet<String>,
    /// What reports said when they were deleted, by key.
    deleted: BTreeMap<String, String>,
    /// Whether the event of a plan was lost since everything was compared.
    pub(super) is_partial: bool,
}

impl Model {
    /// Sends the event of a change, unless it gets lost; sometimes twice.
    pub(super) fn tell(&mut self, shelf: Shelf, kind: &str, record: &Value) {
        let model = match shelf {
            Shelf::Reports => "report",
            Shelf::Clients => "client",
            Shelf::CarePlans => "care_plan",
            Shelf::Relations => "client_contact_relation",
            Shelf::Employees => "employee",
            // Nothing tells of the agenda.
            _ => return,
        };
        if (shelf, kind) == (Shelf::Reports, "DELETE") {
            let said = record["comment"].as_str().unwrap_or_default();
            self.events.deleted.insert(key(record), said.to_owned());
        }
        let copies = match self.more.below(10) {
            0 | 1 => 0,
            2 | 3 => 2,
            _ => 1,
        };
        self.events.is_partial |= copies == 0 && shelf == Shelf::CarePlans;
        let mut events = vec![json!({"eventType": kind, "modelType": model, "id": record["id"]})];
        if shelf == Shelf::CarePlans {
            let payload = json!({"clientId": record["clientId"]});
            events.push(json!({"eventType": "CUSTOM", "modelType": "care_plan_activated", "payload": payload}));
        }
        for _ in 0..copies {
            self.events.waiting.extend(events.iter().cloned());
        }
    }

    /// Delivers what is on its way, in any order.
    async fn deliver(&mut self) {
        let inbox = Inbox::start(self.dossiers.store.db.clone(), self.dossiers.clock.clone());
        let mut events = std::mem::take(&mut self.events.waiting);
        while !events.is_empty() {
            let event = events.swap_remove(self.more.below(events.len()));
            if event["modelType"] == "report" {
                self.events.told.insert(key(&event));
            }
            match notice(event.to_string().as_bytes()) {
                Notice::Changed { kind, what } => {
                    let tenant = &self.dossiers.tenant.id;
                    inbox.receive(tenant, "ons", kind, what).await.unwrap();
                }
                Notice::Nothing => {}
                Notice::Unreadable => panic!("{event}"),
            }
        }
    }

    /// Delivers the events and follows them; what is published then.
    pub(super) async fn followed(
        &mut self,
        number: u64,
        before: &BTreeMap<u64, Content>,
        visible: &BTreeMap<u64, Content>,
    ) -> BTreeMap<u64, Content> {
        self.deliver().await;
        let is_faulty = self.more.is(20);
        if is_faulty {
            let reports = "/v0/administration/dossier/reports";
            self.dossiers.mock.faults.add(reports, Fault::Status(500), 2);
        }
        let mut turns = Vec::new();
        while !matches!(turns.last(), Some(Worked::Idle | Worked::Later(_))) {
            let turn = self.dossiers.hooked_anew().await;
            turns.push(turn.unwrap_or_else(|error| panic!("round {number}: {error:?} after {turns:#?}")));
        }
        self.dossiers.mock.faults.clear();
        let told = format!("round {number}: webhooks, {turns:#?}");
        let is_later = matches!(turns.last(), Some(Worked::Later(_)));
        assert!(is_faulty || !is_later, "{told}");
        if self.dossiers.is_held().await {
            self.dossiers.decide(None, Decision::Remove).await;
        }
        let waiting = {
            let mut read = self.dossiers.store.db.read().await.unwrap();
            hooks::waiting(&mut read, &self.dossiers.tenant.id, "ons")
                .await
                .unwrap()
        };
        let after = self.stored().await;
        let none = Content::new();
        for client in &self.clients {
            let (before, after) = (before.get(client).unwrap_or(&none), &after[client]);
            let visible = &visible[client];
            if !self.events.is_partial {
                let known: BTreeSet<&String> = before.keys().chain(visible.keys()).collect();
                let strange = after.keys().find(|one| !known.contains(one));
                assert!(strange.is_none(), "{told}\n{client} has {strange:#?}");
                for one in before.keys().filter(|one| visible.contains_key(*one)) {
                    assert!(after.contains_key(one), "{told}\n{client} lost {one}");
                }
            }
        }
        if waiting == 0 {
            for key in std::mem::take(&mut self.events.told) {
                self.is_as_at_the_source(&key, &after, visible, &told);
            }
        }
        after
    }

    /// A report that was told is in the dossier of whom it is open to, and what it says is in no other.
    fn is_as_at_the_source(
        &self,
        key: &str,
        after: &BTreeMap<u64, Content>,
        visible: &BTreeMap<u64, Content>,
        told: &str,
    ) {
        // What was deleted is nowhere, unless another report says the same.
        if let Some(word) = self.events.deleted.get(key).filter(|word| self.words.contains(*word)) {
            let reports = self.dossiers.population.all(Shelf::Reports);
            let is_said = reports.iter().any(|report| report["comment"] == word.as_str());
            for (client, content) in after.iter().filter(|_| !is_said) {
                let found = content.keys().find(|one| one.contains(word.as_str()));
                assert!(
                    found.is_none(),
                    "{told}\n{client} has {word:?} of {key}, which is deleted: {found:?}"
                );
            }
        }
        let Some(report) = self.dossiers.population.get(Shelf::Reports, key) else {
            return;
        };
        // Of other reports the words are not known to be of one.
        let word = report["comment"].as_str().unwrap_or_default();
        if !self.words.contains(word) {
            return;
        }
        for (client, content) in after {
            let says = |content: &Content| content.keys().any(|one| one.contains(word));
            let found = says(content);
            assert_eq!(found, says(&visible[client]), "{told}\n{word:?} of {key} for {client}");
            assert!(
                !found || self.is_open(*client, &report),
                "{told}\n{client} has {word:?} of {key}"
            );
        }
    }
}
