//! The account page: who is logged in, and the way out.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::browser::{Browser, Cookie};
use super::fields::Fields;
use super::render;
use super::views::{self, Shell, SignedIn};
use crate::http::App;
use crate::login::Refused;

pub(super) async fn show(State(app): State<App>, browser: Browser) -> Response {
    let language = browser.language(None);
    let t = language.texts();
    match app.login.signed_in(&browser.at("", "")).await {
        Ok(somebody) => {
            let path = format!("/{}/account?", browser.tenant.id);
            let view = views::Account {
                shell: Shell::new(&browser, language, t.account_title, false).switched_at(&path),
                t,
                signed_in: somebody.map(|(name, csrf)| SignedIn {
                    hello: language.hello(&name),
                    csrf,
                }),
            };
            render::html(&browser, StatusCode::OK, "", &view)
        }
        Err(refused) => render::failure(&browser, &refused),
    }
}

pub(super) async fn sign_out(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let signed_out = if browser.from_elsewhere {
        Err(Refused::Forged)
    } else {
        app.login.sign_out(browser.at("", fields.text("csrf"))).await
    };
    match signed_out {
        Ok(_) => {
            let t = browser.language(None).texts();
            let mut response = render::message(&browser, StatusCode::OK, t.signed_out_title, t.signed_out, false);
            let headers = response.headers_mut();
            browser.set(headers, Cookie::Session, "");
            headers.insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
            response
        }
        Err(refused) => render::failure(&browser, &refused),
    }
}
