//! The people around a client: care providers outside the organisation, employees inside.
//!
//! # Design
//! The product has a list of each for one client and no stream, so they are asked for at every pull. Three kinds of record
//! come out: each care provider once, for all clients; the care team of each client; and, joined to the client, who is the
//! general practitioner. A client whose care providers could not be read is not delivered: as a client without them, they
//! would be gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::StreamExt as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::join::Names;
use super::pull::{Ending, Run};
use super::repair;
use crate::config::OnsList;
use crate::ecd::task::Stop;
use crate::ecd::{Error, Event, Kind};

const CARE_PROVIDERS: (&str, &str) = ("/v0/administration/clients/{id}/careproviders", "careProviders");
const EMPLOYEES: (&str, &str) = (
    "/v0/administration/clients/{id}/client_employee_relations",
    "clientEmployeeRelations",
);

/// Clients whose lists are read ahead of the reader; the permits bound what is really open.
const CLIENTS_AHEAD: usize = 4;

/// The care providers of each client whose list arrived whole.
#[derive(Debug, Default)]
pub(super) struct Circles {
    of: HashMap<String, Vec<Value>>,
    bytes: usize,
}

impl Circles {
    fn keep(&mut self, client: String, providers: Vec<Value>, limit: usize) -> Result<(), Error> {
        self.bytes += providers.iter().map(|one| one.to_string().len()).sum::<usize>();
        if self.bytes > limit {
            let path = CARE_PROVIDERS.0;
            return Err(Error::TooLarge { path, limit });
        }
        self.of.insert(client, providers);
        Ok(())
    }

    /// Puts `careProviders: [...]` into the client; false where they are not known.
    pub(super) fn join(&self, client: &str, body: &mut Value) -> bool {
        let Some(providers) = self.of.get(client) else {
            return false;
        };
        // What is no object is refused by its contract.
        if let Value::Object(object) = body {
            object.insert("careProviders".to_owned(), providers.iter().map(provider).collect());
        }
        true
    }
}

/// What a client's own records show of a care provider.
fn provider(whole: &Value) -> Value {
    let mut told = json!({"id": whole["id"]});
    for field in ["companyName", "name", "categoryObjectId", "isDispensing"] {
        if let Some(value) = whole.get(field).filter(|value| !value.is_null()) {
            told[field] = value.clone();
        }
    }
    told
}

impl Run {
    /// Delivers care providers and care teams of these clients.
    pub(super) async fn circles(&self, clients: BTreeSet<String>, names: &Names) -> Result<Circles, Stop> {
        let mut ahead = futures::stream::iter(clients)
            .map(|client: String| async move {
                let providers = self.list_with(OnsList::CareProviders, CARE_PROVIDERS, &client).await;
                let employees = self.list_with(OnsList::EmployeeRelations, EMPLOYEES, &client).await;
                (client, providers, employees)
            })
            .buffered(CLIENTS_AHEAD);
        let mut circles = Circles::default();
        let mut every: BTreeMap<u64, Value> = BTreeMap::new();
        let mut ending = Ending::Whole;
        while let Some((client, providers, employees)) = ahead.next().await {
            let kept = match providers {
                Ok(providers) => self.keep(&client, providers, &mut circles, &mut every),
                Err(error) => Err(Stop::Failed(error)),
            };
            if kept.is_err() {
                ending = Ending::Holed;
            }
            let (kind, of) = (Kind::CareProvider, Some(client.clone()));
            self.go_on(kind, of.clone(), kept).await?;
            let team = match employees {
                Ok(employees) => self.team(&client, employees, names, &circles).await,
                Err(error) => Err(Stop::Failed(error)),
            };
            self.go_on(Kind::CareTeam, of, team).await?;
        }
        for body in every.into_values() {
            self.deliver(Kind::CareProvider, None, String::new(), body, &mut ending)
                .await?;
        }
        self.close(Kind::CareProvider, ending).await?;
        Ok(circles)
    }

