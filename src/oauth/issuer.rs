//! What the flows of this module share: the database, the clock, keys and caches.

use std::future::Future;
use std::sync::Arc;

use super::published::Published;
use super::{Error, Subjects, key, token};
use crate::account;
use crate::account::notice::Teller;
use crate::clock::Clock;
use crate::config::{Config, OAuth, Server, TenantId};
use crate::db::Db;
use crate::notify::Outbox;
use crate::secret::{MacKey, Random, Sealer};

/// The authorization server of all tenants; cheap to clone.
#[derive(Clone, Debug)]
pub struct Issuer(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    db: Db,
    clock: Clock,
    random: Random,
    server: Server,
    oauth: OAuth,
    keys: key::Keys,
    checked: token::Checked,
    renewals: token::Renewals,
    published: Published,
    /// Out of an old refresh token comes the next one: see [`token`].
    successor: MacKey,
    /// Under what the codes are kept that people type for a device.
    user_code: MacKey,
    subjects: Subjects,
    sealer: Sealer,
    teller: Teller,
}

impl Issuer {
    pub fn new(config: &Config, db: Db, clock: Clock, random: Random) -> Self {
        let teller = Teller {
            outbox: Outbox::new(&config.master),
            keys: account::Keys::new(&config.master),
            random: random.clone(),
        };
        Self(Arc::new(Parts {
            db,
            clock,
            random,
            server: config.server.clone(),
            oauth: config.oauth.clone(),
            keys: key::Keys::default(),
            checked: token::Checked::default(),
            renewals: token::Renewals::default(),
            published: Published::new(&config.oauth),
            successor: config.master.mac_key("oauth-successor"),
            user_code: config.master.mac_key("device-user-code"),
            subjects: Subjects::new(&config.master),
            sealer: config.master.sealer("oauth-key"),
            teller,
        }))
    }

    pub fn db(&self) -> &Db {
        &self.0.db
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn random(&self) -> &Random {
        &self.0.random
    }

    pub(super) fn oauth(&self) -> &OAuth {
        &self.0.oauth
    }

    /// `https://host/{tenant}`: `iss` everywhere.
    pub fn url(&self, tenant: &TenantId) -> String {
        self.0.server.issuer(tenant.as_str())
    }

    /// `https://host/{tenant}/fhir`: what `aud` has to be.
    pub fn fhir_base(&self, tenant: &TenantId) -> String {
        self.0.server.fhir_base(tenant.as_str())
    }

    /// Whether an address that an app names is that one, with a slash at its end or without.
    pub(super) fn is_fhir_base(&self, tenant: &TenantId, address: &str) -> bool {
        address.strip_suffix('/').unwrap_or(address) == self.fhir_base(tenant)
    }

    /// Who the person is to apps.
    pub fn subject(&self, tenant: &TenantId, account: &str) -> String {
        self.0.subjects.of(tenant, account)
    }

    pub(super) fn successor(&self) -> &MacKey {
        &self.0.successor
    }

    pub(super) fn user_code(&self) -> &MacKey {
        &self.0.user_code
    }

    pub(super) fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    pub(super) fn teller(&self) -> &Teller {
        &self.0.teller
    }

    pub(super) fn keys(&self) -> &key::Keys {
        &self.0.keys
    }

    pub(super) fn published(&self) -> &Published {
        &self.0.published
    }

    pub(super) fn renewals(&self) -> &token::Renewals {
        &self.0.renewals
    }

    pub(super) fn checked(&self) -> &token::Checked {
        &self.0.checked
    }
}

/// Runs work that writes to its end, also when the caller hangs up: a future dropped in the middle of a transaction leaves a
/// half-done flow behind.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(work).await.unwrap_or(Err(Error::Died))
}
