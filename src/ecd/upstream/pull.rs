//! One pull: for each client each type, page by page.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use futures::StreamExt as _;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::sync::mpsc;

use super::carers::{CARERS, Carers};
use super::transport::Transport;
use super::{episode, page, repair};
use crate::config::FhirList;
use crate::ecd::contract::Contracts;
use crate::ecd::task::Stop;
use crate::ecd::{Bad, Error, Event, Kind, Pull, Reach, Record, bsn};
use crate::fhir::types::Id;

/// What is asked for of a client.
pub(super) struct List {
    pub(super) kind: Kind,
    /// The type of its resources.
    pub(super) name: &'static str,
    /// How the search is called in errors.
    path: &'static str,
    pub(super) parameter: &'static str,
}

pub(super) const fn list(kind: Kind, name: &'static str, path: &'static str, parameter: &'static str) -> List {
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

/// Clients that are read ahead of the reader.
const AHEAD: usize = 2;

/// Resources a page.
const COUNT: usize = 200;

/// One client's resources of one kind, repaired.
pub(super) struct Found {
    kind: Kind,
    /// They may be somebody else's.
    is_doubtful: bool,
    /// The server says that the client was deleted, not only that it knows none.
    is_deleted: bool,
    pub(super) resources: Result<Vec<Value>, Error>,
}

/// All pages of one search.
struct Pages {
    resources: Vec<Value>,
    ids: HashSet<String>,
    count: usize,
}

pub(super) struct Run {
    pub(super) transport: Arc<Transport>,
    pub(super) contracts: Arc<Contracts>,
    pub(super) zone: TimeZone,
    pub(super) without: Arc<BTreeSet<FhirList>>,
    pub(super) pull: Pull,
    pub(super) out: mpsc::Sender<Result<Event, Error>>,
}

impl Run {
    pub(super) async fn all(self) {
        if let Err(Stop::Failed(error)) = self.clients().await {
            let _ = self.out.send(Err(error)).await;
        }
    }

    pub(super) async fn send(&self, event: Event) -> Result<(), Stop> {
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
            // What was published before a list was left out goes.
            for list in LISTS
                .iter()
                .filter(|list| self.is_left_out(list) && list.kind != Kind::Stay)
            {
                if is_known && self.pull.reach == Reach::Full {
                    let (kind, client) = (list.kind, client.clone());
                    self.send(Event::Complete { kind, client }).await?;
                }
            }
        }
        if self.pull.reach == Reach::Full && !carers.is_partial {
            let kind = CARERS.kind;
            self.send(Event::StreamComplete { kind }).await?;
        }
        Ok(())
    }

    fn is_left_out(&self, list: &List) -> bool {
        self.without.iter().any(|without| without.as_str() == list.name)
    }

    async fn client(&self, client: &str) -> Vec<Found> {
        let mut all = Vec::with_capacity(LISTS.len());
        for list in LISTS.iter().filter(|list| !self.is_left_out(list)) {
            let mut query = vec![(list.parameter, client.to_owned())];
            // A stay is told out of all episodes and the death of a client, and of today: both are read whole each time.
            if let (Reach::Since(since), false) = (self.pull.reach, matches!(list.kind, Kind::Client | Kind::Stay)) {
                let from = since.checked_sub(self.transport.limits.overlap).unwrap_or(since);
                query.push(("_lastUpdated", format!("ge{from:.3}")));
            }
            let mut is_deleted = false;
            let resources = match Id::parse(client) {
                Some(_) => match self.search(list, query).await {
                    Ok(none) if none.is_empty() && list.kind == Kind::Client => {
                        self.is_deleted(client).await.map(|deleted| {
                            is_deleted = deleted;
                            none
                        })
                    }
                    found => found,
                },
                None => Err(Error::Shape {
                    path: list.path,
                    problem: "the key of the client is not an id of FHIR",
                }),
            };
            let mut is_doubtful = false;
            let resources = resources.map(|mut resources| {
                is_doubtful = list.kind == Kind::Client && resources.iter().any(repair::has_wrong_bsn);
                for resource in &mut resources {
                    repair::resource(resource, self.transport.base(), Some(client));
                }
                resources
            });
            all.push(Found {
                kind: list.kind,
                is_doubtful,
                is_deleted,
                resources,
            });
        }
        all
    }

    /// Whether a client whom a search does not find was deleted (410) or is not there (404), as it also is for who may no longer see
    /// it. An index may be empty while the records are there, and a whole dossier hangs on it: then it is an error.
    async fn is_deleted(&self, client: &str) -> Result<bool, Error> {
        let path = "/Patient/{id}";
        let url = self.transport.search(&format!("Patient/{client}"), &[])?;
        match self.transport.get(path, url).await {
            Err(Error::Status { status: 404, .. }) => Ok(false),
            Err(Error::Status { status: 410, .. }) => Ok(true),
            Err(error) => Err(error),
            Ok(_) => Err(Error::Shape {
                path,
                problem: "a search does not find the patient that is there",
            }),
        }
    }

    /// Every page of one search. Where what is missing counts as gone, several pages are read twice: a server that counts entries
    /// skips one when another before it goes, and the total is the same when a third comes.
    pub(super) async fn search(&self, list: &List, query: Vec<(&str, String)>) -> Result<Vec<Value>, Error> {
        let first = self.pages(list, query.clone()).await?;
        if first.count == 1 || self.pull.reach != Reach::Full {
            return Ok(first.resources);
        }
        let second = self.pages(list, query).await?;
        (first.ids == second.ids)
            .then_some(second.resources)
            .ok_or(Error::Shape {
                path: list.path,
                problem: "the list changed while its pages were read",
            })
    }

    async fn pages(&self, list: &List, mut query: Vec<(&str, String)>) -> Result<Pages, Error> {
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
                None => {
                    let count = asked.len();
                    return Ok(Pages { resources, ids, count });
                }
            }
        }
    }

    /// Makes the record of a client's stays out of the client and the episodes of care, which it takes out of `found`.
    async fn stay(&self, found: &mut Vec<Found>, client: &str) -> Result<(), Stop> {
        let kind = Kind::Stay;
        let at = found.iter().position(|one| one.kind == kind);
        let episodes = at.map_or(Ok(Vec::new()), |at| found.remove(at).resources);
        let patient = found.iter().find(|one| one.kind == Kind::Client);
        if patient.is_some_and(|patient| patient.is_doubtful) {
            return self.doubt(kind, client).await;
        }
        let is_deleted = patient.is_some_and(|patient| patient.is_deleted);
        let patient = patient.map(|one| &one.resources);
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
        let is_gone = patient.is_empty();
        if let Some(patient) = patient.iter().find(|one| belongs(Kind::Client, one, client)) {
            let event = match episode::stay(patient, &episodes, &self.zone, self.pull.today) {
                Ok(body) => self.checked(kind, client.to_owned(), Some(client), String::new(), body),
                Err(reason) => Event::Bad(Bad::new(kind, Some(client.to_owned()), "", reason)),
            };
            self.send(event).await?;
        } else if !is_gone {
            return Ok(());
        }
        if is_deleted {
            let key = client.to_owned();
            self.send(Event::Deleted { kind, key }).await?;
        }
        let client = client.to_owned();
        self.send(Event::Complete { kind, client }).await
    }

    async fn deliver(&self, found: Found, client: &str, is_known: bool, carers: &Carers) -> Result<(), Stop> {
        let kind = found.kind;
        if found.is_doubtful {
            return self.doubt(kind, client).await;
        }
        let resources = match found.resources {
            Ok(resources) => resources,
            Err(error) if error.is_fatal() => return Err(Stop::Failed(error)),
            Err(error) => {
                let client = Some(client.to_owned());
                return self.send(Event::Failed { kind, client, error }).await;
            }
        };
        if found.is_deleted {
            let key = client.to_owned();
            self.send(Event::Deleted { kind, key }).await?;
        }
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

    /// Tells of a client who may be somebody else: neither the client nor when care ended is believed.
    async fn doubt(&self, kind: Kind, client: &str) -> Result<(), Stop> {
        self.send(Event::Bad(Bad::new(
            kind,
            Some(client.to_owned()),
            "/identifier",
            bsn::REASON,
        )))
        .await
    }

    /// What came has no key that could be trusted.
    pub(super) async fn bad(&self, kind: Kind, reason: &str) -> Result<(), Stop> {
        self.send(Event::Bad(Bad::new(kind, None, "", reason))).await
    }

    /// Checks the contract and sends the record, or what is wrong with it; whether it has a key.
    pub(super) async fn record(&self, kind: Kind, client: Option<&str>, body: Value) -> Result<bool, Stop> {
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
