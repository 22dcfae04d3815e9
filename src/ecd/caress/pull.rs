//! One pull: the drop is checked as a whole, then handed on kind by kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::{Map, Value};
use tokio::sync::mpsc::Sender;

use super::around::{Around, Composed};
use super::chain::Chain;
use super::columns::{
    AGENDA, ANSWERS, CLIENTS, CONTACTS, EMPLOYEES, FORMS, PLAN_LINES, PLANS, REPORT_TYPES, REPORTS, Table, WISHES,
};
use super::dossier::Joined;
use super::rows::{Fault, Row};
use super::{Settings, cell};
use crate::ecd::contract::Contracts;
use crate::ecd::stay::{self, Stay};
use crate::ecd::task::Stop;
use crate::ecd::{Bad, Error, Event, Kind, Record, version_of};

/// The file that has a row for each record of this kind; none where `around` puts its records together.
fn table(kind: Kind) -> Option<&'static Table> {
    match kind {
        Kind::Employee => Some(&EMPLOYEES),
        Kind::Stay | Kind::Client => Some(&CLIENTS),
        Kind::ContactRelation => Some(&CONTACTS),
        Kind::CarePlan => Some(&PLANS),
        Kind::TreatmentWish => Some(&WISHES),
        Kind::AgendaOccurrence => Some(&AGENDA),
        Kind::Survey => Some(&REPORT_TYPES),
        Kind::SurveyResult => Some(&FORMS),
        Kind::Report => Some(&REPORTS),
        Kind::CareProvider | Kind::Insurer | Kind::CareTeam | Kind::Insurance | Kind::Subscription => None,
    }
}

pub(super) struct Run {
    pub settings: Arc<Settings>,
    pub contracts: Arc<Contracts>,
    pub clients: BTreeSet<String>,
    /// What was read before.
    pub mark: Option<String>,
    pub today: Date,
    pub out: Sender<Result<Event, Error>>,
}

impl Run {
    pub fn all(self) {
        if let Err(Stop::Failed(error)) = self.run() {
            // Nobody hears it: then nobody needs it.
            let _ = self.out.blocking_send(Err(error));
        }
    }

    fn send(&self, event: Event) -> Result<(), Stop> {
        self.out.blocking_send(Ok(event)).map_err(|_| Stop::Unread)
    }

    fn run(&self) -> Result<(), Stop> {
        let chain = Chain::read(&self.settings)?;
        chain.follows(self.mark.as_deref())?;
        let files = chain.open()?;
        let version = version_of(chain.generated_at());
        let mut joined = Joined::read(
            &files[REPORT_TYPES.file],
            &files[PLANS.file],
            &files[PLAN_LINES.file],
            &files[ANSWERS.file],
        )?;
        let mut around = Around::read(&files, &self.clients, self.today)?;
        for kind in Kind::ALL {
            let Some(table) = table(kind) else {
                for record in around.records(kind, &self.clients, &|employee| joined.name(employee)) {
                    let Composed { key, client, body } = record;
                    self.send(checked(&self.contracts, kind, Some(key), client, &version, body))?;
                }
                self.send(Event::StreamComplete { kind })?;
                continue;
            };
            for key in files[table.file].gone() {
                let key = key.to_owned();
                self.send(Event::Deleted { kind, key })?;
            }
            let mut is_whole = true;
            files[table.file].each(|row| {
                if is_asked(kind, row, &self.clients) {
                    is_whole &= row.key().is_some();
                    let providers = |client: &str| around.providers_of(client);
                    let event = event(
                        kind,
                        row,
                        &version,
                        &mut joined,
                        &providers,
                        self.today,
                        &self.contracts,
                    );
                    self.send(event)?;
                }
                Ok::<_, Stop>(())
            })?;
            if is_whole {
                self.send(Event::StreamComplete { kind })?;
            }
        }
        self.send(Event::Mark {
            mark: chain.mark(),
            as_of: chain.generated_at(),
        })
    }
}

/// A row whose client cannot be read may be of anyone: it is handed on, to be quarantined.
pub(super) fn is_asked(kind: Kind, row: &Row<'_>, clients: &BTreeSet<String>) -> bool {
    if kind == Kind::Survey {
        // The other types are joined to the reports.
        return row.text("IsFormulier") != "F";
    }
    kind.is_shared() || cell::key(row.text("ClientSysId")).is_none_or(|client| clients.contains(client))
}

/// The general practitioner and the pharmacy of a client.
pub(super) type Providers<'a> = &'a dyn Fn(&str) -> Result<Vec<Value>, Fault>;

/// What a row becomes: a record that keeps its contract, or a complaint about it.
pub(super) fn event(
    kind: Kind,
    row: &Row<'_>,
    version: &str,
    joined: &mut Joined,
    providers: Providers<'_>,
    today: Date,
    contracts: &Contracts,
) -> Event {
    let key = row.key().map(str::to_owned);
    let body = row.body().and_then(|mut body| {
        match (kind, &key) {
            (Kind::Stay, _) => body = stay(&body, today)?,
            (Kind::Client, Some(client)) => {
                body.insert("huisartsApotheek".to_owned(), providers(client)?.into());
            }
            _ => joined.complete(kind, &mut body)?,
        }
        Ok(body)
    });
    let client = match (kind, &body) {
        (Kind::Employee, _) | (_, Err(_)) => None,
        (Kind::Stay | Kind::Client, _) => key.clone(),
        (_, Ok(body)) => body.get("ClientSysId").and_then(Value::as_str).map(str::to_owned),
    };
    checked(contracts, kind, key, client, version, body)
}

/// The record if it keeps its contract, or what is wrong with it.
pub(super) fn checked(
    contracts: &Contracts,
    kind: Kind,
    key: Option<String>,
    client: Option<String>,
    version: &str,
    body: Result<Map<String, Value>, Fault>,
) -> Event {
    let body = match body {
        Ok(body) => Value::Object(body),
        Err(fault) => {
            return Event::Bad(Bad {
                kind,
                key,
                pointer: fault.pointer,
                reason: fault.reason.to_owned(),
                more: Vec::new(),
            });
        }
    };
    if let Err(bad) = contracts.check(kind, &body) {
        return Event::Bad(bad);
    }
    Event::Record(Record {
        kind,
        key: key.expect("the contract asks for a key"),
        client,
        version: version.to_owned(),
        body,
    })
}

/// ASSUMPTION: `ZorgBegin` and `ZorgEinde` are those of the last stay; an absence (hospital, holiday) leaves it open.
fn stay(client: &Map<String, Value>, today: Date) -> Result<Map<String, Value>, Fault> {
    let day = |name: &str| {
        client
            .get(name)
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<Date>().ok())
    };
    let died = day("Overlijdensdatum");
    let begin = day("ZorgBegin").ok_or_else(|| Fault {
        pointer: "/ZorgBegin".to_owned(),
        reason: "expected yyyy-MM-dd",
    })?;
    let last_day = day("ZorgEinde").into_iter().chain(died).min();
    let stay = Stay {
        begin,
        last_day,
        absences: Vec::new(),
    };
    let id = client.get("id").cloned().unwrap_or_default();
    match stay::record(id, &[stay], died, today) {
        Value::Object(body) => Ok(body),
        _ => Ok(Map::new()),
    }
}
