//! A page of the flow as HTML, and a refusal as words on it.

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;

use super::browser::{Browser, Cookie};
use super::info::{Agree, Board, Shown};
use super::second;
use super::text::Language;
use super::views::{self, Hidden, Offer, Parts, Shell};
use crate::config::LoginName;
use crate::db;
use crate::login::{Ask, Page, Refused, Typing};
use crate::oauth;
use crate::oauth::scope::{Choice, Pieces, Scope};

/// What went wrong in the last step, for the page that is shown again.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) refused: Refused,
    /// The user name that was typed, so that only the password has to be typed again.
    pub(super) username: String,
    /// The second factor that was typed.
    pub(super) typing: Option<Typing>,
}

/// A page of ours: never cached, never framed, no scripts; forms go to this site and from there to `form_target`.
pub(super) fn html(browser: &Browser, status: StatusCode, form_target: &str, page: &impl Template) -> Response {
    let Ok(body) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let sane = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '.' | '-' | '[' | ']' | '+');
    let target = if form_target.chars().all(sane) { form_target } else { "" };
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {target}; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(language) = browser.chosen {
        browser.set(headers, Cookie::Language, language.code());
    }
    if let Some(look) = browser.chosen_look {
        browser.set(headers, Cookie::Look, look.name());
    }
    response
}

/// The page of a flow, with what went wrong in the last step.
pub(super) fn page(
    browser: &Browser,
    page: Page,
    people: Vec<views::Person>,
    board: Option<Board>,
    problem: Option<&Problem>,
) -> Response {
    let language = browser.language(page.request.ui_locales.as_deref());
    let t = language.texts();
    let (status, retry) = problem.map_or((StatusCode::OK, None), |problem| status(&problem.refused));
    let failed = problem.is_some();
    let words = problem.and_then(|problem| words(language, &problem.refused));
    let target = page.request.redirect_origin();
    let request = page.request.id.clone();
    let mut path = format!("/{}/login?request={request}&", browser.tenant.id);
    if matches!(page.ask, Ask::Password) && browser.tenant.policy.upstream.is_some() {
        // Without it the page of the OpenID provider would take its place.
        path.push_str("with=password&");
    }
    let shell = |title: &str| Shell::new(browser, language, title, failed).switched_at(&path);
    let hello = page
        .name
        .as_deref()
        .map(|name| language.hello(name))
        .unwrap_or_default();
    let form = Hidden {
        request,
        flow: page.flow,
        csrf: page.form,
    };
    let app = page.request.app.name.as_str();
    let warning = page.request.is_for_a_device().then(|| language.device_texts().warning);
    let show = |view: &dyn AnyPage| view.html(browser, status, &target);
    let mut response = match page.ask {
        Ask::Password => show(&views::Password {
            shell: shell(t.login_title),
            t,
            form,
            problem: words,
            intro: language.login_intro(app, &browser.tenant.name),
            o: language.own_texts(),
            i: language.info_texts(),
            show: (browser.parameter("show") == Some("1"), path.clone()),
            registers: browser.tenant.policy.accounts.self_registration,
            by_email: browser.tenant.policy.accounts.login_name == LoginName::Email,
            username: problem.map_or_else(
                || page.request.login_hint.clone().unwrap_or_default(),
                |problem| problem.username.clone(),
            ),
            board,
        }),
        Ask::Code(code) => {
            let wanted = problem
                .and_then(|problem| problem.typing)
                .or_else(|| browser.parameter("factor").and_then(Typing::parse));
            let how = second::choose(&code, wanted);
            let shell = shell(t.code_title);
            match how {
                Typing::Sms => show(&*second::sms_page(browser, language, shell, form, code, words)),
                other => show(&second::other_page(browser, language, shell, form, &code, other, words)),
            }
        }
        Ask::NewPassword => show(&views::NewPassword {
            shell: shell(t.new_title),
            t,
            form,
            problem: words,
            username: page.username.unwrap_or_default(),
            rules: language.password_rules(&browser.tenant.policy.password),
            new_is_wrong: problem
                .is_some_and(|problem| matches!(problem.refused, Refused::NewPassword(_) | Refused::Different)),
        }),
        Ask::Terms(version) => show(&Agree {
            shell: shell(language.info_texts().agree_title),
            t,
            i: language.info_texts(),
            form,
            problem: words,
            version: version.id.clone(),
            shown: Shown::new(language, &version, false),
        }),
        Ask::NoAccess => show(&views::Message {
            shell: shell(t.no_access_title),
            t,
            text: t.no_access.to_owned(),
            request_id: None,
        }),
        Ask::Client(_) => show(&views::Client {
            shell: shell(t.client_title),
            t,
            form,
            problem: words,
            people,
            hello,
        }),
        Ask::Approve { scopes, .. } => show(&views::Approve {
            shell: shell(&language.approve_title(app)),
            t,
            form,
            problem: words,
            warning,
            about: people.first().map(|person| {
                let born = person
                    .born
                    .as_ref()
                    .map(|born| format!(", {} {born}", t.born))
                    .unwrap_or_default();
                language.approve_about(&format!("{}{born} ({})", person.name, person.role))
            }),
            scopes: offers(language, &scopes),
            hello,
        }),
    };
    if let Some(cookie) = &page.browser {
        browser.set(response.headers_mut(), Cookie::Ix, cookie);
    }
    if let Some(retry) = retry {
        response.headers_mut().insert(RETRY_AFTER, seconds(retry));
    }
    response
}

