//! `inzage app`: register an app, approve one that registered itself, end one.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::cli::At;
use super::operate::{find, open, read_json};
use crate::clock::Clock;
use crate::config::{OAuth, Tenant};
use crate::db::Db;
use crate::oauth::app::dynamic;
use crate::secret::Random;
use crate::{audit, oauth};

#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// One line an app: client id, name, kind, scopes
    List {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
    },
    /// End an app: nobody logs in with it any more, and its tokens stop working at once
    Disable {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        #[arg(allow_hyphen_values = true)]
        client_id: String,
    },
    /// Show apps that registered themselves and wait for an approval: what each says, as JSON, and the word to approve it by
    Waiting {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
    },
    /// Approve an app that registered itself, or its change
    Approve {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        #[arg(allow_hyphen_values = true)]
        client_id: String,
        /// What `inzage app waiting` showed as "seen": it is not approved if it says something else by now
        #[arg(long, allow_hyphen_values = true)]
        seen: String,
    },
    /// Refuse an app that registered itself, or its change: an app that is in use goes on as it was approved
    Refuse {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        #[arg(allow_hyphen_values = true)]
        client_id: String,
    },
    /// Register an app from RFC 7591 client metadata and print the registration
    Register {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        file: PathBuf,
    },
}

pub(super) async fn run(command: AppCommand) -> anyhow::Result<ExitCode> {
    let (AppCommand::List { at, tenant }
    | AppCommand::Waiting { at, tenant }
    | AppCommand::Approve { at, tenant, .. }
    | AppCommand::Refuse { at, tenant, .. }
    | AppCommand::Disable { at, tenant, .. }
    | AppCommand::Register { at, tenant, .. }) = &command;
    let (config, db) = open(at).await?;
    let tenant = find(&config, tenant)?;
    let mut code = ExitCode::SUCCESS;
    match &command {
        AppCommand::List { .. } => {
            for app in oauth::app::list(&mut *db.read().await?, &tenant.id).await? {
                say!("{}\t{}\t{}", app.client_id, app.name, app.scopes);
            }
        }
        AppCommand::Waiting { .. } => {
            for one in dynamic::waiting(&mut *db.read().await?, &tenant.id).await? {
                let of = if one.known { "change" } else { "new" };
                say!(
                    "{:#}",
                    serde_json::json!({"seen": one.seen, "is": of, "says": one.metadata})
                );
            }
        }
        AppCommand::Approve { client_id, seen, .. } => {
            let now = Clock::System.now();
            let mut tx = db.begin().await?;
            let asked = (client_id.as_str(), seen.as_str());
            match dynamic::approve(&mut tx, &tenant.id, asked, &config.oauth, now, &Random::Os).await {
                Ok(()) => {
                    tx.commit().await?;
                    say!("{client_id} is approved");
                }
                Err(dynamic::Refused::Database(error)) => return Err(error.into()),
                Err(refused) => {
                    eprintln!("inzage: {} {client_id}: {refused}", tenant.id);
                    code = ExitCode::from(1);
                }
            }
        }
        AppCommand::Refuse { client_id, .. } => {
            let mut tx = db.begin().await?;
            if dynamic::refuse(&mut tx, &tenant.id, client_id, Clock::System.now()).await? {
                tx.commit().await?;
            } else {
                eprintln!("inzage: no registration of {client_id} waits at {}", tenant.id);
                code = ExitCode::from(1);
            }
        }
        AppCommand::Disable { client_id, .. } => {
            if !disable(&db, tenant, client_id, &Clock::System).await? {
                eprintln!("inzage: {} has no app {client_id} that is in use", tenant.id);
                code = ExitCode::from(1);
            }
        }
        AppCommand::Register { file, .. } => {
            let metadata: serde_json::Value = read_json(file)?;
            let registration = register(&db, tenant, &metadata, &config.oauth, &Clock::System, &Random::Os).await?;
            say!("{registration:#}");
        }
    }
    db.close().await;
    Ok(code)
}

async fn disable(db: &Db, tenant: &Tenant, client_id: &str, clock: &Clock) -> anyhow::Result<bool> {
    let now = clock.now();
    let mut tx = db.begin().await?;
    let was = oauth::app::disable(&mut tx, &tenant.id, client_id, now).await?;
    audit::write(&mut tx, &app_changed(tenant, Some(client_id)), now).await?;
    tx.commit().await?;
    Ok(was)
}

fn app_changed(tenant: &Tenant, client_id: Option<&str>) -> audit::Entry {
    let who = audit::Who {
        client_id: client_id.map(str::to_owned),
        ..audit::Who::default()
    };
    audit::Entry::new(tenant.id.clone(), audit::Action::AppChanged, audit::Outcome::Success).by(who)
}

/// Registers an app and notes it.
pub(super) async fn register(
    db: &Db,
    tenant: &Tenant,
    metadata: &serde_json::Value,
    settings: &OAuth,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<serde_json::Value> {
    let now = clock.now();
    let mut tx = db.begin().await?;
    let registration = oauth::app::register(&mut tx, &tenant.id, metadata, settings, now, random).await?;
    let entry = app_changed(tenant, registration["client_id"].as_str());
    audit::write(&mut tx, &entry, now).await?;
    tx.commit().await?;
    Ok(registration)
}
