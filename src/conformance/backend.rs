//! A backend app asks for a token: it signs an assertion with the key that lies beside the target's `demo.json`.
//!
//! # Design
//! A case names what is wrong with the assertion (`claims`, `drop`, `header`, `tamper`); what it does not name is right. So each
//! case differs from a good request in one thing.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// A token request of a backend app, with changes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    pub app: String,
    /// Left out, the request has no scope.
    #[serde(default)]
    pub scope: Option<String>,
    /// In place of the form's own fields; an empty text takes one out.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    #[serde(default)]
    pub header: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub claims: BTreeMap<String, toml::Value>,
    /// Claims that are left out.
    #[serde(default)]
    pub drop: Vec<String>,
    /// In how many seconds the assertion ends.
    #[serde(default = "life")]
    pub life: i64,
    /// A claim is changed after signing.
    #[serde(default)]
    pub tamper: bool,
    /// Keeps `{as.access_token}`.
    #[serde(rename = "as", default)]
    pub name: Option<String>,
}

const fn life() -> i64 {
    240
}

/// The private key of the target's backend app.
pub(super) struct Key {
    kid: String,
    pair: EcdsaKeyPair,
}

impl Key {
    /// Reads a private JWK on P-384; `None` where there is none.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let jwk: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok();
        let point = [&[4][..], &part("x")?, &part("y")?].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P384_SHA384_FIXED_SIGNING, &part("d")?, &point);
        Some(Self {
            kid: jwk["kid"].as_str()?.to_owned(),
            pair: pair.ok()?,
        })
    }

    fn sign(&self, message: &str) -> Option<String> {
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).ok()?;
        Some(URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

impl Backend {
    /// The assertion; `fill` puts variables into texts.
    pub(super) fn assertion<E>(
        &self,
        key: &Key,
        audience: &str,
        jti: &str,
        now: Timestamp,
        fill: impl Fn(&str) -> Result<String, E>,
    ) -> Result<Option<String>, E> {
        let changed = |base: Value, changes: &BTreeMap<String, toml::Value>| {
            let mut base = base;
            for (name, value) in changes {
                base[name] = match value {
                    toml::Value::String(text) => json!(fill(text)?),
                    other => json!(other),
                };
            }
            Ok(base)
        };
        let header = changed(json!({"alg": "ES384", "kid": key.kid, "typ": "JWT"}), &self.header)?;
        let own = json!({
            "iss": self.app, "sub": self.app, "aud": audience, "jti": jti,
            "exp": now.as_second() + self.life,
        });
        let mut claims = changed(own, &self.claims)?;
        if let Some(claims) = claims.as_object_mut() {
            claims.retain(|name, _| !self.drop.contains(name));
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let Some(signature) = key.sign(&message) else {
            return Ok(None);
        };
        if self.tamper {
            claims["jti"] = json!(format!("{jti}-changed"));
        }
        Ok(Some(format!("{}.{}.{signature}", part(&header), part(&claims))))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, KeyPair as _, UnparsedPublicKey};

    use super::*;

    fn key(dir: &Path) -> Key {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
        let d: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kid": "k", "x": encode(x), "y": encode(y), "d": encode(d.as_ref())});
        let path = dir.join("key.jwk");
        std::fs::write(&path, jwk.to_string()).unwrap();
        Key::load(&path).unwrap()
    }

    #[test]
    fn an_assertion_is_right_but_for_what_the_case_changes() {
        let dir = tempfile::tempdir().unwrap();
        let key = key(dir.path());
        let read = |text: &str| -> (bool, Value) {
            let backend: Backend = toml::from_str(text).unwrap();
            let fill = |text: &str| Ok::<_, ()>(text.replace("{issuer}", "i"));
            let jwt = backend
                .assertion(&key, "a", "j", Timestamp::UNIX_EPOCH, fill)
                .unwrap()
                .unwrap();
            let (message, signature) = jwt.rsplit_once('.').unwrap();
            let point = key.pair.public_key().as_ref();
            let verified = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
                .verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap());
            let claims = message.split_once('.').unwrap().1;
            let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
            (verified.is_ok(), claims)
        };
        let good = json!({"iss": "app", "sub": "app", "aud": "a", "jti": "j", "exp": 240});
        assert_eq!(read("app = 'app'"), (true, good));
        let (verified, claims) = read("app = 'app'\nclaims = { aud = '{issuer}/x', exp = 1.5 }\ndrop = ['jti']");
        assert!(verified);
        assert_eq!(claims, json!({"iss": "app", "sub": "app", "aud": "i/x", "exp": 1.5}));
        let (verified, claims) = read("app = 'app'\ntamper = true");
        assert!(!verified);
        assert_eq!(claims["jti"], "j-changed");
        assert!(Key::load(&dir.path().join("none")).is_none());
    }
}
