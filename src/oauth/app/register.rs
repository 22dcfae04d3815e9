//! Registration: RFC 7591 client metadata in, the registration as JSON out.
//!
//! ```json
//! { "client_name": "Mijn Zorg", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none",
//!   "scope": "openid fhirUser launch/patient patient/*.read offline_access" }
//! ```
//!
//! # Design
//! Every problem is told at once, with the member's name and the remedy. Metadata that the gateway does not use is kept and
//! given back, as RFC 7591 §2 asks, and changes nothing. Two members are ours: `client_id`, for an operator who wants to
//! choose it, and `origins`, for pages that call the API from another origin than their redirect URIs.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::redirect::{LONGEST_URI, redirect};
use super::{App, Grants, Kind, PublicKeys, store};
use crate::config::TenantId;
use crate::db::{self, Tx};
use crate::oauth::published::may_fetch;
use crate::oauth::scope::Scopes;
use crate::secret::{Random, sha256};

const MOST_URIS: usize = 20;

/// Why nothing was registered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the client metadata cannot be used: {}", .0.join("; "))]
    Metadata(Vec<String>),
    #[error("client_id: an app with this id exists already; choose another or leave it out")]
    Taken,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Registers an app. The answer holds `client_secret` where one was made; it is shown this once.
pub async fn register(
    tx: &mut Tx,
    tenant: &TenantId,
    metadata: &Value,
    now: Timestamp,
    random: &Random,
) -> Result<Value, Error> {
    let Value::Object(given) = metadata else {
        return Err(Error::Metadata(vec!["the metadata is not a JSON object".to_owned()]));
    };
    let mut reader = Reader {
        given,
        problems: Vec::new(),
    };
    let (mut app, origins) = reader.app(random);
    if !reader.problems.is_empty() {
        return Err(Error::Metadata(reader.problems));
    }
    let mut answer = given.clone();
    answer.insert("client_id".to_owned(), json!(app.client_id));
    answer.insert("client_id_issued_at".to_owned(), json!(now.as_second()));
    answer.insert("client_name".to_owned(), json!(app.name));
    answer.insert("redirect_uris".to_owned(), json!(app.redirect_uris));
    answer.insert("scope".to_owned(), json!(app.scopes.to_string()));
    let (method, grant_types) = match (&app.kind, app.grants) {
        (Kind::Public, _) => ("none", json!(["authorization_code", "refresh_token"])),
        (Kind::Secret(_), _) => (
            reader
                .text("token_endpoint_auth_method")
                .unwrap_or("client_secret_basic"),
            json!(["authorization_code", "refresh_token"]),
        ),
        (Kind::Key(_), Grants::Person) => ("private_key_jwt", json!(["authorization_code", "refresh_token"])),
        (Kind::Key(_), Grants::Backend) => ("private_key_jwt", json!(["client_credentials"])),
    };
    answer.insert("token_endpoint_auth_method".to_owned(), json!(method));
    answer.insert("grant_types".to_owned(), grant_types);
    let kept = Value::Object(answer.clone()).to_string();
    if let Kind::Secret(hash) = &mut app.kind {
        let secret = random.token();
        *hash = sha256(secret.as_bytes());
        answer.insert("client_secret".to_owned(), json!(secret));
        answer.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    store::insert(tx, tenant, &app, &origins, &kept, now)
        .await
        .map_err(|error| {
            if error.violates(&store::TAKEN) {
                Error::Taken
            } else {
                Error::Database(error)
            }
        })?;
    Ok(Value::Object(answer))
}

struct Reader<'a> {
    given: &'a Map<String, Value>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.given.get(name)?.as_str()
    }

    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(value) = self.given.get(name) else {
            return Vec::new();
        };
        let texts: Option<Vec<String>> = value
            .as_array()
            .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        texts.unwrap_or_else(|| {
            self.problem(format!("{name}: give a list of texts"));
            Vec::new()
        })
    }

    fn app(&mut self, random: &Random) -> (App, Vec<String>) {
        let client_id = match self.given.get("client_id") {
            None => format!("app-{}", crate::secret::hex(&random.bytes::<8>())),
            Some(value) => self.client_id(value),
        };
        let name = match self.text("client_name").map(str::trim) {
            Some(name) if (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control) => {
                name.to_owned()
            }
            _ => {
                self.problem("client_name: give the name that people see, 1 to 100 characters");
                String::new()
            }
        };
        let grants = self.grants();
        let kind = self.kind();
        if grants == Grants::Backend && !matches!(kind, Kind::Key(_)) {
            self.problem("token_endpoint_auth_method: client_credentials needs private_key_jwt");
        }
        let redirect_uris = self.redirect_uris(grants, matches!(kind, Kind::Public));
        let scopes = self.scopes(grants);
        let mut origins: Vec<String> = redirect_uris.iter().filter_map(|uri| super::origin(uri)).collect();
        for origin in self.texts("origins") {
            match super::origin(&origin) {
                Some(found) if found == origin && origin.len() <= LONGEST_URI => origins.push(found),
                _ => self.problem("origins: give scheme, host and port, for example https://app.example"),
            }
        }
        let app = App {
            client_id,
            name,
            kind,
            redirect_uris,
            scopes,
            grants,
        };
        (app, origins)
    }

    fn client_id(&mut self, value: &Value) -> String {
        let fits = |id: &&str| {
            (3..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        match value.as_str().filter(fits) {
            Some(id) => id.to_owned(),
            None => {
                self.problem("client_id: 3 to 64 letters, digits, dots, hyphens or underscores, or leave it out");
                String::new()
            }
        }
    }

    fn grants(&mut self) -> Grants {
        let types = self.texts("grant_types");
        let known = ["authorization_code", "refresh_token", "client_credentials"];
        if types.iter().any(|kind| !known.contains(&kind.as_str())) {
            self.problem("grant_types: only authorization_code, refresh_token and client_credentials are offered");
        }
        if self.texts("response_types").iter().any(|kind| kind != "code") {
            self.problem("response_types: only code is offered");
        }
        match types.iter().any(|kind| kind == "client_credentials") {
            true if types.len() > 1 => {
                self.problem("grant_types: client_credentials stands alone; register a second app");
                Grants::Backend
            }
            true => Grants::Backend,
            false => Grants::Person,
        }
    }

    fn kind(&mut self) -> Kind {
        // RFC 7591 §2: left out, it is client_secret_basic.
        let method = match self.given.get("token_endpoint_auth_method") {
            None => Some("client_secret_basic"),
            Some(value) => value.as_str(),
        };
        match method {
            Some("none") => Kind::Public,
            Some("client_secret_basic" | "client_secret_post") => Kind::Secret([0; 32]),
            Some("private_key_jwt") => Kind::Key(self.keys()),
            _ => {
                self.problem(
                    "token_endpoint_auth_method: choose none, client_secret_basic, client_secret_post or private_key_jwt",
                );
                Kind::Public
            }
        }
    }

    fn keys(&mut self) -> PublicKeys {
        // RFC 7591 §2: not both.
        match (self.given.get("jwks_uri"), self.given.get("jwks")) {
            (Some(_), Some(_)) => {
                self.problem("jwks_uri: give the keys or their address, not both");
                PublicKeys::Given(String::new())
            }
            (Some(address), None) => PublicKeys::At(self.jwks_uri(address)),
            (None, _) => PublicKeys::Given(self.jwks()),
        }
    }

    fn jwks_uri(&mut self, address: &Value) -> String {
        let fits = |text: &&str| {
            let url = url::Url::parse(text).ok();
            text.len() <= LONGEST_URI && url.is_some_and(|url| may_fetch(&url, true) && url.fragment().is_none())
        };
        match address.as_str().filter(fits) {
            Some(address) => address.to_owned(),
            None => {
                self.problem(
                    "jwks_uri: give an https address that is open to the internet, without user name or fragment",
                );
                String::new()
            }
        }
    }

    fn jwks(&mut self) -> String {
        let keys = self
            .given
            .get("jwks")
            .and_then(|set| set.get("keys"))
            .and_then(Value::as_array);
        let Some(keys) = keys.filter(|keys| (1..=10).contains(&keys.len())) else {
            self.problem("jwks: give a JWK Set with 1 to 10 public keys");
            return String::new();
        };
        let public = |key: &Value| {
            matches!(key.get("kty").and_then(Value::as_str), Some("RSA" | "EC"))
                && ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
                    .iter()
                    .all(|name| key.get(name).is_none())
        };
        if !keys.iter().all(public) {
            self.problem("jwks: every key is a public RSA or EC key; keep the private members to yourself");
        }
        json!({ "keys": keys }).to_string()
    }

    fn redirect_uris(&mut self, grants: Grants, public: bool) -> Vec<String> {
        let uris = self.texts("redirect_uris");
        match (grants, uris.len()) {
            (Grants::Person, 0) => self.problem("redirect_uris: give at least one"),
            (Grants::Backend, 1..) => self.problem("redirect_uris: an app without people has none"),
            (_, 0..=MOST_URIS) => {}
            _ => self.problem("redirect_uris: at most 20"),
        }
        for (at, uri) in uris.iter().enumerate() {
            if let Err(remedy) = redirect(uri, public) {
                self.problem(format!("redirect_uris[{at}]: {remedy}"));
            }
        }
        uris
    }

    fn scopes(&mut self, grants: Grants) -> Scopes {
        let asked = match self.given.get("scope") {
            None if grants == Grants::Backend => {
                self.problem("scope: name the system/ scopes that the app may ask for, for example system/*.rs");
                return Scopes::default();
            }
            None => Ok(Scopes::supported()),
            Some(value) => value.as_str().map_or(Ok(Scopes::default()), Scopes::parse),
        };
        // A person cannot give what is not theirs, and without a person there is nobody to give the rest.
        let scopes = asked.map(|asked| match grants {
            Grants::Backend => asked.of_a_backend(),
            Grants::Person => asked.of_a_person(),
        });
        match scopes {
            Ok(scopes) if !scopes.is_empty() => scopes,
            _ => {
                self.problem(match grants {
                    Grants::Backend => "scope: give system/ scopes that this server knows, for example system/*.rs",
                    Grants::Person => "scope: give scopes that this server knows, or leave it out",
                });
                Scopes::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::fresh::fresh;

    #[tokio::test]
    async fn the_four_kinds_of_apps_are_registered_and_found() {
        let (_dir, db) = fresh().await;
        let tenant = TenantId::parse("topaz").unwrap();
        let (now, random) = ("2026-11-22T10:00:00Z".parse().unwrap(), Random::seeded(1));
        let mut tx = db.begin().await.unwrap();
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "1"}]});
        for metadata in [
            json!({"client_id": "demo-native", "client_name": "N", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"}),
            json!({"client_id": "demo-server", "client_name": "S", "redirect_uris": ["https://s.example/cb"]}),
            json!({"client_id": "demo-backend", "client_name": "B", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "scope": "system/*.rs"}),
        ] {
            let answer = register(&mut tx, &tenant, &metadata, now, &random).await.unwrap();
            assert_eq!(answer["client_id"], metadata["client_id"]);
            let has_secret = metadata["client_id"] == "demo-server";
            assert_eq!(answer.get("client_secret").is_some(), has_secret);
        }
        let again = json!({"client_id": "demo-native", "client_name": "N", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"});
        let app = store::find(&mut tx, &tenant, "demo-native").await.unwrap().unwrap();
        assert!(app.is_public() && app.redirects_to("http://127.0.0.1:5555/callback"));
        let amaris = TenantId::parse("amaris").unwrap();
        assert!(store::find(&mut tx, &amaris, "demo-native").await.unwrap().is_none());
        assert!(
            store::origin_allowed(&mut tx, &tenant, "https://s.example")
                .await
                .unwrap()
        );
        assert!(
            !store::origin_allowed(&mut tx, &amaris, "https://s.example")
                .await
                .unwrap()
        );
        assert!(store::disable(&mut tx, &tenant, "demo-server", now).await.unwrap());
        assert!(
            !store::origin_allowed(&mut tx, &tenant, "https://s.example")
                .await
                .unwrap()
        );
        assert_eq!(store::list(&mut tx, &tenant).await.unwrap().len(), 2);
        let error = register(&mut tx, &tenant, &again, now, &random).await.unwrap_err();
        assert!(matches!(error, Error::Taken), "{error}");
    }

    #[tokio::test]
    async fn every_problem_is_told_at_once() {
        let (_dir, db) = fresh().await;
        let tenant = TenantId::parse("topaz").unwrap();
        let mut tx = db.begin().await.unwrap();
        let private = json!({"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB", "d": "AA"}]});
        let metadata = json!({
            "client_id": "x", "client_name": "", "redirect_uris": ["http://app.example/cb"], "scope": "admin",
            "token_endpoint_auth_method": "private_key_jwt", "jwks": private, "response_types": ["token"], "origins": ["*"],
        });
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let error = register(&mut tx, &tenant, &metadata, now, &Random::seeded(1))
            .await
            .unwrap_err();
        let Error::Metadata(problems) = error else {
            panic!("{error}")
        };
        for name in [
            "client_id:",
            "client_name:",
            "redirect_uris[0]:",
            "scope:",
            "jwks:",
            "response_types:",
            "origins:",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(name)),
                "{name} in {problems:?}"
            );
        }
    }
}
