//! The browser session: who is logged in, since when, and how surely.
//!
//! # Design
//! Idle for fifteen minutes, or twelve hours old, and it is over. `acr` and `amr` tell what was really done.

pub(crate) mod store;

use jiff::{SignedDuration, Timestamp};

use super::{At, Login, Refused};
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::TenantId;
use crate::db::{self, Conn, Tx};
use crate::oauth::{acr, grant};
use crate::secret::{same, sha256};

const IDLE: SignedDuration = SignedDuration::from_mins(15);
const LONGEST: SignedDuration = SignedDuration::from_hours(12);
/// How many logins of one person are looked at together.
const PAGE: i64 = 100;

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What grants refer to; not the cookie.
    pub id: String,
    pub account: String,
    /// `auth_time`
    pub started_at: Timestamp,
    /// Whether a second factor was shown.
    pub second: bool,
    /// When last; later than the login where an act asked for it.
    pub second_at: Option<Timestamp>,
    /// With what: `sms`, `otp` or `recovery`.
    pub method: Option<String>,
    /// The trusted browser that stood in for the code.
    pub device: Option<String>,
    pub used_at: Timestamp,
    pub ended: bool,
}

impl Session {
    pub fn alive(&self, now: Timestamp) -> bool {
        !self.ended && now.duration_since(self.used_at) < IDLE && now.duration_since(self.started_at) < LONGEST
    }

    /// How the person was authenticated, as an Authentication Context Class Reference.
    pub fn acr(&self) -> &'static str {
        match (self.second, self.method.as_deref(), &self.device) {
            (true, Some("otp"), _) => acr::OTP,
            (true, Some("recovery"), _) => acr::RECOVERY,
            (true, _, _) => acr::SMS,
            (false, _, Some(_)) => acr::DEVICE,
            (false, _, None) => acr::PASSWORD,
        }
    }

    /// The methods, RFC 8176. A trusted browser is no method.
    pub fn amr(&self) -> &'static [&'static str] {
        match (self.second, self.method.as_deref()) {
            // A recovery code is a one-time password too.
            (true, Some("otp" | "recovery")) => &["pwd", "otp", "mfa"],
            (true, _) => &["pwd", "sms", "mfa"],
            (false, _) => &["pwd"],
        }
    }
}

/// The live session of this cookie.
pub async fn of_cookie(
    conn: &mut Conn,
    tenant: &TenantId,
    cookie: Option<&str>,
    now: Timestamp,
) -> Result<Option<Session>, db::Error> {
    let Some(cookie) = cookie.filter(|cookie| cookie.len() <= 64) else {
        return Ok(None);
    };
    let session = store::session_of_cookie(conn, tenant, &sha256(cookie.as_bytes())).await?;
    Ok(session.filter(|session| session.alive(now)))
}

/// Whether the session that a grant refers to is alive: for refresh tokens without `offline_access`.
pub async fn alive(conn: &mut Conn, tenant: &TenantId, id: &str, now: Timestamp) -> Result<bool, db::Error> {
    let session = store::session(conn, tenant, id).await?;
    Ok(session.is_some_and(|session| session.alive(now)))
}

impl Login {
    /// Ends every other login of who is logged in here, and what apps got by those without `offline_access`. Returns the ids of
    /// the grants that ended.
    pub async fn sign_out_elsewhere(&self, at: At) -> Result<Vec<String>, Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let here = login.here(&mut tx, &at, now).await?;
            let mut ended = Vec::new();
            loop {
                let others = store::others(&mut tx, tenant, &here.account, &here.id, PAGE).await?;
                if others.is_empty() {
                    break;
                }
                for session in others {
                    if session.alive(now) {
                        ended.extend(end(&mut tx, &at, &session, now).await?);
                    } else {
                        // Over by itself: nobody is logged out by this, so there is no line.
                        store::end_session(&mut tx, tenant, &session.id, now).await?;
                    }
                }
            }
            tx.commit().await?;
            Ok(ended)
        })
        .await
    }

    /// Ends the session of this browser, if there is one, and every grant of it without `offline_access`.
    pub async fn sign_out(&self, at: At) -> Result<Option<SignedOut>, Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let session = of_cookie(&mut tx, &at.tenant.id, at.session.as_deref(), now).await?;
            let Some(session) = session else { return Ok(None) };
            if !same(login.form(&session.id).as_bytes(), at.form.as_bytes()) {
                return Err(Refused::Forged);
            }
            let ended = end(&mut tx, &at, &session, now).await?;
            tx.commit().await?;
            Ok(Some(SignedOut {
                session: session.id,
                ended,
            }))
        })
        .await
    }

    /// The same where an app asks for it, which names the person by `sub` or not. Without that, the form has to be one that the
    /// person was shown.
    pub async fn log_out(&self, at: At, subject: Option<String>) -> Result<LoggedOut, Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let session = of_cookie(&mut tx, &at.tenant.id, at.session.as_deref(), now).await?;
            let Some(session) = session else {
                return Ok(LoggedOut::Nobody);
            };
            let form = login.form(&session.id);
            let is_meant = subject.is_some_and(|subject| subject == login.subjects.of(&at.tenant.id, &session.account));
            if !is_meant && !same(form.as_bytes(), at.form.as_bytes()) {
                return Ok(LoggedOut::Ask(form));
            }
            let ended = end(&mut tx, &at, &session, now).await?;
            tx.commit().await?;
            Ok(LoggedOut::Done(ended))
        })
        .await
    }
}

/// A session that the person ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOut {
    pub session: String,
    /// The grants that ended with it: their tokens are worth nothing from now on.
    pub ended: Vec<String>,
}

/// What became of an app's wish to log its person out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedOut {
    /// Nobody was logged in.
    Nobody,
    /// These grants ended with the session.
    Done(Vec<String>),
    /// The person is asked; this is what the form carries.
    Ask(String),
}

async fn end(tx: &mut Tx, at: &At, session: &Session, now: Timestamp) -> Result<Vec<String>, Refused> {
    store::end_session(tx, &at.tenant.id, &session.id, now).await?;
    let ended = grant::end_session(tx, &at.tenant.id, &session.id, now).await?;
    let who = Who {
        account: Some(session.account.clone()),
        ..Who::default()
    };
    let entry = Entry::new(at.tenant.id.clone(), Action::SignedOut, Outcome::Success)
        .by(who)
        .from(at.origin);
    audit::write(tx, &entry, now).await?;
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o06_the_methods_and_the_level_say_what_was_really_shown() {
        let session = |second: bool, method: Option<&str>, device: Option<&str>| Session {
            id: String::new(),
            account: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            second,
            second_at: None,
            method: method.map(str::to_owned),
            device: device.map(str::to_owned),
            used_at: Timestamp::UNIX_EPOCH,
            ended: false,
        };
        for (session, level, methods) in [
            (session(true, Some("sms"), None), acr::SMS, &["pwd", "sms", "mfa"][..]),
            (session(true, Some("otp"), None), acr::OTP, &["pwd", "otp", "mfa"]),
            (
                session(true, Some("recovery"), None),
                acr::RECOVERY,
                &["pwd", "otp", "mfa"],
            ),
            // A trusted browser is no factor, and the level says so.
            (session(false, None, Some("d")), acr::DEVICE, &["pwd"]),
            (session(true, Some("sms"), Some("d")), acr::SMS, &["pwd", "sms", "mfa"]),
            (session(false, None, None), acr::PASSWORD, &["pwd"]),
        ] {
            assert_eq!((session.acr(), session.amr()), (level, methods), "{session:?}");
        }
    }
}
