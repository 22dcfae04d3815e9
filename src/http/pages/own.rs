//! The pages on which people change their account: thin, one flow each.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::account::{close_session, see_account};
use super::browser::Browser;
use super::fields::Fields;
use super::own_views as views;
use super::text::Language;
use super::views::Shell;
use super::{own_share, render, see_other};
use crate::http::App;
use crate::login::act::Acting;
use crate::login::{Again, At, Entered, Refused, Typing};
use crate::oauth::token;

/// What somebody wants to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Password,
    Mobile,
    Email,
    Factors,
    Share,
    Close,
}

impl Act {
    const ALL: [Self; 6] = [
        Self::Password,
        Self::Mobile,
        Self::Email,
        Self::Factors,
        Self::Share,
        Self::Close,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Mobile => "mobile",
            Self::Email => "email",
            Self::Factors => "factors",
            Self::Share => "share",
            Self::Close => "close",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == text)
    }

    /// The password asks the present one instead.
    const fn asks_fresh(self) -> bool {
        !matches!(self, Self::Password)
    }
}

pub(super) async fn show(State(app): State<App>, Path((_, act)): Path<(String, String)>, browser: Browser) -> Response {
    match Act::parse(&act) {
        Some(act) => page(&app, &browser, act, None, Vec::new()).await,
        None => {
            let t = browser.language(None).texts();
            render::message(&browser, StatusCode::NOT_FOUND, t.no_page_title, t.no_page, false)
        }
    }
}

/// What a form of these pages comes with; one that another site made the browser send is none of ours.
pub(super) fn at(browser: &Browser, fields: &Fields) -> Result<At, Refused> {
    if browser.from_elsewhere {
        return Err(Refused::Forged);
    }
    Ok(browser.at("", fields.text("csrf")))
}

/// After an act: back to its page, or the page again with what went wrong.
async fn answer(app: &App, browser: &Browser, act: Act, step: Result<(), Refused>) -> Response {
    match step {
        Ok(()) | Err(Refused::OtherStep | Refused::NotFresh) => see_other(&path(browser, act)),
        Err(refused) => failed(app, browser, act, refused).await,
    }
}

async fn failed(app: &App, browser: &Browser, act: Act, refused: Refused) -> Response {
    match refused {
        // Not logged in any more: the account page says so.
        Refused::Gone => see_account(browser),
        refused @ (Refused::Forged | Refused::Busy | Refused::Stopped | Refused::Database(_) | Refused::OAuth(_)) => {
            render::failure(browser, &refused)
        }
        refused => page(app, browser, act, Some(&refused), Vec::new()).await,
    }
}

fn path(browser: &Browser, act: Act) -> String {
    format!("/{}/account/{}", browser.tenant.id, act.as_str())
}

pub(super) async fn send_code(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let act = Act::parse(fields.text("act")).unwrap_or(Act::Factors);
    let step = match at(&browser, &fields) {
        Ok(at) => app.login.send_own_code(at).await,
        Err(refused) => Err(refused),
    };
    answer(&app, &browser, act, step).await
}

pub(super) async fn enter_code(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let act = Act::parse(fields.text("act")).unwrap_or(Act::Factors);
    let how = Typing::parse(fields.text("factor")).unwrap_or_default();
    let step = match at(&browser, &fields) {
        Ok(at) => {
            app.login
                .enter_own_code(at, Entered::new(fields.text("otp"), how))
                .await
        }
        Err(refused) => Err(refused),
    };
    answer(&app, &browser, act, step).await
}

