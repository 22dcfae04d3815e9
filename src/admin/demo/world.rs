//! Accounts and apps of the demo: made once, remembered in `demo.json`.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::super::account::{NewAccount, Registrar};
use super::super::app::register;
use super::super::operate;
use super::cast::{self, Part};
use super::source::Mock;
use crate::account::Hasher;
use crate::clock::Clock;
use crate::config::{Config, LoginName, Source, Tenant};
use crate::db::Db;
use crate::ecd::mock::{Population, Shelf};
use crate::http::demo::{Demo, DemoAccount, DemoClient, DemoPatient, DemoTenant};
use crate::mapping::resource_id;
use crate::secret::{Random, Secret};

/// What a demo app may ask for.
const SCOPES: &str = "openid fhirUser profile offline_access online_access launch launch/patient patient/*.read patient/*.rs user/*.read \
                      user/*.rs";

/// Words of the demo's passwords.
const WORDS: [&str; 16] = [
    "Molen", "Fiets", "Tulp", "Haven", "Brug", "Duin", "Klomp", "Regen", "Polder", "Kaas", "Gracht", "Schaats", "Dijk",
    "Reiger", "Stroop", "Wilg",
];

/// Where the demo is being made.
pub(super) struct World<'a> {
    pub config: &'a Config,
    pub db: &'a Db,
    pub clock: &'a Clock,
    pub random: &'a Random,
    pub data: &'a Path,
}

