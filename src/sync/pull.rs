//! The first half of a run: read, compare, map, validate, spool.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{BoxStream, FuturesOrdered};
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::pulled::{Pick, Pulled};
use super::quarantine::{Issue, Line};
use super::removal::Cause;
use super::run::Run;
use super::spool::{Entry, OPEN, Spool};
use super::store::Dealt;
use super::subject::{self, Generations, Move};
use super::{Error, Outcome, Progress, Report, digest, store};
use crate::ecd::stay::gaps;
use crate::ecd::{self, Event, Kind, Pull, Reach, Record, Unread};
use crate::fhir::types::Id;
use crate::mapping::{self, Plan, ReportTypes};
use crate::profile::Registry;
use crate::resource::{Draft, Indexed};
use crate::secret::{MacKey, sha256};

/// Records that are compared, mapped and spooled together.
const BATCH: usize = 512;

/// Batches that are worked on at once.
const AT_ONCE: usize = 2;

/// What a batch is made of.
enum Item {
    Read(Record),
    /// Of which not everything is known.
    Open(Record),
    Unread(Unread),
}

impl Item {
    fn kind(&self) -> Kind {
        match self {
            Self::Read(record) | Self::Open(record) => record.kind,
            Self::Unread(unread) => unread.kind,
        }
    }

    fn key(&self) -> &str {
        match self {
            Self::Read(record) | Self::Open(record) => &record.key,
            Self::Unread(unread) => &unread.key,
        }
    }

    fn client(&self) -> Option<&str> {
        match self {
            Self::Read(record) | Self::Open(record) => record.client.as_deref(),
            Self::Unread(unread) => unread.client.as_deref(),
        }
    }
}

/// A batch after comparing: what has to be mapped with its hash, and what could not be read.
#[derive(Default)]
struct Compared {
    changed: Vec<(Record, [u8; 32])>,
    unchanged: u64,
    quarantined: Vec<Line>,
}

/// A batch after comparing and mapping.
#[derive(Default)]
struct Prepared {
    entries: Vec<Entry>,
    unchanged: u64,
    quarantined: Vec<Line>,
    moves: Vec<Move>,
}

