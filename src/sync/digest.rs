//! The content of a record as bytes to hash.
//!
//! # Design
//! As JSON every text would be searched for characters to escape; in a run where nothing changed, that is a good part of the
//! work. Here each value has a mark for its kind and its length in front, so that no two contents give the same bytes.

use std::io::Write as _;

use serde_json::Value;

/// Adds `value` to `into`.
pub(super) fn write(into: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => into.push(b'n'),
        Value::Bool(false) => into.push(b'f'),
        Value::Bool(true) => into.push(b't'),
        Value::Number(number) => {
            write!(into, "#{number};").expect("memory takes what is written");
        }
        Value::String(text) => {
            into.push(b'"');
            sized(into, text);
        }
        Value::Array(items) => {
            into.push(b'[');
            length(into, items.len());
            items.iter().for_each(|item| write(into, item));
        }
        Value::Object(members) => {
            into.push(b'{');
            length(into, members.len());
            for (name, value) in members {
                sized(into, name);
                write(into, value);
            }
        }
    }
}

fn sized(into: &mut Vec<u8>, text: &str) {
    length(into, text.len());
    into.extend_from_slice(text.as_bytes());
}

fn length(into: &mut Vec<u8>, length: usize) {
    into.extend_from_slice(&(length as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn different_contents_give_different_bytes() {
        let values = [
            json!(null),
            json!(false),
            json!(0),
            json!("0"),
            json!([]),
            json!({}),
            json!([0]),
            json!(["a", "b"]),
            json!(["ab", ""]),
            json!({"a": "b"}),
            json!({"ab": ""}),
            json!({"a": ["b"]}),
            json!({"a": {"b": 1}}),
            json!({"a": {}, "b": 1}),
            "1.0".parse().unwrap(),
            "1.00".parse().unwrap(),
        ];
        let bytes = |value: &Value| {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            bytes
        };
        for (at, one) in values.iter().enumerate() {
            for other in &values[at + 1..] {
                assert_ne!(bytes(one), bytes(other), "{one} {other}");
            }
        }
    }
}
