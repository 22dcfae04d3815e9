//! The account page: who is logged in, which apps have access, the last logins, and the way out.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::browser::{Browser, Cookie};
use super::fields::Fields;
use super::text::Language;
use super::text::day;
use super::views::{self, Shell};
use super::{own, render, see_other};
use crate::http::App;
use crate::login::{Own, Refused};
use crate::oauth::grant::Given;
use crate::oauth::scope::{Scope, Scopes};
use crate::oauth::token;

pub(super) async fn show(State(app): State<App>, browser: Browser) -> Response {
    let language = browser.language(None);
    let t = language.texts();
    match app.login.own(&browser.at("", "")).await {
        Ok(own) => {
            let path = format!("/{}/account?", browser.tenant.id);
            let view = views::Account {
                shell: Shell::new(&browser, language, t.account_title, false).switched_at(&path),
                t,
                o: language.own_texts(),
                own: own.map(|own| seen(language, &own, &browser.tenant.zone)),
            };
            render::html(&browser, StatusCode::OK, "", &view)
        }
        Err(refused) => render::failure(&browser, &refused),
    }
}

/// Takes back what one app got.
pub(super) async fn withdraw(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let client_id = fields.text("app").to_owned();
    taken_back(&app, &browser, &fields, Some(client_id)).await
}

pub(super) async fn withdraw_all(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    taken_back(&app, &browser, &fields, None).await
}

async fn taken_back(app: &App, browser: &Browser, fields: &Fields, client_id: Option<String>) -> Response {
    let withdrawn = match own::at(browser, fields) {
        Ok(at) => app.login.withdraw(at, client_id).await,
        Err(refused) => Err(refused),
    };
    ended(app, browser, withdrawn)
}

/// Ends the trust in one browser.
pub(super) async fn forget_device(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let forgotten = match own::at(&browser, &fields) {
        Ok(at) => {
            app.login
                .forget_device(at, Some(fields.text("device").to_owned()))
                .await
        }
        Err(refused) => Err(refused),
    };
    ended(&app, &browser, forgotten.map(|()| Vec::new()))
}

/// Ends the logins in every other browser.
pub(super) async fn sign_out_elsewhere(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let signed_out = match own::at(&browser, &fields) {
        Ok(at) => app.login.sign_out_elsewhere(at).await,
        Err(refused) => Err(refused),
    };
    ended(&app, &browser, signed_out)
}

/// Back to the page, on which less stands.
fn ended(app: &App, browser: &Browser, step: Result<Vec<String>, Refused>) -> Response {
    match step {
        Ok(ended) => {
            token::forget(&app.issuer, &ended);
            see_account(browser)
        }
        // The session was over: the page says so.
        Err(Refused::Gone) => see_account(browser),
        Err(refused) => render::failure(browser, &refused),
    }
}

pub(super) async fn sign_out(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let signed_out = match own::at(&browser, &fields) {
        Ok(at) => app.login.sign_out(at).await,
        Err(refused) => Err(refused),
    };
    match signed_out {
        Ok(out) => {
            token::forget(&app.issuer, &out.map(|out| out.ended).unwrap_or_default());
            let t = browser.language(None).texts();
            close_session(
                &browser,
                render::message(&browser, StatusCode::OK, t.signed_out_title, t.signed_out, false),
            )
        }
        Err(refused) => render::failure(&browser, &refused),
    }
}

/// The browser forgets the session and what it kept of these pages.
pub(super) fn close_session(browser: &Browser, mut response: Response) -> Response {
    let headers = response.headers_mut();
    browser.set(headers, Cookie::Session, "");
    headers.insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    response
}

pub(super) fn see_account(browser: &Browser) -> Response {
    see_other(&format!("/{}/account", browser.tenant.id))
}

/// The account in words.
fn seen(language: Language, own: &Own, zone: &TimeZone) -> views::Own {
    let mut by_app: BTreeMap<&str, Vec<&Given>> = BTreeMap::new();
    for given in &own.given {
        by_app.entry(&given.client_id).or_default().push(given);
    }
    views::Own {
        hello: language.hello(&own.name),
        username: own.username.clone(),
        csrf: own.form.clone(),
        apps: by_app
            .values()
            .filter_map(|given| one_app(language, given, zone))
            .collect(),
        logins: own
            .logins
            .iter()
            .map(|login| language.past_login(&moment(login.at, zone), login))
            .collect(),
        devices: own
            .devices
            .iter()
            .map(|(device, here)| views::TrustedDevice {
                id: device.id.clone(),
                words: language.device(
                    &device.label,
                    &moment(device.since, zone),
                    &moment(device.used, zone),
                    *here,
                ),
                button: language.forget_button(&device.label),
            })
            .collect(),
    }
}

/// Everything that one app got, whoever it is about.
fn one_app(language: Language, given: &[&Given], zone: &TimeZone) -> Option<views::GivenApp> {
    let first = given.first()?;
    let since = given.iter().map(|given| given.since).min()?;
    let used = given.iter().map(|given| given.used).max()?;
    Some(views::GivenApp {
        client_id: first.client_id.clone(),
        name: first.name.clone(),
        times: language.app_times(&moment(since, zone), &moment(used, zone)),
        scopes: words(language, given.iter().map(|given| &given.scopes)),
        button: language.withdraw_button(&first.name),
    })
}

/// Each scope once, as on the page where it was given.
fn words<'a>(language: Language, scopes: impl Iterator<Item = &'a Scopes>) -> Vec<String> {
    let mut words = Vec::new();
    for scope in scopes.flat_map(Scopes::iter) {
        if !matches!(scope, Scope::Data(_) | Scope::OfflineAccess) {
            continue;
        }
        let (title, more) = language.scope(scope);
        let word = if more.is_empty() {
            title
        } else {
            format!("{title}. {more}")
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// `22-11-2026 11:00`, on the clock of the organisation.
fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    format!("{} {}", day(at.date()), at.strftime("%H:%M"))
}
