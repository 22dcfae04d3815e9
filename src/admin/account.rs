//! `inzage account create`: an account and its rights out of a JSON file.
//!
//! ```json
//! { "username": "j.jansen", "password": "…", "mobile": "06-12345678", "name": "Johanna Jansen", "first_login": true,
//!   "rights": [ { "client": "10101", "role": "contact", "contact": "1010102", "parts": ["afspraken"] } ] }
//! ```

use serde::Deserialize;

use crate::account::{self, Hasher, Keys};
use crate::audit;
use crate::clock::Clock;
use crate::config::{Config, Source, Tenant};
use crate::consent::{self, NewRight, Part, Parts, Role};
use crate::db::Db;
use crate::mapping::resource_id;
use crate::secret::{Random, Secret};

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    pub username: String,
    pub password: Secret<String>,
    pub mobile: String,
    pub name: String,
    #[serde(default)]
    pub email: Option<String>,
    /// Whether the first login asks for another password.
    #[serde(default)]
    pub first_login: bool,
    pub rights: Vec<RightLine>,
}

/// One client that the account may see.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RightLine {
    /// The client's key in the ECD.
    pub client: String,
    /// `client`, `contact` or `representative`.
    pub role: String,
    /// The contact relation's key in the ECD; none for the client.
    #[serde(default)]
    pub contact: Option<String>,
    /// `gegevens`, `rapportages`, `zorgplannen`, `afspraken`; everything for a client or representative when absent.
    #[serde(default)]
    pub parts: Option<Vec<String>>,
}

/// What a flow of account creation needs.
pub(super) struct Registrar<'a> {
    pub config: &'a Config,
    pub db: &'a Db,
    pub clock: &'a Clock,
    pub random: &'a Random,
    pub hasher: &'a Hasher,
}

impl Registrar<'_> {
    /// Creates the account with its rights, in one transaction; its id.
    pub async fn create(&self, tenant: &Tenant, new: NewAccount) -> anyhow::Result<String> {
        let ids = self.config.master.mac_key(&format!("resource-id:{}", tenant.id));
        // Without a source the rights wait for the product that was there first.
        let source = tenant.source.as_ref().map_or("ons", Source::name);
        let rights = new
            .rights
            .iter()
            .map(|line| line.right(&ids, source))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let now = self.clock.now();
        let ready = account::New {
            username: new.username,
            password: new.password,
            mobile: new.mobile,
            name: new.name,
            email: new.email,
            first_login: new.first_login,
        }
        .prepare(tenant, &Keys::new(&self.config.master), self.hasher, now, self.random)
        .await?;
        let mut tx = self.db.begin().await?;
        let id = account::create(&mut tx, tenant, &ready, now).await?;
        for right in &rights {
            consent::hold(&mut tx, &tenant.id, &right.patient).await?;
            consent::grant(&mut tx, &tenant.id, &id, right, now).await?;
            anyhow::ensure!(
                consent::within_limit(&mut tx, tenant, &right.patient).await?,
                "too-many-accounts: client {} has as many accounts as this organisation allows; end one first",
                right.source_client
            );
        }
        let who = audit::Who {
            account: Some(id.clone()),
            ..audit::Who::default()
        };
        let patients: Vec<_> = rights.iter().map(|right| right.patient.clone()).collect();
        let entry = audit::Entry::new(
            tenant.id.clone(),
            audit::Action::AccountChanged,
            audit::Outcome::Success,
        )
        .by(who)
        .about(&patients);
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        Ok(id)
    }
}

impl RightLine {
    fn right(&self, ids: &crate::secret::MacKey, source: &str) -> anyhow::Result<NewRight> {
        let role = Role::parse(&self.role)
            .ok_or_else(|| anyhow::anyhow!("role: expected client, contact or representative"))?;
        let parts = match (&self.parts, role) {
            (Some(names), _) => {
                let parts = names
                    .iter()
                    .map(|name| part(name))
                    .collect::<anyhow::Result<Vec<_>>>()?;
                Parts::of(&parts)
            }
            (None, Role::Client | Role::Representative) => Parts::ALL,
            (None, Role::Contact) => Parts::default(),
        };
        Ok(NewRight {
            patient: resource_id(ids, &[source, "client", &self.client]),
            source_client: self.client.clone(),
            role,
            related: self
                .contact
                .as_ref()
                .map(|contact| resource_id(ids, &[source, "contact-relation", contact])),
            parts,
        })
    }
}

fn part(name: &str) -> anyhow::Result<Part> {
    Ok(match name {
        "gegevens" => Part::Profile,
        "rapportages" => Part::Reports,
        "zorgplannen" => Part::Plans,
        "afspraken" => Part::Appointments,
        _ => anyhow::bail!("parts: expected gegevens, rapportages, zorgplannen or afspraken"),
    })
}
