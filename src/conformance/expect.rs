//! Does an answer look as the case expects? The first difference, in words.
//!
//! # Design
//! A difference names what was expected and the kind of what came, never a value out of the answer: answers hold health
//! data, and reports are passed on.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::case::{Expect, Kind, Value};
use super::client::Answer;
use super::template::Variables;

/// Checks everything that `expect` names.
pub(super) fn check(expect: &Expect, answer: &Answer, variables: &Variables) -> Result<(), String> {
    let fill = |text: &str| {
        variables
            .fill(text)
            .map_err(|name| format!("there is no variable {name}"))
    };
    if !expect.status.is_empty() && !expect.status.contains(&answer.status) {
        return Err(format!("expected status {:?}, got {}", expect.status, answer.status));
    }
    for (name, start) in &expect.header {
        let start = fill(start)?;
        let fits = |value: &str| start == "*" || value.to_ascii_lowercase().starts_with(&start.to_ascii_lowercase());
        if !answer.header(name).is_some_and(fits) {
            return Err(format!("header {name} is missing or does not start with {start:?}"));
        }
    }
    if let Some(name) = expect
        .no_header
        .iter()
        .find(|name| answer.headers.contains_key(name.as_str()))
    {
        return Err(format!("header {name} should not be there"));
    }
    for text in &expect.text_absent {
        if answer.body.contains(&fill(text)?) {
            return Err(format!("the body holds what {text:?} stands for"));
        }
    }
    if let Some(kind) = &expect.lines {
        lines(kind, &answer.body)?;
    }
    if !expect.json.is_empty() || expect.jwks {
        let body = answer.json()?;
        for (pointer, wanted) in &expect.json {
            value(wanted, body.pointer(pointer), &fill).map_err(|reason| format!("{pointer:?} {reason}"))?;
        }
        if expect.jwks {
            jwks(&body)?;
        }
    }
    if !expect.redirect_error.is_empty() {
        redirect_error(&expect.redirect_error, answer, variables)?;
    }
    if !expect.refused.is_empty() {
        let page = (400..500).contains(&answer.status) && answer.header("location").is_none();
        if !page {
            redirect_error(&expect.refused, answer, variables)?;
        }
    }
    Ok(())
}

/// NDJSON of one resource type.
fn lines(kind: &str, body: &str) -> Result<(), String> {
    if body.trim().is_empty() {
        return Err("there is no line".to_owned());
    }
    for (number, line) in body.lines().enumerate() {
        let resource: Json = serde_json::from_str(line).map_err(|_| format!("line {} is not JSON", number + 1))?;
        if resource["resourceType"] != kind {
            return Err(format!("line {} is not a {kind}", number + 1));
        }
    }
    Ok(())
}

fn value(wanted: &Value, found: Option<&Json>, fill: &impl Fn(&str) -> Result<String, String>) -> Result<(), String> {
    let found = match found {
        None if wanted.absent || wanted.optional => return Ok(()),
        None => return Err("is missing".to_owned()),
        Some(_) if wanted.absent => return Err("should not be there".to_owned()),
        Some(found) => found,
    };
    if let Some(kind) = wanted.kind.filter(|kind| !is_kind(found, *kind)) {
        return Err(format!("is not of kind {kind:?}"));
    }
    if let Some(is) = &wanted.is {
        let is = match is {
            toml::Value::String(text) => Json::String(fill(text)?),
            other => serde_json::to_value(other).map_err(|error| error.to_string())?,
        };
        if *found != is {
            return Err("has another value than expected".to_owned());
        }
    }
    let entries = found.as_array().map_or(&[][..], Vec::as_slice);
    if let Some(kind) = wanted
        .each
        .filter(|kind| !entries.iter().all(|entry| is_kind(entry, *kind)))
    {
        return Err(format!("has an entry that is not of kind {kind:?}"));
    }
    // A text counts as the list of its words: the order of scopes says nothing (RFC 6749 §3.3).
    let words = found.as_str().unwrap_or_default();
    let has = |text: &String| {
        entries.iter().any(|entry| entry.as_str() == Some(text)) || words.split(' ').any(|word| word == text)
    };
    if let Some(text) = wanted.contains.iter().find(|text| !has(text)) {
        return Err(format!("does not list {text:?}"));
    }
    if let Some(text) = wanted.lacks.iter().find(|text| has(text)) {
        return Err(format!("should not list {text:?}"));
    }
    let text = found.as_str().unwrap_or_default();
    if let Some(start) = &wanted.starts {
        let start = fill(start)?;
        if !text.starts_with(&start) {
            return Err(format!("does not start with {start:?}"));
        }
    }
    let absolute = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if wanted.url && !url::Url::parse(text).is_ok_and(absolute) {
        return Err("is not an absolute address".to_owned());
    }
    Ok(())
}

fn is_kind(value: &Json, kind: Kind) -> bool {
    match kind {
        Kind::String => value.as_str().is_some_and(|text| !text.trim().is_empty()),
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
        Kind::Array => value.as_array().is_some_and(|list| !list.is_empty()),
        Kind::Object => value.is_object(),
    }
}

