//! How another server knows us: by a token, by a token that is fetched, by a certificate.

use inzage::ecd::Connector as _;
use inzage::ecd::mock::ons::Authority;
use inzage::ecd::upstream::{Backend, Certificate, Token};
use inzage::secret::Secret;
use inzage::sync::Want;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData as _};
use serde_json::Value;

use super::World;
use super::server::router;
use crate::support;

#[tokio::test]
async fn without_the_right_token_nothing_is_read() {
    let world = World::new().await;
    assert!(world.connector(world.settings()).ping().await.is_ok());
    let mut settings = world.settings();
    settings.token = Some(Token::Fixed(Secret::new("another".to_owned())));
    let told = world.connector(settings).ping().await.unwrap_err().to_string();
    assert!(
        told.starts_with("/metadata: the source does not admit us (HTTP 401)"),
        "{told}"
    );
    assert!(!told.contains("another"), "{told}");
}

/// F12: an ECD that is busy, or does not admit us.
#[tokio::test]
async fn a_token_is_fetched_once_for_a_signed_assertion_and_again_when_it_is_refused() {
    let world = World::new().await;
    world.server.tokens.lock().unwrap().clear();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut settings = world.settings();
    let token_url = world.url.replace("/fhir/", "/token");
    settings.token = Some(Token::Backend(Backend {
        token_url: token_url.parse().unwrap(),
        client_id: "inzage".to_owned(),
        scope: "system/*.rs".to_owned(),
        key_pem: Secret::new(key.serialize_pem()),
        key_id: "k1".to_owned(),
    }));
    let upstream = world.connector(settings);
    let done = world.sync_with(&upstream, Want::Everything).await.unwrap();
    assert!(done.is_complete() && done.stored > 0, "{done:#?}");
    let assertions = || world.server.assertions.lock().unwrap().clone();
    assert_eq!(assertions().len(), 1, "one token for the whole run");

    let mut validation = Validation::new(Algorithm::ES384);
    validation.set_audience(&[&token_url]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // The clock of the test stands still.
    validation.validate_exp = false;
    let public = DecodingKey::from_ec_der(key.der_bytes());
    let claims = decode::<Value>(&assertions()[0], &public, &validation).unwrap().claims;
    assert_eq!((&claims["iss"], &claims["sub"]), (&"inzage".into(), &"inzage".into()));
    assert_eq!(claims["exp"], world.clock.now().as_second() + 300);

    // The server starts again and knows no token any more.
    world.server.tokens.lock().unwrap().clear();
    assert!(upstream.ping().await.is_ok());
    assert_eq!(assertions().len(), 2);
    world.clock.advance(SignedDuration::from_mins(5));
    assert!(upstream.ping().await.is_ok());
    assert_eq!(assertions().len(), 3, "a token that has ended is not sent");
}

#[tokio::test]
async fn a_server_may_ask_for_our_certificate() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::open(dir.path()).unwrap();
    let pair = authority.server("127.0.0.1".parse().unwrap()).unwrap();
    let address = support::tls::serve(router(world.server.clone()), &pair, authority.ca_pem()).await;
    let own = authority.client();
    let mut settings = world.settings();
    settings.base_url = format!("https://127.0.0.1:{}/fhir/", address.port()).parse().unwrap();
    settings.ca_pem = Some(authority.ca_pem().to_owned());
    settings.limits.attempts = 1;
    let told = world.connector(settings.clone()).ping().await.unwrap_err().to_string();
    assert!(told.contains("TLS handshake"), "{told}");
    settings.certificate = Some(Certificate {
        certificate_pem: own.certificate_pem.clone(),
        key_pem: own.key_pem.clone(),
    });
    assert!(world.connector(settings.clone()).ping().await.is_ok());
    // The server is pinned to the authority that we were told.
    let other = tempfile::tempdir().unwrap();
    settings.ca_pem = Some(Authority::open(other.path()).unwrap().ca_pem().to_owned());
    let told = world.connector(settings).ping().await.unwrap_err().to_string();
    assert!(told.contains("TLS handshake"), "{told}");
}
