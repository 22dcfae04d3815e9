//! What a person changes of their own account: password, number, address, factors, and closing it.
//!
//! # Design
//! Each act stands on the live session and the form of that session. Whoever sits down at a computer that somebody left logged
//! in has both, so everything but the password (which asks the present one) needs a second factor of the last five minutes:
//! the login's own, or a code that is asked again here. Each change is one transaction with its audit line and its notice, to
//! the old number or address too, and it ends trust in devices where it touches how somebody is known.

pub mod close;
pub mod contact;
pub mod factor;
pub mod password;
pub mod share;
#[cfg(test)]
pub(super) mod tests;

use jiff::{SignedDuration, Timestamp};

use super::code::Bound;
use super::second::{Entered, Typing};
use super::session::{self, Session};
use super::visit::Code;
use super::{At, Login, Refused};
use crate::account::factor::Factors;
use crate::account::{self, Account, State};
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::config::TenantId;
use crate::db::{Conn, Tx};

/// For this long a second factor is fresh.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Whoever is logged in, for the page of an act.
#[derive(Clone)]
pub struct Acting {
    /// The account's id.
    pub account: String,
    pub name: String,
    pub username: String,
    /// What the forms carry.
    pub form: String,
    /// Whether the second factor is fresh; otherwise `code` says how it stands with a new one.
    pub fresh: bool,
    pub code: Code,
    pub mobile: String,
    pub has_email: bool,
    pub factors: Factors,
    /// The secret of an app that waits for its first code, and the address that an app reads.
    pub new_app: Option<(String, String)>,
    /// A new number that waits for its code, with most digits hidden.
    pub new_mobile: Option<String>,
}

impl std::fmt::Debug for Acting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acting(…)")
    }
}

/// The session of a form, with its account and the hash of its password.
pub(super) struct Here {
    pub(super) session: Session,
    pub(super) account: Account,
    pub(super) hash: String,
}

/// Codes of the account page belong to the session, and to no app.
pub(super) fn bound(session: &Session) -> Bound {
    Bound {
        flow: format!("own:{}", session.id),
        client_id: "account".to_owned(),
    }
}

pub(super) fn is_fresh(session: &Session, now: Timestamp) -> bool {
    let at = session.second_at.unwrap_or(session.started_at);
    session.second && now.duration_since(at) < FRESH
}

pub(super) fn entry(at: &At, action: Action, outcome: Outcome, account: &str) -> Entry {
    Entry::new(at.tenant.id.clone(), action, outcome)
        .by(Who {
            account: Some(account.to_owned()),
            ..Who::default()
        })
        .from(at.origin)
}

impl Login {
    /// The page of an act; `None` for who is not logged in.
    pub async fn acting(&self, at: &At) -> Result<Option<Acting>, Refused> {
        let (now, tenant) = (self.now(), &at.tenant);
        let mut read = self.db.read().await?;
        let Some(session) = session::of_cookie(&mut read, &tenant.id, at.session.as_deref(), now).await? else {
            return Ok(None);
        };
        let Some((account, _)) = account::find(&mut read, &tenant.id, &session.account).await? else {
            return Ok(None);
        };
        let code = self
            .code_of(&mut read, tenant, &bound(&session).flow, &account, now)
            .await?;
        let app = self.app_of(&mut read, &tenant.id, &account).await?;
        let since = now.saturating_sub(contact::WAITS).unwrap_or(now);
        let waiting = account::link::store::mobile(&mut read, &tenant.id, &account.id, &session.id, since).await?;
        let new_mobile = waiting
            .and_then(|sealed| self.keys.open_contact(&tenant.id, &account, &sealed))
            .and_then(|number| account::Number::parse(number.expose()))
            .map(|number| number.hint());
        Ok(Some(Acting {
            form: self.form(&session.id),
            fresh: is_fresh(&session, now),
            factors: code.factors,
            code,
            mobile: account.mobile_hint.clone(),
            has_email: account.email(&self.keys, &tenant.id).is_some(),
            new_app: app.filter(|app| !app.confirmed).map(|app| {
                let secret = app.secret.expose();
                (
                    account::factor::base32(secret),
                    account::factor::address(&tenant.name, &account.username, secret),
                )
            }),
            new_mobile,
            account: account.id,
            name: account.name,
            username: account.username,
        }))
    }

