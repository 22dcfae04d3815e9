//! How surely a person was recognised: Authentication Context Class References, the weakest first.
//!
//! # Design
//! A stronger login meets a weaker demand. A name that is not in the list is a level that this server cannot reach, so a
//! request that names only such is refused with `unmet_authentication_requirements` (RFC 9470 §5) instead of being let through.

/// Every level, in rising order.
pub const LEVELS: [&str; 5] = [PASSWORD, DEVICE, RECOVERY, SMS, OTP];
/// Name and password.
pub const PASSWORD: &str = "urn:inzage:acr:pwd";
/// In a browser that was trusted after a code.
pub const DEVICE: &str = "urn:inzage:acr:pwd+device";
/// And a code that was written down for the day on which nothing else works.
pub const RECOVERY: &str = "urn:inzage:acr:pwd+recovery";
/// And a code by SMS.
pub const SMS: &str = "urn:inzage:acr:pwd+sms";
/// And a code of an authenticator app (TOTP): nobody on the way can read it.
pub const OTP: &str = "urn:inzage:acr:pwd+otp";

/// Whether a login of level `got` is what one of the wanted levels (separated by spaces) asks for. Who wants nothing is content.
pub fn meets(wanted: &str, got: &str) -> bool {
    let rank = |name: &str| LEVELS.iter().position(|level| *level == name);
    let mut wanted = wanted.split_whitespace().peekable();
    wanted.peek().is_none()
        || wanted.any(|name| match (rank(name), rank(got)) {
            (Some(name), Some(got)) => name <= got,
            _ => name == got,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c18_a_stronger_login_meets_a_weaker_demand_and_an_unknown_level_is_not_met() {
        assert!(meets("", PASSWORD) && meets(PASSWORD, SMS) && meets(SMS, SMS));
        assert!(!meets(SMS, DEVICE) && !meets(SMS, PASSWORD) && !meets("substantieel", SMS));
        assert!(meets(&format!("substantieel {PASSWORD}"), SMS));
    }
}
