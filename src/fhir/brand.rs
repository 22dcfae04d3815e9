//! User-access brands: how apps find an organisation, and show it to people who look for theirs.
//!
//! # Design
//! One Organization and one Endpoint a tenant, as the SMART profiles ask
//! (<https://hl7.org/fhir/smart-app-launch/brands.html>). What nobody has told is left out; the website, which the profile
//! requires, is then marked as asked and unknown. A wrong logo under a right name would send people to the wrong place, so
//! nothing is made up here.

use serde_json::{Value, json};

const IG: &str = "http://hl7.org/fhir/smart-app-launch";
const HL7: &str = "http://hl7.org/fhir/StructureDefinition";
const TERMS: &str = "http://terminology.hl7.org/CodeSystem";

/// What is told of one organisation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brand<'a> {
    /// Of both resources.
    pub id: &'a str,
    pub name: &'a str,
    /// Of the whole: what the resources' own addresses begin with.
    pub url: &'a str,
    /// The FHIR base.
    pub base: &'a str,
    pub identifier: Option<&'a str>,
    pub website: Option<&'a str>,
    pub logo: Option<&'a str>,
    pub logo_license: Option<&'a str>,
    pub aliases: &'a [String],
    pub portal_name: Option<&'a str>,
    pub portal_url: Option<&'a str>,
    pub portal_description: Option<&'a str>,
    /// Where makers of apps read on.
    pub developers: &'a str,
}

/// The Bundle. `changed` is an instant.
pub fn bundle(of: &Brand<'_>, changed: &str) -> Value {
    let entry = |kind: &str, resource: Value| {
        let url = format!("{}/{kind}/{}", of.url, of.id);
        json!({ "fullUrl": url, "resource": resource })
    };
    json!({
        "resourceType": "Bundle",
        "meta": { "profile": [format!("{IG}/StructureDefinition/user-access-brands-bundle")] },
        "type": "collection",
        "timestamp": changed,
        "entry": [entry("Organization", organization(of)), entry("Endpoint", endpoint(of))]
    })
}

fn organization(of: &Brand<'_>) -> Value {
    let endpoint = json!({ "reference": format!("Endpoint/{}", of.id) });
    let part = |url: &str, kind: &str, value: Option<&str>| Some(json!({ "url": url, kind: value? }));
    let brand: Vec<Value> = [
        part("brandLogo", "valueUrl", of.logo),
        part("brandLogoLicense", "valueUrl", of.logo_license),
    ]
    .into_iter()
    .flatten()
    .collect();
    let portal: Vec<Value> = [
        part("portalName", "valueString", of.portal_name),
        part("portalDescription", "valueMarkdown", of.portal_description),
        part("portalUrl", "valueUrl", of.portal_url),
        Some(json!({ "url": "portalEndpoint", "valueReference": endpoint })),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut extensions = Vec::new();
    if !brand.is_empty() {
        extensions.push(json!({ "url": format!("{HL7}/organization-brand"), "extension": brand }));
    }
    extensions.push(json!({ "url": format!("{HL7}/organization-portal"), "extension": portal }));
    let website = match of.website {
        Some(website) => json!({ "system": "url", "value": website }),
        None => json!({ "system": "url", "_value": {
            "extension": [{ "url": format!("{HL7}/data-absent-reason"), "valueCode": "asked-unknown" }]
        } }),
    };
    let mut organization = json!({
        "resourceType": "Organization",
        "id": of.id,
        "meta": { "profile": [format!("{IG}/StructureDefinition/user-access-brand")] },
        "extension": extensions,
    });
    if let Some(identifier) = of.identifier {
        organization["identifier"] = json!([{ "system": "urn:ietf:rfc:3986", "value": identifier }]);
    }
    organization["active"] = json!(true);
    organization["type"] = json!([{ "coding": [{
        "system": format!("{IG}/CodeSystem/user-access-category"), "code": "clinical"
    }] }]);
    organization["name"] = json!(of.name);
    if !of.aliases.is_empty() {
        organization["alias"] = json!(of.aliases);
    }
    organization["telecom"] = json!([website]);
    organization["endpoint"] = json!([endpoint]);
    organization
}

fn endpoint(of: &Brand<'_>) -> Value {
    json!({
        "resourceType": "Endpoint",
        "id": of.id,
        "meta": { "profile": [format!("{IG}/StructureDefinition/user-access-endpoint")] },
        "extension": [{ "url": format!("{HL7}/endpoint-fhir-version"), "valueCode": "4.0.1" }],
        "status": "active",
        "connectionType": { "system": format!("{TERMS}/endpoint-connection-type"), "code": "hl7-fhir-rest" },
        "name": format!("FHIR R4 API of {}", of.name),
        "managingOrganization": { "reference": format!("Organization/{}", of.id) },
        "contact": [{ "system": "url", "value": of.developers }],
        "payloadType": [{ "coding": [{ "system": format!("{TERMS}/endpoint-payload-type"), "code": "none" }] }],
        "address": of.base
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::strict_check;

    #[test]
    fn u01_whatever_is_told_or_not_the_bundle_is_strict_r4() {
        let aliases = ["Topaz Zorg".to_owned()];
        let plain = Brand {
            id: "topaz",
            name: "Topaz",
            url: "https://gateway.example/topaz/.well-known/user-access-brands",
            base: "https://gateway.example/topaz/fhir",
            developers: "https://gateway.example/topaz/fhir/metadata",
            ..Brand::default()
        };
        let full = Brand {
            identifier: Some("https://topaz.example"),
            website: Some("https://www.topaz.example/"),
            logo: Some("https://www.topaz.example/logo.svg"),
            logo_license: Some("https://www.topaz.example/logo"),
            aliases: &aliases,
            portal_name: Some("Mijn Topaz"),
            portal_url: Some("https://mijn.topaz.example/"),
            portal_description: Some("Voor cliënten"),
            ..plain
        };
        for brand in [plain, full] {
            let bundle = bundle(&brand, "2026-11-22T10:00:00Z");
            strict_check("Bundle", bundle.to_string().as_bytes()).unwrap();
            for (at, kind) in ["Organization", "Endpoint"].into_iter().enumerate() {
                let resource = &bundle["entry"][at]["resource"];
                strict_check(kind, resource.to_string().as_bytes()).unwrap();
            }
        }
    }
}
