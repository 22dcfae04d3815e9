use proptest::prelude::*;

use super::*;
use crate::fhir::types::ResourceType;

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn gives(text: &str, action: Action, kind: ResourceType) -> bool {
    scopes(text).allow(Context::Patient, action, kind).is_some()
}

#[test]
fn s01_what_is_not_exactly_a_scope_grants_nothing() {
    for bad in [
        "patient/Observation.dus",
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.",
        "patient/Observation",
        "patient/observation.rs",
        "patient/Unknown.rs",
        "Patient/Observation.rs",
        "patient/.rs",
        "patient/*.",
        "patient/*.RS",
        "patient/**.rs",
        "patient/Observation.rs.rs",
        "patient/Observation.reads",
        "patient//Observation.rs",
        "/Observation.rs",
        "admin",
        "OpenId",
    ] {
        assert!(scopes(bad).is_empty(), "{bad} became {}", scopes(bad));
    }
    assert_eq!(
        scopes("patient/Observation.cruds").to_string(),
        "patient/Observation.cruds"
    );
    assert_eq!(scopes("patient/Observation.rd").to_string(), "patient/Observation.rd");
}

#[test]
fn s01_v1_scopes_mean_their_v2_letters_and_come_back_as_v1() {
    let asked = "patient/*.read user/CarePlan.write patient/Goal.*";
    assert_eq!(scopes(asked).to_string(), asked);
    assert!(gives("patient/*.read", Action::Read, ResourceType::Goal));
    assert!(gives("patient/*.read", Action::Search, ResourceType::Goal));
    assert!(!gives("patient/*.read", Action::Update, ResourceType::Goal));
    assert!(!gives("patient/*.write", Action::Read, ResourceType::Goal));
    for action in Action::ALL {
        assert!(gives("patient/Goal.*", action, ResourceType::Goal));
    }
    // What this server cannot do is taken off, and the word follows.
    assert_eq!(
        scopes("patient/*.*").within(&Scopes::supported()).to_string(),
        "patient/*.read"
    );
}

#[test]
fn s02_r_alone_does_not_search_and_s_alone_does_not_read() {
    assert!(!gives("patient/Goal.r", Action::Search, ResourceType::Goal));
    assert!(!gives("patient/Goal.s", Action::Read, ResourceType::Goal));
    assert!(gives("patient/Goal.s", Action::Search, ResourceType::Goal));
}

#[test]
fn s06_granular_scopes_are_alternatives_and_an_unlimited_one_lifts_them() {
    let both = "patient/Observation.rs?category=a patient/Observation.rs?category=b&code=c";
    let alternatives = scopes(both).allow(Context::Patient, Action::Read, ResourceType::Observation);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        alternatives,
        Some(vec![
            vec![pair("category", "a")],
            vec![pair("category", "b"), pair("code", "c")]
        ])
    );
    let lifted = format!("{both} patient/*.r");
    assert_eq!(
        scopes(&lifted).allow(Context::Patient, Action::Read, ResourceType::Observation),
        Some(vec![])
    );
    let search = scopes(&lifted).allow(Context::Patient, Action::Search, ResourceType::Observation);
    assert_eq!(search.map(|found| found.len()), Some(2));
}

#[test]
fn s07_modifiers_chains_and_unknown_parameters_are_refused_and_not_ignored() {
    for bad in [
        "patient/Observation.rs?category:not=a",
        "patient/Observation.rs?subject.name=a",
        "patient/Observation.rs?category=a&patient=B",
        "patient/Observation.rs?",
        "patient/Observation.rs?category",
        "patient/Observation.rs?category=",
        "patient/Observation.rs?category=a%26patient=B",
        "patient/Observation.rs?_has=x",
        "patient/*.rs?category=a",
        "patient/Observation.read?category=a",
        "patient/Patient.rs?name=a",
    ] {
        assert_eq!(Scopes::parse(bad), Err(Invalid::Filter), "{bad}");
    }
}

