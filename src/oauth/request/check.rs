//! What a request has to be before anybody is asked to log in.

use jiff::Timestamp;
use url::Url;

use super::audience::audience;
use super::given::Given;
use super::{Asked, LIFE, Prompt, Request, ResponseMode};
use crate::config::TenantId;
use crate::db::{self, Conn};
use crate::oauth::app::{self, App, Grants};
use crate::oauth::code::{Code, Refusal};
use crate::oauth::launch::{self, Launch};
use crate::oauth::scope::{Scope, Scopes};
use crate::oauth::{Error, Issuer, dpop, key, pushed};

/// All names and values together, in bytes.
const LONGEST: usize = 12_000;

pub(in crate::oauth) enum Refused {
    Page {
        text: &'static str,
        reason: &'static str,
    },
    Redirect {
        to: Url,
        refusal: Refusal,
        client_id: String,
    },
}

impl Refused {
    /// For an app that asks from behind, and hears every fault itself.
    pub(in crate::oauth) const fn as_refusal(&self) -> Refusal {
        match *self {
            Self::Page { text, .. } => Refusal::new(Code::InvalidRequest, text),
            Self::Redirect { refusal, .. } => refusal,
        }
    }
}

/// How a request comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::oauth) enum Way {
    /// With the person's browser.
    Front,
    /// From the app itself, to be named by the browser later.
    Pushed,
}

const LONG: Refused = page("The app's request is too long.", "request-length");
const DOUBLE: Refused = page(
    "The app's request names itself or its return address twice.",
    "doubled-parameter",
);
const UNKNOWN: Refused = page(
    "This app is not known here. Its client_id is missing or not registered.",
    "unknown-app",
);
const ADDRESS: Refused = page(
    "The app's return address (redirect_uri) is missing or not registered for this app.",
    "redirect-uri",
);

const NOT_PUSHED: Refused = page(
    "The app's request is not known here (any more): it was pushed too long ago, used already, or pushed by another app.",
    "request-uri",
);

const fn page(text: &'static str, reason: &'static str) -> Refused {
    Refused::Page { text, reason }
}

/// The outer error is ours, the inner one the app's.
pub(in crate::oauth) async fn check(
    conn: &mut Conn,
    issuer: &Issuer,
    tenant: &TenantId,
    parameters: &[(String, String)],
    way: Way,
    now: Timestamp,
) -> Result<Result<Request, Refused>, Error> {
    let given = Given(parameters);
    let pushed = match given.once("request_uri") {
        Ok(Some(uri)) if way == Way::Front => uri.strip_prefix(pushed::PREFIX),
        _ => None,
    };
    let Some(name) = pushed else {
        return checked(conn, issuer, tenant, &given, None, way, now).await;
    };
    let key = pushed::store::key(name);
    match pushed::store::find(conn, tenant, &key, now).await? {
        Some(found) if given.once("client_id") == Ok(Some(found.client_id.as_str())) => {
            checked(conn, issuer, tenant, &Given(&found.parameters), Some(key), way, now).await
        }
        _ => Ok(Err(NOT_PUSHED)),
    }
}

async fn checked(
    conn: &mut Conn,
    issuer: &Issuer,
    tenant: &TenantId,
    given: &Given<'_>,
    pushed: Option<String>,
    way: Way,
    now: Timestamp,
) -> Result<Result<Request, Refused>, Error> {
    let (app, redirect_uri) = match whom(conn, tenant, given).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let id = issuer.random().token();
    // From here on the app is told, so the way of telling comes first.
    let mut asked = Asked {
        issuer: issuer.url(tenant),
        redirect_uri,
        response_mode: ResponseMode::Query,
        state: given.once("state").unwrap_or_default().map(str::to_owned),
        nonce: None,
        challenge: String::new(),
        jkt: None,
        pushed,
        device: None,
    };
    let details = match details(given, &app, (issuer, tenant), way, &mut asked) {
        Ok(details) => launched(conn, tenant, &app, given, details, now).await?,
        Err(refusal) => Err(refusal),
    };
    Ok(match details {
        Ok(details) => Ok(Request {
            id,
            tenant: tenant.clone(),
            app,
            scopes: details.scopes,
            prompt: details.prompt,
            max_age: details.max_age,
            login_hint: given.short("login_hint"),
            hint: given.get("id_token_hint").map(|jwt| hinted(issuer, tenant, jwt)),
            ui_locales: given.short("ui_locales"),
            acr_values: given.short("acr_values"),
            launch: details.launch,
            expires_at: now + LIFE,
            asked,
        }),
        Err(refusal) => {
            // There is no stored request that a page could post the answer of, so a refusal goes by query.
            asked.response_mode = ResponseMode::Query;
            Err(Refused::Redirect {
                to: asked.to_app(
                    &id,
                    &[("error", refusal.code.as_str()), ("error_description", refusal.text)],
                ),
                refusal,
                client_id: app.client_id,
            })
        }
    })
}

