//! Commands for operators: migrate, accounts, apps, keys, audit, conformance.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::cli::{At, AuditCommand, ConformanceCommand, TenantCommand};
use super::told;
use crate::clock::Clock;
use crate::config::{CaressSource, Config, Profiles, Source, Tenant};
use crate::db::Db;
use crate::login::session;
use crate::profile::{self, Registry};
use crate::secret::Random;
use crate::{audit, conformance};

/// The configuration and its database.
pub(super) async fn open(at: &At) -> anyhow::Result<(Config, Db)> {
    let config = load(at)?;
    let db = opened(&config).await?;
    Ok((config, db))
}

pub(super) fn load(at: &At) -> anyhow::Result<Config> {
    Config::load(&at.config).map_err(|problems| told(&problems))
}

/// The database with its schema up to date.
pub(super) async fn opened(config: &Config) -> anyhow::Result<Db> {
    Db::open(config.database.expose())
        .await
        .context("the database cannot be opened")
}

pub(super) fn find<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a Arc<Tenant>> {
    config
        .tenant(name)
        .with_context(|| format!("--tenant {name}: the configuration has no such tenant"))
}

/// The profiles of the program and of the configuration; every problem at once.
pub(super) fn registry(profiles: &Profiles) -> anyhow::Result<Registry> {
    read(profiles, Registry::load)
}

/// What `load` makes of the profiles of the configuration; every problem at once.
pub(super) fn read<T>(
    profiles: &Profiles,
    load: impl FnOnce(Option<&Path>, &[PathBuf]) -> Result<T, Vec<profile::Problem>>,
) -> anyhow::Result<T> {
    load(profiles.dir.as_deref(), &profiles.packages).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the profiles have {} problem(s):\n{}", lines.len(), lines.join("\n"))
    })
}

pub(super) async fn migrate(at: &At) -> anyhow::Result<ExitCode> {
    let (_, db) = open(at).await?;
    db.close().await;
    say!("the schema is up to date");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn read_json<T: serde::de::DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).map_err(|error| {
        // The message of a wrong type would quote the value.
        anyhow::anyhow!(
            "{} line {} column {}: {}",
            file.display(),
            error.line(),
            error.column(),
            match error.classify() {
                serde_json::error::Category::Data => "a member is missing, unknown or of the wrong type",
                _ => "this is not JSON",
            }
        )
    })
}

pub(super) async fn tenant(command: TenantCommand) -> anyhow::Result<ExitCode> {
    match command {
        TenantCommand::List(at) => tenants(&at),
        TenantCommand::Logins { at, tenant } => logins(&at, &tenant).await,
    }
}

async fn logins(at: &At, tenant: &str) -> anyhow::Result<ExitCode> {
    let (config, db) = open(at).await?;
    let tenant = find(&config, tenant)?;
    for (month, logins) in session::store::counts(&mut *db.read().await?, &tenant.id).await? {
        say!(
            "{}",
            serde_json::json!({ "tenant": tenant.id.as_str(), "month": month, "logins": logins })
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn tenants(at: &At) -> anyhow::Result<ExitCode> {
    let config = load(at)?;
    for tenant in &config.tenants {
        let source = match &tenant.source {
            Some(Source::Ons(ons)) => format!("ons {}", ons.base_url),
            Some(Source::Folder(folder)) => format!("folder {}", folder.dir.display()),
            Some(Source::Fhir(fhir)) => format!("fhir {}", fhir.base_url),
            Some(Source::Caress(CaressSource::Drop(dir))) => format!("caress {}", dir.display()),
            Some(Source::Caress(CaressSource::Web(web))) => format!("caress {}", web.base_url),
            None => "no source".to_owned(),
        };
        say!(
            "{}\t{}\t{}\t{source}",
            tenant.id,
            tenant.name,
            config.server.fhir_base(tenant.id.as_str())
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a file that is not there yet and that only its owner can read.
pub(super) fn private(file: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Makes a master key file that only its owner can read.
pub(super) fn new_key(file: &Path, random: &Random) -> anyhow::Result<()> {
    let mut out = private(file).with_context(|| {
        format!(
            "{} cannot be made; an existing key is never overwritten, because what it sealed would be lost",
            file.display()
        )
    })?;
    writeln!(out, "{}", crate::secret::hex(&random.bytes::<32>()))?;
    Ok(out.sync_all()?)
}

pub(super) async fn audit(command: AuditCommand) -> anyhow::Result<ExitCode> {
    let AuditCommand::Verify { at, tenant } = command;
    let (config, db) = open(&at).await?;
    let tenant = find(&config, &tenant)?;
    let verdict = audit::verify(&mut *db.read().await?, &tenant.id).await?;
    match verdict {
        audit::Verdict::Whole(head) => {
            say!("the trail of {} is whole: {} lines", tenant.id, head.seq);
            Ok(ExitCode::SUCCESS)
        }
        audit::Verdict::Broken { seq } => {
            say!(
                "the trail of {} is broken at line {seq}: changed, missing, or added from outside",
                tenant.id
            );
            Ok(ExitCode::from(1))
        }
    }
}

pub(super) async fn conformance(command: ConformanceCommand) -> anyhow::Result<ExitCode> {
    let ConformanceCommand::Run(arguments) = command;
    let passed = conformance::execute(arguments, Random::Os.bytes(), Clock::System.now()).await?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
