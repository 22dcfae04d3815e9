//! A run for a few records: what a webhook named is read, mapped and published like everything else.
//!
//! # Design
//! It shares both halves with a whole run, so a record becomes the same resources whichever way it came. It does not move the
//! point up to which the source was read, and absence counts only within a client's list that arrived whole. A source that says
//! of too many records at once that they are gone is not believed, as in a whole run.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::pulled::Pick;
use super::removal::Pace;
use super::run::Run;
use super::{Error, Report};
use crate::audit;
use crate::ecd::{Again, Look};

impl Run<'_> {
    pub(super) async fn again(
        &self,
        again: BTreeSet<Again>,
        clients: BTreeSet<String>,
        since: Timestamp,
    ) -> Result<Report, Error> {
        let stopwatch = std::time::Instant::now();
        let mut report = Report::default();
        let look = Look {
            clients: clients.clone(),
            again,
            since,
            today: self.tenant.today(self.clock.now()),
        };
        let events = self.connector.look(look);
        let read = Box::pin(self.read(events, Date::MIN..Date::MIN, &Pick::Every, &mut report, &|_| {}));
        let (mut pulled, spent) = self.metered(read).await?;
        report.requests = spent.requests;
        let removals = self.removals(&pulled, &clients, Pace::Turn, &mut report).await?;
        self.publish(&mut pulled, removals, None, &mut report, &|_| {}).await?;
        report.seconds = stopwatch.elapsed().as_secs_f64();

        let mut tx = self.begin().await?;
        let what = audit::What {
            query: Some("sync-hook".to_owned()),
            ..audit::What::default()
        };
        let tenant = &self.tenant.id;
        let entry = audit::Entry::new(tenant.clone(), audit::Action::System, audit::Outcome::Success).on(what);
        audit::write(&mut tx, &entry, self.clock.now()).await?;
        self.commit(tx).await?;
        tracing::info!(
            tenant = tenant.as_str(),
            sync.pulled = report.pulled,
            sync.stored = report.stored,
            sync.withdrawn = report.withdrawn,
            sync.seconds = report.seconds,
            "webhooks followed"
        );
        Ok(report)
    }
}
