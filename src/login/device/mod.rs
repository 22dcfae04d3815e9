//! Trusted browsers: where somebody entered an SMS code before, and need not again for a while.
//!
//! ```
//! use inzage::login::device::Agent;
//! let agent = Agent::of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
//! assert_eq!(agent.to_string(), "Firefox, Linux");
//! ```
//!
//! # Design
//! The cookie holds 256 random bits and the database their SHA-256, bound to account and tenant. It counts only after the right
//! password, it is no factor (`amr` stays `pwd`, `acr` says `pwd+device`), and each use replaces it. A value that was replaced
//! and comes back was copied by somebody: the device ends, its logins end, a code is asked, and the person is told. That a
//! browser lost the answer with its new value looks the same; it costs one SMS.
//!
//! Trust ends after the organisation's days of quiet, after half a year in any case, and with a change of password or number.

pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::session::{self, Session};
use super::{At, Login, Refused};
use crate::account::Account;
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::{SmsWhen, TenantId};
use crate::db::{self, Conn, Tx};
use crate::oauth::grant;
use crate::secret::{Random, same, sha256};

/// However often it is used, trust ends.
const LONGEST: SignedDuration = SignedDuration::from_hours(180 * 24);
/// Where the organisation names no days.
const QUIET_DAYS: i64 = 180;
/// More browsers than this nobody has; the least used one goes.
const MOST: i64 = 10;

/// A trusted browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: String,
    pub account: String,
    /// "Firefox, Linux"
    pub label: String,
    pub since: Timestamp,
    pub used: Timestamp,
}

/// What a cookie is worth.
#[derive(Debug)]
pub(super) enum Recognised {
    /// By this device, which has a new value for its cookie.
    Trusted {
        device: String,
        cookie: String,
    },
    Unknown,
    /// Copied: the device with this id has ended.
    Reused(String),
}

/// Kinds of browser and system, for people to tell their devices apart: words of ours, never the browser's own text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    browser: Option<&'static str>,
    system: Option<&'static str>,
}

