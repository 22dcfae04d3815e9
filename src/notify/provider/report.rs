//! Status reports of providers: what became of an SMS, and whether the report is the provider's.
//!
//! # Design
//! A report is believed only with a signature over its address and content. Twilio and MessageBird sign; CM.com and Spryng do
//! not as far as is known, so theirs are not taken. A report changes nothing but the outbox's note and a counter: nobody gets
//! in with one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use crate::config::{Provider, ProviderKind};
use crate::secret::{hex, same, sha256};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Delivered,
    Failed,
}

impl Delivery {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// `None` for what happens on the way.
    pub fn parse(status: &str) -> Option<Self> {
        match status {
            "delivered" => Some(Self::Delivered),
            "undelivered" | "failed" | "delivery_failed" | "expired" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// A report as it came in.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// The address as the provider knows it, with its query.
    pub url: &'a str,
    /// The fields of a posted form, in any order.
    pub fields: &'a [(String, String)],
    /// The body itself.
    pub body: &'a [u8],
    pub signature: &'a str,
}

/// Whether the report is this provider's.
pub fn is_genuine(provider: &Provider, report: Report<'_>, now: Timestamp) -> bool {
    match (provider.kind, &provider.signing) {
        (ProviderKind::Twilio, _) => twilio(provider.token.expose(), report),
        (ProviderKind::MessageBird, Some(key)) => messagebird(key.expose(), report, now),
        (ProviderKind::MessageBird, None) | (ProviderKind::Cm | ProviderKind::Spryng, _) => false,
    }
}

/// `X-Twilio-Signature`: HMAC-SHA1 over the address and the sorted fields, in base64.
fn twilio(token: &str, report: Report<'_>) -> bool {
    let mut fields: Vec<_> = report.fields.iter().collect();
    fields.sort();
    let mut text = report.url.to_owned();
    for (name, value) in fields {
        text.push_str(name);
        text.push_str(value);
    }
    let Ok(signature) = STANDARD.decode(report.signature) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    hmac::verify(&key, text.as_bytes(), &signature).is_ok()
}

/// What the token of MessageBird says.
#[derive(Deserialize)]
struct Claims {
    nbf: i64,
    exp: i64,
    url_hash: String,
    #[serde(default)]
    payload_hash: Option<String>,
}

/// `MessageBird-Signature-JWT`: HS256, with the hashes of address and body.
fn messagebird(key: &str, report: Report<'_>, now: Timestamp) -> bool {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&["MessageBird"]);
    rules.set_required_spec_claims(&["exp", "iss"]);
    // Times are checked below, with the clock that was passed in.
    rules.validate_exp = false;
    rules.validate_aud = false;
    let Ok(token) = decode::<Claims>(report.signature, &DecodingKey::from_secret(key.as_bytes()), &rules) else {
        return false;
    };
    let (claims, seconds) = (token.claims, now.as_second());
    let in_time = (claims.nbf.saturating_sub(1)..=claims.exp.saturating_add(1)).contains(&seconds);
    let body = match &claims.payload_hash {
        Some(hash) => same(hash.as_bytes(), hex(&sha256(report.body)).as_bytes()),
        None => report.body.is_empty(),
    };
    in_time
        && body
        && same(
            claims.url_hash.as_bytes(),
            hex(&sha256(report.url.as_bytes())).as_bytes(),
        )
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    fn provider(kind: ProviderKind) -> Provider {
        Provider {
            kind,
            base_url: "https://provider.example/".parse().unwrap(),
            from: "Topaz".to_owned(),
            token: Secret::new("12345".to_owned()),
            account: "AC1".to_owned(),
            signing: Some(Secret::new("sleutel".to_owned())),
        }
    }

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_example_of_twilios_documentation_is_genuine_and_nothing_else() {
        let fields: Vec<(String, String)> = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let report = Report {
            url: "https://mycompany.com/myapp.php?foo=1&bar=2",
            fields: &fields,
            body: b"",
            signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        };
        let twilio = provider(ProviderKind::Twilio);
        assert!(is_genuine(&twilio, report, now()));
        for forged in [
            Report {
                url: "https://mycompany.com/myapp.php?foo=2&bar=2",
                ..report
            },
            Report {
                fields: &fields[1..],
                ..report
            },
            Report {
                signature: "RSOYDt4T1cUTdK1PDd93/VVr8B9=",
                ..report
            },
            Report {
                signature: "",
                ..report
            },
        ] {
            assert!(!is_genuine(&twilio, forged, now()));
        }
        assert!(
            !is_genuine(&provider(ProviderKind::Cm), report, now()),
            "CM.com signs nothing"
        );
    }

    #[test]
    fn a_report_of_messagebird_is_signed_for_its_address_and_its_time() {
        let url = "https://gateway.example/hooks/sms/messagebird?reference=r&status=delivered";
        let at = now().as_second();
        let token = |url: &str, key: &str, from: i64| {
            let claims = json!({"iss": "MessageBird", "nbf": from, "exp": from + 60, "jti": "1",
                "url_hash": hex(&sha256(url.as_bytes()))});
            encode(&Header::default(), &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
        };
        let bird = provider(ProviderKind::MessageBird);
        let genuine = |signature: &str, body: &[u8]| {
            let report = Report {
                url,
                fields: &[],
                body,
                signature,
            };
            is_genuine(&bird, report, now())
        };
        assert!(genuine(&token(url, "sleutel", at), b""));
        assert!(!genuine(&token(url, "anders", at), b""));
        assert!(!genuine(&token(&url.replace("delivered", "sent"), "sleutel", at), b""));
        assert!(!genuine(&token(url, "sleutel", at - 300), b""), "too old");
        assert!(!genuine(&token(url, "sleutel", at), b"{}"), "a body that nobody signed");
        assert!(!genuine("", b""));
    }

    #[test]
    fn only_an_end_is_a_delivery() {
        assert_eq!(Delivery::parse("delivered"), Some(Delivery::Delivered));
        assert_eq!(Delivery::parse("delivery_failed"), Some(Delivery::Failed));
        assert_eq!(Delivery::parse("sent"), None);
    }
}
