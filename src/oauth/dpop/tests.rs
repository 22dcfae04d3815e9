//! Every way in which a proof can be wrong, and what a bound token is worth without one.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use tokio::task::JoinSet;

use super::*;
use crate::oauth::app::register;
use crate::oauth::pushed;
use crate::oauth::testing::{NATIVE, REDIRECT, SERVER, World, asked, body, error, exchange, posted};
use crate::oauth::token::{self, Answer, By, Refused};

const TOKEN: &str = "https://gateway.example/topaz/oauth/token";
const READ: &str = "https://gateway.example/topaz/fhir/Patient/p1";
const OFFLINE: &str = "openid fhirUser launch/patient patient/*.read offline_access";

/// An app that holds a key.
pub(crate) struct Holder(EcdsaKeyPair);

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Holder {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    pub(crate) fn jkt(&self) -> String {
        jws::thumbprint(&self.jwk()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encode(signature.as_ref()))
    }

    /// A proof with these changes of header and claims; `null` takes a member out.
    pub(crate) fn jwt(&self, to: (&str, &str), now: Timestamp, token: Option<&str>, changes: [&Value; 2]) -> String {
        let mut header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let jti = encode(&crate::secret::Random::Os.bytes::<12>());
        let mut claims = json!({"jti": jti, "htm": to.0, "htu": to.1, "iat": now.as_second()});
        if let Some(token) = token {
            claims["ath"] = json!(encode(&sha256(token.as_bytes())));
        }
        for (part, changes) in [&mut header, &mut claims].into_iter().zip(changes) {
            for (name, value) in changes.as_object().unwrap() {
                part[name] = value.clone();
            }
            part.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
        self.sign(&header, &claims)
    }

    /// A good proof for a request.
    fn shows(&self, to: (&str, &str), now: Timestamp, token: Option<&str>) -> Shown {
        Shown {
            jwt: self.jwt(to, now, token, [&json!({}), &json!({})]),
            method: to.0.to_owned(),
            url: to.1.to_owned(),
        }
    }
}

/// Posts to the token endpoint with a proof.
async fn post(world: &World, proof: Option<Shown>, authorization: Option<String>, pairs: &[(&str, &str)]) -> Answer {
    let mut form = posted(authorization, pairs);
    form.proof = proof;
    token::answer(&world.issuer, &world.tenant, form).await.unwrap()
}

impl World {
    /// A good proof for the token endpoint.
    fn proof(&self, holder: &Holder) -> Option<Shown> {
        Some(holder.shows(("POST", TOKEN), self.clock.now(), None))
    }

    /// Whether a read with this token passes, shown by this key or by none.
    async fn reads(&self, token: &str, holder: Option<&Holder>) -> Result<(), Refused> {
        let shown = holder.map(|holder| holder.shows(("GET", READ), self.clock.now(), Some(token)));
        let by = shown.as_ref().map_or(By::Bearer, |shown| By::Key(Some(shown)));
        let checked = token::check_for_data(&self.issuer, &self.tenant, token, by).await;
        checked.unwrap().map(|_| ())
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}"))
}

#[test]
fn t15_c26_a_proof_is_for_one_method_address_token_and_time() {
    let (holder, other) = (Holder::new(), Holder::new());
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let at = now.as_second();
    let none = json!({});
    let proof = |changes: [&Value; 2]| {
        let shown = Shown {
            jwt: holder.jwt(("GET", READ), now, Some("token"), changes),
            method: "GET".to_owned(),
            url: READ.to_owned(),
        };
        read(&shown, Some("token"), now)
    };
    assert_eq!(proof([&none, &none]).unwrap().jkt, holder.jkt());
    for good in [
        json!({"htu": format!("{READ}?_format=json#x")}),
        json!({"htu": READ.replace("https://gateway.example/", "HTTPS://Gateway.Example:443/")}),
        json!({"iat": at - 300}),
        json!({"iat": at + 60}),
        json!({"nonce": "of somebody else", "exp": at - 1}),
    ] {
        assert!(proof([&none, &good]).is_some(), "{good}");
    }
    for bad in [
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"jti": "a".repeat(256)}),
        json!({"jti": 7}),
        json!({"htm": null}),
        json!({"htm": "POST"}),
        json!({"htm": "get"}),
        json!({"htu": null}),
        json!({"htu": "/topaz/fhir/Patient/p1"}),
        json!({"htu": "https://gateway.example/topaz/fhir/Patient/p2"}),
        json!({"htu": "https://gateway.example/topaz/fhir/Patient/p1/"}),
        json!({"htu": "https://evil.example/topaz/fhir/Patient/p1"}),
        json!({"htu": "http://gateway.example/topaz/fhir/Patient/p1"}),
        json!({"iat": null}),
        json!({"iat": at - 301}),
        json!({"iat": at + 61}),
        json!({"iat": i64::MIN}),
        json!({"iat": at.to_string()}),
        json!({"iat": 1.5}),
        json!({"ath": null}),
        json!({"ath": encode(&sha256(b"other"))}),
        json!({"ath": "token"}),
    ] {
        assert_eq!(proof([&none, &bad]), None, "{bad}");
    }
    let mut tells = holder.jwk();
    tells["d"] = json!("AA");
    for bad in [
        json!({"typ": null}),
        json!({"typ": "JWT"}),
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "ES384"}),
        json!({"jwk": null}),
        json!({"jwk": other.jwk()}),
        json!({"jwk": tells}),
        json!({"jwk": {"kty": "oct", "k": "AA"}}),
        json!({"jwk": "https://evil.example/jwk"}),
        json!({"crit": ["b64"], "b64": false}),
    ] {
        assert_eq!(proof([&bad, &none]), None, "{bad}");
    }
    let empty = Shown {
        jwt: String::new(),
        method: "GET".to_owned(),
        url: READ.to_owned(),
    };
    assert_eq!(read(&empty, None, now), None);
}

