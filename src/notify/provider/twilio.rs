//! Twilio: `POST /2010-04-01/Accounts/{Sid}/Messages.json`, a form, basic authentication with Account SID and token.
//!
//! The text and the number are not to be kept there (`ContentRetention`, `AddressRetention`).

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::{Answer, Outgoing, by_status};
use crate::config::Provider;

pub(super) fn request(http: &Client, provider: &Provider, out: Outgoing<'_>) -> RequestBuilder {
    let seconds = out.seconds.to_string();
    let mut form = vec![
        ("To", out.to),
        ("From", provider.from.as_str()),
        ("Body", out.text),
        ("ValidityPeriod", seconds.as_str()),
        ("ContentRetention", "discard"),
        ("AddressRetention", "obfuscate"),
        ("SmartEncoded", "false"),
    ];
    // Twilio knows no reference of ours, so its address carries it.
    let report_to = out.report_to.map(|to| format!("{to}?reference={}", out.reference));
    if let Some(report_to) = &report_to {
        form.push(("StatusCallback", report_to));
    }
    let path = format!("2010-04-01/Accounts/{}/Messages.json", provider.account);
    http.post(format!("{}{path}", provider.base_url))
        .basic_auth(&provider.account, Some(provider.token.expose()))
        .form(&form)
}

pub(super) fn answer(status: u16, body: &Value) -> Answer {
    match (status, body["code"].as_i64()) {
        (200..=299, _) if matches!(body["status"].as_str(), Some("failed" | "undelivered")) => Answer::Later("failed"),
        (200..=299, _) if body["sid"].is_string() => Answer::Taken,
        (200..=299, _) => Answer::Later("no-sid"),
        // Not a telephone number, not a mobile one, or one that asked never to be written to.
        (400, Some(21_211 | 21_610 | 21_614)) => Answer::Never("number"),
        (400, _) => Answer::Later("refused"),
        (status, _) => by_status(status),
    }
}
