//! Configuration: one file per section, every error at once with file, line and remedy.
//!
//! # Design
//! `inzage.toml` is read once at the start into types that cannot be wrong. A secret stands in a file of its own
//! (`*_file`), never in the configuration, the environment's plain text or on a command line.

mod address;
mod authorities;
mod brand;
mod draft;
mod fhir;
mod front;
mod help;
mod limits;
mod load;
mod message;
mod oauth;
mod place;
mod policy;
mod preset;
mod profiles;
mod reader;
mod rules;
mod server;
mod slots;
mod source;
mod tenant;
mod terms;
mod upstream;

pub use address::is_address;
pub use authorities::Authorities;
pub use brand::Brand;
pub use draft::Draft;
pub use fhir::{FhirCertificate, FhirList, FhirSource, FhirToken};
pub use front::{Forwarding, Front, Proxies, Tls, TlsPreset};
pub use help::{Help, MOST_NEWS, NewsProblem, Words, news};
pub use limits::{Limits, NetworkLimits};
pub use load::reference;
pub use message::{Encryption, Mail, Provider, ProviderKind, Sms, Smtp, Transport};
pub use oauth::{LOGIN_LEVELS, LoginDemand, OAuth, Registration, SigningAlg};
pub use place::Places;
pub use policy::{
    AccountPolicy, Country, Deviation, LoginName, PasswordPolicy, Policy, SHORTEST_PASSWORD, SmsPolicy, SmsWhen,
};
pub use preset::{Preset, Rule};
pub use profiles::Profiles;
pub use reader::{Problem, Setting};
pub use server::Server;
pub use slots::Slots;
pub use tenant::{CaressSource, CaressWeb, FolderForm, FolderSource, OnsList, OnsSource, Source, Tenant, TenantId};
pub use terms::{Terms, TermsVersion};
pub use upstream::Upstream;

use std::sync::Arc;

use crate::secret::{MasterKey, Secret};

/// The whole configuration of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    /// `sqlite:PATH` or `postgres://…`
    pub database: Secret<String>,
    pub master: MasterKey,
    pub sms: Sms,
    pub oauth: OAuth,
    pub mail: Mail,
    pub profiles: Profiles,
    /// By id, in the order of the file.
    pub tenants: Vec<Arc<Tenant>>,
    /// Where the settings stand, for problems that show later.
    pub places: Places,
}

impl Config {
    /// The tenant with this id, as it stands in a URL.
    pub fn tenant(&self, id: &str) -> Option<&Arc<Tenant>> {
        self.tenants.iter().find(|tenant| tenant.id.as_str() == id)
    }
}
