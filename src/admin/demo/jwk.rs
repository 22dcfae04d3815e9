//! The demo backend's key: ES384, as a private JWK in a file (RFC 7517, RFC 7518 §6.2).

use std::path::Path;

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::operate;

/// The public JWK of the key in `file`, which is made if it is not there.
pub(super) fn public(file: &Path) -> anyhow::Result<Value> {
    if !file.exists() {
        serde_json::to_writer_pretty(operate::private(file)?, &private()?)?;
    }
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut key: Value = serde_json::from_slice(&text)?;
    key.as_object_mut().context("a JWK is an object")?.remove("d");
    Ok(key)
}

fn private() -> anyhow::Result<Value> {
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?;
    let public = key.public_key().as_ref();
    // An uncompressed point: 0x04, then x and y of 48 bytes each (SEC 1 §2.3.3).
    let (x, y) = public
        .get(1..)
        .and_then(|point| point.split_at_checked(48))
        .context("a P-384 point has 97 bytes")?;
    let d: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes()?;
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Ok(
        json!({"kty": "EC", "crv": "P-384", "alg": "ES384", "use": "sig", "kid": "demo-backend",
        "x": encode(x), "y": encode(y), "d": encode(d.as_ref())}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_half_stays_the_same_and_has_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("demo-backend.jwk");
        let first = public(&file).unwrap();
        assert_eq!(first, public(&file).unwrap());
        assert!(first.get("d").is_none());
        let private: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.decode(private["d"].as_str().unwrap()).unwrap().len(),
            48
        );
    }
}
