//! `[server]`: what stands between the outside and the gateway: its own TLS, or a proxy that is trusted.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::reader::Reader;
use super::{NetworkLimits, limits};

/// How requests come in. By default: in the clear, from whoever connects.
#[derive(Clone, Debug, Default)]
pub struct Front {
    pub tls: Option<Tls>,
    pub proxies: Proxies,
    pub limits: NetworkLimits,
}

/// `[server.tls]`
#[derive(Clone, Debug)]
pub struct Tls {
    /// The server's certificate and the ones between it and a root, in PEM.
    pub certificate_file: PathBuf,
    /// Its private key, in PEM.
    pub key_file: PathBuf,
    pub preset: TlsPreset,
}

/// The two levels of the guidelines of the Dutch NCSC that a server may be set to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPreset {
    /// TLS 1.3, and 1.2 with ECDHE, AEAD and extended master secret: for older browsers.
    #[default]
    Voldoende,
    /// TLS 1.3 only.
    Goed,
}

/// The proxies before the gateway, and how they tell where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    pub trusted: Vec<IpNet>,
    pub header: Forwarding,
}

/// The one header that the proxies set. Only one: a proxy that sets one passes on the other as the stranger sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarding {
    #[default]
    XForwardedFor,
    /// RFC 7239
    Forwarded,
}

impl Proxies {
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// Reads all of it; `https` is whether `public_url` is.
pub(super) fn read(reader: &mut Reader, https: bool) -> Front {
    let tls = if reader.has("server.tls") { tls(reader) } else { None };
    if tls.is_some() && !https {
        reader.problem(
            "server.public_url",
            "must begin with https:// because [server.tls] is set".to_owned(),
        );
    }
    Front {
        tls,
        proxies: proxies(reader),
        limits: limits::network(reader),
    }
}

fn tls(reader: &mut Reader) -> Option<Tls> {
    let certificate_file = reader.path(
        "server.tls.certificate_file",
        "PEM: the server's certificate, then those between it and a root; read again when it changes",
    );
    let key_file = reader.path("server.tls.key_file", "PEM: its private key");
    let key = "server.tls.preset";
    let preset = reader.text(key, "voldoende", "voldoende (TLS 1.2 and 1.3) or goed (TLS 1.3 only)");
    let preset = match preset.as_str() {
        "voldoende" => TlsPreset::Voldoende,
        "goed" => TlsPreset::Goed,
        _ => {
            reader.problem(key, "expected voldoende or goed".to_owned());
            return None;
        }
    };
    Some(Tls {
        certificate_file: certificate_file?,
        key_file: key_file?,
        preset,
    })
}

fn proxies(reader: &mut Reader) -> Proxies {
    let key = "server.trusted_proxies";
    let meaning = "networks of the proxies whose word on a client's address counts: [\"10.0.0.0/8\"]";
    let mut trusted = Vec::new();
    for text in reader.list(key, meaning) {
        match text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        {
            Ok(network) if network.prefix_len() == 0 => reader.problem(
                key,
                format!("{text} trusts everybody: name the networks of the proxies"),
            ),
            Ok(network) => trusted.push(network.trunc()),
            Err(_) => reader.problem(
                key,
                format!("{text} is not a network, for example 10.0.0.0/8 or fd00::/8"),
            ),
        }
    }
    let key = "server.forwarded_header";
    let header = reader.text(
        key,
        "x-forwarded-for",
        "the header that the trusted proxies set: x-forwarded-for or forwarded",
    );
    let header = match header.as_str() {
        "x-forwarded-for" => Forwarding::XForwardedFor,
        "forwarded" => Forwarding::Forwarded,
        _ => {
            reader.problem(key, "expected x-forwarded-for or forwarded".to_owned());
            Forwarding::default()
        }
    };
    Proxies { trusted, header }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Problem;

    fn front(text: &str, https: bool) -> Result<Front, Vec<Problem>> {
        let mut reader = Reader::new(Path::new("/etc/inzage.toml"), text, std::iter::empty());
        let front = read(&mut reader, https);
        let (problems, _) = reader.finish();
        if problems.is_empty() { Ok(front) } else { Err(problems) }
    }

    #[test]
    fn tls_and_proxies_are_read() {
        let text = "[server]\ntrusted_proxies = [\"10.1.2.3/8\", \"fd00::1\"]\nforwarded_header = \"forwarded\"\n\
                    [server.tls]\ncertificate_file = \"chain.pem\"\nkey_file = \"/keys/tls.key\"\npreset = \"goed\"\n";
        let front = front(text, true).unwrap();
        let tls = front.tls.unwrap();
        assert_eq!(tls.certificate_file, Path::new("/etc/chain.pem"));
        assert_eq!(tls.key_file, Path::new("/keys/tls.key"));
        assert_eq!(tls.preset, TlsPreset::Goed);
        assert_eq!(front.proxies.header, Forwarding::Forwarded);
        for (address, trusted) in [
            ("10.200.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("fd00::1", true),
            ("fd00::2", false),
            ("11.0.0.1", false),
        ] {
            assert_eq!(front.proxies.trusts(address.parse().unwrap()), trusted, "{address}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_at_its_key() {
        for (text, https, key) in [
            (
                "[server]\ntrusted_proxies = [\"10.0.0.0/33\"]\n",
                true,
                "server.trusted_proxies",
            ),
            (
                "[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n",
                true,
                "server.trusted_proxies",
            ),
            ("[server]\ntrusted_proxies = [10]\n", true, "server.trusted_proxies"),
            (
                "[server]\nforwarded_header = [\"forwarded\"]\n",
                true,
                "server.forwarded_header",
            ),
            (
                "[server]\nforwarded_header = \"via\"\n",
                true,
                "server.forwarded_header",
            ),
            ("[server.tls]\nkey_file = \"k\"\n", true, "server.tls.certificate_file"),
            (
                "[server.tls]\nkey_file = \"k\"\ncertificate_file = \"c\"\npreset = \"best\"\n",
                true,
                "server.tls.preset",
            ),
            (
                "[server.tls]\nkey_file = \"k\"\ncertificate_file = \"c\"\n",
                false,
                "server.public_url",
            ),
        ] {
            let problems = front(text, https).unwrap_err();
            let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
            assert_eq!(keys, [key], "{text}: {problems:?}");
        }
    }
}
