//! How surely a person was recognised: Authentication Context Class References, the weakest first.
//!
//! # Design
//! A stronger login meets a weaker demand. A name that is not in the list is a level that this server cannot reach, so a
//! request that names only such is refused with `unmet_authentication_requirements` (RFC 9470 §5) instead of being let through.

use jiff::Timestamp;

use crate::config::{LoginDemand, Tenant};

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

/// At an OpenID provider that told no level of its own, and here: nothing, or one of the factors.
pub const UPSTREAM: [&str; 4] = [UPSTREAM_ALONE, UPSTREAM_RECOVERY, UPSTREAM_SMS, UPSTREAM_OTP];
pub const UPSTREAM_ALONE: &str = "urn:inzage:acr:upstream";
pub const UPSTREAM_RECOVERY: &str = "urn:inzage:acr:upstream+recovery";
pub const UPSTREAM_SMS: &str = "urn:inzage:acr:upstream+sms";
pub const UPSTREAM_OTP: &str = "urn:inzage:acr:upstream+otp";

/// The levels that a login at this tenant can have: those with a password where there are passwords, and those of its
/// provider where there is one.
pub fn levels(tenant: &Tenant) -> Vec<&str> {
    let upstream = tenant.policy.upstream.as_ref();
    let own = LEVELS
        .into_iter()
        .filter(|_| upstream.is_none_or(|upstream| upstream.password));
    let (told, unnamed) = upstream.map_or((&[][..], &[][..]), |upstream| {
        let told = match upstream.enough() {
            [] => upstream.levels.as_slice(),
            enough => enough,
        };
        (told, &UPSTREAM[..])
    });
    let told = told.iter().map(String::as_str);
    own.chain(told).chain(unnamed.iter().copied()).collect()
}

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

/// Whether a login of this level and time is what a tenant demands of people who read dossiers.
pub fn suffices(demanded: &LoginDemand, level: &str, at: Timestamp, now: Timestamp) -> bool {
    let young = demanded
        .max_age
        .is_none_or(|most| now.duration_since(at).as_secs() <= most);
    young && meets(&demanded.levels.join(" "), level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c18_what_a_tenant_demands_is_met_by_a_login_that_is_sure_and_young_enough() {
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let later = at + jiff::SignedDuration::from_secs(60);
        let demand = |levels: &[&str], max_age| LoginDemand {
            levels: levels.iter().map(|level| (*level).to_owned()).collect(),
            max_age,
        };
        assert!(suffices(&demand(&[], None), PASSWORD, at, later));
        assert!(suffices(&demand(&[SMS], Some(60)), OTP, at, later));
        assert!(!suffices(&demand(&[SMS], Some(59)), OTP, at, later));
        assert!(!suffices(&demand(&[SMS], None), DEVICE, at, later));
        assert!(suffices(&demand(&["substantial", SMS], None), "substantial", at, later));
    }

    #[test]
    fn every_level_has_the_word_by_which_a_configuration_names_it() {
        assert_eq!(LEVELS, crate::config::LOGIN_LEVELS);
    }

    #[test]
    fn c18_a_stronger_login_meets_a_weaker_demand_and_an_unknown_level_is_not_met() {
        assert!(meets("", PASSWORD) && meets(PASSWORD, SMS) && meets(SMS, SMS));
        assert!(!meets(SMS, DEVICE) && !meets(SMS, PASSWORD) && !meets("substantieel", SMS));
        assert!(meets(&format!("substantieel {PASSWORD}"), SMS));
    }
}
