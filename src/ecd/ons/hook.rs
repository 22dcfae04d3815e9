//! What Ons tells by webhook: whether it is signed with our secret, and what it asks to read again.
//!
//! ```
//! use inzage::ecd::Kind;
//! use inzage::ecd::ons::hook::{Notice, What, notice};
//! let body = br#"{"eventType": "UPDATE", "modelType": "report", "id": 880001, "timestamp": "2026-11-20T10:08:11+01:00"}"#;
//! assert_eq!(notice(body), Notice::Changed { kind: Kind::Report, what: What::Record("880001".to_owned()) });
//! ```
//!
//! # Design
//! The product does not promise an order, sends events twice and sends a change before the creation. So an event is nothing but
//! a hint where to look: neither its type nor its payload is believed, and what is read then decides. A deletion is noticed
//! because the record is not there any more, and a creation that comes after it because the record is there.
//!
//! - ASSUMPTION: the signature stands in the header in hexadecimal. The public description says only "HMAC-SHA512"; base64 is
//!   taken too, because a hash that fits in either form was made with the secret.
//! - ASSUMPTION: the two test events of the set-up ("good NOP", "bad NOP") differ in their signature alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::ecd::Kind;
use crate::fhir::json::{self, Limits};
use crate::secret::{self, Secret};

/// The header with the signature.
pub const SIGNATURE: &str = "x-signature-sha512";

/// No event is larger; it holds an id and a small payload.
pub const MAX_BYTES: usize = 64 * 1024;

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    Changed {
        kind: Kind,
        what: What,
    },
    /// Nothing that is published changes by it, or the next slot is early enough.
    Nothing,
    /// Not an event of the product.
    Unreadable,
}

/// What to read again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// One record, by its key.
    Record(String),
    /// Everything of the kind of one client.
    Client(String),
    /// Whatever changed of the kind.
    Kind,
}

