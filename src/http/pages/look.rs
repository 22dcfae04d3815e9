//! How the pages look to somebody: high contrast and large letters, chosen on any page, before a login as well.

use super::text::Language;

/// What somebody chose; kept in a cookie, for the pages of every organisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) contrast: bool,
    pub(super) large: bool,
}

impl Look {
    const ALL: [(&'static str, Self); 4] = [
        ("plain", Self::new(false, false)),
        ("contrast", Self::new(true, false)),
        ("large", Self::new(false, true)),
        ("contrast-large", Self::new(true, true)),
    ];

    const fn new(contrast: bool, large: bool) -> Self {
        Self { contrast, large }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, look)| *look)
    }

    /// The name in addresses and in the cookie.
    pub(super) fn name(self) -> &'static str {
        let [plain, contrast, large, both] = Self::ALL.map(|(name, _)| name);
        match self {
            Self {
                contrast: false,
                large: false,
            } => plain,
            Self {
                contrast: true,
                large: false,
            } => contrast,
            Self {
                contrast: false,
                large: true,
            } => large,
            Self {
                contrast: true,
                large: true,
            } => both,
        }
    }

    /// The classes of the page.
    pub(super) fn classes(self) -> &'static str {
        match self {
            Self {
                contrast: false,
                large: false,
            } => "",
            Self {
                contrast: true,
                large: false,
            } => "contrast",
            Self {
                contrast: false,
                large: true,
            } => "large",
            Self {
                contrast: true,
                large: true,
            } => "contrast large",
        }
    }

    /// The links that switch each of the two, of a page at this address: up to its question mark or ampersand.
    pub(super) fn switches(self, language: Language, path: &str) -> Vec<(String, &'static str)> {
        let i = language.info_texts();
        let to = |look: Self| format!("{path}look={}", look.name());
        vec![
            (
                to(Self::new(!self.contrast, self.large)),
                if self.contrast { i.contrast_off } else { i.contrast_on },
            ),
            (
                to(Self::new(self.contrast, !self.large)),
                if self.large { i.large_off } else { i.large_on },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_look_has_a_name_that_reads_back() {
        for (name, look) in Look::ALL {
            assert_eq!((look.name(), Look::parse(name)), (name, Some(look)));
        }
        assert_eq!(Look::parse("x"), None);
    }
}
