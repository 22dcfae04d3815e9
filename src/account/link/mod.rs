//! Links that are mailed: to choose a password, or to confirm an address.
//!
//! # Design
//! The link holds 256 random bits and the database their hash. Opening it shows a page with a button; only the button uses it
//! up, because mail programs and virus scanners open links too. A new link for the same thing ends the older one.

pub(crate) mod store;

use jiff::{SignedDuration, Timestamp};

use super::{Account, Keys, Number};
use crate::config::TenantId;
use crate::db::{self, Conn, Tx};
use crate::secret::{Random, Secret, sha256};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A password in the place of one that was forgotten.
    Reset,
    /// The first password of a new account.
    Invite,
    /// A new address.
    Email,
}

impl Purpose {
    pub const ALL: [Self; 3] = [Self::Reset, Self::Invite, Self::Email];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Invite => "invite",
            Self::Email => "email",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// How long a link for it works.
    pub const fn life(self) -> SignedDuration {
        match self {
            Self::Reset => SignedDuration::from_mins(30),
            Self::Invite => SignedDuration::from_hours(7 * 24),
            Self::Email => SignedDuration::from_hours(24),
        }
    }
}

/// A link that counts.
#[derive(Clone)]
pub struct Link {
    /// Empty for a name that does not exist.
    pub account: String,
    pub purpose: Purpose,
    /// The new address.
    pub sealed: Option<Vec<u8>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A number as an account keeps it.
pub struct Sealed {
    pub(super) sealed: Vec<u8>,
    pub(super) hint: String,
    pub(super) key: [u8; 32],
}

/// Writes a link; its secret.
pub async fn create(
    tx: &mut Tx,
    tenant: &TenantId,
    link: &Link,
    now: Timestamp,
    random: &Random,
) -> Result<Secret<String>, db::Error> {
    let secret = random.token();
    let expires_at = now.saturating_add(link.purpose.life()).unwrap_or(now);
    store::insert(tx, tenant, link, &sha256(secret.as_bytes()), expires_at, now).await?;
    Ok(Secret::new(secret))
}

/// The link with this secret, if it counts; it still does afterwards.
pub async fn find(conn: &mut Conn, tenant: &TenantId, secret: &str, now: Timestamp) -> Result<Option<Link>, db::Error> {
    if secret.len() > 64 {
        return Ok(None);
    }
    store::find(conn, tenant, &sha256(secret.as_bytes()), now).await
}

/// Uses a link up; `false` if somebody else just did.
pub async fn consume(tx: &mut Tx, tenant: &TenantId, secret: &str, now: Timestamp) -> Result<bool, db::Error> {
    store::consume(tx, tenant, &sha256(secret.as_bytes()), now).await
}

impl Keys {
    pub fn seal_number(&self, tenant: &TenantId, account: &Account, number: &Number, random: &Random) -> Sealed {
        let bound = self.bound(tenant, &account.id);
        Sealed {
            sealed: self.contact.seal(random, &bound, number.as_str().as_bytes()),
            hint: number.hint(),
            key: self.number_key(number),
        }
    }

    /// Seals a number or an address that an account may get.
    pub fn seal_contact(&self, tenant: &TenantId, account: &Account, text: &str, random: &Random) -> Vec<u8> {
        self.contact
            .seal(random, &self.bound(tenant, &account.id), text.as_bytes())
    }

    pub fn open_contact(&self, tenant: &TenantId, account: &Account, sealed: &[u8]) -> Option<Secret<String>> {
        let plain = self.contact.open(&self.bound(tenant, &account.id), sealed)?;
        String::from_utf8(plain).ok().map(Secret::new)
    }
}
