//! The sentences of the account page that have a name or a time in them.

use super::text::Language;
use crate::login::{Now, PastLogin};

impl Language {
    pub(super) fn app_times(self, since: &str, used: &str) -> String {
        self.pick(
            format!("Toegang sinds {since}. Laatst gebruikt: {used}."),
            format!("Access since {since}. Last used: {used}."),
        )
    }

    /// On the page of the code: it is not the person's fault, and there is no way round the code.
    pub(super) fn sms_down(self) -> &'static str {
        match self {
            Self::Dutch => {
                "Er is een storing: sms'jes komen nu niet aan. Wij blijven het proberen. Wacht een paar minuten of kom later terug."
            }
            Self::English => {
                "Text messages do not arrive now because of a fault. We keep trying. Wait some minutes or come back later."
            }
        }
    }

    pub(super) fn device(self, label: &str, since: &str, used: &str, here: bool) -> String {
        let label = self.labelled(label);
        let here = match (self, here) {
            (_, false) => "",
            (Self::Dutch, true) => " Dit is het apparaat dat u nu gebruikt.",
            (Self::English, true) => " This is the device that you are using now.",
        };
        self.pick(
            format!("{label}. Vertrouwd sinds {since}. Laatst gebruikt: {used}.{here}"),
            format!("{label}. Trusted since {since}. Last used: {used}.{here}"),
        )
    }

    pub(super) fn forget_button(self, label: &str) -> String {
        let label = self.labelled(label);
        self.pick(format!("{label} vergeten"), format!("Forget {label}"))
    }

    fn labelled(self, label: &str) -> &str {
        match (self, label) {
            (Self::Dutch, "") => "Onbekend apparaat",
            (Self::English, "") => "Unknown device",
            _ => label,
        }
    }

    pub(super) fn withdraw_button(self, app: &str) -> String {
        self.pick(
            format!("Toegang van {app} intrekken"),
            format!("Withdraw access of {app}"),
        )
    }

    pub(super) fn past_login(self, at: &str, login: &PastLogin) -> String {
        let how = match (self, login.second, login.device) {
            (Self::Dutch, true, _) => "met sms-code",
            (Self::Dutch, false, true) => "op een vertrouwd apparaat",
            (Self::Dutch, false, false) => "met wachtwoord",
            (Self::English, true, _) => "with SMS code",
            (Self::English, false, true) => "on a trusted device",
            (Self::English, false, false) => "with password",
        };
        let (here, open) = match self {
            Self::Dutch => ("nu ingelogd in deze browser", "nu nog ingelogd"),
            Self::English => ("logged in now in this browser", "still logged in"),
        };
        match login.now {
            Now::Here => format!("{at}, {how}, {here}"),
            Now::Elsewhere => format!("{at}, {how}, {open}"),
            Now::Over => format!("{at}, {how}"),
        }
    }
}
