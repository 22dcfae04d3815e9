//! Another number or another address: shown to be the person's own before it counts, and told to the old one.

use jiff::SignedDuration;

use crate::account::link::{self, Link, Purpose};
use crate::account::{self, Number};
use crate::audit::{self, Action, Outcome};
use crate::config::is_address;
use crate::login::code::Bound;
use crate::login::notice::Notice;
use crate::login::second::{Entered, Typing};
use crate::login::{At, Login, Refused, device};

use super::entry;

/// A new number waits this long for its code.
pub(super) const WAITS: SignedDuration = SignedDuration::from_mins(15);

/// Codes to a new number are of no use anywhere else.
fn bound(session: &str) -> Bound {
    Bound {
        flow: format!("mobile:{session}"),
        client_id: "mobile".to_owned(),
    }
}

impl Login {
    /// Sends a code to a new number.
    pub async fn new_number(&self, at: At, mobile: String) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant);
            let countries = &tenant.policy.sms.countries;
            let number = Number::parse(&mobile).filter(|number| countries.contains(&number.country()));
            let number = number.ok_or(Refused::Number)?;
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            let id = &here.account.id;
            let sealed = login
                .keys
                .seal_contact(&tenant.id, &here.account, number.as_str(), &login.random);
            let to = login.to(&at, &here.account, number);
            let sent = login.send_to(&mut tx, &at, &bound(&here.session.id), &to, now).await;
            let outcome = match &sent {
                // Only a number that got this code may wait for it: an earlier code is no proof of another number.
                Ok(()) => {
                    link::store::new_mobile(&mut tx, &tenant.id, id, &here.session.id, sealed, now).await?;
                    Outcome::Success
                }
                Err(Refused::CodeLater(_) | Refused::NoMoreCodes) => Outcome::Refused("limit"),
                Err(_) => return sent,
            };
            audit::write(&mut tx, &entry(&at, Action::CodeSent, outcome, id), now).await?;
            tx.commit().await?;
            login.outbox.wake();
            sent
        })
        .await
    }

    /// The code that was sent to the new number: from now on codes go there.
    pub async fn confirm_number(&self, at: At, otp: String) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let here = login.at_home(&mut tx, &at, now).await?;
            let (id, account) = (&here.account.id, &here.account);
            // Number and code are read together: nobody puts another number in between.
            account::store::hold(&mut tx, tenant, &format!("act:{id}")).await?;
            let since = now.saturating_sub(WAITS).unwrap_or(now);
            let waiting = link::store::mobile(&mut tx, tenant, id, &here.session.id, since).await?;
            let number = waiting
                .and_then(|sealed| login.keys.open_contact(tenant, account, &sealed))
                .and_then(|number| Number::parse(number.expose()))
                .ok_or(Refused::OtherStep)?;
            let bound = bound(&here.session.id);
            let tried = login
                .try_second(&mut tx, &at, &bound, account, &Entered::new(&otp, Typing::Sms), now)
                .await?;
            if tried.result.is_ok() {
                // The old number hears it before it is gone.
                login
                    .tell_number(&mut tx, &at, account, Notice::MobileChanged, now)
                    .await?;
                login.tell(&mut tx, &at, account, Notice::MobileChanged, now).await?;
                let sealed = login.keys.seal_number(tenant, account, &number, &login.random);
                link::store::set_mobile(&mut tx, tenant, id, &sealed, now).await?;
                login
                    .tell_there(&mut tx, &at, number.as_str(), Notice::MobileChanged, now)
                    .await?;
                device::store::end_all(&mut tx, tenant, id, now).await?;
                audit::write(&mut tx, &entry(&at, Action::ContactChanged, Outcome::Success, id), now).await?;
            }
            audit::write(&mut tx, &entry(&at, Action::CodeEntered, tried.outcome, id), now).await?;
            tx.commit().await?;
            login.outbox.wake();
            tried.result
        })
        .await
    }

    /// Mails a link to a new address.
    pub async fn new_address(&self, at: At, email: String) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let email = email.trim();
            if !is_address(email) {
                return Err(Refused::Address);
            }
            let mut tx = login.db.begin().await?;
            let here = login.fresh_home(&mut tx, &at, now).await?;
            login.count_mail(&mut tx, &at, &here.account.id, now).await?;
            let link = Link {
                account: here.account.id.clone(),
                purpose: Purpose::Email,
                sealed: Some(login.keys.seal_contact(tenant, &here.account, email, &login.random)),
            };
            let secret = link::create(&mut tx, tenant, &link, now, &login.random).await?;
            login
                .mail_link(&mut tx, &at.tenant, email, link.purpose, &secret, now)
                .await?;
            tx.commit().await?;
            login.outbox.wake();
            Ok(())
        })
        .await
    }

    /// The button of that link: from now on mail goes to the new address.
    pub async fn confirm_address(&self, at: At, secret: String) -> Result<(), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (now, tenant) = (login.now(), &at.tenant.id);
            let mut tx = login.db.begin().await?;
            let link = link::find(&mut tx, tenant, &secret, now).await?;
            let link = link
                .filter(|link| link.purpose == Purpose::Email)
                .ok_or(Refused::Link)?;
            let account = login.usable(&mut tx, tenant, &link.account).await?;
            let sealed = link.sealed.clone().ok_or(Refused::Link)?;
            if !link::consume(&mut tx, tenant, &secret, now).await? {
                return Err(Refused::Link);
            }
            login.tell(&mut tx, &at, &account, Notice::EmailChanged, now).await?;
            // What was mailed to the old address opens nothing any more.
            link::store::end_all(&mut tx, tenant, &account.id, now).await?;
            link::store::set_email(&mut tx, tenant, &account.id, sealed, now).await?;
            let changed = login.usable(&mut tx, tenant, &account.id).await?;
            login.tell(&mut tx, &at, &changed, Notice::EmailChanged, now).await?;
            let line = entry(&at, Action::ContactChanged, Outcome::Success, &account.id);
            audit::write(&mut tx, &line, now).await?;
            tx.commit().await?;
            login.outbox.wake();
            Ok(())
        })
        .await
    }
}
