//! Which known records the source no longer has, and how much of that is believed.
//!
//! # Design
//! A record goes because it is absent from a whole answer, because the source says that it was deleted, or because it went to a
//! client who was not asked for. Any of the three can be a fault of the source, so they are counted together.
//!
//! **The guard.** Counted per source and kind, and only what is published: a kind whose removals exceed 2 % of what is published of
//! it, or 20 where that is more, is held whole. The larger of the two, not the smaller: of ten thousand appointments more than
//! twenty are cancelled every day, and of ten care plans one may well end; with the smaller bound every ordinary day would
//! wait for an operator, and what waits is still shown to family. For a kind of few records 20 would be everything, so
//! more than half of a kind with more than five records is held as well. Of up to five, half is two or three, as many as may well
//! end together; but that the last of a kind is gone is never believed because an answer was empty: not of the one client of a
//! pilot, nor of his one care plan. What the source says of one record, that it was deleted or is elsewhere, is no empty
//! answer. What the source marks as hidden is a statement about a record and is never held.
//!
//! **Webhooks** come in turns of a few records each, so what the turns of the last 24 hours removed counts with each of them, and
//! against what was published before they did as well as now: a source that forgets everything bit by bit, or answers 404
//! because a right was taken from us, is held at the same bound, and no kind becomes one of few records that way.
//!
//! **What is held** stays published as it was, is alarmed at every run, and goes when an operator confirms it
//! ([`Sync::decide`]), when the source has the record again, or when a later whole answer lacks so few records that the guard
//! believes it.

mod decide;
pub(crate) mod store;

use std::collections::BTreeMap;

pub use decide::{Decided, Decision};
pub use store::{Held, HeldKind, held, held_kinds};

#[cfg(doc)]
use super::Sync;
use super::pulled::Pulled;
use super::run::Run;
use super::{Error, Report};
use crate::db::Tx;
use crate::ecd::Kind;

/// Removals that are always plausible.
const ALWAYS: u64 = 20;
/// Of a kind with no more records than this only the silence about all of them is not believed.
const FEW: u64 = 5;
/// For so long the removals of webhooks count together.
const HOURS: i64 = 24;
/// Keys that are looked up together.
const AT_ONCE: usize = 500;

/// Why a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A whole answer does not have it.
    Absent,
    /// The source says that it was deleted.
    Deleted,
    /// It belongs to a client now who was not asked for.
    Outside,
}

impl Cause {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Deleted => "deleted",
            Self::Outside => "outside",
        }
    }
}

/// What the removals are part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// A run of its own, a few a day.
    Run,
    /// A turn of webhooks, one of many.
    Turn,
}

/// What goes.
pub(in crate::sync) struct Removals {
    pub pace: Pace,
    /// By the client whose dossier it is in.
    pub of: BTreeMap<Option<String>, Vec<(Kind, String)>>,
}

impl Removals {
    /// Nothing goes.
    pub fn none() -> Self {
        Self {
            pace: Pace::Run,
            of: BTreeMap::new(),
        }
    }
}

/// A known record that would go.
pub(super) struct Candidate {
    key: String,
    client: Option<String>,
    cause: Cause,
    is_published: bool,
}

/// Whether so many removals of a kind are believed, of which so many are no more than silence, when so many of its records are
/// published.
fn is_plausible(removals: u64, silent: u64, published: u64) -> bool {
    if published > FEW {
        removals <= (published / 50).max(ALWAYS).min(published / 2)
    } else {
        silent == 0 || silent < published
    }
}

/// Whether so many removals of a kind are believed in a turn, before which others removed so many.
fn is_plausible_turn(removals: u64, silent: u64, lately: u64, published: u64) -> bool {
    let all = removals + lately;
    is_plausible(all, silent, published) && is_plausible(all, silent, published + lately)
}

