//! Who is in the demo: an account for each part that a portal knows.

use crate::ecd::mock::{Population, Shelf};

use super::super::account::RightLine;

/// One demo account.
pub(super) struct Part {
    pub username: &'static str,
    pub role: &'static str,
    pub mobile: &'static str,
    /// The name of the person.
    pub name: String,
    pub first_login: bool,
    pub rights: Vec<RightLine>,
}

/// The accounts of one organisation.
pub(super) fn parts(population: &Population) -> Vec<Part> {
    let cast = population.cast();
    let client = |key: u64| {
        population
            .get(Shelf::Clients, &key.to_string())
            .map(|client| full_name(&client))
            .unwrap_or_default()
    };
    let contact = |key: u64| {
        let relation = population.get(Shelf::Relations, &key.to_string()).unwrap_or_default();
        relation["name"].as_str().unwrap_or("Contactpersoon").to_owned()
    };
    let own = |key: u64| vec![line(key, "client", None, None)];
    let [first, second] = cast.pair;
    let [of_first, of_second] = cast.representative;
    vec![
        Part {
            username: "client",
            role: "client",
            mobile: "06-10000001",
            name: client(cast.everything),
            first_login: false,
            rights: own(cast.everything),
        },
        Part {
            username: "contact",
            role: "contact",
            mobile: "06-10000002",
            name: contact(cast.distant_contact),
            first_login: false,
            rights: vec![line(
                cast.everything,
                "contact",
                Some(cast.distant_contact),
                Some(&["afspraken"]),
            )],
        },
        Part {
            username: "representative",
            role: "representative",
            mobile: "06-10000003",
            name: contact(of_first),
            first_login: false,
            rights: vec![
                line(first, "representative", Some(of_first), None),
                line(second, "representative", Some(of_second), None),
            ],
        },
        Part {
            username: "newcomer",
            role: "client, first login",
            mobile: "06-10000004",
            name: client(cast.newcomer),
            first_login: true,
            rights: own(cast.newcomer),
        },
        Part {
            username: "departed",
            role: "client who left 61 days ago",
            mobile: "06-10000005",
            name: client(cast.departed),
            first_login: false,
            rights: own(cast.departed),
        },
        Part {
            username: "neighbour",
            role: "client",
            mobile: "06-10000006",
            name: client(cast.hospital),
            first_login: false,
            rights: own(cast.hospital),
        },
    ]
}

fn line(client: u64, role: &str, contact: Option<u64>, parts: Option<&[&str]>) -> RightLine {
    RightLine {
        client: client.to_string(),
        role: role.to_owned(),
        contact: contact.map(|key| key.to_string()),
        parts: parts.map(|parts| parts.iter().map(|part| (*part).to_owned()).collect()),
    }
}

/// What a client is called, as a person would say it.
pub(super) fn full_name(client: &serde_json::Value) -> String {
    let of = |name: &str| client[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let first = of("givenName").or(of("firstName")).unwrap_or_default();
    let parts = [Some(first), of("birthNamePrefix"), of("birthName").or(of("lastName"))];
    parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
