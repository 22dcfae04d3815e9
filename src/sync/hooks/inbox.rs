//! The receiving end: jobs become durable together, so that hundreds of events a second are a few commits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::{MOST, store};
use crate::clock::Clock;
use crate::config::TenantId;
use crate::db::{self, Db};
use crate::ecd::Kind;
use crate::ecd::ons::hook::What;

/// How many events may wait for their commit, and how many share one.
const QUEUE: usize = 4_096;
const BATCH: usize = 1_024;

/// The sender hangs up after three seconds.
const WAIT: Duration = Duration::from_millis(2_500);

/// The receiving end; cheap to clone. Its task ends after the last clone is gone.
#[derive(Clone, Debug)]
pub struct Inbox {
    queue: mpsc::Sender<Waiting>,
    arrived: watch::Receiver<u64>,
    /// Events that this process did not take, by tenant.
    refused: Arc<Mutex<BTreeMap<TenantId, u64>>>,
}

/// What became of an event.
type Kept = Result<(), Refused>;

#[derive(Debug)]
struct Waiting {
    place: (TenantId, &'static str),
    job: (Kind, What),
    done: oneshot::Sender<Kept>,
}

/// Why an event was not taken: the sender keeps it and can deliver it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("too many events at once")]
    Busy,
    #[error("too many events wait for their turn")]
    Full,
    #[error("the event could not be kept")]
    NotKept,
}

impl Inbox {
    /// Starts the writing task on the current runtime.
    pub fn start(db: Db, clock: Clock) -> Self {
        let (queue, events) = mpsc::channel(QUEUE);
        let (tell, arrived) = watch::channel(0);
        tokio::spawn(run(db, clock, events, tell));
        Self {
            queue,
            arrived,
            refused: Arc::default(),
        }
    }

    /// Returns when the job is durable.
    pub async fn receive(
        &self,
        tenant: &TenantId,
        source: &'static str,
        kind: Kind,
        what: What,
    ) -> Result<(), Refused> {
        let taken = self.take(tenant, source, kind, what).await;
        if taken.is_err() {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            *refused.entry(tenant.clone()).or_default() += 1;
        }
        taken
    }

    /// How many events of this tenant were not taken since the process began.
    pub fn refused(&self, tenant: &TenantId) -> u64 {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(tenant).copied().unwrap_or(0)
    }

    async fn take(&self, tenant: &TenantId, source: &'static str, kind: Kind, what: What) -> Kept {
        let (done, kept) = oneshot::channel();
        let waiting = Waiting {
            place: (tenant.clone(), source),
            job: (kind, what),
            done,
        };
        self.queue.try_send(waiting).map_err(|_| Refused::Busy)?;
        match tokio::time::timeout(WAIT, kept).await {
            Ok(Ok(kept)) => kept,
            _ => Err(Refused::NotKept),
        }
    }

    /// Changes whenever jobs came in through this process.
    pub fn arrived(&self) -> watch::Receiver<u64> {
        self.arrived.clone()
    }
}

async fn run(db: Db, clock: Clock, mut events: mpsc::Receiver<Waiting>, tell: watch::Sender<u64>) {
    let mut batch = Vec::with_capacity(BATCH);
    while events.recv_many(&mut batch, BATCH).await > 0 {
        let kept = match keep(&db, &clock, &batch).await {
            Err(db::Error::Retry) => keep(&db, &clock, &batch).await,
            kept => kept,
        };
        if let Err(error) = &kept {
            tracing::error!(%error, hook.events = batch.len(), "webhooks could not be kept");
        }
        for waiting in batch.drain(..) {
            let became = match &kept {
                Ok(full) if is_left_out(full, &waiting) => Err(Refused::Full),
                Ok(_) => Ok(()),
                Err(_) => Err(Refused::NotKept),
            };
            let _ = waiting.done.send(became);
        }
        if kept.is_ok() {
            tell.send_modify(|count| *count += 1);
        }
    }
}

/// Whether the row of its kind does not stand for this event: a stream tells of no record that was deleted.
fn is_left_out(full: &BTreeSet<(TenantId, &'static str)>, event: &Waiting) -> bool {
    matches!(event.job.1, What::Record(_)) && full.contains(&event.place)
}

/// Makes the jobs durable; the sources of which too many wait already, so that their kinds are read instead.
async fn keep(db: &Db, clock: &Clock, batch: &[Waiting]) -> Result<BTreeSet<(TenantId, &'static str)>, db::Error> {
    let mut full = BTreeSet::new();
    let mut places: BTreeMap<&(TenantId, &'static str), BTreeSet<&(Kind, What)>> = BTreeMap::new();
    for waiting in batch {
        places.entry(&waiting.place).or_default().insert(&waiting.job);
    }
    let mut tx = db.begin().await?;
    for ((tenant, source), jobs) in places {
        let waiting = store::waiting(&mut tx, tenant, source).await?;
        let jobs: BTreeSet<(Kind, What)> = if waiting + i64::try_from(jobs.len()).unwrap_or(i64::MAX) > MOST {
            full.insert((tenant.clone(), *source));
            jobs.into_iter().map(|(kind, _)| (*kind, What::Kind)).collect()
        } else {
            jobs.into_iter().cloned().collect()
        };
        let jobs: Vec<_> = jobs.into_iter().collect();
        store::put(&mut tx, tenant, source, &jobs, clock.now()).await?;
        metrics::gauge!("hook_jobs_waiting", "tenant" => tenant.to_string()).set(waiting as f64 + jobs.len() as f64);
    }
    tx.commit().await?;
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::fresh::fresh;

    #[tokio::test]
    async fn events_of_one_record_are_one_job_and_a_flood_is_one_job_a_kind() {
        let (_dir, db) = fresh().await;
        let clock = Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap());
        let tenant = TenantId::parse("topaz").unwrap();
        let inbox = Inbox::start(db.clone(), clock);
        let report = |key: u64| (Kind::Report, What::Record(key.to_string()));
        for _ in 0..20 {
            let (kind, what) = report(1);
            inbox.receive(&tenant, "ons", kind, what).await.unwrap();
        }
        let count = async || {
            let mut read = db.read().await.unwrap();
            store::waiting(&mut read, &tenant, "ons").await.unwrap()
        };
        assert_eq!(count().await, 1);
        let (most, mut refused) = (u64::try_from(MOST).unwrap(), 0);
        for start in (0..most + 2_000).step_by(1_000) {
            let all = (start..start + 1_000).map(|key| {
                let (kind, what) = report(key);
                inbox.receive(&tenant, "ons", kind, what)
            });
            for kept in futures::future::join_all(all).await {
                refused += u64::from(kept == Err(Refused::Full));
            }
        }
        let waiting = count().await;
        assert!((MOST - 1_100..=MOST + 1).contains(&waiting), "{waiting}");
        // What has no row of its own may be a deletion: the sender keeps it, and it is asked for when there is room.
        let rows = u64::try_from(waiting).unwrap();
        assert_eq!(refused, most + 2_000 - (rows - 1), "{waiting} wait");
        assert_eq!(inbox.refused(&tenant), refused);
        // Whose contacts changed is told by the kind as well.
        let client = What::Client("7".to_owned());
        let kept = inbox.receive(&tenant, "ons", Kind::ContactRelation, client).await;
        assert_eq!((kept, inbox.refused(&tenant)), (Ok(()), refused));
        let other = TenantId::parse("treant").unwrap();
        assert_eq!(inbox.refused(&other), 0);
    }
}
