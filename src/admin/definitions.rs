//! What the program makes of profiles and mapping files: made once a process and handed on.
//!
//! # Design
//! Reading them takes longer than everything else of a start, and files that change while the gateway runs must not give slots and
//! webhooks other maps than those that were checked. So whoever needs them is given them. A tenant's policy is judged by the tenant's
//! own maps, its patches in them: a patch may know a report type that the program's map does not, and the other way round.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;

use super::operate::{read, registry};
use super::told;
use crate::config::{Config, Places, Problem, Tenant, TenantId};
use crate::mapping::{Files, Plan};
use crate::profile::Registry;
use crate::rest::Served;
use crate::sync::unknown_report_type;

/// The profiles, and the maps of each tenant.
#[derive(Clone, Debug)]
pub(super) struct Definitions {
    pub(super) profiles: Arc<Registry>,
    plans: HashMap<TenantId, Arc<Plan>>,
}

impl Definitions {
    /// Those of every tenant, and what of them is served; every problem of the first part that has any, at once.
    pub(super) fn load(config: &Config) -> anyhow::Result<(Self, Served)> {
        let (profiles, more) = read(&config.profiles, Registry::load_for_serving)?;
        let patched = patches(&config.tenants)?;
        let found = Self::made(config, &config.tenants, profiles, &patched)?;
        Ok((found, Served::new(&more, &patched)))
    }

    /// Those of some tenants. What their policies name has to be there.
    pub(super) fn of(config: &Config, tenants: &[Arc<Tenant>]) -> anyhow::Result<Self> {
        Self::made(config, tenants, registry(&config.profiles)?, &patches(tenants)?)
    }

    fn made(
        config: &Config,
        tenants: &[Arc<Tenant>],
        profiles: Registry,
        patched: &HashMap<TenantId, Files>,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(plan(&Files::builtin(), &profiles)?);
        let mut plans = HashMap::new();
        let mut bad = Vec::new();
        for tenant in tenants {
            let own = match patched.get(&tenant.id) {
                None => Arc::clone(&shared),
                Some(files) => match plan(files, &profiles).with_context(|| format!("tenant {}", tenant.id)) {
                    Ok(own) => Arc::new(own),
                    Err(error) => {
                        bad.push(format!("{error:#}"));
                        continue;
                    }
                },
            };
            plans.insert(tenant.id.clone(), own);
        }
        if !bad.is_empty() {
            anyhow::bail!("{}", bad.join("\n"));
        }
        let problems: Vec<Problem> = tenants
            .iter()
            .filter_map(|tenant| policy(&config.places, tenant, plans.get(&tenant.id)?))
            .collect();
        if !problems.is_empty() {
            return Err(told(&problems));
        }
        Ok(Self {
            profiles: Arc::new(profiles),
            plans,
        })
    }

    /// The maps of one of the tenants that these were made for.
    pub(super) fn plan(&self, tenant: &TenantId) -> anyhow::Result<&Arc<Plan>> {
        self.plans
            .get(tenant)
            .with_context(|| format!("tenant {tenant}: its maps were not read"))
    }
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

/// The files of each tenant that has patches.
fn patches(tenants: &[Arc<Tenant>]) -> anyhow::Result<HashMap<TenantId, Files>> {
    let with_patches = tenants.iter().filter(|tenant| tenant.map_patches.is_some());
    with_patches
        .map(|tenant| Ok((tenant.id.clone(), patched(Files::builtin(), tenant)?)))
        .collect()
}

/// What a tenant's policy names and its own maps do not know.
pub(super) fn policy(places: &Places, tenant: &Tenant, plan: &Plan) -> Option<Problem> {
    let source = tenant.source.as_ref()?.name();
    let unknown = unknown_report_type(tenant, source, plan)?;
    let key = format!("tenant.{}.report_types", tenant.id);
    Some(places.problem(&key, unknown.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fhir::definition::Definition;

    const CONFIG: &str = "\
[server]
public_url = \"http://127.0.0.1:8080/\"
[secrets]
master_key_file = \"master.key\"
[sms]
dir = \"outbox\"
[profiles]
dir = \"huis\"
packages = [\"nl\"]
[tenant.amaris]
name = \"Amaris\"
[tenant.topaz]
map_patches = \"own\"
";

    #[test]
    fn what_an_operator_adds_is_read_once_and_served_with_the_tables_of_each_tenant() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        let profile = |id: &str| {
            let profile = json!({
                "resourceType": "StructureDefinition", "id": id, "url": format!("urn:{id}"), "type": "Observation",
                "fhirVersion": "4.0.1", "derivation": "constraint",
                "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
                "differential": {"element": [{"id": "Observation", "path": "Observation"}]},
            });
            profile.to_string()
        };
        write("huis/huis.json", &profile("huis"));
        write("nl/nl.json", &profile("nl"));
        write("own/tables/ons-report-kind.json", "{\"title\": \"Anders\"}");
        write("master.key", &"07".repeat(32));
        write("inzage.toml", CONFIG);
        let file = folder.path().join("inzage.toml");
        let config = Config::load(&file).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let (definitions, served) = Definitions::load(&config).unwrap_or_else(|error| panic!("{error:#}"));
        // Nothing is read any more when it is handed on.
        folder.close().unwrap();
        for (tenant, has_own) in [("amaris", false), ("topaz", true)] {
            let tenant = &config.tenant(tenant).unwrap().id;
            let shown = served.of(tenant);
            for id in ["huis", "nl"] {
                assert!(definitions.profiles.profile(&format!("urn:{id}")).is_some(), "{id}");
                assert!(
                    shown.read(Definition::StructureDefinition, id).is_some(),
                    "{tenant}: {id}"
                );
            }
            let table = shown.read(Definition::ConceptMap, "ons-report-kind").unwrap();
            let table: Value = serde_json::from_str(table.body).unwrap();
            assert_eq!(table["title"] == "Anders", has_own, "{tenant}: {table}");
        }
    }
}
