//! Commands for integrators: mapping files, a source's contract, the configuration's reference.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use super::cli::{ConfigCommand, ContractCommand, MapCommand, OfTenant};
use super::definitions::{patched, plan};
use super::operate::{find, registry};
use super::told;
use crate::config::{self, Config};
use crate::ecd::Kind;
use crate::ecd::contract::Contracts;
use crate::mapping::{self, Context, Described, Files, ReportTypes};
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
