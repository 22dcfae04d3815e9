//! `/{tenant}/register`: somebody whom the organisation expects asks for an account.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::browser::Browser;
use super::fields::Fields;
use super::info_text::Texts as InfoTexts;
use super::own_text::Texts as OwnTexts;
use super::render;
use super::views::Shell;
use crate::access;
use crate::account::Number;
use crate::config::{Country, is_address};
use crate::consent::{Parts, Right, Role};
use crate::fhir::types::Id;
use crate::fhir::types::ResourceType::{Patient, RelatedPerson};
use crate::http::App;
use crate::login::Refused;
use crate::login::register::{Asked, Reach};
use crate::resource;

pages! {
    Register("register.html") {
        i: &'static InfoTexts, o: &'static OwnTexts, problem: Option<String>, email: String, mobile: String,
        countries: Vec<(&'static str, String, bool)>, privacy: Option<(String, Option<String>)>,
        request: String,
    }
}

/// Whether people register themselves here.
fn is_open(browser: &Browser) -> bool {
    browser.tenant.policy.accounts.self_registration
}

pub(super) async fn show(browser: Browser) -> Response {
    if !is_open(&browser) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let request = plain(browser.parameter("request").unwrap_or_default());
    page(&browser, &Fields::none(), &request, None)
}

/// An id of a request as it may stand in an address.
fn plain(request: &str) -> String {
    let sane = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    request.chars().filter(|c| sane(*c)).take(64).collect()
}

fn page(browser: &Browser, fields: &Fields, request: &str, refused: Option<&Refused>) -> Response {
    let language = browser.language(None);
    let (status, problem) = match refused {
        Some(refused) => render::told(language, refused),
        None => (StatusCode::OK, None),
    };
    let i = language.info_texts();
    let chosen = fields.text("country");
    let policy = &browser.tenant.policy;
    let countries = policy.sms.countries.iter().map(|country| {
        let code = country.code();
        (code, language.country(*country), code == chosen)
    });
    let view = Register {
        shell: Shell::new(browser, language, i.register_title, refused.is_some())
            .switched_at(&format!("/{}/register?request={request}&", browser.tenant.id)),
        t: language.texts(),
        i,
        o: language.own_texts(),
        problem,
        email: fields.text("email").to_owned(),
        mobile: fields.text("mobile").to_owned(),
        countries: countries.collect(),
        privacy: policy
            .terms
            .privacy_url
            .as_ref()
            .map(|url| (url.to_string(), policy.terms.privacy_version.clone())),
        request: request.to_owned(),
    };
    let mut response = render::html(browser, status, "", &view);
    render::retry_after(&mut response, refused);
    response
}

pub(super) async fn ask(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    if !is_open(&browser) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if browser.from_elsewhere {
        return render::failure(&browser, &Refused::Forged);
    }
    match registered(&app, &browser, &fields).await {
        Ok(()) => {
            let i = browser.language(None).info_texts();
            render::message(&browser, StatusCode::OK, i.register_sent_title, i.register_sent, false)
        }
        Err(refused @ (Refused::Wait(_) | Refused::Address | Refused::Number | Refused::Unticked)) => {
            page(&browser, &fields, &plain(fields.text("request")), Some(&refused))
        }
        Err(refused) => render::failure(&browser, &refused),
    }
}

async fn registered(app: &App, browser: &Browser, fields: &Fields) -> Result<(), Refused> {
    let asked = asked(browser, fields)?;
    let at = browser.at("", "");
    let expected = app.login.expected(&at, &asked).await?;
    let rights = expected
        .as_ref()
        .map(|expected| expected.rights.as_slice())
        .unwrap_or_default();
    let known = known(app, browser, rights).await?;
    app.login.register(at, asked, expected, known).await
}

/// What was typed, as far as it can be anything.
fn asked(browser: &Browser, fields: &Fields) -> Result<Asked, Refused> {
    let policy = &browser.tenant.policy;
    let email = fields.text("email").trim();
    if !is_address(email) {
        return Err(Refused::Address);
    }
    let mobile = number(fields.text("country"), fields.text("mobile"))
        .filter(|mobile| policy.sms.countries.contains(&mobile.country()));
    let mobile = mobile.ok_or(Refused::Number)?;
    if policy.terms.privacy_url.is_some() && fields.text("privacy") != "read" {
        return Err(Refused::Unticked);
    }
    Ok(Asked {
        email: email.to_owned(),
        mobile,
    })
}

/// A number as people write it in that country, or with the country in front.
fn number(country: &str, text: &str) -> Option<Number> {
    let text = text.trim();
    let within = text.strip_prefix('0').filter(|rest| !rest.starts_with('0'));
    match (Country::parse(country), within) {
        (Some(country), Some(rest)) => Number::parse(&format!("+{}{rest}", country.calling_code())),
        _ => Number::parse(text),
    }
}

/// What the ECD says of how to reach who has these rights: the client, or the contact of the client.
async fn known(app: &App, browser: &Browser, rights: &[Right]) -> Result<Vec<Reach>, Refused> {
    let tenant = &browser.tenant.id;
    let mut reaches = Vec::new();
    // Who is not expected costs the same work: a read of nobody, and its line.
    let nobody = Right {
        patient: Id::parse("nobody").ok_or(Refused::Stopped)?,
        role: Role::Client,
        related: None,
        parts: Parts::default(),
    };
    let is_expected = !rights.is_empty();
    let rights = if is_expected {
        rights
    } else {
        std::slice::from_ref(&nobody)
    };
    for right in rights {
        let (kind, id) = match (right.role, &right.related) {
            (Role::Client, _) => (Patient, &right.patient),
            (Role::Contact | Role::Representative, Some(related)) => (RelatedPerson, related),
            (Role::Contact | Role::Representative, None) => continue,
        };
        let patients = std::slice::from_ref(&right.patient);
        let (visible, mut entry) = access::for_system("is this the person who registers", tenant, patients);
        if !is_expected {
            entry.patients.clear();
        }
        app.recorder
            .record(entry.from(browser.origin))
            .await
            .map_err(|_| Refused::Stopped)?;
        let mut read = app.db.read().await?;
        let stored = resource::read(&mut read, &visible, kind, id).await?;
        let body: Option<Value> = stored.and_then(|stored| serde_json::from_str(&stored.body).ok());
        reaches.extend(body.as_ref().map(reach));
    }
    Ok(reaches)
}

fn reach(person: &Value) -> Reach {
    let mut reach = Reach::default();
    for way in person["telecom"].as_array().into_iter().flatten() {
        let Some(value) = way["value"].as_str() else { continue };
        match way["system"].as_str() {
            Some("email") => reach.emails.push(value.to_owned()),
            Some("phone" | "sms") => reach.numbers.push(value.to_owned()),
            _ => {}
        }
    }
    reach
}
