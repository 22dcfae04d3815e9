//! What anybody may read: `/{tenant}/help`, `/{tenant}/terms`, and the news of the login page.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use tokio::io::AsyncReadExt as _;

use super::browser::Browser;
use super::fields::Fields;
use super::info_text::Texts as InfoTexts;
use super::text::{Language, Texts};
use super::views::{Hidden, Shell};
use super::{answer, at, render};
use crate::config::{Help, TermsVersion};
use crate::http::App;
use crate::login::Refused;

/// The most bytes of news that are shown.
const MOST_NEWS: u64 = 4 * 1024;

/// A piece of a plain text: what stands between two empty lines.
pub(super) struct Paragraph {
    pub(super) is_title: bool,
    pub(super) text: String,
}

/// Whom to ask, what to read.
#[derive(Template)]
#[template(path = "help.html", config = ".config/askama.toml")]
struct HelpPage {
    shell: Shell,
    t: &'static Texts,
    i: &'static InfoTexts,
    help: Help,
}

#[derive(Template)]
#[template(path = "terms.html", config = ".config/askama.toml")]
struct TermsPage {
    shell: Shell,
    t: &'static Texts,
    i: &'static InfoTexts,
    supplement_to: Option<String>,
    /// What holds now, and what is coming: its day and text.
    versions: Vec<Shown>,
}

/// The step of the login in which people agree.
#[derive(Template)]
#[template(path = "terms_agree.html", config = ".config/askama.toml")]
pub(super) struct Agree {
    pub(super) shell: Shell,
    pub(super) t: &'static Texts,
    pub(super) i: &'static InfoTexts,
    pub(super) form: Hidden,
    pub(super) version: String,
    pub(super) shown: Shown,
}

/// A version of the terms on a page.
pub(super) struct Shown {
    pub(super) from: String,
    is_coming: bool,
    pub(super) text: Vec<Paragraph>,
}

/// What stands on the login page besides the form.
pub(super) struct Board {
    pub(super) i: &'static InfoTexts,
    pub(super) notice: Option<String>,
    pub(super) news: Vec<Paragraph>,
    /// From when on new terms hold.
    pub(super) coming: Option<String>,
    /// Address and version of the privacy statement.
    pub(super) privacy: Option<(String, Option<String>)>,
}

pub(super) async fn help(browser: Browser) -> Response {
    let language = browser.language(None);
    let i = language.info_texts();
    let view = HelpPage {
        shell: Shell::new(&browser, language, i.help_title, false)
            .switched_at(&format!("/{}/help?", browser.tenant.id)),
        t: language.texts(),
        i,
        help: browser.tenant.policy.help.clone(),
    };
    render::html(&browser, StatusCode::OK, "", &view)
}

pub(super) async fn terms(State(app): State<App>, browser: Browser) -> Response {
    let language = browser.language(None);
    let i = language.info_texts();
    let (terms, today) = (&browser.tenant.policy.terms, browser.tenant.today(app.clock.now()));
    let mut versions = Vec::new();
    versions.extend(terms.current(today).map(|version| Shown::new(language, version, false)));
    versions.extend(terms.coming(today).map(|version| Shown::new(language, version, true)));
    let view = TermsPage {
        shell: Shell::new(&browser, language, i.terms_title, false)
            .switched_at(&format!("/{}/terms?", browser.tenant.id)),
        t: language.texts(),
        i,
        supplement_to: terms.supplement_to.clone(),
        versions,
    };
    render::html(&browser, StatusCode::OK, "", &view)
}

/// The answer to the terms in a login.
pub(super) async fn agree(State(app): State<App>, browser: Browser, fields: Fields) -> Response {
    let agreed = match fields.text("decision") {
        "allow" => Ok(true),
        "deny" => Ok(false),
        _ => Err(Refused::OtherStep),
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
            (Language::English, Some(text)) => text,
            _ => &version.dutch,
        };
        Self {
            from: day(version.from),
            is_coming,
            text: paragraphs(text),
        }
    }
}

impl Board {
    /// What the login page of this organisation says today; another page of the flow shows nothing of it.
    pub(super) async fn of(app: &App, browser: &Browser, language: Language, is_login: bool) -> Self {
        let policy = &browser.tenant.policy;
        let coming = policy.terms.coming(browser.tenant.today(app.clock.now()));
        let privacy = policy.terms.privacy_url.as_ref();
        Self {
            i: language.info_texts(),
            notice: policy.help.notice.clone(),
            news: if is_login {
                news(&policy.help, language).await
            } else {
                Vec::new()
            },
            coming: coming.map(|version| day(version.from)),
            privacy: privacy.map(|url| (url.to_string(), policy.terms.privacy_version.clone())),
        }
    }
}

/// What the file of news says, as far as it is shown. The login goes on without it; a bad file is told by `inzage check`.
async fn news(help: &Help, language: Language) -> Vec<Paragraph> {
    let of_language = match language {
        Language::English => help.news_file_en.as_ref().or(help.news_file.as_ref()),
        Language::Dutch => help.news_file.as_ref(),
    };
    let Some(path) = of_language else {
        return Vec::new();
    };
    let read = async {
        let mut bytes = Vec::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(MOST_NEWS).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    let Ok(bytes) = read.await else {
        return Vec::new();
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => paragraphs(text),
        // Cut in the middle of a letter.
        Err(error) if error.error_len().is_none() => {
            paragraphs(&String::from_utf8_lossy(&bytes[..error.valid_up_to()]))
        }
        Err(_) => Vec::new(),
    }
}

fn day(day: Date) -> String {
    day.strftime("%d-%m-%Y").to_string()
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

    #[tokio::test]
    async fn news_is_read_anew_has_a_bound_and_a_bad_file_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("news.txt");
        let help = Help {
            news_file: Some(file.clone()),
            ..Help::default()
        };
        assert!(news(&help, Language::Dutch).await.is_empty(), "no file, no news");
        std::fs::write(&file, "Onderhoud op zondag.").unwrap();
        assert_eq!(news(&help, Language::English).await[0].text, "Onderhoud op zondag.");
        std::fs::write(&file, "x".repeat(10_000)).unwrap();
        assert_eq!(news(&help, Language::Dutch).await[0].text.len(), 4 * 1024);
        std::fs::write(&file, "x".repeat(4 * 1024 - 1) + "é en meer").unwrap();
        assert_eq!(
            news(&help, Language::Dutch).await[0].text.len(),
            4 * 1024 - 1,
            "no half letter"
        );
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(news(&help, Language::Dutch).await.is_empty());
    }
}
