//! `[tenant.<id>.upstream]`: an OpenID provider that asks for the first factor.

use url::{Host, Url};

use super::authorities::{self, Authorities};
use super::reader::Reader;
use crate::secret::Secret;

/// Where people of a tenant log in first.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// What the button calls it.
    pub name: String,
    /// To the letter: `https://login.example` and `https://login.example/` are two issuers.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Secret<String>,
    /// The provider's levels (`acr`) that mean something here, the lowest first.
    pub levels: Vec<String>,
    /// The lowest of them that is enough; `None`: any login is.
    pub minimum: Option<String>,
    /// Whether people may log in with a password of ours instead.
    pub password: bool,
    /// Certificate authorities instead of the system's.
    pub ca: Option<Authorities>,
}

impl Upstream {
    /// The levels that are enough; empty: nothing is asked.
    pub fn enough(&self) -> &[String] {
        let from = self
            .minimum
            .as_ref()
            .and_then(|least| self.levels.iter().position(|level| level == least));
        from.map_or(&[], |from| &self.levels[from..])
    }
}

/// Reads the section, if it is there.
pub(super) fn read(reader: &mut Reader, tenant: &str) -> Option<Upstream> {
    let section = format!("tenant.{tenant}.upstream");
    if !reader.has(&section) {
        return None;
    }
    let at = |key: &str| format!("{section}.{key}");
    let name = reader.text(&at("name"), "", "what the button on the login page calls the provider");
    let issuer = reader.text(
        &at("issuer"),
        "",
        "an OpenID provider that asks for the first factor; to the letter as it calls itself",
    );
    let client_id = reader.text(&at("client_id"), "", "what the provider calls this gateway");
    let client_secret = reader.secret_file(
        &at("client_secret_file"),
        "a file with the secret of this gateway there",
    );
    let levels = reader.list(
        &at("levels"),
        "the provider's acr values that mean something here, the lowest first",
    );
    let minimum = reader.text(
        &at("minimum"),
        "",
        "the lowest of them that is enough; nothing: any login",
    );
    let minimum = Some(minimum).filter(|minimum| !minimum.is_empty());
    let password = reader.flag(
        &at("password"),
        false,
        "people may log in with a password of the gateway instead",
    );
    let ca = authorities::read(
        reader,
        &at("ca_file"),
        "certificate authorities (PEM) to trust for the provider; the system's otherwise",
    );
    let host = match Url::parse(&issuer) {
        Ok(url) if url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url) => {
            url.host_str().unwrap_or_default().to_owned()
        }
        _ => {
            reader.problem(
                &at("issuer"),
                "must be an https URL, for example https://login.example".to_owned(),
            );
            String::new()
        }
    };
    if client_id.is_empty() {
        reader.problem(&at("client_id"), "is missing: the provider gives it out".to_owned());
    }
    if let Some(minimum) = &minimum {
        if !levels.contains(minimum) {
            reader.problem(&at("minimum"), "is not among the levels".to_owned());
        }
        if password {
            let text = "a password would be a way around the minimum: leave one of the two out";
            reader.problem(&at("password"), text.to_owned());
        }
    }
    Some(Upstream {
        name: if name.is_empty() { host } else { name },
        issuer,
        client_id,
        client_secret: client_secret?,
        levels,
        minimum,
        password,
        ca,
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(text: &str) -> Result<Upstream, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
        let text = format!("[tenant.a.upstream]\nclient_id = \"inzage\"\nclient_secret_file = \"secret\"\n{text}");
        let mut reader = Reader::new(&folder.path().join("inzage.toml"), &text, std::iter::empty());
        let found = read(&mut reader, "a");
        let (problems, _) = reader.finish();
        if problems.is_empty() {
            return Ok(found.unwrap());
        }
        Err(problems.into_iter().map(|problem| problem.key).collect())
    }

    #[test]
    fn levels_from_the_minimum_on_are_enough() {
        let found = upstream("issuer = \"https://login.example/\"\nlevels = [\"low\", \"substantial\", \"high\"]\nminimum = \"substantial\"\n").unwrap();
        assert_eq!(found.enough(), ["substantial", "high"]);
        assert_eq!(found.name, "login.example");
        assert_eq!(found.client_secret.expose(), "s3cret");
        let any = upstream("issuer = \"http://127.0.0.1:1/\"\npassword = true\n").unwrap();
        assert!(any.enough().is_empty() && any.password);
    }

    #[test]
    fn what_would_weaken_the_login_is_refused() {
        for (text, key) in [
            ("issuer = \"http://login.example/\"\n", "issuer"),
            ("issuer = \"https://login.example/\"\nminimum = \"high\"\n", "minimum"),
            (
                "issuer = \"https://login.example/\"\nlevels = [\"a\"]\nminimum = \"a\"\npassword = true\n",
                "password",
            ),
            ("", "issuer"),
        ] {
            assert_eq!(
                upstream(text).unwrap_err(),
                [format!("tenant.a.upstream.{key}")],
                "{text}"
            );
        }
    }
}
