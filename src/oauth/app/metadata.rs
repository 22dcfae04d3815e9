//! Client metadata (RFC 7591 §2), member by member: what an app is, or everything that keeps it from being one.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::redirect::{LONGEST_URI, redirect};
use super::{App, Demands, Grants, Kind, PublicKeys};
use crate::config::{OAuth, SigningAlg};
use crate::oauth::device::GRANT_TYPE;
use crate::oauth::jws;
use crate::oauth::published::may_fetch;
use crate::oauth::scope::Scopes;
use crate::secret::Random;

const MOST_URIS: usize = 20;
pub(super) const CODE: &str = "authorization_code";
pub(super) const REFRESH: &str = "refresh_token";

/// Whether an app can have this id.
pub(super) fn is_client_id(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (3..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// Client metadata that is read, with everything that is wrong in it.
pub(super) struct Reader<'a> {
    pub(super) given: &'a Map<String, Value>,
    pub(super) settings: &'a OAuth,
    pub(super) problems: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
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

    pub(super) fn app(&mut self, random: &Random) -> (App, Vec<String>) {
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
        let types = self.grant_types();
        let (grants, on_devices) = self.grants(&types);
        let kind = self.kind();
        if grants == Grants::Backend && !matches!(kind, Kind::Key(_)) {
            self.problem("token_endpoint_auth_method: client_credentials needs private_key_jwt");
        }
        let only_devices = on_devices && !types.iter().any(|kind| kind == CODE);
        let redirect_uris = self.redirect_uris(grants, matches!(kind, Kind::Public), only_devices);
        let refreshes = types.is_empty() || types.iter().any(|kind| kind == REFRESH);
        let scopes = self.scopes(grants, refreshes);
        let mut origins: Vec<String> = redirect_uris.iter().filter_map(|uri| super::origin(uri)).collect();
        for origin in self.texts("origins") {
            match super::origin(&origin) {
                Some(found) if found == origin && origin.len() <= LONGEST_URI => origins.push(found),
                _ => self.problem("origins: give scheme, host and port, for example https://app.example"),
            }
        }
        let logout_uris = self.logout_uris(matches!(kind, Kind::Public));
        let app = App {
            client_id,
            name,
            kind,
            redirect_uris,
            scopes,
            grants,
            demands: Demands {
                pushed: self.flag("require_pushed_authorization_requests"),
                dpop: self.flag("dpop_bound_access_tokens"),
            },
            on_devices,
            id_token_alg: self.id_token_alg(),
            logout_uris,
        };
        (app, origins)
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.given.get(name) {
            None => false,
            Some(Value::Bool(yes)) => *yes,
            Some(_) => {
                self.problem(format!("{name}: true or false"));
                false
            }
        }
    }

    fn id_token_alg(&mut self) -> Option<SigningAlg> {
        let value = self.given.get("id_token_signed_response_alg")?;
        let alg = value.as_str().and_then(SigningAlg::parse);
        if alg.is_none() {
            self.problem("id_token_signed_response_alg: choose RS256, ES256 or ES384, or leave it out");
        }
        alg
    }

    fn client_id(&mut self, value: &Value) -> String {
        match value.as_str().filter(|id| is_client_id(id)) {
            Some(id) => id.to_owned(),
            None => {
                self.problem("client_id: 3 to 64 letters, digits, dots, hyphens or underscores, or leave it out");
                String::new()
            }
        }
    }

    /// What the app asked for, each once; none: it did not say.
    pub(super) fn grant_types(&mut self) -> Vec<String> {
        let mut types = self.texts("grant_types");
        let mut met = BTreeSet::new();
        types.retain(|kind| met.insert(kind.clone()));
        types
    }

    /// Which grants, and whether that of devices is among them.
    fn grants(&mut self, types: &[String]) -> (Grants, bool) {
        let known = [CODE, REFRESH, "client_credentials", GRANT_TYPE];
        if types.iter().any(|kind| !known.contains(&kind.as_str())) {
            self.problem(format!(
                "grant_types: only authorization_code, refresh_token, client_credentials and {GRANT_TYPE} are offered"
            ));
        }
        let on_devices = types.iter().any(|kind| kind == GRANT_TYPE);
        if self.texts("response_types").iter().any(|kind| kind != "code") {
            self.problem("response_types: only code is offered");
        }
        let grants = match types.iter().any(|kind| kind == "client_credentials") {
            true if types.len() > 1 => {
                self.problem("grant_types: client_credentials stands alone; register a second app");
                Grants::Backend
            }
            true => Grants::Backend,
            false => Grants::Person,
        };
        if types.iter().all(|kind| kind == REFRESH) && !types.is_empty() {
            self.problem(format!(
                "grant_types: refresh_token goes with authorization_code or {GRANT_TYPE}"
            ));
        }
        (grants, on_devices && grants == Grants::Person)
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
        // An address that no fetch would go to is refused here and now, not at the app's first token.
        let private = self.settings.private_app_keys;
        let fits = |text: &&str| {
            let url = url::Url::parse(text).ok();
            text.len() <= LONGEST_URI && url.is_some_and(|url| may_fetch(&url, private) && url.fragment().is_none())
        };
        match address.as_str().filter(fits) {
            Some(address) => address.to_owned(),
            None => {
                self.problem(
                    "jwks_uri: give an https address without user name or fragment that is open to the internet, or let the \
                     operator set oauth.private_app_keys",
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
                && jws::PRIVATE.iter().all(|name| key.get(name).is_none())
        };
        if !keys.iter().all(public) {
            self.problem("jwks: every key is a public RSA or EC key; keep the private members to yourself");
        }
        json!({ "keys": keys }).to_string()
    }

    fn redirect_uris(&mut self, grants: Grants, public: bool, only_devices: bool) -> Vec<String> {
        let uris = self.texts("redirect_uris");
        match (grants, uris.len()) {
            (Grants::Person, 0) if !only_devices => self.problem("redirect_uris: give at least one"),
            (Grants::Backend, 1..) => self.problem("redirect_uris: an app without people has none"),
            (Grants::Person, 1..) if only_devices => self.problem(
                "redirect_uris: an app of devices alone has none; leave them out, or add authorization_code to grant_types",
            ),
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

    fn logout_uris(&mut self, public: bool) -> Vec<String> {
        let uris = self.texts("post_logout_redirect_uris");
        if uris.len() > MOST_URIS {
            self.problem("post_logout_redirect_uris: at most 20");
        }
        for (at, uri) in uris.iter().enumerate() {
            if let Err(remedy) = redirect(uri, public) {
                self.problem(format!("post_logout_redirect_uris[{at}]: {remedy}"));
            }
        }
        uris
    }

    fn scopes(&mut self, grants: Grants, refreshes: bool) -> Scopes {
        let asked = match self.given.get("scope") {
            None if grants == Grants::Backend => {
                self.problem("scope: name the system/ scopes that the app may ask for, for example system/*.rs");
                return Scopes::default();
            }
            None if refreshes => Ok(Scopes::supported()),
            None => Ok(Scopes::supported().once()),
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
