//! Bundles put together from the stored bytes of their resources.
//!
//! ```
//! use inzage::fhir::bundle::{Bundle, Kind};
//! let mut bundle = Bundle::new(Kind::Searchset);
//! bundle.link("self", "https://gateway.example/topaz/fhir/Patient").total(1);
//! bundle.found("https://gateway.example/topaz/fhir/Patient/a", r#"{"resourceType":"Patient","id":"a"}"#);
//! assert!(String::from_utf8(bundle.into_bytes()).unwrap().ends_with(r#""search":{"mode":"match"}}]}"#));
//! ```
//!
//! # Design
//! A stored resource is the exact JSON that is served, so a Bundle is text around texts: nothing is parsed or written again.
//! Everything that is put in here is either such a body or quoted by the JSON writer.

use std::fmt::Write as _;

/// What the Bundle is for (<https://hl7.org/fhir/R4/valueset-bundle-type.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Searchset,
    History,
    BatchResponse,
}

/// A Bundle in the making. Links and total come first, then the entries.
#[derive(Debug)]
pub struct Bundle {
    kind: Kind,
    links: Vec<(&'static str, String)>,
    total: Option<u64>,
    entries: String,
}

/// One version in a history: the resource and how it came to be.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Absolute URL without the version.
    pub full_url: &'a str,
    /// `Type/id`
    pub reference: &'a str,
    pub version: i64,
    /// An instant, for example `2026-11-22T10:00:00Z`.
    pub last_modified: &'a str,
    pub body: &'a str,
}

/// What became of one entry of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Of HTTP.
    pub status: u16,
    /// Version, and an instant, for example `2026-11-22T10:00:00Z`.
    pub version: Option<(i64, &'a str)>,
    pub body: Option<&'a str>,
    /// The bytes of an OperationOutcome.
    pub outcome: Option<&'a str>,
}

impl Bundle {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            links: Vec::new(),
            total: None,
            entries: String::new(),
        }
    }

    /// Adds a link such as `self`, `first` or `next`.
    pub fn link(&mut self, relation: &'static str, url: impl Into<String>) -> &mut Self {
        self.links.push((relation, url.into()));
        self
    }

    /// How many resources match in all, on every page together.
    pub fn total(&mut self, total: u64) -> &mut Self {
        self.total = Some(total);
        self
    }

    /// Adds a search match with the resource's bytes.
    pub fn found(&mut self, full_url: &str, body: &str) -> &mut Self {
        self.entries.reserve(body.len() + full_url.len() + 64);
        self.open_entry(full_url);
        self.entries.push_str(r#","resource":"#);
        self.entries.push_str(body);
        self.entries.push_str(r#","search":{"mode":"match"}}"#);
        self
    }

    /// Adds a version of a history.
    pub fn version(&mut self, version: &Version<'_>) -> &mut Self {
        self.open_entry(version.full_url);
        self.entries.push_str(r#","resource":"#);
        self.entries.push_str(version.body);
        let status = if version.version == 1 { "201" } else { "200" };
        let _ = write!(
            self.entries,
            r#","request":{{"method":"PUT","url":{}}},"response":{{"status":"{status}","etag":"W/\"{}\"","lastModified":{}}}}}"#,
            quoted(version.reference),
            version.version,
            quoted(version.last_modified),
        );
        self
    }

    /// Adds the answer to an entry of a batch. Its bodies are JSON of ours, as stored or just made.
    pub fn answered(&mut self, answered: &Answered<'_>) -> &mut Self {
        self.entries.push_str(if self.entries.is_empty() { "{" } else { ",{" });
        if let Some(body) = answered.body {
            let _ = write!(self.entries, r#""resource":{body},"#);
        }
        let _ = write!(self.entries, r#""response":{{"status":"{}""#, answered.status);
        if let Some((version, modified)) = answered.version {
            let modified = quoted(modified);
            let _ = write!(self.entries, r#","etag":"W/\"{version}\"","lastModified":{modified}"#);
        }
        if let Some(outcome) = answered.outcome {
            let _ = write!(self.entries, r#","outcome":{outcome}"#);
        }
        self.entries.push_str("}}");
        self
    }

    /// Bytes of the entries so far.
    pub fn size(&self) -> usize {
        self.entries.len()
    }

    fn open_entry(&mut self, full_url: &str) {
        self.entries.push_str(if self.entries.is_empty() { "" } else { "," });
        self.entries.push_str(r#"{"fullUrl":"#);
        self.entries.push_str(&quoted(full_url));
    }

    /// The whole resource.
    pub fn into_bytes(self) -> Vec<u8> {
        let kind = match self.kind {
            Kind::Searchset => "searchset",
            Kind::History => "history",
            Kind::BatchResponse => "batch-response",
        };
        let mut text = String::with_capacity(self.entries.len() + 512);
        let _ = write!(text, r#"{{"resourceType":"Bundle","type":"{kind}""#);
        if let Some(total) = self.total {
            let _ = write!(text, r#","total":{total}"#);
        }
        // An empty array is not valid FHIR: without links or entries the element is left out.
        for (at, (relation, url)) in self.links.iter().enumerate() {
            text.push_str(if at == 0 { r#","link":["# } else { "," });
            let _ = write!(text, r#"{{"relation":"{relation}","url":{}}}"#, quoted(url));
        }
        if !self.links.is_empty() {
            text.push(']');
        }
        if !self.entries.is_empty() {
            text.push_str(r#","entry":["#);
            text.push_str(&self.entries);
            text.push(']');
        }
        text.push('}');
        text.into_bytes()
    }
}

/// The text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(bundle: Bundle) -> Value {
        serde_json::from_slice(&bundle.into_bytes()).unwrap()
    }

    #[test]
    fn a_page_keeps_the_bytes_of_its_resources() {
        let body = r#"{"resourceType":"Observation","id":"o1","valueDecimal":1.50}"#;
        let mut bundle = Bundle::new(Kind::Searchset);
        bundle.link("self", "https://x.example/a?b=\"c\"").total(2);
        bundle
            .found("https://x.example/Observation/o1", body)
            .found("https://x.example/Observation/o1", body);
        let text = String::from_utf8(bundle.into_bytes()).unwrap();
        assert_eq!(text.matches(body).count(), 2);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["total"].to_string(), "2");
        assert_eq!(value["link"][0]["url"], "https://x.example/a?b=\"c\"");
        assert_eq!(value["entry"][1]["search"]["mode"], "match");
    }

    #[test]
    fn an_empty_bundle_has_no_empty_arrays() {
        assert_eq!(
            value(Bundle::new(Kind::Searchset)),
            json!({"resourceType": "Bundle", "type": "searchset"})
        );
    }

    #[test]
    fn a_history_tells_how_each_version_came_to_be() {
        let mut bundle = Bundle::new(Kind::History);
        for version in [2, 1] {
            bundle.version(&Version {
                full_url: "https://x.example/Goal/g",
                reference: "Goal/g",
                version,
                last_modified: "2026-11-22T10:00:00Z",
                body: r#"{"resourceType":"Goal"}"#,
            });
        }
        let value = value(bundle);
        assert_eq!(value["entry"][0]["request"], json!({"method": "PUT", "url": "Goal/g"}));
        assert_eq!(value["entry"][0]["response"]["etag"], "W/\"2\"");
        assert_eq!(value["entry"][0]["response"]["status"], "200");
        assert_eq!(value["entry"][1]["response"]["status"], "201");
    }
}
