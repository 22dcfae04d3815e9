//! Records that cannot be read or mapped, until they can.
//!
//! # Design
//! What was published of a record before stays until its new state can be read, unless it moved to another client. A record leaves
//! the quarantine when it is read, when it is as it was before, or when a whole answer no longer has it.
//!
//! **Both sides.** Each issue names the place in the record and the FHIR element (`issue`): the source is put right by the one, a map
//! by the other. A handful a record is kept; the rest shows when those are gone.
//!
//! **Logs** name a record by a keyed hash and not by its key: a log goes to more people than a dossier, and a key is enough to find
//! the client in the ECD. `inzage sync quarantine` prints both, so an operator finds a line's record and nobody else does.

mod issue;
pub(crate) mod store;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use issue::{Issue, Line};
pub use store::{Quarantined, quarantined};

use super::Error;
use super::pulled::Pulled;
use super::run::Run;
use crate::ecd::Kind;
use crate::secret::{MacKey, hex, mac};

/// Lines of a run that are logged one by one; the rest is counted.
const LOGGED: u64 = 100;

/// How logs name a record: without the tenant's key it tells nothing.
pub fn reference(ids: &MacKey, source: &str, kind: &str, key: &str) -> String {
    let parts = ["quarantine", source, kind, key].map(str::as_bytes);
    hex(&mac(ids, &parts)[..8])
}

impl Run<'_> {
    /// Puts records into quarantine. `before`: how many this run has put there already.
    pub(super) async fn quarantine(&self, mut lines: Vec<Line>, before: u64) -> Result<(), Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let left = usize::try_from(LOGGED.saturating_sub(before)).unwrap_or(0);
        for line in lines.iter().take(left) {
            let kind = line.kind.as_str();
            tracing::warn!(
                tenant = tenant.as_str(),
                record.kind = kind,
                record.reference = reference(&self.ids, source, kind, &line.key),
                pointer = line.pointer(),
                reason = line.reason(),
                "record quarantined"
            );
        }
        if lines.len() > left && before < LOGGED {
            tracing::warn!(
                tenant = tenant.as_str(),
                "more records quarantined, see `inzage sync quarantine`"
            );
        }
        // One statement may not touch a row twice.
        lines.reverse();
        let mut once = BTreeSet::new();
        lines.retain(|line| once.insert((line.kind, line.key.clone())));
        let mut tx = self.begin().await?;
        store::quarantine(&mut tx, tenant, source, &lines, self.clock.now()).await?;
        self.commit(tx).await
    }

    /// The kinds and keys in quarantine.
    pub(super) async fn waiting(&self) -> Result<BTreeSet<(Kind, String)>, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let (mut waiting, mut after) = (BTreeSet::new(), None);
        loop {
            let page = quarantined(&mut *self.db.read().await?, tenant, source, None, after.as_ref()).await?;
            let Some(last) = page.last() else {
                return Ok(waiting);
            };
            after = Some((last.kind.clone(), last.key.clone()));
            let known = page
                .into_iter()
                .filter_map(|line| Some((Kind::from_name(&line.kind)?, line.key)));
            waiting.extend(known);
        }
    }

    /// Releases what could be read in this run, what the source says is gone, and what a whole answer no longer has: `every` if all
    /// clients were asked for.
    pub(super) async fn release(&self, pulled: &Pulled, clients: &BTreeSet<String>, every: bool) -> Result<(), Error> {
        let mut free: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for (kind, key) in self.waiting().await? {
            let is_gone = pulled.gone.contains_key(&(kind, key.clone()))
                || every && !pulled.has(kind, &key) && pulled.is_whole(kind, clients);
            let is_read = pulled.has(kind, &key) && !pulled.is_bad(kind, &key);
            if is_gone || is_read {
                free.entry(kind).or_default().push(key);
            }
        }
        if free.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for (kind, keys) in &free {
            store::release(&mut tx, &self.tenant.id, self.connector.name(), *kind, keys).await?;
        }
        self.commit(tx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_shows_nothing_and_is_the_tenants_own() {
        let (one, other) = (MacKey::new(b"1"), MacKey::new(b"2"));
        let reference = |ids, kind, key| reference(ids, "ons", kind, key);
        let mine = reference(&one, "report", "880001");
        assert_eq!(mine.len(), 16);
        assert!(!mine.contains("880001"));
        assert_eq!(mine, reference(&one, "report", "880001"));
        for differs in [
            reference(&other, "report", "880001"),
            reference(&one, "client", "880001"),
            reference(&one, "report", "880002"),
        ] {
            assert_ne!(mine, differs);
        }
    }
}
