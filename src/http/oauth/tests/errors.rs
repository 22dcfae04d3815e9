//! Every error code that an app can hear, with its status, endpoint by endpoint.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::db::{Sql, params};
use crate::oauth::app::register;
use crate::oauth::device::{self, UserCode};
use crate::oauth::request::{DENIED, deny};
use crate::oauth::testing::{NATIVE, SERVER};

const TELEVISION: &str = "television";
const ELSEWHERE: &str = "https://elsewhere.example/fhir";

/// A gateway that knows an app without a keyboard too.
async fn gateway() -> Gateway {
    let gateway = Gateway::new().await;
    let world = &gateway.world;
    let metadata = json!({"client_id": TELEVISION, "client_name": "Televisie", "token_endpoint_auth_method": "none",
        "grant_types": [device::GRANT_TYPE, "refresh_token"]});
    let mut tx = world.issuer.db().begin().await.unwrap();
    let (rules, now, random) = (&world.config.oauth, world.clock.now(), world.issuer.random());
    register(&mut tx, &world.tenant.id, &metadata, rules, now, random)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    gateway
}

impl Gateway {
    /// Posts to an OAuth endpoint; status and error code.
    async fn told(&self, endpoint: &str, headers: &[(&str, &str)], pairs: &[(&str, &str)]) -> (u16, String) {
        let mut request = Request::post(format!("/topaz/oauth/{endpoint}")).header(CONTENT_TYPE, FORM);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let given = pairs.iter().filter(|(_, value)| !value.is_empty()).copied();
        let got = self.send(request.body(Body::from(form(given))).unwrap()).await;
        assert_eq!(got.header(CACHE_CONTROL.as_str()), "no-store", "{pairs:?}");
        let body = got.json();
        assert!(
            body["error_description"].as_str().is_some_and(|text| text.len() > 10),
            "{body}"
        );
        (got.status.as_u16(), body["error"].as_str().unwrap().to_owned())
    }

    async fn codes(&self) -> Value {
        let pairs = form([("client_id", TELEVISION), ("scope", "patient/*.rs")]);
        self.post("/topaz/oauth/device_authorization", FORM, &pairs)
            .await
            .json()
    }

    async fn poll(&self, codes: &Value) -> (u16, String) {
        let pairs = [
            ("grant_type", device::GRANT_TYPE),
            ("client_id", TELEVISION),
            ("device_code", codes["device_code"].as_str().unwrap()),
        ];
        self.told("token", &[], &pairs).await
    }
}

