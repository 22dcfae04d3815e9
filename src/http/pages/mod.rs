//! The pages for people: login, and the account.
//!
//! # Design
//! Plain HTML forms: they work without JavaScript, at 400 % zoom, with a keyboard and a screen reader. A step answers with 303
//! to the page of the flow, so a reload never posts twice; only what went wrong is shown at once, on the same page.
//!
//! Field names are a contract that any client can walk: `username`, `password`, `new_password`, `new_password_again`, `otp`,
//! `patient` (radio), `scope` (boxes), `decision` (`allow` or `deny`); the first element of a name has it as its id, and a
//! form has one submit button unless it asks for a decision.

/// Pages as templates: each has what is around it and the words of all pages, and every value is escaped.
macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident($path:literal) { $($field:ident: $kind:ty),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(askama::Template)]
        #[template(path = $path, config = ".config/askama.toml")]
        pub(super) struct $name {
            pub(super) shell: crate::http::pages::views::Shell,
            pub(super) t: &'static crate::http::pages::text::Texts,
            $(pub(super) $field: $kind),*
        })*
    };
}

mod account;
#[cfg(test)]
mod account_tests;
mod account_words;
mod assets;
mod browser;
mod device;
mod device_text;
#[cfg(test)]
mod device_tests;
mod fields;
mod info;
mod info_text;
mod logout;
mod look;
#[cfg(test)]
mod logout_tests;
mod own;
mod own_share;
#[cfg(test)]
mod own_tests;
mod own_text;
mod own_views;
mod people;
mod recover;
mod register;
mod render;
mod scope_words;
mod second;
#[cfg(test)]
mod tests;
mod text;
mod upstream;
mod views;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::browser::{Browser, Cookie};
use self::fields::Fields;
use self::render::Problem;
use super::App;
use crate::fhir::types::Id;
use crate::login::{Ask, At, Decision, Entered, Moved, Refused, Typing, Visit};
use crate::oauth::scope::Detail;
use crate::oauth::token;

/// Everything under `/{tenant}/login`, `/{tenant}/account` and `/assets`.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(upstream::routes())
        .route("/assets/{file}", get(assets::style))
        .route("/{tenant}/login", get(show).post(password))
        .route("/{tenant}/login/code/send", post(send_code))
        .route("/{tenant}/login/code", post(code))
        .route("/{tenant}/login/password", post(change_password))
        .route("/{tenant}/login/terms", post(info::agree))
        .route("/{tenant}/login/client", post(client))
        .route("/{tenant}/login/approve", post(approve))
        .route("/{tenant}/account", get(account::show))
        .route("/{tenant}/account/sign-out", post(account::sign_out))
        .route(
            "/{tenant}/account/sign-out-elsewhere",
            post(account::sign_out_elsewhere),
        )
        .route("/{tenant}/account/withdraw", post(account::withdraw))
        .route("/{tenant}/account/withdraw-all", post(account::withdraw_all))
        .route("/{tenant}/account/forget-device", post(account::forget_device))
        .route("/{tenant}/account/code", post(own::enter_code))
        .route("/{tenant}/account/code/send", post(own::send_code))
        .route("/{tenant}/account/mobile/confirm", post(own::confirm_mobile))
        .route("/{tenant}/account/factors/{what}", post(own::factors))
        .route("/{tenant}/account/{act}", get(own::show).post(own::act))
        .route("/{tenant}/oauth/logout", get(logout::ask).post(logout::post))
        .route("/{tenant}/device", get(device::show).post(device::enter))
        .route("/{tenant}/device/done", get(device::done))
        .route("/{tenant}/help", get(info::help))
        .route("/{tenant}/terms", get(info::terms))
        .route("/{tenant}/register", get(register::show).post(register::ask))
        .route("/{tenant}/forgot", get(recover::forgot).post(recover::ask_link))
        .route("/{tenant}/link", get(recover::open).post(recover::use_link))
}

async fn show(State(app): State<App>, browser: Browser) -> Response {
    let request = browser.parameter("request").unwrap_or_default().to_owned();
    page(&app, &browser, &request, None).await
}

async fn password(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let username = fields.text("username").to_owned();
    let step = match at(&browser, &fields) {
        Ok(at) => {
            app.login
                .password(at, username.clone(), fields.secret("password"))
                .await
        }
        Err(refused) => Err(refused),
    };
    answer(&app, &browser, &fields, step, username).await
}

async fn send_code(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let step = match at(&browser, &fields) {
        Ok(at) => app.login.send_code(at).await,
        Err(refused) => Err(refused),
    };
    answer(&app, &browser, &fields, step, String::new()).await
}

async fn code(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let step = match at(&browser, &fields) {
        Ok(at) => {
            let trust = fields.text("trust") == "yes";
            let entered = Entered::new(fields.text("otp"), typing(&fields).unwrap_or_default());
            app.login.enter_code(at, entered, trust).await
        }
        Err(refused) => Err(refused),
    };
    answer(&app, &browser, &fields, step, String::new()).await
}

