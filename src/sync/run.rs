//! One run under way: it holds the lease of its source, and every transaction that it commits is fenced by it.
//!
//! # Design
//! The lease is renewed beside the work in the same task, so that a run that is not polled any more does not renew it either:
//! what stands still looks the same to others whether the process was stopped, the machine suspended or the runtime starved.
//! A lease that is lost ends the run at once; whatever was on its way into the database is refused by the fence.

use std::ops::Deref;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Mutex;

use super::{Error, Sync};
use crate::config::TenantId;
use crate::db::lease::{self, Held, Lease, Taken};
use crate::db::{self, Conn, Db, Tx};
use crate::ecd::Spent;

/// How long a source stays ours without a sign of life.
const TTL: SignedDuration = SignedDuration::from_secs(30);
/// Between two signs of life: two may fail before the lease is lost.
const RENEW: Duration = Duration::from_secs(8);

/// A run under way.
pub(super) struct Run<'a> {
    sync: &'a Sync<'a>,
    write: Write,
    /// What the connector had spent when the day's cost was last added to.
    pub(super) counted: Mutex<Spent>,
}

/// What becomes of its transactions.
enum Write {
    /// They are committed as long as the lease is ours.
    Fenced(Lease),
    /// They are rolled back: the run only tells what it would do.
    Nothing,
}

impl<'a> Deref for Run<'a> {
    type Target = Sync<'a>;

    fn deref(&self) -> &Sync<'a> {
        self.sync
    }
}

fn name(source: &str) -> String {
    format!("sync/{source}")
}

/// Who is reading this source at the moment.
pub async fn holder(
    conn: &mut Conn,
    tenant: &TenantId,
    source: &str,
    now: jiff::Timestamp,
) -> Result<Option<Held>, db::Error> {
    lease::held(conn, tenant, &name(source), now).await
}

impl<'a> Run<'a> {
    /// Takes the lease of the source. Who finds it taken is expected to come again, and gets in between two turns of a worker.
    pub async fn start(sync: &'a Sync<'a>) -> Result<Self, Error> {
        let started = Self::take(sync).await;
        if let Err(Error::Held(_)) = &started {
            let name = name(sync.connector.name());
            // Without the note it takes longer to get in; who is in there is what the caller asked.
            if let Err(error) = lease::want(sync.db, &sync.tenant.id, &name, sync.clock.now()).await {
                tracing::warn!(tenant = sync.tenant.id.as_str(), lease = name, %error, "no note that somebody waits");
            }
        }
        started
    }

    /// Takes the lease for one turn of many, unless somebody has it or waits for it.
    pub async fn turn(sync: &'a Sync<'a>) -> Result<Option<Self>, Error> {
        let name = name(sync.connector.name());
        let is_wanted = {
            let mut read = sync.db.read().await?;
            lease::is_wanted(&mut read, &sync.tenant.id, &name, sync.clock.now()).await?
        };
        if is_wanted {
            return Ok(None);
        }
        match Self::take(sync).await {
            Err(Error::Held(_)) => Ok(None),
            taken => taken.map(Some),
        }
    }

    async fn take(sync: &'a Sync<'a>) -> Result<Self, Error> {
        let name = name(sync.connector.name());
        let now = sync.clock.now();
        match lease::take(sync.db, &sync.tenant.id, &name, &myself(), now, TTL).await? {
            Taken::Ours(lease) => Ok(Self {
                sync,
                write: Write::Fenced(lease),
                counted: Mutex::new(sync.connector.spent()),
            }),
            Taken::Theirs(held) => Err(Error::Held(held)),
        }
    }

    /// A run that changes nothing. It spares a source that another run is reading.
    pub async fn rehearse(sync: &'a Sync<'a>) -> Result<Self, Error> {
        let mut read = sync.db.read().await?;
        let held = holder(&mut read, &sync.tenant.id, sync.connector.name(), sync.clock.now()).await?;
        match held {
            Some(held) => Err(Error::Held(held)),
            None => Ok(Self {
                sync,
                write: Write::Nothing,
                counted: Mutex::new(sync.connector.spent()),
            }),
        }
    }

    /// Does the work and keeps the lease while it lasts, at most until `stop`.
    pub async fn holding<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        stop: impl Future<Output = ()>,
    ) -> Result<T, Error> {
        let done = tokio::select! {
            biased;
            () = stop => Err(Error::Stopped),
            done = work => done,
            () = self.lost() => Err(Error::LeaseLost),
        };
        if let Err(error) = self.count().await {
            tracing::warn!(%error, "what a sync costs could not be counted");
        }
        if let Write::Fenced(lease) = &self.write
            && let Err(error) = lease.release(self.db, self.clock.now()).await
        {
            // The next run waits for the end of the lease, no more.
            tracing::warn!(%error, "the lease of a sync could not be let go");
        }
        done
    }

    /// Renews the lease until another has it.
    async fn lost(&self) {
        let Write::Fenced(lease) = &self.write else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(RENEW).await;
            match lease.renew(self.db, self.clock.now(), TTL).await {
                Ok(true) => {}
                Ok(false) => return,
                // A busy database is no reason to stop: the fence decides.
                Err(error) => tracing::warn!(%error, "the lease of a sync could not be renewed"),
            }
        }
    }

    /// A transaction that only the holder of the lease gets.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let mut tx = Db::begin(self.db).await?;
        if let Write::Fenced(lease) = &self.write
            && !lease.fence(&mut tx).await?
        {
            return Err(Error::LeaseLost);
        }
        Ok(tx)
    }

    pub async fn commit(&self, tx: Tx) -> Result<(), Error> {
        if let Write::Fenced(_) = &self.write {
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Machine and process, for the operator who finds a source taken.
fn myself() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "this machine" } else { host };
    format!("{host}, process {}", std::process::id())
}
