use super::*;
use crate::oauth::scope::{LAUNCHES, Scopes};

#[tokio::test]
async fn d01_to_d10_smart_configuration_is_json_for_everybody_and_says_only_what_is_true() {
    let gateway = Gateway::new().await;
    let path = "/topaz/fhir/.well-known/smart-configuration";
    for accept in ["text/html", "application/fhir+json", ""] {
        let request = Request::get(path).header("accept", accept).body(Body::empty()).unwrap();
        let got = gateway.send(request).await;
        assert_eq!(got.status, StatusCode::OK);
        let document = got.json();
        let base = "https://gateway.example/topaz";
        assert_eq!(document["authorization_endpoint"], format!("{base}/oauth/authorize"));
        assert_eq!(document["token_endpoint"], format!("{base}/oauth/token"));
        assert_eq!(document["issuer"], base);
        assert_eq!(
            document["code_challenge_methods_supported"],
            serde_json::json!(["S256"])
        );
        for (name, value) in document.as_object().unwrap() {
            let addressed = name.ends_with("_endpoint") || name.ends_with("_uri") || name == "issuer";
            assert!(!addressed || value.as_str().unwrap().starts_with(base), "{name}");
        }
        let capabilities = document["capabilities"].as_array().unwrap();
        assert!(capabilities.iter().all(Value::is_string));
        // D04, D08: apps with a key are offered with these algorithms, and apps without people.
        // D09, D10: what apps need for both ways of launching.
        for capability in [
            "launch-standalone",
            "launch-ehr",
            "authorize-post",
            "client-public",
            "client-confidential-symmetric",
            "client-confidential-asymmetric",
            "sso-openid-connect",
            "context-banner",
            "context-style",
            "context-ehr-patient",
            "context-standalone-patient",
            "permission-offline",
            "permission-patient",
            "permission-user",
            "permission-v1",
            "permission-v2",
        ] {
            assert!(capabilities.iter().any(|one| one == capability), "{capability}");
        }
        assert_eq!(
            document["token_endpoint_auth_signing_alg_values_supported"],
            serde_json::json!(["ES384", "RS384"])
        );
        // D19, T15
        assert_eq!(
            document["dpop_signing_alg_values_supported"],
            serde_json::json!(["ES256", "ES384", "PS256", "RS256"])
        );
        let grants = document["grant_types_supported"].as_array().unwrap();
        for grant in ["authorization_code", "refresh_token", "client_credentials"] {
            assert!(grants.iter().any(|one| one == grant), "{grant}");
        }
    }
    assert_eq!(
        gateway
            .get("/unknown/fhir/.well-known/smart-configuration")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn d11_every_listed_scope_can_be_granted() {
    let gateway = Gateway::new().await;
    let document = gateway.get("/topaz/fhir/.well-known/smart-configuration").await.json();
    for scope in document["scopes_supported"].as_array().unwrap() {
        let scope = scope.as_str().unwrap();
        if scope == "launch" {
            // It goes with a launch, which a portal asks for.
            continue;
        }
        if scope.starts_with("system/") || scope == LAUNCHES {
            let backend = Scopes::parse(&format!("system/*.rs {LAUNCHES}")).unwrap();
            let granted = Scopes::for_itself(scope, &backend).unwrap();
            assert_eq!(granted.to_string(), scope);
            continue;
        }
        let asked = format!("openid {scope}");
        let request = gateway.world.request(&[("scope", asked.as_str())]).await;
        assert!(
            request.scopes.to_string().split(' ').any(|granted| granted == scope),
            "{scope}"
        );
    }
}

#[tokio::test]
async fn d16_d18_the_server_metadata_stand_at_every_place_with_the_same_bytes() {
    let gateway = Gateway::new().await;
    let first = gateway.get("/topaz/.well-known/openid-configuration").await;
    let document = first.json();
    for name in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "userinfo_endpoint",
        "claims_supported",
    ] {
        assert!(!document[name].is_null(), "{name}");
    }
    for name in [
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "claims_parameter_supported",
    ] {
        assert_eq!(document[name], false, "{name}");
    }
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    for path in [
        "/topaz/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/topaz",
        "/.well-known/openid-configuration/topaz",
    ] {
        assert_eq!(gateway.get(path).await.text, first.text, "{path}");
    }
    let resource = gateway
        .get("/.well-known/oauth-protected-resource/topaz/fhir")
        .await
        .json();
    assert_eq!(resource["resource"], "https://gateway.example/topaz/fhir");
}

#[tokio::test]
async fn d20_the_key_set_is_public_cacheable_and_of_one_tenant() {
    let gateway = Gateway::new().await;
    let got = gateway.get("/topaz/oauth/jwks").await;
    assert_eq!(got.header("cache-control"), "public, max-age=3600");
    let keys = got.json();
    assert_eq!(
        (&keys["keys"][0]["kty"], &keys["keys"][0]["use"]),
        (&Value::from("RSA"), &Value::from("sig"))
    );
    assert!(keys["keys"][0]["kid"].is_string() && keys["keys"][0].get("d").is_none());
    let request = Request::get("/topaz/oauth/jwks").header("if-none-match", got.header(ETAG.as_str()));
    let again = gateway.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_ne!(gateway.get("/amaris/oauth/jwks").await.text, got.text);
}

#[tokio::test]
async fn d14_t14_c23_registered_origins_may_read_tokens_any_may_read_documents_and_none_the_pages() {
    let gateway = Gateway::new().await;
    let allowed = async |path: &str, origin: &str| {
        let request = Request::builder()
            .method(if path.ends_with("token") { "POST" } else { "GET" })
            .uri(path)
            .header("origin", origin)
            .header(CONTENT_TYPE, FORM);
        let got = gateway.send(request.body(Body::empty()).unwrap()).await;
        got.headers
            .get_all("access-control-allow-origin")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let token = "/topaz/oauth/token";
    assert_eq!(allowed(token, "https://app.example").await, ["https://app.example"]);
    assert_eq!(allowed(token, "http://127.0.0.1:5173").await, ["http://127.0.0.1:5173"]);
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
        "https://app.example/",
        "http://app.example",
        "https://app.example:8443",
        "http://127.0.0.1:80/x",
        "http://127.0.0.2:80",
    ] {
        assert!(allowed(token, origin).await.is_empty(), "{origin}");
    }
    for document in [
        "/topaz/fhir/.well-known/smart-configuration",
        "/topaz/.well-known/openid-configuration",
        "/topaz/oauth/jwks",
    ] {
        assert_eq!(allowed(document, "https://evil.example").await, ["*"], "{document}");
    }
    assert!(
        allowed("/topaz/oauth/authorize", "https://app.example")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn d15_the_capability_statement_names_the_same_addresses() {
    let gateway = Gateway::new().await;
    let smart = gateway.get("/topaz/fhir/.well-known/smart-configuration").await.json();
    let metadata = gateway.get("/topaz/fhir/metadata").await;
    let metadata: Value = serde_json::from_str(&metadata.text).unwrap();
    let listed = metadata["rest"][0]["security"]["extension"][0]["extension"]
        .as_array()
        .unwrap();
    let of = |name: &str| {
        listed
            .iter()
            .find(|item| item["url"] == name)
            .map(|item| item["valueUri"].clone())
    };
    for (legacy, name) in [
        ("authorize", "authorization_endpoint"),
        ("token", "token_endpoint"),
        ("introspect", "introspection_endpoint"),
        ("revoke", "revocation_endpoint"),
        ("manage", "management_endpoint"),
        ("register", "registration_endpoint"),
    ] {
        assert_eq!(of(legacy).as_ref(), smart.get(name), "{legacy}");
    }
}

#[tokio::test]
async fn d17_d19_the_metadata_tell_the_truth_on_every_optional_feature() {
    let gateway = Gateway::new().await;
    let document = gateway.get("/topaz/.well-known/openid-configuration").await.json();
    // Every member is of the type that its name says, and every address is ours and absolute.
    for (name, value) in document.as_object().unwrap() {
        let fits = match name.as_str() {
            "issuer" | "jwks_uri" => value.is_string(),
            "authorization_response_iss_parameter_supported"
            | "require_pushed_authorization_requests"
            | "backchannel_logout_supported"
            | "backchannel_logout_session_supported" => value.is_boolean(),
            "protected_resources" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            name if name.ends_with("_endpoint") => value.is_string(),
            name if name.ends_with("_parameter_supported") => value.is_boolean(),
            name if name.ends_with("_supported") => value
                .as_array()
                .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string)),
            _ => false,
        };
        assert!(fits, "{name}: {value}");
        if let Some(text) = value.as_str() {
            assert!(text.starts_with("https://gateway.example/topaz"), "{name}: {text}");
        }
    }
    let has = |name: &str, wanted: &str| document[name].as_array().unwrap().iter().any(|one| one == wanted);
    assert!(
        has("scopes_supported", "openid") && has("ui_locales_supported", "nl") && has("ui_locales_supported", "en")
    );
    assert!(has("prompt_values_supported", "none") && has("prompt_values_supported", "select_account"));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    for endpoint in [
        "userinfo_endpoint",
        "end_session_endpoint",
        "pushed_authorization_request_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
    ] {
        let path = document[endpoint]
            .as_str()
            .unwrap()
            .strip_prefix("https://gateway.example")
            .unwrap();
        assert_ne!(gateway.get(path).await.status, StatusCode::NOT_FOUND, "{endpoint}");
    }
    for methods in [
        "token_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
    ] {
        assert!(has(methods, "private_key_jwt"), "{methods}");
    }
    // What is said not to be understood is refused by the name that the standard has for it.
    for (member, parameter, value, error) in [
        (
            "request_parameter_supported",
            "request",
            "eyJhbGciOiJub25lIn0.e30.",
            "request_not_supported",
        ),
        (
            "request_uri_parameter_supported",
            "request_uri",
            "https://app.example/request",
            "request_uri_not_supported",
        ),
    ] {
        assert_eq!(document[member], false);
        let asked = query(&[(parameter, value)]);
        let told = gateway.get(&format!("/topaz/oauth/authorize?{asked}")).await.location();
        assert_eq!(pair(&told, "error").as_deref(), Some(error), "a22 {parameter}");
    }
    // Ignored, as it says: the request goes on.
    assert_eq!(document["claims_parameter_supported"], false);
    let asked = query(&[("claims", "{\"id_token\":{}}")]);
    let on = gateway.get(&format!("/topaz/oauth/authorize?{asked}")).await.location();
    assert_eq!(on.path(), "/topaz/login");
}

#[tokio::test]
async fn d19_the_levels_are_those_that_a_login_at_the_tenant_can_have() {
    let levels = async |password: Option<bool>, minimum: Option<&str>| {
        let gateway = Gateway::with(|policy| {
            policy.upstream = password.map(|password| crate::config::Upstream {
                name: "Provider".to_owned(),
                issuer: "https://login.example".to_owned(),
                client_id: "inzage".to_owned(),
                client_secret: crate::secret::Secret::new(String::new()),
                levels: ["low", "substantial"].map(str::to_owned).to_vec(),
                minimum: minimum.map(str::to_owned),
                password,
                ca: None,
            });
        })
        .await;
        let document = gateway.get("/topaz/.well-known/openid-configuration").await.json();
        let listed = document["acr_values_supported"].as_array().unwrap().clone();
        listed
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let own = crate::oauth::acr::LEVELS;
    assert_eq!(levels(None, None).await, own);
    let unnamed = crate::oauth::acr::UPSTREAM;
    assert_eq!(
        levels(Some(false), Some("substantial")).await,
        [&["substantial"][..], &unnamed].concat()
    );
    assert_eq!(
        levels(Some(true), None).await,
        [&own[..], &["low", "substantial"], &unnamed].concat()
    );
}
