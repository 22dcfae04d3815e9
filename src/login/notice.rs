//! Notices that a login leaves; what they say stands in [`crate::account::notice`].

use jiff::Timestamp;

use super::{At, Login};
use crate::account::Account;
pub(super) use crate::account::notice::Notice;
use crate::account::notice::Teller;
use crate::config::Tenant;
use crate::db::{self, Tx};

impl Login {
    fn teller(&self) -> Teller {
        Teller {
            outbox: self.outbox.clone(),
            keys: self.keys.clone(),
            random: self.random.clone(),
        }
    }

    /// Leaves a notice for the account's owner.
    pub(super) async fn tell(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &Account,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        self.tell_of(tx, &at.tenant, account, notice, now).await
    }

    /// The same where no browser is part of it.
    pub(super) async fn tell_of(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        account: &Account,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        self.teller().tell(tx, tenant, account, notice, now).await
    }

    /// The same to the account's number, whether or not there is an address.
    pub(super) async fn tell_number(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &Account,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        match account.mobile(&self.keys, &at.tenant.id) {
            Some(number) if account.email(&self.keys, &at.tenant.id).is_some() => {
                self.tell_there(tx, at, number.expose(), notice, now).await
            }
            // Without an address the notice itself goes there.
            _ => Ok(()),
        }
    }

    /// To a number that is not the account's yet.
    pub(super) async fn tell_there(
        &self,
        tx: &mut Tx,
        at: &At,
        number: &str,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        self.teller().tell_there(tx, &at.tenant, number, notice, now).await
    }
}
