//! `[tenant.<id>.fhir]`: a FHIR R4 server that holds the dossiers.

use std::collections::BTreeSet;
use std::path::PathBuf;

use url::Url;

use super::reader::Reader;
use crate::secret::Secret;

/// Where the server is, and how it knows us: by a certificate, by a token, or by both.
#[derive(Clone, Debug)]
pub struct FhirSource {
    /// Ends with a slash.
    pub base_url: Url,
    /// The certificate authority that signed the server's certificate; no other is trusted.
    pub ca_file: Option<PathBuf>,
    pub certificate: Option<FhirCertificate>,
    pub token: Option<FhirToken>,
    /// Lists that are not asked for.
    pub without: BTreeSet<FhirList>,
    /// Every so many days everything is read and compared.
    pub compare_days: i64,
}

/// Our certificate and its key.
#[derive(Clone, Debug)]
pub struct FhirCertificate {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

/// Where the access token comes from.
#[derive(Clone, Debug)]
pub enum FhirToken {
    Fixed(Secret<String>),
    /// SMART Backend Services: fetched for an assertion that this key signs.
    Backend {
        url: Url,
        client_id: String,
        scope: String,
        key: Secret<String>,
        key_id: String,
    },
}

/// A list that the server need not have. Of any that is not named in the configuration, an error leaves what is published as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FhirList {
    EpisodeOfCare,
    RelatedPerson,
    CarePlan,
    Appointment,
    Observation,
}

impl FhirList {
    pub const ALL: [Self; 5] = [
        Self::EpisodeOfCare,
        Self::RelatedPerson,
        Self::CarePlan,
        Self::Appointment,
        Self::Observation,
    ];

    /// The type of its resources, which is the word for it in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EpisodeOfCare => "EpisodeOfCare",
            Self::RelatedPerson => "RelatedPerson",
            Self::CarePlan => "CarePlan",
            Self::Appointment => "Appointment",
            Self::Observation => "Observation",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.as_str() == text)
    }
}

pub(super) fn read(reader: &mut Reader, name: &str) -> Option<FhirSource> {
    let at = |key: &str| format!("tenant.{name}.fhir.{key}");
    let base_url: Option<Url> = reader.value(
        &at("base_url"),
        "",
        "a URL that ends with a slash",
        "the base of a FHIR R4 server, for example https://fhir.example/r4/",
    );
    if let Some(url) = &base_url
        && !url.path().ends_with('/')
    {
        reader.problem(&at("base_url"), "must end with a slash".to_owned());
    }
    let ca_file = reader.optional_path(
        &at("ca_file"),
        "PEM of the authorities that signed the certificates of the server and of token_url; needed for https",
    );
    let certificate = certificate(reader, &at);
    let token = token(reader, &at)?;
    if certificate.is_none() && token.is_none() && !reader.shows_all() {
        let message = "how does the server know us? give certificate_file and key_file, token_file, or token_url";
        reader.problem(&at("token_file"), message.to_owned());
    }
    let mut without = BTreeSet::new();
    let known = "EpisodeOfCare, RelatedPerson, CarePlan, Appointment, Observation";
    for word in reader.list(
        &at("without"),
        "types that the server does not have: EpisodeOfCare, RelatedPerson, CarePlan, Appointment, Observation",
    ) {
        match FhirList::parse(&word) {
            Some(list) => drop(without.insert(list)),
            None => reader.problem(
                &at("without"),
                format!("`{word}` cannot be left out; known are {known}"),
            ),
        }
    }
    let compare_days = reader.number(
        &at("compare_days"),
        1,
        1..=31,
        "every so many days everything is read and compared: a search tells of no deletion",
    );
    Some(FhirSource {
        base_url: base_url?,
        ca_file,
        certificate,
        token,
        without,
        compare_days,
    })
}

fn certificate(reader: &mut Reader, at: &impl Fn(&str) -> String) -> Option<FhirCertificate> {
    let certificate_file = reader.optional_path(&at("certificate_file"), "PEM of our certificate, if the server asks");
    let key_file = reader.optional_path(&at("key_file"), "PEM of its private key");
    match (certificate_file, key_file) {
        (Some(certificate_file), Some(key_file)) => Some(FhirCertificate {
            certificate_file,
            key_file,
        }),
        (None, None) => None,
        _ => {
            let message = "certificate_file and key_file belong together";
            reader.problem(&at("key_file"), message.to_owned());
            None
        }
    }
}

