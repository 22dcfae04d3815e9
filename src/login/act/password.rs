//! A new password, whenever the person likes.

use crate::account;
use crate::account::password::{self, Broken};
use crate::account::throttle::NAME;
use crate::audit::{self, Action, Outcome};
use crate::login::ending::end_logins;
use crate::login::notice::Notice;
use crate::login::{At, Login, Refused};
use crate::secret::Secret;

use super::entry;

impl Login {
    /// Replaces the password of who is logged in: the present one, and twice the new one. Every other login, every trusted device
    /// and every app ends; this login goes on.
    pub async fn change_own_password(
        &self,
        at: At,
        current: Secret<String>,
        new: Secret<String>,
        again: Secret<String>,
    ) -> Result<Vec<String>, Refused> {
        let login = self.clone();
        self.whole(async move { login.own_password(&at, &current, &new, &again).await })
            .await
    }

    async fn own_password(
        &self,
        at: &At,
        current: &Secret<String>,
        new: &Secret<String>,
        again: &Secret<String>,
    ) -> Result<Vec<String>, Refused> {
        let (tenant, policy) = (&at.tenant, &at.tenant.policy.password);
        let mut read = self.db.read().await?;
        let here = self.at_home(&mut read, at, self.now()).await?;
        let old = account::old_passwords(&mut read, &tenant.id, &here.account.id, policy.history).await?;
        // Hashing takes time.
        drop(read);
        let bucket = self.keys.name_bucket(&tenant.id, &here.account.username);
        let lane = self.hasher.lane(&bucket).await?;
        let tries = account::store::tries(&mut *self.db.read().await?, &tenant.id, &bucket).await?;
        if let Some(wait) = tries.wait(self.now()) {
            return Err(Refused::Wait(wait));
        }
        let right = password::plausible(current.expose()) && lane.verify(current, Some(here.hash.clone())).await?;
        let now = self.now();
        if !right {
            let mut tx = self.db.begin().await?;
            account::store::failed(&mut tx, &tenant.id, &bucket, &NAME, now).await?;
            let outcome = Outcome::Refused("wrong-password");
            audit::write(
                &mut tx,
                &entry(at, Action::PasswordChanged, outcome, &here.account.id),
                now,
            )
            .await?;
            tx.commit().await?;
            return Err(Refused::CurrentPassword);
        }
        let hash = self.fit(at, &here.account, new, again, old, &here.hash).await?;
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let still = self.at_home(&mut tx, at, now).await?;
        let (id, history) = (&still.account.id, policy.history);
        if !account::change_password(&mut tx, &tenant.id, id, &here.hash, &hash, history, now).await? {
            return Err(Refused::CurrentPassword);
        }
        let ended = end_logins(&mut tx, &tenant.id, id, Some(&still.session), now).await?;
        audit::write(&mut tx, &entry(at, Action::PasswordChanged, Outcome::Success, id), now).await?;
        self.tell(&mut tx, at, &still.account, Notice::PasswordChanged, now)
            .await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(ended)
    }

    /// The hash of a new password that keeps every rule and was typed twice.
    pub(in crate::login) async fn fit(
        &self,
        at: &At,
        account: &account::Account,
        new: &Secret<String>,
        again: &Secret<String>,
        old: Vec<String>,
        stored: &str,
    ) -> Result<String, Refused> {
        let policy = &at.tenant.policy.password;
        let mut broken = password::check(new.expose(), &account.username, &at.tenant.name, policy);
        if broken.is_empty() {
            let known = old.into_iter().chain([stored.to_owned()]).collect();
            if self.hasher.any(new, known).await? {
                broken.push(Broken::Used);
            }
        }
        if !broken.is_empty() {
            return Err(Refused::NewPassword(broken));
        }
        if password::normal(new.expose()) != password::normal(again.expose()) {
            return Err(Refused::Different);
        }
        Ok(self.hasher.hash(new, &self.random).await?)
    }
}