impl Run<'_> {
    pub(super) async fn pull(
        &self,
        clients: BTreeSet<String>,
        reach: Reach,
        pick: &Pick,
        report: &mut Report,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Pulled, Error> {
        let today = self.tenant.today(self.clock.now());
        let (back, ahead) = self.tenant.agenda_days();
        let agenda = today.saturating_sub(back.days())..today.saturating_add(ahead.days());
        let mark = store::mark(&mut *self.db.read().await?, &self.tenant.id, self.connector.name()).await?;
        let events = self.connector.pull(Pull {
            clients,
            reach,
            agenda: agenda.clone(),
            mark,
            today,
        });
        self.read(events, agenda, pick, report, progress).await
    }

    /// Reads what a connector tells to its end.
    pub(super) async fn read(
        &self,
        mut events: BoxStream<'_, Result<Event, ecd::Error>>,
        agenda: std::ops::Range<Date>,
        pick: &Pick,
        report: &mut Report,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Pulled, Error> {
        let mut pulled = Pulled::new(Spool::new(self.spool_dir, self.random)?, agenda);
        let mut batch: Vec<Item> = Vec::with_capacity(BATCH);
        let mut working = FuturesOrdered::new();
        let mut bad: Vec<Line> = Vec::new();
        loop {
            let event = events.next().await.transpose()?;
            let ended = event.is_none();
            let mut came = None;
            match event {
                Some(Event::Record(record)) => {
                    if let (Kind::Stay, Some(client)) = (record.kind, &record.client) {
                        pulled.gaps.insert(client.clone(), gaps(&record.body));
                    }
                    came = Some(Item::Read(record));
                }
                Some(Event::Open(record)) => came = Some(Item::Open(record)),
                Some(Event::Unread(unread)) => came = Some(Item::Unread(unread)),
                Some(Event::Bad(broken)) => {
                    report.pulled += 1;
                    let line = Line::broken(&self.plan, self.connector.name(), broken);
                    pulled.note_bad(line.kind, &line.key);
                    bad.push(line);
                }
                Some(Event::Deleted { kind, key }) => {
                    pulled.gone.insert((kind, key), Cause::Deleted);
                }
                Some(Event::Outside { kind, key }) => {
                    pulled.gone.insert((kind, key), Cause::Outside);
                }
                Some(Event::Complete { kind, client }) => {
                    pulled.lists.insert((kind, client));
                }
                Some(Event::StreamComplete { kind }) => {
                    pulled.streams.insert(kind);
                }
                Some(Event::Failed { kind, error, .. }) => {
                    report.over_budget |= matches!(error, ecd::Error::Budget { .. });
                    *report.failed.entry(format!("{kind}: {error}")).or_default() += 1;
                }
                Some(Event::Mark { mark, as_of }) => pulled.mark = Some((mark, as_of)),
                None => {}
            }
            if let Some(item) = came {
                report.pulled += 1;
                pulled.note(item.kind(), item.key());
                batch.extend(pick.has(item.kind(), item.key()).then_some(item));
            }
            let changes_kind = batch.len() > 1 && batch[batch.len() - 2].kind() != batch[batch.len() - 1].kind();
            if batch.len() >= BATCH || changes_kind || ended && !batch.is_empty() {
                let keep = if changes_kind { batch.pop() } else { None };
                progress(Progress::Pulled(batch[0].kind(), batch.len() as u64));
                working.push_back(self.prepare(std::mem::take(&mut batch), pick));
                batch.extend(keep);
                if ended && !batch.is_empty() {
                    working.push_back(self.prepare(std::mem::take(&mut batch), pick));
                }
            }
            while working.len() >= AT_ONCE || ended && !working.is_empty() {
                let Some(prepared) = working.next().await.transpose()? else {
                    break;
                };
                report.unchanged += prepared.unchanged;
                for line in &prepared.quarantined {
                    pulled.note_bad(line.kind, &line.key);
                }
                bad.extend(prepared.quarantined);
                pulled.moves.extend(prepared.moves);
                pulled.spool.add(prepared.entries)?;
            }
            if bad.len() >= BATCH || ended && !bad.is_empty() {
                let before = report.quarantined;
                report.quarantined += bad.len() as u64;
                self.quarantine(std::mem::take(&mut bad), before).await?;
            }
            if ended {
                return Ok(pulled);
            }
        }
    }

    /// One batch of one kind: leaves out what is known, maps and validates the rest off the async threads.
    async fn prepare(&self, items: Vec<Item>, pick: &Pick) -> Result<Prepared, Error> {
        let Some(kind) = items.first().map(Item::kind) else {
            return Ok(Prepared::default());
        };
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let keys: Vec<String> = items.iter().map(|item| item.key().to_owned()).collect();
        let known = store::dealt(&mut *self.db.read().await?, tenant, source, kind, &keys).await?;
        let work = Work {
            source: source.to_owned(),
            map: format!("{source}/{kind}"),
            plan: Arc::clone(&self.plan),
            profiles: Arc::clone(&self.profiles),
            ids: self.ids.clone(),
            zone: self.tenant.zone.clone(),
            report_types: self.tenant.policy.report_types.clone(),
        };
        let is_forced = matches!(pick, Pick::Only(_));
        let hashing = move || {
            let compared = work.compare(items, &known, is_forced);
            (work, compared, known)
        };
        let (work, compared, known) = blocking(hashing).await?;
        let Compared {
            changed,
            unchanged,
            quarantined,
        } = compared;
        if changed.is_empty() {
            return Ok(Prepared {
                unchanged,
                quarantined,
                ..Prepared::default()
            });
        }
        let mut generations = self
            .generations(kind, changed.iter().map(|(record, _)| record), &known)
            .await?;
        let mut prepared = blocking(move || {
            let mut prepared = work.run(changed, &generations);
            prepared.moves = std::mem::take(&mut generations.moves);
            prepared
        })
        .await?;
        prepared.unchanged = unchanged;
        prepared.quarantined.extend(quarantined);
        Ok(prepared)
    }
}

/// What the mapping of a batch needs, without borrowing from the run.
struct Work {
    source: String,
    map: String,
    plan: Arc<Plan>,
    profiles: Arc<Registry>,
    ids: MacKey,
    zone: jiff::tz::TimeZone,
    report_types: Option<Vec<String>>,
}

/// The list of report types as text; another text when there is none.
pub(super) fn named(types: Option<&[String]>) -> String {
    types.map_or_else(|| "*".to_owned(), |types| types.join(" "))
}

/// Runs on a thread that may be kept busy.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Mapping)
}

