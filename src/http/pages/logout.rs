//! `/{tenant}/oauth/logout`: an app asks that its person is logged out (OpenID Connect RP-Initiated Logout).
//!
//! # Design
//! An app that shows an id token of the very person who is logged in here is followed at once. Anybody else could have made the
//! browser come here, so the person is asked by a form of ours. A form that an app posts comes without the session's cookie
//! (`SameSite=Lax`), so it is answered by a redirect to the same request by `GET`, which brings it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use url::form_urlencoded::Serializer;

use super::browser::Browser;
use super::fields::Fields;
use super::{account, render, see_other, views};
use crate::http::App;
use crate::login::Refused;
use crate::login::session::LoggedOut;
use crate::oauth::logout::{self, Asked, Logout};
use crate::oauth::token;

const NAMES: [&str; 5] = [
    "id_token_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
];

pub(super) async fn ask(State(app): State<App>, browser: Browser) -> Response {
    let given = NAMES.map(|name| browser.parameter(name).unwrap_or_default().to_owned());
    answer(&app, &browser, given, "").await
}

/// The person's own press of the button, or a form of the app's.
pub(super) async fn post(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let given = NAMES.map(|name| fields.text(name).to_owned());
    let csrf = fields.text("csrf");
    if csrf.is_empty() {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(NAMES.into_iter().zip(&given).filter(|(_, value)| !value.is_empty()));
        return see_other(&format!("/{}/oauth/logout?{}", browser.tenant.id, query.finish()));
    }
    if browser.from_elsewhere {
        return render::failure(&browser, &Refused::Forged);
    }
    answer(&app, &browser, given, csrf).await
}

async fn answer(app: &App, browser: &Browser, given: [String; 5], csrf: &str) -> Response {
    let some = |at: usize| Some(given[at].as_str()).filter(|value: &&str| !value.is_empty());
    let asked = Asked {
        id_token_hint: some(0),
        client_id: some(1),
        post_logout_redirect_uri: some(2),
        state: some(3),
    };
    let t = browser.language(some(4)).texts();
    let found = match logout::check(&app.issuer, &browser.tenant.id, asked).await {
        Ok(Ok(found)) => found,
        Ok(Err(logout::Wrong)) => {
            return render::message(browser, StatusCode::BAD_REQUEST, t.logout_title, t.logout_wrong, false);
        }
        Err(error) => return render::failure(browser, &Refused::OAuth(error)),
    };
    let at = browser.at("", csrf);
    match app.login.log_out(at, found.subject.clone()).await {
        Ok(LoggedOut::Nobody) => account::close_session(browser, after(browser, found)),
        Ok(LoggedOut::Done(ended)) => {
            token::forget(&app.issuer, &ended);
            account::close_session(browser, after(browser, found))
        }
        Ok(LoggedOut::Ask(csrf)) => {
            let target = found.to.as_ref().map(|to| to.origin().ascii_serialization());
            let hidden = NAMES.into_iter().zip(given).filter(|(_, value)| !value.is_empty());
            let view = views::Logout {
                shell: views::Shell::new(browser, browser.language(None), t.logout_title, false),
                t,
                csrf,
                hidden: hidden.collect(),
            };
            render::html(browser, StatusCode::OK, &target.unwrap_or_default(), &view)
        }
        Err(refused) => render::failure(browser, &refused),
    }
}

fn after(browser: &Browser, found: Logout) -> Response {
    let t = browser.language(None).texts();
    match found.to {
        Some(to) => see_other(to.as_str()),
        None => render::message(browser, StatusCode::OK, t.signed_out_title, t.signed_out, false),
    }
}
