//! Are two answers the same to somebody who must not see a difference?
//!
//! # Design
//! Status, header names and values, and body must be equal. Left out is only what differs between two equal requests: the
//! date, the request id, rate counters, cookies' values, and in pages form values and nonces.

use std::collections::BTreeMap;

use super::client::Answer;
use super::html::without_values;

const VARYING: [&str; 5] = [
    "date",
    "x-request-id",
    "retry-after",
    "set-cookie",
    "content-security-policy",
];

/// The first difference, in words.
pub(super) fn same(left: &Answer, right: &Answer) -> Result<(), String> {
    if left.status != right.status {
        return Err(format!(
            "one answer has status {}, the other {}",
            left.status, right.status
        ));
    }
    let (left_headers, right_headers) = (headers(left), headers(right));
    let differ = |name: &&String| left_headers.get(*name) != right_headers.get(*name);
    if let Some(name) = left_headers.keys().chain(right_headers.keys()).find(differ) {
        return Err(format!("the answers differ in header {name}"));
    }
    if body(left) != body(right) {
        return Err("the answers differ in their bodies".to_owned());
    }
    Ok(())
}

fn headers(answer: &Answer) -> BTreeMap<String, String> {
    let html = is_html(answer);
    let varies = |name: &str| name.starts_with("ratelimit") || (html && name == "content-length");
    let headers = answer.headers.iter().filter(|(name, _)| !varies(name.as_str()));
    headers
        .map(|(name, value)| {
            let varies = VARYING.contains(&name.as_str());
            let value = if varies { "" } else { value.to_str().unwrap_or_default() };
            (name.to_string(), value.to_owned())
        })
        .collect()
}

fn body(answer: &Answer) -> String {
    if is_html(answer) {
        without_values(&answer.body)
    } else {
        answer.body.clone()
    }
}

fn is_html(answer: &Answer) -> bool {
    answer
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer {
            status,
            headers: headers.collect(),
            body: body.to_owned(),
            url: "http://127.0.0.1/".parse().unwrap(),
        }
    }

    #[test]
    fn only_dates_and_request_ids_may_differ() {
        let one = answer(404, &[("date", "a"), ("x-request-id", "1")], "{}");
        assert!(same(&one, &answer(404, &[("date", "b"), ("x-request-id", "2")], "{}")).is_ok());
        assert!(same(&one, &answer(403, &[("date", "b"), ("x-request-id", "2")], "{}")).is_err());
        assert!(same(&one, &answer(404, &[("date", "b")], "{}")).is_err());
        assert!(
            same(
                &one,
                &answer(404, &[("date", "b"), ("x-request-id", "2"), ("etag", "1")], "{}")
            )
            .is_err()
        );
        assert!(same(&one, &answer(404, &[("date", "b"), ("x-request-id", "2")], "{ }")).is_err());
    }
}
