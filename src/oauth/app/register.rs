//! Registration: RFC 7591 client metadata in, the registration as JSON out.
//!
//! ```json
//! { "client_name": "Mijn Zorg", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none",
//!   "scope": "openid fhirUser launch/patient patient/*.read offline_access" }
//! ```
//!
//! # Design
//! Every problem is told at once, with the member's name and the remedy. Metadata that the gateway does not use is kept and
//! given back, as RFC 7591 §2 asks, and changes nothing. Two members are ours: `client_id`, for an operator who wants to
//! choose it, and `origins`, for pages that call the API from another origin than their redirect URIs.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::metadata::{CODE, REFRESH, Reader};
use super::{App, Kind, store};
use crate::config::{OAuth, TenantId};
use crate::db::{self, Tx};
use crate::secret::{Random, sha256};

/// Why nothing was registered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the client metadata cannot be used: {}", .0.join("; "))]
    Metadata(Vec<String>),
    #[error("client_id: an app with this id exists already; choose another or leave it out")]
    Taken,
    #[error(transparent)]
    Database(#[from] db::Error),
}

/// Registers an app; `settings` say where its keys may lie. The answer holds `client_secret` where one was made; it is shown this once.
pub async fn register(
    tx: &mut Tx,
    tenant: &TenantId,
    metadata: &Value,
    settings: &OAuth,
    now: Timestamp,
    random: &Random,
) -> Result<Value, Error> {
    let Value::Object(given) = metadata else {
        return Err(Error::Metadata(vec!["the metadata is not a JSON object".to_owned()]));
    };
    let Ready {
        mut app,
        origins,
        registration: mut answer,
    } = ready(given, settings, now, random).map_err(Error::Metadata)?;
    let kept = Value::Object(answer.clone()).to_string();
    if let Kind::Secret(hash) = &mut app.kind {
        let secret = random.token();
        *hash = sha256(secret.as_bytes());
        answer.insert("client_secret".to_owned(), json!(secret));
        answer.insert("client_secret_expires_at".to_owned(), json!(0));
    }
    store::insert(tx, tenant, &app, &origins, &kept, now)
        .await
        .map_err(|error| {
            if error.violates(&store::TAKEN) {
                Error::Taken
            } else {
                Error::Database(error)
            }
        })?;
    Ok(Value::Object(answer))
}

/// Client metadata that can be registered.
pub(super) struct Ready {
    pub(super) app: App,
    /// Of pages that call the API.
    pub(super) origins: Vec<String>,
    /// The metadata as they are given back, without a secret.
    pub(super) registration: Map<String, Value>,
}

