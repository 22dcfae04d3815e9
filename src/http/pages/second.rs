//! The page of the second factor: an SMS code, a code of an app, or a recovery code.

use super::browser::Browser;
use super::own_views::{OtherCode, Way};
use super::render::AnyPage;
use super::text::Language;
use super::views::{self, Hidden, Shell};
use crate::login::{Again, Code, Typing};

/// Which one is shown: what the person chose, if they have it; else the app, unless an SMS is on its way.
pub(super) fn choose(code: &Code, wanted: Option<Typing>) -> Typing {
    match wanted {
        Some(Typing::App) if code.factors.app => Typing::App,
        Some(Typing::Recovery) if code.factors.recovery > 0 => Typing::Recovery,
        Some(Typing::Sms) => Typing::Sms,
        _ if code.factors.app && code.reference.is_none() => Typing::App,
        _ => Typing::Sms,
    }
}

/// The others that the person has.
fn ways(browser: &Browser, language: Language, request: &str, code: &Code, now: Typing) -> Vec<Way> {
    let o = language.own_texts();
    let has = code.factors;
    [
        (Typing::Sms, o.way_sms, has.app || has.recovery > 0),
        (Typing::App, o.way_app, has.app),
        (Typing::Recovery, o.way_recovery, has.recovery > 0),
    ]
    .into_iter()
    .filter(|(way, _, there)| *there && *way != now)
    .map(|(way, text, _)| Way {
        href: format!("/{}/login?request={request}&factor={}", browser.tenant.id, way.as_str()),
        text,
    })
    .collect()
}

pub(super) fn sms_page(
    browser: &Browser,
    language: Language,
    shell: Shell,
    form: Hidden,
    code: Code,
    words: Option<String>,
) -> Box<dyn AnyPage> {
    let t = language.texts();
    let (o, ways) = (
        language.own_texts(),
        ways(browser, language, &form.request, &code, Typing::Sms),
    );
    let may_send = !matches!(code.again, Again::Never);
    let words = words.or_else(|| code.down.then(|| language.sms_down().to_owned()));
    match code.reference {
        None => Box::new(views::CodeRequest {
            shell,
            t,
            form,
            problem: words.or_else(|| code.over.then(|| t.code_over.to_owned())),
            intro: language.request_intro(&code.hint),
            may_send,
            o,
            ways,
        }),
        Some(reference) => Box::new(views::Code {
            shell,
            t,
            form,
            problem: words,
            intro: language.code_intro(&code.hint, browser.tenant.policy.sms.valid_seconds),
            label: language.code_label(&reference),
            reference,
            may_trust: code.may_trust,
            again_text: match code.again {
                Again::Now => None,
                Again::After(wait) => Some(language.again_after(wait)),
                Again::Never => Some(t.again_never.to_owned()),
            },
            may_send,
            o,
            ways,
        }),
    }
}

pub(super) fn other_page(
    browser: &Browser,
    language: Language,
    shell: Shell,
    form: Hidden,
    code: &Code,
    how: Typing,
    problem: Option<String>,
) -> OtherCode {
    let o = language.own_texts();
    let is_app = how == Typing::App;
    OtherCode {
        shell,
        t: language.texts(),
        o,
        problem,
        factor: how.as_str(),
        label: if is_app {
            o.app_login_label
        } else {
            o.recovery_login_label
        },
        hint: if is_app { "" } else { o.recovery_login_hint },
        digits: is_app,
        may_trust: code.may_trust && is_app,
        ways: ways(browser, language, &form.request, code, how),
        form,
    }
}
