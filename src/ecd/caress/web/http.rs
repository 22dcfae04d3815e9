//! One request: the permit, the certificate, HTTP Basic, bounds of time and size, back-off.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, redirect};
use tokio::sync::Semaphore;

use super::{Limits, Settings};
use crate::ecd::http::again::{self, is_silence, later, retry_after};
use crate::ecd::http::meter::Meter;
use crate::ecd::http::tls::wrong;
use crate::ecd::http::{permits, tls};
use crate::ecd::{Error, Spent};
use crate::secret::Random;

pub(super) struct Http {
    client: Client,
    base: String,
    authorization: HeaderValue,
    limits: Limits,
    permit: Arc<Semaphore>,
    random: Random,
    meter: Arc<Meter>,
}

/// Why a request got no answer, and for how long the source does not want to be asked.
struct Failure {
    error: Error,
    asked: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, asked: None }
    }
}

/// What is asked, besides its path.
pub(super) enum Ask<'a> {
    Get(&'a [(&'static str, String)]),
    /// A SOAP envelope; not repeated where a repetition would leave a session behind.
    Post {
        action: &'static str,
        body: String,
        again: bool,
    },
}

impl Http {
    pub fn new(settings: &Settings, random: Random) -> Result<Self, Error> {
        if settings.base_url.scheme() != "https" || settings.base_url.host().is_none() {
            return Err(wrong(
                "base_url",
                "must begin with https://, because Caress knows us by our certificate",
            ));
        }
        let (config, certificate) = tls::client(
            &tls::PEM,
            Some(&settings.ca_pem),
            Some((&settings.certificate_pem, &settings.key_pem)),
        )?;
        let client = Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(true)
            .connect_timeout(settings.limits.connect)
            .user_agent(concat!("inzage/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong("base_url", error.without_url()))?;
        let pair = format!("{}:{}", settings.username, settings.password.expose());
        let mut authorization = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| wrong("username", "cannot stand in a header"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client,
            base: settings.base_url.as_str().trim_end_matches('/').to_owned(),
            authorization,
            limits: settings.limits.clone(),
            permit: permits::of(&certificate, 1),
            random,
            meter: Arc::new(Meter::new()),
        })
    }

    pub fn spent(&self) -> Spent {
        self.meter.spent()
    }

    /// The body of an answer with status 200, at most `list_bytes` of it.
    pub async fn ask(&self, path: &'static str, ask: &Ask<'_>) -> Result<Vec<u8>, Error> {
        let _permit = self.permit.acquire().await.expect("the permit is never closed");
        let mut attempt = 0;
        loop {
            attempt += 1;
            let open = self.meter.begin();
            let answer = tokio::time::timeout(self.limits.list, self.once(path, ask, attempt)).await;
            drop(open);
            let Failure { error, asked } = match answer {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(failure)) => failure,
                Err(_) => Error::Timeout { path }.into(),
            };
            let error = later(error, asked, self.limits.patience);
            let is_worth = is_silence(&error) || matches!(error, Error::Truncated { .. });
            let once = matches!(ask, Ask::Post { again: false, .. });
            if !is_worth || once || attempt >= self.limits.attempts {
                return Err(error);
            }
            let (first, most) = (self.limits.pause, self.limits.pause.saturating_mul(32));
            let pause = again::pause(first, most, attempt, &self.random);
            tokio::time::sleep(pause.max(asked.unwrap_or_default())).await;
        }
    }

    async fn once(&self, path: &'static str, ask: &Ask<'_>, attempts: u32) -> Result<Vec<u8>, Failure> {
        let mut response = self
            .request(path, ask)
            .header(AUTHORIZATION, self.authorization.clone())
            .send()
            .await
            .map_err(|error| again::classify(path, &error))?;
        if let Some(error) = again::judge(path, response.status(), attempts, &self.meter) {
            let asked = retry_after(response.headers());
            return Err(Failure { error, asked });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Error::Truncated { path })? {
            if body.len() + chunk.len() > self.limits.list_bytes {
                let limit = self.limits.list_bytes;
                return Err(Error::TooLarge { path, limit }.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn request(&self, path: &'static str, ask: &Ask<'_>) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        match ask {
            Ask::Get(query) => self.client.get(url).query(query).header(ACCEPT, "application/json"),
            Ask::Post { action, body, .. } => self
                .client
                .post(url)
                .header(CONTENT_TYPE, "text/xml; charset=utf-8")
                .header("SOAPAction", *action)
                .body(body.clone()),
        }
    }
}
