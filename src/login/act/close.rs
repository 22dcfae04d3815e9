//! Closing the account: everything that opens something is dead at once, and the record of what happened stays.

use jiff::Timestamp;

use crate::account::{self, Account, State};
use crate::audit::{self, Action, Outcome};
use crate::config::Tenant;
use crate::consent;
use crate::db::Tx;
use crate::login::ending::end_logins;
use crate::login::notice::Notice;
use crate::login::{At, Login, Refused};

use super::entry;

impl Login {
    /// Closes the account of who is logged in. Returns the ids of the grants that ended.
    pub async fn close_account(&self, at: At) -> Result<Vec<String>, Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            let ended = login.close_all(&mut tx, &at.tenant, &here.account, now).await?;
            let line = entry(&at, Action::AccountClosed, Outcome::Success, &here.account.id);
            audit::write(&mut tx, &line, now).await?;
            login
                .tell(&mut tx, &at, &here.account, Notice::AccountClosed, now)
                .await?;
            tx.commit().await?;
            login.outbox.wake();
            Ok(ended)
        })
        .await
    }

    /// Ends everything that the account opens. Returns the ids of the grants that ended.
    pub(in crate::login) async fn close_all(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        account: &Account,
        now: Timestamp,
    ) -> Result<Vec<String>, Refused> {
        let (tenant, id) = (&tenant.id, &account.id);
        account::set_state(tx, tenant, id, State::Closed, now).await?;
        let ended = end_logins(tx, tenant, id, None, now).await?;
        account::factor::store::drop_totp(tx, tenant, id).await?;
        account::factor::store::new_codes(tx, tenant, id, &[], now).await?;
        consent::end_all(tx, tenant, id, now).await?;
        Ok(ended)
    }
}