/// Reads client metadata; everything that is wrong with them otherwise.
pub(super) fn ready(
    given: &Map<String, Value>,
    settings: &OAuth,
    now: Timestamp,
    random: &Random,
) -> Result<Ready, Vec<String>> {
    let mut reader = Reader {
        given,
        settings,
        problems: Vec::new(),
    };
    let (app, origins) = reader.app(random);
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let mut answer = given.clone();
    answer.insert("client_id".to_owned(), json!(app.client_id));
    answer.insert("client_id_issued_at".to_owned(), json!(now.as_second()));
    answer.insert("client_name".to_owned(), json!(app.name));
    answer.insert("redirect_uris".to_owned(), json!(app.redirect_uris));
    answer.insert("scope".to_owned(), json!(app.scopes.to_string()));
    // What it asked for; an app that says nothing gets what an app of a person may have. Refresh tokens come with the scopes:
    // many name the code alone and ask for offline_access, others name refresh_token and ask for neither. RFC 7591 §2 lets a
    // server put together what belongs together, and the answer says so.
    let mut grant_types = reader.grant_types();
    if grant_types.is_empty() {
        grant_types.push(CODE.to_owned());
    }
    match app.scopes.refreshes() {
        true if !grant_types.iter().any(|kind| kind == REFRESH) => grant_types.push(REFRESH.to_owned()),
        true => {}
        false => grant_types.retain(|kind| kind != REFRESH),
    }
    let method = match &app.kind {
        Kind::Public => "none",
        Kind::Secret(_) => reader
            .text("token_endpoint_auth_method")
            .unwrap_or("client_secret_basic"),
        Kind::Key(_) => "private_key_jwt",
    };
    answer.insert("token_endpoint_auth_method".to_owned(), json!(method));
    answer.insert("grant_types".to_owned(), json!(grant_types));
    Ok(Ready {
        app,
        origins,
        registration: answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::fresh::fresh;

    #[tokio::test]
    async fn the_four_kinds_of_apps_are_registered_and_found() {
        let (_dir, db) = fresh().await;
        let tenant = TenantId::parse("topaz").unwrap();
        let (now, random) = ("2026-11-22T10:00:00Z".parse().unwrap(), Random::seeded(1));
        let mut tx = db.begin().await.unwrap();
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "1"}]});
        for metadata in [
            json!({"client_id": "demo-native", "client_name": "N", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"}),
            json!({"client_id": "demo-server", "client_name": "S", "redirect_uris": ["https://s.example/cb"]}),
            json!({"client_id": "demo-backend", "client_name": "B", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "scope": "system/*.rs"}),
        ] {
            let answer = register(&mut tx, &tenant, &metadata, &OAuth::default(), now, &random)
                .await
                .unwrap();
            assert_eq!(answer["client_id"], metadata["client_id"]);
            let has_secret = metadata["client_id"] == "demo-server";
            assert_eq!(answer.get("client_secret").is_some(), has_secret);
        }
        let again = json!({"client_id": "demo-native", "client_name": "N", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"});
        let app = store::find(&mut tx, &tenant, "demo-native").await.unwrap().unwrap();
        assert!(app.is_public() && app.redirects_to("http://127.0.0.1:5555/callback"));
        let amaris = TenantId::parse("amaris").unwrap();
        assert!(store::find(&mut tx, &amaris, "demo-native").await.unwrap().is_none());
        assert!(
            store::origin_allowed(&mut tx, &tenant, "https://s.example")
                .await
                .unwrap()
        );
        assert!(
            !store::origin_allowed(&mut tx, &amaris, "https://s.example")
                .await
                .unwrap()
        );
        assert!(
            super::super::disable(&mut tx, &tenant, "demo-server", now)
                .await
                .unwrap()
        );
        assert!(
            !store::origin_allowed(&mut tx, &tenant, "https://s.example")
                .await
                .unwrap()
        );
        assert_eq!(store::list(&mut tx, &tenant).await.unwrap().len(), 2);
        let error = register(&mut tx, &tenant, &again, &OAuth::default(), now, &random)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Taken), "{error}");
    }

    #[tokio::test]
    async fn b25_a_key_set_inside_is_refused_unless_the_operator_allows_it() {
        let (_dir, db) = fresh().await;
        let tenant = TenantId::parse("topaz").unwrap();
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut tx = db.begin().await.unwrap();
        let inside = [
            "https://127.0.0.1/jwks",
            "https://127.1:8443/jwks",
            "https://10.0.0.1/jwks",
            "https://192.168.1.1/jwks",
            "https://169.254.169.254/jwks",
            "https://[::1]/jwks",
            "https://[fd00::1]/jwks",
            "https://[::ffff:10.0.0.1]/jwks",
        ];
        let anywhere = ["https://keys.example/jwks", "https://1.1.1.1/jwks"];
        let never = [
            "http://keys.example/jwks",
            "https://keys.example/jwks#a",
            "https://u:p@10.0.0.1/",
        ];
        for private in [false, true] {
            let settings = OAuth {
                private_app_keys: private,
                ..OAuth::default()
            };
            for address in inside.iter().chain(&anywhere).chain(&never) {
                let metadata = json!({
                    "client_name": "B", "grant_types": ["client_credentials"], "scope": "system/*.rs",
                    "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": address,
                });
                let taken = register(&mut tx, &tenant, &metadata, &settings, now, &Random::Os).await;
                let good = anywhere.contains(address) || private && inside.contains(address);
                match taken {
                    Ok(_) => assert!(good, "{address}, private: {private}"),
                    Err(Error::Metadata(problems)) => {
                        assert!(!good, "{address}, private: {private}");
                        assert!(
                            matches!(&problems[..], [one] if one.starts_with("jwks_uri:")),
                            "{problems:?}"
                        );
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn p02_an_app_gets_the_grant_types_that_it_asked_for_and_what_belongs_to_its_scopes() {
        const DEVICE: &str = crate::oauth::device::GRANT_TYPE;
        let (code, refresh) = ("authorization_code", "refresh_token");
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let (uris, scope) = (json!(["https://s.example/cb"]), "openid patient/*.rs");
        let said = |more: Value| {
            let mut given = json!({"client_name": "S", "scope": scope});
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let Value::Object(given) = given else {
                panic!("an object")
            };
            ready(&given, &OAuth::default(), now, &Random::Os)
        };
        for (more, told) in [
            (json!({"redirect_uris": uris}), json!([code])),
            (json!({"redirect_uris": uris, "grant_types": []}), json!([code])),
            (
                json!({"redirect_uris": uris, "scope": "openid offline_access"}),
                json!([code, refresh]),
            ),
            (json!({"redirect_uris": uris, "grant_types": [code]}), json!([code])),
            (
                json!({"redirect_uris": uris, "grant_types": [refresh, code, code], "scope": "openid online_access"}),
                json!([refresh, code]),
            ),
            (
                json!({"redirect_uris": uris, "grant_types": [refresh, code, code]}),
                json!([code]),
            ),
            (
                json!({"redirect_uris": uris, "grant_types": [code, DEVICE]}),
                json!([code, DEVICE]),
            ),
            (
                json!({"redirect_uris": uris, "grant_types": [code], "scope": "openid offline_access"}),
                json!([code, refresh]),
            ),
            (
                json!({"redirect_uris": uris, "grant_types": [code], "scope": "openid online_access"}),
                json!([code, refresh]),
            ),
            (
                json!({"grant_types": [DEVICE], "scope": "patient/*.rs offline_access"}),
                json!([DEVICE, refresh]),
            ),
            (json!({"grant_types": [DEVICE]}), json!([DEVICE])),
            (json!({"grant_types": [DEVICE, refresh]}), json!([DEVICE])),
        ] {
            let ready = said(more.clone()).unwrap_or_else(|problems| panic!("{more}: {problems:?}"));
            assert_eq!(ready.registration["grant_types"], told, "{more}");
            assert_eq!(ready.app.on_devices, told.as_array().unwrap().contains(&json!(DEVICE)));
        }
        for (more, place) in [
            (json!({"redirect_uris": uris, "grant_types": [refresh]}), "grant_types:"),
            (
                json!({"redirect_uris": uris, "grant_types": [DEVICE]}),
                "redirect_uris:",
            ),
        ] {
            let problems = said(more.clone()).err().unwrap_or_default();
            assert!(
                problems.iter().any(|problem| problem.starts_with(place)),
                "{more}: {problems:?}"
            );
        }
        // Without a scope it gets all that such an app may have: no refresh tokens.
        let all = said(json!({"redirect_uris": uris, "grant_types": [code], "scope": null}));
        assert!(all.is_err(), "null is no scope");
        let Value::Object(mut given) = json!({"client_name": "S", "redirect_uris": uris, "grant_types": [code]}) else {
            panic!("an object")
        };
        let scopes = |given: &Map<String, Value>| ready(given, &OAuth::default(), now, &Random::Os).unwrap().app.scopes;
        assert!(!scopes(&given).refreshes());
        given.remove("grant_types");
        assert!(scopes(&given).refreshes());
    }

    #[tokio::test]
    async fn every_problem_is_told_at_once() {
        let (_dir, db) = fresh().await;
        let tenant = TenantId::parse("topaz").unwrap();
        let mut tx = db.begin().await.unwrap();
        let private = json!({"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB", "d": "AA"}]});
        let metadata = json!({
            "client_id": "x", "client_name": "", "redirect_uris": ["http://app.example/cb"], "scope": "admin",
            "token_endpoint_auth_method": "private_key_jwt", "jwks": private, "response_types": ["token"], "origins": ["*"],
        });
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let error = register(&mut tx, &tenant, &metadata, &OAuth::default(), now, &Random::seeded(1))
            .await
            .unwrap_err();
        let Error::Metadata(problems) = error else {
            panic!("{error}")
        };
        for name in [
            "client_id:",
            "client_name:",
            "redirect_uris[0]:",
            "scope:",
            "jwks:",
            "response_types:",
            "origins:",
        ] {
            assert!(
                problems.iter().any(|problem| problem.starts_with(name)),
                "{name} in {problems:?}"
            );
        }
    }
}