/// Says when the next try may come.
pub(super) fn retry_after(response: &mut Response, refused: Option<&Refused>) {
    if let Some((_, Some(wait))) = refused.map(status) {
        response.headers_mut().insert(RETRY_AFTER, seconds(wait));
    }
}

/// What can be unselected, each word once: scopes that read alike are given or refused together.
fn offers(language: Language, scopes: &[Scope]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for scope in scopes {
        let (title, more) = language.scope(scope);
        let parts = parts(language, scope);
        let alike = |offer: &&mut Offer| {
            let selected = |parts: &Option<Parts>| parts.as_ref().map(|parts| parts.selected);
            offer.title == title && offer.more == more && selected(&offer.parts) == selected(&parts)
        };
        if let Some(offer) = offers.iter_mut().find(alike) {
            offer.value = format!("{} {scope}", offer.value);
            if let (Some(own), Some(parts)) = (&mut offer.parts, parts) {
                own.pieces = each_once(own.pieces.drain(..).chain(parts.pieces));
            }
            continue;
        }
        offers.push(Offer {
            value: scope.to_string(),
            title,
            more,
            offline: *scope == Scope::OfflineAccess,
            parts,
        });
    }
    offers
}

/// Values and words: what reads alike is one, with all its values.
fn each_once(all: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut once: Vec<(String, String)> = Vec::new();
    for (value, words) in all {
        match once.iter_mut().find(|(_, known)| *known == words) {
            Some((values, _)) => *values = format!("{values} {value}"),
            None => once.push((value, words)),
        }
    }
    once
}

/// What of a scope can be chosen by itself.
fn parts(language: Language, scope: &Scope) -> Option<Parts> {
    let (pieces, selected) = match Choice::of(scope).pieces {
        Pieces::None => return None,
        Pieces::Types(types) => (types, true),
        Pieces::Categories(categories) => (categories, false),
    };
    let t = language.texts();
    Some(Parts {
        title: if selected {
            t.approve_types
        } else {
            t.approve_categories
        },
        selected,
        pieces: each_once(pieces.iter().map(|piece| (piece.to_string(), language.piece(piece)))),
    })
}

/// A template of any page.
pub(super) trait AnyPage {
    fn html(&self, browser: &Browser, status: StatusCode, form_target: &str) -> Response;
}

impl<T: Template> AnyPage for T {
    fn html(&self, browser: &Browser, status: StatusCode, form_target: &str) -> Response {
        html(browser, status, form_target, self)
    }
}

fn seconds(wait: SignedDuration) -> HeaderValue {
    HeaderValue::from(u64::try_from(wait.as_secs()).unwrap_or(0) + 1)
}

