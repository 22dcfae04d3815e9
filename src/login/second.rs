//! The second factor, whichever: an SMS code, a code of an authenticator app, or a recovery code.
//!
//! # Design
//! One counter of wrong codes for all of them, so that a second way in is no second set of guesses. What was right is used up
//! by a conditional statement: an SMS code and a recovery code once, a time step of an app once.

use jiff::Timestamp;

use super::code::{Bound, Tried};
use super::{At, Login, Moved, Refused, Step, line, store};
use crate::account::factor::{self, recovery_code, step_of};
use crate::account::throttle::CODE;
use crate::account::{self, Account};
use crate::audit::{self, Outcome};
use crate::db::Tx;

/// What somebody types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typing {
    #[default]
    Sms,
    /// Of an authenticator app.
    App,
    Recovery,
}

impl Typing {
    pub const ALL: [Self; 3] = [Self::Sms, Self::App, Self::Recovery];

    /// As it stands in forms, addresses and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::App => "otp",
            Self::Recovery => "recovery",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|typing| typing.as_str() == text)
    }
}

/// A code as it was typed.
#[derive(Clone)]
pub struct Entered {
    pub text: String,
    pub how: Typing,
}

impl std::fmt::Debug for Entered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entered")
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}

impl Entered {
    pub fn new(text: &str, how: Typing) -> Self {
        Self {
            text: text.to_owned(),
            how,
        }
    }
}

impl Login {
    /// Takes a code; with `trust` this browser needs none for a while, where the organisation allows it.
    pub async fn enter_code(&self, at: At, entered: Entered, trust: bool) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move { login.verify(&at, &entered, trust).await })
            .await
    }

    async fn verify(&self, at: &At, entered: &Entered, trust: bool) -> Result<Moved, Refused> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let standing = self
            .at_step(&mut tx, at, now, |step| *step == Step::SecondFactor)
            .await?;
        let (flow, account) = (&standing.flow, standing.account()?);
        let mut tried = self
            .try_second(&mut tx, at, &Bound::of(flow), account, entered, now)
            .await?;
        let (mut session, mut device) = (None, None);
        if tried.result.is_ok() {
            store::second_right(&mut tx, &at.tenant.id, &flow.id, entered.how.as_str(), now).await?;
            let (value, step) = self.establish(&mut tx, at, flow, now).await?;
            session = value;
            // A paper code is for one day without a telephone; it does not buy half a year without a code.
            if trust && entered.how != Typing::Recovery {
                device = self.trust(&mut tx, at, &account.id, now).await?;
            }
            if step == Step::NoAccess {
                tried.outcome = Outcome::Refused("no-access");
            }
        }
        let entry = line(at, flow, audit::Action::CodeEntered, tried.outcome, Some(&account.id));
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        self.outbox.wake();
        tried.result.map(|()| Moved {
            session,
            device,
            ..Moved::default()
        })
    }

    /// Tries a code and counts it; nothing was committed yet.
    pub(super) async fn try_second(
        &self,
        tx: &mut Tx,
        at: &At,
        bound: &Bound,
        account: &Account,
        entered: &Entered,
        now: Timestamp,
    ) -> Result<Tried, Refused> {
        let (tenant, otp) = (&at.tenant.id, entered.text.as_str());
        let bucket = format!("code:{}", account.id);
        if let Some(wait) = account::store::hold(tx, tenant, &bucket).await?.wait(now) {
            return Ok(Tried::refused("too-many-tries", Refused::Wait(wait)));
        }
        let tried = match entered.how {
            Typing::Sms => self.try_sms(tx, at, bound, account, otp, now).await?,
            Typing::App => self.try_app(tx, at, account, otp, now).await?,
            Typing::Recovery => self.try_recovery(tx, at, account, otp, now).await?,
        };
        match &tried.result {
            Ok(()) => account::store::succeeded(tx, tenant, &bucket).await?,
            Err(Refused::WrongCode { .. } | Refused::WrongOther) => {
                account::store::failed(tx, tenant, &bucket, &CODE, now).await?;
            }
            Err(_) => {}
        }
        Ok(tried)
    }

    async fn try_app(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &Account,
        otp: &str,
        now: Timestamp,
    ) -> Result<Tried, Refused> {
        let digits: String = otp.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refused::NotACode);
        }
        let tenant = &at.tenant.id;
        let app = self.app_of(tx, tenant, account).await?.filter(|app| app.confirmed);
        let step = app.and_then(|app| step_of(app.secret.expose(), &digits, now));
        match step {
            Some(step) if factor::store::use_step(tx, tenant, &account.id, step).await? => Ok(Tried::right()),
            Some(_) => Ok(Tried::refused("code-used", Refused::WrongOther)),
            None => Ok(Tried::refused("wrong-code", Refused::WrongOther)),
        }
    }

    async fn try_recovery(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &Account,
        otp: &str,
        now: Timestamp,
    ) -> Result<Tried, Refused> {
        let tenant = &at.tenant.id;
        let code = recovery_code(otp).ok_or(Refused::NotARecoveryCode)?;
        let mac = self.keys.recovery_mac(tenant, &account.id, &code);
        if !factor::store::use_code(tx, tenant, &account.id, &mac, now).await? {
            return Ok(Tried::refused("wrong-code", Refused::WrongOther));
        }
        self.tell(tx, at, account, super::notice::Notice::RecoveryCodeUsed, now)
            .await?;
        Ok(Tried::right())
    }
}