async fn change_password(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let [current, new, again] = ["password", "new_password", "new_password_again"].map(|name| fields.secret(name));
    let step = match at(&browser, &fields) {
        Ok(at) => app.login.change_password(at, current, new, again).await,
        Err(refused) => Err(refused),
    };
    if let Ok(moved) = &step {
        token::forget(&app.issuer, &moved.ended);
    }
    answer(&app, &browser, &fields, step, String::new()).await
}

async fn client(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let step = match at(&browser, &fields) {
        Ok(at) => app.login.choose(at, Id::parse(fields.text("patient"))).await,
        Err(refused) => Err(refused),
    };
    answer(&app, &browser, &fields, step, String::new()).await
}

async fn approve(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let decision = match fields.text("decision") {
        "allow" => {
            let detail = match fields.text("detail") {
                "pieces" => Detail::Pieces,
                _ => Detail::Whole,
            };
            // What reads alike on the page is one field with several scopes.
            let left = fields.all("scope");
            let left = left.iter().flat_map(|scopes| scopes.split(' ')).map(str::to_owned);
            Some(Decision::Allow(left.collect(), detail))
        }
        "deny" => Some(Decision::Deny),
        _ => None,
    };
    let step = match (at(&browser, &fields), decision) {
        (Ok(at), Some(decision)) => app.login.decide(at, decision).await,
        (Ok(_), None) => Err(Refused::NoDecision),
        (Err(refused), _) => Err(refused),
    };
    answer(&app, &browser, &fields, step, String::new()).await
}

/// Which form of this browser it is; a form that another site made the browser send is none of ours.
fn at(browser: &Browser, fields: &Fields) -> Result<At, Refused> {
    if browser.from_elsewhere {
        return Err(Refused::Forged);
    }
    Ok(browser.at(fields.text("flow"), fields.text("csrf")))
}

/// After a step: on to the next page or to the app, or the same page with what went wrong.
async fn answer(
    app: &App,
    browser: &Browser,
    fields: &Fields,
    step: Result<Moved, Refused>,
    username: String,
) -> Response {
    let request = fields.text("request");
    match step {
        Ok(step) => moved(browser, &step, request),
        Err(Refused::OtherStep) => see_other(&own_page(browser, request)),
        Err(
            refused @ (Refused::Gone
            | Refused::Forged
            | Refused::Busy
            | Refused::Stopped
            | Refused::Database(_)
            | Refused::OAuth(_)
            | Refused::Upstream(_)),
        ) => render::failure(browser, &refused),
        Err(refused) => {
            let typing = typing(fields);
            let problem = Problem {
                refused,
                username,
                typing,
            };
            page(app, browser, request, Some(&problem)).await
        }
    }
}

/// On to the next page, or to the app.
fn moved(browser: &Browser, moved: &Moved, request: &str) -> Response {
    let mut response = match &moved.to_app {
        Some(to) => see_other(to.as_str()),
        None => see_other(&own_page(browser, request)),
    };
    let headers = response.headers_mut();
    if let Some(value) = &moved.browser {
        browser.set(headers, Cookie::Ix, value);
    }
    if let Some(value) = &moved.session {
        browser.set(headers, Cookie::Session, value);
    }
    if let Some(value) = &moved.device {
        browser.set(headers, Cookie::Device, value);
    }
    response
}

/// Which second factor a form is about.
fn typing(fields: &Fields) -> Option<Typing> {
    Typing::parse(fields.text("factor"))
}

/// The page of the flow for this request.
async fn page(app: &App, browser: &Browser, request: &str, problem: Option<&Problem>) -> Response {
    match app.login.visit(browser.at("", ""), request.to_owned()).await {
        Ok(Visit::ToApp(to)) => see_other(to.as_str()),
        Ok(Visit::Page(page)) if problem.is_none() && upstream::stands_in(browser, &page) => {
            upstream::offer(app, browser, *page).await
        }
        Ok(Visit::Page(page)) => {
            let language = browser.language(page.request.ui_locales.as_deref());
            let rights = match &page.ask {
                Ask::Client(rights) => rights.as_slice(),
                Ask::Approve { right, .. } => right.as_slice(),
                _ => &[],
            };
            let who = (
                page.account.as_deref().unwrap_or_default(),
                page.request.app.client_id.as_str(),
            );
            match people::of(app, browser, who, rights, language).await {
                Ok(people) => {
                    let board = match &page.ask {
                        Ask::Password => Some(info::Board::of(app, browser, language).await),
                        _ => None,
                    };
                    render::page(browser, *page, people, board, problem)
                }
                Err(refused) => render::failure(browser, &refused),
            }
        }
        Err(refused) => render::failure(browser, &refused),
    }
}

/// The page of the flow. The id comes from a form, so it is checked before it goes into a header.
fn own_page(browser: &Browser, request: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let request = if request.len() <= 64 && request.bytes().all(plain) {
        request
    } else {
        ""
    };
    format!("/{}/login?request={request}", browser.tenant.id)
}

/// 303: the browser fetches the next page with GET and forgets what it posted (RFC 9700 §4.12).
fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::try_from(to) {
        headers.insert(LOCATION, to);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
