//! What a tenant demands of passwords, of the second factor and of the end of access.

use super::{Brand, Help, Limits, LoginDemand, Preset, Registration, SigningAlg, Slots, Terms, Upstream};

/// `[tenant.<id>]`: the rules of one care organisation.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where the rules come from that the file does not set.
    pub preset: Preset,
    pub password: PasswordPolicy,
    pub sms: SmsPolicy,
    pub accounts: AccountPolicy,
    pub limits: Limits,
    /// Who asks for the first factor, if it is not the gateway.
    pub upstream: Option<Upstream>,
    /// What signs the id tokens of apps that do not say.
    pub id_token_alg: SigningAlg,
    /// How surely a person has to be recognised before an app reads dossiers.
    pub api_login: LoginDemand,
    /// Whether apps register themselves.
    pub registration: Registration,
    /// Public keys (JWK) of those whose word about an app counts in a registration; none: nobody's does.
    pub statement_keys: Vec<serde_json::Value>,
    /// What apps show of the organisation.
    pub brand: Brand,
    pub terms: Terms,
    pub help: Help,
    /// Access ends this many local days after departure or death.
    pub access_ends_after_days: i64,
    /// The report types that are published, as the source writes them; `None`: every one that the maps know, but for
    /// those that an organisation has to name.
    pub report_types: Option<Vec<String>>,
    /// When its dossiers are fetched.
    pub slots: Slots,
}

/// The fewest characters of a password, whatever a tenant asks.
pub const SHORTEST_PASSWORD: usize = 8;

/// Rules on top of the floor (8 to 128 characters, not the user name, not a common password) that no tenant can lower.
#[derive(Clone, Debug)]
pub struct PasswordPolicy {
    /// As the tenant states it; below [`SHORTEST_PASSWORD`] that one holds.
    pub min_length: usize,
    pub require_upper: bool,
    pub require_lower: bool,
    pub require_non_alpha: bool,
    /// How many old passwords may not come back.
    pub history: usize,
}

/// The SMS code: reference, secret part and limits.
#[derive(Clone, Debug)]
pub struct SmsPolicy {
    pub when: SmsWhen,
    /// The code is sent when the person presses a button, not by itself.
    pub explicit_request_button: bool,
    pub valid_seconds: i64,
    pub attempts: i64,
    pub resend_after_seconds: i64,
    pub sends_per_login: i64,
    pub sends_per_hour: i64,
    pub sends_per_day: i64,
    /// To everybody who logs in from one network.
    pub sends_per_network_hour: i64,
    /// To all numbers that begin with the same seven digits.
    pub sends_per_prefix_hour: i64,
    /// To everybody at this organisation, notices included.
    pub budget_per_hour: i64,
    pub budget_per_day: i64,
    /// Where numbers may be.
    pub countries: Vec<Country>,
}

/// A country whose mobile numbers may get a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Country {
    Netherlands,
    Belgium,
    Germany,
}

impl Country {
    pub const ALL: [Self; 3] = [Self::Netherlands, Self::Belgium, Self::Germany];

    /// ISO 3166-1.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Netherlands => "NL",
            Self::Belgium => "BE",
            Self::Germany => "DE",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|country| country.code() == text)
    }

    /// What stands in front of a number in it: `31`.
    pub const fn calling_code(self) -> &'static str {
        match self {
            Self::Netherlands => "31",
            Self::Belgium => "32",
            Self::Germany => "49",
        }
    }
}

/// When a login needs the SMS code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsWhen {
    EveryLogin,
    NewDevice,
    /// A new device, or one that was not used for this many days.
    NewDeviceOrDays(i64),
}

/// Who gets an account, and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPolicy {
    pub login_name: LoginName,
    /// Whether people whom the organisation expects register themselves.
    pub self_registration: bool,
    /// Whether the client or a representative may hand the management of the dossier to a contact as well.
    pub may_delegate: bool,
    /// How many accounts may see one client; `None` is as many as there are people with a right.
    pub max_per_client: Option<i64>,
}

/// What people type as their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginName {
    Username,
    Email,
}

/// Where a policy differs from what current standards ask, and what holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The setting below `[tenant.<id>]`.
    pub key: &'static str,
    /// The requirements that state it; none when the file does.
    pub from: &'static [&'static str],
    pub says: String,
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.says)?;
        if !self.from.is_empty() {
            write!(f, " ({})", self.from.join(", "))?;
        }
        Ok(())
    }
}

impl Policy {
    /// Everything in which these rules differ from the floor and from the standards that it follows.
    pub fn deviations(&self) -> Vec<Deviation> {
        let mut found = Vec::new();
        let mut note = |key: &'static str, says: String| {
            let from = self.preset.rule(key).map_or(&[][..], |rule| rule.from);
            found.push(Deviation { key, from, says });
        };
        let password = &self.password;
        if password.min_length < SHORTEST_PASSWORD {
            let says = format!(
                "{} characters are below the floor: {SHORTEST_PASSWORD} are asked (NIST SP 800-63B-4 3.1.1.2)",
                password.min_length
            );
            note("password.min_length", says);
        }
        for (on, key) in [
            (password.require_upper, "password.require_upper"),
            (password.require_lower, "password.require_lower"),
            (password.require_non_alpha, "password.require_non_alpha"),
        ] {
            if on {
                let says = "rules of composition are advised against (NIST SP 800-63B-4 3.1.1.2, ASVS 5.0 6.2.5): \
                            a pass phrase of 15 characters needs none";
                note(key, says.to_owned());
            }
        }
        match self.sms.when {
            SmsWhen::EveryLogin => {}
            SmsWhen::NewDevice | SmsWhen::NewDeviceOrDays(_) => note(
                "sms.when",
                "a login from a known device has one factor: its acr says so, and apps may ask for more".to_owned(),
            ),
        }
        found
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            preset: Preset::Modern,
            password: PasswordPolicy::default(),
            sms: SmsPolicy::default(),
            accounts: AccountPolicy::default(),
            limits: Limits::default(),
            upstream: None,
            id_token_alg: SigningAlg::default(),
            api_login: LoginDemand::default(),
            registration: Registration::default(),
            statement_keys: Vec::new(),
            brand: Brand::default(),
            terms: Terms::default(),
            help: Help::default(),
            access_ends_after_days: 60,
            report_types: None,
            slots: Slots::default(),
        }
    }
}

impl Default for AccountPolicy {
    fn default() -> Self {
        Self {
            login_name: LoginName::Username,
            self_registration: false,
            may_delegate: false,
            max_per_client: None,
        }
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_length: 12,
            require_upper: false,
            require_lower: false,
            require_non_alpha: false,
            history: 12,
        }
    }
}

impl Default for SmsPolicy {
    fn default() -> Self {
        Self {
            when: SmsWhen::EveryLogin,
            explicit_request_button: false,
            valid_seconds: 300,
            attempts: 3,
            resend_after_seconds: 30,
            sends_per_login: 3,
            sends_per_hour: 5,
            sends_per_day: 10,
            sends_per_network_hour: 20,
            sends_per_prefix_hour: 30,
            budget_per_hour: 1_000,
            budget_per_day: 5_000,
            countries: Country::ALL.to_vec(),
        }
    }
}

impl SmsWhen {
    /// How often a code is asked, for comparing: a larger one is stricter.
    pub(super) fn strictness(self) -> i64 {
        match self {
            Self::NewDevice => 0,
            Self::NewDeviceOrDays(days) => 1_000 - days.clamp(0, 999),
            Self::EveryLogin => 1_001,
        }
    }
}
