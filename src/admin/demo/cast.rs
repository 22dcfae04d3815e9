//! Who is in the demo: an account for each part that a portal knows.

use crate::ecd::mock::{Population, Shelf};

use super::super::account::RightLine;

/// One demo account.
pub(super) struct Part {
    pub username: &'static str,
    pub role: &'static str,
    pub mobile: String,
    /// The name of the person.
    pub name: String,
    pub first_login: bool,
    pub rights: Vec<RightLine>,
}

/// The accounts of the organisation with this number.
pub(super) fn parts(tenant: usize, population: &Population) -> Vec<Part> {
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
    // A number of its own for each account, as in life.
    let mobile = |person: usize| format!("06-100{tenant:02}{person:03}");
    let own = |key: u64| vec![line(key, "client", None, None)];
    let [first, second] = cast.pair;
    let [of_first, of_second] = cast.representative;
    vec![
        Part {
            username: "client",
            role: "client",
            mobile: mobile(1),
            name: client(cast.everything),
            first_login: false,
            rights: own(cast.everything),
        },
        Part {
            username: "contact",
            role: "contact",
            mobile: mobile(2),
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
            mobile: mobile(3),
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
            mobile: mobile(4),
            name: client(cast.newcomer),
            first_login: true,
            rights: own(cast.newcomer),
        },
        Part {
            username: "departed",
            role: "client who left 61 days ago",
            mobile: mobile(5),
            name: client(cast.departed),
            first_login: false,
            rights: own(cast.departed),
        },
        Part {
            username: "neighbour",
            role: "client",
            mobile: mobile(6),
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
