//! What an app sends: a `Basic` with its state, or a question for some.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::fhir::json::{self, Fault, Limits};
use crate::fhir::search::BadParam;
use crate::fhir::types::{Id, ResourceType};

/// Bytes of one state.
const LARGEST: usize = 256 * 1024;
const MEMBERS: &[&str] = &["resourceType", "id", "meta", "extension", "code", "subject"];

/// Why it is none, with the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("a state has at most 256 kB")]
    TooLarge,
    #[error("{0}")]
    Text(String),
}

impl From<BadParam> for Wrong {
    fn from(bad: BadParam) -> Self {
        Self::Text(format!("{}: {}", bad.name, bad.reason))
    }
}

fn wrong<T>(text: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Text(text.into()))
}

/// Whom a state is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) kind: ResourceType,
    pub(super) id: Id,
}

impl Subject {
    fn absolute(url: &str, base: &str) -> Option<Self> {
        Self::of_key(url.strip_prefix(base)?.strip_prefix('/')?)
    }

    /// `Type/id`
    pub(super) fn of_key(key: &str) -> Option<Self> {
        let (kind, id) = key.split_once('/')?;
        Some(Self {
            kind: kind.parse().ok()?,
            id: Id::parse(id)?,
        })
    }
}

/// A state as it was sent.
pub(super) struct Basic {
    sent: Map<String, Value>,
    pub(super) subject: Option<Subject>,
    /// `system|code`
    pub(super) code: String,
}

impl Basic {
    /// Reads the body of a new state, or of a version of the one with this id.
    pub(super) fn parse(body: &[u8], base: &str, id: Option<&str>) -> Result<Self, Wrong> {
        if body.len() > LARGEST {
            return Err(Wrong::TooLarge);
        }
        let limits = Limits {
            bytes: LARGEST,
            ..Limits::default()
        };
        let sent = match json::parse(body, limits) {
            Ok(Value::Object(sent)) => sent,
            Ok(_) => return wrong("send a Basic resource as a JSON object"),
            Err(refused) if refused.kind == Fault::TooLarge => return Err(Wrong::TooLarge),
            Err(refused) => return wrong(format!("the body cannot be read: {refused}")),
        };
        if sent.get("resourceType").and_then(Value::as_str) != Some("Basic") {
            return wrong("send a Basic resource");
        }
        if sent.keys().any(|member| !MEMBERS.contains(&member.as_str())) {
            return wrong("Basic: only extension, code and subject are kept; leave everything else out");
        }
        match (sent.get("id").and_then(Value::as_str), id) {
            (None, None) => {}
            (Some(_), None) => return wrong("Basic.id: leave it out; it is given out here"),
            (found, Some(id)) if found == Some(id) => {}
            _ => return wrong("Basic.id: it has to be the one in the address"),
        }
        if id.is_none() && sent.get("meta").is_some_and(|meta| meta.get("versionId").is_some()) {
            return wrong("Basic.meta.versionId: leave it out; it is given out here");
        }
        Ok(Self {
            subject: subject(sent.get("subject"), base)?,
            code: code(sent.get("code"))?,
            sent: extended(sent)?,
        })
    }

    /// As it is kept and given back.
    pub(super) fn stamped(&self, id: &str, version: i64, now: Timestamp) -> Value {
        let mut whole = Map::new();
        whole.insert("resourceType".to_owned(), json!("Basic"));
        whole.insert("id".to_owned(), json!(id));
        let meta = json!({ "versionId": version.to_string(), "lastUpdated": now.to_string() });
        whole.insert("meta".to_owned(), meta);
        for member in ["extension", "code", "subject"] {
            if let Some(value) = self.sent.get(member) {
                whole.insert(member.to_owned(), value.clone());
            }
        }
        Value::Object(whole)
    }
}

fn subject(sent: Option<&Value>, base: &str) -> Result<Option<Subject>, Wrong> {
    let Some(sent) = sent else { return Ok(None) };
    let found = sent["reference"].as_str().and_then(|url| Subject::absolute(url, base));
    match found {
        Some(subject) => Ok(Some(subject)),
        None => wrong(
            "Basic.subject.reference: give the absolute address of a resource of this server, or leave subject out",
        ),
    }
}

fn code(sent: Option<&Value>) -> Result<String, Wrong> {
    let codings = sent.and_then(|code| code["coding"].as_array());
    match codings.map(Vec::as_slice) {
        Some([one]) => match (one["system"].as_str(), one["code"].as_str()) {
            (Some(system), Some(code)) if format!("{system}{code}").contains(char::is_control) => {
                wrong("Basic.code.coding: system and code have no control characters")
            }
            (Some(system), Some(code)) if system.len() + code.len() <= 500 => Ok(format!("{system}|{code}")),
            _ => wrong("Basic.code.coding: give system and code, 500 characters together at most"),
        },
        _ => wrong("Basic.code.coding: give exactly one"),
    }
}

/// Extensions of texts, and nothing in them or beside them.
fn extended(sent: Map<String, Value>) -> Result<Map<String, Value>, Wrong> {
    let extensions = sent.get("extension").map(|value| value.as_array().map(Vec::as_slice));
    let plain = |one: &Value| {
        let Some(one) = one.as_object() else { return false };
        one.len() == 2
            && one.get("url").is_some_and(Value::is_string)
            && one.get("valueString").is_some_and(Value::is_string)
    };
    match extensions {
        None => Ok(sent),
        Some(Some(extensions)) if extensions.iter().all(plain) => Ok(sent),
        _ => wrong("Basic.extension: only url and valueString are kept"),
    }
}

/// A question: which states of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub(super) code: String,
    pub(super) subject: Option<Subject>,
}

impl Asked {
    /// Reads `code` with `subject` or `subject:missing=true`; other parameters are for others.
    pub(super) fn parse(pairs: &[(String, String)], base: &str) -> Result<Self, Wrong> {
        let all = |wanted: &str| {
            let found = pairs.iter().filter(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        let code = match all("code")[..] {
            [code] if code.contains('|') => code.to_owned(),
            _ => return wrong("code: ask for exactly one, as system|code"),
        };
        let subject = match (&all("subject")[..], &all("subject:missing")[..]) {
            ([], ["true"]) => None,
            ([url], []) => match Subject::absolute(url, base) {
                Some(subject) => Some(subject),
                None => return wrong("subject: give the absolute address of a resource of this server"),
            },
            _ => return wrong("subject: give one, or subject:missing=true"),
        };
        Ok(Self { code, subject })
    }
}
