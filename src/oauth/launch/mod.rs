//! A portal launches an app (SMART "EHR launch"): it asks for a launch, opens the app with it, and the app brings it back.
//!
//! ```json
//! { "client_id": "demo-native", "username": "m.bakker", "patient": "5d1c", "intent": "reconcile",
//!   "fhirContext": [{ "reference": "CarePlan/77" }] }
//! ```
//!
//! # Design
//! The portal proves itself as a backend with a scope of its own ([`Scope::Launches`]) and gets 256 random bits. They open
//! nothing: the person still logs in and approves, and sees no client whom they have no right to. What the launch adds is
//! which client it is about, and that counts for one app, for one person where the portal names one, for five minutes, once.
//! A name that nobody has is answered like any other; its launch is for nobody.
//!
//! It is used up by the approval, not by a look at the page, so that a reload does not end it.
//!
//! **Audit.** One line for a launch that was made and one for each that was refused, before the answer leaves.

pub(crate) mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::app::Grants;
use super::issuer::to_the_end;
use super::scope::Scope;
use super::token::{self, By};
use super::{Caller, Error, Issuer, app};
use crate::account;
use crate::audit::{self, Action, Entry, Origin, Outcome, Who};
use crate::config::Tenant;
use crate::db::Tx;
use crate::fhir::json as guard;
use crate::fhir::types::{Id, ResourceType};

const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// The longest description of a launch.
pub const LONGEST: usize = 16 * 1024;
const MOST_CONTEXTS: usize = 20;
/// No account has this id.
const NOBODY: &str = "";

/// What the app gets beside its token (SMART App Launch, "launch context").
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// `need_patient_banner`; `None`: nothing around the app shows whose dossier it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fhir: Vec<Value>,
}

/// A launch that an app brought back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// SHA-256 of what the portal got, in hexadecimal digits.
    pub(super) key: String,
    /// The one person who may use it.
    pub account: Option<String>,
    pub patient: Option<String>,
    pub context: Context,
}

impl Launch {
    pub fn is_for(&self, account: &str) -> bool {
        self.account.as_deref().is_none_or(|one| one == account)
    }
}

/// What the portal gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Made(Value),
    /// The token does not count, or not shown like this: 401.
    Refused(token::Refused),
    /// The token has no [`Scope::Launches`]: 403.
    InsufficientScope,
    /// Everything that is wrong with the description.
    Wrong(Vec<String>),
}

/// Makes a launch for the portal behind the token.
pub async fn create(
    issuer: &Issuer,
    tenant: &Arc<Tenant>,
    (token, by): (&str, By<'_>),
    body: &[u8],
    origin: Option<Origin>,
) -> Result<Answer, Error> {
    let caller = match token::check_as(issuer, tenant, token, by).await? {
        Ok(caller) => caller,
        Err(refused) => return Ok(Answer::Refused(refused)),
    };
    let may = caller.account.is_none() && caller.scopes.has(&Scope::Launches);
    let asked = match may {
        true => read(body).map_err(Answer::Wrong),
        false => Err(Answer::InsufficientScope),
    };
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    to_the_end(async move {
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        let (answer, mut entry) = match asked {
            Ok(asked) => make(&mut tx, &issuer, &tenant, caller, asked).await?,
            Err(answer) => {
                let entry = refused(&tenant, caller, &answer);
                (answer, entry)
            }
        };
        if let Some(origin) = origin {
            entry = entry.from(origin);
        }
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        Ok(answer)
    })
    .await
}

/// Stores the launch; gives the answer and its audit line.
async fn make(
    tx: &mut Tx,
    issuer: &Issuer,
    tenant: &Tenant,
    caller: Caller,
    asked: Asked,
) -> Result<(Answer, Entry), Error> {
    let app = app::store::find(tx, &tenant.id, &asked.client_id).await?;
    if app.is_none_or(|app| app.grants != Grants::Person) {
        let problem = "client_id: no app that people use is registered under this id".to_owned();
        let answer = Answer::Wrong(vec![problem]);
        let entry = refused(tenant, caller, &answer);
        return Ok((answer, entry));
    }
    let account = match &asked.username {
        None => None,
        Some(name) => {
            let found = account::by_name(tx, &tenant.id, name).await?;
            Some(found.map_or_else(|| NOBODY.to_owned(), |(account, _)| account.id))
        }
    };
    let value = issuer.random().token();
    let made = store::Made {
        client_id: &asked.client_id,
        account: account.as_deref(),
        patient: asked.patient.as_ref(),
        context: &asked.context,
        expires_at: issuer.clock().now() + LIFE,
    };
    store::insert(tx, &tenant.id, &store::key(&value), &made).await?;
    let who = Who {
        account: account.filter(|account| account != NOBODY),
        client_id: Some(caller.client_id),
        grant: Some(caller.grant),
        role: Some("app"),
    };
    let entry = Entry::new(tenant.id.clone(), Action::LaunchCreated, Outcome::Success)
        .by(who)
        .about(asked.patient.as_slice());
    let iss = issuer.fhir_base(&tenant.id);
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("iss", iss.as_str()), ("launch", value.as_str())])
        .finish();
    let answer = json!({
        "launch": value,
        "iss": iss,
        "expires_in": LIFE.as_secs(),
        "query": query,
    });
    Ok((Answer::Made(answer), entry))
}

