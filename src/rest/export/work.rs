//! What is done between the kick-off and the manifest: which types have something, and how much.
//!
//! # Design
//! Any replica takes the oldest job and holds it for a minute at a time; a job whose holder died is taken again from its
//! start. The pages are the ones that the files will be read by, so what can go wrong with a file goes wrong here.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::super::{Error, Rest};
use super::{Job, asked, caller, store};
use crate::access::{self, Interaction};
use crate::config::Tenant;
use crate::db;
use crate::fhir::types::ResourceType;

/// How long a job is held without a sign of life.
const HELD: SignedDuration = SignedDuration::from_secs(60);
/// Between two looks for jobs that another replica took in.
const LOOK: Duration = Duration::from_secs(5);
/// Pages between two signs of life.
const PAGES: usize = 25;

impl Rest {
    /// Works on exports as they come; never ends.
    pub async fn work_on_exports(&self, tenants: &[Arc<Tenant>]) {
        loop {
            match self.next_export(tenants).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "an export could not be worked on"),
            }
            let _ = tokio::time::timeout(LOOK, self.exports.arrived.notified()).await;
        }
    }

    /// Works on one; `false`: there is none.
    pub async fn next_export(&self, tenants: &[Arc<Tenant>]) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        store::expired(&mut tx, now).await?;
        let job = store::claim(&mut tx, now, now + HELD).await?;
        tx.commit().await?;
        let Some(mut job) = job else { return Ok(false) };
        let tenant = tenants.iter().find(|tenant| tenant.id.as_str() == job.tenant);
        let counted = match tenant {
            Some(tenant) => self.count(tenant, &mut job).await,
            // Its tenant is not served any more.
            None => Err(Error::NotFound),
        };
        let mut tx = self.db.begin().await?;
        match counted {
            Ok(Some(output)) => {
                let output = serde_json::to_string(&output).expect("types and numbers are JSON");
                store::end(&mut tx, &job, "done", &output).await?;
            }
            // Deleted, or somebody else has it.
            Ok(None) => {}
            // The database is away: the job waits for its turn again.
            Err(Error::Database(error @ (db::Error::Unavailable(_) | db::Error::Retry))) => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "an export failed");
                store::end(&mut tx, &job, "failed", "[]").await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The types that have something, with how much; `None` if the job is not ours any more.
    async fn count(&self, tenant: &Arc<Tenant>, job: &mut Job) -> Result<Option<Vec<(String, u64)>>, Error> {
        let caller = caller(tenant, job).ok_or(Error::NotFound)?;
        let base = self.server.fhir_base(tenant.id.as_str());
        let (mut output, mut sum, mut pages) = (Vec::new(), 0, 0);
        let wanted: Vec<ResourceType> = asked::exportable().filter(|kind| job.asked.wants(*kind)).collect();
        for kind in wanted {
            let Ok(visible) = access::decide(&caller, &Interaction::Search(kind)) else {
                continue;
            };
            let Some(mut walk) = job.asked.file(kind, &self.setting(tenant, &base))? else {
                continue;
            };
            let mut count = 0;
            while let Some(page) = walk.page(&mut *self.db.read().await?, &visible).await? {
                count += page.len() as u64;
                pages += 1;
                if pages % PAGES == 0
                    && !self
                        .still_ours(job, &format!("{} resources counted, now {kind}", sum + count))
                        .await?
                {
                    return Ok(None);
                }
            }
            sum += count;
            if count > 0 {
                output.push((kind.to_string(), count));
            }
        }
        Ok(Some(output))
    }

    async fn still_ours(&self, job: &mut Job, progress: &str) -> Result<bool, Error> {
        let until = self.clock.now() + HELD;
        let mut tx = self.db.begin().await?;
        let ours = store::hold(&mut tx, job, progress, until).await?;
        tx.commit().await?;
        job.held_until = until;
        Ok(ours)
    }
}
