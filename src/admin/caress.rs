//! The connector of a tenant whose Caress answers over the web.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::clock::Clock;
use crate::config::{CaressWeb, Tenant};
use crate::ecd::Connector;
use crate::ecd::caress::web::{Limits, Settings, Staff, Web};
use crate::ecd::contract::Contracts;
use crate::secret::{Random, Secret};

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The connector that the tenant's settings describe.
pub(super) fn web(
    tenant: &Tenant,
    source: &CaressWeb,
    contracts: Contracts,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<Box<dyn Connector>> {
    let settings = Settings {
        base_url: source.base_url.clone(),
        ca_pem: read(&source.ca_file)?,
        certificate_pem: read(&source.certificate_file)?,
        key_pem: Secret::new(read(&source.key_file)?),
        username: source.username.clone(),
        password: source.password.clone(),
        staff: match source.soap_password.clone() {
            Some(password) => Staff::Soap { password },
            None => Staff::Rest,
        },
        zone: tenant.zone.clone(),
        clock: clock.clone(),
        limits: Limits::default(),
    };
    Ok(Box::new(Web::new(settings, Arc::new(contracts), random.clone())?))
}
