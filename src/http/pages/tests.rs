//! The pages as a browser without JavaScript walks them: find a form, fill it in, send it, follow.

mod attacks;

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
pub(super) struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> &str {
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
pub(super) struct Form {
    action: String,
    tags: Vec<Tag>,
}

fn forms(html: &str) -> Vec<Form> {
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
    fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut body = Serializer::new(String::new());
        for tag in self.tags.iter().filter(|tag| tag.name == "input") {
            let name = tag.get("name");
            let filled = values.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
            match tag.get("type") {
                "checkbox" if tag.has("checked") => drop(body.append_pair(name, tag.get("value"))),
                "radio" if filled == Some(tag.get("value")) => drop(body.append_pair(name, tag.get("value"))),
                "checkbox" | "radio" => {}
                _ => drop(body.append_pair(name, filled.unwrap_or(tag.get("value")))),
            }
        }
        for (name, value) in values.iter().filter(|(name, _)| *name == "decision") {
            body.append_pair(name, value);
        }
        body.finish()
    }

    pub(super) fn fields(&self, name: &str) -> Vec<&Tag> {
        self.tags.iter().filter(|tag| tag.get("name") == name).collect()
    }
}

/// A browser without scripts.
pub(super) struct Browser {
    router: Router,
    pub(super) jar: BTreeMap<String, String>,
    language: &'static str,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The form that has this field.
    pub(super) fn form(&self, field: &str) -> Form {
        let mut forms = forms(&self.body).into_iter();
        forms
            .find(|form| !form.fields(field).is_empty())
            .unwrap_or_else(|| panic!("no {field} in {}", self.body))
    }
}

impl Browser {
    fn new(world: &World) -> Self {
        let app = App::new(world.config.clone(), world.db.clone(), world.clock.clone(), Random::Os);
        Self {
            router: router(app),
            jar: BTreeMap::new(),
            language: "nl",
        }
    }

