//! One run from its beginning to what is remembered of it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::pulled::Pick;
use super::removal::{self, Pace, Removals};
use super::run::Run;
use super::state::store::{Failure, Success};
use super::state::{self, Circuit, State};
use super::{Error, Progress, Report, Want, store};
use crate::db::Tx;
use crate::{audit, consent, ecd};

/// What a run that came to its end did.
pub(super) struct Done {
    pub report: Report,
    reach: ecd::Reach,
    /// Of when everything is that the source told.
    as_of: Timestamp,
}

/// So many new resources change what the database should think of its tables.
const MANY: u64 = 1_000;

impl Run<'_> {
    /// The run with what is remembered of it.
    pub(super) async fn whole(
        &self,
        want: Want,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Report, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let started = self.clock.now();
        if !want.is_whole() {
            let report = self.once(&want, started, progress).await?.report;
            let mut tx = self.begin().await?;
            self.note(&mut tx, &want).await?;
            self.commit(tx).await?;
            return Ok(report);
        }
        let before = state::store::read(&mut *self.db.read().await?, tenant, source).await?;
        let mut tx = self.begin().await?;
        state::store::begin(&mut tx, tenant, source, started).await?;
        self.commit(tx).await?;
        let done = async {
            if before.circuit(started) == Circuit::HalfOpen {
                self.connector.ping().await?;
            }
            self.once(&want, started, progress).await
        };
        match done.await {
            Ok(done) => {
                self.remember(&done, started, &before).await?;
                Ok(done.report)
            }
            Err(error) => {
                // A run that was taken over says nothing. Any other failure has its pause, also one of our own: a full disk would
                // have the source read again and again.
                if !matches!(error, Error::LeaseLost) {
                    self.remember_failure(&error, &before).await?;
                }
                Err(error)
            }
        }
    }

    /// Reads and publishes.
    pub(super) async fn once(
        &self,
        want: &Want,
        started: Timestamp,
        progress: &(dyn Fn(Progress) + Send + std::marker::Sync),
    ) -> Result<Done, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let rules = self.rules();
        let stopwatch = std::time::Instant::now();
        let (clients, since, before, loaded) = {
            let mut read = self.db.read().await?;
            let clients = consent::source_clients(&mut read, tenant).await?;
            let (since, before) = store::since(&mut read, tenant, source).await?;
            (clients, since, before, store::loaded(&mut read, tenant, source).await?)
        };
        let mut clients: BTreeSet<String> = clients.into_iter().map(|(key, _)| key).collect();
        let mut pick = Pick::Every;
        match want {
            Want::Changes | Want::Everything => {}
            Want::Client(key) => {
                if !clients.contains(key) {
                    return Err(Error::NoAccount);
                }
                clients = [key.clone()].into();
            }
            Want::Quarantined => pick = Pick::Only(self.waiting().await?),
        }
        let is_new = clients.iter().any(|client| !loaded.contains(client));
        let reach = match since {
            // A map or a list of report types that changed decides anew on what was read before.
            Some(since) if *want == Want::Changes && !is_new && before == rules => ecd::Reach::Since(since),
            _ => ecd::Reach::Full,
        };

        let mut report = Report {
            clients: clients.len() as u64,
            ..Report::default()
        };
        let pull = Box::pin(self.pull(clients.clone(), reach, &pick, &mut report, progress));
        let (mut pulled, spent) = self.metered(pull).await?;
        report.requests = spent.requests;
        if matches!(want, Want::Client(_)) {
            // Which shared records there are was read for this client alone: the others of the source are not gone.
            pulled.streams.retain(|kind| !kind.is_shared());
        }
        let removals = match want {
            // What is not asked for is not missed.
            Want::Quarantined => Removals::none(),
            _ => self.removals(&pulled, &clients, Pace::Run, &mut report).await?,
        };
        let whole = *want != Want::Quarantined && reach == ecd::Reach::Full && report.failed.is_empty();
        if let Some((mark, _)) = &pulled.mark {
            // First: once a client is published as of this state of the source, an earlier one is never believed again.
            let mut tx = self.begin().await?;
            store::set_mark(&mut tx, tenant, source, mark, started).await?;
            self.commit(tx).await?;
        }
        self.publish(&mut pulled, removals, whole.then_some(&clients), &mut report, progress)
            .await?;
        self.release(&pulled, &clients, !matches!(want, Want::Client(_)))
            .await?;
        report.seconds = stopwatch.elapsed().as_secs_f64();
        tracing::info!(
            tenant = tenant.as_str(),
            sync.pulled = report.pulled,
            sync.stored = report.stored,
            sync.quarantined = report.quarantined,
            sync.seconds = report.seconds,
            sync.began = %started,
            "sync done"
        );
        let as_of = pulled.mark.map_or(started, |(_, as_of)| as_of.min(started));
        Ok(Done { report, reach, as_of })
    }

    /// Notes what a run that came to its end means for the next one, and that it was there.
    async fn remember(&self, done: &Done, started: Timestamp, before: &State) -> Result<(), Error> {
        let Done { report, reach, as_of } = done;
        let (tenant, source, now) = (&self.tenant.id, self.connector.name(), self.clock.now());
        let text = serde_json::to_string(report).expect("a report is JSON");
        let mut tx = self.begin().await?;
        if let Some(problem) = report.failed.keys().next() {
            // There is no time before tomorrow; each attempt until then would use up what is kept for webhooks.
            let asked = report.over_budget.then(|| self.until_tomorrow(now));
            let failure = failure(problem, before, asked, now);
            state::store::part(&mut tx, tenant, source, &failure, &text, now).await?;
        } else {
            // What waits for an operator is not as the source has it.
            let is_all = removal::store::held_kinds(&mut tx, tenant, source).await?.is_empty();
            let is_full = *reach == ecd::Reach::Full;
            let rules = self.rules();
            let success = Success {
                since: started,
                rules: is_full.then_some(rules.as_str()),
                as_of: is_all.then_some(*as_of),
                compared: (is_all && is_full).then_some(started),
                report: &text,
            };
            state::store::succeed(&mut tx, tenant, source, &success, now).await?;
        }
        self.note(&mut tx, &Want::Everything).await?;
        self.commit(tx).await?;
        if report.stored >= MANY {
            let mut tx = self.begin().await?;
            store::analyze(&mut tx).await?;
            self.commit(tx).await?;
        }
        Ok(())
    }

    /// Seconds until the next local day.
    fn until_tomorrow(&self, now: Timestamp) -> i64 {
        let tomorrow = now.to_zoned(self.tenant.zone.clone()).tomorrow();
        let midnight = tomorrow.and_then(|tomorrow| tomorrow.start_of_day());
        midnight.map_or(0, |midnight| midnight.timestamp().duration_since(now).as_secs())
    }

    /// The audit line.
    async fn note(&self, tx: &mut Tx, want: &Want) -> Result<(), Error> {
        let word = match want {
            Want::Changes | Want::Everything => "sync",
            Want::Client(_) => "sync-client",
            Want::Quarantined => "sync-quarantine",
        };
        let what = audit::What {
            query: Some(word.to_owned()),
            ..audit::What::default()
        };
        let entry = audit::Entry::new(self.tenant.id.clone(), audit::Action::System, audit::Outcome::Success);
        let entry = match want {
            Want::Client(key) => entry.about(&[self.patient_of(key)]),
            _ => entry,
        };
        Ok(audit::write(tx, &entry.on(what), self.clock.now()).await?)
    }

    async fn remember_failure(&self, error: &Error, before: &State) -> Result<(), Error> {
        let (tenant, source, now) = (&self.tenant.id, self.connector.name(), self.clock.now());
        let asked = match error {
            Error::Source(ecd::Error::Later { seconds, .. }) => Some(i64::try_from(*seconds).unwrap_or(i64::MAX)),
            _ => None,
        };
        let problem = error.to_string();
        let mut tx = self.begin().await?;
        let failure = failure(&problem, before, asked, now);
        state::store::fail(&mut tx, tenant, source, &failure).await?;
        self.commit(tx).await
    }
}

/// One failure more than before. `asked`: the seconds after which the source wants to be asked again.
fn failure<'p>(problem: &'p str, before: &State, asked: Option<i64>, now: Timestamp) -> Failure<'p> {
    let failures = before.failures + 1;
    let pause = state::pause(failures, asked.map(jiff::SignedDuration::from_secs));
    Failure {
        failures,
        retry_at: now.saturating_add(pause).unwrap_or(Timestamp::MAX),
        problem,
    }
}
