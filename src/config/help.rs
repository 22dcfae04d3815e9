//! `[tenant.<id>.help]`: whom people ask, where they read on, and what stands on the login page.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt as _;
use url::Url;

use super::Preset;
use super::address::is_address;
use super::reader::Reader;

/// A text of the organisation; the English one may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    pub dutch: String,
    pub english: Option<String>,
}

/// What the pages of one organisation say besides their own texts. Every part may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    /// Whom to ask first, in words: "uw EVV".
    pub contact: Option<Words>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Whom that person asks, in words: "de helpdesk".
    pub helpdesk: Option<Words>,
    pub manual_url: Option<Url>,
    pub manual_version: Option<String>,
    pub videos_url: Option<Url>,
    /// Public guidance on acting for somebody else.
    pub representation_url: Option<Url>,
    /// For whom the login is meant.
    pub notice: Option<Words>,
    /// Questions about a report go to the ward, and about a therapist's to the next talk.
    pub reports_to_ward: bool,
    /// Nothing is written on a day without anything to tell.
    pub reports_by_exception: bool,
    /// Times in the agenda are approximate.
    pub times_are_indicative: bool,
    /// A text file that the login page shows while it is there.
    pub news_file: Option<PathBuf>,
    pub news_file_en: Option<PathBuf>,
}

impl Help {
    /// Whether there is anything to say to who reads the file.
    pub fn says_how_to_read(&self) -> bool {
        let flags = self.reports_to_ward || self.reports_by_exception || self.times_are_indicative;
        flags || self.representation_url.is_some()
    }
}

/// The most bytes of news that are shown.
pub const MOST_NEWS: u64 = 4 * 1024;

/// Why news is not shown.
#[derive(Debug, thiserror::Error)]
pub enum NewsProblem {
    #[error("{} cannot be read ({})", .0.display(), .1)]
    Unreadable(PathBuf, ErrorKind),
    #[error("{} is no text in UTF-8", .0.display())]
    NoText(PathBuf),
}

/// What a file of news says; nothing where there is no such file. Text that is too long is cut.
pub async fn news(path: &Path) -> Result<String, NewsProblem> {
    let failed = |error: std::io::Error| NewsProblem::Unreadable(path.to_owned(), error.kind());
    let mut bytes = Vec::new();
    match tokio::fs::File::open(path).await {
        Ok(file) => file.take(MOST_NEWS + 1).read_to_end(&mut bytes).await.map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(failed(error)),
    };
    let shown = bytes.len().min(MOST_NEWS as usize);
    match std::str::from_utf8(&bytes[..shown]) {
        Ok(text) => Ok(text.to_owned()),
        // Cut in the middle of a letter.
        Err(error) if error.error_len().is_none() && bytes.len() > shown => {
            Ok(String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned())
        }
        Err(_) => Err(NewsProblem::NoText(path.to_owned())),
    }
}

