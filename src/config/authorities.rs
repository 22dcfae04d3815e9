//! Files with certificate authorities: read at the start, so that a wrong one stops it and not the first request.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::reader::Reader;

/// The path that `key` names, if it is there; what is wrong with the file becomes a problem of the key.
pub(super) fn read(reader: &mut Reader, key: &str, meaning: &'static str) -> Option<PathBuf> {
    let file = reader.optional_path(key, meaning)?;
    if let Err(problem) = check(&file) {
        reader.problem(key, problem);
    }
    Some(file)
}

fn check(file: &Path) -> Result<(), String> {
    let name = file.display();
    let pem = std::fs::read(file).map_err(|error| format!("{name} cannot be read ({})", error.kind()))?;
    let (mut roots, mut count) = (RootCertStore::empty(), 0);
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        count += 1;
        let taken = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        taken.ok_or_else(|| {
            format!("{name}: certificate {count} cannot be read: give X.509 certificates in PEM form")
        })?;
    }
    match count {
        0 => Err(format!(
            "{name} holds no certificate: give X.509 certificates in PEM form"
        )),
        _ => Ok(()),
    }
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
            read(&mut reader, "a.ca_file", "");
            let (problems, _) = reader.finish();
            match problem {
                None => assert!(problems.is_empty(), "{problems:?}"),
                Some(told) => {
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
