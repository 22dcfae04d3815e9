//! CM.com, Business Messaging API: `POST /v1.0/message`, the token inside the body.
//!
//! Answer: `{"details": …, "errorCode": 0, "messages": [{"to": …, "status": …, "reference": …, "messageErrorCode": 0}]}`.
//! Assumption: `validity` takes seconds with an `s`.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Outgoing, by_status, digits};
use crate::config::Provider;

pub(super) fn request(http: &Client, provider: &Provider, out: Outgoing<'_>) -> RequestBuilder {
    let body = json!({"messages": {
        "authentication": {"producttoken": provider.token.expose()},
        "msg": [{
            "allowedChannels": ["SMS"],
            "from": provider.from,
            "to": [{"number": format!("00{}", digits(out.to))}],
            "body": {"type": "auto", "content": out.text},
            "reference": out.reference,
            "validity": format!("{}s", out.seconds),
        }],
    }});
    http.post(format!("{}v1.0/message", provider.base_url)).json(&body)
}

pub(super) fn answer(status: u16, body: &Value) -> Answer {
    let code = body["messages"][0]["messageErrorCode"]
        .as_i64()
        .filter(|code| *code != 0)
        .or_else(|| body["errorCode"].as_i64());
    match code {
        Some(0) if status < 300 => Answer::Taken,
        Some(101..=103) => Answer::Account("account"),
        Some(202 | 302..=305 | 402) => Answer::Never("number-or-text"),
        Some(_) => Answer::Later("refused"),
        None => by_status(status),
    }
}