/// Whether `signature` is the HMAC-SHA512 of `body`. Takes as long for a wrong one as for the right one.
pub fn is_signed(secret: &Secret<String>, signature: &str, body: &[u8]) -> bool {
    let text = signature.trim();
    let given = match text.len() {
        128 => from_hex(text),
        // 64 bytes in base64, with or without its padding.
        86 | 88 => STANDARD.decode(format!("{}==", text.trim_end_matches('='))).ok(),
        _ => None,
    };
    let own = secret::hmac_sha512(secret, body);
    secret::same(&given.unwrap_or_default(), &own)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// What the event in `body` asks for.
pub fn notice(body: &[u8]) -> Notice {
    let Ok(event) = json::parse(body, Limits::source(MAX_BYTES)) else {
        return Notice::Unreadable;
    };
    let (Some(model), Some(kind)) = (event["modelType"].as_str(), event["eventType"].as_str()) else {
        return Notice::Unreadable;
    };
    let record = || Some(What::Record(key(&event["id"])?));
    let client = || Some(What::Client(key(&event["payload"]["clientId"])?));
    let found = match (kind, model) {
        // The id of a custom event goes away in March 2027; only its payload is read.
        ("CUSTOM", "care_plan_activated") => client().map(|what| (Kind::CarePlan, what)),
        // Who is around a client is read with the client.
        (
            "CUSTOM",
            "client_careallocations_changed" | "external_care_providers_changed" | "client_employee_relations_changed",
        ) => client().map(|what| (Kind::Client, what)),
        ("CUSTOM", _) => None,
        (_, "report") => record().map(|what| (Kind::Report, what)),
        (_, "client") => key(&event["id"]).map(|client| (Kind::Client, What::Client(client))),
        (_, "client_address" | "care_allocation" | "client_employee_relation") => {
            client().map(|what| (Kind::Client, what))
        }
        (_, "care_plan") => record().map(|what| (Kind::CarePlan, what)),
        (_, "client_contact_relation") => record().map(|what| (Kind::ContactRelation, what)),
        // Of an address only the address is named, not the relation that it belongs to.
        (_, "client_contact_relation_address") => Some((Kind::ContactRelation, What::Kind)),
        _ => None,
    };
    found.map_or(Notice::Nothing, |(kind, what)| Notice::Changed { kind, what })
}

/// An id of the product: a positive whole number, also where it comes as text.
fn key(value: &Value) -> Option<String> {
    let number = match value {
        Value::String(text) => text.parse::<u64>().ok()?,
        value => value.as_u64()?,
    };
    Some(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(model: &str, kind: &str, rest: &str) -> Notice {
        notice(format!(r#"{{"customerCode":"TE1002","modelType":"{model}","eventType":"{kind}"{rest}}}"#).as_bytes())
    }

    fn changed(kind: Kind, what: What) -> Notice {
        Notice::Changed { kind, what }
    }

    #[test]
    fn a_signature_holds_for_one_body_and_one_secret() {
        let secret = Secret::new("a shared secret of two".to_owned());
        let hash = secret::hmac_sha512(&secret, b"{}");
        let hexadecimal = secret::hex(&hash);
        for good in [
            hexadecimal.clone(),
            hexadecimal.to_uppercase(),
            format!(" {hexadecimal} "),
            STANDARD.encode(hash),
        ] {
            assert!(is_signed(&secret, &good, b"{}"), "{good}");
            assert!(!is_signed(&secret, &good, b"{ }"), "{good}");
            assert!(!is_signed(&Secret::new("another".to_owned()), &good, b"{}"), "{good}");
        }
        for bad in [
            "",
            "00",
            &"0".repeat(128),
            &"zz".repeat(64),
            &"é".repeat(64),
            &hexadecimal[..126],
        ] {
            assert!(!is_signed(&secret, bad, b"{}"), "{bad}");
        }
    }

    #[test]
    fn an_event_says_where_to_look() {
        let record = |key: &str| What::Record(key.to_owned());
        let client = |key: &str| What::Client(key.to_owned());
        for kind in ["CREATE", "UPDATE", "DELETE"] {
            assert_eq!(event("report", kind, r#","id":7"#), changed(Kind::Report, record("7")));
        }
        assert_eq!(
            event("client", "UPDATE", r#","id":"10101""#),
            changed(Kind::Client, client("10101"))
        );
        assert_eq!(
            event("care_plan_activated", "CUSTOM", r#","payload":{"clientId":10101}"#),
            changed(Kind::CarePlan, client("10101"))
        );
        for name in ["external_care_providers_changed", "client_employee_relations_changed"] {
            let told = event(name, "CUSTOM", r#","payload":{"clientId":10101}"#);
            assert_eq!(told, changed(Kind::Client, client("10101")), "{name}");
        }
        assert_eq!(
            event("client_contact_relation_address", "DELETE", r#","id":3"#),
            changed(Kind::ContactRelation, What::Kind)
        );
    }

    #[test]
    fn what_is_unknown_asks_for_nothing_and_what_is_no_event_is_told() {
        for (model, kind, rest) in [
            ("roster_slot_changed", "CUSTOM", r#","payload":{"clientId":1}"#),
            ("care_plan_activated", "CUSTOM", r#","id":10101"#),
            ("report", "UPDATE", r#","id":null"#),
            ("report", "UPDATE", r#","id":-1"#),
            ("report", "UPDATE", r#","id":"../clients""#),
            ("location", "CREATE", r#","id":1"#),
            ("employee", "UPDATE", r#","id":1"#),
        ] {
            assert_eq!(event(model, kind, rest), Notice::Nothing, "{model} {rest}");
        }
        for body in [
            &b""[..],
            b"[]",
            b"{}",
            b"not JSON",
            br#"{"modelType":"report","modelType":"client","eventType":"UPDATE"}"#,
        ] {
            assert_eq!(notice(body), Notice::Unreadable);
        }
        let deep = format!(
            r#"{{"modelType":"report","eventType":"UPDATE","payload":{}{}}}"#,
            "[".repeat(99),
            "]".repeat(99)
        );
        assert_eq!(notice(deep.as_bytes()), Notice::Unreadable);
    }
}
