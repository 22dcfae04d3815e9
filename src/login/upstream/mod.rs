//! The first factor by way of an OpenID provider; the second stays here.
//!
//! # Design
//! The provider takes the place of the password and of nothing else: who comes back from it stands where somebody stands whose
//! password was right, and the code by SMS follows by the same rule. So a provider that is down, or one that lies, never
//! skips a factor; there is an error page, and nothing to fall back on unless the tenant says that a password will do.
//!
//! Authorization code with PKCE, `state` and `nonce`, `iss` checked where it is sent (RFC 9207), the id token with everything
//! that OpenID Connect Core 3.1.3.7 asks. `state` counts once and only in the browser that was sent away; nonce and verifier are
//! keyed hashes of it, so nothing that is worth stealing lies in the database.
//!
//! A person at the provider is an account here only by a link that the operator made: not by an e-mail address or a name that is
//! the same. The provider's level (`acr`) goes with the session to the apps; below the tenant's minimum there is no login.

mod provider;
pub mod store;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use url::Url;

use super::flow::browser_hash;
use super::session::Session;
use super::{At, Login, Moved, Refused, Step};
use crate::account;
use crate::audit::{self, Action, Entry, Outcome, Who};
use crate::clock::Clock;
use crate::config::{Config, TenantId};
use crate::oauth::{acr, request};
use crate::secret::{MacKey, hex, mac, sha256};
use provider::{Person, Provider, Providers, Secrets};

/// How long somebody may take at the provider.
const AWAY: SignedDuration = SignedDuration::from_mins(10);

/// Why nobody came in by way of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It cannot be reached, or does not say what it is.
    #[error("the provider cannot be reached")]
    Unavailable,
    /// The person turned back there.
    #[error("the login at the provider was broken off")]
    BrokenOff,
    /// What it sent is not what a provider sends.
    #[error("the provider's answer cannot be accepted: {0}")]
    Answer(&'static str),
    /// Nobody here is linked with this person.
    #[error("nobody here is linked with this person")]
    NotLinked,
    #[error("the login at the provider is below the tenant's minimum")]
    Level,
}

impl Failure {
    /// The word in the audit line.
    const fn reason(self) -> &'static str {
        match self {
            Self::Unavailable => "provider-unavailable",
            Self::BrokenOff => "broken-off",
            Self::Answer(reason) => reason,
            Self::NotLinked => "not-linked",
            Self::Level => "level",
        }
    }
}

/// The way back, as it stands in the URL.
#[derive(Clone, Default)]
pub struct Returned {
    pub state: String,
    pub code: Option<String>,
    pub error: Option<String>,
    /// RFC 9207
    pub iss: Option<String>,
}

/// The providers of a gateway.
#[derive(Debug)]
pub struct Upstreams {
    providers: Providers,
    key: MacKey,
}

impl Upstreams {
    pub fn new(config: &Config) -> Self {
        let mut providers = Providers::new();
        for tenant in &config.tenants {
            if let Some(settings) = &tenant.policy.upstream {
                match Provider::new(settings, &config.server, &tenant.id) {
                    Some(provider) => {
                        providers.insert(tenant.id.clone(), provider);
                    }
                    // The configuration was checked when it was read: the file must have changed since.
                    None => tracing::error!(tenant = tenant.id.as_str(), "the OpenID provider cannot be used"),
                }
            }
        }
        Self {
            providers,
            key: config.master.mac_key("upstream"),
        }
    }

    fn of(&self, tenant: &TenantId) -> Result<&Provider, Failure> {
        self.providers.get(tenant).ok_or(Failure::Unavailable)
    }

    /// What belongs to a state.
    fn secrets(&self, tenant: &TenantId, state: String) -> Secrets {
        let derived = |what: &[u8]| hex(&mac(&self.key, &[what, tenant.as_str().as_bytes(), state.as_bytes()]));
        Secrets {
            nonce: derived(b"nonce"),
            verifier: derived(b"verifier"),
            state,
        }
    }
}

/// The authentication context that an app is told for a session that began at a provider, and the methods that are known.
pub(super) fn context(told: &str, session: &Session) -> (String, Vec<String>) {
    let own = match session.acr() {
        acr::SMS => acr::UPSTREAM_SMS,
        acr::OTP => acr::UPSTREAM_OTP,
        acr::RECOVERY => acr::UPSTREAM_RECOVERY,
        _ => acr::UPSTREAM_ALONE,
    };
    // A provider speaks for its own levels, never for ours.
    let acr = if told.is_empty() || told.starts_with("urn:inzage:") {
        own
    } else {
        told
    };
    let methods = session.amr().iter().filter(|method| **method != "pwd");
    (acr.to_owned(), methods.map(|method| (*method).to_owned()).collect())
}

impl Login {
    /// The origin that the browser will be sent to, for the page that offers it.
    pub async fn upstream_origin(&self, tenant: &TenantId) -> Result<String, Failure> {
        self.upstreams.of(tenant)?.origin().await
    }

