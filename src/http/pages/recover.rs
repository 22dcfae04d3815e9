//! The pages of a forgotten password and of mailed links.
//!
//! # Design
//! The token of a link stands in its address; the page forbids the referrer (as every page), is never cached, and its form
//! carries the token on. Opening the link changes nothing.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::browser::Browser;
use super::fields::Fields;
use super::own_views as views;
use super::render;
use super::views::Shell;
use crate::account::link::Purpose;
use crate::config::LoginName;
use crate::http::App;
use crate::login::Refused;
use crate::oauth::token as tokens;

pub(super) async fn forgot(browser: Browser) -> Response {
    forgot_page(&browser, None)
}

fn forgot_page(browser: &Browser, refused: Option<&Refused>) -> Response {
    let language = browser.language(None);
    let o = language.own_texts();
    let (status, problem) = match refused {
        Some(refused) => render::told(language, refused),
        None => (StatusCode::OK, None),
    };
    let view = views::Forgot {
        shell: Shell::new(browser, language, o.forgot_title, refused.is_some())
            .switched_at(&format!("/{}/forgot?", browser.tenant.id)),
        t: language.texts(),
        o,
        problem,
        by_email: browser.tenant.policy.accounts.login_name == LoginName::Email,
    };
    render::html(browser, status, "", &view)
}

pub(super) async fn ask_link(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    if browser.from_elsewhere {
        return render::failure(&browser, &Refused::Forged);
    }
    let [username, email] = ["username", "email"].map(|name| fields.text(name).to_owned());
    match app.login.forgot(browser.at("", ""), username, email).await {
        Ok(()) => {
            let o = browser.language(None).own_texts();
            render::message(&browser, StatusCode::OK, o.forgot_sent_title, o.forgot_sent, false)
        }
        Err(refused @ Refused::Wait(_)) => forgot_page(&browser, Some(&refused)),
        Err(refused) => render::failure(&browser, &refused),
    }
}

pub(super) async fn open(State(app): State<App>, browser: Browser) -> Response {
    let token = browser.parameter("token").unwrap_or_default().to_owned();
    link_page(&app, &browser, token, None).await
}

async fn link_page(app: &App, browser: &Browser, token: String, refused: Option<&Refused>) -> Response {
    let language = browser.language(None);
    let (t, o) = (language.texts(), language.own_texts());
    let opened = match app.login.open_link(&browser.tenant.id, &token).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return over(browser),
        Err(refused) => return render::failure(browser, &refused),
    };
    let (status, problem) = match refused {
        Some(refused) => render::told(language, refused),
        None => (StatusCode::OK, None),
    };
    match opened.purpose {
        Purpose::Reset | Purpose::Invite => {
            let view = views::LinkPassword {
                shell: Shell::new(browser, language, o.password_title, refused.is_some()),
                t,
                o,
                problem,
                token,
                username: opened.username,
                rules: language.password_rules(&browser.tenant.policy.password),
            };
            render::html(browser, status, "", &view)
        }
        Purpose::Email => {
            let view = views::LinkEmail {
                shell: Shell::new(browser, language, o.email_confirm_title, refused.is_some()),
                t,
                o,
                problem,
                token,
            };
            render::html(browser, status, "", &view)
        }
    }
}

pub(super) async fn use_link(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    if browser.from_elsewhere {
        return render::failure(&browser, &Refused::Forged);
    }
    let token = fields.text("token").to_owned();
    let [new, again] = ["new_password", "new_password_again"].map(|name| fields.secret(name));
    let o = browser.language(None).own_texts();
    let opened = match app.login.open_link(&browser.tenant.id, &token).await {
        Ok(opened) => opened,
        Err(refused) => return render::failure(&browser, &refused),
    };
    let Some(opened) = opened else {
        return over(&browser);
    };
    let at = browser.at("", "");
    let (step, words) = match opened.purpose {
        Purpose::Email => (
            app.login.confirm_address(at, token.clone()).await.map(|()| Vec::new()),
            o.done_email,
        ),
        Purpose::Reset | Purpose::Invite => (
            app.login.choose_password(at, token.clone(), new, again).await,
            o.link_done_password,
        ),
    };
    match step {
        Ok(ended) => {
            tokens::forget(&app.issuer, &ended);
            render::message(&browser, StatusCode::OK, o.link_done_title, words, false)
        }
        Err(Refused::Link) => over(&browser),
        Err(refused @ (Refused::NewPassword(_) | Refused::Different)) => {
            link_page(&app, &browser, token, Some(&refused)).await
        }
        Err(refused) => render::failure(&browser, &refused),
    }
}

fn over(browser: &Browser) -> Response {
    let o = browser.language(None).own_texts();
    render::message(browser, StatusCode::GONE, o.link_over_title, o.link_over, false)
}
