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

/// What the gateway calls a client on its pages and in the official name of its `Patient`: the names of the passport, and the
/// last name as the client prefers it.
pub(super) fn full_name(client: &serde_json::Value) -> String {
    let of = |name: &str| client[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let parts = [of("firstName").or(of("givenName")), of("lastName").or(of("birthName"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mapping::{Context, Files, Outcome, Plan, ReportTypes};
    use crate::profile::Registry;
    use crate::secret::MacKey;

    #[test]
    fn a_client_is_named_as_the_gateway_names_it() {
        let population = Population::generate(40, 7, jiff::civil::date(2026, 11, 22));
        let plan = Plan::load(&Files::builtin(), &Registry::builtin()).unwrap();
        let (key, zone) = (MacKey::new(b"test"), jiff::tz::TimeZone::UTC);
        let context = Context {
            key: &key,
            zone: &zone,
            report_types: ReportTypes::Every,
        };
        let mut names = Vec::new();
        for mut client in population.all(Shelf::Clients) {
            let name = full_name(&client);
            client["careProviders"] = json!([]);
            let Outcome::Mapped(resources) = plan.run("ons/client", &client, &context) else {
                panic!("{client}");
            };
            let patient = resources.iter().find(|one| one.resource["resourceType"] == "Patient");
            let official = &patient.unwrap().resource["name"][0];
            assert_eq!(
                (&official["use"], &official["text"]),
                (&json!("official"), &json!(name))
            );
            names.push(name);
        }
        assert!(names.contains(&"Emine Yılmaz".to_owned()), "{names:?}");
        assert!(names.contains(&"Wilhelmina Jacoba Dijkstra-van der Laan".to_owned()));
    }
}
