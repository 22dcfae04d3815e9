//! A draft on its way to a row: checked, hashed, indexed, and with its version in `meta`.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::index::{Entry, index};
use super::{Draft, Error};
use crate::fhir::types::{Id, ResourceType};
use crate::secret::sha256;

/// A draft with what its row needs, read out while the resource is still at hand as a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    pub(crate) draft: Draft,
    pub(crate) hash: [u8; 16],
    pub(crate) entry: Entry,
}

impl Indexed {
    pub fn kind(&self) -> ResourceType {
        self.draft.kind
    }

    pub fn id(&self) -> &Id {
        &self.draft.id
    }

    /// Whose dossier it is in; none for a shared type.
    pub fn patient(&self) -> Option<&Id> {
        self.draft.patient.as_ref()
    }

    pub(super) fn prepared(&self) -> Prepared<'_> {
        Prepared {
            draft: &self.draft,
            hash: self.hash,
            entry: Cow::Borrowed(&self.entry),
            meta: self.draft.head().len(),
        }
    }
}

/// A draft that gets a new version.
pub(super) struct Prepared<'d> {
    pub(super) draft: &'d Draft,
    pub(super) hash: [u8; 16],
    pub(super) entry: Cow<'d, Entry>,
    /// Where `meta` begins: the text after its opening brace.
    meta: usize,
}

impl Draft {
    pub(super) fn refused(&self, reason: &'static str) -> Error {
        Error::Draft {
            kind: self.kind,
            reason,
        }
    }

    /// What tells two contents apart.
    pub(super) fn hash(&self) -> [u8; 16] {
        let mut hash = [0; 16];
        hash.copy_from_slice(&sha256(self.body.as_bytes())[..16]);
        hash
    }

    /// Reads the index out of `resource`, which has to be what the body says.
    pub fn index(self, resource: &Value, zone: &TimeZone) -> Result<Indexed, Error> {
        let entry = self.entry(resource, zone)?;
        Ok(Indexed {
            hash: self.hash(),
            entry,
            draft: self,
        })
    }

    pub(super) fn prepare(&self, hash: [u8; 16], zone: &TimeZone) -> Result<Prepared<'_>, Error> {
        let resource: Value = serde_json::from_str(&self.body).map_err(|_| self.refused("its text is not JSON"))?;
        Ok(Prepared {
            draft: self,
            hash,
            entry: Cow::Owned(self.entry(&resource, zone)?),
            meta: self.head().len(),
        })
    }

    fn entry(&self, resource: &Value, zone: &TimeZone) -> Result<Entry, Error> {
        if self.kind.is_shared() && self.patient.is_some() {
            return Err(self.refused("a shared type belongs to no client"));
        }
        if !self.body.starts_with(&self.head()) {
            return Err(self.refused("its text does not begin with resourceType, id and meta"));
        }
        let meta = &resource["meta"];
        if meta.get("versionId").is_some() || meta.get("lastUpdated").is_some() {
            return Err(self.refused("its version is given by the store"));
        }
        Ok(index(self.kind, self.patient.is_some(), resource, zone))
    }

    /// How the body begins.
    fn head(&self) -> String {
        format!(r#"{{"resourceType":"{}","id":"{}","meta":{{"#, self.kind, self.id)
    }
}

impl Prepared<'_> {
    /// The exact text that is served.
    pub(super) fn body(&self, version: i64, now: Timestamp) -> String {
        let (head, rest) = self.draft.body.split_at(self.meta);
        let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
        format!(r#"{head}"versionId":"{version}","lastUpdated":"{now}"{comma}{rest}"#)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(body: &str) -> Draft {
        Draft {
            kind: ResourceType::Goal,
            id: Id::parse("g1").unwrap(),
            patient: Id::parse("p1"),
            body: body.to_owned(),
        }
    }

    fn body(text: &str) -> String {
        let draft = draft(text);
        let prepared = draft.prepare(draft.hash(), &TimeZone::UTC).unwrap();
        prepared.body(3, "2026-11-22T10:00:00.5Z".parse().unwrap())
    }

    #[test]
    fn the_version_goes_in_front_of_the_rest_of_meta() {
        assert_eq!(
            body(r#"{"resourceType":"Goal","id":"g1","meta":{"profile":["x"]},"a":1.50}"#),
            r#"{"resourceType":"Goal","id":"g1","meta":{"versionId":"3","lastUpdated":"2026-11-22T10:00:00.5Z","profile":["x"]},"a":1.50}"#
        );
        assert_eq!(
            body(r#"{"resourceType":"Goal","id":"g1","meta":{}}"#),
            r#"{"resourceType":"Goal","id":"g1","meta":{"versionId":"3","lastUpdated":"2026-11-22T10:00:00.5Z"}}"#
        );
    }

    #[test]
    fn a_body_that_is_not_what_the_draft_says_is_refused() {
        for bad in [
            r#"{"id":"g1","resourceType":"Goal","meta":{}}"#,
            r#"{"resourceType":"Goal","id":"g2","meta":{}}"#,
            r#"{"resourceType":"Goal","id":"g1"}"#,
            r#"{"resourceType":"Goal","id":"g1","meta":{}"#,
            r#"{"resourceType":"Goal","id":"g1","meta":{"versionId":"9"}}"#,
        ] {
            assert!(draft(bad).prepare([0; 16], &TimeZone::UTC).is_err(), "{bad}");
        }
    }
}
