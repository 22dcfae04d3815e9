//! The append-only record of who saw or changed what.
//!
//! ```
//! use inzage::audit::{Action, Entry, Outcome, Who};
//! use inzage::config::TenantId;
//! let entry = Entry::new(TenantId::parse("topaz").unwrap(), Action::Password, Outcome::Refused("wrong-password"))
//!     .by(Who { client_id: Some("demo-native".to_owned()), ..Who::default() });
//! assert_eq!(entry.outcome.code(), "refused");
//! ```
//!
//! # Design
//! A line is durable before the first byte of the answer leaves: [`Recorder::record`] (FHIR) and [`write()`] (flows with a
//! transaction of their own) return only then, or fail, and a failure fails the request. No line, no data.
//!
//! Who, what, whose and when follow NEN 7513. Free text never enters: actions and reasons are closed sets in the code, a
//! search is kept by its parameter names and coded values, an address by its network.

mod chain;
mod recorder;
pub(crate) mod store;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use chain::{Head, Line, Verdict, verify};
pub use recorder::Recorder;

use crate::config::TenantId;
use crate::db::{self, Tx};
use crate::fhir::types::{Id, ResourceType};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// What was done or tried. The codes stand in the database and never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$doc])* $name),* }

        impl Action {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code in the database.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

actions! {
    /// FHIR: one resource, its current version.
    Read = "read";
    /// FHIR: one resource, a version by number.
    VersionRead = "vread";
    /// FHIR: the versions of one resource.
    History = "history";
    Search = "search";
    /// FHIR: a bulk export was asked for.
    ExportStarted = "export-started";
    /// FHIR: a file of a bulk export was fetched; also once for each client in it.
    ExportFile = "export-file";
    ExportCancelled = "export-cancelled";
    /// FHIR: an app asked for what it keeps here.
    AppStateRead = "app-state-read";
    AppStateWritten = "app-state-written";
    AppStateDeleted = "app-state-deleted";
    /// A token that is unknown, expired, withdrawn or of another tenant.
    TokenPresented = "token-presented";

    /// Login: user name and password.
    Password = "password";
    PasswordChanged = "password-changed";
    /// Login: the browser was sent to an OpenID provider.
    UpstreamLeft = "upstream-left";
    /// Login: it came back.
    UpstreamReturned = "upstream-returned";
    /// Login: an SMS code was asked for.
    CodeSent = "code-sent";
    /// Login: an SMS code was entered.
    CodeEntered = "code-entered";
    /// Login: the organisation's terms were agreed to, or not.
    TermsAccepted = "terms-accepted";
    /// Login: a client was chosen.
    PatientChosen = "patient-chosen";
    /// Login: an app's request was approved.
    Approved = "approved";
    /// Login: an app's request was refused by the person.
    Declined = "declined";
    SignedOut = "signed-out";
    /// Login: a browser is trusted from now on.
    DeviceTrusted = "device-trusted";
    /// A trusted browser is one no more.
    DeviceEnded = "device-ended";

    /// OAuth: an authorization request came in.
    AuthorizationRequested = "authorization-requested";
    /// OAuth: a portal asked for a launch of an app.
    LaunchCreated = "launch-created";
    /// OAuth: a code was exchanged.
    TokenIssued = "token-issued";
    TokenRefreshed = "token-refreshed";
    TokenRevoked = "token-revoked";
    /// OAuth: an app asked who logged in.
    UserInfo = "userinfo";

    AccountCreated = "account-created";
    /// Somebody asked for an account; `success`: they were expected, and a link went out.
    Registered = "registered";
    AccountChanged = "account-changed";
    /// By the organisation.
    AccountLocked = "account-locked";
    AccountUnlocked = "account-unlocked";
    /// By its owner or the organisation.
    AccountClosed = "account-closed";
    /// Number or address, by its owner.
    ContactChanged = "contact-changed";
    /// An authenticator app or recovery codes, by the account's owner.
    FactorChanged = "factor-changed";
    /// A link for a new password was asked for.
    LinkSent = "link-sent";
    ConsentChanged = "consent-changed";
    AppChanged = "app-changed";
    /// A key that signs id tokens was made or retired.
    KeyChanged = "key-changed";
    /// The gateway itself read or changed dossiers: synchronisation, administration.
    System = "system";
}

/// How it ended. The reason is a word out of the code, never input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// The rules said no: `"scope"`, `"not-found"`, `"wrong-code"`, …
    Refused(&'static str),
    /// The gateway could not do it.
    Failed(&'static str),
}

impl Outcome {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }

    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Success => None,
            Self::Refused(reason) | Self::Failed(reason) => Some(reason),
        }
    }
}

