//! Accounts: who may log in, with which password, and how often somebody may try.
//!
//! ```
//! use inzage::account::{Number, State};
//! assert_eq!(Number::parse("06 12345678").unwrap().hint(), "06-••••••78");
//! assert_eq!(State::parse("locked"), Some(State::Locked));
//! ```
//!
//! # Design
//! A login treats a name that does not exist exactly like a wrong password: the same counters (kept by a keyed hash of the
//! name that was tried), the same argon2 work (against a dummy), the same answer. [`Hasher`] bounds that work.
//!
//! Telephone numbers and e-mail addresses are sealed with a key that is not in the database.

pub mod create;
pub mod factor;
pub mod hash;
pub mod link;
pub(crate) mod notice;
pub mod number;
pub mod password;
pub(crate) mod store;
pub mod throttle;

use jiff::Timestamp;
use unicode_normalization::UnicodeNormalization as _;

use crate::config::TenantId;
use crate::secret::{MacKey, MasterKey, Sealer, Secret, hex, mac};

pub use create::{CreateError, Expected, New, Ready, create};
pub use hash::{Busy, Hasher};
pub use number::Number;
pub use store::{by_name, change_password, find, old_passwords, set_state};

/// In what state an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Active,
    /// The organisation waits for the person, who has to register first.
    Expected,
    /// Logged in with the password that somebody else chose: a new one comes first.
    MustChangePassword,
    /// By care staff or an administrator; never by a stranger's wrong guesses.
    Locked,
    Closed,
}

impl State {
    const ALL: [Self; 5] = [
        Self::Active,
        Self::Expected,
        Self::MustChangePassword,
        Self::Locked,
        Self::Closed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expected => "expected",
            Self::MustChangePassword => "must-change-password",
            Self::Locked => "locked",
            Self::Closed => "closed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One account, without its password.
#[derive(Clone)]
pub struct Account {
    pub id: String,
    pub username: String,
    /// What the pages call the person.
    pub name: String,
    pub state: State,
    /// Until when an initial password works.
    pub password_expires_at: Option<Timestamp>,
    mobile: Vec<u8>,
    /// The number with all but its last two digits hidden.
    pub mobile_hint: String,
    /// A keyed hash of the number, to count messages by.
    pub mobile_key: Vec<u8>,
    email: Option<Vec<u8>>,
    /// When the number was changed last.
    pub mobile_changed_at: Option<Timestamp>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// Whether this account may be used at all at `now`.
    pub fn usable(&self, now: Timestamp) -> bool {
        match self.state {
            State::Active => true,
            State::MustChangePassword => self.password_expires_at.is_none_or(|until| now < until),
            State::Expected | State::Locked | State::Closed => false,
        }
    }

    /// The telephone number in international form.
    pub fn mobile(&self, keys: &Keys, tenant: &TenantId) -> Option<Secret<String>> {
        let plain = keys.contact.open(&keys.bound(tenant, &self.id), &self.mobile)?;
        String::from_utf8(plain).ok().map(Secret::new)
    }
}

impl Account {
    /// The e-mail address, if there is one.
    pub fn email(&self, keys: &Keys, tenant: &TenantId) -> Option<Secret<String>> {
        let plain = keys
            .contact
            .open(&keys.bound(tenant, &self.id), self.email.as_deref()?)?;
        String::from_utf8(plain).ok().map(Secret::new)
    }
}

/// The keys of accounts, each derived for its purpose.
#[derive(Clone, Debug)]
pub struct Keys {
    contact: Sealer,
    number: MacKey,
    name: MacKey,
    recovery: MacKey,
}

impl Keys {
    pub fn new(master: &MasterKey) -> Self {
        Self {
            contact: master.sealer("account-contact"),
            number: master.mac_key("account-number"),
            name: master.mac_key("account-name"),
            recovery: master.mac_key("account-recovery"),
        }
    }

    fn bound(&self, tenant: &TenantId, account: &str) -> Vec<u8> {
        format!("{tenant}/{account}").into_bytes()
    }

    /// A keyed hash of a number, to count messages by.
    pub fn number_key(&self, number: &Number) -> [u8; 32] {
        mac(&self.number, &[number.as_str().as_bytes()])
    }

    /// A keyed hash of the first digits of a number, to count messages by.
    pub fn prefix_key(&self, number: &Number) -> [u8; 32] {
        mac(&self.number, &[b"prefix", number.prefix().as_bytes()])
    }

    /// The counter for tries on this user name, whether it exists or not.
    pub fn name_bucket(&self, tenant: &TenantId, username: &str) -> String {
        let key = mac(&self.name, &[tenant.as_str().as_bytes(), name_key(username).as_bytes()]);
        format!("name:{}", &hex(&key)[..32])
    }
}

/// The form in which user names are compared: normalised, lower case, without white space around.
pub fn name_key(username: &str) -> String {
    username.trim().nfkc().collect::<String>().to_lowercase()
}
