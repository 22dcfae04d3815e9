//! TLS in the server itself: two presets, and a certificate that is read again when its files change.
//!
//! ```no_run
//! # fn example(settings: &inzage::config::Tls) -> Result<(), inzage::http::tls::Problem> {
//! let tls = inzage::http::tls::Tls::load(settings, "gateway.example", jiff::Timestamp::UNIX_EPOCH)?;
//! println!("the certificate ends at {}", tls.ends_at());
//! # Ok(())
//! # }
//! ```
//!
//! # Design
//! The presets follow the TLS guidelines of the Dutch NCSC (2025-05). Both take only AEAD ciphers with ephemeral keys, no early
//! data (what is sent in it can be played back), no renegotiation and no compression: rustls has neither. `voldoende` adds
//! TLS 1.2 with the extended master secret (RFC 7627) required.
//!
//! The files are looked at every few seconds, and at once at SIGHUP; what counts is their content. A pair that is not in order
//! (half written, weak, ended, for another host) is told in the log and never put to use: the old one goes on.

mod certificate;
#[cfg(test)]
pub(super) mod tests;

use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedCipherSuite, version};
use tokio_rustls::TlsAcceptor;

pub use certificate::Problem;
use certificate::{Certificate, Files};

use crate::clock::Clock;
use crate::config::{self, TlsPreset};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(10);
/// From so long before its end a certificate is worth a warning.
pub const WARN_DAYS: i64 = 30;

const GOED: &[SupportedCipherSuite] = &[
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];
const VOLDOENDE: &[SupportedCipherSuite] = &[
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];
const GROUPS: &[&dyn SupportedKxGroup] = &[
    kx_group::X25519MLKEM768,
    kx_group::X25519,
    kx_group::SECP256R1,
    kx_group::SECP384R1,
];

/// The TLS side of a listener.
pub struct Tls {
    files: Files,
    own: Arc<Own>,
    acceptor: TlsAcceptor,
    /// The contents that were looked at last, in order or not.
    seen: Mutex<[u8; 32]>,
}

/// The certificate that is shown to everybody; the gateway has one name.
#[derive(Debug)]
struct Own(RwLock<Certificate>);

impl Own {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Certificate> {
        // Nothing can panic while it is written: it is one assignment.
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.read().key))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files and checks that they can be used for `host` at `now`.
    pub fn load(settings: &config::Tls, host: &str, now: Timestamp) -> Result<Self, Problem> {
        let files = Files::new(settings, host);
        let pem = files.read()?;
        let provider = Arc::new(provider(settings.preset));
        let own = Arc::new(Own(RwLock::new(pem.check(&files, now)?)));
        let versions: &[_] = match settings.preset {
            TlsPreset::Goed => &[&version::TLS13],
            TlsPreset::Voldoende => &[&version::TLS13, &version::TLS12],
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("each preset has ciphers for its versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&own) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.require_ems = true;
        config.ignore_client_order = true;
        config.max_early_data_size = 0;
        Ok(Self {
            seen: Mutex::new(pem.digest()),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            files,
            own,
        })
    }

    /// When the certificate in use ends.
    pub fn ends_at(&self) -> Timestamp {
        self.own.read().not_after
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Looks at the files; `true`: they hold another certificate, and it is in use from now on.
    pub fn look(&self, now: Timestamp) -> Result<bool, Problem> {
        let pem = self.files.read()?;
        let digest = pem.digest();
        {
            let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if *seen == digest {
                return Ok(false);
            }
            *seen = digest;
        }
        let certificate = pem.check(&self.files, now)?;
        *self.own.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = certificate;
        Ok(true)
    }

    /// Looks every few seconds, and at SIGHUP, until it is dropped. A new problem is told once.
    pub async fn watch(self: Arc<Self>, clock: Clock) {
        let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok();
        let (mut told, mut warned) = (None, None);
        loop {
            match self.look(clock.now()) {
                Ok(true) => {
                    told = None;
                    tracing::info!(certificate.ends_at = %self.ends_at(), "a new certificate is in use");
                }
                Ok(false) => {}
                Err(problem) => {
                    metrics::counter!("tls_certificate_refused_total").increment(1);
                    let problem = problem.to_string();
                    if told.as_ref() != Some(&problem) {
                        tracing::error!(
                            problem,
                            "the certificate's files changed and cannot be used: the old one goes on"
                        );
                        told = Some(problem);
                    }
                }
            }
            metrics::gauge!("tls_certificate_ends_at_seconds").set(self.ends_at().as_second() as f64);
            let days = days_left(self.ends_at(), clock.now());
            if days < WARN_DAYS && warned != Some(days) {
                tracing::warn!(certificate.days_left = days, "the certificate ends soon: renew it");
                warned = Some(days);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = hung_up(&mut hangup) => {}
            }
        }
    }
}

/// Whole days from `now` to `end`; negative after it.
pub fn days_left(end: Timestamp, now: Timestamp) -> i64 {
    (end.as_second() - now.as_second()).div_euclid(24 * 60 * 60)
}

async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn provider(preset: TlsPreset) -> CryptoProvider {
    let suites = match preset {
        TlsPreset::Goed => GOED,
        TlsPreset::Voldoende => VOLDOENDE,
    };
    CryptoProvider {
        cipher_suites: suites.to_vec(),
        kx_groups: GROUPS.to_vec(),
        ..aws_lc_rs::default_provider()
    }
}
