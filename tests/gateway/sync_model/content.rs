//! Dossiers as bags of resources, and how they differ.

use std::collections::BTreeMap;

use serde_json::Value;

/// A client's resources without what is the engine's affair, each as often as it is there.
pub(super) type Content = BTreeMap<String, usize>;

/// Takes out ids of 32 hexadecimal digits, except of patients and employees.
pub(super) fn anonymous(value: &mut Value) {
    let is_id = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match value {
        Value::String(text) => {
            let id = text.rsplit('/').next().unwrap_or_default();
            if is_id(id) && !text.starts_with("Patient/") && !text.starts_with("Practitioner/") {
                *text = text.replace(id, "*");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(anonymous),
        Value::Object(members) => members.values_mut().for_each(anonymous),
        _ => {}
    }
}

/// What the one has and the other has not, or not as often.
pub(super) fn beyond(one: &Content, other: &Content) -> Content {
    let more = one.iter().filter_map(|(text, count)| {
        let more = count.saturating_sub(*other.get(text).unwrap_or(&0));
        (more > 0).then(|| (text.clone(), more))
    });
    more.collect()
}

pub(super) fn same(after: &Content, visible: &Content, told: &str) {
    let (extra, missing) = (beyond(after, visible), beyond(visible, after));
    assert!(
        extra.is_empty() && missing.is_empty(),
        "{told}\nthere is more: {extra:#?}\nthis is missing: {missing:#?}"
    );
}
