//! `[oauth]`: how the authorization server reaches apps.

use std::path::PathBuf;

use super::reader::Reader;

/// Where the key sets of apps (`jwks_uri`) may lie, and whom to trust there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuth {
    /// Also on private and loopback addresses: for tests, and for apps inside the operator's own network.
    pub private_app_keys: bool,
    /// Certificate authorities in PEM form, instead of the system's.
    pub app_keys_ca_file: Option<PathBuf>,
}

pub(super) fn read(reader: &mut Reader) -> OAuth {
    OAuth {
        private_app_keys: reader.flag(
            "oauth.private_app_keys",
            false,
            "fetch key sets of apps (jwks_uri) from private and loopback addresses too",
        ),
        app_keys_ca_file: reader.optional_path(
            "oauth.app_keys_ca_file",
            "certificate authorities (PEM) that key sets of apps are fetched by; the system's otherwise",
        ),
    }
}
