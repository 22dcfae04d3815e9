//! One flow: password, second factor, choose client, approve.
//!
//! ```no_run
//! # async fn example(login: inzage::login::Login, at: inzage::login::At) -> Result<(), inzage::login::Refused> {
//! use inzage::secret::Secret;
//! let moved = login.password(at, "m.bakker".to_owned(), Secret::new("een regen dag".to_owned())).await?;
//! assert!(moved.browser.is_some(), "the browser gets a new cookie");
//! # Ok(()) }
//! ```
//!
//! # Design
//! An app's authorization request brings the person to the login; the flow is the row that remembers how far they are. The
//! rows hold facts (which account, when the code was right, which client); [`next`] is the one function that says what comes
//! now, so no step can be skipped by calling another one's address.
//!
//! Each step is one transaction with one audit line, in a task of its own: somebody who closes the browser cannot stop it
//! half-way. The SMS goes into the outbox of the same transaction.
//!
//! A flow belongs to a browser (cookie) and each form to a flow (hidden field with its MAC). The cookie changes when the
//! password was right, so a cookie that somebody planted before is worth nothing after. From the last step of authentication
//! on a session vouches for the person: fifteen minutes idle, twelve hours at most.
//!
//! The code comes before a forced change of password: whoever finds an initial password cannot take the account with it.

pub mod act;
mod answer;
pub mod challenge;
mod change;
mod code;
pub mod device;
mod ending;
mod enter;
mod flow;
mod limit;
mod notice;
mod other_device;
mod own;
pub mod recover;
pub mod register;
pub mod second;
pub mod session;
pub mod staff;
pub mod step;
pub(crate) mod terms;
pub(crate) mod store;
pub mod upstream;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod demands;
#[cfg(test)]
mod portals;
#[cfg(test)]
mod tests;
mod visit;
#[cfg(test)]
pub(crate) mod world;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::account::{Hasher, Keys, password};
use crate::audit::{Action, Entry, Origin, Outcome, Who};
use crate::clock::Clock;
use crate::config::{Config, Tenant};
use crate::db::{self, Db};
use crate::notify::Outbox;
use crate::oauth::{self, Subjects};
use crate::secret::{MacKey, Random};

pub use answer::Decision;
pub use flow::Flow;
pub use own::{Now, Own, PastLogin};
pub use second::{Entered, Typing};
pub use step::{Step, next};
pub use visit::{Again, Ask, Code, Page, Visit};

/// The login of a running gateway; cheap to clone.
#[derive(Clone, Debug)]
pub struct Login(Arc<Parts>);

/// What the steps of a login need.
#[derive(Debug)]
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub random: Random,
    pub keys: Keys,
    pub hasher: Hasher,
    pub outbox: Outbox,
    /// Where links in mails begin.
    public_url: String,
    /// The host that the SMS names, so that a phone fills the code in on this site only.
    host: String,
    code_key: MacKey,
    form_key: MacKey,
    person_key: MacKey,
    upstreams: upstream::Upstreams,
    subjects: Subjects,
}

impl std::ops::Deref for Login {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Which form of which browser asks for a step.
#[derive(Clone)]
pub struct At {
    pub tenant: Arc<Tenant>,
    /// The hidden fields.
    pub flow: String,
    pub form: String,
    /// The cookies.
    pub browser: Option<String>,
    pub session: Option<String>,
    /// The cookie of a trusted browser.
    pub device: Option<String>,
    pub agent: device::Agent,
    pub origin: Origin,
}

/// A step that was taken.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// A new value for the browser's cookie.
    pub browser: Option<String>,
    /// A new value for the session's cookie.
    pub session: Option<String>,
    /// A new value for the cookie of a trusted browser.
    pub device: Option<String>,
    /// The grants that ended with this step: their tokens are worth nothing from now on.
    pub ended: Vec<String>,
    /// To the app; otherwise back to the page of the flow, which shows the next step.
    pub to_app: Option<Url>,
}

