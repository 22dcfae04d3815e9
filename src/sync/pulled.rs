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
    fn came_twice(&self, kind: &str, key: &str) -> bool {
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
    best: HashMap<(String, String), Best>,
    pub conflicts: u64,
}

#[derive(Debug)]
struct Best {
    version: String,
    hash: [u8; 32],
    client: Option<String>,
    /// How many copies differ from what is known.
    copies: u32,
    torn: Option<Torn>,
}

/// Why none of two contents with one version is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Torn {
    Clients,
    Persons,
}

impl Torn {
    /// What two contents of one version contradict each other in, where that may not be settled by chance.
    fn of(kind: &str, one: Option<&str>, other: Option<&str>) -> Option<Self> {
        if one != other {
            return Some(Self::Clients);
        }
        let is_person = [Kind::Client, Kind::Stay].iter().any(|person| person.as_str() == kind);
        is_person.then_some(Self::Persons)
    }

    pub fn reason(self) -> &'static str {
        match self {
            Self::Clients => "came twice with one version, in the dossiers of two clients",
            Self::Persons => "came twice with one version and different content: it may be two persons",
        }
    }
}

impl Settled {
    /// The newest version; of one version with two contents always the same one, whatever the order in which they came, unless they
    /// are of two clients, or may be two persons: then none.
    fn compare(&mut self, entry: Entry) {
        let Entry {
            kind,
            key,
            client,
            version,
            hash,
            ..
        } = entry;
        match self.best.entry((kind, key)) {
            hash_map::Entry::Vacant(place) => {
                place.insert(Best {
                    version,
                    hash,
                    client,
                    copies: 1,
                    torn: None,
                });
            }
            hash_map::Entry::Occupied(mut place) => {
                let kind = place.key().0.clone();
                let best = place.get_mut();
                best.copies += 1;
                let is_one_version = best.version == version;
                if is_one_version && best.hash != hash {
                    self.conflicts += 1;
                    best.torn = best.torn.or(Torn::of(&kind, best.client.as_deref(), client.as_deref()));
                }
                if (&best.version, best.hash) < (&version, hash) {
                    if !is_one_version {
                        best.torn = None;
                    }
                    (best.version, best.hash, best.client) = (version, hash, client);
                }
            }
        }
    }

    /// What counts of a record, where it came more than once.
    fn best(&self, entry: &Entry) -> Option<&Best> {
        if self.best.is_empty() {
            // As nearly always.
            return None;
        }
        self.best.get(&(entry.kind.clone(), entry.key.clone()))
    }

    /// Whether this is the content that counts.
    pub fn keeps(&self, entry: &Entry) -> bool {
        self.best(entry)
            .is_none_or(|best| best.version == entry.version && best.hash == entry.hash && best.torn.is_none())
    }

    /// What is not believed, and why.
    pub fn torn(&self) -> impl Iterator<Item = (Kind, &str, Torn)> {
        self.best
            .iter()
            .filter_map(|((kind, key), best)| Some((Kind::from_name(kind)?, key.as_str(), best.torn?)))
    }

    /// Why this is not believed beside what is known with the same version, whose hash and client these are: the other copy that came
    /// was no other than that.
    pub fn torn_from(&self, entry: &Entry, client: Option<&str>) -> Option<Torn> {
        self.best(entry).filter(|best| best.copies == 1)?;
        Torn::of(&entry.kind, client, entry.client.as_deref())
    }

    pub fn came_twice(&self, entry: &Entry) -> bool {
        self.best(entry).is_some()
    }
}

fn fingerprint(kind: Kind, key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, key).hash(&mut hasher);
    hasher.finish()
}
