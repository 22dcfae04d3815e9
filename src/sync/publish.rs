//! The second half of a run: one transaction per client.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::pulled::{Pulled, Settled, Torn};
use super::removal::{self, Pace, Removals};
use super::run::Run;
use super::spool::{self, Entry};
use super::store::{self, Known, Line};
use super::subject;
use super::{Error, Outcome, Progress, Report, quarantine};
use crate::consent;
use crate::db::Tx;
use crate::ecd::Kind;
use crate::ecd::stay::Gap;
use crate::fhir::types::{Id, ResourceType};
use crate::mapping::resource_id;
use crate::resource::{self, Indexed, Put, Target};

/// Records of no client (employees, say) that are published together.
const SHARED_AT_ONCE: usize = 500;

/// What one transaction did.
#[derive(Default)]
struct Done {
    mapped: u64,
    dropped: BTreeMap<String, u64>,
    stored: u64,
    withdrawn: u64,
    outdated: u64,
    /// Records that came to another client.
    moved: u64,
    /// What contradicts what is known, and is not believed.
    torn: Vec<(Kind, String, Torn)>,
}

impl Done {
    fn add_to(self, report: &mut Report) {
        report.mapped += self.mapped;
        report.stored += self.stored;
        report.withdrawn += self.withdrawn;
        report.outdated += self.outdated;
        report.moved += self.moved;
        for (reason, count) in self.dropped {
            *report.dropped.entry(reason).or_default() += count;
        }
    }
}

/// What one transaction has to do.
struct Told {
    entries: Vec<Entry>,
    gone: Vec<(Kind, String)>,
    /// At which pace `gone` goes.
    pace: Pace,
}