    /// A list that may have been left out: then it is empty.
    async fn list_with(
        &self,
        which: OnsList,
        list: (&'static str, &'static str),
        client: &str,
    ) -> Result<Vec<Value>, Error> {
        match self.without.contains(&which) {
            true => Ok(Vec::new()),
            false => self.list(list, client).await,
        }
    }

    fn keep(
        &self,
        client: &str,
        mut providers: Vec<Value>,
        circles: &mut Circles,
        every: &mut BTreeMap<u64, Value>,
    ) -> Result<(), Stop> {
        for provider in &mut providers {
            repair::record(Kind::CareProvider, provider);
            let Some(id) = provider.get("id").and_then(Value::as_u64) else {
                return Err(Stop::Failed(Error::Shape {
                    path: CARE_PROVIDERS.0,
                    problem: "a care provider without a key",
                }));
            };
            every.insert(id, provider.clone());
        }
        providers.sort_by_key(|provider| provider.get("id").and_then(Value::as_u64));
        circles
            .keep(client.to_owned(), providers, self.transport.limits.join_bytes)
            .map_err(Stop::Failed)
    }

    /// One record for the whole team. It has no version: a relation that ends takes its time of change with it.
    async fn team(&self, client: &str, employees: Vec<Value>, names: &Names, circles: &Circles) -> Result<(), Stop> {
        let number: u64 = client.parse().map_err(|_| {
            Stop::Failed(Error::Shape {
                path: EMPLOYEES.0,
                problem: "the key of the client is out of range",
            })
        })?;
        let mut body = json!({"id": number, "clientId": number});
        if !circles.join(client, &mut body) {
            // Told already; the team stays as it is.
            return Ok(());
        }
        let mut present = Vec::new();
        for mut relation in employees {
            repair::record(Kind::CareTeam, &mut relation);
            if relation.get("clientId").and_then(Value::as_u64) != Some(number) {
                return Err(Stop::Failed(Error::Shape {
                    path: EMPLOYEES.0,
                    problem: "a relation of another client than the one asked for",
                }));
            }
            names.join(&mut relation);
            if !is_over(&relation, self.pull.today) {
                present.push(relation);
            }
        }
        present.sort_by_key(|relation| relation.get("id").and_then(Value::as_u64));
        body["employeeRelations"] = present.into();
        let mut ending = Ending::Whole;
        let kind = Kind::CareTeam;
        self.deliver(kind, Some(client.to_owned()), String::new(), body, &mut ending)
            .await?;
        let client = client.to_owned();
        self.send(Event::Complete { kind, client }).await
    }
}

/// Whether a relation ended before today. ASSUMPTION: the day of `validTo` counts whole.
fn is_over(relation: &Value, today: Date) -> bool {
    let end = relation.get("validTo").and_then(Value::as_str);
    end.and_then(|text| text.get(..10)?.parse::<Date>().ok())
        .is_some_and(|end| end < today)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_relation_is_over_on_the_day_after_its_end() {
        let relation = json!({"validTo": "2026-11-21T00:00:00.000+01:00"});
        assert!(!is_over(&relation, date(2026, 11, 21)));
        assert!(is_over(&relation, date(2026, 11, 22)));
        assert!(!is_over(&json!({"validTo": null}), date(2026, 11, 22)));
    }

    #[test]
    fn a_client_is_joined_only_to_providers_that_are_known() {
        let mut circles = Circles::default();
        let provider = json!({"id": 3, "companyName": "Apotheek", "comments": "x", "name": null});
        circles.keep("7".to_owned(), vec![provider], 1_000).unwrap();
        let mut client = json!({"id": 7});
        assert!(circles.join("7", &mut client));
        assert_eq!(client["careProviders"], json!([{"id": 3, "companyName": "Apotheek"}]));
        assert!(!circles.join("8", &mut json!({})));
        let refused = circles.keep("8".to_owned(), vec![json!({"name": "x".repeat(2_000)})], 1_000);
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }
}