/// Whom an earlier id token of this server names; empty, so that it is nobody, for one that is not ours or whose key is gone.
fn hinted(issuer: &Issuer, tenant: &TenantId, jwt: &str) -> String {
    let claims = key::known(issuer, tenant).and_then(|keys| keys.read(jwt));
    let claims = claims.filter(|claims| claims["iss"] == issuer.url(tenant));
    claims
        .and_then(|claims| claims["sub"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Finds the launch that the app brings back. Without one there is no `launch` to grant.
async fn launched(
    conn: &mut Conn,
    tenant: &TenantId,
    app: &App,
    given: &Given<'_>,
    mut details: Details,
    now: Timestamp,
) -> Result<Result<Details, Refusal>, Error> {
    let Some(value) = given.get("launch") else {
        details.scopes = details.scopes.keep(|scope| **scope != Scope::Launch);
        return Ok(if details.scopes.is_empty() {
            Err(Refusal::new(
                Code::InvalidScope,
                "scope: launch goes with the launch parameter; ask launch/patient to start from the app",
            ))
        } else {
            Ok(details)
        });
    };
    details.launch = launch::store::find(conn, tenant, &app.client_id, value, now).await?;
    Ok(match details.launch {
        Some(_) if !details.scopes.has(&Scope::Launch) => Err(Refusal::new(
            Code::InvalidScope,
            "launch: ask for the scope launch too; the app has to be registered with it",
        )),
        Some(_) => Ok(details),
        None => Err(Refusal::new(
            Code::InvalidRequest,
            "launch: unknown, used, expired or of another app; leave it out to start from the app",
        )),
    })
}

/// The app and the registered address that its answer goes to.
async fn whom(
    conn: &mut Conn,
    tenant: &TenantId,
    given: &Given<'_>,
) -> Result<Result<(App, String), Refused>, db::Error> {
    if given
        .0
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>()
        > LONGEST
    {
        return Ok(Err(LONG));
    }
    let (Ok(client_id), Ok(redirect_uri)) = (given.once("client_id"), given.once("redirect_uri")) else {
        return Ok(Err(DOUBLE));
    };
    let app = match client_id {
        Some(client_id) => app::store::find(conn, tenant, client_id).await?,
        None => None,
    };
    let Some(app) = app else {
        return Ok(Err(UNKNOWN));
    };
    Ok(match redirect_uri {
        Some(uri) if app.redirects_to(uri) => Ok((app, uri.to_owned())),
        _ => Err(ADDRESS),
    })
}

struct Details {
    scopes: Scopes,
    prompt: Vec<Prompt>,
    max_age: Option<i64>,
    launch: Option<Launch>,
}

fn details(
    given: &Given<'_>,
    app: &App,
    at: (&Issuer, &TenantId),
    way: Way,
    asked: &mut Asked,
) -> Result<Details, Refusal> {
    let invalid = |text| Err(Refusal::new(Code::InvalidRequest, text));
    if given.doubled() {
        return invalid("a parameter came twice");
    }
    asked.response_mode = match given.get("response_mode") {
        None | Some("query") => ResponseMode::Query,
        Some("form_post") => ResponseMode::FormPost,
        Some(_) => return invalid("response_mode: use query or form_post"),
    };
    if given.get("request").is_some() {
        return Err(Refusal::new(
            Code::RequestNotSupported,
            "send the parameters themselves, not a request object",
        ));
    }
    if given.get("request_uri").is_some() {
        return Err(Refusal::new(
            Code::RequestUriNotSupported,
            "send the parameters themselves, not request_uri",
        ));
    }
    if app.demands.pushed && way == Way::Front && asked.pushed.is_none() {
        return invalid("this app was registered to push its requests; send request_uri");
    }
    match given.get("response_type") {
        Some("code") => {}
        None => return invalid("response_type: use code"),
        Some(_) => return Err(Refusal::new(Code::UnsupportedResponseType, "response_type: use code")),
    }
    if app.grants != Grants::Person {
        return Err(Refusal::new(
            Code::UnauthorizedClient,
            "this app is registered for client_credentials only",
        ));
    }
    asked.challenge = challenge(given)?.to_owned();
    asked.jkt = match given.get("dpop_jkt") {
        Some(jkt) if !dpop::is_thumbprint(jkt) => return invalid("dpop_jkt: give the SHA-256 thumbprint of a JWK"),
        jkt => jkt.map(str::to_owned),
    };
    let scopes = scopes(given, app)?;
    audience(given, &scopes, at)?;
    asked.nonce = match given.get("nonce") {
        Some(nonce) if nonce.len() > 1_000 => return invalid("nonce: at most 1000 characters"),
        nonce => nonce.map(str::to_owned),
    };
    Ok(Details {
        scopes,
        prompt: prompt(given)?,
        max_age: match given.get("max_age").map(str::parse::<u32>) {
            None => None,
            Some(Ok(seconds)) => Some(i64::from(seconds)),
            Some(Err(_)) => return invalid("max_age: give a number of seconds"),
        },
        launch: None,
    })
}

/// PKCE is required of every app, with S256 (RFC 9700 §2.1.1).
fn challenge<'a>(given: &Given<'a>) -> Result<&'a str, Refusal> {
    let invalid = |text| Err(Refusal::new(Code::InvalidRequest, text));
    let Some(challenge) = given.get("code_challenge") else {
        return invalid("code_challenge: PKCE is required");
    };
    // Left out, the method would be plain.
    if given.get("code_challenge_method") != Some("S256") {
        return invalid("code_challenge_method: use S256");
    }
    let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return invalid("code_challenge: give the 43 base64url characters of a SHA-256");
    }
    Ok(challenge)
}

