//! Who logged in, for an app with `openid` (OpenID Connect Core §5.3).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{By, Refused, check_as};
use crate::account;
use crate::config::Tenant;
use crate::oauth::scope::Scope;
use crate::oauth::{Error, Issuer};

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
/// number and its address for mails are for logging in and for nobody else, so no scope gives them.
pub async fn userinfo(issuer: &Issuer, tenant: &Arc<Tenant>, token: &str, by: By<'_>) -> Result<UserInfo, Error> {
    let caller = match check_as(issuer, tenant, token, by).await? {
        Ok(caller) => caller,
        Err(refused) => return Ok(UserInfo::Refused(refused)),
    };
    let Some(account) = caller.account.as_ref().filter(|_| caller.scopes.has(&Scope::OpenId)) else {
        return Ok(UserInfo::InsufficientScope);
    };
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
    Ok(UserInfo::Claims(claims))
}
