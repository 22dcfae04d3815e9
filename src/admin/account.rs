//! `inzage account`: an account and its rights out of a JSON file, with a password or with a link to choose one.
//!
//! ```json
//! { "username": "j.jansen", "password": "…", "mobile": "06-12345678", "name": "Johanna Jansen", "first_login": true,
//!   "rights": [ { "client": "10101", "role": "contact", "contact": "1010102", "parts": ["afspraken"] } ] }
//! ```

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;

use super::cli::{AccountCommand, Whose, WhoseAndWhy};
use super::operate::{find, open, read_json};
use crate::account::{self, Hasher, Keys, State};
use crate::audit;
use crate::clock::Clock;
use crate::config::{Config, Source, Tenant};
use crate::consent::{self, NewRight, Part, Parts, Role};
use crate::db::{Db, Tx};
use crate::login::Login;
use crate::login::staff::Act;
use crate::mapping::resource_id;
use crate::secret::{Random, Secret};

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    pub username: String,
    /// None for an invitation: the link in the mail chooses it.
    #[serde(default)]
    pub password: Option<Secret<String>>,
    pub mobile: String,
    pub name: String,
    #[serde(default)]
    pub email: Option<String>,
    /// Whether the first login asks for another password.
    #[serde(default)]
    pub first_login: bool,
    pub rights: Vec<RightLine>,
}

/// Somebody who may register themselves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedAccount {
    pub email: String,
    pub name: String,
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
    /// `gegevens`, `rapportages`, `zorgplannen`, `afspraken`, and `beheer` for who decides too who looks along; everything for a client or representative when absent.
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

/// An account that was checked, with its rights.
struct Checked {
    ready: account::Ready,
    rights: Vec<NewRight>,
}

