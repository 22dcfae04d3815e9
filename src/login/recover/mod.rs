//! A forgotten password, and the first one: by a link in a mail.
//!
//! # Design
//! Who asks for a link names the user name and the address, and always sees the same page after the same work: for a name that
//! does not exist, or another address, the same rows are written and a message that has expired already. So neither the page
//! nor its time tells who has an account. A link chooses a password and does not log in: the login asks its SMS code as ever.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

use super::act::entry;
use super::ending::end_logins;
use super::notice::Notice;
use super::{At, Login, Refused};
use crate::account::link::{self, Link, Purpose};
use crate::account::throttle::Limits;
use crate::account::{self, Account, State, name_key};
use crate::audit::{self, Action, Entry, Outcome};
use crate::config::{Tenant, TenantId};
use crate::db::{Conn, Tx};
use crate::notify::Message;
use crate::secret::{Secret, same};

/// Links asked for from one network.
pub(super) const NETWORK: Limits = Limits {
    free: 10,
    forget: SignedDuration::from_hours(1),
    waits: &[3_600],
};

/// Links asked for one name, or to confirm an address.
pub(super) const NAME: Limits = Limits {
    free: 3,
    forget: SignedDuration::from_hours(24),
    waits: &[86_400],
};

/// The page of a link.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    pub purpose: Purpose,
    pub username: String,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// Mails a link for a new password, if name and address are of one account.
    pub async fn forgot(&self, at: At, username: String, email: String) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move { login.ask_link(&at, &username, &email).await })
            .await
    }

    async fn ask_link(&self, at: &At, username: &str, email: &str) -> Result<(), Refused> {
        let (now, tenant) = (self.now(), &at.tenant.id);
        if username.len() > 256 || email.len() > 256 {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        // By name and address: who knows only the name cannot use up the links of another.
        let name = format!(
            "forgot:{}",
            self.keys.name_bucket(tenant, &format!("{}\n{email}", username.trim()))
        );
        let network = at.origin.network.map(|network| format!("forgot:net:{network}"));
        for (bucket, limits) in network.iter().map(|bucket| (bucket, &NETWORK)).chain([(&name, &NAME)]) {
            if let Some(wait) = account::store::hold(&mut tx, tenant, bucket).await?.wait(now) {
                return Err(Refused::Wait(wait));
            }
            account::store::failed(&mut tx, tenant, bucket, limits, now).await?;
        }
        let found = account::by_name(&mut tx, tenant, username).await?;
        let known = found.as_ref().map(|(account, _)| account.id.clone());
        let matched = found.and_then(|(account, _)| {
            let kept = account.email(&self.keys, tenant)?;
            let fits = same(name_key(kept.expose()).as_bytes(), name_key(email).as_bytes());
            let open = matches!(account.state, State::Active | State::MustChangePassword);
            (fits && open).then_some((account, kept))
        });
        let link = Link {
            account: matched
                .as_ref()
                .map(|(account, _)| account.id.clone())
                .unwrap_or_default(),
            purpose: Purpose::Reset,
            sealed: None,
        };
        let secret = link::create(&mut tx, tenant, &link, now, &self.random).await?;
        let outcome = match &matched {
            Some((_, to)) => {
                self.mail_link(&mut tx, &at.tenant, to.expose(), link.purpose, &secret, now)
                    .await?;
                Outcome::Success
            }
            None => {
                self.mail_nobody(&mut tx, &at.tenant, &secret, now).await?;
                Outcome::Refused("no-such-account-and-address")
            }
        };
        let mut line = Entry::new(tenant.clone(), Action::LinkSent, outcome).from(at.origin);
        line.who.account = known;
        audit::write(&mut tx, &line, now).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(())
    }

    /// The same for a new account: within the transaction that makes it, or again when it was lost.
    pub async fn invite(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        account: &Account,
        now: Timestamp,
    ) -> Result<bool, Refused> {
        let Some(email) = account.email(&self.keys, &tenant.id) else {
            return Ok(false);
        };
        let link = Link {
            account: account.id.clone(),
            purpose: Purpose::Invite,
            sealed: None,
        };
        let secret = link::create(tx, &tenant.id, &link, now, &self.random).await?;
        self.mail_link(tx, tenant, email.expose(), link.purpose, &secret, now)
            .await?;
        Ok(true)
    }

    /// Opens a link without using it up; `None` for one that does not count.
    pub async fn open_link(&self, tenant: &TenantId, secret: &str) -> Result<Option<Opened>, Refused> {
        let now = self.now();
        let mut read = self.db.read().await?;
        let Some(link) = link::find(&mut read, tenant, secret, now).await? else {
            return Ok(None);
        };
        match self.usable(&mut read, tenant, &link.account).await {
            Ok(account) => Ok(Some(Opened {
                purpose: link.purpose,
                username: account.username,
            })),
            Err(Refused::Link) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The account of a link, if it is neither locked nor closed.
    pub(super) async fn usable(&self, conn: &mut Conn, tenant: &TenantId, id: &str) -> Result<Account, Refused> {
        let found = account::find(conn, tenant, id).await?;
        found
            .map(|(account, _)| account)
            .filter(|account| matches!(account.state, State::Active | State::MustChangePassword))
            .ok_or(Refused::Link)
    }

    /// Takes the new password of a link. Whoever was logged in is not any more. Returns the ids of the grants that ended.
    pub async fn choose_password(
        &self,
        at: At,
        secret: String,
        new: Secret<String>,
        again: Secret<String>,
    ) -> Result<Vec<String>, Refused> {
        let login = self.clone();
        self.whole(async move { login.chosen(&at, &secret, &new, &again).await })
            .await
    }

    async fn chosen(
        &self,
        at: &At,
        secret: &str,
        new: &Secret<String>,
        again: &Secret<String>,
    ) -> Result<Vec<String>, Refused> {
        let (tenant, history) = (&at.tenant.id, at.tenant.policy.password.history);
        let mut read = self.db.read().await?;
        let link = link::find(&mut read, tenant, secret, self.now()).await?;
        let link = link
            .filter(|link| link.purpose != Purpose::Email)
            .ok_or(Refused::Link)?;
        let account = self.usable(&mut read, tenant, &link.account).await?;
        let (_, stored) = account::find(&mut read, tenant, &account.id)
            .await?
            .ok_or(Refused::Link)?;
        let old = account::old_passwords(&mut read, tenant, &account.id, history).await?;
        // Hashing takes time.
        drop(read);
        let bucket = self.keys.name_bucket(tenant, &account.username);
        let lane = self.hasher.lane(&bucket).await?;
        let hash = self.fit(at, &account, new, again, old, &stored).await?;
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let used = link::consume(&mut tx, tenant, secret, now).await?
            && account::change_password(&mut tx, tenant, &account.id, &stored, &hash, history, now).await?;
        if !used {
            return Err(Refused::Link);
        }
        account::store::succeeded(&mut tx, tenant, &bucket).await?;
        let ended = end_logins(&mut tx, tenant, &account.id, None, now).await?;
        let line = entry(at, Action::PasswordChanged, Outcome::Success, &account.id);
        audit::write(&mut tx, &line, now).await?;
        self.tell(&mut tx, at, &account, Notice::PasswordChanged, now).await?;
        tx.commit().await?;
        self.outbox.wake();
        drop(lane);
        Ok(ended)
    }

    /// Counts a mail that an account asks for.
    pub(super) async fn count_mail(&self, tx: &mut Tx, at: &At, account: &str, now: Timestamp) -> Result<(), Refused> {
        let (tenant, bucket) = (&at.tenant.id, format!("mail:{account}"));
        if let Some(wait) = account::store::hold(tx, tenant, &bucket).await?.wait(now) {
            return Err(Refused::Wait(wait));
        }
        account::store::failed(tx, tenant, &bucket, &NAME, now).await?;
        Ok(())
    }

    /// Leaves a mail with a link; it is of use as long as the link is.
    pub(super) async fn mail_link(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        to: &str,
        purpose: Purpose,
        secret: &Secret<String>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let until = now.saturating_add(purpose.life()).unwrap_or(now);
        let message = self.link_mail(tenant, to, purpose, secret);
        self.outbox
            .put(tx, &tenant.id, &message, until, now, &self.random)
            .await?;
        Ok(())
    }

    /// The same work for nobody: what has expired is never sent.
    pub(super) async fn mail_nobody(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        secret: &Secret<String>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let message = self.link_mail(tenant, "nobody@invalid", Purpose::Reset, secret);
        self.outbox
            .put(tx, &tenant.id, &message, now, now, &self.random)
            .await?;
        Ok(())
    }

    fn link_mail(&self, tenant: &Tenant, to: &str, purpose: Purpose, secret: &Secret<String>) -> Message {
        let link = format!("{}{}/link?token={}", self.public_url, tenant.id, secret.expose());
        let (dutch, english) = match purpose {
            Purpose::Reset => (
                "Kies met deze link een nieuw wachtwoord. De link werkt een half uur en een keer.",
                "Choose a new password with this link. It works for half an hour and once.",
            ),
            Purpose::Invite => (
                "U heeft een account. Kies met deze link uw wachtwoord. De link werkt 7 dagen en een keer.",
                "You have an account. Choose your password with this link. It works for 7 days and once.",
            ),
            Purpose::Email => (
                "Bevestig met deze link uw e-mailadres. De link werkt een dag en een keer.",
                "Confirm your e-mail address with this link. It works for a day and once.",
            ),
        };
        let subject = format!("Uw account bij {0} / Your account at {0}", tenant.name);
        let text = format!(
            "{dutch}\n\n{link}\n\nHeeft u hier niet om gevraagd? Dan hoeft u niets te doen.\n\n--\n\n{english}\n\n\
             Did you not ask for this? Then you need not do anything.\n"
        );
        Message::mail(to, &subject, &text, Some(&link))
    }
}
