//! The connector to a FHIR R4 server that holds the dossiers: search by patient, page by page, and re-profiling by maps.
//!
//! ```no_run
//! # fn example(token: String, contracts: inzage::ecd::contract::Contracts) -> Result<(), inzage::ecd::Error> {
//! use inzage::clock::Clock;
//! use inzage::ecd::upstream::{Settings, Token, Upstream};
//! use inzage::secret::{Random, Secret};
//! let mut settings = Settings::new("http://127.0.0.1:8090/fhir/".parse().unwrap(), jiff::tz::TimeZone::UTC);
//! settings.token = Some(Token::Fixed(Secret::new(token)));
//! let upstream = Upstream::new(settings, contracts.into(), Clock::System, Random::Os)?;
//! # Ok(()) }
//! ```
//!
//! # Design
//! A server that already speaks FHIR is a source like any other: what it sends is checked, mapped line by line
//! (`mappings/fhir`) and validated against our profiles. Nothing is passed on as it came.
//!
//! - **Ids and references become ours.** `repair` adds to each reference to this server the id that it points at (`key`); the
//!   map makes the reference anew. References to elsewhere keep their `display` alone.
//! - **What decides is `meta.security`.** A resource with any security label is withheld by the maps: the labels of others mean
//!   what others agreed on. Narrative, contained resources and unknown extensions are never read.
//! - `page` reads one Bundle, `pull` follows its pages: only on the same server, below the same base, and never twice. A list
//!   with fewer resources than the `total` that the server tells, or with an outcome that tells of an error, is half a list and
//!   counts as not read. Several pages are read twice where absence counts, and must name the same ids.
//! - **A resource of another patient than the one asked for** is never published and makes the answer worth nothing as evidence
//!   of absence. `Prefer: handling=strict` asks the server to refuse a parameter that it does not know, instead of ignoring it.
//! - `episode` reads stays out of EpisodeOfCare and death: both are read whole each time, because a stay is of today.
//! - ASSUMPTION: the server knows `patient`, `_lastUpdated`, `_count` and `_total` as R4 describes them, and sends all of a patient
//!   when `_lastUpdated` is left out; all of its episodes of care are of this organisation. Ons itself offers `/v0/fhir`; its FHIR
//!   version is not public.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use url::Url;

use super::contract::Contracts;
use super::task;
use super::{Connector, Error, Event, Kind, Pull, Spent};
use crate::clock::Clock;
use crate::config::FhirList;
use crate::secret::{Random, Secret};

mod carers;
mod episode;
mod page;
mod pull;
mod repair;
mod tls;
mod token;
mod transport;

/// Where the server is and how we identify ourselves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The base of its resources, ending with a slash: `https://fhir.example/r4/`.
    pub base_url: Url,
    /// The only authorities that may sign the server's certificate, PEM; not for `http` on this machine.
    pub ca_pem: Option<String>,
    /// Our certificate, if the server asks for one.
    pub certificate: Option<Certificate>,
    /// What stands in `Authorization`, if anything does.
    pub token: Option<Token>,
    /// Where a day begins and ends.
    pub zone: TimeZone,
    /// What the server does not have: not asked for.
    pub without: BTreeSet<FhirList>,
    pub limits: Limits,
}

/// Our certificate with its chain, and its key, PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub certificate_pem: String,
    pub key_pem: Secret<String>,
}

/// Where our access token comes from.
#[derive(Clone, Debug)]
pub enum Token {
    Fixed(Secret<String>),
    Backend(Backend),
}

/// SMART Backend Services: a short-lived token for a signed assertion.
#[derive(Clone, Debug)]
pub struct Backend {
    pub token_url: Url,
    pub client_id: String,
    /// Space-separated: `system/*.rs`.
    pub scope: String,
    /// The private key that signs, PEM in PKCS#8: P-384 (ES384) or RSA (RS384).
    pub key_pem: Secret<String>,
    /// The name of the key in the key set that the server knows of us.
    pub key_id: String,
}

/// Bounds of time and size.
#[derive(Clone, Debug)]
pub struct Limits {
    pub connect: Duration,
    /// Longest time for a page.
    pub page: Duration,
    pub page_bytes: usize,
    /// Pages of one search.
    pub pages: usize,
    /// Bytes of all pages of one search.
    pub list_bytes: usize,
    /// Attempts per request, the first included.
    pub attempts: u32,
    /// First pause after 429 or 5xx; doubled each time up to `pause_most`.
    pub pause: Duration,
    pub pause_most: Duration,
    /// The longest pause that the server may ask for within a run; for a longer one the run ends and comes back.
    pub patience: Duration,
    /// Requests in a row without an answer after which the rest of the run is not asked for.
    pub failures: u32,
    /// How far `_lastUpdated` reaches back before the moment asked for.
    pub overlap: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            page: Duration::from_secs(60),
            page_bytes: 16 << 20,
            pages: 1_000,
            list_bytes: 64 << 20,
            attempts: 5,
            pause: Duration::from_millis(500),
            pause_most: Duration::from_secs(30),
            patience: Duration::from_secs(120),
            failures: 8,
            overlap: Duration::from_secs(15 * 60),
        }
    }
}

impl Settings {
    /// Settings with the default limits, without a certificate or token.
    pub fn new(base_url: Url, zone: TimeZone) -> Self {
        Self {
            base_url,
            ca_pem: None,
            certificate: None,
            token: None,
            zone,
            without: BTreeSet::new(),
            limits: Limits::default(),
        }
    }
}

/// A connection to one server.
#[derive(Clone)]
pub struct Upstream {
    transport: Arc<transport::Transport>,
    contracts: Arc<Contracts>,
    zone: TimeZone,
    without: Arc<BTreeSet<FhirList>>,
}

impl Upstream {
    /// Checks the settings; opens no connection yet.
    ///
    /// # Errors
    /// [`Error::Setting`] with the setting that cannot be used.
    pub fn new(settings: Settings, contracts: Arc<Contracts>, clock: Clock, random: Random) -> Result<Self, Error> {
        Ok(Self {
            contracts,
            zone: settings.zone.clone(),
            without: Arc::new(settings.without.clone()),
            transport: Arc::new(transport::Transport::new(settings, clock, random)?),
        })
    }
}

/// Events that may wait between the connector and its reader.
const WAITING: usize = 256;

impl Connector for Upstream {
    fn name(&self) -> &'static str {
        "fhir"
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.transport.ping())
    }

    /// Appointments are asked for whatever their day.
    fn is_within(&self, _: Kind, _: &str, _: &Range<Date>) -> bool {
        true
    }

    fn spent(&self) -> Spent {
        self.transport.spent()
    }

    fn pull(&self, pull: Pull) -> BoxStream<'_, Result<Event, Error>> {
        // Requests without an answer are counted within a run; a connector may live for months.
        self.transport.begin();
        let (out, events) = mpsc::channel(WAITING);
        let run = pull::Run {
            transport: Arc::clone(&self.transport),
            contracts: Arc::clone(&self.contracts),
            zone: self.zone.clone(),
            without: Arc::clone(&self.without),
            pull,
            out,
        };
        task::events(events, tokio::spawn(run.all()))
    }
}
