//! The rules of known client portals as data: a setting, its value, and the requirement that it comes from.
//!
//! ```
//! use inzage::config::Preset;
//! let rule = Preset::Topaz.rule("password.min_length").unwrap();
//! assert_eq!((rule.value, rule.from), ("5", &["S0-18"][..]));
//! ```
//!
//! # Design
//! A preset is a table and nothing else: `[tenant.<id>]` reads each of its settings with the preset's value as the default, so
//! a preset cannot do what a file could not. What a portal's own documents state ([`Rule::from`], ids of
//! `conformance/requirements/portal.csv`) may only be made stricter by a file; the rest is free within the floor.
//!
//! Where a portal's rule lies below the floor (Topaz asks for five characters) the table keeps the portal's number and the
//! floor holds; [`Policy::deviations`](super::Policy::deviations) tells both.

/// A named set of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Long passwords without rules of composition, a code at every login.
    #[default]
    Modern,
    Topaz,
    Treant,
    Vivantes,
    Amaris,
}

/// One value of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The setting below `[tenant.<id>]`.
    pub key: &'static str,
    pub value: &'static str,
    /// The requirements that state it.
    pub from: &'static [&'static str],
}

macro_rules! rules {
    ($($name:ident { $($key:literal = $value:literal from $from:literal $(, $more:literal)*;)* })*) => {
        $(const $name: &[Rule] = &[$(Rule { key: $key, value: $value, from: &[$from $(, $more)*] }),*];)*
    };
}

rules! {
    TOPAZ {
        "password.min_length" = "5" from "S0-18";
        "password.require_upper" = "true" from "S0-18";
        "password.require_lower" = "true" from "S0-18";
        "password.require_non_alpha" = "true" from "S0-18";
        "sms.when" = "every-login" from "S1-34";
        "sms.explicit_request_button" = "true" from "S0-12";
        "accounts.login_name" = "username" from "S0-9";
        "accounts.max_per_client" = "2" from "S1-26";
        "access_ends_after_days" = "60" from "S1-38";
    }
    TREANT {
        "password.min_length" = "8" from "S2-49";
        "password.require_upper" = "true" from "S2-50";
        "password.require_lower" = "true" from "S2-51";
        "password.history" = "12" from "S2-53";
        "sms.when" = "new-device" from "S2-8", "S2-9";
        "sms.valid_seconds" = "300" from "S2-10";
        "accounts.login_name" = "username" from "S2-7", "S2-15";
        "accounts.may_delegate" = "true" from "S2-3";
    }
    VIVANTES {
        "password.min_length" = "6" from "S3-22";
        "password.require_upper" = "true" from "S3-22";
        "sms.when" = "every-login" from "S3-27";
        "accounts.login_name" = "email" from "S3-14";
        "accounts.self_registration" = "true" from "S3-4", "S3-9";
        "help.notice" = "Alleen bedoeld voor aangewezen cliënten en mantelzorgers." from "S3-12";
        "help.notice_en" = "Only meant for the clients and carers who were named." from "S3-12";
        "terms.login_agrees_to_privacy" = "true" from "S3-15";
    }
    AMARIS {
        "sms.when" = "new-device-or-days" from "S4-7";
        "sms.days" = "90" from "S4-7";
        "help.reports_to_ward" = "true" from "S4-11", "S4-12";
        "help.reports_by_exception" = "true" from "S4-13";
        "help.times_are_indicative" = "true" from "S4-14";
    }
}

impl Preset {
    pub const ALL: [Self; 5] = [Self::Modern, Self::Topaz, Self::Treant, Self::Vivantes, Self::Amaris];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Topaz => "topaz",
            Self::Treant => "treant",
            Self::Vivantes => "vivantes",
            Self::Amaris => "amaris",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == text)
    }

    /// What this preset sets; everything else has its ordinary default.
    pub const fn rules(self) -> &'static [Rule] {
        match self {
            Self::Modern => &[],
            Self::Topaz => TOPAZ,
            Self::Treant => TREANT,
            Self::Vivantes => VIVANTES,
            Self::Amaris => AMARIS,
        }
    }

    /// What this preset says about one setting.
    pub fn rule(self, key: &str) -> Option<&'static Rule> {
        self.rules().iter().find(|rule| rule.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_a_requirement_that_exists_and_is_there_once() {
        let list = include_str!("../../conformance/requirements/portal.csv");
        for preset in Preset::ALL {
            assert_eq!(Preset::parse(preset.as_str()), Some(preset));
            for rule in preset.rules() {
                let same = preset.rules().iter().filter(|other| other.key == rule.key);
                assert_eq!(same.count(), 1, "{} {}", preset.as_str(), rule.key);
                for id in rule.from {
                    assert!(list.contains(&format!("\n{id},")), "{id} is no requirement");
                }
            }
        }
        assert_eq!(Preset::parse("Topaz"), None);
    }
}
