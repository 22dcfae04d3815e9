//! The step after an initial password: one of the person's own.

use super::ending::end_logins;
use super::notice::Notice;
use super::{At, Login, Moved, Refused, Step, line};
use crate::account;
use crate::account::password;
use crate::account::throttle::NAME;
use crate::audit::{self, Action, Outcome};
use crate::secret::Secret;

impl Login {
    /// Replaces the password: the current one, and twice the new one.
    pub async fn change_password(
        &self,
        at: At,
        current: Secret<String>,
        new: Secret<String>,
        again: Secret<String>,
    ) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move { login.change(&at, &current, &new, &again).await })
            .await
    }

    async fn change(
        &self,
        at: &At,
        current: &Secret<String>,
        new: &Secret<String>,
        again: &Secret<String>,
    ) -> Result<Moved, Refused> {
        let (tenant, policy) = (&at.tenant, &at.tenant.policy.password);
        let mut tx = self.db.begin().await?;
        let standing = self
            .at_step(&mut tx, at, self.now(), |step| *step == Step::ChangePassword)
            .await?;
        let old = account::old_passwords(&mut tx, &tenant.id, &standing.account()?.id, policy.history).await?;
        // Hashing takes time, and nothing was written.
        drop(tx);
        let (account, stored) = standing.account.as_ref().ok_or(Refused::OtherStep)?;

        let bucket = self.keys.name_bucket(&tenant.id, &account.username);
        let lane = self.hasher.lane(&bucket).await?;
        let tries = account::store::tries(&mut *self.db.read().await?, &tenant.id, &bucket).await?;
        if let Some(wait) = tries.wait(self.now()) {
            return Err(Refused::Wait(wait));
        }
        let right = password::plausible(current.expose()) && lane.verify(current, Some(stored.clone())).await?;
        let now = self.now();
        if !right {
            let mut tx = self.db.begin().await?;
            let flow = self.open(&mut tx, at, now).await?;
            account::store::failed(&mut tx, &tenant.id, &bucket, &NAME, now).await?;
            let outcome = Outcome::Refused("wrong-password");
            let entry = line(at, &flow, Action::PasswordChanged, outcome, Some(&account.id));
            audit::write(&mut tx, &entry, now).await?;
            tx.commit().await?;
            return Err(Refused::CurrentPassword);
        }
        let hash = self.fit(at, account, new, again, old, stored).await?;

        let now = self.now();
        let mut tx = self.db.begin().await?;
        let flow = self.open(&mut tx, at, now).await?;
        let history = policy.history;
        if !account::change_password(&mut tx, &tenant.id, &account.id, stored, &hash, history, now).await? {
            return Err(Refused::OtherStep);
        }
        // Whoever was logged in with the old password is not any more.
        let ended = end_logins(&mut tx, &tenant.id, &account.id, None, now).await?;
        let (session, _) = self.establish(&mut tx, at, &flow, now).await?;
        let entry = line(at, &flow, Action::PasswordChanged, Outcome::Success, Some(&account.id));
        audit::write(&mut tx, &entry, now).await?;
        self.tell(&mut tx, at, account, Notice::PasswordChanged, now).await?;
        tx.commit().await?;
        self.outbox.wake();
        Ok(Moved {
            session,
            ended,
            ..Moved::default()
        })
    }
}
