//! How an account begins.
//!
//! # Design
//! In two steps: [`New::prepare`] checks and hashes, which takes time, and [`create`] writes, which holds a transaction.

use jiff::{SignedDuration, Timestamp};

use super::password::{self, Broken};
use super::{Busy, Hasher, Keys, Number, State, name_key, store};
use crate::config::{LoginName, Tenant, is_address};
use crate::db::{self, Tx};
use crate::secret::{Random, Secret};

/// An initial password works this long.
const INITIAL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An account that is about to be made.
#[derive(Clone)]
pub struct New {
    pub username: String,
    pub password: Secret<String>,
    /// As people write it; a code goes there.
    pub mobile: String,
    /// What the pages call the person.
    pub name: String,
    pub email: Option<String>,
    /// Somebody else chose the password: the first login asks for a new one.
    pub first_login: bool,
}

/// An account that was checked and can be written.
pub struct Ready {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) username_key: String,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) password: String,
    pub(super) password_expires_at: Option<Timestamp>,
    pub(super) mobile: Vec<u8>,
    pub(super) mobile_hint: String,
    pub(super) mobile_key: [u8; 32],
    pub(super) email: Option<Vec<u8>>,
}

impl std::fmt::Debug for New {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("New(…)")
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why an account cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("the user name must have 3 to 64 letters, digits or the signs . _ - @")]
    Username,
    #[error("people log in here with their e-mail address: the user name must be one")]
    UsernameIsEmail,
    #[error("first_login: people log in at the provider here and never with a password of the gateway; leave it out")]
    FirstLogin,
    #[error("people do not register themselves here: invite the person, or set accounts.self_registration")]
    NoRegistration,
    #[error("this user name is in use at this organisation")]
    UsernameTaken,
    #[error("the mobile number must be a Dutch, Belgian or German one, for example 06-12345678")]
    Mobile,
    #[error("the name must have 1 to 100 characters")]
    Name,
    #[error("the e-mail address must have an @ and at most 254 characters")]
    Email,
    #[error("the password breaks these rules: {0:?}")]
    Password(Vec<Broken>),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Somebody whom the organisation waits for: the person registers with this address and gives the rest.
#[derive(Clone)]
pub struct Expected {
    pub email: String,
    /// What the pages call the person.
    pub name: String,
}

impl std::fmt::Debug for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expected(…)")
    }
}

impl Expected {
    /// Checks it. Nobody knows the password of such an account, and no code goes anywhere.
    pub async fn prepare(
        self,
        tenant: &Tenant,
        keys: &Keys,
        hasher: &Hasher,
        now: Timestamp,
        random: &Random,
    ) -> Result<Ready, CreateError> {
        if !tenant.policy.accounts.self_registration {
            return Err(CreateError::NoRegistration);
        }
        let username_key = checked_username(tenant, &self.email)?;
        let name = checked_name(&self.name)?;
        let id = random.uuid_v7(now).to_string();
        let bound = keys.bound(&tenant.id, &id);
        Ok(Ready {
            password: hasher.hash(&Secret::new(random.token()), random).await?,
            username: self.email.trim().to_owned(),
            username_key,
            name,
            state: State::Expected,
            password_expires_at: None,
            mobile: keys.contact.seal(random, &bound, b""),
            mobile_hint: String::new(),
            mobile_key: [0; 32],
            email: Some(keys.contact.seal(random, &bound, self.email.trim().as_bytes())),
            id,
        })
    }
}

/// The user name as it is compared, if it may be one here.
fn checked_username(tenant: &Tenant, username: &str) -> Result<String, CreateError> {
    let key = name_key(username);
    let signs = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    if !(3..=64).contains(&key.chars().count()) || !key.chars().all(signs) {
        return Err(CreateError::Username);
    }
    if tenant.policy.accounts.login_name == LoginName::Email && !is_address(&key) {
        return Err(CreateError::UsernameIsEmail);
    }
    Ok(key)
}

fn checked_name(name: &str) -> Result<String, CreateError> {
    let name = name.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(CreateError::Name);
    }
    Ok(name.to_owned())
}

impl New {
    /// Checks everything, hashes the password and seals what must not lie open.
    pub async fn prepare(
        self,
        tenant: &Tenant,
        keys: &Keys,
        hasher: &Hasher,
        now: Timestamp,
        random: &Random,
    ) -> Result<Ready, CreateError> {
        let username_key = checked_username(tenant, &self.username)?;
        let upstream = tenant.policy.upstream.as_ref();
        if self.first_login && upstream.is_some_and(|upstream| !upstream.password) {
            return Err(CreateError::FirstLogin);
        }
        let name = checked_name(&self.name)?;
        if self.email.as_deref().is_some_and(|email| !is_address(email)) {
            return Err(CreateError::Email);
        }
        let mobile = Number::parse(&self.mobile).ok_or(CreateError::Mobile)?;
        if !tenant.policy.sms.countries.contains(&mobile.country()) {
            return Err(CreateError::Mobile);
        }
        let mut broken = password::check(
            self.password.expose(),
            &username_key,
            &tenant.name,
            &tenant.policy.password,
        );
        if self.first_login {
            // It is replaced at once, so only what could not be typed or guessed in one try matters.
            broken.retain(|rule| matches!(rule, Broken::TooLong(_) | Broken::Common));
        }
        if !broken.is_empty() {
            return Err(CreateError::Password(broken));
        }
        let id = random.uuid_v7(now).to_string();
        let bound = keys.bound(&tenant.id, &id);
        Ok(Ready {
            password: hasher.hash(&self.password, random).await?,
            username: self.username.trim().to_owned(),
            username_key,
            name,
            state: if self.first_login {
                State::MustChangePassword
            } else {
                State::Active
            },
            password_expires_at: self.first_login.then(|| now.saturating_add(INITIAL).unwrap_or(now)),
            mobile: keys.contact.seal(random, &bound, mobile.as_str().as_bytes()),
            mobile_hint: mobile.hint(),
            mobile_key: keys.number_key(&mobile),
            email: self
                .email
                .map(|email| keys.contact.seal(random, &bound, email.as_bytes())),
            id,
        })
    }
}

/// Writes the account; its id.
pub async fn create(tx: &mut Tx, tenant: &Tenant, ready: &Ready, now: Timestamp) -> Result<String, CreateError> {
    match store::insert(tx, &tenant.id, ready, now).await {
        Ok(()) => Ok(ready.id.clone()),
        Err(error) if error.violates(&store::USERNAME) => Err(CreateError::UsernameTaken),
        Err(error) => Err(error.into()),
    }
}
