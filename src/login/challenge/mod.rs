//! The SMS code: its parts, its text, its states.
//!
//! ```
//! use inzage::login::challenge::{Typed, typed};
//! assert_eq!(typed(" 639 174 "), Some(Typed::Secret("639174".to_owned())));
//! assert_eq!(typed("4821-639174"), Some(Typed::Whole("4821".to_owned(), "639174".to_owned())));
//! assert_eq!(typed("٦٣٩١٧٤"), None);
//! ```
//!
//! # Design
//! The code has two parts. The reference (four digits) is on the screen and in the message: it pairs the two, shows that an
//! older message does not count, and tells somebody who never asked that something is wrong. It is not secret. The other six
//! digits are; the database has their keyed hash, bound to challenge, account, tenant and app, so a code is worth nothing in
//! another login.

pub(crate) mod store;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::SmsPolicy;
use crate::notify::gsm7;
use crate::secret::{MacKey, mac};

/// How many digits of a code are secret.
pub const SECRET: usize = 6;
pub const REFERENCE: usize = 4;

/// In what state a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// May be tried this often.
    Open {
        left: i64,
    },
    Expired,
    /// Tried too often.
    Exhausted,
    /// Was right once.
    Consumed,
    /// A newer one was sent.
    Superseded,
}

/// One code that was sent.
#[derive(Clone, Debug)]
pub struct Challenge {
    pub id: String,
    pub reference: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub attempts: i64,
    pub consumed: bool,
    pub superseded: bool,
}

impl Challenge {
    pub fn state(&self, allowed: i64, now: Timestamp) -> State {
        if self.consumed {
            State::Consumed
        } else if self.superseded {
            State::Superseded
        } else if now >= self.expires_at {
            State::Expired
        } else if self.attempts >= allowed {
            State::Exhausted
        } else {
            State::Open {
                left: allowed - self.attempts,
            }
        }
    }
}

/// What somebody typed or pasted.
#[derive(Clone, PartialEq, Eq)]
pub enum Typed {
    /// The six digits.
    Secret(String),
    /// Reference and six digits.
    Whole(String, String),
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

/// Reads a code; spaces and hyphens do not matter, anything else is not a code.
pub fn typed(text: &str) -> Option<Typed> {
    if text.len() > 40 {
        return None;
    }
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\t' | '-' | '\u{2010}'..='\u{2013}'))
        .collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match digits.len() {
        SECRET => Some(Typed::Secret(digits)),
        n if n == REFERENCE + SECRET => {
            let (reference, secret) = digits.split_at(REFERENCE);
            Some(Typed::Whole(reference.to_owned(), secret.to_owned()))
        }
        _ => None,
    }
}

/// The keyed hash under which a code is kept.
pub fn code_mac(key: &MacKey, challenge: &str, account: &str, tenant: &str, client_id: &str, secret: &str) -> [u8; 32] {
    let parts = [challenge, account, tenant, client_id, secret].map(str::as_bytes);
    mac(key, &parts)
}

/// How long after the `sent`th code of a login the next one may go: 30, 60, 120 seconds by default.
pub fn resend_wait(policy: &SmsPolicy, sent: i64) -> SignedDuration {
    let doublings = u32::try_from(sent.clamp(1, 6) - 1).unwrap_or(0);
    SignedDuration::from_secs(policy.resend_after_seconds.saturating_mul(1 << doublings))
}

/// What the message says. One SMS, whatever the organisation is called.
pub fn text(tenant_name: &str, host: &str, reference: &str, secret: &str, until: Timestamp, zone: &TimeZone) -> String {
    let time = until.to_zoned(zone.clone()).strftime("%H:%M");
    let tail = format!(
        ": uw inlogcode is {reference}-{secret}. Geldig tot {time}. Geef deze code aan niemand.\n\n@{host} #{secret}"
    );
    let room = gsm7::LONGEST.saturating_sub(tail.chars().count());
    let name: String = gsm7::fold(tenant_name).chars().take(room.min(30)).collect();
    let text = format!("{}{tail}", name.trim_end());
    if gsm7::check(&text).is_ok() {
        return text;
    }
    // A long host name: the person's part of the message comes before the phone's.
    format!("Uw inlogcode is {reference}-{secret}. Geldig tot {time}. Geef deze code aan niemand.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_message_is_one_sms_and_its_last_line_is_for_the_phone() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let until = at("2026-11-22T13:05:00Z");
        let text = text("Topaz", "login.topaz.example", "4821", "639174", until, &zone);
        assert!(
            text.starts_with("Topaz: uw inlogcode is 4821-639174. Geldig tot 14:05."),
            "{text}"
        );
        assert_eq!(text.lines().last(), Some("@login.topaz.example #639174"));
        for name in ["Zorggroep Noël Drenthe-Groningen en omstreken", "漢字", "{[~€]}"] {
            for host in ["a.nl", &"long.".repeat(20)] {
                let text = super::text(name, host, "4821", "639174", until, &zone);
                assert_eq!(gsm7::check(&text), Ok(()), "{text}");
                assert!(text.contains("4821-639174"));
            }
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it_and_nothing_else_is_a_code() {
        for text in ["639174", " 639 174", "639-174", "639\u{a0}174"] {
            assert_eq!(typed(text), Some(Typed::Secret("639174".to_owned())), "{text:?}");
        }
        for text in [
            "",
            "63917",
            "6391745",
            "63917a",
            "４８２１６３９１７４",
            "[\"639174\"]",
            &"1".repeat(10_000),
        ] {
            assert_eq!(typed(text), None, "{text:.20}");
        }
        assert_eq!(typed("000000"), Some(Typed::Secret("000000".to_owned())));
    }

    #[test]
    fn a_code_fits_only_its_own_login() {
        let key = MacKey::new(b"k");
        let fits = code_mac(&key, "c1", "a1", "topaz", "app", "639174");
        for (challenge, account, tenant, app) in [
            ("c2", "a1", "topaz", "app"),
            ("c1", "a2", "topaz", "app"),
            ("c1", "a1", "amaris", "app"),
            ("c1", "a1", "topaz", "other"),
        ] {
            assert_ne!(code_mac(&key, challenge, account, tenant, app, "639174"), fits);
        }
    }

    #[test]
    fn a_code_counts_until_it_was_used_replaced_tried_too_often_or_is_old() {
        let mut code = Challenge {
            id: "c".to_owned(),
            reference: "4821".to_owned(),
            created_at: at("2026-11-22T10:00:00Z"),
            expires_at: at("2026-11-22T10:05:00Z"),
            attempts: 2,
            consumed: false,
            superseded: false,
        };
        let now = at("2026-11-22T10:04:59Z");
        assert_eq!(code.state(3, now), State::Open { left: 1 });
        assert_eq!(code.state(3, at("2026-11-22T10:05:00Z")), State::Expired);
        code.attempts = 3;
        assert_eq!(code.state(3, now), State::Exhausted);
        code.superseded = true;
        assert_eq!(code.state(3, now), State::Superseded);
        code.consumed = true;
        assert_eq!(code.state(3, now), State::Consumed);
    }

    #[test]
    fn each_new_code_takes_longer_to_ask_for() {
        let policy = SmsPolicy::default();
        let waits: Vec<i64> = (1..4).map(|sent| resend_wait(&policy, sent).as_secs()).collect();
        assert_eq!(waits, [30, 60, 120]);
    }
}
