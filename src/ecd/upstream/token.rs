//! What stands in `Authorization`: a token that was given, or one that is fetched for a signed assertion and kept while it is good.
//!
//! # Design
//! SMART App Launch 2.2, Backend Services: `client_credentials` with `private_key_jwt`, ES384 or RS384, an assertion of five minutes
//! that is used once. A token is kept until shortly before its end. A 401 throws it away, once a request: a server may forget its
//! tokens when it starts again, and one that refuses a fresh token means it.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use super::{Backend, Token, tls};
use crate::ecd::Error;
use crate::ecd::http::tls::wrong;
use crate::secret::Random;

/// How a request for a token is called in errors.
pub(super) const PATH: &str = "token endpoint";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// For how long an assertion is good.
const ASSERTED: SignedDuration = SignedDuration::from_mins(5);
/// A token that ends sooner than this is not sent any more.
const LEFT: SignedDuration = SignedDuration::from_secs(30);
/// What a server is believed to mean that does not say when its token ends.
const UNSAID: i64 = 60;
/// No token is kept for longer.
const MOST: i64 = 3_600;

pub(super) enum Credential {
    Nothing,
    Fixed(HeaderValue),
    Backend(Box<Signer>),
}

pub(super) struct Signer {
    backend: Backend,
    algorithm: Algorithm,
    key: EncodingKey,
    /// One request for a token at a time: the others wait for it.
    kept: Mutex<Kept>,
}

/// A token and when it ends.
#[derive(Default)]
pub(super) struct Kept(Option<(HeaderValue, Timestamp)>);

impl Kept {
    /// The token, if it is good for a while yet.
    pub(super) fn good(&self, now: Timestamp) -> Option<HeaderValue> {
        let (value, end) = self.0.as_ref()?;
        let soon = now.saturating_add(LEFT).ok()?;
        (soon < *end).then(|| value.clone())
    }

    /// Keeps the token of an answer (RFC 6749 §5.1).
    pub(super) fn keep(&mut self, answer: &Value, now: Timestamp) -> Result<HeaderValue, Error> {
        let problem = "the answer has no bearer token";
        let kind = answer["token_type"].as_str().unwrap_or_default();
        let token = answer["access_token"].as_str().filter(|token| !token.is_empty());
        let value = token.filter(|_| kind.eq_ignore_ascii_case("bearer")).and_then(header);
        let value = value.ok_or(Error::Shape { path: PATH, problem })?;
        let seconds = answer["expires_in"].as_i64().unwrap_or(UNSAID).clamp(0, MOST);
        let end = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
        self.0 = Some((value.clone(), end));
        Ok(value)
    }
}

impl Credential {
    pub(super) fn new(token: Option<Token>) -> Result<Self, Error> {
        match token {
            None => Ok(Self::Nothing),
            Some(Token::Fixed(token)) => {
                let value = header(token.expose());
                let value = value.ok_or_else(|| wrong("token_file", "holds what cannot stand in a header"))?;
                Ok(Self::Fixed(value))
            }
            Some(Token::Backend(backend)) => {
                tls::check("token_url", &backend.token_url)?;
                let (algorithm, key) = signing(backend.key_pem.expose())?;
                Ok(Self::Backend(Box::new(Signer {
                    backend,
                    algorithm,
                    key,
                    kept: Mutex::default(),
                })))
            }
        }
    }

    /// Forgets a token that was refused; whether another one can be had.
    pub(super) async fn refused(&self, token: &HeaderValue) -> bool {
        let Self::Backend(signer) = self else {
            return false;
        };
        let mut kept = signer.kept.lock().await;
        // Another request may have fetched a new one meanwhile.
        if kept.0.as_ref().is_some_and(|(value, _)| value == token) {
            kept.0 = None;
        }
        true
    }
}

impl Signer {
    pub(super) fn url(&self) -> &Url {
        &self.backend.token_url
    }

