//! The TLS side of a connector: our certificate, the pinned authorities, TLS 1.2 or newer by aws-lc-rs.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::ecd::Error;
use crate::secret::Secret;

/// What the settings are called in errors.
pub(in crate::ecd) struct Names {
    pub(in crate::ecd) authorities: &'static str,
    pub(in crate::ecd) certificate: &'static str,
    pub(in crate::ecd) key: &'static str,
}

/// Of connectors that are always known by a certificate.
pub(in crate::ecd) const PEM: Names = Names {
    authorities: "ca_pem",
    certificate: "certificate_pem",
    key: "key_pem",
};

/// A certificate with its chain, and its key, both in PEM form.
pub(in crate::ecd) type Own<'a> = (&'a str, &'a Secret<String>);

/// The configuration for reqwest, and the DER bytes of our own certificate; none without one.
pub(in crate::ecd) fn client(
    names: &Names,
    authorities: Option<&str>,
    own: Option<Own<'_>>,
) -> Result<(ClientConfig, Vec<u8>), Error> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = authorities {
        for authority in certificates(names.authorities, pem)? {
            roots.add(authority).map_err(|error| wrong(names.authorities, error))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("base_url", error))?
        .with_root_certificates(roots);
    let Some((certificate_pem, key_pem)) = own else {
        return Ok((builder.with_no_client_auth(), Vec::new()));
    };
    let chain = certificates(names.certificate, certificate_pem)?;
    let first = chain.first().map(|first| first.to_vec()).unwrap_or_default();
    let key = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes())
        .map_err(|_| wrong(names.key, "no private key in PEM form found"))?;
    let config = builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => wrong(names.key, "is not the key of the certificate"),
        error => wrong(names.key, error),
    })?;
    Ok((config, first))
}

/// Every file that cannot be used, whatever the others are like; their settings are called `ca_file`, `certificate_file` and
/// `key_file`.
pub fn faults(authorities: Option<&str>, own: Option<(&str, &Secret<String>)>) -> Vec<Error> {
    let names = Names {
        authorities: "ca_file",
        certificate: "certificate_file",
        key: "key_file",
    };
    let mut faults: Vec<Error> = Vec::new();
    faults.extend(client(&names, authorities, None).err());
    if let Some((certificate, key)) = own {
        let chain = certificates(names.certificate, certificate);
        let private = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
            .map_err(|_| wrong(names.key, "no private key in PEM form found"));
        if chain.is_ok() && private.is_ok() {
            faults.extend(client(&names, None, own).err());
        } else {
            faults.extend(chain.err());
            faults.extend(private.err());
        }
    }
    faults
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

/// A setting that cannot work.
pub(in crate::ecd) fn wrong(setting: &'static str, problem: impl ToString) -> Error {
    Error::Setting {
        setting,
        problem: problem.to_string(),
    }
}