pub(super) fn read(reader: &mut Reader, tenant: &str, preset: Preset) -> Help {
    let at = |key: &str| format!("tenant.{tenant}.help.{key}");
    let given = |key: &str| preset.rule(&format!("help.{key}"));
    let mut words = |key: &str, meaning: &'static str| {
        let rule = given(key);
        let dutch = reader.optional_text(&at(key), rule.map_or("", |rule| rule.value), meaning);
        if let (None, Some(rule)) = (&dutch, rule) {
            let message = format!("cannot be empty with this preset ({})", rule.from.join(", "));
            reader.problem(&at(key), message);
        }
        let english = format!("{key}_en");
        let rule = given(&english).map_or("", |rule| rule.value);
        // Its own words in one language, and the preset's in the other, would not say the same.
        let rule = if reader.has_key(&at(key)) { "" } else { rule };
        let english = reader.optional_text(&at(&english), rule, "the same in English");
        dutch.map(|dutch| Words { dutch, english })
    };
    let contact = words("contact", "whom to ask first, in words: uw EVV");
    let helpdesk = words("helpdesk", "who helps when the contact cannot, in words: de helpdesk");
    let notice = words("notice", "for whom the login is meant, on the login page");
    let phone = reader.optional_text(&at("phone"), "", "a number for questions about logging in");
    let email = reader.optional_text(&at("email"), "", "a mailbox for questions about logging in");
    let manual_version = reader.optional_text(&at("manual_version"), "", "the version of the manual");
    if let Some(email) = &email
        && !(email.is_ascii() && is_address(email))
    {
        let message = "must be a plain address, without accents: clientportaal@zorg.example".to_owned();
        reader.problem(&at("email"), message);
    }
    let manual_url = reader.https_url(&at("manual_url"), "the manual, for people to keep");
    if manual_version.is_some() && manual_url.is_none() {
        reader.problem(&at("manual_version"), "needs a manual_url beside it".to_owned());
    }
    let mut flag = |key: &str, meaning: &'static str| {
        let by_preset = given(key).is_some_and(|rule| rule.value == "true");
        reader.flag(&at(key), by_preset, meaning)
    };
    Help {
        contact,
        phone,
        email,
        helpdesk,
        manual_version,
        notice,
        reports_to_ward: flag(
            "reports_to_ward",
            "questions about a report go to the ward, about a therapist's to the next talk",
        ),
        reports_by_exception: flag("reports_by_exception", "a day without anything to tell has no report"),
        times_are_indicative: flag("times_are_indicative", "times in the agenda are approximate"),
        manual_url,
        videos_url: reader.https_url(&at("videos_url"), "videos that show how it works"),
        representation_url: reader.https_url(&at("representation_url"), "public guidance on acting for somebody else"),
        news_file: reader.optional_path(
            &at("news_file"),
            "a text file that the login page shows as news while it is there, up to 4 KiB; read anew each time",
        ),
        news_file_en: reader.optional_path(&at("news_file_en"), "the same in English"),
    }
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
    fn s3_12_a_preset_says_for_whom_the_login_is_and_a_file_may_say_it_in_other_words_but_not_in_none() {
        let given = help(Preset::Vivantes, "").unwrap().notice.unwrap();
        assert!(
            given.dutch.contains("mantelzorgers") && given.english.is_some(),
            "{given:?}"
        );
        let own = help(Preset::Vivantes, "notice = \"Alleen voor u.\"\n")
            .unwrap()
            .notice
            .unwrap();
        assert_eq!((own.dutch.as_str(), own.english), ("Alleen voor u.", None));
        let none = help(Preset::Vivantes, "notice = \"\"\n").unwrap_err();
        assert!(
            none.contains("tenant.a.help.notice") && none.contains("S3-12"),
            "{none}"
        );
        assert_eq!(help(Preset::Modern, "").unwrap(), Help::default());
        assert!(help(Preset::Amaris, "").unwrap().reports_by_exception);
    }

    #[test]
    fn s4_9_a_mailbox_that_nobody_can_type_is_refused() {
        for bad in [
            "cliëntportaal@zorg.example",
            "zorg.example",
            "a b@zorg.example",
            "@",
            "a@",
            "a@b,c",
        ] {
            let told = help(Preset::Modern, &format!("email = \"{bad}\"\n")).unwrap_err();
            assert!(told.contains("tenant.a.help.email"), "{told}");
        }
        assert!(help(Preset::Modern, "email = \"portaal@zorg.example\"\n").is_ok());
    }

    #[tokio::test]
    async fn news_is_read_anew_has_a_bound_and_says_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("news.txt");
        assert_eq!(news(&file).await.unwrap(), "", "no file, no news");
        std::fs::write(&file, "Onderhoud op zondag.").unwrap();
        assert_eq!(news(&file).await.unwrap(), "Onderhoud op zondag.");
        std::fs::write(&file, "x".repeat(10_000)).unwrap();
        assert_eq!(news(&file).await.unwrap().len(), 4 * 1024);
        std::fs::write(&file, "x".repeat(4 * 1024 - 1) + "é en meer").unwrap();
        assert_eq!(news(&file).await.unwrap().len(), 4 * 1024 - 1, "no half letter");
        std::fs::write(&file, [b'a', 0xc3]).unwrap();
        assert!(news(&file).await.is_err(), "not cut by us");
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        let told = news(&file).await.unwrap_err().to_string();
        assert!(told.contains("news.txt is no text in UTF-8"), "{told}");
    }

    #[test]
    fn what_nobody_would_see_is_refused() {
        assert!(help(Preset::Modern, "manual_url = \"http://zorg.example/\"\n").is_err());
        let alone = help(Preset::Modern, "manual_version = \"2\"\n").unwrap_err();
        assert!(alone.contains("manual_version: needs a manual_url"), "{alone}");
    }
}