    pub(super) async fn send(&mut self, request: axum::http::request::Builder, body: String) -> Answer {
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

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), String::new()).await
    }

    pub(super) async fn post(&mut self, path: &str, body: String) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        self.send(Request::post(path).header(CONTENT_TYPE, kind), body).await
    }

    /// Sends a form and follows the way within this site.
    pub(super) async fn submit(&mut self, form: &Form, values: &[(&str, &str)]) -> Answer {
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
        assert_eq!(buttons, if form.fields("decision").is_empty() { 1 } else { 2 });
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
            if let Some(first) = form.fields(name).first() {
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

pub(super) async fn usual() -> (World, Browser) {
    with(|_| {}).await
}

pub(super) async fn with(change: impl FnOnce(&mut Policy)) -> (World, Browser) {
    let world = world(change).await;
    let browser = Browser::new(&world);
    (world, browser)
}

/// From the app's link to the page of the code.
pub(super) async fn up_to_the_code(world: &World, browser: &mut Browser, username: &str) -> Answer {
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

#[tokio::test]
async fn a_client_walks_from_the_app_to_the_app() {
    let (world, mut browser) = usual().await;
    let query = Serializer::new(String::new())
        .extend_pairs(world.parameters("openid launch/patient patient/Observation.rs offline_access", &[]))
        .finish();
    let sent = browser.get(&format!("/topaz/oauth/authorize?{query}")).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let to = sent.header("location").to_owned();
    let path = to.strip_prefix("http://127.0.0.1:8080").unwrap_or(&to).to_owned();
    let page = browser.get(&path).await;
    assert!(page.body.contains("Proefapp") && page.body.contains("Topaz"));
    let form = page.form("username");
    assert_eq!(form.fields("username")[0].get("autocomplete"), "username");
    assert_eq!(form.fields("password")[0].get("autocomplete"), "current-password");
    let page = browser
        .submit(&form, &[("username", "M.Bakker"), ("password", PASSWORD)])
        .await;

    let form = page.form("otp");
    let otp = form.fields("otp")[0];
    assert_eq!(
        (otp.get("autocomplete"), otp.get("inputmode")),
        ("one-time-code", "numeric")
    );
    assert!(page.body.contains("06-••••••"), "the number is masked");
    let code = world.newest_code().await;
    assert!(!page.body.contains(&code));
    let page = browser.submit(&form, &[("otp", &code)]).await;

    let form = page.form("decision");
    assert!(page.header("content-security-policy").contains("http://127.0.0.1:4711"));
    assert!(page.body.contains("Rapportages en metingen"));
    assert!(
        page.body.contains("zonder dat u opnieuw inlogt"),
        "offline access is told"
    );
    let answer = browser.submit(&form, &[("decision", "allow")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location = answer.header("location");
    assert!(location.starts_with("http://127.0.0.1:4711/callback?code=") && location.contains("state=abc"));

    // A second request of the same browser needs no page at all.
    let request = world
        .request("openid launch/patient patient/Observation.rs offline_access", &[])
        .await;
    let again = browser.get(&format!("/topaz/login?request={request}")).await;
    assert!(again.header("location").contains("code="));
    // The way back shows that it is over.
    let back = browser.get(&path).await;
    assert_eq!(back.status, StatusCode::GONE);

    let page = browser.get("/topaz/account").await;
    assert!(page.body.contains("Mevrouw m.bakker"));
    let form = page.form("csrf");
    let page = browser.submit(&form, &[]).await;
    assert!(page.body.contains("U bent uitgelogd"));
    assert_eq!(browser.jar["session-topaz"], "");
    assert!(
        browser
            .get("/topaz/account")
            .await
            .body
            .contains("U bent niet ingelogd")
    );
}

#[tokio::test]
async fn d1_unknown_wrong_locked_look_the_same() {
    let (world, mut browser) = usual().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let mut answers = Vec::new();
    for (username, password) in [("aaaaaaaa", PASSWORD), ("m.bakker", "wrong"), ("o.nieuwe", "x")] {
        let answer = browser
            .submit(&form, &[("username", username), ("password", password)])
            .await;
        assert!(answer.body.contains("role=\"alert\"") && answer.body.contains("<title>Fout"));
        let headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.status, headers, answer.body.replace(username, "NAME")));
    }
    assert_eq!(answers[0].0, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn the_first_login_changes_the_password() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "n.nieuw").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let form = page.form("new_password");
    let short = [
        ("password", PASSWORD),
        ("new_password", "kort"),
        ("new_password_again", "kort"),
    ];
    let page = browser.submit(&form, &short).await;
    assert!(page.body.contains("Gebruik ten minste 12 tekens."));
    let own = "tulpen in de tuin";
    let good = [
        ("password", PASSWORD),
        ("new_password", own),
        ("new_password_again", own),
    ];
    let page = browser.submit(&page.form("new_password"), &good).await;
    page.form("decision");
}

#[tokio::test]
async fn a_representative_chooses_and_a_forged_choice_is_refused() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "r.smit").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    let form = page.form("patient");
    assert_eq!(form.fields("patient").len(), 2);
    let forged = form.fill(&[("patient", "p1")]).replace("patient=p1", "patient=p3");
    let answer = browser.post(&form.action, forged).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Kies een persoon uit de lijst."));
    let page = browser.submit(&form, &[("patient", "p2")]).await;
    page.form("decision");
}

#[tokio::test]
async fn who_has_no_access_any_more_reads_why() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "o.oud").await;
    let code = world.newest_code().await;
    let page = browser.submit(&page.form("otp"), &[("otp", &code)]).await;
    assert!(page.body.contains("U heeft geen toegang meer"));
    assert!(forms(&page.body).is_empty());
}

#[tokio::test]
async fn the_button_asks_for_the_code_where_the_organisation_wants_it() {
    let (world, mut browser) = with(|policy| policy.sms.explicit_request_button = true).await;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    assert!(page.body.contains("SMS-inlogcode aanvragen") && world.messages().await.is_empty());
    let page = browser.submit(&page.form("flow"), &[]).await;
    page.form("otp");
    assert_eq!(world.messages().await.len(), 1);
}

