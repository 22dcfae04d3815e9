//! Commands for integrators: mapping files, the mock ECD, the configuration's reference.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::cli::{ConfigCommand, MapCommand, MockCommand};
use crate::clock::Clock;
use crate::config;
use crate::ecd::mock::{Population, ons};
use crate::mapping::{self, Context, Files, Plan, ReportTypes};
use crate::profile::Registry;
use crate::secret::MasterKey;

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

pub(super) fn map(command: MapCommand) -> anyhow::Result<ExitCode> {
    let profiles = Registry::builtin();
    let load = |dir| {
        Plan::load(&files(dir)?, &profiles).map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", lines.join("\n"))
        })
    };
    let report = match command {
        MapCommand::Check { mappings } => mapping::check(&files(mappings)?, &profiles),
        MapCommand::Explain { map, mappings } => mapping::explain(&load(mappings)?, &map),
        MapCommand::Try { map, record, mappings } => {
            let text =
                std::fs::read_to_string(&record).with_context(|| format!("{} cannot be read", record.display()))?;
            // Any key will do: the ids of a trial belong to no tenant.
            let key = MasterKey::new(&[0; 32]).mac_key("trial");
            let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").context("the zone database is in the program")?;
            let context = Context {
                key: &key,
                zone: &zone,
                report_types: ReportTypes::Every,
            };
            mapping::try_record(&load(mappings)?, &map, &text, &context, &profiles)
        }
    };
    say!("{}", report.text.trim_end());
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

pub(super) async fn mock(command: MockCommand) -> anyhow::Result<ExitCode> {
    let MockCommand::Ons {
        listen,
        data,
        clients,
        seed,
    } = command;
    let today = Clock::System
        .now()
        .to_zoned(jiff::tz::TimeZone::get("Europe/Amsterdam")?)
        .date();
    let population = Arc::new(Population::generate(clients as usize, seed, today));
    let running = ons::start(ons::Options::new(listen, population, data.clone(), Clock::System)).await?;
    let dir = std::path::absolute(&data)?;
    say!(
        "# mock Ons with {clients} clients; put this under a tenant in inzage.toml\n[tenant.<id>.ons]\n{}",
        section(&running.url, &dir)
    );
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

/// The settings of `[tenant.<id>.ons]` for a mock that keeps its certificates in `dir`.
pub(super) fn section(url: &str, dir: &std::path::Path) -> String {
    let file = |name: &str| toml::Value::String(dir.join(name).display().to_string());
    format!(
        "base_url = \"{url}/\"\nca_file = {}\ncertificate_file = {}\nkey_file = {}\n",
        file("ca.pem"),
        file("client.pem"),
        file("client.key.pem")
    )
}
