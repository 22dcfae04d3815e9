//! The authorization request: checked, stored for a quarter of an hour, answered once.
//!
//! # Design
//! Who the app is and where its answers go is settled before anything else: until then a fault is shown to the person on a
//! page, afterwards the app is told by redirect (RFC 6749 §4.1.2.1). Every answer carries `iss` (RFC 9207) and the `state`
//! that came in.
//!
//! A request is answered by one conditional `UPDATE`, so two presses of a button give one code. `form_post` answers go through
//! a page of ours, because every caller here answers with a redirect.

mod audience;
pub(super) mod check;
mod given;
pub(crate) mod store;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;
use url::form_urlencoded::Serializer;

use super::app::App;
use super::code::{Code, Refusal};
use super::grant::{self, CodeState, Grant, State};
use super::issuer::to_the_end;
use super::launch::{self, Launch};
use super::scope::Scopes;
use super::{Error, Issuer, app, device, key, pushed};
use crate::audit::{self, Action, Entry, Origin, Outcome, Who};
use crate::config::TenantId;
use crate::db::{self, Conn, Tx};
use crate::fhir::types::{Id, ResourceType};
use crate::secret::{Random, sha256};

/// How long a person may take.
const LIFE: SignedDuration = SignedDuration::from_mins(15);

/// A checked request of a registered app.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: String,
    pub tenant: TenantId,
    pub app: App,
    /// What was asked, as far as this app can get it from a person.
    pub scopes: Scopes,
    /// Empty, or what the app wants the person to do.
    pub prompt: Vec<Prompt>,
    /// The login may be at most this many seconds old.
    pub max_age: Option<i64>,
    /// The user name that the app expects; personal, for the login page only.
    pub login_hint: Option<String>,
    /// Whom the app expects, by `sub` (`id_token_hint`); empty where the hint cannot be read.
    pub hint: Option<String>,
    /// The person's languages, best first, separated by spaces.
    pub ui_locales: Option<String>,
    pub acr_values: Option<String>,
    /// What the portal said that launched the app.
    pub launch: Option<Launch>,
    pub expires_at: Timestamp,
    asked: Asked,
}

/// What is needed for the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Asked {
    issuer: String,
    redirect_uri: String,
    response_mode: ResponseMode,
    state: Option<String>,
    nonce: Option<String>,
    challenge: String,
    /// The key that the tokens will be bound to (RFC 9449 §10).
    #[serde(default)]
    jkt: Option<String>,
    /// What the request is kept under that was pushed before.
    #[serde(default)]
    pushed: Option<String>,
    /// The device that waits for the answer, instead of an app behind an address (RFC 8628).
    #[serde(default)]
    device: Option<String>,
}

/// `prompt`, OpenID Connect Core §3.1.2.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    None,
    Login,
    Consent,
    SelectAccount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResponseMode {
    Query,
    FormPost,
}

