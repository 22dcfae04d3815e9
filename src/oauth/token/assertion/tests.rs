//! Every way in which an assertion can be wrong, and the two in which it is right.

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::oauth::app::register;
use crate::oauth::code::Code;
use crate::oauth::testing::{REDIRECT, VERIFIER, World, body, error};
use crate::oauth::token::Answer;

const APP: &str = "key-app";
const TOKEN: &str = "https://gateway.example/topaz/oauth/token";

/// The keys of the tests; making an RSA key is slow.
pub(in crate::oauth::token) struct Keys {
    pub(in crate::oauth::token) ec: EcdsaKeyPair,
    pub(in crate::oauth::token) other: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

pub(in crate::oauth::token) fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys {
        ec: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
        other: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
    })
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(in crate::oauth::token) fn ec_jwk(key: &EcdsaKeyPair, kid: &str) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at(48);
    json!({"kty": "EC", "crv": "P-384", "kid": kid, "x": encode(x), "y": encode(y)})
}

pub(in crate::oauth::token) fn rsa_jwk(kid: &str) -> Value {
    let public = keys().rsa.public_key();
    let (n, e) = (public.modulus(), public.exponent());
    json!({"kty": "RSA", "kid": kid, "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero())})
}

pub(in crate::oauth::token) fn jwks() -> Value {
    let mut encrypts = ec_jwk(&keys().ec, "enc");
    encrypts["use"] = json!("enc");
    json!({"keys": [ec_jwk(&keys().ec, "ec"), rsa_jwk("rsa"), encrypts]})
}

/// A world in which [`APP`] is registered.
async fn world() -> World {
    let world = World::new().await;
    let mut tx = world.issuer.db().begin().await.unwrap();
    for (client_id, tenant) in [(APP, &world.tenant), ("second-app", &world.tenant), (APP, &world.other)] {
        let metadata = json!({
            "client_id": client_id, "client_name": "Key", "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(),
        });
        register(
            &mut tx,
            &tenant.id,
            &metadata,
            &world.config.oauth,
            world.clock.now(),
            world.issuer.random(),
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    world
}

pub(in crate::oauth::token) fn header(algorithm: &str, kid: &str) -> Value {
    json!({"alg": algorithm, "kid": kid, "typ": "JWT"})
}

/// Good claims with these changes; `null` takes one out.
pub(in crate::oauth::token) fn claims_with(world: &World, changes: &Value) -> Value {
    let now = world.clock.now().as_second();
    let mut claims = json!({"iss": APP, "sub": APP, "aud": TOKEN, "iat": now, "exp": now + 240, "jti": "one"});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

pub(in crate::oauth::token) fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let signature = sign(message.as_bytes());
    format!("{message}.{}", encode(&signature))
}

pub(in crate::oauth::token) fn es384(key: &EcdsaKeyPair) -> impl FnOnce(&[u8]) -> Vec<u8> + '_ {
    |message| key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

fn good(world: &World, jti: &str) -> String {
    let claims = claims_with(world, &json!({"jti": jti}));
    signed(&header("ES384", "ec"), &claims, es384(&keys().ec))
}

/// Exchanges a new code with this assertion.
async fn exchange(world: &World, jwt: &str) -> Answer {
    let code = world.code(&[("client_id", APP)]).await;
    post(
        world,
        &code,
        &[("client_assertion_type", TYPE), ("client_assertion", jwt)],
    )
    .await
}

async fn post(world: &World, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    pairs.extend(more);
    world.post(&pairs).await
}

async fn refused(world: &World, jwt: &str, why: &str) {
    assert_eq!(error(exchange(world, jwt).await), Code::InvalidClient.as_str(), "{why}");
}

#[tokio::test]
async fn b04_an_app_proves_itself_with_es384_and_with_rs384() {
    let world = world().await;
    let tokens = body(exchange(&world, &good(&world, "a")).await);
    assert!(world.accepted(tokens["access_token"].as_str().unwrap()).await);
    let rs384 = |message: &[u8]| {
        let mut signature = vec![0; keys().rsa.public_modulus_len()];
        keys()
            .rsa
            .sign(&RSA_PKCS1_SHA384, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    };
    let jwt = signed(
        &header("RS384", "rsa"),
        &claims_with(&world, &json!({"jti": "b"})),
        rs384,
    );
    body(exchange(&world, &jwt).await);
    // The issuer is an audience as well.
    let issuer = claims_with(&world, &json!({"jti": "c", "aud": "https://gateway.example/topaz"}));
    body(exchange(&world, &signed(&header("ES384", "ec"), &issuer, es384(&keys().ec))).await);
    // A refresh needs a new proof, and gets no further without one.
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let jwt = good(&world, "d");
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_assertion_type", TYPE),
        ("client_assertion", &jwt),
    ];
    assert_eq!(error(world.post(&pairs[..2]).await), Code::InvalidClient.as_str());
    body(world.post(&pairs).await);
}

#[tokio::test]
async fn b02_the_kind_of_assertion_is_named() {
    let world = world().await;
    let (jwt, code) = (good(&world, "a"), world.code(&[("client_id", APP)]).await);
    for more in [
        vec![("client_assertion", jwt.as_str())],
        vec![("client_assertion_type", TYPE)],
        vec![
            ("client_assertion", jwt.as_str()),
            ("client_assertion_type", TYPE),
            ("client_secret", "x"),
        ],
        vec![
            ("client_assertion", jwt.as_str()),
            ("client_assertion_type", TYPE),
            ("client_id", "second-app"),
        ],
    ] {
        assert_eq!(
            error(post(&world, &code, &more).await),
            Code::InvalidRequest.as_str(),
            "{more:?}"
        );
    }
    let other = [
        ("client_assertion", jwt.as_str()),
        ("client_assertion_type", "urn:other"),
    ];
    assert_eq!(error(post(&world, &code, &other).await), Code::InvalidClient.as_str());
}

#[tokio::test]
async fn b06_b07_b08_b09_b10_b11_b23_b24_only_a_registered_key_speaks_for_the_app() {
    let world = world().await;
    let plain = claims_with(&world, &json!({}));
    let ec = |header: Value| signed(&header, &plain, es384(&keys().ec));
    for (name, value) in [
        ("jku", "https://evil.example/jwks"),
        ("x5u", "https://evil.example/x"),
        ("crit", "exp"),
    ] {
        let mut header = header("ES384", "ec");
        header[name] = json!(value);
        refused(&world, &ec(header), name).await;
    }
    let foreign = signed(&header("ES384", "ec"), &plain, es384(&keys().other));
    refused(&world, &foreign, "signed by another key").await;
    let jwt = good(&world, "x");
    let (head, tail) = jwt.split_once('.').unwrap();
    let (_, signature) = tail.split_once('.').unwrap();
    let changed = claims_with(&world, &json!({"jti": "y"})).to_string();
    let tampered = format!("{head}.{}.{signature}", encode(changed.as_bytes()));
    refused(&world, &tampered, "another payload").await;
    refused(&world, &signed(&header("none", "ec"), &plain, |_| Vec::new()), "none").await;
    let hs256 = |message: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, keys().rsa.public_key().as_ref());
        hmac::sign(&key, message).as_ref().to_vec()
    };
    refused(&world, &signed(&header("HS256", "rsa"), &plain, hs256), "HS256").await;
    let unlisted: [(&str, &dyn RsaEncoding); 3] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
    ];
    for (algorithm, encoding) in unlisted {
        let sign = |message: &[u8]| {
            let mut signature = vec![0; keys().rsa.public_modulus_len()];
            let rng = SystemRandom::new();
            keys().rsa.sign(encoding, &rng, message, &mut signature).unwrap();
            signature
        };
        let jwt = signed(&header(algorithm, "rsa"), &plain, sign);
        refused(&world, &jwt, algorithm).await;
    }
    refused(&world, &ec(header("ES384", "nobody")), "an unknown kid").await;
    refused(&world, &ec(header("ES384", "enc")), "a key for encryption").await;
    refused(&world, &ec(header("ES384", "rsa")), "a key of another kind").await;
    refused(&world, &ec(json!({"alg": "ES384", "typ": "JWT"})), "no kid").await;
    for bad in ["", "a", "a.b", "a.b.c", "....", "e30.e30.", &"a".repeat(9_000)] {
        let answer = error(exchange(&world, bad).await);
        assert!(
            answer == Code::InvalidClient.as_str() || bad.is_empty(),
            "{bad}: {answer}"
        );
    }
}

#[tokio::test]
async fn b12_to_b20_every_claim_is_there_and_right() {
    let world = world().await;
    let now = world.clock.now().as_second();
    for (why, changes) in [
        ("B12", json!({"sub": "second-app"})),
        ("B12", json!({"iss": "second-app"})),
        ("B13", json!({"iss": "nobody", "sub": "nobody"})),
        (
            "B07 of another app",
            json!({"iss": "demo-native", "sub": "demo-native"}),
        ),
        ("B14 iss", json!({"iss": null})),
        ("B14 sub", json!({"sub": null})),
        ("B14 aud", json!({"aud": null})),
        ("B14 exp", json!({"exp": null})),
        ("B14 jti", json!({"jti": null})),
        ("B14 empty jti", json!({"jti": ""})),
        ("B14 long jti", json!({"jti": "j".repeat(256)})),
        ("B15", json!({"exp": now})),
        ("B16", json!({"exp": now + 361})),
        ("B17 text", json!({"exp": (now + 60).to_string()})),
        (
            "B17 fraction",
            serde_json::from_str(&format!(r#"{{"exp": {}.5}}"#, now + 60)).unwrap(),
        ),
        (
            "B17 huge",
            serde_json::from_str(r#"{"exp": 99999999999999999999999}"#).unwrap(),
        ),
        ("B18 nbf", json!({"nbf": now + 61})),
        ("B18 iat", json!({"iat": now + 61})),
        ("B18 text", json!({"iat": "now"})),
        ("B19", json!({"aud": "https://other.example/topaz/oauth/token"})),
        (
            "B19 another tenant",
            json!({"aud": "https://gateway.example/amaris/oauth/token"}),
        ),
        ("B20", json!({"aud": [TOKEN, "https://other.example"]})),
    ] {
        let jwt = signed(
            &header("ES384", "ec"),
            &claims_with(&world, &changes),
            es384(&keys().ec),
        );
        refused(&world, &jwt, why).await;
    }
    // Nothing of all that used the jti up, and a minute of skew is allowed.
    let late = claims_with(&world, &json!({"exp": now + 360, "iat": now + 60}));
    body(exchange(&world, &signed(&header("ES384", "ec"), &late, es384(&keys().ec))).await);
}

#[tokio::test]
async fn b21_b22_an_assertion_counts_once_also_in_parallel() {
    let world = world().await;
    let jwt = good(&world, "same");
    body(exchange(&world, &jwt).await);
    refused(&world, &jwt, "the same again").await;
    refused(&world, &good(&world, "same"), "the same jti again").await;
    // The same jti of another app is another one.
    let second = claims_with(
        &world,
        &json!({"iss": "second-app", "sub": "second-app", "jti": "same"}),
    );
    let second = signed(&header("ES384", "ec"), &second, es384(&keys().ec));
    let code = world.code(&[("client_id", "second-app")]).await;
    body(
        post(
            &world,
            &code,
            &[("client_assertion_type", TYPE), ("client_assertion", &second)],
        )
        .await,
    );

    let jwt = good(&world, "race");
    let token = body(exchange(&world, &good(&world, "first")).await)["access_token"].clone();
    let pairs = [
        ("token", token.as_str().unwrap()),
        ("client_assertion_type", TYPE),
        ("client_assertion", jwt.as_str()),
    ];
    let asks = (0..50).map(|_| {
        let posted = crate::oauth::testing::posted(None, &pairs);
        let (issuer, tenant) = (world.issuer.clone(), std::sync::Arc::clone(&world.tenant));
        tokio::spawn(async move { crate::oauth::token::introspect(&issuer, &tenant, posted).await })
    });
    let mut active = 0;
    for ask in asks.collect::<Vec<_>>() {
        match ask.await.unwrap().unwrap() {
            Answer::Body(body) | Answer::Created(body) => {
                assert_eq!(body["active"], true);
                active += 1;
            }
            Answer::Refused(refusal) => assert_eq!(refusal.code, Code::InvalidClient),
        }
    }
    assert_eq!(active, 1);
}
