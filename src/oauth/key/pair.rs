//! One key pair: made, kept as PKCS #8, signing.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::config::SigningAlg;
use crate::oauth::{Error, jws};

const SIZE: KeySize = KeySize::Rsa3072;

/// A private key that is ready to sign.
pub(super) enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair(…)")
    }
}

fn curve(alg: SigningAlg) -> Option<(&'static EcdsaSigningAlgorithm, &'static str)> {
    match alg {
        SigningAlg::Rs256 => None,
        SigningAlg::Es256 => Some((&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256")),
        SigningAlg::Es384 => Some((&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384")),
    }
}

/// A new private key as PKCS #8. An RSA key takes up to a second of CPU.
pub(super) fn make(alg: SigningAlg) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |_| Error::Key("it could not be made");
    let der = match curve(alg) {
        Some((curve, _)) => EcdsaKeyPair::generate(curve)
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(failed)?
            .as_ref()
            .to_vec(),
        None => {
            let pair = RsaKeyPair::generate(SIZE).map_err(failed)?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
            der.as_ref().to_vec()
        }
    };
    Ok(Zeroizing::new(der))
}

impl Pair {
    pub(super) fn read(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, Error> {
        let failed = |_| Error::Key("it cannot be read");
        match curve(alg) {
            Some((curve, _)) => EcdsaKeyPair::from_pkcs8(curve, pkcs8).map(Self::Ec).map_err(failed),
            None => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rsa).map_err(failed),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let (failed, rng) = (|_| Error::Key("it does not sign"), SystemRandom::new());
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Self::Ec(pair) => Ok(pair.sign(&rng, message).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

/// The key's id (RFC 7638) and its public half as a JWK.
pub(super) fn public(alg: SigningAlg, pkcs8: &[u8]) -> Result<(String, Value), Error> {
    let none = || Error::Key("it has no public half");
    let mut jwk = match (Pair::read(alg, pkcs8)?, curve(alg)) {
        (Pair::Ec(pair), Some((_, name))) => {
            // 0x04, then x and y of the same size (SEC 1 §2.3.3).
            let point = pair.public_key().as_ref().get(1..).ok_or_else(none)?;
            let (x, y) = point.split_at(point.len() / 2);
            json!({"kty": "EC", "crv": name, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
        }
        _ => rsa(pkcs8).ok_or_else(none)?,
    };
    let kid = jws::thumbprint(&jwk).ok_or_else(none)?;
    jwk["kid"] = json!(kid);
    jwk["alg"] = json!(alg.as_str());
    jwk["use"] = json!("sig");
    jwk["key_ops"] = json!(["verify"]);
    Ok((kid, jwk))
}

fn rsa(pkcs8: &[u8]) -> Option<Value> {
    let pem = Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8)
    ));
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
    let jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).ok()?).ok()?;
    Some(json!({"kty": "RSA", "n": jwk.get("n")?, "e": jwk.get("e")?}))
}
