//! One request to Ons: a permit, the certificate, bounds of time and size, back-off, and the meter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::rows::Rows;
use super::{Limits, Settings, repair};
use crate::ecd::http::again::{self, is_silence, later, retry_after};
use crate::ecd::http::meter::{Clocked, Meter};
use crate::ecd::http::tls::wrong;
use crate::ecd::http::{permits, tls};
use crate::ecd::{Error, Spent};
use crate::secret::Random;

/// What to ask for. `path` is also the name of the request in errors, so it holds `{id}` and not the id.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    pub(super) path: &'static str,
    pub(super) id: &'a str,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) missing: Missing,
}

/// What a 404 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing was found where something must be.
    Fails,
    /// It may be the answer: the record is gone.
    Answers,
}

impl Target<'_> {
    pub(super) fn stream(path: &'static str, since: Option<&str>) -> Self {
        Self {
            path,
            id: "",
            query: since.map(|since| ("since", since.to_owned())).into_iter().collect(),
            missing: Missing::Fails,
        }
    }
}

pub(super) struct Transport {
    http: Client,
    base: String,
    pub(super) limits: Limits,
    identity: HeaderMap,
    permits: Arc<Semaphore>,
    random: Random,
    meter: Arc<Meter>,
    /// Requests in a row that had all their attempts and no answer.
    pub(super) failures: AtomicU32,
}

/// A request that holds its permit and runs the meter until it is dropped.
struct Open {
    clocked: Clocked,
    _permit: OwnedSemaphorePermit,
}

/// The media type of an answer that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Lines,
}

/// An answer with status 200 and a media type that we read; its body is still coming.
pub(super) struct Answer {
    pub(super) path: &'static str,
    pub(super) format: Format,
    response: Response,
    deadline: Instant,
    _open: Open,
}

