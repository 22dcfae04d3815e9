//! Companies that send SMS: one file an API, and the order in which they are tried.
//!
//! # Design
//! An adapter is two pure functions: the request that hands a message over, and what the provider's answer means. The rest is
//! the same for all: three seconds at most; a provider that failed three times in a row, or that says that our account is
//! closed or empty, is left alone for half a minute and then tried with one message; the next one in order gets the message
//! meanwhile. The reference is the outbox's id, the same at every try, so that a provider can see a repetition.
//!
//! A message may arrive twice when a provider takes it and answers too late. It never gets lost silently: when nobody takes it,
//! [`Providers::down`] says so to the page that waits for a code.
//!
//! The shapes are those of the providers' own client libraries; what could not be checked against a live API is marked.

mod cm;
mod messagebird;
pub mod report;
mod spryng;
#[cfg(test)]
mod tests;
mod twilio;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, RequestBuilder, redirect};

use super::Refused;
use crate::config::{Provider, ProviderKind};

const LONGEST: Duration = Duration::from_secs(3);
/// Failures in a row before a provider is left alone.
const FAILURES: u32 = 3;
const REST: SignedDuration = SignedDuration::from_secs(30);
/// More than this of an answer nobody reads.
const LARGEST: usize = 64 * 1024;

/// One SMS to hand over.
#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) reference: &'a str,
    /// `+31612345678`
    pub(super) to: &'a str,
    pub(super) text: &'a str,
    /// For this long it is of use.
    pub(super) seconds: i64,
    /// Where reports may go.
    pub(super) report_to: Option<&'a str>,
}

/// What a provider's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    /// Not now, not us: the next provider may.
    Later(&'static str),
    /// Our account there is closed, empty or unknown: no use in asking again soon.
    Account(&'static str),
    /// No provider will: the number or the text is wrong.
    Never(&'static str),
}

/// How a provider has behaved.
#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    /// Not before this moment.
    until: Option<Timestamp>,
}

#[derive(Debug)]
struct Line {
    provider: Provider,
    report_to: Option<String>,
    circuit: Mutex<Circuit>,
}

/// The providers in order. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Providers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Client,
    lines: Vec<Line>,
}

impl Providers {
    /// `reports` says where a provider may send its status reports.
    pub(super) fn new(
        providers: &[Provider],
        reports: impl Fn(&Provider) -> Option<String>,
    ) -> Result<Self, reqwest::Error> {
        // Another crate may have chosen first; theirs is the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = Client::builder()
            .timeout(LONGEST)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        let lines = providers
            .iter()
            .map(|provider| Line {
                report_to: reports(provider),
                provider: provider.clone(),
                circuit: Mutex::default(),
            })
            .collect();
        Ok(Self(Arc::new(Inner { http, lines })))
    }

    /// Hands the message to the first provider that takes it.
    pub(super) async fn send(&self, out: Outgoing<'_>, now: Timestamp) -> Result<(), Refused> {
        for line in &self.0.lines {
            if line.rests(now) {
                continue;
            }
            let out = Outgoing {
                report_to: line.report_to.as_deref(),
                ..out
            };
            let answer = ask(request(&self.0.http, &line.provider, out), &line.provider).await;
            line.note(answer, now);
            let name = line.provider.kind.as_str();
            match answer {
                Answer::Taken => {
                    metrics::counter!("sms_sent_total", "provider" => name).increment(1);
                    return Ok(());
                }
                Answer::Never(reason) => {
                    metrics::counter!("sms_refused_total", "provider" => name, "reason" => reason).increment(1);
                    return Err(Refused::ForGood);
                }
                Answer::Later(reason) | Answer::Account(reason) => {
                    metrics::counter!("sms_failed_total", "provider" => name, "reason" => reason).increment(1);
                    tracing::warn!(sms.provider = name, sms.reason = reason, "an SMS was not taken");
                }
            }
        }
        Err(Refused::ForNow)
    }

    /// Whether every provider is being left alone.
    pub fn down(&self, now: Timestamp) -> bool {
        self.0.lines.iter().all(|line| line.rests(now))
    }
}

impl Line {
    fn rests(&self, now: Timestamp) -> bool {
        let circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        circuit.until.is_some_and(|until| now < until)
    }

    fn note(&self, answer: Answer, now: Timestamp) {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = now.saturating_add(REST).ok();
        *circuit = match answer {
            Answer::Taken | Answer::Never(_) => Circuit::default(),
            Answer::Account(_) => Circuit {
                failures: FAILURES,
                until: rest,
            },
            Answer::Later(_) => {
                let failures = circuit.failures.saturating_add(1);
                Circuit {
                    failures,
                    until: if failures >= FAILURES { rest } else { None },
                }
            }
        };
    }
}

fn request(http: &Client, provider: &Provider, out: Outgoing<'_>) -> RequestBuilder {
    match provider.kind {
        ProviderKind::Cm => cm::request(http, provider, out),
        ProviderKind::Spryng => spryng::request(http, provider, out),
        ProviderKind::MessageBird => messagebird::request(http, provider, out),
        ProviderKind::Twilio => twilio::request(http, provider, out),
    }
}

async fn ask(request: RequestBuilder, provider: &Provider) -> Answer {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_timeout() => return Answer::Later("timeout"),
        Err(_) => return Answer::Later("unreachable"),
    };
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Answer::Later("answer-too-large"),
            Ok(None) => break,
            Err(_) => return Answer::Later("answer-cut-off"),
        }
    }
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    match provider.kind {
        ProviderKind::Cm => cm::answer(status, &body),
        ProviderKind::Spryng => spryng::answer(status, &body),
        ProviderKind::MessageBird => messagebird::answer(status, &body),
        ProviderKind::Twilio => twilio::answer(status, &body),
    }
}

/// What a status says where the body says nothing better.
fn by_status(status: u16) -> Answer {
    match status {
        401..=403 => Answer::Account("account"),
        429 => Answer::Later("too-many"),
        400 | 404..=428 => Answer::Never("refused"),
        _ => Answer::Later("failed"),
    }
}

/// `31612345678`
fn digits(to: &str) -> &str {
    to.strip_prefix('+').unwrap_or(to)
}
