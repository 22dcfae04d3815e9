//! The connector of a tenant, out of its settings.
//!
//! # Design
//! `inzage check` makes the connectors that `serve` and `sync` make, by the same code and without asking a source anything: what it
//! calls in order can begin to work. Files are read and looked at one by one first, so that every setting that cannot be used is told
//! at once, with its line.

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{
    CaressSource, CaressWeb, Config, FhirSource, FhirToken, OnsSource, Places, Problem, Source, Tenant,
};
use crate::ecd::caress::{self, Caress, web};
use crate::ecd::contract::Contracts;
use crate::ecd::folder::{self, Folder};
use crate::ecd::ons::{self, Ons};
use crate::ecd::upstream::{self, Upstream};
use crate::ecd::{self, Connector};
use crate::secret::{Random, Secret};

type Made = Result<Box<dyn Connector>, Vec<Problem>>;

/// The connector of a tenant for a run; every problem of its settings in one error.
pub(super) fn connector(
    config: &Config,
    tenant: &Tenant,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<Box<dyn Connector>> {
    let Some(source) = &tenant.source else {
        anyhow::bail!(
            "tenant {0} has no source: add a [tenant.{0}.ons], .caress, .folder or .fhir section",
            tenant.id
        )
    };
    build(&config.places, tenant, source, clock, random).map_err(|problems| super::told(&problems))
}

/// The connector that the settings describe, or everything that is wrong with them.
pub(super) fn build(places: &Places, tenant: &Tenant, source: &Source, clock: &Clock, random: &Random) -> Made {
    let section = match source {
        Source::Ons(_) => "ons",
        Source::Caress(_) => "caress",
        Source::Folder(_) => "folder",
        Source::Fhir(_) => "fhir",
    };
    let settings = Settings {
        places,
        section: format!("tenant.{}.{section}", tenant.id),
        problems: Vec::new(),
    };
    let contracts = Contracts::builtin(source.name()).map_err(|problems| {
        let told = problems
            .iter()
            .map(|problem| places.problem(&settings.section, problem.to_string()));
        told.collect::<Vec<_>>()
    })?;
    let contracts = Arc::new(contracts);
    match source {
        Source::Ons(source) => settings.ons(source, contracts, random),
        Source::Caress(CaressSource::Web(source)) => settings.web(tenant, source, contracts, clock, random),
        Source::Fhir(source) => settings.fhir(tenant, source, contracts, clock, random),
        Source::Caress(CaressSource::Drop(dir)) => {
            let known = caress::Settings {
                drop_dir: dir.clone(),
                tenant: tenant.id.to_string(),
                clock: clock.clone(),
            };
            settings.made(Ok(Caress::new(known, contracts)))
        }
        Source::Folder(source) => {
            let known = folder::Settings {
                dir: source.dir.clone(),
                tenant: tenant.id.to_string(),
                form: source.form,
                clock: clock.clone(),
            };
            settings.made(Ok(Folder::new(known, contracts)))
        }
    }
}

/// The folder that a source reads, with its setting; a run waits for one that is not there yet.
pub(super) fn folder(source: &Source) -> Option<(&'static str, &Path)> {
    match source {
        Source::Caress(CaressSource::Drop(dir)) => Some(("caress.drop_dir", dir)),
        Source::Folder(source) => Some(("folder.dir", &source.dir)),
        Source::Ons(_) | Source::Caress(CaressSource::Web(_)) | Source::Fhir(_) => None,
    }
}

/// The settings of one source while they are put together.
struct Settings<'p> {
    places: &'p Places,
    /// `tenant.topaz.ons`
    section: String,
    problems: Vec<Problem>,
}

