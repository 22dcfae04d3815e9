//! Adds to a record what a mapping cannot look up: names of employees, addresses of contacts, the client of an agenda.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::ecd::Error;

/// The names of the employees of one ECD.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<u64, Box<str>>);

/// More employees than any care organisation has: something is wrong with the source.
const MOST_NAMES: usize = 300_000;

impl Names {
    pub(super) fn keep(&mut self, path: &'static str, employee: &Value) -> Result<(), Error> {
        if self.0.len() >= MOST_NAMES {
            return Err(Error::Shape {
                path,
                problem: "more employees than can be true",
            });
        }
        if let (Some(id), Some(name)) = (employee.get("id").and_then(Value::as_u64), full_name(employee)) {
            self.0.insert(id, name.into());
        }
        Ok(())
    }

    pub(super) fn has(&self, employee: u64) -> bool {
        self.0.contains_key(&employee)
    }

    /// Puts `employee: {id, name}` beside the `employeeId` of `record`.
    pub(super) fn join(&self, record: &mut Value) {
        let Some(id) = record.get("employeeId").and_then(Value::as_u64) else {
            return;
        };
        let mut employee = json!({"id": id});
        if let Some(name) = self.0.get(&id) {
            employee["name"] = Value::from(&**name);
        }
        record["employee"] = employee;
    }

    /// The names of who is invited, and of the clients only the one whose agenda this is: other residents of a group
    /// are none of the reader's business.
    pub(super) fn join_agenda(&self, occurrence: &mut Value, client: u64) {
        if let Some(Value::Array(invited)) = occurrence.get_mut("agendaInvitations") {
            invited.iter_mut().for_each(|invitation| self.join(invitation));
        }
        if let Some(Value::Array(invited)) = occurrence.get_mut("agendaClientInvitations") {
            invited.retain(|invitation| invitation.get("clientId").and_then(Value::as_u64) == Some(client));
        }
        if let Value::Object(object) = occurrence {
            object.insert("clientId".to_owned(), client.into());
        }
    }
}

fn full_name(employee: &Value) -> Option<String> {
    let field = |name: &str| {
        employee
            .get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    if let Some(name) = field("name") {
        return Some(name.to_owned());
    }
    let last = field("lastName").or_else(|| field("birthName"))?;
    let parts = [
        field("initials").or_else(|| field("firstName")),
        field("prefix"),
        Some(last),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// The addresses of contact relations, kept as they came: parsed when their relation comes by.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    of: HashMap<u64, Vec<Bytes>>,
    bytes: usize,
}

impl Addresses {
    /// Keeps a line of the relation `relation`.
    pub(super) fn keep(&mut self, path: &'static str, relation: u64, line: &[u8], limit: usize) -> Result<(), Error> {
        self.bytes += line.len();
        if self.bytes > limit {
            return Err(Error::TooLarge { path, limit });
        }
        if std::str::from_utf8(line).is_err() {
            return Err(Error::Shape {
                path,
                problem: "an address that is not UTF-8",
            });
        }
        // A copy: the line itself would hold on to the whole chunk that it arrived in.
        self.of.entry(relation).or_default().push(Bytes::copy_from_slice(line));
        Ok(())
    }

    /// Puts `addresses: [...]` into the relation, in order of id.
    pub(super) fn join(&self, relation: &mut Value) {
        let id = relation.get("id").and_then(Value::as_u64);
        let lines = id.and_then(|id| self.of.get(&id)).map_or(&[][..], Vec::as_slice);
        let mut addresses: Vec<Value> = lines
            .iter()
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        addresses.sort_by_key(|address| address.get("id").and_then(Value::as_u64));
        if let Value::Object(object) = relation {
            object.insert("addresses".to_owned(), Value::Array(addresses));
        }
    }
}

/// Which relations a pull delivers.
#[derive(Debug)]
pub(super) enum Wanted {
    Every,
    Changed(HashSet<u64>),
}

impl Wanted {
    pub(super) fn has(&self, relation: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Changed(ids) => ids.contains(&relation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_employee_is_named_and_an_unknown_one_only_numbered() {
        let mut names = Names::default();
        names
            .keep(
                "/x",
                &json!({"id": 5, "initials": "S.", "prefix": "van der", "lastName": "Meer"}),
            )
            .unwrap();
        let mut report = json!({"employeeId": 5});
        names.join(&mut report);
        assert_eq!(report["employee"], json!({"id": 5, "name": "S. van der Meer"}));
        let mut report = json!({"employeeId": 6});
        names.join(&mut report);
        assert_eq!(report["employee"], json!({"id": 6}));
        let mut family = json!({"carenName": "Marloes"});
        names.join(&mut family);
        assert!(family.get("employee").is_none());
    }

    #[test]
    fn an_agenda_shows_no_other_clients() {
        let mut song = json!({"id": "9@2026-11-25", "agendaClientInvitations": [{"clientId": 1}, {"clientId": 2}]});
        Names::default().join_agenda(&mut song, 2);
        assert_eq!(song["agendaClientInvitations"], json!([{"clientId": 2}]));
        assert_eq!(song["clientId"], 2);
    }

    #[test]
    fn addresses_are_bounded_and_sorted() {
        let mut addresses = Addresses::default();
        addresses.keep("/x", 1, br#"{"id": 12}"#, 100).unwrap();
        addresses.keep("/x", 1, br#"{"id": 11}"#, 100).unwrap();
        let mut relation = json!({"id": 1});
        addresses.join(&mut relation);
        assert_eq!(relation["addresses"], json!([{"id": 11}, {"id": 12}]));
        let refused = addresses.keep("/x", 2, &[b' '; 90], 100);
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }
}
