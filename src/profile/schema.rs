//! The JSON Schema of a profile.

use serde_json::{Value, json};

use super::library::Library;

pub(super) fn of(_library: &Library, _index: usize) -> Value {
    json!({})
}
