//! Who the organisation is, for apps that show many.

use super::*;

#[tokio::test]
async fn d12_u01_u02_the_brands_are_for_everybody_name_one_organisation_and_lead_to_its_api() {
    let website = |text: &str| Some(Url::parse(text).unwrap());
    for named in [true, false] {
        let gateway = Gateway::with(|policy| {
            if named {
                policy.brand.website = website("https://www.topaz.example/over-ons");
                policy.brand.logo = website("https://www.topaz.example/logo.svg");
                policy.brand.portal_name = Some("Mijn Topaz".to_owned());
            }
        })
        .await;
        let smart = gateway.get("/topaz/fhir/.well-known/smart-configuration").await.json();
        let address = smart["user_access_brand_bundle"].as_str().unwrap();
        let path = address.strip_prefix("https://gateway.example").unwrap();
        let asked = Request::get(path).header("origin", "https://anybody.example");
        let got = gateway.send(asked.body(Body::empty()).unwrap()).await;
        assert_eq!(got.status, StatusCode::OK);
        assert_eq!(got.header("content-type"), "application/fhir+json");
        assert_eq!(got.header("access-control-allow-origin"), "*");
        let tag = got.header(ETAG.as_str());
        assert!(tag.starts_with("W/\""), "{tag}");
        let asked = Request::get(path).header("if-none-match", tag);
        let again = gateway.send(asked.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));

        let bundle: Value = serde_json::from_str(&got.text).unwrap();
        assert_eq!(
            (&bundle["resourceType"], &bundle["type"]),
            (&"Bundle".into(), &"collection".into())
        );
        assert_eq!(bundle["timestamp"], "2026-11-22T10:00:00Z");
        let of = |kind: &str| -> Vec<&Value> {
            let entries = bundle["entry"].as_array().unwrap().iter();
            let resources = entries.map(|entry| &entry["resource"]);
            resources.filter(|resource| resource["resourceType"] == kind).collect()
        };
        let (organisations, endpoints) = (of("Organization"), of("Endpoint"));
        assert_eq!((organisations.len(), endpoints.len()), (1, 1));
        let (organisation, endpoint) = (organisations[0], endpoints[0]);
        // user-access-brand
        assert_eq!(organisation["name"], "topaz");
        assert_eq!(organisation["telecom"].as_array().unwrap().len(), 1);
        assert_eq!(organisation["telecom"][0]["system"], "url");
        let reference = format!("Endpoint/{}", endpoint["id"].as_str().unwrap());
        assert_eq!(organisation["endpoint"], serde_json::json!([{"reference": reference}]));
        let extensions = organisation["extension"].as_array().unwrap();
        let portal = extensions
            .iter()
            .find(|one| one["url"].as_str().unwrap().ends_with("/organization-portal"));
        let parts = portal.unwrap()["extension"].as_array().unwrap();
        let shown = parts.iter().find(|part| part["url"] == "portalEndpoint").unwrap();
        assert_eq!(shown["valueReference"]["reference"], reference);
        let identifier = serde_json::json!({"system": "urn:ietf:rfc:3986", "value": "https://topaz.example"});
        if named {
            assert_eq!(smart["user_access_brand_identifier"], identifier);
            assert_eq!(organisation["identifier"], serde_json::json!([identifier]));
            assert_eq!(
                organisation["telecom"][0]["value"],
                "https://www.topaz.example/over-ons"
            );
        } else {
            assert!(smart.get("user_access_brand_identifier").is_none() && organisation.get("identifier").is_none());
            let absent = &organisation["telecom"][0]["_value"]["extension"][0];
            assert!(absent["url"].as_str().unwrap().ends_with("/data-absent-reason"));
            assert_eq!(absent["valueCode"], "asked-unknown");
        }
        // user-access-endpoint, and it is there.
        assert_eq!(endpoint["extension"][0]["valueCode"], "4.0.1");
        assert_eq!(endpoint["contact"][0]["system"], "url");
        let base = endpoint["address"]
            .as_str()
            .unwrap()
            .strip_prefix("https://gateway.example")
            .unwrap();
        let metadata = gateway.get(&format!("{base}/metadata")).await;
        assert_eq!(metadata.status, StatusCode::OK);
        assert!(metadata.text.contains("\"CapabilityStatement\""));
        let nowhere = gateway.get("/nobody/.well-known/user-access-brands").await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    }
}
