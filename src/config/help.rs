//! `[tenant.<id>.help]`: whom people ask, where they read on, and what stands on the login page.

use std::path::PathBuf;

use url::Url;

use super::Preset;
use super::reader::Reader;

/// What the pages of one organisation say besides their own texts. Every part may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    /// Whom to ask first, in words: "uw EVV".
    pub contact: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Whom that person asks, in words: "de helpdesk".
    pub helpdesk: Option<String>,
    pub manual_url: Option<Url>,
    pub manual_version: Option<String>,
    pub videos_url: Option<Url>,
    /// Public guidance on acting for somebody else.
    pub representation_url: Option<Url>,
    /// For whom the login is meant.
    pub notice: Option<String>,
    /// A text file that the login page shows while it is there.
    pub news_file: Option<PathBuf>,
    pub news_file_en: Option<PathBuf>,
}

pub(super) fn read(reader: &mut Reader, tenant: &str, preset: Preset) -> Help {
    let at = |key: &str| format!("tenant.{tenant}.help.{key}");
    let mut text = |key: &str, meaning: &'static str| {
        let given = preset.rule(&format!("help.{key}")).map_or("", |rule| rule.value);
        let text = reader.text(&at(key), given, meaning);
        Some(text).filter(|text| !text.is_empty())
    };
    let contact = text("contact", "whom to ask first, in words: uw EVV");
    let phone = text("phone", "a number for questions about logging in");
    let email = text("email", "a mailbox for questions about logging in");
    let helpdesk = text("helpdesk", "who helps when the contact cannot, in words: de helpdesk");
    let manual_version = text("manual_version", "the version of the manual");
    let notice = text("notice", "for whom the login is meant, on the login page");
    if let Some(email) = &email
        && !(email.is_ascii() && email.contains('@') && !email.contains(char::is_whitespace))
    {
        let message = "must be a plain address, without accents: clientportaal@zorg.example".to_owned();
        reader.problem(&at("email"), message);
    }
    let mut url = |key: &str, meaning: &'static str| super::brand::address(reader, &at(key), meaning);
    let manual_url = url("manual_url", "the manual, for people to keep");
    let videos_url = url("videos_url", "videos that show how it works");
    let representation_url = url("representation_url", "public guidance on acting for somebody else");
    Help {
        contact,
        phone,
        email,
        helpdesk,
        manual_url,
        manual_version,
        videos_url,
        representation_url,
        notice,
        news_file: news(
            reader,
            &at("news_file"),
            "a text file that the login page shows as news while it is there, up to 4 KiB; read anew each time",
        ),
        news_file_en: news(reader, &at("news_file_en"), "the same in English"),
    }
}

/// A file that may be missing: no file, no news.
fn news(reader: &mut Reader, key: &str, meaning: &'static str) -> Option<PathBuf> {
    let path = reader.optional_path(key, meaning).filter(|_| !reader.shows_all())?;
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!(
                "{} is no text in UTF-8 that can be read ({})",
                path.display(),
                error.kind()
            );
            reader.problem(key, message);
        }
        _ => {}
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn help(preset: Preset, text: &str) -> Result<Help, String> {
        let text = format!("[tenant.a.help]\n{text}");
        let mut reader = Reader::new(Path::new("inzage.toml"), &text, std::iter::empty());
        let help = read(&mut reader, "a", preset);
        let (problems, _) = reader.finish();
        match problems.into_iter().next() {
            None => Ok(help),
            Some(problem) => Err(problem.to_string()),
        }
    }

    #[test]
    fn s3_12_a_preset_says_for_whom_the_login_is_and_a_file_may_say_it_in_other_words() {
        let given = help(Preset::Vivantes, "").unwrap().notice.unwrap();
        assert!(given.contains("mantelzorgers"), "{given}");
        let own = help(Preset::Vivantes, "notice = \"Alleen voor u.\"\n").unwrap();
        assert_eq!(own.notice.as_deref(), Some("Alleen voor u."));
        assert_eq!(help(Preset::Modern, "").unwrap(), Help::default());
    }

    #[test]
    fn s4_9_a_mailbox_that_nobody_can_type_is_refused() {
        for bad in ["cliëntportaal@zorg.example", "zorg.example", "a b@zorg.example"] {
            let told = help(Preset::Modern, &format!("email = \"{bad}\"\n")).unwrap_err();
            assert!(told.contains("tenant.a.help.email"), "{told}");
        }
        assert!(help(Preset::Modern, "email = \"portaal@zorg.example\"\n").is_ok());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("news.txt");
        let named = format!("news_file = \"{}\"\n", file.display());
        assert_eq!(
            help(Preset::Modern, &named).unwrap().news_file,
            Some(file.clone()),
            "it may come later"
        );
        std::fs::write(&file, [0xff]).unwrap();
        assert!(
            help(Preset::Modern, &named)
                .unwrap_err()
                .contains("news.txt is no text")
        );
        assert!(help(Preset::Modern, "manual_url = \"http://zorg.example/\"\n").is_err());
    }
}
