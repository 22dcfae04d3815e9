//! `[tenant.<id>.terms]`: what people agree to before an app reads dossiers for them.
//!
//! # Design
//! The texts are files in one folder, a version each, named by the day from which it holds: `2026-05-01.nl.txt`, and
//! `2026-05-01.en.txt` beside it where there is a translation. So a new version can lie ready, is announced some days before, and
//! holds from its day on without anybody being there. Of an agreement the day and a hash of the texts are kept: keep the files of older
//! versions, and it can be told which text it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use url::Url;

use super::Preset;
use super::reader::Reader;
use crate::secret::{hex, sha256};

/// The most bytes of one text.
const MOST_BYTES: u64 = 64 * 1024;
/// The most versions.
const MOST_VERSIONS: usize = 50;

/// The terms of one organisation; without a version nobody is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The oldest first.
    versions: Vec<Arc<TermsVersion>>,
    /// So many days before its day a version is announced.
    pub notice_days: i64,
    /// The general terms that these stand beside.
    pub supplement_to: Option<String>,
    pub privacy_url: Option<Url>,
    pub privacy_version: Option<String>,
    /// Whoever logs in agrees to the privacy statement, and the login's audit line names its version.
    pub login_agrees_to_privacy: bool,
}

/// One version of the terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsVersion {
    /// From this local day on.
    pub from: Date,
    pub dutch: String,
    pub english: Option<String>,
    /// What is kept of an agreement: the day, and a hash of the texts. Whoever edits a file makes another version of it.
    pub id: String,
}

impl TermsVersion {
    fn new(from: Date, dutch: String, english: Option<String>) -> Self {
        let hash = hex(&sha256(
            format!("{dutch}\0{}", english.as_deref().unwrap_or_default()).as_bytes(),
        ));
        let id = format!("{from} {}", &hash[..32]);
        Self {
            from,
            dutch,
            english,
            id,
        }
    }
}

impl Terms {
    /// The versions of a folder, announced two weeks before.
    #[cfg(test)]
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, String> {
        Ok(Self {
            versions: versions(folder)?,
            notice_days: 14,
            ..Self::default()
        })
    }

    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// The version that holds on this local day.
    pub fn current(&self, today: Date) -> Option<&Arc<TermsVersion>> {
        self.versions.iter().rev().find(|version| version.from <= today)
    }

    /// The version that holds after that.
    pub fn next(&self, today: Date) -> Option<&Arc<TermsVersion>> {
        self.versions.iter().find(|version| version.from > today)
    }

    /// To which privacy statement whoever logs in agrees, as the login's audit line says it: `privacy=2.1`.
    pub fn agreed_by_login(&self) -> Option<String> {
        self.privacy_read().filter(|_| self.login_agrees_to_privacy)
    }

    /// Which privacy statement somebody says to have read, as the audit line says it; none where there is none.
    pub fn privacy_read(&self) -> Option<String> {
        let version = self.privacy_version.as_deref().unwrap_or("-");
        self.privacy_url.as_ref().map(|_| format!("privacy={version}"))
    }

    /// The next version, in the days before it holds.
    pub fn coming(&self, today: Date) -> Option<&Arc<TermsVersion>> {
        let next = self.next(today)?;
        let days = (next.from - today).get_days();
        (i64::from(days) <= self.notice_days).then_some(next)
    }
}

pub(super) fn read(reader: &mut Reader, tenant: &str, preset: Preset) -> Terms {
    let at = |key: &str| format!("tenant.{tenant}.terms.{key}");
    let dir = at("dir");
    let folder = reader.optional_path(
        &dir,
        "a folder with the terms that people agree to: 2026-05-01.nl.txt for the version of that day, 2026-05-01.en.txt beside it",
    );
    let notice_days = reader.number(
        &at("notice_days"),
        14,
        0..=365,
        "days before its day on which the login page announces new terms",
    );
    let supplement_to = reader.optional_text(&at("supplement_to"), "", "the general terms that these stand beside");
    if supplement_to.is_some() && folder.is_none() {
        reader.problem(&at("supplement_to"), "needs a dir beside it".to_owned());
    }
    let privacy_url = reader.https_url(&at("privacy_url"), "where the privacy statement stands");
    let privacy_version = reader.optional_text(&at("privacy_version"), "", "the version of the privacy statement");
    if privacy_version.is_some() && privacy_url.is_none() {
        reader.problem(&at("privacy_version"), "needs a privacy_url beside it".to_owned());
    }
    let rule = preset.rule("terms.login_agrees_to_privacy");
    let login_agrees_to_privacy = reader.flag(
        &at("login_agrees_to_privacy"),
        rule.is_some_and(|rule| rule.value == "true"),
        "whoever logs in agrees to the privacy statement",
    );
    let versions = match folder.filter(|_| !reader.shows_all()).map(|folder| versions(&folder)) {
        None => Vec::new(),
        Some(Ok(versions)) => versions,
        Some(Err(problem)) => {
            reader.problem(&dir, problem);
            Vec::new()
        }
    };
    Terms {
        versions,
        notice_days,
        supplement_to,
        privacy_url,
        privacy_version,
        login_agrees_to_privacy,
    }
}

