//! What certificates are taken, and how one takes the place of another.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::RootCertStore;

use super::*;

pub(in crate::http) const HOST: &str = "gateway.example";

/// An authority and a folder for what it signs.
pub(in crate::http) struct Signer {
    folder: tempfile::TempDir,
    authority: rcgen::CertifiedIssuer<'static, KeyPair>,
}

/// What a certificate says.
pub(in crate::http) struct Said {
    pub key: KeyPair,
    pub host: &'static str,
    /// Years of its begin and its end.
    pub years: (i32, i32),
}

impl Default for Said {
    fn default() -> Self {
        Self {
            key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
            host: HOST,
            years: (2026, 2027),
        }
    }
}

pub(in crate::http) fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

impl Signer {
    pub(in crate::http) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let key = KeyPair::generate().unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            authority: rcgen::CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    pub(in crate::http) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        roots
    }

    pub(in crate::http) fn authority_file(&self) -> PathBuf {
        let file = self.folder.path().join("authority.pem");
        std::fs::write(&file, self.authority.pem()).unwrap();
        file
    }

    fn sign(&self, said: &Said) -> String {
        let mut params = CertificateParams::new(vec![said.host.to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "gateway");
        params.not_before = rcgen::date_time_ymd(said.years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(said.years.1, 1, 1);
        let issuer: &Issuer<'_, KeyPair> = &self.authority;
        params.signed_by(&said.key, issuer).unwrap().pem()
    }

    /// Writes certificate and key over the ones that are there.
    pub(in crate::http) fn write(&self, said: &Said) {
        self.put(&self.sign(said), &said.key.serialize_pem());
    }

    fn put(&self, certificate: &str, key: &str) {
        let settings = self.settings(TlsPreset::Voldoende);
        std::fs::write(settings.certificate_file, certificate).unwrap();
        std::fs::write(settings.key_file, key).unwrap();
    }

    pub(in crate::http) fn settings(&self, preset: TlsPreset) -> config::Tls {
        config::Tls {
            certificate_file: self.folder.path().join("chain.pem"),
            key_file: self.folder.path().join("key.pem"),
            preset,
        }
    }

    pub(in crate::http) fn load(&self, preset: TlsPreset) -> Result<Tls, Problem> {
        Tls::load(&self.settings(preset), HOST, now())
    }
}

#[test]
fn strong_keys_are_taken_and_weak_ones_are_not() {
    let signer = Signer::new();
    let rsa = |size| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size).unwrap();
    let of = |algorithm| KeyPair::generate_for(algorithm).unwrap();
    for (name, key, fine) in [
        ("P-256", of(&PKCS_ECDSA_P256_SHA256), true),
        ("P-384", of(&PKCS_ECDSA_P384_SHA384), true),
        ("RSA 3072", rsa(RsaKeySize::_3072), true),
        ("RSA 2048", rsa(RsaKeySize::_2048), false),
        ("Ed25519, which browsers do not know", of(&PKCS_ED25519), false),
    ] {
        signer.write(&Said { key, ..Said::default() });
        let problem = signer.load(TlsPreset::Goed).err();
        assert_eq!(problem, (!fine).then_some(Problem::WeakKey), "{name}");
    }
}

#[test]
fn f36_a_pair_that_cannot_be_used_is_refused_by_name() {
    let signer = Signer::new();
    let settings = signer.settings(TlsPreset::Voldoende);
    let problem = || signer.load(TlsPreset::Voldoende).unwrap_err();
    assert_eq!(
        problem(),
        Problem::Unreadable {
            file: settings.certificate_file.clone(),
            kind: std::io::ErrorKind::NotFound
        }
    );
    let (said, other) = (Said::default(), Said::default());
    let (own, key) = (signer.sign(&said), said.key.serialize_pem());
    let authority = signer.authority.pem();
    let file = || settings.certificate_file.clone();
    for (certificate, key, expected) in [
        ("", key.as_str(), Problem::NoCertificate(file())),
        (key.as_str(), &key, Problem::NoCertificate(file())),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &key,
            Problem::NotX509(file()),
        ),
        (&own, "", Problem::NoKey(settings.key_file.clone())),
        (&own, &other.key.serialize_pem(), Problem::Mismatch(file())),
        (&format!("{own}{own}"), &key, Problem::Order(file())),
    ] {
        signer.put(certificate, key);
        assert_eq!(problem(), expected);
    }
    signer.put(&format!("{own}{authority}"), &key);
    assert!(signer.load(TlsPreset::Voldoende).is_ok(), "a chain in order");

    let with = |years, host| Said {
        years,
        host,
        ..Said::default()
    };
    signer.write(&with((2020, 2026), HOST));
    assert_eq!(problem(), Problem::Ended("2026-01-01T00:00:00Z".parse().unwrap()));
    signer.write(&with((2027, 2028), HOST));
    assert_eq!(problem(), Problem::NotYet("2027-01-01T00:00:00Z".parse().unwrap()));
    signer.write(&with((2026, 2027), "other.example"));
    assert_eq!(problem(), Problem::OtherHost(HOST.to_owned()));
}

#[test]
fn a_new_pair_takes_over_and_a_bad_one_does_not() {
    let signer = Signer::new();
    signer.write(&Said::default());
    let tls = signer.load(TlsPreset::Voldoende).unwrap();
    let first = tls.ends_at();
    assert_eq!(tls.look(now()), Ok(false), "nothing changed");

    let new = Said {
        years: (2026, 2028),
        ..Said::default()
    };
    let half = std::fs::read_to_string(signer.settings(TlsPreset::Voldoende).key_file).unwrap();
    signer.put(&signer.sign(&new), &half);
    assert!(
        matches!(tls.look(now()), Err(Problem::Mismatch(_))),
        "the key is not there yet"
    );
    assert_eq!(tls.ends_at(), first, "the old one goes on");
    assert_eq!(tls.look(now()), Ok(false), "what was refused is not looked at again");

    signer.write(&new);
    assert_eq!(tls.look(now()), Ok(true));
    assert_eq!(days_left(tls.ends_at(), now()), days_left(first, now()) + 365);
}

#[test]
fn days_are_counted_whole() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let end = at("2026-12-01T00:00:00Z");
    assert_eq!(days_left(end, at("2026-11-30T00:00:01Z")), 0);
    assert_eq!(days_left(end, at("2026-11-01T00:00:00Z")), 30);
    assert_eq!(days_left(end, at("2026-12-01T00:00:01Z")), -1);
}
