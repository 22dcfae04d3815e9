//! One pull from Ons: what is asked for, in which order, and what counts as whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::join::Names;
use super::lists::Known;
use super::repair;
use super::rows::Row;
use super::transport::{Missing, Target, Transport};
use crate::config::OnsList;
use crate::ecd::contract::{Contracts, key_of};
use crate::ecd::{Bad, Error, Event, Kind, Pull, Reach, Record, version_of};
use crate::fhir::json::Fault;

const EMPLOYEES: (&str, &str) = ("/v0/xstream/employees/data", "employees");
pub(super) const REPORT: &str = "/v0/administration/dossier/reports/{id}";
const REPORTS: (&str, &str) = ("/v0/xstream/reports/data", "reports");
pub(super) const REPORT_UPDATES: (&str, &str) = ("/v0/xstream/reports/updates", "reports");

/// The fields that say whose record a line is: read without the rest, since most lines are of others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) id: Option<u64>,
    pub(super) client_id: Option<u64>,
    pub(super) client_object_id: Option<u64>,
    pub(super) client_contact_relation_id: Option<u64>,
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

/// Whether the product's own switches keep the report inside.
fn is_withheld(report: &Value) -> bool {
    let is_off = |name: &str| report.get(name) == Some(&Value::Bool(false));
    !is_off("hidden") || !is_off("confidential")
}

/// Why a pull stops before its end.
pub(super) enum Stop {
    /// Nobody reads any more.
    Unread,
    Failed(Error),
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
        let names = self.employees().await?;
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
        let known = self.lists(&names).await?;
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

    pub(super) fn since(&self) -> Option<String> {
        match self.pull.reach {
            Reach::Full => None,
            Reach::Since(at) => Some(repair::since(at, self.transport.limits.overlap)),
        }
    }

    /// All of a stream in a full pull, its changes otherwise.
    fn target(&self, full: (&'static str, &'static str), changes: (&'static str, &'static str)) -> Part {
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

    async fn reports(&self, names: &Names, known: &Known) -> Result<(), Stop> {
        let (target, wrapper) = self.target(REPORTS, REPORT_UPDATES);
        let mut rows = self.transport.rows(&target, wrapper).await.map_err(Stop::Failed)?;
        let mut ending = Ending::Whole;
        let mut seen = BTreeSet::new();
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row);
            if self.news().is_some() {
                seen.extend(head.as_ref().and_then(|head| head.id));
            }
            let owner = head.as_ref().and_then(|head| head.client_id);
            let Some(client) = self.owned(Kind::Report, owner, head).await? else {
                continue;
            };
            let Some(body) = self.parse(Kind::Report, row, &mut ending).await? else {
                continue;
            };
            self.report(client, body, names, known, &mut ending).await?;
        }
        for (client, id) in known.releases.left(&seen) {
            self.read_again(client, id, names, known, &mut ending).await?;
        }
        self.close(Kind::Report, ending).await
    }

    pub(super) async fn report(
        &self,
        client: Option<String>,
        mut body: Value,
        names: &Names,
        known: &Known,
        ending: &mut Ending,
    ) -> Result<(), Stop> {
        repair::record(Kind::Report, &mut body);
        let version = repair::version([&body]);
        names.join(&mut body);
        if !known.join(client.as_deref(), &mut body) {
            let is_released = client.as_deref().is_some_and(|client| known.releases.knows(client));
            // What is withheld in any case does not wait for its goal.
            if !is_released || !is_withheld(&body) {
                // It waits for the next pull, which asks from the same moment on, because a part of this one failed.
                *ending = Ending::Holed;
                return Ok(());
            }
        }
        self.deliver(Kind::Report, client, version, body, ending).await
    }

    /// A report whose release changed, not the report itself.
    async fn read_again(
        &self,
        client: String,
        id: u64,
        names: &Names,
        known: &Known,
        ending: &mut Ending,
    ) -> Result<(), Stop> {
        let key = id.to_string();
        let target = Target {
            path: REPORT,
            id: &key,
            query: Vec::new(),
            missing: Missing::Answers,
        };
        let kind = Kind::Report;
        match self.transport.one(&target).await {
            Ok(Some(body))
                if body.get("clientId").and_then(Value::as_u64).map(|id| id.to_string()) == Some(client.clone()) =>
            {
                self.report(Some(client), body, names, known, ending).await
            }
            // It is gone, or it is not in this dossier any more.
            Ok(_) | Err(Error::Status { status: 410, .. }) => self.send(Event::Deleted { kind, key }).await,
            Err(error) => Err(Stop::Failed(error)),
        }
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
                Err(_) => "a line that is not JSON".to_owned(),
            },
            Row::Unfit(Fault::Syntax | Fault::Encoding | Fault::NotAnObject) => "a line that is not JSON".to_owned(),
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
        if key.is_none() {
            *ending = Ending::Holed;
        }
        let (pointer, reason) = (pointer.to_owned(), reason.to_owned());
        self.send(Event::Bad(Bad {
            kind,
            key,
            pointer,
            reason,
        }))
        .await
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
        let Some(key) = key_of(&body) else {
            return self.bad(kind, None, "/id", "a record without a key", ending).await;
        };
        if client.is_none() && !kind.is_shared() {
            return self
                .bad(kind, Some(key), "", "does not say whose dossier it belongs to", ending)
                .await;
        }
        let key = match (kind, &client) {
            // An occurrence of a group has one id for all its clients.
            (Kind::AgendaOccurrence, Some(client)) => format!("{client}/{key}"),
            _ => key,
        };
        match self.contracts.check(kind, &body) {
            Ok(()) => {
                self.send(Event::Record(Record {
                    kind,
                    key,
                    client,
                    version,
                    body,
                }))
                .await
            }
            Err(bad) => self.send(Event::Bad(Bad { key: Some(key), ..bad })).await,
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
