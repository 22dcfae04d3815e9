//! The dossiers behind a mock: records by kind, found by key, client or time of change.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::generate::{self, Cast, Shape};

/// The kinds of record that Ons keeps apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    Employees,
    Clients,
    Relations,
    Addresses,
    CarePlans,
    Agenda,
    Reports,
    /// What was released to clients, and what was taken back.
    Releases,
    /// Forms that were filled in.
    Forms,
    /// Each with the `clientIds` of whom it cares for, which the product keeps elsewhere.
    CareProviders,
    EmployeeRelations,
    Insurances,
    /// That the client agreed with a plan, by the key of the plan.
    Agreements,
    /// The ratings of the Omaha System, by the key of the form that they belong to.
    Classifications,
    /// Of the other product alone.
    Subscriptions,
    /// Likewise.
    Wishes,
}

impl Shelf {
    const COUNT: usize = 16;

    /// The field that names the client, where a record has one.
    fn client_field(self) -> Option<&'static str> {
        match self {
            Self::Employees | Self::Addresses | Self::Agenda | Self::CareProviders => None,
            Self::Clients => Some("id"),
            Self::Relations | Self::Forms | Self::Insurances => Some("clientObjectId"),
            Self::CarePlans
            | Self::Reports
            | Self::Releases
            | Self::EmployeeRelations
            | Self::Agreements
            | Self::Classifications
            | Self::Subscriptions
            | Self::Wishes => Some("clientId"),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    key: String,
    /// Several for an appointment of a group.
    clients: Vec<u64>,
    changed: Timestamp,
    json: Bytes,
}

/// Records of one kind. A removed record leaves a gap, so that places stay valid.
#[derive(Debug, Default)]
struct Records {
    entries: Vec<Option<Entry>>,
    places: HashMap<String, usize>,
    by_client: HashMap<u64, Vec<usize>>,
    /// Key and time of what was removed.
    removed: Vec<(String, Timestamp)>,
}

impl Records {
    fn get(&self, key: &str) -> Option<&Entry> {
        self.entries[*self.places.get(key)?].as_ref()
    }

    fn put(&mut self, entry: Entry) {
        self.removed.retain(|(key, _)| *key != entry.key);
        if let Some(place) = self.places.get(&entry.key) {
            let before = self.entries[*place].take();
            for client in before.into_iter().flat_map(|before| before.clients) {
                self.by_client.entry(client).or_default().retain(|other| other != place);
            }
            for client in &entry.clients {
                self.by_client.entry(*client).or_default().push(*place);
            }
            self.entries[*place] = Some(entry);
        } else {
            let place = self.entries.len();
            self.places.insert(entry.key.clone(), place);
            for client in &entry.clients {
                self.by_client.entry(*client).or_default().push(place);
            }
            self.entries.push(Some(entry));
        }
    }
}

/// Made-up dossiers that can be read and changed while a mock serves them.
#[derive(Debug)]
pub struct Population {
    shelves: RwLock<[Records; Shelf::COUNT]>,
    cast: Cast,
}

impl Population {
    /// Dossiers of at least ten clients; the same for the same arguments.
    pub fn generate(clients: usize, seed: u64, today: Date) -> Self {
        Self::of_shape(&Shape::new(clients, seed, today))
    }

    /// Dossiers of a chosen shape.
    pub fn of_shape(shape: &Shape) -> Self {
        let population = Self {
            shelves: RwLock::default(),
            cast: Cast::default(),
        };
        generate::fill(shape, &population);
        population
    }

