//! The TLS side: pinned authorities, our certificate where there is one, TLS 1.2 or newer by aws-lc-rs.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use super::Settings;
use super::transport::wrong;
use crate::ecd::Error;

/// Refuses an address that would send a token in the clear.
pub(super) fn check(setting: &'static str, url: &Url) -> Result<(), Error> {
    let is_local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
        return Err(wrong(
            setting,
            "must begin with https://; http is for this machine alone",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(setting, "must be a plain address, without ?, # or a user name"));
    }
    Ok(())
}

pub(super) fn client(settings: &Settings, is_https: bool) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match &settings.ca_pem {
        Some(pem) => {
            for authority in certificates("ca_file", pem)? {
                roots.add(authority).map_err(|error| wrong("ca_file", error))?;
            }
        }
        None if is_https => {
            return Err(wrong(
                "ca_file",
                "is needed: the authority that signed the server's certificate",
            ));
        }
        None => {}
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("base_url", error))?
        .with_root_certificates(roots);
    let Some(own) = &settings.certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.expose().as_bytes())
        .map_err(|_| wrong("key_file", "no private key in PEM form found"))?;
    let chain = certificates("certificate_file", &own.certificate_pem)?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| wrong("key_file", error))
}

fn certificates(setting: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    match CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong(setting, "no certificate in PEM form found")),
    }
}
