//! The endpoints that apps call by themselves: token, revoke, introspect, userinfo.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, RawForm, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::answer::{NOT_KEPT, answered, failed, refused};
use super::form;
use crate::audit::{Action, Entry, Origin, Outcome};
use crate::config::Tenant;
use crate::http::App;
use crate::http::failure::Failure;
use crate::http::limit::Asks;
use crate::http::shown::{self, Scheme};
use crate::oauth::code::{Code, Refusal};
use crate::oauth::token::{self, Form, Posted, Refused, UserInfo};
use crate::oauth::{Error, device, pushed};

const FORM: Refusal = Refusal::new(
    Code::InvalidRequest,
    "send a form (application/x-www-form-urlencoded) in the body and nothing in the query",
);
const HEADERS: Refusal = Refusal::new(Code::InvalidRequest, "send one Authorization header");

/// What every one of these requests brings.
pub(super) struct Call {
    tenant: Arc<Tenant>,
    posted: Posted,
    headers: HeaderMap,
}

impl FromRequest<App> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let path = Path::<String>::from_request_parts(&mut parts, app).await;
        let tenant = path.ok().and_then(|Path(tenant)| app.config.tenant(&tenant).cloned());
        let tenant = tenant.ok_or_else(|| Failure::not_found().into_response())?;
        let proof = shown::proof(app, &parts.method, parts.uri.path(), &parts.headers);
        let (headers, origin) = (parts.headers.clone(), parts.extensions.get::<Origin>().copied());
        let has_query = parts.uri.query().is_some_and(|query| !query.is_empty());
        let body = RawForm::from_request(Request::from_parts(parts, body), app).await;
        let pairs = body.ok().and_then(|RawForm(bytes)| form::pairs(&bytes));
        let form = pairs
            .filter(|_| !has_query)
            .ok_or(FORM)
            .and_then(Form::new)
            .map_err(|refusal| refused(refusal, &headers))?;
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        let authorization = authorizations
            .next()
            // One that is not text proves nothing, and is not the same as none.
            .map(|value| value.to_str().unwrap_or_default().to_owned());
        if authorizations.next().is_some() {
            return Err(refused(HEADERS, &headers));
        }
        Ok(Self {
            tenant,
            posted: Posted {
                form,
                authorization,
                proof,
                origin,
            },
            headers,
        })
    }
}

pub(super) async fn token(State(app): State<App>, call: Call) -> Response {
    let asks = match call.posted.form.get("grant_type") {
        Some(device::GRANT_TYPE) => Asks::Turn,
        _ => Asks::Token,
    };
    limited(&app, asks, call, async |tenant, posted| {
        token::answer(&app.issuer, &tenant, posted).await
    })
    .await
}

/// Answers what is within the limit of its kind.
async fn limited(
    app: &App,
    asks: Asks,
    call: Call,
    answer: impl AsyncFnOnce(Arc<Tenant>, Posted) -> Result<token::Answer, Error>,
) -> Response {
    match app
        .limiter
        .app(asks, &call.tenant, &claimed(&call.posted), app.clock.now())
    {
        Ok(()) => {
            let Call {
                tenant,
                posted,
                headers,
            } = call;
            answered(answer(tenant, posted).await, &headers)
        }
        Err(full) => full.into_response(),
    }
}

/// What the app calls itself, proved or not; never its secret, which a guesser would change with every try.
fn claimed(posted: &Posted) -> String {
    let basic = posted.authorization.as_deref().and_then(|header| {
        let (scheme, pair) = header.split_once(' ')?;
        let pair = scheme
            .eq_ignore_ascii_case("basic")
            .then(|| STANDARD.decode(pair.trim()).ok())??;
        let user = pair.split(|byte| *byte == b':').next()?;
        Some(String::from_utf8_lossy(user).into_owned())
    });
    let named = || posted.form.get("client_id").unwrap_or_default().to_owned();
    basic.unwrap_or_else(named)
}

pub(super) async fn revoke(State(app): State<App>, call: Call) -> Response {
    limited(&app, Asks::Revoke, call, async |tenant, posted| {
        token::revoke(&app.issuer, &tenant, posted).await
    })
    .await
}

pub(super) async fn push(State(app): State<App>, call: Call) -> Response {
    limited(&app, Asks::Push, call, async |tenant, posted| {
        pushed::push(&app.issuer, &tenant, posted).await
    })
    .await
}

pub(super) async fn device(State(app): State<App>, call: Call) -> Response {
    limited(&app, Asks::Token, call, async |tenant, posted| {
        device::begin(&app.issuer, &tenant, posted).await
    })
    .await
}

pub(super) async fn introspect(State(app): State<App>, call: Call) -> Response {
    limited(&app, Asks::Introspect, call, async |tenant, posted| {
        token::introspect(&app.issuer, &tenant, posted).await
    })
    .await
}

/// GET or POST, with the token in the header only. Every answer leaves an audit line, as at the FHIR API.
pub(super) async fn userinfo(State(app): State<App>, Path(tenant): Path<String>, request: Parts) -> Response {
    let Some(tenant) = app.config.tenant(&tenant) else {
        return Failure::not_found().into_response();
    };
    let origin = request.extensions.get::<Origin>().copied();
    let (scheme, token) = match shown::token(&request.headers) {
        Ok(shown) => shown,
        Err(why) => return without(&app, tenant, why, origin).await,
    };
    let proof = shown::proof(&app, &request.method, request.uri.path(), &request.headers);
    let by = scheme.by(proof.as_ref());
    match token::userinfo(&app.issuer, &app.recorder, tenant, token, by, origin).await {
        Ok(UserInfo::Claims(claims)) => Json(claims).into_response(),
        Ok(UserInfo::Refused(why)) => unknown(&app, tenant, scheme, why, origin).await,
        Ok(UserInfo::InsufficientScope) => forbidden(r#"Bearer error="insufficient_scope", scope="openid""#),
        Err(error) => failed(&error),
    }
}

/// A token that opens nothing: its audit line, then 401.
pub(super) async fn unknown(
    app: &App,
    tenant: &Tenant,
    scheme: Scheme,
    why: Refused,
    origin: Option<Origin>,
) -> Response {
    told(
        app,
        tenant,
        shown::reason(why),
        origin,
        shown::refused(app, tenant, scheme, why),
    )
    .await
}

/// No token at all, or no way of showing one: the same.
pub(super) async fn without(app: &App, tenant: &Tenant, why: &'static str, origin: Option<Origin>) -> Response {
    told(app, tenant, why, origin, shown::none(app, tenant)).await
}

async fn told(
    app: &App,
    tenant: &Tenant,
    why: &'static str,
    origin: Option<Origin>,
    refusal: shown::Refusal,
) -> Response {
    let mut entry = Entry::new(tenant.id.clone(), Action::TokenPresented, Outcome::Refused(why));
    if let Some(origin) = origin {
        entry = entry.from(origin);
    }
    match app.recorder.record(entry).await {
        Ok(()) => challenged(refusal),
        Err(error) => Failure::from(error).into_response(),
    }
}

fn challenged(refusal: shown::Refusal) -> Response {
    let text = "send an access token that is good here, in one Authorization header";
    let body = json!({"error": refusal.error, "error_description": text});
    let mut response = (refusal.status, NOT_KEPT, Json(body)).into_response();
    for challenge in refusal.challenges {
        response.headers_mut().append(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// 403 for a token that is good for other things.
pub(super) fn forbidden(challenge: &'static str) -> Response {
    let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
    (StatusCode::FORBIDDEN, challenge).into_response()
}
