//! A certificate and its key out of two files, and whether they may be used.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSASSAPSS, OID_PKCS1_SHA256WITHRSA,
    OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
    OID_SIG_ECDSA_WITH_SHA512,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::config;
use crate::secret::{Secret, sha256};

/// The smallest RSA key, in bits.
const RSA_BITS: usize = 3072;

/// Why a certificate is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{file} cannot be read ({kind})")]
    Unreadable { file: PathBuf, kind: io::ErrorKind },
    #[error("{0} holds no certificate in PEM form")]
    NoCertificate(PathBuf),
    #[error("{0} holds no private key in PEM form")]
    NoKey(PathBuf),
    #[error("{0}: this is not an X.509 certificate")]
    NotX509(PathBuf),
    #[error("the private key does not belong to the first certificate of {0}: put the server's own certificate first")]
    Mismatch(PathBuf),
    #[error("{0}: each certificate must be signed by the next one, and the first one by the second")]
    Order(PathBuf),
    #[error("the key is too weak: RSA of {RSA_BITS} bits or more, or a NIST curve from P-256 on")]
    WeakKey,
    #[error("a certificate is not signed with RSA or ECDSA over SHA-256 or better")]
    WeakSignature,
    #[error("the certificate is not valid before {0}")]
    NotYet(Timestamp),
    #[error("the certificate ended at {0}")]
    Ended(Timestamp),
    #[error("the certificate is not for {0}, the host of server.public_url")]
    OtherHost(String),
}

/// Where they lie, and for which host they have to be.
#[derive(Clone, Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    host: String,
}

/// What stands in the files.
pub(super) struct Pem {
    certificate: Vec<u8>,
    key: Secret<Vec<u8>>,
}

/// A certificate that may be used.
#[derive(Debug)]
pub(super) struct Certificate {
    pub key: Arc<CertifiedKey>,
    pub not_after: Timestamp,
}

impl Files {
    pub fn new(settings: &config::Tls, host: &str) -> Self {
        Self {
            certificate: settings.certificate_file.clone(),
            key: settings.key_file.clone(),
            host: host.to_owned(),
        }
    }

    pub fn read(&self) -> Result<Pem, Problem> {
        Ok(Pem {
            certificate: read(&self.certificate)?,
            key: Secret::new(read(&self.key)?),
        })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(file).map_err(|error| Problem::Unreadable {
        file: file.to_owned(),
        kind: error.kind(),
    })
}

impl Pem {
    pub fn digest(&self) -> [u8; 32] {
        let both = [sha256(&self.certificate), sha256(self.key.expose())];
        sha256(&both.concat())
    }

    pub fn check(&self, files: &Files, now: Timestamp) -> Result<Certificate, Problem> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Problem::NoCertificate(files.certificate.clone()))?;
        let own = chain
            .first()
            .ok_or_else(|| Problem::NoCertificate(files.certificate.clone()))?;
        let not_after = fits(&chain, files, now)?;
        let parsed = ParsedCertificate::try_from(own).map_err(|_| Problem::NotX509(files.certificate.clone()))?;
        let name = ServerName::try_from(files.host.trim_start_matches('[').trim_end_matches(']'))
            .map_err(|_| Problem::OtherHost(files.host.clone()))?;
        rustls::client::verify_server_name(&parsed, &name).map_err(|_| Problem::OtherHost(files.host.clone()))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.expose()).map_err(|_| Problem::NoKey(files.key.clone()))?;
        let key = aws_lc_rs::default_provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| Problem::NoKey(files.key.clone()))?;
        let key = CertifiedKey::new(chain, key);
        key.keys_match()
            .map_err(|_| Problem::Mismatch(files.certificate.clone()))?;
        Ok(Certificate {
            key: Arc::new(key),
            not_after,
        })
    }
}

/// The chain's order, times and algorithms; when the first of it ends.
fn fits(chain: &[CertificateDer<'_>], files: &Files, now: Timestamp) -> Result<Timestamp, Problem> {
    let not_x509 = || Problem::NotX509(files.certificate.clone());
    let mut parsed = Vec::new();
    for der in chain {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| not_x509())?;
        if !rest.is_empty() {
            return Err(not_x509());
        }
        parsed.push(certificate);
    }
    let own = parsed.first().ok_or_else(not_x509)?;
    if !is_strong(own) {
        return Err(Problem::WeakKey);
    }
    if parsed.iter().any(|certificate| is_signed_weakly(certificate)) {
        return Err(Problem::WeakSignature);
    }
    let in_order = |pair: &[X509Certificate<'_>]| pair[0].issuer().as_raw() == pair[1].subject().as_raw();
    if !parsed.windows(2).all(in_order) {
        return Err(Problem::Order(files.certificate.clone()));
    }
    let moment = |seconds: i64| Timestamp::from_second(seconds).map_err(|_| not_x509());
    // The chain is good for as long as each of it is.
    let (mut not_before, mut not_after) = (Timestamp::MIN, Timestamp::MAX);
    for certificate in &parsed {
        let validity = certificate.validity();
        not_before = not_before.max(moment(validity.not_before.timestamp())?);
        not_after = not_after.min(moment(validity.not_after.timestamp())?);
    }
    if now < not_before {
        return Err(Problem::NotYet(not_before));
    }
    if now > not_after {
        return Err(Problem::Ended(not_after));
    }
    Ok(not_after)
}

fn is_strong(certificate: &X509Certificate<'_>) -> bool {
    let info = certificate.public_key();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size() >= RSA_BITS,
        Ok(PublicKey::EC(_)) => info
            .algorithm
            .parameters
            .as_ref()
            .and_then(|curve| curve.as_oid().ok())
            .is_some_and(|curve| [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521].contains(&curve)),
        _ => false,
    }
}

/// A root signs itself, and nobody looks at that signature.
fn is_signed_weakly(certificate: &X509Certificate<'_>) -> bool {
    let strong = [
        OID_PKCS1_SHA256WITHRSA,
        OID_PKCS1_SHA384WITHRSA,
        OID_PKCS1_SHA512WITHRSA,
        OID_PKCS1_RSASSAPSS,
        OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384,
        OID_SIG_ECDSA_WITH_SHA512,
    ];
    let is_root = certificate.issuer().as_raw() == certificate.subject().as_raw();
    !is_root && !strong.contains(&certificate.signature_algorithm.algorithm)
}
