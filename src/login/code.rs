//! SMS codes: one is sent, and what was typed is compared with the newest.
//!
//! # Design
//! A try is counted by the same statement that reads the code's MAC, so parallel guesses get no more than the allowed number
//! between them; the right one is used up by a second conditional statement, so it works once. Counters hold over all codes
//! of an account, so that asking for new codes buys no more guesses.

use jiff::{SignedDuration, Timestamp};

use super::challenge::{REFERENCE, SECRET, State, Typed, code_mac, resend_wait, text, typed};
use super::limit::{self, To};
use super::{At, Flow, Login, Moved, Refused, Step, challenge, line};
use crate::account::{Account, Number};
use crate::audit::{self, Action, Outcome};
use crate::db::Tx;
use crate::notify::Message;
use crate::secret::same;

/// What a code counts for: the login of an app, or an act on the account page. It is worth nothing anywhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) flow: String,
    pub(super) client_id: String,
}

impl Bound {
    pub(super) fn of(flow: &Flow) -> Self {
        Self {
            flow: flow.id.clone(),
            client_id: flow.client_id.clone(),
        }
    }
}

/// A try that is still to be committed, right or wrong.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) outcome: Outcome,
    pub(super) result: Result<(), Refused>,
}

impl Tried {
    pub(super) fn right() -> Self {
        Self {
            outcome: Outcome::Success,
            result: Ok(()),
        }
    }

    pub(super) fn refused(reason: &'static str, refused: Refused) -> Self {
        Self {
            outcome: Outcome::Refused(reason),
            result: Err(refused),
        }
    }
}

impl Login {
    /// Sends a code: the first one where the person asks for it, or a new one.
    pub async fn send_code(&self, at: At) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move {
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let standing = login
                .at_step(&mut tx, &at, now, |step| *step == Step::SecondFactor)
                .await?;
            let account = standing.account()?;
            let sent = login.send(&mut tx, &at, &Bound::of(&standing.flow), account, now).await;
            let outcome = match &sent {
                Ok(()) => Outcome::Success,
                Err(Refused::CodeLater(_) | Refused::NoMoreCodes) => Outcome::Refused("limit"),
                Err(_) => return Err(sent.err().unwrap_or(Refused::Stopped)),
            };
            let entry = line(&at, &standing.flow, Action::CodeSent, outcome, Some(&account.id));
            audit::write(&mut tx, &entry, now).await?;
            tx.commit().await?;
            login.outbox.wake();
            sent.map(|()| Moved::default())
        })
        .await
    }

    /// Leaves a code for the account's own number in the outbox, within the limits.
    pub(super) async fn send(
        &self,
        tx: &mut Tx,
        at: &At,
        bound: &Bound,
        account: &Account,
        now: Timestamp,
    ) -> Result<(), Refused> {
        // A number that cannot be opened gets no message; the page looks as always and care staff can help.
        let number = account
            .mobile(&self.keys, &at.tenant.id)
            .and_then(|number| Number::parse(number.expose()));
        let Some(number) = number else {
            tracing::error!("a telephone number cannot be opened: was the master key changed?");
            return Err(Refused::NoMoreCodes);
        };
        let to = self.to(at, account, number);
        self.send_to(tx, at, bound, &to, now).await
    }

    /// To whom a code goes, and what it is counted by.
    pub(super) fn to<'a>(&self, at: &At, account: &'a Account, number: Number) -> To<'a> {
        To {
            account,
            number_key: self.keys.number_key(&number),
            prefix_key: self.keys.prefix_key(&number),
            network: at.origin.network.map(|network| network.to_string()),
            number,
        }
    }

    pub(super) async fn send_to(
        &self,
        tx: &mut Tx,
        at: &At,
        bound: &Bound,
        to: &To<'_>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let (tenant, policy, account) = (&at.tenant, &at.tenant.policy.sms, to.account);
        limit::hold(tx, &tenant.id, to).await?;
        let earlier = challenge::store::challenges(tx, &tenant.id, &bound.flow, &account.id).await?;
        let count = i64::try_from(earlier.len()).unwrap_or(i64::MAX);
        if count >= policy.sends_per_login {
            return Err(Refused::NoMoreCodes);
        }
        if let Some(last) = earlier.first() {
            let wait = resend_wait(policy, count) - now.duration_since(last.created_at);
            if wait.is_positive() {
                return Err(Refused::CodeLater(wait));
            }
        }
        limit::check(tx, tenant, to, now).await?;

        let reference = loop {
            let digits = self.random.digits(REFERENCE);
            if earlier.iter().all(|code| code.reference != digits) {
                break digits;
            }
        };
        let secret = self.random.digits(SECRET);
        let id = self.random.uuid_v7(now).to_string();
        let tenant_id = tenant.id.as_str();
        let expires_at = now
            .saturating_add(SignedDuration::from_secs(policy.valid_seconds))
            .unwrap_or(now);
        let new = challenge::store::NewChallenge {
            code_mac: code_mac(&self.code_key, &id, &account.id, tenant_id, &bound.client_id, &secret),
            id: &id,
            flow: &bound.flow,
            account: &account.id,
            number_key: &to.number_key,
            prefix_key: to.prefix_key,
            network: to.network.as_deref(),
            reference: &reference,
            expires_at,
        };
        challenge::store::new_challenge(tx, &tenant.id, &new, now).await?;
        let text = text(&tenant.name, &self.host, &reference, &secret, expires_at, &tenant.zone);
        let message = Message::sms(to.number.as_str(), &text, Some(&secret));
        self.outbox
            .put(tx, &tenant.id, &message, expires_at, now, &self.random)
            .await?;
        Ok(())
    }

    /// Tries an SMS code; the caller counts what was wrong.
    pub(super) async fn try_sms(
        &self,
        tx: &mut Tx,
        at: &At,
        bound: &Bound,
        account: &Account,
        otp: &str,
        now: Timestamp,
    ) -> Result<Tried, Refused> {
        let (tenant, policy) = (&at.tenant, &at.tenant.policy.sms);
        let typed = typed(otp).ok_or(Refused::NotACode)?;
        let newest = challenge::store::challenges(tx, &tenant.id, &bound.flow, &account.id).await?;
        let newest = newest
            .first()
            .filter(|code| matches!(code.state(policy.attempts, now), State::Open { .. }));
        let over = || Tried::refused("code-over", Refused::CodeOver);
        let Some(code) = newest else {
            return Ok(over());
        };
        let secret = match typed {
            Typed::Whole(reference, _) if reference != code.reference => {
                return Ok(Tried::refused("other-code", Refused::OtherCode));
            }
            Typed::Whole(_, secret) | Typed::Secret(secret) => secret,
        };
        let tried = challenge::store::try_code(tx, &tenant.id, &code.id, policy.attempts, now).await?;
        let Some((kept, tries)) = tried else {
            return Ok(over());
        };
        let tenant_id = tenant.id.as_str();
        let mac = code_mac(
            &self.code_key,
            &code.id,
            &account.id,
            tenant_id,
            &bound.client_id,
            &secret,
        );
        if !same(&mac, &kept) {
            let left = policy.attempts - tries;
            return Ok(Tried::refused("wrong-code", Refused::WrongCode { left }));
        }
        if challenge::store::consume(tx, &tenant.id, &code.id, now).await? {
            Ok(Tried::right())
        } else {
            Ok(over())
        }
    }
}
