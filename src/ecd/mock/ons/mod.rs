//! A mock of Nedap Ons: HTTPS with client certificates, its paths, its limits and its habits.
//!
//! ```sh
//! curl --cacert ca.pem --cert client.pem --key client.key.pem https://localhost:8443/v0/xstream/clients/data
//! ```
//!
//! # Design
//! - The test authority and one client certificate are made at the first start and kept in `tls_dir`, so that a
//!   connector configured with them keeps working. The server's own certificate is made at each start for the address
//!   it listens on. A certificate of another authority fails the handshake; one of ours that was never admitted gets 403, one with
//!   an RSA key of fewer than 4096 bits 495. ASSUMPTION: the vendor asks for that size in the request to sign, so that no such
//!   certificate of its own was seen; the mock says at once what a connector would learn from the vendor.
//! - A client must name the host in the handshake (SNI), as the product wants it.
//! - Four requests per certificate may be open, counted until the last byte of the answer is handed over; a fifth gets
//!   429 and no Retry-After.
//! - ASSUMPTION: `since` without a zone is read as Dutch time. The contract shows no zone.
//! - [`Faults`] makes answers go wrong, for tests of what a connector does then; [`Meanwhile`] changes the records while they are read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Population;
use super::mishap::Mishaps;
use crate::clock::Clock;
use crate::secret::Secret;

mod authority;
mod clients;
mod faults;
mod reports;
mod revise;
mod routes;
pub(in crate::ecd::mock) mod serve;
mod streams;
mod webhook;

pub use authority::{Authority, Pair};
pub use faults::{Fault, Faults, Meanwhile, Moment};
pub use webhook::{Sender, Webhooks};

/// How a mock runs.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub population: Arc<Population>,
    /// Where the authority and the client certificate are kept.
    pub tls_dir: PathBuf,
    pub clock: Clock,
    /// Pause before each answer, as a distant product has it.
    pub latency: Duration,
    pub sni: Sni,
    /// What goes wrong by chance.
    pub mishaps: Mishaps,
}

/// Whether a client must name the host in the handshake. Ons wants it; a client that is given an IP address cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sni {
    Required,
    Optional,
}

impl Options {
    pub fn new(listen: SocketAddr, population: Arc<Population>, tls_dir: PathBuf, clock: Clock) -> Self {
        Self {
            listen,
            population,
            tls_dir,
            clock,
            latency: Duration::ZERO,
            sni: Sni::Required,
            mishaps: Mishaps::default(),
        }
    }
}

/// What a mock has served.
#[derive(Debug, Default)]
pub struct Served {
    requests: AtomicU64,
    throttled: AtomicU64,
}

impl Served {
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests answered with 429.
    pub fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }
}

/// A mock that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// `https://localhost:<port>`; the IP address works only where [`Sni::Optional`] lets it.
    pub url: String,
    pub address: SocketAddr,
    pub ca_pem: String,
    pub client_cert_pem: String,
    pub client_key_pem: Secret<String>,
    pub faults: Faults,
    pub served: Arc<Served>,
    pub webhooks: Webhooks,
    pub meanwhile: Meanwhile,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why a mock cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error("TLS: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error("{path}: not a certificate or key in PEM form; delete the folder to make new ones")]
    Pem { path: PathBuf },
}

/// Starts a mock and gives what a connector needs to reach it.
///
/// # Errors
/// If the address is taken or the certificates cannot be read or made.
pub async fn start(options: Options) -> Result<Running, Error> {
    let authority = Authority::open(&options.tls_dir)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|source| Error::Listen {
            address: options.listen,
            source,
        })?;
    let address = listener.local_addr().map_err(|source| Error::Listen {
        address: options.listen,
        source,
    })?;
    let acceptor = serve::acceptor(&authority, address.ip(), options.sni, &options.mishaps)?;
    let faults = Faults::default();
    let served = Arc::new(Served::default());
    let webhooks = Webhooks::default();
    let meanwhile = Meanwhile::default();
    let state = routes::State {
        population: options.population,
        clock: options.clock,
        latency: options.latency,
        mishaps: options.mishaps,
        faults: faults.clone(),
        served: Arc::clone(&served),
        admitted: authority.admitted(),
        open: Arc::default(),
        webhooks: webhooks.clone(),
        meanwhile: meanwhile.clone(),
    };
    let client = authority.client();
    Ok(Running {
        url: format!("https://localhost:{}", address.port()),
        address,
        ca_pem: authority.ca_pem().to_owned(),
        client_cert_pem: client.certificate_pem.clone(),
        client_key_pem: client.key_pem.clone(),
        faults,
        served,
        webhooks,
        meanwhile,
        task: tokio::spawn(serve::run(listener, acceptor, routes::router(state))),
    })
}
