//! What belongs to a tenant with Nedap Ons while the gateway runs: its connector, its webhooks, its certificate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;

use super::connect::connector;
use crate::clock::Clock;
use crate::config::{Config, Source, Tenant};
use crate::ecd::Connector;
use crate::ecd::ons::certificate;
use crate::http::App;
use crate::mapping::Plan;
use crate::profile::Registry;
use crate::secret::{Random, sha256};
use crate::sync::Sync;
use crate::sync::hooks::{Missed, Worked};

/// How often a worker looks for jobs that another replica took in, or that failed before.
const LOOK: Duration = Duration::from_secs(2);

/// The wait after a turn that failed.
const FAILED: Duration = Duration::from_secs(5);

/// Whether this tenant's source sends webhooks.
pub(super) fn has_hooks(tenant: &Tenant) -> bool {
    matches!(&tenant.source, Some(Source::Ons(ons)) if ons.webhook_secret.is_some())
}

/// A connector and a fingerprint of the files that say who we are.
struct Known {
    connector: Box<dyn Connector>,
    files: [u8; 32],
}

impl Known {
    fn new(config: &Config, tenant: &Tenant, clock: &Clock, random: &Random) -> anyhow::Result<Self> {
        // First: what changes in between is noticed the next time.
        let files = fingerprint(tenant)?;
        let connector = connector(config, tenant, clock, random)?;
        Ok(Self { connector, files })
    }

    /// Made anew if the certificate, its key or the authority were replaced. Files that cannot be read, or do not belong together
    /// yet, change nothing.
    fn renew(&mut self, config: &Config, tenant: &Tenant, clock: &Clock, random: &Random) {
        let renewed = fingerprint(tenant).and_then(|files| match files == self.files {
            true => Ok(None),
            false => Self::new(config, tenant, clock, random).map(Some),
        });
        match renewed {
            Ok(None) => {}
            Ok(Some(renewed)) => {
                tracing::info!(
                    tenant = tenant.id.as_str(),
                    "webhooks are followed with the new certificate"
                );
                *self = renewed;
            }
            Err(error) => {
                tracing::error!(tenant = tenant.id.as_str(), error = format!("{error:#}"), "certificate");
            }
        }
    }
}

/// Over the files that say who we are and whom we trust; the same for a source without any.
fn fingerprint(tenant: &Tenant) -> anyhow::Result<[u8; 32]> {
    let mut hashes = Vec::new();
    if let Some(Source::Ons(ons)) = &tenant.source {
        for file in [&ons.ca_file, &ons.certificate_file, &ons.key_file] {
            let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
            hashes.extend(sha256(&bytes));
        }
    }
    Ok(sha256(&hashes))
}

