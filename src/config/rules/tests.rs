use super::*;
use crate::config::reader::Problem;

fn policy(lines: &str) -> Result<Policy, Vec<Problem>> {
    let text = format!("[tenant.zorg]\n{lines}");
    let mut reader = Reader::new(Path::new("inzage.toml"), &text, std::iter::empty());
    let policy = read(&mut reader, "zorg");
    let (problems, _) = reader.finish();
    if problems.is_empty() { Ok(policy) } else { Err(problems) }
}

#[test]
fn people_register_only_where_they_log_in_with_their_address() {
    assert!(policy("preset = \"vivantes\"\n").unwrap().accounts.self_registration);
    assert!(policy("accounts.login_name = \"email\"\naccounts.self_registration = true\n").is_ok());
    for bad in [
        "accounts.self_registration = true\n",
        "preset = \"topaz\"\naccounts.self_registration = true\n",
    ] {
        let problems = policy(bad).unwrap_err();
        assert_eq!(problems[0].key, "tenant.zorg.accounts.self_registration", "{bad}");
    }
}

#[test]
fn every_value_of_a_preset_is_read_by_the_setting_that_it_names() {
    for preset in Preset::ALL {
        let name = format!("preset = \"{}\"\n", preset.as_str());
        let mut reader = Reader::new(
            Path::new("inzage.toml"),
            &format!("[tenant.zorg]\n{name}"),
            std::iter::empty(),
        );
        read(&mut reader, "zorg");
        let (problems, settings) = reader.finish();
        assert!(problems.is_empty(), "{problems:?}");
        for rule in preset.rules() {
            let key = format!("tenant.zorg.{}", rule.key);
            assert!(settings.iter().any(|setting| setting.key == key), "nobody reads {key}");
        }
    }
}

#[test]
fn the_portals_have_the_rules_of_their_documents() {
    let topaz = policy("preset = \"topaz\"\n").unwrap();
    assert_eq!((topaz.password.min_length, topaz.password.require_non_alpha), (5, true));
    assert_eq!(topaz.sms.when, SmsWhen::EveryLogin);
    assert!(topaz.sms.explicit_request_button);
    assert_eq!(topaz.accounts.max_per_client, Some(2));
    let treant = policy("preset = \"treant\"\n").unwrap();
    assert_eq!(
        (treant.password.min_length, treant.password.require_non_alpha),
        (8, false)
    );
    assert_eq!(treant.sms.when, SmsWhen::NewDevice);
    let vivantes = policy("preset = \"vivantes\"\n").unwrap();
    assert_eq!(vivantes.accounts.login_name, LoginName::Email);
    assert_eq!(vivantes.accounts.max_per_client, None);
    let amaris = policy("preset = \"amaris\"\n").unwrap();
    assert_eq!(amaris.sms.when, SmsWhen::NewDeviceOrDays(90));
    assert_eq!(amaris.password.min_length, 12);
}

#[test]
fn a_portals_rule_can_be_made_stricter_and_not_looser() {
    let strict = "preset = \"amaris\"\nsms.days = 30\npassword.min_length = 14\n";
    assert_eq!(policy(strict).unwrap().sms.when, SmsWhen::NewDeviceOrDays(30));
    let strict = "preset = \"treant\"\nsms.when = \"every-login\"\nsms.valid_seconds = 240\n";
    assert_eq!(policy(strict).unwrap().sms.when, SmsWhen::EveryLogin);
    for (lines, key) in [
        ("preset = \"topaz\"\nsms.when = \"new-device\"\n", "sms.when"),
        ("preset = \"amaris\"\nsms.when = \"new-device\"\n", "sms.when"),
        ("preset = \"amaris\"\nsms.days = 120\n", "sms.days"),
        ("preset = \"treant\"\nsms.valid_seconds = 600\n", "sms.valid_seconds"),
        ("preset = \"treant\"\npassword.history = 3\n", "password.history"),
        (
            "preset = \"topaz\"\npassword.require_upper = false\n",
            "password.require_upper",
        ),
        (
            "preset = \"topaz\"\naccounts.max_per_client = 0\n",
            "accounts.max_per_client",
        ),
        // The floor is no preset's to lower, and no file's.
        ("preset = \"topaz\"\npassword.min_length = 6\n", "password.min_length"),
        ("preset = \"old\"\n", "preset"),
    ] {
        let problems = policy(lines).unwrap_err();
        let at = format!("tenant.zorg.{key}");
        assert!(
            problems
                .iter()
                .any(|problem| problem.key == at && problem.line.is_some()),
            "{problems:?}"
        );
    }
}

#[test]
fn what_lies_below_the_floor_is_told_with_its_requirement() {
    let told = |preset: &str| -> Vec<String> {
        let policy = Policy::from(Preset::parse(preset).unwrap());
        policy.deviations().iter().map(ToString::to_string).collect()
    };
    let topaz = told("topaz");
    assert_eq!(topaz.len(), 4, "{topaz:?}");
    assert!(
        topaz[0].starts_with("password.min_length: 5 characters") && topaz[0].ends_with("(S0-18)"),
        "{topaz:?}"
    );
    assert!(
        told("amaris").iter().all(|line| line.starts_with("sms.when")),
        "{:?}",
        told("amaris")
    );
    assert_eq!(told("modern"), [""; 0]);
}
