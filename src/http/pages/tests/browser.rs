//! A browser without JavaScript: it finds a form, fills it in, sends it, and follows. Every page it sees has to be sound.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt as _;
use url::form_urlencoded::Serializer;

use crate::config::Policy;
use crate::http::{App, router};
use crate::login::world::{PASSWORD, World, world};
use crate::secret::Random;

/// One tag with its attributes.
#[derive(Clone, Debug)]
pub(in crate::http::pages) struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    pub(in crate::http::pages) fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }
}

/// The tags of a page, in order. Enough of HTML for our own templates.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    for piece in html.split('<').skip(1) {
        let Some((inside, _)) = piece.split_once('>') else {
            panic!("a tag is not closed: {piece:.40}")
        };
        let name: String = inside.chars().take_while(|c| !c.is_whitespace()).collect();
        let (mut rest, mut attributes) = (inside[name.len()..].trim(), BTreeMap::new());
        while !rest.is_empty() {
            let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
            let key = rest[..end].to_owned();
            rest = rest[end..].trim_start();
            let mut value = String::new();
            if let Some(quoted) = rest.strip_prefix("=\"") {
                let close = quoted.find('"').expect("an attribute is closed");
                value = quoted[..close].replace("&#38;", "&").replace("&amp;", "&");
                rest = quoted[close + 1..].trim_start();
            }
            assert!(
                attributes.insert(key.clone(), value).is_none(),
                "{key} twice in {inside}"
            );
        }
        found.push(Tag { name, attributes });
    }
    found
}

/// A form with its fields.
#[derive(Clone, Debug)]
pub(in crate::http::pages) struct Form {
    pub(in crate::http::pages) action: String,
    tags: Vec<Tag>,
}

pub(in crate::http::pages) fn forms(html: &str) -> Vec<Form> {
    let mut found: Vec<Form> = Vec::new();
    let mut open = false;
    for tag in tags(html) {
        match tag.name.as_str() {
            "form" => {
                assert_eq!(tag.get("method"), "post");
                let action = tag.get("action").to_owned();
                found.push(Form {
                    action,
                    tags: Vec::new(),
                });
                open = true;
            }
            "/form" => open = false,
            _ if open => found.last_mut().unwrap().tags.push(tag),
            _ => {}
        }
    }
    found
}

impl Form {
    /// What a browser would send: hidden fields, checked boxes, and what was filled in.
    pub(in crate::http::pages) fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut body = Serializer::new(String::new());
        let fields = |tag: &&Tag| ["input", "select"].contains(&tag.name.as_str());
        for tag in self.tags.iter().filter(fields) {
            let name = tag.get("name");
            let filled = values.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
            let own = tag.get("value");
            let sent = match (tag.get("type"), filled) {
                // Filled in with nothing: the person took the tick away.
                ("checkbox", Some("")) => None,
                ("checkbox", _) => (tag.has("checked") || filled == Some(own)).then_some(own),
                ("radio", _) => (filled == Some(own)).then_some(own),
                (_, Some(filled)) => Some(filled),
                // Of a list the first choice.
                (_, None) if tag.name == "select" => self
                    .tags
                    .iter()
                    .find(|tag| tag.name == "option")
                    .map(|tag| tag.get("value")),
                (_, None) => Some(own),
            };
            if let Some(value) = sent {
                body.append_pair(name, value);
            }
        }
        for (name, value) in values.iter().filter(|(name, _)| ["decision", "do"].contains(name)) {
            body.append_pair(name, value);
        }
        body.finish()
    }

    pub(in crate::http::pages) fn fields(&self, name: &str) -> Vec<&Tag> {
        self.tags.iter().filter(|tag| tag.get("name") == name).collect()
    }
}

/// A browser without scripts.
pub(in crate::http::pages) struct Browser {
    router: Router,
    pub(in crate::http::pages) jar: BTreeMap<String, String>,
    pub(in crate::http::pages) language: &'static str,
}

pub(in crate::http::pages) struct Answer {
    pub(in crate::http::pages) status: StatusCode,
    pub(in crate::http::pages) headers: HeaderMap,
    pub(in crate::http::pages) body: String,
}

impl Answer {
    pub(in crate::http::pages) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The form that has this field.
    pub(in crate::http::pages) fn form(&self, field: &str) -> Form {
        let mut forms = forms(&self.body).into_iter();
        forms
            .find(|form| !form.fields(field).is_empty())
            .unwrap_or_else(|| panic!("no {field} in {}", self.body))
    }
}

impl Browser {
    pub(in crate::http::pages) fn new(world: &World) -> Self {
        let app = App::new(world.config.clone(), world.db.clone(), world.clock.clone(), Random::Os);
        Self {
            router: router(app),
            jar: BTreeMap::new(),
            language: "nl",
        }
    }

