//! The sending side of webhooks: signed events, and the two test events of the set-up.
//!
//! # Design
//! Like the product it promises no order, sends once and does not try again: what was not delivered is kept for a day, and
//! [`Sender::redeliver`], or `PUT /webhooks/redeliver` to the mock that it belongs to, sends it another time. It waits three
//! seconds for an answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State as FromState;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::routes::State;
use crate::clock::Clock;
use crate::ecd::ons::hook::SIGNATURE;
use crate::secret::{Secret, hex, hmac_sha512};

/// The product keeps a million events; a mock needs fewer.
const KEPT: usize = 10_000;

/// For how long the product keeps an event.
const LASTS: SignedDuration = SignedDuration::from_hours(24);

/// Who sends the events of a mock; nobody at first.
#[derive(Clone, Debug, Default)]
pub struct Webhooks(Arc<Mutex<Option<Arc<Sender>>>>);

impl Webhooks {
    /// From now on the events of the mock are those of `sender`.
    pub fn set(&self, sender: Arc<Sender>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    }
}

/// `PUT /webhooks/redeliver`: answered at once, the events follow. ASSUMPTION: 200, also where there is nothing to send.
pub(super) async fn redeliver(FromState(state): FromState<State>) -> StatusCode {
    let sender = state.webhooks.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(sender) = sender {
        tokio::spawn(async move { sender.redeliver().await });
    }
    StatusCode::OK
}

/// How long the product waits.
const WAIT: Duration = Duration::from_secs(3);

/// Sends events to one address.
#[derive(Debug)]
pub struct Sender {
    http: reqwest::Client,
    url: Url,
    secret: Secret<String>,
    clock: Clock,
    undelivered: Mutex<Vec<(Value, u32, Timestamp)>>,
}

impl Sender {
    /// A sender that signs with `secret`.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(url: Url, secret: Secret<String>, clock: Clock) -> Result<Self, reqwest::Error> {
        // Whoever runs the mock may have chosen one already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(WAIT).build()?;
        Ok(Self {
            http,
            url,
            secret,
            clock,
            undelivered: Mutex::default(),
        })
    }

    /// Tells that a record was created, updated or deleted: `event("report", "UPDATE", 880001)`.
    pub async fn event(&self, model: &str, kind: &str, id: u64) -> Option<u16> {
        self.send(json!({"modelType": model, "eventType": kind, "id": id}))
            .await
    }

    /// Sends an event of the product's own: `custom("care_plan_activated", json!({"clientId": 10101}))`.
    pub async fn custom(&self, model: &str, payload: Value) -> Option<u16> {
        self.send(json!({"modelType": model, "eventType": "CUSTOM", "payload": payload}))
            .await
    }

    /// The two test events of the set-up, one signed and one not: what they were answered with.
    pub async fn test(&self) -> (Option<u16>, Option<u16>) {
        let body = json!({"eventType": "NOP"}).to_string();
        let good = self.post(&body, &self.signature(&body)).await;
        let bad = self.post(&body, &"0".repeat(128)).await;
        (good, bad)
    }

    /// Sends what was not delivered once more; how many events that were.
    pub async fn redeliver(&self) -> usize {
        let mut kept = std::mem::take(&mut *self.undelivered.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.clock.now();
        kept.retain(|(_, _, since)| now.duration_since(*since) < LASTS);
        let count = kept.len();
        for (event, retries, since) in kept {
            self.deliver(event, retries + 1, since).await;
        }
        count
    }

    async fn send(&self, event: Value) -> Option<u16> {
        self.deliver(event, 0, self.clock.now()).await
    }

    async fn deliver(&self, mut event: Value, retries: u32, since: Timestamp) -> Option<u16> {
        event["customerCode"] = "TE1002".into();
        event["timestamp"] = self.clock.now().to_string().into();
        event["amountOfRetries"] = retries.into();
        let body = event.to_string();
        let answered = self.post(&body, &self.signature(&body)).await;
        if answered != Some(200) {
            let mut kept = self.undelivered.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT {
                kept.push((event, retries, since));
            }
        }
        answered
    }

    fn signature(&self, body: &str) -> String {
        hex(&hmac_sha512(&self.secret, body.as_bytes()))
    }

    /// The status of the answer; none when there was none in time.
    async fn post(&self, body: &str, signature: &str) -> Option<u16> {
        let request = self.http.post(self.url.clone()).header(SIGNATURE, signature);
        let request = request.header("content-type", "application/json").body(body.to_owned());
        request.send().await.ok().map(|answer| answer.status().as_u16())
    }
}