/// What the person approved, and how they had logged in.
#[derive(Clone, Debug)]
pub struct Approval {
    pub account: String,
    /// The client that the app may see; needed when [`Request::needs_patient`] and a scope over clients was left.
    pub patient: Option<Id>,
    /// No more than the request's.
    pub scopes: Scopes,
    pub fhir_user: Option<(ResourceType, Id)>,
    pub auth_time: Timestamp,
    pub acr: String,
    pub amr: Vec<String>,
    /// Names the browser session; not the cookie's value, because apps see it as `sid`.
    pub session: String,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Begun {
    /// It is stored; the person goes on to the login.
    Stored(Box<Request>),
    /// The app is told by redirect.
    Refused(Url),
    /// It is not known where answers may go: the person sees a page with this text.
    Page(&'static str),
}

/// Checks a request and stores it. `parameters` are decoded, in the order they came, with doubles.
pub async fn begin(
    issuer: &Issuer,
    tenant: &TenantId,
    parameters: Vec<(String, String)>,
    origin: Option<Origin>,
) -> Result<Begun, Error> {
    let (issuer, tenant) = (issuer.clone(), tenant.clone());
    to_the_end(async move {
        let now = issuer.clock().now();
        // A hint is read with our keys, which have to be at hand by then.
        if parameters
            .iter()
            .any(|(name, _)| matches!(name.as_str(), "id_token_hint" | "request_uri"))
        {
            key::load(&issuer, &tenant).await?;
        }
        let mut tx = issuer.db().begin().await?;
        let checked = check::check(&mut tx, &issuer, &tenant, &parameters, check::Way::Front, now).await?;
        let (begun, outcome, client_id) = match checked {
            Ok(request) => {
                store::insert(&mut tx, &request).await?;
                let client_id = Some(request.app.client_id.clone());
                (Begun::Stored(Box::new(request)), Outcome::Success, client_id)
            }
            Err(check::Refused::Page { text, reason }) => (Begun::Page(text), Outcome::Refused(reason), None),
            Err(check::Refused::Redirect { to, refusal, client_id }) => (
                Begun::Refused(to),
                Outcome::Refused(refusal.code.as_str()),
                Some(client_id),
            ),
        };
        let who = Who {
            client_id,
            ..Who::default()
        };
        let mut entry = Entry::new(tenant, Action::AuthorizationRequested, outcome).by(who);
        if let Some(origin) = origin {
            entry = entry.from(origin);
        }
        audit::write(&mut tx, &entry, now).await?;
        tx.commit().await?;
        Ok(begun)
    })
    .await
}

/// The request, while it waits for its answer and its app exists.
pub async fn load(conn: &mut Conn, tenant: &TenantId, id: &str, now: Timestamp) -> Result<Option<Request>, db::Error> {
    store::find(conn, tenant, id, now).await
}

/// A request that was answered a moment ago, for the page that posts the answer to the app.
pub async fn answered(issuer: &Issuer, tenant: &TenantId, id: &str) -> Result<Option<Request>, Error> {
    let now = issuer.clock().now();
    Ok(store::answered(&mut *issuer.db().read().await?, tenant, id, now).await?)
}

/// Makes the grant and its code; where to send the browser. The caller commits.
pub async fn approve(
    tx: &mut Tx,
    request: &Request,
    approval: Approval,
    now: Timestamp,
    random: &Random,
) -> Result<Url, Error> {
    if !request.scopes.covers(&approval.scopes) {
        return Err(Error::Approval("its scopes go beyond what was asked"));
    }
    if approval.scopes.needs_patient() && approval.patient.is_none() {
        return Err(Error::Approval("its scopes need a client and none was chosen"));
    }
    if !store::answer(tx, request, now).await? || !used_up(tx, request, now).await? {
        return Err(Error::Answered);
    }
    let made = Grant {
        id: random.uuid_v7(now).to_string(),
        client_id: request.app.client_id.clone(),
        account: approval.account,
        patient: approval.patient,
        fhir_user: approval.fhir_user,
        expires_at: grant::expiry(&approval.scopes, approval.auth_time, now),
        scopes: approval.scopes,
        nonce: request.asked.nonce.clone(),
        auth_time: approval.auth_time,
        acr: approval.acr,
        amr: approval.amr,
        session: approval.session,
        context: request.launch.as_ref().map(|launch| launch.context.clone()),
        state: State::Active,
    };
    grant::store::insert_grant(tx, &request.tenant, &made, now).await?;
    if let Some(key) = &request.asked.device {
        return match device::store::answer(tx, &request.tenant, key, &request.id, Some(&made.id), now).await? {
            true => Ok(request.to_app(&[])),
            // Its time is over, or somebody typed its code again.
            false => Err(Error::Answered),
        };
    }
    let code = random.token();
    let kept = grant::Code {
        grant_id: made.id,
        client_id: made.client_id,
        redirect_uri: request.asked.redirect_uri.clone(),
        challenge: request.asked.challenge.clone(),
        jkt: request.asked.jkt.clone(),
        expires_at: now + grant::CODE_LIFE,
        state: CodeState::Waiting,
    };
    grant::store::insert_code(tx, &request.tenant, &sha256(code.as_bytes()), &kept).await?;
    Ok(request.to_app(&[("code", &code)]))
}

/// The request of a device whose code somebody typed. It is asked about each time: who types a code has to see what for.
pub(super) fn of_device(
    issuer: &Issuer,
    tenant: &TenantId,
    app: App,
    scopes: Scopes,
    device: &str,
    now: Timestamp,
) -> Request {
    let ours = issuer.url(tenant);
    Request {
        id: issuer.random().token(),
        tenant: tenant.clone(),
        app,
        scopes,
        prompt: vec![Prompt::Consent],
        max_age: None,
        login_hint: None,
        hint: None,
        ui_locales: None,
        acr_values: None,
        launch: None,
        expires_at: now + LIFE,
        asked: Asked {
            redirect_uri: format!("{ours}/device/done"),
            issuer: ours,
            response_mode: ResponseMode::Query,
            state: None,
            nonce: None,
            challenge: String::new(),
            jkt: None,
            pushed: None,
            device: Some(device.to_owned()),
        },
    }
}

/// Uses up the launch and the pushed request that this one came from; whether nobody else did.
async fn used_up(tx: &mut Tx, request: &Request, now: Timestamp) -> Result<bool, Error> {
    if let Some(launch) = &request.launch
        && !launch::store::use_up(tx, &request.tenant, launch, now).await?
    {
        return Ok(false);
    }
    match &request.asked.pushed {
        Some(key) => Ok(pushed::store::use_up(tx, &request.tenant, key, now).await?),
        None => Ok(true),
    }
}

/// Tells the app no; where to send the browser. The caller commits.
pub async fn deny(tx: &mut Tx, request: &Request, refusal: Refusal, now: Timestamp) -> Result<Url, Error> {
    if !store::answer(tx, request, now).await? {
        return Err(Error::Answered);
    }
    if let Some(key) = &request.asked.device {
        // Whoever typed the code again decides; this no is for a device that no longer waits for it.
        device::store::answer(tx, &request.tenant, key, &request.id, None, now).await?;
    }
    Ok(request.to_app(&[("error", refusal.code.as_str()), ("error_description", refusal.text)]))
}

/// The refusals that a login gives.
pub const DENIED: Refusal = Refusal::new(Code::AccessDenied, "the person did not give permission");
pub const LOGIN_REQUIRED: Refusal = Refusal::new(Code::LoginRequired, "nobody is logged in");
pub const CONSENT_REQUIRED: Refusal = Refusal::new(Code::ConsentRequired, "the person has to give permission first");
pub const UNMET: Refusal = Refusal::new(
    Code::UnmetAuthenticationRequirements,
    "acr_values: this server cannot recognise the person so surely",
);
pub const INTERACTION_REQUIRED: Refusal = Refusal::new(Code::InteractionRequired, "the person has to choose a client");

impl Request {
    /// Whether the person has to choose whose dossier the app may see.
    pub fn needs_patient(&self) -> bool {
        self.scopes.needs_patient() || self.launched_patient().is_some()
    }

    /// The client that the portal had in view.
    pub fn launched_patient(&self) -> Option<&str> {
        self.launch.as_ref()?.patient.as_deref()
    }

    /// Whether the answer goes to a device, and not to an app behind an address.
    pub fn is_for_a_device(&self) -> bool {
        self.asked.device.is_some()
    }

    pub fn asks(&self, prompt: Prompt) -> bool {
        self.prompt.contains(&prompt)
    }

    /// What `form-action` has to name, because browsers check the redirect after a form: an origin, or a scheme with a colon.
    pub fn redirect_origin(&self) -> String {
        let uri = &self.asked.redirect_uri;
        let scheme = || uri.split_once(':').map(|(scheme, _)| format!("{scheme}:"));
        Url::parse(uri)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .map(|url| url.origin().ascii_serialization())
            .or_else(scheme)
            .unwrap_or_default()
    }

    /// The address that the browser posts a `form_post` answer to.
    pub fn redirect_uri(&self) -> &str {
        &self.asked.redirect_uri
    }

    fn to_app(&self, parameters: &[(&str, &str)]) -> Url {
        self.asked.to_app(&self.id, parameters)
    }
}

impl Asked {
    /// The redirect URI with the answer, `state` and `iss` behind it.
    fn to_app(&self, id: &str, parameters: &[(&str, &str)]) -> Url {
        let mut query = Serializer::new(String::new());
        let target = match self.response_mode {
            ResponseMode::Query => self.redirect_uri.clone(),
            ResponseMode::FormPost => {
                query.append_pair("request", id);
                format!("{}/oauth/form-post", self.issuer)
            }
        };
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.issuer);
        let joint = match target.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        Url::parse(&format!("{target}{joint}{}", query.finish())).expect("a registered redirect URI is an address")
    }
}
