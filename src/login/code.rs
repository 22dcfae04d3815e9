//! The second step: an SMS code is sent and entered.
//!
//! # Design
//! A try is counted by the same statement that reads the code's MAC, so parallel guesses get no more than the allowed number
//! between them; the right one is used up by a second conditional statement, so it works once. Counters hold over all codes
//! of an account, so that asking for new codes buys no more guesses.

use jiff::{SignedDuration, Timestamp};

use super::challenge::{REFERENCE, SECRET, State, Typed, code_mac, resend_wait, text, typed};
use super::limit::{self, To};
use super::{At, Flow, Login, Moved, Refused, Step, challenge, line, store};
use crate::account::throttle::CODE;
use crate::account::{self, Account, Number};
use crate::audit::{self, Action, Outcome};
use crate::db::Tx;
use crate::notify::Message;
use crate::secret::same;

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
            let sent = login.send(&mut tx, &at, &standing.flow, account, now).await;
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

    /// Leaves a code in the outbox, within the limits.
    pub(super) async fn send(
        &self,
        tx: &mut Tx,
        at: &At,
        flow: &Flow,
        account: &Account,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let (tenant, policy) = (&at.tenant, &at.tenant.policy.sms);
        // A number that cannot be opened gets no message; the page looks as always and care staff can help.
        let number = account
            .mobile(&self.keys, &tenant.id)
            .and_then(|number| Number::parse(number.expose()));
        let Some(number) = number else {
            tracing::error!("a telephone number cannot be opened: was the master key changed?");
            return Err(Refused::NoMoreCodes);
        };
        let to = To {
            account,
            prefix_key: self.keys.prefix_key(&number),
            network: at.origin.network.map(|network| network.to_string()),
            number,
        };
        limit::hold(tx, &tenant.id, &to).await?;
        let earlier = challenge::store::challenges(tx, &tenant.id, &flow.id, &account.id).await?;
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
        limit::check(tx, tenant, &to, now).await?;

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
            code_mac: code_mac(&self.code_key, &id, &account.id, tenant_id, &flow.client_id, &secret),
            id: &id,
            flow: &flow.id,
            account: &account.id,
            number_key: &account.mobile_key,
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

    /// Takes a code; with `trust` this browser needs none for a while, where the organisation allows it.
    pub async fn enter_code(&self, at: At, otp: String, trust: bool) -> Result<Moved, Refused> {
        let login = self.clone();
        self.whole(async move { login.verify(&at, &otp, trust).await }).await
    }

    async fn verify(&self, at: &At, otp: &str, trust: bool) -> Result<Moved, Refused> {
        let (tenant, policy) = (&at.tenant, &at.tenant.policy.sms);
        let typed = typed(otp).ok_or(Refused::NotACode)?;
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let standing = self
            .at_step(&mut tx, at, now, |step| *step == Step::SecondFactor)
            .await?;
        let (flow, account) = (&standing.flow, standing.account()?);
        let bucket = format!("code:{}", account.id);
        let wait = account::store::hold(&mut tx, &tenant.id, &bucket).await?.wait(now);
        let newest = challenge::store::challenges(&mut tx, &tenant.id, &flow.id, &account.id).await?;
        let newest = newest
            .first()
            .filter(|code| matches!(code.state(policy.attempts, now), State::Open { .. }));

        let (mut session, mut device) = (None, None);
        let (outcome, result) = match (wait, newest, typed) {
            (Some(wait), ..) => (Outcome::Refused("too-many-tries"), Err(Refused::Wait(wait))),
            (None, None, _) => (Outcome::Refused("code-over"), Err(Refused::CodeOver)),
            (None, Some(code), Typed::Whole(reference, _)) if reference != code.reference => {
                (Outcome::Refused("other-code"), Err(Refused::OtherCode))
            }
            (None, Some(code), Typed::Whole(_, secret) | Typed::Secret(secret)) => {
                match challenge::store::try_code(&mut tx, &tenant.id, &code.id, policy.attempts, now).await? {
                    None => (Outcome::Refused("code-over"), Err(Refused::CodeOver)),
                    Some((kept, tries)) => {
                        let tenant_id = tenant.id.as_str();
                        let mac = code_mac(
                            &self.code_key,
                            &code.id,
                            &account.id,
                            tenant_id,
                            &flow.client_id,
                            &secret,
                        );
                        if !same(&mac, &kept) {
                            account::store::failed(&mut tx, &tenant.id, &bucket, &CODE, now).await?;
                            let left = policy.attempts - tries;
                            (Outcome::Refused("wrong-code"), Err(Refused::WrongCode { left }))
                        } else if challenge::store::consume(&mut tx, &tenant.id, &code.id, now).await? {
                            account::store::succeeded(&mut tx, &tenant.id, &bucket).await?;
                            store::second_right(&mut tx, &tenant.id, &flow.id, now).await?;
                            let (value, step) = self.establish(&mut tx, at, flow, now).await?;
                            session = value;
                            if trust {
                                device = self.trust(&mut tx, at, &account.id, now).await?;
                            }
                            match step {
                                Step::NoAccess => (Outcome::Refused("no-access"), Ok(())),
                                _ => (Outcome::Success, Ok(())),
                            }
                        } else {
                            (Outcome::Refused("code-over"), Err(Refused::CodeOver))
                        }
                    }
                }
            }
        };
        let entry = line(at, flow, Action::CodeEntered, outcome, Some(&account.id));
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        result.map(|()| Moved {
            session,
            device,
            ..Moved::default()
        })
    }
}