/// RFC 7517 with what a relying party must be able to count on.
fn jwks(body: &Json) -> Result<(), String> {
    let keys = body
        .get("keys")
        .and_then(Json::as_array)
        .ok_or("there is no list of keys")?;
    let text = |key: &Json, name: &str| key.get(name).and_then(Json::as_str).map(str::to_owned);
    let mut ids = BTreeSet::new();
    for key in keys {
        if ["d", "p", "q", "dp", "dq", "qi", "k", "oth"]
            .iter()
            .any(|private| key.get(private).is_some())
        {
            return Err("a key has a private member".to_owned());
        }
        if !text(key, "kid").is_some_and(|kid| ids.insert(kid)) {
            return Err("a key has no id of its own".to_owned());
        }
    }
    let rsa = |key: &&Json| {
        text(key, "kty").as_deref() == Some("RSA") && text(key, "n").is_some() && text(key, "e").is_some()
    };
    keys.iter()
        .any(|key| rsa(&key))
        .then_some(())
        .ok_or_else(|| "there is no RSA key".to_owned())
}

/// RFC 6749 §4.1.2.1 and RFC 9207: back to the app, with the error, its `state` and our `iss`.
fn redirect_error(errors: &[String], answer: &Answer, variables: &Variables) -> Result<(), String> {
    let url = answer
        .location()
        .ok_or_else(|| format!("expected a redirect to the app, got status {}", answer.status))?;
    let back = variables.get("redirect_uri").unwrap_or_default();
    if !url.as_str().starts_with(back) || back.is_empty() {
        return Err("the redirect does not go to the app".to_owned());
    }
    let parameter = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    if parameter("code").is_some() {
        return Err("a code was issued".to_owned());
    }
    match parameter("error") {
        Some(error) if errors.contains(&error) => {}
        Some(error) => {
            return Err(format!(
                "expected one of {errors:?}, got {:?}",
                error.chars().take(40).collect::<String>()
            ));
        }
        None => return Err("the redirect has no error".to_owned()),
    }
    if parameter("state").as_deref() != variables.get("state") {
        return Err("the redirect has another state".to_owned());
    }
    if parameter("iss").as_deref() != variables.get("issuer") {
        return Err("the redirect has no iss, or another one".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, location: Option<&str>, body: &str) -> Answer {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some(location) = location {
            headers.insert("location", location.parse().unwrap());
        }
        let url = "http://127.0.0.1/topaz/oauth/authorize".parse().unwrap();
        let body = body.to_owned();
        Answer {
            status,
            headers,
            body,
            url,
        }
    }

    fn fails(expect: &str, answer: &Answer) -> bool {
        let mut variables = Variables::default();
        for (name, value) in [
            ("redirect_uri", "http://app/cb"),
            ("state", "s"),
            ("issuer", "http://i"),
        ] {
            variables.set(name, value);
        }
        check(&toml::from_str(expect).unwrap(), answer, &variables).is_err()
    }

    #[test]
    fn each_expectation_can_fail() {
        let body = r#"{"a":"x","l":["S256",1],"keys":[{"kid":"1","kty":"RSA","n":"n","e":"AQAB"}]}"#;
        let good = answer(200, None, body);
        for (expect, fail) in [
            ("status=[200]", false),
            ("status=[201]", true),
            ("header={x='*'}", true),
            ("text_absent=['S256']", true),
            ("text_absent=['S257']", false),
            ("[json.'/a']\nis='x'", false),
            ("[json.'/a']\nis='y'", true),
            ("[json.'/a']\nabsent=true", true),
            ("[json.'/b']\nabsent=true", false),
            ("[json.'/b']\noptional=true\nurl=true", false),
            ("[json.'/a']\nurl=true", true),
            ("[json.'/a']\nkind='number'", true),
            ("[json.'/l']\neach='string'", true),
            ("[json.'/l']\ncontains=['S256']", false),
            ("[json.'/l']\nlacks=['S256']", true),
            ("[json.'/a']\nstarts='y'", true),
            ("jwks=true", false),
        ] {
            assert_eq!(fails(expect, &good), fail, "{expect}");
        }
        assert!(fails(
            "jwks=true",
            &answer(200, None, &body.replace("\"n\":", "\"d\":\"q\",\"n\":"))
        ));
        assert!(fails("jwks=true", &answer(200, None, r#"{"keys":[]}"#)));
    }

    #[test]
    fn a_refusal_is_a_page_or_an_error_at_the_app() {
        let refused = "refused=['invalid_request']";
        let to = |location: &str| answer(303, Some(location), "");
        assert!(!fails(refused, &answer(400, None, "<p>")));
        assert!(!fails(
            refused,
            &to("http://app/cb?error=invalid_request&state=s&iss=http://i")
        ));
        assert!(fails(refused, &answer(200, None, "<p>")));
        assert!(fails(
            refused,
            &to("http://evil/cb?error=invalid_request&state=s&iss=http://i")
        ));
        assert!(fails(
            refused,
            &to("http://app/cb?error=invalid_request&state=t&iss=http://i")
        ));
        assert!(fails(refused, &to("http://app/cb?error=invalid_request&state=s")));
        assert!(fails(refused, &to("http://app/cb?code=c&state=s&iss=http://i")));
    }
}