/// Follows a tenant's webhooks until it is dropped.
pub(super) async fn follow(app: App, tenant: Arc<Tenant>, profiles: Arc<Registry>, plan: Arc<Plan>) {
    let mut arrived = app.hooks.arrived();
    let mut known = loop {
        match Known::new(&app.config, &tenant, &app.clock, &app.random) {
            Ok(known) => break known,
            Err(error) => tracing::error!(tenant = tenant.id.as_str(), error = format!("{error:#}"), "no webhooks"),
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    };
    let ids = app.config.master.mac_key(&format!("resource-id:{}", tenant.id));
    // Whether the last turn failed: it may have been our certificate, which lives longer in its file than in this process.
    let mut has_failed = false;
    let mut missed = Missed::new(app.clock.now());
    loop {
        arrived.borrow_and_update();
        if has_failed {
            known.renew(&app.config, &tenant, &app.clock, &app.random);
        }
        let sync = Sync {
            db: &app.db,
            clock: &app.clock,
            random: &app.random,
            tenant: &tenant,
            connector: &*known.connector,
            plan: Arc::clone(&plan),
            profiles: Arc::clone(&profiles),
            ids: ids.clone(),
            spool_dir: &app.config.server.spool_dir,
        };
        if missed.is_due(app.clock.now(), app.hooks.refused(&tenant.id)) {
            let asked = Box::pin(sync.redeliver()).await;
            if let Err(error) = &asked {
                tracing::warn!(tenant = tenant.id.as_str(), %error, "missed webhooks could not be asked for");
                has_failed = true;
            }
            missed.after(&asked, app.clock.now());
        }
        match sync.hooked().await {
            Ok(Worked::Done { .. }) => {
                has_failed = false;
                continue;
            }
            Ok(Worked::Idle) => {}
            Ok(Worked::Later(report)) => {
                tracing::warn!(
                    tenant = tenant.id.as_str(),
                    held = report.held,
                    failed = report.failed.len(),
                    "webhooks wait for another attempt"
                );
                has_failed = true;
            }
            Err(error) => {
                tracing::warn!(tenant = tenant.id.as_str(), %error, "webhooks could not be followed");
                has_failed = true;
                tokio::time::sleep(FAILED).await;
            }
        }
        tokio::select! {
            changed = arrived.changed() => if changed.is_err() { tokio::time::sleep(LOOK).await },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// When the certificate of this tenant ends; none for a source without one.
pub(super) fn certificate_ends(tenant: &Tenant) -> anyhow::Result<Option<Timestamp>> {
    let Some(file) = tenant.source.as_ref().and_then(Source::certificate_file) else {
        return Ok(None);
    };
    let pem = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(Some(certificate::ends(&pem)?))
}

/// Watches the certificates of all tenants: a metric always, a line in the log a day from thirty days before the end.
pub(super) async fn watch(app: App) {
    loop {
        for tenant in &app.config.tenants {
            let now = app.clock.now();
            match certificate_ends(tenant) {
                Ok(None) => {}
                Ok(Some(end)) => {
                    let left = end.duration_since(now);
                    metrics::gauge!("source_certificate_days", "tenant" => tenant.id.to_string())
                        .set(left.as_secs_f64() / 86_400.0);
                    if let Some(warning) = certificate::warning(end, now) {
                        tracing::error!(tenant = tenant.id.as_str(), "{warning}");
                    }
                }
                Err(error) => {
                    tracing::error!(tenant = tenant.id.as_str(), error = format!("{error:#}"), "certificate");
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::config::{
        CaressSource, CaressWeb, FhirCertificate, FhirSource, FolderForm, FolderSource, OnsSource, Policy, TenantId,
    };
    use crate::secret::Secret;

    fn tenant(source: Option<Source>) -> Tenant {
        Tenant {
            id: TenantId::parse("topaz").unwrap(),
            name: String::new(),
            zone: jiff::tz::TimeZone::UTC,
            policy: Policy::default(),
            source,
            map_patches: None,
        }
    }

    #[test]
    fn the_certificate_of_every_source_that_has_one_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let file: PathBuf = dir.path().join("client.pem");
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(2027, 1, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        let base_url: url::Url = "https://ecd.example/".parse().unwrap();
        let ons = OnsSource::new(base_url.clone(), file.clone(), file.clone(), file.clone());
        let caress = CaressWeb {
            base_url: base_url.clone(),
            ca_file: file.clone(),
            certificate_file: file.clone(),
            key_file: file.clone(),
            username: String::new(),
            password: Secret::new(String::new()),
            soap_password: None,
        };
        let fhir = |certificate| FhirSource {
            base_url: base_url.clone(),
            ca_file: None,
            certificate,
            token: None,
            without: BTreeSet::new(),
            compare_days: 1,
        };
        let own = FhirCertificate {
            certificate_file: file.clone(),
            key_file: file.clone(),
        };
        for source in [
            Source::Ons(Box::new(ons)),
            Source::Caress(CaressSource::Web(Box::new(caress))),
            Source::Fhir(Box::new(fhir(Some(own)))),
        ] {
            let name = source.name();
            let end = certificate_ends(&tenant(Some(source))).unwrap();
            assert_eq!(
                end.map(|end| end.to_string()).as_deref(),
                Some("2027-01-31T00:00:00Z"),
                "{name}"
            );
        }
        let folder = FolderSource {
            dir: file.clone(),
            form: FolderForm::Ons,
        };
        for source in [
            Some(Source::Fhir(Box::new(fhir(None)))),
            Some(Source::Caress(CaressSource::Drop(file))),
            Some(Source::Folder(folder)),
            None,
        ] {
            assert_eq!(certificate_ends(&tenant(source)).unwrap(), None);
        }
    }
}
