//! One pull: the drop is checked as a whole, then handed on kind by kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::columns::{
    AGENDA, ANSWERS, CLIENTS, CONTACTS, EMPLOYEES, FORMS, PLAN_LINES, PLANS, REPORT_TYPES, REPORTS, Table,
};
use super::dossier::Joined;
use super::manifest::Manifest;
use super::rows::{Fault, Row};
use super::{Settings, cell};
use crate::ecd::contract::Contracts;
use crate::ecd::{Bad, Error, Event, Kind, Record, Spent, version_of};

/// In the order of [`Kind::ALL`].
const ORDER: [&Table; 8] = [
    &EMPLOYEES,
    &CLIENTS,
    &CONTACTS,
    &PLANS,
    &AGENDA,
    &REPORT_TYPES,
    &FORMS,
    &REPORTS,
];

pub(super) struct Run {
    pub settings: Arc<Settings>,
    pub contracts: Arc<Contracts>,
    pub clients: BTreeSet<String>,
    pub out: Sender<Result<Event, Error>>,
}

/// Why a run ends before its end.
enum Stop {
    /// Nobody takes the events any more.
    Unheard,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Run {
    pub fn all(self) {
        if let Err(Stop::Failed(error)) = self.run() {
            // Nobody hears it: then nobody needs it.
            let _ = self.out.blocking_send(Err(error));
        }
    }

    fn send(&self, event: Event) -> Result<(), Stop> {
        self.out.blocking_send(Ok(event)).map_err(|_| Stop::Unheard)
    }

    fn run(&self) -> Result<(), Stop> {
        let manifest = Manifest::read(&self.settings)?;
        let files = manifest.open()?;
        let version = version_of(manifest.generated_at);
        let mut joined = Joined::read(
            &files[REPORT_TYPES.file],
            &files[PLANS.file],
            &files[PLAN_LINES.file],
            &files[ANSWERS.file],
        )?;
        for (table, kind) in ORDER.into_iter().zip(Kind::ALL) {
            let mut is_whole = true;
            files[table.file].each(|row| {
                if self.is_asked(kind, row) {
                    is_whole &= row.key().is_some();
                    self.send(self.event(kind, row, &version, &mut joined))?;
                }
                Ok::<_, Stop>(())
            })?;
            if is_whole {
                self.send(Event::StreamComplete { kind })?;
            }
        }
        self.send(Event::Spent(Spent::default()))
    }

    /// A row whose client cannot be read may be of anyone: it is handed on, to be quarantined.
    fn is_asked(&self, kind: Kind, row: &Row<'_>) -> bool {
        if kind == Kind::Survey {
            // The other types are joined to the reports.
            return row.text("IsFormulier") != "F";
        }
        kind.is_shared() || cell::key(row.text("ClientSysId")).is_none_or(|client| self.clients.contains(client))
    }

    fn event(&self, kind: Kind, row: &Row<'_>, version: &str, joined: &mut Joined) -> Event {
        let key = row.key().map(str::to_owned);
        let bad = |fault: Fault| {
            Event::Bad(Bad {
                kind,
                key: key.clone(),
                pointer: fault.pointer,
                reason: fault.reason.to_owned(),
            })
        };
        let mut body = match row.body() {
            Ok(body) => body,
            Err(fault) => return bad(fault),
        };
        if let Err(fault) = joined.complete(kind, &mut body) {
            return bad(fault);
        }
        let body = Value::Object(body);
        if let Err(bad) = self.contracts.check(kind, &body) {
            return Event::Bad(bad);
        }
        let client = match kind {
            _ if kind.is_shared() => None,
            Kind::Client => key.clone(),
            _ => body["ClientSysId"].as_str().map(str::to_owned),
        };
        Event::Record(Record {
            kind,
            key: key.expect("the contract asks for a key"),
            client,
            version: version.to_owned(),
            body,
        })
    }
}
