//! An app gives a token back (RFC 7009).

use std::sync::Arc;

use super::client::{self, Credentials};
use super::{Answer, Line, Posted, backend, who, write_line};
use crate::audit::{Action, Outcome, Who};
use crate::config::{Tenant, TenantId};
use crate::db::{self, Conn, Tx};
use crate::oauth::app::App;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::grant::{Grant, Why, store};
use crate::oauth::issuer::to_the_end;
use crate::oauth::{Error, Issuer};
use crate::secret::sha256;

/// A token of any kind. The hint is not needed: hashes of all kinds are looked up.
pub(super) enum Found {
    Access(store::Access, Grant),
    Refresh(super::grant::Refresh, Grant),
    /// Of an app in its own name.
    Own(backend::Kept),
}

impl Found {
    pub(super) fn client_id(&self) -> &str {
        match self {
            Self::Access(_, grant) | Self::Refresh(_, grant) => &grant.client_id,
            Self::Own(own) => &own.client_id,
        }
    }

    /// What the checked tokens are remembered under.
    fn family(&self) -> String {
        match self {
            Self::Access(_, grant) | Self::Refresh(_, grant) => grant.id.clone(),
            Self::Own(own) => own.family(),
        }
    }
}

pub(super) async fn find(conn: &mut Conn, tenant: &TenantId, token: &str) -> Result<Option<Found>, db::Error> {
    let hash = sha256(token.as_bytes());
    if let Some(access) = store::access(conn, tenant, &hash).await? {
        let grant = store::grant(conn, tenant, &access.grant_id).await?;
        return Ok(grant.map(|grant| Found::Access(access, grant)));
    }
    if let Some(refresh) = store::refresh(conn, tenant, &hash).await? {
        let grant = store::grant(conn, tenant, &refresh.grant_id).await?;
        return Ok(grant.map(|grant| Found::Refresh(refresh, grant)));
    }
    Ok(backend::store::presented(conn, tenant, &hash).await?.map(Found::Own))
}

/// Revokes an access token, or with a refresh token the whole grant. An unknown token is as revoked as can be.
pub async fn revoke(issuer: &Issuer, tenant: &Arc<Tenant>, posted: Posted) -> Result<Answer, Error> {
    let authorization = posted.authorization.as_deref();
    let presented = client::presented(issuer, &tenant.id, &posted.form, authorization).await?;
    let token = match (&presented, posted.form.get("token")) {
        (Ok(_), None) => return super::refused(Code::InvalidRequest, "token is missing"),
        (_, token) => token.unwrap_or_default().to_owned(),
    };
    let (issuer, tenant) = (issuer.clone(), Arc::clone(tenant));
    to_the_end(async move {
        let now = issuer.clock().now();
        let mut tx = issuer.db().begin().await?;
        let found = find(&mut tx, &tenant.id, &token).await?;
        let app = match &presented {
            Ok(credentials) => whose(&mut tx, &issuer, &tenant.id, credentials, found.as_ref()).await?,
            Err(refusal) => Err(*refusal),
        };
        let app = match app {
            Ok(app) => app,
            Err(refusal) => {
                let line = Line {
                    action: Action::TokenRevoked,
                    outcome: Outcome::Refused(refusal.code.as_str()),
                    who: Who::default(),
                };
                write_line(&mut tx, &tenant, line, &[], posted.origin, now).await?;
                // An assertion that was shown is used up.
                tx.commit().await?;
                return Ok(Answer::Refused(refusal));
            }
        };
        let Some(found) = found.filter(|found| app.is_some_and(|app| app.client_id == found.client_id())) else {
            // An assertion that was shown is used up.
            tx.commit().await?;
            return Ok(Answer::Body(serde_json::json!({})));
        };
        let hash = sha256(token.as_bytes());
        let (who, patients) = match &found {
            Found::Access(_, grant) => {
                store::delete_access(&mut tx, &tenant.id, &hash).await?;
                (who(grant), grant.patient.iter().cloned().collect())
            }
            Found::Refresh(_, grant) => {
                store::revoke(&mut tx, &tenant.id, &grant.id, Why::App, now).await?;
                (who(grant), grant.patient.iter().cloned().collect())
            }
            Found::Own(own) => {
                backend::store::delete(&mut tx, &tenant.id, &hash).await?;
                (backend::who(&own.client_id), Vec::new())
            }
        };
        let line = Line {
            action: Action::TokenRevoked,
            outcome: Outcome::Success,
            who,
        };
        write_line(&mut tx, &tenant, line, &patients, posted.origin, now).await?;
        tx.commit().await?;
        issuer.checked().forget(&found.family());
        Ok(Answer::Body(serde_json::json!({})))
    })
    .await
}

/// The app that speaks; a public one is known by its token.
async fn whose(
    tx: &mut Tx,
    issuer: &Issuer,
    tenant: &TenantId,
    credentials: &Credentials,
    found: Option<&Found>,
) -> Result<Result<Option<App>, Refusal>, db::Error> {
    match (client::identify(tx, issuer, tenant, credentials).await?, found) {
        (Ok(None), Some(found)) => Ok(client::of_grant(tx, tenant, found.client_id()).await?.map(Some)),
        (known, _) => Ok(known),
    }
}