fn expected(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

#[tokio::test]
async fn t05_t17_c12_every_refusal_of_the_token_endpoint_has_its_status_and_code() {
    let gateway = gateway().await;
    let code = gateway.world.code(&[]).await;
    let tokens = gateway.world.tokens("patient/*.rs launch/patient offline_access").await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let exchange = |changes: &[(&'static str, &'static str)]| {
        let mut pairs: Vec<(&str, &str)> = exchange(&code).to_vec();
        pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        pairs.extend(changes);
        pairs
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect::<Vec<_>>()
    };
    let renew = |scope: &str, client: &str| {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let more = [("scope", scope), ("client_id", client)];
        pairs
            .into_iter()
            .chain(more)
            .map(|(name, value)| (name, value.to_owned()))
            .collect::<Vec<_>>()
    };
    let own = |grant: &str, client: &str| vec![("grant_type", grant.to_owned()), ("client_id", client.to_owned())];
    for (pairs, status, error) in [
        (exchange(&[("grant_type", "")]), 400, "invalid_request"),
        (own("password", NATIVE), 400, "unsupported_grant_type"),
        (own("implicit", NATIVE), 400, "unsupported_grant_type"),
        (own("client_credentials", NATIVE), 400, "unauthorized_client"),
        (own("client_credentials", "demo-backend"), 401, "invalid_client"),
        (own("client_credentials", ""), 401, "invalid_client"),
        (own("authorization_code", NATIVE), 400, "invalid_request"),
        (own("refresh_token", NATIVE), 400, "invalid_request"),
        (own(device::GRANT_TYPE, TELEVISION), 400, "invalid_request"),
        (exchange(&[("client_id", "")]), 401, "invalid_client"),
        (exchange(&[("client_id", "nobody")]), 401, "invalid_client"),
        (exchange(&[("client_id", SERVER)]), 401, "invalid_client"),
        (
            exchange(&[("client_id", SERVER), ("client_secret", "wrong")]),
            401,
            "invalid_client",
        ),
        (exchange(&[("client_assertion", "x")]), 400, "invalid_request"),
        (
            exchange(&[("client_assertion", "x"), ("client_assertion_type", "y")]),
            401,
            "invalid_client",
        ),
        (exchange(&[("code", "made-up")]), 400, "invalid_grant"),
        (
            exchange(&[("redirect_uri", "https://evil.example/")]),
            400,
            "invalid_grant",
        ),
        (exchange(&[("code_verifier", "short")]), 400, "invalid_grant"),
        (exchange(&[("resource", ELSEWHERE)]), 400, "invalid_target"),
        (renew("patient/*.cruds", ""), 400, "invalid_scope"),
        (renew("", "nobody"), 401, "invalid_client"),
    ] {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            gateway.told("token", &[], &pairs).await,
            expected(status, error),
            "{pairs:?}"
        );
    }
    let good = self::exchange(&code);
    let proof = gateway.told("token", &[("dpop", "x")], &good).await;
    assert_eq!(proof, expected(400, "invalid_dpop_proof"));
    let twice = [("authorization", "Basic eDp5"), ("authorization", "Basic eDp5")];
    assert_eq!(
        gateway.told("token", &twice, &good).await,
        expected(400, "invalid_request")
    );
    let basic = gateway
        .told("token", &twice[..1], &[("grant_type", "client_credentials")])
        .await;
    assert_eq!(basic, expected(401, "invalid_client"));
    let lines = gateway.world.audit().await;
    for reason in [
        "invalid_client",
        "invalid_grant",
        "invalid_dpop_proof",
        "unauthorized_client",
    ] {
        let line = format!("token-issued refused {reason}");
        assert!(lines.contains(&line), "{reason} left no line: {lines:?}");
    }
    // None of it used up the code.
    let got = gateway.post("/topaz/oauth/token", FORM, &form(good)).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text);
}

#[tokio::test]
async fn t18_every_answer_to_a_device_that_asks_has_its_status_and_code() {
    let gateway = gateway().await;
    let world = &gateway.world;
    let codes = gateway.codes().await;
    assert_eq!(gateway.poll(&codes).await, expected(400, "authorization_pending"));
    assert_eq!(gateway.poll(&codes).await, expected(400, "slow_down"));
    let code = UserCode::parse(codes["user_code"].as_str().unwrap()).unwrap();
    let mut tx = world.issuer.db().begin().await.unwrap();
    let request = device::typed(&mut tx, &world.issuer, &world.tenant.id, &code)
        .await
        .unwrap()
        .unwrap();
    deny(&mut tx, &request, DENIED, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(gateway.poll(&codes).await, expected(400, "access_denied"));
    let codes = gateway.codes().await;
    world.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(gateway.poll(&codes).await, expected(400, "expired_token"));
    let made_up = json!({"device_code": "made-up"});
    assert_eq!(gateway.poll(&made_up).await, expected(400, "invalid_grant"));
}

#[tokio::test]
async fn a21_a22_c12_c25_every_refusal_of_a_pushed_request_has_its_status_and_code() {
    let gateway = gateway().await;
    for (changes, status, error) in [
        (&[("client_id", "")][..], 401, "invalid_client"),
        (&[("client_id", "nobody")], 401, "invalid_client"),
        (&[("client_id", SERVER)], 401, "invalid_client"),
        (
            &[("client_id", SERVER), ("client_secret", "wrong")],
            401,
            "invalid_client",
        ),
        (&[("redirect_uri", "https://evil.example/")], 400, "invalid_request"),
        (&[("code_challenge", "")], 400, "invalid_request"),
        (&[("code_challenge_method", "plain")], 400, "invalid_request"),
        (&[("aud", ELSEWHERE)], 400, "invalid_request"),
        (&[("resource", ELSEWHERE)], 400, "invalid_target"),
        (&[("scope", "admin")], 400, "invalid_scope"),
        (&[("response_type", "token")], 400, "unsupported_response_type"),
        (&[("response_type", "id_token")], 400, "unsupported_response_type"),
        (&[("response_mode", "fragment")], 400, "invalid_request"),
        (&[("response_mode", "web_message")], 400, "invalid_request"),
        (&[("request", "e30.e30.")], 400, "request_not_supported"),
        (&[("request_uri", "http://127.0.0.1/r")], 400, "invalid_request"),
        (&[("launch", "made-up")], 400, "invalid_request"),
        (&[("dpop_jkt", "short")], 400, "invalid_request"),
    ] {
        let pairs = asked(changes);
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            gateway.told("par", &[], &pairs).await,
            expected(status, error),
            "{changes:?}"
        );
    }
    let pairs = asked(&[]);
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let proof = gateway.told("par", &[("dpop", "x")], &pairs).await;
    assert_eq!(proof, expected(400, "invalid_dpop_proof"));
}

