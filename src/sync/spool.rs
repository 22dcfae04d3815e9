//! What a run has mapped and not yet published: on disk, per client, readable by this process alone.
//!
//! # Design
//! The streams of a source mix all clients, while a client's dossier is published in one transaction. So the mapped records
//! wait in a file. It is sealed with a key that exists only in memory and unlinked as soon as it is open: after a crash
//! nothing is left of it, and the next run reads the source again. Memory holds 16 bytes a record.
//!
//! A record is written as its fields, each text with its length in front: a resource is JSON already, and JSON inside JSON would
//! have every quotation mark escaped and read again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Outcome;
use crate::fhir::search::Span;
use crate::fhir::types::Id;
use crate::resource::{self, Draft, Indexed};
use crate::secret::{MasterKey, Random, Sealer};

/// The hash of a record of which not everything is known: that of no content.
pub(super) const OPEN: [u8; 32] = [0; 32];

/// A record that was mapped in this run.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub kind: String,
    pub key: String,
    pub client: Option<String>,
    pub version: String,
    pub hash: [u8; 32],
    pub outcome: Outcome,
    /// How often the record changed its subject; see `subject.rs`.
    pub generation: i64,
    pub drafts: Vec<Indexed>,
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
            let mut plain = Vec::new();
            entries.iter().for_each(|entry| write(&mut plain, entry));
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
        let places = self.places.remove(client).unwrap_or_default();
        self.read(&places)
    }

    /// The same, and it stays.
    pub fn look(&mut self, client: &Option<String>) -> io::Result<Vec<Entry>> {
        let places = self.places.remove(client).unwrap_or_default();
        let entries = self.read(&places);
        self.places.insert(client.clone(), places);
        entries
    }

    fn read(&mut self, places: &[Place]) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for place in places {
            let mut sealed = vec![0; place.length as usize];
            self.file.seek(SeekFrom::Start(place.at))?;
            self.file.read_exact(&mut sealed)?;
            let plain = self
                .sealer
                .open(&[], &sealed)
                .ok_or_else(|| io::Error::other("the spool was changed"))?;
            let mut rest = &plain[..];
            while !rest.is_empty() {
                entries.push(read(&mut rest).ok_or_else(|| io::Error::other("the spool was changed"))?);
            }
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        Ok(entries)
    }
}

fn write(into: &mut Vec<u8>, entry: &Entry) {
    text(into, &entry.kind);
    text(into, &entry.key);
    option(into, entry.client.as_deref());
    text(into, &entry.version);
    into.extend_from_slice(&entry.hash);
    let (outcome, reason) = match &entry.outcome {
        Outcome::Mapped => (0, ""),
        Outcome::Dropped(reason) => (1, reason.as_str()),
        Outcome::Refused => (2, ""),
    };
    into.push(outcome);
    text(into, reason);
    into.extend_from_slice(&entry.generation.to_le_bytes());
    number(into, entry.drafts.len());
    entry.drafts.iter().for_each(|indexed| write_draft(into, indexed));
}

fn write_draft(into: &mut Vec<u8>, Indexed { draft, hash, entry }: &Indexed) {
    text(into, draft.kind.as_str());
    text(into, draft.id.as_str());
    option(into, draft.patient.as_ref().map(Id::as_str));
    text(into, &draft.body);
    into.extend_from_slice(hash);
    for date in entry.dates {
        into.push(u8::from(date.is_some()));
        for number in date.into_iter().flat_map(|span| [span.from, span.until]) {
            into.extend_from_slice(&number.to_le_bytes());
        }
    }
    into.extend_from_slice(&entry.present.to_le_bytes());
    number(into, entry.marks.len());
    into.extend_from_slice(&entry.marks);
    number(into, entry.links.len());
    for (kind, id) in &entry.links {
        text(into, kind.as_str());
        text(into, id.as_str());
    }
}

fn number(into: &mut Vec<u8>, number: usize) {
    let number = u32::try_from(number).expect("a record in memory is shorter than 4 GB");
    into.extend_from_slice(&number.to_le_bytes());
}

fn text(into: &mut Vec<u8>, text: &str) {
    number(into, text.len());
    into.extend_from_slice(text.as_bytes());
}

fn option(into: &mut Vec<u8>, value: Option<&str>) {
    into.push(u8::from(value.is_some()));
    value.into_iter().for_each(|value| text(into, value));
}

