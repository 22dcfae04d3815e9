//! What the organisation does to an account: locks it, opens it again, closes it.
//!
//! # Design
//! Everything that opens something ends in the same transaction, so that it counts at the next request here, and within a second on
//! other replicas, which remember for so long that a token is good. A locked account
//! keeps its rights, for the day on which it is opened again; a closed one has none, and stays closed. Whoever guessed at the
//! name sees no difference: locked, closed and unknown look alike at the login.

use jiff::Timestamp;

use super::ending::end_logins;
use super::notice::Notice;
use super::{Login, Refused};
use crate::account::{self, Account, State};
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::Tenant;
use crate::db::Tx;

/// What is done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Lock(Reason),
    Unlock,
    Close(Reason),
}

/// Why the organisation ends the use of an account; the audit line says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The person asked for it.
    AtRequest,
    /// The terms were not kept.
    TermsBreach,
    /// It was used against the law.
    UnlawfulUse,
    Other,
}

impl Reason {
    pub const ALL: [Self; 4] = [Self::AtRequest, Self::TermsBreach, Self::UnlawfulUse, Self::Other];

    /// The word for it on the command line and in the audit line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtRequest => "at-request",
            Self::TermsBreach => "terms-breach",
            Self::UnlawfulUse => "unlawful-use",
            Self::Other => "other",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    #[error("there is no account of this name")]
    Unknown,
    #[error("the account is closed, and a closed account stays closed: invite the person again under another name")]
    Closed,
    #[error("the person has not registered yet: close the account if they may not")]
    NotRegistered,
    #[error("the account is not locked")]
    NotLocked,
    #[error(transparent)]
    Failed(#[from] Refused),
}

impl From<crate::db::Error> for Undone {
    fn from(error: crate::db::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Login {
    /// Does it; the account's id.
    pub async fn by_staff(&self, tenant: &Tenant, username: &str, act: Act) -> Result<String, Undone> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let found = account::by_name(&mut tx, &tenant.id, username).await?;
        let (Account { id, .. }, _) = found.ok_or(Undone::Unknown)?;
        // As it is once nobody else changes it: its owner may close it meanwhile.
        account::store::hold(&mut tx, &tenant.id, &format!("act:{id}")).await?;
        let found = account::find(&mut tx, &tenant.id, &id).await?;
        let (account, _) = found.ok_or(Undone::Unknown)?;
        match (act, account.state) {
            (_, State::Closed) => return Err(Undone::Closed),
            (Act::Lock(_) | Act::Unlock, State::Expected) => return Err(Undone::NotRegistered),
            (Act::Unlock, State::Active | State::MustChangePassword) => return Err(Undone::NotLocked),
            (Act::Lock(_), _) => {
                account::set_state(&mut tx, &tenant.id, &account.id, State::Locked, now).await?;
                end_logins(&mut tx, &tenant.id, &account.id, None, now).await?;
            }
            (Act::Unlock, _) => {
                // A password that was handed out has an end, and is still to be changed.
                let state = match account.password_expires_at {
                    Some(_) => State::MustChangePassword,
                    None => State::Active,
                };
                account::set_state(&mut tx, &tenant.id, &account.id, state, now).await?;
            }
            (Act::Close(_), _) => self.end_account(&mut tx, tenant, &account, now).await?,
        }
        let (action, reason) = match act {
            Act::Lock(reason) => (Action::AccountLocked, Some(reason)),
            Act::Unlock => (Action::AccountUnlocked, None),
            Act::Close(reason) => (Action::AccountClosed, Some(reason)),
        };
        let who = Who {
            account: Some(account.id.clone()),
            ..Who::default()
        };
        let mut line = Entry::new(tenant.id.clone(), action, Outcome::Success).by(who);
        line.what.query = reason.map(|reason| format!("reason={}", reason.as_str()));
        audit::write(&mut tx, &line, now).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(account.id)
    }

    async fn end_account(&self, tx: &mut Tx, tenant: &Tenant, account: &Account, now: Timestamp) -> Result<(), Undone> {
        self.close_all(tx, tenant, account, now).await?;
        self.tell_of(tx, tenant, account, Notice::AccountClosed, now).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent;
    use crate::login::world::{PASSWORD, World, world};
    use crate::oauth::grant;

    async fn living(world: &World, id: &str) -> usize {
        let mut read = world.db.read().await.unwrap();
        let living = grant::living(&mut read, &world.tenant.id, id, world.now()).await;
        living.unwrap().len()
    }

    /// Somebody who is logged in and gave an app access.
    async fn somebody(world: &World) -> crate::login::world::Browser<'_> {
        let mut browser = world.browser().await;
        browser.log_in("m.bakker").await;
        browser.allow(&["patient/*.rs", "offline_access"]).await.unwrap();
        browser
    }

    #[tokio::test]
    async fn a_locked_account_has_nothing_until_it_is_opened_again() {
        let world = world(|_| {}).await;
        let browser = somebody(&world).await;
        let id = world
            .login
            .by_staff(&world.tenant, "m.bakker", Act::Lock(Reason::TermsBreach))
            .await
            .unwrap();
        assert_eq!(living(&world, &id).await, 0);
        assert!(world.login.own(&browser.at()).await.unwrap().is_none());
        let mut again = browser.again().await;
        assert!(again.password("m.bakker", PASSWORD).await.is_err());
        world
            .login
            .by_staff(&world.tenant, "m.bakker", Act::Unlock)
            .await
            .unwrap();
        let mut again = browser.again().await;
        again.log_in("m.bakker").await;
        again.allow(&["patient/*.rs"]).await.unwrap();
        let done = world.login.by_staff(&world.tenant, "m.bakker", Act::Unlock).await;
        assert!(matches!(done, Err(Undone::NotLocked)));
        for line in ["account-locked success", "account-unlocked success"] {
            let lines = world.audit().await;
            assert_eq!(lines.iter().filter(|told| told.starts_with(line)).count(), 1, "{line}");
        }
    }

    #[tokio::test]
    async fn a_password_that_was_handed_out_is_still_to_be_changed_after_a_lock() {
        let world = world(|_| {}).await;
        for act in [Act::Lock(Reason::Other), Act::Unlock] {
            world.login.by_staff(&world.tenant, "n.nieuw", act).await.unwrap();
        }
        let mut read = world.db.read().await.unwrap();
        let found = account::by_name(&mut read, &world.tenant.id, "n.nieuw").await.unwrap();
        assert_eq!(found.unwrap().0.state, State::MustChangePassword);
    }

    #[tokio::test]
    async fn a_closed_account_is_told_so_has_no_rights_and_stays_closed() {
        let world = world(|_| {}).await;
        somebody(&world).await;
        let id = world
            .login
            .by_staff(&world.tenant, "m.bakker", Act::Close(Reason::UnlawfulUse))
            .await
            .unwrap();
        assert_eq!(living(&world, &id).await, 0);
        let mut read = world.db.read().await.unwrap();
        let rights = consent::rights(&mut read, &world.tenant, &id, world.now())
            .await
            .unwrap();
        drop(read);
        assert!(rights.is_empty());
        let told = world.messages().await.pop().unwrap();
        assert!(
            told["text"].as_str().unwrap().contains("uw account is gesloten"),
            "{told}"
        );
        for act in [Act::Lock(Reason::Other), Act::Unlock, Act::Close(Reason::Other)] {
            let done = world.login.by_staff(&world.tenant, "m.bakker", act).await;
            assert!(matches!(done, Err(Undone::Closed)), "{act:?}");
        }
        let done = world
            .login
            .by_staff(&world.tenant, "niemand", Act::Lock(Reason::TermsBreach))
            .await;
        assert!(matches!(done, Err(Undone::Unknown)));
        let lines = world.audit().await;
        assert!(lines.iter().any(|line| line.starts_with("account-closed success")));
        let mut tx = world.db.begin().await.unwrap();
        for state in [State::Active, State::Locked, State::MustChangePassword] {
            let changed = account::set_state(&mut tx, &world.tenant.id, &id, state, world.now()).await;
            assert!(!changed.unwrap(), "{state:?}: nothing opens it again");
        }
    }

    #[tokio::test]
    async fn s1_40_s1_41_the_line_says_why_the_use_of_an_account_ended() {
        const WHY: crate::db::Sql =
            crate::db::Sql::both("SELECT action, query FROM audit_line WHERE action LIKE 'account-%' ORDER BY seq");
        let world = world(|_| {}).await;
        for act in [
            Act::Lock(Reason::TermsBreach),
            Act::Unlock,
            Act::Lock(Reason::UnlawfulUse),
            Act::Close(Reason::AtRequest),
        ] {
            world.login.by_staff(&world.tenant, "m.bakker", act).await.unwrap();
        }
        let rows = world
            .db
            .read()
            .await
            .unwrap()
            .rows(WHY, crate::db::params![])
            .await
            .unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.text(0), row.opt_text(1))).collect();
        let line = |action: &str, why: Option<&str>| (action.to_owned(), why.map(str::to_owned));
        assert_eq!(
            told,
            [
                line("account-locked", Some("reason=terms-breach")),
                line("account-unlocked", None),
                line("account-locked", Some("reason=unlawful-use")),
                line("account-closed", Some("reason=at-request")),
            ]
        );
    }
}
