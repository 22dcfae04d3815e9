//! The receiving end: jobs become durable together, so that hundreds of events a second are a few commits.

use std::collections::{BTreeMap, BTreeSet};
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
}

#[derive(Debug)]
struct Waiting {
    place: (TenantId, &'static str),
    job: (Kind, What),
    done: oneshot::Sender<bool>,
}

/// Why an event was not taken: the sender keeps it and can deliver it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("too many events at once")]
    Busy,
    #[error("the event could not be kept")]
    NotKept,
}

impl Inbox {
    /// Starts the writing task on the current runtime.
    pub fn start(db: Db, clock: Clock) -> Self {
        let (queue, events) = mpsc::channel(QUEUE);
        let (tell, arrived) = watch::channel(0);
        tokio::spawn(run(db, clock, events, tell));
        Self { queue, arrived }
    }

    /// Returns when the job is durable.
    pub async fn receive(
        &self,
        tenant: &TenantId,
        source: &'static str,
        kind: Kind,
        what: What,
    ) -> Result<(), Refused> {
        let (done, kept) = oneshot::channel();
        let waiting = Waiting {
            place: (tenant.clone(), source),
            job: (kind, what),
            done,
        };
        self.queue.try_send(waiting).map_err(|_| Refused::Busy)?;
        match tokio::time::timeout(WAIT, kept).await {
            Ok(Ok(true)) => Ok(()),
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
            let _ = waiting.done.send(kept.is_ok());
        }
        if kept.is_ok() {
            tell.send_modify(|count| *count += 1);
        }
    }
}

async fn keep(db: &Db, clock: &Clock, batch: &[Waiting]) -> Result<(), db::Error> {
    let mut places: BTreeMap<&(TenantId, &'static str), BTreeSet<&(Kind, What)>> = BTreeMap::new();
    for waiting in batch {
        places.entry(&waiting.place).or_default().insert(&waiting.job);
    }
    let mut tx = db.begin().await?;
    for ((tenant, source), jobs) in places {
        let waiting = store::waiting(&mut tx, tenant, source).await?;
        let jobs: BTreeSet<(Kind, What)> = if waiting + i64::try_from(jobs.len()).unwrap_or(i64::MAX) > MOST {
            jobs.into_iter().map(|(kind, _)| (*kind, What::Kind)).collect()
        } else {
            jobs.into_iter().cloned().collect()
        };
        let jobs: Vec<_> = jobs.into_iter().collect();
        store::put(&mut tx, tenant, source, &jobs, clock.now()).await?;
        metrics::gauge!("hook_jobs_waiting", "tenant" => tenant.to_string()).set(waiting as f64 + jobs.len() as f64);
    }
    tx.commit().await
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
        let most = u64::try_from(MOST).unwrap();
        for start in (0..most + 2_000).step_by(1_000) {
            let all = (start..start + 1_000).map(|key| {
                let (kind, what) = report(key);
                inbox.receive(&tenant, "ons", kind, what)
            });
            for kept in futures::future::join_all(all).await {
                kept.unwrap();
            }
        }
        let waiting = count().await;
        assert!((MOST - 1_100..=MOST + 1).contains(&waiting), "{waiting}");
    }
}
