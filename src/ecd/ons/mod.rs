//! The connector to Nedap Ons: mutual TLS, streams of lines, per-client lists, four requests at a time.
//!
//! ```no_run
//! # fn example(ca: String, certificate: String, key: String) -> Result<(), Box<dyn std::error::Error>> {
//! use inzage::ecd::{contract::Contracts, ons};
//! use inzage::secret::{Random, Secret};
//! let settings = ons::Settings::new("https://api-staging.ons.io".parse()?, ca, certificate, Secret::new(key));
//! let contracts = Contracts::builtin("ons").expect("the built-in contracts compile");
//! let ons = ons::Ons::new(settings, contracts.into(), Random::Os)?;
//! # Ok(()) }
//! ```
//!
//! # Design
//! - `transport` opens one request: permit, certificate, limits, back-off, the meter. `rows` cuts an answer into records
//!   in bounded memory. `repair` undoes the product's habits. `join` adds what a mapping cannot look up. `pull` knows the
//!   order and decides what counts as whole; `circle`, `clients`, `relations`, `insurances` and `lists` are its other parts, `departure`
//!   reads stays out of allocations.
//! - Ons admits four parallel requests per certificate and answers a fifth with 429 without saying when to come back.
//!   The permits therefore belong to the certificate, not to the connector: four tenants of a demo that share a
//!   certificate share its four permits. The back-off is our own, with jitter.
//! - A client costs seven requests a pull: care providers, employees, releases, plans, agenda, forms, and whether the plan in force was
//!   agreed with; one more if that plan has areas of the Omaha System. What does not change any more costs its requests once (`kept`): an
//!   agreement with a plan that is over, and a form without a classification. Everything else comes in streams.
//! - `hook` reads webhooks, `look` reads what they name. Both share the parts of a pull, so a record is the same whichever way
//!   it came.
//! - `since` has no time zone in the contract. We send the wall clock of UTC: read as Dutch time it means one or two
//!   hours earlier, so either reading loses nothing; the overlap covers clocks that differ.
//! - `releases`, `goals`, `history`, `plans` and `surveys` join what one list says to the records of another; where such a list fails,
//!   what depends on it waits for the next pull. What must not be seen any more waits for nothing.
//! - The stream of reports has no deletions, the agenda has no stream at all: see [`Event::Complete`](super::Event).

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::civil::Date;
use tokio::sync::mpsc;
use url::Url;

use super::contract::Contracts;
use super::{Connector, Error, Event, Kind, Look, Pull, Reach, Spent};
use crate::config::OnsList;
use crate::secret::{Random, Secret};

mod agreements;
pub mod certificate;
mod circle;
mod clients;
mod departure;
mod goals;
mod history;
pub mod hook;
mod insurances;
mod join;
mod kept;
mod lists;
mod look;
mod omaha;
mod plans;
mod pull;
mod relations;
mod releases;
mod repair;
mod reports;
mod rows;
mod surveys;
mod transport;

/// Where an Ons installation is and how we identify ourselves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.ons.io`, or any other address over TLS.
    pub base_url: Url,
    /// The only authorities that may sign the server's certificate, PEM.
    pub ca_pem: String,
    /// Our certificate and its chain, PEM.
    pub certificate_pem: String,
    /// The key of that certificate, PEM (PKCS#8, PKCS#1 or SEC1).
    pub key_pem: Secret<String>,
    /// `connector/version+address`, as the vendor asks.
    pub user_agent: String,
    /// The acting user, for the source's own audit.
    pub identity: Option<Identity>,
    /// What the certificate has no right to, as agreed with the organisation: not asked for.
    pub without: BTreeSet<OnsList>,
    pub limits: Limits,
}

/// Optional `X-Cupido-*` headers.
#[derive(Clone, Debug)]
pub struct Identity {
    pub user_name: String,
    pub active_identity: Option<String>,
}

