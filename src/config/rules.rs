//! `[tenant.<id>]`: the rules of a tenant, read over the preset that it names.
//!
//! # Design
//! A value that the preset takes from a portal's documents may be made stricter and not looser: `preset = "topaz"` would be a
//! lie otherwise. A number of the file is also held to the floor; the preset's own number need not be, because the floor holds
//! where the rule is used.

use std::ops::RangeInclusive;
use std::path::Path;

use super::policy::{AccountPolicy, Country, LoginName};
use super::reader::Reader;
use super::{PasswordPolicy, Policy, Preset, SmsPolicy, SmsWhen, help, terms};

/// The settings of one tenant and its preset.
struct Rules<'a> {
    reader: &'a mut Reader,
    tenant: &'a str,
    preset: Preset,
}

/// Which way is stricter.
#[derive(Clone, Copy)]
enum Stricter {
    More,
    Less,
    /// It is a matter of taste.
    Free,
}

pub(super) fn read(reader: &mut Reader, tenant: &str) -> Policy {
    let key = format!("tenant.{tenant}.preset");
    let text = reader.text(
        &key,
        Preset::Modern.as_str(),
        "the rules to begin with: modern, topaz, treant, vivantes or amaris",
    );
    let preset = Preset::parse(&text).unwrap_or_else(|| {
        let known: Vec<_> = Preset::ALL.iter().map(|preset| preset.as_str()).collect();
        reader.problem(&key, format!("is not known: expected one of {}", known.join(", ")));
        Preset::Modern
    });
    Rules { reader, tenant, preset }.policy()
}

/// The rules of a tenant that names this preset and sets nothing else.
impl From<Preset> for Policy {
    fn from(preset: Preset) -> Self {
        let text = format!("[tenant.any]\npreset = \"{}\"\n", preset.as_str());
        read(
            &mut Reader::new(Path::new("inzage.toml"), &text, std::iter::empty()),
            "any",
        )
    }
}

