//! Connectors to a folder of lines and to another FHIR server, out of a tenant's settings.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::clock::Clock;
use crate::config::{FhirSource, FhirToken, FolderSource, Tenant};
use crate::ecd::contract::Contracts;
use crate::ecd::folder::{self, Folder};
use crate::ecd::upstream::{Backend, Certificate, Settings, Token, Upstream};
use crate::secret::{Random, Secret};

pub(super) fn folder(tenant: &Tenant, source: &FolderSource, contracts: Contracts, clock: &Clock) -> Folder {
    let settings = folder::Settings {
        dir: source.dir.clone(),
        tenant: tenant.id.to_string(),
        form: source.form,
        clock: clock.clone(),
    };
    Folder::new(settings, Arc::new(contracts))
}

pub(super) fn fhir(
    tenant: &Tenant,
    source: &FhirSource,
    contracts: Contracts,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<Upstream> {
    let read =
        |path: &Path| std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()));
    let mut settings = Settings::new(source.base_url.clone(), tenant.zone.clone());
    settings.ca_pem = source.ca_file.as_deref().map(read).transpose()?;
    if let Some(own) = &source.certificate {
        settings.certificate = Some(Certificate {
            certificate_pem: read(&own.certificate_file)?,
            key_pem: Secret::new(read(&own.key_file)?),
        });
    }
    settings.token = source.token.as_ref().map(|token| match token {
        FhirToken::Fixed(token) => Token::Fixed(token.clone()),
        FhirToken::Backend {
            url,
            client_id,
            scope,
            key,
            key_id,
        } => Token::Backend(Backend {
            token_url: url.clone(),
            client_id: client_id.clone(),
            scope: scope.clone(),
            key_pem: key.clone(),
            key_id: key_id.clone(),
        }),
    });
    settings.without.clone_from(&source.without);
    Ok(Upstream::new(
        settings,
        Arc::new(contracts),
        clock.clone(),
        random.clone(),
    )?)
}