/// Bounds of time and size. The defaults fit the documented limits of the product.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests that may be open at once with one certificate.
    pub parallel: usize,
    pub connect: Duration,
    /// Longest silence within an answer.
    pub idle: Duration,
    /// Longest time for a list.
    pub list: Duration,
    /// Longest time for a stream.
    pub stream: Duration,
    pub line_bytes: usize,
    pub list_bytes: usize,
    /// Addresses of contacts that are kept while relations stream by.
    pub join_bytes: usize,
    /// Attempts per request, the first included.
    pub attempts: u32,
    /// First pause after 429 or 5xx; doubled each time up to `pause_most`.
    pub pause: Duration,
    pub pause_most: Duration,
    /// The longest pause that the source may ask for within a run; for a longer one the run ends and comes back.
    pub patience: Duration,
    /// Requests in a row without an answer after which the rest of the run is not asked for.
    pub failures: u32,
    /// How far `since` reaches back before the moment asked for; at least ten minutes.
    pub overlap: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parallel: 4,
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            list: Duration::from_secs(120),
            stream: Duration::from_secs(2 * 3600),
            line_bytes: 1 << 20,
            list_bytes: 32 << 20,
            join_bytes: 128 << 20,
            attempts: 6,
            pause: Duration::from_millis(500),
            pause_most: Duration::from_secs(30),
            patience: Duration::from_secs(120),
            failures: 8,
            overlap: Duration::from_secs(15 * 60),
        }
    }
}

impl Settings {
    /// Settings with the default limits.
    pub fn new(base_url: Url, ca_pem: String, certificate_pem: String, key_pem: Secret<String>) -> Self {
        Self {
            base_url,
            ca_pem,
            certificate_pem,
            key_pem,
            user_agent: concat!("inzage/", env!("CARGO_PKG_VERSION"), "+https://inzage.dev").to_owned(),
            identity: None,
            without: BTreeSet::new(),
            limits: Limits::default(),
        }
    }
}

/// A connection to one Ons installation.
#[derive(Clone)]
pub struct Ons {
    transport: Arc<transport::Transport>,
    without: Arc<BTreeSet<OnsList>>,
    contracts: Arc<Contracts>,
    names: Arc<look::KeptNames>,
    kept: Arc<Mutex<kept::Kept>>,
}

impl Ons {
    /// Checks the settings; opens no connection yet.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting that cannot be used.
    pub fn new(settings: Settings, contracts: Arc<Contracts>, random: Random) -> Result<Self, Error> {
        Ok(Self {
            without: Arc::new(settings.without.clone()),
            kept: kept::of(settings.base_url.as_str(), &settings.certificate_pem),
            transport: Arc::new(transport::Transport::new(settings, random)?),
            contracts,
            names: Arc::default(),
        })
    }
}

/// Events that may wait between the connector and its reader.
const WAITING: usize = 256;

impl Ons {
    fn run<F>(&self, pull: Pull, work: impl FnOnce(pull::Run) -> F) -> BoxStream<'_, Result<Event, Error>>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Requests without an answer are counted within a run; a connector may live for months.
        self.transport.failures.store(0, Ordering::Relaxed);
        let (out, events) = mpsc::channel(WAITING);
        let run = pull::Run {
            transport: Arc::clone(&self.transport),
            contracts: Arc::clone(&self.contracts),
            without: Arc::clone(&self.without),
            kept: Arc::clone(&self.kept),
            pull,
            out,
        };
        super::task::events(events, tokio::spawn(work(run)))
    }
}

impl Connector for Ons {
    fn name(&self) -> &'static str {
        "ons"
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.transport.ping())
    }

    /// An occurrence has in its key the day that its series had foreseen: `2@2012-08-02`. One that is known and foreseen after
    /// the days asked for was moved into them; when it does not come any more, it was cancelled or moved out again.
    fn is_within(&self, kind: Kind, key: &str, agenda: &Range<Date>) -> bool {
        kind != Kind::AgendaOccurrence
            || key
                .rsplit_once('@')
                .and_then(|(_, day)| day.parse().ok())
                .is_some_and(|day: Date| agenda.start <= day)
    }

    fn pull(&self, pull: Pull) -> BoxStream<'_, Result<Event, Error>> {
        self.run(pull, pull::Run::all)
    }

    fn spent(&self) -> Spent {
        self.transport.spent()
    }

    fn allow(&self, time: Duration) {
        self.transport.allow(time);
    }

    fn redeliver(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.transport.redeliver())
    }

    fn look(&self, look: Look) -> BoxStream<'_, Result<Event, Error>> {
        let names = Arc::clone(&self.names);
        let pull = Pull {
            clients: look.clients,
            reach: Reach::Since(look.since),
            // No event tells of an appointment.
            agenda: Date::MIN..Date::MIN,
            mark: None,
            today: look.today,
        };
        self.run(pull, |run| run.look(look.again, names))
    }
}