#[tokio::test]
async fn t15_c26_a_bound_token_is_nothing_without_its_key() {
    let world = World::new().await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let code = world.code(&[("scope", OFFLINE)]).await;
    let tokens = body(post(&world, world.proof(&holder), None, &exchange(&code)).await);
    assert_eq!(tokens["token_type"], "DPoP");
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    assert_eq!(world.reads(access, Some(&holder)).await, Ok(()));
    assert_eq!(world.reads(access, None).await, Err(Refused::Unknown));
    assert_eq!(world.reads(access, Some(&thief)).await, Err(Refused::Proof));
    let bare = token::check_as(&world.issuer, &world.tenant, access, By::Key(None)).await;
    assert_eq!(bare.unwrap().unwrap_err(), Refused::Proof);
    // A token of a bearer is one of a bearer.
    let bearer = world.tokens(OFFLINE).await;
    assert_eq!(bearer["token_type"], "Bearer");
    let bearer = text(&bearer, "access_token");
    assert_eq!(world.reads(bearer, Some(&holder)).await, Err(Refused::Unknown));
    assert_eq!(world.reads(bearer, None).await, Ok(()));

    // The refresh token of a public app is bound too; who lacks the key cannot use it, and cannot end the family.
    let renew = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(error(post(&world, None, None, &renew).await), "invalid_grant");
    let stolen = post(&world, world.proof(&thief), None, &renew).await;
    assert_eq!(error(stolen), "invalid_grant");
    let renewed = body(post(&world, world.proof(&holder), None, &renew).await);
    assert_eq!(renewed["token_type"], "DPoP");
    let next = text(&renewed, "access_token");
    assert_eq!(world.reads(next, Some(&holder)).await, Ok(()));
    assert_eq!(world.reads(next, None).await, Err(Refused::Unknown));
    // The answer is repeated to the holder of the key alone.
    assert_eq!(error(post(&world, None, None, &renew).await), "invalid_grant");
    assert_eq!(body(post(&world, world.proof(&holder), None, &renew).await), renewed);

    let told = |lines: &[String], reason: &str| lines.iter().filter(|line| line.ends_with(reason)).count();
    let lines = world.audit().await;
    assert_eq!(told(&lines, " refresh-token-of-another-key"), 3, "{lines:?}");
}

