//! The schema of a source record, as far as a map needs it: which fields there are, and which texts they may hold.
//!
//! # Design
//! The connector checks every record against the same file (`mappings/<ecd>/<kind>.source.json`) with a full validator.
//! Here it only answers, at load, whether a path can ever find something, so that a slip of the pen is not a field that is
//! silently never published.

use serde_json::Value;

/// The JSON Schema of a source record, as far as a map needs it: which fields there are.
#[derive(Clone, Debug)]
pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| format!("not JSON: {error}"))
    }

    /// Whether the schema knows the path; below a field without `properties` everything is possible.
    pub(super) fn knows(&self, keys: &[String]) -> bool {
        let mut at = self.resolve(&self.0);
        for key in keys {
            let next = if key == "[]" {
                at.get("items")
            } else {
                match at.get("properties") {
                    Some(properties) => match properties.get(key) {
                        Some(next) => Some(next),
                        None => return false,
                    },
                    None => None,
                }
            };
            let Some(next) = next else {
                return at.get("properties").is_none() && at.get("items").is_none();
            };
            at = self.resolve(next);
        }
        true
    }

    /// What the schema says of the field.
    fn at(&self, keys: &[String]) -> Option<&Value> {
        keys.iter().try_fold(self.resolve(&self.0), |at, key| {
            let next = match key.as_str() {
                "[]" => at.get("items"),
                key => at.get("properties")?.get(key),
            };
            Some(self.resolve(next?))
        })
    }

    /// The names of the fields that could stand where the last key of the path stands.
    pub(super) fn beside(&self, keys: &[String]) -> Vec<String> {
        let Some(at) = self.at(&keys[..keys.len().saturating_sub(1)]) else {
            return Vec::new();
        };
        let properties = at.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// The closed list of texts that the field may hold.
    pub(super) fn choices(&self, keys: &[String]) -> Vec<String> {
        let Some(at) = self.at(keys) else { return Vec::new() };
        let values = at.get("enum").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Every plain field, as keys from the record on.
    pub(super) fn fields(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.walk(&self.0, &mut Vec::new(), &mut found);
        found
    }

    fn walk(&self, at: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let at = self.resolve(at);
        // A schema may refer to itself; a record that deep is no record.
        if path.len() > 12 {
            return;
        }
        if let Some(properties) = at.get("properties").and_then(Value::as_object) {
            for (key, next) in properties {
                path.push(key.clone());
                self.walk(next, path, found);
                path.pop();
            }
        } else if let Some(items) = at.get("items") {
            path.push("[]".into());
            self.walk(items, path, found);
            path.pop();
        } else {
            found.push(path.clone());
        }
    }

    fn resolve<'a>(&'a self, mut at: &'a Value) -> &'a Value {
        for _ in 0..8 {
            let target = at
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix('#'))
                .and_then(|pointer| self.0.pointer(pointer));
            match target {
                Some(target) => at = target,
                None => break,
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_knows_its_fields_through_lists_and_references() {
        let schema = Schema::parse(
            r##"{"properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/x"}}, "free": {"type": "object"}},
                "$defs": {"x": {"properties": {"b": {"enum": ["p", "q", null]}}}}}"##,
        )
        .unwrap();
        let keys = |path: &[&str]| path.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        assert!(schema.knows(&keys(&["a", "[]", "b"])));
        assert!(!schema.knows(&keys(&["a", "[]", "c"])));
        assert!(!schema.knows(&keys(&["z"])));
        assert!(schema.knows(&keys(&["free", "anything"])));
        assert_eq!(schema.choices(&keys(&["a", "[]", "b"])), ["p", "q"]);
        assert_eq!(schema.fields(), [keys(&["a", "[]", "b"]), keys(&["free"])]);
    }
}
