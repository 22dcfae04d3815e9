//! One pull: for each client each type, page by page.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::sync::mpsc;

use super::transport::Transport;
use super::{episode, page, repair};
use crate::config::FhirList;
use crate::ecd::contract::Contracts;
use crate::ecd::task::Stop;
use crate::ecd::{Bad, Error, Event, Kind, Pull, Reach, Record};
use crate::fhir::types::Id;

/// What is asked for of a client.
struct List {
    kind: Kind,
    /// The type of its resources.
    name: &'static str,
    /// How the search is called in errors.
    path: &'static str,
    parameter: &'static str,
}

const fn list(kind: Kind, name: &'static str, path: &'static str, parameter: &'static str) -> List {
    List {
        kind,
        name,
        path,
        parameter,
    }
}

/// In the order in which a connector sends its kinds; the client first, because a stay is also of the client.
const LISTS: [List; 6] = [
    list(Kind::Client, "Patient", "/Patient?_id={id}", "_id"),
    list(Kind::Stay, "EpisodeOfCare", "/EpisodeOfCare?patient={id}", "patient"),
    list(
        Kind::ContactRelation,
        "RelatedPerson",
        "/RelatedPerson?patient={id}",
        "patient",
    ),
    list(Kind::CarePlan, "CarePlan", "/CarePlan?patient={id}", "patient"),
    list(
        Kind::AgendaOccurrence,
        "Appointment",
        "/Appointment?patient={id}",
        "patient",
    ),
    list(Kind::Report, "Observation", "/Observation?patient={id}", "patient"),
];

const CARERS: List = list(Kind::Employee, "Practitioner", "/Practitioner?_id={ids}", "_id");

/// Carers that are asked for at once.
const CARERS_AT_ONCE: usize = 50;

/// Clients that are read ahead of the reader.
const AHEAD: usize = 2;

/// Resources a page.
const COUNT: usize = 200;

/// One client's resources of one kind, repaired.
struct Found {
    kind: Kind,
    resources: Result<Vec<Value>, Error>,
}

pub(super) struct Run {
    pub(super) transport: Arc<Transport>,
    pub(super) contracts: Arc<Contracts>,
    pub(super) zone: TimeZone,
    pub(super) without: Arc<BTreeSet<FhirList>>,
    pub(super) pull: Pull,
    pub(super) out: mpsc::Sender<Result<Event, Error>>,
}

/// What a run knows of the carers that were named so far.
#[derive(Default)]
struct Carers {
    /// Names by id; none for a carer whom the server does not have or does not name.
    names: BTreeMap<String, Option<String>>,
    /// Something was not read, so there may be more.
    is_partial: bool,
}

impl Run {
    pub(super) async fn all(self) {
        if let Err(Stop::Failed(error)) = self.clients().await {
            let _ = self.out.send(Err(error)).await;
        }
    }

    async fn send(&self, event: Event) -> Result<(), Stop> {
        self.out.send(Ok(event)).await.map_err(|_| Stop::Unread)
    }

    async fn clients(&self) -> Result<(), Stop> {
        let mut carers = Carers::default();
        let mut ahead = futures::stream::iter(self.pull.clients.clone())
            .map(|client: String| async move { (self.client(&client).await, client) })
            .buffered(AHEAD);
        while let Some((mut found, client)) = ahead.next().await {
            carers.is_partial |= found.iter().any(|one| one.resources.is_err());
            self.carers(&found, &mut carers).await?;
            self.stay(&mut found, &client).await?;
            // Where the client could not be read, what the other lists lack says nothing.
            let is_known = found
                .iter()
                .any(|one| one.kind == Kind::Client && one.resources.is_ok());
            for one in found {
                self.deliver(one, &client, is_known, &carers).await?;
            }
        }
        if self.pull.reach == Reach::Full && !carers.is_partial {
            let kind = CARERS.kind;
            self.send(Event::StreamComplete { kind }).await?;
        }
        Ok(())
    }

    async fn client(&self, client: &str) -> Vec<Found> {
        let mut all = Vec::with_capacity(LISTS.len());
        let is_left_out = |list: &&List| self.without.iter().any(|without| without.as_str() == list.name);
        for list in LISTS.iter().filter(|list| !is_left_out(list)) {
            let mut query = vec![(list.parameter, client.to_owned())];
            // A stay is told out of all episodes and the death of a client, and of today: both are read whole each time.
            if let (Reach::Since(since), false) = (self.pull.reach, matches!(list.kind, Kind::Client | Kind::Stay)) {
                let from = since.checked_sub(self.transport.limits.overlap).unwrap_or(since);
                query.push(("_lastUpdated", format!("ge{from:.3}")));
            }
            let resources = match Id::parse(client) {
                Some(_) => match self.search(list, query).await {
                    Ok(none) if none.is_empty() && list.kind == Kind::Client => self.gone(client).await,
                    found => found,
                },
                None => Err(Error::Shape {
                    path: list.path,
                    problem: "the key of the client is not an id of FHIR",
                }),
            };
            let resources = resources.map(|mut resources| {
                for resource in &mut resources {
                    repair::resource(resource, self.transport.base(), Some(client));
                }
                resources
            });
            all.push(Found {
                kind: list.kind,
                resources,
            });
        }
        all
    }

