//! Reads a few records again, after the product said that they changed.
//!
//! # Design
//! - A record is asked for by its id, a care plan by the list of its client, contacts by the streams that they are joined from.
//! - **A burst becomes one stream.** A correction in bulk names thousands of reports; one request for what changed brings them
//!   all, and only what it does not bring (because it is gone) is asked for one by one.
//! - What a pull joins to a report (its release, the goal in a plan) is read for the clients of the reports, once a look.
//! - The names of employees, which every record may mention, are kept for a quarter of an hour: a record that names somebody
//!   unknown reads them anew, at most once a minute.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::goals::Goals;
use super::join::{Names, Wanted};
use super::lists::{CARE_PLANS, Known};
use super::plans::Errand;
use super::pull::{Ending, Head, Run};
use super::repair;
use super::reports::{REPORT, REPORT_UPDATES};
use super::transport::{Missing, Target};
use crate::ecd::task::Stop;
use crate::ecd::{Again, Error, Event, Kind, bsn};

const CLIENT: &str = "/v0/administration/clients/{id}";
const RELATIONS: (&str, &str) = (
    "/v0/administration/client_contact_relations/by_client/{id}",
    "clientContactRelations",
);

/// More reports than this are read as a stream.
const ONE_BY_ONE: usize = 32;

/// Changed reports that are kept while their stream is read.
const MOST: usize = 50_000;

/// Records that are asked for ahead of the reader; the permits bound what is really open.
const AHEAD: usize = 4;

const NAMES_LAST: Duration = Duration::from_secs(15 * 60);
const NAMES_AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// The names of employees between two looks.
pub(super) type KeptNames = Mutex<Option<(Instant, Arc<Names>)>>;

impl Run {
    pub(super) async fn look(self, again: BTreeSet<Again>, kept: Arc<KeptNames>) {
        if let Err(Stop::Failed(error)) = self.look_at(again, &kept).await {
            let _ = self.out.send(Err(error)).await;
        }
    }

    async fn look_at(&self, again: BTreeSet<Again>, kept: &KeptNames) -> Result<(), Stop> {
        let mut records: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
        let mut of_clients: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
        let mut changes = BTreeSet::new();
        for one in again {
            match one {
                Again::Record { kind, key } => drop(records.entry(kind).or_default().insert(key)),
                Again::Client { kind, client } => drop(of_clients.entry(kind).or_default().insert(client)),
                Again::Changes { kind } => drop(changes.insert(kind)),
            }
        }
        let clients = of_clients.remove(&Kind::Client).unwrap_or_default();
        if !clients.is_empty() {
            let names = self.names(kept, NAMES_LAST).await?;
            self.part(Kind::Client, self.clients_again(clients, &names)).await?;
        }
        let contacts = of_clients.remove(&Kind::ContactRelation).unwrap_or_default();
        if changes.contains(&Kind::ContactRelation) {
            self.part(Kind::ContactRelation, self.relations()).await?;
        }
        if !contacts.is_empty() {
            self.part(Kind::ContactRelation, self.contacts_again(contacts)).await?;
        }
        if changes.contains(&Kind::Client) {
            let names = self.names(kept, NAMES_LAST).await?;
            let circles = self.circles(self.pull.clients.clone(), &names).await?;
            self.part(Kind::Client, self.clients(&circles)).await?;
        }
        let mut plans = of_clients.remove(&Kind::CarePlan).unwrap_or_default();
        if changes.contains(&Kind::CarePlan) {
            // There is no stream of them.
            plans.extend(self.pull.clients.iter().cloned());
        }
        let reports = records.remove(&Kind::Report).unwrap_or_default();
        let all_reports = changes.contains(&Kind::Report);
        if !plans.is_empty() || !reports.is_empty() || all_reports {
            let names = self.names(kept, NAMES_LAST).await?;
            let mut known = Known::nothing_of(&self.pull.clients);
            for client in plans {
                let part = self.plans_again(&client, &names, &mut known).await;
                self.go_on(Kind::CarePlan, Some(client), part).await?;
            }
            if all_reports || !reports.is_empty() {
                let part = self.reports_again(reports, all_reports, names, kept, known);
                self.part(Kind::Report, part).await?;
            }
        }
        Ok(())
    }

    async fn part(&self, kind: Kind, part: impl Future<Output = Result<(), Stop>>) -> Result<(), Stop> {
        let done = part.await;
        self.go_on(kind, None, done).await
    }