impl Run<'_> {
    /// Publishes everything that waits. `loaded`: the clients that are whole after this run.
    pub(super) async fn publish(
        &self,
        pulled: &mut Pulled,
        mut removals: Removals,
        loaded: Option<&BTreeSet<String>>,
        report: &mut Report,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<(), Error> {
        let settled = pulled.settle()?;
        report.conflicts = settled.conflicts;
        let torn: Vec<_> = settled
            .torn()
            .map(|(kind, key, torn)| (kind, key.to_owned(), torn))
            .collect();
        let doubtful: HashSet<_> = torn.iter().map(|(kind, key, _)| (*kind, key.as_str())).collect();
        pulled
            .moves
            .retain(|moved| !doubtful.contains(&(moved.kind, moved.key.as_str())));
        self.doubt(torn, pulled, report).await?;
        let mut clients: BTreeSet<Option<String>> = pulled.spool.clients().into_iter().collect();
        clients.extend(removals.of.keys().cloned());
        // What belongs to no client goes last: until then dossiers may refer to it, and a part that failed may do so still.
        let shared = removals.of.remove(&None).unwrap_or_default();
        let groups = subject::groups(clients, std::mem::take(&mut pulled.moves));
        let total = groups.len() as u64;
        for (done, group) in groups.into_iter().enumerate() {
            let (mut entries, mut gone) = (Vec::new(), Vec::new());
            for client in &group {
                entries.extend(pulled.spool.take(client)?);
                gone.extend(removals.of.remove(client).unwrap_or_default());
            }
            entries.retain(|entry| settled.keeps(entry) && !pulled.is_gone(entry));
            let mut parts = if group == [None] {
                chunks(entries, SHARED_AT_ONCE)
            } else {
                vec![entries]
            };
            if parts.is_empty() {
                parts.push(Vec::new());
            }
            for part in parts {
                let told = Told {
                    entries: part,
                    gone: std::mem::take(&mut gone),
                    pace: removals.pace,
                };
                let mut done = self.store(told, &pulled.gaps, &settled).await?;
                let torn = std::mem::take(&mut done.torn);
                done.add_to(report);
                self.doubt(torn, pulled, report).await?;
            }
            progress(Progress::Published(done as u64 + 1, total));
        }
        if report.failed.is_empty() && !shared.is_empty() {
            report.withdrawn += self.withdraw(shared, removals.pace).await?;
        }
        if let Some(clients) = loaded {
            let clients: Vec<String> = clients.iter().cloned().collect();
            let mut tx = self.begin().await?;
            store::mark_loaded(
                &mut tx,
                &self.tenant.id,
                self.connector.name(),
                &clients,
                self.clock.now(),
            )
            .await?;
            self.commit(tx).await?;
        }
        Ok(())
    }

    /// Withdraws these records of one client; how many resources went.
    pub(super) async fn withdraw(&self, gone: Vec<(Kind, String)>, pace: Pace) -> Result<u64, Error> {
        let told = Told {
            entries: Vec::new(),
            gone,
            pace,
        };
        let done = self.store(told, &BTreeMap::new(), &Settled::default()).await?;
        Ok(done.withdrawn)
    }

    /// Puts into quarantine what contradicts itself; what was published of it stays.
    async fn doubt(
        &self,
        torn: Vec<(Kind, String, Torn)>,
        pulled: &mut Pulled,
        report: &mut Report,
    ) -> Result<(), Error> {
        if torn.is_empty() {
            return Ok(());
        }
        let lines = torn.into_iter().map(|(kind, key, torn)| {
            pulled.note_bad(kind, &key);
            quarantine::Line::whole(kind, key, torn.reason())
        });
        let (lines, before) = (lines.collect::<Vec<_>>(), report.quarantined);
        report.quarantined += lines.len() as u64;
        self.quarantine(lines, before).await
    }

    /// The changes of one client, of a few between whom records moved, or a chunk of shared records: all of it or nothing.
    async fn store(&self, told: Told, gaps: &BTreeMap<String, Vec<Gap>>, settled: &Settled) -> Result<Done, Error> {
        let (tenant, source, now) = (&self.tenant.id, self.connector.name(), self.clock.now());
        let Told { entries, gone, pace } = told;
        let mut done = Done::default();
        let mut tx = self.begin().await?;
        let known = self.known(&mut tx, &entries, &gone).await?;
        let count = entries.len();
        let mut entries = newest(entries, &known, settled, &mut done.torn);
        done.outdated = (count - entries.len() - done.torn.len()) as u64;

        let mut withdrawn: BTreeMap<Option<String>, Vec<Target>> = BTreeMap::new();
        let (mut drafts, mut line_of) = (Vec::new(), Vec::new());
        let mut lines = Vec::new();
        for entry in &mut entries {
            let spooled = std::mem::take(&mut entry.drafts);
            let kind = Kind::from_name(&entry.kind).expect("the spool holds what was pulled");
            let before = known.get(&(kind.as_str(), entry.key.clone()));
            let now_published: BTreeSet<_> = spooled.iter().map(name).collect();
            let gone: Vec<_> = resources_of(before)
                .filter(|old| !now_published.contains(*old))
                .collect();
            // Not everything of it is known: it waits, unless it shows too much as it is.
            if entry.hash == spool::OPEN && gone.is_empty() {
                continue;
            }
            match &entry.outcome {
                Outcome::Mapped => done.mapped += 1,
                Outcome::Dropped(reason) => *done.dropped.entry(reason.clone()).or_default() += 1,
                Outcome::Refused => {}
            }
            done.moved += u64::from(of(before).is_some_and(|client| entry.client.as_ref() != Some(&client)));
            if !gone.is_empty() {
                let targets = gone.into_iter().filter_map(parse);
                withdrawn.entry(of(before)).or_default().extend(targets);
            }
            line_of.resize(drafts.len() + spooled.len(), lines.len());
            drafts.extend(spooled);
            if let (Kind::Stay, Some(client)) = (kind, &entry.client)
                && let Some(gaps) = gaps.get(client)
            {
                consent::set_gaps(&mut tx, tenant, &self.patient_of(client), gaps, now).await?;
            }
            lines.push(Line {
                kind,
                key: &entry.key,
                client: entry.client.as_deref(),
                version: &entry.version,
                hash: &entry.hash,
                outcome: &entry.outcome,
                generation: entry.generation,
                resources: now_published.into_iter().collect::<Vec<_>>().join(" "),
            });
        }
        for (kind, key) in &gone {
            let before = known.get(&(kind.as_str(), key.clone()));
            let targets: Vec<_> = resources_of(before).filter_map(parse).collect();
            if !targets.is_empty() {
                withdrawn.entry(of(before)).or_default().extend(targets);
            }
            subject::store::leave(&mut tx, tenant, source, *kind, key).await?;
            store::forget(&mut tx, tenant, source, *kind, key).await?;
        }
        for kind in Kind::ALL {
            let keys = gone.iter().filter(|(which, _)| *which == kind);
            let keys: Vec<String> = keys.map(|(_, key)| key.clone()).collect();
            if keys.is_empty() {
                continue;
            }
            removal::store::let_go(&mut tx, tenant, source, kind, &keys).await?;
            if pace == Pace::Turn {
                let is_published = |key: &&String| {
                    let known = known.get(&(kind.as_str(), (*key).clone()));
                    known.is_some_and(|known| !known.resources.is_empty())
                };
                let count = keys.iter().filter(is_published).count() as u64;
                self.note_removals(&mut tx, kind, count).await?;
            }
        }
        for (client, items) in &withdrawn {
            done.withdrawn += items.len() as u64;
            let patient = client.as_ref().map(|client| self.patient_of(client));
            resource::withdraw(&mut tx, tenant, patient.as_ref(), items, now).await?;
        }
        for at in self.leave_out(&mut tx, &mut drafts).await? {
            lines[line_of[at]].hash = store::OPEN;
        }
        let puts = resource::put_indexed(&mut tx, tenant, now, &drafts).await?;
        done.stored += puts.iter().filter(|put| !matches!(put, Put::Unchanged)).count() as u64;
        store::remember(&mut tx, tenant, source, &lines).await?;
        done.stored += self.let_go_of(&mut tx, &withdrawn).await?;
        for kind in Kind::ALL {
            let keys: Vec<String> = lines
                .iter()
                .filter(|line| line.kind == kind && *line.outcome != Outcome::Refused)
                .map(|line| line.key.to_owned())
                .collect();
            if !keys.is_empty() {
                quarantine::store::release(&mut tx, tenant, source, kind, &keys).await?;
            }
        }
        self.commit(tx).await?;
        Ok(done)
    }

    async fn known<'a>(
        &self,
        tx: &mut Tx,
        entries: &'a [Entry],
        gone: &'a [(Kind, String)],
    ) -> Result<HashMap<(&'static str, String), Known>, Error> {
        let mut found = HashMap::new();
        for kind in Kind::ALL {
            let of_entries = entries
                .iter()
                .filter(|entry| entry.kind == kind.as_str())
                .map(|entry| entry.key.clone());
            let of_gone = gone
                .iter()
                .filter(|(which, _)| *which == kind)
                .map(|(_, key)| key.clone());
            let keys: Vec<String> = of_entries.chain(of_gone).collect();
            if keys.is_empty() {
                continue;
            }
            let rows = store::known(tx, &self.tenant.id, self.connector.name(), kind, &keys).await?;
            found.extend(
                rows.into_iter()
                    .map(|known| ((kind.as_str(), known.key.clone()), known)),
            );
        }
        Ok(found)
    }

    pub(super) fn patient_of(&self, client: &str) -> Id {
        resource_id(&self.ids, &[self.connector.name(), Kind::Client.as_str(), client])
    }
}

