//! What anybody may read: `/{tenant}/help`, `/{tenant}/terms`, and the news of the login page.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::browser::Browser;
use super::fields::Fields;
use super::info_text::Texts as InfoTexts;
use super::text::{Language, day};
use super::views::{Hidden, Shell};
use super::{answer, at, render};
use crate::config::{self, Help, Tenant, TermsVersion, Words};
use crate::http::App;
use crate::login::Refused;

/// A piece of a plain text: what stands between two empty lines.
pub(super) struct Paragraph {
    pub(super) is_title: bool,
    pub(super) text: String,
}

/// Words of the organisation, and their language where it is not the page's: a screen reader has to know (WCAG 3.1.2).
pub(super) struct Said<T> {
    pub(super) words: T,
    pub(super) lang: Option<&'static str>,
}

pages! {
    /// Whom to ask, what to read.
    HelpPage("help.html") {
        i: &'static InfoTexts, help: Help, contact: Option<Said<String>>, helpdesk: Option<Said<String>>,
    }
    /// What holds now, and what holds after that.
    TermsPage("terms.html") {
        i: &'static InfoTexts, supplement_to: Option<Said<String>>, versions: Vec<Shown>,
    }
    /// The step of the login in which people agree.
    Agree("terms_agree.html") {
        i: &'static InfoTexts, problem: Option<String>, form: Hidden, version: String, shown: Shown,
    }
}

/// A version of the terms on a page.
pub(super) struct Shown {
    pub(super) from: String,
    is_coming: bool,
    pub(super) text: Said<Vec<Paragraph>>,
}

/// What stands on the login page besides the form.
pub(super) struct Board {
    pub(super) i: &'static InfoTexts,
    pub(super) notice: Option<Said<String>>,
    pub(super) news: Said<Vec<Paragraph>>,
    /// From when on new terms hold.
    pub(super) coming: Option<String>,
    pub(super) privacy: Option<Privacy>,
}

/// Where the privacy statement stands.
pub(super) struct Privacy {
    pub(super) url: String,
    pub(super) version: Option<String>,
    /// Whether who logs in agrees to it.
    pub(super) by_login: bool,
}

pub(super) async fn help(browser: Browser) -> Response {
    let language = browser.language(None);
    let i = language.info_texts();
    let help = browser.tenant.policy.help.clone();
    let view = HelpPage {
        shell: Shell::new(&browser, language, i.help_title, false)
            .switched_at(&format!("/{}/help?", browser.tenant.id)),
        t: language.texts(),
        i,
        contact: help.contact.as_ref().map(|words| said(language, words)),
        helpdesk: help.helpdesk.as_ref().map(|words| said(language, words)),
        help,
    };
    render::html(&browser, StatusCode::OK, "", &view)
}

pub(super) async fn terms(State(app): State<App>, browser: Browser) -> Response {
    let language = browser.language(None);
    let i = language.info_texts();
    let (terms, today) = (&browser.tenant.policy.terms, browser.tenant.today(app.clock.now()));
    let mut versions = Vec::new();
    versions.extend(terms.current(today).map(|version| Shown::new(language, version, false)));
    versions.extend(terms.next(today).map(|version| Shown::new(language, version, true)));
    let view = TermsPage {
        shell: Shell::new(&browser, language, i.terms_title, false)
            .switched_at(&format!("/{}/terms?", browser.tenant.id)),
        t: language.texts(),
        i,
        supplement_to: terms.supplement_to.clone().map(|words| dutch(language, words)),
        versions,
    };
    render::html(&browser, StatusCode::OK, "", &view)
}

/// The answer to the terms in a login.
pub(super) async fn agree(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let agreed = match fields.text("decision") {
        "allow" => Ok(true),
        "deny" => Ok(false),
        _ => Err(Refused::NoDecision),
    };
    let step = match (at(&browser, &fields), agreed) {
        (Ok(at), Ok(agreed)) => app.login.agree(at, fields.text("version").to_owned(), agreed).await,
        (Err(refused), _) | (_, Err(refused)) => Err(refused),
    };
    answer(&app, &browser, &fields, step, String::new()).await
}

impl Shown {
    pub(super) fn new(language: Language, version: &TermsVersion, is_coming: bool) -> Self {
        let text = match (language, &version.english) {
            (Language::English, Some(text)) => Said {
                words: paragraphs(text),
                lang: None,
            },
            _ => dutch(language, paragraphs(&version.dutch)),
        };
        Self {
            from: day(version.from),
            is_coming,
            text,
        }
    }
}

/// In the language of the page, else in Dutch.
fn said(language: Language, words: &Words) -> Said<String> {
    match (language, &words.english) {
        (Language::English, Some(text)) => Said {
            words: text.clone(),
            lang: None,
        },
        _ => dutch(language, words.dutch.clone()),
    }
}

/// Dutch words on a page in this language.
fn dutch<T>(language: Language, words: T) -> Said<T> {
    let lang = matches!(language, Language::English).then_some("nl");
    Said { words, lang }
}

impl Board {
    /// What the login page of this organisation says today.
    pub(super) async fn of(app: &App, browser: &Browser, language: Language) -> Self {
        let policy = &browser.tenant.policy;
        let coming = policy.terms.coming(browser.tenant.today(app.clock.now()));
        let privacy = policy.terms.privacy_url.as_ref();
        Self {
            i: language.info_texts(),
            notice: policy.help.notice.as_ref().map(|words| said(language, words)),
            news: news(&browser.tenant, language).await,
            coming: coming.map(|version| day(version.from)),
            privacy: privacy.map(|url| Privacy {
                url: url.to_string(),
                version: policy.terms.privacy_version.clone(),
                by_login: policy.terms.login_agrees_to_privacy,
            }),
        }
    }
}

/// What the file of news says, as far as it is shown.
async fn news(tenant: &Tenant, language: Language) -> Said<Vec<Paragraph>> {
    let help = &tenant.policy.help;
    if let (Language::English, Some(path)) = (language, &help.news_file_en) {
        let words = paragraphs(&news_of(tenant, path).await);
        return Said { words, lang: None };
    }
    let text = match &help.news_file {
        Some(path) => news_of(tenant, path).await,
        None => String::new(),
    };
    dutch(language, paragraphs(&text))
}

/// The login goes on without news that cannot be shown, which the log says once.
async fn news_of(tenant: &Tenant, path: &Path) -> String {
    static TOLD: AtomicBool = AtomicBool::new(false);
    match config::news(path).await {
        Ok(text) => text,
        Err(problem) => {
            if !TOLD.swap(true, Ordering::Relaxed) {
                tracing::warn!(tenant = %tenant.id, "news is not shown: {problem}; `inzage check` tells it of each file");
            }
            String::new()
        }
    }
}

/// The paragraphs of a plain text; one that begins with `# ` is a title.
fn paragraphs(text: &str) -> Vec<Paragraph> {
    let text = text.replace("\r\n", "\n");
    text.split("\n\n")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| match part.strip_prefix("# ") {
            Some(title) => Paragraph {
                is_title: true,
                text: title.to_owned(),
            },
            None => Paragraph {
                is_title: false,
                text: part.to_owned(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_text_has_titles_and_paragraphs() {
        let all = paragraphs("# Eén\r\n\r\nTekst over\r\ntwee regels.\n\n\n\n#geen titel\n");
        let told: Vec<_> = all.iter().map(|part| (part.is_title, part.text.as_str())).collect();
        assert_eq!(
            told,
            [
                (true, "Eén"),
                (false, "Tekst over\ntwee regels."),
                (false, "#geen titel")
            ]
        );
    }
}
