//! A refresh token becomes a new pair (RFC 6749 §6, RFC 9700 §4.14).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::client::{self, Credentials};
use super::{Flow, Issued, issue, stands, who};
use crate::account;
use crate::account::notice::Notice;
use crate::audit::{Outcome, Who};
use crate::config::TenantId;
use crate::oauth::app::App;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::grant::{Grant, Refresh, RefreshRefused, RefreshState, Turn, Why, store};
use crate::oauth::scope::Scopes;
use crate::oauth::{Error, Issuer};
use crate::secret::{mac, sha256};

const REFUSED: Refusal = Refusal::new(
    Code::InvalidGrant,
    "the refresh token is unknown, used, expired, withdrawn, or was given to another app",
);
const OTHER_KEY: Refusal = Refusal::new(
    Code::InvalidGrant,
    "the refresh token is bound to a key: send a DPoP proof by the one that it was given for",
);
const WIDER: Refusal = Refusal::new(Code::InvalidScope, "scope: ask no more than was granted");

pub(super) async fn refresh(flow: &mut Flow<'_>, credentials: &Credentials) -> Result<Result<Issued, Refusal>, Error> {
    let Some(presented) = flow.form.get("refresh_token") else {
        return Ok(Err(Refusal::new(Code::InvalidRequest, "refresh_token is missing")));
    };
    let named = match client::identify(flow.tx, flow.issuer, &flow.tenant.id, credentials).await? {
        Ok(named) => named,
        Err(refusal) => return Ok(Err(refusal)),
    };
    flow.line.who = Who {
        client_id: named.as_ref().map(|app| app.client_id.clone()),
        ..Who::default()
    };
    let (tenant, hash) = (&flow.tenant.id, sha256(presented.as_bytes()));
    let Some(kept) = store::refresh(flow.tx, tenant, &hash).await? else {
        return Ok(Err(REFUSED));
    };
    let Some(grant) = store::grant(flow.tx, tenant, &kept.grant_id).await? else {
        return Ok(Err(REFUSED));
    };
    let app = match named {
        Some(app) if app.client_id == grant.client_id => app,
        // Another app's token: nothing happens to it.
        Some(_) => return Ok(Err(REFUSED)),
        // Browser libraries refresh without a client_id.
        None => match client::of_grant(flow.tx, tenant, &grant.client_id).await? {
            Ok(app) => app,
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    flow.line.who = who(&grant);
    if !stands(flow.tx, flow.tenant, &grant, flow.now).await? || !grant.refreshes() {
        return Ok(Err(REFUSED));
    }
    if let Err(refusal) = flow.suits(&app) {
        return Ok(Err(refusal));
    }
    // Who has the token without the key got it from somewhere: nothing happens to it.
    if kept.jkt.is_some() && kept.jkt.as_deref() != flow.jkt() {
        flow.line.outcome = Outcome::Refused("refresh-token-of-another-key");
        return Ok(Err(OTHER_KEY));
    }
    let scopes = match flow.form.get("scope").map(Scopes::parse) {
        None => grant.scopes.clone(),
        Some(Ok(asked)) if !asked.is_empty() && grant.scopes.covers(&asked) => asked,
        Some(_) => return Ok(Err(WIDER)),
    };
    match turn(flow, &hash, kept).await? {
        Ok(Turn::Rotate) => rotate(flow, &app, grant, scopes, presented).await.map(Ok),
        Ok(Turn::Repeat) => repeat(flow, &app, grant, presented).await,
        Err(RefreshRefused::Expired) => Ok(Err(REFUSED)),
        Err(RefreshRefused::Reused) => reused(flow, &grant).await,
    }
}

/// What this token gets, decided by the one `UPDATE` that can rotate it.
async fn turn(flow: &mut Flow<'_>, hash: &[u8; 32], kept: Refresh) -> Result<Result<Turn, RefreshRefused>, Error> {
    let turn = kept.turn(flow.now);
    if turn != Ok(Turn::Rotate) || store::rotate(flow.tx, &flow.tenant.id, hash, flow.now).await? {
        return Ok(turn);
    }
    // Another request rotated it between the look and the use.
    let again = store::refresh(flow.tx, &flow.tenant.id, hash).await?;
    Ok(again.map_or(Err(RefreshRefused::Expired), |kept| kept.turn(flow.now)))
}

/// The token that follows this one.
pub(super) fn successor(issuer: &Issuer, tenant: &TenantId, kind: &[u8], presented: &str) -> String {
    let parts = [kind, tenant.as_str().as_bytes(), presented.as_bytes()];
    URL_SAFE_NO_PAD.encode(mac(issuer.successor(), &parts))
}

async fn rotate(
    flow: &mut Flow<'_>,
    app: &App,
    grant: Grant,
    scopes: Scopes,
    presented: &str,
) -> Result<Issued, Error> {
    let access_token = successor(flow.issuer, &flow.tenant.id, b"access", presented);
    let refresh_token = successor(flow.issuer, &flow.tenant.id, b"refresh", presented);
    let expires_at = issue::keep(flow, app, &grant, &scopes, &access_token, Some(&refresh_token)).await?;
    Ok(Issued {
        grant,
        scopes,
        access_token,
        expires_at,
        refresh_token: Some(refresh_token),
        first: false,
        alg: app.id_token_alg(flow.tenant),
        jkt: flow.jkt().map(str::to_owned),
    })
}

/// The answer of a moment ago, unless it has been used already.
async fn repeat(
    flow: &mut Flow<'_>,
    app: &App,
    grant: Grant,
    presented: &str,
) -> Result<Result<Issued, Refusal>, Error> {
    let access_token = successor(flow.issuer, &flow.tenant.id, b"access", presented);
    let refresh_token = successor(flow.issuer, &flow.tenant.id, b"refresh", presented);
    let next = store::refresh(flow.tx, &flow.tenant.id, &sha256(refresh_token.as_bytes())).await?;
    if next.is_none_or(|next| next.state != RefreshState::Current) {
        return reused(flow, &grant).await;
    }
    let Some(access) = store::access(flow.tx, &flow.tenant.id, &sha256(access_token.as_bytes())).await? else {
        return Ok(Err(REFUSED));
    };
    if access.jkt.as_deref() != flow.jkt() {
        return Ok(Err(OTHER_KEY));
    }
    Ok(Ok(Issued {
        grant,
        scopes: access.scopes,
        access_token,
        expires_at: access.expires_at,
        refresh_token: Some(refresh_token),
        first: false,
        alg: app.id_token_alg(flow.tenant),
        jkt: access.jkt,
    }))
}

async fn reused(flow: &mut Flow<'_>, grant: &Grant) -> Result<Result<Issued, Refusal>, Error> {
    flow.line.outcome = Outcome::Refused("refresh-token-reused");
    if store::revoke(flow.tx, &flow.tenant.id, &grant.id, Why::RefreshReused, flow.now).await?
        && let Some((account, _)) = account::find(flow.tx, &flow.tenant.id, &grant.account).await?
    {
        let teller = flow.issuer.teller();
        teller
            .tell(flow.tx, flow.tenant, &account, Notice::TokenCopied, flow.now)
            .await?;
    }
    flow.issuer.checked().forget(&grant.id);
    Ok(Err(REFUSED))
}
