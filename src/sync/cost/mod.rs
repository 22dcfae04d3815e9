//! The request time that a source admits a day, counted over all runs, workers and restarts.
//!
//! # Design
//! A product like Ons admits 10,000 seconds of request time a day and does not say what comes after. Nine tenths of it are for
//! everything. The last tenth is for what cannot wait: streams, which tell what was hidden or changed, webhooks, and of each
//! client what was taken back and who is around him. Plans, agenda and forms then wait until the next local day, and the run
//! says so.
//!
//! ASSUMPTION: a day is one of the tenant's zone; the public description does not say when a day begins.

pub(crate) mod store;

use std::time::Duration;

use super::{Error, Sync};
use crate::ecd::Spent;

pub use store::of_day;

impl Sync<'_> {
    /// Does `work` within what is left of the day, and adds what it cost.
    pub(super) async fn metered<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let Some(limit) = self.tenant.request_time() else {
            return work.await;
        };
        let day = self.clock.now().to_zoned(self.tenant.zone.clone()).date();
        let used = of_day(&mut *self.db.read().await?, tenant, source, day).await?;
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
        let before = self.connector.spent();
        let done = work.await;
        let after = self.connector.spent();
        let spent = Spent {
            requests: after.requests.saturating_sub(before.requests),
            throttled: after.throttled.saturating_sub(before.throttled),
            milliseconds: after.milliseconds.saturating_sub(before.milliseconds),
        };
        let mut tx = self.db.begin().await?;
        store::add(&mut tx, tenant, source, day, &spent).await?;
        tx.commit().await?;
        metrics::gauge!("source_seconds_today", "tenant" => tenant.to_string())
            .set((used.milliseconds + spent.milliseconds) as f64 / 1_000.0);
        metrics::counter!("source_throttled_total", "tenant" => tenant.to_string()).increment(spent.throttled);
        done
    }
}