impl World<'_> {
    /// Makes what is not there yet.
    pub async fn prepare(&self, mocks: &[Mock], inside: SocketAddr) -> anyhow::Result<Demo> {
        let before = self.remembered()?;
        let hasher = Hasher::new(&self.config.master, self.random);
        let mut tenants = Vec::new();
        for (number, (tenant, mock)) in super::TENANTS.iter().zip(mocks).enumerate() {
            let tenant = self
                .config
                .tenant(tenant.id)
                .context("the demo's configuration has its tenants")?;
            let old = before.as_ref().and_then(|demo| {
                demo["tenants"]
                    .as_array()?
                    .iter()
                    .find(|old| old["id"] == tenant.id.as_str())
            });
            let id = tenant.id.as_str();
            tenants.push(DemoTenant {
                id: id.to_owned(),
                name: tenant.name.clone(),
                source: tenant.source.as_ref().map_or("none", Source::name),
                fhir: self.config.server.fhir_base(id),
                issuer: self.config.server.issuer(id),
                accounts: self.accounts(tenant, number, &mock.population, old, &hasher).await?,
                apps: self.apps(tenant, old).await?,
                unclaimed: self.unclaimed(tenant, number, &mock.population),
                drops: mock.drops(),
            });
        }
        Ok(Demo {
            tenants,
            admin: format!("http://{inside}/"),
            data: self.data.to_owned(),
            clock: self.clock.clone(),
        })
    }

    fn remembered(&self) -> anyhow::Result<Option<Value>> {
        let file = self.data.join("demo.json");
        match std::fs::read(&file) {
            Ok(bytes) => {
                let advice = || format!("{} cannot be read: delete the folder to begin anew", file.display());
                Ok(Some(serde_json::from_slice(&bytes).with_context(advice)?))
            }
            Err(_) => Ok(None),
        }
    }

    /// Writes `demo.json`; last of all, so whoever waits for it finds a gateway that serves.
    pub fn write(&self, demo: &Demo) -> anyhow::Result<()> {
        let part = self.data.join("demo.json.part");
        // Left over from a start that was cut off.
        let _ = std::fs::remove_file(&part);
        // It holds passwords, if only of people who do not exist.
        serde_json::to_writer_pretty(operate::private(&part)?, demo)?;
        Ok(std::fs::rename(part, self.data.join("demo.json"))?)
    }

    async fn accounts(
        &self,
        tenant: &Tenant,
        number: usize,
        population: &Population,
        old: Option<&Value>,
        hasher: &Hasher,
    ) -> anyhow::Result<Vec<DemoAccount>> {
        let mut accounts = Vec::new();
        for part in cast::parts(number, population) {
            let username = match tenant.policy.accounts.login_name {
                LoginName::Username => part.username.to_owned(),
                LoginName::Email => format!("{}@example.org", part.username),
            };
            let patients: Vec<DemoPatient> = part
                .rights
                .iter()
                .map(|line| self.patient(tenant, population, &line.client))
                .collect();
            let remembered = old.and_then(|old| {
                let mut accounts = old["accounts"].as_array()?.iter();
                accounts.find(|old| old["username"] == *username)
            });
            // The rights of an account name the clients of the product that its organisation had then.
            let is_same = |old: &Value| {
                patients
                    .iter()
                    .zip(0..)
                    .all(|(it, at)| old["patients"][at]["id"] == *it.id)
            };
            anyhow::ensure!(
                remembered.is_none_or(is_same),
                "this data folder was made when {} had another product: delete it, or use another --data folder",
                tenant.id
            );
            let password = match remembered.and_then(|old| old["password"].as_str()) {
                Some(password) => password.to_owned(),
                None => self.create(tenant, &part, &username, hasher).await?,
            };
            accounts.push(DemoAccount {
                username,
                password,
                role: part.role,
                patients,
            });
        }
        Ok(accounts)
    }

    /// The first client who has a contact and is nobody's in the cast.
    fn unclaimed(&self, tenant: &Tenant, number: usize, population: &Population) -> Option<DemoClient> {
        let parts = cast::parts(number, population);
        let taken: Vec<&str> = parts
            .iter()
            .flat_map(|part| part.rights.iter().map(|line| line.client.as_str()))
            .collect();
        population.all(Shelf::Clients).into_iter().find_map(|client| {
            let key = client["id"].as_u64().filter(|_| client["deathDate"].is_null())?;
            let contact = population.of(Shelf::Relations, key).first()?["id"].as_u64()?;
            let client = key.to_string();
            let is_theirs = |address: &Value| address["clientContactRelationId"].as_u64() == Some(contact);
            let address = population.all(Shelf::Addresses).into_iter().find(is_theirs)?;
            let told = |name: &str| address[name].as_str().unwrap_or_default().to_owned();
            (!taken.contains(&client.as_str())).then(|| DemoClient {
                id: self.patient(tenant, population, &client).id,
                client,
                contact_email: told("email"),
                contact_mobile: told("telephoneNumber"),
                contact: contact.to_string(),
            })
        })
    }

    fn patient(&self, tenant: &Tenant, population: &Population, client: &str) -> DemoPatient {
        let ids = self.config.master.mac_key(&format!("resource-id:{}", tenant.id));
        let record = population.get(Shelf::Clients, client).unwrap_or_default();
        let source = tenant.source.as_ref().map_or("ons", Source::name);
        DemoPatient {
            id: resource_id(&ids, &[source, "client", client]).to_string(),
            name: cast::full_name(&record),
        }
    }

    async fn create(&self, tenant: &Tenant, part: &Part, username: &str, hasher: &Hasher) -> anyhow::Result<String> {
        let password = self.password();
        let new = NewAccount {
            username: username.to_owned(),
            password: Some(Secret::new(password.clone())),
            mobile: part.mobile.clone(),
            name: part.name.clone(),
            email: Some(format!("{}@example.org", part.username)),
            first_login: part.first_login,
            rights: part.rights.clone(),
        };
        let registrar = Registrar {
            config: self.config,
            db: self.db,
            clock: self.clock,
            random: self.random,
            hasher,
        };
        registrar.create(tenant, new).await.with_context(|| {
            format!(
                "the demo account {} cannot be made; delete the data folder to begin anew",
                part.username
            )
        })?;
        Ok(password)
    }

    /// Three words and four digits: easy to type, and different for every data folder.
    fn password(&self) -> String {
        let word = || WORDS[usize::from(self.random.bytes::<1>()[0]) % WORDS.len()];
        format!("{}-{}-{}-{}", word(), word(), self.random.digits(4), word())
    }

    async fn apps(&self, tenant: &Tenant, old: Option<&Value>) -> anyhow::Result<Vec<Value>> {
        let origin = self.config.server.public_url.origin().ascii_serialization();
        let redirect = format!("{origin}/app/");
        if let Some(apps) = old.and_then(|old| old["apps"].as_array()) {
            let same =
                |app: &&Value| app["client_id"] != "demo-browser" || app["redirect_uris"][0] == redirect.as_str();
            anyhow::ensure!(
                apps.iter().all(|app| same(&app)),
                "this data folder was made for another --listen address: use that one, or another --data folder"
            );
            return Ok(apps.clone());
        }
        let loopback = json!(["http://127.0.0.1/callback", "http://localhost/callback"]);
        let apps = [
            (
                "native",
                json!({"client_id": "demo-native", "client_name": "Demo native app", "application_type": "native",
                "redirect_uris": loopback, "token_endpoint_auth_method": "none", "scope": SCOPES}),
            ),
            (
                "browser",
                json!({"client_id": "demo-browser", "client_name": "Mijn zorg (demo)", "redirect_uris": [redirect],
                "token_endpoint_auth_method": "none", "scope": SCOPES}),
            ),
            (
                "server",
                json!({"client_id": "demo-server", "client_name": "Demo server app", "redirect_uris": loopback,
                "token_endpoint_auth_method": "client_secret_basic", "scope": SCOPES}),
            ),
        ];
        let mut registered = Vec::new();
        for (kind, metadata) in apps {
            let registration =
                register(self.db, tenant, &metadata, &self.config.oauth, self.clock, self.random).await?;
            let mut app = json!({
                "client_id": registration["client_id"], "redirect_uris": registration["redirect_uris"], "kind": kind,
            });
            if let Some(secret) = registration.get("client_secret") {
                app["client_secret"] = secret.clone();
            }
            registered.push(app);
        }
        registered.push(self.backend(tenant).await?);
        Ok(registered)
    }

    /// The backend app's key is one for all tenants; its private half lies in the data folder.
    async fn backend(&self, tenant: &Tenant) -> anyhow::Result<Value> {
        let file = self.data.join("demo-backend.jwk");
        let public = super::jwk::public(&file)?;
        let metadata = json!({"client_id": "demo-backend", "client_name": "Demo backend", "redirect_uris": [],
            "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [public]}, "scope": "system/*.rs urn:inzage:scope:launches"});
        register(self.db, tenant, &metadata, &self.config.oauth, self.clock, self.random).await?;
        Ok(json!({"client_id": "demo-backend", "redirect_uris": [], "kind": "backend"}))
    }
}