#[test]
fn c15_a_scope_bomb_is_refused() {
    let many = "patient/Goal.r ".repeat(101);
    assert_eq!(Scopes::parse(&many), Err(Invalid::TooMany));
    assert_eq!(Scopes::parse(&"x".repeat(4097)), Err(Invalid::Characters));
    for bad in ["openid\u{e9}", "openid\n", "open\"id", "open\\id", "openid\tprofile"] {
        assert_eq!(Scopes::parse(bad), Err(Invalid::Characters), "{bad:?}");
    }
}

#[test]
fn a13_order_doubles_and_spaces_do_not_matter() {
    assert_eq!(scopes("  openid   fhirUser openid ").to_string(), "openid fhirUser");
    assert!(scopes("openid fhirUser").covers(&scopes("fhirUser openid")));
}

#[test]
fn a19_asked_and_allowed_is_never_more_than_either() {
    let allowed = scopes("openid patient/Observation.rs patient/CarePlan.rs user/Goal.r");
    let cases = [
        ("openid fhirUser offline_access", "openid"),
        ("patient/*.read", "patient/Observation.read patient/CarePlan.read"),
        ("patient/*.rs", "patient/Observation.rs patient/CarePlan.rs"),
        (
            "patient/Observation.cruds?category=a",
            "patient/Observation.rs?category=a",
        ),
        ("user/*.rs", "user/Goal.r"),
        ("system/*.rs", ""),
        ("patient/Patient.rs", ""),
    ];
    for (asked, granted) in cases {
        assert_eq!(scopes(asked).within(&allowed).to_string(), granted, "{asked}");
    }
    let narrow = scopes("patient/Observation.rs?category=a");
    assert_eq!(
        scopes("patient/Observation.read").within(&narrow).to_string(),
        "patient/Observation.rs?category=a"
    );
    assert_eq!(
        scopes("patient/Observation.rs?code=b").within(&narrow).to_string(),
        "patient/Observation.rs?code=b&category=a"
    );
}

#[test]
fn f01_a_refresh_may_ask_less_in_any_form_but_not_more() {
    let granted = scopes("patient/*.read user/Goal.r user/Goal.s");
    for less in [
        "patient/*.rs",
        "patient/Goal.r",
        "patient/Observation.rs?category=a",
        "user/Goal.rs",
        "",
    ] {
        assert!(granted.covers(&scopes(less)), "{less}");
    }
    for more in ["patient/*.cruds", "user/*.r", "system/*.r", "openid", "patient/Goal.c"] {
        assert!(!granted.covers(&scopes(more)), "{more}");
    }
    assert!(!scopes("patient/Observation.rs?category=a").covers(&scopes("patient/Observation.rs")));
}

#[test]
fn patient_scopes_need_a_client_even_when_launch_patient_was_not_asked() {
    assert!(scopes("patient/*.read").needs_patient());
    assert!(scopes("launch/patient openid").needs_patient());
    assert!(!scopes("user/*.read openid fhirUser").needs_patient());
}

fn token() -> impl Strategy<Value = String> {
    let context = prop::sample::select(vec!["patient", "user", "system"]);
    let kind = prop::sample::select(vec![
        "*",
        "Observation",
        "CarePlan",
        "Condition",
        "Patient",
        "Nothing",
        "goal",
    ]);
    let letters = prop::sample::select(vec![
        "read", "write", "*", "r", "s", "rs", "cud", "cruds", "ds", "sr", "x", "",
    ]);
    let filter = prop::sample::select(vec!["", "", "", "?category=a", "?category=b", "?category=a&category=b"]);
    let plain = prop::sample::select(vec!["openid", "fhirUser", "launch/patient", "offline_access", "admin"]);
    prop_oneof![
        4 => (context, kind, letters, filter).prop_map(|(context, kind, letters, filter)| format!("{context}/{kind}.{letters}{filter}")),
        1 => plain.prop_map(str::to_owned),
    ]
}

