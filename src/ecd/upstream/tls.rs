//! The TLS side: which addresses are asked, pinned authorities, and our certificate where there is one.

use rustls::ClientConfig;
use url::{Host, Url};

use super::Settings;
use crate::ecd::Error;
use crate::ecd::http::tls::{self, Names, wrong};

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

/// Its authorities and our certificate come out of files.
const FILES: Names = Names {
    authorities: "ca_file",
    certificate: "certificate_file",
    key: "key_file",
};

pub(super) fn client(settings: &Settings, is_https: bool) -> Result<ClientConfig, Error> {
    if settings.ca_pem.is_none() && is_https {
        return Err(wrong(
            FILES.authorities,
            "is needed: the authority that signed the server's certificate",
        ));
    }
    let own = settings.certificate.as_ref();
    let own = own.map(|own| (own.certificate_pem.as_str(), &own.key_pem));
    tls::client(&FILES, settings.ca_pem.as_deref(), own).map(|(config, _)| config)
}
