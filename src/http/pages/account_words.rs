//! The sentences of the account page that have a name or a time in them.

use super::text::Language;
use crate::login::Now;

impl Language {
    pub(super) fn app_times(self, since: &str, used: &str) -> String {
        self.pick(
            format!("Toegang sinds {since}. Laatst gebruikt: {used}."),
            format!("Access since {since}. Last used: {used}."),
        )
    }

    pub(super) fn withdraw_button(self, app: &str) -> String {
        self.pick(
            format!("Toegang van {app} intrekken"),
            format!("Withdraw access of {app}"),
        )
    }

    pub(super) fn past_login(self, at: &str, second: bool, now: Now) -> String {
        let (how, here, open) = match (self, second) {
            (Self::Dutch, true) => ("met sms-code", "nu ingelogd in deze browser", "nu nog ingelogd"),
            (Self::Dutch, false) => ("met wachtwoord", "nu ingelogd in deze browser", "nu nog ingelogd"),
            (Self::English, true) => ("with SMS code", "logged in now in this browser", "still logged in"),
            (Self::English, false) => ("with password", "logged in now in this browser", "still logged in"),
        };
        match now {
            Now::Here => format!("{at}, {how}, {here}"),
            Now::Elsewhere => format!("{at}, {how}, {open}"),
            Now::Over => format!("{at}, {how}"),
        }
    }
}