/// The first record of `rest`, which is shortened by it; `None` if it is not one of [`write`].
fn read(rest: &mut &[u8]) -> Option<Entry> {
    let mut entry = Entry {
        kind: read_text(rest)?,
        key: read_text(rest)?,
        client: read_option(rest)?,
        version: read_text(rest)?,
        hash: read_bytes(rest)?,
        outcome: match (rest.split_off_first()?, read_text(rest)?) {
            (0, _) => Outcome::Mapped,
            (1, reason) => Outcome::Dropped(reason),
            (2, _) => Outcome::Refused,
            _ => return None,
        },
        generation: i64::from_le_bytes(read_bytes(rest)?),
        drafts: Vec::new(),
    };
    for _ in 0..read_number(rest)? {
        entry.drafts.push(read_draft(rest)?);
    }
    Some(entry)
}

fn read_draft(rest: &mut &[u8]) -> Option<Indexed> {
    let kind = read_text(rest)?.parse().ok()?;
    let id = Id::parse(&read_text(rest)?)?;
    let patient = match read_option(rest)? {
        Some(patient) => Some(Id::parse(&patient)?),
        None => None,
    };
    let body = read_text(rest)?;
    let hash = read_bytes(rest)?;
    let mut dates = [None, None];
    for date in &mut dates {
        if read_bytes::<1>(rest)? == [1] {
            let from = i64::from_le_bytes(read_bytes(rest)?);
            let until = i64::from_le_bytes(read_bytes(rest)?);
            *date = Some(Span { from, until });
        }
    }
    let present = i64::from_le_bytes(read_bytes(rest)?);
    let length = read_number(rest)?;
    let marks = rest.split_off(..length)?.to_vec();
    let mut links = Vec::new();
    for _ in 0..read_number(rest)? {
        links.push((read_text(rest)?.parse().ok()?, Id::parse(&read_text(rest)?)?));
    }
    Some(Indexed {
        draft: Draft {
            kind,
            id,
            patient,
            body,
        },
        hash,
        entry: resource::Entry {
            dates,
            present,
            marks,
            links,
        },
    })
}

fn read_bytes<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}

fn read_number(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(read_bytes(rest)?)).ok()
}

fn read_text(rest: &mut &[u8]) -> Option<String> {
    let length = read_number(rest)?;
    String::from_utf8(rest.split_off(..length)?.to_vec()).ok()
}

fn read_option(rest: &mut &[u8]) -> Option<Option<String>> {
    match rest.split_off_first()? {
        0 => Some(None),
        1 => Some(Some(read_text(rest)?)),
        _ => None,
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
            generation: 0,
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
        assert_eq!(keys(spool.look(&Some("a".to_owned())).unwrap()), ["1", "4"]);
        assert_eq!(keys(spool.take(&Some("a".to_owned())).unwrap()), ["1", "4"]);
        spool.add(vec![entry(Some("b"), "5")]).unwrap();
        assert_eq!(keys(spool.take(&Some("b".to_owned())).unwrap()), ["2", "5"]);
        assert_eq!(keys(spool.take(&None).unwrap()), ["3"]);
    }

    #[test]
    fn a_record_comes_back_as_it_went_in() {
        let resource = serde_json::json!({
            "resourceType": "Observation", "id": "o1", "meta": {}, "status": "final", "effectiveDateTime": "2026-11-22",
            "valueString": "één", "performer": [{"reference": "Practitioner/nurse"}],
        });
        let draft = Draft {
            kind: crate::fhir::types::ResourceType::Observation,
            id: Id::parse("o1").unwrap(),
            patient: Id::parse("p1"),
            body: resource.to_string(),
        };
        let drafts = vec![draft.index(&resource, &jiff::tz::TimeZone::UTC).unwrap()];
        let mapped = Entry {
            drafts,
            generation: 3,
            hash: [7; 32],
            version: "2026".to_owned(),
            ..entry(None, "1")
        };
        let dropped = Entry {
            outcome: Outcome::Dropped("hidden".to_owned()),
            ..entry(Some("a"), "2")
        };
        let mut bytes = Vec::new();
        let refused = Entry {
            outcome: Outcome::Refused,
            ..entry(Some("b"), "3")
        };
        for entry in [&mapped, &dropped, &refused] {
            write(&mut bytes, entry);
        }
        let mut rest = &bytes[..];
        for entry in [mapped, dropped, refused] {
            assert_eq!(read(&mut rest), Some(entry));
        }
        assert!(rest.is_empty());
        assert_eq!(read(&mut &bytes[..bytes.len() / 3]), None);
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
