//! `inzage key`: the master key's file, and the keys that sign id tokens.
//!
//! # Design
//! A private key is made in the process and sealed into the database: it is never in a file, on a command line or in an
//! answer. What is printed is the public id.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::cli::At;
use super::operate::{find, new_key, open};
use crate::clock::Clock;
use crate::config::{Config, SigningAlg, Tenant};
use crate::db::Db;
use crate::oauth::Issuer;
use crate::oauth::key::{self, When};
use crate::secret::Random;

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new master key file; an existing file is never overwritten
    New {
        #[arg(long)]
        file: PathBuf,
    },
    /// Make the keys that sign id tokens, one for each algorithm that has none; they stay in the database, sealed
    Generate(Whose),
    /// Make the next key of each algorithm: published now, signing in two hours; the old one stays published for eight days
    Rotate {
        #[command(flatten)]
        whose: Whose,
        /// Only this algorithm: RS256, ES256 or ES384
        #[arg(long)]
        alg: Option<String>,
        /// Let it sign at once: the old key may be in wrong hands
        #[arg(long)]
        now: bool,
    },
    /// One line a key: tenant, algorithm, id, what it is good for, signs from, published until
    List(Whose),
    /// Take a key out of the published set at once: what it signed is worth nothing from then on
    Retire {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        tenant: String,
        /// The key's id, as the list shows it
        #[arg(long, allow_hyphen_values = true)]
        kid: String,
    },
}

/// Of one tenant, or of all.
#[derive(Debug, Args)]
pub struct Whose {
    #[command(flatten)]
    pub at: At,
    /// The tenant; all of them otherwise
    #[arg(long)]
    pub tenant: Option<String>,
}

pub(super) async fn run(command: KeyCommand) -> anyhow::Result<ExitCode> {
    let at = match &command {
        KeyCommand::New { file } => {
            new_key(file, &Random::Os)?;
            say!("{}", file.display());
            return Ok(ExitCode::SUCCESS);
        }
        KeyCommand::Generate(Whose { at, .. })
        | KeyCommand::List(Whose { at, .. })
        | KeyCommand::Rotate {
            whose: Whose { at, .. },
            ..
        }
        | KeyCommand::Retire { at, .. } => at,
    };
    let (config, db) = open(at).await?;
    let issuer = Issuer::new(&config, db.clone(), Clock::System, Random::Os);
    let code = match &command {
        KeyCommand::Rotate { whose, alg, now } => {
            let algs = match alg.as_deref().map(SigningAlg::parse) {
                None => SigningAlg::ALL.to_vec(),
                Some(Some(alg)) => vec![alg],
                Some(None) => anyhow::bail!("--alg: choose RS256, ES256 or ES384"),
            };
            let when = if *now { When::Now } else { When::Published };
            for tenant in of(&config, whose)? {
                for alg in &algs {
                    key::rotate(&issuer, &tenant.id, *alg, when)
                        .await
                        .with_context(|| format!("{} {}", tenant.id, alg.as_str()))?;
                }
                show(&issuer, &tenant).await?;
            }
            ExitCode::SUCCESS
        }
        KeyCommand::Generate(whose) => {
            for tenant in of(&config, whose)? {
                key::generate(&issuer, &tenant.id)
                    .await
                    .with_context(|| tenant.id.to_string())?;
                show(&issuer, &tenant).await?;
            }
            ExitCode::SUCCESS
        }
        KeyCommand::List(whose) => {
            for tenant in of(&config, whose)? {
                show(&issuer, &tenant).await?;
            }
            ExitCode::SUCCESS
        }
        KeyCommand::Retire { tenant, kid, .. } => {
            let tenant = find(&config, tenant)?;
            match key::retire(&issuer, &tenant.id, kid).await? {
                Ok(()) => {
                    show(&issuer, tenant).await?;
                    ExitCode::SUCCESS
                }
                Err(stays) => {
                    eprintln!("inzage: {} --kid {kid}: {stays}", tenant.id);
                    ExitCode::from(1)
                }
            }
        }
        KeyCommand::New { .. } => ExitCode::SUCCESS,
    };
    db.close().await;
    Ok(code)
}

fn of(config: &Config, whose: &Whose) -> anyhow::Result<Vec<Arc<Tenant>>> {
    Ok(match &whose.tenant {
        None => config.tenants.clone(),
        Some(name) => vec![Arc::clone(find(config, name)?)],
    })
}

async fn show(issuer: &Issuer, tenant: &Tenant) -> anyhow::Result<()> {
    for key in key::list(issuer, &tenant.id).await? {
        let until = key.publish_until.map_or_else(
            || "-".to_owned(),
            |until| until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        );
        say!(
            "{}\t{}\t{}\t{}\t{}\t{until}",
            tenant.id,
            key.alg.as_str(),
            key.kid,
            key.standing.as_str(),
            key.sign_from.strftime("%Y-%m-%dT%H:%M:%SZ")
        );
    }
    Ok(())
}

/// What to do about tenants that have no key; `None`: every one has.
pub(super) async fn without(config: &Config, db: &Db) -> anyhow::Result<Option<String>> {
    let issuer = Issuer::new(config, db.clone(), Clock::System, Random::Os);
    let mut names = Vec::new();
    for tenant in &config.tenants {
        if !key::exists(&issuer, &tenant.id).await? {
            names.push(tenant.id.as_str());
        }
    }
    Ok(remedy(&names))
}

/// What to do about these tenants, which have no key.
pub(super) fn remedy(names: &[&str]) -> Option<String> {
    let remedy = "check that database.url is the right one, and make the first keys with `inzage key generate`";
    (!names.is_empty()).then(|| format!("no key signs id tokens of {}: {remedy}", names.join(", ")))
}
