use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::fhir::search::MAX_COUNT;
use crate::fhir::search::shared::{ONCE, split};
use crate::fhir::search::{DateSlot, Prefix};

fn parse_as(kind: ResourceType, handling: Handling, pairs: &[(&str, &str)]) -> Result<Query, BadParam> {
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let setting = Setting {
        zone: &zone,
        base: "https://gateway.example/topaz/fhir",
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
    };
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Query::parse(kind, &pairs, handling, &setting)
}

fn parse(pairs: &[(&str, &str)]) -> Result<Query, BadParam> {
    parse_as(ResourceType::Observation, Handling::Strict, pairs)
}

fn filter(name: &str, value: &str) -> Filter {
    parse(&[(name, value)]).unwrap().filters.remove(0)
}

fn marks(any: &[Mark]) -> Filter {
    Filter::Mark {
        any: any.to_vec(),
        not: false,
    }
}

#[test]
fn a_token_has_four_forms() {
    assert_eq!(filter("code", "a"), marks(&[Mark::code("code", "a")]));
    assert_eq!(filter("code", "s|a"), marks(&[Mark::system_code("code", "s", "a")]));
    assert_eq!(filter("code", "|a"), marks(&[Mark::system_code("code", "", "a")]));
    assert_eq!(filter("code", "s|"), marks(&[Mark::system("code", "s")]));
    for bad in ["|", "a|b|c", "a,,b", ",", "a\\", "a\\x"] {
        assert_eq!(parse(&[("code", bad)]).unwrap_err().name, "code", "{bad}");
    }
}

#[test]
fn an_escape_keeps_a_comma_and_a_bar_in_the_value() {
    let expected = [Mark::code("code", "a,b"), Mark::system_code("code", "s|t", "c\\d")];
    assert_eq!(filter("code", r"a\,b,s\|t|c\\d"), marks(&expected));
}

#[test]
fn a_comma_means_or_and_a_repeat_means_and() {
    let query = parse(&[("code", "a,b"), ("code", "c"), ("status:not", "final,amended")]).unwrap();
    let not = Filter::Mark {
        any: vec![Mark::code("status", "final"), Mark::code("status", "amended")],
        not: true,
    };
    let either = marks(&[Mark::code("code", "a"), Mark::code("code", "b")]);
    assert_eq!(query.filters, [either, marks(&[Mark::code("code", "c")]), not]);
}

#[test]
fn a_reference_is_taken_by_id_by_type_and_as_a_url_of_this_server() {
    let typed = marks(&[Mark::reference("performer", "Practitioner/1")]);
    for (name, value) in [
        ("performer", "Practitioner/1"),
        ("performer", "Practitioner/1/_history/3"),
        ("performer:Practitioner", "1"),
        ("performer:Practitioner", "Practitioner/1"),
        ("performer", "https://gateway.example/topaz/fhir/Practitioner/1"),
    ] {
        assert_eq!(filter(name, value), typed, "{name}={value}");
    }
    assert_eq!(filter("performer", "1"), marks(&[Mark::id("performer", "1")]));
    assert_ne!(filter("performer:Practitioner", "Patient/1"), typed);
    assert_ne!(
        filter("performer", "https://elsewhere.example/fhir/Practitioner/1"),
        typed
    );
}