    /// The token that is kept; whoever finds none fetches one while the others wait.
    pub(super) async fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().await
    }

    /// What is posted for a token.
    pub(super) fn form(&self, now: Timestamp, random: &Random) -> Result<Vec<(&'static str, String)>, Error> {
        let mut head = Header::new(self.algorithm);
        head.kid = Some(self.backend.key_id.clone());
        let until = now.saturating_add(ASSERTED).unwrap_or(now);
        let claims = json!({
            "iss": self.backend.client_id, "sub": self.backend.client_id, "aud": self.backend.token_url.as_str(),
            "iat": now.as_second(), "exp": until.as_second(), "jti": random.token(),
        });
        let assertion = encode(&head, &claims, &self.key).map_err(|_| unfit())?;
        Ok(vec![
            ("grant_type", "client_credentials".to_owned()),
            ("scope", self.backend.scope.clone()),
            ("client_assertion_type", ASSERTION.to_owned()),
            ("client_assertion", assertion),
        ])
    }
}

fn unfit() -> Error {
    wrong(
        "token_key_file",
        "no private key in PEM form (PKCS#8) found that signs ES384 (P-384) or RS384 (RSA)",
    )
}

/// The algorithm that this key signs with: tried out, because a PEM text does not say its curve.
fn signing(pem: &str) -> Result<(Algorithm, EncodingKey), Error> {
    let keys = [
        (Algorithm::ES384, EncodingKey::from_ec_pem(pem.as_bytes())),
        (Algorithm::RS384, EncodingKey::from_rsa_pem(pem.as_bytes())),
    ];
    keys.into_iter()
        .filter_map(|(algorithm, key)| Some((algorithm, key.ok()?)))
        .find(|(algorithm, key)| encode(&Header::new(*algorithm), &json!({}), key).is_ok())
        .ok_or_else(unfit)
}

fn header(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, SignatureAlgorithm};

    use super::*;
    use crate::secret::Secret;

    fn credential(algorithm: &'static SignatureAlgorithm) -> Result<Credential, Error> {
        Credential::new(Some(Token::Backend(Backend {
            token_url: "https://fhir.example/token".parse().unwrap(),
            client_id: "inzage".to_owned(),
            scope: "system/*.rs".to_owned(),
            key_pem: Secret::new(KeyPair::generate_for(algorithm).unwrap().serialize_pem()),
            key_id: "k1".to_owned(),
        })))
    }

    fn now() -> Timestamp {
        "2026-11-22T06:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_assertion_is_signed_with_a_smart_algorithm_and_used_once() {
        for (algorithm, name) in [(&PKCS_ECDSA_P384_SHA384, "ES384"), (&PKCS_RSA_SHA256, "RS384")] {
            let Ok(Credential::Backend(signer)) = credential(algorithm) else {
                panic!("{name}: the key signs");
            };
            let mut seen = HashSet::new();
            for _ in 0..2 {
                let form = signer.form(now(), &Random::Os).unwrap();
                let (_, assertion) = form.iter().find(|(name, _)| *name == "client_assertion").unwrap();
                let parts: Vec<Value> = assertion
                    .split('.')
                    .take(2)
                    .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
                    .collect();
                assert_eq!((&parts[0]["alg"], &parts[0]["kid"]), (&json!(name), &json!("k1")));
                assert_eq!(parts[1]["aud"], "https://fhir.example/token");
                assert_eq!(parts[1]["exp"], now().as_second() + 300);
                assert!(seen.insert(parts[1]["jti"].to_string()), "an assertion is used once");
            }
        }
        assert!(credential(&PKCS_ECDSA_P256_SHA256).is_err(), "ES256 is none of the two");
    }

    #[test]
    fn a_token_is_kept_until_shortly_before_its_end() {
        let mut kept = Kept::default();
        let answer = json!({"access_token": "abc", "token_type": "Bearer", "expires_in": 300});
        kept.keep(&answer, now()).unwrap();
        let after = |seconds| now() + SignedDuration::from_secs(seconds);
        assert!(kept.good(after(269)).is_some());
        assert!(kept.good(after(270)).is_none());
        for bad in [
            json!({"access_token": "abc", "token_type": "DPoP"}),
            json!({"access_token": "", "token_type": "Bearer"}),
            json!({"access_token": "a\nb", "token_type": "Bearer"}),
            json!({"token_type": "Bearer"}),
        ] {
            assert!(Kept::default().keep(&bad, now()).is_err(), "{bad}");
        }
    }
}
