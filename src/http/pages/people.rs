//! What the clients of an account are called: name and date of birth, as the store has them.
//!
//! # Design
//! The person is logged in and has the right to see these clients, but no app has a token yet. So this is a read like any
//! other: decided by rights, and with its audit line before the page leaves.

use std::sync::Arc;

use serde_json::Value;

use super::browser::Browser;
use super::text::Language;
use super::views::Person;
use crate::access::{self, Interaction};
use crate::audit::{Action, Entry, Outcome, What, Who};
use crate::consent::Right;
use crate::fhir::types::ResourceType::Patient;
use crate::http::App;
use crate::login::Refused;
use crate::oauth::Caller;
use crate::oauth::scope::Scopes;
use crate::resource;

/// The clients of `rights`, in their order, for an account and the app that it logs in for.
pub(super) async fn of(
    app: &App,
    browser: &Browser,
    (account, client_id): (&str, &str),
    rights: &[Right],
    language: Language,
) -> Result<Vec<Person>, Refused> {
    if rights.is_empty() {
        return Ok(Vec::new());
    }
    let account = account.to_owned();
    let caller = Caller {
        tenant: Arc::clone(&browser.tenant),
        account: Some(account.clone()),
        client_id: client_id.to_owned(),
        grant: String::new(),
        scopes: Scopes::parse("user/Patient.rs").expect("this is a scope"),
        patient: None,
        fhir_user: None,
        rights: rights.to_vec(),
    };
    let mut people = Vec::with_capacity(rights.len());
    let mut seen = Vec::new();
    let mut read = app.db.read().await?;
    for (at, right) in rights.iter().enumerate() {
        let stored = match access::decide(&caller, &Interaction::Read(Patient, &right.patient)) {
            Ok(visible) => resource::read(&mut read, &visible, Patient, &right.patient).await?,
            Err(_) => None,
        };
        let patient: Option<Value> = stored.and_then(|stored| serde_json::from_str(&stored.body).ok());
        if patient.is_some() {
            seen.push(right.patient.clone());
        }
        people.push(Person {
            id: right.patient.to_string(),
            name: patient
                .as_ref()
                .and_then(name)
                .unwrap_or_else(|| language.nameless(at + 1)),
            born: patient.as_ref().and_then(born),
            role: language.role(right.role),
        });
    }
    drop(read);
    if !seen.is_empty() {
        let who = Who {
            account: Some(account),
            client_id: Some(caller.client_id),
            ..Who::default()
        };
        let what = What {
            kind: Some(Patient),
            ..What::default()
        };
        let entry = Entry::new(browser.tenant.id.clone(), Action::Read, Outcome::Success)
            .by(who)
            .on(what)
            .about(&seen)
            .from(browser.origin);
        app.recorder.record(entry).await.map_err(|_| Refused::Stopped)?;
    }
    Ok(people)
}

/// The name as written, else given names and family name.
fn name(patient: &Value) -> Option<String> {
    let names = patient["name"].as_array()?;
    let name = names.iter().find(|name| name["use"] == "official").or(names.first())?;
    let text = match name["text"].as_str() {
        Some(text) => text.to_owned(),
        None => {
            let given = name["given"].as_array().map(Vec::as_slice).unwrap_or_default();
            let parts = given.iter().chain([&name["family"]]).filter_map(Value::as_str);
            parts.collect::<Vec<_>>().join(" ")
        }
    };
    let text: String = text.trim().chars().take(120).collect();
    (!text.is_empty()).then_some(text)
}

/// The date of birth as people write it: `03-11-1941`.
fn born(patient: &Value) -> Option<String> {
    let date: jiff::civil::Date = patient["birthDate"].as_str()?.parse().ok()?;
    Some(super::text::day(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_called_by_the_official_name() {
        let patient = serde_json::json!({
            "name": [{"use": "nickname", "text": "Riet"}, {"use": "official", "given": ["Maria", "J."], "family": "de Vries"}],
            "birthDate": "1941-11-03",
        });
        assert_eq!(name(&patient).as_deref(), Some("Maria J. de Vries"));
        assert_eq!(born(&patient).as_deref(), Some("03-11-1941"));
        assert_eq!(name(&serde_json::json!({"name": [{}]})), None);
        assert_eq!(born(&serde_json::json!({"birthDate": "1941"})), None);
    }
}