    /// Sends the browser to the provider.
    pub async fn leave(&self, at: At) -> Result<Url, Refused> {
        let login = self.clone();
        self.whole(async move {
            let tenant = at.tenant.id.clone();
            let (fresh, max_age) = {
                let mut read = login.db.read().await?;
                let flow = login.look(&mut read, &at, login.now()).await?;
                let request = request::load(&mut read, &tenant, &flow.request, login.now()).await?;
                let max_age = request.and_then(|request| request.max_age);
                // An app that asks how old the login is must not get one that the provider remembered.
                (flow.fresh || max_age.is_some(), max_age)
            };
            let secrets = login.upstreams.secrets(&tenant, login.random.token());
            let to = match login.upstreams.of(&tenant) {
                Ok(provider) => provider.authorization(&secrets, fresh, max_age).await,
                Err(failure) => Err(failure),
            };
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let standing = login.at_step(&mut tx, &at, now, |step| *step == Step::Password).await?;
            if to.is_ok() {
                let browser = at.browser.as_deref().map(browser_hash).ok_or(Refused::Gone)?;
                let state = sha256(secrets.state.as_bytes());
                store::begin(&mut tx, &tenant, &standing.flow.id, &state, &browser, (now, now + AWAY)).await?;
            }
            let outcome = match &to {
                Ok(_) => Outcome::Success,
                Err(failure) => Outcome::Refused(failure.reason()),
            };
            let entry = super::line(&at, &standing.flow, Action::UpstreamLeft, outcome, None);
            audit::write(&mut tx, &entry, now).await?;
            tx.commit().await?;
            Ok(to?)
        })
        .await
    }

    /// Takes somebody in who comes back from the provider; the request that the login is for.
    pub async fn come_back(&self, at: At, returned: Returned) -> Result<(String, Moved), Refused> {
        let login = self.clone();
        self.whole(async move {
            let (tenant, now) = (at.tenant.id.clone(), login.now());
            let browser = at.browser.as_deref().map(browser_hash).ok_or(Refused::Gone)?;
            if returned.state.len() > 64 {
                return Err(Refused::Gone);
            }
            let mut tx = login.db.begin().await?;
            let flow = store::used(&mut tx, &tenant, &sha256(returned.state.as_bytes()), &browser, now).await?;
            tx.commit().await?;
            let flow = flow.ok_or(Refused::Gone)?;
            let at = At {
                form: login.form(&flow),
                flow,
                ..at
            };
            let found = login.identify(&at, returned).await;
            let now = login.now();
            let mut tx = login.db.begin().await?;
            let standing = login.at_step(&mut tx, &at, now, |step| *step == Step::Password).await?;
            let found = match found {
                Ok((_, person)) if !person.is_young(standing.request.max_age, now) => Err(Failure::Answer("auth-time")),
                Ok((account, person)) => match account::find(&mut tx, &tenant, &account).await? {
                    Some((account, _)) if account.usable(now) => Ok((account, person.acr)),
                    // Locked or closed; the page says no more than that there is no way in.
                    _ => Err(Failure::NotLinked),
                },
                Err(Refused::Upstream(failure)) => Err(failure),
                Err(refused) => return Err(refused),
            };
            match found {
                Ok((account, acr)) => {
                    let flow = &standing.flow.id;
                    store::came_back(&mut tx, &tenant, flow, &account.id, &acr.unwrap_or_default()).await?;
                    tx.commit().await?;
                    let moved = login.entered(&at, &account, None).await?;
                    Ok((standing.flow.request, moved))
                }
                Err(failure) => {
                    let outcome = Outcome::Refused(failure.reason());
                    let entry = super::line(&at, &standing.flow, Action::UpstreamReturned, outcome, None);
                    audit::write(&mut tx, &entry, now).await?;
                    tx.commit().await?;
                    Err(failure.into())
                }
            }
        })
        .await
    }

    /// The account behind the answer, and the level.
    async fn identify(&self, at: &At, returned: Returned) -> Result<(String, Person), Refused> {
        let tenant = &at.tenant.id;
        let provider = self.upstreams.of(tenant)?;
        if returned.iss.is_some_and(|iss| iss != provider.issuer()) {
            return Err(Failure::Answer("iss").into());
        }
        let code = match (returned.code, returned.error.as_deref()) {
            (Some(code), None) => code,
            (_, Some("access_denied")) => return Err(Failure::BrokenOff.into()),
            (_, Some("temporarily_unavailable" | "server_error")) => return Err(Failure::Unavailable.into()),
            // `unmet_authentication_requirements`: it cannot give the level that we asked for.
            (_, Some("unmet_authentication_requirements")) => return Err(Failure::Level.into()),
            _ => return Err(Failure::Answer("error").into()),
        };
        let secrets = self.upstreams.secrets(tenant, returned.state);
        let person = provider.person(code, &secrets, self.now()).await?;
        let mut read = self.db.read().await?;
        let linked = store::linked(&mut read, tenant, provider.issuer(), &person.subject).await?;
        let account = linked.ok_or(Failure::NotLinked)?;
        Ok((account, person))
    }
}

/// Links somebody at the tenant's provider with an account, and notes it.
pub async fn link(
    tx: &mut crate::db::Tx,
    tenant: &crate::config::Tenant,
    account: &str,
    subject: &str,
    clock: &Clock,
) -> Result<(), store::NotLinked> {
    let now = clock.now();
    let issuer = tenant
        .policy
        .upstream
        .as_ref()
        .map_or("", |upstream| upstream.issuer.as_str());
    store::link(tx, &tenant.id, (issuer, subject), account, now).await?;
    let who = Who {
        account: Some(account.to_owned()),
        ..Who::default()
    };
    let entry = Entry::new(tenant.id.clone(), Action::AccountChanged, Outcome::Success).by(who);
    audit::write(tx, &entry, now).await?;
    Ok(())
}
