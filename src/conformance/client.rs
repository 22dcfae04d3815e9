//! The HTTP client of the runner: no redirects followed, cookies kept like a browser, every exchange noted.
//!
//! # Design
//! The notes go into a report that people pass on, so they hold method, path and status: no query, no header, no body.
//! Answers are cut at [`BODY`] bytes, so that a wrong server cannot fill the runner's memory.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, Url};
use serde::Serialize;

/// Most bytes of one answer.
const BODY: usize = 8 << 20;

/// One request of a case, as the report shows it.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Exchange {
    pub method: String,
    pub path: String,
    /// `None` when no answer came.
    pub status: Option<u16>,
}

/// What came back.
#[derive(Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    pub url: Url,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where it sends the browser, if it does.
    pub(super) fn location(&self) -> Option<Url> {
        let location = self
            .header(LOCATION.as_str())
            .filter(|_| (300..400).contains(&self.status))?;
        self.url.join(location).ok()
    }

    pub(super) fn json(&self) -> Result<serde_json::Value, String> {
        serde_json::from_str(&self.body).map_err(|_| "the body is not JSON".to_owned())
    }
}

/// A request body.
pub(super) enum Body {
    None,
    Form(Vec<(String, String)>),
    Raw(String),
}

/// A browser without JavaScript.
pub(super) struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<(String, String), String>,
    pub log: Vec<Exchange>,
}

impl Browser {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // A second install returns the first provider; that is the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .user_agent(concat!("inzage-conformance/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            cookies: BTreeMap::new(),
            log: Vec::new(),
        })
    }

    /// Another person sits down: no cookies.
    pub(super) fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Sends one request and notes it.
    pub(super) async fn send(
        &mut self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Answer, String> {
        self.log.push(Exchange {
            method: method.to_string(),
            path: url.path().to_owned(),
            status: None,
        });
        let mut request = self.http.request(method, url.clone()).headers(headers);
        let host = url.host_str().unwrap_or_default().to_owned();
        let own = self.cookies.iter().filter(|((owner, _), _)| *owner == host);
        let cookies: Vec<String> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        request = match body {
            Body::None => request,
            Body::Form(fields) => request.form(&fields),
            Body::Raw(text) => request.body(text),
        };
        let reach = |error: reqwest::Error| format!("no answer: {}", kind_of(&error));
        let mut response = request.send().await.map_err(reach)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if let Some(noted) = self.log.last_mut() {
            noted.status = Some(status);
        }
        for cookie in headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            self.keep(&host, cookie);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reach)? {
            if bytes.len() + chunk.len() > BODY {
                return Err("the answer is longer than 8 MiB".to_owned());
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(bytes).map_err(|_| "the body is not UTF-8".to_owned())?;
        Ok(Answer {
            status,
            headers,
            body,
            url,
        })
    }

    /// Posts a form as a page would.
    pub(super) async fn post_form(&mut self, url: Url, fields: Vec<(String, String)>) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        if let Ok(origin) = url.origin().ascii_serialization().parse() {
            headers.insert(reqwest::header::ORIGIN, origin);
        }
        headers.insert(
            CONTENT_TYPE,
            reqwest::header::HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        self.send(Method::POST, url, headers, Body::Form(fields)).await
    }

    fn keep(&mut self, host: &str, cookie: &str) {
        let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let key = (host.to_owned(), name.trim().to_owned());
        let gone = cookie
            .split(';')
            .any(|part| part.trim().eq_ignore_ascii_case("max-age=0"));
        if gone || value.is_empty() {
            self.cookies.remove(&key);
        } else {
            self.cookies.insert(key, value.trim().to_owned());
        }
    }
}

/// The kind of failure, without the address (it may hold a code).
fn kind_of(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "it took longer than 30 seconds",
        error if error.is_connect() => "the connection was refused",
        _ => "the connection broke",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_kept_until_it_is_withdrawn() {
        let mut browser = Browser::new().unwrap();
        browser.keep("h", "__Host-ix=abc=; Path=/; HttpOnly");
        assert_eq!(
            browser.cookies.get(&("h".to_owned(), "__Host-ix".to_owned())).unwrap(),
            "abc="
        );
        browser.keep("h", "__Host-ix=; Max-Age=0");
        assert!(browser.cookies.is_empty());
    }
}
