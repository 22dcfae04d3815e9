//! Signed JWTs that come in (RFC 7515, RFC 7519), and public keys as JWKs (RFC 7517, RFC 7518).
//!
//! # Design
//! Read by hand: there are a few algorithms and one shape, and everything else is refused instead of interpreted. The caller
//! says with which key and which algorithm; nothing that stands in a header decides on either. A header that changes how it is
//! to be read (`crit`, RFC 7515 §4.1.11; `b64`, RFC 7797) belongs to a JWT that is none of ours, and a key that says what it is
//! for signs nothing else.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::fhir::json;
use crate::secret::sha256;

/// The longest JWT; three times what a careful app sends.
pub(super) const LONGEST: usize = 8 * 1024;
/// Members of a JWK that are nobody's business but its owner's.
pub(super) const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Members of a header by which the rest would mean something else.
const EXTENDED: [&str; 2] = ["crit", "b64"];

/// A JWT in its parts; nothing of it is proven yet.
pub(super) struct Jws<'a> {
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// What was signed.
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// The three parts; `None` for what is not a JWT of ours.
    pub(super) fn read(jwt: &'a str) -> Option<Self> {
        if jwt.len() > LONGEST {
            return None;
        }
        let (message, signature) = jwt.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            match json::parse(&bytes, json::Limits::source(LONGEST)).ok()? {
                Value::Object(object) => Some(object),
                _ => None,
            }
        };
        let header = object(header)?;
        if EXTENDED.iter().any(|name| header.contains_key(*name)) {
            return None;
        }
        Some(Self {
            header,
            claims: object(claims)?,
            message,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// A text of the header.
    pub(super) fn says(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// Whether this key signed it by this algorithm. A key of another kind, or for another purpose, has not.
    pub(super) fn signed_by(&self, key: &Value, algorithm: &str) -> bool {
        verify(key, algorithm, self.message.as_bytes(), &self.signature).unwrap_or(false)
    }
}

/// Whether a key of this kind signs by this algorithm, and is for that as far as it says what it is for (RFC 7517 §4.2–4.4).
pub(super) fn fits(key: &Value, algorithm: &str) -> bool {
    let kind = match algorithm {
        "ES256" => key["kty"] == "EC" && key["crv"] == "P-256",
        "ES384" => key["kty"] == "EC" && key["crv"] == "P-384",
        "RS256" | "RS384" | "PS256" => key["kty"] == "RSA",
        _ => false,
    };
    let absent_or = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
    let verifies = key
        .get("key_ops")
        .is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify")));
    kind && absent_or("alg", algorithm) && absent_or("use", "sig") && verifies
}

fn verify(key: &Value, algorithm: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
    if !fits(key, algorithm) {
        return None;
    }
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
    // An uncompressed point: 0x04, then x and y (SEC 1 §2.3.3).
    let point = |size: usize| {
        let (x, y) = (part("x")?, part("y")?);
        (x.len() == size && y.len() == size).then(|| [&[4][..], &x, &y].concat())
    };
    let rsa = || {
        Some(RsaPublicKeyComponents {
            n: part("n")?,
            e: part("e")?,
        })
    };
    let result = match algorithm {
        "ES256" => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(32)?).verify(message, signature),
        "ES384" => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point(48)?).verify(message, signature),
        "RS256" => rsa()?.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        "RS384" => rsa()?.verify(&RSA_PKCS1_2048_8192_SHA384, message, signature),
        "PS256" => rsa()?.verify(&RSA_PSS_2048_8192_SHA256, message, signature),
        _ => return None,
    };
    Some(result.is_ok())
}

/// The thumbprint of a public key: SHA-256 over its required members in the order of the alphabet (RFC 7638 §3).
pub(super) fn thumbprint(key: &Value) -> Option<String> {
    let text = |name: &str| key.get(name)?.as_str();
    let members = match text("kty")? {
        "EC" => json!({"crv": text("crv")?, "kty": "EC", "x": text("x")?, "y": text("y")?}),
        "RSA" => json!({"e": text("e")?, "kty": "RSA", "n": text("n")?}),
        _ => return None,
    };
    Some(URL_SAFE_NO_PAD.encode(sha256(members.to_string().as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let key = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        });
        assert_eq!(
            thumbprint(&key).as_deref(),
            Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        );
    }

    #[test]
    fn the_es256_example_of_rfc_7515_verifies_and_nothing_near_it() {
        let key = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let read = Jws::read(jwt).unwrap();
        assert!(read.signed_by(&key, "ES256"));
        for algorithm in ["ES384", "RS256", "none", "HS256", ""] {
            assert!(!read.signed_by(&key, algorithm), "{algorithm}");
        }
        let mut other = key.clone();
        other["y"] = key["x"].clone();
        assert!(!read.signed_by(&other, "ES256"));
        let changed = jwt.replacen("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Ei", 1);
        assert!(Jws::read(&changed).is_none_or(|read| !read.signed_by(&key, "ES256")));
    }

    #[test]
    fn a_key_signs_what_it_says_that_it_is_for() {
        let key = |more: Value| {
            let mut key = json!({"kty": "EC", "crv": "P-256"});
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        for good in [
            json!({}),
            json!({"use": "sig", "alg": "ES256"}),
            json!({"key_ops": ["sign", "verify"]}),
        ] {
            assert!(fits(&key(good.clone()), "ES256"), "{good}");
        }
        for bad in [
            json!({"use": "enc"}),
            json!({"alg": "ECDH-ES"}),
            json!({"key_ops": ["sign"]}),
            json!({"key_ops": "verify"}),
            json!({"use": 7}),
        ] {
            assert!(!fits(&key(bad.clone()), "ES256"), "{bad}");
        }
    }

    #[test]
    fn what_is_no_jwt_is_not_read() {
        let long = format!("{}.e30.AA", "a".repeat(LONGEST));
        for bad in [
            "",
            "a",
            "a.b",
            "e30.e30",
            "W10.e30.AA",
            "e30.e30.!",
            "e30=.e30.AA",
            &long,
            // {"crit":["b64"],"b64":false}, {"crit":["exp"],"exp":1} and {"b64":true}
            "eyJjcml0IjpbImI2NCJdLCJiNjQiOmZhbHNlfQ.e30.AA",
            "eyJjcml0IjpbImV4cCJdLCJleHAiOjF9.e30.AA",
            "eyJiNjQiOnRydWV9.e30.AA",
        ] {
            assert!(Jws::read(bad).is_none(), "{bad}");
        }
        assert!(Jws::read("e30.e30.AA").is_some());
    }
}
