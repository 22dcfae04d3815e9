//! The invariants of the resources.

use serde_json::Value;

use super::{Focus, Law, coded, distinct, has, has_choice, items, text};
use crate::fhir::terms::{CONDITION_CLINICAL, CONDITION_VERIFICATION, CONSENT_SCOPE};

pub(super) fn named(key: &str) -> Option<Law> {
    Some(match key {
        "dom-2" => |at| !items(at.value, "contained").iter().any(|one| has(one, "contained")),
        "dom-3" => contained_is_used,
        "dom-4" => |at| !contained_meta(at.value, &["versionId", "lastUpdated"]),
        "dom-5" => |at| !contained_meta(at.value, &["security"]),
        "app-1" => |at| has(at.value, "type") || has(at.value, "actor"),
        "app-2" => |at| has(at.value, "start") == has(at.value, "end"),
        "app-3" => |at| {
            let timed = has(at.value, "start") && has(at.value, "end");
            timed || matches!(text(at.value, "status"), Some("proposed" | "cancelled" | "waitlist"))
        },
        "app-4" => |at| {
            let gone = matches!(text(at.value, "status"), Some("noshow" | "cancelled"));
            !has(at.value, "cancelationReason") || gone
        },
        "cpl-3" => |at| !has(at.value, "detail") || !has(at.value, "reference"),
        "cmp-1" => |at| ["text", "entry", "section"].iter().any(|name| has(at.value, name)),
        "cmp-2" => |at| !has(at.value, "emptyReason") || !has(at.value, "entry"),
        "con-1" => |at| has(at.value, "summary") || has(at.value, "assessment"),
        "con-2" => |at| has(at.value, "code") || has(at.value, "detail"),
        "con-3" => |at| {
            let item = items(at.value, "category").iter().flat_map(|one| items(one, "coding"));
            let listed = item
                .into_iter()
                .any(|coding| text(coding, "code") == Some("problem-list-item"));
            !listed || has(at.value, "clinicalStatus") || in_error(at.value)
        },
        "con-4" => |at| {
            let over = coded(
                at.value.get("clinicalStatus"),
                CONDITION_CLINICAL,
                &["resolved", "remission", "inactive"],
            );
            !has_choice(at.value, "abatement") || over
        },
        "con-5" => |at| !in_error(at.value) || !has(at.value, "clinicalStatus"),
        "ppc-1" => |at| has(at.value, "policy") || has(at.value, "policyRule"),
        // The expressions of R4 name the code system "something"; the text of the rule is meant.
        "ppc-2" => |at| has(at.value, "patient") || !is_scope(at.value, "patient-privacy"),
        "ppc-3" => |at| has(at.value, "patient") || !is_scope(at.value, "research"),
        "ppc-4" => |at| has(at.value, "patient") || !is_scope(at.value, "adr"),
        "ppc-5" => |at| has(at.value, "patient") || !is_scope(at.value, "treatment"),
        "gol-1" => |at| !has_choice(at.value, "detail") || has(at.value, "measure"),
        "ctm-1" => |at| {
            let member = at.value.get("member").and_then(|member| text(member, "reference"));
            // A reference that is not of this kind of resource for certain may be of any.
            let other = |name: &str| member.is_some_and(|to| to.starts_with(name));
            let others = [
                "PractitionerRole/",
                "RelatedPerson/",
                "Patient/",
                "Organization/",
                "CareTeam/",
            ];
            !has(at.value, "onBehalfOf") || !others.iter().any(|name| other(name))
        },
        "obs-3" => |at| ["low", "high", "text"].iter().any(|name| has(at.value, name)),
        "obs-6" => |at| !has(at.value, "dataAbsentReason") || !has_choice(at.value, "value"),
        "obs-7" => |at| {
            let own = at.value.get("code").map_or(&[][..], |code| items(code, "coding"));
            let parts = items(at.value, "component").iter().filter_map(|part| part.get("code"));
            let mut codings = parts.flat_map(|code| items(code, "coding"));
            !has_choice(at.value, "value") || !codings.any(|coding| own.contains(coding))
        },
        "org-1" => |at| has(at.value, "identifier") || has(at.value, "name"),
        "org-2" | "org-3" => |at| text(at.value, "use") != Some("home"),
        "pat-1" => |at| {
            ["name", "telecom", "address", "organization"]
                .iter()
                .any(|name| has(at.value, name))
        },
        "vs-1" => |at| at.value.as_str().is_none_or(|date| date.len() >= 8),
        "vs-2" => |at| {
            let parts = has(at.value, "component") || has(at.value, "hasMember");
            parts || has_choice(at.value, "value") || has(at.value, "dataAbsentReason")
        },
        "vs-3" => |at| has_choice(at.value, "value") || has(at.value, "dataAbsentReason"),
        key if key.starts_with("bdl-") => return bundle(key),
        key if key.starts_with("cpb-") => return capability(key),
        _ => return None,
    })
}

fn in_error(condition: &Value) -> bool {
    coded(
        condition.get("verificationStatus"),
        CONDITION_VERIFICATION,
        &["entered-in-error"],
    )
}

fn contained_meta(resource: &Value, names: &[&str]) -> bool {
    let metas = items(resource, "contained").iter().filter_map(|one| one.get("meta"));
    metas.into_iter().any(|meta| names.iter().any(|name| has(meta, name)))
}