    pub(in crate::http::pages) async fn send(&mut self, request: axum::http::request::Builder, body: String) -> Answer {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request
            .header(COOKIE, cookies.join("; "))
            .header(ACCEPT_LANGUAGE, self.language)
            .body(Body::from(body))
            .unwrap();
        let peer: SocketAddr = "192.0.2.7:4000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            assert!(text.contains("; Path=/; HttpOnly; SameSite=Lax"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            self.jar.insert(name.to_owned(), value.to_owned());
        }
        let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        if answer.body.starts_with("<!DOCTYPE html>") {
            sound(&answer);
        }
        answer
    }

    pub(in crate::http::pages) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), String::new()).await
    }

    pub(in crate::http::pages) async fn post(&mut self, path: &str, body: String) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        self.send(Request::post(path).header(CONTENT_TYPE, kind), body).await
    }

    /// Sends a form and follows the way within this site.
    pub(in crate::http::pages) async fn submit(&mut self, form: &Form, values: &[(&str, &str)]) -> Answer {
        let mut answer = self.post(&form.action, form.fill(values)).await;
        while answer.status == StatusCode::SEE_OTHER && answer.header(LOCATION.as_str()).starts_with('/') {
            let to = answer.header(LOCATION.as_str()).to_owned();
            answer = self.get(&to).await;
        }
        answer
    }
}

/// What holds for every page.
fn sound(page: &Answer) {
    let tags = tags(&page.body);
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    assert!(!names.contains(&"script") && !names.contains(&"style") && !names.contains(&"img"));
    assert!(tags.iter().all(|tag| {
        tag.attributes
            .keys()
            .all(|name| !name.starts_with("on") && name != "style")
    }));
    assert!(["nl", "en"].contains(&tags.iter().find(|tag| tag.name == "html").unwrap().get("lang")));
    assert_eq!(names.iter().filter(|name| **name == "h1").count(), 1);
    assert_eq!(names.iter().filter(|name| **name == "main").count(), 1);
    let mut ids: Vec<&str> = tags
        .iter()
        .map(|tag| tag.get("id"))
        .filter(|id| !id.is_empty())
        .collect();
    ids.sort_unstable();
    assert!(
        ids.windows(2).all(|pair| pair[0] != pair[1]),
        "an id is there twice: {ids:?}"
    );
    assert!(tags.iter().filter(|tag| tag.has("autofocus")).count() <= 1);
    // Every element opens and closes.
    for name in [
        "main", "form", "div", "p", "fieldset", "label", "section", "ul", "li", "h2", "button", "span",
    ] {
        let count = |wanted: &str| names.iter().filter(|name| **name == wanted).count();
        assert_eq!(count(name), count(&format!("/{name}")), "{name} in {}", page.body);
    }
    // Every field has a label, and what a field refers to exists.
    for tag in tags
        .iter()
        .filter(|tag| tag.name == "input" && tag.get("type") != "hidden" && !tag.has("hidden"))
    {
        let labelled = tags
            .iter()
            .any(|label| label.name == "label" && label.get("for") == tag.get("id"));
        assert!(labelled, "{} has no label", tag.get("id"));
        for id in tag.get("aria-describedby").split_whitespace() {
            assert!(ids.contains(&id), "{id} is referred to and not there");
        }
    }
    for form in forms(&page.body) {
        let buttons = form.tags.iter().filter(|tag| tag.name == "button").count();
        let several = ["decision", "do"].iter().any(|name| !form.fields(name).is_empty());
        assert_eq!(buttons, if several { 2 } else { 1 });
        for name in [
            "username",
            "password",
            "new_password",
            "new_password_again",
            "otp",
            "patient",
            "scope",
            "decision",
        ] {
            if let Some(first) = form.fields(name).iter().find(|field| field.get("type") != "hidden") {
                assert_eq!(first.get("id"), name);
            }
        }
    }
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(page.header("cache-control").contains("no-store"));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
}

pub(in crate::http::pages) async fn usual() -> (World, Browser) {
    with(|_| {}).await
}

pub(in crate::http::pages) async fn with(change: impl FnOnce(&mut Policy)) -> (World, Browser) {
    let world = world(change).await;
    let browser = Browser::new(&world);
    (world, browser)
}

/// From the app's link to the page of the code.
pub(in crate::http::pages) async fn up_to_the_code(world: &World, browser: &mut Browser, username: &str) -> Answer {
    let request = world
        .request("openid launch/patient patient/*.rs offline_access", &[])
        .await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let form = page.form("username");
    browser
        .submit(&form, &[("username", username), ("password", PASSWORD)])
        .await
}

/// The tokens for the code in the address that a decision leads to.
pub(in crate::http::pages) async fn tokens(world: &World, browser: &mut Browser, sent: &Answer) -> serde_json::Value {
    let to = url::Url::parse(sent.header("location")).unwrap();
    let code = to
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let form = Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "authorization_code"),
            ("client_id", &world.app),
            ("code", &code),
            ("redirect_uri", "http://127.0.0.1:4711/callback"),
            ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ])
        .finish();
    let answer = browser.post("/topaz/oauth/token", form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}
