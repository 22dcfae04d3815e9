//! The first step: user name and password.
//!
//! # Design
//! Every outcome but success does the same work (one argon2, the same statements) and gives the same answer. What really
//! happened stands in the audit line only.

use jiff::Timestamp;

use super::code::Bound;
use super::device::Recognised;
use super::flow::browser_hash;
use super::{At, Login, Moved, Refused, Step, device, line, store, upstream};
use crate::account::throttle::{NAME, NETWORK};
use crate::account::{self, Account, State, password};
use crate::audit::{self, Action, Outcome};
use crate::secret::Secret;

impl Login {
    /// Takes user name and password. On success the browser gets a new cookie.
    pub async fn password(&self, at: At, username: String, password: Secret<String>) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move { login.enter(&at, &username, &password).await })
            .await
    }

    async fn enter(&self, at: &At, username: &str, password: &Secret<String>) -> Result<Moved, Refused> {
        let tenant = &at.tenant.id;
        if at
            .tenant
            .policy
            .upstream
            .as_ref()
            .is_some_and(|upstream| !upstream.password)
        {
            // There is no such way in here; the page shows the one that there is.
            return Err(Refused::OtherStep);
        }
        if username.len() > 256 {
            return Err(Refused::Credentials);
        }
        // No work for a form that is not ours.
        self.look(&mut *self.db.read().await?, at, self.now()).await?;
        let bucket = self.keys.name_bucket(tenant, username);
        let network = at.origin.network.map(|network| format!("net:{network}"));
        let lane = self.hasher.lane(&bucket).await?;
        let now = self.now();
        let mut read = self.db.read().await?;
        let mut wait = account::store::tries(&mut read, tenant, &bucket).await?.wait(now);
        if let Some(network) = &network {
            wait = wait.max(account::store::tries(&mut read, tenant, network).await?.wait(now));
        }
        let found = account::by_name(&mut read, tenant, username).await?;
        drop(read);
        let known = found.as_ref().map(|(account, _)| account.id.clone());
        if let Some(wait) = wait {
            self.refuse(at, known.as_deref(), "too-many-tries", &[]).await?;
            return Err(Refused::Wait(wait));
        }

        let right = if password::plausible(password.expose()) {
            let hash = found.as_ref().map(|(_, hash)| hash.clone());
            lane.verify(password, hash).await?
        } else {
            // Too long to be one; the same work all the same.
            lane.verify(&Secret::new(String::new()), None).await?
        };
        let outcome = judge(found.as_ref().map(|(account, _)| account), right, now);
        let moved = match (outcome, found) {
            (Outcome::Success, Some((account, _))) => self.entered(at, &account, Some(&bucket)).await,
            (Outcome::Success, None) => Err(Refused::Credentials),
            (Outcome::Refused(reason) | Outcome::Failed(reason), _) => {
                let mut counted = vec![(&bucket, &NAME)];
                counted.extend(network.as_ref().map(|network| (network, &NETWORK)));
                self.refuse(at, known.as_deref(), reason, &counted).await?;
                Err(Refused::Credentials)
            }
        };
        // The next try on this name sees the counter that this one has raised.
        drop(lane);
        moved
    }

    async fn refuse(
        &self,
        at: &At,
        known: Option<&str>,
        reason: &'static str,
        counted: &[(&String, &account::throttle::Limits)],
    ) -> Result<(), Refused> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let flow = self.open(&mut tx, at, now).await?;
        for (bucket, limits) in counted {
            account::store::failed(&mut tx, &at.tenant.id, bucket, limits, now).await?;
        }
        let entry = line(at, &flow, Action::Password, Outcome::Refused(reason), known);
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The first factor was right: the password, or without `bucket` what the OpenID provider says.
    pub(super) async fn entered(&self, at: &At, account: &Account, bucket: Option<&str>) -> Result<Moved, Refused> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let flow = self.open(&mut tx, at, now).await?;
        let action = match bucket {
            Some(bucket) => {
                account::store::succeeded(&mut tx, &at.tenant.id, bucket).await?;
                upstream::store::clear(&mut tx, &at.tenant.id, &flow.id).await?;
                Action::Password
            }
            None => Action::UpstreamReturned,
        };
        store::password_right(&mut tx, &at.tenant.id, &flow.id, &account.id, now).await?;
        // A cookie that somebody planted before is worth nothing from here on.
        let cookie = self.random.token();
        let old = at.browser.as_deref().map(browser_hash).ok_or(Refused::Gone)?;
        store::new_browser(&mut tx, &at.tenant.id, &old, &browser_hash(&cookie)).await?;
        let at = At {
            browser: Some(cookie.clone()),
            ..at.clone()
        };
        let device = match device::recognise(&mut tx, &at, account, &self.random, now).await? {
            Recognised::Trusted { device, cookie } => {
                store::known_device(&mut tx, &at.tenant.id, &flow.id, &device).await?;
                Some(cookie)
            }
            Recognised::Unknown => None,
            Recognised::Reused(device) => {
                self.copied(&mut tx, &at, account, &device, now).await?;
                None
            }
        };
        let (session, step) = self.establish(&mut tx, &at, &flow, now).await?;
        // Who has an app is asked for its code; an SMS goes when they ask for one.
        let app = self.app_of(&mut tx, &at.tenant.id, account).await?;
        let by_button = at.tenant.policy.sms.explicit_request_button || app.is_some_and(|app| app.confirmed);
        let send = step == Step::SecondFactor && !by_button;
        let sent = if send {
            Some(self.send(&mut tx, &at, &Bound::of(&flow), account, now).await)
        } else {
            None
        };
        if let Some(Err(Refused::Database(error))) = sent {
            return Err(error.into());
        }
        let mut entry = line(&at, &flow, action, Outcome::Success, Some(&account.id));
        entry.what.query = at.tenant.policy.terms.agreed_by_login();
        audit::write(&mut tx, &entry, now).await?;
        if let Some(sent) = &sent {
            // A limit that says no is shown on the page of the code, where the person can ask again later.
            let outcome = if sent.is_ok() {
                Outcome::Success
            } else {
                Outcome::Refused("limit")
            };
            let entry = line(&at, &flow, Action::CodeSent, outcome, Some(&account.id));
            audit::write(&mut tx, &entry, now).await?;
        }
        tx.commit().await?;
        self.outbox.wake();
        Ok(Moved {
            browser: Some(cookie),
            session,
            device,
            ..Moved::default()
        })
    }
}

/// What the audit line says.
fn judge(account: Option<&Account>, right: bool, now: Timestamp) -> Outcome {
    match account {
        None => Outcome::Refused("unknown-name"),
        Some(_) if !right => Outcome::Refused("wrong-password"),
        Some(account) if account.usable(now) => Outcome::Success,
        Some(account) => Outcome::Refused(match account.state {
            State::Closed => "closed",
            State::Locked => "locked",
            State::Expected => "not-registered",
            State::Active | State::MustChangePassword => "initial-password-expired",
        }),
    }
}
