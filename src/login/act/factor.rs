//! An authenticator app and recovery codes: begun, confirmed, and taken away again.

use crate::account;
use crate::account::factor::{self, new_codes, new_secret, step_of};
use crate::account::throttle::CODE;
use crate::audit::{self, Action, Outcome};
use crate::login::notice::Notice;
use crate::login::{At, Login, Refused};

use super::entry;

impl Login {
    /// Makes a secret for an app; it counts after its first right code. One that counts already stays.
    pub async fn begin_app(&self, at: At) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            let secret = new_secret(&login.random);
            let sealed = login.keys.seal_app(tenant, &here.account, &secret, &login.random);
            factor::store::new_totp(&mut tx, tenant, &here.account.id, sealed, now).await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    /// The first code of an app: from now on it counts as a second factor.
    pub async fn confirm_app(&self, at: At, otp: String) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let digits: String = otp.chars().filter(|c| !c.is_whitespace()).take(7).collect();
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            let id = &here.account.id;
            let bucket = format!("code:{id}");
            if let Some(wait) = account::store::hold(&mut tx, tenant, &bucket).await?.wait(now) {
                return Err(Refused::Wait(wait));
            }
            let app = login.app_of(&mut tx, tenant, &here.account).await?;
            let app = app.filter(|app| !app.confirmed).ok_or(Refused::OtherStep)?;
            let step = step_of(app.secret.expose(), &digits, now);
            let right = match step {
                Some(step) => {
                    factor::store::confirm(&mut tx, tenant, id, now).await?
                        && factor::store::use_step(&mut tx, tenant, id, step).await?
                }
                None => false,
            };
            let outcome = if right {
                login
                    .tell(&mut tx, &at, &here.account, Notice::FactorAdded, now)
                    .await?;
                Outcome::Success
            } else {
                account::store::failed(&mut tx, tenant, &bucket, &CODE, now).await?;
                Outcome::Refused("wrong-code")
            };
            audit::write(&mut tx, &entry(&at, Action::FactorChanged, outcome, id), now).await?;
            tx.commit().await?;
            login.outbox.wake();
            if right { Ok(()) } else { Err(Refused::WrongOther) }
        })
        .await
    }

    /// Takes the app away, or the secret that still waits.
    pub async fn remove_app(&self, at: At) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            let app = login.app_of(&mut tx, tenant, &here.account).await?;
            let id = &here.account.id;
            factor::store::drop_totp(&mut tx, tenant, id).await?;
            if app.is_some_and(|app| app.confirmed) {
                login
                    .tell(&mut tx, &at, &here.account, Notice::FactorRemoved, now)
                    .await?;
                audit::write(&mut tx, &entry(&at, Action::FactorChanged, Outcome::Success, id), now).await?;
            }
            tx.commit().await?;
            login.outbox.wake();
            Ok(())
        })
        .await
    }

    /// Ten new recovery codes in the place of all old ones: shown this once.
    pub async fn new_recovery_codes(&self, at: At) -> Result<Vec<String>, Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            let id = &here.account.id;
            let codes = new_codes(&login.random);
            let macs: Vec<_> = codes
                .iter()
                .map(|code| login.keys.recovery_mac(tenant, id, code))
                .collect();
            factor::store::new_codes(&mut tx, tenant, id, &macs, now).await?;
            login
                .tell(&mut tx, &at, &here.account, Notice::FactorAdded, now)
                .await?;
            audit::write(&mut tx, &entry(&at, Action::FactorChanged, Outcome::Success, id), now).await?;
            tx.commit().await?;
            login.outbox.wake();
            Ok(codes)
        })
        .await
    }
}