/// Of several versions of a record the newest; nothing that is older than what is known. Of a record that came twice in one
/// answer with the same version, what is known may be the other one: the same one wins as in [`Settled`], or none.
fn newest(
    entries: Vec<Entry>,
    known: &HashMap<(&'static str, String), Known>,
    settled: &Settled,
    torn: &mut Vec<(Kind, String, Torn)>,
) -> Vec<Entry> {
    let mut kept: BTreeMap<(String, String), Entry> = BTreeMap::new();
    for entry in entries {
        let kind = Kind::from_name(&entry.kind).expect("the spool holds what was pulled");
        if let Some(known) = known.get(&(kind.as_str(), entry.key.clone())) {
            match known.version.cmp(&entry.version) {
                Ordering::Greater => continue,
                Ordering::Equal => {
                    if let Some(why) = settled.torn_from(&entry, known.client.as_deref()) {
                        torn.push((kind, entry.key, why));
                        continue;
                    }
                    if settled.came_twice(&entry) && known.hash[..] > entry.hash[..] {
                        continue;
                    }
                }
                Ordering::Less => {}
            }
        }
        let place = (entry.kind.clone(), entry.key.clone());
        if kept.get(&place).is_none_or(|other| other.version <= entry.version) {
            kept.insert(place, entry);
        }
    }
    kept.into_values().collect()
}

/// In whose dossier it is.
fn of(known: Option<&Known>) -> Option<String> {
    known.and_then(|known| known.client.clone())
}

/// The names of what is published of it.
fn resources_of(known: Option<&Known>) -> impl Iterator<Item = &str> {
    known.into_iter().flat_map(|known| known.resources.split_whitespace())
}

fn chunks(entries: Vec<Entry>, size: usize) -> Vec<Vec<Entry>> {
    let mut chunks: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        match chunks.last_mut() {
            Some(last) if last.len() < size => last.push(entry),
            _ => chunks.push(vec![entry]),
        }
    }
    chunks
}

fn name(draft: &Indexed) -> String {
    format!("{}/{}", draft.kind(), draft.id())
}

fn parse(name: &str) -> Option<(ResourceType, Id)> {
    let (kind, id) = name.split_once('/')?;
    Some((kind.parse().ok()?, Id::parse(id)?))
}
