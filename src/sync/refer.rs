//! No reference of what is published leads to what is not: a report whose goal goes is about no goal any more, in the same
//! transaction.
//!
//! # Design
//! A report is about a goal of a care plan, and a plan replaces an earlier one ([`crate::resource::Target`]). Sources do not tell of a
//! report again because its plan went, was taken back, moved to another client or waits in quarantine. So the engine looks: what is
//! about to be published is compared with what is there, and what is withdrawn is taken out of what refers to it. The record of a
//! resource that lost a reference counts as not dealt with: when it comes again, at the latest when everything is compared, it is mapped
//! anew, and the reference returns with the goal.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::run::Run;
use super::{Error, store};
use crate::db::Tx;
use crate::ecd::Kind;
use crate::fhir::types::Id;
use crate::resource::{self, Indexed, Target, refer};

/// The kinds whose resources refer to another record.
const REFERRING: [Kind; 2] = [Kind::CarePlan, Kind::Report];

impl Run<'_> {
    /// Leaves out of the drafts their references to other records that are not published; which drafts those are, by place.
    pub(super) async fn leave_out(&self, tx: &mut Tx, drafts: &mut [Indexed]) -> Result<Vec<usize>, Error> {
        let mut asked: BTreeMap<Id, BTreeSet<Target>> = BTreeMap::new();
        let targets: Vec<(&Id, Target)> = drafts
            .iter()
            .filter_map(|draft| Some((draft.patient()?, refer::targets(draft))))
            .flat_map(|(patient, targets)| targets.into_iter().map(move |target| (patient, target)))
            .collect();
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let here: HashSet<_> = drafts
            .iter()
            .map(|draft| (draft.patient(), draft.kind(), draft.id()))
            .collect();
        for (patient, target) in targets {
            if !here.contains(&(Some(patient), target.0, &target.1)) {
                asked.entry(patient.clone()).or_default().insert(target);
            }
        }
        let mut absent = BTreeMap::new();
        for (patient, targets) in asked {
            let gone = resource::absent(tx, &self.tenant.id, &patient, &targets).await?;
            if !gone.is_empty() {
                absent.insert(patient, gone);
            }
        }
        let mut changed = Vec::new();
        for (at, draft) in drafts.iter_mut().enumerate() {
            if let Some(gone) = draft.patient().and_then(|patient| absent.get(patient))
                && let Some(cut) = refer::without(draft, gone, &self.tenant.zone)?
            {
                *draft = cut;
                changed.push(at);
            }
        }
        Ok(changed)
    }

    /// Takes references to what was withdrawn from these clients out of the rest of their dossiers; how many resources changed.
    pub(super) async fn let_go_of(
        &self,
        tx: &mut Tx,
        withdrawn: &BTreeMap<Option<String>, Vec<Target>>,
    ) -> Result<u64, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let mut changed = 0;
        for (client, gone) in withdrawn {
            let Some(client) = client else { continue };
            let patient = self.patient_of(client);
            let cut = resource::let_go_of(tx, self.tenant, &patient, gone, self.clock.now()).await?;
            changed += cut.len() as u64;
            let names: HashSet<String> = cut.iter().map(|(kind, id)| format!("{kind}/{id}")).collect();
            for kind in REFERRING.into_iter().filter(|_| !names.is_empty()) {
                let known = store::of_client(tx, tenant, source, client, kind).await?;
                let of_them = known
                    .into_iter()
                    .filter(|(_, resources)| resources.split_whitespace().any(|name| names.contains(name)));
                let keys: Vec<String> = of_them.map(|(key, _)| key).collect();
                if !keys.is_empty() {
                    store::reopen(tx, tenant, source, kind, &keys).await?;
                }
            }
        }
        Ok(changed)
    }
}