impl Rules<'_> {
    fn policy(mut self) -> Policy {
        use Stricter::{Free, Less, More};
        let size = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        Policy {
            preset: self.preset,
            password: PasswordPolicy {
                min_length: size(self.number(
                    "password.min_length",
                    12,
                    8..=64,
                    More,
                    "characters; never below the floor of 8",
                )),
                require_upper: self.flag("password.require_upper", false, More, "a capital letter"),
                require_lower: self.flag("password.require_lower", false, More, "a small letter"),
                require_non_alpha: self.flag("password.require_non_alpha", false, More, "a digit or other character"),
                history: size(self.number("password.history", 12, 0..=24, More, "old passwords refused")),
            },
            sms: SmsPolicy {
                when: self.sms_when(),
                explicit_request_button: self.flag(
                    "sms.explicit_request_button",
                    false,
                    Free,
                    "the code is sent at the press of a button",
                ),
                valid_seconds: self.number("sms.valid_seconds", 300, 60..=600, Less, "life of a code"),
                attempts: self.number("sms.attempts", 3, 1..=5, Less, "wrong codes before a new one"),
                resend_after_seconds: self.number(
                    "sms.resend_after_seconds",
                    30,
                    10..=300,
                    Free,
                    "wait before a second code; doubled before the third",
                ),
                sends_per_login: self.number("sms.sends_per_login", 3, 1..=5, Less, "codes a login"),
                sends_per_hour: self.number("sms.sends_per_hour", 5, 1..=20, Less, "codes an hour"),
                sends_per_day: self.number("sms.sends_per_day", 10, 1..=50, Less, "codes a day"),
                sends_per_network_hour: self.number(
                    "sms.sends_per_network_hour",
                    20,
                    1..=100_000,
                    Less,
                    "codes an hour for logins from one network (/24, /48)",
                ),
                sends_per_prefix_hour: self.number(
                    "sms.sends_per_prefix_hour",
                    30,
                    1..=100_000,
                    Less,
                    "codes an hour to numbers that begin with the same seven digits",
                ),
                budget_per_hour: self.number(
                    "sms.budget_per_hour",
                    1_000,
                    1..=1_000_000,
                    Less,
                    "SMS an hour for the whole organisation; from 80 % on there is a warning",
                ),
                budget_per_day: self.number("sms.budget_per_day", 5_000, 1..=1_000_000, Less, "the same, a day"),
                countries: self.countries(),
            },
            terms: terms::read(self.reader, self.tenant, self.preset),
            help: help::read(self.reader, self.tenant, self.preset),
            accounts: AccountPolicy {
                login_name: self.login_name(),
                self_registration: self.self_registration(),
                may_delegate: self.flag(
                    "accounts.may_delegate",
                    false,
                    Free,
                    "whether the client or a representative may let a contact decide too who looks along",
                ),
                max_per_client: Some(self.number(
                    "accounts.max_per_client",
                    0,
                    0..=100,
                    Less,
                    "accounts that may see one client; 0 is no limit",
                ))
                .filter(|most| *most > 0),
            },
            access_ends_after_days: self.number(
                "access_ends_after_days",
                60,
                0..=60,
                Less,
                "local days of access after departure or death",
            ),
            report_types: {
                let key = self.at("report_types");
                let meaning =
                    "the report types that are published, for example [\"101\"]; else every one that the maps know";
                let is_there = self.reader.has_key(&key);
                let named = self.reader.list(&key, meaning);
                is_there.then_some(named)
            },
            // Read beside these, with what a preset knows nothing of.
            ..Policy::default()
        }
    }

    fn at(&self, key: &str) -> String {
        format!("tenant.{}.{key}", self.tenant)
    }

    /// What the preset says, if it says something.
    fn given(&self, key: &str) -> Option<&'static str> {
        self.preset.rule(key).map(|rule| rule.value)
    }

    /// Complains about a value of the file that is looser than the preset's.
    fn looser(&mut self, key: &str, given: &str) {
        let from = self
            .preset
            .rule(key)
            .map(|rule| rule.from.join(", "))
            .unwrap_or_default();
        let message = format!(
            "is looser than preset {} says, which is {given} ({from}): leave it out, make it stricter, or choose \
             another preset",
            self.preset.as_str()
        );
        let at = self.at(key);
        self.reader.problem(&at, message);
    }

    fn number(
        &mut self,
        key: &str,
        default: i64,
        floor: RangeInclusive<i64>,
        stricter: Stricter,
        meaning: &'static str,
    ) -> i64 {
        let at = self.at(key);
        let given = self.given(key).and_then(|value| value.parse::<i64>().ok());
        if let Some(given) = given
            && !self.reader.has_key(&at)
        {
            // Not held to the floor: see above.
            self.reader.number(&at, default, i64::MIN..=i64::MAX, meaning);
            return given;
        }
        let value = self.reader.number(&at, default, floor, meaning);
        if let Some(given) = given {
            let loose = match stricter {
                Stricter::More => value < given,
                // Where 0 is no limit, it is the loosest of all.
                Stricter::Less => value > given || (value == 0 && key == "accounts.max_per_client"),
                Stricter::Free => false,
            };
            if loose {
                self.looser(key, &given.to_string());
            }
        }
        value
    }

    fn flag(&mut self, key: &str, default: bool, stricter: Stricter, meaning: &'static str) -> bool {
        let at = self.at(key);
        let given = self.given(key).map(|value| value == "true");
        let value = self.reader.flag(&at, default, meaning);
        match given {
            Some(given) if !self.reader.has_key(&at) => given,
            Some(true) if !value && matches!(stricter, Stricter::More) => {
                self.looser(key, "true");
                value
            }
            _ => value,
        }
    }

    fn sms_when(&mut self) -> SmsWhen {
        let days = self.number("sms.days", 90, 1..=180, Stricter::Less, "for new-device-or-days");
        let at = self.at("sms.when");
        let given = self.given("sms.when");
        let text = self.reader.text(
            &at,
            "every-login",
            "when a login needs a code: every-login, new-device or new-device-or-days",
        );
        let read = |text: &str| match text {
            "every-login" => Some(SmsWhen::EveryLogin),
            "new-device" => Some(SmsWhen::NewDevice),
            "new-device-or-days" => Some(SmsWhen::NewDeviceOrDays(days)),
            _ => None,
        };
        let of_preset = given.and_then(read);
        if let Some(of_preset) = of_preset
            && !self.reader.has_key(&at)
        {
            return of_preset;
        }
        let Some(when) = read(&text) else {
            let message = "expected every-login, new-device or new-device-or-days".to_owned();
            self.reader.problem(&at, message);
            return SmsWhen::EveryLogin;
        };
        if of_preset.is_some_and(|given| when.strictness() < given.strictness()) {
            self.looser("sms.when", given.unwrap_or_default());
        }
        when
    }

    fn self_registration(&mut self) -> bool {
        let meaning = "whether people whom the organisation expects (`inzage account expect`) register themselves";
        let on = self.flag("accounts.self_registration", false, Stricter::Free, meaning);
        let name = self.at("accounts.login_name");
        let by_email = match self.reader.has_key(&name) {
            true => self.reader.text(&name, "", "") == "email",
            false => self.given("accounts.login_name") == Some("email"),
        };
        if on && !by_email && !self.reader.shows_all() {
            let message = "needs accounts.login_name = \"email\": people register with their mail address".to_owned();
            self.reader.problem(&self.at("accounts.self_registration"), message);
        }
        on
    }

    fn countries(&mut self) -> Vec<Country> {
        let at = self.at("sms.countries");
        let text = self.reader.text(&at, "NL BE DE", "where numbers may be: NL, BE, DE");
        let found: Option<Vec<_>> = text.split_whitespace().map(Country::parse).collect();
        found.filter(|countries| !countries.is_empty()).unwrap_or_else(|| {
            let message = "expected one or more of NL, BE and DE, with blanks between them".to_owned();
            self.reader.problem(&at, message);
            Vec::new()
        })
    }

    fn login_name(&mut self) -> LoginName {
        let at = self.at("accounts.login_name");
        let text = self
            .reader
            .text(&at, "username", "what people type as their name: username or email");
        let text = match self.given("accounts.login_name") {
            Some(given) if !self.reader.has_key(&at) => given.to_owned(),
            _ => text,
        };
        match text.as_str() {
            "username" => LoginName::Username,
            "email" => LoginName::Email,
            _ => {
                self.reader.problem(&at, "expected username or email".to_owned());
                LoginName::Username
            }
        }
    }
}

#[cfg(test)]
mod tests;