    /// Whether a client whom a search does not find is gone: an index may be empty while the records are there. A whole dossier
    /// hangs on it.
    async fn gone(&self, client: &str) -> Result<Vec<Value>, Error> {
        let path = "/Patient/{id}";
        let url = self.transport.search(&format!("Patient/{client}"), &[])?;
        match self.transport.get(path, url).await {
            Err(Error::Status { status: 404 | 410, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(_) => Err(Error::Shape {
                path,
                problem: "a search does not find the patient that is there",
            }),
        }
    }

    /// Every page of one search.
    async fn search(&self, list: &List, mut query: Vec<(&str, String)>) -> Result<Vec<Value>, Error> {
        let (path, limits) = (list.path, &self.transport.limits);
        let shape = |problem: &'static str| Error::Shape { path, problem };
        query.push(("_count", COUNT.to_string()));
        query.push(("_total", "accurate".to_owned()));
        let mut url = self.transport.search(list.name, &query)?;
        let (mut asked, mut ids) = (HashSet::new(), HashSet::new());
        let (mut resources, mut total, mut bytes) = (Vec::new(), 0, 0);
        loop {
            if !asked.insert(url.clone()) {
                return Err(shape("the pages go round in a circle"));
            }
            if asked.len() > limits.pages {
                return Err(shape("more pages than can be true"));
            }
            let read = self.transport.get(path, url).await?;
            bytes += read.bytes;
            if bytes > limits.list_bytes {
                let limit = limits.list_bytes;
                return Err(Error::TooLarge { path, limit });
            }
            let found = page::read(read.value, list.name).map_err(shape)?;
            let told = found.resources.iter().filter_map(|resource| resource["id"].as_str());
            ids.extend(told.map(str::to_owned));
            resources.extend(found.resources);
            // Pages may drift while they are read: the highest total that any of them told must be there.
            total = found.total.unwrap_or_default().max(total);
            match found.next {
                Some(link) => url = self.transport.next(path, &link)?,
                None if total > ids.len() as u64 => return Err(shape("fewer resources than the total that it tells")),
                None => return Ok(resources),
            }
        }
    }

    /// Reads the carers whom these resources name and who were not read yet.
    async fn carers(&self, found: &[Found], carers: &mut Carers) -> Result<(), Stop> {
        let kind = CARERS.kind;
        let mut keys = Vec::new();
        for resource in found.iter().flat_map(|one| one.resources.iter().flatten()) {
            repair::keys_of(resource, CARERS.name, &mut keys);
        }
        let keys: BTreeSet<&str> = keys
            .into_iter()
            .filter(|key| !carers.names.contains_key(*key))
            .collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        for some in keys.chunks(CARERS_AT_ONCE) {
            match self.search(&CARERS, vec![(CARERS.parameter, some.join(","))]).await {
                Err(error) if error.is_fatal() => return Err(Stop::Failed(error)),
                Err(error) => {
                    carers.is_partial = true;
                    let client = None;
                    self.send(Event::Failed { kind, client, error }).await?;
                }
                Ok(those) => {
                    for mut carer in those {
                        repair::resource(&mut carer, self.transport.base(), None);
                        let key = carer["id"].as_str().filter(|key| some.contains(key)).map(str::to_owned);
                        let Some(key) = key else {
                            carers.is_partial = true;
                            self.bad(kind, "another carer than those asked for").await?;
                            continue;
                        };
                        // What a label holds back must not come out beside the references to it.
                        let is_labelled = carer.pointer("/meta/security/0").is_some();
                        let name = repair::full_name(&carer).filter(|_| !is_labelled);
                        carers.names.insert(key, name);
                        carers.is_partial |= !self.record(kind, None, carer).await?;
                    }
                }
            }
            for key in some {
                carers.names.entry((*key).to_owned()).or_default();
            }
        }
        Ok(())
    }

    /// Makes the record of a client's stays out of the client and the episodes of care, which it takes out of `found`.
    async fn stay(&self, found: &mut Vec<Found>, client: &str) -> Result<(), Stop> {
        let kind = Kind::Stay;
        let at = found.iter().position(|one| one.kind == kind);
        let episodes = at.map_or(Ok(Vec::new()), |at| found.remove(at).resources);
        let patient = found
            .iter()
            .find(|one| one.kind == Kind::Client)
            .map(|one| &one.resources);
        let (episodes, patient) = match (episodes, patient) {
            (Err(error), _) if error.is_fatal() => return Err(Stop::Failed(error)),
            (Err(error), _) => {
                let client = Some(client.to_owned());
                return self.send(Event::Failed { kind, client, error }).await;
            }
            // What is wrong with the client is told with the client.
            (_, None | Some(Err(_))) => return Ok(()),
            (Ok(episodes), Some(Ok(patient))) => (episodes, patient),
        };
        if episodes.iter().any(|one| !belongs(kind, one, client)) {
            return self.bad(kind, STRANGER).await;
        }
        if let Some(patient) = patient.iter().find(|one| belongs(Kind::Client, one, client)) {
            let event = match episode::stay(patient, &episodes, &self.zone, self.pull.today) {
                Ok(body) => self.checked(kind, client.to_owned(), Some(client), String::new(), body),
                Err(reason) => Event::Bad(Bad {
                    kind,
                    key: Some(client.to_owned()),
                    pointer: String::new(),
                    reason: reason.to_owned(),
                }),
            };
            self.send(event).await?;
        } else if !patient.is_empty() {
            return Ok(());
        }
        let client = client.to_owned();
        self.send(Event::Complete { kind, client }).await
    }

    async fn deliver(&self, found: Found, client: &str, is_known: bool, carers: &Carers) -> Result<(), Stop> {
        let kind = found.kind;
        let resources = match found.resources {
            Ok(resources) => resources,
            Err(error) if error.is_fatal() => return Err(Stop::Failed(error)),
            Err(error) => {
                let client = Some(client.to_owned());
                return self.send(Event::Failed { kind, client, error }).await;
            }
        };
        let mut is_whole = is_known && (self.pull.reach == Reach::Full || kind == Kind::Client);
        for mut resource in resources {
            if !belongs(kind, &resource, client) {
                is_whole = false;
                self.bad(kind, STRANGER).await?;
                continue;
            }
            let name_of = |of: &str, key: &str| match of {
                "Practitioner" => carers.names.get(key).cloned().flatten(),
                _ => None,
            };
            repair::name(&mut resource, &name_of);
            is_whole &= self.record(kind, Some(client), resource).await?;
        }
        if is_whole {
            let client = client.to_owned();
            self.send(Event::Complete { kind, client }).await?;
        }
        Ok(())
    }

    /// What came has no key that could be trusted.
    async fn bad(&self, kind: Kind, reason: &str) -> Result<(), Stop> {
        self.send(Event::Bad(Bad {
            kind,
            key: None,
            pointer: String::new(),
            reason: reason.to_owned(),
        }))
        .await
    }

    /// Checks the contract and sends the record, or what is wrong with it; whether it has a key.
    async fn record(&self, kind: Kind, client: Option<&str>, body: Value) -> Result<bool, Stop> {
        let key = body
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| Id::parse(id).is_some());
        let Some(key) = key.map(str::to_owned) else {
            self.bad(kind, "a resource without an id").await?;
            return Ok(false);
        };
        // An appointment of two patients is two records, each in its own dossier.
        let key = match (kind, client) {
            (Kind::AgendaOccurrence, Some(client)) => format!("{client}/{key}"),
            _ => key,
        };
        let version = repair::version(&body);
        self.send(self.checked(kind, key, client, version, body)).await?;
        Ok(true)
    }

    fn checked(&self, kind: Kind, key: String, client: Option<&str>, version: String, body: Value) -> Event {
        match self.contracts.check(kind, &body) {
            Ok(()) => Event::Record(Record {
                kind,
                key,
                client: client.map(str::to_owned),
                version,
                body,
            }),
            Err(bad) => Event::Bad(Bad { key: Some(key), ..bad }),
        }
    }
}

const STRANGER: &str = "belongs to another patient than the one asked for";

/// Whether the resource says that it belongs to this patient.
fn belongs(kind: Kind, resource: &Value, client: &str) -> bool {
    let is_theirs = |reference: &Value| reference["type"] == "Patient" && reference["key"] == client;
    match kind {
        Kind::Client => resource["id"] == client,
        Kind::ContactRelation | Kind::Stay => is_theirs(&resource["patient"]),
        Kind::AgendaOccurrence => {
            let participants = resource["participant"].as_array().into_iter().flatten();
            participants.into_iter().any(|one| is_theirs(&one["actor"]))
        }
        _ => is_theirs(&resource["subject"]),
    }
}
