//! The invariants of the Dutch nl-core profiles of the types that are served here.

use serde_json::Value;

use super::{Focus, Law, coded, decimal, has, items, text};
use crate::fhir::terms::{HL7_PROFILES, SNOMED};

const SOAP_LINE: &str = "http://nictiz.nl/fhir/StructureDefinition/ext-SOAPReport.SOAPLineCode";

pub(super) fn named(key: &str) -> Option<Law> {
    Some(match key {
        "zib-NameInformation-1" => |at| !family(at, "humanname-own-prefix") || family(at, "humanname-own-name"),
        "zib-NameInformation-2" => |at| !family(at, "humanname-partner-prefix") || family(at, "humanname-partner-name"),
        "nl-core-NameInformation-01" => |at| {
            let mut given = items(at.value, "_given").iter().flat_map(|one| items(one, "extension"));
            let named = given.any(|one| {
                let is_qualifier =
                    text(one, "url").and_then(|url| url.strip_prefix(HL7_PROFILES)) == Some("iso21090-EN-qualifier");
                is_qualifier && text(one, "valueCode") != Some("IN")
            });
            !(has(at.value, "family") || named) || text(at.value, "text").is_some()
        },
        "houseNumberIndication" => |at| matches!(at.value.as_str(), None | Some("by" | "to")),
        "zib-PainScore-1" => |at| {
            let method = |codes: &[&str]| {
                at.value.get("method").is_some_and(|method| {
                    items(method, "coding")
                        .iter()
                        .any(|coding| text(coding, "code").is_some_and(|code| codes.contains(&code)))
                })
            };
            let score = score(at.value);
            let below = |most: f64| score.is_none_or(|score| score <= most);
            (!method(&["VAS10", "NRS"]) || below(10.0)) && (!method(&["VAS100"]) || below(100.0))
        },
        "zib-PainScore-2" => |at| score(at.value).is_none_or(|score| score >= 0.0),
        "zib-SOAPReport-1" => |at| {
            let refined = items(at.value, "extension")
                .iter()
                .any(|one| text(one, "url") == Some(SOAP_LINE));
            !refined || coded(at.value.get("code"), SNOMED, &["255362007", "129265001"])
        },
        _ => return None,
    })
}

/// Has the family name an extension of HL7 with this name?
fn family(at: Focus<'_>, name: &str) -> bool {
    at.value.get("_family").is_some_and(|family| {
        let is_it = |one: &Value| text(one, "url").and_then(|url| url.strip_prefix(HL7_PROFILES)) == Some(name);
        items(family, "extension").iter().any(is_it)
    })
}

fn score(observation: &Value) -> Option<f64> {
    decimal(observation, "valueInteger")
        .or_else(|| observation.get("valueQuantity").and_then(|one| decimal(one, "value")))
}
