//! The CapabilityStatement: what is served, made from the tables that serve it.
//!
//! # Design
//! Types come from [`ResourceType`], search parameters from [`search::params`], so a statement cannot promise what the parser
//! does not know. The interactions are the four that the router has, and are the same for every type but Person, which is only read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::definition::Definition;
use super::search;
use super::types::ResourceType;

/// When the statement last changed in meaning.
const DATE: &str = "2026-11-22";

/// What differs between tenants.
#[derive(Clone, Debug)]
pub struct Capability<'a> {
    /// The care organisation.
    pub name: &'a str,
    /// The FHIR base, without a slash at the end.
    pub base: String,
    /// Of the software.
    pub version: &'a str,
    pub endpoints: Endpoints,
    /// The canonicals of the profiles of each type, for those that are served.
    pub profiles: &'a BTreeMap<String, Vec<String>>,
}

/// The OAuth endpoints, the same as in discovery: what is absent there is absent here.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub authorize: String,
    pub token: String,
    pub introspect: Option<String>,
    pub revoke: Option<String>,
    pub register: Option<String>,
    pub manage: Option<String>,
}

/// The interactions of every type that is stored.
pub const INTERACTIONS: &[&str] = &["read", "vread", "history-instance", "search-type"];

impl Capability<'_> {
    /// The resource as JSON bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }

    fn to_value(&self) -> Value {
        let stored = ResourceType::ALL.iter().map(|kind| {
            let mut resource = resource(*kind);
            if let Some(profiles) = self.profiles.get(kind.as_str()) {
                resource["supportedProfile"] = json!(profiles);
            }
            resource
        });
        let definitions = Definition::ALL.iter().map(|kind| definition(*kind));
        let resources: Vec<Value> = stored.chain([group()]).chain(definitions).collect();
        json!({
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": DATE,
            "publisher": "Inzage",
            "kind": "instance",
            "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"],
            "software": { "name": "Inzage", "version": self.version },
            "implementation": { "description": format!("The dossiers of {}, for apps of clients and their contacts", self.name), "url": self.base },
            "fhirVersion": "4.0.1",
            "format": ["application/fhir+json", "json"],
            "rest": [{
                "mode": "server",
                "documentation": "Every interaction needs a SMART access token and shows only the clients that its owner may see; \
                                  profiles, code systems, value sets and code tables are for anybody. \
                                  Searches take Prefer: handling=strict|lenient, _sort by any date parameter, _lastUpdated or _id, \
                                  _count up to 200, _total=none|accurate and _summary=count. A batch holds up to 50 reads and \
                                  searches. Not offered: writes, transactions, chaining, _has, _include, _filter, _query, GraphQL, search and history over all types. \
                                  The header X-Data-As-Of of an answer is an instant: everything that the care organisation's \
                                  system had told by then is in it; later changes may be.",
                "security": self.security(),
                "resource": resources,
                "interaction": [{ "code": "batch" }],
                "operation": [export("export")]
            }]
        })
    }

    fn security(&self) -> Value {
        let endpoints = &self.endpoints;
        let named = [
            ("authorize", Some(&endpoints.authorize)),
            ("token", Some(&endpoints.token)),
            ("introspect", endpoints.introspect.as_ref()),
            ("revoke", endpoints.revoke.as_ref()),
            ("register", endpoints.register.as_ref()),
            ("manage", endpoints.manage.as_ref()),
        ];
        let uris: Vec<Value> = named
            .into_iter()
            .filter_map(|(name, url)| Some(json!({ "url": name, "valueUri": url? })))
            .collect();
        json!({
            "extension": [{
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": uris
            }],
            "cors": true,
            "service": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR"
            }], "text": "SMART App Launch 2.2" }]
        })
    }
}

fn resource(kind: ResourceType) -> Value {
    if kind == ResourceType::Person {
        return person();
    }
    let interactions: Vec<Value> = INTERACTIONS.iter().map(|code| json!({ "code": code })).collect();
    let declared = search::COMMON.iter().chain(search::params(kind));
    let params: Vec<Value> = declared
        .map(|param| json!({ "name": param.name, "definition": param.definition, "type": param.kind.as_str() }))
        .collect();
    let mut resource = json!({
        "type": kind.as_str(),
        "interaction": interactions,
        "versioning": "versioned",
        "readHistory": true,
        "updateCreate": false,
        "conditionalRead": "full-support",
        "searchParam": params
    });
    if kind == ResourceType::Patient {
        resource["operation"] = json!([export("patient-export")]);
    }
    resource
}

