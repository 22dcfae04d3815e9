//! The product's list of what was released to the client and what was taken back: `shared_resources`.
//!
//! # Design
//! A row says that one resource was shared with a group, and when that ended. Of the rows about one resource the newest
//! decides. Its state is joined to the record as `vrijgave`, and the map drops what was taken back; so what a person of the
//! organisation decided by hand stands above every other rule. ASSUMPTION: the group of the client is called `client`, a
//! report is `Dossier.Report`, and what was shared with another group says nothing about the client. A row that cannot be
//! read counts as taken back.
//!
//! The stream of reports does not tell of a release, so a report whose row changed is read again. Where the list itself
//! could not be read, the reports, plans and forms of that client wait for the next pull.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use super::pull::Run;
use super::transport::{Missing, Target};
use crate::ecd::{Error, Reach};

pub(super) const LIST: (&str, &str) = ("/v0/client/shared_resources", "sharedResources");

/// Rows of one client that can be true.
const MOST: usize = 100_000;

/// What a row can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum About {
    Report,
    CarePlan,
    SurveyResult,
}

impl About {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Dossier.Report" => Self::Report,
            "Dossier.CarePlan" => Self::CarePlan,
            "Survey.SurveyResult" => Self::SurveyResult,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    Released,
    Withdrawn,
}

impl Release {
    fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state that a row gives and since when; `None` when it says nothing about the client.
    fn of(row: &Value) -> Option<(Self, Timestamp)> {
        let moment = |name: &str| match row.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(|text| text.parse::<Timestamp>().ok())
                .map(Some)
                .ok_or(()),
        };
        let group = row
            .get("recipientGroup")
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|group| !group.is_empty());
        if group.is_some_and(|group| !group.eq_ignore_ascii_case("client")) {
            return None;
        }
        Some(match (moment("sharedAt"), moment("unsharedAt")) {
            (Ok(Some(shared)), Ok(None)) if group.is_some() => (Self::Released, shared),
            // Without a group nobody was given it, and so nothing was taken back.
            (Ok(Some(_)), Ok(None)) => return None,
            (Ok(shared), Ok(Some(unshared))) => {
                (Self::Withdrawn, shared.map_or(unshared, |shared| shared.max(unshared)))
            }
            _ => (Self::Withdrawn, Timestamp::MAX),
        })
    }
}

/// The releases of one pull.
#[derive(Debug, Default)]
pub(super) struct Releases {
    /// By client, so that a list of one client says nothing about another's record.
    of: HashMap<(String, About, u64), (Release, Timestamp)>,
    /// Whose list was not read.
    unread: BTreeSet<String>,
    /// Reports, by client, whose row changed since the last pull.
    changed: BTreeSet<(String, u64)>,
}

impl Releases {
    /// Keeps the rows of a client.
    pub(super) fn keep(&mut self, client: &str, rows: &[Value], since: Option<Timestamp>) -> Result<(), Error> {
        let shape = |problem| Error::Shape { path: LIST.0, problem };
        if rows.len() > MOST {
            return Err(shape("more rows for one client than can be true"));
        }
        for row in rows {
            if row
                .get("clientId")
                .and_then(Value::as_u64)
                .map(|id| id.to_string())
                .as_deref()
                != Some(client)
            {
                return Err(shape("a row of another client than the one asked for"));
            }
            let name = row.get("resourceName").and_then(Value::as_str);
            let Some(about) = name.and_then(About::named) else {
                continue;
            };
            let id = match row.get("resourceId") {
                Some(Value::String(text)) => text.parse().ok(),
                Some(Value::Number(number)) => number.as_u64(),
                _ => None,
            };
            let Some(id) = id else {
                return Err(shape("a row that does not say about which resource it is"));
            };
            let Some((release, at)) = Release::of(row) else {
                continue;
            };
            let known = self.of.entry((client.to_owned(), about, id)).or_insert((release, at));
            if at > known.1 || (at == known.1 && release == Release::Withdrawn) {
                *known = (release, at);
            }
            if about == About::Report && since.is_some_and(|since| at >= since) {
                self.changed.insert((client.to_owned(), id));
            }
        }
        Ok(())
    }

    /// Notes that the list of a client was read after all.
    pub(super) fn read(&mut self, client: &str) {
        self.unread.remove(client);
    }

    /// Notes that the list of a client could not be read.
    pub(super) fn miss(&mut self, client: &str) {
        self.unread.insert(client.to_owned());
    }