impl Registrar<'_> {
    /// Creates the account with its rights, in one transaction; its id.
    pub async fn create(&self, tenant: &Tenant, new: NewAccount) -> anyhow::Result<String> {
        anyhow::ensure!(
            new.password.is_some(),
            "password: is missing; without one, use `inzage account invite`"
        );
        let checked = self.check(tenant, new).await?;
        let mut tx = self.db.begin().await?;
        let id = self.write(&mut tx, tenant, &checked).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The same without a password, and a mail with a link to choose one; its id.
    pub async fn invite(&self, login: &Login, tenant: &Tenant, mut new: NewAccount) -> anyhow::Result<String> {
        anyhow::ensure!(
            new.password.is_none(),
            "password: whoever is invited chooses it; leave it out"
        );
        // Nobody knows this one.
        new.password = Some(Secret::new(self.random.token()));
        new.first_login = true;
        let checked = self.check(tenant, new).await?;
        let mut tx = self.db.begin().await?;
        let id = self.write(&mut tx, tenant, &checked).await?;
        self.mail(&mut tx, login, tenant, &id).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Mails the link again, as long as no password was chosen.
    pub async fn resend(&self, login: &Login, tenant: &Tenant, username: &str) -> anyhow::Result<String> {
        let mut tx = self.db.begin().await?;
        let found = account::by_name(&mut tx, &tenant.id, username).await?;
        let id = found
            .map(|(account, _)| account)
            .filter(|account| account.state == State::MustChangePassword)
            .map(|account| account.id)
            .ok_or_else(|| anyhow::anyhow!("{username}: nobody of this name waits for a first password here"))?;
        self.mail(&mut tx, login, tenant, &id).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Writes down who may register themselves; the id of their account.
    pub async fn expect(&self, tenant: &Tenant, new: ExpectedAccount) -> anyhow::Result<String> {
        let rights = self.rights(tenant, &new.rights)?;
        anyhow::ensure!(!rights.is_empty(), "rights: are missing; nobody registers for nothing");
        let expected = account::Expected {
            email: new.email,
            name: new.name,
        };
        let keys = Keys::new(&self.config.master);
        let ready = expected
            .prepare(tenant, &keys, self.hasher, self.clock.now(), self.random)
            .await?;
        let mut tx = self.db.begin().await?;
        let id = self.write(&mut tx, tenant, &Checked { ready, rights }).await?;
        tx.commit().await?;
        Ok(id)
    }

    fn rights(&self, tenant: &Tenant, lines: &[RightLine]) -> anyhow::Result<Vec<NewRight>> {
        let ids = self.config.master.mac_key(&format!("resource-id:{}", tenant.id));
        // Without a source the rights wait for the product that was there first.
        let source = tenant.source.as_ref().map_or("ons", Source::name);
        lines.iter().map(|line| line.right(&ids, source)).collect()
    }

    async fn mail(&self, tx: &mut Tx, login: &Login, tenant: &Tenant, id: &str) -> anyhow::Result<()> {
        let now = self.clock.now();
        let found = account::find(tx, &tenant.id, id).await?;
        let (account, _) = found.ok_or_else(|| anyhow::anyhow!("the account is gone"))?;
        anyhow::ensure!(
            login.invite(tx, tenant, &account, now).await?,
            "email: is missing; an invitation is a mail"
        );
        Ok(())
    }

    async fn check(&self, tenant: &Tenant, new: NewAccount) -> anyhow::Result<Checked> {
        let rights = self.rights(tenant, &new.rights)?;
        let ready = account::New {
            username: new.username,
            password: new.password.unwrap_or_else(|| Secret::new(String::new())),
            mobile: new.mobile,
            name: new.name,
            email: new.email,
            first_login: new.first_login,
        }
        .prepare(
            tenant,
            &Keys::new(&self.config.master),
            self.hasher,
            self.clock.now(),
            self.random,
        )
        .await?;
        Ok(Checked { ready, rights })
    }

    async fn write(&self, tx: &mut Tx, tenant: &Tenant, checked: &Checked) -> anyhow::Result<String> {
        let now = self.clock.now();
        let id = account::create(tx, tenant, &checked.ready, now).await?;
        for right in &checked.rights {
            consent::hold(tx, &tenant.id, &right.patient).await?;
            consent::grant(tx, &tenant.id, &id, right, now).await?;
            anyhow::ensure!(
                consent::within_limit(tx, tenant, &right.patient).await?,
                "too-many-accounts: client {} has as many accounts as this organisation allows; end one first",
                right.source_client
            );
        }
        let who = audit::Who {
            account: Some(id.clone()),
            ..audit::Who::default()
        };
        let patients: Vec<_> = checked.rights.iter().map(|right| right.patient.clone()).collect();
        let entry = audit::Entry::new(
            tenant.id.clone(),
            audit::Action::AccountCreated,
            audit::Outcome::Success,
        )
        .by(who)
        .about(&patients);
        audit::write(tx, &entry, now).await?;
        Ok(id)
    }
}

/// `inzage account …`
pub(super) async fn run(command: AccountCommand) -> anyhow::Result<ExitCode> {
    let (at, tenant) = match &command {
        AccountCommand::Link { at, tenant, file } => return super::link::run(at, tenant, file).await,
        AccountCommand::Create { at, tenant, .. }
        | AccountCommand::Invite { at, tenant, .. }
        | AccountCommand::Expect { at, tenant, .. }
        | AccountCommand::Resend { at, tenant, .. } => (at, tenant),
        AccountCommand::Unlock(whose) => (&whose.at, &whose.tenant),
        AccountCommand::Lock(why) | AccountCommand::Close(why) => (&why.whose.at, &why.whose.tenant),
    };
    let (config, db) = open(at).await?;
    let tenant = find(&config, tenant)?;
    let (clock, random) = (Clock::System, Random::Os);
    let hasher = Hasher::new(&config.master, &random);
    let login = Login::new(&config, db.clone(), clock.clone(), random.clone());
    let registrar = Registrar {
        config: &config,
        db: &db,
        clock: &clock,
        random: &random,
        hasher: &hasher,
    };
    let (id, username) = match &command {
        AccountCommand::Create { file, .. } => {
            let new: NewAccount = read_json(file)?;
            let username = new.username.clone();
            (registrar.create(tenant, new).await?, username)
        }
        AccountCommand::Invite { file, .. } => {
            let new: NewAccount = read_json(file)?;
            let username = new.username.clone();
            (registrar.invite(&login, tenant, new).await?, username)
        }
        AccountCommand::Expect { file, .. } => {
            let new: ExpectedAccount = read_json(file)?;
            let username = new.email.trim().to_owned();
            (registrar.expect(tenant, new).await?, username)
        }
        AccountCommand::Link { .. } => unreachable!("it has returned"),
        AccountCommand::Resend { username, .. } => {
            (registrar.resend(&login, tenant, username).await?, username.clone())
        }
        AccountCommand::Lock(WhoseAndWhy { whose, reason }) => (
            staff(&login, tenant, whose, Act::Lock(*reason)).await?,
            whose.username.clone(),
        ),
        AccountCommand::Unlock(whose) => (staff(&login, tenant, whose, Act::Unlock).await?, whose.username.clone()),
        AccountCommand::Close(WhoseAndWhy { whose, reason }) => (
            staff(&login, tenant, whose, Act::Close(*reason)).await?,
            whose.username.clone(),
        ),
    };
    say!(
        "{}",
        serde_json::json!({ "id": id, "username": username, "tenant": tenant.id.as_str() })
    );
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn staff(login: &Login, tenant: &Tenant, whose: &Whose, act: Act) -> anyhow::Result<String> {
    let done = login.by_staff(tenant, &whose.username, act).await;
    done.with_context(|| whose.username.clone())
}

impl RightLine {
    fn right(&self, ids: &crate::secret::MacKey, source: &str) -> anyhow::Result<NewRight> {
        let role = Role::parse(&self.role)
            .ok_or_else(|| anyhow::anyhow!("role: expected client, contact or representative"))?;
        let parts = match (&self.parts, role) {
            (Some(names), _) => {
                let parts = names.iter().map(|name| part(name));
                parts
                    .collect::<anyhow::Result<Vec<_>>>()?
                    .into_iter()
                    .fold(Parts::default(), Parts::and)
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

fn part(name: &str) -> anyhow::Result<Parts> {
    if name == "beheer" {
        return Ok(Parts::MANAGE);
    }
    let found = Part::ALL.into_iter().find(|part| part.as_str() == name);
    let found = found.map(|part| Parts::of(&[part]));
    found.ok_or_else(|| anyhow::anyhow!("parts: expected gegevens, rapportages, zorgplannen, afspraken or beheer"))
}
