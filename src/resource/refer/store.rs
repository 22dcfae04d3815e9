//! The SQL of references between records.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Target, referring, stored_without};
use crate::config::{Tenant, TenantId};
use crate::db::{self, Conn, Tx, params, statements};
use crate::fhir::types::{Id, ResourceType};
use crate::resource::{Error, put_indexed};

statements! {
    /// One look into the index for each id, whatever the table was like when PostgreSQL planned it.
    PRESENT = each(
        "SELECT id FROM resource
         WHERE tenant = $1 AND type = $2 AND patient = $3 AND id IN (SELECT value FROM json_each($4))",
        "SELECT r.id FROM unnest($4::text[]) AS asked(id) CROSS JOIN LATERAL (
             SELECT id, patient FROM resource WHERE tenant = $1 AND type = $2 AND id = asked.id LIMIT 1
         ) AS r WHERE r.patient = $3",
    );
    /// Of one dossier those of a type whose text has something in it. Few dossiers are ever asked for: when a care plan goes.
    REFERRING = both("SELECT id, body FROM resource WHERE tenant = $1 AND patient = $2 AND type = $3 AND body LIKE $4");
}

/// Those of the targets that are not in this dossier.
pub async fn absent(
    conn: &mut Conn,
    tenant: &TenantId,
    patient: &Id,
    targets: &BTreeSet<Target>,
) -> Result<BTreeSet<Target>, db::Error> {
    let mut by_type: BTreeMap<ResourceType, Vec<String>> = BTreeMap::new();
    for (kind, id) in targets {
        by_type.entry(*kind).or_default().push(id.as_str().to_owned());
    }
    let mut absent = targets.clone();
    for (kind, ids) in by_type {
        let values = params![tenant.as_str(), kind.as_str(), patient.as_str(), ids];
        for row in conn.rows(PRESENT, values).await? {
            if let Some(id) = Id::parse(row.str(0)) {
                absent.remove(&(kind, id));
            }
        }
    }
    Ok(absent)
}

/// Takes the references to what is gone out of the resources that are still in this dossier, as new versions of them; which
/// those are.
pub async fn let_go_of(
    tx: &mut Tx,
    tenant: &Tenant,
    patient: &Id,
    gone: &[Target],
    now: Timestamp,
) -> Result<Vec<Target>, Error> {
    let mut cut = Vec::new();
    let all: BTreeSet<Target> = gone.iter().cloned().collect();
    for (kind, sign) in referring(gone) {
        let values = params![tenant.id.as_str(), patient.as_str(), kind.as_str(), format!("%{sign}%")];
        for row in tx.rows(REFERRING, values).await? {
            let Some(id) = Id::parse(row.str(0)) else { continue };
            cut.extend(stored_without(kind, id, patient, row.str(1), &all, &tenant.zone)?);
        }
    }
    put_indexed(tx, &tenant.id, now, &cut).await?;
    Ok(cut
        .into_iter()
        .map(|indexed| (indexed.draft.kind, indexed.draft.id))
        .collect())
}
