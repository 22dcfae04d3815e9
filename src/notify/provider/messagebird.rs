//! MessageBird: `POST /messages` with an access key; a message that was taken comes back with its `id` and recipients.

use reqwest::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Outgoing, by_status, digits};
use crate::config::Provider;

/// The account has no balance: of the errors with status 422 the one that another provider does not share.
const NO_BALANCE: i64 = 25;

pub(super) fn request(http: &Client, provider: &Provider, out: Outgoing<'_>) -> RequestBuilder {
    let mut body = json!({
        "originator": provider.from,
        "recipients": digits(out.to),
        "body": out.text,
        "reference": out.reference,
        "validity": out.seconds,
        "datacoding": "plain",
    });
    if let Some(report_to) = out.report_to {
        body["reportUrl"] = report_to.into();
    }
    http.post(format!("{}messages", provider.base_url))
        .header(AUTHORIZATION, format!("AccessKey {}", provider.token.expose()))
        .json(&body)
}

pub(super) fn answer(status: u16, body: &Value) -> Answer {
    match status {
        200..=299 if body["id"].is_string() => Answer::Taken,
        200..=299 => Answer::Later("no-id"),
        _ if body["errors"][0]["code"].as_i64() == Some(NO_BALANCE) => Answer::Account("balance"),
        status => by_status(status),
    }
}
