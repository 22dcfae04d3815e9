//! The OpenAPI document of a tenant's FHIR API, for tools that generate clients or tests.
//!
//! # Design
//! Made from the same tables as the CapabilityStatement ([`super::capability`]), which stays the contract of FHIR; this says
//! the same in the words of other tools. Resources are not described here: their profiles do that.

use serde_json::{Map, Value, json};

use super::capability::Capability;
use super::definition::Definition;
use super::search;
use super::types::ResourceType;

/// Parameters of a result, not of a resource (<https://hl7.org/fhir/R4/search.html#modifyingresults>).
const RESULT: &[(&str, &str)] = &[
    (
        "_sort",
        "A date parameter, _lastUpdated or _id; with - in front the other way round",
    ),
    ("_count", "Resources on a page, up to 200"),
    ("_total", "none or accurate"),
    ("_summary", "count: only the number"),
];

/// The document as JSON bytes.
pub fn document(of: &Capability<'_>) -> Vec<u8> {
    let mut paths = Map::new();
    paths.insert(
        "/metadata".to_owned(),
        json!({ "get": operation("CapabilityStatement", "metadata", &[], true) }),
    );
    let mut batch = operation("Bundle", "batch", &[], false);
    batch["requestBody"] = json!({
        "description": "A Bundle of type batch with up to 50 reads and searches",
        "content": { "application/fhir+json": { "schema": { "type": "object" } } }
    });
    paths.insert("/".to_owned(), json!({ "post": batch }));
    for kind in ResourceType::ALL {
        add(&mut paths, *kind);
    }
    for kind in Definition::ALL {
        define(&mut paths, *kind);
    }
    let flow = json!({
        "authorizationUrl": of.endpoints.authorize, "tokenUrl": of.endpoints.token, "refreshUrl": of.endpoints.token,
        "scopes": { "patient/*.rs": "Read and search what the person may see of the chosen client" }
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("FHIR API of {}", of.name),
            "version": of.version,
            "description": "FHIR R4, read only. Every path but /metadata and those of definitions needs a SMART access token."
        },
        "servers": [{ "url": of.base }],
        "security": [{ "smart": [] }],
        "paths": paths,
        "components": { "securitySchemes": { "smart": { "type": "oauth2", "flows": { "authorizationCode": flow } } } }
    })
    .to_string()
    .into_bytes()
}

fn add(paths: &mut Map<String, Value>, kind: ResourceType) {
    let declared: Vec<(&str, &str)> = search::COMMON
        .iter()
        .chain(search::params(kind))
        .map(|param| (param.name, param.kind.as_str()))
        .chain(RESULT.iter().copied())
        .collect();
    let path = |rest: &str| format!("/{kind}{rest}");
    let asked = declared.iter().map(
        |(name, about)| json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } }),
    );
    paths.insert(
        path(""),
        json!({ "get": operation("Bundle", &format!("search{kind}"), &asked.collect::<Vec<_>>(), false) }),
    );
    let fields: Map<String, Value> = declared
        .iter()
        .map(|(name, _)| ((*name).to_owned(), json!({ "type": "string" })))
        .collect();
    let mut by_form = operation("Bundle", &format!("searchByForm{kind}"), &[], false);
    by_form["requestBody"] = json!({ "content": { "application/x-www-form-urlencoded": { "schema": {
        "type": "object", "properties": fields
    } } } });
    paths.insert(path("/_search"), json!({ "post": by_form }));
    let (id, version) = (in_path("id", "[A-Za-z0-9.-]{1,64}"), in_path("version", "[1-9][0-9]*"));
    let name = kind.as_str();
    let one = [id.clone()];
    paths.insert(
        path("/{id}"),
        json!({ "get": operation(name, &format!("read{kind}"), &one, false) }),
    );
    paths.insert(
        path("/{id}/_history"),
        json!({ "get": operation("Bundle", &format!("history{kind}"), &one, false) }),
    );
    let both = [id, version];
    paths.insert(
        path("/{id}/_history/{version}"),
        json!({ "get": operation(name, &format!("vread{kind}"), &both, false) }),
    );
}

/// Profiles, code systems, value sets and code tables: for anybody.
fn define(paths: &mut Map<String, Value>, kind: Definition) {
    let in_query = |name: &str, about: &str| json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } });
    let asked: Vec<Value> = kind
        .params()
        .map(|param| in_query(param.name, param.compares.as_str()))
        .chain([in_query("_count", "Resources on a page, up to 200")])
        .collect();
    let id = in_path("id", "[A-Za-z0-9.-]{1,64}");
    let mut add = |path: String, answer: &str, id: String, parameters: &[Value]| {
        paths.insert(path, json!({ "get": operation(answer, &id, parameters, true) }));
    };
    add(format!("/{kind}"), "Bundle", format!("search{kind}"), &asked);
    add(
        format!("/{kind}/{{id}}"),
        kind.as_str(),
        format!("read{kind}"),
        std::slice::from_ref(&id),
    );
    if kind.is_expanded() {
        let filter = in_query("filter", "Only codes whose display has this text");
        let url = in_query("url", "The canonical of the value set");
        add(
            format!("/{kind}/{{id}}/$expand"),
            kind.as_str(),
            format!("expand{kind}"),
            &[id, filter.clone()],
        );
        add(
            format!("/{kind}/$expand"),
            kind.as_str(),
            format!("expand{kind}ByUrl"),
            &[url, filter],
        );
    }
}

fn in_path(name: &str, pattern: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "pattern": format!("^{pattern}$") } })
}

/// One operation that answers with a resource, or with an OperationOutcome.
fn operation(answer: &str, id: &str, parameters: &[Value], open: bool) -> Value {
    let as_of = "Everything that the source had told by then is in the answer";
    let headers = if open {
        json!({})
    } else {
        json!({ "X-Data-As-Of": { "description": as_of, "schema": { "type": "string", "format": "date-time" } } })
    };
    let content = json!({ "application/fhir+json": { "schema": { "type": "object" } } });
    let mut operation = json!({
        "operationId": id,
        "parameters": parameters,
        "responses": {
            "200": { "description": answer, "content": content.clone(), "headers": headers },
            "default": { "description": "OperationOutcome", "content": content }
        }
    });
    if open {
        operation["security"] = json!([]);
    }
    operation
}

#[cfg(test)]
mod tests {
    use super::super::capability::{Endpoints, INTERACTIONS};
    use super::*;

    #[test]
    fn every_type_has_every_interaction_and_every_parameter() {
        let of = Capability {
            name: "Topaz",
            profiles: &std::collections::BTreeMap::new(),
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
        };
        let document: Value = serde_json::from_slice(&document(&of)).unwrap();
        let paths = document["paths"].as_object().unwrap();
        // A search has a second form by POST, /metadata and the batch are no type's, and a value set is expanded by id and by
        // canonical.
        let of_data = ResourceType::ALL.len() * (INTERACTIONS.len() + 1);
        assert_eq!(paths.len(), of_data + 2 + Definition::ALL.len() * 2 + 2);
        assert_eq!(paths["/ValueSet/$expand"]["get"]["security"], json!([]));
        for kind in ResourceType::ALL {
            let asked = paths[&format!("/{kind}")]["get"]["parameters"].as_array().unwrap();
            let count = search::COMMON.len() + search::params(*kind).len() + RESULT.len();
            assert_eq!(asked.len(), count, "{kind}");
        }
        let mut ids: Vec<_> = paths
            .values()
            .flat_map(|path| path.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "an operation id is used once");
    }
}
