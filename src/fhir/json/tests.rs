//! A hostile corpus, and properties.

use super::*;
use proptest::prelude::*;

fn refusal(text: &str) -> Refused {
    check(text.as_bytes(), Limits::default()).unwrap_err()
}

fn fault(text: &str) -> Fault {
    refusal(text).kind
}

#[test]
fn a_plain_resource_passes() {
    let text = r#" {"resourceType":"Patient","active":true,"name":[{"family":"de Vries","given":["Jan","\u00e9\ud83d\ude00"]}],"n":-0.50e3} "#;
    assert_eq!(check(text.as_bytes(), Limits::default()), Ok(()));
}

#[test]
fn the_hostile_corpus_is_refused_by_name() {
    for (text, kind) in [
        ("", Fault::Empty),
        ("  ", Fault::Empty),
        ("[]", Fault::NotAnObject),
        ("\"a\"", Fault::NotAnObject),
        ("{}", Fault::EmptyObject),
        (r#"{"a":{}}"#, Fault::EmptyObject),
        (r#"{"a":[ ]}"#, Fault::EmptyArray),
        (r#"{"a":""}"#, Fault::EmptyString),
        (r#"{"a":null}"#, Fault::Null),
        (r#"{"a":[null]}"#, Fault::Null),
        (r#"{"a":[null,"x"],"_a":[null,{"id":"1"}]}"#, Fault::Twin),
        (r#"{"a":[null,"x"],"_a":[{"id":"1"}]}"#, Fault::Twin),
        (r#"{"a":[[1]]}"#, Fault::NestedArray),
        (r#"{"a":1,"a":2}"#, Fault::DuplicateKey),
        (r#"{"a":1,"\u0061":2}"#, Fault::Key),
        (r#"{"":1}"#, Fault::Key),
        (r#"{"a":1}x"#, Fault::Trailing),
        (r#"{"a":1}{"b":1}"#, Fault::Trailing),
        (r#"{"a":1,}"#, Fault::Syntax),
        (r#"{"a":[1,]}"#, Fault::Syntax),
        (r#"{"a" 1}"#, Fault::Syntax),
        (r#"{"a":01}"#, Fault::Syntax),
        (r#"{"a":+1}"#, Fault::Syntax),
        (r#"{"a":.5}"#, Fault::Syntax),
        (r#"{"a":1.}"#, Fault::Syntax),
        (r#"{"a":NaN}"#, Fault::Syntax),
        (r#"{"a":-}"#, Fault::Syntax),
        (r#"{"a":nul}"#, Fault::Null),
        (r#"{"a":1e2000000000}"#, Fault::Number),
        (r#"{"a":"x"#, Fault::Syntax),
        (r#"{"a":"\x"}"#, Fault::Text),
        (r#"{"a":"\ud800"}"#, Fault::Text),
        (r#"{"a":"\udc00\ud800"}"#, Fault::Text),
        (r#"{"a":"\u0000"}"#, Fault::Text),
        (r#"{"a":"\u12"}"#, Fault::Text),
        ("{\"a\":\"x\ny\"}", Fault::Text),
        ("{\"a\":1]", Fault::Syntax),
        ("{", Fault::Syntax),
        ("{\"a\":[1}", Fault::Syntax),
    ] {
        assert_eq!(fault(text), kind, "{text}");
    }
}

#[test]
fn a_byte_order_mark_and_broken_utf8_are_refused() {
    assert_eq!(
        check(b"\xef\xbb\xbf{\"a\":1}", Limits::default()).unwrap_err().kind,
        Fault::ByteOrderMark
    );
    let refused = check(b"{\"a\":\"\xff\"}", Limits::default()).unwrap_err();
    assert_eq!((refused.kind, refused.offset), (Fault::Encoding, 6));
}

#[test]
fn nulls_fill_an_array_beside_its_twin() {
    for good in [
        r#"{"given":[null,"Jan"],"_given":[{"id":"x"},null]}"#,
        r#"{"_given":[{"id":"x"},null],"given":["Piet","Jan"]}"#,
        r#"{"_given":[{"id":"x"}]}"#,
    ] {
        assert_eq!(check(good.as_bytes(), Limits::default()), Ok(()), "{good}");
    }
    assert_eq!(
        refusal(r#"{"x":1,"_given":[{"id":"x"},null],"y":2}"#).pointer,
        "/_given"
    );
}

#[test]
fn the_place_is_named_and_the_value_is_not() {
    let refused = refusal(r#"{"name":[{"given":["a"]},{"given":["b",""]}]}"#);
    assert_eq!((refused.pointer.as_str(), refused.offset), ("/name/1/given/1", 39));
    let refused = refusal(r#"{"999900018":{"a":""}}"#);
    assert_eq!(refused.pointer, "/?/a");
    assert!(!refused.to_string().contains("9999"));
}

#[test]
fn every_limit_holds() {
    assert_eq!(
        fault(&format!("{}1{}", r#"{"a":"#.repeat(33), "}".repeat(33))),
        Fault::TooDeep
    );
    assert_eq!(
        check(
            format!("{}1{}", r#"{"a":"#.repeat(32), "}".repeat(32)).as_bytes(),
            Limits::default()
        ),
        Ok(())
    );
    assert_eq!(
        fault(&format!(r#"{{"a":[{}1]}}"#, "1,".repeat(10_000))),
        Fault::TooManyItems
    );
    let members: Vec<_> = (0..1_001).map(|n| format!(r#""k{n}":1"#)).collect();
    assert_eq!(fault(&format!("{{{}}}", members.join(","))), Fault::TooManyMembers);
    assert_eq!(
        fault(&format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20))),
        Fault::StringTooLong
    );
    assert_eq!(fault(&format!(r#"{{"a":{}}}"#, "1".repeat(1_000_000))), Fault::Number);
    assert_eq!(fault(&" ".repeat((2 << 20) + 1)), Fault::TooLarge);
    assert_eq!(fault(&format!(r#"{{"{}":1}}"#, "k".repeat(200))), Fault::Key);
}

#[test]
fn a_duplicate_is_found_in_a_large_object_too() {
    let mut members: Vec<_> = (0..100).map(|n| format!(r#""k{n}":1"#)).collect();
    members.push(r#""k42":2"#.into());
    assert_eq!(fault(&format!("{{{}}}", members.join(","))), Fault::DuplicateKey);
}

#[test]
fn a_hundred_thousand_brackets_end_at_once() {
    assert_eq!(fault(&format!(r#"{{"a":{}"#, "[".repeat(100_000))), Fault::NestedArray);
    assert_eq!(fault(&r#"{"a":"#.repeat(100_000)), Fault::TooDeep);
}

/// JSON without what FHIR forbids.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\\n\"\\\\]{1,12}".prop_map(Value::from),
    ];
    let inner = leaf.prop_recursive(4, 48, 6, |inner| {
        let scalar = inner
            .clone()
            .prop_filter("no array in an array", |value| !value.is_array());
        prop_oneof![
            prop::collection::vec(scalar, 1..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 1..6).prop_map(|map| map.into_iter().collect()),
        ]
    });
    prop::collection::btree_map("[a-z]{1,8}", inner, 1..6).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn what_serde_json_writes_passes_unchanged(value in document()) {
        let compact = value.to_string();
        prop_assert_eq!(parse(compact.as_bytes(), Limits::default()), Ok(value.clone()));
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(parse(&pretty, Limits::default()), Ok(value));
    }

    #[test]
    fn whatever_passes_is_json_for_serde_json_too(bytes in "[\\[\\]{}:,\"a1.e\\\\ntu-]{0,40}") {
        if check(bytes.as_bytes(), Limits::default()).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&bytes).is_ok(), "{}", bytes);
        }
    }

    #[test]
    fn a_cut_or_changed_document_never_panics(value in document(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = value.to_string().into_bytes();
        let place = cut.index(bytes.len());
        let _ = check(&bytes[..place], Limits::default());
        bytes[place] = byte;
        if check(&bytes, Limits::default()).is_ok() {
            prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
        }
    }
}

#[test]
fn a_source_may_send_lists_nulls_and_nothing_but_no_double_keys() {
    let limits = Limits::source(200);
    for text in [
        "[]",
        "{}",
        " [ ] ",
        r#"{"a":null,"b":[],"c":{},"d":"","_e":[null],"f":[[1,[]],{}]}"#,
        r#"[{"id":1,"x":[null,null]},{},[]]"#,
        r#"{"reports":[{"id":1},{"id":2}]}"#,
    ] {
        assert_eq!(check(text.as_bytes(), limits), Ok(()), "{text}");
    }
    for (text, kind) in [
        (r#"{"clientId":1,"clientId":2}"#, Fault::DuplicateKey),
        (r#"[{"a":{"x":1,"x":2}}]"#, Fault::DuplicateKey),
        (r#"{"a":1,"\u0061":2}"#, Fault::Key),
        (r#"{"a":"\u0000"}"#, Fault::Text),
        (r#"{"a":"\ud800"}"#, Fault::Text),
        ("[{]", Fault::Syntax),
        ("[1,]", Fault::Syntax),
        ("{}{}", Fault::Trailing),
        ("[][]", Fault::Trailing),
        ("1", Fault::NotAnObject),
    ] {
        assert_eq!(check(text.as_bytes(), limits).unwrap_err().kind, kind, "{text}");
    }
    let deep = "[".repeat(40);
    assert_eq!(check(deep.as_bytes(), limits).unwrap_err().kind, Fault::TooDeep);
    let large = " ".repeat(201);
    assert_eq!(check(large.as_bytes(), limits).unwrap_err().kind, Fault::TooLarge);
}
