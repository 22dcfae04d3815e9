//! The way in by the tenant's OpenID provider: a button, and the way back.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::Response;
use axum::routing::{get, post};

use super::browser::{Browser, Cookie};
use super::fields::Fields;
use super::info::Board;
use super::render;
use super::text::Language;
use super::views::{self, Hidden, Shell};
use crate::http::App;
use crate::login::upstream::{Failure, Returned};
use crate::login::{Ask, Page, Refused};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/{tenant}/login/upstream", post(leave))
        .route("/{tenant}/login/upstream/return", get(come_back))
}

/// Whether the provider's button takes the place of the password's form.
pub(super) fn stands_in(browser: &Browser, page: &Page) -> bool {
    let asked = browser.parameter("with") == Some("password");
    let upstream = browser.tenant.policy.upstream.as_ref();
    matches!(page.ask, Ask::Password) && upstream.is_some_and(|upstream| !(upstream.password && asked))
}

/// The page with the button. When the provider cannot be reached it says so, with the other way if there is one.
pub(super) async fn offer(app: &App, browser: &Browser, page: Page) -> Response {
    let Some(upstream) = &browser.tenant.policy.upstream else {
        return render::failure(browser, &Refused::Gone);
    };
    let language = browser.language(page.request.ui_locales.as_deref());
    let password = format!("/{}/login?request={}&with=password", browser.tenant.id, page.request.id);
    let origin = match app.login.upstream_origin(&browser.tenant.id).await {
        Ok(origin) => origin,
        Err(failure) if !upstream.password => return render::failure(browser, &failure.into()),
        Err(_) => return super::see_other(&password),
    };
    let path = format!("/{}/login?request={}&", browser.tenant.id, page.request.id);
    let target = format!("{origin} {}", page.request.redirect_origin());
    let view = views::Upstream {
        shell: Shell::new(browser, language, language.texts().login_title, false).switched_at(&path),
        t: language.texts(),
        board: Some(Board::of(app, browser, language).await),
        intro: language.login_intro(&page.request.app.name, &browser.tenant.name),
        button: language.pick(
            format!("Inloggen met {}", upstream.name),
            format!("Log in with {}", upstream.name),
        ),
        password: upstream.password.then_some(password),
        form: Hidden {
            request: page.request.id.clone(),
            flow: page.flow,
            csrf: page.form,
        },
    };
    let mut response = render::html(browser, StatusCode::OK, &target, &view);
    if let Some(cookie) = &page.browser {
        browser.set(response.headers_mut(), Cookie::Ix, cookie);
    }
    response
}

async fn leave(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let left = match super::at(&browser, &fields) {
        Ok(at) => app.login.leave(at).await,
        Err(refused) => Err(refused),
    };
    match left {
        Ok(to) => super::see_other(to.as_str()),
        Err(Refused::OtherStep) => super::see_other(&super::own_page(&browser, fields.text("request"))),
        Err(refused) => failure(&browser, &refused),
    }
}

async fn come_back(State(app): State<App>, browser: Browser) -> Response {
    let one = |name: &str| browser.parameter(name).map(str::to_owned);
    let returned = Returned {
        state: one("state").unwrap_or_default(),
        code: one("code"),
        error: one("error"),
        iss: one("iss"),
    };
    match app.login.come_back(browser.at("", ""), returned).await {
        Ok((request, moved)) => super::moved(&browser, &moved, &request),
        Err(refused) => failure(&browser, &refused),
    }
}

fn failure(browser: &Browser, refused: &Refused) -> Response {
    let mut response = render::failure(browser, refused);
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let headers = response.headers_mut();
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static("30"));
    }
    response
}

/// What the page says when the way led nowhere.
pub(super) fn failed(language: Language, failure: Failure) -> (StatusCode, &'static str) {
    let (status, dutch, english) = match failure {
        Failure::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Inloggen kan nu niet, omdat de inlogdienst niet bereikbaar is. Probeer het later opnieuw vanuit de app.",
            "You cannot log in now, because the login service cannot be reached. Try again later from the app.",
        ),
        Failure::BrokenOff => (
            StatusCode::FORBIDDEN,
            "U bent niet ingelogd. Begin opnieuw vanuit de app.",
            "You are not logged in. Start again from the app.",
        ),
        Failure::Answer(_) => (
            StatusCode::BAD_GATEWAY,
            "Het antwoord van de inlogdienst klopt niet. Begin opnieuw vanuit de app.",
            "The answer of the login service is not right. Start again from the app.",
        ),
        Failure::NotLinked => (
            StatusCode::FORBIDDEN,
            "Deze inlog hoort niet bij een account hier. Vraag de zorgorganisatie om hulp.",
            "This login does not belong to an account here. Ask the care organisation for help.",
        ),
        Failure::Level => (
            StatusCode::FORBIDDEN,
            "Deze manier van inloggen is niet veilig genoeg voor deze organisatie. Kies bij de inlogdienst een sterkere manier.",
            "This way of logging in is not strong enough for this organisation. Choose a stronger one at the login service.",
        ),
    };
    (status, if language.code() == "nl" { dutch } else { english })
}
