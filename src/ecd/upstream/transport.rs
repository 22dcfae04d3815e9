//! One request to the server: the certificate or token, bounds of time and size, back-off, and where a page may lead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::token::{self, Credential};
use super::{Limits, Settings, tls};
use crate::clock::Clock;
use crate::ecd::http::again::{self, is_silence, later, retry_after};
use crate::ecd::http::meter::Meter;
use crate::ecd::http::tls::wrong;
use crate::ecd::{Error, Spent};
use crate::fhir::json;
use crate::secret::Random;

/// The largest answer of a token endpoint.
const TOKEN_BYTES: usize = 64 << 10;

pub(super) struct Transport {
    http: Client,
    base: Url,
    pub(super) limits: Limits,
    credential: Credential,
    clock: Clock,
    random: Random,
    meter: Arc<Meter>,
    /// Requests in a row that had all their attempts and no answer.
    failures: AtomicU32,
}

/// Why there is no answer, for how long the server does not want to be asked, and with which token it was asked.
type Failed = (Error, Option<Duration>, Option<HeaderValue>);

/// An answer, and how many bytes it had.
pub(super) struct Read {
    pub(super) value: Value,
    pub(super) bytes: usize,
}

impl Transport {
    pub(super) fn new(settings: Settings, clock: Clock, random: Random) -> Result<Self, Error> {
        let base = settings.base_url.clone();
        tls::check("base_url", &base)?;
        if !base.path().ends_with('/') {
            return Err(wrong("base_url", "must end with a slash"));
        }
        let http = Client::builder()
            .tls_backend_preconfigured(tls::client(&settings, base.scheme() == "https")?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(settings.limits.connect)
            .timeout(settings.limits.page)
            .user_agent(concat!("inzage/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong("base_url", error.without_url()))?;
        Ok(Self {
            http,
            base,
            limits: settings.limits,
            credential: Credential::new(settings.token)?,
            clock,
            random,
            meter: Arc::new(Meter::new()),
            failures: AtomicU32::new(0),
        })
    }

    /// A run begins.
    pub(super) fn begin(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    pub(super) fn spent(&self) -> Spent {
        self.meter.spent()
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) async fn ping(&self) -> Result<(), Error> {
        let url = self.base.join("metadata").map_err(|error| wrong("base_url", error))?;
        let found = self.get("/metadata", url).await?;
        let problem = "the answer is not a CapabilityStatement of FHIR R4";
        let is_r4 = found.value["fhirVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("4.0."));
        (found.value["resourceType"] == "CapabilityStatement" && is_r4)
            .then_some(())
            .ok_or(Error::Shape {
                path: "/metadata",
                problem,
            })
    }

    /// The address of a search.
    pub(super) fn search(&self, kind: &str, query: &[(&str, String)]) -> Result<Url, Error> {
        let mut url = self.base.join(kind).map_err(|error| wrong("base_url", error))?;
        url.query_pairs_mut().extend_pairs(query);
        Ok(url)
    }

    /// Where the next page is: on the same server, below the same base.
    pub(super) fn next(&self, path: &'static str, link: &str) -> Result<Url, Error> {
        let outside = || Error::Shape {
            path,
            problem: "the next page is not below the base of the server",
        };
        let url = self.base.join(link).map_err(|_| outside())?;
        let same = url.origin() == self.base.origin() && url.username().is_empty() && url.password().is_none();
        // A page may be asked for at the base itself, without its slash.
        let base = self.base.path();
        let below = url.path().starts_with(base) || url.path() == base.trim_end_matches('/');
        (same && below).then_some(url).ok_or_else(outside)
    }

    /// One guarded JSON answer.
    pub(super) async fn get(&self, path: &'static str, url: Url) -> Result<Read, Error> {
        let failures = self.failures.load(Ordering::Relaxed);
        if failures >= self.limits.failures {
            return Err(Error::GivenUp { path, failures });
        }
        let read = self.attempts(path, &url).await;
        match &read {
            Ok(_) => self.failures.store(0, Ordering::Relaxed),
            Err(failure) if is_silence(failure) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        read
    }

    async fn attempts(&self, path: &'static str, url: &Url) -> Result<Read, Error> {
        let (mut attempt, mut is_renewed) = (0, false);
        loop {
            attempt += 1;
            let (failure, asked, token) = match self.authorised(path, url, attempt).await {
                Ok(read) => return Ok(read),
                Err(failed) => failed,
            };
            if let (Error::NotAdmitted { status: 401, .. }, Some(token), false) = (&failure, token, is_renewed)
                && self.credential.refused(&token).await
            {
                is_renewed = true;
                attempt -= 1;
                continue;
            }
            let again = is_silence(&failure) || matches!(failure, Error::Truncated { .. });
            if !again || attempt >= self.limits.attempts {
                return Err(failure);
            }
            let pause = again::pause(self.limits.pause, self.limits.pause_most, attempt, &self.random);
            tokio::time::sleep(pause.max(asked.unwrap_or_default())).await;
        }
    }

    /// One attempt with our token; with a failure come for how long the server does not want to be asked, and the token.
    async fn authorised(&self, path: &'static str, url: &Url, attempt: u32) -> Result<Read, Failed> {
        let token = self.token().await.map_err(|failure| (failure, None, None))?;
        let mut request = self.http.get(url.clone());
        request = request.header(ACCEPT, "application/fhir+json");
        // R4 §3.1.1.1: a server refuses a parameter that it does not know, instead of answering as if it were not there.
        request = request.header("prefer", "handling=strict");
        if let Some(token) = &token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let limits = json::Limits {
            bytes: self.limits.page_bytes,
            ..json::Limits::default()
        };
        let read = self.once(path, request, limits, attempt).await;
        read.map_err(|(failure, asked)| (failure, asked, token))
    }

    /// What stands in `Authorization`.
    async fn token(&self) -> Result<Option<HeaderValue>, Error> {
        let signer = match &self.credential {
            Credential::Nothing => return Ok(None),
            Credential::Fixed(token) => return Ok(Some(token.clone())),
            Credential::Backend(signer) => signer,
        };
        let now = self.clock.now();
        let mut kept = signer.kept().await;
        if let Some(token) = kept.good(now) {
            return Ok(Some(token));
        }
        let form = signer.form(now, &self.random)?;
        let request = self.http.post(signer.url().clone()).form(&form);
        let request = request.header(ACCEPT, "application/json");
        let limits = json::Limits::source(TOKEN_BYTES);
        match self.once(token::PATH, request, limits, 1).await {
            Ok(read) => kept.keep(&read.value, now).map(Some),
            // A refusal has status 400 or 401 (RFC 6749 §5.2): the next request would be refused too.
            Err((Error::Status { path, status: 400 }, _)) => Err(Error::NotAdmitted { path, status: 400 }),
            Err((failure, _)) => Err(failure),
        }
    }

    /// One attempt; with a failure comes for how long the server does not want to be asked.
    async fn once(
        &self,
        path: &'static str,
        request: RequestBuilder,
        limits: json::Limits,
        attempts: u32,
    ) -> Result<Read, (Error, Option<Duration>)> {
        let _clocked = self.meter.begin();
        let deadline = Instant::now() + self.limits.page;
        let response = match tokio::time::timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err((again::classify(path, &error), None)),
            Err(_) => return Err((Error::Timeout { path }, None)),
        };
        if let Some(failure) = again::judge(path, response.status(), attempts, &self.meter) {
            let asked = retry_after(response.headers());
            return Err((later(failure, asked, self.limits.patience), asked));
        }
        match tokio::time::timeout_at(deadline, body(path, response, limits)).await {
            Ok(read) => read.map_err(|failure| (failure, None)),
            Err(_) => Err((Error::Timeout { path }, None)),
        }
    }
}

/// The body as guarded JSON.
async fn body(path: &'static str, mut response: Response, limits: json::Limits) -> Result<Read, Error> {
    let said = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = said.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if !["application/fhir+json", "application/json"].contains(&essence.as_str()) {
        let plain = essence
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "/+-.".contains(*c));
        let found = plain.take(60).collect();
        return Err(Error::NotJson { path, found });
    }
    let mut bytes = Vec::new();
    let cut = |error: reqwest::Error| match error.is_timeout() {
        true => Error::Timeout { path },
        false => Error::Truncated { path },
    };
    while let Some(chunk) = response.chunk().await.map_err(cut)? {
        if bytes.len() + chunk.len() > limits.bytes {
            let limit = limits.bytes;
            return Err(Error::TooLarge { path, limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    let value = json::parse(&bytes, limits).map_err(|_| Error::Shape {
        path,
        problem: "the answer is not JSON as FHIR wants it",
    })?;
    let bytes = bytes.len();
    Ok(Read { value, bytes })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn transport(base: &str) -> Result<Transport, Error> {
        let settings = Settings::new(base.parse().unwrap(), TimeZone::UTC);
        Transport::new(settings, Clock::System, Random::seeded(1))
    }

    #[test]
    fn a_page_leads_nowhere_else() {
        let here = transport("http://127.0.0.1:9/fhir/").unwrap();
        for good in [
            "http://127.0.0.1:9/fhir/Observation?page=2",
            "Observation?page=2",
            "http://127.0.0.1:9/fhir?_getpages=a",
        ] {
            assert!(here.next("/x", good).is_ok(), "{good}");
        }
        for bad in [
            "http://127.0.0.1:10/fhir/Observation",
            "https://127.0.0.1:9/fhir/Observation",
            "http://169.254.169.254/latest",
            "//evil.example/fhir/",
            "../admin",
            "http://127.0.0.1:9/fhir/%2e%2e/admin",
            "http://user@127.0.0.1:9/fhir/",
            "file:///etc/passwd",
        ] {
            assert!(here.next("/x", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        assert!(transport("http://localhost:9/fhir/").is_ok());
        for bad in [
            "http://fhir.example/r4/",
            "http://127.0.0.1:9/fhir",
            "http://127.0.0.1:9/fhir/?a=b",
            "http://me@127.0.0.1:9/fhir/",
            "https://fhir.example/r4/",
        ] {
            assert!(matches!(transport(bad), Err(Error::Setting { .. })), "{bad}");
        }
    }
}
