//! Somebody types the code that a device shows (RFC 8628 §3.3).
//!
//! # Design
//! Nobody is logged in yet, so wrong codes are counted by network, in the database, for all replicas together. What is no code
//! at all is a slip of the finger and is not counted.

use jiff::SignedDuration;

use super::{At, Login, Refused};
use crate::account::store::{failed, hold};
use crate::account::throttle::Limits;
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::oauth::Issuer;
use crate::oauth::device::{self, UserCode};

/// A household types a handful of codes an hour.
const LIMITS: Limits = Limits {
    free: 10,
    forget: SignedDuration::from_hours(1),
    waits: &[30, 60, 300],
};

impl Login {
    /// The id of the authorization request that the person goes on with.
    pub async fn type_code(&self, at: At, issuer: &Issuer, typed: &str) -> Result<String, Refused> {
        let code = UserCode::parse(typed).ok_or(Refused::UserCode)?;
        let (login, issuer) = (self.clone(), issuer.clone());
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let network = at.origin.network.map(|network| network.to_string());
            let bucket = format!("device:{}", network.as_deref().unwrap_or("anywhere"));
            let mut tx = login.db.begin().await?;
            let wait = hold(&mut tx, tenant, &bucket).await?.wait(now);
            let found = match wait {
                None => device::typed(&mut tx, &issuer, tenant, &code).await?,
                Some(_) => None,
            };
            let outcome = match (&found, wait) {
                (Some(_), _) => Outcome::Success,
                (None, Some(_)) => Outcome::Refused("too-many-tries"),
                (None, None) => {
                    failed(&mut tx, tenant, &bucket, &LIMITS, now).await?;
                    Outcome::Refused("user-code")
                }
            };
            let who = Who {
                client_id: found.as_ref().map(|request| request.app.client_id.clone()),
                ..Who::default()
            };
            let entry = Entry::new(tenant.clone(), Action::AuthorizationRequested, outcome)
                .by(who)
                .from(at.origin);
            audit::write(&mut tx, &entry, now).await?;
            tx.commit().await?;
            match (found, wait) {
                (Some(request), _) => Ok(request.id),
                (None, Some(wait)) => Err(Refused::Wait(wait)),
                (None, None) => Err(Refused::UserCode),
            }
        })
        .await
    }
}
