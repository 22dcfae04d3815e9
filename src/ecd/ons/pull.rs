//! One pull from Ons: what is asked for, in which order, and what counts as whole.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::join::Names;
use super::kept::Kept;
use super::repair;
use super::rows::Row;
use super::transport::{Target, Transport};
use crate::config::OnsList;
use crate::ecd::contract::{Contracts, key_of};
use crate::ecd::task::Stop;
use crate::ecd::{Bad, Error, Event, Kind, Pull, Reach, Record, version_of};
use crate::fhir::json::Fault;

const EMPLOYEES: (&str, &str) = ("/v0/xstream/employees/data", "employees");

pub(super) const NOT_JSON: &str = "a line that is not JSON";

/// The fields that say whose record a line is: read without the rest, since most lines are of others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) id: Option<u64>,
    pub(super) client_id: Option<u64>,
    pub(super) client_object_id: Option<u64>,
    pub(super) client_contact_relation_id: Option<u64>,
    /// Of any type: what is wrong with it is for the contract to say.
    #[serde(default)]
    pub(super) employee_id: Value,
    #[serde(default)]
    pub(super) care_plan_entry_id: Value,
}

impl Head {
    pub(super) fn of(row: &Row) -> Option<Self> {
        match row {
            Row::Line(line) => serde_json::from_slice(line).ok(),
            Row::Value(value) => Self::deserialize(value).ok(),
            Row::TooLong | Row::Unfit(_) => None,
        }
    }
}

/// What came out of reading one stream to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// At least one record had no key, so what is missing cannot be told.
    Holed,
}

pub(super) struct Run {
    pub(super) transport: Arc<Transport>,
    pub(super) contracts: Arc<Contracts>,
    pub(super) without: Arc<BTreeSet<OnsList>>,
    pub(super) kept: Arc<Mutex<Kept>>,
    pub(super) pull: Pull,
    pub(super) out: mpsc::Sender<Result<Event, Error>>,
}

impl Run {
    pub(super) async fn all(self) {
        if let Err(Stop::Failed(error)) = self.parts().await {
            let _ = self.out.send(Err(error)).await;
        }
    }

    async fn parts(&self) -> Result<(), Stop> {
        let names = Arc::new(self.employees().await?);
        let circles = self.circles(self.pull.clients.clone(), &names).await?;
        let clients = self.clients(&circles).await;
        self.go_on(Kind::Client, None, clients).await?;
        let relations = self.relations().await;
        self.go_on(Kind::ContactRelation, None, relations).await?;
        let insurances = match self.without.contains(&OnsList::Insurances) {
            true => self.no_insurances().await,
            false => self.insurances().await,
        };
        self.go_on(Kind::Insurance, None, insurances).await?;
        let known = Arc::new(self.lists(&names).await?);
        let reports = self.reports(&names, &known).await;
        self.go_on(Kind::Report, None, reports).await
    }

    pub(super) async fn send(&self, event: Event) -> Result<(), Stop> {
        self.out.send(Ok(event)).await.map_err(|_| Stop::Unread)
    }

    /// Tells of a part that failed and goes on, unless every other request would fail too.
    pub(super) async fn go_on(&self, kind: Kind, client: Option<String>, part: Result<(), Stop>) -> Result<(), Stop> {
        match part {
            Err(Stop::Failed(error)) if !error.is_fatal() => self.send(Event::Failed { kind, client, error }).await,
            result => result,
        }
    }