    /// The clients and contacts with a fixed part, for accounts and tests.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Changes records; every changed record gets `now` as its `updatedAt`.
    pub fn write<T>(&self, now: Timestamp, edit: impl FnOnce(&mut Edit<'_>) -> T) -> T {
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        edit(&mut Edit {
            shelves: &mut shelves,
            now,
        })
    }

    /// Adds a sentence to each `every`-th report, as if it were written now; how many that are.
    pub fn revise(&self, now: Timestamp, every: usize) -> usize {
        let keys: Vec<String> = self.read(Shelf::Reports, |records| {
            let reports = records.entries.iter().flatten().step_by(every.max(1));
            reports.map(|entry| entry.key.clone()).collect()
        });
        self.write(now, |edit| {
            let revised = keys.iter().filter(|key| {
                edit.change(Shelf::Reports, key, |report| {
                    let text = report["comment"].as_str().unwrap_or_default();
                    report["comment"] = format!("{text} Later aangevuld.").trim_start().into();
                })
            });
            revised.count()
        })
    }

    fn read<T>(&self, shelf: Shelf, read: impl FnOnce(&Records) -> T) -> T {
        read(&self.shelves.read().unwrap_or_else(PoisonError::into_inner)[shelf as usize])
    }

    /// Adds a generated record as it is, with the time of change that it says.
    pub(super) fn add(&self, shelf: Shelf, record: &Value, changed: Timestamp) {
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        shelves[shelf as usize].put(entry(shelf, record, changed));
    }

    /// One record.
    pub fn get(&self, shelf: Shelf, key: &str) -> Option<Value> {
        self.read(shelf, |records| {
            records
                .get(key)
                .map(|entry| serde_json::from_slice(&entry.json).expect("what was written is JSON"))
        })
    }

    pub(super) fn text(&self, shelf: Shelf, key: &str) -> Option<Bytes> {
        self.read(shelf, |records| records.get(key).map(|entry| entry.json.clone()))
    }

    /// Number of records.
    pub fn count(&self, shelf: Shelf) -> usize {
        self.read(shelf, |records| records.entries.iter().flatten().count())
    }

    /// Every record of the kind that changed at or after `since`, as JSON texts.
    pub fn texts(&self, shelf: Shelf, since: Option<Timestamp>) -> Vec<Bytes> {
        self.read(shelf, |records| {
            let entries = records.entries.iter().flatten();
            let changed = entries.filter(|entry| since.is_none_or(|since| entry.changed >= since));
            changed.map(|entry| entry.json.clone()).collect()
        })
    }

    /// One client's records of the kind, as JSON texts.
    pub fn texts_of(&self, shelf: Shelf, client: u64) -> Vec<Bytes> {
        self.read(shelf, |records| {
            let places = records.by_client.get(&client).map_or(&[][..], Vec::as_slice);
            let mut places = places.to_vec();
            places.sort_unstable();
            places
                .into_iter()
                .filter_map(|place| Some(records.entries[place].as_ref()?.json.clone()))
                .collect()
        })
    }

    /// Every record of the kind.
    pub fn all(&self, shelf: Shelf) -> Vec<Value> {
        values(self.texts(shelf, None))
    }

    /// Every record of the kind that changed at or after `since`.
    pub fn changed(&self, shelf: Shelf, since: Option<Timestamp>) -> Vec<Value> {
        values(self.texts(shelf, since))
    }

    /// One client's records of the kind.
    pub fn of(&self, shelf: Shelf, client: u64) -> Vec<Value> {
        values(self.texts_of(shelf, client))
    }

    /// Keys of what was removed at or after `since`.
    pub fn removed(&self, shelf: Shelf, since: Timestamp) -> Vec<String> {
        self.read(shelf, |records| {
            let removed = records.removed.iter().filter(|(_, at)| *at >= since);
            removed.map(|(key, _)| key.clone()).collect()
        })
    }
}

fn values(texts: Vec<Bytes>) -> Vec<Value> {
    let parsed = texts
        .iter()
        .map(|text| serde_json::from_slice(text).expect("what was written is JSON"));
    parsed.collect()
}

fn entry(shelf: Shelf, record: &Value, changed: Timestamp) -> Entry {
    let key = match &record["id"] {
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let clients = match shelf.client_field() {
        Some(field) => record[field].as_u64().into_iter().collect(),
        None if shelf == Shelf::CareProviders => {
            let cared_for = record["clientIds"].as_array().into_iter().flatten();
            cared_for.filter_map(Value::as_u64).collect()
        }
        None => {
            let invited = record["agendaClientInvitations"].as_array().into_iter().flatten();
            invited
                .filter_map(|invitation| invitation["clientId"].as_u64())
                .collect()
        }
    };
    Entry {
        key,
        clients,
        changed,
        json: serde_json::to_vec(record).expect("a JSON value can be written").into(),
    }
}

/// A change of records, from [`Population::write`].
pub struct Edit<'a> {
    shelves: &'a mut [Records; Shelf::COUNT],
    now: Timestamp,
}

impl Edit<'_> {
    /// Adds a record, or puts it in place of the one with its `id`.
    pub fn put(&mut self, shelf: Shelf, mut record: Value) {
        // Appointments and care providers carry no time of change in the contract.
        if !matches!(shelf, Shelf::Agenda | Shelf::CareProviders) {
            record["updatedAt"] = generate::instant(self.now).into();
        }
        self.shelves[shelf as usize].put(entry(shelf, &record, self.now));
    }

