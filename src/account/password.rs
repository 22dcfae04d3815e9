//! What a new password has to be.
//!
//! ```
//! use inzage::account::password::{Broken, check};
//! use inzage::config::PasswordPolicy;
//! let broken = check("kort", "m.bakker", "Topaz", &PasswordPolicy::default());
//! assert_eq!(broken, [Broken::TooShort(12)]);
//! ```
//!
//! # Design
//! There is a floor that no tenant can lower (8 to 128 characters, not the user name or the organisation, not one of the
//! passwords that everybody tries); a tenant's rules come on top. A pass phrase of 15 characters or more needs no capitals
//! or digits: length does more than composition (NIST SP 800-63B, 3.1.1.2). Passwords are compared in NFKC, so that `ö` typed
//! on two keyboards is the same letter.

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;

use crate::config::{PasswordPolicy, SHORTEST_PASSWORD};

const LONGEST: usize = 128;
const PHRASE: usize = 15;

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common-passwords.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// A rule that a password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Shorter than this many characters.
    TooShort(usize),
    TooLong(usize),
    NoUpper,
    NoLower,
    /// Letters only.
    NoNonAlpha,
    HasUserName,
    HasTenantName,
    Common,
    /// Used before.
    Used,
}

/// A password in the form that is hashed.
pub fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// Whether this can be a password at all: what is longer is refused before any work is done on it.
pub fn plausible(password: &str) -> bool {
    !password.is_empty() && password.len() <= 4 * LONGEST && !password.contains('\0')
}

/// Every rule that `password` breaks; none is a good password.
pub fn check(password: &str, username: &str, tenant_name: &str, policy: &PasswordPolicy) -> Vec<Broken> {
    let mut broken = Vec::new();
    if !plausible(password) {
        return vec![if password.is_empty() {
            Broken::TooShort(policy.min_length.max(SHORTEST_PASSWORD))
        } else {
            Broken::TooLong(LONGEST)
        }];
    }
    let password = normal(password);
    let length = password.chars().count();
    let shortest = policy.min_length.max(SHORTEST_PASSWORD);
    if length < shortest {
        broken.push(Broken::TooShort(shortest));
    }
    if length > LONGEST {
        broken.push(Broken::TooLong(LONGEST));
    }
    if length < PHRASE {
        if policy.require_upper && !password.chars().any(char::is_uppercase) {
            broken.push(Broken::NoUpper);
        }
        if policy.require_lower && !password.chars().any(char::is_lowercase) {
            broken.push(Broken::NoLower);
        }
        if policy.require_non_alpha && password.chars().all(char::is_alphabetic) {
            broken.push(Broken::NoNonAlpha);
        }
    }
    let folded = password.to_lowercase();
    let holds = |word: &str| {
        let word = super::name_key(word);
        word.chars().count() >= 3 && folded.contains(&word)
    };
    if holds(username) {
        broken.push(Broken::HasUserName);
    }
    if holds(tenant_name) {
        broken.push(Broken::HasTenantName);
    }
    if is_common(&folded) {
        broken.push(Broken::Common);
    }
    broken
}

/// On the list, also with digits and signs behind it; or one character, or a short row, again and again.
fn is_common(folded: &str) -> bool {
    let stem = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    let different = folded.chars().collect::<HashSet<_>>().len();
    COMMON.contains(folded) || (stem.chars().count() >= 4 && COMMON.contains(stem)) || different < 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(policy: &PasswordPolicy, password: &str) -> Vec<Broken> {
        check(password, "m.bakker", "Topaz", policy)
    }

    #[test]
    fn no_tenant_can_go_below_the_floor() {
        let low = PasswordPolicy {
            min_length: 5,
            ..PasswordPolicy::default()
        };
        assert_eq!(with(&low, "zevenig"), [Broken::TooShort(8)]);
        assert_eq!(with(&low, "fietspad"), []);
        assert_eq!(with(&low, &"lang1 ".repeat(22)), [Broken::TooLong(128)]);
        assert_eq!(with(&low, "nul\0teken"), [Broken::TooLong(128)]);
    }

    #[test]
    fn a_tenant_may_ask_for_more_and_a_pass_phrase_satisfies_it() {
        let strict = PasswordPolicy {
            min_length: 8,
            require_upper: true,
            require_lower: true,
            require_non_alpha: true,
            history: 12,
        };
        assert_eq!(with(&strict, "fietspad"), [Broken::NoUpper, Broken::NoNonAlpha]);
        assert_eq!(with(&strict, "FIETSPAD7"), [Broken::NoLower]);
        assert_eq!(with(&strict, "Fietspad7"), []);
        assert_eq!(with(&strict, "een regen dag in juni"), []);
    }

    #[test]
    fn names_and_what_everybody_tries_are_refused() {
        let policy = PasswordPolicy {
            min_length: 8,
            ..PasswordPolicy::default()
        };
        assert_eq!(with(&policy, "M.Bakker-2026"), [Broken::HasUserName]);
        assert_eq!(with(&policy, "mooiTOPAZje"), [Broken::HasTenantName]);
        for common in [
            "Welkom01!",
            "wachtwoord",
            "Wachtwoord123",
            "aaaaaaaa",
            "12345678",
            "1212121212",
            "qwertyuiop",
        ] {
            assert_eq!(with(&policy, common), [Broken::Common], "{common}");
        }
    }

    #[test]
    fn the_same_letter_from_two_keyboards_is_the_same_password() {
        assert_eq!(normal("wachtwo\u{f6}rd"), normal("wachtwoo\u{308}rd"));
    }
}
