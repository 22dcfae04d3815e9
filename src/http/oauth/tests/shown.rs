use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::oauth::acr;
use crate::oauth::dpop::tests::Holder;

const PATIENT: &str = "/topaz/fhir/Patient";
const SCOPE: &str = "openid fhirUser launch/patient patient/*.rs offline_access";

impl Gateway {
    fn proof(&self, holder: &Holder, method: &str, path: &str, token: Option<&str>) -> String {
        let url = format!("https://gateway.example{path}");
        let none = json!({});
        holder.jwt((method, &url), self.world.clock.now(), token, [&none, &none])
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A token that is bound to the key.
    async fn bound(&self, holder: &Holder) -> String {
        let code = self.world.code(&[("scope", SCOPE)]).await;
        let proof = self.proof(holder, "POST", "/topaz/oauth/token", None);
        let request = Request::post("/topaz/oauth/token")
            .header(CONTENT_TYPE, FORM)
            .header("dpop", proof);
        let got = self
            .send(request.body(Body::from(form(exchange(&code)))).unwrap())
            .await;
        assert_eq!(got.status, StatusCode::OK, "{}", got.text);
        assert_eq!(got.json()["token_type"], "DPoP");
        got.json()["access_token"].as_str().unwrap().to_owned()
    }
}

impl Got {
    /// Every challenge, in order.
    fn challenges(&self) -> Vec<String> {
        let all = self.headers.get_all(WWW_AUTHENTICATE).iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect()
    }
}

const METADATA: &str = "https://gateway.example/.well-known/oauth-protected-resource/topaz/fhir";
const ALGS: &str = "algs=\"ES256 ES384 PS256 RS256\"";

#[tokio::test]
async fn t15_c26_the_fhir_api_takes_a_bound_token_with_a_new_proof_and_in_no_other_way() {
    let gateway = Gateway::new().await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let token = gateway.bound(&holder).await;
    let (dpop, bearer) = (format!("DPoP {token}"), format!("Bearer {token}"));
    let with = async |authorization: &str, proofs: &[&str], path: &str| {
        let mut headers = vec![("authorization", authorization)];
        headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
        gateway.ask("GET", path, &headers).await
    };
    let fresh = || gateway.proof(&holder, "GET", PATIENT, Some(&token));
    let good = fresh();
    let got = with(&dpop, &[&good], PATIENT).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text);
    let with_query = with(&dpop, &[&fresh()], &format!("{PATIENT}?_count=1")).await;
    assert_eq!(with_query.status, StatusCode::OK);

    let of_thief = gateway.proof(&thief, "GET", PATIENT, Some(&token));
    let no_ath = gateway.proof(&holder, "GET", PATIENT, None);
    let elsewhere = gateway.proof(&holder, "GET", "/topaz/fhir/Observation", Some(&token));
    let (one, two) = (fresh(), fresh());
    for proofs in [
        &[good.as_str()][..],
        &[],
        &[&of_thief],
        &[&no_ath],
        &[&elsewhere],
        &["x"],
        &[&one, &two],
    ] {
        let got = with(&dpop, proofs, PATIENT).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{proofs:?}");
        assert_eq!(
            got.challenges(),
            [
                format!("DPoP error=\"invalid_dpop_proof\", {ALGS}"),
                format!("Bearer resource_metadata=\"{METADATA}\""),
            ]
        );
        assert!(got.text.contains("OperationOutcome"));
    }
    // As a bearer token it is none, also beside a proof; and a bearer token is none of a key.
    let tokens = gateway.world.tokens(SCOPE).await;
    let plain = tokens["access_token"].as_str().unwrap();
    let of_plain = gateway.proof(&holder, "GET", PATIENT, Some(plain));
    for (authorization, proof, first) in [
        (&bearer, fresh(), "Bearer error=\"invalid_token\""),
        (&format!("DPoP {plain}"), of_plain, "DPoP error=\"invalid_token\""),
    ] {
        let got = with(authorization, &[&proof], PATIENT).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
        let challenges = got.challenges();
        assert!(challenges[0].starts_with(first), "{challenges:?}");
        assert!(challenges.iter().any(|one| one.contains(ALGS)), "{challenges:?}");
    }
    let lines = gateway.world.audit().await;
    let count = |line: &str| lines.iter().filter(|one| *one == line).count();
    assert_eq!(count("token-presented refused dpop-proof"), 7, "{lines:?}");
    assert_eq!(count("token-presented refused unknown-token"), 2, "{lines:?}");