    /// What is remembered; let go before anything is waited for.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn since(&self) -> Option<String> {
        match self.pull.reach {
            Reach::Full => None,
            Reach::Since(at) => Some(repair::since(at, self.transport.limits.overlap)),
        }
    }

    /// All of a stream in a full pull, its changes otherwise.
    pub(super) fn target(&self, full: (&'static str, &'static str), changes: (&'static str, &'static str)) -> Part {
        match self.since() {
            None => (Target::stream(full.0, None), full.1),
            Some(since) => (Target::stream(changes.0, Some(&since)), changes.1),
        }
    }

    /// Every employee, because every record may name one; only the changed ones are delivered. Without names nothing
    /// else can be joined, so a failure here ends the pull.
    pub(super) async fn employees(&self) -> Result<Names, Stop> {
        let from = match self.pull.reach {
            Reach::Full => String::new(),
            Reach::Since(at) => at
                .checked_sub(self.transport.limits.overlap)
                .map(version_of)
                .unwrap_or_default(),
        };
        let mut names = Names::default();
        let mut rows = self
            .transport
            .rows(&Target::stream(EMPLOYEES.0, None), EMPLOYEES.1)
            .await
            .map_err(Stop::Failed)?;
        let mut ending = Ending::Whole;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let Some(mut body) = self.parse(Kind::Employee, row, &mut ending).await? else {
                continue;
            };
            repair::record(Kind::Employee, &mut body);
            names.keep(EMPLOYEES.0, &body).map_err(Stop::Failed)?;
            let version = repair::version([&body]);
            if version.is_empty() || version >= from {
                self.deliver(Kind::Employee, None, version, body, &mut ending).await?;
            }
        }
        self.close(Kind::Employee, ending).await?;
        Ok(names)
    }

    /// Whose record this is: `None` if nobody's who was asked for, `Some(None)` if the line does not tell.
    pub(super) async fn owned(
        &self,
        kind: Kind,
        owner: Option<u64>,
        head: Option<Head>,
    ) -> Result<Option<Option<String>>, Stop> {
        let Some(owner) = owner.map(|owner| owner.to_string()) else {
            return Ok(Some(None));
        };
        if self.pull.clients.contains(&owner) {
            return Ok(Some(Some(owner)));
        }
        // In a full pull its absence says the same.
        if let (Reach::Since(_), Some(id)) = (self.pull.reach, head.and_then(|head| head.id)) {
            let key = id.to_string();
            self.send(Event::Outside { kind, key }).await?;
        }
        Ok(None)
    }

    pub(super) async fn parse(&self, kind: Kind, row: Row, ending: &mut Ending) -> Result<Option<Value>, Stop> {
        let reason = match row {
            Row::Value(value) => return Ok(Some(value)),
            Row::Line(line) => match serde_json::from_slice(&line) {
                Ok(value) => return Ok(Some(value)),
                Err(_) => NOT_JSON.to_owned(),
            },
            Row::Unfit(Fault::Syntax | Fault::Encoding | Fault::NotAnObject) => NOT_JSON.to_owned(),
            Row::Unfit(fault) => format!("a line that is not read: {fault}"),
            Row::TooLong => "a line above the limit".to_owned(),
        };
        self.bad(kind, None, "", &reason, ending).await?;
        Ok(None)
    }

    pub(super) async fn bad(
        &self,
        kind: Kind,
        key: Option<String>,
        pointer: &str,
        reason: &str,
        ending: &mut Ending,
    ) -> Result<(), Stop> {
        self.send(bad(kind, key, pointer, reason, ending)).await
    }

    /// Checks the contract and sends the record, or what is wrong with it.
    pub(super) async fn deliver(
        &self,
        kind: Kind,
        client: Option<String>,
        version: String,
        body: Value,
        ending: &mut Ending,
    ) -> Result<(), Stop> {
        self.send(self.told(kind, client, version, body, ending)).await
    }

    /// The record, or what is wrong with it.
    pub(super) fn told(
        &self,
        kind: Kind,
        client: Option<String>,
        version: String,
        body: Value,
        ending: &mut Ending,
    ) -> Event {
        let Some(key) = key_of(&body) else {
            return bad(kind, None, "/id", "a record without a key", ending);
        };
        if client.is_none() && !kind.is_shared() {
            let reason = "does not say whose dossier it belongs to";
            return bad(kind, Some(key), "", reason, ending);
        }
        let key = match (kind, &client) {
            // An occurrence of a group has one id for all its clients.
            (Kind::AgendaOccurrence, Some(client)) => format!("{client}/{key}"),
            _ => key,
        };
        match self.contracts.check(kind, &body) {
            Ok(()) => Event::Record(Record {
                kind,
                key,
                client,
                version,
                body,
            }),
            Err(bad) => Event::Bad(Bad { key: Some(key), ..bad }),
        }
    }

    /// The end of a stream: whole only if this was all of it and every record had a key.
    pub(super) async fn close(&self, kind: Kind, ending: Ending) -> Result<(), Stop> {
        match (ending, self.pull.reach) {
            (Ending::Whole, Reach::Full) => self.send(Event::StreamComplete { kind }).await,
            _ => Ok(()),
        }
    }
}

/// What is wrong with a record; without its key, what is missing cannot be told.
fn bad(kind: Kind, key: Option<String>, pointer: &str, reason: &str, ending: &mut Ending) -> Event {
    if key.is_none() {
        *ending = Ending::Holed;
    }
    Event::Bad(Bad::new(kind, key, pointer, reason))
}

type Part = (Target<'static>, &'static str);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_head_is_read_from_lines_and_from_values() {
        let value = json!({"id": 5, "clientId": 7, "comment": "x", "amount": 1.50});
        let line = Row::Line(value.to_string().into());
        for row in [line, Row::Value(value)] {
            let head = Head::of(&row).unwrap();
            assert_eq!(
                (head.id, head.client_id, head.client_object_id),
                (Some(5), Some(7), None)
            );
        }
        assert!(Head::of(&Row::Line("{\"id\": 5, \"x\"".into())).is_none());
        assert!(Head::of(&Row::TooLong).is_none());
    }
}
