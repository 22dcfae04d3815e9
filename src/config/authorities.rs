//! Certificate authorities: their files are read at the start, once, so that a wrong one stops it and not the first request, and one
//! that is replaced or gone later changes nothing in between.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::reader::Reader;

/// One or more certificates of authorities that rustls can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads certificates in PEM form.
    ///
    /// # Errors
    /// What is wrong with the text, behind the name of its file.
    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let mut all = Vec::new();
        for (certificate, count) in CertificateDer::pem_slice_iter(pem).zip(1..) {
            let taken = certificate
                .ok()
                .filter(|certificate| roots.add(certificate.clone()).is_ok());
            all.push(
                taken.ok_or_else(|| {
                    format!("certificate {count} cannot be read: give X.509 certificates in PEM form")
                })?,
            );
        }
        if all.is_empty() {
            return Err("holds no certificate: give X.509 certificates in PEM form".to_owned());
        }
        Ok(Self(all))
    }

    /// In DER form.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// Whom a client of TLS trusts with these alone.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.0.iter().cloned());
        roots
    }
}

/// The authorities in the file that `key` names, if it is there; what is wrong with the file becomes a problem of the key.
pub(super) fn read(reader: &mut Reader, key: &str, meaning: &'static str) -> Option<Authorities> {
    let file = reader.optional_path(key, meaning)?;
    match of_file(&file) {
        Ok(authorities) => Some(authorities),
        Err(problem) => {
            reader.problem(key, problem);
            None
        }
    }
}

fn of_file(file: &Path) -> Result<Authorities, String> {
    let name = file.display();
    let pem = std::fs::read(file).map_err(|error| format!("{name} cannot be read ({})", error.kind()))?;
    Authorities::parse(&pem).map_err(|problem| format!("{name}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_holds_no_authority_is_a_problem_of_the_key_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let signed = rcgen::generate_simple_self_signed(vec!["authority.example".to_owned()]).unwrap();
        let good = signed.cert.pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, problem) in [
            (Some(good.clone()), None),
            (Some(format!("{good}{good}")), None),
            (None, Some("cannot be read")),
            (Some(String::new()), Some("holds no certificate")),
            (Some("no PEM".to_owned()), Some("holds no certificate")),
            (Some(signed.signing_key.serialize_pem()), Some("holds no certificate")),
            (Some(broken.to_owned()), Some("certificate 1 cannot be read")),
            (Some(format!("{good}{broken}")), Some("certificate 2 cannot be read")),
        ] {
            let file = folder.path().join("ca.pem");
            let _ = std::fs::remove_file(&file);
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            let text = "[a]\nb = 1\nca_file = \"ca.pem\"\n";
            let mut reader = Reader::new(&folder.path().join("inzage.toml"), text, std::iter::empty());
            reader.number("a.b", 0, 0..=9, "");
            let authorities = read(&mut reader, "a.ca_file", "");
            let _ = std::fs::remove_file(&file);
            let (problems, _) = reader.finish();
            match problem {
                None => {
                    assert!(problems.is_empty(), "{problems:?}");
                    // The file is gone and nobody needs it any more.
                    let authorities = authorities.unwrap();
                    assert_eq!(authorities.roots().len(), authorities.certificates().len());
                    assert!(!authorities.certificates().is_empty());
                }
                Some(told) => {
                    assert_eq!(authorities, None, "{told}");
                    assert_eq!((problems[0].line, problems[0].key.as_str()), (Some(3), "a.ca_file"));
                    assert!(
                        problems[0].message.contains("ca.pem") && problems[0].message.contains(told),
                        "{problems:?}"
                    );
                }
            }
        }
    }
}
