//! What a person is told about their account by mail, or by SMS where there is no address.
//!
//! # Design
//! A notice says what happened and whom to ask, and holds nothing personal: no name, no number, no link, so that nobody learns
//! to follow links in such mails. It goes through the outbox of the change's own transaction.

use jiff::{SignedDuration, Timestamp};

use super::{At, Login};
use crate::account::Account;
use crate::config::Tenant;
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
    MobileChanged,
    EmailChanged,
    FactorAdded,
    FactorRemoved,
    RecoveryCodeUsed,
    AccountClosed,
    /// Somebody else got access to a dossier, more or less of it, or none any more.
    AccessChanged,
}

impl Notice {
    #[cfg(test)]
    const ALL: [Self; 9] = [
        Self::DeviceCopied,
        Self::PasswordChanged,
        Self::MobileChanged,
        Self::EmailChanged,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::RecoveryCodeUsed,
        Self::AccountClosed,
        Self::AccessChanged,
    ];

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
        self.tell_of(tx, &at.tenant, account, notice, now).await
    }

    /// The same where no browser is part of it.
    pub(super) async fn tell_of(
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
        self.send_later(tx, tenant, &message, now).await
    }

    /// The same to the account's number, whether or not there is an address.
    pub(super) async fn tell_number(
        &self,
        tx: &mut Tx,
        at: &At,
        account: &Account,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        match account.mobile(&self.keys, &at.tenant.id) {
            Some(number) if account.email(&self.keys, &at.tenant.id).is_some() => {
                self.tell_there(tx, at, number.expose(), notice, now).await
            }
            // Without an address the notice itself goes there.
            _ => Ok(()),
        }
    }

    /// To a number that is not the account's yet.
    pub(super) async fn tell_there(
        &self,
        tx: &mut Tx,
        at: &At,
        number: &str,
        notice: Notice,
        now: Timestamp,
    ) -> Result<(), db::Error> {
        let message = Message::sms(number, &sms(&at.tenant.name, notice), None);
        self.send_later(tx, &at.tenant, &message, now).await
    }

    async fn send_later(
        &self,
        tx: &mut Tx,
        tenant: &Tenant,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), db::Error> {
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