/// The line of a launch that was not made: who asked, and nothing of what was asked.
fn refused(tenant: &Tenant, caller: Caller, answer: &Answer) -> Entry {
    let reason = match answer {
        Answer::InsufficientScope => "scope",
        _ => "description",
    };
    let who = Who {
        role: caller.account.is_none().then_some("app"),
        account: caller.account,
        client_id: Some(caller.client_id),
        grant: Some(caller.grant),
    };
    Entry::new(tenant.id.clone(), Action::LaunchCreated, Outcome::Refused(reason)).by(who)
}

struct Asked {
    client_id: String,
    username: Option<String>,
    patient: Option<Id>,
    context: Context,
}

fn read(body: &[u8]) -> Result<Asked, Vec<String>> {
    let given = match guard::parse(body, guard::Limits::source(LONGEST)) {
        Ok(Value::Object(given)) => given,
        _ => return Err(vec!["send one JSON object of at most 16 kB".to_owned()]),
    };
    let mut problems = Vec::new();
    let known = [
        "client_id",
        "username",
        "patient",
        "intent",
        "need_patient_banner",
        "fhirContext",
    ];
    for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
        // The name is the portal's own text; it is cut, and goes back to the portal alone.
        let name: String = name.chars().take(40).collect();
        problems.push(format!("{name}: is not a member of a launch"));
    }
    let mut text = |name: &str, most: usize| match given.get(name) {
        None => None,
        Some(Value::String(text)) if (1..=most).contains(&text.len()) && !text.contains(char::is_control) => {
            Some(text.clone())
        }
        Some(_) => {
            problems.push(format!("{name}: give a text of 1 to {most} characters"));
            None
        }
    };
    let (client_id, username) = (text("client_id", 64), text("username", 200));
    let (patient, intent) = (text("patient", 64), text("intent", 200));
    let patient = patient.map(|patient| Id::parse(&patient));
    if patient == Some(None) {
        problems.push("patient: give the id of a Patient resource".to_owned());
    }
    let banner = match given.get("need_patient_banner") {
        None => None,
        Some(Value::Bool(banner)) => Some(*banner),
        Some(_) => {
            problems.push("need_patient_banner: true or false".to_owned());
            None
        }
    };
    let fhir = match given.get("fhirContext") {
        None => Vec::new(),
        Some(Value::Array(contexts)) if contexts.len() <= MOST_CONTEXTS => {
            for (at, context) in contexts.iter().enumerate() {
                if let Err(remedy) = fits(context) {
                    problems.push(format!("fhirContext[{at}]: {remedy}"));
                }
            }
            contexts.clone()
        }
        Some(_) => {
            problems.push("fhirContext: give a list of at most 20 objects".to_owned());
            Vec::new()
        }
    };
    let Some(client_id) = client_id else {
        problems.push("client_id: name the app that is launched".to_owned());
        return Err(problems);
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Asked {
        client_id,
        username,
        patient: patient.flatten(),
        context: Context { intent, banner, fhir },
    })
}

/// One object of `fhirContext`,
/// <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#fhircontext-exp>.
fn fits(context: &Value) -> Result<(), &'static str> {
    let context = context.as_object().ok_or("give an object")?;
    let text = |name: &str| context.get(name).map(|value| value.as_str().unwrap_or_default());
    let role = text("role");
    if role.is_some_and(|role| role != "launch" && url::Url::parse(role).is_err()) {
        return Err("role: launch, or an absolute address");
    }
    let known = |name: &str| name.parse::<ResourceType>().is_ok() || OTHERS.contains(&name);
    let kind = match (text("reference"), text("canonical"), context.get("identifier")) {
        (Some(reference), None, None) => {
            let (kind, id) = reference.split_once('/').ok_or("reference: Type/id")?;
            if !known(kind) || Id::parse(id).is_none() {
                return Err("reference: Type/id, of a type of FHIR R4");
            }
            Some(kind)
        }
        (None, Some(canonical), None) if canonical.starts_with("http") && url::Url::parse(canonical).is_ok() => {
            text("type")
        }
        (None, None, Some(identifier)) if of_texts(identifier) => text("type"),
        _ => return Err("give a reference (Type/id), a canonical address or an identifier"),
    };
    if text("type").is_some_and(|kind| !known(kind)) {
        return Err("type: a type of FHIR R4");
    }
    let launched = role.is_none_or(|role| role == "launch");
    if launched && matches!(kind, Some("Patient" | "Encounter")) {
        return Err("a Patient or Encounter stands here with another role only; use the member patient");
    }
    Ok(())
}

/// Types that a context may name though the gateway does not serve them.
const OTHERS: [&str; 12] = [
    "Encounter",
    "ImagingStudy",
    "DiagnosticReport",
    "Questionnaire",
    "QuestionnaireResponse",
    "PlanDefinition",
    "Task",
    "ServiceRequest",
    "MedicationRequest",
    "Organization",
    "Location",
    "Communication",
];

fn of_texts(identifier: &Value) -> bool {
    let filled = |object: &Map<String, Value>| {
        object.contains_key("value")
            && object
                .values()
                .all(|value| value.as_str().is_some_and(|text| !text.is_empty()))
    };
    identifier.as_object().is_some_and(filled)
}
