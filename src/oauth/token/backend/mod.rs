//! Tokens for apps that act in their own name (`client_credentials`; SMART backend services).
//!
//! # Design
//! Nobody approved anything, so there is no grant and nothing to renew: the token lives five minutes and the app asks again.
//! Only an app that signs (`private_key_jwt`) and was registered for it gets one, with `system/` scopes of its registration.
//! What it sees goes through the same decision and leaves the same audit lines as what a person sees.

pub(super) mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::check::Behind;
use super::client::{self, Credentials};
use super::{Flow, issue as made};
use crate::audit::Who;
use crate::config::Tenant;
use crate::oauth::app::Grants;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::scope::Scopes;
use crate::oauth::{Caller, Error};
use crate::secret::sha256;

/// <https://hl7.org/fhir/smart-app-launch/backend-services.html>: no longer than five minutes.
const LIFE: SignedDuration = SignedDuration::from_mins(5);

/// A token that was just made.
pub(super) struct Own {
    access_token: String,
    kept: Kept,
}

/// A token as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) client_id: String,
    pub(super) scopes: Scopes,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// The key that it is bound to.
    pub(super) jkt: Option<String>,
}

pub(super) async fn issue(flow: &mut Flow<'_>, credentials: &Credentials) -> Result<Result<Own, Refusal>, Error> {
    let refused = |code, text| Ok(Err(Refusal::new(code, text)));
    let app = match client::identify(flow.tx, flow.issuer, &flow.tenant.id, credentials).await? {
        Ok(Some(app)) => app,
        Ok(None) => {
            return refused(
                Code::InvalidClient,
                "client_assertion is missing: sign one with a registered key",
            );
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    flow.line.who = who(&app.client_id);
    if app.grants != Grants::Backend {
        return refused(
            Code::UnauthorizedClient,
            "client_credentials is for apps that were registered for it and sign with a key",
        );
    }
    if let Err(refusal) = flow.suits(&app) {
        return Ok(Err(refusal));
    }
    let asked = flow.form.get("scope").unwrap_or_default();
    let Some(scopes) = Scopes::for_itself(asked, &app.scopes) else {
        return refused(
            Code::InvalidScope,
            "scope: name system/ scopes that the app was registered for, for example system/*.rs",
        );
    };
    let own = Own {
        access_token: flow.issuer.random().token(),
        kept: Kept {
            client_id: app.client_id,
            scopes,
            issued_at: flow.now,
            expires_at: flow.now + LIFE,
            jkt: flow.jkt().map(str::to_owned),
        },
    };
    let hash = sha256(own.access_token.as_bytes());
    store::insert(flow.tx, &flow.tenant.id, &hash, &own.kept).await?;
    Ok(Ok(own))
}

pub(super) fn who(client_id: &str) -> Who {
    Who {
        client_id: Some(client_id.to_owned()),
        ..Who::default()
    }
}

impl Own {
    /// The JSON that the app gets.
    pub(super) fn body(&self, now: Timestamp) -> Value {
        json!({
            "access_token": self.access_token,
            "token_type": made::kind(self.kept.jkt.as_deref()),
            "expires_in": self.kept.expires_at.duration_since(now).as_secs(),
            "scope": self.kept.scopes.to_string(),
        })
    }
}

impl Kept {
    /// In place of a grant's id, which is a UUID. Page links outlive a token of five minutes, so they are bound to the app.
    pub(super) fn family(&self) -> String {
        format!("app:{}", self.client_id)
    }

    /// Who stands behind the token, and until when.
    pub(super) fn behind(self, tenant: &Arc<Tenant>) -> (Behind, Timestamp) {
        let caller = Caller {
            tenant: Arc::clone(tenant),
            account: None,
            grant: self.family(),
            client_id: self.client_id,
            scopes: self.scopes,
            patient: None,
            fhir_user: None,
            rights: Vec::new(),
        };
        let behind = Behind {
            caller,
            jkt: self.jkt,
            login: None,
        };
        (behind, self.expires_at)
    }
}

/// Puts a token of an app in its own name into a test's database.
#[cfg(test)]
pub(crate) async fn plant(
    tx: &mut crate::db::Tx,
    tenant: &crate::config::TenantId,
    client_id: &str,
    scopes: &str,
    now: Timestamp,
) -> String {
    let token = crate::secret::Random::Os.token();
    let kept = Kept {
        client_id: client_id.to_owned(),
        scopes: Scopes::parse(scopes).unwrap(),
        issued_at: now,
        expires_at: now + LIFE,
        jkt: None,
    };
    store::insert(tx, tenant, &sha256(token.as_bytes()), &kept)
        .await
        .unwrap();
    token
}
