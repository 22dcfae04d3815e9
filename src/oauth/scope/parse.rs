//! The grammar of scopes, strict: what is not exactly right grants nothing.

use super::{Action, Actions, Context, Data, Form, Invalid, LAUNCHES, Scope, Scopes};
use crate::fhir::types::ResourceType;

const LONGEST: usize = 4096;
pub(super) const MOST: usize = 100;

pub(super) fn scopes(text: &str) -> Result<Scopes, Invalid> {
    // scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), https://www.rfc-editor.org/rfc/rfc6749#section-3.3
    let allowed = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if text.len() > LONGEST || !text.bytes().all(allowed) {
        return Err(Invalid::Characters);
    }
    let mut found = Vec::new();
    for (at, token) in text.split(' ').filter(|token| !token.is_empty()).enumerate() {
        if at == MOST {
            return Err(Invalid::TooMany);
        }
        if let Some(scope) = scope(token)?
            && !found.contains(&scope)
        {
            found.push(scope);
        }
    }
    Ok(Scopes(found))
}

/// `None`: not a scope of this server.
fn scope(token: &str) -> Result<Option<Scope>, Invalid> {
    Ok(match token {
        "openid" => Some(Scope::OpenId),
        "fhirUser" => Some(Scope::FhirUser),
        "profile" => Some(Scope::Profile),
        "offline_access" => Some(Scope::OfflineAccess),
        "online_access" => Some(Scope::OnlineAccess),
        "launch/patient" => Some(Scope::LaunchPatient),
        // What the client is to the app makes no difference here: the context is the same whatever role is asked for
        // (<https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#fhircontext-exp>).
        _ if token
            .strip_prefix("launch/patient?role=")
            .is_some_and(|role| !role.is_empty()) =>
        {
            Some(Scope::LaunchPatient)
        }
        "launch" => Some(Scope::Launch),
        LAUNCHES => Some(Scope::Launches),
        _ => data(token)?.map(Scope::Data),
    })
}

fn data(token: &str) -> Result<Option<Data>, Invalid> {
    let Some((context, rest)) = token.split_once('/') else {
        return Ok(None);
    };
    let context = match context {
        "patient" => Context::Patient,
        "user" => Context::User,
        "system" => Context::System,
        _ => return Ok(None),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let Some((kind, actions)) = rest.split_once('.') else {
        return Ok(None);
    };
    let kind = match kind {
        "*" => None,
        name => match name.parse() {
            Ok(kind) => Some(kind),
            Err(_) => return Ok(None),
        },
    };
    let Some((actions, form)) = actions_of(actions) else {
        return Ok(None);
    };
    let filters = match query {
        None => Vec::new(),
        // A v1 scope has no parameters, https://hl7.org/fhir/smart-app-launch/STU1/scopes-and-launch-context
        Some(query) => match (form, kind) {
            (Form::V2, Some(kind)) => filters(kind, query)?,
            _ => return Err(Invalid::Filter),
        },
    };
    Ok(Some(Data {
        context,
        kind,
        actions,
        filters,
        form,
    }))
}

fn actions_of(text: &str) -> Option<(Actions, Form)> {
    match text {
        "read" => return Some((Actions::READ, Form::V1)),
        "write" => return Some((Actions::WRITE, Form::V1)),
        "*" => return Some((Actions::ALL, Form::V1)),
        _ => {}
    }
    // The letters come in the order of `cruds`, each at most once.
    let mut bits = 0;
    for letter in text.chars() {
        let (action, _) = Actions::LETTERS.into_iter().find(|(_, own)| *own == letter)?;
        let bit: u8 = action as u8;
        if bits >= bit {
            return None;
        }
        bits |= bit;
    }
    (bits != 0).then_some((Actions(bits), Form::V2))
}

fn filters(kind: ResourceType, query: &str) -> Result<Vec<(String, String)>, Invalid> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').ok_or(Invalid::Filter)?;
        let plain = !value.is_empty() && !value.contains(['%', '=', '?', '$', ',', '+']);
        if !parameters(kind).contains(&name) || !plain {
            return Err(Invalid::Filter);
        }
        found.push((name.to_owned(), value.to_owned()));
    }
    Ok(found)
}

/// The token parameters by which a scope may narrow a type.
fn parameters(kind: ResourceType) -> &'static [&'static str] {
    match kind {
        ResourceType::Observation => &["category", "code", "status"],
        ResourceType::Condition => &["category", "code"],
        ResourceType::CarePlan | ResourceType::Consent => &["category", "status"],
        ResourceType::Composition | ResourceType::DocumentReference => &["category", "status", "type"],
        ResourceType::CareTeam => &["category", "status"],
        ResourceType::Appointment | ResourceType::EpisodeOfCare | ResourceType::QuestionnaireResponse => &["status"],
        ResourceType::Coverage => &["status", "type"],
        ResourceType::Contract
        | ResourceType::Goal
        | ResourceType::Organization
        | ResourceType::Patient
        | ResourceType::Person
        | ResourceType::Practitioner
        | ResourceType::PractitionerRole
        | ResourceType::Questionnaire
        | ResourceType::RelatedPerson => &[],
    }
}

impl Action {
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Update, Self::Delete, Self::Search];
}