#[tokio::test]
async fn t15_c26_a_proof_counts_once_also_at_the_same_time() {
    let world = Arc::new(World::new().await);
    let holder = Holder::new();
    let code = world.code(&[]).await;
    let first = world.proof(&holder);
    let tokens = body(post(&world, first.clone(), None, &exchange(&code)).await);
    // At the token endpoint: the second code is not used up by a proof that was shown before.
    let second = world.code(&[]).await;
    let again = post(&world, first, None, &exchange(&second)).await;
    assert_eq!(error(again), "invalid_dpop_proof");
    let good = post(&world, world.proof(&holder), None, &exchange(&second)).await;
    assert_eq!(body(good)["token_type"], "DPoP");

    let access = text(&tokens, "access_token").to_owned();
    let shown = holder.shows(("GET", READ), world.clock.now(), Some(&access));
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (world, shown, access) = (Arc::clone(&world), shown.clone(), access.clone());
        tasks.spawn(async move {
            let by = By::Key(Some(&shown));
            let checked = token::check_for_data(&world.issuer, &world.tenant, &access, by).await;
            checked.unwrap().is_ok()
        });
    }
    let passed = tasks.join_all().await.into_iter().filter(|passed| *passed).count();
    assert_eq!(passed, 1);

    // What cannot count any more is not kept.
    world.clock.advance(SignedDuration::from_secs(LIFE + SKEW + 1));
    let mut tx = world.issuer.db().begin().await.unwrap();
    assert_eq!(store::purge(&mut tx, world.clock.now()).await.unwrap(), 3);
    tx.commit().await.unwrap();
    assert_eq!(read(&shown, Some(&access), world.clock.now()), None);
}

#[tokio::test]
async fn t15_every_wrong_proof_at_the_token_endpoint_is_told_as_such() {
    let world = World::new().await;
    let holder = Holder::new();
    let code = world.code(&[]).await;
    let now = world.clock.now();
    for (to, method, url) in [
        (("POST", READ), "POST", TOKEN),
        (("GET", TOKEN), "POST", TOKEN),
        (("POST", "https://gateway.example/amaris/oauth/token"), "POST", TOKEN),
    ] {
        let mut shown = holder.shows(to, now, None);
        (shown.method, shown.url) = (method.to_owned(), url.to_owned());
        let refused = post(&world, Some(shown), None, &exchange(&code)).await;
        assert_eq!(error(refused), "invalid_dpop_proof", "{to:?}");
    }
    let late = holder.shows(("POST", TOKEN), now - SignedDuration::from_secs(301), None);
    assert_eq!(
        error(post(&world, Some(late), None, &exchange(&code)).await),
        "invalid_dpop_proof"
    );
    // None of it used up the code.
    assert_eq!(
        body(post(&world, world.proof(&holder), None, &exchange(&code)).await)["token_type"],
        "DPoP"
    );
}

