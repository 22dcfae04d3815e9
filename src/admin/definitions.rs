//! What the program makes of profiles and mapping files: made once a process and handed on.
//!
//! # Design
//! Reading them takes longer than everything else of a start, and files that change while the gateway runs must not give slots and
//! webhooks other maps than those that were checked. So whoever needs them is given them. A tenant's policy is judged by the tenant's
//! own maps, its patches in them: a patch may know a report type that the program's map does not, and the other way round.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;

use super::operate::registry;
use super::told;
use crate::config::{Config, Places, Problem, Tenant, TenantId};
use crate::mapping::{Files, Plan};
use crate::profile::Registry;
use crate::sync::unknown_report_type;

/// The profiles, and the maps of each tenant.
#[derive(Clone, Debug)]
pub(super) struct Definitions {
    pub(super) profiles: Arc<Registry>,
    plans: HashMap<TenantId, Arc<Plan>>,
}

impl Definitions {
    /// Those of every tenant; every problem of the first part that has any, at once.
    pub(super) fn load(config: &Config) -> anyhow::Result<Self> {
        Self::of(config, &config.tenants)
    }

    /// Those of some tenants. What their policies name has to be there.
    pub(super) fn of(config: &Config, tenants: &[Arc<Tenant>]) -> anyhow::Result<Self> {
        let profiles = registry(&config.profiles)?;
        let shared = Arc::new(plan(&Files::builtin(), &profiles)?);
        let mut plans = HashMap::new();
        for tenant in tenants {
            plans.insert(tenant.id.clone(), plan_of(tenant, &shared, &profiles)?);
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

/// The plan of a tenant: the shared one, unless it has patches.
fn plan_of(tenant: &Tenant, shared: &Arc<Plan>, profiles: &Registry) -> anyhow::Result<Arc<Plan>> {
    if tenant.map_patches.is_none() {
        return Ok(Arc::clone(shared));
    }
    let files = patched(Files::builtin(), tenant)?;
    let plan = plan(&files, profiles).with_context(|| format!("tenant {}", tenant.id))?;
    Ok(Arc::new(plan))
}

/// What a tenant's policy names and its own maps do not know.
pub(super) fn policy(places: &Places, tenant: &Tenant, plan: &Plan) -> Option<Problem> {
    let source = tenant.source.as_ref()?.name();
    let unknown = unknown_report_type(tenant, source, plan)?;
    let key = format!("tenant.{}.report_types", tenant.id);
    Some(places.problem(&key, unknown.to_string()))
}
