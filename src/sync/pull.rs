//! The first half of a run: read, compare, map, validate, spool.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesOrdered;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::spool::{Entry, Spool};
use super::run::Run;
use super::{Error, Outcome, Progress, Report, digest, store};
use crate::ecd::{Event, Kind, Pull, Reach, Record};
use crate::fhir::types::Id;
use crate::mapping::{self, Plan, ReportTypes};
use crate::profile::{Registry, Severity};
use crate::resource::{Draft, Indexed};
use crate::secret::{MacKey, sha256};

/// Records that are compared, mapped and spooled together.
const BATCH: usize = 512;

/// Batches that are worked on at once.
const AT_ONCE: usize = 2;

/// What the first half found out.
pub(super) struct Pulled {
    pub spool: Spool,
    /// Records that the source says are gone, or that moved to a client who was not asked for.
    pub gone: Vec<(Kind, String)>,
    /// Lists of one client that arrived whole.
    pub lists: BTreeSet<(Kind, String)>,
    /// Kinds that arrived whole for every client.
    pub streams: BTreeSet<Kind>,
    pub agenda: std::ops::Range<Date>,
    /// On which day care of a client ended, of the clients that came.
    pub care_ends: BTreeMap<String, Option<Date>>,
    seen: HashSet<u64>,
}

impl Pulled {
    /// Whether the source still has this record.
    pub fn has(&self, kind: Kind, key: &str) -> bool {
        self.seen.contains(&fingerprint(kind, key))
    }
}

fn fingerprint(kind: Kind, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, key).hash(&mut hasher);
    hasher.finish()
}

type Line = (Kind, String, String, String);

/// A batch after comparing and mapping.
#[derive(Default)]
struct Prepared {
    entries: Vec<Entry>,
    unchanged: u64,
    quarantined: Vec<Line>,
}