impl Run<'_> {
    /// What goes with this run. A kind of which too much would go is held and counted instead.
    pub(super) async fn removals(
        &self,
        pulled: &Pulled,
        clients: &std::collections::BTreeSet<String>,
        pace: Pace,
        report: &mut Report,
    ) -> Result<Removals, Error> {
        let mut candidates = self.absent(pulled, clients).await?;
        for (kind, told) in self.told(pulled).await? {
            candidates.entry(kind).or_default().extend(told);
        }
        let (mut of, mut held) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for (kind, candidates) in candidates {
            let published = candidates.iter().filter(|candidate| candidate.is_published);
            let silent = published.clone().filter(|candidate| candidate.cause == Cause::Absent);
            let (count, silent) = (published.count() as u64, silent.count() as u64);
            let (tenant, source) = (&self.tenant.id, self.connector.name());
            let lately = match pace {
                Pace::Turn if count > 0 => self.lately(kind).await?,
                _ => 0,
            };
            // Counted only as far as it can matter.
            let most = if count + lately <= FEW / 2 { FEW + 1 } else { u64::MAX };
            let published = match count {
                0 => 0,
                _ => store::published(&mut *self.db.read().await?, tenant, source, kind, most).await?,
            };
            if is_plausible_turn(count, silent, lately, published) {
                for candidate in candidates {
                    of.entry(candidate.client).or_default().push((kind, candidate.key));
                }
                continue;
            }
            tracing::error!(
                tenant = tenant.as_str(),
                source,
                record.kind = kind.as_str(),
                removals = count,
                published,
                "too many removals at once: held, `inzage sync held` shows them"
            );
            report.held += count;
            report.held_by_kind.insert(kind.as_str().to_owned(), count);
            held.extend(candidates.into_iter().map(|candidate| (kind, candidate)));
        }
        self.hold(pulled, &held).await?;
        Ok(Removals { pace, of })
    }

    /// How many of a kind the turns of the last day removed.
    async fn lately(&self, kind: Kind) -> Result<u64, Error> {
        let (tenant, source, since) = (&self.tenant.id, self.connector.name(), self.hour() - HOURS);
        let mut read = self.db.read().await?;
        Ok(store::lately(&mut read, tenant, source, kind, since).await?)
    }

    /// Counts what a turn removes, with the removal: a turn that fails and comes again counts once.
    pub(super) async fn note_removals(&self, tx: &mut Tx, kind: Kind, count: u64) -> Result<(), Error> {
        if count > 0 {
            let (tenant, source, hour) = (&self.tenant.id, self.connector.name(), self.hour());
            store::forget(tx, tenant, source, hour - HOURS).await?;
            store::note(tx, tenant, source, kind, hour, count).await?;
        }
        Ok(())
    }

    fn hour(&self) -> i64 {
        self.clock.now().as_second().div_euclid(3_600)
    }

    /// Known records that a whole answer lacks.
    async fn absent(
        &self,
        pulled: &Pulled,
        clients: &std::collections::BTreeSet<String>,
    ) -> Result<BTreeMap<Kind, Vec<Candidate>>, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let mut found: BTreeMap<Kind, Vec<Candidate>> = BTreeMap::new();
        let mut read = self.db.read().await?;
        let candidate = |client: Option<&String>, (key, resources): (String, String)| Candidate {
            key,
            client: client.cloned(),
            cause: Cause::Absent,
            is_published: !resources.is_empty(),
        };
        for kind in Kind::ALL {
            if pulled.streams.contains(&kind) && kind.is_shared() {
                let known = super::store::shared(&mut read, tenant, source, kind).await?;
                let gone = known.into_iter().filter(|(key, _)| !pulled.has(kind, key));
                found
                    .entry(kind)
                    .or_default()
                    .extend(gone.map(|record| candidate(None, record)));
                continue;
            }
            for client in clients {
                if !pulled.streams.contains(&kind) && !pulled.lists.contains(&(kind, client.clone())) {
                    continue;
                }
                let known = super::store::of_client(&mut read, tenant, source, client, kind).await?;
                let gone = known.into_iter().filter(|(key, _)| {
                    !pulled.has(kind, key)
                        && !pulled.gone.contains_key(&(kind, key.clone()))
                        && self.connector.is_within(kind, key, &pulled.agenda)
                });
                found
                    .entry(kind)
                    .or_default()
                    .extend(gone.map(|record| candidate(Some(client), record)));
            }
        }
        Ok(found)
    }

    /// Known records of which the source said that they are gone. Most of what it tells was never ours.
    async fn told(&self, pulled: &Pulled) -> Result<BTreeMap<Kind, Vec<Candidate>>, Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let mut found: BTreeMap<Kind, Vec<Candidate>> = BTreeMap::new();
        let mut read = self.db.read().await?;
        for kind in Kind::ALL {
            let told = pulled.gone.iter().filter(|((which, _), _)| *which == kind);
            let keys: Vec<String> = told.map(|((_, key), _)| key.clone()).collect();
            for keys in keys.chunks(AT_ONCE) {
                for known in super::store::known(&mut read, tenant, source, kind, keys).await? {
                    let cause = pulled.gone[&(kind, known.key.clone())];
                    found.entry(kind).or_default().push(Candidate {
                        key: known.key,
                        client: known.client,
                        cause,
                        is_published: !known.resources.is_empty(),
                    });
                }
            }
        }
        Ok(found)
    }

    /// Keeps what is held, and lets go what the source has again.
    async fn hold(&self, pulled: &Pulled, held: &[(Kind, Candidate)]) -> Result<(), Error> {
        let (tenant, source) = (&self.tenant.id, self.connector.name());
        let mut back: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = store::held(&mut *self.db.read().await?, tenant, source, None, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.kind.clone(), last.key.clone()));
            for held in page {
                if let Some(kind) = Kind::from_name(&held.kind)
                    && pulled.has(kind, &held.key)
                {
                    back.entry(kind).or_default().push(held.key);
                }
            }
        }
        if held.is_empty() && back.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for (kind, keys) in &back {
            store::let_go(&mut tx, tenant, source, *kind, keys).await?;
        }
        let lines = held
            .iter()
            .map(|(kind, candidate)| (*kind, candidate.key.as_str(), candidate.cause));
        store::hold(&mut tx, tenant, source, lines, self.clock.now()).await?;
        self.commit(tx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_percent_or_twenty_are_believed_and_never_most_of_a_kind() {
        let cases = [(6, 3), (30, 15), (40, 20), (1_000, 20), (1_050, 21), (50_000, 1_000)];
        for (published, believed) in cases {
            assert!(is_plausible(believed, believed, published), "{published}");
            assert!(!is_plausible(believed + 1, 0, published), "{published}");
        }
    }

    /// How many of so many records are left, and how many went, when turns remove them one by one.
    fn one_by_one(mut published: u64, is_silent: bool) -> (u64, u64) {
        let mut lately = 0;
        while published > 0 && is_plausible_turn(1, u64::from(is_silent), lately, published) {
            (published, lately) = (published - 1, lately + 1);
        }
        (published, lately)
    }

    #[test]
    fn what_goes_bit_by_bit_goes_no_further_than_what_goes_at_once() {
        for (published, gone) in [(6, 3), (8, 4), (30, 10), (1_000, 20)] {
            for is_silent in [true, false] {
                assert_eq!(
                    one_by_one(published, is_silent),
                    (published - gone, gone),
                    "{published}"
                );
            }
            assert!(is_plausible(gone, gone, published), "{published}");
        }
        assert_eq!(one_by_one(5, false), (0, 5), "each was said to be deleted");
        assert_eq!(one_by_one(5, true), (1, 4), "the last one");
    }

    #[test]
    fn that_the_last_of_a_kind_is_gone_has_to_be_said() {
        for published in 1..=FEW {
            assert!(
                !is_plausible(published, published, published),
                "{published}: an empty answer"
            );
            assert!(is_plausible(published - 1, published - 1, published), "{published}");
            assert!(
                is_plausible(published, 0, published),
                "{published}: each was said to be deleted"
            );
            assert!(is_plausible(published, published - 1, published), "{published}");
        }
        assert!(is_plausible(0, 0, 0), "nothing of it is published");
    }
}