/// Both hold the secrets of a browser.
impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("At")
            .field("tenant", &self.tenant.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.to_app.is_some() {
            "Moved(to the app)"
        } else {
            "Moved"
        })
    }
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No such request or flow in this browser, or its time is over, or it was finished: start again in the app.
    #[error("the flow is not there")]
    Gone,
    /// The form does not come from a page of this flow.
    #[error("the form is not of this flow")]
    Forged,
    /// The flow is at another step: show that one.
    #[error("the flow is at another step")]
    OtherStep,
    /// Name or password; the same for an unknown name, a wrong password, a locked and a closed account.
    #[error("name or password is wrong")]
    Credentials,
    /// The current password, asked again before a change.
    #[error("the current password is wrong")]
    CurrentPassword,
    #[error("too many tries; wait {0:?}")]
    Wait(SignedDuration),
    #[error("too many logins at once")]
    Busy,
    /// What was typed is not a code at all; no try was counted.
    #[error("this is not a code")]
    NotACode,
    /// A code out of an earlier message; no try was counted.
    #[error("this code belongs to another message")]
    OtherCode,
    #[error("the code is wrong; {left} tries left")]
    WrongCode { left: i64 },
    /// Expired, used, or tried too often.
    #[error("the code no longer counts")]
    CodeOver,
    /// A new code may be asked for after this time.
    #[error("no new code before {0:?}")]
    CodeLater(SignedDuration),
    /// No more codes in this login.
    #[error("no more codes in this login")]
    NoMoreCodes,
    #[error("the new password breaks rules")]
    NewPassword(Vec<password::Broken>),
    #[error("the two new passwords differ")]
    Different,
    /// A code of an app or a recovery code: wrong, or used before.
    #[error("the code is wrong or was used before")]
    WrongOther,
    #[error("this is not a recovery code")]
    NotARecoveryCode,
    /// The act asks a second factor of the last minutes.
    #[error("the second factor is not fresh")]
    NotFresh,
    /// Used, expired, or never sent.
    #[error("the link does not count")]
    Link,
    /// No device waits with the code that was typed.
    #[error("no device waits with this code")]
    UserCode,
    #[error("this is not a number that can get codes")]
    Number,
    #[error("this is not an e-mail address")]
    Address,
    /// The number was changed lately: what others may see cannot be changed before this time is over.
    #[error("the number is new; wait {0:?}")]
    NewNumber(SignedDuration),
    /// The privacy statement was not said to be read.
    #[error("the box is not ticked")]
    Unticked,
    /// No client, or one that the account may not see.
    #[error("choose a client")]
    Client,
    /// Nothing was left selected.
    #[error("choose what the app may see")]
    NoScope,
    /// Neither allowed nor refused.
    #[error("allow or refuse")]
    NoDecision,
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    OAuth(#[from] oauth::Error),
    /// The way by the OpenID provider led nowhere.
    #[error(transparent)]
    Upstream(#[from] upstream::Failure),
    #[error("the step's task ended early")]
    Stopped,
}

impl From<crate::account::Busy> for Refused {
    fn from(_: crate::account::Busy) -> Self {
        Self::Busy
    }
}

impl Login {
    pub fn new(config: &Config, db: Db, clock: Clock, random: Random) -> Self {
        let master = &config.master;
        Self(Arc::new(Parts {
            keys: Keys::new(master),
            hasher: Hasher::new(master, &random),
            outbox: Outbox::new(master),
            public_url: config.server.public_url.to_string(),
            host: config.server.public_url.host_str().unwrap_or_default().to_owned(),
            code_key: master.mac_key("sms-code"),
            form_key: master.mac_key("login-form"),
            person_key: master.mac_key("person-id"),
            upstreams: upstream::Upstreams::new(config),
            subjects: Subjects::new(master),
            db,
            clock,
            random,
        }))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs a step to its end, also when the browser has gone.
    async fn whole<T, F>(&self, step: F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refused>> + Send + 'static,
    {
        tokio::spawn(step).await.map_err(|_| Refused::Stopped)?
    }

    /// Forgets flows, codes, counters and sessions that nobody needs any more; how many rows went.
    pub async fn tidy(&self) -> Result<u64, db::Error> {
        let now = self.now();
        let before = |days: i64| now.saturating_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now);
        let mut tx = self.db.begin().await?;
        let mut gone = store::drop_old(&mut tx, before(1)).await?;
        gone += challenge::store::drop_old(&mut tx, before(2)).await?;
        gone += session::store::drop_old(&mut tx, before(30)).await?;
        gone += device::drop_old(&mut tx, now).await?;
        gone += upstream::store::drop_old(&mut tx, before(2)).await?;
        gone += crate::account::link::store::drop_old(&mut tx, before(2)).await?;
        gone += crate::account::store::drop_old_tries(&mut tx, before(2)).await?;
        gone += crate::notify::store::forget(&mut tx, before(7)).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// The audit line of a step.
fn line(at: &At, flow: &Flow, action: Action, outcome: Outcome, account: Option<&str>) -> Entry {
    Entry::new(at.tenant.id.clone(), action, outcome)
        .by(Who {
            account: account.map(str::to_owned),
            client_id: Some(flow.client_id.clone()),
            ..Who::default()
        })
        .from(at.origin)
}
