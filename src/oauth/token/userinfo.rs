//! Who logged in, for an app with `openid` (OpenID Connect Core §5.3).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{By, Refused, check_as};
use crate::account;
use crate::audit::{Action, Entry, Origin, Outcome, Recorder, Who};
use crate::config::Tenant;
use crate::fhir::types::{Id, ResourceType};
use crate::oauth::scope::Scope;
use crate::oauth::{Caller, Error, Issuer};

/// What the app gets.
#[derive(Clone, Debug, PartialEq)]
pub enum UserInfo {
    Claims(Value),
    /// The token is not valid, or not shown as it has to be: 401.
    Refused(Refused),
    /// The token has no `openid`: 403.
    InsufficientScope,
}

/// The claims of the person behind the token. Of those of OpenID Connect Core §5.4 an account holds a name; its telephone
/// number and its address for mails are for logging in and for nobody else, so no scope gives them. They are told when the audit
/// line of it is durable; a token that is good for something else leaves one too. Of a token that opens nothing the caller
/// writes it, as everywhere.
pub async fn userinfo(
    issuer: &Issuer,
    recorder: &Recorder,
    tenant: &Arc<Tenant>,
    token: &str,
    by: By<'_>,
    origin: Option<Origin>,
) -> Result<UserInfo, Error> {
    let caller = match check_as(issuer, tenant, token, by).await? {
        Ok(caller) => caller,
        Err(refused) => return Ok(UserInfo::Refused(refused)),
    };
    let told = match caller.account.as_deref().filter(|_| caller.scopes.has(&Scope::OpenId)) {
        Some(account) => UserInfo::Claims(claims(issuer, tenant, &caller, account).await?),
        None => UserInfo::InsufficientScope,
    };
    recorder.record(line(&caller, &told, origin)).await?;
    Ok(told)
}

fn line(caller: &Caller, told: &UserInfo, origin: Option<Origin>) -> Entry {
    let outcome = match told {
        UserInfo::Claims(_) => Outcome::Success,
        UserInfo::InsufficientScope | UserInfo::Refused(_) => Outcome::Refused("scope"),
    };
    let who = Who {
        account: caller.account.clone(),
        client_id: Some(caller.client_id.clone()),
        grant: Some(caller.grant.clone()),
        role: None,
    };
    // Who logs in as a client is told of as that client.
    let own = caller
        .fhir_user
        .iter()
        .filter(|(kind, _)| *kind == ResourceType::Patient);
    let about: Vec<Id> = match outcome {
        Outcome::Success => own.map(|(_, id)| id.clone()).collect(),
        _ => Vec::new(),
    };
    let entry = Entry::new(caller.tenant.id.clone(), Action::UserInfo, outcome)
        .by(who)
        .about(&about);
    match origin {
        Some(origin) => entry.from(origin),
        None => entry,
    }
}

async fn claims(issuer: &Issuer, tenant: &Tenant, caller: &Caller, account: &str) -> Result<Value, Error> {
    let mut claims = json!({"sub": issuer.subject(&tenant.id, account)});
    if let Some((kind, id)) = &caller.fhir_user
        && caller.scopes.has(&Scope::FhirUser)
    {
        claims["fhirUser"] = json!(format!("{}/{kind}/{id}", issuer.fhir_base(&tenant.id)));
    }
    if caller.scopes.has(&Scope::Profile) {
        let found = account::find(&mut *issuer.db().read().await?, &tenant.id, account).await?;
        if let Some((account, _)) = found {
            claims["name"] = json!(account.name);
        }
    }
    Ok(claims)
}
