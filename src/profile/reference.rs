//! References: their form, and the type of what they point at (<https://hl7.org/fhir/R4/references.html>).

use serde_json::Value;

use super::check::Walk;
use super::place::Place;
use super::primitive::Primitive;
use super::value_set::Belongs;
use crate::fhir::outcome::IssueType;
use crate::fhir::path::reference_type;
use crate::fhir::types::Id;

/// Issues of a reference. A reference by `identifier` or with only a `display` points nowhere and is not judged.
pub(super) fn check<'a>(walk: &mut Walk<'a>, targets: Option<&'a [String]>, value: &'a Value, place: &Place<'_>) {
    let Some(text) = value.get("reference").and_then(Value::as_str) else {
        let kind = value.get("type").and_then(Value::as_str);
        if let (Some(kind), Some(targets)) = (kind, targets)
            && !targets.iter().any(|target| target == kind)
        {
            walk.issue(
                IssueType::Value,
                place,
                &format!("must refer to {}", targets.join(" or ")),
            );
        }
        return;
    };
    if let Err(message) = form(walk, text) {
        return walk.issue(IssueType::Value, place, message);
    }
    let Some(kind) = kind(value, walk.root) else { return };
    if let Some(targets) = targets
        && !targets.iter().any(|target| target == kind)
    {
        walk.issue(
            IssueType::Value,
            place,
            &format!("must refer to {}", targets.join(" or ")),
        );
    }
    if value
        .get("type")
        .and_then(Value::as_str)
        .is_some_and(|said| said != kind)
    {
        walk.issue(
            IssueType::Value,
            place,
            "the type is another one than that of the reference",
        );
    }
}

fn form(walk: &Walk<'_>, text: &str) -> Result<(), &'static str> {
    if text.starts_with('#') {
        return Ok(());
    }
    if text.starts_with("urn:") {
        let fits = |kind: Primitive| kind.check(&Value::String(text.to_owned())).is_ok();
        let known = (text.starts_with("urn:uuid:") && fits(Primitive::Uuid))
            || (text.starts_with("urn:oid:") && fits(Primitive::Oid));
        return known.then_some(()).ok_or("must be a valid urn:uuid or urn:oid");
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "http" | "https" if !rest.is_empty() => Ok(()),
            _ => Err("must be Type/id, #id, a urn or an http(s) address"),
        };
    }
    let mut parts = text.split('/');
    let kind = parts.next().unwrap_or_default();
    let id = parts.next().unwrap_or_default();
    let version = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => true,
        (Some("_history"), Some(version), None) => Id::parse(version).is_some(),
        _ => false,
    };
    if !version || Id::parse(id).is_none() {
        return Err("must be Type/id, #id, a urn or an http(s) address");
    }
    match walk.program.resource_types.has(None, kind) {
        Belongs::No => Err("does not start with a resource type of R4"),
        Belongs::Yes | Belongs::Unknown => Ok(()),
    }
}

/// The resource type that a reference points at, if it shows.
pub(super) fn kind<'a>(value: &'a Value, root: &'a Value) -> Option<&'a str> {
    let text = value.get("reference").and_then(Value::as_str).unwrap_or_default();
    if let Some(id) = text.strip_prefix('#') {
        let one = if id.is_empty() {
            root
        } else {
            let contained = root.get("contained")?.as_array()?;
            contained
                .iter()
                .find(|one| one.get("id").and_then(Value::as_str) == Some(id))?
        };
        return one.get("resourceType").and_then(Value::as_str);
    }
    let named = || value.get("type").and_then(Value::as_str);
    if text.starts_with("http") {
        // An address of another server need not end in Type/id: only a known type is read from it.
        return reference_type(text).filter(|kind| kind.len() > 3).or_else(named);
    }
    reference_type(text).or_else(named)
}
