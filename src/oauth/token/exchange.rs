//! A code becomes tokens, once (RFC 6749 §4.1.3).

use super::client::Credentials;
use super::{Flow, Issued, issue, stands};
use crate::audit::Outcome;
use crate::oauth::Error;
use crate::oauth::app::App;
use crate::oauth::code::{Code, Refusal};
use crate::oauth::grant::{CodeRefused, Why, store};
use crate::secret::sha256;

/// The same words for every reason: another app learns nothing.
const REFUSED: Refusal = Refusal::new(
    Code::InvalidGrant,
    "the code is unknown, used, expired, or was given for another app, redirect_uri, code_challenge or dpop_jkt",
);

pub(super) async fn exchange(flow: &mut Flow<'_>, credentials: &Credentials) -> Result<Result<Issued, Refusal>, Error> {
    let invalid = |text| Ok(Err(Refusal::new(Code::InvalidRequest, text)));
    let app = match flow.app(credentials).await? {
        Ok(app) => app,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(code) = flow.form.get("code") else {
        return invalid("code is missing");
    };
    // Optional in OAuth 2.1 drafts, required in RFC 6749 when it stood in the request, and there it always stands.
    let Some(redirect_uri) = flow.form.get("redirect_uri") else {
        return Ok(Err(REFUSED));
    };
    let verifier = flow.form.get("code_verifier").unwrap_or_default();
    let (tenant, hash) = (&flow.tenant.id, sha256(code.as_bytes()));
    let Some(kept) = store::code(flow.tx, tenant, &hash).await? else {
        return Ok(Err(REFUSED));
    };
    let refused = match kept.exchange(&app.client_id, redirect_uri, verifier, flow.jkt(), flow.now) {
        Ok(()) if store::use_code(flow.tx, tenant, &hash, flow.now).await? => None,
        // Somebody used it between the look and the use.
        Ok(()) => Some(CodeRefused::Replayed),
        Err(refused) => Some(refused),
    };
    if let Some(refused) = refused {
        flow.line.outcome = Outcome::Refused(reason(refused));
        match refused {
            CodeRefused::Replayed => flow.end(&kept.grant_id, Why::CodeReplayed).await?,
            // Whose it is has nothing to do with who came.
            CodeRefused::Foreign => {}
            _ => drop(flow.about(&kept.grant_id).await?),
        }
        return Ok(Err(REFUSED));
    }
    tokens(flow, &app, &kept.grant_id, REFUSED).await
}

/// The first tokens of a grant, if it still stands.
pub(super) async fn tokens(
    flow: &mut Flow<'_>,
    app: &App,
    grant_id: &str,
    refused: Refusal,
) -> Result<Result<Issued, Refusal>, Error> {
    let grant = match flow.about(grant_id).await? {
        Some(grant) if stands(flow.tx, flow.tenant, &grant, flow.now).await? => grant,
        _ => return Ok(Err(refused)),
    };
    let scopes = grant.scopes.clone();
    let access_token = flow.issuer.random().token();
    let refresh_token = grant.refreshes().then(|| flow.issuer.random().token());
    let expires_at = issue::keep(flow, app, &grant, &scopes, &access_token, refresh_token.as_deref()).await?;
    Ok(Ok(Issued {
        grant,
        scopes,
        access_token,
        expires_at,
        refresh_token,
        first: true,
        alg: app.id_token_alg(flow.tenant),
        jkt: flow.jkt().map(str::to_owned),
    }))
}

const fn reason(refused: CodeRefused) -> &'static str {
    match refused {
        CodeRefused::Foreign => "code-of-another-app",
        CodeRefused::Replayed => "code-replayed",
        CodeRefused::Expired => "code-expired",
        CodeRefused::Redirect => "redirect-uri",
        CodeRefused::Verifier => "code-verifier",
        CodeRefused::Key => "code-of-another-key",
    }
}
