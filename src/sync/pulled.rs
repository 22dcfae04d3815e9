//! What a run has heard of its source: what came, what is whole, what is gone, and what was said twice.

use std::collections::hash_map::{self, DefaultHasher};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use jiff::civil::Date;

use super::removal::Cause;
use super::spool::{Entry, Spool};
use super::subject::Move;
use crate::ecd::Kind;
use crate::ecd::stay::Gap;

/// What the first half found out.
pub(super) struct Pulled {
    pub spool: Spool,
    /// Records that the source says are gone, or that moved to a client who was not asked for.
    pub gone: BTreeMap<(Kind, String), Cause>,
    /// Records that belong to another client than before.
    pub moves: Vec<Move>,
    /// Lists of one client that arrived whole.
    pub lists: BTreeSet<(Kind, String)>,
    /// Kinds that arrived whole for every client.
    pub streams: BTreeSet<Kind>,
    pub agenda: std::ops::Range<Date>,
    /// When a client is out of care, of the clients that came.
    pub gaps: BTreeMap<String, Vec<Gap>>,
    /// Where the source stands now, and of when what it told is.
    pub mark: Option<(String, Timestamp)>,
    seen: HashSet<u64>,
    /// Records that came more than once.
    twice: HashSet<u64>,
    /// Records that could not be read or mapped.
    bad: HashSet<u64>,
}

/// Which records of a pull are dealt with.
#[derive(Debug)]
pub(super) enum Pick {
    Every,
    /// These, even if nothing changed.
    Only(BTreeSet<(Kind, String)>),
}

impl Pick {
    pub fn has(&self, kind: Kind, key: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Only(keys) => keys.contains(&(kind, key.to_owned())),
        }
    }
}

impl Pulled {
    pub fn new(spool: Spool, agenda: std::ops::Range<Date>) -> Self {
        Self {
            spool,
            gone: BTreeMap::new(),
            moves: Vec::new(),
            lists: BTreeSet::new(),
            streams: BTreeSet::new(),
            agenda,
            gaps: BTreeMap::new(),
            mark: None,
            seen: HashSet::new(),
            twice: HashSet::new(),
            bad: HashSet::new(),
        }
    }

    /// Whether the source still has this record.
    pub fn has(&self, kind: Kind, key: &str) -> bool {
        self.seen.contains(&fingerprint(kind, key))
    }

    /// Whether everything of this kind arrived, as one stream or as the list of each of these clients.
    pub fn is_whole(&self, kind: Kind, clients: &BTreeSet<String>) -> bool {
        let has_list = |client: &String| self.lists.contains(&(kind, client.clone()));
        self.streams.contains(&kind) || !kind.is_shared() && !clients.is_empty() && clients.iter().all(has_list)
    }

    /// Whether it came more than once.
    pub fn came_twice(&self, kind: &str, key: &str) -> bool {
        !self.twice.is_empty() && Kind::from_name(kind).is_some_and(|kind| self.twice.contains(&fingerprint(kind, key)))
    }

    /// A record arrived.
    pub fn note(&mut self, kind: Kind, key: &str) {
        let print = fingerprint(kind, key);
        if !self.seen.insert(print) {
            self.twice.insert(print);
        }
    }

    /// A record arrived that cannot be read or mapped.
    pub fn note_bad(&mut self, kind: Kind, key: &str) {
        self.seen.insert(fingerprint(kind, key));
        self.bad.insert(fingerprint(kind, key));
    }

    /// Whether it came and could not be read or mapped.
    pub fn is_bad(&self, kind: Kind, key: &str) -> bool {
        self.bad.contains(&fingerprint(kind, key))
    }

    /// Whether the same answer says that it is gone. Which of the two was meant last cannot be told, so it goes; a later answer
    /// that has it brings it back.
    pub fn is_gone(&self, entry: &Entry) -> bool {
        !self.gone.is_empty()
            && Kind::from_name(&entry.kind).is_some_and(|kind| self.gone.contains_key(&(kind, entry.key.clone())))
    }

    /// Of the records that came more than once, the content that counts, and how many contradicted themselves.
    pub fn settle(&mut self) -> std::io::Result<Settled> {
        let mut settled = Settled::default();
        if self.twice.is_empty() {
            return Ok(settled);
        }
        for client in self.spool.clients() {
            for entry in self.spool.look(&client)? {
                if self.came_twice(&entry.kind, &entry.key) {
                    settled.compare(entry);
                }
            }
        }
        Ok(settled)
    }
}

/// The content that counts of each record that came more than once.
#[derive(Debug, Default)]
pub(super) struct Settled {
    best: HashMap<(String, String), (String, [u8; 32])>,
    pub conflicts: u64,
}

impl Settled {
    /// The newest version; of one version with two contents always the same one, whatever the order in which they came.
    fn compare(&mut self, entry: Entry) {
        let content = (entry.version, entry.hash);
        match self.best.entry((entry.kind, entry.key)) {
            hash_map::Entry::Vacant(place) => {
                place.insert(content);
            }
            hash_map::Entry::Occupied(mut place) => {
                self.conflicts += u64::from(place.get().0 == content.0 && place.get().1 != content.1);
                if *place.get() < content {
                    place.insert(content);
                }
            }
        }
    }

    /// Whether this is the content that counts.
    pub fn keeps(&self, entry: &Entry) -> bool {
        self.best.is_empty()
            || self
                .best
                .get(&(entry.kind.clone(), entry.key.clone()))
                .is_none_or(|(version, hash)| *version == entry.version && *hash == entry.hash)
    }
}

fn fingerprint(kind: Kind, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, key).hash(&mut hasher);
    hasher.finish()
}