/// Is the consent about this?
fn is_scope(consent: &Value, scope: &str) -> bool {
    coded(consent.get("scope"), CONSENT_SCOPE, &[scope])
}

/// Each contained resource is pointed at with `#id`, or points at the resource around it with `#`.
fn contained_is_used(at: Focus<'_>) -> bool {
    let contained = items(at.value, "contained");
    if contained.is_empty() {
        return true;
    }
    let used = local_links(at.value);
    contained.iter().all(|one| {
        let named = text(one, "id").is_some_and(|id| used.iter().any(|link| link.strip_prefix('#') == Some(id)));
        named || local_links(one).contains(&"#")
    })
}

/// Every text that starts with `#`, wherever it stands.
fn local_links(value: &Value) -> Vec<&str> {
    let mut links = Vec::new();
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        match value {
            Value::String(text) if text.starts_with('#') => links.push(text.as_str()),
            Value::Array(items) => todo.extend(items),
            Value::Object(all) => todo.extend(all.values()),
            _ => {}
        }
    }
    links
}

fn kind(bundle: &Value) -> Option<&str> {
    text(bundle, "type")
}

fn bundle(key: &str) -> Option<Law> {
    Some(match key {
        "bdl-1" => |at| !has(at.value, "total") || matches!(kind(at.value), Some("searchset" | "history")),
        "bdl-2" => |at| {
            kind(at.value) == Some("searchset") || !items(at.value, "entry").iter().any(|entry| has(entry, "search"))
        },
        "bdl-3" => |at| {
            let asked = matches!(kind(at.value), Some("batch" | "transaction" | "history"));
            items(at.value, "entry")
                .iter()
                .all(|entry| has(entry, "request") == asked)
        },
        "bdl-4" => |at| {
            let answered = matches!(
                kind(at.value),
                Some("batch-response" | "transaction-response" | "history")
            );
            items(at.value, "entry")
                .iter()
                .all(|entry| has(entry, "response") == answered)
        },
        "bdl-5" => |at| {
            ["resource", "request", "response"]
                .iter()
                .any(|name| has(at.value, name))
        },
        "bdl-7" => |at| {
            let version = |entry: &Value| {
                let version = entry.pointer("/resource/meta/versionId").and_then(Value::as_str);
                Some((
                    text(entry, "fullUrl")?.to_owned(),
                    version.unwrap_or_default().to_owned(),
                ))
            };
            kind(at.value) == Some("history") || distinct(items(at.value, "entry").iter().filter_map(version).collect())
        },
        "bdl-8" => |at| !text(at.value, "fullUrl").is_some_and(|url| url.contains("/_history/")),
        "bdl-9" => |at| {
            let identified = at
                .value
                .get("identifier")
                .is_some_and(|id| has(id, "system") && has(id, "value"));
            kind(at.value) != Some("document") || identified
        },
        "bdl-10" => |at| kind(at.value) != Some("document") || has(at.value, "timestamp"),
        "bdl-11" => |at| kind(at.value) != Some("document") || starts_with(at.value, "Composition"),
        "bdl-12" => |at| kind(at.value) != Some("message") || starts_with(at.value, "MessageHeader"),
        _ => return None,
    })
}

fn starts_with(bundle: &Value, kind: &str) -> bool {
    bundle.pointer("/entry/0/resource/resourceType").and_then(Value::as_str) == Some(kind)
}

fn capability(key: &str) -> Option<Law> {
    Some(match key {
        "cpb-0" => |at| {
            text(at.value, "name").is_none_or(|name| {
                name.len() <= 255
                    && name.starts_with(|c: char| c.is_ascii_uppercase())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            })
        },
        "cpb-1" => |at| ["rest", "messaging", "document"].iter().any(|name| has(at.value, name)),
        "cpb-2" => |at| {
            ["description", "software", "implementation"]
                .iter()
                .any(|name| has(at.value, name))
        },
        "cpb-3" => |at| {
            let endpoints = items(at.value, "messaging").iter().any(|one| has(one, "endpoint"));
            !endpoints || text(at.value, "kind") == Some("instance")
        },
        "cpb-7" => |at| {
            let pair = |one: &Value| Some((text(one, "profile")?.to_owned(), text(one, "mode")?.to_owned()));
            distinct(items(at.value, "document").iter().filter_map(pair).collect())
        },
        "cpb-9" => |at| {
            distinct(
                items(at.value, "resource")
                    .iter()
                    .map(|one| text(one, "type"))
                    .collect(),
            )
        },
        "cpb-12" => |at| {
            distinct(
                items(at.value, "searchParam")
                    .iter()
                    .map(|one| text(one, "name"))
                    .collect(),
            )
        },
        "cpb-14" => |at| text(at.value, "kind") != Some("instance") || has(at.value, "implementation"),
        "cpb-15" => |at| {
            let fine = !has(at.value, "implementation") && has(at.value, "software");
            text(at.value, "kind") != Some("capability") || fine
        },
        "cpb-16" => |at| {
            let fine = !has(at.value, "implementation") && !has(at.value, "software");
            text(at.value, "kind") != Some("requirements") || fine
        },
        _ => return None,
    })
}
