//! The writer of audit lines for requests that have no transaction of their own.
//!
//! # Design
//! One task writes; what arrives while it commits goes together into the next commit. So a lone request pays one commit, and
//! thirty-two at once pay one commit too. The queue is bounded, and a full queue is an error at once: a gateway that cannot
//! write its log does not serve data. The task belongs to no request, so a caller that hangs up cancels nothing.
//!
//! The task remembers where each chain ended. On PostgreSQL lines that all belong to one tenant are then appended in one round
//! trip, on the condition that the chain still ends there; where another replica wrote in between, the chain is locked and read.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::chain::Head;
use super::{Entry, Error, store};
use crate::clock::Clock;
use crate::config::TenantId;
use crate::db::{self, Db};

/// How many lines may wait, and how many go into one commit.
const QUEUE: usize = 1_024;
const BATCH: usize = 256;
/// How often a commit that was in another's way is tried again.
const TRIES: usize = 3;

/// The writing end; cheap to clone. The task ends after the last clone is gone and the queue is empty.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Waiting>,
    clock: Clock,
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    at: Timestamp,
    done: oneshot::Sender<Result<(), Error>>,
}

impl Recorder {
    /// Starts the writing task on the current runtime.
    pub fn start(db: Db, clock: Clock) -> Self {
        let (queue, lines) = mpsc::channel(QUEUE);
        tokio::spawn(run(db, lines));
        Self { queue, clock }
    }

    /// Returns when the line is durable, or says why it is not.
    pub async fn record(&self, entry: Entry) -> Result<(), Error> {
        let (done, written) = oneshot::channel();
        let at = self.clock.now();
        self.queue
            .try_send(Waiting { entry, at, done })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Busy,
                mpsc::error::TrySendError::Closed(_) => Error::Stopped,
            })?;
        written.await.unwrap_or(Err(Error::Stopped))
    }
}

async fn run(db: Db, mut lines: mpsc::Receiver<Waiting>) {
    let mut writer = Writer {
        db,
        ends: BTreeMap::new(),
    };
    let mut batch = Vec::with_capacity(BATCH);
    while lines.recv_many(&mut batch, BATCH).await > 0 {
        let written = writer.write(&batch).await;
        match written {
            Err(db::Error::Statement { .. }) if batch.len() > 1 => {
                // One line that the database does not take must not fail the others.
                for waiting in batch.drain(..) {
                    let alone = writer.write(std::slice::from_ref(&waiting)).await;
                    answer(waiting, &alone.map_err(Arc::new));
                }
            }
            written => {
                let written = written.map_err(Arc::new);
                for waiting in batch.drain(..) {
                    answer(waiting, &written);
                }
            }
        }
    }
}

fn answer(waiting: Waiting, written: &Result<(), Arc<db::Error>>) {
    // Nobody listens when the caller hung up; its line stands all the same.
    let _ = waiting.done.send(written.clone().map_err(Error::Database));
}

type Lines<'a> = Vec<(&'a Entry, Timestamp)>;

struct Writer {
    db: Db,
    /// Where each chain ended when this task last wrote to it.
    ends: BTreeMap<TenantId, Head>,
}

impl Writer {
    async fn write(&mut self, batch: &[Waiting]) -> Result<(), db::Error> {
        let mut tenants: BTreeMap<&TenantId, Lines<'_>> = BTreeMap::new();
        for waiting in batch {
            let lines = tenants.entry(&waiting.entry.tenant).or_default();
            lines.push((&waiting.entry, waiting.at));
        }
        let mut tries = 1;
        loop {
            match self.commit(&tenants).await {
                Err(db::Error::Retry) if tries < TRIES => tries += 1,
                written => return written,
            }
        }
    }

    async fn commit(&mut self, tenants: &BTreeMap<&TenantId, Lines<'_>>) -> Result<(), db::Error> {
        if let Some((tenant, lines)) = tenants.first_key_value().filter(|_| tenants.len() == 1)
            // Taken out: after a fault nobody knows where the chain ends.
            && let Some(end) = self.ends.remove(*tenant)
            && let Some(end) = store::append_to(&self.db, tenant, &end, lines).await?
        {
            self.ends.insert((*tenant).clone(), end);
            return Ok(());
        }
        // In the order of the tenants' names, so that two replicas never wait for each other's chain.
        let mut tx = self.db.begin().await?;
        let mut ends = Vec::with_capacity(tenants.len());
        for (tenant, lines) in tenants {
            ends.push(((*tenant).clone(), store::append(&mut tx, tenant, lines).await?));
        }
        tx.commit().await?;
        self.ends.extend(ends);
        Ok(())
    }
}