impl Work {
    /// Leaves out what is dealt with, and reads the rest.
    fn compare(&self, items: Vec<Item>, known: &HashMap<String, Dealt>, is_forced: bool) -> Compared {
        let mut compared = Compared::default();
        for item in items {
            let hash = self.hash(&item);
            if !is_forced && known.get(item.key()).is_some_and(|before| before.hash == hash) {
                compared.unchanged += 1;
                continue;
            }
            match item {
                Item::Read(record) | Item::Open(record) => compared.changed.push((record, hash)),
                Item::Unread(unread) => match unread.read() {
                    Ok(record) => compared.changed.push((record, hash)),
                    Err(bad) => {
                        let key = Some(unread.key);
                        let line = Line::broken(&self.plan, &self.source, ecd::Bad { key, ..bad });
                        compared.quarantined.push(line);
                    }
                },
            }
        }
        compared
    }

    fn run(&self, records: Vec<(Record, [u8; 32])>, generations: &Generations) -> Prepared {
        let mut prepared = Prepared::default();
        let moved: HashSet<&str> = generations.moves.iter().map(|moved| moved.key.as_str()).collect();
        for (record, hash) in records {
            let generation = generations.of(&record.key);
            let (outcome, drafts) = match self.map(&record, generation) {
                Ok(mapped) => mapped,
                Err(issues) => {
                    prepared.quarantined.push(Line {
                        kind: record.kind,
                        key: record.key.clone(),
                        issues,
                    });
                    // What was published stays until it can be read; but not with a client whose it is no longer.
                    if !moved.contains(record.key.as_str()) {
                        continue;
                    }
                    (Outcome::Refused, Vec::new())
                }
            };
            prepared.entries.push(Entry {
                kind: record.kind.as_str().to_owned(),
                key: record.key,
                client: record.client,
                version: record.version,
                hash,
                outcome,
                generation,
                drafts,
            });
        }
        prepared
    }

    /// Over the record, the mapping files, loaded profiles and, for a report, the tenant's types: a changed map makes every record new.
    fn hash(&self, item: &Item) -> [u8; 32] {
        if matches!(item, Item::Open(_)) {
            return OPEN;
        }
        let mut bytes = self.plan.version(&self.map).unwrap_or_default().as_bytes().to_vec();
        bytes.extend_from_slice(self.profiles.version().as_bytes());
        bytes.extend_from_slice(item.client().unwrap_or_default().as_bytes());
        if item.kind() == Kind::Report {
            bytes.extend_from_slice(named(self.report_types.as_deref()).as_bytes());
        }
        match item {
            Item::Read(record) | Item::Open(record) => digest::write(&mut bytes, &record.body),
            Item::Unread(unread) => bytes.extend_from_slice(&unread.print),
        }
        sha256(&bytes)
    }

    fn map(&self, record: &Record, generation: i64) -> Result<(Outcome, Vec<Indexed>), Vec<Issue>> {
        let context = mapping::Context {
            key: &self.ids,
            zone: &self.zone,
            report_types: self
                .report_types
                .as_deref()
                .map_or(ReportTypes::Every, ReportTypes::Only),
        };
        match self.plan.run(&self.map, &record.body, &context) {
            mapping::Outcome::Dropped { reason, .. } => Ok((Outcome::Dropped(reason), Vec::new())),
            mapping::Outcome::Refused {
                pointer,
                element,
                reason,
            } => Err(vec![Issue {
                pointer,
                element,
                reason,
            }]),
            mapping::Outcome::Mapped(resources) => {
                let owner = record
                    .client
                    .as_deref()
                    .map(|client| mapping::resource_id(&self.ids, &[&self.source, Kind::Client.as_str(), client]));
                let drafts = subject::renamed(&self.ids, resources, generation)
                    .into_iter()
                    .map(|mapped| self.draft(mapped, owner.as_ref()))
                    .collect::<Result<_, _>>()?;
                Ok((Outcome::Mapped, drafts))
            }
        }
    }

    fn draft(&self, mapped: mapping::Mapped, owner: Option<&Id>) -> Result<Indexed, Vec<Issue>> {
        // The map reads the client out of the record and the connector told whose record it is: a map with a slip in it must
        // not write into another dossier.
        if mapped.patient.as_ref() != owner.filter(|_| !mapped.kind.is_shared()) {
            let reason = format!("the map puts a {} into another dossier than the record's", mapped.kind);
            return Err(vec![Issue::whole(reason)]);
        }
        let issues = Issue::of_resource(&self.profiles, &self.plan, &self.map, &mapped);
        if !issues.is_empty() {
            return Err(issues);
        }
        let draft = Draft {
            kind: mapped.kind,
            id: mapped.id,
            patient: mapped.patient,
            body: serde_json::to_string(&mapped.resource).expect("a JSON value can be written"),
        };
        draft
            .index(&mapped.resource, &self.zone)
            .map_err(|refused| vec![Issue::whole(refused.to_string())])
    }
}
