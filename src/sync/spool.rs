//! What a run has mapped and not yet published: on disk, per client, readable by this process alone.
//!
//! # Design
//! The streams of a source mix all clients, while a client's dossier is published in one transaction. So the mapped records
//! wait in a file. It is sealed with a key that exists only in memory and unlinked as soon as it is open: after a crash
//! nothing is left of it, and the next run reads the source again. Memory holds 16 bytes a record.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::secret::{MasterKey, Random, Sealer};

/// A record that was mapped in this run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub kind: String,
    pub key: String,
    pub client: Option<String>,
    pub version: String,
    pub hash: [u8; 32],
    pub outcome: Outcome,
    pub drafts: Vec<SpooledDraft>,
}

/// One resource to be published.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SpooledDraft {
    pub kind: String,
    pub id: String,
    pub patient: Option<String>,
    pub body: String,
}

struct Place {
    at: u64,
    length: u32,
}

/// The file and where each client's records lie in it.
pub(super) struct Spool {
    file: File,
    end: u64,
    sealer: Sealer,
    random: Random,
    places: BTreeMap<Option<String>, Vec<Place>>,
}

impl Spool {
    /// An empty spool in `dir`.
    pub fn new(dir: &Path, random: &Random) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(format!(".inzage-spool-{}", crate::secret::hex(&random.bytes::<8>())));
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        std::fs::remove_file(&path)?;
        let sealer = MasterKey::new(&random.bytes()).sealer("spool");
        Ok(Self {
            file,
            end: 0,
            sealer,
            random: random.clone(),
            places: BTreeMap::new(),
        })
    }

    /// Adds a batch: one sealed piece per client.
    pub fn add(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        let mut groups: BTreeMap<Option<String>, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            groups.entry(entry.client.clone()).or_default().push(entry);
        }
        let mut bytes = Vec::new();
        for (client, entries) in groups {
            let plain = serde_json::to_vec(&entries)?;
            let sealed = self.sealer.seal(&self.random, &[], &plain);
            let length = u32::try_from(sealed.len()).map_err(|_| io::Error::other("a batch is larger than 4 GB"))?;
            self.places
                .entry(client)
                .or_default()
                .push(Place { at: self.end, length });
            self.end += u64::from(length);
            bytes.extend_from_slice(&sealed);
        }
        self.file.write_all(&bytes)
    }

    /// The clients that have something waiting; `None` is what belongs to no client, and comes first.
    pub fn clients(&self) -> Vec<Option<String>> {
        self.places.keys().cloned().collect()
    }

    /// Everything of one client, in the order in which it came.
    pub fn take(&mut self, client: &Option<String>) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for place in self.places.remove(client).unwrap_or_default() {
            let mut sealed = vec![0; place.length as usize];
            self.file.seek(SeekFrom::Start(place.at))?;
            self.file.read_exact(&mut sealed)?;
            let plain = self
                .sealer
                .open(&[], &sealed)
                .ok_or_else(|| io::Error::other("the spool was changed"))?;
            entries.extend(serde_json::from_slice::<Vec<Entry>>(&plain)?);
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(client: Option<&str>, key: &str) -> Entry {
        Entry {
            kind: "report".to_owned(),
            key: key.to_owned(),
            client: client.map(str::to_owned),
            version: String::new(),
            hash: [0; 32],
            outcome: Outcome::Mapped,
            drafts: Vec::new(),
        }
    }

    #[test]
    fn each_client_gets_its_own_records_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(dir.path(), &Random::seeded(1)).unwrap();
        spool
            .add(vec![entry(Some("a"), "1"), entry(Some("b"), "2"), entry(None, "3")])
            .unwrap();
        spool.add(vec![entry(Some("a"), "4")]).unwrap();
        assert_eq!(spool.clients(), [None, Some("a".to_owned()), Some("b".to_owned())]);
        let keys = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
        assert_eq!(keys(spool.take(&Some("a".to_owned())).unwrap()), ["1", "4"]);
        spool.add(vec![entry(Some("b"), "5")]).unwrap();
        assert_eq!(keys(spool.take(&Some("b".to_owned())).unwrap()), ["2", "5"]);
        assert_eq!(keys(spool.take(&None).unwrap()), ["3"]);
    }

    #[test]
    fn nothing_is_left_on_disk_and_nothing_lies_open() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(dir.path(), &Random::seeded(1)).unwrap();
        spool.add(vec![entry(Some("a"), "MARKER")]).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let mut raw = Vec::new();
        spool.file.seek(SeekFrom::Start(0)).unwrap();
        spool.file.read_to_end(&mut raw).unwrap();
        assert!(!String::from_utf8_lossy(&raw).contains("MARKER"));
    }
}