/// The token, if one is asked for; the outer `None` when it cannot be used.
fn token(reader: &mut Reader, at: &impl Fn(&str) -> String) -> Option<Option<FhirToken>> {
    let fixed = secret(
        reader,
        &at("token_file"),
        "a file with a bearer token that does not end",
    );
    let key = secret(
        reader,
        &at("token_key_file"),
        "PEM (PKCS#8) of the key that signs our assertions: P-384 or RSA",
    );
    let (has_fixed, has_url) = (reader.has_key(&at("token_file")), reader.has_key(&at("token_url")));
    let url = reader.text(
        &at("token_url"),
        "",
        "the token endpoint, for SMART Backend Services instead of token_file",
    );
    let client_id = reader.text(&at("client_id"), "", "what the token endpoint calls this gateway");
    let key_id = reader.text(
        &at("token_key_id"),
        "",
        "kid of that key in the key set that was registered",
    );
    let scope = reader.text(&at("scope"), "system/*.rs", "what is asked for, separated by spaces");
    if !has_url {
        return Some(fixed?.map(FhirToken::Fixed));
    }
    if has_fixed {
        let message = "give token_file, or token_url with client_id, token_key_file and token_key_id";
        reader.problem(&at("token_url"), message.to_owned());
        return None;
    }
    for (key, text) in [("client_id", &client_id), ("token_key_id", &key_id)] {
        if text.is_empty() {
            reader.problem(&at(key), "is missing: token_url needs it".to_owned());
        }
    }
    let url = url
        .parse()
        .map_err(|_| reader.problem(&at("token_url"), "must be an https URL".to_owned()));
    let Some(key) = key? else {
        reader.problem(&at("token_key_file"), "is missing: token_url needs it".to_owned());
        return None;
    };
    Some(Some(FhirToken::Backend {
        url: url.ok()?,
        client_id,
        scope,
        key,
        key_id,
    }))
}

/// The secret, if there is a file of one; the outer `None` when it cannot be read.
fn secret(reader: &mut Reader, key: &str, meaning: &'static str) -> Option<Option<Secret<String>>> {
    if reader.has_key(key) {
        return reader.secret_file(key, meaning).map(Some);
    }
    reader.optional_path(key, meaning);
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Problem, Source};

    fn loaded(lines: &str) -> Result<FhirSource, Vec<Problem>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("master.key"), "07".repeat(32)).unwrap();
        let text = format!(
            "[server]\npublic_url = \"https://gateway.example/\"\n[secrets]\nmaster_key_file = \"master.key\"\n\
             [sms]\ndir = \"outbox\"\n[tenant.topaz.fhir]\nbase_url = \"https://fhir.example/r4/\"\n\
             ca_file = \"ca.pem\"\n{lines}"
        );
        let config = Config::read(&dir.path().join("inzage.toml"), &text, std::iter::empty())?;
        match &config.tenant("topaz").unwrap().source {
            Some(Source::Fhir(source)) => Ok((**source).clone()),
            _ => panic!("the source is a FHIR server"),
        }
    }

    const BACKEND: &str = "token_url = \"https://fhir.example/token\"\nclient_id = \"inzage\"\n\
                           token_key_file = \"master.key\"\ntoken_key_id = \"k1\"\n";

    #[test]
    fn a_server_knows_us_by_a_token_a_certificate_or_both() {
        let fixed = loaded("token_file = \"master.key\"\nwithout = [\"EpisodeOfCare\"]\n").unwrap();
        assert!(matches!(fixed.token, Some(FhirToken::Fixed(_))) && fixed.certificate.is_none());
        assert_eq!(
            (fixed.without, fixed.compare_days),
            ([FhirList::EpisodeOfCare].into(), 1)
        );
        let both = loaded(&format!(
            "{BACKEND}certificate_file = \"c.pem\"\nkey_file = \"k.pem\"\n"
        ))
        .unwrap();
        assert!(both.certificate.is_some());
        let Some(FhirToken::Backend { scope, key_id, .. }) = both.token else {
            panic!("the token is fetched");
        };
        assert_eq!((scope.as_str(), key_id.as_str()), ("system/*.rs", "k1"));
        assert!(
            loaded("certificate_file = \"c.pem\"\nkey_file = \"k.pem\"\n")
                .unwrap()
                .token
                .is_none()
        );
    }

    #[test]
    fn half_an_identity_is_told_with_what_is_missing() {
        let url = "token_url = \"https://fhir.example/token\"\n";
        for (lines, expected) in [
            (String::new(), vec!["token_file"]),
            (
                "certificate_file = \"c.pem\"\n".to_owned(),
                vec!["key_file", "token_file"],
            ),
            (url.to_owned(), vec!["client_id", "token_key_id", "token_key_file"]),
            (format!("{BACKEND}token_file = \"master.key\"\n"), vec!["token_url"]),
            ("token_file = \"nowhere\"\n".to_owned(), vec!["token_file"]),
            (format!("{BACKEND}without = [\"Patient\"]\n"), vec!["without"]),
        ] {
            let problems = loaded(&lines).unwrap_err();
            let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
            let expected: Vec<_> = expected.iter().map(|key| format!("tenant.topaz.fhir.{key}")).collect();
            assert_eq!(keys.len(), expected.len(), "{lines}: {keys:?}");
            assert!(
                expected.iter().all(|key| keys.contains(&key.as_str())),
                "{lines}: {keys:?}"
            );
        }
    }
}
