//! What is remembered of an installation between two pulls: what cost a request and will not be another.
//!
//! # Design
//! - **By certificate and address, in the whole process**: a run opens a connector of its own, and tenants of one installation ask for
//!   the same.
//! - **Of a plan that is over**, as long as nobody writes it: whether it was agreed with, and its ratings. A whole pull asks for the
//!   ratings again, because who may see them may change.
//! - **Of a form that is done**, for a week or until it is written anew: that it has no classification. ASSUMPTION: one is made with its
//!   form, or not at all. Of a form of the last two days nothing is remembered: its classification may be on its way.
//! - **Bounded**: what is full is forgotten and begins anew. That costs requests, and is never wrong.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::omaha::Ratings;
use crate::secret;

/// Plans, and forms, that are remembered of one installation.
const MOST: usize = 50_000;

/// Installations that are remembered.
const INSTALLATIONS: usize = 64;

/// For how long it is believed that a form has no classification.
const LASTS: Duration = Duration::from_secs(7 * 24 * 3600);

type All = HashMap<[u8; 32], Arc<Mutex<Kept>>>;

static KEPT: LazyLock<Mutex<All>> = LazyLock::new(Mutex::default);

/// A thing and the version in which it was seen.
type Seen<T> = HashMap<u64, (String, T)>;

/// What is remembered of one installation.
#[derive(Debug, Default)]
pub(super) struct Kept {
    agreed: Seen<bool>,
    rated: Seen<Ratings>,
    bare: Seen<Instant>,
}

/// What is remembered of the installation at this address, as the certificate with this text sees it.
pub(super) fn of(address: &str, certificate: &str) -> Arc<Mutex<Kept>> {
    let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = secret::sha256(format!("{address}\n{certificate}").as_bytes());
    if all.len() >= INSTALLATIONS && !all.contains_key(&place) {
        all.retain(|_, kept| Arc::strong_count(kept) > 1);
    }
    Arc::clone(all.entry(place).or_default())
}

impl Kept {
    /// Whether a plan that is over was agreed with.
    pub(super) fn agreed(&self, plan: u64, version: &str) -> Option<bool> {
        get(&self.agreed, plan, version).copied()
    }

    pub(super) fn keep_agreed(&mut self, plan: u64, version: &str, agreed: bool) {
        put(&mut self.agreed, plan, version, agreed);
    }

    /// The ratings of a plan that is over.
    pub(super) fn rated(&self, plan: u64, version: &str) -> Option<&Ratings> {
        get(&self.rated, plan, version)
    }

    pub(super) fn keep_rated(&mut self, plan: u64, version: &str, ratings: Ratings) {
        put(&mut self.rated, plan, version, ratings);
    }

    /// Whether a form is known to have no classification.
    pub(super) fn is_bare(&self, form: u64, version: &str, now: Instant) -> bool {
        get(&self.bare, form, version).is_some_and(|since| now.duration_since(*since) < LASTS)
    }

    pub(super) fn keep_bare(&mut self, form: u64, version: &str, now: Instant) {
        put(&mut self.bare, form, version, now);
    }
}

fn get<'a, T>(of: &'a Seen<T>, id: u64, version: &str) -> Option<&'a T> {
    // What has no version may change without telling.
    let (seen, what) = of.get(&id).filter(|_| !version.is_empty())?;
    (seen == version).then_some(what)
}

fn put<T>(of: &mut Seen<T>, id: u64, version: &str, what: T) {
    if of.len() >= MOST && !of.contains_key(&id) {
        of.clear();
    }
    of.insert(id, (version.to_owned(), what));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_holds_for_its_version_and_has_a_bound() {
        let mut kept = Kept::default();
        kept.keep_agreed(71, "2026-11", true);
        assert_eq!(kept.agreed(71, "2026-11"), Some(true));
        assert_eq!((kept.agreed(71, "2026-12"), kept.agreed(72, "2026-11")), (None, None));
        kept.keep_agreed(73, "", true);
        assert_eq!(kept.agreed(73, ""), None, "it may change without telling");
        let most = u64::try_from(MOST).unwrap();
        for plan in 0..3 * most {
            kept.keep_agreed(plan, "2026-11", true);
            assert_eq!(kept.agreed(plan, "2026-11"), Some(true));
            assert!(kept.agreed.len() <= MOST);
        }
    }

    #[test]
    fn a_form_is_asked_about_again_after_a_week_or_when_it_was_written_anew() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        kept.keep_bare(5, "2026-11", now);
        let last = now + LASTS - Duration::from_secs(1);
        assert!(kept.is_bare(5, "2026-11", last) && !kept.is_bare(5, "2026-12", last));
        assert!(!kept.is_bare(5, "2026-11", now + LASTS));
    }

    #[test]
    fn one_certificate_at_one_address_has_one_memory_and_there_are_not_many() {
        let first = of("https://a/", "one");
        assert!(Arc::ptr_eq(&first, &of("https://a/", "one")));
        for other in [of("https://b/", "one"), of("https://a/", "two")] {
            assert!(!Arc::ptr_eq(&first, &other));
        }
        for number in 0..3 * INSTALLATIONS {
            of(&format!("https://{number}/"), "one");
        }
        // Other tests may use some.
        assert!(KEPT.lock().unwrap().len() <= 2 * INSTALLATIONS);
        assert!(Arc::ptr_eq(&first, &of("https://a/", "one")), "it is in use");
    }
}
