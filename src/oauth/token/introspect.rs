//! What a token is worth now (RFC 7662, and what SMART adds to it).

use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{self, Credentials};
use super::revoke::{Found, find};
use super::{Answer, By, Posted, backend, check_as, issue, stands};
use crate::config::Tenant;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::grant::Turn;
use crate::oauth::{Error, Issuer};

const UNKNOWN: Refusal = Refusal::new(
    Code::InvalidClient,
    "introspection is for apps with a secret or a key, or with an access token of the same grant",
);

/// Answers an app that proved itself about its own tokens; everything else is `{"active": false}`.
pub async fn introspect(issuer: &Issuer, tenant: &Arc<Tenant>, posted: Posted) -> Result<Answer, Error> {
    let asks = match asker(issuer, tenant, &posted).await? {
        Ok(asks) => asks,
        Err(refusal) => return Ok(Answer::Refused(refusal)),
    };
    let Some(token) = posted.form.get("token") else {
        return super::refused(Code::InvalidRequest, "token is missing");
    };
    let inactive = Ok(Answer::Body(json!({"active": false})));
    let now = issuer.clock().now();
    let mut read = issuer.db().read().await?;
    let Some(found) = find(&mut read, &tenant.id, token).await? else {
        return inactive;
    };
    let own = match (&asks, &found) {
        (Asker::App(client_id), found) => found.client_id() == client_id,
        (Asker::Bearer(id), Found::Access(_, grant) | Found::Refresh(_, grant)) => grant.id == *id,
        (Asker::Bearer(_), Found::Own(_)) => false,
    };
    if !own {
        return inactive;
    }
    let (grant, scopes, expires_at, kind, jkt) = match &found {
        Found::Access(access, grant) if now < access.expires_at => {
            let kind = Some(issue::kind(access.jkt.as_deref()));
            (grant, &access.scopes, access.expires_at, kind, &access.jkt)
        }
        Found::Refresh(refresh, grant) if refresh.turn(now) == Ok(Turn::Rotate) => {
            (grant, &grant.scopes, refresh.expires_at, None, &refresh.jkt)
        }
        Found::Own(own) if now < own.expires_at => return Ok(Answer::Body(of_an_app(issuer, tenant, own))),
        _ => return inactive,
    };
    if !stands(&mut read, tenant, grant, now).await? {
        return inactive;
    }
    let mut body = json!({
        "active": true,
        "client_id": grant.client_id,
        "scope": scopes.to_string(),
        "exp": expires_at.as_second(),
        "iss": issuer.url(&tenant.id),
        "sub": issuer.subject(&tenant.id, &grant.account),
        "aud": issuer.fhir_base(&tenant.id),
        "auth_time": grant.auth_time.as_second(),
        "acr": grant.acr,
        "amr": grant.amr,
        "tenant": tenant.id.as_str(),
    });
    let mut put = |name: &str, value: Value| body[name] = value;
    if let Some(kind) = kind {
        put("token_type", json!(kind));
    }
    if let Some(jkt) = jkt {
        // RFC 9449 §6.2
        put("cnf", json!({"jkt": jkt}));
    }
    for (name, value) in issue::context(issuer, tenant, grant) {
        put(name, value);
    }
    if let Some(user) = issue::fhir_user(issuer, tenant, grant)
        && scopes.has(&crate::oauth::scope::Scope::FhirUser)
    {
        put("fhirUser", json!(user));
    }
    Ok(Answer::Body(body))
}

/// The token of an app in its own name: there is no person to tell of.
fn of_an_app(issuer: &Issuer, tenant: &Tenant, own: &backend::Kept) -> Value {
    let mut body = json!({
        "active": true,
        "client_id": own.client_id,
        "scope": own.scopes.to_string(),
        "iat": own.issued_at.as_second(),
        "exp": own.expires_at.as_second(),
        "iss": issuer.url(&tenant.id),
        "sub": own.client_id,
        "aud": issuer.fhir_base(&tenant.id),
        "token_type": issue::kind(own.jkt.as_deref()),
        "tenant": tenant.id.as_str(),
    });
    if let Some(jkt) = &own.jkt {
        body["cnf"] = json!({"jkt": jkt});
    }
    body
}

enum Asker {
    /// An app that proved itself.
    App(String),
    /// A bearer token of a person's grant, which tells of that grant only.
    Bearer(String),
}

async fn asker(issuer: &Issuer, tenant: &Arc<Tenant>, posted: &Posted) -> Result<Result<Asker, Refusal>, Error> {
    let shown = posted.authorization.as_deref().and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some((token, By::Bearer)),
            "dpop" => Some((token, By::Key(posted.proof.as_ref()))),
            _ => None,
        }
    });
    if let Some((token, by)) = shown {
        let caller = check_as(issuer, tenant, token, by).await?;
        let asker = caller.map(|caller| match caller.account {
            Some(_) => Asker::Bearer(caller.grant),
            None => Asker::App(caller.client_id),
        });
        return Ok(asker.map_err(|_| UNKNOWN));
    }
    let authorization = posted.authorization.as_deref();
    let credentials = match client::presented(issuer, &tenant.id, &posted.form, authorization).await? {
        Ok(credentials @ (Credentials::Secret { .. } | Credentials::Assertion { .. })) => credentials,
        Ok(Credentials::Public(_)) => return Ok(Err(UNKNOWN)),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let identified = match credentials {
        // An assertion is used up, and that has to be written.
        Credentials::Assertion { .. } => {
            let mut tx = issuer.db().begin().await?;
            let identified = client::identify(&mut tx, issuer, &tenant.id, &credentials).await?;
            tx.commit().await?;
            identified
        }
        Credentials::Public(_) | Credentials::Secret { .. } => {
            let mut read = issuer.db().read().await?;
            client::identify(&mut read, issuer, &tenant.id, &credentials).await?
        }
    };
    Ok(match identified {
        Ok(Some(app)) => Ok(Asker::App(app.client_id)),
        Ok(None) => Err(UNKNOWN),
        Err(refusal) => Err(refusal),
    })
}
