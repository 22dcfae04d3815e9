//! One page of a search: the Bundle read strictly, because what is taken for whole decides what is taken for gone.

use serde_json::Value;

/// What a page says.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    pub(super) resources: Vec<Value>,
    pub(super) next: Option<String>,
    /// How many match the search, on all pages together.
    pub(super) total: Option<u64>,
}

/// Reads a page of a search for one type, without included resources.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(mut bundle: Value, type_name: &str) -> Result<Page, &'static str> {
    if bundle["resourceType"] != "Bundle" || bundle["type"] != "searchset" {
        return Err("the answer is not a Bundle of a search");
    }
    let mut resources = Vec::new();
    if let Some(entries) = bundle.get_mut("entry") {
        let entries = entries.as_array_mut().ok_or("entry is not a list")?;
        for entry in entries {
            let resource = entry.get_mut("resource").map(Value::take).unwrap_or_default();
            match resource["resourceType"].as_str() {
                Some("OperationOutcome") => outcome(&resource)?,
                Some(name) if name == type_name => resources.push(resource),
                Some(_) => return Err("a resource of another type than the one asked for"),
                None => return Err("an entry without a resource"),
            }
        }
    }
    let links = bundle.get("link").and_then(Value::as_array).into_iter().flatten();
    let mut nexts = links.filter(|link| link["relation"] == "next");
    let next = match nexts.next().map(|link| link["url"].as_str()) {
        None => None,
        Some(None) => return Err("a next page without an address"),
        Some(Some(url)) => Some(url.to_owned()),
    };
    if nexts.next().is_some() {
        return Err("two next pages");
    }
    let total = match bundle.get("total") {
        None => None,
        Some(total) => Some(total.as_u64().ok_or("total is not a number")?),
    };
    Ok(Page { resources, next, total })
}

/// An outcome may tell that a search was not done as it was asked for (R4 §3.1.1.4.19); hints and warnings are none of that.
fn outcome(outcome: &Value) -> Result<(), &'static str> {
    let issues = outcome["issue"].as_array().into_iter().flatten();
    for issue in issues {
        let is_harmless = matches!(issue["severity"].as_str(), Some("information" | "warning"));
        if !is_harmless || issue["code"] == "incomplete" {
            return Err("the server tells of an error in its answer");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(change: impl FnOnce(&mut Value)) -> Result<Page, &'static str> {
        let mut bundle = json!({
            "resourceType": "Bundle", "type": "searchset", "total": 5,
            "link": [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}],
            "entry": [
                {"resource": {"resourceType": "CarePlan", "id": "1"}, "search": {"mode": "match"}},
                {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}},
            ],
        });
        change(&mut bundle);
        read(bundle, "CarePlan")
    }

    #[test]
    fn a_page_has_resources_a_next_page_and_a_total() {
        let found = page(|_| {}).unwrap();
        assert_eq!(
            (found.resources.len(), found.next.as_deref(), found.total),
            (1, Some("b"), Some(5))
        );
        let last = page(|bundle| *bundle = json!({"resourceType": "Bundle", "type": "searchset"})).unwrap();
        assert_eq!((last.resources.len(), last.next, last.total), (0, None, None));
    }

    #[test]
    fn what_does_not_look_like_a_page_is_none() {
        let changes: [fn(&mut Value); 12] = [
            |bundle| *bundle = json!([]),
            |bundle| bundle["resourceType"] = "CarePlan".into(),
            |bundle| bundle["type"] = "collection".into(),
            |bundle| bundle["entry"] = json!({"resource": {}}),
            |bundle| bundle["entry"][0] = json!({"fullUrl": "CarePlan/1"}),
            |bundle| bundle["entry"][0]["resource"]["resourceType"] = "Patient".into(),
            |bundle| bundle["entry"][1]["resource"]["issue"][0]["severity"] = "error".into(),
            |bundle| bundle["entry"][1]["resource"]["issue"][0]["severity"] = json!(null),
            |bundle| bundle["entry"][1]["resource"]["issue"][0]["code"] = "incomplete".into(),
            |bundle| bundle["link"][0]["relation"] = "next".into(),
            |bundle| bundle["link"][1]["url"] = 7.into(),
            |bundle| bundle["total"] = (-1).into(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(page(change).is_err(), "change {number}");
        }
    }
}
