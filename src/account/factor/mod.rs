//! Second factors besides the SMS code: an authenticator app (TOTP, RFC 6238) and recovery codes on paper.
//!
//! ```
//! use inzage::account::factor::step_of;
//! // RFC 6238, appendix B: at second 59 the code is 94287082, of which an app shows six digits.
//! let now = jiff::Timestamp::from_second(59).unwrap();
//! assert_eq!(step_of(b"12345678901234567890", "287082", now), Some(1));
//! assert_eq!(step_of(b"12345678901234567890", "287083", now), None);
//! ```
//!
//! # Design
//! SMS is a restricted authenticator (NIST SP 800-63B-4), so there is one beside it that needs no telephone company. A code of
//! the app counts for its own half minute and the one before and after; the step that was used is remembered and neither it
//! nor an older one counts again. Recovery codes have 50 random bits, so a keyed hash is enough.

pub(crate) mod store;

use jiff::Timestamp;
use totp_rs::{Builder, Totp};

use super::{Account, Keys};
use crate::config::TenantId;
use crate::secret::{Random, Secret, mac};

/// RFC 4226 recommends 160 bits.
const SECRET: usize = 20;
/// Crockford's: no I, L, O, U.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODES: usize = 10;

/// The factors that an account has besides SMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Factors {
    pub app: bool,
    /// Recovery codes that were not used.
    pub recovery: i64,
}

/// The secret of an authenticator app.
#[derive(Clone, Debug)]
pub struct App {
    pub secret: Secret<Vec<u8>>,
    pub confirmed: bool,
}

/// Six digits, half a minute, HMAC-SHA1: what every app can.
fn totp(secret: &[u8]) -> Option<Totp> {
    Builder::new().with_skew(1).with_secret(secret.to_vec()).build().ok()
}

/// The time step whose code this is: this half minute, the one before, or the one after.
pub fn step_of(secret: &[u8], digits: &str, now: Timestamp) -> Option<i64> {
    let second = u64::try_from(now.as_second()).ok()?;
    let step = totp(secret)?.check(digits, second)?;
    i64::try_from(step).ok()
}

/// The secret in base32, as an app takes it by hand.
pub fn base32(secret: &[u8]) -> String {
    totp(secret).map(|totp| totp.secret().to_base32()).unwrap_or_default()
}

/// What an app reads from a picture or a link.
pub fn address(tenant: &str, username: &str, secret: &[u8]) -> String {
    let part = |text: &str| {
        url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    format!(
        "otpauth://totp/{0}:{1}?secret={2}&issuer={0}",
        part(tenant),
        part(username),
        base32(secret)
    )
}

/// A new secret.
pub fn new_secret(random: &Random) -> Secret<Vec<u8>> {
    Secret::new(random.bytes::<SECRET>().to_vec())
}

/// Ten codes such as `7KQ2X-M4TRD`.
pub fn new_codes(random: &Random) -> Vec<String> {
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte & 31)]);
    (0..CODES)
        .map(|_| {
            let text: String = random.bytes::<10>().iter().map(letter).collect();
            format!("{}-{}", &text[..5], &text[5..])
        })
        .collect()
}

/// What somebody typed, as a recovery code: case, blanks and hyphens do not matter, and O is 0.
pub fn recovery_code(typed: &str) -> Option<String> {
    if typed.len() > 40 {
        return None;
    }
    let plain: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect();
    (plain.len() == 10 && plain.bytes().all(|b| LETTERS.contains(&b))).then_some(plain)
}

impl Keys {
    fn app_bound(&self, tenant: &TenantId, account: &str) -> Vec<u8> {
        format!("{tenant}/{account}/totp").into_bytes()
    }

    pub fn seal_app(&self, tenant: &TenantId, account: &Account, secret: &Secret<Vec<u8>>, random: &Random) -> Vec<u8> {
        let bound = self.app_bound(tenant, &account.id);
        self.contact.seal(random, &bound, secret.expose())
    }

    pub fn open_app(&self, tenant: &TenantId, account: &Account, sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
        let bound = self.app_bound(tenant, &account.id);
        self.contact.open(&bound, sealed).map(Secret::new)
    }

    /// Under which hash a recovery code is kept.
    pub fn recovery_mac(&self, tenant: &TenantId, account: &str, code: &str) -> [u8; 32] {
        let plain = code.replace('-', "");
        let parts = [tenant.as_str(), account, &plain].map(str::as_bytes);
        mac(&self.recovery, &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_test_values_of_the_standard_hold() {
        let secret = b"12345678901234567890";
        for (second, digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(step_of(secret, digits, at(second)), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_counts_for_three_half_minutes_and_no_more() {
        let secret = new_secret(&Random::seeded(4));
        let totp = totp(secret.expose()).unwrap();
        let digits = totp.generate(1_000_000_020).to_string();
        let step = 1_000_000_020 / 30;
        for (second, counts) in [
            (-31, false),
            (-30, true),
            (0, true),
            (29, true),
            (59, true),
            (60, false),
        ] {
            let found = step_of(secret.expose(), &digits, at(1_000_000_020 + second));
            assert_eq!(found, counts.then_some(step), "{second}");
        }
    }

    #[test]
    fn recovery_codes_differ_and_are_read_as_people_type_them() {
        let codes = new_codes(&Random::seeded(5));
        let different: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(different.len(), 10);
        for code in &codes {
            let plain = code.replace('-', "");
            assert_eq!(recovery_code(&code.to_lowercase()), Some(plain.clone()));
            assert_eq!(recovery_code(&format!(" {} ", code.replace('-', " "))), Some(plain));
        }
        assert_eq!(recovery_code("OIL00-OIL00"), Some("0110001100".to_owned()));
        for bad in ["", "639174", "7KQ2X-M4TR", "7KQ2X-M4TRDD", "7KQ2X-M4TR!"] {
            assert_eq!(recovery_code(bad), None, "{bad}");
        }
    }
}
