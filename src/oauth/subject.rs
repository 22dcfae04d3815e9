//! Who a person is to apps: stable, and neither a client_id nor anything out of the dossier.

use crate::config::TenantId;
use crate::secret::{MacKey, MasterKey, hex, mac};

/// Makes `sub` out of an account.
#[derive(Clone, Debug)]
pub struct Subjects(MacKey);

impl Subjects {
    pub fn new(master: &MasterKey) -> Self {
        Self(master.mac_key("oauth-subject"))
    }

    pub fn of(&self, tenant: &TenantId, account: &str) -> String {
        hex(&mac(&self.0, &[tenant.as_str().as_bytes(), account.as_bytes()])[..16])
    }
}
