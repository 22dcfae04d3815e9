//! The people and services around a client: files whose rows have no key, put together into records.
//!
//! # Design
//! ASSUMPTIONS: a care provider is known by its AGB number, an insurer by its UZOVI number, wherever they stand; what makes an
//! insurance or a subscription another one than before is what is bought from whom since when, and not its end. Out of that a
//! key is made, so a row that comes in another order keeps its identity. Rows of clients who were not asked for are not kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::cell;
use super::columns::{ACCESS, CARE_PROVIDERS, INSURANCES, SUBSCRIPTIONS, Table};
use super::layers::Layers;
use super::manifest::broken;
use super::rows::{Fault, Row};
use crate::ecd::{Error, Kind};
use crate::secret::{hex, sha256};

/// One composed record: its key and client, and its body or what is wrong with it.
pub(super) struct Composed {
    pub key: String,
    pub client: Option<String>,
    pub body: Result<Map<String, Value>, Fault>,
}

/// Bodies, or the first fault among the rows that make one record.
type Members = Result<Vec<Map<String, Value>>, Fault>;

#[derive(Default)]
pub(super) struct Around {
    providers: BTreeMap<String, Composed>,
    insurers: BTreeMap<String, Composed>,
    insurances: BTreeMap<String, Composed>,
    subscriptions: BTreeMap<String, Composed>,
    providers_of: BTreeMap<String, Members>,
    access_of: BTreeMap<String, Members>,
}

impl Around {
    /// Reads the four files, for these clients alone.
    pub fn read(
        files: &BTreeMap<&'static str, Layers>,
        clients: &BTreeSet<String>,
        today: Date,
    ) -> Result<Self, Error> {
        let mut around = Self::default();
        for table in [&CARE_PROVIDERS, &ACCESS, &INSURANCES, &SUBSCRIPTIONS] {
            files[table.file].each(|row| {
                let problem = "a row does not say of which client it is";
                let broken = || broken(table.file, problem, "Have the supplier write a new drop");
                around.add(table, row, clients, today).ok_or_else(broken)
            })?;
        }
        Ok(around)
    }

    /// Takes in a row of one of the four tables, if it is of one of these clients. None if it does not say of which client it is.
    pub fn add(&mut self, table: &'static Table, row: &Row<'_>, clients: &BTreeSet<String>, today: Date) -> Option<()> {
        let client = cell::key(row.text("ClientSysId"))?;
        if !clients.contains(client) {
            return Some(());
        }
        if *table == CARE_PROVIDERS {
            self.provider(client, row);
        } else if *table == ACCESS {
            let body = row.body();
            let is_over = body.as_ref().is_ok_and(|body| is_over(body, today));
            if !is_over {
                join(&mut self.access_of, client, body);
            }
        } else if *table == INSURANCES {
            self.insurance(client, row);
        } else {
            let key = made(&[client, row.text("Omschrijving"), row.text("Van")]);
            let composed = composed(key.clone(), Some(client), row.body());
            self.subscriptions.insert(key, composed);
        }
        Some(())
    }

    fn provider(&mut self, client: &str, row: &Row<'_>) {
        let key = match cell::key(row.text("AGB")) {
            Some(agb) => agb.to_owned(),
            None => made(&[row.text("Soort"), row.text("Naam")]),
        };
        let without_client = row.body().map(|mut body| {
            body.shift_remove("ClientSysId");
            body
        });
        let joined = without_client.clone().map(|mut body| {
            body.insert("id".to_owned(), key.clone().into());
            body.retain(|name, _| matches!(name.as_str(), "id" | "Soort" | "Naam"));
            body
        });
        join(&mut self.providers_of, client, joined);
        self.providers.insert(key.clone(), composed(key, None, without_client));
    }

    fn insurance(&mut self, client: &str, row: &Row<'_>) {
        let parts = ["Soort", "UZOVI", "Polisnummer", "Pakket", "Van"].map(|column| row.text(column));
        let key = made(&[&[client][..], &parts[..]].concat());
        if let Some(number) = cell::key(row.text("UZOVI")) {
            let mut body = Map::new();
            if !row.text("Verzekeraar").is_empty() {
                body.insert("Verzekeraar".to_owned(), row.text("Verzekeraar").into());
            }
            self.insurers
                .insert(number.to_owned(), composed(number.to_owned(), None, Ok(body)));
        }
        self.insurances
            .insert(key.clone(), composed(key, Some(client), row.body()));
    }

