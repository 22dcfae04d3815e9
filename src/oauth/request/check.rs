//! What a request has to be before anybody is asked to log in.

use jiff::Timestamp;
use url::Url;

use super::{Asked, LIFE, Prompt, Request, ResponseMode};
use crate::config::TenantId;
use crate::db::{self, Conn};
use crate::oauth::app::{self, App, Grants};
use crate::oauth::code::{Code, Refusal};
use crate::oauth::scope::{Scope, Scopes};
use crate::oauth::{Error, Issuer};

/// All names and values together, in bytes.
const LONGEST: usize = 12_000;

pub(super) enum Refused {
    Page { text: &'static str, reason: &'static str },
    Redirect { to: Url, code: Code, client_id: String },
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

const fn page(text: &'static str, reason: &'static str) -> Refused {
    Refused::Page { text, reason }
}

/// The outer error is ours, the inner one the app's.
pub(super) async fn check(
    conn: &mut Conn,
    issuer: &Issuer,
    tenant: &TenantId,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<Result<Request, Refused>, Error> {
    let given = Given(parameters);
    let (app, redirect_uri) = match whom(conn, tenant, &given).await? {
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
    };
    Ok(match details(&given, &app, &issuer.fhir_base(tenant), &mut asked) {
        Ok(details) => Ok(Request {
            id,
            tenant: tenant.clone(),
            app,
            scopes: details.scopes,
            prompt: details.prompt,
            max_age: details.max_age,
            login_hint: given.short("login_hint"),
            ui_locales: given.short("ui_locales"),
            acr_values: given.short("acr_values"),
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
                code: refusal.code,
                client_id: app.client_id,
            })
        }
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
}

fn details(given: &Given<'_>, app: &App, fhir_base: &str, asked: &mut Asked) -> Result<Details, Refusal> {
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
    if given.get("launch").is_some() {
        return invalid("launch: unknown or expired; leave it out to start from the app");
    }
    let scopes = scopes(given, app)?;
    audience(given, &scopes, fhir_base)?;
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

/// A token for dossiers is asked for this tenant's FHIR base and no other (SMART App Launch, `aud`; RFC 8707, `resource`).
fn audience(given: &Given<'_>, scopes: &Scopes, fhir_base: &str) -> Result<(), Refusal> {
    let ours = |uri: &str| uri.strip_suffix('/').unwrap_or(uri) == fhir_base;
    match (given.get("aud"), given.get("resource")) {
        (Some(aud), Some(resource)) if ours(aud) != ours(resource) => Err(Refusal::new(
            Code::InvalidTarget,
            "aud and resource contradict each other",
        )),
        (Some(aud), _) if ours(aud) => Ok(()),
        (None, Some(resource)) if ours(resource) => Ok(()),
        (Some(_), _) => Err(Refusal::new(
            Code::InvalidRequest,
            "aud: give the FHIR base that discovery was read from",
        )),
        (None, Some(_)) => Err(Refusal::new(
            Code::InvalidTarget,
            "resource: give the FHIR base of this server",
        )),
        (None, None) if scopes.needs_patient() || scopes.data().next().is_some() => Err(Refusal::new(
            Code::InvalidRequest,
            "aud: required; give the FHIR base of this server",
        )),
        (None, None) => Ok(()),
    }
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

/// The decoded parameters. An empty one counts as left out (RFC 6749 §3.1).
struct Given<'a>(&'a [(String, String)]);

impl<'a> Given<'a> {
    fn get(&self, wanted: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// `Err`: it came more than once.
    fn once(&self, wanted: &str) -> Result<Option<&'a str>, ()> {
        match self.0.iter().filter(|(name, _)| name == wanted).count() {
            0 | 1 => Ok(self.get(wanted)),
            _ => Err(()),
        }
    }

    fn doubled(&self) -> bool {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// A hint for the pages; one that is too long is no hint.
    fn short(&self, wanted: &str) -> Option<String> {
        self.get(wanted).filter(|value| value.len() <= 200).map(str::to_owned)
    }
}
