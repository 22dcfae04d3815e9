//! The TLS side of a connector: our certificate, the pinned authorities, TLS 1.2 or newer by aws-lc-rs.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::Settings;
use crate::ecd::Error;
use crate::secret::Secret;

/// The configuration for reqwest, and the DER bytes of our own certificate.
pub(super) fn client(settings: &Settings) -> Result<(ClientConfig, Vec<u8>), Error> {
    of(&settings.ca_pem, &settings.certificate_pem, &settings.key_pem)
}

/// The same of its parts, for every connector that identifies itself by a certificate.
pub(in crate::ecd) fn of(
    ca_pem: &str,
    certificate_pem: &str,
    key_pem: &Secret<String>,
) -> Result<(ClientConfig, Vec<u8>), Error> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("ca_pem", ca_pem)? {
        roots.add(authority).map_err(|error| wrong("ca_pem", error))?;
    }
    let chain = certificates("certificate_pem", certificate_pem)?;
    let own = chain.first().map(|first| first.to_vec()).unwrap_or_default();
    let key = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes())
        .map_err(|_| wrong("key_pem", "no private key in PEM form found"))?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("base_url", error))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| wrong("key_pem", error))?;
    Ok((config, own))
}

fn certificates(setting: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| wrong(setting, "not in PEM form"))?;
    if found.is_empty() {
        return Err(wrong(setting, "no certificate in PEM form found"));
    }
    Ok(found)
}

fn wrong(setting: &'static str, problem: impl ToString) -> Error {
    Error::Setting {
        setting,
        problem: problem.to_string(),
    }
}