impl Run<'_> {
    pub(super) async fn pull(
        &self,
        clients: BTreeSet<String>,
        reach: Reach,
        report: &mut Report,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Pulled, Error> {
        let today = self.clock.now().to_zoned(self.tenant.zone.clone()).date();
        let agenda = today.saturating_sub(90.days())..today.saturating_add(180.days());
        let mut pulled = Pulled {
            spool: Spool::new(self.spool_dir, self.random)?,
            gone: Vec::new(),
            lists: BTreeSet::new(),
            streams: BTreeSet::new(),
            agenda: agenda.clone(),
            care_ends: BTreeMap::new(),
            seen: HashSet::new(),
        };
        let mut events = self.connector.pull(Pull { clients, reach, agenda });
        let mut batch: Vec<Record> = Vec::with_capacity(BATCH);
        let mut working = FuturesOrdered::new();
        let mut bad: Vec<Line> = Vec::new();
        loop {
            let event = events.next().await.transpose()?;
            let ended = event.is_none();
            match event {
                Some(Event::Record(record)) => {
                    report.pulled += 1;
                    pulled.seen.insert(fingerprint(record.kind, &record.key));
                    if record.kind == Kind::Client {
                        pulled
                            .care_ends
                            .insert(record.key.clone(), self.connector.care_end(&record));
                    }
                    batch.push(record);
                }
                Some(Event::Bad(line)) => {
                    report.pulled += 1;
                    let key = line.key.unwrap_or_default();
                    pulled.seen.insert(fingerprint(line.kind, &key));
                    bad.push((line.kind, key, line.pointer, line.reason));
                }
                Some(Event::Deleted { kind, key } | Event::Outside { kind, key }) => pulled.gone.push((kind, key)),
                Some(Event::Complete { kind, client }) => {
                    pulled.lists.insert((kind, client));
                }
                Some(Event::StreamComplete { kind }) => {
                    pulled.streams.insert(kind);
                }
                Some(Event::Failed { kind, error, .. }) => {
                    *report.failed.entry(format!("{kind}: {error}")).or_default() += 1;
                }
                Some(Event::Spent(spent)) => report.requests = spent.requests,
                None => {}
            }
            let changes_kind = batch.len() > 1 && batch[batch.len() - 2].kind != batch[batch.len() - 1].kind;
            if batch.len() >= BATCH || changes_kind || ended && !batch.is_empty() {
                let keep = if changes_kind { batch.pop() } else { None };
                progress(Progress::Pulled(batch[0].kind, batch.len() as u64));
                working.push_back(self.prepare(std::mem::take(&mut batch)));
                batch.extend(keep);
                if ended && !batch.is_empty() {
                    working.push_back(self.prepare(std::mem::take(&mut batch)));
                }
            }
            while working.len() >= AT_ONCE || ended && !working.is_empty() {
                let Some(prepared) = working.next().await.transpose()? else {
                    break;
                };
                report.unchanged += prepared.unchanged;
                bad.extend(prepared.quarantined);
                pulled.spool.add(prepared.entries)?;
            }
            if bad.len() >= BATCH || ended && !bad.is_empty() {
                report.quarantined += bad.len() as u64;
                self.quarantine(std::mem::take(&mut bad)).await?;
            }
            if ended {
                return Ok(pulled);
            }
        }
    }

    /// One batch of one kind: leaves out what is known, maps and validates the rest off the async threads.
    async fn prepare(&self, records: Vec<Record>) -> Result<Prepared, Error> {
        let Some(kind) = records.first().map(|record| record.kind) else {
            return Ok(Prepared::default());
        };
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let keys: Vec<String> = records.iter().map(|record| record.key.clone()).collect();
        let known: HashMap<String, Vec<u8>> = {
            let mut read = self.db.read().await?;
            store::hashes(&mut read, tenant, source, kind, &keys)
                .await?
                .into_iter()
                .collect()
        };
        let work = Work {
            source: source.to_owned(),
            map: format!("{source}/{kind}"),
            plan: Arc::clone(&self.plan),
            profiles: Arc::clone(&self.profiles),
            ids: self.ids.clone(),
            zone: self.tenant.zone.clone(),
            report_types: self.tenant.policy.report_types.clone(),
        };
        tokio::task::spawn_blocking(move || work.run(records, &known))
            .await
            .map_err(|_| Error::Mapping)
    }

    async fn quarantine(&self, mut lines: Vec<Line>) -> Result<(), Error> {
        for (kind, key, pointer, reason) in &lines {
            tracing::warn!(
                record.kind = kind.as_str(),
                record.key = key,
                pointer,
                reason,
                "record quarantined"
            );
        }
        // One statement may not touch a row twice.
        lines.reverse();
        let mut once = BTreeSet::new();
        lines.retain(|(kind, key, ..)| once.insert((*kind, key.clone())));
        let mut tx = self.begin().await?;
        store::quarantine(
            &mut tx,
            &self.tenant.id,
            self.connector.name(),
            &lines,
            self.clock.now(),
        )
        .await?;
        Ok(tx.commit().await?)
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

impl Work {
    fn run(&self, records: Vec<Record>, known: &HashMap<String, Vec<u8>>) -> Prepared {
        let mut prepared = Prepared::default();
        for record in records {
            let hash = self.hash(&record);
            if known.get(&record.key).is_some_and(|before| before[..] == hash[..]) {
                prepared.unchanged += 1;
                continue;
            }
            match self.map(&record) {
                Ok((outcome, drafts)) => prepared.entries.push(Entry {
                    kind: record.kind.as_str().to_owned(),
                    key: record.key,
                    client: record.client,
                    version: record.version,
                    hash,
                    outcome,
                    drafts,
                }),
                Err((pointer, reason)) => prepared.quarantined.push((record.kind, record.key, pointer, reason)),
            }
        }
        prepared
    }

    /// Over the record, the mapping files and, for a report, the tenant's types: a changed map makes every record new.
    fn hash(&self, record: &Record) -> [u8; 32] {
        let mut bytes = self.plan.version(&self.map).unwrap_or_default().as_bytes().to_vec();
        bytes.extend_from_slice(record.client.as_deref().unwrap_or_default().as_bytes());
        if record.kind == Kind::Report {
            bytes.extend_from_slice(named(self.report_types.as_deref()).as_bytes());
        }
        digest::write(&mut bytes, &record.body);
        sha256(&bytes)
    }

    fn map(&self, record: &Record) -> Result<(Outcome, Vec<Indexed>), (String, String)> {
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
            mapping::Outcome::Refused { pointer, reason } => Err((pointer, reason)),
            mapping::Outcome::Mapped(resources) => {
                let owner = record
                    .client
                    .as_deref()
                    .map(|client| mapping::resource_id(&self.ids, &[&self.source, Kind::Client.as_str(), client]));
                let drafts = resources
                    .into_iter()
                    .map(|mapped| self.draft(mapped, owner.as_ref()))
                    .collect::<Result<_, _>>()?;
                Ok((Outcome::Mapped, drafts))
            }
        }
    }

    fn draft(&self, mapped: mapping::Mapped, owner: Option<&Id>) -> Result<Indexed, (String, String)> {
        // The map reads the client out of the record and the connector told whose record it is: a map with a slip in it must
        // not write into another dossier.
        if mapped.patient.as_ref() != owner.filter(|_| !mapped.kind.is_shared()) {
            let reason = format!("the map puts a {} into another dossier than the record's", mapped.kind);
            return Err((String::new(), reason));
        }
        let validator = self
            .profiles
            .validator(&mapped.profile)
            .ok_or_else(|| (String::new(), format!("profile {} is not there", mapped.profile)))?;
        if let Some(issue) = validator
            .check(&mapped.resource)
            .into_iter()
            .find(|issue| issue.severity == Severity::Error)
        {
            return Err((issue.expression, issue.message));
        }
        let draft = Draft {
            kind: mapped.kind,
            id: mapped.id,
            patient: mapped.patient,
            body: serde_json::to_string(&mapped.resource).expect("a JSON value can be written"),
        };
        draft
            .index(&mapped.resource, &self.zone)
            .map_err(|refused| (String::new(), refused.to_string()))
    }
}

/// What is absent from a whole answer, by client.
pub(super) type Removals = BTreeMap<Option<String>, Vec<(Kind, String)>>;

impl Run<'_> {
    /// Which known records the source no longer has. Too many at once are held and counted, not removed.
    pub(super) async fn removals(
        &self,
        pulled: &Pulled,
        clients: &BTreeSet<String>,
        report: &mut Report,
    ) -> Result<Removals, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let mut absent: Removals = BTreeMap::new();
        let mut count = 0_u64;
        let mut read = self.db.read().await?;
        for kind in Kind::ALL {
            if pulled.streams.contains(&kind) && kind.is_shared() {
                let keys = store::shared(&mut read, tenant, source, kind).await?;
                let keys = keys
                    .into_iter()
                    .filter(|key| !pulled.has(kind, key))
                    .map(|key| (kind, key));
                absent.entry(None).or_default().extend(keys);
                continue;
            }
            for client in clients {
                if !pulled.streams.contains(&kind) && !pulled.lists.contains(&(kind, client.clone())) {
                    continue;
                }
                for (key, resources) in store::of_client(&mut read, tenant, source, client, kind).await? {
                    if !pulled.has(kind, &key) && self.connector.is_within(kind, &key, &pulled.agenda) {
                        count += u64::from(!resources.is_empty());
                        absent.entry(Some(client.clone())).or_default().push((kind, key));
                    }
                }
            }
        }
        let known = u64::try_from(store::count(&mut read, tenant, source).await?).unwrap_or(0);
        if count > (known / 50).max(20) {
            tracing::error!(
                tenant = tenant.as_str(),
                removals = count,
                known,
                "too many removals at once: held"
            );
            report.held = count;
            return Ok(BTreeMap::new());
        }
        Ok(absent)
    }
}
