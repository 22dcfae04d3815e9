//! One pull from Ons: what is asked for, in which order, and what counts as whole.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::join::{Addresses, Names, Wanted};
use super::repair;
use super::rows::Row;
use super::transport::{Target, Transport};
use crate::ecd::contract::{Contracts, key_of};
use crate::ecd::{Bad, Error, Event, Kind, Pull, Reach, Record, version_of};

const EMPLOYEES: (&str, &str) = ("/v0/xstream/employees/data", "employees");
const CLIENTS: (&str, &str) = ("/v0/xstream/clients/data", "clients");
const CLIENT_UPDATES: (&str, &str) = ("/v0/xstream/clients/updates", "clients");
const CLIENT_DELETES: (&str, &str) = ("/v0/xstream/clients/deletes", "clients");
const RELATIONS: (&str, &str) = ("/v0/xstream/relations/data", "clientContactRelations");
const RELATION_UPDATES: (&str, &str) = ("/v0/xstream/relations/updates", "clientContactRelations");
const ADDRESSES: (&str, &str) = (
    "/v0/xstream/client_contact_relation_addresses/data",
    "clientContactRelationAddresses",
);
const ADDRESS_UPDATES: (&str, &str) = (
    "/v0/xstream/client_contact_relation_addresses/updates",
    "clientContactRelationAddresses",
);
const REPORTS: (&str, &str) = ("/v0/xstream/reports/data", "reports");
const REPORT_UPDATES: (&str, &str) = ("/v0/xstream/reports/updates", "reports");
const CARE_PLANS: (&str, &str) = ("/v0/administration/dossier/care_plans/by_client/{id}", "carePlans");
const AGENDA: (&str, &str) = ("/v0/agenda/clients/{id}/agenda_occurrences", "agendaOccurrences");

/// Clients whose lists are read ahead of the reader; the permits bound what is really open.
const CLIENTS_AHEAD: usize = 4;

/// The fields that say whose record a line is: read without the rest, since most lines are of others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    id: Option<u64>,
    client_id: Option<u64>,
    client_object_id: Option<u64>,
    client_contact_relation_id: Option<u64>,
}

impl Head {
    fn of(row: &Row) -> Option<Self> {
        match row {
            Row::Line(line) => serde_json::from_slice(line).ok(),
            Row::Value(value) => Self::deserialize(value).ok(),
            Row::TooLong => None,
        }
    }
}

/// Why a pull stops before its end.
enum Stop {
    /// Nobody reads any more.
    Unread,
    Failed(Error),
}

/// What came out of reading one stream to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    /// At least one record had no key, so what is missing cannot be told.
    Holed,
}

