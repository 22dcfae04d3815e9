//! A tenant: one care organisation with its own clients, rules and source.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use url::Url;

use super::{FhirSource, Policy, TermsVersion};
use crate::secret::Secret;

/// The tenant's name in URLs and keys: a lower-case letter, then up to 31 letters, digits or hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

impl TenantId {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() <= 32
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fits.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One care organisation.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub id: TenantId,
    /// What people call it, for example "Topaz".
    pub name: String,
    /// Where its days begin and end.
    pub zone: TimeZone,
    pub policy: Policy,
    /// Where its dossiers come from; `None` serves only what is already stored.
    pub source: Option<Source>,
    /// Its own patches of the maps, in the form of `mappings/`.
    pub map_patches: Option<PathBuf>,
}

/// Which product the dossiers come from.
#[derive(Clone, Debug)]
pub enum Source {
    Ons(Box<OnsSource>),
    Caress(CaressSource),
    Folder(FolderSource),
    Fhir(Box<FhirSource>),
}

impl Tenant {
    /// Which local day it is.
    pub fn today(&self, now: Timestamp) -> Date {
        now.to_zoned(self.zone.clone()).date()
    }

    /// The terms that hold now.
    pub fn terms_at(&self, now: Timestamp) -> Option<&Arc<TermsVersion>> {
        self.policy.terms.current(self.today(now))
    }

    /// Request time that the source admits a day, if it counts.
    pub fn request_time(&self) -> Option<Duration> {
        match &self.source {
            Some(Source::Ons(ons)) => Some(Duration::from_secs(ons.budget_seconds)),
            _ => None,
        }
    }

    /// Every how many days everything is compared.
    pub fn compare_days(&self) -> i64 {
        match &self.source {
            Some(Source::Ons(ons)) => ons.compare_days,
            Some(Source::Fhir(fhir)) => fhir.compare_days,
            _ => 1,
        }
    }

    /// How many local days of the agenda are asked for: before today and after it.
    pub fn agenda_days(&self) -> (i64, i64) {
        match &self.source {
            Some(Source::Ons(ons)) => ons.agenda,
            _ => (90, 180),
        }
    }
}

impl Source {
    /// The product's name in map names and ids.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ons(_) => "ons",
            Self::Caress(_) => "caress",
            Self::Folder(folder) => folder.form.as_str(),
            Self::Fhir(_) => "fhir",
        }
    }

    /// The certificate that the source knows us by; none for one that knows us in another way.
    pub fn certificate_file(&self) -> Option<&Path> {
        match self {
            Self::Ons(ons) => Some(&ons.certificate_file),
            Self::Fhir(fhir) => fhir.certificate.as_ref().map(|own| own.certificate_file.as_path()),
            Self::Caress(CaressSource::Web(web)) => Some(&web.certificate_file),
            Self::Caress(CaressSource::Drop(_)) | Self::Folder(_) => None,
        }
    }
}

/// `[tenant.<id>.ons]`
#[derive(Clone, Debug)]
pub struct OnsSource {
    pub base_url: Url,
    /// The certificate authority that signed the server's certificate; no other is trusted.
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    /// Lists that are not asked for.
    pub without: BTreeSet<OnsList>,
    /// Shared with the product for webhooks; without it there are none.
    pub webhook_secret: Option<Secret<String>>,
    /// `connector/version+address`, as the vendor asks; the program's own when it is empty.
    pub user_agent: String,
    /// `X-Cupido-User-Name`: who reads, for the audit of the product.
    pub identity_user_name: Option<String>,
    /// `X-Cupido-Active-Identity`
    pub identity_active: Option<String>,
    /// Requests that may be open at once with the certificate.
    pub parallel: usize,
    /// Request time a local day; near it only the essential requests are made.
    pub budget_seconds: u64,
    /// Local days of the agenda that are polled: before today and after it.
    pub agenda: (i64, i64),
    /// Every so many days everything is read and compared.
    pub compare_days: i64,
}

impl OnsSource {
    /// With these files and nothing else set.
    pub fn new(base_url: Url, ca_file: PathBuf, certificate_file: PathBuf, key_file: PathBuf) -> Self {
        Self {
            base_url,
            ca_file,
            certificate_file,
            key_file,
            without: BTreeSet::new(),
            webhook_secret: None,
            user_agent: String::new(),
            identity_user_name: None,
            identity_active: None,
            parallel: 4,
            budget_seconds: 10_000,
            agenda: (90, 180),
            compare_days: 1,
        }
    }
}

/// A list that an organisation may leave out. Of any other, and of these where they are not named in the configuration, a refusal (403) is an
/// error that leaves what is published as it is: as an empty list it would take everything away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnsList {
    CareProviders,
    EmployeeRelations,
    Insurances,
    /// Whether the client agreed with a plan.
    Agreement,
    /// The ratings of the Omaha System.
    Omaha,
}

impl OnsList {
    pub const ALL: [Self; 5] = [
        Self::CareProviders,
        Self::EmployeeRelations,
        Self::Insurances,
        Self::Agreement,
        Self::Omaha,
    ];

    /// The word for it in a configuration: a part of its path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CareProviders => "careproviders",
            Self::EmployeeRelations => "client_employee_relations",
            Self::Insurances => "insurances",
            Self::Agreement => "agreement",
            Self::Omaha => "omaha",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.as_str() == text)
    }
}

/// `[tenant.<id>.caress]`
#[derive(Clone, Debug)]
pub enum CaressSource {
    /// The folder in which drops arrive: `manifest.json` and the files that it names, or folders with them.
    Drop(PathBuf),
    /// The product's own lists.
    Web(Box<CaressWeb>),
}

/// `[tenant.<id>.caress]` with a `base_url`.
#[derive(Clone, Debug)]
pub struct CaressWeb {
    pub base_url: Url,
    /// The certificate authority that signed the server's certificate; no other is trusted.
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub username: String,
    pub password: Secret<String>,
    /// Where staff come over SOAP: the password of its session, as the supplier encrypted it.
    pub soap_password: Option<Secret<String>>,
}

/// `[tenant.<id>.folder]`
#[derive(Clone, Debug)]
pub struct FolderSource {
    /// The folder in which the files arrive: `manifest.json` and the files that it names.
    pub dir: PathBuf,
    /// Whose records they look like.
    pub form: FolderForm,
}

/// Which maps read the records of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderForm {
    Ons,
    Fhir,
}

impl FolderForm {
    /// The name in map names and ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ons => "ons",
            Self::Fhir => "fhir",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_id_is_short_and_plain() {
        assert!(TenantId::parse("topaz").is_some());
        for bad in ["", "Topaz", "1a", "a/b", "a.b", &"a".repeat(33)] {
            assert!(TenantId::parse(bad).is_none(), "{bad}");
        }
    }
}
