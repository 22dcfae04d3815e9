//! The target's test accounts and apps, as `inzage demo` writes them to `DIR/demo.json`.
//!
//! # Design
//! A target without such a file can still be tested: the cases that need an account are skipped and say so. Unknown
//! fields are let through, because the file serves other readers too.

use std::path::Path;

use serde::Deserialize;

use super::Error;
use super::case::Account;

/// Everything that the runner may know of a target.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct World {
    pub tenants: Vec<Tenant>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Tenant {
    pub id: String,
    /// The FHIR base.
    pub fhir: String,
    pub issuer: String,
    #[serde(default)]
    pub accounts: Vec<Person>,
    #[serde(default)]
    pub apps: Vec<App>,
}

/// Somebody who can log in.
#[derive(Clone, Deserialize)]
pub struct Person {
    pub username: String,
    pub password: String,
    pub role: String,
    #[serde(default)]
    pub patients: Vec<Patient>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Person({})", self.role)
    }
}

#[derive(Clone, Deserialize)]
pub struct Patient {
    pub id: String,
}

#[derive(Clone, Deserialize)]
pub struct App {
    pub client_id: String,
    #[serde(default)]
    pub client_secret: Option<String>,
    #[serde(default)]
    pub redirect_uris: Vec<String>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.client_id)
    }
}

impl World {
    /// Reads `demo.json`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        // The parser's message may quote a value, and the file holds passwords.
        serde_json::from_str(&text).map_err(|error| Error::World {
            path: path.to_owned(),
            line: error.line(),
        })
    }

    /// A world of which only the tenants are known.
    pub fn of_tenants(target: &url::Url, ids: &[String]) -> Self {
        let base = target.as_str().trim_end_matches('/');
        let tenants = ids.iter().map(|id| Tenant {
            id: id.clone(),
            fhir: format!("{base}/{id}/fhir"),
            issuer: format!("{base}/{id}"),
            accounts: Vec::new(),
            apps: Vec::new(),
        });
        Self {
            tenants: tenants.collect(),
        }
    }
}

impl Tenant {
    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// The account for a case, and the client to choose if the pages ask.
    pub fn account(&self, wanted: Account) -> Option<(&Person, &str)> {
        let first = |person: &'_ Person| person.patients.first().map(|patient| patient.id.clone());
        let client = self
            .accounts
            .iter()
            .find(|person| person.role == "client" && person.patients.len() == 1);
        match wanted {
            Account::Client => client.and_then(|person| Some((person, person.patients.first()?.id.as_str()))),
            Account::Representative => {
                let person = self.accounts.iter().find(|person| person.patients.len() > 1)?;
                Some((person, person.patients.first()?.id.as_str()))
            }
            Account::OtherClient => {
                let own = client.and_then(first);
                let other = |person: &'_ Person| {
                    person
                        .patients
                        .iter()
                        .position(|patient| Some(&patient.id) != own.as_ref())
                };
                let able = |person: &&Person| person.role == "client" || person.role == "representative";
                let person = self
                    .accounts
                    .iter()
                    .filter(able)
                    .find(|person| other(person).is_some())?;
                Some((person, person.patients[other(person)?].id.as_str()))
            }
        }
    }
}

impl App {
    /// An address to be sent back to; a loopback address without a port gets one (RFC 8252 §7.3).
    pub fn redirect(&self) -> Option<String> {
        let registered = self.redirect_uris.first()?;
        let mut url = url::Url::parse(registered).ok()?;
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]"));
        if loopback && url.port().is_none() && url.set_port(Some(53_682)).is_ok() {
            return Some(url.into());
        }
        Some(registered.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> Tenant {
        let text = r#"{"id":"topaz","fhir":"f","issuer":"i","admin":1,"accounts":[
            {"username":"a","password":"p","role":"client","patients":[{"id":"1","name":"x"}]},
            {"username":"r","password":"p","role":"representative","patients":[{"id":"1"},{"id":"2"}]}],
            "apps":[{"client_id":"demo-native","redirect_uris":["http://127.0.0.1/callback"],"kind":"public"}]}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_other_client_is_one_that_the_client_may_not_see() {
        let tenant = tenant();
        assert_eq!(
            tenant.account(Account::Client).map(|(p, id)| (p.username.as_str(), id)),
            Some(("a", "1"))
        );
        assert_eq!(
            tenant
                .account(Account::OtherClient)
                .map(|(p, id)| (p.username.as_str(), id)),
            Some(("r", "2"))
        );
        assert_eq!(tenant.account(Account::Representative).map(|(_, id)| id), Some("1"));
    }

    #[test]
    fn a_loopback_redirect_gets_a_port() {
        let tenant = tenant();
        let app = tenant.app("demo-native").unwrap();
        assert_eq!(app.redirect().as_deref(), Some("http://127.0.0.1:53682/callback"));
        assert!(tenant.app("other").is_none());
    }

    #[test]
    fn a_broken_file_is_told_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo.json");
        std::fs::write(&path, "{\"tenants\":[{\"id\":\"hunter2\"}]}").unwrap();
        let error = World::load(&path).unwrap_err().to_string();
        assert!(error.contains("demo.json") && !error.contains("hunter2"), "{error}");
    }
}
