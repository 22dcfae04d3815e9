//! What an operator decides about removals that wait.

use std::collections::BTreeMap;

use super::{Pace, store};
use crate::audit;
use crate::ecd::Kind;
use crate::sync::run::Run;
use crate::sync::{Error, Sync};

/// What becomes of removals that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The source is right: what it no longer has is withdrawn.
    Remove,
    /// The source is wrong: it stays. If the next whole answer lacks it again, it is held again.
    Keep,
}

/// What a decision did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Source records that no longer wait.
    pub records: u64,
    /// Resources that are no longer published.
    pub withdrawn: u64,
}

impl Sync<'_> {
    /// Applies the decision to what waits, of one kind or of all. Holds the lease of the source; the source itself is not asked.
    pub async fn decide(&self, kind: Option<Kind>, decision: Decision) -> Result<Decided, Error> {
        let run = Run::start(self).await?;
        run.holding(Box::pin(run.decided(kind, decision)), std::future::pending())
            .await
    }
}

impl Run<'_> {
    async fn decided(&self, kind: Option<Kind>, decision: Decision) -> Result<Decided, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        // The line is durable before the first record goes.
        let mut tx = self.begin().await?;
        let words = match decision {
            Decision::Remove => "sync-held-remove",
            Decision::Keep => "sync-held-keep",
        };
        let what = audit::What {
            query: Some(format!("{words} {}", kind.map_or("every-kind", Kind::as_str))),
            ..audit::What::default()
        };
        let entry = audit::Entry::new(tenant.clone(), audit::Action::System, audit::Outcome::Success).on(what);
        audit::write(&mut tx, &entry, self.clock.now()).await?;
        self.commit(tx).await?;

        let (mut decided, mut after) = (Decided::default(), None);
        loop {
            let page = store::held(&mut *self.db.read().await?, tenant, source, kind, after.as_ref()).await?;
            let Some(last) = page.last() else {
                return Ok(decided);
            };
            after = Some((last.kind.clone(), last.key.clone()));
            let mut keys: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
            for held in page {
                if let Some(kind) = Kind::from_name(&held.kind) {
                    decided.records += 1;
                    keys.entry(kind).or_default().push(held.key);
                }
            }
            for (kind, keys) in keys {
                match decision {
                    Decision::Keep => {
                        let mut tx = self.begin().await?;
                        store::let_go(&mut tx, tenant, source, kind, &keys).await?;
                        self.commit(tx).await?;
                    }
                    Decision::Remove => decided.withdrawn += self.remove(kind, keys).await?,
                }
            }
        }
    }

    /// Withdraws these records, client by client.
    async fn remove(&self, kind: Kind, keys: Vec<String>) -> Result<u64, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let known = super::super::store::known(&mut *self.db.read().await?, tenant, source, kind, &keys).await?;
        let mut of: BTreeMap<&str, &Option<String>> = BTreeMap::new();
        for known in &known {
            of.insert(&known.key, &known.client);
        }
        let mut by_client: BTreeMap<Option<String>, Vec<(Kind, String)>> = BTreeMap::new();
        for key in &keys {
            let client = of.get(key.as_str()).and_then(|client| (*client).clone());
            by_client.entry(client).or_default().push((kind, key.clone()));
        }
        let mut withdrawn = 0;
        for gone in by_client.into_values() {
            withdrawn += self.withdraw(gone, Pace::Run).await?;
        }
        Ok(withdrawn)
    }
}