impl Answer {
    /// The next piece of the body; none at its proper end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match tokio::time::timeout_at(self.deadline, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) if !error.is_timeout() => Err(Error::Truncated { path: self.path }),
            Ok(Err(_)) | Err(_) => Err(Error::Timeout { path: self.path }),
        }
    }

    /// The whole body, at most `limit` bytes.
    pub(super) async fn whole(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(Error::TooLarge { path: self.path, limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Transport {
    pub(super) fn new(settings: Settings, random: Random) -> Result<Self, Error> {
        if settings.base_url.scheme() != "https" || settings.base_url.host().is_none() {
            return Err(wrong(
                "base_url",
                "must begin with https://, because Ons knows us by our certificate",
            ));
        }
        if settings.limits.overlap < Duration::from_secs(600) {
            return Err(wrong("overlap", "must be ten minutes or more, or changes get lost"));
        }
        let (config, certificate) = tls::client(
            &tls::PEM,
            Some(&settings.ca_pem),
            Some((&settings.certificate_pem, &settings.key_pem)),
        )?;
        let http = Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(true)
            .connect_timeout(settings.limits.connect)
            .read_timeout(settings.limits.idle)
            .pool_max_idle_per_host(settings.limits.parallel)
            .user_agent(settings.user_agent)
            .build()
            .map_err(|error| wrong("user_agent", error.without_url()))?;
        let mut identity = HeaderMap::new();
        if let Some(acting) = settings.identity {
            let active = acting
                .active_identity
                .map(|active| ("x-cupido-active-identity", active));
            for (name, value) in [("x-cupido-user-name", acting.user_name)].into_iter().chain(active) {
                let value = HeaderValue::from_str(&value).map_err(|_| wrong("identity", "cannot stand in a header"))?;
                identity.insert(name, value);
            }
        }
        Ok(Self {
            http,
            base: settings.base_url.as_str().trim_end_matches('/').to_owned(),
            permits: permits::of(&certificate, settings.limits.parallel),
            limits: settings.limits,
            identity,
            random,
            meter: Arc::new(Meter::new()),
            failures: AtomicU32::new(0),
        })
    }

    pub(super) fn spent(&self) -> Spent {
        self.meter.spent()
    }

    pub(super) fn allow(&self, time: Duration) {
        self.meter.allow(time);
    }

    /// Whether there is time for what can wait.
    pub(super) fn has_time(&self) -> bool {
        self.meter.has_time()
    }

    pub(super) async fn ping(&self) -> Result<(), Error> {
        let target = Target::stream("/ping", None);
        self.send(Method::GET, &target, self.limits.connect).await.map(|_| ())
    }

    /// Asks once for the events that were not delivered, with an empty body as the product wants it, and does not wait long: whoever
    /// asks holds up the events that came. ASSUMPTION: any status of success says that they come; the public description names none.
    pub(super) async fn redeliver(&self) -> Result<(), Error> {
        let path = "/webhooks/redeliver";
        let target = Target::stream(path, None);
        // With the wait for a permit, which a stream may have for long.
        let most = self.limits.connect;
        let asked = tokio::time::timeout(most, self.attempts(Method::PUT, &target, most, 1)).await;
        match asked.unwrap_or(Err(Error::Timeout { path })) {
            Ok(_) | Err(Error::Status { status: 201..=299, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens a stream of records.
    pub(super) async fn rows(&self, target: &Target<'_>, wrapper: &'static str) -> Result<Rows, Error> {
        let answer = self.answer(target, self.limits.stream).await?;
        Rows::new(answer, wrapper, self.limits.line_bytes, self.limits.list_bytes).await
    }

    /// Reads one list whole. A damaged answer is asked for again.
    pub(super) async fn list(&self, target: &Target<'_>, wrapper: &'static str) -> Result<Vec<Value>, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let read = async {
                let body = self
                    .answer(target, self.limits.list)
                    .await?
                    .whole(self.limits.list_bytes)
                    .await?;
                repair::list(target.path, &body, wrapper)
            };
            match read.await {
                Err(Error::Truncated { .. } | Error::Timeout { .. }) if attempt < self.limits.attempts.min(3) => {
                    tokio::time::sleep(self.pause(attempt)).await;
                }
                result => return result,
            }
        }
    }

    /// Reads one record; none if the product says that it has none with this id. A 404 of anything else on the way, or about another
    /// thing (a path that is not there, a right that we lack), is no such word. ASSUMPTION: the product's refusal holds the id.
    pub(super) async fn one(&self, target: &Target<'_>) -> Result<Option<Value>, Error> {
        let path = target.path;
        let answer = self.answer(target, self.limits.list).await?;
        let status = answer.response.status();
        let body = answer.whole(self.limits.line_bytes).await?;
        let record = repair::one(path, &body)?;
        match status {
            StatusCode::OK => Ok(Some(record)),
            _ if names(&record, target.id) => Ok(None),
            _ => Err(Error::Status { path, status: 404 }),
        }
    }

    async fn answer(&self, target: &Target<'_>, most: Duration) -> Result<Answer, Error> {
        let (response, open) = self.send(Method::GET, target, most).await?;
        let said = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("nothing");
        let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let format = match essence.as_str() {
            "application/json" => Format::Json,
            "application/x-ndjson" | "application/ndjson" => Format::Lines,
            _ => {
                let found = essence
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || "/+-.".contains(*c))
                    .take(60);
                return Err(Error::NotJson {
                    path: target.path,
                    found: found.collect(),
                });
            }
        };
        Ok(Answer {
            path: target.path,
            format,
            response,
            deadline: open.clocked.started + most,
            _open: open,
        })
    }

    /// Sends the request until it succeeds, fails for good, or has had its attempts.
    async fn send(&self, method: Method, target: &Target<'_>, most: Duration) -> Result<(Response, Open), Error> {
        let path = target.path;
        let failures = self.failures.load(Ordering::Relaxed);
        if failures >= self.limits.failures {
            return Err(Error::GivenUp { path, failures });
        }
        let sent = self.attempts(method, target, most, self.limits.attempts).await;
        match &sent {
            Ok(_) => self.failures.store(0, Ordering::Relaxed),
            Err(failure) if is_silence(failure) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        sent
    }

    async fn attempts(
        &self,
        method: Method,
        target: &Target<'_>,
        most: Duration,
        attempts: u32,
    ) -> Result<(Response, Open), Error> {
        let path = target.path;
        let url = format!("{}{}", self.base, path.replace("{id}", target.id));
        // Kept from the first attempt to the last: a source that is too busy gets less, not the next in the queue.
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the permits are never closed");
        let mut attempt = 0;
        loop {
            attempt += 1;
            let clocked = self.meter.begin();
            let mut asked = None;
            let mut request = self.http.request(method.clone(), &url).query(&target.query);
            request = request.header(ACCEPT, "application/json, application/x-ndjson");
            request = request.headers(self.identity.clone());
            let failure = match tokio::time::timeout(most, request.send()).await {
                Ok(Ok(response)) => match self.judge(target, response.status(), attempt) {
                    None => {
                        let open = Open {
                            clocked,
                            _permit: permit,
                        };
                        return Ok((response, open));
                    }
                    Some(failure) => {
                        asked = retry_after(response.headers());
                        later(failure, asked, self.limits.patience)
                    }
                },
                Ok(Err(error)) => again::classify(path, &error),
                Err(_) => Error::Timeout { path },
            };
            drop(clocked);
            if !is_silence(&failure) || attempt >= attempts {
                return Err(failure);
            }
            tokio::time::sleep(self.pause(attempt).max(asked.unwrap_or_default())).await;
        }
    }

    /// None for success.
    fn judge(&self, target: &Target<'_>, status: StatusCode, attempts: u32) -> Option<Error> {
        if status == StatusCode::NOT_FOUND && target.missing == Missing::Answers {
            return None;
        }
        again::judge(target.path, status, attempts, &self.meter)
    }

    fn pause(&self, attempt: u32) -> Duration {
        again::pause(self.limits.pause, self.limits.pause_most, attempt, &self.random)
    }
}

/// Whether a refusal in the product's form names this id.
fn names(refusal: &Value, id: &str) -> bool {
    let entries = refusal.get("errorResponseEntries").and_then(Value::as_array);
    let mut values = entries.into_iter().flatten().filter_map(|entry| entry.get("value"));
    values.any(|value| match value {
        Value::String(text) => text == id,
        Value::Number(number) => number.to_string() == id,
        _ => false,
    })
}