pub(super) async fn act(
    State(app): State<App>,
    Path((_, act)): Path<(String, String)>,
    browser: Browser,
    fields: Fields,
) -> Response {
    match Act::parse(&act) {
        Some(Act::Password) => password(&app, &browser, &fields).await,
        Some(Act::Mobile) => mobile(&app, &browser, &fields).await,
        Some(Act::Email) => email(&app, &browser, &fields).await,
        Some(Act::Share) => share(&app, &browser, &fields).await,
        Some(Act::Close) => close(&app, &browser, &fields).await,
        Some(Act::Factors) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn password(app: &App, browser: &Browser, fields: &Fields) -> Response {
    let [current, new, again] = ["password", "new_password", "new_password_again"].map(|name| fields.secret(name));
    let step = match at(browser, fields) {
        Ok(at) => app.login.change_own_password(at, current, new, again).await,
        Err(refused) => Err(refused),
    };
    match step {
        Ok(ended) => {
            token::forget(&app.issuer, &ended);
            done(browser, |language| language.own_texts().done_password)
        }
        Err(refused) => failed(app, browser, Act::Password, refused).await,
    }
}

async fn mobile(app: &App, browser: &Browser, fields: &Fields) -> Response {
    let step = match at(browser, fields) {
        Ok(at) => app.login.new_number(at, fields.text("mobile").to_owned()).await,
        Err(refused) => Err(refused),
    };
    answer(app, browser, Act::Mobile, step).await
}

pub(super) async fn confirm_mobile(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let step = match at(&browser, &fields) {
        Ok(at) => app.login.confirm_number(at, fields.text("otp").to_owned()).await,
        Err(refused) => Err(refused),
    };
    match step {
        Ok(()) => done(&browser, |language| language.own_texts().done_mobile),
        other => answer(&app, &browser, Act::Mobile, other).await,
    }
}

async fn email(app: &App, browser: &Browser, fields: &Fields) -> Response {
    let step = match at(browser, fields) {
        Ok(at) => app.login.new_address(at, fields.text("email").to_owned()).await,
        Err(refused) => Err(refused),
    };
    match step {
        Ok(()) => done(browser, |language| language.own_texts().email_sent),
        other => answer(app, browser, Act::Email, other).await,
    }
}

/// What is done to an app or the recovery codes.
pub(super) async fn factors(
    State(app): State<App>,
    Path((_, what)): Path<(String, String)>,
    browser: Browser,
    fields: Fields,
) -> Response {
    let at = match at(&browser, &fields) {
        Ok(at) => at,
        Err(refused) => return render::failure(&browser, &refused),
    };
    let step = match what.as_str() {
        "begin" => app.login.begin_app(at).await,
        "confirm" => app.login.confirm_app(at, fields.text("otp").to_owned()).await,
        "remove" => app.login.remove_app(at).await,
        "codes" => match app.login.new_recovery_codes(at).await {
            Ok(codes) => return page(&app, &browser, Act::Factors, None, codes).await,
            Err(refused) => Err(refused),
        },
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    answer(&app, &browser, Act::Factors, step).await
}

async fn share(app: &App, browser: &Browser, fields: &Fields) -> Response {
    let step = match at(browser, fields) {
        Ok(at) => own_share::save(app, at, fields).await,
        Err(refused) => Err(refused),
    };
    answer(app, browser, Act::Share, step).await
}

async fn close(app: &App, browser: &Browser, fields: &Fields) -> Response {
    let step = match at(browser, fields) {
        Ok(at) => app.login.close_account(at).await,
        Err(refused) => Err(refused),
    };
    match step {
        Ok(ended) => {
            token::forget(&app.issuer, &ended);
            let o = browser.language(None).own_texts();
            close_session(
                browser,
                render::message(browser, StatusCode::OK, o.closed_title, o.closed, false),
            )
        }
        Err(Refused::NotFresh) => see_other(&path(browser, Act::Close)),
        Err(refused) => failed(app, browser, Act::Close, refused).await,
    }
}

fn done(browser: &Browser, words: impl Fn(Language) -> &'static str) -> Response {
    let language = browser.language(None);
    let o = language.own_texts();
    render::message(browser, StatusCode::OK, o.link_done_title, words(language), false)
}

/// The page of an act, or the one that asks a fresh second factor for it.
async fn page(app: &App, browser: &Browser, act: Act, refused: Option<&Refused>, codes: Vec<String>) -> Response {
    let acting = match app.login.acting(&browser.at("", "")).await {
        Ok(Some(acting)) => acting,
        Ok(None) => return see_account(browser),
        Err(refused) => return render::failure(browser, &refused),
    };
    let language = browser.language(None);
    let (t, o) = (language.texts(), language.own_texts());
    let (status, problem) = match refused {
        Some(refused) => render::told(language, refused),
        None => (StatusCode::OK, None),
    };
    let shell = |title: &str| {
        Shell::new(browser, language, title, refused.is_some()).switched_at(&format!("{}?", path(browser, act)))
    };
    if act.asks_fresh() && !acting.fresh {
        let view = confirm(browser, act, acting, shell(o.confirm_title), problem);
        return render::html(browser, status, "", &view);
    }
    let csrf = acting.form;
    match act {
        Act::Password => {
            let view = views::Password {
                shell: shell(o.password_title),
                t,
                o,
                // Here the present password is one that the person chose.
                problem: match refused {
                    Some(Refused::CurrentPassword) => Some(o.password_wrong.to_owned()),
                    _ => problem,
                },
                csrf,
                username: acting.username,
                rules: language.password_rules(&browser.tenant.policy.password),
                new_is_wrong: matches!(refused, Some(Refused::NewPassword(_) | Refused::Different)),
            };
            render::html(browser, status, "", &view)
        }
        Act::Mobile => {
            let view = views::Mobile {
                shell: shell(o.menu_mobile),
                t,
                o,
                problem,
                csrf,
                now: language.mobile_now(&acting.mobile),
                waiting: acting.new_mobile,
            };
            render::html(browser, status, "", &view)
        }
        Act::Email => {
            let view = views::Email {
                shell: shell(o.menu_email),
                t,
                o,
                problem,
                csrf,
            };
            render::html(browser, status, "", &view)
        }
        Act::Factors => {
            let view = views::Factors {
                shell: shell(o.menu_factors),
                t,
                o,
                problem,
                csrf,
                app_on: acting.factors.app,
                new_app: acting.new_app,
                left: (acting.factors.recovery > 0).then(|| language.recovery_left(acting.factors.recovery)),
                codes,
            };
            render::html(browser, status, "", &view)
        }
        Act::Share => {
            let shell = shell(o.menu_share);
            own_share::page(app, browser, &acting.account, csrf, shell, (status, problem)).await
        }
        Act::Close => {
            let view = views::Close {
                shell: shell(o.menu_close),
                t,
                o,
                problem,
                csrf,
            };
            render::html(browser, status, "", &view)
        }
    }
}

fn confirm(browser: &Browser, act: Act, acting: Acting, shell: Shell, problem: Option<String>) -> views::Confirm {
    let language = browser.language(None);
    let code = &acting.code;
    views::Confirm {
        shell,
        t: language.texts(),
        o: language.own_texts(),
        problem: problem.or_else(|| code.down.then(|| language.sms_down().to_owned())),
        csrf: acting.form,
        act: act.as_str(),
        label: code.reference.as_ref().map(|reference| language.code_label(reference)),
        intro: language.code_intro(&code.hint, code.valid_seconds),
        again_text: match code.again {
            Again::Now => None,
            Again::After(wait) => Some(language.again_after(wait)),
            Again::Never => Some(language.texts().again_never.to_owned()),
        },
        may_send: !matches!(code.again, Again::Never),
        has_app: acting.factors.app,
    }
}
