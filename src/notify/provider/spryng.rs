//! Spryng: `POST /v1/messages` with a bearer key; a message that was taken comes back with its `id`.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Outgoing, by_status, digits};
use crate::config::Provider;

pub(super) fn request(http: &Client, provider: &Provider, out: Outgoing<'_>) -> RequestBuilder {
    let body = json!({
        "body": out.text,
        "originator": provider.from,
        "recipients": [digits(out.to)],
        "encoding": "plain",
        "route": "business",
        "reference": out.reference,
    });
    http.post(format!("{}v1/messages", provider.base_url))
        .bearer_auth(provider.token.expose())
        .json(&body)
}

pub(super) fn answer(status: u16, body: &Value) -> Answer {
    match status {
        200..=299 if body["id"].is_string() || body["id"].is_number() => Answer::Taken,
        200..=299 => Answer::Later("no-id"),
        status => by_status(status),
    }
}
