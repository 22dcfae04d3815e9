//! One login without JavaScript: from the authorization endpoint through the pages, back to the app, to the tokens.
//!
//! # Design
//! The walk knows no page addresses. It looks at which fields a form has and fills the ones that it knows, so it works for
//! every order of steps and for every provider's policy. It stops after [`PAGES`] pages: a loop is a failure, not a hang.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use super::case::{Decision, Until};
use super::client::{Answer, Body, Browser};
use super::html::{Form, forms};

/// Most pages of one login.
const PAGES: usize = 16;

/// Who logs in and what he answers.
pub(super) struct Visitor<'a> {
    pub username: &'a str,
    pub password: &'a str,
    /// The client to choose when the pages ask.
    pub patient: &'a str,
    pub decision: Decision,
    pub until: Until,
    /// Where the app waits.
    pub redirect: &'a str,
    /// The file with sent SMS messages, one JSON object a line.
    pub outbox: Option<&'a Path>,
}

/// Walks from `start` and gives the last answer: the redirect to the app, or the page after the password.
pub(super) async fn walk(browser: &mut Browser, start: Url, visitor: &Visitor<'_>) -> Result<Answer, String> {
    let sent_before = visitor.outbox.map_or(0, |outbox| messages(outbox).len());
    let mut answer = browser.send(Method::GET, start, HeaderMap::new(), Body::None).await?;
    for _ in 0..PAGES {
        while let Some(next) = answer.location() {
            if next.as_str().starts_with(visitor.redirect) {
                return Ok(answer);
            }
            if next.origin() != answer.url.origin() {
                return Err("the login leads to another server".to_owned());
            }
            answer = browser.send(Method::GET, next, HeaderMap::new(), Body::None).await?;
        }
        if answer.status >= 400 {
            return Err(format!("a login page answered with status {}", answer.status));
        }
        let form = pick(forms(&answer.body)).ok_or("a login page has no form to go on with")?;
        let asks_password = form.has("password") && form.has("username");
        let code = match visitor.outbox {
            Some(outbox) if form.has("otp") => newest_code(outbox, sent_before, &answer.body).await?,
            None if form.has("otp") => return Err("an SMS code is asked and no outbox was given".to_owned()),
            _ => String::new(),
        };
        if form.has("new_password") {
            return Err("this account must change its password first".to_owned());
        }
        let action = answer
            .url
            .join(&form.action)
            .map_err(|_| "a form has a broken address")?;
        answer = browser.post_form(action, fill(&form, visitor, &code)).await?;
        if asks_password && visitor.until == Until::Password {
            if let Some(next) = answer.location() {
                answer = browser.send(Method::GET, next, HeaderMap::new(), Body::None).await?;
            }
            return Ok(answer);
        }
    }
    Err(format!("the login did not end within {PAGES} pages"))
}

/// The form to go on with: one with a field that we know, or the only one there is.
fn pick(forms: Vec<Form>) -> Option<Form> {
    let known = ["username", "otp", "new_password", "patient", "decision"];
    let at = forms.iter().position(|form| known.iter().any(|name| form.has(name)));
    forms.into_iter().nth(at.unwrap_or(0))
}

/// What a person would send: every hidden field, every box ticked, one radio, one button.
fn fill(form: &Form, visitor: &Visitor<'_>, code: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut pressed = false;
    let wanted = match visitor.decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    };
    let names_ours = |value: &str| value == visitor.patient || value.ends_with(&format!("/{}", visitor.patient));
    let ours_is_there = form
        .controls
        .iter()
        .any(|control| control.name == "patient" && names_ours(&control.value));
    for control in form.controls.iter().filter(|control| !control.name.is_empty()) {
        let is_button = control.kind == "submit";
        let value = match control.name.as_str() {
            "username" => visitor.username,
            "password" => visitor.password,
            "otp" => code,
            "patient" if control.kind == "radio" && ours_is_there && !names_ours(&control.value) => continue,
            "decision" if control.value != wanted => continue,
            _ if is_button && pressed => continue,
            _ => control.value.as_str(),
        };
        if control.kind == "radio" && fields.iter().any(|(name, _)| *name == control.name) {
            continue;
        }
        pressed |= is_button;
        let value = if value.is_empty() && control.kind == "checkbox" {
            "on"
        } else {
            value
        };
        fields.push((control.name.clone(), value.to_owned()));
    }
    fields
}

/// The lines of the outbox.
fn messages(outbox: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(outbox).unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

/// The code of the newest message of this login; waits up to ten seconds for it.
async fn newest_code(outbox: &Path, sent_before: usize, page: &str) -> Result<String, String> {
    for _ in 0..100 {
        let lines = messages(outbox);
        let new = lines.get(sent_before..).unwrap_or_default();
        if let Some(code) = new.iter().rev().find_map(|line| code_for(line, page)) {
            return Ok(code);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("no SMS came for this page within ten seconds".to_owned())
}

/// The code in an outbox line, if its reference (`4821` of `4821-639174`) stands on the page: others may log in meanwhile.
fn code_for(line: &str, page: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = message.get("text")?.as_str()?;
    let dash = text.match_indices('-').map(|(at, _)| at).find(|at| {
        at.checked_sub(4)
            .and_then(|from| text.get(from..*at))
            .is_some_and(is_number)
    })?;
    page.contains(&text[dash - 4..dash])
        .then(|| message.get("code")?.as_str().map(str::to_owned))?
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(patient: &str, decision: Decision) -> Visitor<'_> {
        Visitor {
            username: "u",
            password: "p",
            patient,
            decision,
            until: Until::Token,
            redirect: "http://127.0.0.1/callback",
            outbox: None,
        }
    }

    fn sent(page: &str, patient: &str, decision: Decision) -> String {
        let form = pick(forms(page)).unwrap();
        let fields = fill(&form, &visitor(patient, decision), "4821-639174");
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    #[test]
    fn a_code_belongs_to_the_page_with_its_reference() {
        let line = r#"{"to":"+31610000001","text":"Topaz: uw inlogcode is 4821-639174.","code":"639174"}"#;
        assert_eq!(code_for(line, "<b>4821 -</b>").as_deref(), Some("639174"));
        assert_eq!(code_for(line, "<b>1111 -</b>"), None);
        assert_eq!(code_for("{", "4821"), None);
    }

    #[test]
    fn the_known_fields_are_filled_and_the_hidden_ones_kept() {
        let page = "<form method=post action=/taal><button name=lang value=en></form>
            <form method=post><input type=hidden name=csrf value=t><input name=username><input name=password><button>Verder</button></form>";
        assert_eq!(sent(page, "", Decision::Allow), "csrf=t&username=u&password=p");
        assert_eq!(
            sent("<form method=post><input name=otp></form>", "", Decision::Allow),
            "otp=4821-639174"
        );
    }

    #[test]
    fn the_wanted_client_is_chosen_or_else_the_first() {
        let page = "<form method=post><input type=radio name=patient value=1><input type=radio name=patient value=Patient/2></form>";
        assert_eq!(sent(page, "2", Decision::Allow), "patient=Patient/2");
        assert_eq!(sent(page, "9", Decision::Allow), "patient=1");
    }

    #[test]
    fn one_button_is_pressed() {
        let page =
            "<form method=post><input type=checkbox name=scope value=a checked><input type=checkbox name=scope value=b>
            <button name=decision value=deny>Nee</button><button name=decision value=allow>Ja</button></form>";
        assert_eq!(sent(page, "", Decision::Allow), "scope=a&scope=b&decision=allow");
        assert_eq!(sent(page, "", Decision::Deny), "scope=a&scope=b&decision=deny");
    }
}
