//! The request time that a source admits a day, counted over all runs, workers and restarts.
//!
//! # Design
//! A product like Ons admits 10,000 seconds of request time a day and does not say what comes after. Nine tenths of it are for
//! everything. The last tenth is for what cannot wait: streams, which tell what was hidden or changed, webhooks, and of each
//! client what was taken back and who is around him. Plans, agenda and forms then wait until the next local day, and the run
//! says so.
//!
//! A run adds what it spent while it goes on and once more when it ends, however it ends: one that is stopped or taken over has
//! used the time all the same. One that is killed loses what it spent since it last did so.
//!
//! ASSUMPTION: a day is one of the tenant's zone; the public description does not say when a day begins.

pub(crate) mod store;

use std::time::Duration;

use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::run::Run;
use crate::ecd::Spent;

pub use store::of_day;

/// Between two additions to the day.
const COUNTED: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// Does `work` within what is left of the day, and tells what it cost.
    pub(super) async fn metered<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<(T, Spent), Error> {
        self.admit().await?;
        let before = self.connector.spent();
        let over = CancellationToken::new();
        let working = async {
            let done = work.await;
            over.cancel();
            done
        };
        // Side by side: the work may hold the one transaction that the other waits for.
        let counting = async {
            while over.run_until_cancelled(tokio::time::sleep(COUNTED)).await.is_some() {
                if let Err(error) = self.count().await {
                    tracing::warn!(%error, "what a sync costs could not be counted");
                }
            }
        };
        let (done, ()) = tokio::join!(working, counting);
        let spent = self.connector.spent().since(before);
        let counted = self.count().await;
        let done = done?;
        counted?;
        Ok((done, spent))
    }

    /// Tells the connector how much may go into what can wait.
    async fn admit(&self) -> Result<(), Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let Some(limit) = self.tenant.request_time() else {
            return Ok(());
        };
        let used = of_day(&mut *self.db.read().await?, tenant, source, self.day()).await?;
        let for_everything = limit.mul_f64(0.9);
        let left = for_everything.saturating_sub(Duration::from_millis(used.milliseconds));
        self.connector.allow(left);
        if left.is_zero() {
            tracing::error!(
                tenant = tenant.as_str(),
                source.seconds = used.milliseconds / 1_000,
                source.limit_seconds = limit.as_secs(),
                "the day's request time is nearly used up: only essential requests until tomorrow"
            );
        }
        Ok(())
    }

    /// Adds to the day what this run has spent and not yet added.
    pub(super) async fn count(&self) -> Result<(), Error> {
        if self.tenant.request_time().is_none() {
            return Ok(());
        }
        let (tenant, source, day) = (&self.tenant.id, self.connector.name(), self.day());
        let mut counted = self.counted.lock().await;
        let now = self.connector.spent();
        let spent = now.since(*counted);
        if spent == Spent::default() {
            return Ok(());
        }
        // Not fenced: the source had the load, whoever has the lease.
        let mut tx = self.db.begin().await?;
        store::add(&mut tx, tenant, source, day, &spent).await?;
        let today = of_day(&mut tx, tenant, source, day).await?;
        tx.commit().await?;
        *counted = now;
        metrics::gauge!("source_seconds_today", "tenant" => tenant.to_string())
            .set(today.milliseconds as f64 / 1_000.0);
        metrics::counter!("source_throttled_total", "tenant" => tenant.to_string()).increment(spent.throttled);
        Ok(())
    }

    fn day(&self) -> Date {
        self.tenant.today(self.clock.now())
    }
}