    pub(super) fn knows(&self, client: &str) -> bool {
        !self.unread.contains(client)
    }

    /// Puts `vrijgave` into a record that has a row; false where it cannot be told.
    pub(super) fn join(&self, about: About, client: Option<&str>, record: &mut Value) -> bool {
        if client.is_some_and(|client| !self.knows(client)) {
            return false;
        }
        let place = record.get("id").and_then(Value::as_u64);
        let place = client.zip(place).map(|(client, id)| (client.to_owned(), about, id));
        if let Value::Object(object) = record {
            // A field of this name that the source sends is not ours.
            object.shift_remove("vrijgave");
            if let Some((release, _)) = place.and_then(|place| self.of.get(&place)) {
                object.insert("vrijgave".to_owned(), release.as_str().into());
            }
        }
        true
    }

    /// The reports that have to be read again, but for those that came by.
    pub(super) fn left(&self, seen: &BTreeSet<u64>) -> Vec<(String, u64)> {
        let left = self.changed.iter().filter(|(_, id)| !seen.contains(id));
        left.cloned().collect()
    }
}

impl Run {
    /// The rows of a client.
    pub(super) async fn releases(&self, client: &str) -> Result<Vec<Value>, Error> {
        let target = Target {
            path: LIST.0,
            id: "",
            query: vec![("client_id", client.to_owned())],
            missing: Missing::Fails,
        };
        self.transport.list(&target, LIST.1).await
    }

    /// From when on a release is news.
    pub(super) fn news(&self) -> Option<Timestamp> {
        match self.pull.reach {
            Reach::Full => None,
            Reach::Since(at) => Some(at.checked_sub(self.transport.limits.overlap).unwrap_or(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(id: &str, more: Value) -> Value {
        let mut row = json!({"resourceName": "Dossier.Report", "resourceId": id, "clientId": 10101, "recipientGroup": "client",
            "sharedAt": "2026-06-02T09:00:00.000+02:00"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    }

    fn told(rows: &[Value]) -> Value {
        let mut releases = Releases::default();
        releases.keep("10101", rows, None).unwrap();
        let mut record = json!({"id": 5, "vrijgave": "released"});
        assert!(releases.join(About::Report, Some("10101"), &mut record));
        record["vrijgave"].clone()
    }

    #[test]
    fn the_newest_row_decides_and_a_row_that_cannot_be_read_takes_back() {
        let back = json!({"unsharedAt": "2026-06-03T09:00:00.000+02:00"});
        assert_eq!(told(&[]), Value::Null, "the source's own field is not believed");
        assert_eq!(told(&[row("5", json!({}))]), "released");
        assert_eq!(told(&[row("5", json!({})), row("5", back.clone())]), "withdrawn");
        let again = row("5", json!({"sharedAt": "2026-06-04T09:00:00.000+02:00"}));
        assert_eq!(told(&[row("5", back), again]), "released");
        assert_eq!(told(&[row("5", json!({"sharedAt": "gisteren"}))]), "withdrawn");
        assert_eq!(told(&[row("5", json!({"recipientGroup": "huisarts"}))]), Value::Null);
        assert_eq!(told(&[row("5", json!({"recipientGroup": null}))]), Value::Null);
        assert_eq!(told(&[row("6", json!({}))]), Value::Null);
    }

    #[test]
    fn a_list_that_is_not_of_the_client_or_names_no_resource_is_refused() {
        for more in [
            json!({"clientId": 10102}),
            json!({"resourceId": "x"}),
            json!({"clientId": null}),
        ] {
            assert!(Releases::default().keep("10101", &[row("5", more)], None).is_err());
        }
        let mut releases = Releases::default();
        releases.miss("10101");
        assert!(!releases.join(About::Report, Some("10101"), &mut json!({"id": 5})));
    }

    #[test]
    fn a_report_whose_row_changed_is_read_again_unless_it_came_by() {
        let mut releases = Releases::default();
        let since = "2026-06-02T06:00:00Z".parse().unwrap();
        let old = row("6", json!({"sharedAt": "2026-05-02T09:00:00.000+02:00"}));
        releases
            .keep("10101", &[row("5", json!({})), old], Some(since))
            .unwrap();
        assert_eq!(releases.left(&BTreeSet::new()), [("10101".to_owned(), 5)]);
        assert!(releases.left(&BTreeSet::from([5])).is_empty());
    }
}