#[tokio::test]
async fn too_many_tries_are_told_with_the_time_to_wait() {
    let (world, mut browser) = usual().await;
    let page = up_to_the_code(&world, &mut browser, "m.bakker").await;
    let again = forms(&page.body)
        .into_iter()
        .find(|form| form.action.ends_with("/send"))
        .unwrap();
    let answer = browser.submit(&again, &[]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "31");
    assert!(answer.body.contains("over 30 seconden"));
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let (world, mut browser) = usual().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    let form = page.form("username");
    let filled = form.fill(&[("username", "m.bakker"), ("password", PASSWORD)]);
    let kind = "application/x-www-form-urlencoded";
    let foreign = Request::post("/topaz/login")
        .header(CONTENT_TYPE, kind)
        .header("sec-fetch-site", "cross-site");
    assert_eq!(
        browser.send(foreign, filled.clone()).await.status,
        StatusCode::FORBIDDEN
    );
    let csrf = form.fields("csrf")[0].get("value").to_owned();
    let without = filled.replace(&csrf, "");
    assert_eq!(
        browser.post("/topaz/login", without).await.status,
        StatusCode::FORBIDDEN
    );
    let json = Request::post("/topaz/login").header(CONTENT_TYPE, "application/json");
    assert_eq!(
        browser.send(json, "{}".to_owned()).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let twice = format!("{filled}&username=other");
    assert_eq!(
        browser.post("/topaz/login", twice).await.status,
        StatusCode::BAD_REQUEST
    );
    let huge = format!("{filled}&x={}", "a".repeat(40_000));
    assert_eq!(
        browser.post("/topaz/login", huge).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    browser.jar.clear();
    assert_eq!(browser.post("/topaz/login", filled).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_language_follows_the_person_then_the_app_then_the_browser() {
    let (world, mut browser) = usual().await;
    browser.language = "en-GB";
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    let path = format!("/topaz/login?request={request}");
    assert!(browser.get(&path).await.body.contains("<html lang=\"en\">"));
    let dutch = world
        .request("openid launch/patient patient/*.rs", &[("ui_locales", "nl-NL")])
        .await;
    assert!(
        browser
            .get(&format!("/topaz/login?request={dutch}"))
            .await
            .body
            .contains("<html lang=\"nl\">")
    );
    assert!(
        browser
            .get(&format!("{path}&lang=nl"))
            .await
            .body
            .contains("Gebruikersnaam")
    );
    assert!(
        browser.get(&path).await.body.contains("<html lang=\"nl\">"),
        "the choice is kept"
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_there() {
    let (world, mut browser) = usual().await;
    let request = world.request("openid launch/patient patient/*.rs", &[]).await;
    for path in [
        "/nobody/login".to_owned(),
        format!("/nobody/login?request={request}"),
        "/assets/nobody.css".to_owned(),
    ] {
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for query in ["", "?request=", "?request=unknown", "?request=a&request=b"] {
        let page = browser.get(&format!("/topaz/login{query}")).await;
        assert_eq!(page.status, StatusCode::GONE, "{query}");
        assert!(page.body.contains("Ga terug naar uw app"));
    }
    let style = browser.get("/assets/topaz.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.body.starts_with(":root{--brand:#"));
}

#[tokio::test]
async fn text_from_outside_is_shown_as_text() {
    let (world, mut browser) = usual().await;
    let request = world
        .request("openid launch/patient patient/*.rs", &[("login_hint", "\"><b id=x>")])
        .await;
    let page = browser.get(&format!("/topaz/login?request={request}")).await;
    assert!(!page.body.contains("<b id=x>"));
    let form = page.form("username");
    let answer = browser
        .submit(&form, &[("username", "<script>alert(1)</script>"), ("password", "x")])
        .await;
    assert!(!answer.body.contains("<script>"));
}
