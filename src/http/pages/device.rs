//! `/{tenant}/device`: the page on which people type the code that a device shows, and the one that sends them back to it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::browser::Browser;
use super::fields::Fields;
use super::views::{self, Shell};
use super::{own_page, render, see_other};
use crate::http::App;
use crate::login::Refused;

pub(super) async fn show(browser: Browser) -> Response {
    let code = browser
        .parameter("user_code")
        .unwrap_or_default()
        .chars()
        .take(20)
        .collect();
    page(&browser, code, None)
}

fn page(browser: &Browser, code: String, refused: Option<&Refused>) -> Response {
    let language = browser.language(None);
    let (status, problem) = match refused {
        Some(refused) => render::told(language, refused),
        None => (StatusCode::OK, None),
    };
    let d = language.device_texts();
    let view = views::Device {
        shell: Shell::new(browser, language, d.title, refused.is_some())
            .switched_at(&format!("/{}/device?", browser.tenant.id)),
        t: language.texts(),
        d,
        problem,
        code,
    };
    let mut response = render::html(browser, status, "", &view);
    render::retry_after(&mut response, refused);
    response
}

pub(super) async fn enter(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    if browser.from_elsewhere {
        return render::failure(&browser, &Refused::Forged);
    }
    let typed = fields.text("user_code");
    match app.login.type_code(browser.at("", ""), &app.issuer, typed).await {
        Ok(request) => see_other(&own_page(&browser, &request)),
        Err(refused @ (Refused::UserCode | Refused::Wait(_))) => {
            page(&browser, typed.chars().take(20).collect(), Some(&refused))
        }
        Err(refused) => render::failure(&browser, &refused),
    }
}

/// The end in this browser; the device learns the answer by itself.
pub(super) async fn done(browser: Browser) -> Response {
    let d = browser.language(None).device_texts();
    let (title, text) = match browser.parameter("error") {
        None => (d.done_title, d.done),
        Some(_) => (d.title, d.denied),
    };
    render::message(&browser, StatusCode::OK, title, text, false)
}