fn scopes(given: &Given<'_>, app: &App) -> Result<Scopes, Refusal> {
    let invalid = |text| Refusal::new(Code::InvalidScope, text);
    let asked = given.get("scope").ok_or(invalid("scope: name what the app needs"))?;
    let asked = Scopes::parse(asked).map_err(|error| match error {
        crate::oauth::scope::Invalid::Characters => invalid("scope: a character that is not allowed, or too long"),
        crate::oauth::scope::Invalid::TooMany => invalid("scope: more than 100 scopes"),
        crate::oauth::scope::Invalid::Filter => {
            invalid("scope: search parameters only from the documented list, without modifiers or chains")
        }
    })?;
    let scopes = asked.of_a_person().within(&Scopes::supported()).within(&app.scopes);
    let useful = |scope: &Scope| !matches!(scope, Scope::OfflineAccess | Scope::OnlineAccess);
    if !scopes.iter().any(useful) {
        return Err(invalid("scope: nothing of this is offered to this app"));
    }
    Ok(scopes)
}

/// What a device asks for (RFC 8628 §3.1). It may leave out for which server: it asked this one itself.
pub(in crate::oauth) fn of_a_device(
    parameters: &[(String, String)],
    app: &App,
    at: (&Issuer, &TenantId),
) -> Result<Scopes, Refusal> {
    let given = Given(parameters);
    let scopes = scopes(&given, app)?;
    if given.get("aud").is_some() || given.get("resource").is_some() {
        audience(&given, &scopes, at)?;
    }
    Ok(scopes.keep(|scope| **scope != Scope::Launch))
}

fn prompt(given: &Given<'_>) -> Result<Vec<Prompt>, Refusal> {
    let mut found = Vec::new();
    for word in given
        .get("prompt")
        .unwrap_or_default()
        .split(' ')
        .filter(|word| !word.is_empty())
    {
        let prompt = match word {
            "none" => Prompt::None,
            "login" => Prompt::Login,
            "consent" => Prompt::Consent,
            "select_account" => Prompt::SelectAccount,
            _ => {
                return Err(Refusal::new(
                    Code::InvalidRequest,
                    "prompt: use none, login, consent or select_account",
                ));
            }
        };
        if !found.contains(&prompt) {
            found.push(prompt);
        }
    }
    if found.contains(&Prompt::None) && found.len() > 1 {
        return Err(Refusal::new(Code::InvalidRequest, "prompt: none stands alone"));
    }
    Ok(found)
}
