//! Commands for integrators: mapping files, the mock ECD, the configuration's reference.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::cli::{ConfigCommand, ContractCommand, MapCommand, MockCommand, OfTenant};
use super::operate::{find, private, registry};
use super::told;
use crate::clock::Clock;
use crate::config::{self, Config, Tenant};
use crate::ecd::Kind;
use crate::ecd::contract::Contracts;
use crate::ecd::mock::{Population, caress, ons};
use crate::mapping::{self, Context, Described, Files, Plan, ReportTypes};
use crate::profile::Registry;
use crate::secret::{MasterKey, Random, Secret};

pub(super) fn config(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Reference => {
            for setting in config::reference() {
                let default = if setting.default.is_empty() {
                    "(none)"
                } else {
                    &setting.default
                };
                say!("{:<44} {:<20} {}", setting.key, default, setting.meaning);
            }
            for preset in config::Preset::ALL.iter().filter(|preset| !preset.rules().is_empty()) {
                say!("\npreset = \"{}\" sets, unless the file is stricter:", preset.as_str());
                for rule in preset.rules() {
                    say!("{:<44} {:<20} {}", rule.key, rule.value, rule.from.join(", "));
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn files(dir: Option<PathBuf>) -> anyhow::Result<Files> {
    let mut files = Files::builtin();
    if let Some(dir) = dir {
        files
            .override_with(&dir)
            .with_context(|| format!("--mappings {}: cannot be read", dir.display()))?;
    }
    Ok(files)
}

/// The plan of these files; every problem at once.
pub(super) fn plan(files: &Files, profiles: &Registry) -> anyhow::Result<Plan> {
    Plan::load(files, profiles).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(
            "the mapping files have {} problem(s):\n{}",
            lines.len(),
            lines.join("\n")
        )
    })
}

/// The files of the program with the patches of a tenant.
pub(super) fn patched(mut files: Files, tenant: &Tenant) -> anyhow::Result<Files> {
    if let Some(dir) = &tenant.map_patches {
        files
            .patch_with(dir)
            .with_context(|| format!("tenant {}: map_patches {}: cannot be read", tenant.id, dir.display()))?;
    }
    Ok(files)
}

/// The plan of a tenant: the shared one, unless it has patches.
pub(super) fn plan_of(tenant: &Tenant, shared: &Arc<Plan>, profiles: &Registry) -> anyhow::Result<Arc<Plan>> {
    if tenant.map_patches.is_none() {
        return Ok(Arc::clone(shared));
    }
    let files = patched(Files::builtin(), tenant)?;
    let plan = plan(&files, profiles).with_context(|| format!("tenant {}", tenant.id))?;
    Ok(Arc::new(plan))
}

/// The maps and the profiles: those of the program, or what a tenant's configuration makes of them.
fn of_tenant(dir: Option<PathBuf>, of: &OfTenant) -> anyhow::Result<(Files, Registry)> {
    let files = files(dir)?;
    let Some(name) = &of.tenant else {
        return Ok((files, Registry::builtin()));
    };
    let config = Config::load(&of.config).map_err(|problems| told(&problems))?;
    let tenant = find(&config, name)?;
    Ok((patched(files, tenant)?, registry(&config.profiles)?))
}

pub(super) fn contract(command: ContractCommand) -> anyhow::Result<ExitCode> {
    let ContractCommand::Diff {
        old,
        new,
        map,
        mappings,
    } = command;
    let files = files(mappings)?;
    let plan = plan(&files, &Registry::builtin())?;
    let (old_name, new_name) = (old.display().to_string(), new.display().to_string());
    let (old, new) = (text_of(&old)?, text_of(&new)?);
    let (old, new) = (
        Described {
            file: &old_name,
            text: &old,
        },
        Described {
            file: &new_name,
            text: &new,
        },
    );
    Ok(shown(&mapping::diff(old, new, map.as_deref(), &files, &plan)))
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} cannot be read as text", file.display()))
}

/// Where a record breaks its contract, each on a line of its own; nothing for a map that has none.
fn broken(map: &str, record: &Value, mappings: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let Some((ecd, kind)) = map
        .split_once('/')
        .and_then(|(ecd, kind)| Some((ecd, Kind::from_name(kind)?)))
    else {
        return Ok(Vec::new());
    };
    let contracts = match mappings {
        Some(dir) => Contracts::load(dir, ecd),
        None => Contracts::builtin(ecd),
    };
    let contracts = contracts.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    let faults = contracts.faults(kind, record).into_iter();
    Ok(faults
        .map(|(pointer, reason)| format!("  {}: {reason}", if pointer.is_empty() { "/" } else { &pointer }))
        .collect())
}

/// Prints a report; its verdict is the exit code.
fn shown(report: &mapping::Report) -> ExitCode {
    say!("{}", report.text.trim_end());
    if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

pub(super) fn map(command: MapCommand) -> anyhow::Result<ExitCode> {
    let report = match command {
        MapCommand::Check { mappings } => mapping::check(&files(mappings)?, &Registry::builtin()),
        MapCommand::Explain { map, mappings, of } => {
            let (files, profiles) = of_tenant(mappings, &of)?;
            mapping::explain(&plan(&files, &profiles)?, &map)
        }
        MapCommand::Coverage { map, mappings, of } => {
            let (files, profiles) = of_tenant(mappings, &of)?;
            mapping::coverage(&plan(&files, &profiles)?, map.as_deref(), &profiles)
        }
        MapCommand::Try {
            map,
            record,
            mappings,
            of,
        } => try_map(&map, &record, mappings, &of)?,
    };
    Ok(shown(&report))
}

fn try_map(map: &str, file: &Path, mappings: Option<PathBuf>, of: &OfTenant) -> anyhow::Result<mapping::Report> {
    let (text, file) = (text_of(file)?, file.display());
    let record: Value = serde_json::from_str(&text).map_err(|error| {
        anyhow::anyhow!(
            "{file}:{}: not JSON: {error}; name a file with one record",
            error.line()
        )
    })?;
    anyhow::ensure!(
        record.is_object(),
        "{file}:1: not a record: name a file with one JSON object, not a list of them"
    );
    // Any key will do: the ids of a trial belong to no tenant.
    let key = MasterKey::new(&[0; 32]).mac_key("trial");
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").context("the zone database is in the program")?;
    let context = Context {
        key: &key,
        zone: &zone,
        report_types: ReportTypes::Every,
    };
    let (files, profiles) = of_tenant(mappings.clone(), of)?;
    let plan = plan(&files, &profiles)?;
    let mut report = mapping::try_record(&plan, map, &record, &context, &profiles);
    if plan.map_names().any(|known| known == map) {
        let broken = broken(map, &record, mappings.as_deref())?;
        if !broken.is_empty() {
            report.ok = false;
            report.text = format!(
                "{file} breaks the contract {map}.source.json, which describes the record as the connector hands it on, with what it \
                 joins; in a sync it would go to quarantine:\n{}\n\nThe map alone:\n{}",
                broken.join("\n"),
                report.text
            );
        }
    }
    Ok(report)
}

pub(super) async fn mock(command: MockCommand) -> anyhow::Result<ExitCode> {
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam")?;
    let today = Clock::System.now().to_zoned(zone).date();
    let people = |clients: u32, seed| Arc::new(Population::generate(clients as usize, seed, today));
    match command {
        MockCommand::Ons {
            listen,
            data,
            clients,
            seed,
            faults,
        } => {
            let mut options = ons::Options::new(listen, people(clients, seed), data.clone(), Clock::System);
            options.mishaps = faults.unwrap_or_default();
            let running = ons::start(options).await?;
            let dir = std::path::absolute(&data)?;
            say!(
                "# mock Ons with {clients} clients; put this under a tenant in inzage.toml\n[tenant.<id>.ons]\n{}",
                section(&running.url, &dir)
            );
            tokio::signal::ctrl_c().await?;
        }
        MockCommand::Webhook {
            url,
            secret_file,
            report,
        } => return webhook(url, &secret_file, report).await,
        MockCommand::Caress {
            listen,
            data,
            tenant,
            clients,
            seed,
            list_seconds,
            faults,
        } => {
            let dir = std::path::absolute(&data)?;
            let running = caress::start(caress::Options {
                listen,
                population: people(clients, seed),
                dir: dir.clone(),
                tenant,
                clock: Clock::System,
                random: Random::Os,
                list_time: Duration::from_secs(list_seconds),
                mishaps: faults.unwrap_or_default(),
            })
            .await?;
            let password = dir.join("password");
            // Left over from an earlier start, whose password is gone.
            let _ = std::fs::remove_file(&password);
            write!(private(&password)?, "{}", running.password.expose())?;
            let file = toml::Value::String(password.display().to_string());
            let drop_dir = toml::Value::String(dir.join("drop").display().to_string());
            say!(
                "# mock Caress with {clients} clients; put one of these under a tenant in inzage.toml\n\
                 # out of drops; a new one: curl --user {user}:$(cat {file}) --cert {dir}/client.pem --key {dir}/client.key.pem \
                 --cacert {dir}/ca.pem -X POST {url}/mock/drop\n[tenant.<id>.caress]\ndrop_dir = {drop_dir}\n\
                 # or over the web\n[tenant.<id>.caress]\n{section}username = \"{user}\"\npassword_file = {file}\n\
                 soap_password_file = {file}",
                user = caress::USER,
                dir = dir.display(),
                url = running.url,
                section = section(&running.url, &dir),
            );
            tokio::signal::ctrl_c().await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The test events of the set-up; well when the gateway takes the signed one and refuses the other.
async fn webhook(url: url::Url, secret_file: &std::path::Path, report: Option<u64>) -> anyhow::Result<ExitCode> {
    let secret = std::fs::read_to_string(secret_file)
        .with_context(|| format!("--secret-file {}: cannot be read", secret_file.display()))?;
    let sender = ons::Sender::new(url, Secret::new(secret.trim().to_owned()), Clock::System)?;
    let told =
        |status: Option<u16>| status.map_or_else(|| "no answer in three seconds".to_owned(), |code| code.to_string());
    let (good, bad) = sender.test().await;
    say!("signed event   {}\nunsigned event {}", told(good), told(bad));
    let mut is_well = (good, bad) == (Some(200), Some(401));
    if let Some(id) = report {
        let answer = sender.event("report", "UPDATE", id).await;
        say!("report {id}: {}", told(answer));
        is_well &= answer == Some(200);
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Address and certificates, for a mock that keeps its certificates in `dir`.
pub(super) fn section(url: &str, dir: &std::path::Path) -> String {
    let file = |name: &str| toml::Value::String(dir.join(name).display().to_string());
    format!(
        "base_url = \"{url}/\"\nca_file = {}\ncertificate_file = {}\nkey_file = {}\n",
        file("ca.pem"),
        file("client.pem"),
        file("client.key.pem")
    )
}