fn set() -> impl Strategy<Value = Scopes> {
    prop::collection::vec(token(), 0..8).prop_map(|tokens| {
        // One refused scope refuses the text; here each stands by itself.
        let fine: Vec<_> = tokens
            .into_iter()
            .filter(|token| Scopes::parse(token).is_ok())
            .collect();
        scopes(&fine.join(" "))
    })
}

/// Whether a resource with these category values is open.
fn open(scopes: &Scopes, context: Context, action: Action, kind: ResourceType, categories: &[&str]) -> bool {
    scopes.allow(context, action, kind).is_some_and(|alternatives| {
        alternatives.is_empty()
            || alternatives.iter().any(|all| {
                all.iter()
                    .all(|(name, value)| name == "category" && categories.contains(&value.as_str()))
            })
    })
}

/// Every context, action, type and resource.
fn worlds() -> impl Iterator<Item = (Context, Action, ResourceType, &'static [&'static str])> {
    const CATEGORIES: [&[&str]; 4] = [&[], &["a"], &["b"], &["a", "b"]];
    [Context::Patient, Context::User, Context::System]
        .into_iter()
        .flat_map(|context| {
            Action::ALL.into_iter().flat_map(move |action| {
                ResourceType::ALL.iter().flat_map(move |kind| {
                    CATEGORIES
                        .into_iter()
                        .map(move |categories| (context, action, *kind, categories))
                })
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_reads_back(text in ".{0,80}") {
        if let Ok(read) = Scopes::parse(&text) {
            prop_assert_eq!(Scopes::parse(&read.to_string()).unwrap(), read);
        }
    }

    #[test]
    fn a_set_reads_back(a in set()) {
        prop_assert_eq!(&scopes(&a.to_string()), &a);
    }

    #[test]
    fn within_opens_exactly_what_both_open(a in set(), b in set()) {
        let both = a.within(&b);
        for (context, action, kind, categories) in worlds() {
            let expected = open(&a, context, action, kind, categories) && open(&b, context, action, kind, categories);
            prop_assert_eq!(open(&both, context, action, kind, categories), expected, "{} of {} and {}", both, a, b);
        }
        prop_assert!(a.covers(&both) && b.covers(&both), "{} of {} and {}", both, a, b);
        prop_assert_eq!(&scopes(&both.to_string()), &both);
    }

    #[test]
    fn what_is_covered_opens_nothing_more(a in set(), b in set()) {
        if a.covers(&b) {
            for (context, action, kind, categories) in worlds() {
                let more = open(&b, context, action, kind, categories) && !open(&a, context, action, kind, categories);
                prop_assert!(!more, "{} covers {}", a, b);
            }
        }
    }

    #[test]
    fn unselecting_only_narrows(a in set(), keep in any::<u8>()) {
        let mut at = 0;
        let kept = a.keep(|_| { at += 1; keep & (1 << (at % 8)) != 0 });
        prop_assert!(a.covers(&kept));
    }
}

#[test]
fn l06_an_unknown_role_of_the_launch_context_still_asks_for_the_context() {
    let scopes = |text: &str| Scopes::parse(text).unwrap().to_string();
    assert_eq!(scopes("launch/patient?role=friend openid"), "launch/patient openid");
    assert_eq!(
        scopes("launch/patient launch/patient?role=https://x.example/r"),
        "launch/patient"
    );
    // A type that no launch here is about is dropped with its role, and the rest is granted.
    for other in [
        "launch/encounter?role=x",
        "launch/questionnaire?role=",
        "launch/patient?role=",
        "launch/patient?x=1",
    ] {
        assert_eq!(
            scopes(&format!("{other} launch/patient patient/Goal.r")),
            "launch/patient patient/Goal.r"
        );
    }
}