fn versions(folder: &Path) -> Result<Vec<Arc<TermsVersion>>, String> {
    let unreadable =
        |path: &Path, error: &std::io::Error| format!("{} cannot be read ({})", path.display(), error.kind());
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut texts: BTreeMap<Date, [Option<String>; 2]> = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let parts = name
            .strip_suffix(".txt")
            .and_then(|name| name.split_once('.'))
            .and_then(|(day, language)| {
                // One spelling of a day, so that there is one file of it in each language.
                let date = day.parse::<Date>().ok().filter(|date| date.to_string() == day)?;
                Some((date, ["nl", "en"].iter().position(|it| *it == language)?))
            });
        let Some((day, language)) = parts else {
            return Err(format!(
                "{} is not a name for a version: expected for example 2026-05-01.nl.txt",
                path.display()
            ));
        };
        let size = std::fs::metadata(&path)
            .map_err(|error| unreadable(&path, &error))?
            .len();
        if size > MOST_BYTES {
            return Err(format!(
                "{} has {size} bytes: at most {MOST_BYTES} are shown",
                path.display()
            ));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        if text.trim().is_empty() {
            return Err(format!("{} is empty", path.display()));
        }
        texts.entry(day).or_default()[language] = Some(text);
    }
    if texts.is_empty() {
        return Err(format!(
            "{} has no version: put one there, for example 2026-05-01.nl.txt, or leave the setting out",
            folder.display()
        ));
    }
    if texts.len() > MOST_VERSIONS {
        return Err(format!("{} has more than {MOST_VERSIONS} versions", folder.display()));
    }
    let whole = |(from, [dutch, english]): (Date, [Option<String>; 2])| {
        let dutch = dutch.ok_or_else(|| {
            format!(
                "{}/{from}.nl.txt is missing: there is a translation of it",
                folder.display()
            )
        })?;
        Ok(Arc::new(TermsVersion::new(from, dutch, english)))
    };
    texts.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// The terms of a folder with these files, or what is said about it.
    fn terms(files: &[(&str, &str)]) -> Result<Terms, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let text = format!("[tenant.a.terms]\ndir = \"{}\"\n", folder.path().display());
        let mut reader = Reader::new(Path::new("inzage.toml"), &text, std::iter::empty());
        let terms = read(&mut reader, "a", Preset::Modern);
        let (problems, _) = reader.finish();
        match problems.into_iter().next() {
            None => Ok(terms),
            Some(problem) => Err(problem.to_string()),
        }
    }

    #[test]
    fn s0_28_a_version_holds_from_its_day_on_and_is_announced_before() {
        let terms = terms(&[
            ("2027-01-01.nl.txt", "Nieuw."),
            ("2026-05-01.nl.txt", "Oud."),
            ("2026-05-01.en.txt", "Old."),
            (".keep", ""),
        ])
        .unwrap();
        let current = |day| terms.current(day).map(|version| version.dutch.as_str());
        let coming = |day| terms.coming(day).map(|version| version.from);
        assert_eq!(current(date(2026, 4, 30)), None);
        assert_eq!(current(date(2026, 5, 1)), Some("Oud."));
        assert_eq!(current(date(2026, 12, 31)), Some("Oud."));
        assert_eq!(current(date(2027, 1, 1)), Some("Nieuw."));
        assert_eq!(coming(date(2026, 12, 17)), None, "fifteen days before");
        assert_eq!(coming(date(2026, 12, 18)), Some(date(2027, 1, 1)));
        assert_eq!(coming(date(2027, 1, 1)), None);
        let old = terms.current(date(2026, 6, 1)).unwrap();
        let edited = TermsVersion::new(old.from, "Oud, met een woord meer.".to_owned(), old.english.clone());
        assert!(old.id.starts_with("2026-05-01 ") && edited.id.starts_with("2026-05-01 "));
        assert_ne!(edited.id, old.id, "another text is another version");
        assert_eq!(
            terms.current(date(2026, 6, 1)).unwrap().english.as_deref(),
            Some("Old.")
        );
    }

    #[test]
    fn a_folder_that_holds_no_terms_is_refused_with_the_file() {
        let long = "x".repeat(64 * 1024 + 1);
        for (files, says) in [
            (&[][..], "has no version"),
            (
                &[("voorwaarden.txt", "x")],
                "voorwaarden.txt is not a name for a version",
            ),
            (
                &[("2026-05-01.de.txt", "x")],
                "2026-05-01.de.txt is not a name for a version",
            ),
            (
                &[("20260501.nl.txt", "x")],
                "20260501.nl.txt is not a name for a version",
            ),
            (
                &[("2026-02-30.nl.txt", "x")],
                "2026-02-30.nl.txt is not a name for a version",
            ),
            (&[("2026-05-01.nl.txt", " \n")], "2026-05-01.nl.txt is empty"),
            (
                &[("2026-05-01.nl.txt", long.as_str())],
                "2026-05-01.nl.txt has 65537 bytes",
            ),
            (&[("2026-05-01.en.txt", "x")], "2026-05-01.nl.txt is missing"),
        ] {
            let told = terms(files).unwrap_err();
            assert!(told.contains(says) && told.contains("tenant.a.terms.dir"), "{told}");
        }
    }
}