/// Who acted, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The account's id; an unknown user name is not kept.
    pub account: Option<String>,
    /// The app.
    pub client_id: Option<String>,
    /// The grant behind the token.
    pub grant: Option<String>,
    /// In what role towards the client: `"client"`, `"contact"`, `"representative"`; `"app"` for one in its own name.
    pub role: Option<&'static str>,
}

/// What was touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct What {
    pub kind: Option<ResourceType>,
    pub id: Option<Id>,
    pub version: Option<i64>,
    /// Parameter names and coded values only, for example `code&date&status=final`.
    pub query: Option<String>,
}

/// One thing that happened. With several clients it becomes one line a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub tenant: TenantId,
    pub action: Action,
    pub outcome: Outcome,
    pub who: Who,
    pub what: What,
    /// Whose dossier it was about.
    pub patients: Vec<Id>,
    pub request: Option<Uuid>,
    pub network: Option<Network>,
}

impl Entry {
    pub fn new(tenant: TenantId, action: Action, outcome: Outcome) -> Self {
        Self {
            tenant,
            action,
            outcome,
            who: Who::default(),
            what: What::default(),
            patients: Vec::new(),
            request: None,
            network: None,
        }
    }

    #[must_use]
    pub fn by(mut self, who: Who) -> Self {
        self.who = who;
        self
    }

    #[must_use]
    pub fn on(mut self, what: What) -> Self {
        self.what = what;
        self
    }

    #[must_use]
    pub fn about(mut self, patients: &[Id]) -> Self {
        self.patients = patients.to_vec();
        self
    }

    /// Which request it was part of, and from where.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Self {
        self.request = Some(origin.request);
        self.network = origin.network;
        self
    }
}

/// Where a request came from. The HTTP layer puts one into every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `X-Request-Id`
    pub request: Uuid,
    pub network: Option<Network>,
}

/// The network of an address: enough to see a pattern, too little to see a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The /24 of an IPv4 address, the /48 of an IPv6 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4((u32::from(v4) & 0xffff_ff00).into())),
            IpAddr::V6(v6) => Self(IpAddr::V6((u128::from(v6) & (!0 << 80)).into())),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}/24"),
            IpAddr::V6(v6) => write!(f, "{v6}/48"),
        }
    }
}

/// The line could not be made durable; the request that asked for it must fail.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("too many audit lines wait to be written")]
    Busy,
    #[error("the audit writer has stopped")]
    Stopped,
    #[error("the audit line could not be written")]
    Database(#[from] Arc<db::Error>),
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Writes the lines of `entry` in the caller's transaction: for flows that commit other things too. Call it last, just before
/// the commit: it holds the tenant's chain until then.
pub async fn write(tx: &mut Tx, entry: &Entry, now: Timestamp) -> Result<(), db::Error> {
    store::append(tx, &entry.tenant, &[(entry, now)]).await.map(drop)
}

/// The same for many entries of one tenant.
pub async fn write_together(tx: &mut Tx, tenant: &TenantId, entries: &[(&Entry, Timestamp)]) -> Result<(), db::Error> {
    store::append(tx, tenant, entries).await.map(drop)
}

/// Whether the log can be reached at all.
pub async fn reachable(db: &db::Db) -> Result<(), db::Error> {
    store::any(&mut *db.read().await?).await
}

#[cfg(test)]
mod chain_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_reads_back() {
        for action in Action::ALL {
            assert_eq!(Action::from_code(action.code()), Some(*action));
        }
    }

    #[test]
    fn an_address_is_kept_by_its_network_only() {
        let network = |text: &str| Network::of(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.77"), "192.0.2.0/24");
        assert_eq!(network("::ffff:192.0.2.77"), "192.0.2.0/24");
        assert_eq!(network("2001:db8:1:2:3::4"), "2001:db8:1::/48");
    }
}
