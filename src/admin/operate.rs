//! Commands for operators: check, migrate, sync, accounts, apps, keys, audit, conformance.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::cli::{At, AuditCommand, ConformanceCommand, TenantCommand};
use super::integrate::{plan, plan_of};
use super::told;
use crate::clock::Clock;
use crate::config::{CaressSource, Config, Source, Tenant};
use crate::db::Db;
use crate::ecd::Connector;
use crate::ecd::caress::{self, Caress};
use crate::ecd::contract::Contracts;
use crate::ecd::ons::{Ons, certificate};
use crate::http::tls::{WARN_DAYS, days_left};
use crate::mapping::{Files, Plan};
use crate::profile::Registry;
use crate::secret::Random;
use crate::sync::check_policy;
use crate::{audit, conformance};

/// The configuration and its database.
pub(super) async fn open(at: &At) -> anyhow::Result<(Config, Db)> {
    let config = Config::load(&at.config).map_err(|problems| told(&problems))?;
    let db = Db::open(config.database.expose())
        .await
        .context("the database cannot be opened")?;
    Ok((config, db))
}

pub(super) fn find<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a Arc<Tenant>> {
    config
        .tenant(name)
        .with_context(|| format!("--tenant {name}: the configuration has no such tenant"))
}

/// The compiled profiles and maps; every problem of both at once.
pub(super) fn definitions() -> anyhow::Result<(Arc<Registry>, Arc<Plan>)> {
    let profiles = Registry::builtin();
    let plan = plan(&Files::builtin(), &profiles)?;
    Ok((Arc::new(profiles), Arc::new(plan)))
}

/// What the tenants' policies name has to be there.
pub(super) fn policies(config: &Config, plan: &Plan) -> anyhow::Result<()> {
    for tenant in &config.tenants {
        if let Some(source) = &tenant.source {
            check_policy(tenant, source.name(), plan)?;
        }
    }
    Ok(())
}

pub(super) async fn check(at: &At) -> anyhow::Result<ExitCode> {
    let (config, db) = open(at).await?;
    let (profiles, plan) = definitions()?;
    policies(&config, &plan)?;
    for tenant in &config.tenants {
        plan_of(tenant, &plan, &profiles)?;
    }
    let keyless = super::key::without(&config, &db).await?;
    if let Some(tls) = super::serve::tls(&config, &Clock::System)? {
        let days = days_left(tls.ends_at(), Clock::System.now());
        say!("the certificate ends at {}, in {days} days", tls.ends_at());
        if days < WARN_DAYS {
            eprintln!("inzage: the certificate ends soon: renew it (the files are read again when they change)");
        }
    } else if config.server.is_https() && config.server.front.proxies.trusted.is_empty() {
        eprintln!(
            "inzage: server.public_url is https, but there is neither [server.tls] nor server.trusted_proxies: behind a proxy \
             that is not named every request counts as the proxy's own"
        );
    }
    db.close().await;
    let now = Clock::System.now();
    let mut is_well = true;
    for tenant in &config.tenants {
        if let Some(end) = super::ons::certificate_ends(tenant)? {
            let warning = certificate::warning(end, now);
            is_well &= end > now;
            let text = warning.unwrap_or_else(|| format!("the certificate is good until {}", end.strftime("%Y-%m-%d")));
            say!("{}: {text}", tenant.id);
        }
    }
    // On a trial without TLS the first start makes them.
    if let Some(remedy) = keyless.filter(|_| config.server.is_https()) {
        eprintln!("inzage: {remedy}");
        is_well = false;
    }
    if !is_well {
        return Ok(ExitCode::from(1));
    }
    say!(
        "{}: {} tenant(s), schema, profiles and maps are in order",
        at.config.display(),
        config.tenants.len()
    );
    for tenant in &config.tenants {
        for deviation in tenant.policy.deviations() {
            say!("{}: {deviation}", tenant.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn migrate(at: &At) -> anyhow::Result<ExitCode> {
    let (_, db) = open(at).await?;
    db.close().await;
    say!("the schema is up to date");
    Ok(ExitCode::SUCCESS)
}

pub(super) fn connector(tenant: &Tenant, clock: &Clock, random: &Random) -> anyhow::Result<Box<dyn Connector>> {
    let Some(source) = &tenant.source else {
        anyhow::bail!(
            "tenant {0} has no source: add a [tenant.{0}.ons], .caress, .folder or .fhir section",
            tenant.id
        )
    };
    let contracts = Contracts::builtin(source.name()).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the source schemas have problems:\n{}", lines.join("\n"))
    })?;
    let source = match source {
        Source::Ons(source) => source,
        Source::Folder(source) => return Ok(Box::new(super::sources::folder(tenant, source, contracts, clock))),
        Source::Fhir(source) => {
            let connector = super::sources::fhir(tenant, source, contracts, clock, random)?;
            return Ok(Box::new(connector));
        }
        Source::Caress(CaressSource::Web(source)) => {
            return super::caress::web(tenant, source, contracts, clock, random);
        }
        Source::Caress(CaressSource::Drop(dir)) => {
            let settings = caress::Settings {
                drop_dir: dir.clone(),
                tenant: tenant.id.to_string(),
                clock: clock.clone(),
            };
            return Ok(Box::new(Caress::new(settings, Arc::new(contracts))));
        }
    };
    let settings = super::ons::settings(source)?;
    Ok(Box::new(Ons::new(settings, Arc::new(contracts), random.clone())?))
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

pub(super) fn tenant(command: TenantCommand) -> anyhow::Result<ExitCode> {
    let TenantCommand::List(at) = command;
    let config = Config::load(&at.config).map_err(|problems| told(&problems))?;
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