impl Agent {
    /// Out of a `User-Agent` header. The order matters: Edge also says Chrome, and Chrome also says Safari.
    pub fn of(header: &str) -> Self {
        let first = |words: &[(&str, &'static str)]| {
            let found = words.iter().find(|(word, _)| header.contains(word));
            found.map(|(_, name)| *name)
        };
        Self {
            browser: first(&[
                ("Edg", "Edge"),
                ("SamsungBrowser", "Samsung Internet"),
                ("Firefox", "Firefox"),
                ("FxiOS", "Firefox"),
                ("Chrome", "Chrome"),
                ("CriOS", "Chrome"),
                ("Safari", "Safari"),
            ]),
            system: first(&[
                ("iPhone", "iPhone"),
                ("iPad", "iPad"),
                ("Android", "Android"),
                ("Windows", "Windows"),
                ("Mac OS X", "Mac"),
                ("CrOS", "ChromeOS"),
                ("Linux", "Linux"),
            ]),
        }
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = [self.browser, self.system].into_iter().flatten().collect();
        f.write_str(&words.join(", "))
    }
}

/// How long a browser may be quiet; `None` where trust does not exist.
fn quiet(when: SmsWhen) -> Option<SignedDuration> {
    let days = match when {
        SmsWhen::EveryLogin => return None,
        SmsWhen::NewDevice => QUIET_DAYS,
        SmsWhen::NewDeviceOrDays(days) => days,
    };
    Some(SignedDuration::from_hours(24 * days))
}

/// Looks at the cookie of somebody whose password was right.
pub(super) async fn recognise(
    tx: &mut Tx,
    at: &At,
    account: &Account,
    random: &Random,
    now: Timestamp,
) -> Result<Recognised, db::Error> {
    let tenant = &at.tenant.id;
    let (Some(quiet), Some(cookie)) = (quiet(at.tenant.policy.sms.when), at.device.as_deref()) else {
        return Ok(Recognised::Unknown);
    };
    let value = sha256(cookie.as_bytes());
    let Some((device, replaced)) = store::of_value(tx, tenant, &value).await? else {
        return Ok(Recognised::Unknown);
    };
    if device.account != account.id {
        return Ok(Recognised::Unknown);
    }
    if replaced || !store::replace(tx, tenant, &value, now).await? {
        store::end(tx, tenant, &account.id, &device.id, now).await?;
        return Ok(Recognised::Reused(device.id));
    }
    let fresh = now.duration_since(device.used) <= quiet && now.duration_since(device.since) < LONGEST;
    if !fresh || !store::used(tx, tenant, &device.id, now).await? {
        store::end(tx, tenant, &account.id, &device.id, now).await?;
        return Ok(Recognised::Unknown);
    }
    let cookie = random.token();
    store::new_value(tx, tenant, &device.id, &sha256(cookie.as_bytes()), now).await?;
    Ok(Recognised::Trusted {
        device: device.id,
        cookie,
    })
}

impl Login {
    /// Trusts this browser from now on; the value of its cookie.
    pub(super) async fn trust(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<String>, db::Error> {
        let tenant = &at.tenant.id;
        if quiet(at.tenant.policy.sms.when).is_none() {
            return Ok(None);
        }
        // The same browser again is not a second one.
        if let Some(old) = &at.device
            && let Some((device, _)) = store::of_value(tx, tenant, &sha256(old.as_bytes())).await?
        {
            store::end(tx, tenant, account, &device.id, now).await?;
        }
        let cookie = self.random.token();
        let device = Device {
            id: self.random.uuid_v7(now).to_string(),
            account: account.to_owned(),
            label: at.agent.to_string(),
            since: now,
            used: now,
        };
        store::insert(tx, tenant, &device, &sha256(cookie.as_bytes()), MOST).await?;
        audit::write(tx, &entry(at, Action::DeviceTrusted, Outcome::Success, account), now).await?;
        Ok(Some(cookie))
    }

    /// What follows when the cookie of this device was copied: nobody stays logged in through it.
    pub(super) async fn copied(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &Account,
        device: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let tenant = &at.tenant.id;
        for session in session::store::of_device(tx, tenant, device).await? {
            session::store::end_session(tx, tenant, &session, now).await?;
            grant::end_session(tx, tenant, &session, now).await?;
        }
        let outcome = Outcome::Refused("value-used-before");
        audit::write(tx, &entry(at, Action::DeviceEnded, outcome, &account.id), now).await?;
        self.tell(tx, at, account, super::notice::Notice::DeviceCopied, now)
            .await?;
        Ok(())
    }

    /// Forgets one trusted browser of who is logged in, or all of them.
    pub async fn forget_device(&self, at: At, id: Option<String>) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let here = login.here(&mut tx, &at, now).await?;
            let ended = match &id {
                Some(id) => u64::from(store::end(&mut tx, tenant, &here.account, id, now).await?),
                None => store::end_all(&mut tx, tenant, &here.account, now).await?,
            };
            if ended > 0 {
                let line = entry(&at, Action::DeviceEnded, Outcome::Success, &here.account);
                audit::write(&mut tx, &line, now).await?;
            }
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    /// The session of a form on the account page.
    pub(super) async fn here(&self, conn: &mut Conn, at: &At, now: Timestamp) -> Result<Session, Refused> {
        let here = session::of_cookie(conn, &at.tenant.id, at.session.as_deref(), now).await?;
        let here = here.ok_or(Refused::Gone)?;
        if same(self.form(&here.id).as_bytes(), at.form.as_bytes()) {
            Ok(here)
        } else {
            Err(Refused::Forged)
        }
    }
}

/// The trusted browsers of an account, each with whether it is the one with this cookie.
pub(super) async fn list(
    conn: &mut Conn,
    at: &At,
    account: &str,
    now: Timestamp,
) -> Result<Vec<(Device, bool)>, db::Error> {
    let tenant: &TenantId = &at.tenant.id;
    let Some(quiet) = quiet(at.tenant.policy.sms.when) else {
        return Ok(Vec::new());
    };
    let here = match &at.device {
        Some(cookie) => store::of_value(conn, tenant, &sha256(cookie.as_bytes())).await?,
        None => None,
    };
    let oldest = now.saturating_sub(LONGEST).unwrap_or(now);
    let devices = store::devices(conn, tenant, account, oldest).await?;
    Ok(devices
        .into_iter()
        .filter(|device| now.duration_since(device.used) <= quiet)
        .map(|device| {
            let is_here = here.as_ref().is_some_and(|(here, _)| here.id == device.id);
            (device, is_here)
        })
        .collect())
}

pub(super) async fn drop_old(tx: &mut Tx, now: Timestamp) -> Result<u64, db::Error> {
    store::drop_old(tx, now.saturating_sub(LONGEST).unwrap_or(now)).await
}

fn entry(at: &At, action: Action, outcome: Outcome, account: &str) -> Entry {
    Entry::new(at.tenant.id.clone(), action, outcome)
        .by(Who {
            account: Some(account.to_owned()),
            ..Who::default()
        })
        .from(at.origin)
}
