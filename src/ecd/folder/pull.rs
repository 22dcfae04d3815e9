//! One pull: the folder is checked as a whole, then handed on kind by kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::Settings;
use super::manifest::Manifest;
use crate::ecd::contract::Contracts;
use crate::ecd::task::Stop;
use crate::ecd::{Bad, Error, Event, Kind, Record, stay, version_of};
use crate::fhir::json;

/// No line is longer.
const LINE_BYTES: usize = 4 << 20;

pub(super) struct Run {
    pub settings: Arc<Settings>,
    pub contracts: Arc<Contracts>,
    pub clients: BTreeSet<String>,
    pub today: Date,
    pub mark: Option<String>,
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
        let manifest = Manifest::read(&self.settings).map_err(Stop::Failed)?;
        manifest.follows(self.mark.as_deref()).map_err(Stop::Failed)?;
        let mut line = Vec::new();
        for mut file in manifest.open().map_err(Stop::Failed)? {
            let kind = file.kind;
            let mut is_whole = true;
            while file.line(LINE_BYTES, &mut line).map_err(Stop::Failed)? {
                if let Some(event) = self.event(kind, &line) {
                    is_whole &= !matches!(&event, Event::Bad(bad) if bad.key.is_none());
                    self.send(event)?;
                }
            }
            if is_whole {
                self.send(Event::StreamComplete { kind })?;
            }
        }
        for kind in manifest.unnamed(&self.settings) {
            self.send(Event::StreamComplete { kind })?;
        }
        self.send(Event::Mark {
            mark: manifest.mark(),
            as_of: manifest.generated_at,
        })
    }

    /// What a line says; nothing where it is about a client who was not asked for.
    fn event(&self, kind: Kind, line: &[u8]) -> Option<Event> {
        let bad = |key: Option<&str>, pointer: &str, reason: &str| {
            Some(Event::Bad(Bad {
                kind,
                key: key.map(str::to_owned),
                pointer: pointer.to_owned(),
                reason: reason.to_owned(),
                more: Vec::new(),
            }))
        };
        let mut line = match json::parse(line, json::Limits::source(LINE_BYTES)) {
            Ok(line) => line,
            Err(refused) => {
                return bad(
                    None,
                    &refused.pointer,
                    &format!("a line that is not read: {}", refused.kind),
                );
            }
        };
        let key = line["key"].as_str().filter(|key| !key.is_empty() && key.len() <= 200);
        let client = line["client"].as_str().filter(|client| !client.is_empty());
        if client.is_some_and(|client| !self.clients.contains(client)) {
            return None;
        }
        let Some(key) = key.map(str::to_owned) else {
            return bad(None, "/key", "a line without a key");
        };
        let client = client.map(str::to_owned);
        if client.is_none() != kind.is_shared() {
            return bad(
                Some(&key),
                "/client",
                "does not say whose dossier it belongs to, or must not",
            );
        }
        let version = match line["version"].as_str().map(str::parse::<Timestamp>) {
            Some(Ok(at)) => version_of(at),
            _ => {
                return bad(
                    Some(&key),
                    "/version",
                    "expected the time of the last change, with an offset",
                );
            }
        };
        let mut body = line["record"].take();
        let Value::Object(_) = body else {
            return bad(Some(&key), "/record", "expected an object");
        };
        if let Err(bad) = self.contracts.check(kind, &body) {
            return Some(Event::Bad(Bad { key: Some(key), ..bad }));
        }
        if kind == Kind::Stay {
            stay::on(self.today, &mut body);
        }
        Some(Event::Record(Record {
            kind,
            key,
            client,
            version,
            body,
        }))
    }
}