    /// Changes a record; false if there is none with this key.
    pub fn change(&mut self, shelf: Shelf, key: &str, change: impl FnOnce(&mut Value)) -> bool {
        let Some(found) = self.shelves[shelf as usize].get(key) else {
            return false;
        };
        let mut record = serde_json::from_slice(&found.json).expect("what was written is JSON");
        change(&mut record);
        self.put(shelf, record);
        true
    }

    /// Removes a record; false if there is none with this key.
    pub fn remove(&mut self, shelf: Shelf, key: &str) -> bool {
        let records = &mut self.shelves[shelf as usize];
        let Some(gone) = records.places.get(key).and_then(|place| records.entries[*place].take()) else {
            return false;
        };
        let place = records.places.remove(key);
        for client in gone.clients {
            records
                .by_client
                .entry(client)
                .or_default()
                .retain(|other| Some(*other) != place);
        }
        records.removed.push((gone.key, self.now));
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_moves_the_time_and_a_removal_leaves_a_trace() {
        let population = Population::generate(10, 1, jiff::civil::date(2026, 11, 22));
        let client = population.cast().everything;
        let before = population.of(Shelf::Reports, client);
        let key = before[0]["id"].to_string();
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        assert!(population.write(now, |p| p.change(Shelf::Reports, &key, |r| r["hidden"] = json!(true))));
        let changed = population.texts(Shelf::Reports, Some(now));
        assert_eq!(changed.len(), 1);
        assert_eq!(
            population.get(Shelf::Reports, &key).unwrap()["updatedAt"],
            "2026-11-23T11:00:00.000+01:00"
        );
        assert!(population.write(now, |p| p.remove(Shelf::Reports, &key)));
        assert!(!population.write(now, |p| p.remove(Shelf::Reports, &key)));
        assert_eq!(population.removed(Shelf::Reports, now), std::slice::from_ref(&key));
        assert_eq!(population.of(Shelf::Reports, client).len(), before.len() - 1);
        assert_eq!(population.get(Shelf::Reports, &key), None);
    }

    #[test]
    fn a_share_of_the_reports_is_revised_and_no_other() {
        let population = Population::generate(10, 1, jiff::civil::date(2026, 11, 22));
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let revised = population.revise(now, 100);
        assert_eq!(revised, population.count(Shelf::Reports).div_ceil(100));
        let changed = population.changed(Shelf::Reports, Some(now));
        assert_eq!(changed.len(), revised);
        let texts = changed.iter().map(|report| report["comment"].as_str().unwrap());
        assert!(texts.into_iter().all(|text| text.ends_with("Later aangevuld.")));
    }

    #[test]
    fn a_record_can_move_to_another_client() {
        let population = Population::generate(10, 1, jiff::civil::date(2026, 11, 22));
        let (from, to) = (population.cast().everything, population.cast().hospital);
        let key = population.of(Shelf::Reports, from)[0]["id"].to_string();
        let count = population.of(Shelf::Reports, to).len();
        let now = "2026-11-23T10:00:00Z".parse().unwrap();
        population.write(now, |p| p.change(Shelf::Reports, &key, |r| r["clientId"] = to.into()));
        assert_eq!(population.of(Shelf::Reports, to).len(), count + 1);
        assert!(
            population
                .of(Shelf::Reports, from)
                .iter()
                .all(|r| r["id"] != key.parse::<u64>().unwrap())
        );
    }
}