pub(super) struct Run {
    pub(super) transport: Arc<Transport>,
    pub(super) contracts: Arc<Contracts>,
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
        let clients = self.clients().await;
        self.go_on(Kind::Client, None, clients).await?;
        let relations = self.relations().await;
        self.go_on(Kind::ContactRelation, None, relations).await?;
        self.lists(&names).await?;
        let reports = self.reports(&names).await;
        self.go_on(Kind::Report, None, reports).await?;
        self.send(Event::Spent(self.transport.spent())).await
    }

    async fn send(&self, event: Event) -> Result<(), Stop> {
        self.out.send(Ok(event)).await.map_err(|_| Stop::Unread)
    }

    /// Tells of a part that failed and goes on, unless every other request would fail too.
    async fn go_on(&self, kind: Kind, client: Option<String>, part: Result<(), Stop>) -> Result<(), Stop> {
        match part {
            Err(Stop::Failed(error)) if !error.is_fatal() => self.send(Event::Failed { kind, client, error }).await,
            result => result,
        }
    }

    fn since(&self) -> Option<String> {
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
    async fn employees(&self) -> Result<Names, Stop> {
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

    async fn clients(&self) -> Result<(), Stop> {
        let (target, wrapper) = self.target(CLIENTS, CLIENT_UPDATES);
        let mut rows = self.transport.rows(&target, wrapper).await.map_err(Stop::Failed)?;
        let mut ending = Ending::Whole;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row).and_then(|head| head.id).map(|id| id.to_string());
            if head.as_ref().is_some_and(|id| !self.pull.clients.contains(id)) {
                continue;
            }
            let Some(mut body) = self.parse(Kind::Client, row, &mut ending).await? else {
                continue;
            };
            repair::record(Kind::Client, &mut body);
            let version = repair::version([&body]);
            self.deliver(Kind::Client, head, version, body, &mut ending).await?;
        }
        self.close(Kind::Client, ending).await?;
        let Some(since) = self.since() else {
            return Ok(());
        };
        let target = Target::stream(CLIENT_DELETES.0, Some(&since));
        let mut rows = self
            .transport
            .rows(&target, CLIENT_DELETES.1)
            .await
            .map_err(Stop::Failed)?;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            if let Some(key) = Head::of(&row).and_then(|head| head.id).map(|id| id.to_string())
                && self.pull.clients.contains(&key)
            {
                let kind = Kind::Client;
                self.send(Event::Deleted { kind, key }).await?;
            }
        }
        Ok(())
    }

    /// Contact relations with their addresses, two streams of the source.
    ///
    /// Either may change alone, and the other half is needed then as well. So a partial pull first asks both for their
    /// changes, and only if there are any reads the two streams and delivers the relations that changed.
    async fn relations(&self) -> Result<(), Stop> {
        let wanted = match self.since() {
            None => Wanted::Every,
            Some(since) => {
                let mut changed = HashSet::new();
                for (path, wrapper) in [RELATION_UPDATES, ADDRESS_UPDATES] {
                    let target = Target::stream(path, Some(&since));
                    let mut rows = self.transport.rows(&target, wrapper).await.map_err(Stop::Failed)?;
                    while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
                        changed.extend(Head::of(&row).and_then(|head| head.client_contact_relation_id.or(head.id)));
                    }
                }
                if changed.is_empty() {
                    return Ok(());
                }
                Wanted::Changed(changed)
            }
        };
        let addresses = self.addresses(&wanted).await?;
        let mut rows = self
            .transport
            .rows(&Target::stream(RELATIONS.0, None), RELATIONS.1)
            .await
            .map_err(Stop::Failed)?;
        let mut ending = Ending::Whole;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row);
            if head.as_ref().and_then(|head| head.id).is_some_and(|id| !wanted.has(id)) {
                continue;
            }
            let owner = head.as_ref().and_then(|head| head.client_object_id);
            let Some(client) = self.owned(Kind::ContactRelation, owner, head).await? else {
                continue;
            };
            let Some(mut body) = self.parse(Kind::ContactRelation, row, &mut ending).await? else {
                continue;
            };
            addresses.join(&mut body);
            repair::record(Kind::ContactRelation, &mut body);
            let joined = body.get("addresses").and_then(Value::as_array).into_iter().flatten();
            let version = repair::version(joined.chain([&body]));
            self.deliver(Kind::ContactRelation, client, version, body, &mut ending)
                .await?;
        }
        self.close(Kind::ContactRelation, ending).await
    }

    async fn addresses(&self, wanted: &Wanted) -> Result<Addresses, Stop> {
        let mut addresses = Addresses::default();
        let mut rows = self
            .transport
            .rows(&Target::stream(ADDRESSES.0, None), ADDRESSES.1)
            .await
            .map_err(Stop::Failed)?;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let Some(relation) = Head::of(&row).and_then(|head| head.client_contact_relation_id) else {
                // Whose address this is cannot be told; a relation without it would look as if it had none.
                return Err(Stop::Failed(Error::Shape {
                    path: ADDRESSES.0,
                    problem: "an address without its relation",
                }));
            };
            if !wanted.has(relation) {
                continue;
            }
            let line = match row {
                Row::Line(line) => line,
                Row::Value(value) => value.to_string().into(),
                Row::TooLong => continue,
            };
            let limit = self.transport.limits.join_bytes;
            addresses
                .keep(ADDRESSES.0, relation, &line, limit)
                .map_err(Stop::Failed)?;
        }
        Ok(addresses)
    }

    async fn reports(&self, names: &Names) -> Result<(), Stop> {
        let (target, wrapper) = self.target(REPORTS, REPORT_UPDATES);
        let mut rows = self.transport.rows(&target, wrapper).await.map_err(Stop::Failed)?;
        let mut ending = Ending::Whole;
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row);
            let owner = head.as_ref().and_then(|head| head.client_id);
            let Some(client) = self.owned(Kind::Report, owner, head).await? else {
                continue;
            };
            let Some(mut body) = self.parse(Kind::Report, row, &mut ending).await? else {
                continue;
            };
            repair::record(Kind::Report, &mut body);
            let version = repair::version([&body]);
            names.join(&mut body);
            self.deliver(Kind::Report, client, version, body, &mut ending).await?;
        }
        self.close(Kind::Report, ending).await
    }

    /// Care plans and agenda: one list per client, several clients ahead, delivered in order.
    async fn lists(&self, names: &Names) -> Result<(), Stop> {
        let mut ahead = futures::stream::iter(self.pull.clients.clone())
            .map(|client: String| async move {
                let plans = self.list(CARE_PLANS, &client).await;
                let agenda = self.list(AGENDA, &client).await;
                (client, plans, agenda)
            })
            .buffered(CLIENTS_AHEAD);
        while let Some((client, plans, agenda)) = ahead.next().await {
            for (kind, list) in [(Kind::CarePlan, plans), (Kind::AgendaOccurrence, agenda)] {
                let part = match list {
                    Ok(list) => self.one_list(kind, &client, list, names).await,
                    Err(error) => Err(Stop::Failed(error)),
                };
                self.go_on(kind, Some(client.clone()), part).await?;
            }
        }
        Ok(())
    }

    async fn list(&self, (path, wrapper): (&'static str, &'static str), client: &str) -> Result<Vec<Value>, Error> {
        if client.is_empty() || !client.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Shape {
                path,
                problem: "the key of the client is not a number",
            });
        }
        let query = if path == AGENDA.0 {
            vec![
                ("from", self.pull.agenda.start.to_string()),
                ("to", self.pull.agenda.end.to_string()),
                // Appointments without the client are asked for as well: one that changes to that has to be withdrawn
                // by rule, not by chance.
                ("require_client_present", "false".to_owned()),
            ]
        } else {
            Vec::new()
        };
        let target = Target {
            path,
            id: client,
            query,
        };
        self.transport.list(&target, wrapper).await
    }

    async fn one_list(&self, kind: Kind, client: &str, list: Vec<Value>, names: &Names) -> Result<(), Stop> {
        let number: u64 = client.parse().map_err(|_| {
            Stop::Failed(Error::Shape {
                path: CARE_PLANS.0,
                problem: "the key of the client is out of range",
            })
        })?;
        let mut ending = Ending::Whole;
        for mut body in list {
            repair::record(kind, &mut body);
            if kind == Kind::AgendaOccurrence {
                names.join_agenda(&mut body, number);
            } else {
                names.join(&mut body);
            }
            if body.get("clientId").and_then(Value::as_u64) != Some(number) {
                let reason = "belongs to another client than the one asked for";
                self.bad(kind, key_of(&body), "/clientId", reason, &mut ending).await?;
                continue;
            }
            let entries = body
                .get("carePlanEntries")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let version = repair::version(entries.chain([&body]));
            self.deliver(kind, Some(client.to_owned()), version, body, &mut ending)
                .await?;
        }
        match ending {
            Ending::Whole => {
                let client = client.to_owned();
                self.send(Event::Complete { kind, client }).await
            }
            Ending::Holed => Err(Stop::Failed(Error::Shape {
                path: if kind == Kind::CarePlan { CARE_PLANS.0 } else { AGENDA.0 },
                problem: "a record without a key",
            })),
        }
    }

    /// Whose record this is: `None` if nobody's who was asked for, `Some(None)` if the line does not tell.
    async fn owned(&self, kind: Kind, owner: Option<u64>, head: Option<Head>) -> Result<Option<Option<String>>, Stop> {
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

    async fn parse(&self, kind: Kind, row: Row, ending: &mut Ending) -> Result<Option<Value>, Stop> {
        let reason = match row {
            Row::Value(value) => return Ok(Some(value)),
            Row::Line(line) => match serde_json::from_slice(&line) {
                Ok(value) => return Ok(Some(value)),
                Err(_) => "a line that is not JSON",
            },
            Row::TooLong => "a line above the limit",
        };
        self.bad(kind, None, "", reason, ending).await?;
        Ok(None)
    }

    async fn bad(
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
    async fn deliver(
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
        if client.is_none() && kind != Kind::Employee {
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
    async fn close(&self, kind: Kind, ending: Ending) -> Result<(), Stop> {
        match (ending, self.pull.reach) {
            (Ending::Whole, Reach::Full) => self.send(Event::StreamComplete { kind }).await,
            _ => Ok(()),
        }
    }
}

type Part = (Target<'static>, &'static str);
