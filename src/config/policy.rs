//! What a tenant demands of passwords, of the second factor and of the end of access.

/// `[tenant.<id>]`: the rules of one care organisation.
#[derive(Clone, Debug)]
pub struct Policy {
    pub password: PasswordPolicy,
    pub sms: SmsPolicy,
    /// Access ends this many local days after departure or death.
    pub access_ends_after_days: i64,
}

/// Rules on top of the floor (8 to 128 characters, not the user name, not a common password) that no tenant can lower.
#[derive(Clone, Debug)]
pub struct PasswordPolicy {
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
}

/// When a login needs the SMS code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsWhen {
    EveryLogin,
    NewDevice,
    /// A new device, or one that was not used for this many days.
    NewDeviceOrDays(i64),
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            password: PasswordPolicy::default(),
            sms: SmsPolicy::default(),
            access_ends_after_days: 60,
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
        }
    }
}
