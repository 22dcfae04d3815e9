//! What nobody can ask for any more is forgotten.
//!
//! # Design
//! What is of an app ends with the app. What is about a client ends with the last right to that client, whoever wrote it: what
//! an app kept about a dossier does not outlive the access to it. What is about anybody else ends with the account that wrote
//! it. Each state goes by itself and leaves the same line as when its app deletes it; that line holds the tenant's chain until
//! the commit, so many in one transaction would stop everybody else.

use super::store::{self, Ended, Place};
use super::{Subject, patients};
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::TenantId;
use crate::db;
use crate::rest::Rest;

/// How many go in one round.
const ROUND: u64 = 1_000;
/// How many are looked at together.
const PAGE: i64 = 100;

impl Rest {
    /// Forgets what is kept for apps, rights and accounts that ended, a thousand at most. How many.
    pub async fn tidy_app_states(&self) -> Result<u64, db::Error> {
        let (mut after, mut gone) = (Place::default(), 0);
        loop {
            let page = store::ended(&mut *self.db.read().await?, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(gone) };
            after = (last.tenant.clone(), last.id.clone());
            for ended in page {
                if gone == ROUND {
                    return Ok(gone);
                }
                gone += u64::from(self.forget(ended).await?);
            }
        }
    }

    /// Whether it was there still, and at its end.
    async fn forget(&self, ended: Ended) -> Result<bool, db::Error> {
        let Some(tenant) = TenantId::parse(&ended.tenant) else {
            // Of no tenant there can be, so no app wrote it, and there is no chain for its line.
            tracing::warn!("a kept app state is of a tenant whose name is none");
            return Ok(false);
        };
        let mut tx = self.db.begin().await?;
        if !store::forget(&mut tx, &ended).await? {
            return Ok(false);
        }
        let who = Who {
            account: Some(ended.account).filter(|account| !account.is_empty()),
            client_id: Some(ended.client_id),
            ..Who::default()
        };
        let entry = Entry::new(tenant, Action::AppStateDeleted, Outcome::Success)
            .by(who)
            .about(&patients(&Subject::of_key(&ended.subject)));
        audit::write(&mut tx, &entry, self.clock.now()).await?;
        tx.commit().await?;
        Ok(true)
    }
}