#[tokio::test]
async fn t18_every_refusal_of_codes_for_a_device_has_its_status_and_code() {
    const FULL: Sql = Sql::both(
        "INSERT INTO oauth_device (tenant, key, user_key, client_id, scope, state, pause, expires_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         SELECT 'topaz', 'key-' || i, 'user-' || i, 'television', 'patient/*.rs', 'waiting', 5, $1 FROM n",
    );
    let gateway = gateway().await;
    let usual = [("client_id", TELEVISION), ("scope", "patient/*.rs")];
    for (changes, status, error) in [
        (&[("client_id", "")][..], 401, "invalid_client"),
        (&[("client_id", "nobody")], 401, "invalid_client"),
        (&[("client_id", NATIVE)], 400, "unauthorized_client"),
        (&[("client_secret", "one")], 401, "invalid_client"),
        (&[("scope", "")], 400, "invalid_scope"),
        (&[("resource", ELSEWHERE)], 400, "invalid_target"),
        (&[("aud", ELSEWHERE)], 400, "invalid_request"),
    ] {
        let kept = usual
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let pairs: Vec<(&str, &str)> = kept.chain(changes).copied().collect();
        let told = gateway.told("device_authorization", &[], &pairs).await;
        assert_eq!(told, expected(status, error), "{changes:?}");
    }
    let world = &gateway.world;
    let mut tx = world.issuer.db().begin().await.unwrap();
    let until = world.clock.now() + SignedDuration::from_mins(10);
    assert_eq!(tx.execute(FULL, params![until]).await.unwrap(), 1_000);
    tx.commit().await.unwrap();
    let told = gateway.told("device_authorization", &[], &usual).await;
    assert_eq!(told, expected(503, "temporarily_unavailable"));
}

#[tokio::test]
async fn n01_n05_c21_every_refusal_of_revocation_and_introspection_has_its_status_and_code() {
    let gateway = gateway().await;
    let secret = gateway.world.secret.clone();
    for (endpoint, pairs, status, error) in [
        ("revoke", &[("client_id", NATIVE)][..], 400, "invalid_request"),
        (
            "revoke",
            &[("client_id", "nobody"), ("token", "x")],
            401,
            "invalid_client",
        ),
        (
            "revoke",
            &[("client_id", SERVER), ("token", "x")],
            401,
            "invalid_client",
        ),
        (
            "revoke",
            &[("client_secret", "one"), ("token", "x")],
            400,
            "invalid_request",
        ),
        (
            "introspect",
            &[("client_id", SERVER), ("client_secret", secret.as_str())],
            400,
            "invalid_request",
        ),
        ("introspect", &[("token", "x")], 401, "invalid_client"),
        (
            "introspect",
            &[("client_id", NATIVE), ("token", "x")],
            401,
            "invalid_client",
        ),
        (
            "introspect",
            &[("client_id", SERVER), ("client_secret", "wrong"), ("token", "x")],
            401,
            "invalid_client",
        ),
    ] {
        let told = gateway.told(endpoint, &[], pairs).await;
        assert_eq!(told, expected(status, error), "{endpoint} {pairs:?}");
    }
    let refused = gateway.world.audit().await;
    // A token that is missing is no wish; one that is there is, whoever shows it.
    assert_eq!(
        refused,
        [
            "token-revoked refused invalid_client",
            "token-revoked refused invalid_client",
            "token-revoked refused invalid_request"
        ]
    );
}
