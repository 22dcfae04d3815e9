//! What a person is told about their account by mail, or by SMS where there is no address.
//!
//! # Design
//! A notice says what happened and whom to ask, and holds nothing personal: no name, no number, no link, so that nobody learns
//! to follow links in such mails. It goes through the outbox of the change's own transaction.

use jiff::{SignedDuration, Timestamp};

use super::{At, Login};
use crate::account::Account;
use crate::db::{self, Tx};
use crate::notify::{Message, gsm7};

/// A notice is of no use after some days.
const USEFUL: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The cookie of a trusted browser was used a second time.
    DeviceCopied,
    PasswordChanged,
}

impl Notice {
    #[cfg(test)]
    const ALL: [Self; 2] = [Self::DeviceCopied, Self::PasswordChanged];

    /// In Dutch and in English; short enough for one SMS with the organisation's name in front.
    pub(super) const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::DeviceCopied => (
                "er is ingelogd met een kopie van uw vertrouwde apparaat. Verander uw wachtwoord.",
                "somebody logged in with a copy of your trusted device. Change your password.",
            ),
            Self::PasswordChanged => (
                "uw wachtwoord is veranderd. Was u dit niet? Bel uw zorgorganisatie.",
                "your password was changed. Was this not you? Call your care organisation.",
            ),
        }
    }
}

impl Login {
    /// Leaves a notice for the account's owner.
    pub(super) async fn tell(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &Account,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        let tenant = &at.tenant;
        let message = match account.email(&self.keys, &tenant.id) {
            Some(email) => Message::mail(
                email.expose(),
                &subject(&tenant.name),
                &mail(&tenant.name, notice),
                None,
            ),
            None => match account.mobile(&self.keys, &tenant.id) {
                Some(number) => Message::sms(number.expose(), &sms(&tenant.name, notice), None),
                None => return Ok(()),
            },
        };
        self.send_later(tx, at, &message, now).await
    }

    pub(super) async fn send_later(
        &self,
        tx: &mut Tx,
        at: &At,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        let until = now.saturating_add(USEFUL).unwrap_or(now);
        self.outbox
            .put(tx, &at.tenant.id, message, until, now, &self.random)
            .await
    }
}

/// The same for every notice: a subject line is seen by many.
fn subject(tenant: &str) -> String {
    format!("Bericht van {tenant} / Message from {tenant}")
}

fn mail(tenant: &str, notice: Notice) -> String {
    let (dutch, english) = notice.text();
    format!(
        "{tenant}: {dutch}\n\nDeze mail heeft geen link. Wij vragen nooit om uw wachtwoord of code.\n\n--\n\n\
         {tenant}: {english}\n\nThis mail has no link. We never ask for your password or code.\n"
    )
}

fn sms(tenant: &str, notice: Notice) -> String {
    let (dutch, _) = notice.text();
    let name: String = gsm7::fold(tenant).chars().take(30).collect();
    format!("{}: {dutch}", name.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_is_one_sms_and_says_nothing_personal() {
        for notice in Notice::ALL {
            for tenant in ["Topaz", "Zorggroep Noël Drenthe-Groningen en omstreken"] {
                assert_eq!(gsm7::check(&sms(tenant, notice)), Ok(()), "{notice:?}");
            }
            let mail = mail("Topaz", notice);
            assert!(!mail.contains("http") && mail.contains("Topaz: "), "{mail}");
        }
    }
}