    // Userinfo is read in the same way.
    let userinfo = "/topaz/oauth/userinfo";
    let proof = gateway.proof(&holder, "GET", userinfo, Some(&token));
    assert_eq!(with(&dpop, &[&proof], userinfo).await.status, StatusCode::OK);
    let again = with(&dpop, &[&proof], userinfo).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(again.challenges()[0].starts_with("DPoP error=\"invalid_dpop_proof\""));
    assert_eq!(with(&bearer, &[], userinfo).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn t15_a_wrong_proof_at_the_token_endpoint_is_400_invalid_dpop_proof() {
    let gateway = Gateway::new().await;
    let holder = Holder::new();
    let code = gateway.world.code(&[]).await;
    let good = gateway.proof(&holder, "POST", "/topaz/oauth/token", None);
    let get = gateway.proof(&holder, "GET", "/topaz/oauth/token", None);
    for proofs in [&[get.as_str()][..], &["x"], &[""], &[&good, &good]] {
        let mut request = Request::post("/topaz/oauth/token").header(CONTENT_TYPE, FORM);
        for proof in proofs {
            request = request.header("dpop", *proof);
        }
        let got = gateway
            .send(request.body(Body::from(form(exchange(&code)))).unwrap())
            .await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{proofs:?}");
        assert_eq!(got.json()["error"], "invalid_dpop_proof");
        assert!(!got.text.contains(good.as_str()));
    }
}

#[tokio::test]
async fn t14_t15_a_page_of_a_registered_app_may_send_a_proof_and_read_the_challenge() {
    let gateway = Gateway::new().await;
    for path in ["/topaz/oauth/token", PATIENT] {
        let headers = [
            ("origin", "https://app.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization, dpop"),
        ];
        let got = gateway.ask("OPTIONS", path, &headers).await;
        assert!(got.header("access-control-allow-headers").contains("DPoP"), "{path}");
        let got = gateway.ask("GET", path, &headers[..1]).await;
        let exposed = got.header("access-control-expose-headers");
        assert!(exposed.contains("WWW-Authenticate"), "{path} {exposed}");
    }
}

#[tokio::test]
async fn s05_an_app_that_knows_an_address_of_data_alone_finds_who_gives_tokens_for_it() {
    let gateway = Gateway::new().await;
    let got = gateway.get("/topaz/fhir/Patient/p1").await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        got.challenges(),
        [
            format!("Bearer resource_metadata=\"{METADATA}\""),
            format!("DPoP {ALGS}"),
        ]
    );
    let document = gateway
        .get("/.well-known/oauth-protected-resource/topaz/fhir")
        .await
        .json();
    // RFC 9728 §3.3: it is about the resource that its address was made from.
    assert_eq!(document["resource"], "https://gateway.example/topaz/fhir");
    let server = document["authorization_servers"][0].as_str().unwrap();
    let path = server.strip_prefix("https://gateway.example").unwrap();
    let metadata = gateway
        .get(&format!("/.well-known/oauth-authorization-server{path}"))
        .await
        .json();
    assert_eq!(metadata["issuer"], server);
    assert_eq!(metadata["scopes_supported"], document["scopes_supported"]);
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    let nowhere = gateway.get("/.well-known/oauth-protected-resource/nobody/fhir").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn c18_a_tenant_that_asks_for_a_surer_or_younger_login_says_so_at_the_data() {
    // The tokens of this world come from a login by SMS.
    let demand = |levels: &[&str], age: Option<i64>| {
        let levels: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
        move |policy: &mut Policy| {
            policy.api_login.levels = levels;
            policy.api_login.max_age = age;
        }
    };
    for (levels, age, later, told) in [
        (&[acr::SMS][..], Some(120), 0, None),
        (&[acr::SMS], Some(120), 120, None),
        (
            &[acr::OTP],
            None,
            0,
            Some("acr_values=\"urn:inzage:acr:pwd+otp\", resource_metadata"),
        ),
        (
            &["substantial", acr::OTP],
            None,
            0,
            Some("acr_values=\"substantial urn:inzage:acr:pwd+otp\", resource_metadata"),
        ),
        (&[], Some(120), 121, Some("max_age=\"120\", resource_metadata")),
        (
            &[acr::SMS],
            Some(120),
            121,
            Some("acr_values=\"urn:inzage:acr:pwd+sms\", max_age=\"120\", resource_metadata"),
        ),
    ] {
        let gateway = Gateway::with(demand(levels, age)).await;
        let tokens = gateway.world.tokens(SCOPE).await;
        gateway.world.clock.advance(SignedDuration::from_secs(later));
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        let headers = [("authorization", bearer.as_str())];
        let got = gateway.ask("GET", PATIENT, &headers).await;
        let Some(told) = told else {
            assert_eq!(got.status, StatusCode::OK, "{levels:?} {age:?}");
            continue;
        };
        assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{levels:?} {age:?}");
        let first = format!("Bearer error=\"insufficient_user_authentication\", {told}");
        assert!(got.challenges()[0].starts_with(&first), "{:?}", got.challenges());
        let lines = gateway.world.audit().await;
        assert_eq!(lines.last().unwrap(), "token-presented refused insufficient-login");
        // Who is logged in may be asked all the same, and so may what the token is worth.
        let userinfo = gateway.ask("GET", "/topaz/oauth/userinfo", &headers).await;
        assert_eq!(userinfo.status, StatusCode::OK);
    }
}
