//! The rows of the people and services around a client.

use serde_json::Value;

use super::records::{Row, number, text};
use super::text::{day, end, flag, moment};
use crate::ecd::mock::{Population, Shelf};

/// A row for each record of each client.
pub(super) fn each(population: &Population, shelf: Shelf, row: fn(u64, &Value) -> Row) -> Vec<Row> {
    let clients = population.all(Shelf::Clients);
    let clients = clients.iter().filter_map(|client| client["id"].as_u64());
    let of = |client| population.of(shelf, client).into_iter().map(move |it| row(client, &it));
    clients.flat_map(of).collect()
}

pub(super) fn provider(client: u64, it: &Value) -> Row {
    let kind = match it["categoryObjectId"].as_u64() {
        Some(1) => "Huisarts",
        Some(2) => "Apotheek",
        _ => "Tandarts",
    };
    vec![
        client.to_string(),
        kind.to_owned(),
        text(&it["identificationNumber"]),
        text(&it["companyName"]),
        format!("071-55500{:02}", it["id"].as_u64().unwrap_or_default()),
    ]
}

pub(super) fn access(client: u64, it: &Value) -> Row {
    vec![
        client.to_string(),
        number(&it["employeeId"]),
        text(&it["relationName"]),
        day(&it["validFrom"]),
        end(&it["validTo"]),
    ]
}

pub(super) fn insurance(client: u64, it: &Value) -> Row {
    vec![
        client.to_string(),
        text(&it["insurer"]["uzoviCode"]),
        text(&it["insurer"]["organizationName"]),
        text(&it["insuranceType"]),
        text(&it["registrationNumber"]),
        text(&it["packageName"]),
        day(&it["beginDate"]),
        end(&it["endDate"]),
    ]
}

pub(super) fn wish(client: u64, it: &Value) -> Row {
    let flag_of = |name: &str| flag(it[name] == true);
    vec![
        number(&it["id"]),
        client.to_string(),
        text(&it["treatment"]),
        text(&it["decision"]),
        text(&it["remark"]),
        day(&it["day"]),
        end(&it["endDate"]),
        match it["status"].as_str() {
            Some("ACTIVE") => "A",
            Some("OLD") => "V",
            _ => "C",
        }
        .to_owned(),
        flag_of("confidential"),
        flag_of("hidden"),
        moment(&it["updatedAt"]),
    ]
}

pub(super) fn subscription(client: u64, it: &Value) -> Row {
    vec![
        client.to_string(),
        text(&it["name"]),
        text(&it["price"]),
        day(&it["beginDate"]),
        end(&it["endDate"]),
    ]
}
