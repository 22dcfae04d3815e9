//! Reports: by far the most records of a dossier, so they are handed out unread.
//!
//! # Design
//! What tells one reading of a report from another is its bytes and what is joined to it: the name of its author, its goal, its
//! release. The joins are made on the few fields that they need, so that a report whose content is known is never parsed
//! whole. Where a join cannot be told in this pull, the report is read at once, because what is withheld in any case does not
//! wait.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::join::Names;
use super::lists::Known;
use super::pull::{Ending, Head, NOT_JSON, Run};
use super::repair;
use super::rows::Row;
use super::transport::{Missing, Target};
use crate::ecd::contract::Contracts;
use crate::ecd::task::Stop;
use crate::ecd::{Bad, Error, Event, Kind, Record, Unread};
use crate::secret::sha256;

pub(super) const REPORT: &str = "/v0/administration/dossier/reports/{id}";
const REPORTS: (&str, &str) = ("/v0/xstream/reports/data", "reports");
pub(super) const REPORT_UPDATES: (&str, &str) = ("/v0/xstream/reports/updates", "reports");

/// Whether the product's own switches keep the report inside.
fn is_withheld(report: &Value) -> bool {
    let is_off = |name: &str| report.get(name) == Some(&Value::Bool(false));
    !is_off("hidden") || !is_off("confidential")
}

impl Run {
    pub(super) async fn reports(&self, names: &Arc<Names>, known: &Arc<Known>) -> Result<(), Stop> {
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
            let joined = head.as_ref().and_then(Joined::of);
            let Some(client) = self.owned(Kind::Report, owner, head).await? else {
                continue;
            };
            if let (Row::Line(line), Some(joined), Some(client)) = (&row, joined, &client)
                && let Some(unread) = self.unread(line, joined, client, names, known)
            {
                self.send(Event::Unread(unread)).await?;
                continue;
            }
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

    /// A report that is read when somebody wants to know what it says; `None` where what is joined to it cannot be told. The
    /// guard has seen its bytes.
    fn unread(
        &self,
        line: &Bytes,
        Joined { id, mut fields }: Joined,
        client: &str,
        names: &Arc<Names>,
        known: &Arc<Known>,
    ) -> Option<Unread> {
        let kind = Kind::Report;
        repair::record(kind, &mut fields);
        names.join(&mut fields);
        if !known.join(Some(client), &mut fields) {
            return None;
        }
        let fields = fields.to_string();
        let mut depends = Vec::with_capacity(line.len() + fields.len() + 96);
        depends.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
        depends.extend_from_slice(&self.contracts.version(kind));
        // In front of the line: a JSON text has no end that another could not continue.
        depends.extend_from_slice(&(fields.len() as u64).to_le_bytes());
        depends.extend_from_slice(fields.as_bytes());
        depends.extend_from_slice(line);
        let print = sha256(&depends);
        let read = Reading {
            contracts: Arc::clone(&self.contracts),
            // A copy: the line itself would hold on to the whole chunk that it arrived in.
            line: Bytes::copy_from_slice(line),
            key: id.to_string(),
            client: client.to_owned(),
            names: Arc::clone(names),
            known: Arc::clone(known),
        };
        let (key, client) = (read.key.clone(), Some(client.to_owned()));
        Some(Unread::new(kind, key, client, print, move || read.report()))
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
}

/// The fields of a report that say what is joined to it.
struct Joined {
    id: u64,
    fields: Value,
}

impl Joined {
    fn of(head: &Head) -> Option<Self> {
        let id = head.id?;
        let mut fields = json!({"id": id});
        for (name, value) in [
            ("employeeId", &head.employee_id),
            ("carePlanEntryId", &head.care_plan_entry_id),
        ] {
            if !value.is_null() {
                fields[name] = value.clone();
            }
        }
        Some(Self { id, fields })
    }
}

/// What the reading of a report needs.
struct Reading {
    contracts: Arc<Contracts>,
    line: Bytes,
    key: String,
    client: String,
    names: Arc<Names>,
    known: Arc<Known>,
}

impl Reading {
    fn report(&self) -> Result<Record, Bad> {
        let kind = Kind::Report;
        let bad = |bad: Bad| Bad {
            key: Some(self.key.clone()),
            ..bad
        };
        let mut body = serde_json::from_slice(&self.line).map_err(|_| {
            bad(Bad {
                kind,
                key: None,
                pointer: String::new(),
                reason: NOT_JSON.to_owned(),
                more: Vec::new(),
            })
        })?;
        repair::record(kind, &mut body);
        let version = repair::version([&body]);
        self.names.join(&mut body);
        self.known.join(Some(&self.client), &mut body);
        self.contracts.check(kind, &body).map_err(bad)?;
        Ok(Record {
            kind,
            key: self.key.clone(),
            client: Some(self.client.clone()),
            version,
            body,
        })
    }
}
