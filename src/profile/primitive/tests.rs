//! What each type takes and refuses.

use super::*;
use serde_json::json;

fn accepts(kind: Primitive, good: &[Value], bad: &[Value]) {
    for value in good {
        assert_eq!(kind.check(value), Ok(()), "{kind:?} {value}");
    }
    for value in bad {
        assert!(kind.check(value).is_err(), "{kind:?} {value}");
    }
}

fn texts(kind: Primitive, good: &[&str], bad: &[&str]) {
    let values = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
    accepts(kind, &values(good), &values(bad));
}

#[test]
fn dates_must_exist() {
    texts(
        Primitive::Date,
        &[
            "2026",
            "2026-11",
            "2026-11-22",
            "2024-02-29",
            "2000-02-29",
            "0001-01-01",
        ],
        &[
            "",
            "26",
            "0000",
            "2026-13",
            "2026-00",
            "2026-02-29",
            "1900-02-29",
            "2026-11-31",
            "2026-1-1",
            "22-11-2026",
            "2026-11-22 ",
            "2026/11/22",
            "2026-11-22T10:00:00Z",
        ],
    );
}

#[test]
fn a_date_time_has_seconds_and_an_offset() {
    texts(
        Primitive::DateTime,
        &[
            "2026",
            "2026-11-22",
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00.123456+01:00",
            "2026-12-31T23:59:60Z",
            "2026-11-22T10:00:00+14:00",
        ],
        &[
            "2026-11-22T10:00Z",
            "2026-11-22T10:00:00",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:00:00+15:00",
            "2026-11-22T10:00:00+14:30",
            "2026-11T10:00:00Z",
            "2026-11-22 10:00:00Z",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:60:00Z",
        ],
    );
    texts(Primitive::Instant, &["2026-11-22T10:00:00.5Z"], &["2026-11-22", "2026"]);
    texts(
        Primitive::Time,
        &["10:00:00", "23:59:59.9"],
        &["10:00", "24:00:00", "10:00:00Z", "10-00-00"],
    );
}

#[test]
fn numbers_are_numbers() {
    let big: Value = serde_json::from_str("2147483648").unwrap();
    accepts(
        Primitive::Integer,
        &[json!(0), json!(-5)],
        &[json!(1.5), json!("1"), big.clone(), json!(true)],
    );
    accepts(Primitive::PositiveInt, &[json!(1)], &[json!(0), json!(-1), big]);
    accepts(Primitive::UnsignedInt, &[json!(0)], &[json!(-1)]);
    accepts(
        Primitive::Decimal,
        &[json!(1), json!(1.5)],
        &[json!("1.5"), json!(null)],
    );
    accepts(Primitive::Boolean, &[json!(true)], &[json!("true"), json!(1)]);
}

#[test]
fn texts_and_codes_are_not_blank() {
    texts(Primitive::String, &["a", " a\nb ", "é"], &["", "  ", "\n", "a\u{1}"]);
    texts(Primitive::Code, &["a", "a b"], &["", " a", "a ", "a  b", "a\nb"]);
}

#[test]
fn uris_oids_uuids_and_ids_have_their_form() {
    texts(
        Primitive::Uri,
        &["http://a/b", "urn:oid:2.16.840", "urn:x", "a"],
        &["", "a b", "urn:oid:3.1", "urn:uuid:X"],
    );
    texts(
        Primitive::Oid,
        &["urn:oid:1.2.0"],
        &["1.2.3", "urn:oid:1", "urn:oid:1.02", "urn:oid:1..2", "urn:oid:3.1"],
    );
    texts(
        Primitive::Uuid,
        &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
        &[
            "urn:uuid:C757873D-ec9a-4326-a141-556f43239520",
            "c757873d-ec9a-4326-a141-556f43239520",
            "urn:uuid:c757873d",
        ],
    );
    texts(Primitive::Id, &["a-1.B"], &["", "a_b", "a/b", "é"]);
}

#[test]
fn base64_comes_in_groups_of_four() {
    texts(
        Primitive::Base64Binary,
        &["QQ==", "QUJD", "QUJD\nQUJD"],
        &["", "Q", "QQ=", "Q===", "QQ=A", "QQ-_", "QUJ*"],
    );
}

#[test]
fn a_text_is_not_an_object() {
    accepts(
        Primitive::String,
        &[],
        &[json!(1), json!(true), json!({"a": 1}), json!(["a"])],
    );
}
