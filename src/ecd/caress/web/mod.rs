//! The connector to a Caress that answers over the web: lists in the product's REST style, staff over its SOAP service.
//!
//! # Design
//! **Seen** in a public connector: HTTP Basic with a client certificate, `GET /employees?…&endDate=2200-01-01` with
//! `{"employees":[{"identifier":…,"longName":…}]}`, duplicates in it, `{"ErrorMessage":…}`, lists of up to 50 seconds, HTTP 500
//! with "Access violation at address" for what the product cannot stand, one request at a time because it closes a wrong session
//! otherwise; and the SOAP operations `CreateSession`, `GetEmployees`, `GetDisciplines`, `GetUsers`, `DestroySession`.
//! **ASSUMPTION: every other list.** Names of lists and members are ours (`lists`): the columns of the file drop in
//! lowerCamelCase, so that both ways of the product give the same records to the same maps.
//!
//! - All lists but one are read whole in every run, so what is absent from them is gone. Of the reports, the long list, a run
//!   asks for what changed (`modifiedSince`, with an overlap); a full run asks for all of them.
//! - The version of a record is the moment at which its list was asked for: the stamps in it are local times.
//! - One request at a time for each certificate, in the whole process.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use url::Url;

use super::super::contract::Contracts;
use super::super::{Connector, Error, Event, Kind, Pull, Spent, task};
use crate::clock::Clock;
use crate::secret::{Random, Secret};

mod circle;
mod http;
mod lists;
mod pull;
mod soap;

pub(in crate::ecd) use lists::camel;
pub(in crate::ecd) use soap::elements;

/// Where a Caress is and how we identify ourselves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://<customer>.mijncaress.nl`, or any other address over TLS.
    pub base_url: Url,
    /// The only authorities that may sign the server's certificate, PEM.
    pub ca_pem: String,
    pub certificate_pem: String,
    pub key_pem: Secret<String>,
    pub username: String,
    /// For HTTP Basic and, where staff come over SOAP, for its session: there the product wants it as its supplier
    /// encrypted it, so both are settings.
    pub password: Secret<String>,
    pub staff: Staff,
    /// The zone of the product's local times.
    pub zone: TimeZone,
    pub clock: Clock,
    pub limits: Limits,
}

/// How employees are read.
#[derive(Clone, Debug)]
pub enum Staff {
    /// `GET /employees`.
    Rest,
    /// The SOAP service, with the password of its session.
    Soap { password: Secret<String> },
}

/// Bounds of time and size.
#[derive(Clone, Debug)]
pub struct Limits {
    pub connect: Duration,
    /// Longest time for a list; the product takes up to 50 seconds.
    pub list: Duration,
    pub list_bytes: usize,
    /// Attempts per request, the first included.
    pub attempts: u32,
    pub pause: Duration,
    /// Longest pause that the source may ask for within a run; a longer one ends it.
    pub patience: Duration,
    /// How far `modifiedSince` reaches back before the moment asked for.
    pub overlap: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            list: Duration::from_secs(120),
            list_bytes: 64 << 20,
            attempts: 4,
            pause: Duration::from_secs(2),
            patience: Duration::from_secs(120),
            overlap: Duration::from_secs(15 * 60),
        }
    }
}

/// A connection to one Caress.
#[derive(Clone)]
pub struct Web {
    settings: Arc<Settings>,
    http: Arc<http::Http>,
    contracts: Arc<Contracts>,
}

impl Web {
    /// # Errors
    /// If a setting cannot be used. Connects to nothing yet.
    pub fn new(settings: Settings, contracts: Arc<Contracts>, random: Random) -> Result<Self, Error> {
        let http = http::Http::new(&settings, random)?;
        Ok(Self {
            settings: Arc::new(settings),
            http: Arc::new(http),
            contracts,
        })
    }
}

/// Events that may wait between the connector and its reader.
const WAITING: usize = 256;

impl Connector for Web {
    fn name(&self) -> &'static str {
        "caress"
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { lists::read(&self.http, &lists::TYPES, None).await.map(|_| ()) })
    }

    fn spent(&self) -> Spent {
        self.http.spent()
    }

    fn is_within(&self, _: Kind, _: &str, _: &Range<Date>) -> bool {
        true
    }

    fn pull(&self, pull: Pull) -> BoxStream<'_, Result<Event, Error>> {
        let (out, events) = mpsc::channel(WAITING);
        let run = pull::Run {
            settings: Arc::clone(&self.settings),
            http: Arc::clone(&self.http),
            contracts: Arc::clone(&self.contracts),
            pull,
            out,
        };
        task::events(events, tokio::spawn(run.all()))
    }
}