    /// The names that are known, if they are not older than `most`; otherwise every employee is read.
    async fn names(&self, kept: &KeptNames, most: Duration) -> Result<Arc<Names>, Stop> {
        let mut kept = kept.lock().await;
        if let Some((at, names)) = &*kept
            && at.elapsed() < most
        {
            return Ok(Arc::clone(names));
        }
        let names = Arc::new(self.employees().await?);
        *kept = Some((Instant::now(), Arc::clone(&names)));
        Ok(names)
    }

    async fn clients_again(&self, clients: BTreeSet<String>, names: &Names) -> Result<(), Stop> {
        let circles = self.circles(clients.clone(), names).await?;
        let mut ahead = futures::stream::iter(clients)
            .map(|client| async move { (self.one(CLIENT, &client).await, client) })
            .buffered(AHEAD);
        let kind = Kind::Client;
        while let Some((found, key)) = ahead.next().await {
            let found = match found {
                // The others do not wait for one that cannot be read.
                Err(error) => {
                    self.go_on(kind, Some(key), Err(Stop::Failed(error))).await?;
                    continue;
                }
                Ok(found) => found,
            };
            let Some(mut body) = found else {
                for kind in [Kind::Stay, Kind::Client, Kind::CareTeam] {
                    let key = key.clone();
                    self.send(Event::Deleted { kind, key }).await?;
                }
                continue;
            };
            is_asked_for(CLIENT, &body, &key)?;
            if bsn::is_wrong(&body["bsn"]) {
                self.doubt(&key).await?;
                continue;
            }
            repair::record(kind, &mut body);
            let version = repair::version([&body]);
            self.stay(Some(key.clone()), version.clone(), &mut body, &mut Ending::Whole)
                .await?;
            // Where the care providers could not be read, that was told, and the client waits with them.
            if circles.join(&key, &mut body) {
                self.deliver(kind, Some(key), version, body, &mut Ending::Whole).await?;
            }
        }
        Ok(())
    }

    /// The contacts of whole clients, with their addresses: what a client's list lacks is gone.
    async fn contacts_again(&self, clients: BTreeSet<String>) -> Result<(), Stop> {
        let kind = Kind::ContactRelation;
        let mut lists = Vec::new();
        let mut ids = HashSet::new();
        for client in clients {
            let list = self.list(RELATIONS, &client).await.map_err(Stop::Failed)?;
            ids.extend(list.iter().filter_map(|body| body.get("id").and_then(Value::as_u64)));
            lists.push((client, list));
        }
        let addresses = self.addresses(&Wanted::Changed(ids)).await?;
        for (client, list) in lists {
            let mut ending = Ending::Whole;
            for mut body in list {
                if body
                    .get("clientObjectId")
                    .and_then(Value::as_u64)
                    .map(|id| id.to_string())
                    != Some(client.clone())
                {
                    let reason = "belongs to another client than the one asked for";
                    self.bad(kind, None, "/clientObjectId", reason, &mut ending).await?;
                    continue;
                }
                addresses.join(&mut body);
                repair::record(kind, &mut body);
                let joined = body.get("addresses").and_then(Value::as_array).into_iter().flatten();
                let version = repair::version(joined.chain([&body]));
                self.deliver(kind, Some(client.clone()), version, body, &mut ending)
                    .await?;
            }
            if ending == Ending::Whole {
                self.send(Event::Complete { kind, client }).await?;
            }
        }
        Ok(())
    }

    async fn reports_again(
        &self,
        mut keys: BTreeSet<String>,
        all: bool,
        mut names: Arc<Names>,
        kept: &KeptNames,
        mut known: Known,
    ) -> Result<(), Stop> {
        if all || keys.len() > ONE_BY_ONE {
            // Read to its end first: what is asked for meanwhile would need a permit of its own.
            for (client, body) in self.changed_reports(&mut keys).await? {
                if let Some(client) = &client {
                    self.learn(client, &body, &mut known).await?;
                }
                self.report(client, body, &names, &known, &mut Ending::Whole).await?;
            }
        }
        let kind = Kind::Report;
        // All of them first: a request that waits half done would keep its permit from what is asked for meanwhile.
        let all: Vec<_> = futures::stream::iter(keys)
            .map(|key| async move { (self.one(REPORT, &key).await, key) })
            .buffered(AHEAD)
            .collect()
            .await;
        for (found, key) in all {
            let found = found.map_err(Stop::Failed).and_then(|found| {
                let Some(body) = found else { return Ok(None) };
                is_asked_for(REPORT, &body, &key).map(|()| Some(body))
            });
            let body = match found {
                Ok(Some(body)) => body,
                Ok(None) => {
                    self.send(Event::Deleted { kind, key }).await?;
                    continue;
                }
                // The others do not wait for one that cannot be read.
                Err(stop) => {
                    self.go_on(kind, None, Err(stop)).await?;
                    continue;
                }
            };
            let owner = body.get("clientId").and_then(Value::as_u64).map(|id| id.to_string());
            if owner.as_ref().is_some_and(|owner| !self.pull.clients.contains(owner)) {
                self.send(Event::Outside { kind, key }).await?;
                continue;
            }
            let author = body.get("employeeId").and_then(Value::as_u64);
            if author.is_some_and(|author| !names.has(author)) {
                names = self.names(kept, NAMES_AT_MOST_EVERY).await?;
            }
            if let Some(client) = &owner {
                self.learn(client, &body, &mut known).await?;
            }
            self.report(owner, body, &names, &known, &mut Ending::Whole).await?;
        }
        Ok(())
    }

