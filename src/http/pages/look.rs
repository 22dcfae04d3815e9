//! How the pages look to somebody: high contrast and large letters, chosen on any page, before a login as well.

use super::text::Language;

/// What somebody chose; kept in a cookie, for the pages of every organisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) contrast: bool,
    pub(super) large: bool,
}

impl Look {
    /// Each look, its name in addresses and in the cookie, and the classes of the page.
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::new(false, false), "plain", ""),
        (Self::new(true, false), "contrast", "contrast"),
        (Self::new(false, true), "large", "large"),
        (Self::new(true, true), "contrast-large", "contrast large"),
    ];

    const fn new(contrast: bool, large: bool) -> Self {
        Self { contrast, large }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, name, _)| *name == text)
            .map(|(look, ..)| *look)
    }

    /// Its name, and the classes of the page.
    const fn words(self) -> (&'static str, &'static str) {
        let (_, name, classes) = Self::ALL[self.contrast as usize + 2 * self.large as usize];
        (name, classes)
    }

    /// The name in addresses and in the cookie.
    pub(super) fn name(self) -> &'static str {
        self.words().0
    }

    /// The classes of the page.
    pub(super) fn classes(self) -> &'static str {
        self.words().1
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
        for (look, name, classes) in Look::ALL {
            assert_eq!(
                (look.name(), look.classes(), Look::parse(name)),
                (name, classes, Some(look))
            );
        }
        assert_eq!(Look::parse("x"), None);
    }
}
