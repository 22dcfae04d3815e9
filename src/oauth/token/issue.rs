//! Tokens are kept, and the answer that carries them is put together.

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Flow, Issued};
use crate::config::{SigningAlg, Tenant};
use crate::oauth::app::App;
use crate::oauth::discovery::Addresses;
use crate::oauth::grant::store::{self, Access};
use crate::oauth::grant::{self, Grant, Refresh, RefreshState};
use crate::oauth::key::KeySet;
use crate::oauth::scope::{Scope, Scopes};
use crate::oauth::{Error, Issuer};
use crate::secret::sha256;

const ID_TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Keeps an access token, and a refresh token where there is one; until when the access token lasts.
pub(super) async fn keep(
    flow: &mut Flow<'_>,
    app: &App,
    grant: &Grant,
    scopes: &Scopes,
    access_token: &str,
    refresh_token: Option<&str>,
) -> Result<Timestamp, Error> {
    let (access, refresh) = lives(app, grant, scopes, flow.jkt(), flow.now);
    let tenant = &flow.tenant.id;
    store::insert_access(flow.tx, tenant, &sha256(access_token.as_bytes()), &access).await?;
    if let Some(refresh_token) = refresh_token {
        store::insert_refresh(flow.tx, tenant, &sha256(refresh_token.as_bytes()), &refresh).await?;
    }
    Ok(access.expires_at)
}

/// New tokens of a grant, as they are kept.
pub(super) fn lives(app: &App, grant: &Grant, scopes: &Scopes, jkt: Option<&str>, now: Timestamp) -> (Access, Refresh) {
    let life = match app.is_public() {
        true => grant::ACCESS_LIFE_PUBLIC,
        false => grant::ACCESS_LIFE_CONFIDENTIAL,
    };
    let access = Access {
        grant_id: grant.id.clone(),
        scopes: scopes.clone(),
        expires_at: (now + life).min(grant.expires_at),
        jkt: jkt.map(str::to_owned),
    };
    let refresh = Refresh {
        grant_id: grant.id.clone(),
        // An app that proves itself is bound by that already (RFC 9449 §5).
        jkt: access.jkt.clone().filter(|_| app.is_public()),
        expires_at: (now + grant::REFRESH_IDLE).min(grant.expires_at),
        state: RefreshState::Current,
    };
    (access, refresh)
}

/// The JSON that the app gets; with an id token where there are keys to sign one.
pub(super) fn body(
    issuer: &Issuer,
    tenant: &Tenant,
    keys: Option<&KeySet>,
    issued: &Issued,
    now: Timestamp,
) -> Result<Value, Error> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("access_token", json!(issued.access_token));
    put("token_type", json!(kind(issued.jkt.as_deref())));
    put("expires_in", json!(issued.expires_at.duration_since(now).as_secs()));
    put("scope", json!(issued.scopes.to_string()));
    if let Some(refresh_token) = &issued.refresh_token {
        put("refresh_token", json!(refresh_token));
    }
    for (name, value) in context(issuer, tenant, &issued.grant) {
        put(name, value);
    }
    put("tenant", json!(tenant.id.as_str()));
    if let Some(keys) = keys {
        put(
            "id_token",
            json!(keys.sign(issued.alg, &claims(issuer, tenant, issued, now))?),
        );
    }
    Ok(Value::Object(body))
}

/// `token_type`: how a token is shown.
pub(super) fn kind(jkt: Option<&str>) -> &'static str {
    if jkt.is_some() { "DPoP" } else { "Bearer" }
}

/// What the app is told beside its token, and again whenever it asks what the token is worth,
/// <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>.
pub(super) fn context(issuer: &Issuer, tenant: &Tenant, grant: &Grant) -> Vec<(&'static str, Value)> {
    let mut told = Vec::new();
    let launched = grant.context.as_ref();
    if let Some(patient) = &grant.patient {
        told.push(("patient", json!(patient.as_str())));
    }
    if grant.patient.is_some() || launched.is_some() {
        // Unless the portal says so, nothing around the app shows whose dossier it is.
        let banner = launched.and_then(|launched| launched.banner).unwrap_or(true);
        told.push(("need_patient_banner", json!(banner)));
    }
    if let Some(launched) = launched {
        told.push(("smart_style_url", json!(Addresses::of(issuer, &tenant.id).style)));
        if let Some(intent) = &launched.intent {
            told.push(("intent", json!(intent)));
        }
        if !launched.fhir.is_empty() {
            told.push(("fhirContext", json!(launched.fhir)));
        }
    }
    told
}

fn claims(issuer: &Issuer, tenant: &Tenant, issued: &Issued, now: Timestamp) -> Value {
    let grant = &issued.grant;
    let mut claims = json!({
        "iss": issuer.url(&tenant.id),
        "sub": issuer.subject(&tenant.id, &grant.account),
        "aud": grant.client_id,
        "azp": grant.client_id,
        "exp": (now + ID_TOKEN_LIFE).as_second(),
        "iat": now.as_second(),
        "auth_time": grant.auth_time.as_second(),
        "acr": grant.acr,
        "amr": grant.amr,
        "sid": grant.session,
        "at_hash": half_hash(issued.alg, &issued.access_token),
    });
    if issued.first
        && let Some(nonce) = &grant.nonce
    {
        claims["nonce"] = json!(nonce);
    }
    if issued.scopes.has(&Scope::FhirUser)
        && let Some(user) = fhir_user(issuer, tenant, grant)
    {
        claims["fhirUser"] = json!(user);
    }
    claims
}

/// The left half of the token's hash, by the hash of the signature (OpenID Connect Core §3.1.3.6).
fn half_hash(alg: SigningAlg, token: &str) -> String {
    let by = match alg {
        SigningAlg::Rs256 | SigningAlg::Es256 => &SHA256,
        SigningAlg::Es384 => &SHA384,
    };
    let hash = digest(by, token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..by.output_len() / 2])
}

/// Who the person is in the FHIR API, as an absolute address.
pub(super) fn fhir_user(issuer: &Issuer, tenant: &Tenant, grant: &Grant) -> Option<String> {
    let (kind, id) = grant.fhir_user.as_ref()?;
    Some(format!("{}/{kind}/{id}", issuer.fhir_base(&tenant.id)))
}