/// Bulk Data export at one level (<https://hl7.org/fhir/uv/bulkdata/>); for backend services only.
fn export(definition: &str) -> Value {
    json!({
        "name": "export",
        "definition": format!("http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{definition}")
    })
}

/// The one Group is made at the moment of the read too: all clients of the organisation.
fn group() -> Value {
    json!({
        "type": "Group",
        "documentation": "The Group `clients` stands for all clients of the organisation; only backend services read it.",
        "interaction": [{ "code": "read" }, { "code": "search-type" }],
        "versioning": "no-version",
        "readHistory": false,
        "updateCreate": false,
        "conditionalRead": "not-supported",
        "operation": [export("group-export")]
    })
}

/// Profiles, code systems, value sets and code tables, the same for everybody.
fn definition(kind: Definition) -> Value {
    let params: Vec<Value> = kind
        .params()
        .map(|param| json!({ "name": param.name, "definition": param.definition(), "type": param.compares.as_str() }))
        .collect();
    let mut resource = json!({
        "type": kind.as_str(),
        "documentation": "For anybody, without a token.",
        "interaction": [{ "code": "read" }, { "code": "search-type" }],
        "versioning": "no-version",
        "readHistory": false,
        "updateCreate": false,
        "conditionalRead": "not-supported",
        "searchParam": params
    });
    if kind.is_expanded() {
        let definition = "http://hl7.org/fhir/OperationDefinition/ValueSet-expand";
        resource["operation"] = json!([{ "name": "expand", "definition": definition }]);
    }
    resource
}

/// A Person is made at the moment of the read, so there is nothing to search and no version.
fn person() -> Value {
    json!({
        "type": ResourceType::Person.as_str(),
        "documentation": "The fhirUser of somebody who stands for more than one client; only their own token reads it.",
        "interaction": [{ "code": "read" }],
        "versioning": "no-version",
        "readHistory": false,
        "updateCreate": false,
        "conditionalRead": "not-supported"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> (usize, Value) {
        let profile = "https://inzage.dev/fhir/StructureDefinition/inzage-Client";
        let profiles = BTreeMap::from([("Patient".to_owned(), vec![profile.to_owned()])]);
        let bytes = Capability {
            name: "Topaz",
            profiles: &profiles,
            base: "https://gateway.example/topaz/fhir".to_owned(),
            version: "0.1.0",
            endpoints: Endpoints {
                authorize: "https://gateway.example/topaz/oauth/authorize".to_owned(),
                token: "https://gateway.example/topaz/oauth/token".to_owned(),
                introspect: None,
                revoke: None,
                register: None,
                manage: None,
            },
        }
        .into_bytes();
        (bytes.len(), serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn it_is_small_and_names_every_type_and_parameter() {
        let (size, value) = statement();
        assert!(size < 100_000, "{size}");
        let resources = value["rest"][0]["resource"].as_array().unwrap();
        let others = 1 + Definition::ALL.len();
        assert_eq!(
            resources.len(),
            ResourceType::ALL.len() + others,
            "and the Group, and definitions"
        );
        let patient = resources.iter().find(|one| one["type"] == "Patient").unwrap();
        assert_eq!(patient["supportedProfile"].as_array().unwrap().len(), 1);
        let set = resources.iter().find(|one| one["type"] == "ValueSet").unwrap();
        assert_eq!(set["operation"][0]["name"], "expand");
        for (resource, kind) in resources.iter().zip(ResourceType::ALL) {
            assert_eq!(resource["type"], kind.as_str());
            if *kind == ResourceType::Person {
                assert_eq!(resource["interaction"], json!([{ "code": "read" }]));
                continue;
            }
            let names = resource["searchParam"].as_array().unwrap();
            assert_eq!(names.len(), search::COMMON.len() + search::params(*kind).len());
        }
    }

    #[test]
    fn d15_an_absent_endpoint_is_absent() {
        let (_, value) = statement();
        let uris = value["rest"][0]["security"]["extension"][0]["extension"]
            .as_array()
            .unwrap();
        let names: Vec<_> = uris.iter().map(|uri| uri["url"].as_str().unwrap()).collect();
        assert_eq!(names, ["authorize", "token"]);
    }
}
