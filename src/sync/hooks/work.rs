//! The worker: takes jobs, finds out what to read, reads and publishes.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Job, store};
use crate::consent;
use crate::ecd::ons::hook::What;
use crate::ecd::{self, Again, Kind};
use crate::sync::run::Run;
use crate::sync::store as records;
use crate::sync::{Error, Report, Sync, state};

/// How long jobs belong to the process that took them.
const CLAIMED: SignedDuration = SignedDuration::from_secs(120);

/// The longest wait between two attempts.
const LONGEST: i64 = 15 * 60;

/// What one turn of the worker did.
#[derive(Clone, Debug, PartialEq)]
pub enum Worked {
    /// Nothing was due.
    Idle,
    /// So many jobs are done; there may be more.
    Done { jobs: u64, report: Report },
    /// Something could not be read; the jobs wait for their next attempt.
    Later(Report),
}

impl Sync<'_> {
    /// Follows the webhooks that are due, at most 256. While another run has the source, or waits for it, they wait.
    pub async fn hooked(&self) -> Result<Worked, Error> {
        let (tenant, source, now) = (&self.tenant.id, self.connector.name(), self.clock.now());
        if !store::is_due(&mut *self.db.read().await?, tenant, source, now).await? {
            return Ok(Worked::Idle);
        }
        let state = state::store::read(&mut *self.db.read().await?, tenant, source).await?;
        // The last run broke off and has a pause: the source is spared by its webhooks as well.
        if state.finished < state.started && state.retry_at.is_some_and(|retry| now < retry) {
            return Ok(Worked::Idle);
        }
        let Some(run) = Run::turn(self).await? else {
            return Ok(Worked::Idle);
        };
        run.holding(Box::pin(run.follow()), std::future::pending()).await
    }
}

impl Run<'_> {
    async fn follow(&self) -> Result<Worked, Error> {
        let (tenant, source, now) = (&self.tenant.id, self.connector.name(), self.clock.now());
        let mut tx = self.begin().await?;
        let jobs = store::claim(&mut tx, tenant, source, now, now + CLAIMED).await?;
        self.commit(tx).await?;
        let Some(since) = jobs.iter().map(|job| job.first_at).min() else {
            return Ok(Worked::Idle);
        };
        let clients = self.clients().await?;
        let again = self.what(&jobs, &clients).await?;
        let done = match again.is_empty() {
            true => Ok(Report::default()),
            false => Box::pin(self.again(again, clients, since)).await,
        };
        let ended = self.clock.now();
        // What is held waits for an operator, and not in the queue.
        let is_done = done.as_ref().is_ok_and(|report| report.failed.is_empty());
        let asked = match &done {
            Err(Error::Source(ecd::Error::Later { seconds, .. })) => i64::try_from(*seconds).unwrap_or(LONGEST),
            _ => 0,
        };
        let asked = SignedDuration::from_secs(asked.min(4 * 3_600));
        let mut tx = self.begin().await?;
        for job in &jobs {
            if is_done {
                store::finish(&mut tx, tenant, source, job, ended).await?;
            } else {
                store::retry(&mut tx, tenant, source, job, ended + pause(job.attempts).max(asked)).await?;
            }
        }
        self.commit(tx).await?;
        let report = done?;
        if !is_done {
            return Ok(Worked::Later(report));
        }
        for job in &jobs {
            let waited = ended.duration_since(job.first_at).as_secs_f64();
            metrics::histogram!("hook_seconds", "tenant" => tenant.to_string()).record(waited);
        }
        let jobs = jobs.len() as u64;
        Ok(Worked::Done { jobs, report })
    }

    async fn clients(&self) -> Result<BTreeSet<String>, Error> {
        let mut read = self.db.read().await?;
        let clients = consent::source_clients(&mut read, &self.tenant.id).await?;
        Ok(clients.into_iter().map(|(key, _)| key).collect())
    }

    /// What the jobs ask to read: nothing of a client without an account.
    async fn what(&self, jobs: &[Job], clients: &BTreeSet<String>) -> Result<BTreeSet<Again>, Error> {
        let mut again = BTreeSet::new();
        if clients.is_empty() {
            return Ok(again);
        }
        let mut read = self.db.read().await?;
        for job in jobs {
            let kind = job.kind;
            let one = match &job.what {
                What::Kind => Some(Again::Changes { kind }),
                What::Client(client) => clients.contains(client).then(|| Again::Client {
                    kind,
                    client: client.clone(),
                }),
                What::Record(key) => {
                    let keys = std::slice::from_ref(key);
                    let known = records::known(&mut read, &self.tenant.id, self.connector.name(), kind, keys).await?;
                    let owner = known.into_iter().next().map(|known| known.client);
                    record(kind, key, owner, clients)
                }
            };
            again.extend(one);
        }
        Ok(again)
    }
}

/// How a record is read again. `owner`: whose it was when it was last seen; the outer `None` for one that was never seen.
fn record(kind: Kind, key: &str, owner: Option<Option<String>>, clients: &BTreeSet<String>) -> Option<Again> {
    let itself = || Again::Record {
        kind,
        key: key.to_owned(),
    };
    match (kind, owner) {
        (_, Some(Some(owner))) if !clients.contains(&owner) => None,
        (Kind::Report, _) => Some(itself()),
        (_, Some(Some(client))) => Some(Again::Client { kind, client }),
        // Only its stream can tell whose it is.
        (Kind::ContactRelation, None) => Some(Again::Changes { kind }),
        // The product tells of a plan that becomes visible with its client, in an event of its own.
        _ => None,
    }
}

fn pause(attempts: i64) -> SignedDuration {
    let doubled = 1_i64 << attempts.clamp(0, 10);
    SignedDuration::from_secs(doubled.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_where_its_client_has_an_account() {
        let clients: BTreeSet<String> = ["1".to_owned()].into();
        let of = |client: &str| Some(Some(client.to_owned()));
        let read = |kind, owner| record(kind, "7", owner, &clients);
        let itself = Some(Again::Record {
            kind: Kind::Report,
            key: "7".to_owned(),
        });
        assert_eq!(read(Kind::Report, of("1")), itself);
        assert_eq!(read(Kind::Report, None), itself);
        assert_eq!(read(Kind::Report, of("2")), None);
        let (kind, client) = (Kind::CarePlan, "1".to_owned());
        assert_eq!(read(kind, of("1")), Some(Again::Client { kind, client }));
        assert_eq!(read(kind, None), None);
        let kind = Kind::ContactRelation;
        assert_eq!(read(kind, None), Some(Again::Changes { kind }));
        assert_eq!(read(kind, of("2")), None);
    }

    #[test]
    fn the_pause_grows_to_a_quarter_of_an_hour() {
        let pauses: Vec<i64> = [0, 1, 5, 20, i64::MAX].map(|attempts| pause(attempts).as_secs()).into();
        assert_eq!(pauses, [1, 2, 32, 900, 900]);
    }
}