#[test]
fn a_client_is_named_in_every_form_of_a_reference() {
    let one = Filter::Patient(vec![Id::parse("1").unwrap()]);
    for (name, value) in [
        ("patient", "1"),
        ("patient", "Patient/1"),
        ("subject:Patient", "1"),
        ("subject", "https://gateway.example/topaz/fhir/Patient/1"),
    ] {
        assert_eq!(filter(name, value), one, "{name}={value}");
    }
    for (name, value) in [
        ("subject", "Group/1"),
        ("subject:Group", "1"),
        ("patient", "https://elsewhere.example/fhir/Patient/1"),
        ("patient", "Patient/../1"),
    ] {
        assert_eq!(filter(name, value), Filter::Patient(Vec::new()), "{name}={value}");
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name_in_both_handlings() {
    for (name, value) in [
        ("date", "yesterday"),
        ("date", "2026-03-01,"),
        ("date:exact", "2026"),
        ("code:text", "a"),
        ("code:in", "a"),
        ("performer:not", "a"),
        ("code:missing", "maybe"),
        ("_id:missing", "true"),
        ("performer:Practitioner.name", "a"),
        ("performer.name", "a"),
        ("_has", "a"),
        ("_has:Observation:patient:code", "a"),
        ("_count", "-1"),
        ("_count", "many"),
        ("_count", ""),
        ("_sort", "status"),
        ("_sort", "-date,date,_id,_lastUpdated"),
        ("_sort", ""),
        ("_total", "some"),
        ("_summary", "little"),
    ] {
        for handling in [Handling::Strict, Handling::Lenient] {
            let error = parse_as(ResourceType::Observation, handling, &[(name, value)]).unwrap_err();
            assert_eq!(error.name, name, "{name}={value}");
        }
    }
    assert_eq!(parse(&[("_count", "1"), ("_count", "2")]).unwrap_err().reason, ONCE);
    assert_eq!(parse(&[("code", &"a,".repeat(300))]).unwrap_err().name, "code");
}

#[test]
fn an_undeclared_parameter_is_refused_or_left_out() {
    for name in ["foo", "patiënt", "_include", "_elements", "onset-date", "code "] {
        let pairs = [(name, "a"), ("status", "final")];
        assert!(parse(&pairs).is_err(), "{name}");
        let query = parse_as(ResourceType::Observation, Handling::Lenient, &pairs).unwrap();
        assert_eq!(query.used, [("status".to_owned(), "final".to_owned())]);
        assert_eq!(query.filters.len(), 1);
    }
    let error = parse(&[("é\r\n", "a")]).unwrap_err();
    assert_eq!(error.name, "???");
}

#[test]
fn the_page_is_bounded() {
    assert_eq!(parse(&[]).unwrap().count, DEFAULT_COUNT);
    assert_eq!(parse(&[("_count", "7")]).unwrap().count, 7);
    assert_eq!(parse(&[("_count", "1000000")]).unwrap().count, MAX_COUNT);
    let none = parse(&[("_count", "0")]).unwrap();
    assert_eq!((none.count, none.summary), (DEFAULT_COUNT, Summary::Count));
}

#[test]
fn a_sort_names_dates_and_directions() {
    let query = parse(&[("_sort", "-date,_lastUpdated"), ("_total", "accurate")]).unwrap();
    let expected = [
        Sort {
            key: SortKey::Date(DateSlot::First),
            descending: true,
        },
        Sort {
            key: SortKey::LastUpdated,
            descending: false,
        },
    ];
    assert_eq!((query.sort.as_slice(), query.total), (&expected[..], Total::Accurate));
}

#[test]
fn dates_keep_their_prefix_and_their_slot() {
    let Filter::Date { slot, any } = filter("date", "ge2026-03-01,2025") else {
        panic!("a date filter")
    };
    assert_eq!(slot, DateSlot::First);
    assert_eq!([any[0].prefix, any[1].prefix], [Prefix::Ge, Prefix::Eq]);
}

#[test]
fn a_scope_is_narrowed_by_tokens_and_references_only() {
    let pairs = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
    let kind = ResourceType::Observation;
    assert_eq!(
        narrowing(kind, &pairs("category", "s|lab")),
        Ok(vec![marks(&[Mark::system_code("category", "s", "lab")])])
    );
    for (name, value) in [
        ("date", "ge2026"),
        ("_lastUpdated", "2026"),
        ("foo", "a"),
        ("_count", "1"),
        ("code", ""),
    ] {
        assert!(narrowing(kind, &pairs(name, value)).is_err(), "{name}");
    }
}

proptest! {
    #[test]
    fn no_request_makes_it_panic(name in "(code|date|performer|patient|_id|_sort|_count|\\PC{0,9})(:\\PC{0,9})?", value in "\\PC{0,40}") {
        let _ = parse(&[(&name, &value)]);
    }

    #[test]
    fn every_escaped_value_comes_back(value in "[a-z,|$\\\\é]{1,20}") {
        let escaped: String = value.chars().flat_map(|c| {
            let special = matches!(c, ',' | '|' | '$' | '\\');
            special.then_some('\\').into_iter().chain([c])
        }).collect();
        prop_assert_eq!(split(&escaped, ',').unwrap().len(), 1);
        prop_assert_eq!(filter("code", &escaped), marks(&[Mark::code("code", &value)]));
    }
}