    /// The care providers of a client, for the record of the client.
    pub fn providers_of(&self, client: &str) -> Result<Vec<Value>, Fault> {
        members(&self.providers_of, client, "/huisartsApotheek")
    }

    /// The records of a kind that is put together here, in order of key; `names` are those of the employees.
    pub fn records(
        &mut self,
        kind: Kind,
        clients: &BTreeSet<String>,
        names: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<Composed> {
        let all = match kind {
            Kind::CareProvider => std::mem::take(&mut self.providers),
            Kind::Insurer => std::mem::take(&mut self.insurers),
            Kind::Insurance => std::mem::take(&mut self.insurances),
            Kind::Subscription => std::mem::take(&mut self.subscriptions),
            Kind::CareTeam => {
                return clients.iter().map(|client| self.team(client, names)).collect();
            }
            _ => return Vec::new(),
        };
        all.into_values().collect()
    }

    fn team(&self, client: &str, names: &dyn Fn(&str) -> Option<String>) -> Composed {
        let whole = self.providers_of(client).and_then(|providers| {
            let mut access = members(&self.access_of, client, "/toegang")?;
            for one in &mut access {
                let key = one["MedewerkerSysId"].as_str().unwrap_or_default().to_owned();
                one["medewerker"] = match names(&key) {
                    Some(name) => json!({"id": key, "naam": name}),
                    None => json!({"id": key}),
                };
            }
            let fields = [
                ("ClientSysId", client.into()),
                ("huisartsApotheek", providers.into()),
                ("toegang", access.into()),
            ];
            Ok(fields
                .map(|(name, value): (_, Value)| (name.to_owned(), value))
                .into_iter()
                .collect())
        });
        composed(client.to_owned(), Some(client), whole)
    }
}

fn composed(key: String, client: Option<&str>, body: Result<Map<String, Value>, Fault>) -> Composed {
    let body = body.map(|mut body| {
        body.insert("id".to_owned(), key.clone().into());
        body
    });
    let client = client.map(str::to_owned);
    Composed { key, client, body }
}

/// A key out of what makes the row what it is.
fn made(parts: &[&str]) -> String {
    let text = parts
        .iter()
        .map(|part| format!("{}:{part};", part.len()))
        .collect::<String>();
    hex(&sha256(text.as_bytes())[..16])
}

fn join(members: &mut BTreeMap<String, Members>, client: &str, body: Result<Map<String, Value>, Fault>) {
    let known = members.entry(client.to_owned()).or_insert_with(|| Ok(Vec::new()));
    match (body, &mut *known) {
        (Ok(body), Ok(list)) => {
            // The same row twice says nothing new.
            if !list.contains(&body) {
                list.push(body);
            }
        }
        (Err(fault), Ok(_)) => *known = Err(fault),
        (_, Err(_)) => {}
    }
}

fn members(of: &BTreeMap<String, Members>, client: &str, at: &str) -> Result<Vec<Value>, Fault> {
    match of.get(client) {
        None => Ok(Vec::new()),
        Some(Ok(list)) => Ok(list.iter().cloned().map(Value::from).collect()),
        Some(Err(fault)) => Err(Fault {
            pointer: format!("{at}{}", fault.pointer),
            reason: fault.reason,
        }),
    }
}

/// ASSUMPTION: the day of `Tot` counts whole.
fn is_over(body: &Map<String, Value>, today: Date) -> bool {
    let end = body.get("Tot").and_then(Value::as_str);
    end.and_then(|end| end.parse::<Date>().ok())
        .is_some_and(|end| end < today)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_of_parts_and_not_of_their_text_alone() {
        assert_ne!(made(&["ab", "c"]), made(&["a", "bc"]));
        assert_eq!(made(&["ab", "c"]).len(), 32);
    }

    #[test]
    fn one_bad_row_makes_the_record_bad_and_a_row_twice_is_one() {
        let mut all = BTreeMap::new();
        let row = Map::from_iter([("Rol".to_owned(), Value::from("EVV"))]);
        join(&mut all, "7", Ok(row.clone()));
        join(&mut all, "7", Ok(row.clone()));
        assert_eq!(members(&all, "7", "/toegang").unwrap(), [json!({"Rol": "EVV"})]);
        let fault = Fault {
            pointer: "/Van".to_owned(),
            reason: "expected yyyy-MM-dd",
        };
        join(&mut all, "7", Err(fault));
        join(&mut all, "7", Ok(row));
        assert_eq!(members(&all, "7", "/toegang").unwrap_err().pointer, "/toegang/Van");
        assert_eq!(members(&all, "8", "/toegang"), Ok(Vec::new()));
    }
}
