//! The test authority: signs the mock's own certificate and those of its clients.

use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::Error;
use crate::secret::{self, Secret};

/// A certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate_pem: String,
    pub key_pem: Secret<String>,
}

/// An authority whose files are in one folder: `ca.pem`, `ca.key.pem`, `client.pem`, `client.key.pem`.
#[derive(Clone, Debug)]
pub struct Authority {
    ca: Pair,
    client: Pair,
    admitted: [u8; 32],
}

const NAMES: [&str; 4] = ["ca.key.pem", "client.key.pem", "client.pem", "ca.pem"];

impl Authority {
    /// Reads the authority in `dir`, or makes one there.
    ///
    /// # Errors
    /// If the folder cannot be read or written, or holds something else.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        // The last file is written last: a start that was broken off is done again.
        if !dir.join(NAMES[NAMES.len() - 1]).exists() {
            make(dir)?;
        }
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(|source| Error::File { path, source })
        };
        let [ca_key, client_key, client, ca] = NAMES;
        let certificate_pem = read(client)?;
        let admitted = fingerprint(&certificate_pem).ok_or_else(|| Error::Pem { path: dir.join(client) })?;
        Ok(Self {
            ca: Pair {
                certificate_pem: read(ca)?,
                key_pem: Secret::new(read(ca_key)?),
            },
            client: Pair {
                certificate_pem,
                key_pem: Secret::new(read(client_key)?),
            },
            admitted,
        })
    }

    pub fn ca_pem(&self) -> &str {
        &self.ca.certificate_pem
    }

    /// The client that the mock admits.
    pub fn client(&self) -> &Pair {
        &self.client
    }

    /// SHA-256 of the admitted client's certificate.
    pub(super) fn admitted(&self) -> [u8; 32] {
        self.admitted
    }

    /// A further client certificate, which the mock knows and does not admit.
    ///
    /// # Errors
    /// If the authority's own files cannot be used.
    pub fn issue(&self, name: &str) -> Result<Pair, Error> {
        self.sign(&of_client(name)?, KeyPair::generate()?)
    }

    /// The same with an RSA key of this size.
    ///
    /// # Errors
    /// If the authority's own files cannot be used.
    pub fn issue_rsa(&self, name: &str, size: RsaKeySize) -> Result<Pair, Error> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size)?;
        self.sign(&of_client(name)?, key)
    }

    /// The mock's own certificate.
    pub fn server(&self, address: IpAddr) -> Result<Pair, Error> {
        self.sign(&of_server(address)?, KeyPair::generate()?)
    }

    fn sign(&self, params: &CertificateParams, key: KeyPair) -> Result<Pair, Error> {
        // The same name and key as in `ca.pem`: that is all of an issuer that a signature needs.
        let issuer = Issuer::new(authority()?, KeyPair::from_pem(self.ca.key_pem.expose())?);
        let certificate_pem = params.signed_by(&key, &issuer)?.pem();
        let key_pem = Secret::new(key.serialize_pem());
        Ok(Pair {
            certificate_pem,
            key_pem,
        })
    }
}

fn of_client(name: &str) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = called(name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn of_server(address: IpAddr) -> Result<CertificateParams, Error> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names.into_iter().chain([address.to_string()]).collect::<Vec<_>>())?;
    params.distinguished_name = called("mock");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// The same certificate by nobody's authority.
pub(super) fn strange(address: IpAddr) -> Result<Pair, Error> {
    let key = KeyPair::generate()?;
    Ok(Pair {
        certificate_pem: of_server(address)?.self_signed(&key)?.pem(),
        key_pem: Secret::new(key.serialize_pem()),
    })
}

fn make(dir: &Path) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|source| Error::File {
        path: dir.to_owned(),
        source,
    })?;
    let key = KeyPair::generate()?;
    let mut authority = Authority {
        ca: Pair {
            certificate_pem: authority()?.self_signed(&key)?.pem(),
            key_pem: Secret::new(key.serialize_pem()),
        },
        client: Pair {
            certificate_pem: String::new(),
            key_pem: Secret::new(String::new()),
        },
        admitted: [0; 32],
    };
    // Named as Ons wants it: connector, customer, identification.
    authority.client = authority.issue("inzage-TE1002-demo")?;
    let contents = [
        authority.ca.key_pem.expose(),
        authority.client.key_pem.expose(),
        &authority.client.certificate_pem,
        &authority.ca.certificate_pem,
    ];
    for (name, content) in NAMES.into_iter().zip(contents) {
        write(&dir.join(name), content)?;
    }
    Ok(())
}

/// Writes beside the file and renames, so that a file is whole or absent; only the owner may read it.
fn write(path: &Path, content: &str) -> Result<(), Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(failed)?;
    file.write_all(content.as_bytes()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

fn authority() -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = called("Inzage test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn called(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn fingerprint(pem: &str) -> Option<[u8; 32]> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    Some(secret::sha256(&certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_of_a_folder_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::open(dir.path()).unwrap();
        let again = Authority::open(dir.path()).unwrap();
        assert_eq!(first.ca_pem(), again.ca_pem());
        assert_eq!(first.admitted(), again.admitted());
        let other = tempfile::tempdir().unwrap();
        assert_ne!(first.admitted(), Authority::open(other.path()).unwrap().admitted());
    }

    #[test]
    fn a_broken_off_start_is_done_again() {
        let dir = tempfile::tempdir().unwrap();
        Authority::open(dir.path()).unwrap();
        fs::remove_file(dir.path().join("ca.pem")).unwrap();
        Authority::open(dir.path()).unwrap();
        fs::write(dir.path().join("client.pem"), "nonsense").unwrap();
        assert!(matches!(Authority::open(dir.path()), Err(Error::Pem { .. })));
    }
}
