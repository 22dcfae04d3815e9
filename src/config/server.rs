//! Where the gateway listens, and what it is called from outside.

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

use super::Front;

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    /// Health, metrics and the admin API; loopback by default.
    pub admin_listen: SocketAddr,
    /// What apps and browsers see: scheme, host and port, for example `https://gateway.example/`.
    pub public_url: Url,
    /// Where a sync keeps what is mapped and not yet published; sealed, and gone after the run.
    pub spool_dir: PathBuf,
    pub front: Front,
}

impl Server {
    /// A path of ours as apps see it.
    pub fn absolute(&self, path: &str) -> String {
        format!("{}{}", self.public_url, path.strip_prefix('/').unwrap_or(path))
    }

    /// `https://host/{tenant}`, without a slash at the end.
    pub fn issuer(&self, tenant: &str) -> String {
        format!("{}{tenant}", self.public_url)
    }

    /// `https://host/{tenant}/fhir`, without a slash at the end.
    pub fn fhir_base(&self, tenant: &str) -> String {
        format!("{}{tenant}/fhir", self.public_url)
    }

    /// Whether browsers reach the gateway over TLS: decides on `Secure` and `__Host-` cookies.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}