impl Settings<'_> {
    /// Notes a problem, unless the setting has one.
    fn tell(&mut self, setting: &str, message: impl Into<String>) {
        let key = format!("{}.{setting}", self.section);
        if self.problems.iter().all(|known| known.key != key) {
            self.problems.push(self.places.problem(&key, message));
        }
    }

    fn refused(&mut self, error: &ecd::Error) {
        match error {
            // Connectors name texts in PEM form, we name the files they come out of.
            ecd::Error::Setting { setting, problem } => self.tell(&setting.replace("_pem", "_file"), problem),
            error => self
                .problems
                .push(self.places.problem(&self.section, error.to_string())),
        }
    }

    fn file(&mut self, setting: &str, path: &Path) -> Option<String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.tell(setting, format!("{} cannot be read ({})", path.display(), error.kind()));
                None
            }
        }
    }

    /// The authorities, our certificate and its key; what is wrong with the files is noted.
    fn pem(&mut self, ca: Option<&Path>, own: Option<(&Path, &Path)>) -> Pem {
        let ca = ca.and_then(|path| self.file("ca_file", path));
        let certificate = own.and_then(|(path, _)| self.file("certificate_file", path));
        let key = own.and_then(|(_, path)| self.file("key_file", path)).map(Secret::new);
        for error in ecd::tls_faults(ca.as_deref(), certificate.as_deref().zip(key.as_ref())) {
            self.refused(&error);
        }
        Pem { ca, certificate, key }
    }

    fn made<C: Connector + 'static>(mut self, made: Result<C, ecd::Error>) -> Made {
        match made {
            Ok(connector) if self.problems.is_empty() => return Ok(Box::new(connector)),
            Ok(_) => {}
            Err(error) => self.refused(&error),
        }
        Err(self.problems)
    }

    fn ons(mut self, source: &OnsSource, contracts: Arc<Contracts>, random: &Random) -> Made {
        let pem = self.pem(
            Some(&source.ca_file),
            Some((&source.certificate_file, &source.key_file)),
        );
        let (Some(ca), Some(certificate), Some(key)) = (pem.ca, pem.certificate, pem.key) else {
            return Err(self.problems);
        };
        let mut settings = ons::Settings::new(source.base_url.clone(), ca, certificate, key);
        settings.without.clone_from(&source.without);
        settings.limits.parallel = source.parallel;
        if !source.user_agent.is_empty() {
            settings.user_agent.clone_from(&source.user_agent);
        }
        settings.identity = source.identity_user_name.clone().map(|user_name| ons::Identity {
            user_name,
            active_identity: source.identity_active.clone(),
        });
        self.made(Ons::new(settings, contracts, random.clone()))
    }

    fn web(
        mut self,
        tenant: &Tenant,
        source: &CaressWeb,
        contracts: Arc<Contracts>,
        clock: &Clock,
        random: &Random,
    ) -> Made {
        let pem = self.pem(
            Some(&source.ca_file),
            Some((&source.certificate_file, &source.key_file)),
        );
        let (Some(ca_pem), Some(certificate_pem), Some(key_pem)) = (pem.ca, pem.certificate, pem.key) else {
            return Err(self.problems);
        };
        let settings = web::Settings {
            base_url: source.base_url.clone(),
            ca_pem,
            certificate_pem,
            key_pem,
            username: source.username.clone(),
            password: source.password.clone(),
            staff: match source.soap_password.clone() {
                Some(password) => web::Staff::Soap { password },
                None => web::Staff::Rest,
            },
            zone: tenant.zone.clone(),
            clock: clock.clone(),
            limits: web::Limits::default(),
        };
        self.made(web::Web::new(settings, contracts, random.clone()))
    }

    fn fhir(
        mut self,
        tenant: &Tenant,
        source: &FhirSource,
        contracts: Arc<Contracts>,
        clock: &Clock,
        random: &Random,
    ) -> Made {
        let own = source.certificate.as_ref();
        let own = own.map(|own| (own.certificate_file.as_path(), own.key_file.as_path()));
        let pem = self.pem(source.ca_file.as_deref(), own);
        let mut settings = upstream::Settings::new(source.base_url.clone(), tenant.zone.clone());
        settings.ca_pem = pem.ca;
        settings.certificate = pem
            .certificate
            .zip(pem.key)
            .map(|(certificate_pem, key_pem)| upstream::Certificate {
                certificate_pem,
                key_pem,
            });
        settings.token = source.token.as_ref().map(|token| match token {
            FhirToken::Fixed(token) => upstream::Token::Fixed(token.clone()),
            FhirToken::Backend {
                url,
                client_id,
                scope,
                key,
                key_id,
            } => upstream::Token::Backend(upstream::Backend {
                token_url: url.clone(),
                client_id: client_id.clone(),
                scope: scope.clone(),
                key_pem: key.clone(),
                key_id: key_id.clone(),
            }),
        });
        settings.without.clone_from(&source.without);
        self.made(Upstream::new(settings, contracts, clock.clone(), random.clone()))
    }
}

/// What could be read of the files.
struct Pem {
    ca: Option<String>,
    certificate: Option<String>,
    key: Option<Secret<String>>,
}

#[cfg(test)]
mod tests;
