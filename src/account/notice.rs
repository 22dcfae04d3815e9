//! What a person is told about their account by mail, or by SMS where there is no address.
//!
//! # Design
//! A notice says what happened and whom to ask, and holds nothing personal: no name, no number, no link, so that nobody learns
//! to follow links in such mails. It goes through the outbox of the change's own transaction.

use jiff::{SignedDuration, Timestamp};

use super::{Account, Keys};
use crate::config::Tenant;
use crate::db::{self, Tx};
use crate::notify::{Message, Outbox, gsm7};
use crate::secret::Random;

/// A notice is of no use after some days.
const USEFUL: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The cookie of a trusted browser was used a second time.
    DeviceCopied,
    PasswordChanged,
    MobileChanged,
    EmailChanged,
    FactorAdded,
    FactorRemoved,
    RecoveryCodeUsed,
    AccountClosed,
    /// Somebody else got access to a dossier, more or less of it, or none any more.
    AccessChanged,
    /// Two held the tokens of an app, so that its access ended.
    TokenCopied,
}

impl Notice {
    #[cfg(test)]
    const ALL: [Self; 10] = [
        Self::DeviceCopied,
        Self::PasswordChanged,
        Self::MobileChanged,
        Self::EmailChanged,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::RecoveryCodeUsed,
        Self::AccountClosed,
        Self::AccessChanged,
        Self::TokenCopied,
    ];

    /// In Dutch and in English; short enough for one SMS with the organisation's name in front.
    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::DeviceCopied => (
                "er is ingelogd met een kopie van uw vertrouwde apparaat. Verander uw wachtwoord.",
                "somebody logged in with a copy of your trusted device. Change your password.",
            ),
            Self::PasswordChanged => (
                "uw wachtwoord is veranderd. Was u dit niet? Bel uw zorgorganisatie.",
                "your password was changed. Was this not you? Call your care organisation.",
            ),
            Self::MobileChanged => (
                "uw mobiele nummer is veranderd. Was u dit niet? Bel uw zorgorganisatie.",
                "your mobile number was changed. Was this not you? Call your care organisation.",
            ),
            Self::EmailChanged => (
                "uw e-mailadres is veranderd. Was u dit niet? Bel uw zorgorganisatie.",
                "your e-mail address was changed. Was this not you? Call your care organisation.",
            ),
            Self::FactorAdded => (
                "u kunt nu ook met een app of herstelcode inloggen. Was u dit niet? Bel uw zorgorganisatie.",
                "you can now log in with an app or recovery code too. Was this not you? Call your care organisation.",
            ),
            Self::FactorRemoved => (
                "inloggen met een app staat uit. Was u dit niet? Bel uw zorgorganisatie.",
                "logging in with an app is off. Was this not you? Call your care organisation.",
            ),
            Self::RecoveryCodeUsed => (
                "er is ingelogd met een herstelcode. Was u dit niet? Bel uw zorgorganisatie.",
                "somebody logged in with a recovery code. Was this not you? Call your care organisation.",
            ),
            Self::AccountClosed => (
                "uw account is gesloten. Was u dit niet? Bel uw zorgorganisatie.",
                "your account was closed. Was this not you? Call your care organisation.",
            ),
            Self::AccessChanged => (
                "er is veranderd wie in het dossier mag kijken. Klopt dit niet? Bel uw zorgorganisatie.",
                "who may look into the record was changed. Is this not right? Call your care organisation.",
            ),
            Self::TokenCopied => (
                "de toegang van een app is gestopt: misschien was die gekopieerd. Vragen? Bel uw zorgorganisatie.",
                "the access of an app was ended: it may have been copied. Questions? Call your care organisation.",
            ),
        }
    }
}

/// Who leaves notices.
#[derive(Clone, Debug)]
pub(crate) struct Teller {
    pub(crate) outbox: Outbox,
    pub(crate) keys: Keys,
    pub(crate) random: Random,
}

impl Teller {
    /// Leaves a notice for the account's owner.
    pub(crate) async fn tell(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        account: &Account,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
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
        self.put(tx, tenant, &message, now).await
    }

    /// The same to a number, whoever's it is.
    pub(crate) async fn tell_there(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        number: &str,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        let message = Message::sms(number, &sms(&tenant.name, notice), None);
        self.put(tx, tenant, &message, now).await
    }

    async fn put(&self, tx: &mut Tx, tenant: &Tenant, message: &Message, now: Timestamp) -> Result<(), db::Error> {
        let until = now.saturating_add(USEFUL).unwrap_or(now);
        self.outbox.put(tx, &tenant.id, message, until, now, &self.random).await
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