    /// Who it is, if the form is of their session and the account can be used.
    pub(super) async fn at_home(&self, conn: &mut Conn, at: &At, now: Timestamp) -> Result<Here, Refused> {
        let session = self.here(conn, at, now).await?;
        let found = account::find(conn, &at.tenant.id, &session.account).await?;
        let (account, hash) = found.filter(|(account, _)| account.usable(now)).ok_or(Refused::Gone)?;
        if account.state == State::MustChangePassword {
            return Err(Refused::Gone);
        }
        Ok(Here { session, account, hash })
    }

    /// The same, and the second factor must be fresh.
    pub(super) async fn fresh_home(&self, tx: &mut Tx, at: &At, now: Timestamp) -> Result<Here, Refused> {
        let here = self.at_home(tx, at, now).await?;
        // Nobody else changes this account meanwhile.
        account::store::hold(tx, &at.tenant.id, &format!("act:{}", here.account.id)).await?;
        if is_fresh(&here.session, now) {
            Ok(here)
        } else {
            Err(Refused::NotFresh)
        }
    }

    /// Sends a code to who is logged in, to make the second factor fresh.
    pub async fn send_own_code(&self, at: At) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let here = login.at_home(&mut tx, &at, now).await?;
            let sent = login
                .send(&mut tx, &at, &bound(&here.session), &here.account, now)
                .await;
            let outcome = match &sent {
                Ok(()) => Outcome::Success,
                Err(Refused::CodeLater(_) | Refused::NoMoreCodes) => Outcome::Refused("limit"),
                Err(_) => return sent,
            };
            let line = entry(&at, Action::CodeSent, outcome, &here.account.id);
            audit::write(&mut tx, &line, now).await?;
            tx.commit().await?;
            login.outbox.wake();
            sent
        })
        .await
    }

    /// Takes a code, of an SMS or of an app, and makes the second factor fresh.
    pub async fn enter_own_code(&self, at: At, entered: Entered) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            if entered.how == Typing::Recovery {
                // The page asks for none, and one stolen code must not change number or factors in a session left open.
                return Err(Refused::NotACode);
            }
            let mut tx = login.db.begin().await?;
            let here = login.at_home(&mut tx, &at, now).await?;
            let tried = login
                .try_second(&mut tx, &at, &bound(&here.session), &here.account, &entered, now)
                .await?;
            if tried.result.is_ok() {
                // A weaker one makes the session fresh, not weaker.
                let method = match here.session.method.as_deref() {
                    Some("otp") => Typing::App.as_str(),
                    _ => entered.how.as_str(),
                };
                session::store::second_again(&mut tx, &at.tenant.id, &here.session.id, method, now).await?;
            }
            let line = entry(&at, Action::CodeEntered, tried.outcome, &here.account.id);
            audit::write(&mut tx, &line, now).await?;
            tx.commit().await?;
            login.outbox.wake();
            tried.result
        })
        .await
    }

    /// The authenticator app of an account, confirmed or not.
    pub(super) async fn app_of(
        &self,
        conn: &mut Conn,
        tenant: &TenantId,
        account: &Account,
    ) -> Result<Option<account::factor::App>, Refused> {
        let found = account::factor::store::totp(conn, tenant, &account.id).await?;
        Ok(found.and_then(|(sealed, confirmed)| {
            let secret = self.keys.open_app(tenant, account, &sealed)?;
            Some(account::factor::App { secret, confirmed })
        }))
    }
}