fn status(refused: &Refused) -> (StatusCode, Option<SignedDuration>) {
    match refused {
        Refused::Wait(wait) | Refused::CodeLater(wait) => (StatusCode::TOO_MANY_REQUESTS, Some(*wait)),
        Refused::NoMoreCodes => (StatusCode::TOO_MANY_REQUESTS, None),
        // The form of an earlier step: this page is the right one now, and nothing is wrong.
        Refused::OtherStep => (StatusCode::OK, None),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, None),
    }
}

/// Status and words for a page that is shown again.
pub(super) fn told(language: Language, refused: &Refused) -> (StatusCode, Option<String>) {
    (status(refused).0, words(language, refused))
}

/// What the page says about it.
fn words(language: Language, refused: &Refused) -> Option<String> {
    let t = language.texts();
    let text = match refused {
        Refused::Credentials => t.credentials,
        Refused::CurrentPassword => t.current_wrong,
        Refused::NotACode => t.not_a_code,
        Refused::OtherCode => t.other_code,
        Refused::CodeOver => t.code_over,
        Refused::Different => t.different,
        Refused::Client => t.choose_client,
        Refused::NoScope => t.no_scope,
        Refused::NoDecision => t.no_decision,
        Refused::NoMoreCodes => t.again_never,
        Refused::WrongOther => language.own_texts().wrong_other,
        Refused::NotARecoveryCode => language.own_texts().not_recovery,
        Refused::Number => language.own_texts().mobile_wrong,
        Refused::Address => language.own_texts().email_wrong,
        Refused::Unticked => language.info_texts().register_unticked,
        Refused::UserCode => language.device_texts().wrong,
        Refused::Wait(wait) => return Some(language.wait(*wait)),
        Refused::NewNumber(wait) => return Some(language.new_number(*wait)),
        Refused::CodeLater(wait) => return Some(language.again_after(*wait)),
        Refused::WrongCode { left } => return Some(language.wrong_code(*left)),
        Refused::NewPassword(broken) => return Some(language.broken(broken)),
        Refused::OtherStep
        | Refused::NotFresh
        | Refused::Link
        | Refused::Gone
        | Refused::Forged
        | Refused::Busy
        | Refused::Stopped
        | Refused::Database(_)
        | Refused::OAuth(_)
        | Refused::Upstream(_) => return None,
    };
    Some(text.to_owned())
}

/// A page for what ends the flow or cannot be shown on one of its pages.
pub(super) fn failure(browser: &Browser, refused: &Refused) -> Response {
    let language = browser.language(None);
    let t = language.texts();
    let (status, title, text) = match refused {
        Refused::Gone | Refused::OtherStep | Refused::OAuth(oauth::Error::Answered) => {
            (StatusCode::GONE, t.gone_title, t.gone)
        }
        Refused::Forged => (StatusCode::FORBIDDEN, t.forged_title, t.gone),
        Refused::Upstream(failure) => {
            let (status, text) = super::upstream::failed(language, *failure);
            (status, t.broken_title, text)
        }
        Refused::Busy
        | Refused::Database(db::Error::Unavailable(_) | db::Error::Retry)
        | Refused::OAuth(oauth::Error::Database(db::Error::Unavailable(_) | db::Error::Retry)) => {
            (StatusCode::SERVICE_UNAVAILABLE, t.busy_title, t.busy)
        }
        other => {
            tracing::error!(error = %other, request.id = %browser.origin.request, "a step of the login failed");
            (StatusCode::INTERNAL_SERVER_ERROR, t.broken_title, t.broken)
        }
    };
    let mut response = message(browser, status, title, text, status.is_server_error());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// A page that only says something.
pub(super) fn message(browser: &Browser, status: StatusCode, title: &str, text: &str, with_id: bool) -> Response {
    let language = browser.language(None);
    let view = views::Message {
        shell: Shell::new(browser, language, title, !status.is_success()),
        t: language.texts(),
        text: text.to_owned(),
        request_id: with_id.then(|| browser.origin.request.to_string()),
    };
    html(browser, status, "", &view)
}