#[tokio::test]
async fn t15_a_code_can_be_bound_to_the_key_beforehand_by_a_parameter_or_a_pushed_request() {
    let world = World::new().await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let jkt = holder.jkt();
    for proof in [None, world.proof(&thief)] {
        let code = world.code(&[("dpop_jkt", &jkt)]).await;
        assert_eq!(
            error(post(&world, proof, None, &exchange(&code)).await),
            "invalid_grant"
        );
        let good = post(&world, world.proof(&holder), None, &exchange(&code)).await;
        assert_eq!(body(good)["token_type"], "DPoP");
    }
    let wrong = world.begin(&[("dpop_jkt", "too short")]).await;
    assert!(format!("{wrong:?}").contains("invalid_request"), "{wrong:?}");

    let par = "https://gateway.example/topaz/oauth/par";
    let push = async |holder: &Holder, to: &str, jkt: &str| {
        let pairs = asked(&[("dpop_jkt", jkt)]);
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let mut form = posted(None, &pairs);
        let mut shown = holder.shows(("POST", to), world.clock.now(), None);
        par.clone_into(&mut shown.url);
        form.proof = Some(shown);
        pushed::push(&world.issuer, &world.tenant, form).await.unwrap()
    };
    let before = world.audit().await.len();
    assert_eq!(error(push(&thief, par, &jkt).await), "invalid_dpop_proof");
    assert_eq!(error(push(&holder, TOKEN, "").await), "invalid_dpop_proof");
    let line = "authorization-requested refused invalid_dpop_proof";
    assert_eq!(world.audit().await[before..], [line, line]);
    for given in ["", jkt.as_str()] {
        let pushed = body(push(&holder, par, given).await);
        let uri = [("request_uri", text(&pushed, "request_uri")), ("client_id", NATIVE)];
        let pairs = uri.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let begun = crate::oauth::request::begin(&world.issuer, &world.tenant.id, pairs, None).await;
        let crate::oauth::request::Begun::Stored(request) = begun.unwrap() else {
            panic!("the pushed request is not taken")
        };
        let url = world.approve(&request, world.approval(&request)).await.unwrap();
        let code = crate::oauth::testing::pair(&url, "code").unwrap();
        let stolen = post(&world, world.proof(&thief), None, &exchange(&code)).await;
        assert_eq!(error(stolen), "invalid_grant");
        let good = post(&world, world.proof(&holder), None, &exchange(&code)).await;
        assert_eq!(body(good)["token_type"], "DPoP");
    }
}

#[tokio::test]
async fn t15_n02_an_app_with_a_secret_binds_its_access_tokens_and_may_change_the_key() {
    use base64::engine::general_purpose::STANDARD;
    let world = World::new().await;
    let (one, two) = (Holder::new(), Holder::new());
    let basic = Some(format!(
        "Basic {}",
        STANDARD.encode(format!("{SERVER}:{}", world.secret))
    ));
    let code = world.code(&[("client_id", SERVER), ("scope", OFFLINE)]).await;
    let mut pairs = exchange(&code).to_vec();
    pairs.retain(|(name, _)| *name != "client_id");
    let tokens = body(post(&world, world.proof(&one), basic.clone(), &pairs).await);
    let about = async |token: &str| {
        let asked = posted(basic.clone(), &[("token", token)]);
        body(token::introspect(&world.issuer, &world.tenant, asked).await.unwrap())
    };
    let access = about(text(&tokens, "access_token")).await;
    assert_eq!(
        (&access["token_type"], &access["cnf"]),
        (&json!("DPoP"), &json!({"jkt": one.jkt()}))
    );
    let refresh = text(&tokens, "refresh_token");
    assert!(about(refresh).await.get("cnf").is_none(), "the secret binds it");
    let renew = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let renewed = body(post(&world, world.proof(&two), basic.clone(), &renew).await);
    assert_eq!(
        about(text(&renewed, "access_token")).await["cnf"],
        json!({"jkt": two.jkt()})
    );
}

#[tokio::test]
async fn t15_an_app_that_said_it_would_show_proofs_gets_nothing_without() {
    let world = World::new().await;
    let metadata = |demanded: Value| {
        json!({"client_name": "D", "token_endpoint_auth_method": "none", "redirect_uris": [REDIRECT],
            "dpop_bound_access_tokens": demanded})
    };
    let mut tx = world.issuer.db().begin().await.unwrap();
    let (now, random) = (world.clock.now(), world.issuer.random());
    let register = async |tx: &mut crate::db::Tx, metadata: &Value| {
        register(tx, &world.tenant.id, metadata, &world.config.oauth, now, random).await
    };
    let made = register(&mut tx, &metadata(json!(true))).await.unwrap();
    assert!(register(&mut tx, &metadata(json!("yes"))).await.is_err());
    tx.commit().await.unwrap();
    let app = text(&made, "client_id");
    let code = world.code(&[("client_id", app)]).await;
    let pairs = exchange(&code).map(|(name, value)| (name, if name == "client_id" { app } else { value }));
    assert_eq!(error(post(&world, None, None, &pairs).await), "invalid_request");
    let holder = Holder::new();
    let good = post(&world, world.proof(&holder), None, &pairs).await;
    assert_eq!(body(good)["token_type"], "DPoP");
}