    /// The reports of the stream that belong to clients who were asked for, with their owner; what came is taken out of `keys`.
    async fn changed_reports(&self, keys: &mut BTreeSet<String>) -> Result<Vec<(Option<String>, Value)>, Stop> {
        let target = Target::stream(REPORT_UPDATES.0, self.since().as_deref());
        let mut rows = self
            .transport
            .rows(&target, REPORT_UPDATES.1)
            .await
            .map_err(Stop::Failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().await.map_err(Stop::Failed)? {
            let head = Head::of(&row);
            let id = head.as_ref().and_then(|head| head.id).map(|id| id.to_string());
            let owner = head.as_ref().and_then(|head| head.client_id);
            if let Some(client) = self.owned(Kind::Report, owner, head).await? {
                let Some(body) = self.parse(Kind::Report, row, &mut Ending::Whole).await? else {
                    continue;
                };
                if found.len() >= MOST {
                    return Err(Stop::Failed(Error::Shape {
                        path: REPORT_UPDATES.0,
                        problem: "more changed reports than are read at once; the next slot reads them",
                    }));
                }
                found.push((client, body));
            }
            if let Some(id) = id {
                keys.remove(&id);
            }
        }
        Ok(found)
    }

    /// Reads what has to be known of a client before this report of theirs can be told.
    async fn learn(&self, client: &str, report: &Value, known: &mut Known) -> Result<(), Stop> {
        self.releases_of(client, known).await?;
        if report.get("carePlanEntryId").and_then(Value::as_u64).is_some() && known.goals.misses(client) {
            self.goals_of(client, &mut known.goals).await?;
        }
        Ok(())
    }

    async fn plans_again(&self, client: &str, names: &Names, known: &mut Known) -> Result<(), Stop> {
        self.releases_of(client, known).await?;
        let list = self.list(CARE_PLANS, client).await.map_err(Stop::Failed)?;
        let mut list = self.joined(client, list, Errand::Look).await;
        let not_asked = list.failed.take();
        self.one_list(Kind::CarePlan, client, list, names, known).await?;
        known.goals.read(client);
        not_asked.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Reads once a look what was released to a client and what was taken back.
    async fn releases_of(&self, client: &str, known: &mut Known) -> Result<(), Stop> {
        if !known.releases.knows(client) {
            let rows = self.releases(client).await.map_err(Stop::Failed)?;
            known.releases.keep(client, &rows, None).map_err(Stop::Failed)?;
            known.releases.read(client);
        }
        Ok(())
    }

    /// Reads the plans of a client for the goals in them.
    async fn goals_of(&self, client: &str, goals: &mut Goals) -> Result<(), Stop> {
        let number = client.parse::<u64>().ok();
        for mut plan in self.list(CARE_PLANS, client).await.map_err(Stop::Failed)? {
            repair::record(Kind::CarePlan, &mut plan);
            let owner = plan.get("clientId").and_then(Value::as_u64);
            if let Some(owner) = owner.filter(|owner| Some(*owner) == number) {
                goals.keep(CARE_PLANS.0, owner, &plan).map_err(Stop::Failed)?;
            }
        }
        goals.read(client);
        Ok(())
    }

    async fn one(&self, path: &'static str, id: &str) -> Result<Option<Value>, Error> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Shape {
                path,
                problem: "the key is not a number",
            });
        }
        let target = Target {
            path,
            id,
            query: Vec::new(),
            missing: Missing::Answers,
        };
        self.transport.one(&target).await
    }
}

/// Another record than the one asked for says nothing about either.
fn is_asked_for(path: &'static str, body: &Value, key: &str) -> Result<(), Stop> {
    let same = body
        .get("id")
        .and_then(Value::as_u64)
        .map(|id| id.to_string())
        .as_deref()
        == Some(key);
    same.then_some(()).ok_or(Stop::Failed(Error::Shape {
        path,
        problem: "the answer is another record than the one asked for",
    }))
}
