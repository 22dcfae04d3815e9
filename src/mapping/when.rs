//! `when`: the only condition of a map.
//!
//! A condition is one table or a list of tables that must all hold. Each names a `field` and one test:
//!
//! | Test | Holds when the field |
//! |---|---|
//! | `is = 101`, `is = ["A", "B"]` | has this value, or one of these |
//! | `not = false`, `not = [1, 2]` | has any other value, or is missing |
//! | `exists = true` | holds something (null, empty text and empty lists do not count) |
//! | `same = "/clientId"`, `differs = "/clientId"` | equals the other field, or does not |
//! | `outside = "report-types"` | is not among the report types of the tenant; never, where the tenant names none |
//! | `outside = "named-report-types"` | the same; always, where the tenant names none |
//!
//! `{ list = "regels", exists = false }` asks whether a named list has members left.
//!
//! # Design
//! `not` and `differs` hold for a missing field, and values of another type never equal. A drop rule written as
//! `{ field = "hidden", not = false }` therefore drops a record whose switch is absent or malformed: it fails closed.

use serde_json::Value;

use super::ReportTypes;
use super::source::{Field, Frame, Read};

/// A value that a condition compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Text(String),
    Number(i64),
    Bool(bool),
}

impl Scalar {
    fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(wanted), Value::String(found)) => wanted == found,
            (Self::Number(wanted), Value::Number(found)) => found.as_i64() == Some(*wanted),
            (Self::Bool(wanted), Value::Bool(found)) => wanted == found,
            _ => false,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Is(Field, Vec<Scalar>),
    Not(Field, Vec<Scalar>),
    Exists(Field, bool),
    Same(Field, Field),
    Differs(Field, Field),
    /// Whether a tenant that names no types publishes this one.
    OutsideReportTypes(Field, Unnamed),
    /// A named list has members left, or has none.
    ListExists(usize, bool),
}

/// What a tenant that names no report types says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unnamed {
    Published,
    Withheld,
}

/// Tests that must all hold.
#[derive(Clone, Debug, Default)]
pub(super) struct When(pub(super) Vec<Test>);

impl When {
    pub(super) fn holds(&self, frame: &Frame<'_, '_>, state: &State<'_>) -> bool {
        self.0.iter().all(|test| test.holds(frame, state))
    }

    /// The values that a test with `not` does not hold for.
    pub(super) fn let_through(&self) -> impl Iterator<Item = String> {
        let values = self.0.iter().flat_map(|test| match test {
            Test::Not(_, values) => values.as_slice(),
            _ => &[],
        });
        values.map(|value| match value {
            Scalar::Text(text) => text.clone(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Bool(value) => value.to_string(),
        })
    }

    pub(super) fn asks_lists(&self) -> bool {
        self.0.iter().any(|test| matches!(test, Test::ListExists(..)))
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().flat_map(|test| match test {
            Test::Is(field, _) | Test::Not(field, _) | Test::Exists(field, _) | Test::OutsideReportTypes(field, _) => {
                vec![field]
            }
            Test::Same(field, other) | Test::Differs(field, other) => vec![field, other],
            Test::ListExists(..) => Vec::new(),
        })
    }
}

/// What tests may ask besides the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct State<'a> {
    pub(super) report_types: ReportTypes<'a>,
    /// How many members each named list has left.
    pub(super) lists: &'a [usize],
}

impl Test {
    fn holds(&self, frame: &Frame<'_, '_>, state: &State<'_>) -> bool {
        let value = |field: &Field| match field.read(frame) {
            Some(Read::Value(value)) => Some(value),
            _ => None,
        };
        match self {
            Self::Is(field, wanted) => value(field).is_some_and(|found| wanted.iter().any(|one| one.equals(found))),
            Self::Not(field, wanted) => !value(field).is_some_and(|found| wanted.iter().any(|one| one.equals(found))),
            Self::Exists(field, wanted) => value(field).is_some() == *wanted,
            Self::Same(field, other) => value(field).is_some() && value(field) == value(other),
            Self::Differs(field, other) => value(field).is_none() || value(field) != value(other),
            Self::OutsideReportTypes(field, unnamed) => match state.report_types {
                ReportTypes::Every => *unnamed == Unnamed::Withheld,
                ReportTypes::Only(types) => {
                    let found = value(field).and_then(|found| match found {
                        Value::String(text) => Some(text.clone()),
                        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
                        _ => None,
                    });
                    !found.is_some_and(|found| types.contains(&found))
                }
            },
            Self::ListExists(list, wanted) => state.lists.get(*list).is_some_and(|left| (*left > 0) == *wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(test: Test, record: &Value) -> bool {
        let types = ["101".to_owned(), "DAG".to_owned()];
        let state = State {
            report_types: ReportTypes::Only(&types),
            lists: &[0],
        };
        test.holds(&Frame::record(record), &state)
    }

    fn field(path: &str) -> Field {
        Field::parse(path).unwrap()
    }

    #[test]
    fn a_switch_that_is_not_clearly_off_counts_as_on() {
        let off = vec![Scalar::Bool(false)];
        for open in [
            json!({}),
            json!({"hidden": null}),
            json!({"hidden": "false"}),
            json!({"hidden": 0}),
            json!({"hidden": true}),
        ] {
            assert!(holds(Test::Not(field("hidden"), off.clone()), &open), "{open}");
        }
        assert!(!holds(Test::Not(field("hidden"), off), &json!({"hidden": false})));
    }

    #[test]
    fn an_unknown_report_type_is_outside_the_list_of_the_tenant() {
        let test = || Test::OutsideReportTypes(field("t"), Unnamed::Published);
        for outside in [
            json!({}),
            json!({"t": 102}),
            json!({"t": "dag"}),
            json!({"t": 101.5}),
            json!({"t": ["DAG"]}),
        ] {
            assert!(holds(test(), &outside), "{outside}");
        }
        assert!(!holds(test(), &json!({"t": 101})) && !holds(test(), &json!({"t": "DAG"})));
    }

    #[test]
    fn where_the_tenant_names_no_types_only_those_of_the_organisation_itself_are_withheld() {
        let state = State {
            report_types: ReportTypes::Every,
            lists: &[],
        };
        let record = json!({"t": 212});
        for (unnamed, outside) in [(Unnamed::Published, false), (Unnamed::Withheld, true)] {
            let test = Test::OutsideReportTypes(field("t"), unnamed);
            assert_eq!(test.holds(&Frame::record(&record), &state), outside);
        }
    }

    #[test]
    fn two_missing_fields_are_not_the_same() {
        assert!(!holds(Test::Same(field("a"), field("b")), &json!({})));
        assert!(holds(Test::Differs(field("a"), field("b")), &json!({})));
        assert!(holds(Test::Same(field("a"), field("b")), &json!({"a": 1, "b": 1})));
    }
}
